"""A table of text: encoding, separator, decimal sign and header are found first, then pandas reads
it in chunks.
"""

import csv
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shared.core.errors import UserError
from shared.core.types import IntArray
from shared.market.files.columns import Roles, by_name, by_position, count_recognised, plain
from shared.market.files.opening import HEAD_BYTES, MOST_ROWS, TAKEN, Lines

if TYPE_CHECKING:
    import pandas as pd

CHUNK_ROWS = 200_000
_LOOKED_AT = 60
_HEADER_WITHIN = 12
_BY_NAME = 4
_DECIMAL_COMMA = re.compile(r"^-?\d+,\d+$")
_FEWEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """How the text is cut.

    `skipped`: lines before the first row; `header`: the names in the last of them, if there are
    any.
    """

    encoding: str
    separator: str
    decimal: str
    skipped: int
    width: int
    header: tuple[str, ...]
    roles: Roles

    @property
    def notes(self) -> tuple[str, ...]:
        """What is unusual of it."""
        names = {";": "semicolons", "\t": "tabs", "|": "bars"}
        told = [f"separated by {names[self.separator]}"] if self.separator in names else []
        told += ["decimal comma"] if self.decimal == "," else []
        told += [f"encoding {self.encoding}"] if self.encoding not in {"utf-8", "utf-8-sig"} else []
        return tuple(told)


def text_of(path: Path, head: bytes) -> tuple[str, str]:
    """The first bytes as text, and its encoding. Raises `UserError` where they are no text."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) // 2 * 2].decode("utf-16", errors="replace"), "utf-16"
    if b"\0" not in head:
        for encoding in ("utf-8-sig", "cp932"):
            for shorter in range(4):  # a character may be cut at the end of what was read
                try:
                    return head[: len(head) - shorter].decode(encoding), encoding
                except UnicodeDecodeError:
                    continue
    raise UserError(f"{path} is not text, and no format that is known", remedy=TAKEN)


def sniff_table(path: Path, text: str, encoding: str, *, whole: bool) -> TextTable:
    """How to cut the table that begins with `text`. Raises `UserError` naming a line."""
    lines = re.split(r"\r\n|\n|\r", text)
    if not whole and len(lines) == 1:
        raise UserError(
            f"{path}, line 1: has more than {HEAD_BYTES >> 10} KiB: it is no table of candles",
            remedy=TAKEN,
        )
    lines = lines if whole else lines[:-1]
    filled = [number for number, line in enumerate(lines) if line.strip()][:_LOOKED_AT]
    if not filled:
        raise UserError(f"{path} is empty", remedy=TAKEN)
    separator = _separator([lines[number] for number in filled])
    cells = {
        number: next(csv.reader([lines[number]], delimiter=separator), []) for number in filled
    }
    header = next(
        (
            number
            for number in filled[:_HEADER_WITHIN]
            if count_recognised(cells[number]) >= _BY_NAME
        ),
        None,
    )
    if header is None:
        first = next(
            (number for number in filled[:_HEADER_WITHIN] if _is_row(cells[number])), filled[0]
        )
        rows = [cells[number] for number in filled if number >= first]
        where = f"{path}, line {first + 1}"
        if not _is_row(rows[0]):
            return _refuse_names(where, rows[0])
        names: tuple[str, ...] = ()
        decimal = _decimal(separator, rows)
        roles = by_position(
            where,
            [[_number(cell, decimal) for cell in row] for row in rows if len(row) == len(rows[0])],
        )
        width, skipped = len(rows[0]), first
    else:
        rows = [cells[number] for number in filled if number > header]
        names, skipped = tuple(cells[header]), header + 1
        decimal = _decimal(separator, rows)
        roles = by_name(f"{path}, line {header + 1}", names)
        width = len(names)
        if rows and len(rows[0]) == width + 1 and not rows[0][-1].strip():
            width += 1  # a separator at the end of every row but the header's
        if rows and len(rows[0]) > width:
            line = next(number for number in filled if number > header) + 1
            raise _uneven(path, f"Expected {width} fields in line {line}, saw {len(rows[0])}")
    return TextTable(
        encoding=encoding,
        separator=separator,
        decimal=decimal,
        skipped=skipped,
        width=width,
        header=names,
        roles=roles,
    )


def _refuse_names(where: str, names: Sequence[str]) -> TextTable:
    """Neither a header nor a row: the refusal says what is missing."""
    by_name(where, names)
    raise UserError(f"{where}: is neither a header nor a candle", remedy=TAKEN)


def _separator(lines: Sequence[str]) -> str:
    """The one that cuts the most lines into at least five cells; a semicolon before a comma, which
    may be a decimal sign.
    """
    best, most = ",", 0
    for separator in (";", "\t", "|", ","):
        count = sum(line.count(separator) >= _FEWEST - 1 for line in lines)
        if count > most:
            best, most = separator, count
    return best


def _is_row(cells: Sequence[str]) -> bool:
    """Whether most cells are numbers."""
    numbers = sum(
        _number(cell, ".") is not None or bool(_DECIMAL_COMMA.match(cell.strip())) for cell in cells
    )
    return numbers >= _FEWEST - 1


def _number(cell: str, decimal: str) -> float | None:
    try:
        return float(cell.strip().replace(decimal, "."))
    except ValueError:
        return None


def _decimal(separator: str, rows: Sequence[Sequence[str]]) -> str:
    commas = any(_DECIMAL_COMMA.match(cell.strip()) for row in rows for cell in row)
    return "," if separator != "," and commas else "."


def chunks(
    path: Path, source: Lines, table: TextTable
) -> Iterator[tuple["pd.DataFrame", IntArray]]:
    """The rows as columns by number, and the line of each, without blank lines and repeated
    headers. Raises `UserError`.
    """
    import pandas as pd

    # A trailing empty name keeps pandas from taking the first column for an index.
    told = {
        "header": None,
        "names": list(range(table.width)),
        "index_col": False,
        "skiprows": table.skipped,
    }
    try:
        reader = pd.read_csv(
            io.BufferedReader(source, 1 << 18),
            sep=table.separator,
            decimal=table.decimal,
            encoding=table.encoding,
            skip_blank_lines=False,
            skipinitialspace=True,
            chunksize=CHUNK_ROWS,
            low_memory=False,
            **told,
        )
        while (frame := _next(reader)) is not None:
            lines = (frame.index.to_numpy() + table.skipped + 1).astype(np.int64)
            if len(lines) and lines[-1] > 2 * MOST_ROWS:
                raise UserError(
                    f"{path} has more than {2 * MOST_ROWS:,} lines", remedy="give it in parts"
                )
            yield _drop_blank_rows(frame, lines, table)
    except pd.errors.EmptyDataError:
        return
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise source.failed or _uneven(path, str(error)) from error
    except UnicodeError as error:
        raise source.failed or UserError(
            f"{path} is not text throughout", remedy="give a CSV file in UTF-8"
        ) from error
    except OSError as error:
        raise source.failed or UserError(
            f"{path} cannot be read: {error}", remedy="check the disk"
        ) from error


def _next(reader: Iterator["pd.DataFrame"]) -> "pd.DataFrame | None":
    """The next rows; what pandas would cut off with a warning is an error."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return next(reader, None)


def _drop_blank_rows(
    frame: "pd.DataFrame", lines: IntArray, table: TextTable
) -> tuple["pd.DataFrame", IntArray]:
    keep = ~frame.isna().all(axis=1).to_numpy()
    at = frame[table.roles.of["open"]]
    if table.header and at.dtype.kind not in "if":
        name = plain(table.header[table.roles.of["open"]])
        repeated = (
            at.map(lambda cell: isinstance(cell, str) and plain(cell) == name)
            .to_numpy()
            .astype(np.bool_)
        )
        if repeated.any():
            keep &= ~repeated
            frame = frame[keep]
            return frame.infer_objects(), lines[keep]
    return (frame, lines) if keep.all() else (frame[keep], lines[keep])


def _uneven(path: Path, error: str) -> UserError:
    match = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", error)
    if match:
        wanted, line, seen = match.groups()
        return UserError(
            f"{path}, line {line}: {seen} columns instead of {wanted}",
            remedy="correct or delete that line",
        )
    if "Length of header" in error:
        return UserError(
            f"{path}: its rows have more columns than its header", remedy="give every column a name"
        )
    row = re.search(r"row (\d+)", error)
    where = f", line {int(row.group(1)) + 1}" if row else ""
    return UserError(
        f"{path}{where}: {error.strip().splitlines()[-1]}", remedy="correct or delete that line"
    )
