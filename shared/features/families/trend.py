"""EMAs, the close against them, MACD, and the crosses of slow averages."""

from shared.core.types import FloatArray
from shared.features import indicators
from shared.features.feature import FAST_AND_SLOW, SLOW, WINDOW, CandleSeries, Feature, once
from shared.features.indicators import crossing
from shared.features.recursion import before, ema_lead, mean_lead


@once
def lead(series: CandleSeries, span: int) -> FloatArray:
    """How far the close lies above its EMA, yen, (n,)."""
    return ema_lead(series.close, span)


@once
def ema(series: CandleSeries, span: int) -> FloatArray:
    """The EMA of the close, yen, (n,)."""
    return series.close - lead(series, span)


@once
def macd_lines(series: CandleSeries) -> tuple[FloatArray, FloatArray]:
    """MACD and its signal, yen, (n,) each."""
    return indicators.macd(series.close)


@once
def slow_lead(series: CandleSeries, span: int) -> FloatArray:
    """How far the close lies above its exponential mean of the last 1,000, yen, (n,)."""
    return mean_lead(series.close, span, WINDOW)


FEATURES = (
    Feature(
        name="ema_20",
        needs=20,
        formula="EMA of the close, alpha 2/21, seeded with the mean of the first 20; yen",
        compute=lambda series: ema(series, 20),
    ),
    Feature(
        name="ema_50",
        needs=50,
        formula="EMA of the close, alpha 2/51, seeded with the mean of the first 50; yen",
        compute=lambda series: ema(series, 50),
    ),
    Feature(
        name="close_to_ema_20",
        needs=20,
        formula="close / ema_20 - 1",
        compute=lambda series: lead(series, 20) / ema(series, 20),
        timeframes=FAST_AND_SLOW,
    ),
    Feature(
        name="close_to_ema_50",
        needs=50,
        formula="close / ema_50 - 1",
        compute=lambda series: lead(series, 50) / ema(series, 50),
        timeframes=FAST_AND_SLOW,
    ),
    Feature(
        name="ema_20_cross",
        needs=21,
        formula="+1 where the close rises above ema_20, -1 where it falls below, else 0",
        compute=lambda series: crossing(lead(series, 20)),
    ),
    Feature(
        name="ema_50_change_16",
        needs=66,
        formula="ema_50 / ema_50 16 candles before - 1",
        compute=lambda series: ema(series, 50) / before(ema(series, 50), 16) - 1.0,
        timeframes=FAST_AND_SLOW,
    ),
    Feature(
        name="macd",
        needs=26,
        formula="EMA12 - EMA26 of the close; yen",
        compute=lambda series: macd_lines(series)[0],
    ),
    Feature(
        name="macd_signal",
        needs=34,
        formula="EMA9 of macd; yen",
        compute=lambda series: macd_lines(series)[1],
    ),
    Feature(
        name="macd_rate",
        needs=26,
        formula="macd / close",
        compute=lambda series: macd_lines(series)[0] / series.close,
        timeframes=FAST_AND_SLOW,
    ),
    Feature(
        name="macd_signal_rate",
        needs=34,
        formula="macd_signal / close",
        compute=lambda series: macd_lines(series)[1] / series.close,
        timeframes=FAST_AND_SLOW,
    ),
    Feature(
        name="mean_30_to_120",
        needs=120,
        formula="(mean30 - mean120) / close, exponential means of at most 1,000 closes",
        compute=lambda series: (slow_lead(series, 120) - slow_lead(series, 30)) / series.close,
        timeframes=SLOW,
    ),
    Feature(
        name="mean_60_to_300",
        needs=300,
        formula="(mean60 - mean300) / close, exponential means of at most 1,000 closes",
        compute=lambda series: (slow_lead(series, 300) - slow_lead(series, 60)) / series.close,
        timeframes=SLOW,
    ),
    Feature(
        name="mean_120_to_600",
        needs=600,
        formula="(mean120 - mean600) / close, exponential means of at most 1,000 closes",
        compute=lambda series: (slow_lead(series, 600) - slow_lead(series, 120)) / series.close,
        timeframes=SLOW,
    ),
)
