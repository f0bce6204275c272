"""The cycle with real parts in one process: sandbox over HTTP, SQLite, a trained bundle, a stepped
clock.
"""

from collections import Counter
from dataclasses import replace

import msgspec
import pytest

from functions import wiring
from shared.core.reasons import Reason
from shared.core.types import Action, Purpose, TickStatus
from shared.tick.cycle import run_tick
from shared.tick.documents import BotDocuments
from shared.tick.request import TickRequest
from tests.support import world as worlds
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, World, world

NOW = START + HISTORY_DAYS * DAY


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def run(scene: World, count: int, *, start: int = NOW, ports=None) -> list:
    ports = ports or scene.ports()
    return [scene.tick(start + index * INTERVAL, ports) for index in range(count)]


def test_two_days_of_ticks_enter_protect_and_close_by_every_way(home) -> None:
    with world(home) as scene:
        reports = run(scene.with_model(), 600)
    reasons = Counter(trade.reason for report in reports for trade in report.trades)
    entered = [
        report for report in reports if report.decision and report.decision.action is Action.ENTER
    ]
    assert {report.status for report in reports} == {TickStatus.DONE}
    assert len(entered) >= 5
    assert reasons[Reason.EXIT_TARGET] >= 2
    assert reasons[Reason.EXIT_STOP] >= 1
    assert sum(len(report.fills) for report in reports) >= 8
    held = [report for report in reports if report.positions]
    assert len(held) >= 200
    for report in held:
        stops = sum(
            order.remaining_lots for order in report.resting if order.intent.purpose is Purpose.STOP
        )
        assert stops >= sum(position.lots for position in report.positions), report.tick
    sequences = [trade.sequence for report in reports for trade in report.trades]
    assert sequences == sorted(set(sequences)), "each trade is told exactly once"
    told = [fill.sequence for report in reports for fill in report.fills]
    assert told == sorted(set(told)), "each fill is told exactly once"


def test_a_candle_leads_to_one_signal_and_at_most_two_entry_attempts(home) -> None:
    with world(home) as scene:
        reports = run(scene.with_model(), 300)
    attempts = Counter(
        report.decision.as_of
        for report in reports
        for order in report.orders
        if order.intent.is_opening and order.what == "place" and report.decision
    )
    assert len(attempts) >= 2
    assert max(attempts.values()) <= 2


def test_a_duplicate_answers_with_the_stored_report(home) -> None:
    with world(home) as scene:
        scene.with_model()
        first = scene.tick(NOW)
        again = scene.tick(NOW)
    assert again.status is TickStatus.DUPLICATE
    assert replace(again, status=first.status, timings_ms={}, counts={}) == replace(
        first, timings_ms={}, counts={}
    )


def test_a_live_lease_makes_the_next_tick_busy_and_leaves_it_for_a_redelivery(home) -> None:
    with world(home) as scene:
        scene.with_model()
        ports = scene.ports()
        lease = BotDocuments(ports.documents, "default").take_lease(now_ms=NOW, lease_ms=170_000)
        assert lease is not None
        assert scene.tick(NOW, ports).status is TickStatus.BUSY
        scene.time.advance_to(NOW + 181_000)
        request = TickRequest(tick=worlds.name(NOW), scheduled_at=NOW, received_at=NOW + 181_000)
        again = run_tick(ports, scene.settings, request)
        assert (again.status, again.decision) == (
            TickStatus.LATE,
            None,
        ), "it is its own tick, and too late for its work"
        assert scene.tick(NOW + 2 * INTERVAL, ports).status is TickStatus.DONE


def test_whoever_lost_the_lease_saves_nothing(home) -> None:
    with world(home) as scene:
        scene.with_model()
        ports = scene.ports()
        bot = BotDocuments(ports.documents, "default")
        slow = bot.take_lease(now_ms=NOW, lease_ms=1_000)
        claim = bot.claim("slow", now_ms=NOW, lease_ms=1_000).document
        assert bot.take_lease(now_ms=NOW + 2_000, lease_ms=170_000) is not None
        with pytest.raises(Exception, match="another tick wrote meanwhile"):
            bot.save(slow, state={}, claim=claim, report={"x": 1})
        assert ports.documents.get("ticks/default~slow").data["report"] is None


def test_an_older_tick_than_the_newest_finished_one_is_late_and_only_protects(home) -> None:
    with world(home) as scene:
        scene.with_model()
        ports = scene.ports()
        scene.tick(NOW + INTERVAL, ports)
        request = TickRequest(tick="old", scheduled_at=NOW, received_at=NOW + INTERVAL + 1000)
        report = run_tick(ports, scene.settings, request)
    assert report.status is TickStatus.LATE
    assert report.decision is None
    assert report.counts["requests"] <= 1


def test_a_halt_forbids_entries_until_a_person_resumes(home) -> None:
    with world(home) as scene:
        scene.with_model()
        ports = scene.ports()
        bot = BotDocuments(ports.documents, "default")
        halt = bot.halt(who="test", why="a look around", now_ms=NOW)
        halted = run(scene, 40, ports=ports)
        assert {report.status for report in halted} == {TickStatus.HALTED}
        assert not [order for report in halted for order in report.orders]
        at = NOW + 40 * INTERVAL
        bot.resume(halts=[halt.id], drawdown=0, who="test", why="go on", now_ms=at)
        resumed = run(scene, 240, start=at, ports=ports)
    assert sum(order.intent.is_opening for report in resumed for order in report.orders) >= 1


def test_a_drawdown_halt_stays_until_a_person_resumes_and_then_counts_from_the_present_equity(
    home,
) -> None:
    with world(
        home,
        extra={
            "BOT_RISK__MAX_DRAWDOWN": "0.001",
            "BOT_RISK__MIN_EDGE_RATE": "-1",
            "BOT_PROFILE": "loose",
        },
    ) as scene:
        scene.with_model()
        ports = scene.ports()
        reports = run(scene, 300, ports=ports)
        assert reports[-1].status is TickStatus.HALTED
        assert reports[-1].reason is Reason.LIMIT_DRAWDOWN
        bot = BotDocuments(ports.documents, "default")
        at = NOW + 300 * INTERVAL
        began = ports.documents.get("bots/default").data["state"]["halted_at"]
        bot.resume(halts=[], drawdown=began, who="test", why="seen", now_ms=at)
        assert scene.tick(at + INTERVAL, ports).status is TickStatus.DONE


def test_without_a_model_nothing_is_entered_and_the_report_says_so(home) -> None:
    with world(home) as scene:
        reports = run(scene, 30)
    reasons = {report.decision.reason for report in reports if report.decision}
    assert Reason.MODEL_MISSING in reasons | {
        issue.reason for report in reports for issue in report.issues
    }
    assert not [order for report in reports for order in report.orders]


def test_a_quiet_tick_stays_inside_its_budget(home) -> None:
    with world(home) as scene:
        reports = run(scene.with_model(), 130)
    quiet = [
        report
        for report in reports[1:]
        if not report.orders and not report.fills and not report.trades and not report.alerts
    ]
    assert len(quiet) >= 80
    assert max(report.counts["reads"] for report in quiet) <= 10
    assert max(report.counts["writes"] for report in quiet) <= 6
    without_candle = [report for report in quiet if report.scheduled_at % 900_000]
    assert max(report.counts["requests"] for report in without_candle) <= 5


def test_a_dry_run_decides_like_a_tick_and_writes_nothing(home) -> None:
    with world(home) as scene:
        scene.with_model()
        stored = wiring.documents_for(scene.settings)
        dry = wiring.ports(scene.settings, scene.environ, dry_run=True)
        written = dry.documents.writes
        asked = scene.tick(NOW, dry)
        assert dry.documents.writes - written >= 5, "to the copy"
        assert stored.get("bots/default") is None
        assert stored.query("ticks") == []
        assert stored.query("paper") == []
        real = scene.tick(NOW)
    assert (asked.counts["writes"], asked.counts["reads"]) == (0, real.counts["reads"])
    assert real.counts["writes"] == dry.documents.writes - written
    assert asked.decision == real.decision
    assert [order.intent for order in asked.orders] == [order.intent for order in real.orders]


def test_the_fiftieth_tick_of_a_warm_process_equals_the_same_tick_in_a_fresh_one(tmp_path) -> None:
    told = []
    for which in ("warm", "fresh"):
        with world(tmp_path / which) as scene:
            scene.with_model()
            run(scene, 49, ports=scene.ports())
            ports = scene.ports()
            if which == "warm":
                ports = scene.ports()
                scene.tick(NOW + 48 * INTERVAL, ports)
            report = scene.tick(NOW + 49 * INTERVAL, ports)
            told.append(replace(report, timings_ms={}, counts={}))
    assert told[0] == told[1]


def test_a_stored_state_that_is_damaged_is_named_and_nothing_is_overwritten(home) -> None:
    with world(home) as scene:
        scene.with_model()
        ports = scene.ports()
        scene.tick(NOW, ports)
        stored = ports.documents.get("bots/default")
        ports.documents.replace(stored, {**stored.data, "state": {"mode": 7}})
        report = scene.tick(NOW + INTERVAL, ports)
        assert report.status is TickStatus.DEGRADED
        assert "the stored state of bot 'default' is damaged" in report.detail
        assert ports.documents.get("bots/default").data["state"] == {"mode": 7}


def test_a_position_whose_state_was_lost_gets_its_plan_from_the_intent(home) -> None:
    with world(home) as scene:
        scene.with_model()
        ports = scene.ports()
        reports = run(scene, 2, ports=ports)
        assert reports[-1].positions
        stored = ports.documents.get("bots/default")
        state = {**stored.data["state"], "plan": None}
        ports.documents.replace(stored, {**stored.data, "state": state})
        intent = ports.documents.query("intents")[0]
        ports.documents.replace(intent, {**intent.data, "open_for": "default"})
        report = scene.tick(NOW + 2 * INTERVAL, ports)
    assert report.plan is not None
    assert report.plan == msgspec.convert(msgspec.to_builtins(reports[-1].plan), type(report.plan))
