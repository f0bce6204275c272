"""After a swing, the close comes back to a Fibonacci level and turns there: enter in the direction
of the swing.
"""

from dataclasses import dataclass

import numpy as np

from shared.core.settings.kinds import Factor, Oscillator, Share, Shares, Span
from shared.core.types import BoolArray, Features, FloatArray, Int8Array
from shared.strategies.ballot import Ballot, against, ballot, beyond, columns, difference, share


@dataclass(frozen=True, slots=True, kw_only=True)
class FibonacciRetracement:
    """Levels of the last swing, with candle patterns, RSI and volume as confirmations."""

    weight: Share
    min_confidence: Share = 0.4
    levels: Shares = (0.236, 0.382, 0.5, 0.618)
    strong_level: Share = 0.382  # levels from here on are strong
    min_swing_rate: Factor = 0.01  # height of the swing as a share of the price
    tolerance: Span = 0.01  # distance to the level as a share of the price
    rsi_low: Oscillator = 30.0
    rsi_high: Oscillator = 70.0
    rsi_span: Span = 30.0
    hammer_body: Share = 0.3  # shares of the candle's range
    hammer_wick: Share = 0.6
    pin_bar: Factor = 2.0  # wick as a multiple of the body
    engulfing: Factor = 1.1  # body as a multiple of the engulfed one
    volume_ratio: Factor = 1.5  # against the mean of 10 candles: adds confidence, never a direction
    base: Share = 0.3
    rsi_gain: Share = 1.0
    candle_bonus: Share = 0.5
    volume_bonus: Share = 0.3
    strong_bonus: Share = 0.2
    proximity_bonus: Share = 0.1


def vote(features: Features, settings: FibonacciRetracement) -> Ballot:
    """Near a level of a swing that is high enough, RSI or a candle pattern must point in the
    swing's direction, none against.

    Levels count back from the later extreme of the swing. Volume only adds confidence.
    """
    close, top, bottom, direction = swing = columns(
        features, "close", "swing_high_20", "swing_low_20", "swing_direction_20"
    )
    rsi, volume = turn = columns(features, "rsi_14", "volume_ratio_10")
    shape = columns(features, "candle_body", "upper_wick", "lower_wick", "engulfing")
    height = top - bottom
    back = np.where(direction > 0.0, top - close, close - bottom)
    distance, strong = _nearest_level(back, height, settings)
    near = (distance <= settings.tolerance * close) & (height > settings.min_swing_rate * close)

    rsi_side = against(rsi, settings.rsi_low, settings.rsi_high)
    candle_side = _pattern(*shape, settings=settings)
    confirmed = (rsi_side + candle_side) * direction > 0.0
    side = direction * (near & confirmed)
    rsi_reach = share(beyond(rsi, settings.rsi_low, settings.rsi_high), settings.rsi_span)
    confidence = (
        settings.base
        + settings.rsi_gain * rsi_reach
        + settings.candle_bonus * (candle_side != 0.0)
        + settings.volume_bonus * (volume >= settings.volume_ratio)
        + settings.strong_bonus * strong
        + settings.proximity_bonus * (1.0 - share(distance / close, settings.tolerance))
    )
    return ballot(side, confidence, least=settings.min_confidence, needs=swing + turn + shape)


def _nearest_level(
    back: FloatArray, height: FloatArray, settings: FibonacciRetracement
) -> tuple[FloatArray, BoolArray]:
    """Distance in yen to the nearest level, and whether that one is strong; `back` is the way back
    so far, in yen.
    """
    nearest = np.full(len(back), np.inf)
    strong = np.zeros(len(back), dtype=np.bool_)
    for level in settings.levels:
        distance = np.abs(back - level * height)
        nearer = distance < nearest
        np.minimum(nearest, distance, out=nearest)
        strong = strong | nearer if level >= settings.strong_level else strong & ~nearer
    return nearest, strong


def _pattern(
    body: FloatArray,
    upper: FloatArray,
    lower: FloatArray,
    engulfing: FloatArray,
    *,
    settings: FibonacciRetracement,
) -> Int8Array:
    """Hammer or shooting star, else pin bar, else engulfing: +1 bullish, -1 bearish, 0 none."""
    small = body < settings.hammer_body
    long_wick = settings.pin_bar * body
    sign = difference(engulfing > settings.engulfing, engulfing < -settings.engulfing)
    for bullish, bearish in (
        ((lower > long_wick) & (lower > upper), (upper > long_wick) & (upper > lower)),
        (small & (lower >= settings.hammer_wick), small & (upper >= settings.hammer_wick)),
    ):
        sign = np.where(bullish | bearish, difference(bullish, bearish & ~bullish), sign)
    return sign
