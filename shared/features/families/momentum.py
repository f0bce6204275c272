"""RSI and RCI."""

from shared.core.types import FloatArray
from shared.features.feature import FAST_AND_SLOW, CandleSeries, Feature, once
from shared.features.indicators import rci, rsi


@once
def ranks(series: CandleSeries) -> dict[int, FloatArray]:
    """RCI by its length: all at once are cheaper than each alone."""
    return rci(series.close, (9, 14, 26, 52))


FEATURES = (
    Feature(
        name="rsi_14",
        needs=15,
        formula="Wilder: 100 * rises / (rises + falls), each smoothed over 14; 50 where neither is",
        compute=lambda series: rsi(series.close, 14),
        timeframes=FAST_AND_SLOW,
    ),
    Feature(
        name="rci_9",
        needs=9,
        formula="100 * rank correlation of the last 9 closes with time; equal closes count 0",
        compute=lambda series: ranks(series)[9],
        timeframes=FAST_AND_SLOW,
    ),
    Feature(
        name="rci_14",
        needs=14,
        formula="100 * rank correlation of the last 14 closes with time; equal closes count 0",
        compute=lambda series: ranks(series)[14],
    ),
    Feature(
        name="rci_26",
        needs=26,
        formula="100 * rank correlation of the last 26 closes with time; equal closes count 0",
        compute=lambda series: ranks(series)[26],
        timeframes=FAST_AND_SLOW,
    ),
    Feature(
        name="rci_52",
        needs=52,
        formula="100 * rank correlation of the last 52 closes with time; equal closes count 0",
        compute=lambda series: ranks(series)[52],
        timeframes=FAST_AND_SLOW,
    ),
)
