"""Indicators over arrays of candles, shape (n,) in and out.

NaN until warm; every 0/0 is defined where it can occur.

Seeds and smoothing are Wilder's as TA-Lib has them, except where a docstring says otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.core.types import FloatArray, Int8Array, IntArray
from shared.features.recursion import (
    before,
    decayed_mean,
    ema_lead,
    late,
    quotient,
    wilder_sum,
    window_max,
    window_min,
    window_sum,
)

UNUSUAL = 100.0
"""The largest z-score told: a move after a time without any is as unusual as can be, and still a
number."""
_SPREAD_FLOOR = 1e-6
_INT8_LAGS = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class Directional:
    """Wilder's directional movement, each in [0, 100]."""

    plus_di: FloatArray
    minus_di: FloatArray
    adx: FloatArray


def returns(close: FloatArray, rows: int) -> FloatArray:
    """Simple return over `rows` candles: `close[t] / close[t - rows] - 1`."""
    return close / before(close, rows) - 1.0


def realised_volatility(close: FloatArray, rows: int) -> FloatArray:
    """Root of the sum of the last `rows` squared simple returns of one candle, a rate; first value
    at row `rows`.
    """
    moves = close[1:] / close[:-1] - 1.0
    return late(np.sqrt(window_sum(moves * moves, rows)), 1, len(close))


def volatility_a_year(
    close: FloatArray, span: int, reach: int, *, candles_a_year: float
) -> FloatArray:
    """Root of the exponential mean of the squared returns inside the last `reach` closes, times
    root of `candles_a_year`.

    First value at row `span`. Mean return zero, as in RiskMetrics (J.P. Morgan, 1996).
    """
    moves = close[1:] / close[:-1] - 1.0
    return late(
        np.sqrt(decayed_mean(moves * moves, span, reach - 1) * candles_a_year), 1, len(close)
    )


def true_range(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """max(high, close before) - min(low, close before), for candles 1 .. n-1: shape (n - 1,)."""
    ends_high = np.maximum(high[1:], close[:-1])
    return ends_high - np.minimum(low[1:], close[:-1])


def atr(high: FloatArray, low: FloatArray, close: FloatArray, length: int) -> FloatArray:
    """Wilder's average true range in yen; first value at row `length`."""
    smoothed = wilder_sum(true_range(high, low, close), length, seed=length) / length
    return late(smoothed, 1, len(close))


def rsi(close: FloatArray, length: int) -> FloatArray:
    """Wilder's RSI in [0, 100]; first value at row `length`.

    A market that stands still has 50 (TA-Lib says 0).
    """
    change = np.diff(close)
    up = wilder_sum(np.maximum(change, 0.0), length, seed=length)
    down = wilder_sum(np.maximum(-change, 0.0), length, seed=length)
    return late(100.0 * quotient(up, up + down, of_nothing=0.5), 1, len(close))


def directional(high: FloatArray, low: FloatArray, close: FloatArray, length: int) -> Directional:
    """+DI and -DI (first at row `length`) and ADX (first at row 2 * length - 1).

    No true range makes both DI 0; no directional movement makes DX 0 (TA-Lib repeats the ADX
    before).
    """
    size = len(close)
    up, down = np.diff(high), -np.diff(low)
    plus = np.where((up > down) & (up > 0.0), up, 0.0)
    minus = np.where((down > up) & (down > 0.0), down, 0.0)
    ranges, plus_sum, minus_sum = (
        wilder_sum(series, length, seed=length - 1)[length - 1 :]
        for series in (true_range(high, low, close), plus, minus)
    )
    plus_di = 100.0 * quotient(plus_sum, ranges, of_nothing=0.0)
    minus_di = 100.0 * quotient(minus_sum, ranges, of_nothing=0.0)
    strength = 100.0 * quotient(np.abs(plus_di - minus_di), plus_di + minus_di, of_nothing=0.0)
    mean = wilder_sum(strength, length, seed=length) / length
    return Directional(
        plus_di=late(plus_di, length, size),
        minus_di=late(minus_di, length, size),
        adx=late(np.minimum(mean, 100.0), length, size),
    )


def macd(close: FloatArray) -> tuple[FloatArray, FloatArray]:
    """EMA12 - EMA26 and the EMA9 of it, in yen; first values at rows 25 and 33.

    Each EMA has its own seed. TA-Lib's MACD starts both at row 25, so the two differ at first
    (below 1e-9 of the price after some 300 rows).
    """
    line = ema_lead(close, 26) - ema_lead(close, 12)
    warm = line[25:]
    return line, late(warm - ema_lead(warm, 9), 25, len(close))


def mean_and_deviation(values: FloatArray, width: int) -> tuple[FloatArray, FloatArray]:
    """Mean and population standard deviation over the last `width` rows, in two passes."""
    mean = window_sum(values, width) / width
    squares = np.zeros(len(values))
    for lag in range(min(width, len(values))):
        apart = values[: len(values) - lag] - mean[lag:]
        squares[lag:] += apart * apart
    return mean, np.sqrt(squares / width)


def unusualness(values: FloatArray, width: int) -> FloatArray:
    """z-score of each value against mean and standard deviation of the `width` values before it, in
    [-100, 100].

    The value itself is not part of its own yardstick. Values that all were alike have a deviation
    of a millionth of their size instead of none, so that rounding is not an anomaly; where they all
    were 0, anything else is 100.
    """
    mean = before(window_sum(values, width), 1) / width
    mean_square = before(window_sum(values * values, width), 1) / width
    variance = np.maximum(mean_square - mean * mean, 0.0)
    deviation = np.maximum(np.sqrt(variance), _SPREAD_FLOOR * np.sqrt(mean_square))
    apart = values - mean
    with np.errstate(divide="ignore", invalid="ignore"):  # what cannot be told is replaced
        score = apart / deviation
    untold = np.flatnonzero(~(np.abs(apart) < UNUSUAL * deviation))
    score[untold] = np.sign(apart[untold]) * UNUSUAL
    return score


def rci(close: FloatArray, lengths: Sequence[int]) -> dict[int, FloatArray]:
    """Rank correlation index (Spearman's, with time) for several lengths, in [-100, 100]; first
    value at row length - 1.

    RCI = 600 * T / (n * (n*n - 1)), T the sum of lag * sign(later - earlier) over all pairs of the
    window. From one row to the next, T gains the pairs of the candle that comes and loses those of
    the candle that goes: whole numbers, hence exact however long the series. Equal closes count as
    0, which is Spearman's rho with average ranks and without the correction of the variance for
    ties.
    """
    size, kind = len(close), np.int8 if max(lengths) <= _INT8_LAGS else np.int64
    gained, lost = np.zeros(size, dtype=np.int32), np.zeros(size, dtype=np.int32)
    found = {length: np.full(size, np.nan) for length in lengths}
    for lag in range(1, min(max(lengths), size)):
        weighed = (_sign(close[lag:], close[:-lag]) * kind(lag)).astype(np.int32)
        gained[lag:] += weighed
        lost[: size - lag] += weighed
        length = lag + 1
        if length in found:
            step = gained.copy()
            step[length:] -= lost[: size - length]
            total = np.cumsum(step, dtype=np.int64)[length - 1 :]
            found[length][length - 1 :] = 600.0 * total / (length * (length * length - 1))
    return found


def _sign(later: FloatArray, earlier: FloatArray) -> Int8Array:
    """Sign of the difference, counted in bytes: eight times as many fit into the processor's
    registers.
    """
    sign: Int8Array = (later > earlier).view(np.int8) - (later < earlier).view(np.int8)
    return sign


def channel(high: FloatArray, low: FloatArray, width: int) -> tuple[FloatArray, FloatArray]:
    """Donchian channel of the `width` candles before the present one, which is left out so that it
    can break out.
    """
    return before(window_max(high, width), 1), before(window_min(low, width), 1)


def breakout(
    high: FloatArray, low: FloatArray, close: FloatArray, width: int, reach: int
) -> FloatArray:
    """The side of the last breakout of the last `reach` candles: +1, -1, or 0 where there was none;
    NaN on the first `width`.

    A close beyond the highest high or the lowest low of the `width` candles before it breaks out.
    Only breakouts whose channel lies inside those `reach` candles count.
    """
    size = len(close)
    top, bottom = channel(high, low, width)
    broke = np.where(close > top, 1.0, np.where(close < bottom, -1.0, 0.0))
    rows = np.arange(size)
    last = np.maximum.accumulate(np.where(broke != 0.0, rows, -1)) if size else rows
    side = np.where(
        (last >= 0) & (rows - last < reach - width), broke[last] if size else broke, 0.0
    )
    side[:width] = np.nan
    return side


def place_in(close: FloatArray, top: FloatArray, bottom: FloatArray) -> FloatArray:
    """Where the close lies: 0 at the bottom, 1 at the top, outside beyond.

    A channel is at least one yen wide.
    """
    return 0.5 + (close - 0.5 * (top + bottom)) / np.maximum(top - bottom, 1.0)


def swing_direction(high: FloatArray, low: FloatArray, width: int) -> FloatArray:
    """+1 where the highest of the last `width` candles came after the lowest, -1 before, 0 where
    one candle is both.
    """
    direction: FloatArray = np.full(len(high), np.nan)
    top, bottom = window_max(high, width)[width - 1 :], window_min(low, width)[width - 1 :]
    direction[width - 1 :] = np.sign(_lateness(high, top, width) - _lateness(low, bottom, width))
    return direction


def _lateness(values: FloatArray, extreme: FloatArray, width: int) -> IntArray:
    """How late in its window each extreme stands: `width` on the last row, 1 on the first (the
    latest of equals).
    """
    late_by = np.zeros(len(extreme), dtype=np.int64 if width > _INT8_LAGS else np.int8)
    for lag in range(width if len(extreme) else 0):
        hit = values[width - 1 - lag : len(values) - lag] == extreme
        np.maximum(late_by, hit.view(np.int8) * late_by.dtype.type(width - lag), out=late_by)
    return late_by.astype(np.int64)


def crossing(lead: FloatArray) -> FloatArray:
    """`turns`, NaN where the lead of the row or of the one before is."""
    side = np.full(len(lead), np.nan)
    side[1:] = np.where(np.isnan(lead[:-1]) | np.isnan(lead[1:]), np.nan, turns(lead)[1:])
    return side


def turns(lead: FloatArray) -> Int8Array:
    """+1 on the row where `lead` turns positive, -1 where it turns negative, else 0."""
    above, below = lead > 0.0, lead < 0.0
    side = np.zeros(len(lead), dtype=np.int8)
    side[1:] = (above[1:] & (lead[:-1] <= 0.0)).view(np.int8)
    side[1:] -= (below[1:] & (lead[:-1] >= 0.0)).view(np.int8)
    return side


def engulfing(opened: FloatArray, close: FloatArray) -> FloatArray:
    """Body as a multiple of the body before that it engulfs, signed by its direction; 0 where it
    engulfs none.

    Bullish: the candle before fell, this one opens below that close and closes above that open.
        Bearish: the mirror.
    """
    body, opened_before, close_before = close - opened, before(opened, 1), before(close, 1)
    body_before = close_before - opened_before
    bullish = (body_before < 0.0) & (opened < close_before) & (close > opened_before)
    bearish = (body_before > 0.0) & (opened > close_before) & (close < opened_before)
    multiple = np.where(np.isnan(body_before), np.nan, 0.0)
    rows = np.flatnonzero(bullish | bearish)
    multiple[rows] = body[rows] / np.abs(body_before[rows])
    return multiple
