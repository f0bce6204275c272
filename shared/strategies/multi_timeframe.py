"""The trend of the 4h candles, entered by the 15m candles: two timeframes, each from its own
candles.
"""

from dataclasses import dataclass

import numpy as np

from shared.core.settings.kinds import Factor, Oscillator, Share
from shared.core.types import Features, FloatArray, Int8Array
from shared.strategies.ballot import Ballot, against, ballot, columns, difference

_TWO = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiTimeframe:
    """The trend of 4h candles, entered on 15m candles."""

    weight: Share
    min_confidence: Share = 0.4  # of trend_weight x trend + entry_weight x entry
    trend_change: Factor = 0.002  # of EMA50 over 16 4h candles
    min_atr_rate: Factor = 0.005  # of the 4h candles: no trend in a market that stands still
    rsi_low: Oscillator = 30.0
    rsi_high: Oscillator = 70.0
    pullback: Factor = 0.005  # back from the extreme of the last 4 candles of 15m
    trend_weight: Share = 0.6
    entry_weight: Share = 0.4


def vote(features: Features, settings: MultiTimeframe) -> Ballot:
    """Weigh trend and entry; each alone may be too little, and against each other they cancel.

    The trend is up where the 4h EMA50 has risen enough, the 4h close is above it, and the 4h
    candles are not too calm. The entry is up where two of three say so: the close crosses EMA20
    upwards, RSI is low, the close is back up from the low of the last 4 candles. Down is the mirror
    of each.
    """
    change, side_4h, atr_rate = trend_columns = columns(
        features, "ema_50_change_16_4h", "close_to_ema_50_4h", "atr_rate_4h"
    )
    cross, rsi, above, below = entry_columns = columns(
        features, "ema_20_cross", "rsi_14", "above_low_4", "below_high_4"
    )
    trend = _trend(change, side_4h, atr_rate, settings)
    crossed = difference(cross > 0.0, cross < 0.0)
    recovered = difference(above >= settings.pullback, below <= -settings.pullback)
    votes = crossed + against(rsi, settings.rsi_low, settings.rsi_high) + recovered
    entry = difference(votes >= _TWO, votes <= -_TWO)
    score = settings.trend_weight * trend + settings.entry_weight * entry
    return ballot(
        score, np.abs(score), least=settings.min_confidence, needs=trend_columns + entry_columns
    )


def _trend(
    change: FloatArray, side: FloatArray, atr_rate: FloatArray, settings: MultiTimeframe
) -> Int8Array:
    moves = atr_rate > settings.min_atr_rate
    up = moves & (change > settings.trend_change) & (side > 0.0)
    down = moves & (change < -settings.trend_change) & (side < 0.0)
    return difference(up, down)
