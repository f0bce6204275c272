"""PSI and KS of shares against published values and against scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.errors import BadData
from shared.turn.watch.drift import LEAST_SHARE, bin_shares, ks_of_shares, psi

DECILES = [0.1] * 10


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([0.08, 0.09, 0.10, 0.11, 0.12, 0.10, 0.10, 0.12, 0.09, 0.09], 0.0158697),
        ([0.05, 0.05, 0.08, 0.08, 0.10, 0.10, 0.12, 0.12, 0.15, 0.15], 0.1260798),
        (DECILES, 0.0),
    ],
)
def test_the_psi_of_known_shares_is_what_was_published(found, expected):
    assert psi(DECILES, found) == pytest.approx(expected, abs=5e-8)
    assert psi(found, DECILES) == pytest.approx(expected, abs=5e-8)


def test_an_empty_bin_counts_as_the_least_share_in_the_psi():
    expected = (0.5 - LEAST_SHARE) * np.log(0.5 / LEAST_SHARE) + 0.5 * np.log(2.0)
    assert psi([0.5, 0.5], [0.0, 1.0]) == pytest.approx(expected)
    assert psi([0.5, 0.5, 0.0], [0.5, 0.5, 0.0]) == 0.0


@pytest.mark.parametrize("bad", [[0.5, 0.6], [1.5, -0.5], [float("nan"), 1.0], []])
def test_what_are_no_shares_is_refused(bad):
    for measure in (psi, ks_of_shares):
        with pytest.raises(BadData):
            measure(bad, bad)
        with pytest.raises(BadData, match="bins"):
            measure([1.0], [0.5, 0.5])


def test_nan_is_left_out_and_nothing_but_nan_is_refused():
    gap = float("nan")
    assert bin_shares(np.array([gap, 0.0, 1.0]), [0.5]).tolist() == [0.5, 0.5]
    with pytest.raises(BadData):
        bin_shares(np.array([gap]), [0.5])


def test_a_value_at_an_edge_belongs_to_the_bin_above_it():
    assert bin_shares(np.array([-9.0, 1.0, 1.5, 2.0, 99.0]), [1.0, 2.0]).tolist() == [0.2, 0.4, 0.4]
    with pytest.raises(BadData, match="ascend"):
        bin_shares(np.array([1.0]), [2.0, 1.0])


def farthest(first: list[float], second: list[float]) -> float:
    """The largest distance of two empirical distributions, at every value of either."""
    at = np.array([*first, *second])
    share, other = (
        np.searchsorted(np.sort(values), at, side="right") / len(values)
        for values in (first, second)
    )
    return float(np.abs(share - other).max())


@settings(max_examples=60, deadline=None)
@given(
    first=st.lists(st.floats(-3, 3), min_size=1, max_size=60),
    second=st.lists(st.floats(-3, 3), min_size=1, max_size=60),
    edges=st.lists(st.floats(-3, 3), min_size=1, max_size=9).map(sorted),
)
def test_the_distance_of_shares_is_never_above_that_of_the_values(first, second, edges):
    shares = bin_shares(np.array(first), edges), bin_shares(np.array(second), edges)
    assert sum(shares[0]) == pytest.approx(1.0)
    assert 0.0 <= ks_of_shares(*shares) <= farthest(first, second) + 1e-12
    assert psi(*shares) >= -1e-12
