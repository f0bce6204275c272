"""How a run of the tests closes. Each case is a real run of pytest in a folder of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

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
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "BOT_REQUIRE": require,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    base = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.plugins.closing",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
    ]
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
    assert (
        skipped
        == "skipped: 1 × emulators: none found; 1 × browser: no Chromium; 1 × full: run with --full"
    )
    assert "1 passed, 3 skipped" in summary


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "2")])
def test_a_required_kind_must_not_be_skipped(tmp_path: Path, workers: tuple[str, ...]) -> None:
    (tmp_path / "test_skipping.py").write_text(SKIPPING)
    ran = run(tmp_path, *workers, require="emulators,browser")
    assert ran.returncode == 1
    assert "1 failed, 1 passed, 1 skipped, 1 error" in ran.stdout
    assert "skipped although BOT_REQUIRE names emulators: emulators: none found" in ran.stdout
    assert run(tmp_path, *workers, require="gcloud").returncode == 0


def test_a_whole_module_of_a_required_kind_must_not_be_skipped(tmp_path: Path) -> None:
    (tmp_path / "test_module.py").write_text(
        "import pytest\npytest.skip('emulators: none', allow_module_level=True)\n"
    )
    assert run(tmp_path, require="emulators").returncode != 0
    assert "skipped: 1 × emulators: none" in run(tmp_path).stdout


def test_nothing_skipped_is_said_too(tmp_path: Path) -> None:
    (tmp_path / "test_fine.py").write_text("def test_fine(): pass\n")
    assert "skipped: nothing" in run(tmp_path).stdout


def report(folder: Path, covered: int) -> Path:
    files = {
        "shared/risk/policies/barrier.py": {
            "summary": {"num_branches": 100, "covered_branches": covered}
        },
        "shared/features/__init__.py": {"summary": {"num_branches": 0, "covered_branches": 0}},
        "shared/tick/cycle.py": {"summary": {"num_branches": 100, "covered_branches": 0}},
    }
    path = folder / "coverage.json"
    path.write_text(json.dumps({"files": files}))
    return path


@pytest.mark.parametrize(
    ("covered", "code", "verdict"),
    [(91, 0, "all are above it"), (90, 1, "below it: shared/risk/policies/barrier")],
)
def test_the_floor_is_for_the_pure_stages_and_must_be_exceeded(
    tmp_path: Path, covered: int, code: int, verdict: str
) -> None:
    (tmp_path / "test_fine.py").write_text("def test_fine(): pass\n")
    ran = run(tmp_path, f"--floor={report(tmp_path, covered)}")
    assert ran.returncode == code
    assert verdict in ran.stdout
    assert re.search(
        rf"^shared/risk/policies/barrier +{covered} of 100 +{covered}\.0 %",
        ran.stdout,
        re.MULTILINE,
    )
    assert ("FAILED" in ran.stdout) == bool(code)


def test_a_floor_that_was_not_measured_is_not_reached(tmp_path: Path) -> None:
    (tmp_path / "test_fine.py").write_text("def test_fine(): pass\n")
    ran = run(tmp_path, f"--floor={tmp_path / 'none.json'}")
    assert ran.returncode == 1
    assert "no coverage was measured" in ran.stdout
