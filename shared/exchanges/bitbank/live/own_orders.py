"""Which of the exchange's orders are ours, and how long each is followed. Pure."""

from collections.abc import Collection, Mapping, Sequence

from shared.core.frozen import copy_with
from shared.core.types import AccountKind, Ledger, OpenIntent, Order, OrderIntent, TrackedOrder
from shared.core.types.ledger import MOST_ENDED, MOST_TRACKED
from shared.exchanges.bitbank.live.delays import LAG_MS, OVERLAP_MS
from shared.exchanges.bitbank.live.reading import Reading
from shared.exchanges.bitbank.private_answers import ExchangeOrder
from shared.exchanges.bitbank.recognition import orders_that_may_be, permitted_intent


def recognize_orders(
    reading: Reading, ledger: Ledger, intents: Sequence[OpenIntent], kind: AccountKind
) -> tuple[list[TrackedOrder], dict[str, int]]:
    """The orders that are ours, and by which order each intent was found."""
    tracked = {one.order.order_id: one for one in ledger.tracked}
    found = {one.order.intent.id: number for number, one in tracked.items()}
    for written in intents:
        if written.order_id is not None:
            found[written.intent.id] = written.order_id
            if written.order_id not in ledger.ended:
                followed = _follow(written.intent, written.order_id, written.at)
                tracked.setdefault(written.order_id, followed)
    lost = [one for one in (*intents, *ledger.unseen) if one.intent.id not in found]
    for written in sorted(lost, key=lambda one: (one.intent.is_opening, one.at)):
        free = _free_orders(reading, ledger, tracked)
        may_be = orders_that_may_be(written, free, is_margin=kind.has_debt)
        # two closes of one form are alike; of two entries nobody knows which is ours
        if len(may_be) == 1 or (may_be and not written.intent.is_opening):
            order = may_be[0]
            found[written.intent.id] = order.order_id
            tracked[order.order_id] = _follow(written.intent, order.order_id, order.ordered_at)
    for entry in intents:
        entry_id = found.get(entry.intent.id)
        if entry.intent.is_opening and entry_id is not None:
            for order in _free_orders(reading, ledger, tracked):
                intent = permitted_intent(entry, entry_id, order, is_margin=kind.has_debt)
                if intent is not None:
                    tracked[order.order_id] = _follow(intent, order.order_id, order.ordered_at)
    return list(tracked.values()), found


def _free_orders(reading: Reading, ledger: Ledger, tracked: Collection[int]) -> list[ExchangeOrder]:
    """The orders of the reading that nobody has called ours yet, the oldest number first."""
    ours = {*ledger.own_ids, *tracked}
    return [order for number, order in sorted(reading.orders.items()) if number not in ours]


def _follow(intent: OrderIntent, order_id: int, placed_at: int) -> TrackedOrder:
    order = Order(order_id=order_id, intent=intent, placed_at=placed_at, remaining_lots=intent.lots)
    return TrackedOrder(order=order)


def order_as_told(one: TrackedOrder, reading: Reading) -> TrackedOrder:
    """As the reading shows it. What it executed never becomes less."""
    told = reading.orders.get(one.order.order_id)
    if told is None:
        return one
    executed = max(told.executed_lots, one.order.executed_lots)
    order = copy_with(one.order, remaining_lots=max(0, one.order.intent.lots - executed))
    return copy_with(one, order=order, status=told.status, triggered_at=told.triggered_at)


def has_all_entries(
    reading: Reading, intents: Sequence[OpenIntent], found: Mapping[str, int]
) -> bool:
    """Whether every order is answered, and of every entry it is known which order it is."""
    entries = [one.intent.id for one in intents if one.intent.is_opening]
    return not reading.missing and all(entry in found for entry in entries)


def is_passing(one: TrackedOrder) -> bool:
    """Whether its end may pass: a stop that fired may show its fill after it showed none."""
    return one.triggered_at is not None and one.status == "CANCELED_UNFILLED"


def without_ended(ledger: Ledger, now_ms: int) -> Ledger:
    """Without the orders that have ended and are booked whole.

    A stop that fired is followed for a while: CANCELED_UNFILLED may pass. Where there are too many,
    those go that are booked whole.
    """
    kept = [
        one
        for one in ledger.tracked
        if one.is_live
        or one.unbooked_lots > 0
        or (
            one.triggered_at is not None
            and one.order.remaining_lots
            and now_ms - one.triggered_at < OVERLAP_MS
        )
    ]
    ended = sorted((one for one in kept if not one.is_live), key=lambda one: one.unbooked_lots)
    surplus = ended[: max(0, len(kept) - MOST_TRACKED)]
    kept = [one for one in kept if one not in surplus]
    gone = [one.order.order_id for one in ledger.tracked if one not in kept]
    return copy_with(ledger, tracked=tuple(kept), ended=(*ledger.ended, *gone)[-MOST_ENDED:])


def is_counted_on(one: TrackedOrder, reading: Reading) -> bool:
    """Whether it is counted as live. What bitbank does not answer for any more is not counted on,
    but for one that it has only just taken.
    """
    is_new = reading.read_at - one.order.placed_at < LAG_MS
    return one.is_live and (is_new or one.order.order_id not in reading.missing)
