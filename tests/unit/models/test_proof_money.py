"""What a replay brought, as the gate is shown it, and what chance would have done in its place."""

from dataclasses import replace

import numpy as np
import pytest

from models.proof.money import money_of
from shared.core import settings
from shared.core.types import Barriers, Prediction, Timeframe
from shared.replay.engine import replay
from shared.replay.types import Curve, Inputs
from shared.results.performance import measure
from shared.turn import pipeline
from tests.support.made_replays import DAY, made_replay
from tests.support.made_trainings import START_AT, market

DRAWS = 300
LOOSE = {
    "sides": "both",
    "risk": {
        "min_edge_rate": -1.0,
        "kelly_fraction": 0.0,
        "risk_per_trade": 0.002,
        "volatility_reach": 1.0,
        "max_drawdown": 1.0,
        "daily_loss": 1.0,
        "max_losses": 1000,
        "stop_atr": 2.0,
        "target_atr": 2.0,
        "max_hold_candles": 24,
    },
    "consensus": {"agreement": 0.25, "min_confidence": 0.2},
}


def traded(seed, *, days=60, sides=None, **overrides):
    """The strategies on a market without any pattern, every consensus entered; `sides` replaces the
    consensus.
    """
    rules = settings.load_settings({"BOT_HOME": "/nowhere"}, overrides={**LOOSE, **overrides})
    candles = market(days, seed=seed, edge_bp=0.0)
    done = pipeline.stages(candles, bundle=None, settings=rules)
    rows = len(done.features.as_of)
    if sides is not None:
        done = replace(done, votes=replace(done.votes, consensus=sides(candles, rows)))
    told = Prediction(
        as_of=done.features.as_of,
        probabilities=np.full((rows, 3), 1 / 3),
        model="walk-forward-made",
        barriers=Barriers(atr_multiple=2.0, horizon_candles=24),
    )
    inputs = Inputs(
        candles=candles,
        stages=replace(done, prediction=told),
        settings=rules,
        start_at=START_AT + 12 * DAY,
        end_at=int(candles[Timeframe.M15].closed_at[-1]),
    )
    return replay(inputs), inputs


def test_days_positions_and_holding_are_those_that_the_performance_tells():
    replayed, inputs = traded(1)
    told, found = measure(replayed), money_of(replayed, inputs, draws=DRAWS, seed=1)
    assert len(found.day_at) == len(found.returns) == len(found.hold) == told.returns.days > 40
    assert np.prod(1.0 + found.returns) - 1.0 == pytest.approx(told.returns.total, abs=1e-12)
    assert np.prod(1.0 + found.hold) - 1.0 == pytest.approx(told.hold.returns.total, abs=1e-12)
    assert len(found.net_rates) == told.positions.count > 100
    assert (found.net_rates > 0).sum() == told.positions.wins
    assert found.own is None


def test_entries_without_skill_are_not_better_than_random_ones():
    """Strategies on noise: their mean lies among the random ones, or below them, for a replay's own
    fills are the stricter.
    """
    places = []
    for seed in range(1, 6):
        replayed, inputs = traded(seed)
        found = money_of(replayed, inputs, draws=DRAWS, seed=seed)
        assert len(found.random) == DRAWS
        assert abs(found.net_rates.mean() - found.random.mean()) < 0.0012
        places.append(float(np.mean(found.random < found.net_rates.mean())))
    assert 0.02 < np.mean(places) < 0.7


def test_entries_that_know_the_future_are_better_than_random_ones():
    def knowing(candles, rows):
        close = candles[Timeframe.M15].close
        later = np.concatenate([close[12:], np.full(12, close[-1])])
        return (np.sign(later / close - 1.0) * (np.abs(later / close - 1.0) > 0.01)).astype(np.int8)

    replayed, inputs = traded(3, sides=knowing)
    found = money_of(replayed, inputs, draws=DRAWS, seed=1)
    assert len(found.net_rates) > 50
    assert (found.random < found.net_rates.mean()).all()


def test_without_a_position_there_is_nothing_to_compare():
    replayed, inputs = traded(
        1, days=20, sides=lambda _candles, rows: np.zeros(rows, dtype=np.int8)
    )
    found = money_of(replayed, inputs, draws=DRAWS, seed=1)
    assert len(found.net_rates) == len(found.random) == 0
    assert not found.returns.any()


def exposed(weights, change):
    """A replay that held `weights` of its equity from each candle to the next, as prices moved by
    `change`.
    """
    close = 1e7 * np.cumprod(np.concatenate([[1.0], 1.0 + change]))
    equity = np.full(len(close), 10**10)
    base = made_replay(days=10, trades=2)
    lots = np.concatenate([weights * equity[:-1] / close[:-1], [0.0]]).astype(np.int64)
    at = base.start_at + 900_000 * np.arange(1, len(close) + 1)
    curve = Curve(at=at, equity_units=equity, close=close, lots=lots)
    replayed = replace(
        base,
        curve=curve,
        trades=(),
        fills=(),
        end_at=int(at[-1]),
        end_equity_jpy=base.start_equity_jpy,
    )
    held = settings.load_settings({}, overrides={"risk": {"policy": "target"}})
    return replayed, Inputs(
        candles={}, stages=None, settings=held, start_at=base.start_at, end_at=int(at[-1])
    )


@pytest.mark.parametrize(("skill", "low", "high"), [(0.0, 0.02, 0.98), (1.0, 0.99, 1.0)])
def test_an_exposure_is_compared_with_itself_moved_in_time(skill, low, high):
    rng = np.random.default_rng(5)
    change = (
        np.repeat(rng.choice([-1.0, 1.0], 200), 96) * 2e-5 + rng.standard_normal(200 * 96) * 1e-3
    )
    drift = np.repeat(change.reshape(-1, 96).mean(axis=1) > 0, 96).astype(float)
    chance = np.repeat(rng.choice([0.0, 1.0], 200), 96)
    replayed, inputs = exposed(skill * drift + (1 - skill) * chance, change)
    found = money_of(replayed, inputs, draws=DRAWS, seed=2)
    assert len(found.random) == DRAWS
    assert low <= np.mean(found.random < found.own) <= high


def test_an_exposure_that_never_changes_is_as_good_at_any_time():
    replayed, inputs = exposed(
        np.full(120 * 96, 0.5), np.random.default_rng(1).standard_normal(120 * 96) * 1e-3
    )
    found = money_of(replayed, inputs, draws=20, seed=2)
    assert found.random == pytest.approx(np.full(20, found.own), rel=1e-3)


def test_every_seed_of_a_recipe_that_was_tried_counts():
    from dataclasses import replace

    from models.proof.prove import seeded_recipe
    from shared.core.settings import load_settings
    from shared.core.trials import History, Trial

    usual = load_settings({})
    told = {
        "kind": "walk-forward",
        "settings_hash": "s",
        "data_hash": "d",
        "start_at": 0,
        "end_at": 1,
        "recorded_at": 0,
    }
    seeds = [replace(usual, learning=replace(usual.learning, seed=seed)) for seed in (1, 2, 3, 3)]
    trials = [
        Trial(**told, model=seeded_recipe("walk-forward-abc", settings)) for settings in seeds
    ]
    assert History(trials=tuple(trials)).count == 3
