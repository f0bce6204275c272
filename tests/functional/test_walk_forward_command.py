"""`bot walk-forward` as a person runs it: what it prints, what it leaves, and that it counts itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.stores.sqlite import SqliteDocuments
from shared.stores.trials import TrialLog
from shared.types import Timeframe
from tests.functional.test_train import write_csv
from tests.made_trainings import market

ROOT = Path(__file__).resolve().parents[2]
SMALL = {
    "BOT_LEARNING__ROUNDS": "3",
    "BOT_LEARNING__FOREST_TREES": "3",
    "BOT_LEARNING__MAX_DEPTH": "3",
    "BOT_LEARNING__DAYS": "60",
    "BOT_GATE__SHUFFLES": "1",
    "BOT_GATE__RANDOM_RUNS": "20",
}


@pytest.fixture(scope="module")
def csv(tmp_path_factory) -> Path:
    return write_csv(tmp_path_factory.mktemp("candles") / "btc.csv", market(100, seed=3, edge_bp=8.0)[Timeframe.M15])


def bot_walk(home: Path, *options: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **SMALL, "BOT_HOME": str(home), "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, "-m", "scripts.cli", "walk-forward", "--jobs", "1", *map(str, options)]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=120)


def trials_of(home: Path) -> list:
    documents = SqliteDocuments(home / "state.sqlite")
    try:
        return list(TrialLog(documents).all("walk-forward").trials)
    finally:
        documents.close()


@pytest.fixture(scope="module")
def first(tmp_path_factory, csv) -> tuple[Path, dict]:
    home = tmp_path_factory.mktemp("walked")
    done = bot_walk(home, "--candles", csv, "--from", "2025-03-22", "--report", home / "report", "--json")
    assert done.returncode == 0, done.stderr
    assert "walk-forward: done in" in done.stderr
    return home, json.loads(done.stdout)


def test_it_says_what_was_fitted_what_it_brought_and_what_the_gate_says(first):
    home, told = first
    assert told["retrainings"] == len(told["folds"]) == 4
    assert told["folds_cached"] == 0
    assert told["trees"] == 4 * (9 + 9 + 3 + 3)  # with the volatility head
    assert told["rows_predicted"] > 1_500
    assert told["independent_rows_predicted"] < told["rows_predicted"] / 5
    assert told["verdict"]["may_enter"] is False
    assert {"skill", "psr", "dsr", "beats_random_entries"} <= {check["name"] for check in told["verdict"]["checks"]}
    assert {"reading", "features", "labels", "folds", "replay"} <= set(told["seconds"])
    assert told["buy_and_hold_return"] is not None
    assert told["trials"] == 1
    for path in told["files"].values():
        assert Path(path).stat().st_size > 0
    verdict = json.loads((home / "report" / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["verdict"] == told["verdict"]
    assert "Walk-forward" in (home / "report" / "report.html").read_text(encoding="utf-8")


def test_it_counts_itself_and_a_second_run_reads_every_fold(first, csv):
    home, told = first
    assert len(trials_of(home)) == 1
    again = bot_walk(home, "--candles", csv, "--from", "2025-03-22", "--report", home / "again", "--json")
    assert again.returncode == 0, again.stderr
    second = json.loads(again.stdout)
    assert second["folds_cached"] == second["retrainings"] == told["retrainings"]
    assert second["verdict"] == told["verdict"]
    assert len(trials_of(home)) == 1  # the same try is one try
    for name in ("report.html", "result.json", "trades.csv", "equity.csv", "verdict.json"):
        assert (home / "again" / name).read_bytes() == (home / "report" / name).read_bytes(), name
    text = bot_walk(
        home, "--candles", csv, "--from", "2025-03-22", "--set", "risk.min_edge_rate=0.002", "--report", home / "other"
    )
    assert text.returncode == 0, text.stderr
    for word in ("retrainings  4 models", "4 were in the cache", "chance", "buy and hold", "may enter", "2 trials"):
        assert word in text.stdout, word
    assert len(trials_of(home)) == 2


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--from", "2025-01-10"], "cannot learn"),
        (["--from", "yesterday"], "--from was 'yesterday'"),
        (["--from", "2025-04-01", "--to", "2026-04-01"], "--to was 2026-04-01"),
        (["--profile", "nothing"], "nothing"),
        (["--set", "learning.wings=2"], "wings"),
    ],
)
def test_a_mistake_is_one_sentence_with_a_remedy(tmp_path, csv, options, found):
    done = bot_walk(tmp_path, "--candles", csv, *options)
    assert done.returncode == 2, done.stderr
    assert found in done.stderr
    assert "remedy" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_files_for_the_same_decisions_are_refused(tmp_path, csv):
    done = bot_walk(tmp_path, "--candles", csv, "--candles", csv)
    assert done.returncode == 2
    assert "--candles was given 2 times" in done.stderr
