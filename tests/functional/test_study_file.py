"""Studies that a file declares, whole: retrained, replayed, judged, counted, written down, and the
same again.
"""

import json
from functools import cache
from pathlib import Path

import pytest

from models.backtest.sources import ArchiveSource
from models.study import BadStudy, StudyPorts, parse_study, run
from models.study.candles import load_data_set as load_candles
from models.study.declared import DataSet
from scripts.cli import main
from shared.core.settings import load_settings
from shared.core.types import Timeframe
from shared.stores.local.sqlite import SqliteDocuments
from shared.stores.memory import MemoryBucket, MemoryDocuments
from shared.stores.trials import TrialLog
from tests.functional.test_train import write_csv
from tests.support.made_trainings import START_AT, market

DAY = 86_400_000
EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "studies"
QUICK_ONES = {"original-label", "profiles"}
TINY = {
    "learning": {"days": 45, "rounds": 4, "forest_trees": 4, "max_depth": 3, "row_step": 1},
    "gate": {"shuffles": 1, "random_runs": 10},
    "market": {"min_history_4h": 20},
    "retrain": {"every_days": 14},
}
STUDY = """
name: tiny
question: Does a wider stop lose less?
variants:
  plain: {says: as it is}
  wide: {overrides: {risk.stop_atr: 6}}
  slow: {profile: trend}
"""


@pytest.fixture(scope="module")
def candles(tmp_path_factory):
    path = tmp_path_factory.mktemp("candles") / "made.csv"
    write_csv(path, market(75, seed=3, edge_bp=8.0)[Timeframe.M15])
    return path


@pytest.fixture
def home(tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("BOT_HOME", str(home))
    return home


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def options():
    told = {
        f"{group}.{name}": value for group, values in TINY.items() for name, value in values.items()
    }
    return [
        word for name, value in told.items() for word in ("--set", f"{name}={json.dumps(value)}")
    ]


def place(**more):
    bucket = MemoryBucket()
    given = {
        "load": lambda **asked: load_settings({}, **asked),
        "archive": ArchiveSource(bucket),
        "log": TrialLog(MemoryDocuments()),
        "now_ms": START_AT,
        "commit": "0" * 40,
        "cache": bucket,
        "jobs": 1,
    }
    return StudyPorts(**{**given, **more})


def test_a_study_is_run_counted_and_written_and_again_it_is_the_same_to_the_byte(
    home, file, candles, tmp_path, capsys
):
    command = ["study", str(file), "--candles", str(candles), "--jobs", "1", *options()]
    assert main([*command, "--out", str(tmp_path / "one"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (held,) = told["held"]
    assert [one["variant"] for one in held["tried"]] == ["plain", "wide", "slow"]
    assert told["trials"] == 3
    plain, wide, slow = held["tried"]
    assert plain["recipe"] == wide["recipe"], "the stop is no part of the model"
    assert plain["learned"] == wide["learned"]
    assert slow["learned"] is slow["recipe"] is None
    assert plain["learned"]["rows"] > 500
    assert plain["earned"]["hold_total"] == slow["earned"]["hold_total"]
    assert {check["name"] for check in plain["verdict"]["checks"]} > {
        "no_overfitting",
        "psr",
        "dsr",
    }
    assert not any(one["verdict"]["may_enter"] for one in held["tried"])
    documents = SqliteDocuments(home / "state.sqlite")
    trials = TrialLog(documents).all().trials
    documents.close()
    assert {trial.kind for trial in trials} == {"study"}
    assert {trial.changed["variant"] for trial in trials} == {"plain", "wide", "slow"}

    folds = sorted((home / "bucket" / "folds").iterdir())
    assert (
        main([*command, "--out", str(tmp_path / "two"), "--markdown", str(tmp_path / "told.md")])
        == 0
    )
    assert "Nothing here may enter" in capsys.readouterr().out
    assert sorted((home / "bucket" / "folds").iterdir()) == folds, "all of them were found"
    for name in ("study.html", "study.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    text = (tmp_path / "told.md").read_text(encoding="utf-8")
    assert "scripts/bot study tiny.yaml --candles made.csv" in text
    assert str(tmp_path) not in text


def test_the_gate_is_shown_what_was_tried_side_by_side_and_everything_in_the_log(candles):
    study = parse_study(STUDY).on(str(candles)).under(TINY)
    log, folds = TrialLog(MemoryDocuments()), MemoryBucket()
    first = run(study, place(log=log, cache=folds))
    assert (first.trials, len(log.all().trials)) == (3, 3)
    other = run(
        parse_study(STUDY.replace("stop_atr: 6", "stop_atr: 3")).on(str(candles)).under(TINY),
        place(log=log, cache=folds),
    )
    assert other.trials == 4, "plain and slow were tried before"
    overfitting = [
        check
        for one in first.variant_results
        for check in one.verdict.checks
        if check.name == "no_overfitting"
    ]
    assert len(overfitting) == 3
    alone = run(parse_study(STUDY.partition("  wide")[0]).on(str(candles)).under(TINY), place())
    (one,) = alone.variant_results
    assert one.earned.total == first.variant_results[0].earned.total, (
        "what stands beside a variant changes nothing of it"
    )


@pytest.fixture(scope="module")
def ran(candles):
    """An example's result on generated candles, worked out once a module."""

    @cache
    def result(stem):
        study = parse_study((EXAMPLES / f"{stem}.yaml").read_text(encoding="utf-8"))
        return study, run(study.on(str(candles)).under(TINY), place())

    return result


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path, id=path.stem, marks=[] if path.stem in QUICK_ONES else [pytest.mark.full]
        )
        for path in sorted(EXAMPLES.glob("*.yaml"))
    ],
)
def test_every_example_runs_on_generated_candles(path, ran):
    study, result = ran(path.stem)
    assert [one.variant for one in result.variant_results] == [
        variant.name for variant in study.variants
    ]
    assert all(one.verdict.checks for one in result.variant_results)
    assert result.hash != study.hash, "these are other candles"


def test_the_profiles_of_the_original_are_refused_as_directional(ran):
    _, result = ran("original-label")
    for one in result.variant_results[:3]:
        assert {"directional_not_volatility", "direction_skill"} & set(one.failed_check_names)


def test_progress_goes_on_to_the_end(candles):
    told = []
    run(
        parse_study(STUDY).on(str(candles)).under(TINY),
        place(),
        on_progress=lambda text, share: told.append((text, share)),
    )
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert any("made · wide: fold" in text for text, _ in told)


def refused(study, **more):
    with pytest.raises(BadStudy) as said:
        run(study, place(**more))
    return said.value


def test_what_does_not_fit_is_refused_before_anything_is_worked_on(candles, tmp_path):
    study = parse_study(STUDY).on(str(candles)).under(TINY)
    unknown = refused(parse_study(STUDY.replace("risk.stop_atr", "risk.stop_at")).on(str(candles)))
    assert unknown.field == "variants.wide"
    assert "stop_atr" in unknown.remedy
    assert (
        refused(
            parse_study(STUDY.replace("profile: trend", "profile: trends")).on(str(candles))
        ).field
        == "variants.slow"
    )
    assert refused(parse_study(STUDY).on(str(tmp_path / "none.csv"))).field == "candles"
    assert refused(parse_study(STUDY)).field == "candles", "the archive is empty"
    assert refused(parse_study(STUDY).on(str(candles))).field == "start", (
        "180 days to learn from are more than there are"
    )
    assert refused(study.within(start_at=START_AT, end_at=None)).field == "start"
    assert refused(study.within(start_at=None, end_at=START_AT + 400 * DAY)).field == "end"
    assert (
        refused(study.within(start_at=START_AT + 8 * DAY, end_at=None)).field == "variants.plain"
    ), "eight days teach nothing"


def test_4h_candles_become_a_path_that_adds_up_to_them_and_the_page_says_so(tmp_path):
    slow = market(75, seed=3, edge_bp=8.0)[Timeframe.H4]
    path = tmp_path / "slow.csv"
    write_csv(path, slow)
    asked = DataSet(name="slow", candles=str(path))
    found = load_candles(
        asked, archive=ArchiveSource(MemoryBucket()), timeframe=Timeframe.M15, learning_days=0
    )
    assert found.notes[0].startswith("MADE UP: ")
    own = found.candles[Timeframe.H4]
    assert (own.opened_at == slow.opened_at).all()
    assert (own.close == slow.close).all()
    assert len(found.candles[Timeframe.M15]) == 16 * len(slow)
    assert found.start_at == START_AT + 14 * DAY


def test_a_longer_history_of_4h_candles_goes_before_those_of_the_file(tmp_path):
    whole = market(75, seed=3, edge_bp=8.0)
    write_csv(tmp_path / "slow.csv", whole[Timeframe.H4])
    write_csv(tmp_path / "late.csv", whole[Timeframe.M15].rows(96 * 30, None))
    asked = DataSet(
        name="late", candles=str(tmp_path / "late.csv"), candles_4h=str(tmp_path / "slow.csv")
    )
    found = load_candles(
        asked, archive=ArchiveSource(MemoryBucket()), timeframe=Timeframe.M15, learning_days=10
    )
    assert (found.candles[Timeframe.H4].opened_at == whole[Timeframe.H4].opened_at).all()
    late, slow, told = found.notes
    assert "late.csv was read as plain candles" in late
    assert "slow.csv was read as plain candles" in slow
    assert "come from another file" in told
    first = int(found.candles[Timeframe.M15].opened_at[0])
    assert 0 <= found.start_at - first - (10 + 14) * DAY < DAY


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--vary", "risk.stop_atr=2,3"], "--vary is not for a study that a file declares"),
        (["--model", "none"], "--model is not for a study that a file declares"),
        (["--set", "nonsense"], "--set was 'nonsense'"),
        (["--from", "someday"], "--from was 'someday'"),
    ],
)
def test_options_that_do_not_belong_to_a_file_are_refused(words, found, home, file, capsys):
    assert main(["study", str(file), *words]) == 2
    assert found in capsys.readouterr().err


def test_options_that_belong_to_a_file_are_refused_without_one(home, capsys):
    assert (
        main(["study", "--set", "risk.stop_atr=2", "--from", "2026-01-01", "--to", "2026-02-01"])
        == 2
    )
    assert "--set is only for a study that a file declares" in capsys.readouterr().err
    assert main(["study", "--to", "2026-02-01"]) == 2
    assert "Missing option '--from'" in capsys.readouterr().err


def test_a_wrong_file_is_told_by_its_name_and_its_field(home, file, candles, tmp_path, capsys):
    file.write_text(STUDY.replace("question", "qestion"), encoding="utf-8")
    assert main(["study", str(file), "--candles", str(candles)]) == 2
    said = capsys.readouterr().err
    assert "qestion is not a field of a study" in said
    assert "did you mean question?" in said
    assert main(["study", str(tmp_path / "none.yaml")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_told_before_the_work(
    home, file, candles, tmp_path, capsys
):
    taken = tmp_path / "taken"
    taken.write_text("a file", encoding="utf-8")
    assert main(["study", str(file), "--candles", str(candles), "--out", str(taken)]) == 2
    assert "--out" in capsys.readouterr().err
    assert not (home / "state.sqlite").exists(), "nothing was counted"
