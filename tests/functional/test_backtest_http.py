"""The backtest function as it is deployed: the real functions-framework process, over HTTP, with
stores that outlive it.
"""

import base64
import json
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from models.backtest.job import parse_job
from shared.stores.local.sqlite import SqliteDocuments
from tests.support.backtest_world import (
    JOB,
    LONG,
    SLOW,
    SLOWEST,
    backtests_in,
    home_at,
    result_files,
)
from tests.support.world import ROOT, backtest_process, send


def post(url: str, body: object, **more: object) -> tuple[int, dict]:
    answer = requests.post(url, json=body, timeout=90, **more)
    return answer.status_code, answer.json()


def get(url: str, name: str) -> dict:
    return requests.get(url, params={"id": name}, timeout=30).json()


def in_background(url: str, body: object) -> tuple[threading.Thread, list]:
    """A request whose process may be killed meanwhile."""
    answers: list = []

    def ask() -> None:
        try:
            answers.append(post(url, body))
        except requests.RequestException as error:
            answers.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    return thread, answers


def until_share(home: Path, name: str, share: float, *, seconds: float = 60.0) -> dict:
    """Wait until a stored checkpoint of the job is that far, looking at the store alone."""
    documents = SqliteDocuments(home / "state.sqlite")
    try:
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at:
            stored = documents.get(f"jobs/{name}")
            if stored is not None and stored.data["checkpoint"] and stored.data["share"] >= share:
                return dict(stored.data)
            time.sleep(0.005)
    finally:
        documents.close()
    raise AssertionError(f"job {name} did not come to {share} in {seconds} s")


def everything_in(home: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in home.rglob("*")
        if path.is_file()
    }


def uninterrupted(home: Path, job: dict) -> dict[str, bytes]:
    """The files of the same job, run in one go in another data folder."""
    environ = home_at(home)
    backtests = backtests_in(environ)
    stands = backtests.submit(parse_job({"id": "whole", **job}))
    stands = backtests.work("whole", seconds=600)
    assert (stands["status"], stands["slices"]) == ("done", 1), stands
    return result_files(home, stands)


def test_a_job_is_answered_with_its_result_and_the_same_id_gives_it_again(tmp_path) -> None:
    environ = home_at(tmp_path / "home")
    with backtest_process(environ, log=tmp_path / "log") as (url, _):
        code, first = post(url, {**JOB, "id": "first"})
        assert code == 200, first
        assert first["status"] == "done"
        assert first["share"] == 1.0
        summary = first["result"]["summary"]
        assert summary["complete"]
        assert summary["resolution"] == "1m"
        assert summary["trades"] >= 20
        assert summary["profile"] == "loose"
        files = result_files(tmp_path / "home", first)
        assert {"report.html", "result.json", "trades.csv", "equity.csv"} <= set(files)
        assert json.loads(files["result.json"])

        code, again = post(url, {**JOB, "id": "first"})
        assert (code, again["result"], again["slices"]) == (200, first["result"], 1)
        code, other = post(url, {**JOB, "id": "first", "capital_jpy": 500_000})
        assert (code, other["field"]) == (409, "id")
        assert get(url, "first")["result"] == first["result"]
        listed = requests.get(url, timeout=30).json()["jobs"]
        assert [job["id"] for job in listed] == ["first"]

        code, unnamed = post(url, {**JOB, "timeframe": "15m"})
        assert code == 200
        assert unnamed["id"] != "first"
        assert unnamed["result"]["summary"]["resolution"] == "15m"
    trials = SqliteDocuments(tmp_path / "home" / "state.sqlite").query("trials")
    assert len(trials) == 2, "one line a try, however often it is asked for"


def test_every_bad_field_is_named_with_what_would_be_right(tmp_path) -> None:
    environ = home_at(tmp_path / "home")
    bad = [
        ({"start": "2026-03-03"}, "end"),
        ({"end": "2026-03-03"}, "start"),
        ({**JOB, "start": "soon"}, "start"),
        ({**JOB, "start": "2026-03-03T00:03:00Z"}, "start"),
        ({**JOB, "end": "2026-03-01"}, "end"),
        ({**JOB, "end": "2027-03-01"}, "end"),
        ({**JOB, "start": "2025-01-01"}, "start"),
        ({**JOB, "timeframe": "5m"}, "timeframe"),
        ({**JOB, "capital_jpy": -5}, "capital_jpy"),
        ({**JOB, "capital_jpy": True}, "capital_jpy"),
        ({**JOB, "maker_fee_rate": "free"}, "maker_fee_rate"),
        ({**JOB, "taker_fee_rate": 12}, "taker_fee_rate"),
        ({**JOB, "slippage_rate": -0.1}, "slippage_rate"),
        ({**JOB, "profile": "lose"}, "profile"),
        ({**JOB, "overrides": {"risk.max_drawdwon": 0.1}}, "overrides.risk.max_drawdwon"),
        ({**JOB, "overrides": {"risk": {"max_drawdown": 7}}}, "overrides.risk.max_drawdown"),
        ({**JOB, "overrides": {"state": "sqlite:///elsewhere"}}, "overrides.state"),
        ({**JOB, "overrides": {"capital_jpy": 5}}, "overrides.capital_jpy"),
        ({**JOB, "model": "nobody"}, "model"),
        ({**JOB, "model": "../keys"}, "model"),
        ({**JOB, "start": "2026-02-20", "end": "2026-03-01"}, "start"),
        ({**JOB, "walk_forward": {"folds": 4}}, "walk_forward"),
        ({**JOB, "capital": 5}, "capital"),
        ({**JOB, "async": "yes"}, "async"),
        ({**JOB, "id": "../../etc"}, "id"),
        ([1, 2], "body"),
        ({"message": {"data": "no base64"}}, "message"),
        ({"work": 5}, "work"),
        ({"work": "../bots/default"}, "work"),
        ({"cancel": "a/b"}, "cancel"),
        ({**JOB, "end": "9999-12-31T23:45:00-14:00"}, "end"),
        ({**JOB, "overrides": {"risk.max_losses": 2**63}}, "overrides.risk.max_losses"),
        ({"work": "x", "slice_seconds": -1}, "slice_seconds"),
        ({"cancel": "x", "why": "so"}, "why"),
    ]
    with backtest_process(environ, log=tmp_path / "log") as (url, _):
        for body, field in bad:
            code, answer = post(url, body)
            assert code == 400, (body, answer)
            assert answer["field"] == field, (body, answer)
            assert answer["error"].startswith(field)
            assert answer["remedy"]
        for text in ("{", "[" * 100_000, '{"start": NaN}', "\u65e5"):
            answer = requests.post(url, data=text.encode(), timeout=30)
            assert (answer.status_code, answer.json()["field"]) == (400, "body"), text[:10]
        for name in ("../x", "a/b", "\0", "x" * 5000, ""):
            for ask in (requests.get, requests.delete):
                answer = ask(url, params={"id": name}, timeout=30)
                assert (answer.status_code, answer.json()["field"]) == (400, "id"), name[:10]
        assert requests.put(url, json={}, timeout=30).status_code == 405
        for code, answer in (
            post(url, {"work": "nobody"}),
            post(url, {"cancel": "nobody"}),
        ):
            assert (code, answer["field"]) == (404, "id")
        assert requests.get(url, params={"id": "nobody"}, timeout=30).status_code == 404
        assert requests.delete(url, params={"id": "nobody"}, timeout=30).status_code == 404


def test_a_process_frozen_after_its_answer_holds_nothing_up_and_another_finishes_the_job(
    tmp_path,
) -> None:
    home, bare = tmp_path / "home", {**LONG, "id": "later"}
    environ = home_at(home, **SLOW)
    with (
        backtest_process(environ, log=tmp_path / "one.log") as (one, first),
        backtest_process(environ, log=tmp_path / "two.log") as (two, second),
    ):
        code, accepted = post(one, {**bare, "async": True})
        assert code == 202
        assert (accepted["status"], accepted["share"], accepted["slices"]) == ("waiting", 0.0, 0)
        before = everything_in(home)
        time.sleep(0.5)  # it could work now, had the answer left anything behind
        send(first, signal.SIGSTOP)
        assert everything_in(home) == before, "nothing moves after the answer"
        assert get(two, "later")["slices"] == 0

        code, slice_ = post(two, {"work": "later", "slice_seconds": 0.3})
        assert code == 200
        assert slice_["more"]
        assert slice_["status"] == "waiting"
        assert 0 < slice_["share"] < 1
        before = everything_in(home)
        time.sleep(0.5)
        send(second, signal.SIGSTOP)
        assert everything_in(home) == before, "nothing moves after a slice"

        send(first, signal.SIGCONT)
        pushed = {
            "message": {"data": base64.b64encode(b'{"work": "later"}').decode(), "messageId": "1"},
            "subscription": "jobs",
        }
        code, done = post(one, pushed)
        for _ in range(20):
            # A busy machine can keep a worker from renewing so short a lease: sent again then.
            if code == 200:
                break
            assert (code, done["busy"]) == (503, True), done
            code, done = post(one, pushed)
        assert (code, done["status"]) == (200, "done"), done
        assert done["slices"] >= 2
        assert not done["more"]
        assert post(one, pushed)[1]["status"] == "done", "a redelivered message does nothing"
        send(second, signal.SIGCONT)
        assert get(two, "later")["result"] == done["result"]
    assert result_files(home, done) == uninterrupted(tmp_path / "other", LONG)
    assert not list((home / "bucket" / "backtests").rglob("checkpoints/*")), (
        "what is not needed any more is gone"
    )


def test_a_worker_killed_in_a_slice_is_replaced_after_its_lease_and_the_result_has_the_same_bytes(
    tmp_path,
) -> None:
    home = tmp_path / "home"
    environ = home_at(home, **SLOW)
    with backtest_process(environ, log=tmp_path / "two.log") as (two, _):
        with backtest_process(environ, log=tmp_path / "one.log") as (one, process):
            assert post(one, {**LONG, "id": "k", "async": True})[0] == 202
            thread, answers = in_background(one, {"work": "k"})
            at_kill = until_share(home, "k", 0.4)
            send(process, signal.SIGKILL)
            thread.join(30)
            assert isinstance(answers[0], requests.RequestException)
        code, busy = post(two, {"work": "k"})
        assert (code, busy["status"], busy["busy"]) == (
            503,
            "working",
            True,
        ), "its lease still runs"
        time.sleep(2.0)
        code, done = post(two, {"work": "k"})
    assert (code, done["status"], done["slices"]) == (200, "done", 2), done
    went_on = [
        json.loads(line)
        for line in (tmp_path / "two.log").read_text().splitlines()
        if "backtest.goes_on" in line
    ]
    assert [line["from_share"] for line in went_on] == [pytest.approx(at_kill["share"], abs=0.1)], (
        "not from the beginning"
    )
    assert went_on[0]["from_share"] >= 0.3, "a checkpoint lies a little before the kill"
    assert result_files(home, done) == uninterrupted(tmp_path / "other", LONG)


def test_a_job_whose_checkpoint_is_damaged_is_begun_again_and_ends_with_the_same_bytes(
    tmp_path,
) -> None:
    home = tmp_path / "home"
    backtests = backtests_in(home_at(home, **SLOW))
    for name, damage in (
        ("cut", lambda data: data[: len(data) // 2]),
        ("other", lambda _: b"no checkpoint"),
    ):
        backtests.submit(parse_job({**LONG, "id": name}))
        assert backtests.work(name, seconds=0.2)["more"]
        (checkpoint,) = (home / "bucket" / "backtests" / name / "checkpoints").iterdir()
        checkpoint.write_bytes(damage(checkpoint.read_bytes()))
        done = backtests.work(name, seconds=300)
        assert (done["status"], done["slices"]) == ("done", 2), done
        assert result_files(home, done) == uninterrupted(tmp_path / f"other-{name}", LONG)


def test_of_two_workers_at_once_one_holds_the_job(tmp_path) -> None:
    home = tmp_path / "home"
    environ = home_at(home, **SLOW)
    with (
        backtest_process(environ, log=tmp_path / "one.log") as (one, _),
        backtest_process(environ, log=tmp_path / "two.log") as (two, _),
        ThreadPoolExecutor(4) as pool,
    ):
        assert post(one, {**LONG, "id": "both", "async": True})[0] == 202
        answers = list(pool.map(lambda url: post(url, {"work": "both"}), (one, two, one, two)))
        assert sorted(code for code, _ in answers) == [200, 503, 503, 503]
        done = next(answer for code, answer in answers if code == 200)
        assert (done["status"], done["slices"]) == ("done", 1)
        assert all(answer["busy"] for code, answer in answers if code == 503)
    assert len({Path(key).parent for key in done["result"]["files"].values()}) == 1


def test_a_job_can_be_given_up_before_it_begins_and_while_it_is_worked_on(tmp_path) -> None:
    home = tmp_path / "home"
    environ = home_at(home, **SLOWEST)
    with backtest_process(environ, log=tmp_path / "log") as (url, _):
        assert post(url, {**JOB, "id": "idle", "async": True})[0] == 202
        answer = requests.delete(url, params={"id": "idle"}, timeout=30)
        assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
        assert post(url, {"work": "idle"})[1]["status"] == "canceled"
        assert post(url, {**JOB, "id": "idle"})[1]["status"] == "canceled", (
            "a repeated request does not begin it again"
        )

        assert post(url, {**LONG, "id": "busy", "async": True})[0] == 202
        thread, answers = in_background(url, {"work": "busy"})
        until_share(home, "busy", 0.2)
        code, asked = post(url, {"cancel": "busy"})
        assert code == 200
        assert asked["cancel_requested"]
        thread.join(30)
        code, given_up = answers[0]
        assert (code, given_up["status"], given_up["result"]) == (200, "canceled", None)
        assert given_up["share"] < 1

        assert (
            post(url, {**JOB, "timeframe": "15m", "id": "over", "start": "2026-03-08"})[1]["status"]
            == "done"
        )
        assert requests.delete(url, params={"id": "over"}, timeout=30).json()["status"] == "done", (
            "what is done stays done"
        )
    assert not list((home / "bucket" / "backtests").rglob("checkpoints/*"))


def test_a_time_limit_saves_what_there_is_and_the_result_says_so_on_its_face(tmp_path) -> None:
    home = tmp_path / "home"
    environ = home_at(home, **SLOWEST)
    with backtest_process(environ, log=tmp_path / "log") as (url, _):
        code, stands = post(url, {**LONG, "id": "short", "time_limit_seconds": 1})
    assert (code, stands["status"]) == (200, "partial"), stands
    assert not stands["more"]
    assert 0 < stands["share"] < 1
    summary = stands["result"]["summary"]
    assert not summary["complete"]
    assert summary["notes"][0].startswith("INCOMPLETE: its time limit of 1 s ended the work")
    assert "2026-02-18" < summary["end"] < "2026-03-09"
    files = result_files(home, stands)
    assert b"INCOMPLETE" in files["report.html"]
    assert b"INCOMPLETE" in files["result.json"]


def test_a_job_on_the_models_own_past_is_refused_unless_it_is_named(tmp_path) -> None:
    environ = home_at(tmp_path / "home")
    inside = {**JOB, "timeframe": "15m", "start": "2026-02-20", "end": "2026-02-25"}
    with backtest_process(environ, log=tmp_path / "log") as (url, _):
        code, refused = post(url, {**inside, "id": "past"})
        assert (code, refused["field"]) == (400, "start")
        assert "inside_training" in refused["remedy"]
        code, named = post(url, {**inside, "id": "named", "inside_training": True})
        assert code == 200
        assert named["result"]["summary"]["notes"][0].startswith("INSIDE TRAINING")
        code, none = post(url, {**inside, "id": "none", "model": "none"})
        assert code == 200
        assert none["result"]["summary"]["trades"] == 0


def test_the_requirements_of_the_function_hold_the_learners_and_nothing_of_a_tick() -> None:
    pinned = (ROOT / "functions" / "backtest" / "requirements.txt").read_text()
    names = {line.partition("==")[0] for line in pinned.splitlines() if "==" in line}
    assert {"numpy", "msgspec", "pyarrow", "functions-framework", "cryptography", "pyyaml"} <= names
    assert {
        "lightgbm",
        "xgboost",
        "xgboost-cpu",
        "scikit-learn",
    } <= names, "a walk-forward fits models"
    assert not names & {"pandas", "ccxt", "optuna", "matplotlib", "rich"}
