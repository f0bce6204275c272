"""Every step of a tick breaks in turn, and every step is the last one before a kill.

Nothing may be doubled or left bare.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.core.errors import StoreBroken, Unavailable
from shared.core.types import TickStatus
from shared.stores.ports import DocumentStore
from shared.tick.cycle import Ports
from shared.tick.documents import BotDocuments
from tests.support import world as worlds
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, ROOT, START, World, world

NOW = START + HISTORY_DAYS * DAY


class Broken:
    """Passes everything on, and fails at one method from its nth call on."""

    def __init__(self, inner: Any, method: str, error: Exception, *, nth: int = 1) -> None:
        self._inner, self._method, self._error, self._nth, self.calls = inner, method, error, nth, 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name != self._method:
            return found

        def broken(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls >= self._nth:
                raise self._error
            return found(*args, **kwargs)

        return broken


def bare_position(scene: World) -> Ports:
    """A position whose stop has vanished from the account: the thing that must never stay so."""
    ports = scene.ports()
    scene.tick(NOW, ports)
    report = scene.tick(NOW + INTERVAL, ports)
    assert report.positions, "the seeded market fills the first entry"
    strip_stops(ports.documents)
    return ports


def strip_stops(documents: DocumentStore) -> None:
    account = documents.get("paper/default")
    orders = [order for order in account.data["orders"] if order["intent"]["purpose"] != "stop"]
    assert len(orders) < len(account.data["orders"])
    documents.replace(account, {**account.data, "orders": orders})


def stop_lots(scene: World) -> tuple[int, int]:
    """Lots held, and lots that stops cover, as the stored account says."""
    account = scene.ports().documents.get("paper/default").data
    held = sum(entry["lots"] for position in account["positions"] for entry in position["entries"])
    covered = sum(
        order["remaining_lots"]
        for order in account["orders"]
        if order["intent"]["purpose"] == "stop"
    )
    return held, covered


BREAKS = {
    "fetch": ("feed", "fetch", Unavailable("the exchange did not answer"), 1),
    "fetch, in an unforeseen way": ("feed", "fetch", ZeroDivisionError("surprise"), 1),
    "the second settlement": ("exchange", "reconcile", Unavailable("no candles"), 2),
    "the model": ("champions", "load_champion", ValueError("surprise"), 1),
    "the outbox": ("outlet", "pass_on", RuntimeError("surprise"), 1),
    "the save": (
        "documents",
        "commit",
        StoreBroken("the disk is full"),
        2,
    ),  # after the stop's intent
    "the second order": ("exchange", "submit", Unavailable("the exchange did not answer"), 2),
}


@pytest.mark.parametrize("step", BREAKS)
def test_whatever_breaks_after_protect_a_bare_position_gets_its_stop_all_the_same(
    step, tmp_path
) -> None:
    port, method, error, nth = BREAKS[step]
    with world(tmp_path / "home") as scene:
        ports = bare_position(scene.with_model())
        held, covered = stop_lots(scene)
        assert (held > 0, covered) == (True, 0)
        broken = Broken(getattr(ports, port), method, error, nth=nth)
        failed = False
        try:
            report = scene.tick(NOW + 5 * INTERVAL, replace(ports, **{port: broken}))
        except StoreBroken:
            failed = True
        else:
            assert report.status in {TickStatus.DEGRADED, TickStatus.DONE}
            if step.startswith(("fetch", "the model", "the second settlement")):
                assert report.status is TickStatus.DEGRADED
                assert str(error) in report.detail
        assert failed == (step == "the save")
        held, covered = stop_lots(scene)
        assert held > 0
        assert covered >= held
        after = scene.tick(NOW + 6 * INTERVAL)
        assert after.status is TickStatus.DONE
        assert stop_lots(scene)[1] == stop_lots(scene)[0], "one stop, of the full size"


KILLS = [
    ("documents", "create", "after", 1),  # claimed
    ("documents", "create", "after", 2),  # leased at the very first tick
    ("documents", "replace", "after", 1),  # leased
    ("exchange", "reconcile", "after", 1),
    ("feed", "fetch", "before", 1),
    ("feed", "fetch", "after", 1),
    ("champions", "load_champion", "after", 1),
    ("exchange", "submit", "before", 1),  # the intent is written, the order is not sent
    ("exchange", "submit", "after", 1),  # the order is placed, its outcome is not recorded
    (
        "documents",
        "commit",
        "before",
        1,
    ),  # the intent is not written, or all done and nothing saved
    ("documents", "commit", "after", 1),  # the intent is written, or saved and nothing told
    ("documents", "commit", "before", 2),  # all done, nothing saved
    ("documents", "commit", "after", 2),  # saved, nothing told
    ("outlet", "pass_on", "after", 1),  # told
]


def killed(scene: World, tmp_path: Path, kill: tuple[str, str, str, int], at: int) -> bool:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("BOT_", "COV"))
    }
    scene.time.advance_to(at)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.support.killed_tick",
            *map(str, kill),
            worlds.name(at),
            str(at),
        ],
        cwd=ROOT,
        env={**clean, **scene.environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr[-2000:]
    return done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("first", [0, 1], ids=["at an entry", "with a position"])
def test_a_kill_at_any_point_of_a_tick_leaves_the_account_as_if_it_had_not_happened(
    first, tmp_path
) -> None:
    counts: Counter[str] = Counter()
    with world(tmp_path / "calm") as scene:
        scene.with_model()
        calm = [scene.tick(NOW + index * INTERVAL) for index in range(9)]
        expected = account_of(scene)
    assert any(order.intent.is_opening for report in calm[:2] for order in report.orders)
    for number, kill in enumerate(KILLS):
        with world(tmp_path / f"killed-{number}") as scene:
            scene.with_model()
            for index in range(first):
                scene.tick(NOW + index * INTERVAL)
            counts["kills"] += killed(scene, tmp_path, kill, NOW + first * INTERVAL)
            for index in range(first + 1, 9):
                report = scene.tick(NOW + index * INTERVAL)
                assert report.status in {TickStatus.DONE, TickStatus.LATE}, (
                    kill,
                    report.status,
                    report.detail,
                )
            reports = all_reports(scene)
            entries = Counter(
                order.intent.id
                for told in reports
                for order in told.orders
                if order.intent.is_opening and order.what == "place"
            )
            assert all(count == 1 for count in entries.values()), kill
            held, covered = stop_lots(scene)
            assert covered == held, kill
            counts["accounts compared"] += 1
            got = account_of(scene)
            filled = sum(position["entries"][0]["lots"] for position in got["positions"])
            allowed = {0, sum(position["entries"][0]["lots"] for position in expected["positions"])}
            assert filled in allowed or first == 0, kill
            if first == 1:
                assert got["positions"] == expected["positions"], kill
                assert got["cash_jpy"] == expected["cash_jpy"], kill
    assert counts["kills"] >= 8, counts
    assert counts["accounts compared"] == len(KILLS)


def account_of(scene: World) -> Any:
    """The stored account, less what only says how far it has been walked (a warm instance keeps
    that in mind).
    """
    told = dict(scene.ports().documents.get("paper/default").data)
    for walked in ("settled_until", "last_price"):
        told.pop(walked)
    return told


def all_reports(scene: World) -> list[worlds.TickReport]:
    found = scene.ports().documents.query("ticks", limit=1000)
    return [
        msgspec.convert(item.data["report"], worlds.TickReport)
        for item in found
        if item.data["report"]
    ]


def test_two_hundred_missed_ticks_end_where_two_hundred_idle_ones_do(tmp_path) -> None:
    ended = []
    for which in ("every tick", "none of them"):
        with world(tmp_path / which, extra={"BOT_RISK__MAX_HOLD_CANDLES": "500"}) as scene:
            scene.with_model()
            ports = scene.ports()
            scene.tick(NOW, ports)
            assert scene.tick(NOW + INTERVAL, ports).positions
            BotDocuments(ports.documents, "default").halt(
                who="test", why="no new entries", now_ms=NOW
            )
            if which == "every tick":
                for index in range(2, 202):
                    scene.tick(NOW + index * INTERVAL, ports)
            report = scene.tick(NOW + 202 * INTERVAL, ports)
            ended.append(
                (
                    report.equity_jpy,
                    report.cash_jpy,
                    report.positions,
                    report.resting,
                    account_of(scene)["trades"],
                )
            )
    assert ended[0] == ended[1]
    assert ended[0][4] or ended[0][3], "there was something to go wrong"
