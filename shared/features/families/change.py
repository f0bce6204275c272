"""Simple returns; 4, 16 and 96 candles of 15 minutes are an hour, four hours and a day, 6 and 42
of 4 hours a day and a week, the others 14 to 90 days.
"""

from shared.features.feature import FAST_AND_SLOW, SLOW, Feature
from shared.features.indicators import returns

FEATURES = (
    Feature(
        name="returns_1",
        needs=2,
        formula="close / close 1 candle before - 1",
        compute=lambda series: returns(series.close, 1),
        timeframes=FAST_AND_SLOW,
    ),
    Feature(
        name="returns_4",
        needs=5,
        formula="close / close 4 candles before - 1",
        compute=lambda series: returns(series.close, 4),
    ),
    Feature(
        name="returns_16",
        needs=17,
        formula="close / close 16 candles before - 1",
        compute=lambda series: returns(series.close, 16),
    ),
    Feature(
        name="returns_96",
        needs=97,
        formula="close / close 96 candles before - 1",
        compute=lambda series: returns(series.close, 96),
    ),
    Feature(
        name="returns_6",
        needs=7,
        formula="close / close 6 candles before - 1",
        compute=lambda series: returns(series.close, 6),
        timeframes=SLOW,
    ),
    Feature(
        name="returns_42",
        needs=43,
        formula="close / close 42 candles before - 1",
        compute=lambda series: returns(series.close, 42),
        timeframes=SLOW,
    ),
    Feature(
        name="returns_84",
        needs=85,
        formula="close / close 84 candles before - 1",
        compute=lambda series: returns(series.close, 84),
        timeframes=SLOW,
    ),
    Feature(
        name="returns_168",
        needs=169,
        formula="close / close 168 candles before - 1",
        compute=lambda series: returns(series.close, 168),
        timeframes=SLOW,
    ),
    Feature(
        name="returns_336",
        needs=337,
        formula="close / close 336 candles before - 1",
        compute=lambda series: returns(series.close, 336),
        timeframes=SLOW,
    ),
    Feature(
        name="returns_540",
        needs=541,
        formula="close / close 540 candles before - 1",
        compute=lambda series: returns(series.close, 540),
        timeframes=SLOW,
    ),
)
