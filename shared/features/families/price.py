"""The candle itself."""

from shared.features.feature import Feature

FEATURES = (
    Feature(
        name="open",
        needs=1,
        formula="open, yen",
        compute=lambda series: series.open,
    ),
    Feature(
        name="high",
        needs=1,
        formula="high, yen",
        compute=lambda series: series.high,
    ),
    Feature(
        name="low",
        needs=1,
        formula="low, yen",
        compute=lambda series: series.low,
    ),
    Feature(
        name="close",
        needs=1,
        formula="close, yen",
        compute=lambda series: series.close,
    ),
    Feature(
        name="volume",
        needs=1,
        formula="volume, BTC",
        compute=lambda series: series.volume,
    ),
)
