"""Values of the indicators: against TA-Lib where conventions are the same, by hand where they are
not.
"""

import numpy as np
import pytest
import talib

from shared import features
from shared.core.types import Timeframe
from shared.features import indicators


@pytest.fixture(scope="module")
def market(market_of):
    return market_of(6000, 4)


@pytest.fixture(scope="module")
def computed(market):
    return features.compute(market)


def apart(
    ours: np.ndarray, theirs: np.ndarray, *, from_row: int = 0, scale: float | np.ndarray = 1.0
) -> float:
    """The largest difference, where both must be warm on the same rows."""
    ours, theirs = ours[from_row:], theirs[from_row:]
    assert np.array_equal(np.isnan(ours), np.isnan(theirs)), "warm on other rows"
    difference = np.abs(ours - theirs) / (scale if isinstance(scale, float) else scale[from_row:])
    assert np.isfinite(difference).sum() > 1000
    return float(np.nanmax(difference))


def expected_of(c) -> dict[str, np.ndarray]:
    """The same columns by TA-Lib, whose conventions are ours for these."""
    high, low, close = c.high, c.low, c.close
    upper, _, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    return {
        "rsi_14": talib.RSI(close, 14),
        "atr_14": talib.ATR(high, low, close, 14),
        "atr_rate": talib.ATR(high, low, close, 14) / close,
        "adx_14": talib.ADX(high, low, close, 14),
        "plus_di_14": talib.PLUS_DI(high, low, close, 14),
        "minus_di_14": talib.MINUS_DI(high, low, close, 14),
        "ema_20": talib.EMA(close, 20),
        "ema_50": talib.EMA(close, 50),
        "close_to_ema_50": close / talib.EMA(close, 50) - 1,
        "macd": talib.EMA(close, 12) - talib.EMA(close, 26),
        "zscore": (close - talib.SMA(close, 20)) / talib.STDDEV(close, 20),
        "bb_position": (close - lower) / (upper - lower),
        "returns_16": talib.ROCP(close, 16),
        "swing_high_20": talib.MAX(high, 20),
        "swing_low_20": talib.MIN(low, 20),
        "volume_ratio": c.volume / talib.SMA(c.volume, 20),
    }


def moving_candles(candles, *, rows: int = 6000):
    """Without the flat stretches, whose 0/0 TA-Lib defines otherwise."""
    moves = candles.volume > 0
    return candles.rows(None, None).__class__(
        timeframe=candles.timeframe,
        opened_at=candles.opened_at[moves][:rows],
        open=candles.open[moves][:rows],
        high=candles.high[moves][:rows],
        low=candles.low[moves][:rows],
        close=candles.close[moves][:rows],
        volume=candles.volume[moves][:rows],
    )


def test_every_indicator_with_talibs_conventions_agrees_with_talib_to_1e_9(market) -> None:
    candles = moving_candles(market[Timeframe.M15])
    found = features.compute({Timeframe.M15: candles})
    expected = expected_of(candles)
    in_yen = {"atr_14", "ema_20", "ema_50", "macd", "swing_high_20", "swing_low_20"}
    worst = {
        name: apart(found.column(name), theirs, scale=candles.close if name in in_yen else 1.0)
        for name, theirs in expected.items()
    }
    assert len(worst) == 16
    assert {name: value for name, value in worst.items() if value > 1e-9} == {}


def test_indicators_agree_with_talib_through_flat_stretches_jumps_and_holes_too(
    market, computed
) -> None:
    candles = market[Timeframe.M15]
    with np.errstate(
        invalid="ignore", divide="ignore"
    ):  # TA-Lib's bands of a flat stretch have no width
        expected = expected_of(candles)
    same = ("rsi_14", "atr_rate", "plus_di_14", "minus_di_14", "close_to_ema_50", "returns_16")
    assert {
        name: value
        for name in same
        if (value := apart(computed.column(name), expected[name])) > 1e-9
    } == {}


def test_macd_and_its_signal_agree_with_talibs_own_macd_once_its_other_seed_is_forgotten(
    market,
) -> None:
    candles = market[Timeframe.M15]
    found = features.compute({Timeframe.M15: candles})
    line, signal, _ = talib.MACD(candles.close, 12, 26, 9)
    assert apart(found.column("macd"), line, from_row=400, scale=candles.close) <= 1e-9
    assert apart(found.column("macd_signal"), signal, from_row=400, scale=candles.close) <= 1e-9


def test_the_4h_columns_are_the_same_indicators_of_the_4h_candles(market, computed) -> None:
    slow = market[Timeframe.H4]
    known = np.searchsorted(slow.closed_at, computed.as_of, side="right") - 1
    expected = {
        "rsi_14_4h": talib.RSI(slow.close, 14),
        "adx_14_4h": talib.ADX(slow.high, slow.low, slow.close, 14),
        "close_to_ema_50_4h": slow.close / talib.EMA(slow.close, 50) - 1,
        "returns_6_4h": talib.ROCP(slow.close, 6),
    }
    for name, theirs in expected.items():
        aligned = np.where(known >= 0, theirs[np.maximum(known, 0)], np.nan)
        assert apart(computed.column(name), aligned) <= 1e-9, name


def rank_correlation(values: np.ndarray) -> float:
    """Spearman's rho with average ranks, by its definition over squared rank differences."""
    order = np.argsort(values, kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = np.arange(len(values))
    for value in np.unique(values):
        ranks[values == value] = ranks[values == value].mean()
    size = len(values)
    return float(1 - 6 * ((ranks - np.arange(size)) ** 2).sum() / (size * (size * size - 1)))


def test_rci_is_the_rank_correlation_with_time_for_closes_without_ties() -> None:
    close = np.random.default_rng(1).permutation(400).astype(float)
    found = indicators.rci(close, (9, 26, 52))
    for length, rci in found.items():
        assert np.isnan(rci[: length - 1]).all()
        for row in range(length - 1, 400):
            assert rci[row] == pytest.approx(
                100 * rank_correlation(close[row + 1 - length : row + 1]), abs=1e-9
            )


def test_rci_is_exact_at_its_ends_and_in_a_market_that_stands_still() -> None:
    rising = np.arange(60.0)
    assert indicators.rci(rising, (9, 52))[52][-1] == 100.0
    assert indicators.rci(-rising, (9, 52))[9][-1] == -100.0
    assert indicators.rci(np.full(60, 7.0), (9, 52))[52][-1] == 0.0


@pytest.mark.parametrize(
    ("closes", "expected"),
    [([1, 3, 2], 50.0), ([3, 2, 1], -100.0), ([1, 2, 2], 75.0), ([2, 1, 3], 50.0)],
)
def test_rci_of_three_closes_by_hand(closes, expected) -> None:
    assert indicators.rci(np.array(closes, float), (3,))[3][-1] == expected


def test_the_channel_leaves_the_present_candle_out_so_that_a_close_can_break_it() -> None:
    high, low, close = (
        np.array([10.0, 12, 11, 15]),
        np.array([8.0, 9, 9, 10]),
        np.array([9.0, 10, 10, 14]),
    )
    top, bottom = indicators.channel(high, low, 3)
    assert top[3] == 12
    assert bottom[3] == 8
    assert indicators.place_in(close, top, bottom)[3] == pytest.approx((14 - 8) / 4)


def test_a_channel_without_width_counts_as_one_yen() -> None:
    place = indicators.place_in(
        np.array([100.0, 101.0, 99.0]), np.full(3, 100.0), np.full(3, 100.0)
    )
    assert place.tolist() == [0.5, 1.5, -0.5]


def test_a_value_is_measured_against_the_past_without_itself() -> None:
    values = np.array([1.0, 3.0, 1.0, 3.0, 5.0])
    assert indicators.unusualness(values, 4)[4] == pytest.approx(3.0)  # mean 2, deviation 1
    assert np.isnan(indicators.unusualness(values, 4)[:4]).all()


@pytest.mark.parametrize(
    ("past", "value", "expected"),
    [
        (0.0, 0.0, 0.0),
        (0.0, 0.1, 100.0),
        (0.0, -0.1, -100.0),
        (0.1, 0.1, 0.0),
        (0.1, 0.2, 100.0),
        (0.3, 0.1, -100.0),
    ],
)
def test_after_a_past_without_any_variation_a_change_is_as_unusual_as_can_be_and_rounding_is_not(
    past, value, expected
) -> None:
    assert indicators.unusualness(np.array([past] * 96 + [value]), 96)[-1] == pytest.approx(
        expected, abs=1e-6
    )


def test_the_direction_of_a_swing_is_that_of_its_later_extreme() -> None:
    high, low = np.array([5.0, 9, 6, 6]), np.array([4.0, 8, 3, 5])
    direction = indicators.swing_direction(high, low, 3)
    assert np.isnan(direction[:2]).all()
    assert direction[2] == -1  # the high at row 1, the low at row 2
    assert indicators.swing_direction(-low, -high, 3)[2] == 1
    assert indicators.swing_direction(np.array([5.0, 9, 5]), np.array([4.0, 1, 4]), 3)[2] == 0
    assert (
        indicators.swing_direction(np.array([9.0, 5, 9]), np.array([2.0, 1, 3]), 3)[2] == 1
    )  # the later of equal highs


def test_a_crossing_is_told_once_on_the_row_where_it_happens() -> None:
    crossed = indicators.crossing(np.array([np.nan, -1.0, 2.0, 3.0, 0.0, 1.0, -1.0, 0.0, -2.0]))
    assert np.isnan(crossed[:2]).all()
    assert crossed[2:].tolist() == [1, 0, 0, 1, -1, 0, -1]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((102, 100), (99, 105), 3.0),  # bullish: 6 yen over 2
        ((100, 102), (103, 97), -3.0),
        ((102, 100), (100, 105), 0.0),  # opens at the close before, not below
        ((102, 100), (99, 102), 0.0),  # closes at the open before, not above
        ((100, 100), (99, 105), 0.0),  # nothing to engulf
        ((100, 102), (99, 105), 0.0),  # the same direction
    ],
)
def test_engulfing_tells_the_multiple_of_the_engulfed_body(first, second, expected) -> None:
    opened, close = np.array([first[0], second[0]], float), np.array([first[1], second[1]], float)
    told = indicators.engulfing(opened, close)
    assert np.isnan(told[0])
    assert told[1] == expected


def test_body_and_wicks_are_shares_of_the_range(candles_of) -> None:
    candles = candles_of(
        [104.0, 100.0], open=[101.0, 100.0], high=[110.0, 100.0], low=[100.0, 100.0]
    )
    found = features.compute({Timeframe.M15: candles})
    assert [found.column(name)[0] for name in ("candle_body", "upper_wick", "lower_wick")] == [
        0.3,
        0.6,
        0.1,
    ]
    assert [found.column(name)[1] for name in ("candle_body", "upper_wick", "lower_wick")] == [
        0.0,
        0.0,
        0.0,
    ]


def test_returns_are_simple(candles_of) -> None:
    found = features.compute({Timeframe.M15: candles_of([100.0, 110.0, 99.0, 99.0, 105.0])})
    assert found.column("returns_1")[1] == pytest.approx(0.1)
    assert found.column("returns_4")[4] == pytest.approx(0.05)


def test_volume_is_compared_with_a_mean_that_includes_it(candles_of) -> None:
    found = features.compute({Timeframe.M15: candles_of([100.0] * 20, volume=[1.0] * 19 + [21.0])})
    assert found.column("volume_ratio")[-1] == pytest.approx(21 / 2)
    assert found.column("volume_ratio_10")[-1] == pytest.approx(21 / 3)


def test_the_distance_to_the_extremes_of_four_candles(candles_of) -> None:
    candles = candles_of(
        [100.0] * 3 + [99.0], high=[120.0, 110.0, 100.0, 100.0], low=[80.0, 90.0, 90.0, 99.0]
    )
    found = features.compute({Timeframe.M15: candles})
    assert found.column("above_low_4")[3] == pytest.approx(99 / 80 - 1)
    assert found.column("below_high_4")[3] == pytest.approx(99 / 120 - 1)


def test_realised_volatility_is_the_root_of_the_squared_returns_of_its_window_and_nothing_else(
    market, computed
) -> None:
    close = market[Timeframe.M15].close
    moves = close[1:] / close[:-1] - 1
    compared = 0
    for rows in (16, 96, 672):
        column = computed.column(f"realised_{rows}")
        assert np.isnan(column[:rows]).all()
        for row in range(rows, len(close), 97):
            assert column[row] == pytest.approx(
                np.sqrt((moves[row - rows : row] ** 2).sum()), rel=1e-12, abs=1e-15
            )
            compared += 1
    assert compared > 150


def test_a_wild_past_leaves_nothing_behind_once_it_is_out_of_the_window(candles_of) -> None:
    wild = [100.0, 1e9, 3.0, 7e8] * 10
    calm = [1_000_000.0 + row % 2 for row in range(800)]
    after = features.compute({Timeframe.M15: candles_of(wild + calm)})
    alone = features.compute({Timeframe.M15: candles_of(calm)})
    for rows in (16, 96, 672):
        one, other = after.column(f"realised_{rows}"), alone.column(f"realised_{rows}")
        assert np.array_equal(one[len(wild) + rows :], other[rows:])
        assert one[len(wild) + rows - 1] > 0.9


def test_hour_and_weekday_are_those_of_the_close_in_utc(candles_of) -> None:
    monday = 1_704_067_200_000
    found = features.compute({Timeframe.M15: candles_of([1.0] * 800, start=monday)})
    assert found.column("hour")[:5].tolist() == [0.25, 0.5, 0.75, 1.0, 1.25]
    assert found.column("hour")[94:97].tolist() == [23.75, 0.0, 0.25]
    assert found.column("weekday")[[0, 94, 95, 191, 670, 671]].tolist() == [0, 0, 1, 2, 6, 0]
