"""Random entries with a strategy's own barriers: the same draws for the same seed, and nothing to
be won by chance.
"""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from shared.core.costs import Costs
from shared.core.errors import BadData
from shared.core.types import Candles, PairRules, Timeframe
from shared.replay.brackets import Brackets, BracketTrades, walk
from shared.replay.random_entries import Pace, random_entries

COSTS = Costs(
    spread_rate=Decimal("0.0001"), slippage_rate=Decimal("0.0005"), volume_share=Decimal(1)
)
RULES = PairRules(
    taker_fee_rate=Decimal("0.001"),
    long_interest_rate_day=Decimal(0),
    short_interest_rate_day=Decimal(0),
)
FREE = PairRules(
    taker_fee_rate=Decimal(0), long_interest_rate_day=Decimal(0), short_interest_rate_day=Decimal(0)
)
PATIENT = Costs(spread_rate=Decimal(0), slippage_rate=Decimal(0), volume_share=Decimal(1))


def fair_market(count: int, *, seed: int = 4, drift: float = 0.0) -> Candles:
    draw = np.random.default_rng(seed)
    close = np.round(5e6 * np.exp(np.cumsum(drift + 0.002 * draw.standard_normal(count))))
    opened = np.concatenate([close[:1], close[:-1]])
    return Candles(
        timeframe=Timeframe.M15,
        opened_at=Timeframe.M15.ms * np.arange(count, dtype=np.int64),
        open=opened,
        high=np.maximum(opened, close) + draw.integers(0, 9000, count),
        low=np.minimum(opened, close) - draw.integers(0, 9000, count),
        close=close,
        volume=np.full(count, 10.0),
    )


def orders_of(candles: Candles, sides: np.ndarray) -> Brackets:
    distance = 0.006 * candles.close
    return Brackets(
        sides=sides.astype(np.int8),
        stop_distance=distance,
        target_distance=distance,
        max_hold_candles=24,
    )


def pace_of(trades: BracketTrades, candles: Candles) -> Pace:
    """The pace of trades that `walk` made of `candles`, as closely as it can be told."""
    flat_from = np.concatenate(([0], trades.free_row - 1))
    flat_until = np.concatenate((trades.decided_row + 1, [len(candles) - 1]))
    asked = int(np.maximum(0, flat_until - flat_from).sum())
    return Pace(chance=len(trades) / asked, long_share=float(np.mean(trades.side > 0)))


def test_one_draw_is_a_walk_of_the_entries_that_it_drew() -> None:
    candles = fair_market(3000)
    orders = orders_of(candles, np.zeros(len(candles)))
    drawn = random_entries(
        candles, orders, Pace(chance=1.0, long_share=1.0), rules=RULES, costs=COSTS, draws=3
    )
    every = walk(
        candles,
        replace(orders, sides=np.ones(len(candles), dtype=np.int8)),
        rules=RULES,
        costs=COSTS,
    )
    closed = every.take_rows(every.is_closed)
    assert len(closed) > 100
    assert drawn.trades.tolist() == [len(closed)] * 3
    assert drawn.mean_rate == pytest.approx([closed.net_rate.mean()] * 3)


def test_the_same_seed_gives_the_same_draws_and_another_seed_others() -> None:
    candles = fair_market(2000)
    orders, pace = orders_of(candles, np.zeros(2000)), Pace(chance=0.05, long_share=0.5)
    one, again, other = (
        random_entries(candles, orders, pace, rules=RULES, costs=COSTS, draws=50, seed=seed)
        for seed in (1, 1, 2)
    )
    assert one.mean_rate.tolist() == again.mean_rate.tolist()
    assert one.mean_rate.tolist() != other.mean_rate.tolist()


def test_random_entries_come_as_often_as_those_they_stand_beside() -> None:
    candles = fair_market(6000)
    draw = np.random.default_rng(0)
    sides = np.where(draw.random(6000) < 0.03, np.where(draw.random(6000) < 0.7, 1, -1), 0)
    orders = orders_of(candles, sides)
    trades = walk(candles, orders, rules=RULES, costs=COSTS)
    pace = pace_of(trades, candles)
    drawn = random_entries(candles, orders, pace, rules=RULES, costs=COSTS, draws=300)
    assert pace.chance == pytest.approx(0.03, rel=0.2)
    assert pace.long_share == pytest.approx(0.7, abs=0.1)
    assert drawn.trades.mean() == pytest.approx(len(trades), rel=0.05)


def test_entries_without_knowledge_stand_in_the_middle_of_random_ones_and_those_with_it_above_all():
    candles = fair_market(8000)
    draw = np.random.default_rng(1)
    ahead = np.append(np.sign(np.diff(candles.close[1:])), [0, 0])
    for knows, low, high in ((False, 0.02, 0.98), (True, 1.0, 1.0)):
        chosen = draw.random(8000) < 0.04
        sides = np.where(chosen, ahead if knows else draw.choice([-1, 1], 8000), 0)
        orders = orders_of(candles, sides)
        trades = walk(candles, orders, rules=RULES, costs=COSTS)
        drawn = random_entries(
            candles, orders, pace_of(trades, candles), rules=RULES, costs=COSTS, draws=400
        )
        beaten = np.mean(drawn.mean_rate < trades.net_rate[trades.is_closed].mean())
        assert low <= beaten <= high


def test_a_market_without_drift_gives_random_entries_nothing_and_costs_take_their_share() -> None:
    candles = fair_market(30_000)
    orders, pace = orders_of(candles, np.zeros(30_000)), Pace(chance=0.05, long_share=0.5)
    free = random_entries(candles, orders, pace, rules=FREE, costs=PATIENT, draws=300)
    dear = random_entries(candles, orders, pace, rules=RULES, costs=COSTS, draws=300)
    assert free.trades.min() > 500
    assert abs(free.mean_rate.mean()) < 3e-4
    assert dear.mean_rate.mean() < free.mean_rate.mean() - 0.001


def test_nothing_is_entered_where_a_barrier_is_not_known_yet() -> None:
    candles = fair_market(500)
    unknown = np.where(np.arange(500) < 490, np.nan, 0.001 * candles.close)
    orders = Brackets(sides=np.zeros(500, dtype=np.int8), stop_distance=unknown, max_hold_candles=1)
    drawn = random_entries(
        candles, orders, Pace(chance=1.0, long_share=0.0), rules=RULES, costs=COSTS, draws=2
    )
    assert 1 <= drawn.trades.max() <= 9
    none = replace(orders, stop_distance=np.full(500, np.nan))
    empty = random_entries(
        candles, none, Pace(chance=1.0, long_share=0.0), rules=RULES, costs=COSTS, draws=2
    )
    assert empty.trades.tolist() == [0, 0]
    assert np.isnan(empty.mean_rate).all()


def test_what_is_no_chance_is_refused() -> None:
    candles = fair_market(50)
    orders = orders_of(candles, np.zeros(50))
    for pace in (
        Pace(chance=0.0, long_share=0.5),
        Pace(chance=1.1, long_share=0.5),
        Pace(chance=0.5, long_share=2.0),
    ):
        with pytest.raises(BadData):
            random_entries(candles, orders, pace, rules=RULES, costs=COSTS)
    priced = Brackets(sides=orders.sides, stop_price=candles.low)
    with pytest.raises(BadData, match="distances"):
        random_entries(candles, priced, Pace(chance=0.5, long_share=0.5), rules=RULES, costs=COSTS)
