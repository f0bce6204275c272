"""The candle's body and wicks as shares of its range, and whether it engulfs the one before."""

import numpy as np

from shared.core.types import FloatArray
from shared.features.feature import CandleSeries, Feature
from shared.features.indicators import engulfing
from shared.features.recursion import quotient


def share_of_range(series: CandleSeries, length: FloatArray) -> FloatArray:
    """A length in yen as a share of the candle's range, (n,); 0 where the candle is flat."""
    return quotient(length, series.high - series.low, of_nothing=0.0)


FEATURES = (
    Feature(
        name="candle_body",
        needs=1,
        formula="|close - open| / (high - low); 0 if flat",
        compute=lambda series: share_of_range(series, np.abs(series.close - series.open)),
    ),
    Feature(
        name="upper_wick",
        needs=1,
        formula="(high - max(open, close)) / (high - low); 0 if flat",
        compute=lambda series: share_of_range(
            series, series.high - np.maximum(series.open, series.close)
        ),
    ),
    Feature(
        name="lower_wick",
        needs=1,
        formula="(min(open, close) - low) / (high - low); 0 if flat",
        compute=lambda series: share_of_range(
            series, np.minimum(series.open, series.close) - series.low
        ),
    ),
    Feature(
        name="engulfing",
        needs=2,
        formula="signed body / body of the candle before that it engulfs; 0 where it engulfs none",
        compute=lambda series: engulfing(series.open, series.close),
    ),
)
