"""ATR, Bollinger bands, and realised volatility: 16, 96 and 672 candles of 15 minutes are four
hours, a day and a week.
"""

from shared.core.types import FloatArray
from shared.features.feature import FAST_AND_SLOW, SLOW, WINDOW, CandleSeries, Feature, once
from shared.features.indicators import (
    atr,
    mean_and_deviation,
    realised_volatility,
    volatility_a_year,
)
from shared.features.recursion import quotient, window_sum


@once
def atr_14(series: CandleSeries) -> FloatArray:
    """The average true range, yen, (n,)."""
    return atr(series.high, series.low, series.close, 14)


@once
def atr_rate(series: CandleSeries) -> FloatArray:
    """The same as a share of the close, (n,)."""
    return atr_14(series) / series.close


@once
def zscore(series: CandleSeries) -> FloatArray:
    """How many deviations the close lies above its mean, (n,)."""
    mean, deviation = mean_and_deviation(series.close, 20)
    return quotient(series.close - mean, deviation, of_nothing=0.0)


def against_its_mean(series: CandleSeries) -> FloatArray:
    """The ATR rate over its mean of the last 20 candles, (n,)."""
    rate = atr_rate(series)
    return quotient(rate, window_sum(rate, 20) / 20.0, of_nothing=1.0)


FEATURES = (
    Feature(
        name="atr_14",
        needs=15,
        formula="Wilder: true range smoothed over 14; yen",
        compute=atr_14,
    ),
    Feature(
        name="atr_rate",
        needs=15,
        formula="atr_14 / close",
        compute=atr_rate,
        timeframes=FAST_AND_SLOW,
    ),
    Feature(
        name="volatility_ratio",
        needs=34,
        formula="atr_rate / its mean over 20; 1 where both are 0",
        compute=against_its_mean,
        timeframes=FAST_AND_SLOW,
    ),
    Feature(
        name="bb_position",
        needs=20,
        formula=(
            "(close - lower) / (upper - lower), bands at mean20 -/+ 2 population deviations;"
            " 0.5 if flat"
        ),
        compute=lambda series: 0.5 + 0.25 * zscore(series),
        timeframes=FAST_AND_SLOW,
    ),
    Feature(
        name="zscore",
        needs=20,
        formula="(close - mean20) / population deviation; 0 if flat",
        compute=zscore,
    ),
    Feature(
        name="realised_16",
        needs=17,
        formula="root of the sum of the squared returns of the last 16 candles, four hours",
        compute=lambda series: realised_volatility(series.close, 16),
    ),
    Feature(
        name="realised_96",
        needs=97,
        formula="root of the sum of the squared returns of the last 96 candles, a day",
        compute=lambda series: realised_volatility(series.close, 96),
    ),
    Feature(
        name="realised_672",
        needs=673,
        formula="root of the sum of the squared returns of the last 672 candles, a week",
        compute=lambda series: realised_volatility(series.close, 672),
    ),
    Feature(
        name="volatility_180",
        needs=181,
        formula="a year's: root of 2,190 x exponential mean (180) of at most 999 squared returns",
        compute=lambda series: volatility_a_year(series.close, 180, WINDOW, candles_a_year=2190.0),
        timeframes=SLOW,
    ),
)
