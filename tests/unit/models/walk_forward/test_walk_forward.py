import dataclasses

import numpy as np
import pytest

from models.data.dataset import build
from models.data.labels import costs_of
from models.fit.train import train
from models.walk_forward import walk_forward
from shared import features, model
from shared.core.errors import BadData, UserError
from shared.core.types import Timeframe
from shared.model import predict_rows
from shared.model.signing import public_of
from shared.stores.memory import MemoryBucket
from shared.turn import pipeline
from tests.support.made_trainings import COMMIT, SIGNING_KEY, market
from tests.support.made_walks import DAY_MS, SEED, last_at, quick_settings, rows, walked


def same(one, other) -> None:
    assert one.recipe == other.recipe
    np.testing.assert_array_equal(one.probabilities, other.probabilities)
    np.testing.assert_array_equal(one.volatility, other.volatility)
    for name in (
        "as_of",
        "end_at",
        "label",
        "weight",
        "probabilities",
        "volatility_only",
        "known_at",
    ):
        np.testing.assert_array_equal(
            getattr(one.rows, name), getattr(other.rows, name), err_msg=name
        )
    plain = [
        [dataclasses.replace(fold, seconds=0.0, cached=False) for fold in walk.folds]
        for walk in (one, other)
    ]
    assert plain[0] == plain[1]


@pytest.mark.parametrize(
    "learning",
    [
        {},
        {"meta_head": True, "row_step": 2, "weights_from": "fitted"},
        {"label": "next_candle", "features": "phase22"},
    ],
    ids=["default", "heads and thinned rows", "the seeds' label and features"],
)
def test_each_fold_says_what_the_bundle_of_a_training_at_its_instant_says(learning):
    """The walk is cut from the whole history; the training sees nothing but the candles that were
    closed then.
    """
    settings = quick_settings(**learning)
    candles = market(100, seed=3, edge_bp=8.0)
    computed = features.compute(candles)
    dataset = build(
        candles, settings.learning, days=None, computed=computed, costs=costs_of(settings)
    )
    end_at = last_at(computed) + 1
    walk = walk_forward(
        dataset, computed, settings, first_at=end_at - 10 * DAY_MS, end_at=end_at, seed=SEED, jobs=1
    )
    compared = 0
    for fold in walk.folds:
        # a retraining takes place at the Monday before the first decision
        at = (
            fold.from_at
            if fold.number
            else fold.from_at - (fold.from_at - 4 * DAY_MS) % (7 * DAY_MS)
        )
        made = train(candles, settings, as_of=at, seed=SEED, commit=COMMIT, signing_key=SIGNING_KEY)
        bundle = model.load_bundle(
            made.files, public_keys=(public_of(SIGNING_KEY),), version=made.version
        )
        assert made.manifest.recipe == walk.recipe
        assert (made.manifest.training, made.manifest.calibrating) == (
            fold.training,
            fold.calibrating,
        )
        inside = np.flatnonzero((computed.as_of >= fold.from_at) & (computed.as_of < fold.to_at))
        columns = [computed.names.index(name) for name in made.manifest.features]
        wanted = predict_rows(computed.values[np.ix_(inside, columns)].astype(np.float32), bundle)
        assert (
            np.abs(walk.probabilities[inside] - wanted).max() <= 5.1e-7
        )  # they are rounded to 1e-6
        done = pipeline.stages(candles, bundle=bundle, settings=settings, computed=computed)
        said = walk.prediction(computed)
        if settings.learning.volatility_head:
            np.testing.assert_array_equal(
                said.volatility[inside], done.prediction.volatility[inside]
            )
            assert np.isfinite(said.volatility[inside]).all()
        if settings.learning.meta_head:
            np.testing.assert_array_equal(said.p_vote[inside], done.prediction.p_vote[inside])
            assert np.isfinite(said.p_vote[inside]).sum() > 50
        compared += len(inside)
    assert len(walk.folds) >= 2
    assert compared > 900


def test_no_model_learned_from_anything_that_its_decisions_could_touch():
    walk, settings = walked(), quick_settings()
    embargo_ms = settings.learning.horizon_candles * Timeframe.M15.ms
    _, computed = rows()
    decided = np.isfinite(walk.probabilities).all(axis=1)
    assert decided.sum() > 1_700
    assert computed.as_of[decided].min() == walk.start_at
    for fold in walk.folds:
        assert fold.training.label_end_at <= fold.calibrating.from_at - embargo_ms
        assert fold.calibrating.label_end_at <= fold.from_at - embargo_ms
    assert (walk.rows.known_at + embargo_ms <= walk.rows.as_of).all()
    assert len(walk.rows) > 1_600
    assert [one.to_at for one in walk.folds[:-1]] == [one.from_at for one in walk.folds[1:]]


def test_what_comes_after_a_decision_changes_nothing_of_it():
    """A history that ends earlier gives the same predictions up to there, bit for bit."""
    settings = quick_settings()
    whole = walked(back_days=15.0)
    candles = {
        frame: part.closed_by(whole.folds[1].to_at)
        for frame, part in market(100, seed=3, edge_bp=8.0).items()
    }
    computed = features.compute(candles)
    dataset = build(
        candles, settings.learning, days=None, computed=computed, costs=costs_of(settings)
    )
    shorter = walk_forward(
        dataset,
        computed,
        settings,
        first_at=whole.start_at,
        end_at=whole.folds[1].to_at,
        seed=SEED,
        jobs=1,
    )
    count = len(computed.as_of)
    told = np.isfinite(shorter.probabilities).all(axis=1)
    assert told.sum() > 1_000
    np.testing.assert_array_equal(shorter.probabilities[told], whole.probabilities[:count][told])


def test_two_processes_a_cache_and_this_process_alone_give_the_same_walk():
    bucket = MemoryBucket()
    alone = walked()
    same(alone, walked(jobs=2, cache=bucket))
    again = walked(cache=bucket)
    same(alone, again)
    assert all(fold.cached for fold in again.folds)
    assert len(bucket.keys("folds/")) == len(alone.folds) >= 3


def test_a_week_later_one_fold_is_new():
    bucket, settings = MemoryBucket(), quick_settings()
    dataset, computed = rows()
    monday = walked().folds[-1].from_at
    ends = {"first_at": monday - 14 * DAY_MS, "seed": SEED, "jobs": 1, "cache": bucket}
    walk_forward(dataset, computed, settings, end_at=monday - 7 * DAY_MS, **ends)
    after = walk_forward(dataset, computed, settings, end_at=monday, **ends)
    assert [fold.cached for fold in after.folds] == [True, False]


@pytest.mark.parametrize("meta", [False, True])
def test_other_rules_of_voting_find_the_same_folds_unless_the_meta_head_learned_from_the_votes(
    meta,
):
    bucket, settings = MemoryBucket(), quick_settings(meta_head=meta)
    first = walked(settings=settings, back_days=5.0, cache=bucket)
    milder = dataclasses.replace(
        settings, consensus=dataclasses.replace(settings.consensus, agreement=0.2)
    )
    again = walked(settings=milder, back_days=5.0, cache=bucket)
    assert [fold.cached for fold in again.folds] == [not meta] * len(first.folds)
    if not meta:
        same(first, again)


@pytest.fixture(scope="module")
def kept():
    """Five days that were walked once: the walk, and its folds in a bucket."""
    bucket = MemoryBucket()
    return walked(back_days=5.0, cache=bucket), bucket


@pytest.mark.parametrize(
    "damage", ["cut short", "flipped", "other shape", "no probabilities", "empty"]
)
def test_a_damaged_fold_is_worked_again_and_replaced(kept, damage):
    good, whole = kept
    bucket = MemoryBucket()
    for key in whole.keys("folds/"):
        bucket.put(key, whole.get(key).data)
    key = bucket.keys("folds/")[0]
    data = bucket.get(key).data
    bucket.put(key, spoilt(data, damage))
    again = walked(back_days=5.0, cache=bucket)
    same(good, again)
    assert [fold.cached for fold in again.folds].count(False) == 1
    read = walked(back_days=5.0, cache=bucket)
    assert all(fold.cached for fold in read.folds)


def spoilt(data: bytes, damage: str) -> bytes:
    from shared.model.arrays import pack, unpack

    if damage == "cut short":
        return data[: len(data) // 2]
    if damage == "empty":
        return b""
    if damage == "flipped":
        place = len(data) // 3
        return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]
    names = (
        "probabilities",
        "volatility_only",
        "volatility",
        "p_vote",
        "training",
        "calibrating",
        "numbers",
    )
    arrays = unpack(data, names, what="fold")
    if damage == "other shape":
        arrays["volatility"] = arrays["volatility"][:-1]
    else:
        arrays["probabilities"] = arrays["probabilities"] + 0.1
    return pack(arrays)


def test_another_seed_recipe_or_candle_is_another_fold():
    bucket = MemoryBucket()
    walked(back_days=5.0, cache=bucket)
    first = set(bucket.keys("folds/"))
    dataset, computed = rows()
    end_at = last_at(computed) + 1
    ends = {"first_at": end_at - 5 * DAY_MS, "end_at": end_at, "jobs": 1, "cache": bucket}
    walk_forward(dataset, computed, quick_settings(), seed=8, **ends)
    walk_forward(dataset, computed, quick_settings(learning_rate=0.2), seed=SEED, **ends)
    label = dataset.label.copy()
    place = int(np.searchsorted(dataset.as_of, end_at - 40 * DAY_MS))
    label[place] = (label[place] + 1) % 3
    walk_forward(
        dataclasses.replace(dataset, label=label), computed, quick_settings(), seed=SEED, **ends
    )
    assert len(bucket.keys("folds/")) == 4 * len(first)


def test_the_rows_for_the_gate_are_the_labelled_ones_with_their_own_uniqueness():
    walk = walked()
    dataset, _ = rows()
    part = dataset.between(walk.start_at, walk.end_at, known_by=int(dataset.end_at.max()))
    np.testing.assert_array_equal(walk.rows.as_of, part.as_of)
    np.testing.assert_array_equal(walk.rows.label, part.label)
    np.testing.assert_array_equal(walk.rows.weight, part.weight)
    for given in (walk.rows.probabilities, walk.rows.volatility_only):
        assert np.abs(given.sum(axis=1) - 1).max() < 2e-6
        assert given.min() >= 0
    assert not np.array_equal(walk.rows.probabilities, walk.rows.volatility_only)


def test_progress_begins_at_nothing_goes_forward_and_ends_whole():
    told = []
    walked(back_days=10.0, on_progress=lambda _text, share: told.append(share))
    assert told[0] == 0.0
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) >= 4


def test_a_retraining_without_enough_rows_leaves_the_decisions_to_the_model_before():
    dataset, computed = rows()
    whole = walked()
    hole = whole.folds[1].from_at
    # the calibration rows of the second retraining are not there
    span = (dataset.as_of > hole - 15 * DAY_MS) & (dataset.as_of <= hole - 5 * DAY_MS)
    emptier = dataset.at(np.flatnonzero(~span))
    walk = walk_forward(
        emptier,
        computed,
        quick_settings(days=30),
        first_at=whole.start_at - 21 * DAY_MS,
        end_at=whole.end_at,
        seed=SEED,
        jobs=1,
    )
    lengths = [one.to_at - one.from_at for one in walk.folds]
    assert max(lengths) >= 14 * DAY_MS
    assert [one.to_at for one in walk.folds[:-1]] == [one.from_at for one in walk.folds[1:]]


def test_too_little_history_before_the_first_decision_is_said():
    dataset, computed = rows()
    with pytest.raises(UserError, match="first retraining"):
        walk_forward(
            dataset,
            computed,
            quick_settings(),
            first_at=int(dataset.as_of[0]) + 5 * DAY_MS,
            end_at=int(dataset.as_of[0]) + 25 * DAY_MS,
            seed=SEED,
            jobs=1,
        )


def test_rows_of_other_candles_are_refused():
    dataset, computed = rows()
    other = dataclasses.replace(computed, as_of=computed.as_of + 1)
    with pytest.raises(BadData, match="same candles"):
        walk_forward(dataset, other, quick_settings(), first_at=0, end_at=1, seed=SEED, jobs=1)
