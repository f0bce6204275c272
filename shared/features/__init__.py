"""Market -> Features: one matrix, one row a 15m candle. Pure, one code path for a tick's window and for years."""

from collections.abc import Mapping

import numpy as np

from shared.errors import BadData
from shared.features.catalogue import ALL, CATALOGUE
from shared.features.families import FAST, SLOW, Columns, Family
from shared.types import Candles, Features, FloatArray, IntArray, Timeframe

__all__ = ["compute"]


def compute(candles: Mapping[Timeframe, Candles]) -> Features:
    """All features of the catalogue over closed candles, shape (n, len(ALL)), one row a 15m candle; NaN until warm.

    Rows are taken as they come: a hole between two candles is not filled. 4h columns show the last 4h candle that was
    closed at the row's close (at that very instant counts). Each value depends on at most its last 1,000 candles, with
    the same float64 whatever came before them.

    Raises:
        BadData: Without 15m candles in the mapping. No 4h candles make the 4h columns NaN.
    """
    fast = candles.get(Timeframe.M15)
    if fast is None:
        raise BadData("features need 15m candles, and there was no such timeframe")
    values = np.empty((len(ALL), len(fast)))
    columns = _columns(fast, FAST)
    slow = candles.get(Timeframe.H4)
    slow_columns = {} if slow is None else _columns(slow, SLOW)
    known = None if slow is None else _last_closed(slow, fast.closed_at)
    for row, feature in zip(values, CATALOGUE, strict=True):
        if feature.timeframe is Timeframe.M15:
            row[:] = columns[feature.name]
        elif known is None:
            row.fill(np.nan)
        else:
            _align(slow_columns[feature.name.removesuffix("_4h")], known, into=row)
    values.setflags(write=False)
    return Features(as_of=fast.closed_at, names=ALL, values=values.T)


def _columns(candles: Candles, families: tuple[Family, ...]) -> Columns:
    found: Columns = {}
    for family in families:
        found.update(family(candles))
    return found


def _last_closed(slow: Candles, instants: IntArray) -> IntArray:
    """For each instant the row of the last candle closed by then, -1 where there is none."""
    return np.searchsorted(slow.closed_at, instants, side="right") - 1


def _align(column: FloatArray, known: IntArray, *, into: FloatArray) -> None:
    first = int(np.searchsorted(known, 0))
    into[:first] = np.nan
    np.take(column, known[first:], out=into[first:])
