import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.types import Candles, Timeframe
from shared.market.candles import COLUMNS, aggregate, check_candle_rules
from shared.market.expand import expand
from tests.support.candle_rows import from_rows

T0 = 1_514_937_600_000
FIELDS = ("opened_at", *COLUMNS[1:])


def same(one: Candles, two: Candles) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(two, name)) for name in FIELDS)


@st.composite
def series(draw: st.DrawFn) -> Candles:
    timeframe = draw(st.sampled_from([Timeframe.M15, Timeframe.H4]))
    slots = sorted(draw(st.sets(st.integers(0, 40), min_size=1, max_size=12)))
    rows = []
    for slot in slots:
        low = draw(st.integers(1, 20_000_000))
        width = draw(st.sampled_from([0, 1, 2, 500, 90_000, 10_000_000]))
        inside = st.integers(low, low + width)
        volume = (
            draw(st.sampled_from([0, 1, 3, 7]))
            if draw(st.booleans())
            else draw(st.integers(0, 20_000_000))
        )
        rows.append(
            (
                T0 + slot * timeframe.ms,
                draw(inside),
                low + width,
                low,
                draw(inside),
                volume / 10_000,
            )
        )
    return from_rows(timeframe, rows)


def walk(count: int, *, seed: int = 1) -> Candles:
    """A market of 15m candles."""
    rng = np.random.default_rng(seed)
    close = np.cumsum(rng.integers(-9_000, 9_001, count)) + 15_000_000.0
    open_ = np.concatenate([close[:1], close[:-1]])
    return check_candle_rules(
        Candles(
            timeframe=Timeframe.M15,
            opened_at=T0 + np.arange(count) * Timeframe.M15.ms,
            open=open_,
            high=np.maximum(open_, close) + rng.integers(0, 8_000, count),
            low=np.minimum(open_, close) - rng.integers(0, 8_000, count),
            close=close,
            volume=rng.integers(0, 300_000, count) / 10_000,
        )
    )


@settings(max_examples=150, deadline=None)
@given(series(), st.integers(-(2**63), 2**64))
def test_minutes_keep_every_rule_and_aggregate_back_to_exactly_the_same_candles(candles, seed):
    minutes = check_candle_rules(expand(candles, seed=seed))
    assert minutes.timeframe is Timeframe.M1
    assert len(minutes) == len(candles) * candles.timeframe.ms // Timeframe.M1.ms
    assert same(aggregate(minutes, candles.timeframe), candles)
    lots = minutes.volume * 10_000
    assert np.abs(lots - np.rint(lots)).max() < 1e-6
    assert same(expand(candles, seed=seed), minutes)


@settings(max_examples=50, deadline=None)
@given(series(), st.integers(0, 1_000), st.data())
def test_a_candle_expands_the_same_wherever_it_stands(candles, seed, data):
    start = data.draw(st.integers(0, len(candles) - 1))
    stop = data.draw(st.integers(start + 1, len(candles)))
    each = candles.timeframe.ms // Timeframe.M1.ms
    assert same(
        expand(candles.rows(start, stop), seed=seed),
        expand(candles, seed=seed).rows(start * each, stop * each),
    )


def test_each_minute_opens_where_the_one_before_it_closed():
    candles = walk(200)
    minutes = expand(candles, seed=3)
    inner = np.arange(len(minutes)) % 15 != 0
    assert (minutes.open[inner] == minutes.close[np.flatnonzero(inner) - 1]).all()
    assert inner.sum() == 200 * 14


def test_another_seed_walks_another_path():
    candles = walk(200)
    one, two = expand(candles, seed=1), expand(candles, seed=2)
    assert (one.close != two.close).mean() > 0.8


def test_minutes_look_like_a_market_and_not_like_a_line():
    candles = walk(2_000)
    minutes = expand(candles, seed=1)
    steps = (minutes.close - minutes.open)[1:]
    size = np.abs(steps).mean() / (candles.high - candles.low).mean()
    assert 0.08 < size < 0.4
    assert abs(np.corrcoef(steps[1:], steps[:-1])[0, 1]) < 0.2


def test_volumes_that_are_no_whole_lots_come_back_too():
    candles = from_rows(
        Timeframe.M15,
        [(T0, 100, 120, 90, 110, 1.234567), (T0 + 900_000, 100, 120, 90, 110, 0.00001)],
    )
    assert same(aggregate(expand(candles, seed=1), Timeframe.M15), candles)


def test_minutes_expand_to_themselves():
    minutes = expand(walk(3), seed=1)
    assert expand(minutes, seed=9) is minutes


def test_no_candles_expand_to_none():
    assert len(expand(walk(10).rows(0, 0), seed=1)) == 0


def test_25_000_candles_expand_within_seconds():
    candles = walk(25_000)
    began = time.perf_counter()
    minutes = expand(candles, seed=1)
    took = time.perf_counter() - began
    assert len(minutes) == 375_000
    assert took < 5.0
    assert same(aggregate(minutes, Timeframe.M15), candles)


@pytest.mark.parametrize("price", [1, 50_000_000])
def test_a_flat_candle_stays_flat(price):
    minutes = expand(from_rows(Timeframe.M15, [(T0, price, price, price, price, 0.0)]), seed=1)
    assert set(minutes.high) == set(minutes.low) == {price}
    assert minutes.volume.sum() == 0
