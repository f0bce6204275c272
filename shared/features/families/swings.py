"""The swing of the last 20 candles, and how far the close is from the extremes of the last 4."""

from shared.features.feature import Feature
from shared.features.indicators import swing_direction
from shared.features.recursion import window_max, window_min

FEATURES = (
    Feature(
        name="swing_high_20",
        needs=20,
        formula="highest high of the last 20 candles; yen",
        compute=lambda series: window_max(series.high, 20),
    ),
    Feature(
        name="swing_low_20",
        needs=20,
        formula="lowest low of the last 20 candles; yen",
        compute=lambda series: window_min(series.low, 20),
    ),
    Feature(
        name="swing_direction_20",
        needs=20,
        formula=(
            "+1 where swing_high_20 is later than swing_low_20, -1 where earlier, 0 on one"
            " candle; of equal extremes the latest"
        ),
        compute=lambda series: swing_direction(series.high, series.low, 20),
    ),
    Feature(
        name="above_low_4",
        needs=4,
        formula="close / lowest low of the last 4 candles - 1",
        compute=lambda series: series.close / window_min(series.low, 4) - 1.0,
    ),
    Feature(
        name="below_high_4",
        needs=4,
        formula="close / highest high of the last 4 candles - 1",
        compute=lambda series: series.close / window_max(series.high, 4) - 1.0,
    ),
)
