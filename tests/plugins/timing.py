"""How much CPU each test file takes, for whoever has to choose: `--measure JSON` writes it down
when the tests passed.

Counted is what this process and the children it waited for computed, fixtures of a file included,
imports not: so a busy machine tells nearly the same as a quiet one. A file that has taken the limit
is slow: the rest of it is skipped and `null` stands for it. Files that did not run keep the measure
they had.
"""

import json
import os
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest

LIMIT_SECONDS = 5.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--measure",
        metavar="JSON",
        help="write the CPU seconds of every test file that runs into this file",
    )
    parser.addoption(
        "--measure-limit",
        metavar="SECONDS",
        type=float,
        default=LIMIT_SECONDS,
        help="a file of more is slow",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--measure"):
        config.pluginmanager.register(
            Timing(Path(config.getoption("--measure")), config.getoption("--measure-limit"))
        )


def computed_seconds() -> float:
    """What this process and its children that ended have computed, in seconds of CPU."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Timing:
    """Adds up what each phase of each test took; from a worker the reports carry it home."""

    def __init__(self, path: Path, limit_seconds: float) -> None:
        self._path = path
        self._limit_seconds = limit_seconds
        self._here: defaultdict[str, float] = defaultdict(float)
        self._told: defaultdict[str, float] = defaultdict(float)
        self._mark = computed_seconds()

    def pytest_runtest_logstart(self) -> None:
        self._mark = computed_seconds()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if self._here[_file(item.nodeid)] >= self._limit_seconds:
            pytest.skip("measured: its file is slow")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        now = computed_seconds()
        report.cpu_seconds = now - self._mark
        self._here[_file(item.nodeid)] += now - self._mark
        self._mark = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._told[_file(report.nodeid)] += getattr(report, "cpu_seconds", 0.0)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workerinput") or session.exitstatus != pytest.ExitCode.OK:
            return
        known = json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}
        there = {
            name: seconds
            for name, seconds in known.items()
            if (session.config.rootpath / name).is_file()
        }
        told = {
            name: None if seconds >= self._limit_seconds else round(seconds, 2)
            for name, seconds in self._told.items()
        }
        lines = ",\n".join(
            f"  {json.dumps(name)}: {json.dumps(seconds)}"
            for name, seconds in sorted({**there, **told}.items())
        )
        self._path.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]
