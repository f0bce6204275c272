"""How commands say what a bot holds."""

from collections.abc import Sequence

from shared.core.calendar import jst_text
from shared.core.sentences import say
from shared.core.sentences.figures import btc, yen
from shared.core.types import Order, Position, PositionPlan, Purpose, TickReport


def holdings_lines(report: TickReport) -> list[str]:
    """Equity, positions with stop and target, and resting orders, one line each."""
    lines = []
    if report.equity_jpy is not None and report.mark_price is not None:
        equity, price = yen(report.equity_jpy), yen(report.mark_price)
        lines.append(say("status.equity_at", equity=equity, price=price))
    elif report.equity_jpy is not None:
        lines.append(say("status.equity", equity=yen(report.equity_jpy)))
    lines += [
        position_line(position, report.resting, report.plan) for position in report.positions
    ] or [say("status.no_position")]
    lines += [order_line(order) for order in report.resting]
    return lines


def position_line(position: Position, resting: Sequence[Order], plan: PositionPlan | None) -> str:
    """A position, and whether a stop really rests for all of it."""
    stops = [
        order
        for order in resting
        if order.intent.purpose is Purpose.STOP and order.intent.side is position.side
    ]
    guarded = sum(order.remaining_lots for order in stops) >= position.lots
    prices = ", ".join(yen(order.intent.trigger_price or 0) for order in stops)
    plan_words = (
        ""
        if plan is None
        else say("status.plan", target=yen(plan.target_price), end=jst_text(plan.exit_by))
    )
    return say(
        "status.position",
        side=position.side,
        size=btc(position.lots),
        price=yen(position.average_price),
        at=jst_text(position.opened_at),
        guard=say("status.stop", prices=prices) if guarded else say("status.no_full_stop"),
        plan=plan_words,
    )


def order_line(order: Order) -> str:
    """An order that rests."""
    intent = order.intent
    price = intent.price if intent.price is not None else intent.trigger_price
    return say(
        "status.resting",
        purpose=intent.purpose,
        kind=intent.kind,
        side=intent.side,
        size=btc(order.remaining_lots),
        price="" if price is None else say("status.at_price", price=yen(price)),
        at=jst_text(order.placed_at),
    )


def model_line(model: str | None) -> str:
    """Which model decides."""
    return say("status.model", model=model or say("status.no_model"))
