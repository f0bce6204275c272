"""The proof: days of real HTTP ticks in a sandbox against one replay of the same days, equal to
0.0001 yen.
"""

from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pytest

from shared.core.reasons import Reason
from shared.core.types import TickReport, TickStatus
from shared.replay import Inputs, Replayed, replay
from shared.results.parity import Cause, compare_reports, schedule_from
from tests.support import parity_world
from tests.support.parity_world import Story
from tests.support.world import DAY, INTERVAL, tick_process, world

HOURS = parity_world.story(
    seed=1, start_at=parity_world.NEW_YEAR - DAY // 2, days=0.75, missed=5, late=6
)
WEEK = parity_world.story(
    seed=1, start_at=parity_world.NEW_YEAR - 7 * DAY // 2, days=7.0, missed=12, late=14
)

FLOORS = {
    "entries": 20,
    "entries long": 5,
    "entries short": 5,
    "exit_stop": 5,
    "exit_target": 5,
    "second attempts": 3,
    "partial fills": 5,
    "status halted": 5,
    "status late": 1,
    "hole": 5,
    "received late": 5,
    "past the deadline": 2,
}
FLOORS_OF_A_WEEK = {
    **FLOORS,
    "entries": 150,
    "entries long": 50,
    "entries short": 50,
    "exit_stop": 50,
    "exit_target": 50,
    "exit_time": 5,
    "second attempts": 20,
    "partial fills": 100,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What the bot did in a story, and what a replay needs to do the same."""

    story: Story
    reports: list[TickReport]
    inputs: Inputs

    @property
    def seen(self) -> Counter[str]:
        return parity_world.counted(self.reports)


def live(story: Story, folder) -> Lived:
    minutes = parity_world.market_of(story)
    with world(
        folder / "home", now=story.start_at, minutes=minutes, extra=parity_world.RESTLESS
    ) as scene:
        with tick_process(scene.with_model().environ, log=folder / "log") as (url, _):
            reports = parity_world.driven(scene, story, parity_world.by_http(scene, url))
        inputs = parity_world.inputs(
            scene,
            minutes,
            schedule=schedule_from(reports, INTERVAL),
            start_at=story.start_at,
            end_at=story.end_at,
            every_tick=True,
        )
    return Lived(story=story, reports=reports, inputs=inputs)


@pytest.fixture(
    scope="module",
    params=[pytest.param(HOURS, id="hours"), pytest.param(WEEK, id="week", marks=pytest.mark.full)],
)
def lived(request, tmp_path_factory) -> Lived:
    return live(request.param, tmp_path_factory.mktemp("parity"))


@pytest.fixture(scope="module")
def every_tick(lived: Lived) -> Replayed:
    return replay(lived.inputs)


@pytest.fixture(scope="module")
def skipping(lived: Lived) -> Replayed:
    return replay(replace(lived.inputs, every_tick=False))


def test_the_stretch_holds_everything_that_can_happen(lived: Lived) -> None:
    seen, story = lived.seen, lived.story
    floors = FLOORS_OF_A_WEEK if story is WEEK else FLOORS
    assert {what: seen[what] for what in floors if seen[what] < floors[what]} == {}
    assert seen["ticks"] == len(story.deliveries)
    assert len(story.missed) >= 5
    opened = lived.inputs.minutes.opened_at
    assert np.diff(opened).max() >= 30 * 60_000, "minutes are missing"
    assert "2027-01-01" in parity_world.midnights(story)
    degraded = [report.reason for report in lived.reports if report.status is TickStatus.DEGRADED]
    assert set(degraded) <= {Reason.DATA_STALE}, (
        "no step failed; while the exchange has no candles nobody sees the market"
    )


def test_the_schedule_is_read_from_the_reports_as_it_was(lived: Lived) -> None:
    told, story = lived.inputs.schedule, lived.story
    assert told.missed == story.missed
    assert told.received_at == story.received_at
    (halt,) = told.halts
    assert 0 <= halt.from_at - story.halt.from_at <= INTERVAL, "the first tick that saw the halt"
    assert halt.until_at is not None
    assert story.halt.until_at is not None
    assert 0 <= halt.until_at - story.halt.until_at <= INTERVAL


def test_the_replay_decides_orders_fills_and_is_worth_the_same_at_every_tick(
    lived: Lived, every_tick: Replayed
) -> None:
    found = compare_reports(lived.reports, every_tick.ticks, schedule=lived.inputs.schedule)
    assert found.differences == (), found.sentence
    assert (found.ticks, found.equal_decisions) == (len(lived.reports), len(lived.reports))
    assert len(found.missed) == len(lived.story.missed)
    ticks = {tick.scheduled_at: tick for tick in every_tick.ticks}
    assert all(
        report.equity_jpy == ticks[report.scheduled_at].equity_jpy for report in lived.reports
    )
    fills = [fill for report in lived.reports for fill in report.fills]
    assert list(every_tick.fills[: len(fills)]) == fills, "with their numbers"
    orders = sum(len(report.orders) for report in lived.reports)
    print(
        f"{found.ticks:,} ticks over HTTP and one replay: {found.equal_decisions:,} decisions"
        f" equal, {orders:,} orders equal, {len(fills):,} fills equal, equity equal at every tick;"
        f" {len(found.differences)} differences"
    )
    assert all(
        fill.at > lived.story.end_at - 2 * 60_000 for fill in every_tick.fills[len(fills) :]
    ), "seen by no tick yet"


def test_the_skipping_replay_does_the_same_as_the_one_that_asks_at_every_tick(
    lived: Lived, every_tick: Replayed, skipping: Replayed
) -> None:
    assert skipping.fills == every_tick.fills
    assert skipping.trades == every_tick.trades
    assert skipping.entries == every_tick.entries
    assert skipping.end_equity_jpy == every_tick.end_equity_jpy
    assert np.array_equal(skipping.curve.at, every_tick.curve.at)
    assert np.array_equal(skipping.curve.equity_units, every_tick.curve.equity_units)
    assert skipping.denials == every_tick.denials
    assert skipping.events == every_tick.events
    assert skipping.counts["visits"] < every_tick.counts["visits"] / 2, "it skips"
    assert skipping.counts["entries"] == lived.seen["entries"]


def test_without_the_ticks_that_were_missed_or_late_the_replay_is_another_one(
    lived: Lived, every_tick: Replayed
) -> None:
    punctual = replay(
        replace(
            lived.inputs,
            schedule=replace(lived.inputs.schedule, missed=frozenset(), received_at={}),
        )
    )
    found = compare_reports(every_tick.ticks, punctual.ticks)
    assert {difference.cause for difference in found.differences} <= {
        Cause.MISSED_TICK,
        Cause.LATE_TICK,
    }
    assert len(found.missed) == len(lived.story.missed)
    assert (
        sum((difference.price_jpy for difference in found.differences), Decimal(0)) == found.gap_jpy
    )


def test_from_15m_candles_alone_the_replay_runs_and_says_how_far_it_is(
    lived: Lived, every_tick: Replayed
) -> None:
    coarse = replay(replace(lived.inputs, minutes=None, every_tick=False))
    assert coarse.trades
    print(
        f"1m: {every_tick.end_equity_jpy:,.0f} yen with {len(every_tick.trades)} trades; from 15m"
        f" alone: {coarse.end_equity_jpy:,.0f} yen with {len(coarse.trades)} trades,"
        f" {coarse.end_equity_jpy - every_tick.end_equity_jpy:+,.0f} yen"
    )


OTHERS = {
    "limits": (
        2,
        {"BOT_RISK__MAX_LOSSES": "2", "BOT_RISK__COOLDOWN_SECONDS": "5400"},
        "deny limit_cooldown",
    ),
    "daily loss": (3, {"BOT_RISK__DAILY_LOSS": "0.006"}, "deny limit_daily_loss"),
    "drawdown": (4, {"BOT_RISK__MAX_DRAWDOWN": "0.012"}, "deny limit_drawdown"),
    "spot": (2, {"BOT_ACCOUNT": "spot", "BOT_SIDES": "long"}, "deny side_not_allowed"),
    "opposite": (
        2,
        {
            "BOT_RISK__EXIT_ON_OPPOSITE": "true",
            "BOT_RISK__STOP_ATR": "3",
            "BOT_RISK__TARGET_ATR": "3",
        },
        "exit_opposite",
    ),
    "Kelly": (
        2,
        {
            "BOT_RISK__KELLY_FRACTION": "0.5",
            "BOT_RISK__MIN_EDGE_RATE": "-0.002",
            "BOT_RISK__STOP_ATR": "2",
            "BOT_RISK__TARGET_ATR": "2",
        },
        "deny size_kelly_zero",
    ),
}


@pytest.mark.full
@pytest.mark.parametrize("name", OTHERS)
def test_a_day_under_other_rules_is_equal_too(name: str, tmp_path) -> None:
    """In process: the same cycle without HTTP.

    A person's resume also takes a drawdown halt back.
    """
    seed, extra, shown = OTHERS[name]
    told = parity_world.story(
        seed=seed, start_at=parity_world.NEW_YEAR - DAY // 2, days=1.0, missed=6, late=8
    )
    minutes = parity_world.market_of(told)
    with world(
        tmp_path / "home",
        now=told.start_at,
        minutes=minutes,
        extra={**parity_world.RESTLESS, **extra},
    ) as scene:
        reports = parity_world.driven(scene.with_model(), told, parity_world.in_process(scene))
        schedule = schedule_from(reports, INTERVAL)
        inputs = parity_world.inputs(
            scene,
            minutes,
            schedule=schedule,
            start_at=told.start_at,
            end_at=told.end_at,
            every_tick=True,
        )
    seen = parity_world.counted(reports)
    assert (seen[shown] >= 2, seen["entries"] >= 3) == (True, True), seen
    asked = replay(inputs)
    found = compare_reports(reports, asked.ticks, schedule=schedule)
    assert found.differences == (), found.sentence
    skipping = replay(replace(inputs, every_tick=False))
    assert (skipping.fills, skipping.trades, skipping.entries) == (
        asked.fills,
        asked.trades,
        asked.entries,
    )
    assert np.array_equal(skipping.curve.equity_units, asked.curve.equity_units)
