"""The headline: the result in two sentences, and the key figures beside what doing nothing would
have earned.
"""

from collections.abc import Sequence

from shared.core.calendar import DAY_MS
from shared.core.sentences.figures import DASH, decimals, fall_percent, length, percent, yen_alone
from shared.replay.types import Entered
from shared.results.page.cells import Card, tone
from shared.results.performance import Performance, Sampled

CONVINCING = 0.95
A_YEAR_IS_KNOWN_FROM = 0.5
"""Years: a shorter period says nothing of a whole one."""
_SHARPE, _DEFLATED = "Sharpe, a year", "Deflated Sharpe"
LUCK_CARDS = frozenset({_SHARPE, _DEFLATED})
"""The cards that tell skill from luck, by name."""


def verdict(performance: Performance, entries: Sequence[Entered] = ()) -> tuple[str, str]:
    """What came of it beside buy and hold, and whether it can be luck.

    `entries`: those that were placed.
    """
    total, hold = performance.returns.total, performance.hold.returns.total
    days = (performance.end_at - performance.start_at) / DAY_MS
    earned = (
        f"In {days:,.0f} days the account {_went(total)} after all costs; buying and holding"
        f" {_went(hold)}."
    )
    return earned, _luck(performance, entries)


def _went(total: float) -> str:
    if round(total, 4) == 0:
        return "stayed where it was"
    return f"{'gained' if total > 0 else 'lost'} {percent(abs(total))}"


def entries_words(entries: Sequence[Entered]) -> str:
    """How many entries were placed and what came of them: `539 placed, none filled`."""
    filled = sum(one.filled_lots > 0 for one in entries)
    whole = sum(one.filled_lots >= one.lots for one in entries)
    if not entries:
        return "none placed"
    if not filled:
        return (
            f"{len(entries):,d} placed, none filled: the price did not trade through their limits"
            " while they rested"
        )
    part = f", {filled - whole:,d} of them in part" if filled > whole else ""
    return (
        f"{len(entries):,d} placed, {filled:,d} filled{part}, {len(entries) - filled:,d} not filled"
    )


def _luck(performance: Performance, entries: Sequence[Entered]) -> str:
    told, count = performance.significance, performance.positions.count
    if count == 0:
        return (
            "No position was closed, so there is nothing to judge. Entries:"
            f" {entries_words(entries)}."
        )
    tried = (
        f"{told.trials:,d} variants were tried"
        if told.trials > 1
        else "no other variant is known to have been tried"
    )
    basis = f"{counted(count)} closed; {tried}."
    if told.deflated is None:
        return f"{basis} Too little to tell skill from luck."
    if performance.returns.total <= 0:
        return f"{basis} Nothing here speaks for an edge."
    beyond = ", beyond the best of that many tries by luck," if told.trials > 1 else ""
    chance = f"The probability of an edge{beyond} is {percent(told.deflated, places=1)}"
    return (
        f"{basis} {chance}."
        if told.deflated >= CONVINCING
        else f"{basis} {chance}: do not rely on it."
    )


def counted(count: int) -> str:
    """`1 position`, `33 positions`."""
    return "1 position" if count == 1 else f"{count:,d} positions"


def cards(performance: Performance) -> list[Card]:
    """The key figures."""
    return [
        _net(performance),
        _hold(performance),
        _drawdown(performance),
        _sharpe(performance),
        _probability(performance),
        _positions(performance),
        _costs(performance),
        _exposure(performance),
    ]


def _net(performance: Performance) -> Card:
    change = performance.end_equity_jpy - performance.start_equity_jpy
    short = performance.returns.annual is None or performance.years < A_YEAR_IS_KNOWN_FROM
    yearly = "" if short else f" · {percent(performance.returns.annual, sign=True)} a year"
    return Card(
        name="Net return",
        value=percent(performance.returns.total, sign=True),
        note=(
            f"{yen_alone(change, sign=True)} JPY, from {yen_alone(performance.start_equity_jpy)} "
            f"to {yen_alone(performance.end_equity_jpy)}{yearly}"
        ),
        tone=tone(round(performance.returns.total, 4)),
    )


def _hold(performance: Performance) -> Card:
    hold = performance.hold
    return Card(
        name="Buy and hold",
        value=percent(hold.returns.total, sign=True),
        note=(
            f"the bot's return less this: {percent(hold.excess, sign=True)} "
            f"· drawdown {fall_percent(hold.drawdown.max_share)}"
        ),
        tone=tone(round(hold.returns.total, 4)),
    )


def _drawdown(performance: Performance) -> Card:
    falls = performance.drawdown
    longest = (
        f"longest {length(falls.longest.length_ms)} below a peak"
        if falls.longest
        else "equity never fell"
    )
    return Card(
        name="Max drawdown",
        value=fall_percent(falls.max_share),
        note=f"{longest} · Calmar {decimals(falls.calmar)}",
    )


def interval(sampled: Sampled | None) -> str:
    """An interval as `−0.31 to 1.20`; a dash where there is none."""
    return DASH if sampled is None else f"{decimals(sampled.low)} to {decimals(sampled.high)}"


def _sharpe(performance: Performance) -> Card:
    sampled = performance.significance.bootstrap
    return Card(
        name=_SHARPE,
        value=decimals(performance.returns.sharpe),
        note=(
            f"{sampled.level:.0%} interval {interval(sampled.sharpe)} · Sortino"
            f" {decimals(performance.returns.sortino)}"
        ),
    )


def _probability(performance: Performance) -> Card:
    told = performance.significance
    trials = "1 trial" if told.trials == 1 else f"{told.trials:,d} trials"
    return Card(
        name=_DEFLATED,
        value=percent(told.deflated, places=1),
        note=(
            f"probability of an edge after {trials} · probabilistic Sharpe (above zero)"
            f" {percent(told.above_zero, places=1)}"
        ),
    )


def _positions(performance: Performance) -> Card:
    held = performance.positions
    return Card(
        name="Win rate",
        value=percent(held.win_rate, places=1),
        note=(
            f"{held.wins:,d} of {counted(held.count)} · profit factor"
            f" {decimals(held.profit_factor)} · expectancy"
            f" {yen_alone(held.expectancy_jpy, sign=True)} JPY"
        ),
    )


def _costs(performance: Performance) -> Card:
    costs = performance.costs
    return Card(
        name="Costs",
        value=f"{yen_alone(costs.total_jpy)} JPY",
        note=(
            f"fees {yen_alone(costs.fees_jpy)} · slippage {yen_alone(costs.slippage_jpy)} ·"
            f" interest {yen_alone(costs.interest_jpy)}"
        ),
    )


def _exposure(performance: Performance) -> Card:
    exposure = performance.exposure
    return Card(
        name="Time in the market",
        value=percent(exposure.held_share, places=1),
        note=(
            f"long {percent(exposure.long_share, places=1)} · short"
            f" {percent(exposure.short_share, places=1)} · turnover"
            f" {decimals(exposure.turnover, places=1)} × equity"
        ),
    )
