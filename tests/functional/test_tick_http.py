"""The tick as it is deployed: the real functions-framework process, over HTTP."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from shared.exchanges.sandbox.faults import Fault
from shared.stores.local.sqlite import SqliteDocuments
from tests.support.world import (
    DAY,
    HISTORY_DAYS,
    INTERVAL,
    ROOT,
    START,
    post,
    rfc3339,
    tick_process,
    world,
)

NOW = START + HISTORY_DAYS * DAY
HEAVY = (
    "lightgbm",
    "xgboost",
    "sklearn",
    "scipy",
    "pandas",
    "pyarrow",
    "matplotlib",
    "plotly",
    "joblib",
    "optuna",
)


def test_forty_schedule_times_posted_four_times_to_two_processes_are_worked_on_once(
    tmp_path, full
) -> None:
    times = 40 if full else 16
    with (
        world(tmp_path / "home") as scene,
        tick_process(scene.with_model().environ, log=tmp_path / "one.log") as (one, _),
        tick_process(scene.environ, log=tmp_path / "two.log") as (two, _),
        ThreadPoolExecutor(4) as pool,
    ):
        statuses, decided, bodies = Counter(), Counter(), []
        for index in range(times):
            at = NOW + index * INTERVAL
            scene.time.advance_to(at)
            answers = list(pool.map(lambda url, at=at: post(url, at), (one, two, one, two)))
            assert {code for code, _ in answers} == {200}
            for _, body in answers:
                statuses["done" if body["status"] == "done" else "not again"] += 1
                assert body["status"] in {"done", "duplicate", "busy"}, body
                if body["status"] == "done":
                    bodies.append(body)
        for body in bodies:
            if body["decision"]["reason"] not in {"nothing_new", "position_open", "entry_resting"}:
                decided[body["decision"]["as_of"]] += 1
    print(
        f"{times} schedule times, each sent four times: {statuses['done']} done,"
        f" {statuses['not again']} duplicate or busy"
    )
    assert statuses == {"done": times, "not again": 3 * times}
    assert len(bodies) == times
    placed = [
        order["intent"]["id"]
        for body in bodies
        for order in body["orders"]
        if order["what"] == "place"
    ]
    assert len(placed) == len(set(placed))
    assert placed, "at least one entry, or the test shows nothing"
    assert decided
    attempts = Counter(
        body["decision"]["as_of"]
        for body in bodies
        for order in body["orders"]
        if order["intent"]["purpose"] == "entry"
    )
    assert max(attempts.values()) <= 2


def test_a_tick_killed_in_the_middle_does_not_block_the_next_one(tmp_path) -> None:
    with world(tmp_path / "home") as scene:
        scene.with_model()
        with tick_process(scene.environ, log=tmp_path / "one.log") as (url, process):
            assert post(url, NOW)[1]["status"] == "done"
            scene.sandbox.faults.add(Fault(name="slow", path="*depth", seconds=8.0, times=1))
            scene.time.advance_to(NOW + INTERVAL)
            answers: list[object] = []

            def ask() -> None:
                try:
                    answers.append(post(url, NOW + INTERVAL))
                except requests.RequestException as error:
                    answers.append(error)

            asking = threading.Thread(target=ask)
            asking.start()
            wait_until(lambda: scene.sandbox.faults.fire_count("slow") >= 1)
            kill_group(process)
            asking.join(20)
            assert isinstance(answers[0], requests.RequestException)
        with tick_process(scene.environ, log=tmp_path / "two.log") as (url, _):
            scene.time.advance_to(NOW + INTERVAL + 60_000)
            assert post(url, NOW + INTERVAL)[1]["status"] == "busy", (
                "the dead tick's claim still counts"
            )
            scene.time.advance_to(NOW + 2 * INTERVAL)
            code, after = post(url, NOW + 2 * INTERVAL)
            assert (code, after["status"]) == (200, "done")
            scene.time.advance_to(NOW + 2 * INTERVAL + 1000)
            assert post(url, NOW + INTERVAL)[1]["status"] == "late", (
                "taken over when its time was over, and only protected"
            )


def test_sigterm_lets_the_tick_in_flight_finish(tmp_path) -> None:
    with (
        world(tmp_path / "home") as scene,
        tick_process(scene.with_model().environ, log=tmp_path / "log") as (url, process),
    ):
        scene.sandbox.faults.add(Fault(name="slow", path="*depth", seconds=1.5, times=1))
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(post, url, NOW)
            wait_until(lambda: scene.sandbox.faults.fire_count("slow") >= 1)
            process.send_signal(signal.SIGTERM)
            code, body = asked.result(20)
        assert process.wait(15) == 0
        assert code == 200
        assert body["status"] in {"done", "degraded"}
        stored = SqliteDocuments(tmp_path / "home" / "state.sqlite")
        lease = stored.get("bots/default").data["lease"]
        stored.close()
        assert lease["expires_at"] == 0, "the lease was given back"


def test_get_tells_how_the_bot_is_and_trades_nothing(tmp_path) -> None:
    with (
        world(tmp_path / "home") as scene,
        tick_process(scene.with_model().environ, log=tmp_path / "log") as (url, _),
    ):
        before = requests.get(url, timeout=10)
        assert (before.status_code, before.json()["healthy"]) == (503, False)
        post(url, NOW)
        fresh = requests.get(url, timeout=10)
        assert fresh.status_code == 200
        assert fresh.json()["last_tick_age_seconds"] < 60
        assert fresh.json()["mode"] == "paper"
        scene.time.advance_to(NOW + 4 * INTERVAL)
        assert requests.get(url, timeout=10).status_code == 503


def test_get_is_not_healthy_after_late_ticks_or_under_a_time_of_the_future_and_says_why(
    tmp_path,
) -> None:
    with (
        world(tmp_path / "home") as scene,
        tick_process(scene.with_model().environ, log=tmp_path / "log") as (url, _),
    ):
        post(url, NOW)
        codes = []
        for index in range(1, 4):
            scene.time.advance_to(NOW + index * INTERVAL + 165_000)
            assert post(url, NOW + index * INTERVAL)[1]["status"] == "late"
            codes.append(requests.get(url, timeout=10).status_code)
        told = requests.get(url, timeout=10).json()
        assert codes == [200, 200, 503]
        assert told["healthy"] is False
        assert "3 ticks in a row came too late" in " ".join(told["why"])
        scene.time.advance_to(NOW + 4 * INTERVAL)
        assert post(url, NOW + 4 * INTERVAL)[1]["status"] == "done"
        assert requests.get(url, timeout=10).status_code == 200
        stored = SqliteDocuments(tmp_path / "home" / "state.sqlite")
        for name, what in (
            ("last_finished_at", "finished"),
            ("last_scheduled_at", "was scheduled"),
        ):
            bot = stored.get("bots/default")
            ahead = {**bot.data["state"], name: scene.time.now_ms() + DAY}
            stored.replace(bot, {**bot.data, "state": ahead})
            answer = requests.get(url, timeout=10)
            assert (answer.status_code, answer.json()["healthy"]) == (503, False)
            assert f"the last tick {what} 86400 s in the future" in " ".join(answer.json()["why"])
            if name == "last_finished_at":
                assert answer.json()["last_tick_age_seconds"] == -86_400.0, (
                    "never as if it were new"
                )
            stored.replace(stored.get("bots/default"), bot.data)
        stored.close()


def test_bad_requests_get_one_clear_sentence(tmp_path) -> None:
    with (
        world(tmp_path / "home") as scene,
        tick_process(scene.environ, log=tmp_path / "log") as (url, _),
    ):
        header = "X-CloudScheduler-ScheduleTime"
        bad = [
            (requests.post(url, headers={header: "yesterday"}, timeout=10), 400, "RFC 3339"),
            (
                requests.post(url, headers={header: "2026-03-02T00:00:00"}, timeout=10),
                400,
                "offset",
            ),
            (requests.post(url, data="{", timeout=10), 400, "not JSON"),
            (requests.post(url, data="[1]", timeout=10), 400, "not a JSON object"),
            (requests.put(url, timeout=10), 405, "POST runs a tick"),
        ]
        for answer, code, words in bad:
            assert answer.status_code == code, answer.text
            assert words in answer.json()["error"] + answer.json()["remedy"]
        by_hand = requests.post(url, timeout=30)
        assert by_hand.json()["tick"].startswith("manual-")
        ahead = requests.post(url, headers={header: rfc3339(NOW + 3600_000)}, timeout=30)
        assert ahead.json()["tick"].startswith("manual-"), (
            "a schedule time far ahead must not swallow that tick"
        )


BAD_BODIES = [
    (b'{"dryrun": true}', "dryrun"),
    (b'{"dry_run": "true"}', "dry_run"),
    (b'{"dry_run": true, "dry_run": false}', "dry_run"),
    (b'{"scheduled_at": 5}', "scheduled_at"),
    (b'{"scheduled_at": "0001-01-01T00:00:00Z"}', "scheduled_at"),
    (b'{"scheduled_at": "9999-12-31T23:59:59-23:59"}', "scheduled_at"),
    (b'{"dry_run": NaN}', "body"),
    (b"\xff\xfe{}", "body"),
    (b"[" * 200_000, "body"),
    (b'{"a":' * 5_000, "body"),
    (b'{"a": "\\ud800"}', "body"),
]


def test_what_a_client_did_wrong_is_named_and_never_a_tick_and_a_dry_run_says_that_it_was_one(
    tmp_path,
) -> None:
    left = {"MODE": "live", "DEPLOY_MODE": "stage-10"}
    with (
        world(tmp_path / "home", extra=left) as scene,
        tick_process(scene.environ, log=tmp_path / "log") as (url, _),
    ):
        for body, field in BAD_BODIES:
            answer = requests.post(url, data=body, timeout=30)
            assert (answer.status_code, answer.json()["field"]) == (400, field), (
                body[:30],
                answer.text,
            )
            assert answer.json()["remedy"]
        large = requests.post(url, data=b'{"a": "' + b"x" * 3_000_000 + b'"}', timeout=30)
        assert large.status_code == 413
        assert "1,000,000 bytes" in large.json()["error"]
        for ask in (requests.post, requests.get):
            asked = ask(url, params={"dry_run": "true"}, timeout=30)
            assert (asked.status_code, asked.json()["field"]) == (
                400,
                "dry_run",
            ), "a dry run that is asked for wrongly is no tick"
        assert requests.get(url, timeout=10).json()["last_tick"] is None
        dry = requests.post(
            url, json={"dry_run": True}, headers={"Content-Type": "text/plain"}, timeout=30
        )
        assert (dry.status_code, dry.json()["dry_run"]) == (200, True)
        assert requests.get(url, timeout=10).json()["last_tick"] is None
        real = requests.post(url, data=b"", timeout=30)
        assert "dry_run" not in real.json()
    lines = [
        json.loads(line)
        for line in (tmp_path / "log").read_text().splitlines()
        if line.startswith("{")
    ]
    done = [line for line in lines if line["message"] == "tick.done"]
    assert [line.get("dry_run", False) for line in done] == [True, False]
    assert "Traceback" not in (tmp_path / "log").read_text()
    warned = [line["found"].split()[0] for line in lines if line["message"] == "settings.left_over"]
    assert warned == ["MODE", "DEPLOY_MODE"], "once, by name"


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"BOT_RISK__MAX_DRAWDWN": "0.1"}, "BOT_RISK__MAX_DRAWDOWN"),
        ({"BOT_RISK__MAX_LEVERAGE": "3"}, "max_leverage"),
        ({"BOT_STATE": "mysql://x"}, "sqlite://"),
        ({"BOT_MODE": "live"}, "BITBANK_API_KEY"),
        ({"K_SERVICE": "tick"}, "like firestore://PROJECT/DATABASE"),
        ({"BOT_STATE": "firestore://"}, "firestore://PROJECT/DATABASE"),
        ({"BOT_CLOCK": "http://10.1.2.3:1"}, "sandbox"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_a_remedy(tmp_path, extra, words) -> None:
    with (
        world(tmp_path / "home", extra=extra) as scene,
        tick_process(scene.environ, log=tmp_path / "log") as (url, _),
    ):
        code, body = post(url, NOW)
    assert code == 503
    assert words in body["error"] + body["remedy"]


def test_a_corrupt_database_and_a_locked_one_are_named_and_nothing_is_lost(tmp_path) -> None:
    home = tmp_path / "home"
    with world(home) as scene:
        scene.with_model()
        with tick_process(scene.environ, log=tmp_path / "log") as (url, _):
            assert post(url, NOW)[1]["status"] == "done"
            holder = sqlite3.connect(home / "state.sqlite", isolation_level=None)
            holder.execute("BEGIN EXCLUSIVE")
            code, body = post(url, NOW + INTERVAL)
            assert code == 503
            assert "locked" in body["error"]
            holder.execute("ROLLBACK")
            holder.close()
            scene.time.advance_to(NOW + INTERVAL)
            assert post(url, NOW + INTERVAL)[1]["status"] == "done"
        damaged = home / "state.sqlite"
        damaged.write_bytes(b"this is no database" * 1000)
        for side in home.glob("state.sqlite-*"):
            side.unlink()
        with tick_process(scene.environ, log=tmp_path / "log2") as (url, _):
            code, body = post(url, NOW + 2 * INTERVAL)
            assert code == 503
            assert "state.sqlite" in body["error"]
            assert body["remedy"]
        assert damaged.read_bytes().startswith(b"this is no database"), "nothing was overwritten"


def test_a_surprise_inside_a_tick_is_no_bad_request_and_blocks_nothing(tmp_path) -> None:
    with world(tmp_path / "home") as scene:
        stored = SqliteDocuments(tmp_path / "home" / "state.sqlite")
        with tick_process(scene.with_model().environ, log=tmp_path / "log") as (url, _):
            assert post(url, NOW)[1]["status"] == "done"
            good = stored.get("bots/default")
            bad = stored.replace(good, {**good.data, "lease": {"fence": "three", "expires_at": 0}})
            code, body = post(url, NOW + INTERVAL)
            assert (code, body["status"]) == (503, "failed")
            assert "ValueError" in body["error"]
            stored.replace(bad, good.data)
            scene.time.advance_to(NOW + INTERVAL)
            assert post(url, NOW + INTERVAL)[1]["status"] == "done"
        stored.close()
    assert "Traceback" in (tmp_path / "log").read_text()


def test_without_network_the_tick_is_degraded_and_says_so(tmp_path) -> None:
    with world(tmp_path / "home") as scene:
        clock, environ = scene.server.url, scene.with_model().environ
        nobody = "http://127.0.0.1:1"
        environ |= {
            "BOT_EXCHANGE__PUBLIC_URL": nobody,
            "BOT_EXCHANGE__PRIVATE_URL": f"{nobody}/v1",
            "BOT_CLOCK": clock,
        }
        with tick_process(environ, log=tmp_path / "log") as (url, _):
            code, body = post(url, NOW)
    assert (code, body["status"]) == (200, "degraded")
    assert "127.0.0.1" in body["detail"]
    assert not body["orders"]


def test_importing_the_tick_loads_no_training_library_and_opens_nothing() -> None:
    program = (
        "import json, sys, threading\nimport functions.tick.main\nheavy ="
        f" {HEAVY!r}\nprint(json.dumps({{'heavy': [name for name in sys.modules if"
        " name.split('.')[0] in heavy],\n 'ccxt': 'ccxt' in sys.modules, 'threads':"
        " threading.active_count()}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {"heavy": [], "ccxt": False, "threads": 1}


def wait_until(true, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "what was waited for did not come"
        time.sleep(0.01)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    children = subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    for pid in (*map(int, children), process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait(5)


def test_many_threads_may_send_the_very_first_requests(tmp_path) -> None:
    """A race in msgspec's first use ended the process; a short switch interval provokes it in half
    of the starts.
    """
    program = (
        "import sys, threading\n"
        "sys.setswitchinterval(1e-6)\n"
        "from functions_framework import create_app\n"
        "app = create_app('tick', 'functions/tick/main.py')\n"
        "barrier = threading.Barrier(8)\n"
        "codes = []\n"
        "def ask():\n"
        "    client = app.test_client()\n"
        "    barrier.wait()\n"
        "    codes.append(client.get('/').status_code)\n"
        "threads = [threading.Thread(target=ask) for _ in range(8)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "assert codes == [503] * 8, codes\n"
    )
    environ = {**os.environ, "BOT_HOME": str(tmp_path / "home")}
    starts = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        for _ in range(8)
    ]
    assert [done.returncode for done in starts] == [0] * 8, starts[-1].stderr[-2000:]
