"""Candle files as people have them, read with pandas: what was understood is told, what is wrong
becomes one sentence.

Nothing that a tick imports may import this room: pandas costs more than a whole tick (an import
contract keeps it so).
"""

import io
from contextlib import ExitStack
from datetime import tzinfo
from pathlib import Path
from typing import IO

from shared.core.errors import UserError
from shared.core.types import Candles, Timeframe
from shared.market.candles import aggregate
from shared.market.files.columnar import MAGIC, Columnar
from shared.market.files.joining import Joining, join_parts
from shared.market.files.opening import (
    HEAD_BYTES,
    MOST_ROWS,
    MOST_UNPACKED_BYTES,
    TAKEN,
    Limited,
    Lines,
    open_unpacked,
)
from shared.market.files.structured import rows_of
from shared.market.files.text import chunks, sniff_table, text_of
from shared.market.files.understood import ReadFile, Understood, spacing_words
from shared.market.files.zones import zone_of

__all__ = [
    "MOST_ROWS",
    "MOST_UNPACKED_BYTES",
    "ReadFile",
    "Understood",
    "read",
    "read_file",
    "spacing_words",
    "zone_of",
]

_MOST_COLUMNAR_BYTES = 512 << 20


def read_file(
    path: Path | str, timeframe: Timeframe | None = None, *, timezone: str | None = None
) -> Candles:
    r"""The candles of a person's file alone; see `read`.

    >>> import tempfile
    >>> text = "timestamp,open,high,low,close,volume\n1767225600000,100,102,99,101,1.5\n"
    >>> text += "1767226500000,101,103,100,102,0.5\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "candles.csv"
    ...     written = path.write_text(text)
    ...     read_file(path).close.tolist()
    [101.0, 102.0]
    """
    return read(path, timeframe, timezone=timezone).candles


def read(
    path: Path | str, timeframe: Timeframe | None = None, *, timezone: str | None = None
) -> ReadFile:
    r"""Candles of a person's file, in any layout of `docs/candles.md`, checked, and how they were
    understood.

    Without a `timeframe` they come in the file's own where that is one of ours, else in the next
    coarser one (5m as 15m, 1h as 4h). With one, finer candles are put together; coarser ones are
    refused, because nothing is made up.

    >>> import tempfile
    >>> text = "timestamp,open,high,low,close,volume\n1767225600000,100,102,99,101,1.5\n"
    >>> text += "1767226500000,101,103,100,102,0.5\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "candles.csv"
    ...     written = path.write_text(text)
    ...     str(read(path).understood)
    'plain candles, 2 candles of 15m, times in milliseconds, oldest first'

    Args:
        path: The file.
        timeframe: The candles that are wanted.
        timezone: Of times that name none; without it such times are refused.

    Raises:
        UserError: one sentence with the line, row or entry, and the remedy.
    """
    path = Path(path)
    given, understood = _read_joining(
        path, None if timezone is None else zone_of(timezone)
    ).finish_joining()
    spacing_ms = understood.spacing_ms
    wanted = _timeframe(path, spacing_ms, timeframe)
    columns = {
        name: getattr(given, name)
        for name in ("opened_at", "open", "high", "low", "close", "volume")
    }
    if wanted.ms == spacing_ms:
        return ReadFile(candles=Candles(timeframe=wanted, **columns), understood=understood)
    coarse = aggregate(given, wanted, until=int(given.opened_at[-1]) + spacing_ms)
    if not len(coarse):
        raise UserError(
            f"{path} holds {spacing_words(spacing_ms)} candles and does not fill a single {wanted}"
            " candle",
            remedy="give a longer file",
        )
    return ReadFile(candles=coarse, understood=understood)


def _read_joining(path: Path, zone: tzinfo | None) -> Joining:
    with ExitStack() as closing:
        source, packed = open_unpacked(path, closing)
        start = source.read(8)
        source.seek(0)
        kind = next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), None)
        if kind is not None:
            columnar = Columnar(path, _whole(path, source, packed), kind, MOST_ROWS)
            return join_parts(
                columnar.batches(), Joining(path, columnar.roles, word="row", zone=zone)
            )
        head = Limited(source, path, packed=packed).head()
        source.seek(0)
        text, encoding = text_of(path, head)
        first = text.lstrip()[:1]
        if first in {"[", "{"}:
            frame, entries, roles = rows_of(path, Limited(source, path, packed=packed))
            joining = Joining(path, roles, word="entry", zone=zone)
            joining.add(frame, entries)
            return joining
        if first == "<":
            raise UserError(
                f"{path} is a web page, saved in place of the file",
                remedy=f"download the file itself; {TAKEN}",
            )
        lines = Lines(source, path, packed=packed)
        table = sniff_table(path, text, encoding, whole=len(head) < HEAD_BYTES)
        joining = join_parts(
            chunks(path, lines, table), Joining(path, table.roles, word="line", zone=zone)
        )
        joining.notes.extend(table.notes)
        return joining


def _whole(path: Path, source: IO[bytes], packed: str) -> IO[bytes]:
    """A file that can be read at any place."""
    if not packed:
        return source
    return io.BytesIO(
        Limited(source, path, packed=packed).whole(
            _MOST_COLUMNAR_BYTES, "packed Parquet or feather"
        )
    )


def _timeframe(path: Path, spacing_ms: int, asked: Timeframe | None) -> Timeframe:
    """The timeframe asked for, or the finest one of ours that candles `spacing_ms`
    apart can make.
    """
    whole = spacing_ms % Timeframe.M1.ms == 0
    makes = [timeframe for timeframe in Timeframe if whole and timeframe.ms % spacing_ms == 0]
    if makes and asked in {None, *makes}:
        return asked or makes[0]
    cannot = f", of which no {asked} ones can be made" if asked else ", which the bot cannot use"
    raise UserError(
        f"{path} holds {spacing_words(spacing_ms)} candles{cannot}",
        remedy=(
            f"give candles of {f'{asked} or finer' if asked else ', '.join(Timeframe)}; finer ones"
            " are put together"
        ),
    )
