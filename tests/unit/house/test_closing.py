"""How a run of the tests closes, and what it is called with."""

from pathlib import Path

import pytest

from scripts.commands.check import QUICK, SLOWER
from scripts.commands.test import neutral, pytest_arguments
from shared.errors import UserError
from tests.plugins.closing import PURE, kind_of, read_coverage, skipped_line, table

ROOT = Path(__file__).resolve().parents[3]


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
    assert pytest_arguments(("tests/unit",), "stop", full=False) == [str(ROOT / "tests/unit"), "-k", "stop"]
    assert not [word for word in QUICK if "cov" in word]


def test_paths_are_found_from_the_root_and_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test_mine.py").write_text("")
    words = pytest_arguments(("test_mine.py::test_x", "tests/unit/house"), None, full=False)
    assert words == [f"{tmp_path}/test_mine.py::test_x", str(ROOT / "tests/unit/house")]
    with pytest.raises(UserError, match="no tests at nowhere"):
        pytest_arguments(("nowhere",), None, full=False)


def test_tests_run_without_the_settings_and_keys_of_this_machine() -> None:
    environ = {"PATH": "p", "BOT_STAGE": "live", "BITBANK_API_KEY": "k", "DISCORD_WEBHOOK_URL": "d", "BOT_REQUIRE": "gcloud"}
    kept = neutral(environ)
    assert kept == {"PATH": "p", "BOT_REQUIRE": "gcloud", "PYTHONPATH": str(ROOT)}


def test_what_the_quick_check_leaves_out_exists() -> None:
    for test in SLOWER:
        path, _, name = test.partition("::")
        assert (ROOT / path).exists()
        assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")
