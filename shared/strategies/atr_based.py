"""Mean reversion: sell where the close is high in its Bollinger band and RSI is high, buy where
both are low.
"""

from dataclasses import dataclass

import numpy as np

from shared.core.settings.kinds import BandPosition, Factor, Oscillator, Share, Span
from shared.core.types import Features, FloatArray
from shared.strategies.ballot import Ballot, against, ballot, beyond, columns, share


@dataclass(frozen=True, slots=True, kw_only=True)
class AtrBased:
    """Mean reversion: Bollinger position and RSI at their extremes, scaled by volatility."""

    weight: Share
    min_confidence: Share = 0.3
    bb_low: BandPosition = 0.3  # position in the band, 0 lower, 1 upper: buy at or below
    bb_high: BandPosition = 0.7  # sell at or above
    bb_span: Span = 0.2
    bb_base: Share = 0.3
    bb_gain: Share = 0.4
    rsi_low: Oscillator = 35.0
    rsi_high: Oscillator = 65.0
    rsi_span: Span = 30.0
    rsi_base: Share = 0.2
    rsi_gain: Share = 0.3
    single_factor: Factor = 0.7  # only one of the two is at its extreme
    conflict_factor: Factor = 0.8  # they disagree: the stronger, times this
    # neither is: both lean to one side, by this much of their half range in the mean
    weak_deviation: Factor = 0.1
    weak_base: Share = 0.25
    weak_gain: Share = 0.3
    volatility_low: Factor = 0.5  # ATR rate against its own mean of 20 candles
    volatility_high: Factor = 1.5
    low_volatility_factor: Factor = 0.8
    high_volatility_factor: Factor = 1.2


def vote(features: Features, settings: AtrBased) -> Ballot:
    """Both extremes on one side add up, one alone counts less, two against each other leave the
    stronger, weakened.

    Where neither is extreme but both lean to the same side, a weak word against that lean. The
    confidence is then scaled by how volatile the market is against its own last 20 candles.
    """
    position, rsi, volatility = needs = columns(
        features, "bb_position", "rsi_14", "volatility_ratio"
    )
    bb_side = against(position, settings.bb_low, settings.bb_high)
    rsi_side = against(rsi, settings.rsi_low, settings.rsi_high)
    bb_reach = share(beyond(position, settings.bb_low, settings.bb_high), settings.bb_span)
    rsi_reach = share(beyond(rsi, settings.rsi_low, settings.rsi_high), settings.rsi_span)
    bb_word = bb_side * (settings.bb_base + settings.bb_gain * bb_reach)
    rsi_word = rsi_side * (settings.rsi_base + settings.rsi_gain * rsi_reach)

    both = bb_word + rsi_word
    stronger = np.where(np.abs(bb_word) > np.abs(rsi_word), bb_word, rsi_word)
    stronger = stronger * (both != 0.0)
    product = bb_side * rsi_side
    word = np.where(
        (bb_side | rsi_side) != 0, settings.single_factor * both, _lean(position, rsi, settings)
    )
    word = np.where(product < 0, settings.conflict_factor * stronger, word)
    word = np.where(product > 0, both, word)
    factor = np.where(volatility > settings.volatility_high, settings.high_volatility_factor, 1.0)
    factor[volatility < settings.volatility_low] = settings.low_volatility_factor
    return ballot(word, np.abs(word) * factor, least=settings.min_confidence, needs=needs)


def _lean(position: FloatArray, rsi: FloatArray, settings: AtrBased) -> FloatArray:
    """The weak word: against the mean of both deviations from their middles, each as a share of its
    half range.
    """
    bb_deviation, rsi_deviation = 2.0 * position - 1.0, rsi / 50.0 - 1.0
    mean = 0.5 * (bb_deviation + rsi_deviation)
    clear = (bb_deviation * rsi_deviation > 0.0) & (np.abs(mean) > settings.weak_deviation)
    return clear * -np.sign(mean) * (settings.weak_base + settings.weak_gain * np.abs(mean))
