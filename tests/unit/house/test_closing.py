"""How a run of the tests closes. Each case is a real run of pytest in a folder of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.commands.check import QUICK
from scripts.commands.test import neutral, pytest_arguments
from tests.plugins.closing import PURE, kind_of, read_coverage, skipped_line, table

ROOT = Path(__file__).resolve().parents[3]

SKIPPING = """
import pytest

def test_it_works(): pass

@pytest.mark.skip(reason="emulators: none found")
def test_with_an_emulator(): pass

def test_with_a_browser():
    pytest.skip("browser: no Chromium")

@pytest.mark.skip(reason="full: run with --full")
def test_big(): pass
"""


def run(folder: Path, *words: str, require: str = "") -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "BOT_REQUIRE": require}
    base = [sys.executable, "-m", "pytest", "-p", "tests.plugins.closing", "-p", "no:cacheprovider", "-c", os.devnull]
    return subprocess.run(
        [*base, f"--rootdir={folder}", *words, str(folder)],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_last_lines_name_what_was_skipped_and_why_and_then_the_count(tmp_path: Path) -> None:
    (tmp_path / "test_skipping.py").write_text(SKIPPING)
    ran = run(tmp_path)
    assert ran.returncode == 0
    skipped, summary = ran.stdout.rstrip().splitlines()[-2:]
    assert skipped == "skipped: 1 × emulators: none found; 1 × browser: no Chromium; 1 × full: run with --full"
    assert "1 passed, 3 skipped" in summary


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_required_kind_must_not_be_skipped(tmp_path: Path, workers: tuple[str, ...]) -> None:
    (tmp_path / "test_skipping.py").write_text(SKIPPING)
    ran = run(tmp_path, *workers, require="emulators,browser")
    assert ran.returncode == 1
    assert "2 failed, 1 passed, 1 skipped" in ran.stdout
    assert "skipped although BOT_REQUIRE names emulators: emulators: none found" in ran.stdout
    assert run(tmp_path, *workers, require="gcloud").returncode == 0


def test_a_whole_module_of_a_required_kind_must_not_be_skipped(tmp_path: Path) -> None:
    (tmp_path / "test_module.py").write_text("import pytest\npytest.skip('emulators: none', allow_module_level=True)\n")
    assert run(tmp_path, require="emulators").returncode != 0
    assert "skipped: 1 × emulators: none" in run(tmp_path).stdout


def test_nothing_skipped_is_said_too(tmp_path: Path) -> None:
    (tmp_path / "test_fine.py").write_text("def test_fine(): pass\n")
    assert "skipped: nothing" in run(tmp_path).stdout


def report(folder: Path, covered: int) -> Path:
    files = {
        "shared/risk/rules.py": {"summary": {"num_branches": 100, "covered_branches": covered}},
        "shared/features/x.py": {"summary": {"num_branches": 0, "covered_branches": 0}},
        "shared/cycle.py": {"summary": {"num_branches": 100, "covered_branches": 0}},
    }
    path = folder / "coverage.json"
    path.write_text(json.dumps({"files": files}))
    return path


@pytest.mark.parametrize(("covered", "code", "verdict"), [(91, 0, "all above the floor"), (90, 1, "below the floor: risk")])
def test_the_floor_is_for_the_pure_stages_and_must_be_exceeded(tmp_path: Path, covered: int, code: int, verdict: str) -> None:
    (tmp_path / "test_fine.py").write_text("def test_fine(): pass\n")
    ran = run(tmp_path, f"--floor={report(tmp_path, covered)}")
    assert ran.returncode == code
    assert verdict in ran.stdout
    assert f"risk                {covered} of 100      {covered}.0 %" in ran.stdout


def test_a_floor_that_was_not_measured_is_not_reached(tmp_path: Path) -> None:
    (tmp_path / "test_fine.py").write_text("def test_fine(): pass\n")
    ran = run(tmp_path, f"--floor={tmp_path / 'none.json'}")
    assert ran.returncode == 1
    assert "no coverage was measured" in ran.stdout


def test_every_pure_stage_that_the_floor_names_exists() -> None:
    missing = [prefix for prefixes in PURE.values() for prefix in prefixes if not (ROOT / prefix).exists()]
    assert missing == []
    assert len(PURE) >= 7


def test_the_parts_of_the_closing_lines() -> None:
    assert kind_of("emulators: none") == "emulators"
    assert kind_of("no colon") == ""
    assert kind_of("two words: x") == ""
    assert skipped_line(["a: b", "a: b", "c"]) == "skipped: 2 × a: b; 1 × c"
    assert read_coverage(Path("none")) == []
    assert "cannot be checked" in table([])[0]


def test_a_run_of_everything_is_measured_and_a_run_of_a_part_is_not() -> None:
    everything = pytest_arguments((), None, full=True)
    assert "--cov" in everything
    assert "--full" in everything
    assert any(word.startswith("--floor=") for word in everything)
    assert pytest_arguments(("tests/unit",), "stop", full=False) == [str(Path("tests/unit").absolute()), "-k", "stop"]
    assert not [word for word in QUICK if "cov" in word]


def test_tests_run_without_the_settings_and_keys_of_this_machine() -> None:
    environ = {"PATH": "p", "BOT_STAGE": "live", "BITBANK_API_KEY": "k", "DISCORD_WEBHOOK_URL": "d", "BOT_REQUIRE": "gcloud"}
    kept = neutral(environ)
    assert kept == {"PATH": "p", "BOT_REQUIRE": "gcloud", "PYTHONPATH": str(ROOT)}
