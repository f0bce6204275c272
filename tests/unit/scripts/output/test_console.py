import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from scripts.output.console import emit, progress, to_json
from shared.core.calendar import jst_text
from shared.core.sentences.figures import duration, utc_second, yen


@dataclass(frozen=True)
class Told:
    equity: Decimal
    where: Path


def test_json_keeps_decimals_exact_and_makes_nan_null() -> None:
    text = to_json(
        {
            "told": Told(equity=Decimal("1000000.5000"), where=Path("a/b")),
            "row": np.array([1.5, np.nan]),
            "人": 1,
        }
    )
    assert json.loads(text) == {
        "told": {"equity": "1000000.5000", "where": "a/b"},
        "row": [1.5, None],
        "人": 1,
    }
    assert "人" in text


def test_a_command_answers_with_text_or_with_json_never_with_both(
    capsys: pytest.CaptureFixture[str],
) -> None:
    emit({"a": 1}, "one", as_json=False)
    assert capsys.readouterr().out == "one\n"
    emit({"a": 1}, "one", as_json=True)
    assert json.loads(capsys.readouterr().out) == {"a": 1}


def test_a_table_is_drawn_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table

    table = Table("name")
    table.add_row("halt")
    emit({}, table, as_json=False)
    assert "halt" in capsys.readouterr().out


def test_people_read_jst_and_machines_utc() -> None:
    new_year = 1_767_193_200_000
    assert utc_second(new_year) == "2025-12-31T15:00:00Z"
    assert jst_text(new_year) == "2026-01-01 00:00:00 JST"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Decimal("1000000.4"), "¥1,000,000"),
        (Decimal("-1250.6"), "-¥1,251"),
        (Decimal("-0.3"), "¥0"),
        (float("nan"), "unknown"),
    ],
)
def test_yen_are_whole_and_grouped(amount: Decimal | float, text: str) -> None:
    assert yen(amount) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.44, "0.4 s"),
        (9.97, "10 s"),
        (59.7, "1 min 0 s"),
        (125, "2 min 5 s"),
        (7500, "2 h 5 min"),
        (180_000, "2 d 2 h"),
    ],
)
def test_lengths_of_time_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_progress_in_a_log_is_one_line_a_tenth_and_one_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress("train", 200) as bar:
        for step in range(200):
            bar.describe(f"tree {step}")
            bar.advance()
    told = capsys.readouterr()
    lines = told.err.splitlines()
    assert told.out == ""
    assert len(lines) == 10
    assert lines[0].startswith("train: 10 % (tree ")
    assert lines[-1].startswith("train: done in ")


def test_progress_without_a_total_says_only_that_it_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress("collect", None) as bar:
        bar.advance(7)
    assert len(capsys.readouterr().err.splitlines()) == 1
