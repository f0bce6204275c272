"""Which tests a quick check runs follows from what was measured, and from nothing else."""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.commands import check
from scripts.testing import quick_tests
from scripts.testing.quick_tests import BUDGET_SECONDS, MEASURES, choose, chosen_of, unit_test_files

ROOT = Path(__file__).resolve().parents[4]


def test_the_cheapest_files_run_as_long_as_the_next_one_fits_the_budget() -> None:
    compared = 0
    for seed in range(200):
        draw = random.Random(seed)
        files = tuple(f"tests/unit/test_{number}.py" for number in range(draw.randrange(1, 40)))
        measures = {
            name: draw.choice([None, 0.0, 1.0, round(draw.expovariate(0.5), 2)])
            for name in files
            if draw.random() < 0.9
        }
        choice = chosen_of(
            {**measures, "tests/unit/test_gone.py": 0.0},
            files,
            budget_seconds=(budget := draw.uniform(0, 30)),
        )
        assert sorted((*choice.chosen, *choice.slower, *choice.unmeasured)) == sorted(files)
        assert choice.unmeasured == tuple(name for name in files if name not in measures)
        told = [measures[name] for name in choice.chosen]
        left = [seconds for name in choice.slower if (seconds := measures[name]) is not None]
        assert None not in told, "what was cut at the limit is slow, whatever the budget"
        assert sum(told) == pytest.approx(choice.seconds)
        assert choice.seconds <= budget
        if left:
            assert max(told, default=0.0) <= min(left)
            assert choice.seconds + min(left) > budget
            compared += 1
    assert compared > 50


def test_a_file_that_nobody_measured_is_left_out_and_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "tests/unit").mkdir(parents=True)
    for name in ("old", "new", "slow"):
        (tmp_path / f"tests/unit/test_{name}.py").write_text("")
    (tmp_path / MEASURES).write_text(
        json.dumps({"tests/unit/test_old.py": 0.2, "tests/unit/test_slow.py": None})
    )
    choice = choose(tmp_path)
    assert (choice.chosen, choice.slower) == (
        ("tests/unit/test_old.py",),
        ("tests/unit/test_slow.py",),
    )
    assert (
        choice.sentence
        == "1 of 3 files of unit tests, measured at 0 s of CPU; the others are slower or never"
        " measured (tests/unit/test_new.py: `scripts/bot test --measure`)"
    )
    (tmp_path / MEASURES).unlink()
    assert choose(tmp_path).chosen == ()


def test_the_measures_that_are_kept_make_a_quick_check_of_many_files() -> None:
    choice = choose(ROOT)
    assert BUDGET_SECONDS / 2 < choice.seconds <= BUDGET_SECONDS
    assert len(choice.chosen) >= 50
    assert len(choice.slower) >= 10
    assert set(choice.chosen) <= set(unit_test_files(ROOT))
    assert check.command.help is not None
    assert f"{BUDGET_SECONDS:.0f} seconds of CPU" in " ".join(check.command.help.split())


def test_a_quick_check_runs_what_was_chosen_and_keeps_no_list_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(check, "run_tests", lambda words, to_stderr: ran.append(list(words)) or 0)
    told = check._tests(quick=True, to_stderr=True)
    assert ran == [[str(ROOT / name) for name in choose(ROOT).chosen]]
    assert told.said == choose(ROOT).sentence
    assert not re.search(
        r"tests/unit/", Path(check.__file__).read_text() + Path(quick_tests.__file__).read_text()
    )


BUSY = """
import time, pytest
def busy(seconds):
    began = time.process_time()
    while time.process_time() - began < seconds: pass
@pytest.fixture(scope="module")
def made(): busy(0.2)
def test_computes(made): busy(0.2)
def test_computes_elsewhere(made):
    import subprocess, sys
    busy = "import time\\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", busy], check=True)
"""
SLOW = BUSY + "\n" + "\n".join(f"def test_{number}(): busy(0.4)" for number in range(5))
WAITING = "import time\ndef test_waits(): time.sleep(0.6)\n"


def measured(folder: Path, *words: str) -> dict[str, float | None]:
    base = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        f"--rootdir={folder}",
    ]
    out = folder / "seconds.json"
    subprocess.run(
        [*base, "-p", "tests.plugins.timing", f"--measure={out}", *words, str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        check=False,
    )
    return json.loads(out.read_text()) if out.exists() else {}


@pytest.mark.parametrize(
    "workers", [(), ("-p", "xdist", "-n", "2", "--dist=loadfile")], ids=["alone", "workers"]
)
def test_computing_is_measured_and_waiting_is_not(tmp_path: Path, workers: tuple[str, ...]) -> None:
    (tmp_path / "test_busy.py").write_text(BUSY)
    (tmp_path / "test_waiting.py").write_text(WAITING)
    (tmp_path / "test_slow.py").write_text(SLOW)
    told = measured(tmp_path, "--measure-limit=1.9", *workers)
    assert set(told) == {"test_busy.py", "test_waiting.py", "test_slow.py"}
    assert told["test_slow.py"] is None
    busy, waiting = told["test_busy.py"], told["test_waiting.py"]
    assert busy is not None
    assert waiting is not None
    assert 0.65 <= busy < 1.9
    assert waiting < 0.3


def test_a_run_that_failed_measures_nothing_and_a_run_of_few_keeps_the_others(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_waiting.py").write_text(WAITING)
    (tmp_path / "test_failing.py").write_text("def test_fails(): assert False\n")
    assert measured(tmp_path) == {}
    (tmp_path / "test_failing.py").write_text("def test_works(): pass\n")
    (tmp_path / "seconds.json").write_text('{"test_failing.py": 2.5, "test_gone.py": 1.0}')
    told = measured(tmp_path, "--ignore=test_failing.py")
    assert told["test_failing.py"] == 2.5
    assert set(told) == {"test_failing.py", "test_waiting.py"}
