import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.results.performance.independence import (
    autocorrelation,
    effective_number,
)


def test_autocorrelation_is_that_of_the_plain_definition():
    values = np.random.default_rng(4).standard_normal(300)
    mean = sum(values) / 300
    for lag in (1, 2, 7):
        above = sum((values[i] - mean) * (values[i + lag] - mean) for i in range(300 - lag))
        assert autocorrelation(values, lag) == pytest.approx(
            above / sum((value - mean) ** 2 for value in values)
        )
    assert autocorrelation(np.ones(5)) is None
    assert autocorrelation(np.array([1.0])) is None


def test_the_effective_number_of_a_process_that_remembers_is_that_of_theory():
    rng, rho, count = np.random.default_rng(9), 0.6, 50_000
    values = np.empty(count)
    values[0] = rng.standard_normal()
    for row, shock in enumerate(rng.standard_normal(count - 1), start=1):
        values[row] = rho * values[row - 1] + shock
    assert effective_number(values) == pytest.approx(count * (1 - rho) / (1 + rho), rel=0.1)


@given(st.lists(st.floats(-1, 1), min_size=0, max_size=60))
def test_the_effective_number_lies_between_nothing_and_all(values):
    number = effective_number(np.array(values, dtype=float))
    if number is None:
        assert len(values) < 2 or np.ptp(np.array(values)) < 1e-100 or np.var(values) < 1e-100
    else:
        assert 0 < number <= len(values)


def test_values_that_take_turns_count_no_more_than_they_are():
    assert effective_number(np.array([1.0, -1.0] * 20)) == 40
