"""The sums under the indicators, against the plain loops that they stand for."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.features.recursion import (
    before,
    decayed_sum,
    ema_lead,
    late,
    quotient,
    taps,
    wilder_sum,
    window_max,
    window_min,
    window_sum,
)

RANDOM = np.random.default_rng(2)
PRICES = np.round(1e7 + np.cumsum(RANDOM.normal(0, 2e4, 1500)))


@pytest.mark.parametrize("ratio", [0.8, 11 / 13, 25 / 27, 19 / 21, 49 / 51, 13 / 14])
def test_a_sum_ends_where_its_weights_cannot_move_a_float64_and_fits_the_window(
    ratio: float,
) -> None:
    count = taps(ratio)
    assert ratio**count <= 2.0**-51 < ratio ** (count - 33)
    assert count % 32 == 0
    assert count <= 896


@pytest.mark.parametrize("size", [0, 1, 2, 31, 32, 33, 479, 480, 481, 1500])
def test_a_decayed_sum_is_the_plain_sum_of_its_terms(size: int) -> None:
    values = PRICES[:size]
    found = decayed_sum(values, 13 / 14)
    reach = taps(13 / 14)
    for row in range(0, size, 37):
        expected = sum((13 / 14) ** age * values[row - age] for age in range(min(reach, row + 1)))
        assert found[row] == pytest.approx(expected, rel=1e-13)


def test_nothing_older_than_its_taps_reaches_a_decayed_sum() -> None:
    reach = taps(0.8)
    other = PRICES.copy()
    other[: 1500 - reach] = 1e30
    assert decayed_sum(other, 0.8)[-1] == decayed_sum(PRICES, 0.8)[-1]
    other[1500 - reach] = 0.0
    assert decayed_sum(other, 0.8)[-2] != decayed_sum(PRICES, 0.8)[-2]


@given(
    st.lists(st.integers(-(10**7), 10**7), max_size=120),
    st.integers(1, 60),
)
def test_windowed_sum_max_and_min_are_those_of_each_slice(numbers: list[int], width: int) -> None:
    values = np.array(numbers, dtype=np.float64)
    for found, plain in ((window_sum, np.sum), (window_max, np.max), (window_min, np.min)):
        told = found(values, width)
        assert len(told) == len(numbers)
        assert np.isnan(told[: width - 1]).all()
        for row in range(width - 1, len(numbers)):
            assert told[row] == plain(values[row + 1 - width : row + 1])


def test_a_windowed_sum_of_awkward_fractions_does_not_depend_on_what_came_before() -> None:
    values = RANDOM.lognormal(0, 3, 5000)
    whole = window_sum(values, 20)
    for start in range(0, 4900, 97):
        assert window_sum(values[start : start + 60], 20)[-1] == whole[start + 59]


def test_an_ema_is_the_recursion_that_starts_with_the_mean() -> None:
    exact = Fraction(sum(int(value) for value in PRICES[:20]), 20)
    lead = ema_lead(PRICES, 20)
    assert np.isnan(lead[:19]).all()
    assert lead[19] == pytest.approx(float(Fraction(int(PRICES[19])) - exact))
    for row in range(20, 1500):
        exact += (Fraction(int(PRICES[row])) - exact) * Fraction(2, 21)
        exact = exact.limit_denominator(10**15)
        assert PRICES[row] - lead[row] == pytest.approx(float(exact), rel=1e-14)


def test_the_ema_of_a_market_that_stands_still_is_its_price_exactly() -> None:
    assert (ema_lead(np.full(300, 4_321_987.0), 50)[49:] == 0.0).all()


def test_wilders_sum_is_the_recursion_that_starts_with_the_sum() -> None:
    values = np.abs(np.diff(PRICES))
    total = values[:14].sum()
    told = wilder_sum(values, 14, seed=14)
    assert np.isnan(told[:13]).all()
    for row in range(14, len(values)):
        total = total * 13 / 14 + values[row]
        assert told[row] == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("size", [0, 1, 13])
def test_too_short_a_series_is_never_warm(size: int) -> None:
    values = PRICES[:size]
    for told in (
        ema_lead(values, 14),
        wilder_sum(values, 14, seed=14),
        window_sum(values, 14),
        window_max(values, 14),
    ):
        assert len(told) == size
        assert np.isnan(told).all()


def test_shifts_leave_nan_where_nothing_is_known() -> None:
    values = np.array([1.0, 2.0, 3.0])
    assert before(values, 2)[2] == 1.0
    assert np.isnan(before(values, 2)[:2]).all()
    assert np.isnan(before(values, 3)).all()
    assert np.isnan(late(values[:0], 3, 3)).all()
    assert late(values[:2], 1, 3)[1:].tolist() == [1.0, 2.0]


def test_a_quotient_says_what_nothing_by_nothing_is_and_keeps_nan() -> None:
    told = quotient(
        np.array([0.0, 1.0, np.nan, np.nan]), np.array([0.0, 2.0, 0.0, 1.0]), of_nothing=7.0
    )
    assert told[:2].tolist() == [7.0, 0.5]
    assert np.isnan(told[2:]).all()
