"""What is booked: executions of our orders, each once, and what somebody else closed. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.types import AccountKind, Fill, Ledger, Side, TrackedOrder, Trade
from shared.core.types.ledger import BookedExecution
from shared.exchanges.bitbank.live.delays import LAG_MS, OVERLAP_MS
from shared.exchanges.bitbank.live.held import positions_of, there_lots
from shared.exchanges.bitbank.live.own_orders import is_passing
from shared.exchanges.bitbank.live.reading import Reading
from shared.exchanges.bitbank.private_answers import ExchangeTrade
from shared.orders.own_book import Executed, book_execution, manual_close


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBooked:
    """The ledger after what our orders executed, with its fills and trades.

    Of what moved no book, `beyond` is told beyond what an order executed, `unheld` is what a close
    closed beyond what the book held, and `waiting` closes what is not told yet, or what somebody
    else had closed before.
    """

    ledger: Ledger
    fills: tuple[Fill, ...] = ()
    trades: tuple[Trade, ...] = ()
    beyond: tuple[ExchangeTrade, ...] = ()
    unheld: tuple[ExchangeTrade, ...] = ()
    waiting: tuple[ExchangeTrade, ...] = ()


def book_own(reading: Reading, ledger: Ledger, kind: AccountKind) -> OwnBooked:
    """What our orders executed: each execution once, and of no order more than it executed.

    Which of an order's executions is told under two numbers is not to be seen. What may be the
    other one of what is booked comes last; of what has no room for all of it a part is booked.
    """
    moments = {one.at for one in ledger.booked}
    tracked = {one.order.order_id: one for one in ledger.tracked}
    met: set[tuple[int, int, int, int]] = set()
    fills: list[Fill] = []
    trades: list[Trade] = []
    beyond: list[ExchangeTrade] = []
    unheld: list[ExchangeTrade] = []
    waiting: list[ExchangeTrade] = []
    for told in sorted(
        _new_executions(reading, ledger), key=lambda told: told.executed_at in moments
    ):
        one = tracked.get(told.order_id)
        if one is None:
            beyond.append(told)  # it ended, and all that it executed is booked
            continue
        likeness = (told.order_id, told.executed_at, told.price, told.lots)
        may_be_booked = told.executed_at in moments or likeness in met
        met.add(likeness)
        lots = min(told.lots, _room_of(one, is_doubtful=may_be_booked))
        if lots <= 0:
            beyond.append(told)
            continue
        intent = one.order.intent
        held = lots if intent.is_opening else ledger.lots(intent.side)
        if held < lots and (not held or _is_to_come(tracked.values(), intent.side)):
            waiting.append(told)
            continue
        part = _part_of(told, min(lots, held))
        done = book_execution(ledger, intent, _execution(part, kind), kind=kind)
        ledger = copy_with(done.ledger, booked=(*ledger.booked, _entry_of(told)))
        tracked[told.order_id] = _with_booked(one, lots)
        fills.append(done.fill)
        trades += [] if done.trade is None else [done.trade]
        left = told.lots - lots
        beyond += [_part_of(told, left)] if left else []
        unheld += [_part_of(told, lots - held)] if held < lots else []
    return OwnBooked(
        ledger=copy_with(ledger, tracked=tuple(tracked.values())),
        fills=tuple(fills),
        trades=tuple(trades),
        beyond=tuple(beyond),
        unheld=tuple(unheld),
        waiting=tuple(waiting),
    )


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
        part = _part_of(told, lots)
        done = book_execution(ledger, intent, _execution(part, kind), kind=kind)
        ledger = copy_with(done.ledger, booked=(*ledger.booked, _entry_of(told)))
        fills.append(done.fill)
        trades += [] if done.trade is None else [done.trade]
    return ledger, fills, trades


def end_waiting(
    reading: Reading, ledger: Ledger, waiting: Iterable[ExchangeTrade]
) -> tuple[Ledger, tuple[ExchangeTrade, ...]]:
    """Count as told what closes executed long ago and the book does not hold, where nothing is to
    come that they could have closed: the ledger, and what that was.

    Somebody else had closed it first, and then the bot's order closed what was not the bot's. No
    fill is lost by it: a close is sent only once its entry's fill is known, and an order stays
    followed until all that it executed is booked.
    """
    tracked = {one.order.order_id: one for one in ledger.tracked}
    unheld: list[ExchangeTrade] = []
    for told in waiting:
        one = tracked[told.order_id]
        side = one.order.intent.side
        lots = min(told.lots, _room_of(one, is_doubtful=False))
        is_long_ago = reading.read_at - told.executed_at >= OVERLAP_MS
        is_held = ledger.position(side) is not None or _is_to_come(tracked.values(), side)
        if is_long_ago and lots and not is_held:
            ledger = copy_with(ledger, booked=(*ledger.booked, _entry_of(told)))
            tracked[told.order_id] = _with_booked(one, lots)
            unheld.append(_part_of(told, lots))
    return copy_with(ledger, tracked=tuple(tracked.values())), tuple(unheld)


def remember_booked(ledger: Ledger, reading: Reading) -> Ledger:
    """The ledger with the executions that a later reading may show again.

    While an intent stays open or a reading is not whole, executions are read from as long ago as
    that lies: what came after the oldest that this reading showed is remembered, however old, and
    though this reading did not show it, or under another number.
    """
    told_at = [one.executed_at for one in reading.executions]
    oldest = min([reading.read_at - 2 * OVERLAP_MS, *told_at])
    kept = tuple(one for one in ledger.booked if one.at >= oldest)
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


def _new_executions(reading: Reading, ledger: Ledger) -> list[ExchangeTrade]:
    """The executions of our orders whose numbers are not booked."""
    known, ours = {one.number for one in ledger.booked}, ledger.own_ids
    return [
        told for told in reading.executions if told.order_id in ours and told.trade_id not in known
    ]


def _room_of(one: TrackedOrder, *, is_doubtful: bool) -> int:
    """How much more of an order can be booked: of one that may still be filled all that it asked
    for, since its row is read before its executions; of another one what it executed, and so where
    it `is_doubtful` whether an execution is booked already.
    """
    is_told = is_doubtful or not (one.is_live or is_passing(one))
    most = one.order.executed_lots if is_told else one.order.intent.lots
    return most - one.booked_lots


def _is_to_come(tracked: Iterable[TrackedOrder], side: Side) -> bool:
    """Whether an entry has executed what is not told yet."""
    return any(
        one.unbooked_lots > 0 and one.order.intent.is_opening and one.order.intent.side is side
        for one in tracked
    )


def _part_of(told: ExchangeTrade, lots: int) -> ExchangeTrade:
    """So much of an execution, with its share of what it cost."""
    share = Decimal(lots) / told.lots
    fee, interest = told.fee_occurred_jpy, told.interest_jpy
    return copy_with(
        told,
        lots=lots,
        fee_jpy=told.fee_jpy * share,
        fee_occurred_jpy=None if fee is None else fee * share,
        interest_jpy=None if interest is None else interest * share,
    )


def _with_booked(one: TrackedOrder, lots: int) -> TrackedOrder:
    """With so much more in the ledger; what is booked was executed, whatever the order says yet."""
    booked = one.booked_lots + lots
    left = min(one.order.remaining_lots, one.order.intent.lots - booked)
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
