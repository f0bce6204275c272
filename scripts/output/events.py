"""One tick in words: what happened, for the live table and for plain lines."""

from scripts.output.report.outcome import mark_of
from shared.core.calendar import jst_text
from shared.core.money import btc_from_lots
from shared.core.reasons import Reason
from shared.core.sentences import reason_then
from shared.core.sentences.figures import percent, yen
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


def happened(report: TickReport, *, before: TickReport | None) -> list[str]:
    """Orders, fills, ends of trades and troubles of one tick; nothing for a quiet one.

    A trouble that the tick `before` had as well is not told again.
    """
    told = []
    lasts = before is not None and (before.status, before.reason) == (report.status, report.reason)
    if report.status not in {TickStatus.DONE, TickStatus.HALTED} and not lasts:
        told.append(f"{report.status}: {report.detail or reason_then(report.reason)}")
    told += [fill_words(fill) for fill in report.fills if fill.purpose is Purpose.ENTRY]
    told += [trade_words(trade) for trade in report.trades]
    told += [order_words(record) for record in report.orders if record.what != "cancel"]
    return told


def order_words(record: OrderRecord) -> str:
    """One order that was sent, and its answer."""
    intent = record.intent
    price = intent.price or intent.trigger_price
    told = f"{intent.purpose} {intent.side} {btc_from_lots(intent.lots)} BTC"
    told += f" at {yen(price)}" if price else " at the market"
    if intent.opens and intent.stop_price and intent.target_price:
        told += f", stop {yen(intent.stop_price)}, target {yen(intent.target_price)}"
    if record.outcome == "accepted":
        return told
    return f"{told}: {record.outcome} ({reason_then(record.reason)})"


def fill_words(fill: Fill) -> str:
    """One execution of an entry."""
    return f"filled {btc_from_lots(fill.lots)} BTC at {yen(fill.price)}"


def trade_words(trade: Trade) -> str:
    """How a position, or a part of it, ended."""
    part = "" if trade.ends_position else " (a part)"
    return f"{reason_then(trade.reason)} at {yen(trade.exit_price)}{part}: {yen(trade.net_jpy)}"


def decision_words(report: TickReport) -> str:
    """What was decided and why, in a few words."""
    decision = report.decision
    if decision is None:
        return reason_then(report.reason)
    if decision.action is Action.ENTER:
        return f"enter {decision.side}{_edge(decision)}"
    if decision.action in {Action.REDUCE, Action.EXIT}:
        return f"{decision.action}: {reason_then(decision.reason)}"
    return f"{decision.reason.value.replace('_', ' ')}{_edge(decision)}"


def _edge(decision: Decision) -> str:
    return "" if decision.edge_rate is None else f" (edge {percent(decision.edge_rate, sign=True)})"


def position_words(report: TickReport) -> str:
    """What is held."""
    if not report.positions:
        return "–"
    held = report.positions[0]
    return f"{held.side} {btc_from_lots(held.lots)}"


def price_words(report: TickReport) -> str:
    """The price of a tick."""
    mark = mark_of(report)
    return "–" if mark is None else yen(mark)


def line(report: TickReport) -> str:
    """One plain line of a tick: time, price, equity, position, decision."""
    price = price_words(report)
    equity = yen(report.equity_jpy) if report.equity_jpy is not None else "–"
    return (
        f"{jst_text(report.scheduled_at)}  BTC {price}  equity {equity}  {position_words(report)} "
        f" {decision_words(report)}"
    )
