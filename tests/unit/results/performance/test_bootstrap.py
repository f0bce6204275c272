import math

import numpy as np
import pytest

from shared.core.errors import BadData
from shared.results.performance.bootstrap import block_length, bootstrap, stationary_rows


def normal(count, *, mean=0.0, seed=1):
    return np.random.default_rng(seed).standard_normal(count) * 0.01 + mean * 0.01


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    returns = normal(200)
    assert bootstrap(returns, seed=7) == bootstrap(returns.copy(), seed=7)
    assert bootstrap(returns, seed=7) != bootstrap(returns, seed=8)


def test_the_interval_of_independent_returns_is_as_wide_as_the_formula_says():
    returns = normal(1000, mean=0.05)
    told = bootstrap(returns, seed=7, samples=2000, block=1)
    ratio = returns.mean() / returns.std(ddof=1)
    expected = 2 * 1.96 * math.sqrt((1 + ratio**2 / 2) / 1000) * math.sqrt(365)
    assert told.sharpe.high - told.sharpe.low == pytest.approx(expected, rel=0.08)
    assert told.sharpe.low < ratio * math.sqrt(365) < told.sharpe.high


def test_the_interval_holds_the_truth_nineteen_times_in_twenty():
    hits = 0
    for seed in range(200):
        told = bootstrap(normal(250, mean=0.1, seed=seed), seed=seed, samples=300)
        hits += told.sharpe.low <= 0.1 * math.sqrt(365) <= told.sharpe.high
    assert 0.88 <= hits / 200 <= 0.99


def test_blocks_keep_what_neighbours_share():
    shocks = normal(2000)
    trending = np.convolve(shocks, np.ones(10), mode="valid") / 10
    alone = bootstrap(trending, seed=1, block=1).sharpe
    kept = bootstrap(trending, seed=1, block=40).sharpe
    assert kept.high - kept.low > 2.0 * (alone.high - alone.low)


def test_rows_run_on_within_a_block_and_blocks_have_the_mean_length():
    rows = stationary_rows(500, samples=400, block=8, rng=np.random.default_rng(2))
    runs_on = (np.diff(rows, axis=1) % 500) == 1
    assert runs_on.mean() == pytest.approx(1 - 1 / 8, abs=0.005)
    assert rows.min() == 0
    assert rows.max() == 499
    drawn = np.bincount(rows.ravel(), minlength=500)
    assert drawn.min() > 0.7 * 400
    assert drawn.max() < 1.3 * 400


def test_many_returns_are_drawn_in_pieces_of_bounded_size_and_still_by_the_seed():
    returns = normal(3000)
    told = bootstrap(returns, seed=7)
    assert (told.samples, told.days, told.block_days) == (1000, 3000, 15)
    assert told == bootstrap(returns, seed=7)


def test_the_total_is_compounded_and_the_losing_share_counted():
    told = bootstrap(np.full(50, 0.01) + np.tile([0.0, 1e-9], 25), seed=1)
    assert told.total.low == pytest.approx(1.01**50 - 1, rel=1e-5)
    assert told.losing == 0.0


@pytest.mark.parametrize("returns", [[], [0.01], [0.0, 0.0, 0.0], [0.002] * 30])
def test_what_does_not_move_has_no_interval(returns):
    told = bootstrap(np.array(returns), seed=1)
    assert told.sharpe is None
    assert told.total is None
    assert told.losing is None


def test_one_day_that_moved_in_a_thousand_has_no_interval_where_most_samples_miss_it():
    returns = np.zeros(3)
    returns[0] = 0.5
    told = bootstrap(returns, seed=1, block=50)
    assert told.total is not None
    assert told.samples == 1000


def test_a_return_that_is_no_number_is_refused():
    with pytest.raises(BadData):
        bootstrap(np.array([0.1, math.nan]), seed=1)


def test_a_block_is_the_cube_root_of_the_length():
    assert [block_length(count) for count in (0, 1, 8, 9, 27, 365, 1000)] == [1, 1, 2, 3, 3, 8, 10]
