"""What a person lets close is closed: within one tick, whatever halts the bot and whatever cannot
be read, once, and until it is taken back.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from scripts.cli import main
from shared.core.errors import Unavailable
from shared.core.reasons import Reason
from shared.core.types import Action, OrderKind, Purpose, TickStatus
from shared.replay import replay
from shared.results.parity import compare_reports, schedule_from
from shared.tick.commands import order_flatten
from shared.tick.cycle import run_tick
from shared.tick.documents import BotDocuments
from shared.tick.request import TickRequest
from tests.functional.test_parity_exposure import TREND
from tests.functional.test_tick_trouble import Changed, changed, entered, raising
from tests.support import parity_world
from tests.support.account_stories import T0, market
from tests.support.live_world import LiveWorld, live_world
from tests.support.tick_stories import INTERVAL as STEP
from tests.support.tick_stories import Script
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, World, world

NOW = START + HISTORY_DAYS * DAY
ASKED = {"who": "ann", "why": "a holiday"}
Say = Callable[..., str]
SEED = {"margin": 7, "spot": 7}
"""Paths on which the first position lives longer than the tick that sees it."""


@pytest.fixture
def scene(tmp_path) -> Iterator[World]:
    with world(tmp_path / "home") as made:
        yield made.with_model()


@pytest.fixture
def say(scene, monkeypatch, capsys) -> Say:
    def run(*words: str, expects: int = 0) -> str:
        for name, value in scene.environ.items():
            monkeypatch.setenv(name, value)
        code = main([*words])
        printed = capsys.readouterr()
        assert code == expects, printed
        return printed.out

    return run


def drawn_down(ports: Any) -> None:
    state = ports.documents.get("bots/default").data["state"]
    changed(ports, "bots/default", state={**state, "halted_at": NOW + 1})


@pytest.mark.parametrize("halted", ["not at all", "by a person", "by its drawdown"])
def test_the_command_closes_all_at_once_whatever_halts_the_bot(scene, say, halted) -> None:
    ports, _ = entered(scene)
    if halted == "by a person":
        say("halt", "--why", "a look")
    elif halted == "by its drawdown":
        drawn_down(ports)
    scene.time.advance_to(NOW + INTERVAL + 60_000)
    told = json.loads(say("flatten", "--why", "a holiday", "--json"))
    assert told["flat"] is True
    assert told["tick"]["decision"]["reason"] == "exit_flatten"
    assert [trade["reason"] for trade in told["tick"]["trades"]] == ["exit_flatten"]
    assert told["tick"]["positions"] == told["tick"]["resting"] == []
    assert "CLOSES" in say("status")
    audits = [one.data["what"] for one in ports.documents.query("audit")]
    assert {"flatten": told["flatten"]["id"]} in audits
    kinds = [one.path for one in ports.documents.query("alerts") if ":audit:flatten:" in one.path]
    assert len(kinds) == 1


def test_it_holds_until_a_person_resumes_and_nothing_is_entered_meanwhile(scene, say) -> None:
    ports, _ = entered(scene)
    scene.time.advance_to(NOW + INTERVAL + 60_000)
    assert "Nothing is held." in say("flatten", "--why", "a holiday")
    reports = [scene.tick(NOW + number * INTERVAL, ports) for number in range(2, 40)]
    assert all(report.status is TickStatus.HALTED for report in reports if report.decision)
    assert not any(report.orders or report.positions for report in reports)
    assert "Nothing is held." in say("flatten", "--why", "once more")
    assert (
        len([one for one in ports.documents.query("audit") if "flatten" in one.data["what"]]) == 1
    )
    say("resume", "--why", "back")
    control = ports.documents.get("control/default").data
    assert (control["halt"], control["flatten"]) == (None, None)
    later = [scene.tick(NOW + number * INTERVAL, ports) for number in range(40, 240)]
    assert any(report.positions for report in later)


def test_a_market_that_cannot_be_read_keeps_nothing_from_closing(scene) -> None:
    ports, _ = entered(scene)
    blind = replace(ports, feed=Changed(ports.feed, fetch=raising(Unavailable("nobody answers"))))
    order_flatten(scene_bot(scene, ports), **ASKED, now_ms=NOW + INTERVAL + 1)
    report = scene.tick(NOW + 2 * INTERVAL, blind)
    assert report.status is TickStatus.DEGRADED
    assert report.decision.reason is Reason.EXIT_FLATTEN
    assert [record.intent.purpose for record in report.orders if record.what == "place"] == [
        Purpose.CLOSE
    ]
    assert not report.positions


def scene_bot(scene: World, ports: Any) -> Any:
    return BotDocuments(ports.documents, scene.settings.id)


@pytest.mark.parametrize("damage", ["late", "no signal", "state"])
def test_neither_lateness_nor_a_lost_signal_nor_a_damaged_state_keeps_it_from_closing(
    scene, damage
) -> None:
    ports, _ = entered(scene)
    order_flatten(scene_bot(scene, ports), **ASKED, now_ms=NOW + INTERVAL + 1)
    state = ports.documents.get("bots/default").data["state"]
    if damage == "state":
        changed(ports, "bots/default", state={**state, "limits": "none"})
    elif damage == "no signal":
        changed(ports, "bots/default", state={**state, "signal": None})
    at = NOW + 2 * INTERVAL
    late_ms = 200_000 if damage == "late" else 0
    scene.time.advance_to(at + late_ms)
    request = TickRequest(tick=f"t{at}", scheduled_at=at, received_at=at + late_ms)
    report = run_tick(ports, scene.settings, request)
    assert not report.positions
    assert report.decision.reason is Reason.EXIT_FLATTEN
    wanted = {"late": TickStatus.LATE, "state": TickStatus.DEGRADED}
    assert report.status is wanted.get(damage, TickStatus.HALTED)


@pytest.fixture(params=["margin", "spot"])
def live(request) -> Iterator[LiveWorld]:
    minutes = market(random.Random(SEED[request.param]), 400, day_off=0.0)
    with live_world(minutes, account=request.param, script=Script(3)) as made:
        yield made


def held(live: LiveWorld) -> int:
    """Ticks until something is held; the number of the next tick."""
    for number in range(1, 60):
        if live.tick(T0 + number * STEP).positions:
            return number + 1
    raise AssertionError("the seeded market fills an entry")


def test_a_real_account_is_closed_within_one_tick_and_stays_flat(live) -> None:
    number = held(live)
    order_flatten(live.bot, **ASKED, now_ms=live.clock.now_ms())
    report = live.tick(T0 + number * STEP)
    assert report.decision.action is Action.EXIT
    assert [trade.reason for trade in report.trades] == [Reason.EXIT_FLATTEN]
    after = [live.tick(T0 + later * STEP) for later in range(number + 1, number + 12)]
    assert not any(one.positions or one.resting or one.orders for one in after)
    assert not live.truth().get("resting", [])


def test_where_market_orders_are_forbidden_it_crosses_by_a_limit_and_tries_every_tick(live) -> None:
    number = held(live)
    order_flatten(live.bot, **ASKED, now_ms=live.clock.now_ms())
    feed = live.feed

    class NoMarketOrders:
        def __getattr__(self, name: str) -> Any:
            return getattr(feed, name)

        def fetch(self, now_ms: int, **more: Any) -> Any:
            found = feed.fetch(now_ms, **more)
            return replace(found, rules=replace(found.rules, market_orders=False))

    ports = live.ports(feed=NoMarketOrders())
    report = live.tick(T0 + number * STEP, ports=ports)
    closes = [one.intent for one in report.orders if one.intent.purpose is Purpose.CLOSE]
    assert [intent.kind for intent in closes] == [OrderKind.LIMIT]
    assert not live.tick(T0 + (number + 1) * STEP).positions


def test_where_the_exchange_takes_no_order_every_tick_tries_again_until_it_does(live) -> None:
    number = held(live)
    order_flatten(live.bot, **ASKED, now_ms=live.clock.now_ms())
    feed = live.feed

    class Suspended:
        def __getattr__(self, name: str) -> Any:
            return getattr(feed, name)

        def fetch(self, now_ms: int, **more: Any) -> Any:
            found = feed.fetch(now_ms, **more)
            return replace(found, rules=replace(found.rules, status="HALT"))

    tried = 0
    for later in range(number, number + 3):
        report = live.tick(T0 + later * STEP, ports=live.ports(feed=Suspended()))
        if live.settings.account.has_locks and not report.positions:
            return  # there its first position lives for two ticks
        assert report.decision.reason is Reason.EXIT_FLATTEN
        tried += 1
    assert tried == 3
    assert not live.tick(T0 + (number + 3) * STEP).positions


FLAT_DAY = parity_world.story(
    seed=5, start_at=parity_world.NEW_YEAR - DAY // 8, days=0.6, missed=4, late=4
)


@pytest.mark.parametrize("extra", [parity_world.RESTLESS, TREND], ids=["barrier", "target"])
def test_a_replay_of_the_same_ticks_closes_what_the_tick_closed(tmp_path, extra) -> None:
    minutes = parity_world.market_of(FLAT_DAY)
    with world(tmp_path / "home", now=FLAT_DAY.start_at, minutes=minutes, extra=extra) as made:
        scene = made.with_model()
        tick, bot = parity_world.in_process(scene), scene_bot(scene, scene.ports())
        flattened, resumed_at = 0, 0
        for received_at, scheduled_at in FLAT_DAY.deliveries:
            scene.time.advance_to(received_at)
            if resumed_at and received_at >= resumed_at:
                standing = bot.control().halts["control/default"]
                bot.resume(halts=[standing.id], drawdown=0, **ASKED, now_ms=received_at)
                resumed_at = 0
            report = tick(scheduled_at, received_at)
            if report.positions and flattened < 3 and scheduled_at % 7 == 0 and not resumed_at:
                order_flatten(bot, **ASKED, now_ms=received_at)
                flattened, resumed_at = flattened + 1, received_at + 90 * 60_000
        reports = parity_world.stored(scene)
        schedule = schedule_from(reports, INTERVAL)
        inputs = parity_world.inputs(
            scene,
            minutes,
            schedule=schedule,
            start_at=reports[0].scheduled_at,
            end_at=reports[-1].scheduled_at,
            every_tick=True,
        )
        every_tick = replay(inputs)
        skipping = replay(replace(inputs, every_tick=False))
    closed = [one for report in reports for one in report.trades if one.reason == "exit_flatten"]
    assert len([halt for halt in schedule.halts if halt.flattens]) == flattened >= 2
    assert len(closed) >= 2
    found = compare_reports(reports, every_tick.ticks, schedule=schedule)
    assert found.differences == (), found.sentence
    for name in ("fills", "trades", "entries", "end_equity_jpy", "denials", "events"):
        assert getattr(skipping, name) == getattr(every_tick, name), name
    assert skipping.counts["visits"] < every_tick.counts["visits"]
