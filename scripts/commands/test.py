"""Run the tests: all of them with coverage and its floor, or the few that are named."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from scripts.installation.checkout import ROOT
from scripts.output.console import emit, json_option
from scripts.testing import quick_tests
from shared.core.errors import UserError

COVERAGE = Path("coverage")
OF_THE_TESTS = frozenset({"BOT_REQUIRE", "BOT_MATRIX_SECONDS", "BOT_VENV"})
"""What is told to the tests, or to what starts them, and sets no bot."""
WORKERS = 4


@click.command()
@click.argument("paths", nargs=-1)
@click.option(
    "-k", "expression", metavar="EXPRESSION", help="Only tests whose names match, as pytest's -k."
)
@click.option("--full", is_flag=True, help="The sizes that the issues name; takes many minutes.")
@click.option(
    "--measure", is_flag=True, help="Write down what CPU each file takes, for `check --quick`."
)
@json_option
@click.pass_context
def command(
    context: click.Context,
    *,
    paths: tuple[str, ...],
    expression: str | None,
    full: bool,
    measure: bool,
    as_json: bool,
) -> None:
    """Run the tests, with coverage and its floor.

    Coverage counts what the unit tests reach. With PATHS or -k only those tests run, without it.
    The line before pytest's own last one names what was skipped and why;
    BOT_REQUIRE=emulators,gcloud,browser turns a skip of such a kind into a failure;
    BOT_MATRIX_SECONDS=150 says how long each place of the crash matrix is played.
    --measure runs the unit tests, or those at PATHS, and writes tests/cpu_seconds.json.
    """
    if measure and (expression or full):
        raise UserError(
            "a file of tests is measured as a whole and at its default size",
            remedy="leave out -k and --full",
        )
    words = (
        measuring_arguments(paths) if measure else pytest_arguments(paths, expression, full=full)
    )
    code = run_tests(words, to_stderr=as_json)
    if as_json:
        report = (
            str(ROOT / COVERAGE / "coverage.json") if not (paths or expression or measure) else None
        )
        emit({"exit_code": code, "coverage": report}, "", as_json=True)
    context.exit(code)


def pytest_arguments(paths: Sequence[str], expression: str | None, *, full: bool) -> list[str]:
    """What pytest is called with; a run of everything measures coverage and holds it against the
    floor.
    """
    words = [_resolve_path(path) for path in paths]
    if expression:
        words += ["-k", expression]
    if full:
        words.append("--full")
    if not paths and not expression:
        words += ["--cov", "--cov-report=", f"--cov-report=html:{COVERAGE / 'html'}"]
        words += [
            f"--cov-report=json:{COVERAGE / 'coverage.json'}",
            f"--floor={COVERAGE / 'coverage.json'}",
        ]
    return words


def measuring_arguments(paths: Sequence[str]) -> list[str]:
    """What pytest is called with to measure each file of unit tests, or those that are named; a
    file stays in one process.
    """
    words = [_resolve_path(path) for path in paths or (str(quick_tests.UNIT_TESTS),)]
    partial = [word for word in words if "::" in word]
    if partial:
        raise UserError(
            f"a file of tests is measured as a whole, not {partial[0]}",
            remedy="name files or folders",
        )
    return [
        *words,
        "-p",
        "tests.plugins.timing",
        f"--measure={ROOT / quick_tests.MEASURES}",
        "--dist=loadfile",
    ]


def _resolve_path(path: str) -> str:
    """A path of tests, with its `::name`, from the root or else from the current folder."""
    file, separator, name = path.partition("::")
    for folder in (ROOT, Path.cwd()):
        if (folder / file).exists():
            return f"{folder / file}{separator}{name}"
    raise UserError(
        f"there are no tests at {path}",
        remedy="name a file or folder below tests/, or choose by name with -k",
    )


def run_tests(words: Sequence[str], *, to_stderr: bool = False) -> int:
    """Run pytest on a few cores in an environment free of the bot's settings; return its exit code.

    Benchmarks that are named run alone, in one process: so they measure, and what they print is
    seen.
    """
    benchmarks = any(str(ROOT / "tests" / "bench") in word for word in words)
    workers = 0 if benchmarks else min(WORKERS, os.cpu_count() or 1)
    if "--full" in words and "--cov" not in words:
        words = ["-rP", *words]  # numbers that a passed test prints are what such a run is for
    command_line = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.plugins.closing",
        f"--numprocesses={workers}",
    ]
    ran = subprocess.run(
        [*command_line, "--dist=worksteal", *words],
        cwd=ROOT,
        env=neutral(os.environ),
        stdout=sys.stderr if to_stderr else None,
        check=False,
    )
    return ran.returncode


def neutral(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without the settings, keys and webhooks of this machine's owner."""
    ours = ("BOT_", "BITBANK_", "DISCORD_")
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(ours) or name in OF_THE_TESTS
    }
    return {**kept, "PYTHONPATH": str(ROOT)}
