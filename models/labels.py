"""The symmetric triple barrier: which of two levels, `atr_multiple` x ATR(14) from the close, is touched first.

A row is decided at its candle's close. From the next candle on, until `horizon_candles` x the candle's length have
passed, the high touching the upper level makes it `UPPER`, the low touching the lower level `LOWER`, and neither in
time `NEITHER`. Where one candle touches both, nobody knows which came first: unless the candle already opened beyond
a level, the row is `NEITHER`, so that neither side benefits from what cannot be known. Holes in the candles shorten
what can be seen, never the horizon. Source: Lopez de Prado, Advances in Financial Machine Learning (2018), chapter 3.
"""

from dataclasses import dataclass

import numpy as np

from shared.types import Barriers, BoolArray, Candles, FloatArray, Int8Array, IntArray

LOWER, NEITHER, UPPER = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """One label a candle (n,).

    `end_at` is the instant at which the label was known. `complete` is False where the horizon reaches beyond the
    last candle, whatever was touched before: such rows are dropped, or early touches would be over-represented.
    `ambiguous` marks rows whose first touching candle touched both levels.
    """

    value: Int8Array
    end_at: IntArray
    complete: BoolArray
    ambiguous: BoolArray


def label(candles: Candles, atr_jpy: FloatArray, barriers: Barriers) -> Labels:
    """Label every candle; `atr_jpy` (n,) is ATR(14) at its close. Rows with ATR NaN or 0 are not complete."""
    count = len(candles)
    closed_at = candles.closed_at
    deadline = closed_at + barriers.horizon_candles * candles.timeframe.ms
    usable = np.isfinite(atr_jpy) & (atr_jpy > 0)
    distance = barriers.atr_multiple * np.where(usable, atr_jpy, 0.0)
    upper, lower = candles.close + distance, candles.close - distance
    value = np.full(count, NEITHER, dtype=np.int8)
    end_at = deadline.copy()
    ambiguous = np.zeros(count, dtype=np.bool_)
    is_open = usable.copy()
    for step in range(1, min(barriers.horizon_candles, count - 1) + 1):
        row = np.flatnonzero(is_open[: count - step])
        row = row[closed_at[row + step] <= deadline[row]]
        later = row + step
        up, down = candles.high[later] >= upper[row], candles.low[later] <= lower[row]
        both = up & down
        opened_up = both & (candles.open[later] >= upper[row])
        opened_down = both & (candles.open[later] <= lower[row])
        ambiguous[row[both & ~opened_up & ~opened_down]] = True
        value[row[(up & ~both) | opened_up]] = UPPER
        value[row[(down & ~both) | opened_down]] = LOWER
        touched = up | down
        end_at[row[touched]] = closed_at[later[touched]]
        is_open[row[touched]] = False
    complete = usable & (deadline <= closed_at[-1]) if count else usable
    return Labels(value=value, end_at=end_at, complete=complete, ambiguous=ambiguous)


def uniqueness(as_of: IntArray, end_at: IntArray, *, step_ms: int) -> FloatArray:
    """Each label's mean share of the instants that it covers, (n,) in (0, 1].

    A label covers the steps of `step_ms` in (as_of, end_at]; a step covered by c labels counts 1/c for each. The sum
    is the number of labels as independent ones would be counted. Source: the same book, chapter 4.
    """
    if len(as_of) == 0:
        return np.zeros(0)
    first = (as_of - as_of[0]) // step_ms
    last = np.maximum((end_at - as_of[0]) // step_ms, first + 1)
    size = int(last.max()) + 1
    concurrent = np.cumsum(np.bincount(first, minlength=size) - np.bincount(last, minlength=size))
    inverse = np.concatenate([[0.0], np.cumsum(1.0 / np.maximum(concurrent, 1))])
    mean: FloatArray = (inverse[last] - inverse[first]) / (last - first)
    return mean
