"""Mean reversion: sell where the close is high in its Bollinger band and RSI is high, buy where
both are low.
"""

import numpy as np

from shared.core.settings.strategies import AtrBased
from shared.core.types import Features, FloatArray
from shared.strategies.ballot import Ballot, against, ballot, beyond, columns, share


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
