"""A machine's clock that is wrong, in one tick or in many: nothing is decided by it, and no time of the future is kept."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from shared import pipeline
from shared import settings as configuration
from shared.clock import BoundedClock, FixedClock
from shared.cycle import run_tick
from shared.errors import BadSettings
from shared.request import TickRequest
from shared.state import State, trouble
from shared.types import Purpose, TickReport
from tests.account_stories import T0
from tests.fence_stories import FIRST, FenceStory
from tests.tick_stories import INTERVAL, ArrayFeed

HOUR = 3_600_000
SKEWS = (-24 * HOUR, -9 * HOUR, -600_000, -61_000, -3_000, 3_000, 61_000, 600_000, 9 * HOUR, 24 * HOUR)
OFF = range(FIRST + 6, FIRST + 10)


class Wrong:
    """A clock that is off."""

    def __init__(self, true: FixedClock, skew_ms: int) -> None:
        self.true, self.skew_ms = true, skew_ms

    def now_ms(self) -> int:
        return self.true.now_ms() + self.skew_ms

    def sleep_until(self, at_ms: int) -> None:
        self.true.sleep_until(at_ms - self.skew_ms)


class Seen(ArrayFeed):
    """The exchange under its own, true clock; its answers tell how far ours is off."""

    def __init__(self, minutes: Any, true: FixedClock, skew_ms: int) -> None:
        super().__init__(minutes)
        self.true, self.skew_ms = true, skew_ms

    def clock_skew_ms(self, *, deadline: float) -> float | None:
        return float(self.skew_ms)

    def fetch(self, now_ms: int, **more: Any) -> Any:
        return replace(super().fetch(self.true.now_ms(), **more), clock_skew_ms=float(self.skew_ms))


class ClockStory(FenceStory):
    """Ticks whose machine's clock is wrong for a while."""

    def tick_with(self, number: int, skew_ms: int) -> TickReport:
        at = T0 + number * INTERVAL
        self.clock.sleep_until(at)
        clock = Wrong(self.clock, skew_ms)
        ports = replace(self.ports(), clock=clock, feed=Seen(self.minutes, self.clock, skew_ms))
        scheduled_at = clock.now_ms()  # a scheduler on the same machine
        request = TickRequest.scheduled(scheduled_at, received_at=clock.now_ms())
        return run_tick(ports, self.settings, request)

    def future(self) -> Iterator[str]:
        """Every stored time that lies beyond the allowed skew, but for what is planned: a time exit, an order's end."""
        latest = self.clock.now_ms() + 2_000
        for path, text in self.stored().items():
            for name, value in _numbers(json.loads(text), path):
                if name.endswith(("exit_by", "cooldown_until")):
                    continue
                planned_ms = INTERVAL if name.endswith("expires_at") else 0  # of claims and orders
                if 10**12 < value < 10**14 and value > latest + planned_ms:
                    yield f"{name} is {(value - latest) / 1000:.0f} s ahead"


def _numbers(data: Any, name: str) -> Iterator[tuple[str, float]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _numbers(value, f"{name}.{key}")
    elif isinstance(data, list):
        for value in data:
            yield from _numbers(value, name)
    elif isinstance(data, int | float) and not isinstance(data, bool):
        yield name, data


@pytest.mark.parametrize("skew_ms", SKEWS)
@pytest.mark.parametrize("ticks", [1, 4])
def test_a_wrong_clock_decides_nothing_keeps_no_time_of_the_future_and_leaves_no_trace(skew_ms, ticks) -> None:
    counts: Counter[str] = Counter()
    for account in ("margin", "spot"):
        story = ClockStory(1, policy="barrier", account=account)
        story.begin()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pipeline, "last_signal", story.script)
            for number in range(FIRST, FIRST + 16):
                off = number in OFF[:ticks]
                report = story.tick_with(number, skew_ms if off else 0)
                counts[f"{'off' if off else 'right'} ticks with{'' if report.positions else 'out'} a position"] += 1
                if off:
                    assert (report.status, report.reason, report.decision) == ("degraded", "clock_skew", None)
                    assert not [order for order in report.orders if order.intent.purpose is not Purpose.STOP]
                else:
                    assert report.status == "done", (number, report.status, report.detail)
                    assert not report.positions or report.plan is None or report.plan.exit_by > story.clock.now_ms()
                assert not list(story.future())
            told = Counter(item.data["alert"]["kind"] for item in story.documents.query("alerts", limit=1000))
            counts["clock alerts"] += told["clock"]
            assert 1 <= told["clock"] <= 2, told
            assert told["time_impossible"] == told["late"] == 0, told
    print(skew_ms / 1000, "s in", ticks, "ticks:", dict(counts))
    assert counts["off ticks without a position"] + counts["off ticks with a position"] == 2 * ticks


def test_what_an_older_version_stored_of_the_future_is_not_believed_and_told_once() -> None:
    story = ClockStory(1, policy="barrier", account="margin")
    story.begin()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "last_signal", story.script)
        story.tick_with(FIRST, 0)
        stored = story.documents.get("bots/default")
        ahead = story.clock.now_ms() + 9 * HOUR
        state = {**stored.data["state"], "last_scheduled_at": ahead, "last_finished_at": ahead}
        lease = {"holder": "x", "fence": 7, "expires_at": ahead}
        story.documents.replace(stored, {**stored.data, "state": state, "lease": lease})
        assert trouble(State.stored(state, story.settings), now_ms=story.clock.now_ms(), settings=story.settings)
        reports = [story.tick_with(number, 0) for number in range(FIRST + 1, FIRST + 4)]
    assert [report.status for report in reports] == ["done"] * 3
    told = Counter(item.data["alert"]["kind"] for item in story.documents.query("alerts", limit=1000))
    assert told["time_impossible"] == 2


def test_a_row_of_late_ticks_is_an_alert_and_not_healthy() -> None:
    story = FenceStory(1, policy="barrier", account="margin")
    story.begin()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "last_signal", story.script)
        reports = [story.tick(number, late_ms=160_000) for number in range(FIRST, FIRST + 3)]
    assert {report.status for report in reports} == {"late"}
    state = State.stored(story.documents.get("bots/default").data["state"], story.settings)
    assert "3 ticks in a row came too late" in " ".join(trouble(state, now_ms=story.clock.now_ms(), settings=story.settings))
    assert [item for item in story.documents.query("alerts", limit=99) if item.data["alert"]["kind"] == "late"]


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"BOT_TICK__LEASE_SECONDS": "1"}, ("no_new_order_after_seconds", "lease_seconds")),
        ({"BOT_TICK__NO_NEW_ORDER_AFTER_SECONDS": "1000"}, ("no_new_order_after_seconds", "lease_seconds")),
        ({"BOT_TICK__LEASE_SECONDS": "180"}, ("lease_seconds", "interval_seconds")),
        ({"BOT_TICK__ANSWER_BY_SECONDS": "170"}, ("answer_by_seconds", "lease_seconds")),
        ({"BOT_EXCHANGE__TIMEOUT_SECONDS": "62"}, ("timeout_seconds", "lease_seconds")),
        ({"BOT_EXCHANGE__REQUEST_WINDOW_SECONDS": "61"}, ("request_window_seconds", "lease_seconds")),
        ({"BOT_TICK__ANSWER_BY_SECONDS": "100"}, ("no_new_order_after_seconds", "answer_by_seconds")),
    ],
)
def test_times_of_a_tick_that_do_not_fit_together_are_refused_by_both_names(environ, named) -> None:
    with pytest.raises(BadSettings) as found:
        configuration.load(environ)
    assert all(name in str(found.value) for name in named), found.value
    level, name = next(iter(environ)).removeprefix("BOT_").lower().split("__")
    with pytest.raises(BadSettings):
        configuration.load({}, overrides={level: {name: float(next(iter(environ.values())))}})


def test_a_clock_that_is_ahead_says_the_exchanges_time_and_one_that_is_behind_its_own() -> None:
    clock = BoundedClock(FixedClock(1_000_000), allowed_ms=2_000)
    clock.compare(2_000.0)
    assert (clock.off_ms, clock.now_ms()) == (0, 1_000_000)
    clock.compare(9_000.0)
    assert (clock.off_ms, clock.now_ms(), clock.exchange_ms()) == (9_000, 991_000, 991_000)
    clock.compare(-9_000.0)
    assert (clock.off_ms, clock.now_ms(), clock.exchange_ms()) == (-9_000, 1_000_000, 1_009_000)
