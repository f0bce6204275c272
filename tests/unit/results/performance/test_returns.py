"""Daily returns, months and drawdown against slow, plain definitions and against other people's
libraries.
"""

import math
import statistics
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from shared.core.calendar import DAY_MS, JST, jst_day
from shared.results.performance.drawdown import drawdowns, under_water
from shared.results.performance.returns import (
    annual_growth,
    measure_returns,
    moments,
    month_returns,
    sharpe,
    sortino,
)
from shared.results.performance.series import Series, daily_returns, day_edges, month_edges
from tests.support.made_replays import QUARTER, START

# What empyrical-reloaded 0.7.1 and quantstats 0.0.86 (365 days a year) both say of this series.
OTHERS = np.random.default_rng(2024).standard_normal(500) * 0.01 + 0.0007
OTHERS_SAY = {
    "total": 0.41827248194913835,
    "annual": 0.29057891027826344,
    "sharpe": 1.4293958592546614,
    "sortino": 2.147549401798889,
    "volatility": 0.19128825305476901,
    "drawdown": 0.19142611790814795,
    "calmar": 1.5179689869576314,
}


def series_of(equity, *, start_at=START, step=QUARTER):
    units = np.array([round(value * 10_000) for value in equity], dtype=np.int64)
    return Series(at=start_at + step * np.arange(len(units), dtype=np.int64), units=units)


def test_the_numbers_are_those_of_two_libraries():
    # The first day begins at midnight in Japan, so that every step is one day.
    equity = 1e8 * np.cumprod(np.concatenate(([1.0], 1.0 + OTHERS)))
    series = series_of(equity, start_at=START - 9 * 3_600_000, step=DAY_MS)
    told, daily = measure_returns(series, start_at=int(series.at[0]), end_at=int(series.at[-1]))
    falls = drawdowns(series, annual_return=told.annual)
    assert len(daily) == 500
    mine = {
        name: getattr(told, name) for name in ("total", "annual", "sharpe", "sortino", "volatility")
    }
    mine |= {"drawdown": falls.max_share, "calmar": falls.calmar}
    assert mine == pytest.approx(OTHERS_SAY, rel=1e-8)


def test_the_moments_are_those_of_scipy():
    skewness, kurtosis = moments(OTHERS)
    assert skewness == pytest.approx(scipy.stats.skew(OTHERS))
    assert kurtosis == pytest.approx(scipy.stats.kurtosis(OTHERS, fisher=False))


@given(
    st.lists(st.floats(-0.2, 0.2), min_size=2, max_size=40).filter(
        lambda values: np.ptp(values) > 1e-6
    )
)
def test_sharpe_and_sortino_are_the_plain_definitions(values):
    returns = np.array(values)
    assert sharpe(returns) == pytest.approx(statistics.fmean(values) / statistics.stdev(values))
    losses = math.sqrt(sum(value**2 for value in values if value < 0) / len(values))
    expected = (
        None if losses == 0 else pytest.approx(statistics.fmean(values) / losses, nan_ok=False)
    )
    assert sortino(returns) == expected


def test_returns_that_cannot_deviate_have_no_ratio():
    for returns in ([], [0.1], [0.1, 0.1, 0.1], [0.0] * 50):
        assert sharpe(np.array(returns)) is None
        assert moments(np.array(returns)) is None
    assert sortino(np.array([0.1, 0.2])) is None
    assert sortino(np.array([-0.1])) is None
    assert sortino(np.array([-0.1, -0.1])) == -1.0


def test_growth_is_annualised_with_365_days_and_not_below_one_day():
    assert annual_growth(0.1, 365 * DAY_MS) == pytest.approx(0.1)
    assert annual_growth(0.21, 730 * DAY_MS) == pytest.approx(0.1)
    assert annual_growth(0.1, DAY_MS - 1) is None
    assert annual_growth(-1.0, 365 * DAY_MS) is None
    assert annual_growth(9.0, DAY_MS) is None, "10 to the 365th is more than a float holds"


# days and months of Japan


@given(start=st.integers(0, 10**12), length=st.integers(1, 400 * DAY_MS))
def test_a_period_is_cut_at_every_midnight_and_new_month_in_japan(start, length):
    end = start + length
    days = day_edges(start, end)
    assert days[0] == start
    assert days[-1] == end
    assert (np.diff(days) > 0).all()
    assert (np.diff(days) <= DAY_MS).all()
    for edge in days[1:-1]:
        local = datetime.fromtimestamp(int(edge) / 1000, tz=JST)
        assert (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)
    edges, names = month_edges(start, end)
    assert len(edges) == len(names) + 1
    assert (np.diff(edges) > 0).all()
    for name, edge, after in zip(names, edges, edges[1:], strict=False):
        assert jst_day(int(edge))[:7] == name == jst_day(int(after) - 1)[:7]


def test_a_day_ends_with_the_last_equity_by_midnight_and_a_day_without_candles_returns_nothing():
    midnight = int(datetime(2030, 1, 2, tzinfo=JST).timestamp() * 1000)
    hours = [-2, -1, 0, 1, 49]
    series = Series(
        at=np.array([midnight + hour * 3_600_000 for hour in hours], dtype=np.int64),
        units=np.array([100, 150, 120, 90, 180], dtype=np.int64) * 10_000,
    )
    daily = daily_returns(series, int(series.at[0]), int(series.at[-1]))
    assert daily == pytest.approx([0.2, -0.25, 0.0, 1.0])


def test_daily_returns_are_those_of_a_loop_over_calendar_days():
    rng = np.random.default_rng(8)
    equity = 1e6 * np.exp(np.cumsum(rng.standard_normal(20 * 96) * 0.003))
    series = series_of(equity)
    last = {}
    for at, units in zip(series.at, series.units, strict=True):
        # The close of a candle at midnight belongs to the day that ends with it.
        last[jst_day(int(at) - 1)] = int(units)
    values = [int(series.units[0]), *(last[day] for day in sorted(last))]
    daily = daily_returns(series, int(series.at[0]), int(series.at[-1]))
    expected = [after / before - 1 for before, after in pairwise(values)]
    assert daily == pytest.approx(expected)
    assert len(daily) == 21, "twenty days from nine in the morning touch twenty-one"


equities = st.lists(st.integers(1, 10**7), min_size=2, max_size=300)


@given(equities, st.integers(1, 40))
def test_days_and_months_compound_to_the_total(equity, quarters):
    series = series_of(equity, step=quarters * QUARTER * 8)
    told, daily = measure_returns(series, start_at=START, end_at=int(series.at[-1]))
    table = month_returns(series, (), start_at=START, end_at=int(series.at[-1]))
    assert float(np.prod(1.0 + daily)) - 1.0 == pytest.approx(told.total, rel=1e-9, abs=1e-9)
    assert math.prod(1.0 + month.total for month in table) - 1.0 == pytest.approx(
        told.total, rel=1e-9, abs=1e-9
    )
    assert sum(month.change_jpy for month in table) == equity[-1] - equity[0]
    assert (
        max(month.max_drawdown_share for month in table)
        <= drawdowns(series, annual_return=None).max_share + 1e-12
    )


def test_months_have_the_names_and_bounds_of_the_calendar():
    begin = datetime(2030, 1, 31, 20, tzinfo=UTC)
    times = [begin + timedelta(days=day) for day in range(60)]
    series = Series(
        at=np.array([int(time.timestamp() * 1000) for time in times], dtype=np.int64),
        units=np.arange(100, 160, dtype=np.int64),
    )
    table = month_returns(series, (), start_at=int(series.at[0]), end_at=int(series.at[-1]))
    # 20:00 UTC on 31 January is 1 February in Japan.
    assert [month.month for month in table] == ["2030-02", "2030-03", "2030-04"]


# drawdown


def slow_falls(equity):
    """Every fall as (peak row, trough row, recovery row or None), by the definition."""
    falls, row = [], 0
    while row < len(equity):
        back = row + 1
        while back < len(equity) and equity[back] < equity[row]:
            back += 1
        if back > row + 1:
            trough = min(range(row, back), key=lambda one: equity[one])
            falls.append((row, trough, back if back < len(equity) else None))
        row = back
    return falls


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60))
def test_drawdowns_are_those_of_the_plain_definition(equity):
    series = series_of(equity)
    told = drawdowns(series, annual_return=0.5)
    falls = slow_falls(equity)
    if not falls:
        assert told.deepest is None
        assert told.longest is None
        assert told.calmar is None
        assert told.max_share == 0
        return
    shares = [(equity[peak] - equity[trough]) / equity[peak] for peak, trough, _ in falls]
    assert told.max_share == pytest.approx(max(shares))
    assert told.calmar == pytest.approx(0.5 / max(shares))
    peak, trough, back = falls[shares.index(max(shares))]
    deepest = told.deepest
    assert (deepest.peak_at, deepest.trough_at) == (series.at[peak], series.at[trough])
    assert deepest.recovered_at == (None if back is None else series.at[back])
    assert deepest.jpy == equity[peak] - equity[trough]
    ends = [len(equity) - 1 if back is None else back for _, _, back in falls]
    lengths = [(end - peak) * QUARTER for (peak, _, _), end in zip(falls, ends, strict=True)]
    assert told.longest.length_ms == max(lengths)
    below = sum(equity[row] < max(equity[: row + 1]) for row in range(len(equity)))
    assert told.under_water_share == pytest.approx(below / len(equity))


def test_a_fall_below_nothing_is_deeper_than_the_whole():
    told = drawdowns(series_of([100, 50, -20, 10]), annual_return=None)
    assert told.max_share == pytest.approx(1.2)
    assert told.deepest.recovered_at is None
    assert told.deepest.trough_jpy == -20
    assert told.calmar is None


def test_the_way_under_water_begins_anew_at_every_peak():
    assert under_water(np.array([10.0, 5.0, 10.0, 12.0, 9.0])) == pytest.approx(
        [0, 0.5, 0, 0, 0.25]
    )
    assert under_water(np.array([-1.0, -5.0, 2.0, 1.0])) == pytest.approx([0, 0, 0, 0.5])
