"""The slow trend of the 4h candles: eleven signals, each long, short or silent, and their mean as
an exposure.

The signals of the study that found this the only thing worth following: whether the price is higher
than 7, 14, 28, 56 and 90 days ago, whether the exponential mean of 5 days lies above that of 20 (10
above 50, 20 above 100), and to which side the price last left the channel of the 10, 20 and 55 days
before. All of them, and the volatility, are functions of exactly the last 1,000 closed 4h candles
(see `shared/features/families`).
"""

from dataclasses import dataclass

import numpy as np

from shared.core.settings.kinds import Share
from shared.core.types import Features, FloatArray, Targets
from shared.strategies.ballot import Ballot, ballot, columns

MOMENTUM = ("returns_42_4h", "returns_84_4h", "returns_168_4h", "returns_336_4h", "returns_540_4h")
CROSSES = ("mean_30_to_120_4h", "mean_60_to_300_4h", "mean_120_to_600_4h")
BREAKOUTS = ("breakout_60_4h", "breakout_120_4h", "breakout_330_4h")
SIGNALS = (*MOMENTUM, *CROSSES, *BREAKOUTS)
VOLATILITY = "volatility_180_4h"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Slow trend of the 4h candles: momentum, crosses of averages and breakouts.

    The one strategy with a target exposure.
    """

    weight: Share
    min_confidence: Share = 0.0  # weaker than this is flat


def vote(features: Features, settings: Trend) -> Ballot:
    """The side of the mean signal, with its size as confidence."""
    weight = mean_signal(features)
    return ballot(weight, np.abs(weight), least=settings.min_confidence, needs=(weight,))


def targets(features: Features, settings: Trend) -> Targets:
    """The mean signal as weight, 0 where it is below `min_confidence`, and the volatility; NaN
    until all are warm.
    """
    weight, (volatility,) = mean_signal(features), columns(features, VOLATILITY)
    warm = np.isfinite(weight) & np.isfinite(volatility)
    weight = np.where(np.abs(weight) >= settings.min_confidence, weight, 0.0)
    return Targets(
        as_of=features.as_of,
        weight=np.where(warm, weight, np.nan),
        volatility=np.where(warm, volatility, np.nan),
    )


def mean_signal(features: Features) -> FloatArray:
    """The mean sign of the eleven signals, in [-1, 1], shape (n,); NaN where one of them is not
    warm.
    """
    total = np.zeros(len(features.as_of))
    for column in columns(features, *SIGNALS):
        total += np.sign(column)
    return total / len(SIGNALS)
