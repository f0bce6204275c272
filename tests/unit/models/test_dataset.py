import dataclasses

import numpy as np
import pytest

from models.dataset import Dataset, build, data_hash, split
from models.labels import UPPER
from shared.errors import BadData, UserError
from shared.features.catalogue import MODEL
from shared.types import Timeframe
from tests.made_trainings import market, small_settings

STEP = Timeframe.M15.ms
LEARNING = small_settings().learning


@pytest.fixture(scope="module")
def candles():
    return market(75, seed=3, edge_bp=8.0)


@pytest.fixture(scope="module")
def dataset(candles) -> Dataset:
    return build(candles, LEARNING, MODEL)


def test_rows_are_warm_labelled_and_of_the_days_asked_for(dataset, candles):
    end = int(candles[Timeframe.M15].closed_at[-1])
    assert dataset.rows.dtype == np.float32
    assert np.isfinite(dataset.rows).all()
    assert dataset.rows.shape == (len(dataset), len(MODEL))
    assert int(dataset.as_of[0]) > end - 60 * 86_400_000
    assert int(dataset.end_at.max()) <= end
    assert len(dataset) > 5_000
    assert ((dataset.weight > 0) & (dataset.weight <= 1)).all()


def test_what_comes_later_changes_no_row_that_was_complete_before(dataset, candles):
    cut = int(candles[Timeframe.M15].closed_at[-1]) - 500 * STEP
    shorter = build(
        {timeframe: part.closed_by(cut) for timeframe, part in candles.items()},
        dataclasses.replace(LEARNING, days=1_000),
        MODEL,
    )
    _, ours, theirs = np.intersect1d(dataset.as_of, shorter.as_of, return_indices=True)
    assert len(ours) > 4_000
    assert np.array_equal(dataset.rows[ours], shorter.rows[theirs])
    assert np.array_equal(dataset.label[ours], shorter.label[theirs])
    assert np.array_equal(dataset.end_at[ours], shorter.end_at[theirs])


@pytest.mark.parametrize("embargo_candles", [0, 1, 48, 96])
def test_no_label_of_a_part_reaches_into_the_next_one(dataset, embargo_candles):
    parts = split(dataset, held_out_share=0.25, embargo_ms=embargo_candles * STEP)
    for earlier, later in ((parts.training, parts.calibration), (parts.calibration, parts.validation)):
        begins = int(later.as_of[0])
        assert int(earlier.end_at.max()) + embargo_candles * STEP <= begins
        assert (earlier.as_of < begins).all()
        assert len(np.intersect1d(earlier.as_of, later.as_of)) == 0
    kept = sum(map(len, (parts.training, parts.calibration, parts.validation)))
    assert kept > 4_500
    assert len(dataset) - kept >= 2 * embargo_candles


def test_the_purge_takes_labels_that_are_still_open_and_leaves_those_that_are_not():
    count = 3_000
    as_of = np.arange(count, dtype=np.int64) * STEP
    lasts = np.where(np.arange(count) % 2 == 0, 1, 40)
    data = Dataset(
        names=("x",),
        as_of=as_of,
        rows=np.zeros((count, 1), dtype=np.float32),
        label=(np.arange(count) % 3).astype(np.int8),
        end_at=as_of + lasts * STEP,
        weight=np.ones(count),
    )
    parts = split(data, held_out_share=0.25, embargo_ms=0)
    begins = int(parts.calibration.as_of[0])
    near = parts.training.as_of[parts.training.as_of > begins - 39 * STEP]
    assert len(near) == 19
    assert (near // STEP % 2 == 0).all()


def test_too_few_rows_or_labels_are_said_with_numbers(dataset):
    few = dataset.between(0, int(dataset.as_of[700]), known_by=2**62)
    with pytest.raises(UserError, match=r"training has 5\d\d usable rows"):
        split(few, held_out_share=0.25, embargo_ms=0)
    one_sided = dataclasses.replace(dataset, label=np.full(len(dataset), UPPER, dtype=np.int8))
    with pytest.raises(UserError, match="0 lower, 0 neither, "):
        split(one_sided, held_out_share=0.25, embargo_ms=0)
    with pytest.raises(UserError, match="no row is warm"):
        split(dataset.between(0, 0, known_by=0), held_out_share=0.25, embargo_ms=0)


def test_a_missing_timeframe_or_feature_is_named(candles):
    with pytest.raises(BadData, match="4h"):
        build({Timeframe.M15: candles[Timeframe.M15]}, LEARNING, MODEL)
    with pytest.raises(BadData, match="phase_of_the_moon"):
        build(candles, LEARNING, ("rsi_14", "phase_of_the_moon"))


def test_the_data_hash_changes_with_one_yen(candles):
    quarters = candles[Timeframe.M15]
    close = quarters.close.copy()
    close[1_000] += 1
    changed = {**candles, Timeframe.M15: dataclasses.replace(quarters, close=close)}
    assert data_hash(changed) != data_hash(candles)
    assert data_hash(dict(candles)) == data_hash(candles)
