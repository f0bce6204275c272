"""`bot walk-forward` as a person runs it: what it prints, what it leaves, and that it counts
itself.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.cli import main
from shared.core.trials import distinct
from shared.core.types import Timeframe
from shared.stores.local.sqlite import SqliteDocuments
from shared.stores.trials import TrialLog
from tests.functional.test_train import write_csv
from tests.support.made_trainings import market

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
    return write_csv(
        tmp_path_factory.mktemp("candles") / "btc.csv",
        market(100, seed=3, edge_bp=8.0)[Timeframe.M15],
    )


def bot_walk(home: Path, *options: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    return bot(home, "walk-forward", "--jobs", "1", *options, **more)


def bot(home: Path, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **SMALL, "BOT_HOME": str(home), "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, "-m", "scripts.cli", *map(str, words)]
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """A command in this process, in a fresh data folder: its exit code and what it said
    on stderr.
    """
    for name, value in {**SMALL, "BOT_HOME": str(tmp_path / "home")}.items():
        monkeypatch.setenv(name, value)

    def run(*words: str | Path) -> tuple[int, str]:
        code = main([str(word) for word in words])
        return code, capsys.readouterr().err

    return run


def trials_of(home: Path) -> list:
    documents = SqliteDocuments(home / "state.sqlite")
    try:
        return list(TrialLog(documents).all("walk-forward").trials)
    finally:
        documents.close()


@pytest.fixture(scope="module")
def first(tmp_path_factory, csv) -> tuple[Path, dict]:
    home = tmp_path_factory.mktemp("walked")
    done = bot_walk(
        home, "--candles", csv, "--from", "2025-03-22", "--report", home / "report", "--json"
    )
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
    assert {"skill", "psr", "dsr", "beats_random_entries"} <= {
        check["name"] for check in told["verdict"]["checks"]
    }
    assert {"reading", "features", "labels", "folds", "replay"} <= set(told["seconds"])
    assert told["buy_and_hold_return"] is not None
    assert told["trials"] == 1
    for path in told["files"].values():
        assert Path(path).stat().st_size > 0
    verdict = json.loads((home / "report" / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["verdict"] == told["verdict"]
    page = (home / "report" / "report.html").read_text(encoding="utf-8")
    for words in (
        "Walk-forward",
        "The gate: It may serve but not enter",
        "What the gate found",
        "beats_random_entries",
    ):
        assert words in page, words


def test_it_counts_itself_and_a_second_run_reads_every_fold(first, csv):
    home, told = first
    assert len(trials_of(home)) == 1
    again = bot_walk(
        home, "--candles", csv, "--from", "2025-03-22", "--report", home / "again", "--json"
    )
    assert again.returncode == 0, again.stderr
    second = json.loads(again.stdout)
    assert second["folds_cached"] == second["retrainings"] == told["retrainings"]
    assert second["verdict"] == told["verdict"]
    assert len(trials_of(home)) == 1  # the same try is one try
    for name in ("report.html", "result.json", "trades.csv", "equity.csv", "verdict.json"):
        assert (home / "again" / name).read_bytes() == (home / "report" / name).read_bytes(), name
    text = bot_walk(
        home,
        "--candles",
        csv,
        "--days",
        "20",
        "--set",
        "risk.min_edge_rate=0.002",
        "--report",
        home / "other",
        "--verbose",
    )
    assert text.returncode == 0, text.stderr
    for word in (
        "retrainings  4 models",
        "4 were in the cache",
        "chance",
        "buy and hold",
        "may enter",
        "best of 2 trials",
        "position  ",
    ):
        assert word in text.stdout, word
    assert len(trials_of(home)) == 2


def test_a_backtest_that_walks_forward_says_the_same_and_fits_nothing_again(first, csv, tmp_path):
    home, told = first
    kept = sorted(path.name for path in (home / "bucket" / "folds").iterdir())
    before = len(distinct(trials_of(home)))
    done = bot(
        home,
        "backtest",
        "--walk-forward",
        "--candles",
        csv,
        "--from",
        "2025-03-22",
        "--out",
        tmp_path / "out",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)
    walk = job["walk_forward"]
    assert sorted(path.name for path in (home / "bucket" / "folds").iterdir()) == kept
    for name in ("return", "trades", "sharpe", "start", "end", "settings_hash", "model"):
        assert job[name] == told[name], name
    for name in ("recipe", "retrainings", "trees", "rows_learned", "rows_predicted", "every_days"):
        assert walk[name] == told[name], name
    money = {"effective_rows", "skill", "psr", "positive_expectation", "beats_random_entries"}
    checks = [
        {one["name"]: one["value"] for one in each["verdict"]["checks"] if one["name"] in money}
        for each in (walk, told)
    ]
    assert checks[0] == checks[1]
    assert len(checks[0]) == len(money)
    assert len(distinct(trials_of(home))) == before, (
        "one recipe and one set of rules are one try, however they were asked for"
    )
    assert (tmp_path / "out" / "verdict.json").stat().st_size > 0
    text = bot(
        home,
        "backtest",
        "--walk-forward",
        "--candles",
        csv,
        "--from",
        "2025-03-22",
        "--out",
        tmp_path / "text",
    )
    for word in ("retrainings  4 models", "note         The gate: It may serve but not enter"):
        assert word in text.stdout, text.stdout + text.stderr


@pytest.mark.parametrize("after_seconds", [0.0, 0.5], ids=["at once", "while they import"])
def test_ctrl_c_ends_it_and_its_workers_with_one_word(csv, tmp_path, after_seconds):
    environ = {**os.environ, **SMALL, "BOT_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    words = [
        "walk-forward",
        "--jobs",
        "2",
        "--every",
        "1",
        "--candles",
        str(csv),
        "--from",
        "2025-03-22",
    ]
    running = subprocess.Popen(
        [sys.executable, "-m", "scripts.cli", *words],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell's background ignores it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    try:
        limit = time.monotonic() + 60
        while workers_of(running.pid) < 2:
            assert running.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.02)
        time.sleep(after_seconds)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to every process at once
        said = "".join(running.communicate(timeout=60))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == 130, said
    assert said.rstrip().endswith("interrupted"), said
    assert "Traceback" not in said
    assert "Error" not in said
    assert workers_of(running.pid) == 0


def workers_of(group: int) -> int:
    """How many worker processes of a process group live."""
    count = 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = entry.read_text().rpartition(")")[2].split()
            mine = int(fields[2]) == group and fields[0] != "Z"
            count += mine and "LokyProcess" in (entry.parent / "cmdline").read_text()
    return count


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--walk-forward", "--model", "none"], "--model was 'none' beside walk_forward"),
        (["--walk-forward", "--train", "30"], "--train and --walk-forward were both given"),
        (["--walk-forward", "--check"], "--check and --walk-forward were both given"),
        (["--walk-forward", "--every", "0"], "--every was 0"),
        (["--every", "7"], "--every belongs to a walk-forward"),
    ],
)
def test_what_a_walking_backtest_takes_no_notice_of_is_refused(here, csv, options, found):
    code, told = here("backtest", "--candles", csv, "--from", "2025-03-22", *options)
    assert (code, found in told) == (2, True), told


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
def test_a_mistake_is_one_sentence_with_a_remedy(here, csv, options, found):
    code, told = here("walk-forward", "--jobs", "1", "--candles", csv, *options)
    assert code == 2, told
    assert found in told
    assert "remedy: " in told


def test_two_files_for_the_same_decisions_are_refused(here, csv):
    code, told = here("walk-forward", "--candles", csv, "--candles", csv)
    assert (code, "--candles was given 2 times" in told) == (2, True), told


def test_where_no_start_was_given_and_none_is_possible_the_sentence_names_the_days_and_no_option(
    here, csv
):
    code, told = here("walk-forward", "--candles", csv, "--set", "learning.days=90")
    assert code == 2
    assert "with 90 days to learn from before it, the first decision would be at" in told
    assert "shorten learning.days, or give more candles" in told
