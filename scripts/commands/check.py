"""Everything that CI asks: lint, format, types, import contracts, tests."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

from scripts.commands.test import neutral, pytest_arguments, run_tests
from scripts.console import duration, emit, json_option
from shared.errors import BotError

ROOT = Path(__file__).resolve().parents[2]

STEPS = {
    "lint": ["-m", "ruff", "check", "."],
    "format": ["-m", "ruff", "format", "--check", "."],
    "types": ["-m", "mypy"],
    "imports": ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
}

SLOWER = (
    "tests/unit/models",
    "tests/unit/sandbox",
    "tests/unit/alerts/test_embeds.py::test_no_message_ever_breaks_a_limit_and_no_alert_is_lost",
    "tests/unit/ensemble/test_bundle.py",
    "tests/unit/ensemble/test_predict.py",
    "tests/unit/execution/test_account.py::test_minute_by_minute_the_skipping_walk_equals_the_plain_one",
    "tests/unit/execution/test_account.py::test_every_event_of_every_story_keeps_every_invariant_however_it_is_cut",
    "tests/unit/features/test_parity.py",
    "tests/unit/report/test_report.py::test_thinning_keeps_the_deepest_drawdown_and_both_ends",
    "tests/unit/risk/test_decide.py::test_no_entry_ever_exceeds_a_limit",
)
"""What `--quick` leaves out: these take most of the unit tests' time."""

QUICK = [
    "tests/unit",
    "-m",
    "not full and not slow",
    *(f"--deselect={test}" if "::" in test else f"--ignore={test}" for test in SLOWER),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one step came out."""

    step: str
    passed: bool
    seconds: float
    said: str = ""


@click.command()
@click.option("--quick", is_flag=True, help="Only the unit tests, without the slowest.")
@json_option
@click.pass_context
def command(context: click.Context, *, quick: bool, as_json: bool) -> None:
    """Lint, types, import contracts and tests: what CI runs.

    The tests run only where everything before them passed.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = []
        for result in pool.map(run_step, STEPS):
            results.append(result)
            click.echo(f"{'passed' if result.passed else 'FAILED'}  {result.step} ({duration(result.seconds)})", err=as_json)
            if not result.passed:
                click.echo(result.said, err=as_json)
    failed = [result.step for result in results if not result.passed]
    if not failed:
        results.append(_tests(quick=quick, to_stderr=as_json))
    if as_json:
        emit({"passed": all(result.passed for result in results), "steps": results}, "", as_json=True)
    if failed:
        raise BotError(f"{', '.join(failed)} failed; the tests were not run")
    context.exit(0 if results[-1].passed else 1)


def _tests(*, quick: bool, to_stderr: bool) -> Result:
    began = time.monotonic()
    words = QUICK if quick else pytest_arguments((), None, full=False)
    code = run_tests(words, to_stderr=to_stderr)
    return Result(step="tests", passed=code == 0, seconds=time.monotonic() - began)


def run_step(step: str) -> Result:
    """Run one tool and keep what it said."""
    began = time.monotonic()
    words: Sequence[str] = [sys.executable, *STEPS[step]]
    ran = subprocess.run(
        words, cwd=ROOT, env=neutral(os.environ), check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return Result(step=step, passed=ran.returncode == 0, seconds=time.monotonic() - began, said=ran.stdout.strip())
