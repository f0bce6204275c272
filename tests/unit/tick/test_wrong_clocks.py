"""A machine's clock that is wrong, in one tick or in many: nothing is decided by it, and no time of
the future is kept.
"""

import itertools
import random
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from shared.core import settings as configuration
from shared.core.clock import BoundedClock
from shared.core.errors import BadSettings
from shared.core.types import AccountKind, PolicyName
from shared.tick import cycle
from shared.turn import pipeline
from shared.turn.state import State, impossible_time_issue, trouble
from shared.turn.steps import Steps
from tests.support.clock_stories import HOUR, PROTECT, SKEWS, WAYS, ClockRule, ClockStory
from tests.support.fence_stories import FIRST, LAST, FenceStory
from tests.support.fixed_clock import FixedClock
from tests.support.invariants import InvariantBroken
from tests.support.tick_stories import INTERVAL


@cache
def off_from(policy: str, account: str, *, held: bool) -> tuple[int, int]:
    """A seed and its first tick in which, under a right clock, something is held from before to
    after, or nothing is.
    """
    for seed in range(1, 20):
        story = ClockStory(seed, policy=policy, account=account)
        story.begin()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pipeline, "last_signal", story.script)
            holds = [
                bool(story.tick_with(number, 0).positions) for number in range(FIRST, LAST - 8)
            ]
        for number, both in enumerate(itertools.pairwise(holds), start=FIRST + 1):
            if both == (held, held):
                return seed, number
    raise AssertionError("no path holds for so long")


@pytest.mark.parametrize("skew_ms", SKEWS)
@pytest.mark.parametrize("ticks", [1, 4])
def test_a_wrong_clock_decides_nothing_keeps_no_time_of_the_future_and_leaves_no_trace(
    skew_ms, ticks
) -> None:
    counts: Counter[str] = Counter()
    for policy, account, held in [(*way, held) for way in WAYS for held in (True, False)]:
        seed, first = off_from(policy, account, held=held)
        story = ClockStory(seed, policy=policy, account=account)
        story.begin()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pipeline, "last_signal", story.script)
            for number in range(FIRST, first + ticks + 3):
                off = first <= number < first + ticks
                report = story.tick_with(number, skew_ms if off else 0)
                counts[
                    f"{'off' if off else 'right'} ticks, {policy},"
                    f" {'held' if report.positions else 'nothing held'}"
                ] += 1
                if off:
                    assert (report.status, report.reason, report.decision) == (
                        "degraded",
                        "clock_skew",
                        None,
                    )
                    placed = {
                        order.intent.purpose for order in report.orders if order.what == "place"
                    }
                    assert placed <= PROTECT, report.orders
                else:
                    assert report.status == "done", (number, report.status, report.detail)
                    assert (
                        not report.positions
                        or report.plan is None
                        or report.plan.exit_by > story.clock.now_ms()
                    )
                assert not list(story.future())
            told = story.told()
            counts["clock alerts"] += told["clock"]
            assert 1 <= told["clock"] <= 2, told
            assert told["time_impossible"] == told["late"] == 0, told
    print(skew_ms / 1000, "s in", ticks, "ticks:", dict(counts))
    assert (
        sum(count for name, count in counts.items() if name.startswith("off"))
        == 2 * len(WAYS) * ticks
    ), counts
    for policy, what in itertools.product(("barrier", "target"), ("held", "nothing held")):
        assert counts[f"off ticks, {policy}, {what}"] >= 2, counts


def test_a_tick_killed_under_a_wrong_clock_leaves_nothing_that_the_next_one_stumbles_over(
    full,
) -> None:
    counts: Counter[str] = Counter()
    for seed in range(1, 7 if full else 2):
        for policy, account in WAYS:
            story = ClockStory(seed, policy=policy, account=account)
            counts += story.killed(
                random.Random(f"{seed} {policy} {account}"), most=100 if full else 3
            )
    print(dict(counts))
    assert min(counts["killed with a position"], counts["killed without a position"]) >= 100, counts
    assert (
        min(
            counts["stops sent under a wrong clock"],
            counts["clock alerts"],
            counts["closes: exit_exposure"],
        )
        >= 15
    ), counts
    parts = {
        "documents.create",
        "documents.replace",
        "documents.commit",
        "exchange.reconcile",
        "exchange.submit",
        "channel.deliver",
    }
    assert (
        min(counts[f"killed {when} {part}"] for part in parts for when in ("before", "after")) >= 2
    ), counts


def hasty(state: State, *_: Any, **__: Any) -> tuple[State, tuple[()]]:
    """Whatever is held has been held for long enough."""
    return state if state.plan is None else replace(state, plan=replace(state.plan, exit_by=1)), ()


def nothing(_steps: Steps, turn: Any, *_: Any, **__: Any) -> Any:
    """A step that finds and does nothing."""
    return turn
    yield


PLANTED = {
    "a wrong clock is believed": (ClockRule.NOTHING, BoundedClock, "compare", lambda *_: None),
    "the machine's time is written down": (
        ClockRule.FUTURE,
        BoundedClock,
        "now_ms",
        BoundedClock.own_ms,
    ),
    "a lease without end": (
        ClockRule.AT_ONCE,
        cycle,
        "lease_end",
        lambda _at, now_ms, _settings: now_ms + INTERVAL + 1_000,
    ),
    "nothing is protected": (ClockRule.COVERED, Steps, "protect", nothing),
    "a time exit comes too early": (ClockRule.DUE, State, "believe_times", hasty),
    "a right time is told to be impossible": (
        ClockRule.TOLD,
        State,
        "believe_times",
        lambda state, *_, **__: (state, (impossible_time_issue(state.last_tick, 1),)),
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_bug_of_the_clock_is_found(planted, monkeypatch) -> None:
    rule, whose, name, worse = PLANTED[planted]
    monkeypatch.setattr(whose, name, worse)
    found: set[str] = set()
    for policy, account in WAYS[:3]:
        try:
            ClockStory(1, policy=policy, account=account).killed(
                random.Random(1), most=6, skews=(-24 * HOUR, 24 * HOUR)
            )
        except InvariantBroken as broken:
            found |= {violation.rule for violation in broken.violations}
    assert rule in found, found


def test_what_an_older_version_stored_of_the_future_is_not_believed_and_told_once() -> None:
    story = ClockStory(1, policy=PolicyName.BARRIER, account=AccountKind.MARGIN)
    story.begin()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "last_signal", story.script)
        story.tick_with(FIRST, 0)
        stored = story.documents.get("bots/default")
        ahead = story.clock.now_ms() + 9 * HOUR
        state = {**stored.data["state"], "last_scheduled_at": ahead, "last_finished_at": ahead}
        lease = {"holder": "x", "fence": 7, "expires_at": ahead}
        story.documents.replace(stored, {**stored.data, "state": state, "lease": lease})
        assert trouble(
            State.decode_state(state, story.settings),
            now_ms=story.clock.now_ms(),
            settings=story.settings,
        )
        reports = [story.tick_with(number, 0) for number in range(FIRST + 1, FIRST + 4)]
    assert [report.status for report in reports] == ["done"] * 3
    told = story.told()
    assert told["time_impossible"] == 2


def test_a_row_of_late_ticks_is_an_alert_and_not_healthy() -> None:
    story = FenceStory(1, policy=PolicyName.BARRIER, account=AccountKind.MARGIN)
    story.begin()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "last_signal", story.script)
        reports = [story.tick(number, late_ms=160_000) for number in range(FIRST, FIRST + 3)]
    assert {report.status for report in reports} == {"late"}
    state = State.decode_state(story.documents.get("bots/default").data["state"], story.settings)
    assert "3 ticks in a row came too late" in " ".join(
        trouble(state, now_ms=story.clock.now_ms(), settings=story.settings)
    )
    assert [
        item
        for item in story.documents.query("alerts", limit=99)
        if item.data["alert"]["kind"] == "late"
    ]


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"BOT_TICK__LEASE_SECONDS": "1"}, ("no_new_order_after_seconds", "lease_seconds")),
        (
            {"BOT_TICK__NO_NEW_ORDER_AFTER_SECONDS": "1000"},
            ("no_new_order_after_seconds", "lease_seconds"),
        ),
        ({"BOT_TICK__LEASE_SECONDS": "180"}, ("lease_seconds", "interval_seconds")),
        ({"BOT_TICK__ANSWER_BY_SECONDS": "170"}, ("answer_by_seconds", "lease_seconds")),
        ({"BOT_EXCHANGE__TIMEOUT_SECONDS": "62"}, ("timeout_seconds", "lease_seconds")),
        (
            {"BOT_EXCHANGE__REQUEST_WINDOW_SECONDS": "60", "BOT_EXCHANGE__TIMEOUT_SECONDS": "7"},
            ("request_window_seconds", "lease_seconds"),
        ),
        (
            {"BOT_TICK__ANSWER_BY_SECONDS": "100"},
            ("no_new_order_after_seconds", "answer_by_seconds"),
        ),
    ],
)
def test_times_of_a_tick_that_do_not_fit_together_are_refused_by_both_names(environ, named) -> None:
    with pytest.raises(BadSettings) as found:
        configuration.load_settings(environ)
    assert all(name in str(found.value) for name in named), found.value
    overrides: dict[str, dict[str, float]] = {}
    for variable, value in environ.items():
        level, name = variable.removeprefix("BOT_").lower().split("__")
        overrides.setdefault(level, {})[name] = float(value)
    with pytest.raises(BadSettings):
        configuration.load_settings({}, overrides=overrides)


def test_a_clock_that_is_ahead_says_the_exchanges_time_and_one_that_is_behind_its_own() -> None:
    clock = BoundedClock(FixedClock(1_000_000), allowed_ms=2_000)
    clock.compare(2_000.0)
    assert (clock.off_ms, clock.now_ms()) == (0, 1_000_000)
    clock.compare(9_000.0)
    assert (clock.off_ms, clock.now_ms(), clock.exchange_ms()) == (9_000, 991_000, 991_000)
    clock.compare(-9_000.0)
    assert (clock.off_ms, clock.now_ms(), clock.exchange_ms()) == (-9_000, 1_000_000, 1_009_000)
