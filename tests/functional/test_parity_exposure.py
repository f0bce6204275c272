"""Days of ticks under the target policy against one replay of the same days, equal to
0.0001 yen.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from shared.core.reasons import Reason
from shared.core.types import TickReport, TickStatus
from shared.replay import Inputs, Replayed, replay
from shared.results.parity import compare_reports, schedule_from
from tests.support import parity_world
from tests.support.parity_world import Story
from tests.support.world import DAY, INTERVAL, World, tick_process, world

TREND = {
    "BOT_PROFILE": "trend",
    "BOT_ACCOUNT": "margin",
    "BOT_SIDES": "both",
    "BOT_RISK__EXPOSURE__VOLATILITY_TARGET": "0.3",
    "BOT_ALERTS": "log",
    "BOT_CAPITAL_JPY": "20000000",
    "BOT_RISK__EXPOSURE__BAND": "0.01",
    "BOT_RISK__EXPOSURE__STOP_RATE": "0.01",
    "BOT_RISK__EXPOSURE__PASSIVE_SECONDS": "700",
    "BOT_RISK__MAX_LATENCY_MS": "60000",
    "BOT_RISK__MAX_LOSSES": "100",
    "BOT_WATCH__LEAST_ROWS": "1000000",
    "BOT_WATCH__MAX_AGE_DAYS": "10000",
    "BOT_WATCH__OVERDUE_DAYS": "10000",
    "BOT_PAPER__VOLUME_SHARE": "0.02",
}
"""Small steps, a near stop and thin volume, so that all of it happens soon.

A busy machine's latency is not the market's; what the watch says of a model of another market and
time is not asked.
"""

HOURS = parity_world.story(
    seed=27, start_at=parity_world.NEW_YEAR - 3 * DAY // 4, days=0.55, missed=5, late=6
)
DAYS = parity_world.story(
    seed=4, start_at=parity_world.NEW_YEAR - DAY // 2, days=2.0, missed=9, late=10
)
FLOORS = {
    "growths": 5,
    "reductions": 1,
    "closings": 1,
    "reversals": 1,
    "resting entries": 5,
    "crossing entries": 2,
    "maker entries": 5,
    "partial fills": 5,
    "settled ticks": 200,
    "status halted": 5,
    "status late": 1,
}
FLOORS_OF_DAYS = {
    "growths": 20,
    "resting entries": 20,
    "crossing entries": 5,
    "exit_stop": 3,
    "settled ticks": 800,
}
"""These days hold the stops, the hours before the rest."""


def counted(reports: list[TickReport]) -> Counter[str]:
    seen = parity_world.counted(reports)
    for report in reports:
        seen["settled ticks"] += (
            report.decision is not None and report.decision.reason == "on_target"
        )
        if report.decision is not None and report.decision.goal is not None:
            told = int(report.decision.context.get("held_lots", 0))
            enters = report.decision.action == "enter"
            seen["growths"] += enters and told != 0
            seen["reductions"] += report.decision.action == "reduce"
            seen["closings"] += report.decision.action == "exit"
            seen["reversals"] += (
                report.decision.action == "exit" and report.decision.goal.lots * told < 0
            )
        for record in report.orders:
            if record.what == "place" and record.intent.is_opening:
                seen["resting entries" if record.intent.post_only else "crossing entries"] += 1
        seen["maker entries"] += sum(
            fill.maker and fill.purpose == "entry" for fill in report.fills
        )
    return seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    story: Story
    reports: list[TickReport]
    inputs: Inputs


def lived_in(scene: World, story: Story, tick) -> Lived:
    reports = parity_world.driven(scene, story, tick)
    inputs = parity_world.inputs(
        scene,
        parity_world.market_of(story),
        schedule=schedule_from(reports, INTERVAL),
        start_at=story.start_at,
        end_at=story.end_at,
        every_tick=True,
    )
    return Lived(story=story, reports=reports, inputs=inputs)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((HOURS, "process"), id="hours"),
        pytest.param((DAYS, "process"), id="days", marks=pytest.mark.full),
        pytest.param((HOURS, "http"), id="http", marks=pytest.mark.full),
    ],
)
def lived(request, tmp_path_factory) -> Iterator[Lived]:
    story, way = request.param
    folder = tmp_path_factory.mktemp("exposure")
    minutes = parity_world.market_of(story)
    with world(folder / "home", now=story.start_at, minutes=minutes, extra=TREND) as scene:
        scene.with_model()
        if way == "process":
            yield lived_in(scene, story, parity_world.in_process(scene))
            return
        with tick_process(scene.environ, log=folder / "log") as (url, _):
            told = lived_in(scene, story, parity_world.by_http(scene, url))
        yield told


@pytest.fixture(scope="module")
def every_tick(lived: Lived) -> Replayed:
    return replay(lived.inputs)


def test_the_days_hold_everything_that_can_happen(lived: Lived) -> None:
    seen = counted(lived.reports)
    floors = FLOORS_OF_DAYS if lived.story is DAYS else FLOORS
    assert {what: seen[what] for what in floors if seen[what] < floors[what]} == {}, seen
    degraded = [report.reason for report in lived.reports if report.status is TickStatus.DEGRADED]
    assert set(degraded) <= {Reason.DATA_STALE}, (
        "no step failed; while the exchange has no candles nobody sees the market"
    )
    assert seen["ticks"] == len(lived.story.deliveries)


def test_the_replay_decides_orders_fills_and_is_worth_the_same_at_every_tick(
    lived: Lived, every_tick: Replayed
) -> None:
    found = compare_reports(lived.reports, every_tick.ticks, schedule=lived.inputs.schedule)
    assert found.differences == (), found.sentence
    assert (found.ticks, found.equal_decisions) == (len(lived.reports), len(lived.reports))
    ticks = {tick.scheduled_at: tick for tick in every_tick.ticks}
    assert all(
        report.equity_jpy == ticks[report.scheduled_at].equity_jpy for report in lived.reports
    )
    fills = [fill for report in lived.reports for fill in report.fills]
    assert list(every_tick.fills[: len(fills)]) == fills, "with their numbers"


def test_the_skipping_replay_does_the_same_as_the_one_that_asks_at_every_tick(
    lived: Lived, every_tick: Replayed
) -> None:
    skipping = replay(replace(lived.inputs, every_tick=False))
    for name in ("fills", "trades", "entries", "end_equity_jpy", "denials", "events"):
        assert getattr(skipping, name) == getattr(every_tick, name), name
    assert np.array_equal(skipping.curve.equity_units, every_tick.curve.equity_units)
    assert skipping.counts["visits"] < every_tick.counts["visits"] / 2, "it skips"


def test_no_tick_leaves_a_position_without_a_stop_for_all_of_it_or_an_entry_behind_it(
    lived: Lived,
) -> None:
    held = 0
    for report in lived.reports:
        for position in report.positions:
            held += 1
            stops = [
                order
                for order in report.resting
                if order.intent.purpose == "stop" and order.intent.side is position.side
            ]
            assert sum(order.remaining_lots for order in stops) >= position.lots, report.tick
        for order in report.resting:
            assert (
                not order.intent.is_opening
                or (order.intent.expires_at or 0) <= report.scheduled_at + 100_000
            )
    assert held >= 100
