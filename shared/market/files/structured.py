"""JSON as exchanges, ccxt, freqtrade, pandas and charts write it: wherever the rows lie in it, they
become columns.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.core.errors import UserError
from shared.core.types import IntArray
from shared.market.files.columns import WANTED, Roles, by_name, by_position, count_recognised, plain
from shared.market.files.opening import Limited

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES = 128 << 20
_DEEPEST, _MOST_PARTS = 6, 4_000
_SAMPLE = 60
_BY_NAME = 4
_ROW = 5


def rows_of(path: Path, source: Limited) -> tuple["pd.DataFrame", IntArray, Roles]:
    """The rows as columns by number, the entry of each counting from 1, and their roles.

    Raises `UserError`.
    """
    document = _decode_json(path, source.whole(MOST_BYTES, "JSON"))
    tables = list(_tables(document, 0))
    if not tables:
        raise UserError(f"{path} holds no candles: its JSON is {_short(document)}", remedy=WANTED)
    names, rows = tables[0]
    for other, more in tables[1:]:
        if other != names:
            raise UserError(
                f"{path} holds tables of different columns", remedy="give a file of one table"
            )
        rows = [*rows, *more]
    return _build_frame(path, names, rows)


def _decode_json(path: Path, data: bytes) -> Any:
    import msgspec

    try:
        return msgspec.json.decode(data)
    except RecursionError as error:
        raise UserError(
            f"{path} is JSON nested too deeply to hold candles", remedy=WANTED
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        try:
            lines = msgspec.json.Decoder().decode_lines(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise UserError(f"{path} is no whole JSON: {error}", remedy="fetch it again") from error
        return lines


def _tables(found: Any, depth: int) -> Iterator[tuple[tuple[str, ...], Sequence[Sequence[Any]]]]:
    """Every table in a document: names (empty where the columns have none), and rows."""
    if depth > _DEEPEST:
        return
    if isinstance(found, dict):
        table = _of_mapping(found)
        if table is not None:
            yield table
            return
        for value in list(found.values())[:_MOST_PARTS]:
            yield from _tables(value, depth + 1)
    elif isinstance(found, list) and found:
        first = found[0]
        if isinstance(first, list) and len(first) >= _ROW and not isinstance(first[0], list | dict):
            yield (), found
        elif (
            isinstance(first, dict)
            and count_recognised(tuple(first)) >= _BY_NAME
            and not isinstance(_any(first), list | dict)
        ):
            names = tuple(first)
            yield (
                names,
                [
                    [row.get(name) for name in names] if isinstance(row, dict) else []
                    for row in found
                ],
            )
        elif len(found) <= _MOST_PARTS:
            for value in found:
                yield from _tables(value, depth + 1)


def _of_mapping(found: Mapping[str, Any]) -> tuple[tuple[str, ...], Sequence[Sequence[Any]]] | None:
    """The orients of pandas `split`, `columns` and `index`, and columns as lists (charts); None for
    anything else.
    """
    columns, index, data = found.get("columns"), found.get("index"), found.get("data")
    if isinstance(columns, list) and isinstance(data, list):
        names = tuple(str(name) for name in columns)
        if count_recognised(names) >= _BY_NAME:
            if isinstance(index, list) and len(index) == len(data):
                return ("index", *names), [
                    [at, *row] for at, row in zip(index, data, strict=True) if isinstance(row, list)
                ]
            return names, data
    values = {
        name: value for name, value in found.items() if isinstance(value, list | dict) and value
    }
    if count_recognised(tuple(values)) >= _BY_NAME:
        lists = [value for value in values.values() if isinstance(value, list)]
        if lists and len(lists) == len(values) and len(set(map(len, lists))) == 1:
            return tuple(values), list(zip(*lists, strict=True))
        dicts = [value for value in values.values() if isinstance(value, dict)]
        if dicts and len(dicts) == len(values):
            keys = list(dicts[0])
            return ("index", *values), [
                [key, *(column.get(key) for column in dicts)] for key in keys
            ]
    first = _any(found)
    if (
        isinstance(first, dict)
        and count_recognised(tuple(first)) >= _BY_NAME
        and not isinstance(_any(first), list | dict)
    ):
        names = tuple(first)
        return ("index", *names), [
            [key, *(row.get(name) if isinstance(row, dict) else None for name in names)]
            for key, row in found.items()
        ]
    return None


def _any(found: Mapping[str, Any]) -> Any:
    return next(iter(found.values()), None)


def _build_frame(
    path: Path, names: tuple[str, ...], rows: Sequence[Sequence[Any]]
) -> tuple["pd.DataFrame", IntArray, Roles]:
    import pandas as pd

    width = len(rows[0])
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list | tuple) or len(row) != width:
            seen = (
                f"{len(row)} values instead of {width}"
                if isinstance(row, list | tuple)
                else f"{_short(row)} is no candle"
            )
            raise UserError(
                f"{path}, entry {number}: {seen}", remedy="correct or delete that entry"
            )
    if names:
        roles = by_name(str(path), names, layout="JSON with named values")
    else:
        sample = [[_number(cell) for cell in row] for row in rows[:_SAMPLE]]
        roles = by_position(str(path), sample, layout="JSON rows (ccxt, freqtrade)")
    used = sorted({*roles.of.values(), *(() if roles.clock is None else (roles.clock,))})
    frame = pd.DataFrame({column: _column([row[column] for row in rows]) for column in used})
    if names and plain(names[roles.of["timestamp"]]) == "index":
        at = roles.of["timestamp"]
        texts = frame[at].map(str)
        frame[at] = pd.to_numeric(texts) if texts.str.fullmatch(r"\d+").all() else texts
    return frame, np.arange(1, len(rows) + 1, dtype=np.int64), roles


def _column(cells: list[Any]) -> Any:
    """As numbers where all are; else as they are, so that the first that is none can be named."""
    import pandas as pd

    kinds = set(map(type, cells))
    if kinds <= {int}:
        try:
            return np.array(cells, dtype=np.int64)
        except OverflowError:
            return np.array(cells, dtype=np.float64)
    if kinds <= {int, float}:
        return np.array(cells, dtype=np.float64)
    return pd.Series(cells, dtype=object)


def _number(cell: Any) -> float | None:
    try:
        return None if cell is None or isinstance(cell, bool) else float(cell)
    except (TypeError, ValueError):
        return None


def _short(found: Any) -> str:
    text = repr(found)[:80]
    return text if len(text) < 80 else f"{text}..."  # noqa: PLR2004 - as much as a line bears
