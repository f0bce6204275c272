"""Coarse candles into 1m candles that aggregate back to exactly the same ones. Pure and seeded.

The price walks a random bridge in whole yen from open to close inside [low, high]; the minute that
comes nearest to an extreme touches it. Every draw is a hash (splitmix64, Steele, Lea and Flood
2014) of the seed, the candle and the
minute: a candle's minutes depend on nothing else, so a prefix expands to a prefix. Only +, -, *, /
and square roots are used, which IEEE 754 rounds alike on every processor.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.core.money import LOTS_PER_BTC
from shared.core.types import Candles, FloatArray, Timeframe

UintArray: TypeAlias = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_RANGE_OF_A_WALK = 1.6
"""Expected range of a random walk of n unit steps over sqrt(n): sqrt(8 / pi) (Feller 1951)."""
_WICK_SHARE = 0.25
"""The longest wick of a minute, as a share of the candle's range over sqrt(n)."""
_QUIET_SHARE = 0.2
"""What a minute weighs in volume without any movement, against 1 for one that moves through the
whole range."""
_ROUNDING = 1e-6
"""In lots: the float of a whole number of lots may lie this much below it."""


def expand(candles: Candles, *, seed: int) -> Candles:
    """Minutes for every candle, in its own order; holes stay holes.

    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> quarters = aggregate(generate(start_ms=1_767_225_600_000, days=1, seed=7), Timeframe.M15)
    >>> minutes = expand(quarters, seed=1)
    >>> len(minutes) // len(quarters)
    15
    >>> bool((aggregate(minutes, Timeframe.M15).close == quarters.close).all())
    True

    Args:
        candles: Checked candles of any timeframe.
        seed: Another seed, another path through the same candles.

    Returns:
        1m candles; `aggregate` gives back `candles`, to the yen and to the last place of the
        volume. Volumes of minutes are whole 0.0001 BTC where the candle's is.
    """
    count = candles.timeframe.ms // Timeframe.M1.ms
    if count == 1:
        return candles
    key = _keys(candles, seed)
    low, high = candles.low[:, None], candles.high[:, None]
    walk = _walk(candles, key, count)
    opens, closes = walk[:, :-1], walk[:, 1:]
    top, bottom = np.maximum(opens, closes), np.minimum(opens, closes)
    wick = _WICK_SHARE * (high - low) / np.sqrt(count)
    highs = np.minimum(
        np.rint(top + wick * _uniform(key, count, stream=5) * _uniform(key, count, stream=6)), high
    )
    lows = np.maximum(
        np.rint(bottom - wick * _uniform(key, count, stream=7) * _uniform(key, count, stream=8)),
        low,
    )
    rows = np.arange(len(candles))
    highs[rows, np.argmax(top, axis=1)] = candles.high
    lows[rows, np.argmin(bottom, axis=1)] = candles.low
    starts = np.arange(count, dtype=np.int64) * Timeframe.M1.ms
    return Candles(
        timeframe=Timeframe.M1,
        opened_at=(candles.opened_at[:, None] + starts).ravel(),
        open=opens.ravel(),
        high=highs.ravel(),
        low=lows.ravel(),
        close=closes.ravel(),
        volume=_volumes(candles, key, highs - lows).ravel(),
    )


def _walk(candles: Candles, key: UintArray, count: int) -> FloatArray:
    """Prices at the minute marks, shape (n, count + 1): open first, close last, whole yen inside
    [low, high].
    """
    walk = np.zeros((len(candles), count + 1))
    for stream in range(1, 5):  # four uniforms make a nearly normal step of variance 1/3
        walk[:, 1:] += _uniform(key, count, stream=stream) - 0.5
    walk = np.cumsum(walk * np.sqrt(3.0), axis=1)
    part = np.arange(count + 1) / count
    bridge = walk - part * walk[:, -1:]
    scale = (candles.high - candles.low) / (_RANGE_OF_A_WALK * np.sqrt(count))
    prices = (
        candles.open[:, None]
        + part * (candles.close - candles.open)[:, None]
        + scale[:, None] * bridge
    )
    inside: FloatArray = np.minimum(
        np.maximum(np.rint(prices), candles.low[:, None]), candles.high[:, None]
    )
    inside[:, 0], inside[:, -1] = candles.open, candles.close
    return inside


def _volumes(candles: Candles, key: UintArray, ranges: FloatArray) -> FloatArray:
    """Volume of every minute in BTC: more where the price moved more; whole lots, and what is no
    whole lot at the end.
    """
    lots = np.floor(candles.volume * LOTS_PER_BTC + _ROUNDING)
    count = ranges.shape[1]
    busy = ranges / np.maximum(1.0, candles.high - candles.low)[:, None] + _QUIET_SHARE
    weights = np.cumsum(busy * (_uniform(key, count, stream=9) + _QUIET_SHARE), axis=1)
    until = np.rint(lots[:, None] * (weights / weights[:, -1:]))
    volumes: FloatArray = np.diff(until, axis=1, prepend=0.0) / LOTS_PER_BTC
    volumes[:, -1] += candles.volume - lots / LOTS_PER_BTC
    return volumes


def _keys(candles: Candles, seed: int) -> UintArray:
    """One 64-bit key a candle, from everything it is."""
    key = np.full(len(candles), seed % 2**64, dtype=np.uint64)
    for column in (candles.opened_at, candles.open, candles.high, candles.low, candles.close):
        key = _mix_bits(key ^ column.astype(np.int64).view(np.uint64))
    return key


def _uniform(key: UintArray, count: int, *, stream: int) -> FloatArray:
    """Numbers in [0, 1), shape (n, count), of one independent stream."""
    index = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(stream << 32)
    drawn: FloatArray = (_mix_bits(key[:, None] + index * _GOLDEN) >> np.uint64(11)).astype(
        np.float64
    ) * 2.0**-53
    return drawn


def _mix_bits(state: UintArray) -> UintArray:
    """The finalizer of splitmix64; arrays of uint64 wrap around, which is meant."""
    state = state + _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
