"""Studies on a real Dask cluster: a scheduler and two workers, each a process of its own on this
machine.
"""

import os
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from models.study import grid
from models.study.grid import Workers
from scripts.cli import main
from shared.core.errors import Unavailable
from tests.support.made_studies import DAY, START, made_given, noting, numbers_of, small_load
from tests.support.made_trainings import last_close, market

pytest.importorskip(
    "distributed", reason="dask and distributed are not installed (pip install dask distributed)"
)

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60
# what distributed itself leaves to the collector when it is used within one process
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:.*:DeprecationWarning")


def _started(folder: Path, name: str, module: str, *options: str) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"}
    with (folder / f"{name}.log").open("wb") as log:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *options, "--no-dashboard"]
        return subprocess.Popen(
            command, cwd=folder, env=environ, stdout=log, stderr=subprocess.STDOUT
        )


def _address(folder: Path) -> str:
    """Where the scheduler listens, from what it says; it chose the port itself."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = re.search(
            r"Scheduler at:\s+(tcp://[\d.]+:\d+)", (folder / "scheduler.log").read_text()
        )
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError((folder / "scheduler.log").read_text())


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dask")
    processes = [
        _started(folder, "scheduler", "dask_scheduler", "--host", "127.0.0.1", "--port", "0")
    ]
    try:
        address = _address(folder)
        options = (address, "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1")
        processes += [
            _started(folder, f"worker{number}", "dask_worker", *options) for number in range(2)
        ]
        from distributed import Client

        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=PATIENCE_SECONDS)
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            _ended(process)


def _ended(process: subprocess.Popen[bytes]) -> None:
    """Wait for its end.

    A worker whose scheduler went first may wait for it forever; it is only borrowed, so kill it.
    """
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=PATIENCE_SECONDS)


def made_runs():
    vary = {"risk.stop_atr": (2, 3, 4), "consensus.agreement": (0.3, 0.4)}
    return grid.runs(
        grid.grid_points(vary), grid.periods(START + 8 * DAY, START + 20 * DAY, 2), load=small_load
    )


def test_a_dask_cluster_gives_the_results_of_one_process(cluster, tmp_path):
    shared, runs, notes = made_given(), made_runs(), tmp_path / "notes"
    here = grid.replay_runs(shared, runs, workers=Workers(jobs=1), work=numbers_of)
    seen = []
    there = grid.replay_runs(
        shared,
        runs,
        workers=Workers(backend="dask", address=cluster),
        work=partial(noting, str(notes)),
        on_done=seen.append,
    )
    assert there == here
    assert len(here) == len(seen) == 12
    told = [line.split() for line in notes.read_text().splitlines()]
    assert len(told) == 12
    assert 1 <= len({process for process, _ in told}) <= 2
    assert str(os.getpid()) not in {process for process, _ in told}


def test_the_real_replay_on_a_dask_cluster_trades_the_same(cluster):
    candles = market(30, seed=3, edge_bp=8.0)
    end = last_close(candles)
    runs = grid.runs(
        grid.grid_points({"risk.stop_atr": (1, 2), "consensus.agreement": (0.2, 0.4)}),
        grid.periods(end - 5 * DAY, end),
    )
    shared = grid.build_given(candles, since=end - 5 * DAY)
    here = grid.replay_runs(shared, runs, workers=Workers(jobs=1))
    assert grid.replay_runs(shared, runs, workers=Workers(backend="dask", address=cluster)) == here


def test_workers_that_run_other_code_are_refused(cluster, monkeypatch):
    monkeypatch.setattr("models.study.grid.work.code_here", lambda: "another commit")
    with pytest.raises(Unavailable, match="other code"):
        grid.replay_runs(
            made_given(),
            made_runs(),
            workers=Workers(backend="dask", address=cluster),
            work=numbers_of,
        )


def test_an_address_where_nobody_answers_is_said_in_one_sentence(monkeypatch):
    monkeypatch.setattr("models.study.grid.places.CONNECT_SECONDS", 1)
    with pytest.raises(
        Unavailable, match=r"no Dask cluster with a worker answers at tcp://127\.0\.0\.1:9"
    ):
        grid.replay_runs(
            made_given(),
            made_runs(),
            workers=Workers(backend="dask", address="tcp://127.0.0.1:9"),
            work=numbers_of,
        )


def test_dask_without_an_address_is_told_what_to_give(capsys, tmp_path):
    period = ["--from", "2026-01-01", "--to", "2026-02-01"]
    assert (
        main(["study", "--candles", str(tmp_path / "none.csv"), *period, "--backend", "dask"]) == 2
    )
    assert "--address tcp://127.0.0.1:8786" in capsys.readouterr().err
