"""What came of candles: the label that a model forecasts, by the same definition as in learning (`models.labels`). Pure."""

from dataclasses import dataclass

import numpy as np

from shared.first_touch import FirstTouch
from shared.types import Barriers, BoolArray, Candles, FloatArray, Int8Array, IntArray

LOWER, NEITHER, UPPER = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """One a candle, (n,): the class that came, when that was known, and whether the whole horizon has passed."""

    label: Int8Array
    end_at: IntArray
    mature: BoolArray


def outcomes(candles: Candles, atr_jpy: FloatArray, barriers: Barriers) -> Outcomes:
    """Which level each candle reached first, or how the next one closed; `atr_jpy` (n,) is ATR(14) at its close.

    A row is mature when its whole horizon has passed, also where a level was reached at once: early touches would be
    over-represented otherwise. Where one candle reaches both levels and opened beyond neither, nobody knows: neither.
    """
    if barriers.kind == "next_candle":
        return _next_candle(candles, atr_jpy, barriers.move_rate)
    count, closed_at = len(candles), candles.closed_at
    usable = np.isfinite(atr_jpy) & (atr_jpy > 0)
    deadline = closed_at + barriers.horizon_candles * candles.timeframe.ms
    distance = barriers.atr_multiple * np.where(usable, atr_jpy, 0.0)
    upper, lower = candles.close + distance, candles.close - distance
    label, end_at = np.full(count, NEITHER, dtype=np.int8), deadline.copy()
    if count:
        at = FirstTouch(candles.low, candles.high).rows(np.arange(1, count + 1), lower, upper)
        row = np.flatnonzero(usable & (at < count))
        row = row[closed_at[at[row]] <= deadline[row]]
        at = at[row]
        up, down = candles.high[at] >= upper[row], candles.low[at] <= lower[row]
        above, below = candles.open[at] >= upper[row], candles.open[at] <= lower[row]
        label[row] = np.where(up & (~down | above), UPPER, np.where(down & (~up | below), LOWER, NEITHER))
        end_at[row] = closed_at[at]
    mature = usable & (deadline <= closed_at[-1]) if count else usable
    return Outcomes(label=label, end_at=end_at, mature=mature)


def _next_candle(candles: Candles, atr_jpy: FloatArray, move_rate: float) -> Outcomes:
    label, mature = np.full(len(candles), NEITHER, dtype=np.int8), np.zeros(len(candles), dtype=np.bool_)
    if len(candles) > 1:
        usable = np.isfinite(atr_jpy[:-1]) & (atr_jpy[:-1] > 0)
        mature[:-1] = usable & (np.diff(candles.opened_at) == candles.timeframe.ms)
        move = candles.close[1:] / candles.close[:-1] - 1.0
        label[:-1] = np.where(move > move_rate, UPPER, np.where(move < -move_rate, LOWER, NEITHER))
    label[~mature] = NEITHER
    return Outcomes(label=label, end_at=candles.closed_at + candles.timeframe.ms, mature=mature)


def independence(as_of: IntArray, end_at: IntArray, *, step_ms: int) -> FloatArray:
    """Each label's mean share of the steps that it covers, (n,) in (0, 1]; the sum counts the labels as independent ones.

    A step that c labels cover counts 1/c for each. `as_of` ascends. Source: Lopez de Prado, Advances in Financial Machine
    Learning (2018), chapter 4.
    """
    if not len(as_of):
        return np.zeros(0)
    first = (as_of - as_of[0]) // step_ms
    last = np.maximum((end_at - as_of[0]) // step_ms, first + 1)
    size = int(last.max()) + 1
    covering = np.cumsum(np.bincount(first, minlength=size) - np.bincount(last, minlength=size))
    summed = np.concatenate([[0.0], np.cumsum(1.0 / np.maximum(covering, 1))])
    mean: FloatArray = (summed[last] - summed[first]) / (last - first)
    return mean
