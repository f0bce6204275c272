"""What is left of a position when a part of it is closed, and whether orders that close it share
its quantity.

Pure. On spot the coins that came first go first. On margin the exchange knows one average, so that
every entry gives the same share of its cost and fee, and the average stays where it was.
"""

from collections.abc import Collection
from decimal import ROUND_CEILING, Decimal

from shared.core.frozen import copy_with
from shared.core.money import jpy
from shared.core.reasons import Reason
from shared.core.types import (
    Accepted,
    AccountKind,
    Entry,
    Ledger,
    OrderIntent,
    Outcome,
    Position,
    Rejected,
)

COST_STEP_JPY = Decimal("0.000000000001")
"""What is left of an entry's cost is rounded up to this, so that its interest is never less than
under an exact share."""


def position_left(position: Position, lots: int, *, kind: AccountKind) -> Position:
    """What is left when `lots` of a position are closed; a position without entries where that is
    all.

    >>> from shared.core.types import Side
    >>> entries = tuple(
    ...     Entry(at=0, price=price, lots=10, fee_jpy=Decimal("0.3000"))
    ...     for price in (9_800_000, 9_900_000)
    ... )
    >>> held = Position(side=Side.LONG, entries=entries)
    >>> left = position_left(held, 10, kind=AccountKind.MARGIN)
    >>> left.lots, left.average_price, left.fees_jpy
    (10, Decimal('9850000.000000'), Decimal('0.3000'))
    >>> position_left(held, 10, kind=AccountKind.SPOT).average_price
    Decimal('9900000')
    """
    share = _by_share if kind.has_debt else _last_in
    return copy_with(position, entries=share(position.entries, position.lots - lots))


def has_shared_closes(
    ledger: Ledger,
    intent: OrderIntent,
    outcome: Outcome,
    *,
    there_lots: int,
    canceled: Collection[int] = (),
) -> bool | None:
    """What a real exchange's answer to an order says of all that close the same position; what was
    known before where it says nothing.

    It says something only where the order is no larger than the position that the exchange shows,
    and together with those that rest it is. The ledger's orders may be of a reading before:
    `canceled` are those that were cancelled since.

    >>> from decimal import Decimal
    >>> from shared.core.types import Order, OrderKind, Purpose, Side, TrackedOrder
    >>> stop = OrderIntent(
    ...     id="t1~s1",
    ...     purpose=Purpose.STOP,
    ...     side=Side.LONG,
    ...     kind=OrderKind.STOP,
    ...     lots=12,
    ...     trigger_price=9_700_000,
    ... )
    >>> order = Order(order_id=7, intent=stop, placed_at=0, remaining_lots=12)
    >>> money = Decimal(200_000)
    >>> book = Ledger(
    ...     capital_jpy=money, cash_jpy=money, opened_at=0, tracked=(TrackedOrder(order=order),)
    ... )
    >>> refused = Rejected(reason=Reason.QUANTITY_HELD)
    >>> has_shared_closes(book, stop, refused, there_lots=12)
    True
    >>> has_shared_closes(book, stop, refused, there_lots=0) is None  # it only does not show yet
    True
    """
    others = sum(
        one.order.remaining_lots
        for one in ledger.tracked
        if one.is_live
        and one.order.order_id not in canceled
        and one.order.intent.side is intent.side
        and not one.order.intent.is_opening
    )
    is_telling = intent.lots <= there_lots < intent.lots + others
    if intent.is_opening or not is_telling:
        return ledger.has_shared_closes
    if isinstance(outcome, Rejected) and outcome.reason is Reason.QUANTITY_HELD:
        return True
    return False if isinstance(outcome, Accepted) else ledger.has_shared_closes


def _last_in(entries: tuple[Entry, ...], left: int) -> tuple[Entry, ...]:
    """The last `left` lots; the fee of an entry that is split loses nothing in rounding."""
    kept: list[Entry] = []
    for entry in reversed(entries):
        part = min(entry.lots, left)
        left -= part
        gone = jpy(entry.fee_jpy * (entry.lots - part) / entry.lots)
        if part:
            kept.append(copy_with(entry, lots=part, fee_jpy=entry.fee_jpy - gone))
    return tuple(reversed(kept))


def _by_share(entries: tuple[Entry, ...], left: int) -> tuple[Entry, ...]:
    """`left` lots, of every entry the same share; whole lots by the largest remainders."""
    if not left:
        return ()
    held = sum(entry.lots for entry in entries)
    whole = [entry.lots * left // held for entry in entries]
    order = sorted(
        range(len(entries)), key=lambda number: entries[number].lots * left % held, reverse=True
    )
    for number in order[: left - sum(whole)]:
        whole[number] += 1
    return tuple(
        copy_with(
            entry,
            lots=whole[number],
            fee_jpy=jpy(entry.fee_jpy * left / held),
            cost_jpy=(entry.product_jpy * left / held).quantize(COST_STEP_JPY, ROUND_CEILING),
        )
        for number, entry in enumerate(entries)
    )
