"""`bot train` as a person runs it: a process, its exit code, what it prints and what it leaves in
the data folder.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from models.fit.commit import code_commit
from scripts.cli import main
from shared.core.settings import load_settings
from shared.core.types import Candles, Timeframe
from shared.market.archive import CandleArchive
from shared.market.candle_files import files_between
from shared.model import load_bundle
from shared.model.registry import BundleRegistry
from shared.model.signing import public_keys
from shared.stores.local.folder import FolderBucket
from tests.support.made_trainings import START_AT, market

ROOT = Path(__file__).resolve().parents[2]
DAYS = 60
SMALL = {
    "BOT_LEARNING__ROUNDS": "4",
    "BOT_LEARNING__FOREST_TREES": "4",
    "BOT_LEARNING__MAX_DEPTH": "3",
    "BOT_GATE__SHUFFLES": "0",
    "BOT_RETRAIN__JOBS": "1",
    "BOT_RETRAIN__TUNE_EVERY_DAYS": "0",
}


def write_csv(path: Path, candles: Candles) -> Path:
    columns = zip(
        candles.opened_at.tolist(),
        candles.open,
        candles.high,
        candles.low,
        candles.close,
        candles.volume,
        strict=True,
    )
    rows = (f"{at},{o:.0f},{h:.0f},{low:.0f},{c:.0f},{v:.4f}" for at, o, h, low, c, v in columns)
    path.write_text(
        "\n".join(["timestamp,open,high,low,close,volume", *rows]) + "\n", encoding="ascii"
    )
    return path


@pytest.fixture(scope="module")
def quarters() -> Candles:
    return market(75, seed=3, edge_bp=8.0)[Timeframe.M15]


@pytest.fixture(scope="module")
def csv(tmp_path_factory, quarters) -> Path:
    return write_csv(tmp_path_factory.mktemp("candles") / "btc.csv", quarters)


def bot_train(home: Path, *options: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **SMALL, "BOT_HOME": str(home), "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, "-m", "scripts.cli", "train", *map(str, options)]
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=120
    )


def registry_of(home: Path) -> BundleRegistry:
    return BundleRegistry(FolderBucket(home / "bucket"))


@pytest.fixture(scope="module")
def first(tmp_path_factory, csv) -> tuple[Path, dict]:
    """A data folder after its first training, and what that said."""
    home = tmp_path_factory.mktemp("first")
    done = bot_train(home, "--candles", csv, "--days", str(DAYS), "--json")
    assert done.returncode == 0, done.stderr
    assert "training: done in" in done.stderr
    assert "btc.csv was read as plain candles" in done.stderr
    return home, json.loads(done.stdout)


def test_a_first_training_makes_keys_publishes_promotes_and_loads(first):
    home, told = first
    registry = registry_of(home)
    assert told["promoted"] is True
    assert told["version"] in registry.versions()
    files = registry.files(told["version"])
    bundle = load_bundle(
        files,
        public_keys=public_keys(load_settings({"BOT_HOME": str(home)})),
        version=told["version"],
    )
    assert bundle.manifest.parent is None
    assert told["verdict"]["may_serve"] is True
    assert {"skill", "skill_lower", "calibration_error", "f1"} <= set(told["metrics"]["vote"])


def test_the_same_command_in_another_folder_with_the_same_key_gives_the_same_bytes(
    first, tmp_path, csv
):
    home, told = first
    shutil.copytree(home / "keys", tmp_path / "keys")
    done = bot_train(tmp_path, "--candles", csv, "--days", str(DAYS), "--no-promote")
    assert done.returncode == 0, done.stderr
    registry = registry_of(tmp_path)
    assert registry.versions() == [told["version"]]
    assert registry.current() is None
    files = registry.files(told["version"], audit=True)
    assert files == registry_of(home).files(told["version"], audit=True)
    assert {
        "model.npz",
        "lightgbm.txt",
        "xgboost.ubj",
        "random_forest.npz",
        "recipe.json",
        "MODEL_CARD.md",
    } <= set(files)
    for words in (
        "decides    check",
        "may serve",
        "may enter",
        "verdict ",
        "outcome     it was to be published only",
        "serves      nothing",
    ):
        assert words in done.stdout


def test_quickly_trained_it_serves_on_paper_and_says_that_nothing_was_proven(tmp_path, csv):
    done = bot_train(tmp_path, "--candles", csv, "--days", str(DAYS), "--quick")
    assert done.returncode == 0, done.stderr
    for words in (
        "trained ",
        "judged ",
        "skill ",
        "side alone",
        "nobody asked the gate",
        "proof       none",
        "serves      from now on",
    ):
        assert words in done.stdout
    registry = registry_of(tmp_path)
    version = registry.current().version
    card = registry.files(version, audit=True)["MODEL_CARD.md"].decode()
    assert "**This model was not asked by the gate.**" in card
    assert '"may_enter": false' in registry.files(version)["manifest.json"].decode()


def test_candles_come_from_the_archive_are_cut_as_asked_and_the_bundle_before_is_the_parent(first):
    home, before = first
    archive = CandleArchive(FolderBucket(home / "bucket"))
    for timeframe, candles in market(75, seed=3, edge_bp=8.0).items():
        for file in files_between(timeframe, int(candles.opened_at[0]), int(candles.closed_at[-1])):
            inside = (candles.opened_at >= file.start) & (candles.opened_at < file.end)
            begin, last = inside.argmax(), len(inside) - inside[::-1].argmax()
            archive.write(file, candles.rows(int(begin), int(last)), complete=True)
    done = bot_train(
        home, "--from", "2025-01-20", "--to", "2025-03-10T12:00:00Z", "--no-fetch", "--json"
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["version"].startswith("20250310T1200Z-")
    assert told["training"]["from_at"] >= START_AT + 18 * 86_400_000
    assert told["validation"]["label_end_at"] <= told["as_of"]
    assert (
        told["parent"] == before["version"] == told["serves"] == registry_of(home).current().version
    )
    assert (told["outcome"], told["promoted"]) == ("kept", False)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--candles", "nowhere.csv"], "does not exist"),
        (["--days", "5", "--no-fetch"], "the archive holds no 15m and no 4h candles"),
        (["--days", "5", "--from", "2025-01-01"], "--days and --from were both given"),
        (["--from", "2025-01-01"], "without --to"),
        (["--from", "2025-01-02", "--to", "2025-01-02T05:00:00Z"], "shorter than a day"),
        (["--as-of", "yesterday"], "--as-of was 'yesterday'"),
        (["--days", "0"], "--days"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_a_persons_mistake_is_one_sentence_and_exit_code_2(tmp_path, capsys, options, says):
    assert main(["train", *options]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.startswith("error: ")
    assert registry_of(tmp_path / "home").versions() == []


def test_too_little_history_and_coarse_candles_are_said(tmp_path, capsys, quarters):
    short = write_csv(tmp_path / "short.csv", quarters.rows(0, 1_500))
    assert main(["train", "--candles", str(short)]) == 2
    told = capsys.readouterr().err
    assert "too_few_rows" in told
    assert "remedy: give candles that are whole and reach far enough back" in told
    coarse = write_csv(tmp_path / "coarse.csv", market(75, seed=3, edge_bp=8.0)[Timeframe.H4])
    assert main(["train", "--candles", str(coarse)]) == 2
    assert "holds 4h candles" in capsys.readouterr().err


def test_a_signing_key_that_nobody_pinned_is_refused_before_the_training(
    tmp_path, capsys, monkeypatch, csv
):
    monkeypatch.setenv("BOT_BUNDLE_SIGNING_KEY", "11" * 32)
    monkeypatch.setenv("BOT_BUNDLE_PUBLIC_KEY", "22" * 32)
    assert main(["train", "--candles", str(csv)]) == 2
    assert "does not belong to any pinned public key" in capsys.readouterr().err
    assert registry_of(tmp_path / "home").versions() == []


def test_without_git_the_commit_comes_from_the_environment(tmp_path):
    assert code_commit({"COMMIT_SHA": "abc"}, tmp_path) == "abc"
    assert code_commit({}, tmp_path) == "unknown"
