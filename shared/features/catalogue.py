"""Every feature in the order of the matrix: the 15m columns family by family, then the 4h columns.

A 4h column shows the last candle that was closed at the 15m row's close.
"""

from dataclasses import dataclass

from shared.core.types import Timeframe
from shared.features.families import (
    anomaly,
    change,
    channels,
    direction,
    momentum,
    price,
    shape,
    swings,
    time,
    trend,
    volatility,
    volume,
)
from shared.features.feature import Compute

_FAMILIES = (
    *(price, change, trend, momentum, volatility, direction),
    *(channels, swings, volume, shape, time, anomaly),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureColumn:
    """A feature on one timeframe; see `Feature`."""

    name: str
    family: str
    formula: str
    needs: int
    timeframe: Timeframe
    compute: Compute


CATALOGUE = tuple(
    FeatureColumn(
        name=f"{feature.name}_4h" if timeframe is Timeframe.H4 else feature.name,
        family=family.__name__.rpartition(".")[2],
        formula=feature.formula,
        needs=feature.needs,
        timeframe=timeframe,
        compute=feature.compute,
    )
    for timeframe in (Timeframe.M15, Timeframe.H4)
    for family in _FAMILIES
    for feature in family.FEATURES
    if timeframe in feature.timeframes
)
ALL = tuple(feature.name for feature in CATALOGUE)
OF_THE_CLOCK = frozenset(feature.name for feature in CATALOGUE if feature.family == "time")
"""Columns that follow from a candle's instant alone, whatever its prices are."""

PHASE19 = (
    *("close", "volume", "returns_1", "rsi_14", "macd", "macd_signal"),
    *("atr_14", "bb_position", "ema_20", "ema_50", "volume_ratio", "zscore"),
)
"""The original's twelve of phase 19, in their order (docs/profiles.md names the source), with the
formulas above."""

PHASE22 = (
    *(
        "close",
        "volume",
        "rsi_14",
        "macd",
        "atr_14",
        "bb_position",
        "ema_20",
        "ema_50",
        "volume_ratio",
    ),
    *(
        "donchian_high_20",
        "donchian_low_20",
        "channel_position",
        "adx_14",
        "plus_di_14",
        "minus_di_14",
    ),
)
"""The original's fifteen of phase 22, in their order, with the formulas above (the channel leaves
the present candle out)."""

MODEL = (
    *("returns_1", "returns_4", "returns_16", "returns_96"),
    *("close_to_ema_20", "close_to_ema_50", "macd_rate", "macd_signal_rate"),
    *("rsi_14", "rci_9", "rci_26", "rci_52"),
    *("atr_rate", "volatility_ratio", "bb_position", "realised_16", "realised_96"),
    *("adx_14", "di_difference", "channel_position", "volume_ratio"),
    *("hour", "weekday"),
    *("returns_1_4h", "returns_6_4h", "close_to_ema_20_4h", "close_to_ema_50_4h", "macd_rate_4h"),
    *("rsi_14_4h", "rci_9_4h", "rci_26_4h", "atr_rate_4h", "bb_position_4h"),
    *("adx_14_4h", "di_difference_4h", "channel_position_4h"),
)
"""What the model sees: nothing that grows with the price, so that a tree's threshold of 2018 means
the same today."""


def feature_table() -> tuple[tuple[str, str, str, str, str], ...]:
    """Name, timeframe, family, candles needed, formula: one row a feature, for the
    documentation.
    """
    return tuple(
        (feature.name, feature.timeframe.value, feature.family, str(feature.needs), feature.formula)
        for feature in CATALOGUE
    )
