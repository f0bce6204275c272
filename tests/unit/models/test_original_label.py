"""The seeds' label, end to end: generated market, honest data, a small learner, and the gate's word
on what it learned.
"""

import dataclasses
from functools import cache

import numpy as np
import pytest

from models.data import leaks
from models.data.dataset import build, split
from models.data.labels import barriers_of
from models.fit.learners import lightgbm
from models.gate.judge import judge
from models.gate.types import Evidence, PredictionRows, TrialCounts
from models.statistics.auc import auc
from models.walk_forward.calm import volatility_only
from models.walk_forward.plan import VOLATILITY
from shared.core.types import Timeframe
from tests.support.made_trainings import market, small_settings

STEP = Timeframe.M15.ms
SETTINGS = small_settings()
NAME = "directional_not_volatility"


@cache
def learned(label: str, *, seed: int, edge_bp: float) -> PredictionRows:
    """What a small booster says of the last quarter of 120 days."""
    learning = dataclasses.replace(SETTINGS.learning, label=label, days=120, rounds=30)
    candles = market(120, seed=seed, edge_bp=edge_bp)
    dataset = build(candles, learning)
    embargo = learning.horizon_candles * STEP
    parts = split(dataset, held_out_share=0.25, embargo_ms=embargo)
    assert leaks.inspect_dataset(dataset, candles, barriers=barriers_of(learning)) == ()
    assert leaks.inspect_split(parts, embargo_ms=embargo) == ()
    test = parts.validation
    booster = lightgbm.train(parts.training, learning, 7)
    calm = np.column_stack([test.atr_rate, test.volatility_past]).astype(np.float32)
    return PredictionRows(
        as_of=test.as_of,
        end_at=test.end_at,
        label=test.label,
        weight=test.weight,
        probabilities=np.asarray(booster.predict(test.rows, num_threads=1), dtype=np.float64),
        volatility_only=volatility_only(parts, calm, VOLATILITY, learning, seed=7),
        known_at=np.full(len(test), int(parts.calibration.end_at.max())),
    )


def judged(rows: PredictionRows):
    evidence = Evidence(rows=rows, money=None, trials=TrialCounts(count=1, sharpes=np.zeros(0)))
    return {check.name: check for check in judge(evidence, SETTINGS.gate, serve=()).checks}


@pytest.mark.parametrize("seed", [1, 2, pytest.param(3, marks=pytest.mark.full)])
def test_the_seeds_label_ranks_well_and_is_refused_as_volatility_in_disguise(seed):
    rows = learned("next_candle", seed=seed, edge_bp=0.0)
    for side in (0, 2):
        assert auc(rows.probabilities[:, side], rows.label == side, rows.weight) > 0.6
    check = judged(rows)[NAME]
    assert not check.passed
    assert check.value > 0.75
    assert "opposite move" in check.meaning


def test_a_label_of_direction_in_a_market_that_has_one_is_not_refused_for_that():
    rows = learned("barriers", seed=3, edge_bp=12.0)
    check = judged(rows)[NAME]
    assert check.passed
    assert check.value < 0.0
