"""A candle file that a person brings (.csv, .csv.gz, .parquet): whatever is wrong with it becomes a sentence and a remedy."""

import gzip
import io
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shared.errors import UserError
from shared.market.candles import COLUMNS, BadCandles, from_table
from shared.types import Candles, FloatArray, IntArray, Timeframe

HEADER = ",".join(COLUMNS)
_COLUMNS_REMEDY = f"the header must be {HEADER}, with timestamp the candle's open in milliseconds UTC"
_ROW_REMEDY = "correct or delete that line; a missing candle is allowed, a guessed one is not"


def read(path: Path) -> Candles:
    """The file's candles, checked; their timeframe is the most common spacing. Raises `UserError`."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".parquet"]:
        table, lines = _parquet_table(path), None
    elif suffixes[-1:] == [".csv"] or suffixes[-2:] == [".csv", ".gz"]:
        text = _text(path)
        table, lines = _csv_table(path, text), text
    else:
        raise UserError(f"{path} is no candle file", remedy="give a .csv, .csv.gz or .parquet file")
    if not len(table):
        raise UserError(f"{path} holds no candles", remedy="give a file with at least two candles")
    try:
        return from_table(_timeframe(path, table), table)
    except BadCandles as error:
        where = f"row {error.row + 1}" if lines is None else f"line {_line_of(lines, error.row)}"
        raise UserError(f"{path}, {where}: {error.rule}", remedy=_ROW_REMEDY) from error


def _bytes(path: Path) -> bytes:
    if not path.exists():
        raise UserError(f"{path} does not exist", remedy="check the path")
    if not path.is_file():
        raise UserError(f"{path} is not a file", remedy="give a .csv, .csv.gz or .parquet file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", remedy="check its permissions") from error


def _text(path: Path) -> str:
    data = _bytes(path)
    if path.suffix.lower() == ".gz":
        try:
            data = gzip.decompress(data)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UserError(f"{path} is no whole gzip file (damaged or cut off)", remedy="fetch it again") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text", remedy="give a CSV file in UTF-8") from error


def _csv_table(path: Path, text: str) -> FloatArray:
    """The numbers, shape (n, 6), read at C speed; only a file that fails is looked at line by line."""
    header, _, body = text.partition("\n")
    names = header.strip().lower().split(",")
    if not text.strip():
        raise UserError(f"{path} is empty", remedy=_COLUMNS_REMEDY)
    if sorted(names) != sorted(COLUMNS):
        raise UserError(f"{path}, line 1: the columns are {header.strip()[:80]!r}", remedy=_COLUMNS_REMEDY)
    if not body.strip():
        return np.empty((0, len(COLUMNS)))
    try:
        table = np.loadtxt(io.StringIO(body), delimiter=",", dtype=np.float64, ndmin=2, comments=None)
    except ValueError as error:
        raise _bad_line(path, text) from error
    if table.shape[1] != len(COLUMNS):
        raise _bad_line(path, text)
    return table[:, [names.index(name) for name in COLUMNS]]


def _bad_line(path: Path, text: str) -> UserError:
    for number, line in enumerate(text.splitlines()[1:], start=2):
        cells = line.split(",")
        if not line.strip():
            continue
        if len(cells) != len(COLUMNS):
            return UserError(f"{path}, line {number}: {len(cells)} columns instead of {len(COLUMNS)}", remedy=_ROW_REMEDY)
        for cell in cells:
            try:
                float(cell)
            except ValueError:
                return UserError(f"{path}, line {number}: {cell.strip()[:40]!r} is no number", remedy=_ROW_REMEDY)
    return UserError(f"{path} cannot be read as numbers", remedy=_COLUMNS_REMEDY)


def _line_of(text: str, row: int) -> int:
    """The line of data row `row`, counting from 1, empty lines included."""
    filled = [number for number, line in enumerate(text.splitlines()[1:], start=2) if line.strip()]
    return filled[row]


def _parquet_table(path: Path) -> FloatArray:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        stored = pq.read_table(io.BytesIO(_bytes(path)))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} is no whole Parquet file (damaged or cut off)", remedy="fetch it again") from error
    if not set(COLUMNS) <= set(stored.column_names):
        raise UserError(f"{path}: the columns are {', '.join(stored.column_names)[:80]!r}", remedy=_COLUMNS_REMEDY)
    return _numbers(path, [(name, stored.column(name)) for name in COLUMNS])


def _numbers(path: Path, columns: Sequence[tuple[str, object]]) -> FloatArray:
    import pyarrow as pa

    numbers = []
    for name, column in columns:
        try:
            numbers.append(np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64))  # type: ignore[attr-defined]
        except (pa.ArrowException, ValueError) as error:
            raise UserError(f"{path}: the column {name} does not hold numbers", remedy=_COLUMNS_REMEDY) from error
    return np.column_stack(numbers)


def _timeframe(path: Path, table: FloatArray) -> Timeframe:
    """The most common spacing; broken timestamps are left to the checks, which name the line."""
    known = {timeframe.ms: timeframe for timeframe in Timeframe}
    stamps = table[np.isfinite(table[:, 0]), 0]
    steps: IntArray = np.diff(stamps).astype(np.int64)
    steps = steps[steps > 0]
    if not len(steps):
        raise UserError(
            f"{path} has too few candles to tell their timeframe", remedy="give at least two candles in ascending order"
        )
    lengths, counts = np.unique(steps, return_counts=True)
    usual = int(lengths[np.argmax(counts)])
    if usual not in known:
        raise UserError(
            f"{path}: the candles are {usual / 60_000:g} minutes apart",
            remedy=f"give candles of {', '.join(known.values())}; timestamps are milliseconds UTC",
        )
    return known[usual]
