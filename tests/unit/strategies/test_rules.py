"""Every rule of every strategy, in both directions, and what the strategy says where a rule does
not hold.

A case gives the columns for a buy; its mirror is made by a function of the strategy and must give
the same confidence on the other side.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from shared.strategies import (
    adx_trend,
    atr_based,
    donchian_channel,
    fibonacci_retracement,
    mochipoy_alert,
    multi_timeframe,
)

Row = Mapping[str, float]


def swapped(row: Row, **pairs: str) -> dict[str, float]:
    return {pairs.get(name, name): value for name, value in row.items()}


def mirror_atr(row: Row) -> Row:
    return {**row, "bb_position": 1 - row["bb_position"], "rsi_14": 100 - row["rsi_14"]}


def mirror_mochipoy(row: Row) -> Row:
    return {
        "ema_20": row["ema_50"],
        "ema_50": row["ema_20"],
        "macd": -row["macd"],
        "rci_14": -row["rci_14"],
    }


def mirror_multi(row: Row) -> Row:
    signs = {
        name: -row[name] for name in ("ema_50_change_16_4h", "close_to_ema_50_4h", "ema_20_cross")
    }
    reach = {"above_low_4": -row["below_high_4"], "below_high_4": -row["above_low_4"]}
    return {**row, **signs, **reach, "rsi_14": 100 - row["rsi_14"]}


def mirror_fibonacci(row: Row) -> Row:
    flipped = {
        **row,
        "rsi_14": 100 - row["rsi_14"],
        "upper_wick": row["lower_wick"],
        "lower_wick": row["upper_wick"],
    }
    middle = 2.0 * row["close"]
    flipped |= {
        "swing_high_20": middle - row["swing_low_20"],
        "swing_low_20": middle - row["swing_high_20"],
    }
    return {
        **flipped,
        "swing_direction_20": -row["swing_direction_20"],
        "engulfing": -row["engulfing"],
    }


def mirror_donchian(row: Row) -> Row:
    middle = 2.0 * row["close"]
    flipped = {
        "donchian_high_20": middle - row["donchian_low_20"],
        "donchian_low_20": middle - row["donchian_high_20"],
    }
    return {**row, **flipped, "channel_position": 1 - row["channel_position"]}


def mirror_adx(row: Row) -> Row:
    return {**row, "di_difference": -row["di_difference"], "di_cross": -row["di_cross"]}


ATR = {"bb_position": 0.5, "rsi_14": 50.0, "volatility_ratio": 1.0}
MOCHIPOY = {"ema_20": 100.0, "ema_50": 100.0, "macd": 0.0, "rci_14": 0.0}
MULTI = {
    "ema_50_change_16_4h": 0.0,
    "close_to_ema_50_4h": 0.0,
    "atr_rate_4h": 0.01,
    "ema_20_cross": 0.0,
    "rsi_14": 50.0,
    "above_low_4": 0.001,
    "below_high_4": -0.001,
}
UP_TREND = {"ema_50_change_16_4h": 0.003, "close_to_ema_50_4h": 0.01}
# A rise from 10,000 to 11,000; the way back to the 0.5 level at 10,500.
FIBONACCI = {
    "close": 10_500.0,
    "swing_high_20": 11_000.0,
    "swing_low_20": 10_000.0,
    "swing_direction_20": 1.0,
    "rsi_14": 50.0,
    "volume_ratio_10": 1.0,
    "candle_body": 0.5,
    "upper_wick": 0.25,
    "lower_wick": 0.25,
    "engulfing": 0.0,
}
DONCHIAN = {
    "close": 10_500.0,
    "donchian_high_20": 11_000.0,
    "donchian_low_20": 10_000.0,
    "channel_position": 0.5,
    "volume_ratio": 1.0,
    "atr_rate": 0.005,
}
ADX = {
    "adx_14": 10.0,
    "adx_change_1": -0.1,
    "di_difference": 0.0,
    "di_cross": 0.0,
    "volume_ratio": 1.0,
}

# strategy, its mirror, a row on which it says nothing, and for each rule what is changed and the
# confidence of the buy
CASES: tuple[tuple[ModuleType, Callable[[Row], Row], Row, dict[str, tuple[Row, float]]], ...] = (
    (
        atr_based,
        mirror_atr,
        ATR,
        {
            "both extremes just reached": ({"bb_position": 0.3, "rsi_14": 35}, 0.3 + 0.2),
            "both extremes far": ({"bb_position": 0.0, "rsi_14": 5}, 1.0),
            "half way beyond both": ({"bb_position": 0.2, "rsi_14": 20}, 0.3 + 0.2 + 0.2 + 0.15),
            "only the band": ({"bb_position": 0.0}, 0.7 * 0.7),
            "only RSI": ({"rsi_14": 5}, 0.7 * 0.5),
            "the band stronger than RSI against it": (
                {"bb_position": 0.1, "rsi_14": 65},
                0.8 * 0.7,
            ),
            "RSI stronger than the band against it": (
                {"bb_position": 0.71, "rsi_14": 5},
                0.8 * 0.5,
            ),
            "both lean": ({"bb_position": 0.35, "rsi_14": 38}, 0.25 + 0.3 * 0.27),
            "calm": ({"bb_position": 0.0, "rsi_14": 35, "volatility_ratio": 0.4}, 0.8 * 0.9),
            "wild": ({"bb_position": 0.3, "rsi_14": 35, "volatility_ratio": 1.6}, 1.2 * 0.5),
            "wild, never above 1": (
                {"bb_position": 0.0, "rsi_14": 5, "volatility_ratio": 1.6},
                1.0,
            ),
        },
    ),
    (
        mochipoy_alert,
        mirror_mochipoy,
        MOCHIPOY,
        {
            "EMA and MACD": ({"ema_20": 101, "macd": 5}, 0.65),
            "EMA and RCI": ({"ema_20": 101, "rci_14": -80}, 0.65),
            "MACD and RCI": ({"macd": 5, "rci_14": -81}, 0.65),
            "all three": ({"ema_20": 101, "macd": 5, "rci_14": -90}, 0.8),
            "two against one": ({"ema_20": 101, "macd": 5, "rci_14": 90}, 0.65),
        },
    ),
    (
        multi_timeframe,
        mirror_multi,
        MULTI,
        {
            "trend alone": (UP_TREND, 0.6),
            "trend and entry by cross and RSI": (
                {**UP_TREND, "ema_20_cross": 1, "rsi_14": 30},
                1.0,
            ),
            "trend and entry by cross and pullback": (
                {**UP_TREND, "ema_20_cross": 1, "above_low_4": 0.006},
                1.0,
            ),
            "trend and entry by RSI and pullback": (
                {**UP_TREND, "rsi_14": 25, "above_low_4": 0.005},
                1.0,
            ),
            "entry alone": ({"rsi_14": 25, "above_low_4": 0.006}, 0.4),
            "entry by all three": ({"ema_20_cross": 1, "rsi_14": 25, "above_low_4": 0.006}, 0.4),
            "one entry vote is no entry": ({**UP_TREND, "rsi_14": 25}, 0.6),
        },
    ),
    (
        fibonacci_retracement,
        mirror_fibonacci,
        FIBONACCI,
        {
            "RSI at its limit on a strong level": ({"rsi_14": 30}, 0.3 + 0.2 + 0.1),
            "RSI beyond its limit": ({"rsi_14": 24}, 0.3 + 0.2 + 0.1 + 0.2),
            "hammer": ({"candle_body": 0.2, "lower_wick": 0.6, "upper_wick": 0.2}, 1.0),
            "hammer on a weak level": (
                {"close": 10_764, "candle_body": 0.2, "lower_wick": 0.6, "upper_wick": 0.2},
                0.3 + 0.5 + 0.1,
            ),
            "pin bar on a weak level": (
                {"close": 10_764, "candle_body": 0.2, "lower_wick": 0.5, "upper_wick": 0.3},
                0.3 + 0.5 + 0.1,
            ),
            "engulfing on a weak level": ({"close": 10_764, "engulfing": 1.2}, 0.3 + 0.5 + 0.1),
            "volume adds": (
                {"close": 10_764, "rsi_14": 30, "volume_ratio_10": 1.5},
                0.3 + 0.3 + 0.1,
            ),
            "proximity fades": (
                {"close": 10_810, "rsi_14": 30, "volume_ratio_10": 1.5},
                0.3 + 0.3 + 0.1 * (1 - (46 / 10_810) / 0.01),
            ),
        },
    ),
    (
        donchian_channel,
        mirror_donchian,
        DONCHIAN,
        {
            "breakout on volume": (
                {"close": 11_023, "channel_position": 1.023, "volume_ratio": 1.3},
                0.75,
            ),
            "reversal at the very edge": ({"channel_position": 0.0}, 0.3 + 0.3),
            "reversal at the end of its zone": ({"channel_position": 0.0499}, 0.3 + 0.3 * 0.002),
            "reversal in a lively market": ({"channel_position": 0.0, "atr_rate": 0.02}, 0.7),
            "reversal on volume": ({"channel_position": 0.0, "volume_ratio": 1.5}, 0.65),
            "reversal on all": (
                {"channel_position": 0.0, "atr_rate": 0.02, "volume_ratio": 3.0},
                0.8,
            ),
            "weak zone, shallow": ({"channel_position": 0.4}, 0.35),
            "weak zone, deep": ({"channel_position": 0.28}, 0.35 + 0.25 * 0.8),
        },
    ),
    (
        adx_trend,
        mirror_adx,
        ADX,
        {
            "strong": (
                {"adx_14": 30, "adx_change_1": 0.2, "di_difference": 4, "di_cross": 1},
                0.3 + 0.1 + 0.06 + 0.1 + 0.04 + 0.15,
            ),
            "strong, at most 0.9": (
                {
                    "adx_14": 80,
                    "adx_change_1": 2,
                    "di_difference": 40,
                    "di_cross": 1,
                    "volume_ratio": 3,
                },
                0.9,
            ),
            "moderate": (
                {"adx_14": 20, "di_difference": 5, "volume_ratio": 1.2},
                0.3 + 0.06 + 0.05 + 0.02,
            ),
            "moderate and rising": (
                {"adx_14": 15, "adx_change_1": 0.1, "di_difference": 2, "volume_ratio": 1.2},
                0.3 + 0.1 + 0.02 + 0.02,
            ),
            "moderate with a cross": (
                {"adx_14": 15, "di_difference": 2, "di_cross": 1, "volume_ratio": 2},
                0.3 + 0.02 + 0.15 + 0.1,
            ),
            "weak": ({"di_difference": 1}, 0.35 + 0.01),
            "weak, wide": ({"di_difference": 30}, 0.35 + 0.2),
        },
    ),
)

RULES = [
    pytest.param(
        module,
        mirror,
        {**quiet, **changed},
        confidence,
        id=f"{module.__name__.rsplit('.', 1)[1]}: {rule}",
    )
    for module, mirror, quiet, rules in CASES
    for rule, (changed, confidence) in rules.items()
]

# strategy, a row on which it says nothing, and changes that are not enough
NOT_ENOUGH: tuple[tuple[ModuleType, Row, dict[str, Row]], ...] = (
    (
        atr_based,
        ATR,
        {
            "one leans, the other against it": {"bb_position": 0.35, "rsi_14": 60},
            "too weak a lean": {"bb_position": 0.46, "rsi_14": 49},
            "a lean below the strategy's own confidence": {"bb_position": 0.42, "rsi_14": 45},
        },
    ),
    (
        mochipoy_alert,
        MOCHIPOY,
        {
            "a single vote": {"macd": 5},
            "one against one": {"macd": 5, "ema_20": 99},
            "RCI short of its limit": {"rci_14": -79},
        },
    ),
    (
        multi_timeframe,
        MULTI,
        {
            "trend and entry against each other": {
                **UP_TREND,
                "rsi_14": 75,
                "below_high_4": -0.006,
            },
            "EMA50 hardly moves": {**UP_TREND, "ema_50_change_16_4h": 0.002},
            "the close on the other side": {**UP_TREND, "close_to_ema_50_4h": -0.01},
            "too calm": {**UP_TREND, "atr_rate_4h": 0.005},
            "one entry vote": {"rsi_14": 20},
            "back from both extremes": {"rsi_14": 20, "above_low_4": 0.006, "below_high_4": -0.006},
        },
    ),
    (
        fibonacci_retracement,
        FIBONACCI,
        {
            "no confirmation": {},
            "volume alone": {"volume_ratio_10": 9.0},
            "confirmations against each other": {"rsi_14": 20, "engulfing": -2.0},
            "a confirmation against the swing": {"rsi_14": 80},
            "a swing without direction": {"swing_direction_20": 0.0, "rsi_14": 20},
            "far from every level": {"close": 10_150.0, "rsi_14": 20},
            "too small a swing": {
                "swing_high_20": 10_550.0,
                "swing_low_20": 10_450.0,
                "rsi_14": 20,
            },
            "engulfing too little": {"engulfing": 1.1},
        },
    ),
    (
        donchian_channel,
        DONCHIAN,
        {
            "the middle": {"channel_position": 0.45},
            "between edge and weak zone": {"channel_position": 0.1},
            "a break without volume": {
                "close": 11_023.0,
                "channel_position": 1.023,
                "volume_ratio": 1.2,
            },
            "a break that is not far enough": {
                "close": 11_010.0,
                "channel_position": 1.01,
                "volume_ratio": 2.0,
            },
        },
    ),
    (
        adx_trend,
        ADX,
        {
            "strong but falling": {"adx_14": 30, "di_difference": 4, "di_cross": 1},
            "strong without a cross": {"adx_14": 30, "adx_change_1": 0.2, "di_difference": 9},
            "strong, hardly crossed": {
                "adx_14": 30,
                "adx_change_1": 0.2,
                "di_difference": 0.4,
                "di_cross": 1,
            },
            "moderate without volume": {"adx_14": 20, "di_difference": 9, "volume_ratio": 1.1},
            "moderate, close together": {"adx_14": 20, "di_difference": 1.9, "volume_ratio": 2},
            "weak, close together": {"di_difference": 0.9},
        },
    ),
)

SILENT = [
    pytest.param(module, {**quiet, **changed}, id=f"{module.__name__.rsplit('.', 1)[1]}: {rule}")
    for module, quiet, rules in NOT_ENOUGH
    for rule, changed in rules.items()
]


def settings_of(module: ModuleType, defaults):
    return getattr(defaults.strategies, module.__name__.rsplit(".", 1)[1])


@pytest.mark.parametrize(("module", "mirror", "row", "confidence"), RULES)
def test_a_rule_fires_as_a_buy_and_mirrored_as_a_sell(
    module, mirror, row, confidence, row_of, defaults
) -> None:
    told = {}
    for side, columns in ((1, row), (-1, mirror(row))):
        said = module.vote(row_of(**columns), settings_of(module, defaults))
        assert said.sides.dtype == np.int8
        assert said.sides.tolist() == [side], columns
        told[side] = float(said.confidences[0])
        assert told[side] == pytest.approx(
            confidence, abs=2e-3 if module is fibonacci_retracement else 1e-9
        )
    if module is not fibonacci_retracement and module is not donchian_channel:
        assert told[1] == pytest.approx(told[-1], abs=1e-12)


@pytest.mark.parametrize(("module", "row"), SILENT)
def test_a_rule_that_does_not_hold_says_nothing(module, row, row_of, defaults) -> None:
    said = module.vote(row_of(**row), settings_of(module, defaults))
    assert said.sides.tolist() == [0]
    assert said.confidences.tolist() == [0.0]


def test_the_cases_cover_each_strategy_and_fire_at_least_eighty_votes() -> None:
    assert len({module for module, *_ in CASES}) == 6
    assert 2 * len(RULES) >= 80
    assert len(SILENT) >= 25


@pytest.mark.parametrize(("module", "mirror", "row", "confidence"), RULES)
def test_a_strategy_says_nothing_where_any_column_that_it_reads_is_not_warm(
    module, mirror, row, confidence, row_of, defaults
) -> None:
    for name in row:
        said = module.vote(row_of(**{**row, name: np.nan}), settings_of(module, defaults))
        assert said.sides.tolist() == [0], name
        assert said.confidences.tolist() == [0.0], name


@pytest.mark.parametrize(("module", "mirror", "row", "confidence"), RULES)
def test_a_strategy_keeps_silent_below_its_own_least_confidence(
    module, mirror, row, confidence, row_of, defaults
) -> None:
    if confidence >= 1.0:
        return
    least = replace(settings_of(module, defaults), min_confidence=min(1.0, confidence + 0.01))
    if module is multi_timeframe and confidence == 0.6:
        assert module.vote(row_of(**row), least).sides.tolist() == [0]
    said = module.vote(row_of(**row), least)
    assert said.sides.tolist() == [0]
    assert said.confidences.tolist() == [0.0]


def test_one_unopposed_vote_speaks_where_the_settings_let_it(row_of, defaults) -> None:
    mochipoy = replace(defaults.strategies.mochipoy_alert, min_confidence=0.3)
    said = mochipoy_alert.vote(row_of(**{**MOCHIPOY, "macd": -3}), mochipoy)
    assert said.sides.tolist() == [-1]
    assert said.confidences.tolist() == [0.35]


def test_two_equal_words_against_each_other_are_no_word(row_of, defaults) -> None:
    even = replace(
        defaults.strategies.atr_based, bb_base=0.3, bb_gain=0.0, rsi_base=0.3, rsi_gain=0.0
    )
    assert atr_based.vote(
        row_of(**{**ATR, "bb_position": 0.1, "rsi_14": 80}), even
    ).sides.tolist() == [0]


def test_without_levels_fibonacci_never_speaks(row_of, defaults) -> None:
    none = replace(defaults.strategies.fibonacci_retracement, levels=())
    assert fibonacci_retracement.vote(
        row_of(**{**FIBONACCI, "rsi_14": 10}), none
    ).sides.tolist() == [0]
