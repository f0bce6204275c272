"""How a run of the tests closes, and what it is called with."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.commands.test import neutral, pytest_arguments, run_tests
from shared.core import guards
from shared.core.errors import UserError
from tests.plugins.closing import (
    PURE,
    UNIT_TESTS,
    kind_of,
    pytest_runtest_protocol,
    read_coverage,
    skipped_line,
    table,
)

ROOT = Path(__file__).resolve().parents[3]


def test_every_pure_stage_that_the_floor_names_exists() -> None:
    files = [file for stage in PURE.values() for file in stage]
    assert [file for file in files if not (ROOT / file).is_file()] == []
    assert all(PURE.values())
    assert len(set(files)) == len(files) >= 120


def test_the_floor_is_under_every_rule_that_moves_money() -> None:
    """Wherever a file decides over money: the rooms of the mutation tests, and what an account is
    made of.
    """
    money = set(guards.tests()) - {
        "shared/exchanges/paper/exchange.py",
        "shared/tick/desk.py",
        "shared/exchanges/bitbank/recognition.py",
        "shared/exchanges/bitbank/live/aside.py",
        "shared/exchanges/bitbank/live/delays.py",
        "shared/exchanges/bitbank/live/executions.py",
        "shared/exchanges/bitbank/live/fates.py",
        "shared/exchanges/bitbank/live/held.py",
        "shared/exchanges/bitbank/live/own_orders.py",
        "shared/exchanges/bitbank/live/reckoning.py",
        "shared/exchanges/bitbank/live/unexplained.py",
    }
    assert len(money) >= 13, "these two send and store"
    assert money - {file for stage in PURE.values() for file in stage} == set()


def test_a_rule_of_money_without_tests_is_below_the_floor(tmp_path: Path) -> None:
    files = {
        file: {"summary": {"num_branches": 10, "covered_branches": 10}}
        for stage in PURE.values()
        for file in stage
    }
    files["shared/exchanges/paper/ledger.py"]["summary"]["covered_branches"] = 8
    report = tmp_path / "coverage.json"
    report.write_text(json.dumps({"files": files}))
    assert [stage.stage for stage in read_coverage(report) if not stage.enough] == [
        "shared/exchanges/paper/ledger"
    ]


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
    assert pytest_arguments(("tests/unit",), "stop", full=False) == [
        str(ROOT / "tests/unit"),
        "-k",
        "stop",
    ]


def test_a_full_run_of_a_part_shows_what_passed_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test_measured.py").write_text("def test_x():\n    print('a tick takes 33 ms')\n")
    (tmp_path / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--full', action='store_true')\n"
    )
    assert run_tests([str(tmp_path / "test_measured.py"), "--full"]) == 0
    assert "a tick takes 33 ms" in capfd.readouterr().out


def test_paths_are_found_from_the_root_and_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test_mine.py").write_text("")
    words = pytest_arguments(("test_mine.py::test_x", "tests/unit/house"), None, full=False)
    assert words == [f"{tmp_path}/test_mine.py::test_x", str(ROOT / "tests/unit/house")]
    with pytest.raises(UserError, match="no tests at nowhere"):
        pytest_arguments(("nowhere",), None, full=False)


def test_tests_run_without_the_settings_and_keys_of_this_machine() -> None:
    environ = {
        "PATH": "p",
        "BOT_STAGE": "live",
        "BITBANK_API_KEY": "k",
        "DISCORD_WEBHOOK_URL": "d",
        "BOT_REQUIRE": "gcloud",
        "BOT_MATRIX_SECONDS": "150",
    }
    kept = neutral(environ)
    told = {"BOT_REQUIRE": "gcloud", "BOT_MATRIX_SECONDS": "150"}
    assert kept == {"PATH": "p", **told, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize(
    ("file", "is_traced"), [("functional/test_demo.py", False), ("unit/test_names.py", True)]
)
def test_only_unit_tests_are_traced(file: str, is_traced: bool) -> None:
    def tracer(*_: object) -> None: ...

    before = sys.gettrace()
    try:
        sys.settrace(tracer)
        running = pytest_runtest_protocol(SimpleNamespace(path=UNIT_TESTS.parent / file))
        next(running)
        assert sys.gettrace() is (tracer if is_traced else None)
        running.close()
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)
