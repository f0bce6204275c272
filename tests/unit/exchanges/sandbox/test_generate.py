"""The generated market is believable, and its pattern is there exactly when it was planted."""

import time

import numpy as np
import pytest

from shared.core.errors import UserError
from shared.core.types import Candles, FloatArray
from shared.exchanges.sandbox.generate import Planted, generate, regimes

START = 1_767_225_600_000
SEEDS = (7, 1, 2)


@pytest.fixture(scope="module")
def markets() -> dict[tuple[float, int], Candles]:
    return {
        (edge, seed): generate(start_ms=START, days=200, seed=seed, edge_bp=edge)
        for edge in (0.0, 8.0)
        for seed in SEEDS
    }


def closes_15m(minutes: Candles) -> FloatArray:
    candle = minutes.opened_at // 900_000
    return minutes.close[np.append(np.flatnonzero(np.diff(candle)), len(minutes) - 1)]


def slope_t(x: FloatArray, y: FloatArray) -> float:
    """The t value of the slope of y on x."""
    x = x - x.mean()
    slope = (x @ y) / (x @ x)
    rest = y - y.mean() - slope * x
    return float(slope / np.sqrt((rest @ rest) / (len(y) - 2) / (x @ x)))


def trend_t(minutes: Candles, span: int = 32) -> float:
    """Does the return of the last eight hours predict that of the next 15 minutes?"""
    close = closes_15m(minutes)
    returns = close[1:] / close[:-1] - 1
    return slope_t(close[span:-1] / close[: -span - 1] - 1, returns[span:])


def test_candles_keep_every_rule(markets: dict[tuple[float, int], Candles]) -> None:
    for minutes in markets.values():
        assert len(minutes) > 280_000
        assert np.all(np.diff(minutes.opened_at) >= 60_000)
        assert np.all(minutes.opened_at % 60_000 == 0)
        for price in (minutes.open, minutes.high, minutes.low, minutes.close):
            assert np.all(price == np.rint(price))
            assert np.all(price > 0)
        assert np.all(minutes.high >= np.maximum(minutes.open, minutes.close))
        assert np.all(minutes.low <= np.minimum(minutes.open, minutes.close))
        assert np.array_equal(minutes.volume, np.rint(minutes.volume * 10_000) / 10_000)


def test_a_15m_return_has_the_volatility_that_was_asked_for(
    markets: dict[tuple[float, int], Candles],
) -> None:
    for minutes in markets.values():
        close = closes_15m(minutes)
        assert 0.0023 < (close[1:] / close[:-1] - 1).std() < 0.0028


def test_returns_have_fat_tails_and_cluster(markets: dict[tuple[float, int], Candles]) -> None:
    for minutes in markets.values():
        close = closes_15m(minutes)
        returns = close[1:] / close[:-1] - 1
        kurtosis = ((returns - returns.mean()) ** 4).mean() / returns.var() ** 2
        assert kurtosis > 5
        size = np.abs(returns)
        assert np.corrcoef(size[1:], size[:-1])[0, 1] > 0.15
        assert np.corrcoef(size[96:], size[:-96])[0, 1] > 0.03


def test_volume_follows_the_movement(markets: dict[tuple[float, int], Candles]) -> None:
    minutes = markets[0.0, 7]
    traded = minutes.volume > 0
    moved = (minutes.high - minutes.low)[traded] / minutes.close[traded]
    assert np.corrcoef(minutes.volume[traded], moved)[0, 1] > 0.3
    assert 50 < minutes.volume.sum() / 200 < 300


def test_some_minutes_are_flat_without_volume_at_the_close_before(
    markets: dict[tuple[float, int], Candles],
) -> None:
    minutes = markets[0.0, 7]
    flat = np.flatnonzero(minutes.volume == 0)
    assert 0.01 < len(flat) / len(minutes) < 0.10
    assert np.array_equal(minutes.open[flat], minutes.close[flat - 1])
    assert np.array_equal(minutes.high[flat], minutes.low[flat])


def test_the_exchange_closes_once_a_week(markets: dict[tuple[float, int], Candles]) -> None:
    minutes = markets[0.0, 7]
    gaps = np.diff(minutes.opened_at) // 60_000 - 1
    holes = gaps[gaps > 0]
    assert 27 <= len(holes) <= 30
    assert holes.min() >= 30
    assert holes.max() <= 150
    whole = generate(start_ms=START, days=20, seed=7, maintenance=False)
    assert np.all(np.diff(whole.opened_at) == 60_000)


def test_a_planted_trend_can_be_learned_and_without_it_there_is_none(
    markets: dict[tuple[float, int], Candles],
) -> None:
    for seed in SEEDS:
        assert trend_t(markets[8.0, seed]) > 5
        assert abs(trend_t(markets[0.0, seed])) < 3


def test_the_drift_inside_a_regime_is_the_edge_that_was_stated() -> None:
    days, edge = 400, 8.0
    with_edge = generate(start_ms=START, days=days, seed=3, edge_bp=edge, maintenance=False)
    without = generate(start_ms=START, days=days, seed=3, edge_bp=0.0, maintenance=False)
    hidden = regimes(candles=days * 96, seed=3)[1:]
    added = np.diff(np.log(closes_15m(with_edge))) - np.diff(np.log(closes_15m(without)))
    for side in (-1.0, 0.0, 1.0):
        assert (hidden == side).sum() > 1_000
        # Where a pause begins or ends, the last trades of a flat minute blur the border a little.
        assert added[hidden == side].mean() * 10_000 == pytest.approx(side * edge, abs=0.15)


def test_the_edge_changes_nothing_but_the_drift() -> None:
    with_edge = generate(start_ms=START, days=10, seed=5, edge_bp=8.0)
    without = generate(start_ms=START, days=10, seed=5, edge_bp=0.0)
    assert np.array_equal(with_edge.opened_at, without.opened_at)
    assert np.array_equal(with_edge.volume == 0, without.volume == 0)


def test_regimes_last_about_a_day_and_balance() -> None:
    hidden = regimes(candles=100_000, seed=9)
    starts = np.flatnonzero(np.diff(hidden, prepend=np.nan))
    lengths = np.diff(starts)
    assert len(lengths) > 900
    assert 80 < lengths.mean() < 112
    assert abs(hidden.mean()) < 0.01
    assert 0.4 < (hidden != 0).mean() < 0.6


def test_the_same_seed_gives_the_same_market_and_another_another() -> None:
    one, two, other = (
        generate(start_ms=START, days=3, seed=seed, edge_bp=4.0) for seed in (5, 5, 6)
    )
    assert all(
        np.array_equal(getattr(one, name), getattr(two, name))
        for name in ("opened_at", "open", "high", "low", "volume")
    )
    assert not np.array_equal(one.close[:100], other.close[:100])


def test_it_begins_on_a_15m_candle_near_the_price_asked_for() -> None:
    minutes = generate(start_ms=START + 123_456, days=1, seed=1, start_price=9_000_000)
    assert minutes.opened_at[0] == START
    assert abs(minutes.open[0] / 9_000_000 - 1) < 0.01


def test_200_days_are_made_in_seconds() -> None:
    began = time.process_time()
    generate(start_ms=START, days=200, seed=4, edge_bp=8.0)
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": 0},
        {"days": 5_000},
        {"edge_bp": float("nan")},
        {"edge_bp": 500},
        {"start_price": 5},
        {"volatility_15m": 0.0},
    ],
)
def test_arguments_that_make_no_market_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match="asked for"):
        generate(**{"start_ms": START, "days": 1, "seed": 1, **wrong})  # type: ignore[arg-type]


def test_the_sentence_states_the_size_of_the_pattern_or_that_there_is_none() -> None:
    assert "8 basis points per 15 minutes" in Planted(edge_bp=8.0).sentence
    assert "without any planted pattern" in Planted(edge_bp=0.0).sentence
