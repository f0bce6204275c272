"""The tables of the report as texts: what the template only has to lay out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.output.report.header import ReportHeader
from scripts.output.report.outcome import TickedRun
from scripts.output.report.story import DecisionStory, WhyNot
from shared.core.calendar import jst_text
from shared.core.money import btc_from_lots
from shared.core.reasons import Reason
from shared.core.sentences import reason_then, say
from shared.core.sentences.figures import (
    DASH,
    basis_points,
    jst_minute,
    percent,
    utc_second,
    yen_alone,
)
from shared.core.types import Action, Side, Vote
from shared.results.page.cells import Text, tone
from shared.results.report import headline
from shared.results.report.statistics import statistic_groups
from shared.results.report.tables import DenialRow

NO_DECISION = frozenset({Reason.NOTHING_NEW})


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """One line of the table of decisions."""

    when: Text
    action: Text
    votes: tuple[Text, ...]
    chances: tuple[float, float, float] | None
    edge: Text
    size: str
    stop: str
    target: str
    ended: Text
    profit: Text


def without_luck(values: Mapping[str, Any], run: TickedRun) -> dict[str, Any]:
    """The parts of a replay's page that tell skill from luck, without that: a few days prove
    nothing.
    """
    closed = run.performance.positions.count
    told = say("demo.no_luck", positions=headline.positions_text(closed))
    return {
        "luck": told if closed else values["luck"],
        "cards": headline.cards(run.performance, with_luck=False),
        "statistics": statistic_groups(run.performance, with_luck=False),
    }


def tick_cell(ticks: Mapping[str, int]) -> tuple[str, str]:
    """How many ticks there were, and how they ended."""
    told = " · ".join(f"{count:,d} {status}" for status, count in ticks.items())
    return f"{sum(ticks.values()):,d}", told


def capitals(smallest: Mapping[str, int]) -> list[tuple[str, str]]:
    """Stage and the smallest capital at which it can place one lot."""
    return [(stage, f"{yen_alone(amount)} JPY") for stage, amount in smallest.items()]


def decision_row(story: DecisionStory) -> DecisionRow:
    """One decision as cells."""
    decision, signal = story.decision, story.signal
    entered = decision.action is Action.ENTER
    side = decision.side or Side.LONG
    forecast = None if signal is None else signal.forecast
    asked = decision.lots or (story.orders[0].intent.lots if story.orders else 0)
    return DecisionRow(
        when=Text(text=jst_minute(story.scheduled_at), title=utc_second(story.scheduled_at)),
        action=Text(
            text=(
                say("demo.enter", side=side.value) if entered else say("demo.exit", side=side.value)
            ),
            title=reason_then(decision.reason),
            tone=side.value if entered else "exit",
        ),
        votes=tuple(_vote(vote) for vote in signal.votes) if signal else (),
        chances=(
            None if forecast is None else (forecast.p_lower, forecast.p_neither, forecast.p_upper)
        ),
        edge=Text(
            text=basis_points(decision.edge_rate),
            title=(
                ""
                if decision.cost_rate is None
                else say("demo.costs", costs=basis_points(decision.cost_rate))
            ),
        ),
        size=f"{btc_from_lots(asked)}",
        stop=f"{decision.stop_price:,d}" if decision.stop_price else DASH,
        target=f"{decision.target_price:,d}" if decision.target_price else DASH,
        ended=_outcome_text(story),
        profit=_profit(story),
    )


def _vote(vote: Vote) -> Text:
    sign, name = {1: ("▲", "up"), -1: ("▼", "down"), 0: ("·", "none")}[vote.side]
    return Text(
        text=sign,
        title=say(
            "demo.vote", strategy=vote.strategy, side=name, confidence=f"{vote.confidence:.2f}"
        ),
        tone=name,
    )


def _outcome_text(story: DecisionStory) -> Text:
    sent = story.orders[-1]
    tries = say("demo.attempts", attempts=story.attempts) if story.attempts > 1 else ""
    if not story.filled_lots:
        if sent.reason is not Reason.OK or sent.outcome == "rejected":
            return Text(text=f"{sent.outcome}{tries}", title=reason_then(sent.reason), tone="muted")
        return Text(
            text=say("demo.expired", tries=tries),
            title=say("demo.not_traded_through"),
            tone="muted",
        )
    price = sum(fill.price * fill.lots for fill in story.fills) / story.filled_lots
    part = (
        ""
        if story.filled_lots >= story.decision.lots
        else say("demo.part", size=f"{btc_from_lots(story.filled_lots)}")
    )
    filled = say("demo.filled", price=f"{price:,.0f}", part=part, tries=tries)
    if story.decision.action is not Action.ENTER:
        return Text(text=filled, title=reason_then(story.decision.reason))
    position = story.position
    if position is None or position.closed_at is None:
        return Text(text=say("demo.still_open", filled=filled), title=say("demo.profit_so_far"))
    last = position.trades[-1]
    return Text(
        text=say(
            "demo.ended", filled=filled, why=reason_then(last.reason), price=f"{last.exit_price:,d}"
        ),
        title=say("demo.closed_at", jst=jst_text(last.closed_at), utc=utc_second(last.closed_at)),
    )


def _profit(story: DecisionStory) -> Text:
    position = story.position
    if position is None or story.decision.action is not Action.ENTER:
        return Text(text=DASH)
    if not story.opens_position:
        return Text(
            text=say("demo.with_the_above"),
            title=say("demo.added"),
        )
    if not position.trades:
        return Text(text=say("demo.open"))
    return Text(
        text=yen_alone(position.net_jpy, sign=True),
        title=say(
            "demo.after_costs",
            fees=yen_alone(position.fees_jpy),
            interest=yen_alone(position.interest_jpy),
        ),
        tone=tone(position.net_jpy),
    )


def reason_rows(why: Sequence[WhyNot]) -> list[DenialRow]:
    """The reasons with bars: by candles where a candle was decided, plain ticks after them."""
    longest = max((row.candles for row in why), default=0) or 1
    total = sum(row.candles for row in why) or 1
    return [
        DenialRow(
            code=row.reason.value,
            words=reason_then(row.reason),
            candles=f"{row.candles:,d}" if row.candles else DASH,
            percent=percent(row.candles / total, places=1) if row.candles else DASH,
            share=row.candles / longest,
            ticks=f"{row.ticks:,d}",
            best_edge=basis_points(row.best_edge_rate),
        )
        for row in why
    ]


def order_rows(orders: Mapping[tuple[str, str], int]) -> list[tuple[str, str, str]]:
    """Purpose, outcome and count of all orders and cancels."""
    return [
        (purpose, outcome, f"{count:,d}") for (purpose, outcome), count in sorted(orders.items())
    ]


def why_summary(why: Sequence[WhyNot], header: ReportHeader) -> str:
    """The table of reasons in one or two sentences."""
    decided = [row for row in why if row.candles and row.reason not in NO_DECISION]
    if not decided:
        return ""
    total = sum(row.candles for row in why)
    top = decided[0]
    told = say(
        "demo.left", candles=f"{total:,d}", count=f"{top.candles:,d}", why=reason_then(top.reason)
    )
    below = next((row for row in decided if row.reason is Reason.EDGE_BELOW_COST), None)
    if below is not None and below.best_edge_rate is not None:
        told += say("demo.best_refused", edge=basis_points(below.best_edge_rate))
    if header.market.kind == "generated" and not header.market.edge_bp:
        told += say("demo.nothing_to_learn")
    return told
