"""A candle file that a person brings (.csv, .csv.gz, .parquet): whatever is wrong with it becomes a sentence and a remedy.

Six columns are wanted, by name and in any order. What exchanges and libraries commonly add beside them is ignored; a column
that nobody knows is refused, because it may be the price that was meant.
"""

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from shared.errors import UserError
from shared.market.candles import COLUMNS, BadCandles, aggregate, from_table
from shared.types import Candles, FloatArray, IntArray, Timeframe

HEADER = ",".join(COLUMNS)
IGNORED = frozenset(
    {
        *("trades", "trade_count", "number_of_trades", "num_trades", "count"),
        *("turnover", "amount", "quote_volume", "quote_asset_volume", "vwap"),
        *("taker_buy_volume", "taker_buy_base_asset_volume", "taker_buy_quote_asset_volume", "taker_buy_quote_volume"),
        *("date", "datetime", "close_time", "symbol", "pair", "exchange", "timeframe", "ignore", "__index_level_0__"),
    }
)
"""Columns beside the six that are known and not needed."""
_PIECE = 1 << 22  # characters read at once: the whole text would be held in four bytes a character
_COLUMNS_REMEDY = f"the header must be {HEADER}, with timestamp the candle's open in milliseconds UTC"
_ROW_REMEDY = "correct or delete that line; a missing candle is allowed, a guessed one is not"


def read(path: Path, timeframe: Timeframe | None = None) -> Candles:
    """The file's candles, checked; see `candles.read_file`. Their spacing is the most common one. Raises `UserError`."""
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
    spacing_ms = _spacing_ms(path, table)
    wanted = _timeframe(path, spacing_ms, timeframe)
    try:
        if wanted.ms == spacing_ms:
            return from_table(wanted, table)
        fine = from_table(Timeframe.M1, table, spacing_ms=spacing_ms)
    except BadCandles as error:
        where = f"row {error.row + 1}" if lines is None else f"line {_line_of(lines, error.row)}"
        raise UserError(f"{path}, {where}: {error.rule}", remedy=_ROW_REMEDY) from error
    coarse = aggregate(fine, wanted, until=int(fine.opened_at[-1]) + spacing_ms)
    if not len(coarse):
        raise UserError(f"{path} does not fill a single {wanted} candle", remedy="give a longer file")
    return coarse


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
    names = [name.strip().strip('"') for name in header.strip().lower().split(",")]
    if not text.strip():
        raise UserError(f"{path} is empty", remedy=_COLUMNS_REMEDY)
    _check_names(f"{path}, line 1", names)
    if not body.strip():
        return np.empty((0, len(COLUMNS)))
    used = [names.index(name) for name in COLUMNS]
    try:
        parts = [
            np.loadtxt(io.StringIO(piece), delimiter=",", dtype=np.float64, ndmin=2, comments=None, usecols=used)
            for piece in _pieces(body)
        ]
    except ValueError as error:
        raise _bad_line(path, text, names) from error
    if body.count(",") != (len(names) - 1) * sum(map(len, parts)):  # cells beyond the last used column
        raise _bad_line(path, text, names)
    return np.concatenate(parts)


def _check_names(where: str, names: Sequence[str]) -> None:
    """All six, none twice, and beside them only what is known."""
    unknown = [name for name in names if name not in COLUMNS and name not in IGNORED]
    if not set(COLUMNS) <= set(names) or any(names.count(name) > 1 for name in COLUMNS):
        raise UserError(f"{where}: the columns are {','.join(names)[:80]!r}", remedy=_COLUMNS_REMEDY)
    if unknown:
        raise UserError(
            f"{where}: the column {unknown[0][:40]!r} is not known",
            remedy=f"take it out; {_COLUMNS_REMEDY}",
        )


def _pieces(body: str) -> Iterator[str]:
    """The text in pieces that end with a line, none of them blank."""
    start = 0
    while start < len(body):
        end = body.find("\n", start + _PIECE) + 1 or len(body)
        piece = body[start:end]
        if piece.strip():
            yield piece
        start = end


def _bad_line(path: Path, text: str, names: Sequence[str]) -> UserError:
    for number, line in enumerate(text.splitlines()[1:], start=2):
        cells = line.split(",")
        if not line.strip():
            continue
        if len(cells) != len(names):
            return UserError(f"{path}, line {number}: {len(cells)} columns instead of {len(names)}", remedy=_ROW_REMEDY)
        for name, cell in zip(names, cells, strict=True):
            if name not in COLUMNS:
                continue
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
    _check_names(str(path), stored.column_names)
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


def _spacing_ms(path: Path, table: FloatArray) -> int:
    """The most common spacing; broken timestamps are left to the checks, which name the line."""
    stamps = table[np.isfinite(table[:, 0]), 0]
    steps: IntArray = np.diff(stamps).astype(np.int64)
    steps = steps[steps > 0]
    if not len(steps):
        raise UserError(
            f"{path} has too few candles to tell their timeframe", remedy="give at least two candles in ascending order"
        )
    lengths, counts = np.unique(steps, return_counts=True)
    return int(lengths[np.argmax(counts)])


def _timeframe(path: Path, spacing_ms: int, asked: Timeframe | None) -> Timeframe:
    """The timeframe asked for, or the finest one of ours that candles `spacing_ms` apart can make."""
    whole = spacing_ms % Timeframe.M1.ms == 0
    makes = [timeframe for timeframe in Timeframe if whole and timeframe.ms % spacing_ms == 0]
    if makes and asked in {None, *makes}:
        return asked or makes[0]
    minutes = f"{spacing_ms / Timeframe.M1.ms:g}"
    raise UserError(
        f"{path}: the candles are {minutes} minutes apart" + (f" and cannot be put together to {asked} ones" if asked else ""),
        remedy=f"give candles of {f'{asked} or finer' if asked else ', '.join(Timeframe)}; timestamps are milliseconds UTC",
    )
