"""Studies on real workers: the same results whoever works, everything that is shared made once,
every run in the log.
"""

import csv
import json
import os
from collections import Counter
from dataclasses import replace
from functools import partial

import pytest

from models.study import grid
from models.study.grid import Workers, places
from models.study.grid.given import Folder, run_inputs, stages_key
from models.study.grid.places import CLUSTERS
from scripts.cli import main
from shared import features, strategies
from shared.core.errors import Unavailable, UserError
from shared.core.trials import History, sharpes
from shared.core.types import Timeframe
from shared.model import load_bundle
from shared.model.registry import BundleRegistry
from shared.model.signing import public_of
from shared.replay import replay
from shared.results.performance import measure
from shared.results.performance.sharpe import Track
from shared.stores.local.folder import FolderBucket
from shared.stores.local.sqlite import SqliteDocuments
from shared.stores.trials import TrialLog
from tests.functional.test_train import write_csv
from tests.support.made_studies import (
    DAY,
    START,
    dying,
    failing,
    made_given,
    noting,
    numbers_of,
    small_load,
)
from tests.support.made_trainings import SIGNING_KEY, START_AT, last_close, market, small_training

VARY = {"risk.stop_atr": (2, 3, 4), "consensus.agreement": (0.3, 0.4)}


def made_runs(vary=VARY, *, parts=2, days=(8, 20)):
    spans = grid.periods(START + days[0] * DAY, START + days[1] * DAY, parts)
    return grid.runs(grid.grid_points(vary), spans, load=small_load)


@pytest.fixture(scope="module")
def shared():
    return made_given()


@pytest.fixture(scope="module")
def trained():
    """A model of 60 days and the 15 days of candles after it."""
    training = small_training()
    bundle = load_bundle(
        training.files, public_keys=[public_of(SIGNING_KEY)], version=training.version
    )
    return training, bundle


def test_the_results_are_the_same_in_the_same_order_with_any_number_of_processes_and_threads(
    shared,
):
    runs = made_runs()
    told = [
        grid.replay_runs(shared, runs, workers=workers, work=numbers_of)
        for workers in (
            Workers(jobs=1),
            Workers(jobs=2),
            Workers(jobs=3),
            Workers(jobs=1, backend="threading"),
            Workers(jobs=4, backend="threading"),
        )
    ]
    assert [outcome.run.number for outcome in told[0]] == list(range(len(runs))) == list(range(12))
    assert all(one == told[0] for one in told)
    assert len({outcome.measured for outcome in told[0]}) == 12


def test_no_more_workers_are_started_than_there_are_runs(shared, monkeypatch):
    asked: list[int] = []
    opened = places._here

    def watched(workers, given):
        asked.append(workers.jobs)
        return opened(workers, given)

    monkeypatch.setattr(places, "_here", watched)
    runs = made_runs({"risk.stop_atr": (2, 3)}, parts=1)
    done = grid.replay_runs(
        shared, runs, workers=Workers(jobs=100_000, backend="threading"), work=numbers_of
    )
    assert (len(done), asked) == (2, [2])


def test_every_run_gets_exactly_what_it_would_get_alone(shared):
    runs = made_runs()
    together = grid.replay_runs(shared, runs, workers=Workers(jobs=2), work=numbers_of)
    for run, outcome in zip(runs, together, strict=True):
        fresh = made_given()
        alone = grid.replay_runs(
            fresh, [replace(run, number=0)], workers=Workers(jobs=1), work=numbers_of
        )
        assert alone[0].measured == outcome.measured


def test_features_are_computed_once_and_votes_once_for_all_runs_that_share_them(monkeypatch):
    counts = Counter()
    compute, vote = features.compute, strategies.vote
    monkeypatch.setattr(
        features, "compute", lambda *args: (counts.update(features=1), compute(*args))[1]
    )
    monkeypatch.setattr(strategies, "vote", lambda *args: (counts.update(votes=1), vote(*args))[1])
    runs = made_runs({"risk.stop_atr": (2, 3, 4, 5), "consensus.agreement": (0.3, 0.4, 0.5)})
    grid.replay_runs(
        made_given(), runs, workers=Workers(jobs=3, backend="threading"), work=numbers_of
    )
    assert len(runs) == 24
    assert counts == {"features": 1, "votes": 3}


def test_what_is_shared_is_mapped_by_every_process_and_not_copied(shared, tmp_path):
    notes = tmp_path / "notes"
    runs = made_runs(parts=8)
    grid.replay_runs(shared, runs, workers=Workers(jobs=2), work=partial(noting, str(notes)))
    told = [line.split() for line in notes.read_text().splitlines()]
    assert len(told) == len(runs) == 48
    assert {kind for _, kind in told} == {"memmap"}
    assert str(os.getpid()) not in {process for process, _ in told}
    assert len({process for process, _ in told}) <= 2


def test_votes_that_no_run_needs_any_more_are_taken_off_the_disk(shared, tmp_path):
    kept = []
    runs = made_runs({"consensus.agreement": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)}, parts=1)
    source = Folder.write(tmp_path, shared)
    for run in runs:
        run_inputs(source, run)
        source.forget(stages_key(run.settings))
        kept.append(sorted(path.name for path in tmp_path.iterdir() if not path.suffix))
    assert kept == [["given"]] * 6


def test_the_folder_of_a_study_is_gone_when_it_ends_also_by_an_error(shared, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    grid.replay_runs(shared, made_runs(), workers=Workers(jobs=1), work=numbers_of)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="this run cannot be"):
        grid.replay_runs(shared, made_runs(), workers=Workers(jobs=1), work=failing)
    assert list(tmp_path.iterdir()) == []


def test_what_was_done_before_a_run_failed_has_been_told(shared):
    seen = []
    with pytest.raises(ValueError, match="this run cannot be"):
        grid.replay_runs(
            shared, made_runs(), workers=Workers(jobs=1), work=failing, on_done=seen.append
        )
    assert [outcome.run.number for outcome in seen] == [0, 1]


def test_a_worker_that_dies_is_said_in_one_sentence(shared):
    with pytest.raises(Unavailable, match="use fewer jobs"):
        grid.replay_runs(shared, made_runs(), workers=Workers(jobs=2), work=dying)


@pytest.mark.parametrize("backend", sorted(CLUSTERS))
def test_a_cluster_whose_package_is_not_installed_is_said_before_anything_is_read(
    backend, monkeypatch, capsys, tmp_path
):
    monkeypatch.setattr("models.study.grid.places.find_spec", lambda name: None)
    period = ["--from", "2026-01-01", "--to", "2026-02-01"]
    code = main(["study", "--candles", str(tmp_path / "none.csv"), *period, "--backend", backend])
    told = capsys.readouterr().err
    assert code == 2
    assert f"the backend {backend} needs a package that is not installed here" in told
    assert f"pip install {CLUSTERS[backend][1]}" in told


def test_dask_without_an_address_is_refused(shared, monkeypatch):
    monkeypatch.setattr("models.study.grid.places.find_spec", lambda name: object())
    with pytest.raises(UserError, match="no address"):
        grid.replay_runs(shared, made_runs(), workers=Workers(backend="dask"), work=numbers_of)


# with the real replay


def trained_study(bundle, *, parts=1):
    candles = market(75, seed=3, edge_bp=8.0)
    end = last_close(candles)
    spans = grid.periods(end - 6 * DAY, end, parts)
    vary = {
        "risk.stop_atr": (1, 2),
        "consensus.agreement": (0.2, 0.4),
        "risk.min_edge_rate": (-1.0,),
    }
    runs = grid.runs(grid.grid_points(vary), spans, profile="loose")
    return grid.build_given(candles, since=end - 6 * DAY, bundle=bundle), runs


def test_a_study_of_the_real_replay_measures_what_a_single_replay_measures(trained, tmp_path):
    shared, runs = trained_study(trained[1])
    outcomes = grid.replay_runs(shared, runs, workers=Workers(jobs=2))
    source = Folder.write(tmp_path, shared)
    told = grid.judge_outcomes(
        outcomes, History(trials=tuple(trial_of(outcome) for outcome in outcomes))
    )
    ratios = sharpes([trial_of(outcome) for outcome in outcomes])
    trades = 0
    for one in told:
        run, found = one.outcome.run, one.outcome.measured
        alone = measure(replay(run_inputs(source, run)), trials=4, trial_sharpes=ratios)
        trades += found.trades
        assert found.return_rate == alone.returns.total
        assert found.hold_rate == alone.hold.returns.total
        assert found.drawdown_rate == alone.drawdown.max_share
        assert found.trades == alone.positions.count
        assert found.sharpe == pytest.approx(alone.returns.sharpe, rel=1e-12)
        assert one.above_zero == pytest.approx(alone.significance.above_zero, rel=1e-9)
        assert one.deflated == pytest.approx(alone.significance.deflated, rel=1e-9)
        assert one.luck.best_sharpe == pytest.approx(
            alone.significance.expected_maximum_sharpe, rel=1e-9
        )
    assert trades >= 20
    assert [one.deflated for one in told] == sorted((one.deflated for one in told), reverse=True)


def trial_of(outcome):
    return grid.grid_trial(outcome, data_hash="d", model="m", now_ms=1)


def test_what_has_no_sharpe_comes_last_and_is_counted():
    spans = grid.periods(0, 10 * DAY)
    runs = grid.runs(grid.grid_points({"risk.stop_atr": (2, 3)}), spans)
    none = grid.Measured(return_rate=0.0, hold_rate=0.1, drawdown_rate=0.0, trades=0, track=None)
    bad = replace(none, trades=5, track=Track(sharpe=-0.5, observations=10))
    outcomes = [
        grid.RunOutcome(run=runs[0], measured=none),
        grid.RunOutcome(run=runs[1], measured=bad),
    ]
    told = grid.judge_outcomes(
        outcomes,
        History(trials=tuple(trial_of(outcome) for outcome in outcomes), damaged=("trials/x",)),
    )
    assert [one.outcome.run.number for one in told] == [1, 0]
    assert told[1].above_zero is told[1].deflated is told[1].outcome.measured.sharpe is None
    assert told[0].luck.trials == 3
    assert told[0].deflated < told[0].above_zero < 0.5


# the command


@pytest.fixture
def home(trained, monkeypatch, tmp_path):
    """A data folder with a serving model, and a file of candles."""
    training, _ = trained
    home = tmp_path / "home"
    registry = BundleRegistry(FolderBucket(home / "bucket"))
    registry.publish(training.version, training.files)
    registry.promote(training.version, at=START_AT, why="a test", by="test")
    monkeypatch.setenv("BOT_BUNDLE_PUBLIC_KEY", public_of(SIGNING_KEY))
    write_csv(tmp_path / "c.csv", market(90, seed=3, edge_bp=8.0)[Timeframe.M15])
    return home


def ask(tmp_path, *more, days=(78, 90)):
    from shared.core.calendar import utc_text

    start, end = (utc_text(START_AT + day * DAY) for day in days)
    return main(
        [
            "study",
            "--candles",
            str(tmp_path / "c.csv"),
            "--from",
            start,
            "--to",
            end,
            "--profile",
            "loose",
            *more,
        ]
    )


def test_the_command_tells_the_honest_numbers_and_notes_every_run_once(home, tmp_path, capsys):
    vary = [
        "--vary",
        "risk.stop_atr=1,2",
        "--vary",
        "consensus.agreement=0.2:0.4:0.1",
        "--periods",
        "2",
        "--jobs",
        "2",
    ]
    assert ask(tmp_path, *vary, "--json", "--out", str(tmp_path / "runs.csv")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["trials"] == len(told["runs"]) == 12
    assert [row["rank"] for row in told["runs"]] == list(range(1, 13))
    assert sum(row["trades"] for row in told["runs"]) > 30
    first = told["runs"][0]
    assert {
        "return",
        "buy_and_hold",
        "max_drawdown",
        "sharpe",
        "above_zero",
        "deflated",
        "set:risk.stop_atr",
    } <= first.keys()
    rows = list(csv.DictReader((tmp_path / "runs.csv").open()))
    assert [float(row["return"]) for row in rows] == [row["return"] for row in told["runs"]]

    documents = SqliteDocuments(home / "state.sqlite")
    history = TrialLog(documents).all()
    documents.close()
    assert len(history.trials) == 12
    assert {trial.kind for trial in history.trials} == {"study"}
    assert {trial.changed["consensus.agreement"] for trial in history.trials} == {0.2, 0.3, 0.4}
    assert {trial.settings_hash for trial in history.trials} == {
        row["settings"] for row in told["runs"]
    }

    # Again, in threads: the same numbers, and nothing new was tried.
    assert ask(tmp_path, *vary, "--json", "--backend", "threading") == 0
    assert json.loads(capsys.readouterr().out) == told

    # A part of it at random, for people: the log remembers all the others.
    assert ask(tmp_path, *vary, "--sample", "3", "--seed", "4") == 0
    shown = capsys.readouterr()
    assert (
        "6 runs; the trial log holds 12 trials, of which the best without any skill shows a"
        " Sharpe of" in shown.out
    )
    assert "The best of many is flattered" in shown.out
    table = [line.split() for line in shown.out.splitlines()[:7]]
    assert table[0][:4] == ["stop_atr", "agreement", "from", "return"]
    assert [row[0] for row in table[1:]] == list("123456")
    assert "study: done" in shown.err


def test_the_same_thing_tried_by_backtest_and_by_study_counts_once(home, tmp_path, capsys):
    from shared.core.calendar import utc_text

    period = [
        f"--{name}={utc_text(START_AT + day * DAY)}" for name, day in (("from", 78), ("to", 82))
    ]
    options = ["--candles", str(tmp_path / "c.csv"), *period, "--profile", "loose"]
    assert (
        main(
            [
                "backtest",
                *options,
                "--set",
                "risk.stop_atr=2",
                "--out",
                str(tmp_path / "out"),
                "--json",
            ]
        )
        == 0
    )
    single = json.loads(capsys.readouterr().out)
    assert main(["study", *options, "--vary", "risk.stop_atr=2,3", "--jobs", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert single
    documents = SqliteDocuments(home / "state.sqlite")
    history = TrialLog(documents).all()
    documents.close()
    assert Counter(trial.kind for trial in history.trials) == {"backtest": 1, "study": 2}
    assert told["trials"] == history.count == 2


@pytest.mark.parametrize(
    ("more", "found"),
    [
        (["--vary", "risk.stop_at=1,2"], "unknown setting 'stop_at'"),
        (["--vary", "risk.stop_atr=-1"], "risk.stop_atr was -1"),
        (["--vary", "replay.taker_fee_rate=0.5"], "replay.taker_fee_rate was 0.5"),
        (["--vary", "risk.stop_atr"], "--vary was"),
        (["--vary", "risk.stop_atr=1", "--vary", "risk.stop_atr=2"], "varied twice"),
        (["--vary", "learning.days=1,2"], "no backtest of a given model depends on learning"),
        (
            ["--vary", "risk.stop_atr=1:1000:0.1", "--vary", "risk.target_atr=1:1000:0.1"],
            "runs were asked for",
        ),
        (["--model", "nowhere"], "--model was 'nowhere'"),
        (["--timeframe", "1m"], "--timeframe was 1m"),
        (["--backend", "dask", "--address", ""], "dask"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_and_nothing_was_tried(
    home, tmp_path, capsys, more, found
):
    assert ask(tmp_path, *more) == 2
    told = capsys.readouterr().err
    assert found in told
    assert "remedy: " in told
    if (home / "state.sqlite").exists():
        documents = SqliteDocuments(home / "state.sqlite")
        assert TrialLog(documents).all().count == 0
        documents.close()


def test_a_period_that_the_model_learned_from_is_refused_or_confessed(home, tmp_path, capsys):
    assert ask(tmp_path, "--vary", "risk.stop_atr=1,2", days=(40, 44)) == 2
    assert "--from was" in capsys.readouterr().err
    assert (
        ask(
            tmp_path,
            "--vary",
            "risk.stop_atr=1,2",
            "--inside-training",
            "--jobs",
            "1",
            days=(40, 44),
        )
        == 0
    )
    assert "INSIDE TRAINING" in capsys.readouterr().out
