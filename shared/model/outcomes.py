"""What came of candles: the label that a model is about, when it was known, and how independent
labels are. Pure.

*barriers*: which of two levels, `atr_multiple` x ATR(14) from the close, is touched first. A row is
decided at its candle's close. From the next candle on, until `horizon_candles` x the candle's
length have passed, the high touching the upper level makes it `UPPER`, the low touching the lower
level `LOWER`, and neither in time `NEITHER`. Where one candle touches both, nobody knows which came
first: unless the candle already opened beyond a level, the row is `NEITHER`, so that neither side
benefits from what cannot be known. Holes in the candles shorten what can be seen, never the
horizon. Source: Lopez de Prado, Advances in Financial Machine Learning (2018), chapter 3.

*next_candle*: whether the next close lies more than `move_rate` above (`UPPER`) or below (`LOWER`)
this one. The original's
label: a forecast of volatility in disguise, kept to show that it is refused.

A label covers the steps of `step_ms` in (as_of, end_at]; those that cover the same steps tell the
same story (the same book, chapter 4).
"""

from dataclasses import dataclass

import numpy as np

from shared.core.types import Barriers, BoolArray, Candles, FloatArray, Int8Array, IntArray

LOWER, NEITHER, UPPER = 0, 1, 2
_BLOCK = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """One label a candle (n,).

    Attributes:
        value: `LOWER`, `NEITHER` or `UPPER`.
        end_at: When it was known.
        complete: False where the horizon reaches beyond the last candle, whatever was touched
            before: such rows are dropped, or early touches would be over-represented.
        ambiguous: The first touching candle touched both levels.
        end_row: The candle in which it was decided; in time, the last one that closed by the
            horizon's end.
    """

    value: Int8Array
    end_at: IntArray
    complete: BoolArray
    ambiguous: BoolArray
    end_row: IntArray


def label(candles: Candles, atr_jpy: FloatArray, barriers: Barriers) -> Labels:
    """Label every candle; `atr_jpy` (n,) is ATR(14) at its close.

    Rows with ATR NaN or 0 are not complete.
    """
    usable = np.isfinite(atr_jpy) & (atr_jpy > 0)
    if barriers.kind == "next_candle":
        return _next_candle(candles, usable, barriers.move_rate)
    return _first_touch(
        candles,
        np.where(usable, atr_jpy, 0.0) * barriers.atr_multiple,
        usable,
        barriers.horizon_candles,
    )


def _first_touch(candles: Candles, distance: FloatArray, usable: BoolArray, horizon: int) -> Labels:
    count = len(candles)
    closed_at = candles.closed_at
    deadline = closed_at + horizon * candles.timeframe.ms
    upper, lower = candles.close + distance, candles.close - distance
    value = np.full(count, NEITHER, dtype=np.int8)
    end_at = deadline.copy()
    end_row = np.searchsorted(closed_at, deadline, side="right") - 1
    ambiguous = np.zeros(count, dtype=np.bool_)
    row, at = _touches(candles, upper, lower, end_row, usable)
    up, down = candles.high[at] >= upper[row], candles.low[at] <= lower[row]
    value[row], ambiguous[row] = _which(candles, at, up, down, upper[row], lower[row])
    end_at[row], end_row[row] = closed_at[at], at
    complete = usable & (deadline <= closed_at[-1]) if count else usable
    return Labels(
        value=value, end_at=end_at, complete=complete, ambiguous=ambiguous, end_row=end_row
    )


def _touches(
    candles: Candles, upper: FloatArray, lower: FloatArray, end_row: IntArray, usable: BoolArray
) -> tuple[IntArray, IntArray]:
    """The usable rows that are touched by their `end_row`, and the candle of the first touch of
    each.

    Eight candles are asked at once, by their extremes; of the eight that answer, the first is found
    by halving.
    """
    highs, lows = _ahead(candles.high, np.maximum), _ahead(candles.low, np.minimum)
    row = np.flatnonzero(usable & (end_row > np.arange(len(end_row))))
    at, top, bottom = row + 1, upper[row], lower[row]
    parts = []
    while len(row):
        touched = (highs[-1][at] >= top) | (lows[-1][at] <= bottom)
        parts.append((row[touched], at[touched]))
        rest = ~touched & (end_row[row] >= at + _BLOCK)
        row, at, top, bottom = row[rest], at[rest] + _BLOCK, top[rest], bottom[rest]
    if not parts:
        return row, row
    row, at = (np.concatenate(each) for each in zip(*parts, strict=True))
    top, bottom = upper[row], lower[row]
    for power in range(len(highs) - 2, -1, -1):
        earlier = (highs[power][at] >= top) | (lows[power][at] <= bottom)
        at += np.where(earlier, 0, 1 << power)
    known = at <= end_row[row]
    return row[known], at[known]


def _ahead(extreme: FloatArray, further: np.ufunc) -> list[FloatArray]:
    """The extremes of the 1, 2, 4 and 8 candles from each row on (fewer at the end)."""
    found = [extreme]
    while (width := 1 << (len(found) - 1)) < _BLOCK:
        wider = found[-1].copy()
        further(wider[:-width], found[-1][width:], out=wider[:-width])
        found.append(wider)
    return found


def _which(
    candles: Candles,
    at: IntArray,
    up: BoolArray,
    down: BoolArray,
    upper: FloatArray,
    lower: FloatArray,
) -> tuple[Int8Array, BoolArray]:
    """The labels of rows that were touched by the candles `at`, and whether nobody can know."""
    both = up & down
    opened_up, opened_down = both & (candles.open[at] >= upper), both & (candles.open[at] <= lower)
    ambiguous = both & ~opened_up & ~opened_down
    value = np.where(
        (up & ~both) | opened_up, UPPER, np.where((down & ~both) | opened_down, LOWER, NEITHER)
    )
    return value.astype(np.int8), ambiguous


def _next_candle(candles: Candles, usable: BoolArray, move_rate: float) -> Labels:
    count, step_ms = len(candles), candles.timeframe.ms
    value = np.full(count, NEITHER, dtype=np.int8)
    complete = np.zeros(count, dtype=np.bool_)
    end_row = np.arange(count, dtype=np.int64)
    if count > 1:
        complete[:-1] = usable[:-1] & (np.diff(candles.opened_at) == step_ms)
        end_row[:-1] += complete[:-1]
        move = candles.close[1:] / candles.close[:-1] - 1.0
        value[:-1] = np.where(move > move_rate, UPPER, np.where(move < -move_rate, LOWER, NEITHER))
    value[~complete] = NEITHER
    return Labels(
        value=value,
        end_at=candles.closed_at + step_ms,
        complete=complete,
        ambiguous=np.zeros(count, dtype=np.bool_),
        end_row=end_row,
    )


def uniqueness(as_of: IntArray, end_at: IntArray, *, step_ms: int) -> FloatArray:
    """Each label's mean share of the instants that it covers, (n,) in (0, 1].

    A step covered by c labels counts 1/c for each. The sum is the number of labels as independent
    ones would be counted.
    """
    if len(as_of) == 0:
        return np.zeros(0)
    first, last = spans(as_of, end_at, step_ms)
    size = int(last.max()) + 1
    concurrent = np.cumsum(np.bincount(first, minlength=size) - np.bincount(last, minlength=size))
    inverse = np.concatenate([[0.0], np.cumsum(1.0 / np.maximum(concurrent, 1))])
    mean: FloatArray = (inverse[last] - inverse[first]) / (last - first)
    return mean


def spans(as_of: IntArray, end_at: IntArray, step_ms: int) -> tuple[IntArray, IntArray]:
    """The steps [first, last) that each label covers, counted from the earliest; one at
    the least.
    """
    if not len(as_of):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    start = int(as_of.min())
    first = (as_of - start) // step_ms
    return first, np.maximum((end_at - start) // step_ms, first + 1)
