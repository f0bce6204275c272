"""Market -> Features: one matrix, one row a 15m candle.

Pure, one code path for a tick's window and for years.
"""

from collections.abc import Mapping

import numpy as np

from shared.core.errors import BadData
from shared.core.types import Candles, Features, FloatArray, IntArray, Timeframe
from shared.features.catalogue import ALL, CATALOGUE
from shared.features.feature import WINDOW, CandleSeries

__all__ = ["compute"]


BLOCK_ROWS = 16_384
"""Rows computed at once: with this many, what is worked on stays in the processor's cache."""
REACH_ROWS = WINDOW
"""How many candles before a row can matter to it; so many are computed again at the head of each
block, and thrown away."""


def compute(candles: Mapping[Timeframe, Candles]) -> Features:
    """All features of the catalogue over closed candles, shape (n, len(ALL)), one row a 15m candle;
    NaN until warm.

    Rows are taken as they come: a hole between two candles is not filled. 4h columns show the last
    4h candle that was closed at the row's close (at that very instant counts). Each value depends
    on at most its last 1,000 candles, with the same float64 whatever came before them; that is also
    why years can be computed block by block.

    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> minutes = generate(start_ms=1_767_225_600_000, days=2, seed=7)
    >>> features = compute({Timeframe.M15: aggregate(minutes, Timeframe.M15)})
    >>> features.values.shape[0], features.names[:3]
    (192, ('open', 'high', 'low'))
    >>> int(np.isnan(features.column("ema_20")).sum())  # 19 candles, then it is warm
    19

    Raises:
        BadData: Without 15m candles in the mapping. No 4h candles make the 4h columns NaN.
    """
    fast = candles.get(Timeframe.M15)
    if fast is None:
        raise BadData("features need 15m candles, and there was no such timeframe")
    values = np.empty((len(ALL), len(fast)))
    _fast(fast, into=values)
    _slow(candles.get(Timeframe.H4), fast.closed_at, into=values)
    values.setflags(write=False)
    return Features(as_of=fast.closed_at, names=ALL, values=values.T)


def _fast(candles: Candles, *, into: FloatArray) -> None:
    """The columns of the 15m candles, block by block."""
    for start in range(0, len(candles), BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, len(candles))
        first = max(0, start - REACH_ROWS)
        series = CandleSeries(candles=candles.rows(first, stop))
        for row, column in zip(into, CATALOGUE, strict=True):
            if column.timeframe is Timeframe.M15:
                row[start:stop] = column.compute(series)[start - first :]


def _slow(candles: Candles | None, instants: IntArray, *, into: FloatArray) -> None:
    """The columns of the 4h candles as they were known at each instant; NaN without any."""
    series = None if candles is None else CandleSeries(candles=candles)
    known = None if candles is None else _last_closed(candles, instants)
    for row, column in zip(into, CATALOGUE, strict=True):
        if column.timeframe is Timeframe.M15:
            continue
        if series is None or known is None:
            row.fill(np.nan)
        else:
            _align(column.compute(series), known, into=row)


def _last_closed(slow: Candles, instants: IntArray) -> IntArray:
    """For each instant the row of the last candle closed by then, -1 where there is none."""
    return np.searchsorted(slow.closed_at, instants, side="right") - 1


def _align(column: FloatArray, known: IntArray, *, into: FloatArray) -> None:
    first = int(np.searchsorted(known, 0))
    into[:first] = np.nan
    np.take(column, known[first:], out=into[first:])
