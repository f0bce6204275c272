"""One tick in words: what happened, for the live table and for plain lines."""

from scripts.output.report.outcome import mark_of
from shared.core.calendar import jst_text
from shared.core.money import btc_from_lots
from shared.core.reasons import Reason
from shared.core.sentences import reason_then, say
from shared.core.sentences.figures import DASH, btc, percent, yen
from shared.core.types import (
    Action,
    Decision,
    Fill,
    OrderRecord,
    Purpose,
    TickReport,
    TickStatus,
    Trade,
)

QUIET = frozenset({Reason.NOTHING_NEW})


def event_lines(report: TickReport, *, before: TickReport | None) -> list[str]:
    """Orders, fills, ends of trades and troubles of one tick; nothing for a quiet one.

    A trouble that the tick `before` had as well is not told again.
    """
    told = []
    lasts = before is not None and (before.status, before.reason) == (report.status, report.reason)
    if report.status not in {TickStatus.DONE, TickStatus.HALTED} and not lasts:
        told.append(
            say(
                "tick.trouble",
                status=report.status,
                why=report.detail or reason_then(report.reason),
            )
        )
    told += [fill_words(fill) for fill in report.fills if fill.purpose is Purpose.ENTRY]
    told += [trade_words(trade) for trade in report.trades]
    told += [order_words(record) for record in report.orders if record.what != "cancel"]
    return told


def order_words(record: OrderRecord) -> str:
    """One order that was sent, and its answer."""
    intent = record.intent
    price = intent.price or intent.trigger_price
    bracket = (
        say("tick.bracket", stop=yen(intent.stop_price), target=yen(intent.target_price))
        if intent.is_opening and intent.stop_price and intent.target_price
        else ""
    )
    purpose, side, size = intent.purpose, intent.side, btc(intent.lots)
    order = (
        say(
            "tick.sent",
            purpose=purpose,
            side=side,
            size=size,
            price=yen(price),
            bracket=bracket,
        )
        if price
        else say("tick.sent_at_market", purpose=purpose, side=side, size=size, bracket=bracket)
    )
    if record.outcome == "accepted":
        return order
    why = reason_then(record.reason)
    return say("tick.answered", order=order, outcome=record.outcome, why=why)


def fill_words(fill: Fill) -> str:
    """One execution of an entry."""
    return say("tick.filled", size=btc(fill.lots), price=yen(fill.price))


def trade_words(trade: Trade) -> str:
    """How a position, or a part of it, ended."""
    return say(
        "tick.ended" if trade.ends_position else "tick.ended_part",
        why=reason_then(trade.reason),
        price=yen(trade.exit_price),
        net=yen(trade.net_jpy),
    )


def decision_words(report: TickReport) -> str:
    """What was decided and why, in a few words."""
    decision = report.decision
    if decision is None:
        return reason_then(report.reason)
    if decision.action is Action.ENTER:
        return say("tick.enters", side=decision.side or "", edge=_edge(decision))
    if decision.action in {Action.REDUCE, Action.EXIT}:
        return say("tick.exits", action=decision.action, why=reason_then(decision.reason))
    return f"{decision.reason.value.replace('_', ' ')}{_edge(decision)}"


def _edge(decision: Decision) -> str:
    if decision.edge_rate is None:
        return ""
    return say("status.edge", edge=percent(decision.edge_rate, sign=True))


def position_words(report: TickReport) -> str:
    """What is held."""
    if not report.positions:
        return DASH
    held = report.positions[0]
    return f"{held.side} {btc_from_lots(held.lots)}"


def price_words(report: TickReport) -> str:
    """The price of a tick."""
    mark = mark_of(report)
    return DASH if mark is None else yen(mark)


def report_line(report: TickReport) -> str:
    """One plain line of a tick: time, price, equity, position, decision."""
    price = price_words(report)
    equity = yen(report.equity_jpy) if report.equity_jpy is not None else DASH
    return say(
        "tick.line",
        at=jst_text(report.scheduled_at),
        price=price,
        equity=equity,
        position=position_words(report),
        decision=decision_words(report),
    )
