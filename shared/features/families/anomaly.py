"""How unusual the last return and the last volume are against the 96 before them, a day."""

from shared.core.types import FloatArray
from shared.features.feature import CandleSeries, Feature
from shared.features.indicators import unusualness
from shared.features.recursion import late


def price_z(series: CandleSeries) -> FloatArray:
    """The last return against the 96 before it, (n,)."""
    moves = series.close[1:] / series.close[:-1] - 1.0
    return late(unusualness(moves, 96), 1, len(series.close))


FEATURES = (
    Feature(
        name="price_z",
        needs=98,
        formula=(
            "(return - mean) / population deviation of the 96 returns before it, within -100"
            " and 100"
        ),
        compute=price_z,
    ),
    Feature(
        name="volume_z",
        needs=97,
        formula=(
            "(volume - mean) / population deviation of the 96 volumes before it, within -100"
            " and 100"
        ),
        compute=lambda series: unusualness(series.volume, 96),
    ),
)
