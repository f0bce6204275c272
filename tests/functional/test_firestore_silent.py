"""A tick whose Firestore is silent, down or nowhere: no emulator is needed to show that it ends by
its deadline, says why, and that the function answers 503.
"""

import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import requests

from shared.core.deadline import Deadline
from shared.core.errors import Unavailable
from shared.tick.cycle import run_tick
from shared.tick.request import TickRequest
from tests.support.world import (
    DAY,
    HISTORY_DAYS,
    ROOT,
    START,
    name,
    rfc3339,
    tick_process,
    world,
)

NOW = START + HISTORY_DAYS * DAY
ANSWER_BY = 8.0
SLOWER = 2.0
SHORT = {
    "BOT_STATE": "firestore://a-project/(default)",
    "BOT_TICK__ANSWER_BY_SECONDS": str(ANSWER_BY),
    "BOT_TICK__NO_NEW_ORDER_AFTER_SECONDS": "7.5",
    "BOT_TICK__SETTLE_SECONDS": "1",
}


@contextmanager
def silent():
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_tick_whose_store_is_silent_ends_by_its_deadline_and_says_why(
    tmp_path, monkeypatch
) -> None:
    with silent() as address, world(tmp_path / "home", extra=SHORT) as scene:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", address)
        ports, settings = scene.ports(), scene.settings
        request = TickRequest(tick=name(NOW), scheduled_at=NOW, received_at=NOW)
        for seconds in (None, 3.0):
            whole, began = seconds or ANSWER_BY, time.monotonic()
            deadline = None if seconds is None else Deadline.after(seconds)
            with pytest.raises(Unavailable, match=r"ticks/default~.*open whether it was written"):
                run_tick(ports, settings, request, deadline=deadline)
            took = time.monotonic() - began
            assert 0.5 * whole < took < whole, "a tenth is kept for giving back and telling"
        ports.documents.close()


def test_the_function_answers_503_by_its_deadline_and_health_says_so_too(tmp_path) -> None:
    with silent() as address, world(tmp_path / "home", extra=SHORT) as scene:
        environ = {**scene.environ, "FIRESTORE_EMULATOR_HOST": address}
        with tick_process(environ, log=tmp_path / "log") as (url, _):
            began = time.monotonic()
            headers = {"X-CloudScheduler-ScheduleTime": rfc3339(NOW)}
            told = requests.post(url, headers=headers, timeout=60)
            assert told.status_code == 503
            assert "Google gave no answer" in told.json()["error"]
            assert time.monotonic() - began < 2 * ANSWER_BY + SLOWER, "wiring it included"
    lines = [
        json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if '{"' in line
    ]
    assert [line["severity"] for line in lines if line.get("message") == "tick.failed"]
    assert [line["kind"] for line in lines if line.get("message") == "alert"], "people are told"


def test_doctor_names_a_store_that_nobody_answers_for(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    with world(tmp_path / "home", extra=SHORT) as scene:
        ran = subprocess.run(
            [sys.executable, "-m", "scripts.cli", "doctor", "--json"],
            cwd=ROOT,
            env={**scene.environ, "FIRESTORE_EMULATOR_HOST": address, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
    checks = {check["name"]: check for check in json.loads(ran.stdout)["checks"]}
    assert checks["state"]["verdict"] == "bad"
    assert "Google gave no answer" in checks["state"]["said"]


def test_doctor_finds_a_sound_one_usable(tmp_path, firestore_here) -> None:
    with world(tmp_path / "home", extra=SHORT) as scene:
        ran = subprocess.run(
            [sys.executable, "-m", "scripts.cli", "doctor", "--json"],
            cwd=ROOT,
            env={
                **scene.environ,
                "FIRESTORE_EMULATOR_HOST": firestore_here,
                "PATH": "/usr/bin:/bin",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    checks = {check["name"]: check for check in json.loads(ran.stdout)["checks"]}
    assert checks["state"]["verdict"] == "ok"
    assert "firestore://a-project/(default)" in checks["state"]["said"]
