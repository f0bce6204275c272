"""Entries that were filled, and trades that were closed. Their numbers are of one book, so their
keys begin with its name.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from shared.alerts.subjects.maker import AlertMaker
from shared.alerts.wording import name_fields
from shared.core.reasons import Reason
from shared.core.sentences import reason_now, say
from shared.core.sentences.figures import btc, duration, yen_words
from shared.core.types import Alert, Fill, Level, Purpose, TickReport, Trade

MOST_SINGLE_EVENTS = 3
"""More fills or trades than this in one tick (it settled a day without ticks) are told together."""


def entry_alerts(report: TickReport, maker: AlertMaker) -> Iterator[Alert]:
    """Entries that were filled, the fills of one order together."""
    fills = sorted(
        (fill for fill in report.fills if fill.purpose is Purpose.ENTRY),
        key=lambda fill: (fill.order_id, fill.sequence),
    )
    orders = [list(group) for _, group in groupby(fills, key=lambda fill: fill.order_id)]
    if len(orders) > MOST_SINGLE_EVENTS:
        lots = sum(fill.lots for fill in fills)
        title = say("alerts.title.entered_many", entries=len(orders), size=btc(lots))
        yield maker.make_event(
            Level.INFO,
            "entry_filled",
            report.book.prefix + f"{fills[0].sequence}-{fills[-1].sequence}",
            title,
            {},
            at=fills[-1].at,
        )
    else:
        for order in orders:
            yield _entry(order, report, maker)


def _entry(fills: Sequence[Fill], report: TickReport, maker: AlertMaker) -> Alert:
    first, lots = fills[0], sum(fill.lots for fill in fills)
    price = sum(fill.price * fill.lots for fill in fills) // lots
    told = name_fields(
        fee=yen_words(sum((fill.fee_jpy for fill in fills), start=first.fee_jpy * 0)),
        liquidity=say(
            "alerts.value.maker" if all(fill.maker for fill in fills) else "alerts.value.taker"
        ),
    )
    if report.plan is not None and report.plan.side is first.side:
        told |= name_fields(
            stop=yen_words(report.plan.stop_price), target=yen_words(report.plan.target_price)
        )
    title = say("alerts.title.entered", side=first.side, size=btc(lots), price=yen_words(price))
    return maker.make_event(
        Level.INFO,
        "entry_filled",
        report.book.prefix + f"{first.order_id}-{first.sequence}",
        title,
        told,
        at=fills[-1].at,
    )


def trade_alerts(report: TickReport, maker: AlertMaker) -> Iterator[Alert]:
    """Trades that were closed; more than a few together."""
    unprotected = [trade for trade in report.trades if trade.reason is Reason.EXIT_UNPROTECTED]
    plain = [trade for trade in report.trades if trade.reason is not Reason.EXIT_UNPROTECTED]
    begin = report.book.prefix
    yield from (_trade(trade, Level.CRITICAL, maker, begin) for trade in unprotected)
    if len(plain) > MOST_SINGLE_EVENTS:
        yield _many_trades(plain, maker, begin)
    else:
        yield from (_trade(trade, Level.INFO, maker, begin) for trade in plain)


def _trade(trade: Trade, level: Level, maker: AlertMaker, begin: str) -> Alert:
    result = (
        say("alerts.value.profit", amount=yen_words(trade.net_jpy))
        if trade.net_jpy >= 0
        else say("alerts.value.loss", amount=yen_words(-trade.net_jpy))
    )
    told = name_fields(
        net=yen_words(trade.net_jpy),
        before_costs=yen_words(trade.gross_jpy),
        fees=yen_words(trade.fees_jpy),
        interest=yen_words(trade.interest_jpy),
        entry=yen_words(trade.entry_price),
        exit=yen_words(trade.exit_price),
        held=duration((trade.closed_at - trade.opened_at) / 1000),
    )
    title = say(
        "alerts.title.closed" if trade.ends_position else "alerts.title.closed_part",
        side=trade.side,
        size=btc(trade.lots),
        result=result,
        reason=reason_now(trade.reason),
    )
    return maker.make_event(
        level,
        "position_closed",
        f"{begin}{trade.sequence}-{trade.closed_at}",
        title,
        told,
        at=trade.closed_at,
        variant="unprotected" if trade.reason is Reason.EXIT_UNPROTECTED else "",
    )


def _many_trades(trades: Sequence[Trade], maker: AlertMaker, begin: str) -> Alert:
    zero = trades[0].net_jpy * 0
    told = name_fields(
        net=yen_words(sum((trade.net_jpy for trade in trades), start=zero)),
        fees=yen_words(sum((trade.fees_jpy for trade in trades), start=zero)),
        interest=yen_words(sum((trade.interest_jpy for trade in trades), start=zero)),
        why=_counted_text(reason_now(trade.reason) for trade in trades),
    )
    subject = f"{begin}{trades[0].sequence}-{trades[-1].sequence}-{trades[-1].closed_at}"
    return maker.make_event(
        Level.INFO,
        "position_closed",
        subject,
        say("alerts.title.closed_many", trades=len(trades)),
        told,
        at=trades[-1].closed_at,
    )


def _counted_text(texts: Iterable[str]) -> str:
    return ", ".join(f"{len(list(group))} × {text}" for text, group in groupby(sorted(texts)))
