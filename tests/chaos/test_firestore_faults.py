"""Ticks on a real Firestore emulator while the way to it breaks, hangs or drags, at every call:
each ends by its deadline and says why, and the next one works in the same process.
"""

import random
import time
from dataclasses import dataclass

import pytest

from shared.core.deadline import Deadline
from shared.core.errors import Unavailable
from shared.core.types import TickStatus
from shared.stores.google import firestore
from shared.tick.cycle import run_tick
from shared.tick.request import TickRequest
from tests.support.emulators import fresh_project
from tests.support.faulty_way import Fault, FaultyWay
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, World, name, world

NOW = START + HISTORY_DAYS * DAY
ANSWER_BY = 4.0
SLOWER = 2.0
"""What a busy machine needs besides: nothing of the tick's waits is in it."""

SHORT = {
    "BOT_TICK__ANSWER_BY_SECONDS": str(ANSWER_BY),
    "BOT_TICK__NO_NEW_ORDER_AFTER_SECONDS": "3.5",
    "BOT_TICK__SETTLE_SECONDS": "1",
    "BOT_ALERTS": "log",
    "BOT_RISK__MAX_LATENCY_MS": "60000",
}


@dataclass
class Scene:
    world: World
    ports: object
    way: FaultyWay
    ticks: int = 0
    calls: int = 0

    def tick(self, seconds=ANSWER_BY):
        """The next tick: its report or its error, and what it took."""
        at = NOW + self.ticks * INTERVAL
        self.ticks += 1
        self.world.time.advance_to(at)
        request = TickRequest(tick=name(at), scheduled_at=at, received_at=at)
        began = time.monotonic()
        try:
            settings = self.world.settings
            told = run_tick(self.ports, settings, request, deadline=Deadline.after(seconds))
        except Unavailable as error:
            told = error
        return told, time.monotonic() - began


@pytest.fixture
def scene(tmp_path, firestore_address, monkeypatch):
    monkeypatch.setattr(firestore, "CALL_SECONDS", 1.0)
    with FaultyWay(firestore_address) as way:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", way.address)
        extra = {**SHORT, "BOT_STATE": f"firestore://{fresh_project()}/(default)"}
        with world(tmp_path / "home", extra=extra) as made:
            made.with_model()
            ports = made.ports()
            scene = Scene(made, ports, way)
            for _ in range(2):
                told, _ = scene.tick(seconds=60.0)
                assert told.status is TickStatus.DONE
            way.calls = 0
            told, _ = scene.tick(seconds=60.0)
            assert told.status is TickStatus.DONE
            scene.calls = way.calls
            yield scene
            ports.documents.close()


def says_why(told) -> bool:
    found = str(told) if isinstance(told, Unavailable) else f"{told.status} {told.detail}"
    return "Google gave no answer" in found or "no time was left" in found


def some(calls: int, full: bool, count: int) -> list[int]:
    return (
        list(range(1, calls + 1))
        if full
        else random.Random(count).sample(range(1, calls + 1), count)
    )


@pytest.mark.parametrize("fault", [Fault.STOPPED, Fault.HANGING])
def test_at_any_call_a_tick_ends_by_its_deadline_says_why_and_the_next_one_works(
    scene, fault, full
) -> None:
    calls = scene.calls
    assert calls >= 8, "a tick asks the store so often"
    failed = undone = 0
    for call in some(calls, full, 3):
        connections = scene.way.connections
        scene.way.break_at(call, fault)
        told, took = scene.tick()
        assert took < ANSWER_BY + SLOWER, (call, told)
        if scene.way.calls < call:
            continue  # not every tick asks as often as that with a new candle
        assert says_why(told), (call, told)
        failed += 1
        undone += isinstance(told, Unavailable)
        scene.way.mend()
        after, took = scene.tick(seconds=60.0)
        assert after.status is TickStatus.DONE, (call, after.detail)
        assert scene.way.connections > connections, "another connection than the broken one"
    assert failed >= (calls - 2 if full else 2)
    assert undone >= failed - 1, "without its store a tick saves nothing"


def test_a_connection_that_hangs_is_replaced_and_the_tick_is_done_all_the_same(scene, full) -> None:
    done = 0
    for call in some(scene.calls, full, 2):
        connections = scene.way.connections
        scene.way.break_at(call, Fault.STUCK)
        told, _ = scene.tick(seconds=60.0)
        assert told.status is TickStatus.DONE, (call, told)
        is_reached = scene.way.calls >= call
        assert (scene.way.connections > connections) is is_reached
        scene.way.mend()
        done += is_reached
    assert done >= (scene.calls - 2 if full else 1)


def test_an_answer_that_is_lost_at_any_call_changes_nothing_of_the_tick(scene, full) -> None:
    done = 0
    for call in some(scene.calls, full, 3):
        scene.way.break_at(call, Fault.DEAF)
        told, _ = scene.tick(seconds=60.0)
        assert told.status is TickStatus.DONE, (call, told)
        done += scene.way.calls >= call
    stored = scene.ports.documents.query("ticks")
    assert [item.data["report"]["status"] for item in stored] == ["done"] * scene.ticks
    assert done >= (scene.calls - 2 if full else 2)


def test_a_slow_way_is_waited_for_as_long_as_the_deadline_allows(scene) -> None:
    scene.way.delay_seconds = 0.05
    told, _ = scene.tick(seconds=60.0)
    assert told.status is TickStatus.DONE
    scene.way.delay_seconds = 0.7
    told, took = scene.tick()
    assert took < ANSWER_BY + SLOWER
    assert says_why(told), told
    scene.way.mend()
    assert scene.tick(seconds=60.0)[0].status is TickStatus.DONE
