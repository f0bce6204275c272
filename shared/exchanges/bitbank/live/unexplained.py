"""What the account holds that the book does not explain: traces, issues, strangers. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from shared.core.money import btc_from_lots
from shared.core.reasons import Reason
from shared.core.types import AccountKind, Issue, Ledger, Position, Side, Stranger, Traces
from shared.exchanges.bitbank.live.delays import LAG_MS
from shared.exchanges.bitbank.live.executions import is_fresh
from shared.exchanges.bitbank.live.held import lots_on
from shared.exchanges.bitbank.live.reading import Reading
from shared.exchanges.bitbank.private_answers import ExchangeTrade
from shared.exchanges.bitbank.recognition import is_like_ours


def traces_of(
    reading: Reading,
    ledger: Ledger,
    positions: Sequence[Position],
    there: Mapping[Side, int],
    kind: AccountKind,
) -> Traces:
    """What the exchange holds beyond the book's `positions`, of which `there` is to be seen."""
    lots = {side: there[side] - lots_on(positions, side) for side in Side}
    coins = Decimal(0) if kind.has_debt else btc_from_lots(lots_on(positions, Side.LONG))
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
        jpy=reading.balances.jpy.onhand - _owed_jpy(reading) - ledger.cash_jpy,
        btc=reading.balances.btc.onhand - coins,
        strangers=tuple(sorted(reading.resting - ours)),
    )


def _owed_jpy(reading: Reading) -> Decimal:
    """What closes have lost or cost and bitbank has not taken from the yen yet: what the margin
    account owes beyond what its positions will.
    """
    if reading.margin is None or reading.positions is None:
        return Decimal(0)
    held = (reading.positions.long, reading.positions.short)
    due = sum((one.fee_jpy + one.interest_jpy for one in held), Decimal(0))
    return max(Decimal(0), reading.margin.cost_jpy - due)


def unseen_issues(reading: Reading, ledger: Ledger) -> list[Issue]:
    """Orders that are not answered, and what was executed and is not told yet."""
    issues = []
    for one in ledger.tracked:
        is_new = reading.read_at - one.order.placed_at < LAG_MS
        if one.order.order_id in reading.missing and one.is_live and not is_new:
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


def beyond_issues(
    ledger: Ledger, beyond: Sequence[ExchangeTrade], unheld: Sequence[ExchangeTrade]
) -> list[Issue]:
    """What is told of our orders and moves no book: fills `beyond` what an order executed, and what
    closes have closed that was `unheld`.

    What is not booked in any part is told as long as the exchange tells it; the rest of what is
    booked in part, and what was closed, once.
    """
    booked = {one.number for one in ledger.booked}
    issues = []
    for reason, forbids_entry, executions in (
        (Reason.FILLS_BEYOND, True, [one for one in beyond if one.trade_id not in booked]),
        (Reason.FILLS_BEYOND, False, [one for one in beyond if one.trade_id in booked]),
        (Reason.CLOSE_BEYOND, False, unheld),
    ):
        if executions:
            orders = sorted({one.order_id for one in executions})
            context = {
                "lots": str(sum(one.lots for one in executions)),
                "orders": ", ".join(map(str, orders)),
                "executions": ", ".join(str(one.trade_id) for one in executions),
            }
            issues.append(Issue(reason=reason, forbids_entry=forbids_entry, context=context))
    return issues


def position_issues(
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
        booked, shown = lots_on(positions, side), there[side]
        context = {"side": str(side), "booked_lots": str(booked), "there_lots": str(shown)}
        for reason, is_so in (
            (Reason.POSITION_UNEXPLAINED, shown > booked),
            (Reason.POSITION_SHORT, shown < booked),
        ):
            if is_so and not is_fresh(reading, ledger, side):
                told = reason if is_lasting else Reason.ACCOUNT_UNSETTLED
                issues.append(Issue(reason=told, forbids_entry=True, context=context))
    return issues


def strangers_of(reading: Reading, ledger: Ledger) -> tuple[Stranger, ...]:
    """The resting orders that are not ours."""
    ours = {one.order.order_id for one in ledger.tracked}
    return tuple(
        Stranger(order_id=number, is_like_ours=is_like_ours(reading.orders[number]))
        for number in sorted(reading.resting - ours)
    )


def stranger_issues(strangers: Sequence[Stranger]) -> list[Issue]:
    """Orders of others of a form that only a bot sends: another writer is about."""
    like = [one.order_id for one in strangers if one.is_like_ours]
    if not like:
        return []
    context = {"orders": ", ".join(map(str, like))}
    return [Issue(reason=Reason.ANOTHER_WRITER, forbids_entry=True, context=context)]
