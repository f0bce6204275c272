"""Every command under *Measured* in the README prints the numbers of its rows.

By default each row's test is collected and what it prints is looked for in its source, and the
cheap commands run; `--full` runs each command as it stands there. Values are not compared: they are
those of a machine.
"""

import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from models.gate import characteristics
from scripts.commands.test import neutral
from scripts.local.demo import summary
from shared.core.sentences import chapter

ROOT = Path(__file__).resolve().parents[2]

NUMBER, DURATION = r"\d[\d,.]*", r"\d[\w. ]*?"
PRINTED: dict[str, tuple[str, ...]] = {
    "Demo on a fresh machine": ("<duration> to prepare, <duration> to tick, # ms each",),
    "Cold start": (
        "cold start to the first answer (health): # s",
        "cold start to the first tick's answer: # s",
        "of which importing ccxt: # s",
    ),
    "Warm tick": ("warm tick, whole: # ms", "warm tick beside the exchange's time: # ms"),
    "Memory": ("memory (server and worker): # MB",),
    "A tick's window": ("# windows of # candles: # features and # votes equal",),
    "A week of ticks": (
        "# ticks over HTTP and one replay: # decisions equal, # orders equal",
        "# fills equal, equity equal at every tick; # differences",
    ),
    "1,000 random settings": (
        "# random settings on random candles: cash and position reconcile after every event;",
        "planted bug caught: ",
    ),
    "`backtest` of a year": ("stages cached, as a whole process: # s, # s of CPU, # MB at most",),
    "EMA cross": (
        "# candles of 15m; EMA 12/48 cross, stop 2 ATR",
        "# trades, #% stopped",
        "ours # ms",
        "backtesting, as it comes # ms",
        "vectorbt, trades as records # ms",
        "vectorbt, stats() # ms",
        "vectorbt, table with times # ms",
        "compiled loop # ms",
    ),
    "Six strategies": (
        "votes and rules (features cached) # ms # candles/s",
        "# trades, # ticks worked out",
    ),
    "Everything cold": ("everything cold, inference apart # ms # candles/s",),
    "52 weekly retrainings": (
        "# retrainings of # days: # rows and # trees each",
        "all cores # s, one process # s, from the cache # s",
        "plainly, one after another, nothing shared: # s",
    ),
    "One training": ("one training of # days: # s;", "one row: median # us"),
    "The way from candles": ("opened: # of 40 noise, # of 40 planted;",),
    "The gate's money checks": (
        "| kind: crash-like | # | # | #% | #% |",
        "| all | # | # | #% | #% |",
    ),
    "A candle file": (
        "# rows: # s and # MB; pandas.read_csv alone # s and # MB; ratio of times #",
    ),
    "Forty schedule times": (
        "# schedule times, each sent four times: # done, # duplicate or busy",
    ),
}
"""By the beginning of a row: the lines that its command prints; # is a number, and any space may be
wider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table; the command in words, without its environment."""

    what: str
    command: str

    @property
    def words(self) -> list[str]:
        return [
            word for word in shlex.split(self.command) if not re.fullmatch(r"[A-Z_]+=\S*", word)
        ]

    @property
    def environ(self) -> dict[str, str]:
        return dict(
            word.split("=", 1)
            for word in shlex.split(self.command)
            if re.fullmatch(r"[A-Z_]+=\S*", word)
        )

    @property
    def printed(self) -> tuple[str, ...]:
        return next(
            (lines for begins, lines in PRINTED.items() if self.what.startswith(begins)), ()
        )


def rows_of(readme: str) -> list[Row]:
    """The list under *Measured*; *the same* is the command of the row above."""
    part = readme.partition("\n## Measured\n")[2].partition("\n## ")[0]
    items = [" ".join(item.split()) for item in re.split(r"^\* ", part, flags=re.MULTILINE)[1:]]
    found: list[Row] = []
    for item in items:
        row = re.fullmatch(r"\*\*(.+)\*\*: .+ Printed by (?:`([^`]+)`|the same)\.", item)
        assert row, f"{item} names no command to be pasted"
        assert row[2] or found, f"{item} is the first: no command stands above it"
        found.append(Row(what=row[1], command=row[2] or found[-1].command))
    return found


ROWS = rows_of((ROOT / "README.md").read_text(encoding="utf-8"))
COMMANDS = sorted({row.command for row in ROWS})
TESTS = [row for row in ROWS if row.words[:2] == ["scripts/bot", "test"]]


def pattern(line: str) -> re.Pattern[str]:
    words = re.escape(line).replace(r"\#", NUMBER).replace("<duration>", DURATION)
    return re.compile(words.replace(r"\ ", r"\s+"))


def run(command: str, *more: str) -> str:
    """Run a command of the README with this interpreter; what it printed, on both streams."""
    row = Row(what="", command=command)
    program = {
        "scripts/bot": [sys.executable, "-m", "scripts.cli"],
        ".venv/bin/python": [sys.executable],
    }[row.words[0]]
    ran = subprocess.run(
        [*program, *row.words[1:], *more],
        cwd=ROOT,
        env={**neutral(os.environ), **row.environ, "BOT_HOME": os.environ["BOT_HOME"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
    return ran.stdout


def missing(printed: Sequence[str], told: str) -> list[str]:
    return [line for line in printed if not pattern(line).search(told)]


@pytest.fixture(scope="module")
def collected() -> list[str]:
    """The tests behind all rows, by their names from the root, as `--full` collects them."""
    paths = sorted({word for row in TESTS for word in row.words if word.startswith("tests/")})
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-n0",
            "--collect-only",
            "-q",
            "--full",
            *paths,
        ],
        cwd=ROOT,
        env=neutral(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr
    return [line for line in ran.stdout.splitlines() if "::" in line]


def test_every_row_has_a_command_and_lines_that_it_prints() -> None:
    assert len(ROWS) >= 17
    assert [row.what for row in ROWS if not row.printed] == []
    assert [
        begins for begins in PRINTED if sum(row.what.startswith(begins) for row in ROWS) != 1
    ] == []


@pytest.mark.parametrize("number", range(len(TESTS)))
def test_the_test_that_a_row_names_is_there_and_prints_what_the_row_states(
    number: int, collected: list[str]
) -> None:
    row = TESTS[number]
    options = row.words[2:]
    expression = options[options.index("-k") + 1] if "-k" in options else ""
    (path,) = (word for word in options if word.startswith("tests/"))
    mine = [name for name in collected if name.startswith(path) and expression in name]
    assert "--full" in options, "without it nothing that a passed test prints is shown"
    assert mine, f"{row.command} collects nothing"
    source = "\n".join(
        (ROOT / file).read_text(encoding="utf-8")
        for file in {name.partition("::")[0] for name in mine}
    )
    source = re.sub(r'"\s*\n\s*f?"', "", source)  # one text, written in pieces
    assert re.search(r"^\s+print\(", source, re.MULTILINE)
    for line in row.printed:
        parts = [part.strip(" %") for part in re.split(r"#|<duration>", line)]
        assert [part for part in parts if len(part) > 8 and part not in source] == [], (
            f"{row.what}: {line}"
        )
    in_workers = not path.startswith("tests/bench")
    assert not (in_workers and "capsys.disabled" in source), (
        "what a worker prints past pytest is lost"
    )


def test_what_the_demo_took_is_printed_by_its_summary() -> None:
    assert '"live.took"' in inspect.getsource(summary)
    told = chapter("live")["live.took"]
    assert all(words in told for words in ("to prepare, ", "to tick, ", " ms each"))
    assert (
        missing(
            PRINTED["Demo on a fresh machine"],
            "took 2 min 19 s: 19 s to prepare, 1 min 59 s to tick, 62 ms each",
        )
        == []
    )


def test_the_tables_of_the_gate_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = (row for row in ROWS if "characteristics" in row.command)
    assert row.words[:3] == [".venv/bin/python", "-m", characteristics.__name__]
    characteristics.main(["--count", "9", "--seed", "7"])
    assert missing(row.printed, capsys.readouterr().out) == []


def test_what_a_passed_test_prints_is_seen_though_workers_ran_it() -> None:
    (row,) = (row for row in ROWS if row.what.startswith("1,000 random settings"))
    told = run(row.command, "-k", "a_yen_appears_from_nowhere")
    assert "planted bug caught: a_yen_appears_from_nowhere, by EQUITY" in told
    assert missing(row.printed, told) == list(row.printed[:1])


@pytest.mark.full
@pytest.mark.parametrize("number", range(len(COMMANDS)))
def test_the_command_prints_the_numbers_of_its_rows(number: int) -> None:
    told = run(COMMANDS[number])
    assert {
        row.what: lines
        for row in ROWS
        if row.command == COMMANDS[number] and (lines := missing(row.printed, told))
    } == {}


def test_a_row_whose_command_prints_nothing_is_noticed() -> None:
    silent = "1 passed in 3.21s\nskipped: nothing"
    assert [row.what for row in ROWS if missing(row.printed, silent) != list(row.printed)] == []
    with pytest.raises(AssertionError, match="no command to be pasted"):
        rows_of("\n## Measured\n\n* **A**: 1 s.\n  Printed by hand.\n")
