"""Steps that were planned, sent one after the other: the only loop over orders, in a tick and in a
replay. Pure.

Who sends a step is an argument: a desk that writes each intent down before it asks an exchange, or
an account in memory.
"""

from collections.abc import Sequence
from typing import Protocol

from shared.core.frozen import copy_with
from shared.core.types import Book, OrderRecord, Outcome, PairRules, PositionPlan
from shared.orders.plan import Cancel, Place, Step, build_order_record

TAKEN = frozenset({"accepted"})
"""Outcomes of an order that the exchange has."""
ARRIVED = TAKEN | {"unknown"}
"""Outcomes of an order that it has or may have: nobody sends it again."""


class Sender(Protocol):
    """Sends one step. `records` are all that it has sent for this tick.

    It keeps each record the moment its outcome is known, and not only with its return: what fails
    after that must not hide an order that may be in the market.
    """

    records: list[OrderRecord]

    def send(
        self, step: Step, *, book: Book | None, rules: PairRules | None, plan: PositionPlan | None
    ) -> OrderRecord:
        """Place or cancel, once, and say how it came out."""
        ...


def carry_out(
    steps: Sequence[Step],
    sender: Sender,
    *,
    book: Book | None = None,
    rules: PairRules | None = None,
    plan: PositionPlan | None = None,
) -> str | None:
    """Send the steps in order; the id of the opening intent that reached the exchange, if any did.

    A step that waits for an order goes out only where the exchange said that it took that one, and
    one that stands in for an order only where it said that it did not. `plan` belongs to what
    opens.
    """
    opened = None
    for step in steps:
        if step.after is not None and not _is_taken(step.after, sender.records):
            continue
        if isinstance(step, Place) and not _is_needed(step, sender.records):
            continue
        record = sender.send(step, book=book, rules=rules, plan=plan)
        if record.what == "place" and record.intent.is_opening and record.outcome in ARRIVED:
            opened = record.intent.id
    return opened


def record_of(step: Step, outcome: Outcome) -> OrderRecord:
    """How a step came out; a cancel says of which order, and why it was asked for.

    >>> from shared.core.reasons import Reason
    >>> from shared.core.types import OrderIntent, OrderKind, Purpose, Rejected, Side
    >>> from shared.orders.plan import Place
    >>> stop = OrderIntent(
    ...     id="t1~p1",
    ...     purpose=Purpose.STOP,
    ...     side=Side.LONG,
    ...     kind=OrderKind.STOP,
    ...     lots=12,
    ...     trigger_price=9_700_000,
    ... )
    >>> record = record_of(Place(intent=stop), Rejected(reason=Reason.EXCHANGE_HALTED))
    >>> record.what, record.outcome, record.reason.value
    ('place', 'rejected', 'exchange_halted')
    """
    if isinstance(step, Cancel):
        record = build_order_record("cancel", step.order.intent, outcome)
        return copy_with(record, order_id=step.order.order_id, reason=step.reason)
    return build_order_record("place", step.intent, outcome)


def _is_needed(step: Place, records: Sequence[OrderRecord]) -> bool:
    """Whether it stands in for nothing, or for an order that was refused; an answer that was lost
    may be that of an order in the market.
    """
    instead_of = step.instead_of
    return instead_of is None or any(
        record.outcome == "rejected" for record in records if record.intent.id == instead_of
    )


def _is_taken(intent_id: str, records: Sequence[OrderRecord]) -> bool:
    return any(record.outcome in TAKEN for record in records if record.intent.id == intent_id)
