"""Volume against its own mean."""

from shared.core.types import FloatArray
from shared.features.feature import FAST_AND_SLOW, CandleSeries, Feature
from shared.features.recursion import quotient, window_sum


def against_mean(series: CandleSeries, width: int) -> FloatArray:
    """The volume over its mean of the last `width` candles, (n,)."""
    mean = window_sum(series.volume, width) / float(width)
    return quotient(series.volume, mean, of_nothing=1.0)


FEATURES = (
    Feature(
        name="volume_ratio",
        needs=20,
        formula="volume / mean volume of the last 20 candles; 1 where nothing was traded",
        compute=lambda series: against_mean(series, 20),
        timeframes=FAST_AND_SLOW,
    ),
    Feature(
        name="volume_ratio_10",
        needs=10,
        formula="volume / mean volume of the last 10 candles; 1 where nothing was traded",
        compute=lambda series: against_mean(series, 10),
    ),
)
