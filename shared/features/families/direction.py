"""ADX and DI."""

from shared.core.types import FloatArray
from shared.features.feature import FAST_AND_SLOW, CandleSeries, Feature, once
from shared.features.indicators import Directional, crossing, directional
from shared.features.recursion import before


@once
def movement(series: CandleSeries) -> Directional:
    """ADX, +DI and -DI."""
    return directional(series.high, series.low, series.close, 14)


@once
def di_difference(series: CandleSeries) -> FloatArray:
    """+DI - -DI, (n,)."""
    return movement(series).plus_di - movement(series).minus_di


FEATURES = (
    Feature(
        name="adx_14",
        needs=28,
        formula=(
            "Wilder: DX = 100 * |+DI - -DI| / (+DI + -DI) smoothed over 14; DX is 0 without"
            " movement"
        ),
        compute=lambda series: movement(series).adx,
        timeframes=FAST_AND_SLOW,
    ),
    Feature(
        name="adx_change_1",
        needs=29,
        formula="adx_14 - adx_14 1 candle before",
        compute=lambda series: movement(series).adx - before(movement(series).adx, 1),
    ),
    Feature(
        name="plus_di_14",
        needs=15,
        formula=(
            "Wilder: 100 * upward movement / true range, each smoothed over 14; 0 without range"
        ),
        compute=lambda series: movement(series).plus_di,
    ),
    Feature(
        name="minus_di_14",
        needs=15,
        formula=(
            "Wilder: 100 * downward movement / true range, each smoothed over 14; 0 without range"
        ),
        compute=lambda series: movement(series).minus_di,
    ),
    Feature(
        name="di_difference",
        needs=15,
        formula="plus_di_14 - minus_di_14",
        compute=di_difference,
        timeframes=FAST_AND_SLOW,
    ),
    Feature(
        name="di_cross",
        needs=16,
        formula="+1 where di_difference turns positive, -1 where it turns negative, else 0",
        compute=lambda series: crossing(di_difference(series)),
    ),
)
