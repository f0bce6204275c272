"""Walk-forward jobs: real retrainings inside the real backtest function, in slices, killed between
two folds.
"""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
import requests

from functions import wiring
from models.backtest.job import BadJob, parse_job
from models.backtest.service import Backtests
from shared.core.types import Timeframe
from shared.market.candles import aggregate
from shared.stores.local.sqlite import SqliteDocuments
from shared.stores.trials import TrialLog
from tests.support.backtest_world import archive, backtests_in, result_files
from tests.support.world import QUICK, ROOT, backtest_process, market, send

TINY = {
    "learning.days": 35,
    "learning.rounds": 3,
    "learning.forest_trees": 3,
    "gate.shuffles": 1,
    "gate.random_runs": 10,
}
WALK = {
    "start": "2026-03-01",
    "end": "2026-03-09",
    "profile": "loose",
    "walk_forward": True,
    "every_days": 2,
    "overrides": TINY,
}
RETRAININGS = 5
FITS = RETRAININGS + 4  # and the refits of one shuffle


@cache
def _candles() -> Path:
    """A data folder that holds candles and no model; made once a process."""
    home = Path(mkdtemp())
    bucket = wiring.bucket_for(wiring.settings_from({**QUICK, "BOT_HOME": str(home)}))
    for timeframe in (Timeframe.M15, Timeframe.H4):
        archive(bucket, aggregate(market(), timeframe))
    return home


def home_at(path: Path, **extra: str) -> dict[str, str]:
    """An environment whose data folder is a fresh copy of it."""
    shutil.copytree(_candles(), path, dirs_exist_ok=True)
    return {
        **QUICK,
        "BOT_HOME": str(path),
        "BOT_RETRAIN__JOBS": "1",
        "OMP_NUM_THREADS": "1",
        **extra,
    }


def post(url: str, body: object) -> tuple[int, dict[str, Any]]:
    answer = requests.post(url, json=body, timeout=90)
    return answer.status_code, answer.json()


def fits_in(home: Path) -> dict[str, int]:
    """Every fit that is kept, and when it was written."""
    kept = [
        path
        for folder in ("folds", "shuffles")
        for path in (home / "bucket" / folder).rglob("*.npz")
    ]
    return {str(path.relative_to(home)): path.stat().st_mtime_ns for path in kept}


def until(there: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    give_up_at = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < give_up_at, what
        time.sleep(0.002)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The job in one go, in a folder of its own: how it stands, and its files."""
    home = tmp_path_factory.mktemp("whole")
    backtests = backtests_in(home_at(home))
    backtests.submit(parse_job({**WALK, "id": "whole"}))
    stands = backtests.work("whole", seconds=600)
    assert (stands["status"], stands["slices"]) == ("done", 1), stands
    documents = SqliteDocuments(home / "state.sqlite")
    try:
        (trial,) = TrialLog(documents).all().trials
    finally:
        documents.close()
    assert trial.kind == "walk-forward"
    assert trial.model is not None
    assert trial.model.startswith(
        f"walk-forward-{stands['result']['summary']['walk_forward']['recipe']}"
    )
    assert trial.changed["retrain.every_days"] == 2
    return stands, result_files(home, stands)


def test_the_result_tells_what_was_fitted_and_what_the_gate_says_of_it(whole) -> None:
    stands, files = whole
    summary = stands["result"]["summary"]
    walk = summary["walk_forward"]
    assert stands["model"] == "walk-forward"
    assert stands["job"]["walk_forward"] is True
    assert "model" not in stands["job"]
    assert walk["retrainings"] == len(walk["folds"]) == RETRAININGS
    assert walk["every_days"] == 2
    assert walk["trees"] == RETRAININGS * (9 + 9 + 3 + 3)
    assert walk["rows_predicted"] > 500
    assert walk["rows_learned"] == sum(fold["rows"] for fold in walk["folds"]) > 4_000
    assert [fold["to"] for fold in walk["folds"][:-1]] == [
        fold["from"] for fold in walk["folds"][1:]
    ]
    assert all(fold["learned_to"] < fold["from"] for fold in walk["folds"])
    checks = {check["name"]: check for check in walk["verdict"]["checks"]}
    assert {
        "skill",
        "psr",
        "dsr",
        "beats_random_entries",
        "rows_in_order",
        "training_ends_before",
    } <= set(checks)
    assert checks["rows_in_order"]["passed"]
    assert walk["verdict"]["may_enter"] is False
    assert summary["trades"] > 20
    assert summary["trials"] == walk["trials"] == 1
    assert json.loads(files["verdict.json"]) == walk
    page = files["report.html"].decode()
    for said in (
        "Walk-forward, BTC/JPY",
        f"Walk-forward: {RETRAININGS} models of recipe {walk['recipe']}",
        "The gate: It may serve but not",
    ):
        assert said in page, said


def test_each_slice_keeps_a_fit_and_the_slices_make_the_same_bytes(tmp_path, whole) -> None:
    home = tmp_path / "home"
    with backtest_process(home_at(home), log=tmp_path / "log") as (url, _):
        code, accepted = post(url, {**WALK, "id": "cut", "async": True})
        assert (code, accepted["model"], fits_in(home)) == (202, "walk-forward", {})
        seen, shares = [0], [0.0]
        for _ in range(FITS):
            code, stands = post(url, {"work": "cut", "slice_seconds": 0.001})
            assert (code, stands["status"], stands["more"]) == (200, "waiting", True), stands
            seen.append(len(fits_in(home)))
            shares.append(stands["share"])
        assert seen == list(range(FITS + 1)), "one fit a slice, however short"
        assert shares == sorted(set(shares))
        before = fits_in(home)
        code, stands = post(url, {"work": "cut", "slice_seconds": 0.001})
        assert stands["share"] > 0.8, "now it replays"
        code, done = post(url, {"work": "cut"})
    assert (code, done["status"]) == (200, "done"), done
    assert fits_in(home) == before, "nothing was fitted twice"
    assert result_files(home, done) == whole[1]
    assert done["result"]["summary"] == whole[0]["result"]["summary"]


def test_a_worker_killed_between_two_folds_is_replaced_and_the_result_has_the_same_bytes(
    tmp_path, whole
) -> None:
    home = tmp_path / "home"
    environ = home_at(home, BOT_BACKTEST__LEASE_SECONDS="1")
    with backtest_process(environ, log=tmp_path / "two.log") as (two, _):
        with backtest_process(environ, log=tmp_path / "one.log") as (one, process):
            assert post(one, {**WALK, "id": "k", "async": True})[0] == 202
            answers: list[object] = []

            def ask() -> None:
                try:
                    answers.append(post(one, {"work": "k"}))
                except requests.RequestException as error:
                    answers.append(error)

            thread = threading.Thread(target=ask, daemon=True)
            thread.start()
            until(lambda: len(fits_in(home)) >= 2, "two folds")
            send(process, signal.SIGKILL)
            thread.join(30)
            assert isinstance(answers[0], requests.RequestException)
        at_kill = fits_in(home)
        assert 2 <= len(at_kill) < FITS
        time.sleep(1.1)
        code, done = post(two, {"work": "k"})
    assert (code, done["status"], done["slices"]) == (200, "done", 2), done
    after = fits_in(home)
    assert len(after) == FITS
    assert {name: after[name] for name in at_kill} == at_kill, (
        "what was done by then was not done again"
    )
    assert result_files(home, done) == whole[1]


def test_what_cannot_be_walked_is_refused_by_name(tmp_path) -> None:
    environ = home_at(tmp_path / "home")
    bad = [
        ({**WALK, "model": "champion"}, "model"),
        ({**WALK, "model": "none"}, "model"),
        ({**WALK, "inside_training": True}, "inside_training"),
        ({**WALK, "every_days": 0}, "every_days"),
        ({**WALK, "every_days": 2.5}, "every_days"),
        ({**WALK, "walk_forward": "yes"}, "walk_forward"),
        ({**WALK, "walk_forward": False}, "overrides.learning.days"),
        ({**WALK, "overrides": {"retrain.every_days": 3}}, "overrides.retrain.every_days"),
        ({**WALK, "overrides": {"retrain.jobs": 3}}, "overrides.retrain.jobs"),
        ({**WALK, "overrides": {"learning.wings": 3}}, "overrides.learning.wings"),
        ({**WALK, "end": "2026-04-01"}, "end"),
        ({**WALK, "start": "2026-01-05"}, "start"),
        (
            {**WALK, "time_limit_seconds": 1, "overrides": {**TINY, "learning.rounds": 200}},
            "time_limit_seconds",
        ),
    ]
    with backtest_process(environ, log=tmp_path / "log") as (url, _):
        for body, field in bad:
            code, answer = post(url, body)
            assert (code, answer["field"]) == (400, field), (body, answer)
            assert answer["error"].startswith(field)
            assert answer["remedy"]
    assert fits_in(tmp_path / "home"), "a limit keeps what was fitted"


def test_a_job_that_its_limit_ended_goes_on_when_it_is_sent_again_and_is_not_judged_before_its_end(
    tmp_path,
) -> None:
    home = tmp_path / "home"
    slow = {"BOT_BACKTEST__CHECKPOINT_SECONDS": "0", "BOT_BACKTEST__STEP_SECONDS": "0"}
    backtests = backtests_in(home_at(home, **slow))
    job, kept = parse_job({**WALK, "id": "short", "time_limit_seconds": 1}), []
    for _ in range(FITS + 1):
        backtests.submit(job)
        stands = backtests.work("short", seconds=600)
        kept.append(len(fits_in(home)))
        if stands["status"] != "failed":
            break
        assert stands["error"]["field"] == "time_limit_seconds"
    assert stands["status"] == "partial", stands
    assert kept == sorted(kept)
    assert kept[-1] == FITS
    summary = stands["result"]["summary"]
    assert summary["notes"][0].startswith("INCOMPLETE: its time limit of 1 s ended the work")
    assert summary["walk_forward"]["retrainings"] == RETRAININGS
    assert summary["walk_forward"]["verdict"] is None
    assert not any("The gate" in note for note in summary["notes"])


def test_a_job_that_is_given_up_between_two_fits_keeps_them(tmp_path) -> None:
    home = tmp_path / "home"
    backtests = backtests_in(home_at(home))
    backtests.submit(parse_job({**WALK, "id": "idle"}))
    assert backtests.work("idle", seconds=0.001)["status"] == "waiting"
    assert backtests.cancel("idle")["status"] == "canceled"
    assert backtests.work("idle")["status"] == "canceled"
    assert len(fits_in(home)) == 1


def test_a_policy_that_asks_no_model_is_replayed_and_judged_by_money_alone(tmp_path) -> None:
    backtests = backtests_in(home_at(tmp_path / "home"))
    overrides = {"gate.random_runs": 10}
    backtests.submit(
        parse_job(
            {**WALK, "id": "t", "profile": "trend", "every_days": None, "overrides": overrides}
        )
    )
    stands = backtests.work("t", seconds=600)
    assert stands["status"] == "done", stands["error"]
    walk = stands["result"]["summary"]["walk_forward"]
    assert (walk["retrainings"], walk["folds"], walk["recipe"]) == (0, [], "none-target")
    assert {"psr", "dsr"} <= {check["name"] for check in walk["verdict"]["checks"]}
    assert not fits_in(tmp_path / "home")


def test_where_nothing_learns_a_walk_forward_is_not_offered(tmp_path) -> None:
    environ = home_at(tmp_path / "home")
    place = wiring.backtest_place(wiring.settings_from(environ), environ)
    with pytest.raises(BadJob, match="walk_forward is not offered here"):
        Backtests(replace(place, walks=None)).submit(parse_job({**WALK, "id": "w"}))


def test_the_function_imports_nothing_that_learns_before_such_a_job_comes(tmp_path) -> None:
    code = (
        "import sys, functions.backtest.main as main, functions.wiring as"
        " wiring;wiring.backtest_place(wiring.settings_from(wiring.environment()),"
        " wiring.environment());learning = {'models.data', 'models.fit', 'models.gate',"
        " 'models.walk_forward', 'models.proof', 'models.retrain'};heavy ="
        " {'.'.join(name.split('.')[:2]) for name in sys.modules} & learning;heavy |="
        " {name.partition('.')[0] for name in sys.modules} & {'lightgbm', 'xgboost', 'sklearn',"
        " 'scipy', 'pandas', 'joblib', 'pyarrow', 'optuna'};print(sorted(heavy),"
        " 'models.backtest.service' in sys.modules)"
    )
    environ = {"PATH": "/usr/bin:/bin", "BOT_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[] True"
