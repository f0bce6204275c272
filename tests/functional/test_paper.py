"""Paper trading in real time against a sandbox on the machine's clock: start, status, stop."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from functions.wiring import settings_from
from scripts.commands.paper import command
from scripts.installation.checkout import ROOT
from scripts.local.paper.errands import ErrandProgress
from scripts.local.paper.logs import local_log
from scripts.local.paper.place import SupervisorPaths
from scripts.local.paper.supervisor import SupervisorStatus, next_time
from shared.core.clock import SystemClock
from shared.core.errors import UserError
from shared.exchanges.sandbox.generate import generate
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.server import Sandbox, serve
from shared.exchanges.sandbox.time_source import MachineTime

DAY_MS = 86_400_000
PATIENCE_SECONDS = 60


def environment(tmp_path, url=None, **more):
    address = url or "http://127.0.0.1:9"
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "BOT_HOME": str(tmp_path / "home"),
        "BOT_EXCHANGE__PUBLIC_URL": address,
        "BOT_EXCHANGE__PRIVATE_URL": f"{address}/v1",
        "BOT_LEARNING__DAYS": "20",
        **more,
    }


def bot(environ, *words, timeout=PATIENCE_SECONDS):
    return subprocess.run(
        [sys.executable, "-m", "scripts.cli", "paper", *words],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="module")
def url():
    now = SystemClock().now_ms()
    minutes = generate(start_ms=now - 20 * DAY_MS, days=21, seed=4, edge_bp=0, maintenance=False)
    with serve(Sandbox(SandboxMarket.from_minutes(minutes), MachineTime())) as running:
        yield running.url


def until(environ, wanted):
    """The status, once `wanted` holds for it."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while True:
        told = json.loads(bot(environ, "status", "--json").stdout)
        if wanted(told):
            return told
        assert time.monotonic() < limit, told
        time.sleep(0.5)


FAST = {
    "BOT_TICK__INTERVAL_SECONDS": "8",
    "BOT_TICK__LEASE_SECONDS": "7",
    "BOT_TICK__NO_NEW_ORDER_AFTER_SECONDS": "0.5",
    "BOT_TICK__ANSWER_BY_SECONDS": "3",
    "BOT_TICK__SETTLE_SECONDS": "0",
    "BOT_TICK__MANUAL_AHEAD_SECONDS": "2",
    "BOT_EXCHANGE__TIMEOUT_SECONDS": "0.8",
    "BOT_EXCHANGE__REQUEST_WINDOW_SECONDS": "2",
}


def test_start_status_and_stop_from_an_empty_folder(tmp_path, url):
    environ = environment(tmp_path, url, **FAST)
    started = bot(environ, "start", "--json")
    assert started.returncode == 0, started.stderr
    pid = json.loads(started.stdout)["pid"]
    try:
        told = until(environ, lambda told: told.get("ticks", 0) >= 2)
        assert told["running"] is True
        assert told["pid"] == pid
        report = told["last_report"]
        assert report["status"] == "done"
        assert report["scheduled_at"] % 8_000 == 0
        assert report["decision"]["reason"] in {
            "model_missing",
            "no_consensus",
            "nothing_new",
            "warming_up",
        }
        again = bot(environ, "start")
        assert again.returncode == 2
        assert f"paper trading runs already (process {pid})" in again.stderr
        shown = bot(environ, "status").stdout
        assert f"running   process {pid}" in shown
        assert "JST" in shown
        assert "Z)" in shown
    finally:
        stopped = bot(environ, "stop", "--json")
    assert json.loads(stopped.stdout) == {"running": False, "stopped": True, "pid": pid, "left": {}}
    after = bot(environ, "status", "--json")
    assert after.returncode == 1
    assert json.loads(after.stdout)["doing"] == "ended"
    log = (tmp_path / "home" / "logs" / "paper.log").read_text(encoding="utf-8")
    assert "paper trading has ended" in log
    assert " JST  " in log.splitlines()[0]
    assert log.splitlines()[0][:4].isdigit()
    assert processes_of(tmp_path) == []


def processes_of(tmp_path):
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if (
                str(tmp_path).encode() in entry.read_bytes()
                and int(entry.parent.name) != os.getpid()
            ):
                found.append((entry.parent / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_a_tick_process_that_is_killed_is_started_again(tmp_path, url):
    environ = environment(tmp_path, url, **FAST)
    assert bot(environ, "start").returncode == 0
    try:
        first = until(environ, lambda told: told.get("ticks", 0) >= 1)
        for entry in Path("/proc").glob("[0-9]*/environ"):
            try:
                mine = str(tmp_path).encode() in entry.read_bytes()
                if mine and "functions_framework" in (entry.parent / "cmdline").read_text():
                    os.kill(int(entry.parent.name), 9)
            except OSError:
                continue
        until(environ, lambda told: told["ticks"] >= first["ticks"] + 2)
    finally:
        bot(environ, "stop")
    assert "the tick function process was ended by signal 9" in (
        tmp_path / "home/logs/paper.log"
    ).read_text(encoding="utf-8")


def ended_within(tmp_path, seconds):
    """What still runs when all of it has ended, or the time is over."""
    limit = time.monotonic() + seconds
    while processes_of(tmp_path) and time.monotonic() < limit:
        time.sleep(0.1)
    return processes_of(tmp_path)


def test_whoever_looks_at_the_status_keeps_nobody_from_starting(tmp_path):
    place = SupervisorPaths(folder=tmp_path / "paper", logs=tmp_path / "logs")
    place.require_room()
    place.lock_path.touch()
    began = time.monotonic()
    with place.lock_path.open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.2, lambda: fcntl.flock(looking, fcntl.LOCK_UN)).start()
        with place.hold_lock():
            assert time.monotonic() - began > 0.1
            assert place.pid() == os.getpid()
            with pytest.raises(UserError, match="runs already"), place.hold_lock():
                pass


def test_of_a_supervisor_that_was_killed_nothing_is_said_to_run_or_to_be_due(tmp_path, monkeypatch):
    monkeypatch.setenv("BOT_HOME", str(tmp_path / "home"))
    place = SupervisorPaths.of(settings_from(os.environ))
    place.require_room()
    watch = ErrandProgress(last_at=1, begun_at=2, next_at=3, doing="running")
    place.write_status(
        msgspec.to_builtins(
            SupervisorStatus(
                pid=7,
                started_at=1,
                counted_since=1,
                interval_seconds=180,
                doing="ticking 00:03:00Z",
                next_at=180_000,
                failed_in_a_row=2,
                trouble="it failed",
                learning="collecting history",
                errands={"watch": watch},
            )
        )
    )
    told = json.loads(CliRunner().invoke(command, ["status", "--json"]).stdout)
    assert (told["running"], told["doing"], told["learning"]) == (False, "ended", "")
    nothing = {"last_at": None, "next_at": None}
    assert told["times"] == {"tick": nothing, "watch": {"last_at": 1, "next_at": None}}
    shown = CliRunner().invoke(command, ["status"]).stdout
    assert "watch     last 1970-01-01 09:00:00 JST\n" in shown
    for untrue in ("; running", "learning", "next ", "tries again"):
        assert untrue not in shown


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path, url, full):
    environ = environment(tmp_path, url, **FAST)
    for _ in range(20 if full else 2):
        started = bot(environ, "start", "--json")
        assert started.returncode == 0, started.stderr
        until(environ, lambda told: told.get("ticks", 0) >= 1)
        assert (
            len(processes_of(tmp_path)) >= 3
        )  # the supervisor, the tick's server and its worker, and what learns
        os.kill(json.loads(started.stdout)["pid"], 9)
        assert ended_within(tmp_path, 10) == []


def test_what_a_killed_supervisor_left_is_named_and_ended(tmp_path, url):
    environ = environment(tmp_path, url, **FAST)
    pid = json.loads(bot(environ, "start", "--json").stdout)["pid"]
    until(environ, lambda told: told.get("ticks", 0) >= 1)
    group = int(
        next((tmp_path / "home" / "paper").glob("*/tick.group")).read_text(encoding="utf-8")
    )
    os.killpg(group, signal.SIGSTOP)  # so that it cannot see that its supervisor is gone
    os.kill(pid, 9)
    ended_within(tmp_path, 1)
    shown = bot(environ, "status")
    assert shown.returncode == 1
    assert "running   no" in shown.stdout
    assert (
        f"LEFT      the tick process (group {group}) of a supervisor that was killed"
        in shown.stdout
    )
    stopped = bot(environ, "stop")
    assert stopped.returncode == 0
    assert f"Ended the tick process (group {group})" in stopped.stdout
    assert processes_of(tmp_path) == []


def test_ticks_are_counted_over_a_restart(tmp_path, url):
    environ = environment(tmp_path, url, **FAST)
    assert bot(environ, "start").returncode == 0
    first = until(environ, lambda told: told.get("ticks", 0) >= 1)
    assert bot(environ, "stop").returncode == 0
    before = json.loads(bot(environ, "status", "--json").stdout)["ticks"]
    assert bot(environ, "start").returncode == 0
    try:
        told = until(environ, lambda told: told["running"] and told["ticks"] > before)
        assert told["counted_since"] == first["started_at"] < told["started_at"]
        assert "done since" in bot(environ, "status").stdout
    finally:
        assert bot(environ, "stop").returncode == 0


def test_without_a_network_it_goes_on_trying_and_says_so(tmp_path):
    environ = environment(tmp_path, **FAST, BOT_EXCHANGE__RETRY_BASE_SECONDS="0.01")
    assert bot(environ, "start").returncode == 0
    try:
        told = until(environ, lambda told: told.get("failed_in_a_row", 0) >= 2)
        assert told["trouble"]
        assert "\n" not in told["trouble"]
        learning = until(environ, lambda told: "failed" in told.get("learning", ""))["learning"]
        assert "waiting to try collecting history again" in learning
        assert "TROUBLE" in bot(environ, "status").stdout
    finally:
        assert bot(environ, "stop").returncode == 0


def test_status_and_stop_where_nothing_runs(tmp_path):
    environ = environment(tmp_path)
    shown = bot(environ, "status")
    assert shown.returncode == 1
    assert "running   no" in shown.stdout
    stopped = bot(environ, "stop")
    assert stopped.returncode == 0
    assert "Paper trading does not run." in stopped.stdout


def test_a_malformed_setting_is_one_sentence(tmp_path):
    ran = bot(environment(tmp_path, BOT_RISK__MAX_DRAWDOWN="much"), "start")
    assert ran.returncode == 2
    assert "risk.max_drawdown" in ran.stderr


def test_a_minute_between_ticks_gets_times_that_fit_into_it():
    from functions import wiring
    from scripts.commands.paper import with_interval

    settings = wiring.settings_from(with_interval({}, "60"))
    assert settings.tick.interval_seconds == 60
    assert (
        settings.tick.no_new_order_after_seconds
        < settings.tick.answer_by_seconds
        < settings.tick.lease_seconds
        < 60
    )
    assert (
        wiring.settings_from(
            with_interval({"BOT_TICK__LEASE_SECONDS": "50"}, "60")
        ).tick.lease_seconds
        == 50
    )


def test_schedule_times_lie_on_the_grid_and_in_the_future():
    assert next_time(1_000, 180_000) == 180_000
    assert next_time(180_000, 180_000) == 360_000
    assert next_time(359_999, 180_000) == 360_000


def test_only_one_supervisor_holds_the_place(tmp_path):
    place = SupervisorPaths(folder=tmp_path / "paper", logs=tmp_path / "logs")
    assert place.pid() is None
    with place.hold_lock():
        assert place.pid() == os.getpid()
        with pytest.raises(UserError, match="runs already"), place.hold_lock():
            pass
    assert place.pid() is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="data: this system has no /dev/full")
def test_a_full_disk_is_told_before_anything_starts(tmp_path):
    place = SupervisorPaths(folder=tmp_path / "paper", logs=tmp_path / "logs")
    place.require_room()
    assert list(place.logs.iterdir()) == []
    (place.logs / f"room.{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(UserError, match="No space left on device") as caught, place.hold_lock():
        pass
    assert "free some space" in caught.value.remedy
    assert list(place.logs.iterdir()) == []


def test_a_log_rotates_and_carries_both_times(tmp_path):
    say = local_log(tmp_path / "x.log", most_bytes=2_000)
    for number in range(100):
        say(f"line {number}")
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files[0] == "x.log"
    assert len(files) > 1
    assert all(path.stat().st_size <= 2_000 for path in tmp_path.iterdir())
    last = (tmp_path / "x.log").read_text(encoding="utf-8").splitlines()[-1]
    utc, jst, name, *rest = last.split()
    assert (name, rest) == ("JST", ["line", "99"])
    assert (int(utc[11:13]) + 9) % 24 == int(jst[:2])
