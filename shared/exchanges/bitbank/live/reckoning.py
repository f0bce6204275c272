"""What a reading of the account means: which orders are ours, what they executed, what is held, and
what nobody explains. Pure.

    reading + ledger + open intents
        ├─► ours: tracked by id, found by form, permitted by an entry's intent
        ├─► executions of ours, each booked once ─► ledger, fills, trades
        ├─► what was executed and is not told yet ─► held already, booked later
        ├─► what is there less than booked ─► a close of the owner's or of the exchange's
        └─► what remains unexplained ─► forbids entries; traces, by which a lost order is disproved
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.core.frozen import copy_with
from shared.core.money import btc_from_lots, lots_from_btc
from shared.core.reasons import Reason
from shared.core.types import (
    AccountKind,
    Entry,
    Fate,
    Fill,
    Issue,
    Ledger,
    OpenIntent,
    Order,
    OrderIntent,
    Position,
    Side,
    Stranger,
    Traces,
    TrackedOrder,
    Trade,
)
from shared.core.types.ledger import MOST_ENDED, MOST_TRACKED, BookedExecution
from shared.exchanges.bitbank.live.reading import Reading
from shared.exchanges.bitbank.private_answers import ExchangeOrder, ExchangeTrade
from shared.exchanges.bitbank.recognition import (
    is_like_ours,
    orders_that_may_be,
    permitted_intent,
)
from shared.orders.closing import position_left
from shared.orders.own_book import Executed, book_execution, manual_close

OVERLAP_MS = 900_000
"""Executions are read again for so long: bitbank tells some late, and not in the order of their
numbers."""
LAG_MS = 15_000
"""A position may show a fill so long after it."""
PROOF_AFTER_MS = 120_000
"""A lost entry is disproved by a reading that comes so long after it could last arrive."""
QUIET_MS = 300_000
"""Money that came or went is a deposit or withdrawal only where nothing was executed that long."""
APART_MS = 120_000
"""Two readings that lie so far apart are of two ticks."""
SETTLES_MS = 3_000
"""bitbank may work so long on an order after its window."""
MOST_UNSEEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoned:
    """What is held and known after a reading.

    `positions` hold also what was executed and is not told yet. `fills` and `trades` are those of
    this reading. `there_lots`: what of each side the exchange shows.
    """

    ledger: Ledger
    positions: tuple[Position, ...]
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]
    trades: tuple[Trade, ...]
    fates: Mapping[str, Fate]
    strangers: tuple[Stranger, ...]
    issues: tuple[Issue, ...]
    there_lots: Mapping[Side, int]


def reckon(
    reading: Reading, *, ledger: Ledger, intents: Sequence[OpenIntent], kind: AccountKind
) -> Reckoned:
    """Reckon up one reading."""
    tracked, found = _recognize(reading, ledger, intents, kind)
    ledger = copy_with(ledger, tracked=tuple(_as_told(one, reading) for one in tracked))
    ledger, fills, trades = _book_ours(reading, ledger, kind)
    ledger, more_fills, more_trades = _book_strange_closes(reading, ledger, kind)
    ledger = _remember_booked(ledger, reading)
    positions = _holding(ledger, reading, kind)
    there = _there(reading, ledger, kind)
    traces = _traces(reading, ledger, positions, there, kind)
    is_whole = _is_whole(reading, ledger)
    issues = [
        *_unseen_issues(reading, ledger),
        *_position_issues(reading, ledger, positions, there, traces),
    ]
    fates, unseen = _fates(intents, found, traces, ledger, is_whole=is_whole)
    strangers = _strangers(reading, ledger)
    issues += _stranger_issues(strangers)
    is_settled = is_whole and Fate.OPEN not in fates.values() and _is_quiet(reading)
    ledger, told = _with_money(copy_with(ledger, unseen=unseen), traces, is_settled=is_settled)
    return Reckoned(
        ledger=copy_with(
            _without_ended(ledger, reading.read_at),
            traces=traces if is_whole else ledger.traces,
            read_at=reading.read_at if is_whole else ledger.read_at,
            newest_order_id=max(ledger.newest_order_id, reading.newest_order_id),
        ),
        positions=positions,
        orders=tuple(one.order for one in ledger.tracked if _is_shown(one, reading)),
        fills=(*fills, *more_fills),
        trades=(*trades, *more_trades),
        fates=fates,
        strangers=strangers,
        issues=(*issues, *told),
        there_lots=there,
    )


# which orders are ours


def _recognize(
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
        free = [
            order
            for number, order in reading.orders.items()
            if number not in tracked and number not in ledger.ended
        ]
        may_be = orders_that_may_be(written, free, is_margin=kind.has_debt)
        # two closes of one form are alike; of two entries nobody knows which is ours
        if len(may_be) == 1 or (may_be and not written.intent.is_opening):
            order = may_be[0]
            found[written.intent.id] = order.order_id
            tracked[order.order_id] = _follow(written.intent, order.order_id, order.ordered_at)
    for entry in intents:
        entry_id = found.get(entry.intent.id)
        if entry.intent.is_opening and entry_id is not None:
            for number, order in sorted(reading.orders.items()):
                intent = permitted_intent(entry, entry_id, order, is_margin=kind.has_debt)
                if number not in tracked and number not in ledger.ended and intent is not None:
                    tracked[number] = _follow(intent, number, order.ordered_at)
    return list(tracked.values()), found


def _follow(intent: OrderIntent, order_id: int, placed_at: int) -> TrackedOrder:
    order = Order(order_id=order_id, intent=intent, placed_at=placed_at, remaining_lots=intent.lots)
    return TrackedOrder(order=order)


def _as_told(one: TrackedOrder, reading: Reading) -> TrackedOrder:
    """As the reading shows it. What it executed never becomes less."""
    told = reading.orders.get(one.order.order_id)
    if told is None:
        return one
    executed = max(told.executed_lots, one.order.executed_lots)
    order = copy_with(one.order, remaining_lots=max(0, one.order.intent.lots - executed))
    return copy_with(one, order=order, status=told.status, triggered_at=told.triggered_at)


def _without_ended(ledger: Ledger, now_ms: int) -> Ledger:
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


def _is_shown(one: TrackedOrder, reading: Reading) -> bool:
    """Whether it is counted as live. What bitbank does not answer for any more is not counted on,
    but for one that it has only just taken.
    """
    is_new = reading.read_at - one.order.placed_at < LAG_MS
    return one.is_live and (is_new or one.order.order_id not in reading.missing)


# what they executed


def _book_ours(
    reading: Reading, ledger: Ledger, kind: AccountKind
) -> tuple[Ledger, list[Fill], list[Trade]]:
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


def _with_booked(one: TrackedOrder, lots: int) -> TrackedOrder:
    """With so much more in the ledger; what is booked was executed, whatever the order says yet."""
    booked = one.booked_lots + lots
    left = min(one.order.remaining_lots, max(0, one.order.intent.lots - booked))
    return copy_with(one, booked_lots=booked, order=copy_with(one.order, remaining_lots=left))


def _book_strange_closes(
    reading: Reading, ledger: Ledger, kind: AccountKind
) -> tuple[Ledger, list[Fill], list[Trade]]:
    """Where less is there than booked, an execution that is not ours closed it: the owner's, or a
    loss cut.
    """
    known = {one.number for one in ledger.booked}
    ours = {one.order.order_id for one in ledger.tracked}
    fills: list[Fill] = []
    trades: list[Trade] = []
    for told in reading.executions:
        side = _closed_side(told, kind)
        if told.trade_id in known or told.order_id in ours or side is None:
            continue
        expected = sum(held.lots for held in _holding(ledger, reading, kind) if held.side is side)
        short = expected - _there(reading, ledger, kind)[side]
        lots = min(told.lots, short, ledger.lots(side))
        if lots <= 0 or _is_fresh(reading, ledger, side):
            continue
        reason = Reason.EXIT_LOSSCUT if told.kind == "losscut" else Reason.EXIT_MANUAL
        intent = manual_close(side, lots, number=told.trade_id, reason=reason)
        part = copy_with(told, lots=lots)
        done = book_execution(ledger, intent, _execution(part, kind), kind=kind)
        ledger = copy_with(done.ledger, booked=(*ledger.booked, _entry_of(told)))
        fills.append(done.fill)
        trades += [] if done.trade is None else [done.trade]
    return ledger, fills, trades


def _remember_booked(ledger: Ledger, reading: Reading) -> Ledger:
    """The ledger with the executions that a later reading may show again.

    While an intent stays open or a reading is not whole, executions are read from as long ago as
    that lies: what this reading showed is remembered, however old.
    """
    told = {one.trade_id for one in reading.executions}
    oldest = reading.read_at - 2 * OVERLAP_MS
    kept = tuple(one for one in ledger.booked if one.number in told or one.at >= oldest)
    return copy_with(ledger, booked=kept)


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


# what is held


def _holding(ledger: Ledger, reading: Reading, kind: AccountKind) -> tuple[Position, ...]:
    """The book's positions with what orders executed and no execution says yet."""
    held = {position.side: position for position in ledger.positions}
    for one in ledger.tracked:
        lots, intent = one.unbooked_lots, one.order.intent
        if lots <= 0:
            continue
        before = held.get(intent.side)
        if intent.is_opening:
            entry = _entry_to_come(one, reading.orders.get(one.order.order_id))
            entries = (*(before.entries if before else ()), entry)
            held[intent.side] = Position(side=intent.side, entries=entries)
        elif before is not None:
            left = position_left(before, min(lots, before.lots), kind=kind)
            held[intent.side] = left
    return tuple(position for position in held.values() if position.entries)


def _entry_to_come(one: TrackedOrder, told: ExchangeOrder | None) -> Entry:
    """What was executed and is not told: at the order's average price, at its limit where that is
    not told either.
    """
    limit = one.order.intent.price
    if limit is None:
        raise AssertionError("an entry has a limit")
    average = Decimal(0) if told is None else told.average_price
    return Entry(
        at=one.order.placed_at,
        price=int(average or limit),
        lots=one.unbooked_lots,
        fee_jpy=Decimal(0),
    )


def _there(reading: Reading, ledger: Ledger, kind: AccountKind) -> dict[Side, int]:
    """What the exchange shows of each side. On spot the owner's coins lie beside the bot's: no more
    is asked than that there are as many.
    """
    if kind.has_debt:
        if reading.positions is None:
            raise AssertionError("on margin the positions are read")
        return {
            Side.LONG: reading.positions.long.lots,
            Side.SHORT: reading.positions.short.lots,
        }
    onhand = lots_from_btc(reading.balances.btc.onhand)
    expected = sum(position.lots for position in _holding(ledger, reading, kind))
    return {Side.LONG: min(onhand, expected), Side.SHORT: 0}


def _is_fresh(reading: Reading, ledger: Ledger, side: Side) -> bool:
    """Whether something of ours was executed so lately that positions may not show it yet."""
    ours = {one.order.order_id for one in ledger.tracked}
    return any(
        told.order_id in ours
        and told.position_side in {side, None}
        and reading.read_at - told.executed_at < LAG_MS
        for told in reading.executions
    )


def _is_whole(reading: Reading, ledger: Ledger) -> bool:
    """Whether everything that orders say is told by executions too, and every order answered."""
    return not reading.missing and all(one.unbooked_lots <= 0 for one in ledger.tracked)


# what nobody explains


def _traces(
    reading: Reading,
    ledger: Ledger,
    positions: Sequence[Position],
    there: Mapping[Side, int],
    kind: AccountKind,
) -> Traces:
    lots = {side: there[side] - _lots(positions, side) for side in Side}
    coins = Decimal(0) if kind.has_debt else btc_from_lots(_lots(positions, Side.LONG))
    ours = {one.order.order_id for one in ledger.tracked}
    before, since = ledger.traces, reading.read_at
    if before is not None and all(before.lots(side) == lots[side] for side in Side):
        since = before.lots_since
    return Traces(
        read_at=reading.read_at,
        lots_since=since,
        newest_order_id=max(ledger.newest_order_id, reading.newest_order_id),
        long_lots=lots[Side.LONG],
        short_lots=lots[Side.SHORT],
        jpy=reading.balances.jpy.onhand - ledger.cash_jpy,
        btc=reading.balances.btc.onhand - coins,
        strangers=tuple(sorted(reading.resting - ours)),
    )


def _lots(positions: Sequence[Position], side: Side) -> int:
    return sum(position.lots for position in positions if position.side is side)


def _unseen_issues(reading: Reading, ledger: Ledger) -> list[Issue]:
    issues = []
    for one in ledger.tracked:
        if one.order.order_id in reading.missing and one.is_live:
            context = {
                "order_id": str(one.order.order_id),
                "purpose": str(one.order.intent.purpose),
            }
            issues.append(Issue(reason=Reason.ORDER_MISSING, forbids_entry=True, context=context))
    late = sum(one.unbooked_lots > 0 for one in ledger.tracked)
    if late:
        context = {"orders": str(late)}
        issues.append(Issue(reason=Reason.FILLS_LATE, forbids_entry=True, context=context))
    return issues


def _position_issues(
    reading: Reading,
    ledger: Ledger,
    positions: Sequence[Position],
    there: Mapping[Side, int],
    traces: Traces,
) -> list[Issue]:
    """More or less than is booked: what readings have shown for a while is told as it is, what is
    new may be bitbank's own delay.
    """
    issues = []
    is_lasting = traces.read_at - traces.lots_since > LAG_MS
    for side in Side:
        booked, shown = _lots(positions, side), there[side]
        context = {"side": str(side), "booked_lots": str(booked), "there_lots": str(shown)}
        for reason, is_so in (
            (Reason.POSITION_UNEXPLAINED, shown > booked),
            (Reason.POSITION_SHORT, shown < booked),
        ):
            if is_so and not _is_fresh(reading, ledger, side):
                told = reason if is_lasting else Reason.ACCOUNT_UNSETTLED
                issues.append(Issue(reason=told, forbids_entry=True, context=context))
    return issues


def _fates(
    intents: Sequence[OpenIntent],
    found: Mapping[str, int],
    traces: Traces,
    ledger: Ledger,
    *,
    is_whole: bool,
) -> tuple[dict[str, Fate], tuple[OpenIntent, ...]]:
    """What is known of each intent, and which orders that protect nobody has seen."""
    fates: dict[str, Fate] = {}
    unseen = [one for one in ledger.unseen if one.intent.id not in found]
    for written in intents:
        if written.intent.id in found:
            fates[written.intent.id] = Fate.FOUND
        elif not is_whole or traces.read_at <= written.until + SETTLES_MS:
            fates[written.intent.id] = Fate.OPEN
        elif not written.intent.is_opening:
            fates[written.intent.id] = Fate.ABSENT
            unseen.append(written)
        else:
            fates[written.intent.id] = Fate.ABSENT if _is_disproved(written, traces) else Fate.OPEN
    old = traces.read_at - OVERLAP_MS
    kept = [one for one in unseen if one.until > old or ledger.lots(one.intent.side)]
    return fates, tuple(kept[-MOST_UNSEEN:])


def _is_disproved(written: OpenIntent, traces: Traces) -> bool:
    """Whether two readings of different ticks, the second long after its time, show that nothing
    came of it.
    """
    looked, before = written.looked, written.before
    return (
        looked is not None
        and before is not None
        and traces.read_at >= written.until + PROOF_AFTER_MS
        and traces.read_at - looked.read_at >= APART_MS
        and looked.is_same_as(traces)
        and before.is_same_as(traces)
    )


def _strangers(reading: Reading, ledger: Ledger) -> tuple[Stranger, ...]:
    ours = {one.order.order_id for one in ledger.tracked}
    return tuple(
        Stranger(order_id=number, is_like_ours=is_like_ours(reading.orders[number]))
        for number in sorted(reading.resting - ours)
    )


def _stranger_issues(strangers: Sequence[Stranger]) -> list[Issue]:
    like = [one.order_id for one in strangers if one.is_like_ours]
    if not like:
        return []
    context = {"orders": ", ".join(map(str, like))}
    return [Issue(reason=Reason.ANOTHER_WRITER, forbids_entry=True, context=context)]


def _is_quiet(reading: Reading) -> bool:
    """Whether nothing was executed lately whose money may still move."""
    return all(reading.read_at - one.executed_at >= QUIET_MS for one in reading.executions)


def _with_money(ledger: Ledger, traces: Traces, *, is_settled: bool) -> tuple[Ledger, list[Issue]]:
    """The ledger with what lies beside the book. A change is a deposit or a withdrawal once two
    ticks have seen the same and nothing else can explain it.
    """
    if ledger.aside_jpy is None or ledger.aside_btc is None:
        return copy_with(ledger, aside_jpy=traces.jpy, aside_btc=traces.btc), []
    if (traces.jpy, traces.btc) == (ledger.aside_jpy, ledger.aside_btc):
        return copy_with(ledger, drift=None), []
    drift = ledger.drift
    if drift is None or (traces.jpy, traces.btc) != (drift.jpy, drift.btc):
        return copy_with(ledger, drift=traces), []
    if not is_settled or traces.read_at - drift.read_at < APART_MS:
        return ledger, []
    context = {
        "jpy": f"{traces.jpy - ledger.aside_jpy:f}",
        "btc": f"{traces.btc - ledger.aside_btc:f}",
    }
    after = copy_with(ledger, aside_jpy=traces.jpy, aside_btc=traces.btc, drift=None)
    return after, [Issue(reason=Reason.MONEY_MOVED, forbids_entry=False, context=context)]


__all__ = ["Reckoned", "reckon"]
