"""Everything that CI asks: lint, format, types, import contracts, examples, tests."""

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
from scripts.installation.checkout import ROOT
from scripts.output.console import emit, json_option
from scripts.testing import quick_tests
from shared.core.errors import BotError, UserError
from shared.core.sentences.figures import duration

STEPS = {
    "lint": ["-m", "ruff", "check", "."],
    "format": ["-m", "ruff", "format", "--check", "."],
    "types": ["-m", "mypy"],
    "imports": ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
    "licences": ["-m", "scripts.testing.licences"],
    "examples": ["-m", "pytest", "-q", "--doctest-modules", "shared", "models", "functions"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """How one step came out."""

    step: str
    passed: bool
    seconds: float
    said: str = ""


@click.command()
@click.option(
    "--quick",
    is_flag=True,
    help="Of the tests only the cheapest files of unit tests, by measured CPU time.",
)
@json_option
@click.pass_context
def command(context: click.Context, *, quick: bool, as_json: bool) -> None:
    """Lint, types, import contracts, examples and tests: what CI runs.

    The tests run only where everything before them passed. With --quick files of unit tests run,
    the cheapest first, as long as they fit 25 seconds of CPU by what `scripts/bot test --measure`
    last wrote down; a file that was never measured is left out and named.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = []
        for result in pool.map(run_step, STEPS):
            results.append(result)
            click.echo(
                f"{'passed' if result.passed else 'FAILED'}  {result.step}"
                f" ({duration(result.seconds)})",
                err=as_json,
            )
            if not result.passed:
                click.echo(result.said, err=as_json)
    failed = [result.step for result in results if not result.passed]
    if not failed:
        results.append(_tests(quick=quick, to_stderr=as_json))
    if as_json:
        emit(
            {"passed": all(result.passed for result in results), "steps": results}, "", as_json=True
        )
    if failed:
        raise BotError(f"{', '.join(failed)} failed; the tests were not run")
    context.exit(0 if results[-1].passed else 1)


def _tests(*, quick: bool, to_stderr: bool) -> StepResult:
    began = time.monotonic()
    words, said = pytest_arguments((), None, full=False), ""
    if quick:
        choice = quick_tests.choose(ROOT)
        if not choice.chosen:
            raise UserError(
                "no test was ever measured, so none is known to be quick",
                remedy="run scripts/bot test --measure",
            )
        words, said = pytest_arguments(choice.chosen, None, full=False), choice.sentence
        click.echo(f"tests: {said}", err=to_stderr)
    code = run_tests(words, to_stderr=to_stderr)
    return StepResult(step="tests", passed=code == 0, seconds=time.monotonic() - began, said=said)


def run_step(step: str, *, root: Path = ROOT) -> StepResult:
    """Run one tool on the tree at `root` and keep what it said."""
    began = time.monotonic()
    words: Sequence[str] = [sys.executable, *STEPS[step]]
    ran = subprocess.run(
        words,
        cwd=root,
        env=neutral(os.environ),
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return StepResult(
        step=step,
        passed=ran.returncode == 0,
        seconds=time.monotonic() - began,
        said=ran.stdout.strip(),
    )
