"""Columns of one timeframe, family by family.

Each function gives some features by name, as arrays of shape (n,).
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from shared.core.calendar import DAY_MS, HOUR_MS
from shared.core.types import Candles, FloatArray
from shared.features import indicators
from shared.features.recursion import (
    before,
    ema_lead,
    late,
    mean_lead,
    quotient,
    window_max,
    window_min,
    window_sum,
)

Columns: TypeAlias = dict[str, FloatArray]
WINDOW = 1_000
"""The candles of a timeframe that a tick knows: what remembers longer is defined on exactly these.
"""

_HOUR_MS, _DAY_MS, _WEEK_DAYS = HOUR_MS, DAY_MS, 7
_THURSDAY = 3  # 1 January 1970 was one; Monday is 0


def price(candles: Candles) -> Columns:
    """The candle itself."""
    return {
        "open": candles.open,
        "high": candles.high,
        "low": candles.low,
        "close": candles.close,
        "volume": candles.volume,
    }


def change(candles: Candles) -> Columns:
    """Simple returns; 4, 16 and 96 candles of 15 minutes are an hour, four hours and a day."""
    return {f"returns_{rows}": indicators.returns(candles.close, rows) for rows in (1, 4, 16, 96)}


def slow_change(candles: Candles) -> Columns:
    """Simple returns; 6 and 42 candles of 4 hours are a day and a week."""
    return {f"returns_{rows}": indicators.returns(candles.close, rows) for rows in (1, 6, 42)}


def trend(candles: Candles) -> Columns:
    """EMAs, the close against them, and MACD."""
    close = candles.close
    lead_20, lead_50 = ema_lead(close, 20), ema_lead(close, 50)
    ema_20, ema_50 = close - lead_20, close - lead_50
    line, signal = indicators.macd(close)
    return {
        "ema_20": ema_20,
        "ema_50": ema_50,
        "close_to_ema_20": lead_20 / ema_20,
        "close_to_ema_50": lead_50 / ema_50,
        "ema_20_cross": indicators.crossing(lead_20),
        "ema_50_change_16": ema_50 / before(ema_50, 16) - 1.0,
        "macd": line,
        "macd_signal": signal,
        "macd_rate": line / close,
        "macd_signal_rate": signal / close,
    }


def slow_trend(candles: Candles) -> Columns:
    """What the trend strategy looks at: changes over 14 to 90 days, crosses of averages, breakouts,
    volatility a year.

    Each is defined on exactly the last 1,000 candles; 6 candles of 4 hours are a day.
    """
    close, high, low = candles.close, candles.high, candles.low
    leads = {days: mean_lead(close, 6 * days, WINDOW) for days in (5, 10, 20, 50, 100)}
    return {
        **{f"returns_{6 * days}": indicators.returns(close, 6 * days) for days in (14, 28, 56, 90)},
        **{
            f"mean_{6 * fast}_to_{6 * slow}": (leads[slow] - leads[fast]) / close
            for fast, slow in ((5, 20), (10, 50), (20, 100))
        },
        **{
            f"breakout_{6 * days}": indicators.breakout(high, low, close, 6 * days, WINDOW)
            for days in (10, 20, 55)
        },
        "volatility_180": indicators.volatility_a_year(close, 180, WINDOW, candles_a_year=2190.0),
    }


def momentum(candles: Candles) -> Columns:
    """RSI and RCI."""
    ranks = indicators.rci(candles.close, (9, 14, 26, 52))
    return {"rsi_14": indicators.rsi(candles.close, 14)} | {
        f"rci_{length}": rank for length, rank in ranks.items()
    }


def volatility(candles: Candles) -> Columns:
    """ATR and Bollinger bands."""
    close = candles.close
    atr_14 = indicators.atr(candles.high, candles.low, close, 14)
    atr_rate = atr_14 / close
    mean, deviation = indicators.mean_and_deviation(close, 20)
    zscore = quotient(close - mean, deviation, of_nothing=0.0)
    return {
        "atr_14": atr_14,
        "atr_rate": atr_rate,
        "volatility_ratio": quotient(atr_rate, window_sum(atr_rate, 20) / 20.0, of_nothing=1.0),
        "bb_position": 0.5 + 0.25 * zscore,
        "zscore": zscore,
    }


def realised(candles: Candles) -> Columns:
    """Realised volatility: 16, 96 and 672 candles of 15 minutes are four hours, a day
    and a week.
    """
    return {f"realised_{rows}": indicators.realised(candles.close, rows) for rows in (16, 96, 672)}


def direction(candles: Candles) -> Columns:
    """ADX and DI."""
    found = indicators.directional(candles.high, candles.low, candles.close, 14)
    difference = found.plus_di - found.minus_di
    return {
        "adx_14": found.adx,
        "adx_change_1": found.adx - before(found.adx, 1),
        "plus_di_14": found.plus_di,
        "minus_di_14": found.minus_di,
        "di_difference": difference,
        "di_cross": indicators.crossing(difference),
    }


def channels(candles: Candles) -> Columns:
    """The channel of the 20 candles before, and where the close lies in it."""
    top, bottom = indicators.channel(candles.high, candles.low, 20)
    return {
        "donchian_high_20": top,
        "donchian_low_20": bottom,
        "channel_position": indicators.place_in(candles.close, top, bottom),
    }


def swings(candles: Candles) -> Columns:
    """The swing of the last 20 candles, and how far the close is from the extremes of
    the last 4.
    """
    close, high, low = candles.close, candles.high, candles.low
    return {
        "swing_high_20": window_max(high, 20),
        "swing_low_20": window_min(low, 20),
        "swing_direction_20": indicators.swing_direction(high, low, 20),
        "above_low_4": close / window_min(low, 4) - 1.0,
        "below_high_4": close / window_max(high, 4) - 1.0,
    }


def volume(candles: Candles) -> Columns:
    """Volume against its own mean."""
    sold = candles.volume
    return {
        "volume_ratio": quotient(sold, window_sum(sold, 20) / 20.0, of_nothing=1.0),
        "volume_ratio_10": quotient(sold, window_sum(sold, 10) / 10.0, of_nothing=1.0),
    }


def shape(candles: Candles) -> Columns:
    """The candle's body and wicks as shares of its range, and whether it engulfs the one before."""
    opened, high, low, close = candles.open, candles.high, candles.low, candles.close
    span = high - low
    return {
        "candle_body": quotient(np.abs(close - opened), span, of_nothing=0.0),
        "upper_wick": quotient(high - np.maximum(opened, close), span, of_nothing=0.0),
        "lower_wick": quotient(np.minimum(opened, close) - low, span, of_nothing=0.0),
        "engulfing": indicators.engulfing(opened, close),
    }


def time(candles: Candles) -> Columns:
    """Where the close lies in the day and in the week: how much moves depends on who is awake."""
    closed_at = candles.closed_at
    return {
        "hour": closed_at % _DAY_MS / _HOUR_MS,
        "weekday": ((closed_at // _DAY_MS + _THURSDAY) % _WEEK_DAYS).astype(np.float64),
    }


def anomaly(candles: Candles) -> Columns:
    """How unusual the last return and the last volume are against the 96 before them, a day."""
    moves = candles.close[1:] / candles.close[:-1] - 1.0
    return {
        "price_z": late(indicators.unusualness(moves, 96), 1, len(candles)),
        "volume_z": indicators.unusualness(candles.volume, 96),
    }


Family: TypeAlias = Callable[[Candles], Columns]
FAST: tuple[Family, ...] = (
    price,
    change,
    trend,
    momentum,
    volatility,
    realised,
    direction,
    channels,
    swings,
    volume,
    shape,
    time,
    anomaly,
)
SLOW: tuple[Family, ...] = (
    slow_change,
    slow_trend,
    trend,
    momentum,
    volatility,
    direction,
    channels,
    volume,
)
