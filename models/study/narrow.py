"""Markdown whose lines fit a width: paragraphs and items wrapped, wide tables told in parts."""

import re
import textwrap
from collections.abc import Sequence

WIDTH = 100
_PAIR = 2


def paragraph(text: str, *, first: str = "", rest: str = "") -> list[str]:
    """The lines of a text, `first` before its first line and `rest` before the others.

    >>> [len(line) for line in paragraph("one word " * 20, first="- ", rest="  ")]
    [100, 82]
    """
    # A line that began with a sign would read as an item, so a sign stays with the word before it.
    lines = textwrap.wrap(
        re.sub(r" (?=(?:[-+*>#|]|\d+\.) )", "\0", text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines]


def code_block(command: str) -> list[str]:
    """A command as a block of code that a shell takes as it stands."""
    lines = textwrap.wrap(
        command,
        WIDTH - len("    ") - len(" \\"),
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [f"    {line} \\" for line in lines[:-1]] + [f"    {line}" for line in lines[-1:]]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table; pairs too wide for one become a list, other rows several tables under one another.

    Each of these holds the first column, which names the row.

    >>> table(["Variant", "Net"], [["trend", "+1.0 %"]])
    ['| Variant | Net |', '|---|---|', '| trend | +1.0 % |']
    """
    told = [[_cell(cell) for cell in row] for row in (head, *rows)]
    if len(head) == _PAIR:
        if _is_within_width(told, (0, 1)):
            return _lines(told, (0, 1), "---")
        return [
            line
            for name, text in rows
            for line in paragraph(f"*{name}*: {text}", first="- ", rest="  ")
        ]
    lines: list[str] = []
    column = 1
    while column < len(head):
        columns: tuple[int, ...] = (0, column)
        while columns[-1] + 1 < len(head) and _is_within_width(told, (*columns, columns[-1] + 1)):
            columns = (*columns, columns[-1] + 1)
        lines += ["", *_lines(told, columns, "---:")] if lines else _lines(told, columns, "---:")
        column = columns[-1] + 1
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _row(cells: Sequence[str], columns: Sequence[int]) -> str:
    return f"| {' | '.join(cells[column] for column in columns)} |"


def _is_within_width(told: Sequence[Sequence[str]], columns: Sequence[int]) -> bool:
    return all(len(_row(cells, columns)) <= WIDTH for cells in told)


def _lines(told: Sequence[Sequence[str]], columns: Sequence[int], align: str) -> list[str]:
    rule = "|".join(["---", *[align] * (len(columns) - 1)])
    return [_row(told[0], columns), f"|{rule}|", *(_row(cells, columns) for cells in told[1:])]
