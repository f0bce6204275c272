"""The tables of the report as texts: what the template only has to lay out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from scripts.output.report.figures import Figures
from scripts.output.report.header import ReportHeader
from scripts.output.report.story import DecisionStory, WhyNot
from scripts.output.report.words import jst, percent, reason_words, utc, yen
from shared.core.money import btc_from_lots
from shared.core.reasons import Reason
from shared.core.types import Action, Side, Vote
from shared.results.report.cells import Card, Text, basis_points, tone

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRow:
    """One line of the table of why nothing was entered; `share` in [0, 1] of the longest bar."""

    code: str
    words: str
    candles: str
    ticks: str
    best_edge: str
    share: float


def cards(figures: Figures) -> list[Card]:
    """The key figures."""
    hold = figures.buy_and_hold
    trips = figures.round_trips
    still = (
        f"{yen(figures.open_jpy, sign=True)} JPY still open"
        if figures.open_positions
        else "nothing left open"
    )
    costs = figures.fees_jpy + figures.interest_jpy + figures.slippage_jpy
    return [
        Card(
            name="Equity",
            value=f"{yen(figures.end_equity_jpy)} JPY",
            note=f"from {yen(figures.start_equity_jpy)} JPY",
        ),
        Card(
            name="Profit after costs",
            value=f"{yen(figures.profit_jpy, sign=True)} JPY",
            note=f"{percent(figures.profit_rate, sign=True)}; {still}",
            tone=tone(round(figures.profit_jpy)),
        ),
        Card(
            name="Buy and hold",
            value="–" if hold is None else percent(hold, sign=True),
            note="the same capital in bitcoin, without costs",
            tone="" if hold is None else tone(round(hold, 4)),
        ),
        Card(
            name="Max drawdown",
            value=percent(-figures.max_drawdown if figures.max_drawdown else 0.0),
            note="from the highest equity so far",
        ),
        Card(
            name="Round trips",
            value=str(trips),
            note=(
                f"{figures.wins} won ({percent(figures.wins / trips, places=0)})"
                if trips
                else "no position was closed"
            ),
        ),
        Card(
            name="Costs paid",
            value=f"{yen(costs)} JPY",
            note=(
                f"fees {yen(figures.fees_jpy)} · interest {yen(figures.interest_jpy)} · slippage"
                f" {yen(figures.slippage_jpy)}"
            ),
        ),
        Card(
            name="Ticks",
            value=f"{sum(figures.ticks.values()):,d}",
            note=" · ".join(f"{count:,d} {status}" for status, count in figures.ticks.items()),
        ),
    ]


def capitals(smallest: Mapping[str, int]) -> list[tuple[str, str]]:
    """Stage and the smallest capital at which it can place one lot."""
    return [(stage, f"{yen(amount)} JPY") for stage, amount in smallest.items()]


def decision_row(story: DecisionStory) -> DecisionRow:
    """One decision as cells."""
    decision, signal = story.decision, story.signal
    entered = decision.action is Action.ENTER
    side = decision.side or Side.LONG
    forecast = None if signal is None else signal.forecast
    asked = decision.lots or (story.orders[0].intent.lots if story.orders else 0)
    return DecisionRow(
        when=Text(text=jst(story.scheduled_at), title=utc(story.scheduled_at)),
        action=Text(
            text=f"{'enter' if entered else 'exit'} {side.value}",
            title=reason_words(decision.reason),
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
                else f"expected costs {basis_points(decision.cost_rate)}"
            ),
        ),
        size=f"{btc_from_lots(asked)}",
        stop=f"{decision.stop_price:,d}" if decision.stop_price else "–",
        target=f"{decision.target_price:,d}" if decision.target_price else "–",
        ended=_ended(story),
        profit=_profit(story),
    )


def _vote(vote: Vote) -> Text:
    sign, name = {1: ("▲", "up"), -1: ("▼", "down"), 0: ("·", "none")}[vote.side]
    return Text(
        text=sign, title=f"{vote.strategy}: {name}, confidence {vote.confidence:.2f}", tone=name
    )


def _ended(story: DecisionStory) -> Text:
    sent = story.orders[-1]
    tries = f", {story.attempts} attempts" if story.attempts > 1 else ""
    if not story.filled_lots:
        if sent.reason is not Reason.OK or sent.outcome == "rejected":
            return Text(
                text=f"{sent.outcome}{tries}", title=reason_words(sent.reason), tone="muted"
            )
        return Text(
            text=f"not filled, expired{tries}",
            title="the price did not trade through the order",
            tone="muted",
        )
    price = sum(fill.price * fill.lots for fill in story.fills) / story.filled_lots
    part = (
        ""
        if story.filled_lots >= story.decision.lots
        else f" ({btc_from_lots(story.filled_lots)} of it)"
    )
    filled = f"filled at {price:,.0f}{part}{tries}"
    if story.decision.action is not Action.ENTER:
        return Text(text=filled, title=reason_words(story.decision.reason))
    position = story.episode
    if position is None or not position.ended:
        return Text(text=f"{filled}; still open", title="its profit so far is in the equity")
    last = position.trades[-1]
    return Text(
        text=f"{filled}; {reason_words(last.reason)} at {last.exit_price:,d}",
        title=f"closed {jst(last.closed_at, seconds=True)} JST ({utc(last.closed_at)})",
    )


def _profit(story: DecisionStory) -> Text:
    position = story.episode
    if position is None or story.decision.action is not Action.ENTER:
        return Text(text="–")
    if not story.opens_episode:
        return Text(
            text="with the above",
            title="this order added to the position that an earlier one had opened",
        )
    if not position.trades:
        return Text(text="open")
    fees = sum((trade.fees_jpy for trade in position.trades), Decimal(0))
    interest = sum((trade.interest_jpy for trade in position.trades), Decimal(0))
    return Text(
        text=yen(position.net_jpy, sign=True),
        title=f"after fees {yen(fees)} and interest {yen(interest)}",
        tone=tone(position.net_jpy),
    )


def reason_rows(why: Sequence[WhyNot]) -> list[ReasonRow]:
    """The reasons with bars: by candles where a candle was decided, plain ticks after them."""
    longest = max((row.candles for row in why), default=0) or 1
    return [
        ReasonRow(
            code=row.reason.value,
            words=reason_words(row.reason),
            candles=f"{row.candles:,d}" if row.candles else "–",
            ticks=f"{row.ticks:,d}",
            best_edge=basis_points(row.best_edge_rate),
            share=row.candles / longest,
        )
        for row in why
    ]


def order_rows(figures: Figures) -> list[tuple[str, str, str]]:
    """Purpose, outcome and count of all orders and cancels."""
    return [
        (purpose, outcome, f"{count:,d}")
        for (purpose, outcome), count in sorted(figures.orders.items())
    ]


def why_summary(why: Sequence[WhyNot], header: ReportHeader) -> str:
    """The table of reasons in one or two sentences."""
    decided = [row for row in why if row.candles and row.reason not in NO_DECISION]
    if not decided:
        return ""
    total = sum(row.candles for row in why)
    top = decided[0]
    told = (
        f"Of {total:,d} candles without an entry, {top.candles:,d} were left because"
        f" {reason_words(top.reason)}."
    )
    below = next((row for row in decided if row.reason is Reason.EDGE_BELOW_COST), None)
    if below is not None and below.best_edge_rate is not None:
        told += (
            f" The best refused edge was {basis_points(below.best_edge_rate)} a trade after costs."
        )
    if header.market.kind == "generated" and not header.market.edge_bp:
        told += (
            " The prices hold nothing to learn, so a model that tells the truth finds no trade"
            " worth its costs."
        )
    return told
