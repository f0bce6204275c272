"""The channel of the 20 candles before, where the close lies in it, and to which side the price
last left the channels of 10, 20 and 55 days.
"""

from shared.core.types import FloatArray
from shared.features.feature import FAST_AND_SLOW, SLOW, WINDOW, CandleSeries, Feature, once
from shared.features.indicators import breakout, channel, place_in


@once
def donchian(series: CandleSeries) -> tuple[FloatArray, FloatArray]:
    """Top and bottom of the channel, yen, (n,) each."""
    return channel(series.high, series.low, 20)


FEATURES = (
    Feature(
        name="donchian_high_20",
        needs=21,
        formula="highest high of the 20 candles before this one; yen",
        compute=lambda series: donchian(series)[0],
    ),
    Feature(
        name="donchian_low_20",
        needs=21,
        formula="lowest low of the 20 candles before this one; yen",
        compute=lambda series: donchian(series)[1],
    ),
    Feature(
        name="channel_position",
        needs=21,
        formula="0.5 + (close - middle) / width of the Donchian channel, at least 1 yen wide",
        compute=lambda series: place_in(series.close, *donchian(series)),
        timeframes=FAST_AND_SLOW,
    ),
    Feature(
        name="breakout_60",
        needs=61,
        formula=(
            "side of the last close beyond the 60 candles before it, of at most 1,000"
            " candles; 0: none"
        ),
        compute=lambda series: breakout(series.high, series.low, series.close, 60, WINDOW),
        timeframes=SLOW,
    ),
    Feature(
        name="breakout_120",
        needs=121,
        formula=(
            "side of the last close beyond the 120 candles before it, of at most 1,000"
            " candles; 0: none"
        ),
        compute=lambda series: breakout(series.high, series.low, series.close, 120, WINDOW),
        timeframes=SLOW,
    ),
    Feature(
        name="breakout_330",
        needs=331,
        formula=(
            "side of the last close beyond the 330 candles before it, of at most 1,000"
            " candles; 0: none"
        ),
        compute=lambda series: breakout(series.high, series.low, series.close, 330, WINDOW),
        timeframes=SLOW,
    ),
)
