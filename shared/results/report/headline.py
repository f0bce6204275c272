"""The headline: the result in two sentences, and the key figures beside what doing nothing would
have earned.
"""

from collections.abc import Sequence

from shared.core.calendar import DAY_MS
from shared.core.sentences import say
from shared.core.sentences.figures import DASH, decimals, fall_percent, length, percent, yen_alone
from shared.replay.types import Entered
from shared.results.page.cells import Card, tone
from shared.results.performance import Performance, Sampled

CONVINCING = 0.95
A_YEAR_IS_KNOWN_FROM = 0.5
"""Years: a shorter period says nothing of a whole one."""


def verdict(performance: Performance, entries: Sequence[Entered] = ()) -> tuple[str, str]:
    """What came of it beside buy and hold, and whether it can be luck.

    `entries`: those that were placed.
    """
    total, hold = performance.returns.total, performance.hold.returns.total
    days = (performance.end_at - performance.start_at) / DAY_MS
    earned = say("headline.earned", days=f"{days:,.0f}", total=_went(total), hold=_went(hold))
    return earned, _luck(performance, entries)


def _went(total: float) -> str:
    if round(total, 4) == 0:
        return say("headline.stayed")
    share = percent(abs(total))
    return say("headline.gained", share=share) if total > 0 else say("headline.lost", share=share)


def entries_words(entries: Sequence[Entered]) -> str:
    """How many entries were placed and what came of them: `539 placed, none filled`."""
    filled = sum(one.filled_lots > 0 for one in entries)
    whole = sum(one.filled_lots >= one.lots for one in entries)
    if not entries:
        return say("headline.none_placed")
    if not filled:
        return say("headline.none_filled", placed=f"{len(entries):,d}")
    part = say("headline.in_part", part=f"{filled - whole:,d}") if filled > whole else ""
    return say(
        "headline.filled",
        placed=f"{len(entries):,d}",
        filled=f"{filled:,d}",
        part=part,
        unfilled=f"{len(entries) - filled:,d}",
    )


def _luck(performance: Performance, entries: Sequence[Entered]) -> str:
    told, count = performance.significance, performance.positions.count
    if count == 0:
        return say("headline.nothing_to_judge", entries=entries_words(entries))
    tried = (
        say("headline.variants", trials=f"{told.trials:,d}")
        if told.trials > 1
        else say("headline.no_variant")
    )
    basis = say("headline.basis", positions=positions_text(count), tried=tried)
    if told.deflated is None:
        return say("headline.too_little", basis=basis)
    if performance.returns.total <= 0:
        return say("headline.no_edge", basis=basis)
    beyond = say("headline.beyond_luck") if told.trials > 1 else ""
    chance = say("headline.chance", beyond=beyond, chance=percent(told.deflated, places=1))
    return (
        say("headline.likely", basis=basis, chance=chance)
        if told.deflated >= CONVINCING
        else say("headline.unlikely", basis=basis, chance=chance)
    )


def positions_text(count: int) -> str:
    """`1 position`, `33 positions`."""
    return (
        say("headline.one_position")
        if count == 1
        else say("headline.positions", count=f"{count:,d}")
    )


def cards(performance: Performance, *, with_luck: bool = True) -> list[Card]:
    """The key figures; `with_luck`: also those that tell skill from luck."""
    luck = [_sharpe(performance), _probability(performance)] if with_luck else []
    return [
        _net(performance),
        _hold(performance),
        _drawdown(performance),
        *luck,
        _positions(performance),
        _costs(performance),
        _exposure(performance),
    ]


def _net(performance: Performance) -> Card:
    change = performance.end_equity_jpy - performance.start_equity_jpy
    short = performance.returns.annual is None or performance.years < A_YEAR_IS_KNOWN_FROM
    yearly = (
        ""
        if short
        else say("headline.a_year", total=percent(performance.returns.annual, sign=True))
    )
    return Card(
        name=say("headline.name.net"),
        value=percent(performance.returns.total, sign=True),
        note=say(
            "headline.note.net",
            change=yen_alone(change, sign=True),
            start=yen_alone(performance.start_equity_jpy),
            end=yen_alone(performance.end_equity_jpy),
            yearly=yearly,
        ),
        tone=tone(round(performance.returns.total, 4)),
    )


def _hold(performance: Performance) -> Card:
    hold = performance.hold
    return Card(
        name=say("headline.name.hold"),
        value=percent(hold.returns.total, sign=True),
        note=say(
            "headline.note.hold",
            excess=percent(hold.excess, sign=True),
            drawdown=fall_percent(hold.drawdown.max_share),
        ),
        tone=tone(round(hold.returns.total, 4)),
    )


def _drawdown(performance: Performance) -> Card:
    falls = performance.drawdown
    longest = (
        say("headline.longest", length=length(falls.longest.length_ms))
        if falls.longest
        else say("headline.never_fell")
    )
    return Card(
        name=say("headline.name.drawdown"),
        value=fall_percent(falls.max_share),
        note=say("headline.note.drawdown", longest=longest, calmar=decimals(falls.calmar)),
    )


def interval(sampled: Sampled | None) -> str:
    """An interval as `−0.31 to 1.20`; a dash where there is none."""
    return (
        DASH
        if sampled is None
        else say("headline.interval", low=decimals(sampled.low), high=decimals(sampled.high))
    )


def _sharpe(performance: Performance) -> Card:
    sampled = performance.significance.bootstrap
    return Card(
        name=say("headline.name.sharpe"),
        value=decimals(performance.returns.sharpe),
        note=say(
            "headline.note.sharpe",
            level=f"{sampled.level:.0%}",
            interval=interval(sampled.sharpe),
            sortino=decimals(performance.returns.sortino),
        ),
    )


def _probability(performance: Performance) -> Card:
    told = performance.significance
    trials = (
        say("headline.one_trial")
        if told.trials == 1
        else say("headline.trials", trials=f"{told.trials:,d}")
    )
    return Card(
        name=say("headline.name.deflated"),
        value=percent(told.deflated, places=1),
        note=say(
            "headline.note.deflated",
            trials=trials,
            above_zero=percent(told.above_zero, places=1),
        ),
    )


def _positions(performance: Performance) -> Card:
    held = performance.positions
    return Card(
        name=say("headline.name.win_rate"),
        value=percent(held.win_rate, places=1),
        note=say(
            "headline.note.win_rate",
            wins=f"{held.wins:,d}",
            positions=positions_text(held.count),
            profit_factor=decimals(held.profit_factor),
            expectancy=yen_alone(held.expectancy_jpy, sign=True),
        ),
    )


def _costs(performance: Performance) -> Card:
    costs = performance.costs
    return Card(
        name=say("headline.name.costs"),
        value=f"{yen_alone(costs.total_jpy)} JPY",
        note=say(
            "headline.note.costs",
            fees=yen_alone(costs.fees_jpy),
            slippage=yen_alone(costs.slippage_jpy),
            interest=yen_alone(costs.interest_jpy),
        ),
    )


def _exposure(performance: Performance) -> Card:
    exposure = performance.exposure
    return Card(
        name=say("headline.name.exposure"),
        value=percent(exposure.held_share, places=1),
        note=say(
            "headline.note.exposure",
            long=percent(exposure.long_share, places=1),
            short=percent(exposure.short_share, places=1),
            turnover=decimals(exposure.turnover, places=1),
        ),
    )
