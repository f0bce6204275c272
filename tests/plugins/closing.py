"""How a run closes: the coverage floor of the pure stages, and one line that names what was skipped
and why.

Covered counts what the unit tests reach: to measure a test doubles what it costs, and the floor is
one of pure stages.

A skip says what it lacked in the first word of its reason: `emulators: none found`.
`BOT_REQUIRE=emulators,gcloud` turns skips of those kinds into failures, so that a machine which has
the tools cannot lose the tests without a word.
"""

import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.core import guards

FLOOR_PERCENT = 90.0

ROOT = Path(__file__).resolve().parents[2]
UNIT_TESTS = ROOT / "tests" / "unit"
FLOOR_GUARDS = ("pure", "floor")


def guarded_stages() -> dict[str, tuple[str, ...]]:
    """What `shared/core/guards.toml` puts under the floor: each file of money by itself, the others
    of a room together.
    """
    stages: dict[str, tuple[str, ...]] = {}
    for guard in FLOOR_GUARDS:
        for file in guards.sources(guard):
            is_money = "money" in guards.guard_lines()[guards.line_of(file) or file]
            stage = file.removesuffix(".py") if is_money else "/".join(file.split("/")[:2])
            stages[stage] = (*stages.get(stage, ()), file)
    return stages


PURE: Mapping[str, tuple[str, ...]] = guarded_stages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """The branches of one stage."""

    stage: str
    branches: int
    covered: int

    @property
    def percent(self) -> float:
        """Covered branches of all; a stage without any branch has nothing to miss."""
        return 100.0 * self.covered / self.branches if self.branches else 100.0

    @property
    def enough(self) -> bool:
        """Above the floor, not at it."""
        return self.percent > FLOOR_PERCENT


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--floor",
        metavar="JSON",
        help="a coverage report to hold against the floor of the pure stages",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let nothing but unit tests be traced, whoever traces."""
    if item.path.is_relative_to(UNIT_TESTS):
        return (yield)
    here, threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(here)
        threading.settrace(threads)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        fail_where_required(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:
        fail_where_required(report)
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--floor")
    if (
        path
        and not hasattr(session.config, "workerinput")
        and session.exitstatus == pytest.ExitCode.OK
    ):
        measured = read_coverage(Path(path))
        if not measured or not all(stage.enough for stage in measured):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None, None, None]:
    yield
    path = config.getoption("--floor")
    if path:
        terminalreporter.section("branches covered in the pure stages")
        for line in table(read_coverage(Path(path))):
            terminalreporter.write_line(line)
    reasons = [reason_of(report) for report in terminalreporter.stats.get("skipped", [])]
    terminalreporter.write_line(skipped_line(reasons))


def fail_where_required(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure where its kind is required."""
    reason = reason_of(report)
    if kind_of(reason) in required(os.environ):
        report.outcome = "failed"
        report.longrepr = f"skipped although BOT_REQUIRE names {kind_of(reason)}: {reason}"


def required(environ: Mapping[str, str]) -> frozenset[str]:
    """The kinds of tests that must not be skipped here."""
    return frozenset(
        filter(None, (kind.strip() for kind in environ.get("BOT_REQUIRE", "").split(",")))
    )


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why a test was skipped, as its author wrote it."""
    told = report.longrepr
    return (told[2] if isinstance(told, tuple) else str(told)).removeprefix("Skipped: ")


def kind_of(reason: str) -> str:
    """The first word of a reason, up to its colon; empty where there is none."""
    kind, colon, _ = reason.partition(":")
    return kind.strip() if colon and kind.strip().isidentifier() else ""


def skipped_line(reasons: list[str]) -> str:
    """One line: how many tests were skipped, for each reason."""
    if not reasons:
        return "skipped: nothing"
    return "skipped: " + "; ".join(
        f"{count} × {' '.join(reason.split())}" for reason, count in Counter(reasons).most_common()
    )


def read_coverage(report: Path) -> list[Covered]:
    """The branches of each pure stage, from coverage's JSON report; nothing where there is no
    report.
    """
    if not report.is_file():
        return []
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    measured = []
    for stage, names in PURE.items():
        mine = [files[name]["summary"] for name in names if name in files]
        if mine:
            branches, covered = (
                sum(one["num_branches"] for one in mine),
                sum(one["covered_branches"] for one in mine),
            )
            measured.append(Covered(stage=stage, branches=branches, covered=covered))
    return measured


def table(measured: list[Covered]) -> list[str]:
    """The stages with their numbers, and the verdict."""
    if not measured:
        return [
            (
                f"FAILED: no coverage was measured: the floor of {FLOOR_PERCENT:.0f} % cannot be"
                " checked"
            )
        ]
    lines = []
    for stage in measured:
        verdict = "" if stage.enough else "  too low"
        lines.append(
            f"{stage.stage:<32}{stage.covered:>6} of {stage.branches:<6}{stage.percent:6.1f}"
            f" %{verdict}"
        )
    low = [stage.stage for stage in measured if not stage.enough]
    floor = f"more than {FLOOR_PERCENT:.0f} % is the floor"
    return [
        *lines,
        (
            f"FAILED: {floor}; below it: {', '.join(low)}"
            if low
            else f"passed: {floor}; all are above it"
        ),
    ]
