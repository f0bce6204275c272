"""Every feature: its name, family, formula in one line, and how many candles it needs.

The order here is the matrix's order.

Names that end in `_4h` are computed on 4h candles and aligned to the last one that was closed at
the 15m row's close.
"""

from dataclasses import dataclass

from shared.core.types import Timeframe


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column.

    `needs` candles of `timeframe` give its first value; more than 1,000 never matter.
    """

    name: str
    family: str
    formula: str
    needs: int
    timeframe: Timeframe = Timeframe.M15


_FORMULAS: tuple[tuple[str, str, int, str], ...] = (
    ("open", "price", 1, "open, yen"),
    ("high", "price", 1, "high, yen"),
    ("low", "price", 1, "low, yen"),
    ("close", "price", 1, "close, yen"),
    ("volume", "price", 1, "volume, BTC"),
    ("returns_1", "change", 2, "close / close 1 candle before - 1"),
    ("returns_4", "change", 5, "close / close 4 candles before - 1"),
    ("returns_16", "change", 17, "close / close 16 candles before - 1"),
    ("returns_96", "change", 97, "close / close 96 candles before - 1"),
    (
        "ema_20",
        "trend",
        20,
        "EMA of the close, alpha 2/21, seeded with the mean of the first 20; yen",
    ),
    (
        "ema_50",
        "trend",
        50,
        "EMA of the close, alpha 2/51, seeded with the mean of the first 50; yen",
    ),
    ("close_to_ema_20", "trend", 20, "close / ema_20 - 1"),
    ("close_to_ema_50", "trend", 50, "close / ema_50 - 1"),
    (
        "ema_20_cross",
        "trend",
        21,
        "+1 where the close rises above ema_20, -1 where it falls below, else 0",
    ),
    ("ema_50_change_16", "trend", 66, "ema_50 / ema_50 16 candles before - 1"),
    ("macd", "trend", 26, "EMA12 - EMA26 of the close; yen"),
    ("macd_signal", "trend", 34, "EMA9 of macd; yen"),
    ("macd_rate", "trend", 26, "macd / close"),
    ("macd_signal_rate", "trend", 34, "macd_signal / close"),
    (
        "rsi_14",
        "momentum",
        15,
        "Wilder: 100 * rises / (rises + falls), each smoothed over 14; 50 where neither is",
    ),
    (
        "rci_9",
        "momentum",
        9,
        "100 * rank correlation of the last 9 closes with time; equal closes count 0",
    ),
    (
        "rci_14",
        "momentum",
        14,
        "100 * rank correlation of the last 14 closes with time; equal closes count 0",
    ),
    (
        "rci_26",
        "momentum",
        26,
        "100 * rank correlation of the last 26 closes with time; equal closes count 0",
    ),
    (
        "rci_52",
        "momentum",
        52,
        "100 * rank correlation of the last 52 closes with time; equal closes count 0",
    ),
    ("atr_14", "volatility", 15, "Wilder: true range smoothed over 14; yen"),
    ("atr_rate", "volatility", 15, "atr_14 / close"),
    ("volatility_ratio", "volatility", 34, "atr_rate / its mean over 20; 1 where both are 0"),
    (
        "bb_position",
        "volatility",
        20,
        (
            "(close - lower) / (upper - lower), bands at mean20 -/+ 2 population deviations; 0.5 if"
            " flat"
        ),
    ),
    ("zscore", "volatility", 20, "(close - mean20) / population deviation; 0 if flat"),
    (
        "realised_16",
        "volatility",
        17,
        "root of the sum of the squared returns of the last 16 candles, four hours",
    ),
    (
        "realised_96",
        "volatility",
        97,
        "root of the sum of the squared returns of the last 96 candles, a day",
    ),
    (
        "realised_672",
        "volatility",
        673,
        "root of the sum of the squared returns of the last 672 candles, a week",
    ),
    (
        "adx_14",
        "direction",
        28,
        "Wilder: DX = 100 * |+DI - -DI| / (+DI + -DI) smoothed over 14; DX is 0 without movement",
    ),
    ("adx_change_1", "direction", 29, "adx_14 - adx_14 1 candle before"),
    (
        "plus_di_14",
        "direction",
        15,
        "Wilder: 100 * upward movement / true range, each smoothed over 14; 0 without range",
    ),
    (
        "minus_di_14",
        "direction",
        15,
        "Wilder: 100 * downward movement / true range, each smoothed over 14; 0 without range",
    ),
    ("di_difference", "direction", 15, "plus_di_14 - minus_di_14"),
    (
        "di_cross",
        "direction",
        16,
        "+1 where di_difference turns positive, -1 where it turns negative, else 0",
    ),
    ("donchian_high_20", "channels", 21, "highest high of the 20 candles before this one; yen"),
    ("donchian_low_20", "channels", 21, "lowest low of the 20 candles before this one; yen"),
    (
        "channel_position",
        "channels",
        21,
        "0.5 + (close - middle) / width of the Donchian channel, at least 1 yen wide",
    ),
    ("swing_high_20", "swings", 20, "highest high of the last 20 candles; yen"),
    ("swing_low_20", "swings", 20, "lowest low of the last 20 candles; yen"),
    (
        "swing_direction_20",
        "swings",
        20,
        (
            "+1 where swing_high_20 is later than swing_low_20, -1 where earlier, 0 on one candle;"
            " of equal extremes the latest"
        ),
    ),
    ("above_low_4", "swings", 4, "close / lowest low of the last 4 candles - 1"),
    ("below_high_4", "swings", 4, "close / highest high of the last 4 candles - 1"),
    (
        "volume_ratio",
        "volume",
        20,
        "volume / mean volume of the last 20 candles; 1 where nothing was traded",
    ),
    (
        "volume_ratio_10",
        "volume",
        10,
        "volume / mean volume of the last 10 candles; 1 where nothing was traded",
    ),
    ("candle_body", "shape", 1, "|close - open| / (high - low); 0 if flat"),
    ("upper_wick", "shape", 1, "(high - max(open, close)) / (high - low); 0 if flat"),
    ("lower_wick", "shape", 1, "(min(open, close) - low) / (high - low); 0 if flat"),
    (
        "engulfing",
        "shape",
        2,
        "signed body / body of the candle before that it engulfs; 0 where it engulfs none",
    ),
    ("hour", "time", 1, "hour of the day at the close, UTC, with its fraction: 0 to 23.75"),
    ("weekday", "time", 1, "day of the week at the close, UTC: 0 Monday to 6 Sunday"),
    (
        "price_z",
        "anomaly",
        98,
        "(return - mean) / population deviation of the 96 returns before it, within -100 and 100",
    ),
    (
        "volume_z",
        "anomaly",
        97,
        "(volume - mean) / population deviation of the 96 volumes before it, within -100 and 100",
    ),
)

_SLOW_FORMULAS: tuple[tuple[str, str, int, str], ...] = (
    ("returns_1", "change", 2, "close / close 1 candle before - 1"),
    ("returns_6", "change", 7, "close / close 6 candles before - 1"),
    ("returns_42", "change", 43, "close / close 42 candles before - 1"),
    ("returns_84", "change", 85, "close / close 84 candles before - 1"),
    ("returns_168", "change", 169, "close / close 168 candles before - 1"),
    ("returns_336", "change", 337, "close / close 336 candles before - 1"),
    ("returns_540", "change", 541, "close / close 540 candles before - 1"),
    (
        "mean_30_to_120",
        "trend",
        120,
        "(mean30 - mean120) / close, exponential means of at most 1,000 closes",
    ),
    (
        "mean_60_to_300",
        "trend",
        300,
        "(mean60 - mean300) / close, exponential means of at most 1,000 closes",
    ),
    (
        "mean_120_to_600",
        "trend",
        600,
        "(mean120 - mean600) / close, exponential means of at most 1,000 closes",
    ),
    (
        "breakout_60",
        "channels",
        61,
        "side of the last close beyond the 60 candles before it, of at most 1,000 candles; 0: none",
    ),
    (
        "breakout_120",
        "channels",
        121,
        (
            "side of the last close beyond the 120 candles before it, of at most 1,000 candles; 0:"
            " none"
        ),
    ),
    (
        "breakout_330",
        "channels",
        331,
        (
            "side of the last close beyond the 330 candles before it, of at most 1,000 candles; 0:"
            " none"
        ),
    ),
    (
        "volatility_180",
        "volatility",
        181,
        "a year's: root of 2,190 x exponential mean (180) of at most 999 squared returns",
    ),
)

_SLOW = (
    *("returns_1", "returns_6", "returns_42"),
    *("close_to_ema_20", "close_to_ema_50", "ema_50_change_16", "macd_rate", "macd_signal_rate"),
    *("rsi_14", "rci_9", "rci_26", "rci_52"),
    *("atr_rate", "volatility_ratio", "bb_position"),
    *("adx_14", "di_difference"),
    *("channel_position", "volume_ratio"),
    *("returns_84", "returns_168", "returns_336", "returns_540"),
    *("mean_30_to_120", "mean_60_to_300", "mean_120_to_600"),
    *("breakout_60", "breakout_120", "breakout_330", "volatility_180"),
)


def _catalogue() -> tuple[Feature, ...]:
    fast = tuple(
        Feature(name=name, family=family, needs=needs, formula=formula)
        for name, family, needs, formula in _FORMULAS
    )
    known = {row[0]: row for row in (*_FORMULAS, *_SLOW_FORMULAS)}
    slow = tuple(
        Feature(
            name=f"{name}_4h", family=family, needs=needs, formula=formula, timeframe=Timeframe.H4
        )
        for name, family, needs, formula in (known[name] for name in _SLOW)
    )
    return fast + slow


CATALOGUE = _catalogue()
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


def table() -> tuple[tuple[str, str, str, str, str], ...]:
    """Name, timeframe, family, candles needed, formula: one row a feature, for the
    documentation.
    """
    return tuple(
        (feature.name, feature.timeframe.value, feature.family, str(feature.needs), feature.formula)
        for feature in CATALOGUE
    )
