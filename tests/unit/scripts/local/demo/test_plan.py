"""Which days the demo shows, and which other days its model learns from."""

from pathlib import Path

import numpy as np
import pytest

from scripts.local.demo.plan import (
    LEAST_TRAINING_DAYS,
    plan_candle_file,
    plan_generated_market,
    warm_up_ms,
)
from shared.core import settings as configuration
from shared.core.calendar import DAY_MS, JST_MS
from shared.core.errors import UserError
from shared.core.types import Candles, Timeframe

SETTINGS = configuration.load_settings({})
BEGIN = 1_514_937_600_000
FILE = Path("some.csv")


def candles(days, *, wild_day=None):
    opened_at = BEGIN + 900_000 * np.arange(days * 96, dtype=np.int64)
    sizes = np.full(len(opened_at), 1_000.0)
    if wild_day is not None:
        sizes[wild_day * 96 : (wild_day + 1) * 96] = 40_000.0
    close = 1_500_000.0 + np.where(np.arange(len(opened_at)) % 2, sizes, -sizes)
    return Candles(
        timeframe=Timeframe.M15,
        opened_at=opened_at,
        open=close,
        high=close + 1,
        low=close - 1,
        close=close,
        volume=np.ones(len(opened_at)),
    )


def plan(quarters, **more):
    return plan_candle_file(
        quarters, FILE, **{"days": 4.0, "settings": SETTINGS, "seed": 7, **more}
    )


def test_the_wildest_days_are_shown_from_midnight_jst():
    found = plan(candles(200, wild_day=150))
    wild = BEGIN + 150 * DAY_MS
    assert found.start_at <= wild < found.end_at
    assert (found.start_at + JST_MS) % DAY_MS == 0
    assert found.end_at - found.start_at == 4 * DAY_MS


def test_a_wild_day_without_enough_history_before_it_is_not_chosen():
    found = plan(candles(200, wild_day=3))
    assert found.start_at >= BEGIN + warm_up_ms(SETTINGS)


def test_the_model_learns_from_before_where_that_is_long_enough():
    found = plan(candles(200, wild_day=150))
    assert (found.training_start_at, found.training_end_at) == (BEGIN, found.start_at)
    assert not found.is_trained_on_future


def test_otherwise_from_after_with_an_embargo_of_one_horizon():
    found = plan(candles(200, wild_day=20))
    assert found.is_trained_on_future
    assert found.training_start_at == found.end_at + SETTINGS.learning.horizon_candles * 900_000
    assert found.training_end_at - found.training_start_at >= LEAST_TRAINING_DAYS * DAY_MS


def test_without_enough_on_either_side_there_is_no_model_and_a_sentence():
    found = plan(candles(40))
    assert not found.is_trained_on_future
    assert (
        found.untrained
        == "neither before nor after these days does some.csv hold 60 days to learn from"
    )


def test_a_start_that_was_asked_for_is_taken_even_without_history():
    assert plan(candles(200), start_at=BEGIN + 900_000).start_at == BEGIN + 900_000


@pytest.mark.parametrize("start_at", [BEGIN - DAY_MS, BEGIN + 500 * DAY_MS])
def test_days_outside_of_the_file_are_refused(start_at):
    with pytest.raises(UserError, match="does not hold 4 days"):
        plan(candles(100), start_at=start_at)


def test_a_file_that_is_too_short_is_refused():
    with pytest.raises(UserError, match="does not hold 4 days"):
        plan(candles(10))


def test_a_generated_market_is_learned_from_up_to_its_start():
    found = plan_generated_market(days=2.0, edge_bp=6.0, seed=1, history_days=200.0)
    assert found.training_end_at == found.start_at
    assert found.start_at - found.training_start_at == 200 * DAY_MS
    assert (found.start_at + JST_MS) % DAY_MS == 0
