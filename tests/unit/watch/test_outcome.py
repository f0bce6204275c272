"""The outcome that a tick works out is the label that was learned."""

import numpy as np
import pytest

from models import evaluate, labels
from models.uniqueness import uniqueness
from shared import features
from shared.market.candles import aggregate
from shared.sandbox.generate import generate
from shared.types import Barriers, Candles, Timeframe
from shared.watch.outcome import NEITHER, independence, outcomes
from shared.watch.scores import score

START = 1_767_225_600_000


def quarters(days: int = 20, seed: int = 3) -> tuple[Candles, np.ndarray]:
    """Candles with holes, and their ATR."""
    minutes = generate(start_ms=START, days=days, seed=seed, edge_bp=0.0)
    frames = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    atr_jpy = features.compute(frames).column("atr_14")
    whole = frames[Timeframe.M15]
    kept = np.random.default_rng(seed).random(len(whole)) > 0.03
    names = ("opened_at", "open", "high", "low", "close", "volume")
    return Candles(timeframe=Timeframe.M15, **{name: getattr(whole, name)[kept] for name in names}), atr_jpy[kept]


@pytest.mark.parametrize(
    "barriers",
    [
        Barriers(atr_multiple=4.0, horizon_candles=48),
        Barriers(atr_multiple=0.7, horizon_candles=6),
        Barriers(atr_multiple=0.2, horizon_candles=1),
        Barriers(atr_multiple=4.0, horizon_candles=1, kind="next_candle", move_rate=0.003),
    ],
)
def test_outcomes_are_the_labels_of_learning_row_by_row(barriers):
    candles, atr_jpy = quarters()
    mine, theirs = outcomes(candles, atr_jpy, barriers), labels.label(candles, atr_jpy, barriers)
    assert (mine.mature == theirs.complete).all()
    assert (mine.label == theirs.value).all()
    assert (mine.end_at == theirs.end_at).all()
    counts = np.bincount(mine.label[mine.mature], minlength=3)
    assert len(candles) > 1_500
    assert (counts > 20).all(), "every class was compared"
    assert not mine.mature[-1]


def test_a_candle_that_reaches_both_levels_is_no_ones():
    candles, atr_jpy = quarters()
    barriers = Barriers(atr_multiple=0.3, horizon_candles=4)
    both = labels.label(candles, atr_jpy, barriers).ambiguous
    assert both.sum() > 50
    assert (outcomes(candles, atr_jpy, barriers).label[both] == NEITHER).all()


def test_without_candles_there_are_no_outcomes():
    candles, atr_jpy = quarters(days=3)
    none = outcomes(candles.rows(0, 0), atr_jpy[:0], Barriers(atr_multiple=1.0, horizon_candles=4))
    assert len(none.label) == len(none.mature) == 0


def test_independence_is_the_uniqueness_of_learning():
    random = np.random.default_rng(4)
    as_of = START + np.cumsum(random.integers(1, 5, 300)) * 900_000
    end_at = as_of + random.integers(1, 60, 300) * 900_000
    assert independence(as_of, end_at, step_ms=900_000) == pytest.approx(uniqueness(as_of, end_at, step_ms=900_000))
    assert len(independence(as_of[:0], end_at[:0], step_ms=900_000)) == 0


def said(random, count: int) -> np.ndarray:
    raw = random.random((count, 3)) + 0.2
    return raw / raw.sum(axis=1, keepdims=True)


def test_scores_are_those_of_learning():
    random = np.random.default_rng(5)
    probabilities, label, weight = said(random, 800), random.integers(0, 3, 800), random.random(800)
    mine = score(probabilities, label.astype(np.int8), weight)
    losses = evaluate.log_losses(probabilities, label)
    assert mine.log_loss == pytest.approx(float(np.average(losses, weights=weight)))
    assert mine.calibration_error == pytest.approx(evaluate.calibration_error(probabilities, label, weight))
    assert mine.effective_rows == pytest.approx(weight.sum())
    assert score(probabilities[:0], label[:0].astype(np.int8), weight[:0]) is None


def test_a_perfect_forecast_is_beyond_its_luck_one_time_in_a_hundred():
    random, beyond_calibration, beyond_hits, runs = np.random.default_rng(6), 0, 0, 2_000
    for _ in range(runs):
        probabilities = said(random, 60)
        drawn = (random.random((60, 1)) > np.cumsum(probabilities, axis=1)).sum(axis=1).astype(np.int8)
        mine = score(probabilities, np.minimum(drawn, 2).astype(np.int8), np.ones(60))
        beyond_calibration += mine.calibration_error > mine.calibration_luck
        touch = np.delete(probabilities, NEITHER, axis=1)
        expected = float((touch.max(axis=1)).sum() / touch.sum())
        beyond_hits += mine.hit_rate < expected - mine.hit_rate_luck(expected)
    assert beyond_calibration <= 0.02 * runs
    assert beyond_hits <= 0.02 * runs
    assert beyond_hits + beyond_calibration > 0, "the limits are so wide that nothing ever lies beyond"
