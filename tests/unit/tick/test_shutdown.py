"""A process that was asked to end while a tick runs: nothing opens any more, and an entry that
rests is ended at once, with a stop for what was filled of it.
"""

import random
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from functions.shell import is_shutting_down
from shared.core.reasons import Reason
from shared.core.types import OrderKind, TickReport
from tests.support.account_stories import T0, market
from tests.support.live_world import LiveWorld, live_world
from tests.support.tick_stories import INTERVAL, Script

SECONDS = (11, 13, 17, 23, 31, 47, 61, 83)
"""When SIGTERM comes, after a tick's schedule time."""
GRACE_MS = 10_000


@contextmanager
def world_of(account: str) -> Iterator[LiveWorld]:
    minutes = market(random.Random(3), 400, day_off=0.0)
    with live_world(minutes, account=account, script=Script(3)) as world:
        yield world


def tick_until(world: LiveWorld, at: int, shutdown_at: int) -> TickReport:
    """A tick of a process that is asked to end at an instant."""
    ports = replace(world.ports(), shutdown=lambda: world.source.now_ms() >= shutdown_at)
    return world.tick(at, ports=ports)


def live_rows(world: LiveWorld) -> Iterator[dict[str, Any]]:
    truth = world.truth()
    yield from (row for row in truth["orders"] if row["order_id"] in truth["live"])


def records(report: TickReport, what: str) -> list[Any]:
    return [one for one in report.orders if one.what == what and one.intent.is_opening]


@pytest.mark.parametrize("account", ["margin", "spot"])
def test_an_entry_that_rests_is_ended_within_the_grace_and_its_fills_have_a_stop(
    account: str,
) -> None:
    counts: Counter[str] = Counter()
    with world_of(account) as world:
        for number in range(6, 50):
            at = T0 + number * INTERVAL
            shutdown_at = at + SECONDS[number % len(SECONDS)] * 1000
            report = tick_until(world, at, shutdown_at)
            assert report.status.value == "done", report.detail
            entered = any(one.outcome == "accepted" for one in records(report, "place"))
            if not entered:
                continue
            counts["entries"] += 1
            cut = records(report, "cancel")
            if cut and world.source.now_ms() - at < 90_000:
                counts["cut short"] += 1
                assert report.finished_at - shutdown_at < GRACE_MS
            assert not [row for row in live_rows(world) if row["type"] == "limit" and _opens(row)]
            held = sum(one.lots for one in report.positions)
            stops = [one for one in report.resting if one.intent.kind is OrderKind.STOP]
            assert sum(one.remaining_lots for one in stops) == held
            counts["filled"] += held > 0
            counts["cut short and filled"] += held > 0 and bool(cut)
    print(account, dict(counts))
    assert counts["cut short"] >= 4, counts
    assert counts["cut short and filled"] >= 1, counts


def _opens(row: dict[str, Any]) -> bool:
    return (row["side"] == "buy") == (row.get("position_side") != "short")


@pytest.mark.parametrize("account", ["margin", "spot"])
def test_nothing_opens_after_it_and_the_next_tick_may_enter(account: str) -> None:
    with world_of(account) as world:
        numbers = iter(range(6, 60))
        for number in numbers:
            at = T0 + number * INTERVAL
            report = tick_until(world, at, at)
            (refused,) = records(report, "place") or (None,)
            if refused is not None:
                break
        assert refused is not None
        assert (refused.outcome, refused.reason) == ("denied", Reason.DEADLINE_NEAR)
        assert world.sent == []
        after = world.tick(T0 + next(numbers) * INTERVAL)
        assert [one.outcome for one in records(after, "place")] == ["accepted"]


def test_an_entry_is_cancelled_before_the_account_is_read_again() -> None:
    with world_of("margin") as world:
        for number in range(6, 60):
            at = T0 + number * INTERVAL
            world.sandbox.private.log.clear()
            report = tick_until(world, at, at + 13_000)
            if records(report, "cancel"):
                break
        asked = [(one.at, one.endpoint) for one in world.sandbox.private.log]
        first = next(name for when, name in asked if when >= at + 13_000)
        assert first == "cancel_order", asked


@pytest.mark.parametrize("account", ["margin", "spot"])
def test_an_entry_that_nobody_has_seen_yet_is_ended_at_the_first_look(account: str) -> None:
    cut = 0
    with world_of(account) as world:
        log = world.sandbox.private.log
        for number in range(6, 30):
            at = T0 + number * INTERVAL
            log.clear()
            ports = replace(
                world.ports(), shutdown=lambda: any(one.endpoint == "order" for one in log)
            )
            report = world.tick(at, ports=ports)
            if records(report, "cancel"):
                cut += 1
                assert report.finished_at - at < 15_000, "the candle is final after ten seconds"
            assert not [row for row in live_rows(world) if row["type"] == "limit" and _opens(row)]
    assert cut >= 3


def test_a_cancel_that_fails_is_tried_again_within_the_grace() -> None:
    took = []
    with world_of("margin") as world:
        for number in range(6, 40):
            at = T0 + number * INTERVAL
            world.fault("http-500", endpoint="cancel_order", times=3, before=True)
            report = tick_until(world, at, at + 13_000)
            if world.sandbox.faults.fire_count("http-500") == 3 * (len(took) + 1):
                took.append(report.finished_at - at - 13_000)
            else:
                world.sandbox.faults.clear()
            if len(took) == 3:
                break
            assert not [row for row in live_rows(world) if row["type"] == "limit" and _opens(row)]
    assert len(took) == 3
    assert max(took) < 4_000, took


def test_the_servers_own_worker_says_that_it_ends_and_any_other_handler_says_nothing() -> None:
    worker = _Worker()
    before = signal.signal(signal.SIGTERM, worker.handle_exit)
    try:
        assert is_shutting_down() is False
        worker.handle_exit(signal.SIGTERM, None)
        assert is_shutting_down() is True
        for other in (signal.SIG_DFL, signal.SIG_IGN, lambda *_: None):
            signal.signal(signal.SIGTERM, other)
            assert is_shutting_down() is False
        signal.signal(signal.SIGTERM, SimpleNamespace(handle=worker.other).handle)
        assert is_shutting_down() is False
    finally:
        signal.signal(signal.SIGTERM, before)


class _Worker:
    """A server's worker as far as it tells that it ends."""

    def __init__(self) -> None:
        self.alive = True

    def handle_exit(self, number: int, frame: object) -> None:
        del number, frame
        self.alive = False

    @staticmethod
    def other(number: int, frame: object) -> None:
        del number, frame
