"""How commands say what a bot holds."""

from collections.abc import Sequence

from shared.core.calendar import jst_text
from shared.core.money import btc_from_lots
from shared.core.sentences.figures import yen
from shared.core.types import Order, Position, PositionPlan, Purpose, TickReport


def holdings_lines(report: TickReport) -> list[str]:
    """Equity, positions with stop and target, and resting orders, one line each."""
    lines = []
    if report.equity_jpy is not None:
        mark = f", BTC at {yen(report.mark_price)}" if report.mark_price is not None else ""
        lines.append(f"equity    {yen(report.equity_jpy)}{mark}")
    lines += [
        position_line(position, report.resting, report.plan) for position in report.positions
    ] or ["position  none"]
    lines += [f"resting   {order_words(order)}" for order in report.resting]
    return lines


def position_line(position: Position, resting: Sequence[Order], plan: PositionPlan | None) -> str:
    """A position, and whether a stop really rests for all of it."""
    size = (
        f"{position.side} {btc_from_lots(position.lots)} BTC from {yen(position.average_price)}"
        f" since {jst_text(position.opened_at)}"
    )
    stops = [
        order
        for order in resting
        if order.intent.purpose is Purpose.STOP and order.intent.side is position.side
    ]
    guarded = sum(order.remaining_lots for order in stops) >= position.lots
    prices = ", ".join(yen(order.intent.trigger_price or 0) for order in stops)
    stop = f"stop {prices}" if guarded else "NO FULL STOP"
    rest = (
        f", target {yen(plan.target_price)}, ends by {jst_text(plan.exit_by)}"
        if plan is not None
        else ""
    )
    return f"position  {size}, {stop}{rest}"


def order_words(order: Order) -> str:
    """An order that rests."""
    intent = order.intent
    price = intent.price if intent.price is not None else intent.trigger_price
    at = f" at {yen(price)}" if price is not None else ""
    size = f"{btc_from_lots(order.remaining_lots)} BTC"
    return (
        f"{intent.purpose} {intent.kind} {intent.side} {size}{at} since {jst_text(order.placed_at)}"
    )


def model_line(model: str | None) -> str:
    """Which model decides."""
    return (
        f"model     {model}"
        if model
        else "model     none: what is held is managed, nothing is entered"
    )
