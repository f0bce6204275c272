"""What is booked: executions of our orders, each once, and what somebody else closed. Pure."""

from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.types import AccountKind, Fill, Ledger, Side, TrackedOrder, Trade
from shared.core.types.ledger import BookedExecution
from shared.exchanges.bitbank.live.delays import LAG_MS, OVERLAP_MS
from shared.exchanges.bitbank.live.held import positions_of, there_lots
from shared.exchanges.bitbank.live.reading import Reading
from shared.exchanges.bitbank.private_answers import ExchangeTrade
from shared.orders.own_book import Executed, book_execution, manual_close


def book_own(
    reading: Reading, ledger: Ledger, kind: AccountKind
) -> tuple[Ledger, list[Fill], list[Trade]]:
    """What our orders executed, each execution once: the ledger after it, fills, trades."""
    known = {one.number for one in ledger.booked}
    tracked = {one.order.order_id: one for one in ledger.tracked}
    fills: list[Fill] = []
    trades: list[Trade] = []
    for told in reading.executions:
        one = tracked.get(told.order_id)
        if one is None or told.trade_id in known:
            continue
        intent = one.order.intent
        if not intent.is_opening and ledger.position(intent.side) is None:
            continue  # it closes what is not told yet
        done = book_execution(ledger, intent, _execution(told, kind), kind=kind)
        ledger = copy_with(done.ledger, booked=(*ledger.booked, _entry_of(told)))
        tracked[told.order_id] = _with_booked(one, told.lots)
        fills.append(done.fill)
        trades += [] if done.trade is None else [done.trade]
    return copy_with(ledger, tracked=tuple(tracked.values())), fills, trades


def book_strange_closes(
    reading: Reading, ledger: Ledger, kind: AccountKind
) -> tuple[Ledger, list[Fill], list[Trade]]:
    """Where less is there than booked, an execution that is not ours closed it: the owner's, or a
    loss cut.
    """
    known = {one.number for one in ledger.booked}
    ours = ledger.own_ids
    fills: list[Fill] = []
    trades: list[Trade] = []
    for told in reading.executions:
        side = _closed_side(told, kind)
        if told.trade_id in known or told.order_id in ours or side is None:
            continue
        expected = sum(
            held.lots for held in positions_of(ledger, reading, kind) if held.side is side
        )
        short = expected - there_lots(reading, ledger, kind)[side]
        lots = min(told.lots, short, ledger.lots(side))
        if lots <= 0 or is_fresh(reading, ledger, side):
            continue
        reason = Reason.EXIT_LOSSCUT if told.kind == "losscut" else Reason.EXIT_MANUAL
        intent = manual_close(side, lots, number=told.trade_id, reason=reason)
        part = copy_with(told, lots=lots)
        done = book_execution(ledger, intent, _execution(part, kind), kind=kind)
        ledger = copy_with(done.ledger, booked=(*ledger.booked, _entry_of(told)))
        fills.append(done.fill)
        trades += [] if done.trade is None else [done.trade]
    return ledger, fills, trades


def remember_booked(ledger: Ledger, reading: Reading) -> Ledger:
    """The ledger with the executions that a later reading may show again.

    While an intent stays open or a reading is not whole, executions are read from as long ago as
    that lies: what this reading showed is remembered, however old.
    """
    told = {one.trade_id for one in reading.executions}
    oldest = reading.read_at - 2 * OVERLAP_MS
    kept = tuple(one for one in ledger.booked if one.number in told or one.at >= oldest)
    return copy_with(ledger, booked=kept)


def is_fresh(reading: Reading, ledger: Ledger, side: Side) -> bool:
    """Whether something of ours was executed so lately that positions may not show it yet: told or
    not.
    """
    if any(one.unbooked_lots > 0 and one.order.intent.side is side for one in ledger.tracked):
        return True
    ours = ledger.own_ids
    return any(
        told.order_id in ours
        and told.position_side in {side, None}
        and reading.read_at - told.executed_at < LAG_MS
        for told in reading.executions
    )


def _with_booked(one: TrackedOrder, lots: int) -> TrackedOrder:
    """With so much more in the ledger; what is booked was executed, whatever the order says yet."""
    booked = one.booked_lots + lots
    left = min(one.order.remaining_lots, max(0, one.order.intent.lots - booked))
    return copy_with(one, booked_lots=booked, order=copy_with(one.order, remaining_lots=left))


def _entry_of(told: ExchangeTrade) -> BookedExecution:
    return BookedExecution(number=told.trade_id, at=told.executed_at)


def _closed_side(told: ExchangeTrade, kind: AccountKind) -> Side | None:
    """Which side an execution closes; None where it opens, or is of the other account."""
    if kind.has_debt:
        side = told.position_side
        return None if told.is_buy == (side is Side.LONG) else side
    return Side.LONG if told.position_side is None and not told.is_buy else None


def _execution(told: ExchangeTrade, kind: AccountKind) -> Executed:
    return Executed(
        number=told.trade_id,
        order_id=told.order_id,
        at=told.executed_at,
        price=told.price,
        lots=told.lots,
        is_maker=told.is_maker,
        fee_jpy=told.fee_occurred_jpy if kind.has_debt else told.fee_jpy,
        interest_jpy=told.interest_jpy,
    )
