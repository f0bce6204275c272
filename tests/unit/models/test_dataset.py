import dataclasses

import numpy as np
import pytest

from models.data.dataset import Dataset, build, candles_hash, split
from models.data.labels import UPPER
from models.data.realised import realised_next
from models.data.uniqueness import uniqueness
from shared import features
from shared.core.errors import BadData, UserError
from shared.core.types import Timeframe
from shared.features.catalogue import MODEL, PHASE19, PHASE22
from shared.model.question import features_of
from tests.support.made_trainings import market, small_settings

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
    for earlier, later in (
        (parts.training, parts.calibration),
        (parts.calibration, parts.validation),
    ):
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
    assert candles_hash(changed) != candles_hash(candles)
    assert candles_hash(dict(candles)) == candles_hash(candles)


def test_the_whole_history_cut_by_time_equals_a_dataset_of_that_time(candles):
    whole = build(candles, LEARNING, days=None, computed=features.compute(candles))
    recent = build(candles, LEARNING)
    assert len(whole) > len(recent) > 5_000
    cut = whole.between(int(recent.as_of[0]), int(recent.as_of[-1]) + 1, known_by=2**62)
    for each in dataclasses.fields(Dataset):
        ours, theirs = getattr(cut, each.name), getattr(recent, each.name)
        assert (
            ours == theirs
            if isinstance(ours, tuple)
            else np.array_equal(ours, theirs, equal_nan=True)
        ), each.name


def test_features_of_other_candles_are_refused(candles):
    others = features.compute({timeframe: part.rows(0, -1) for timeframe, part in candles.items()})
    with pytest.raises(BadData, match="other instants"):
        build(candles, LEARNING, computed=others)


def test_the_settings_choose_the_features_and_their_order(candles):
    for chosen, expected in (("model", MODEL), ("phase19", PHASE19), ("phase22", PHASE22)):
        learning = dataclasses.replace(LEARNING, features=chosen)
        assert features_of(learning) == expected
        assert build(candles, learning).names == expected


def test_the_volatility_to_come_is_what_the_next_sixteen_candles_had(candles):
    quarters = candles[Timeframe.M15]
    found, close = realised_next(quarters), quarters.close
    whole = 0
    for row in range(0, len(quarters), 97):
        coming = quarters.opened_at[row : row + 17]
        if len(coming) < 17 or coming[-1] - coming[0] != 16 * STEP:
            assert np.isnan(found[row])
            continue
        moves = close[row + 1 : row + 17] / close[row : row + 16] - 1.0
        assert found[row] == pytest.approx(np.sqrt((moves**2).sum()), rel=1e-12)
        whole += 1
    assert whole > 60
    assert np.isnan(found[-16:]).all()
    holes = np.flatnonzero(np.diff(quarters.opened_at) != STEP)
    assert len(holes) > 5
    assert np.isnan(found[holes]).all()


def test_past_and_coming_volatility_meet_without_overlap(dataset):
    assert np.array_equal(dataset.volatility_known_at, dataset.as_of + 16 * STEP)
    later = np.searchsorted(dataset.as_of, dataset.volatility_known_at)
    there = np.flatnonzero(np.isfinite(dataset.volatility_next) & (later < len(dataset)))
    there = there[dataset.as_of[later[there]] == dataset.volatility_known_at[there]]
    assert len(there) > 4_000
    assert dataset.volatility_past[later[there], 0] == pytest.approx(
        dataset.volatility_next[there], rel=1e-12
    )


def test_a_cut_counts_uniqueness_among_its_own_rows(dataset):
    cut = dataset.between(int(dataset.as_of[1_000]), int(dataset.as_of[3_000]), known_by=2**62)
    assert np.array_equal(cut.weight, uniqueness(cut.as_of, cut.end_at, step_ms=STEP))
    assert cut.effective > dataset.weight[1_000:3_000].sum()
    nothing = dataset.between(0, 1, known_by=0)
    assert (len(nothing), nothing.effective, nothing.rows.shape) == (0, 0.0, (0, len(MODEL)))


def test_thinned_rows_stay_the_same_whatever_stands_before_them(dataset):
    first, end = int(dataset.as_of[0]), int(dataset.as_of[-1]) + 1
    for start in (first, first + STEP, first + 5 * STEP):
        thin = dataset.between(start, end, known_by=2**62, row_step=3)
        assert (thin.as_of // STEP % 3 == 0).all()
        assert len(thin) == pytest.approx(len(dataset) / 3, abs=60)
    assert thin.effective > dataset.effective * 0.8


def test_the_results_of_trades_agree_with_the_labels(dataset):
    distance = LEARNING.barrier_atr * dataset.atr_rate
    won = dataset.label == UPPER
    days = (dataset.end_at - dataset.as_of) // 86_400_000 + 1
    assert won.sum() > 300
    assert dataset.long_net[won] == pytest.approx((distance - 0.0004 * days)[won], abs=1e-12)
    assert (dataset.short_net[won] <= (-distance - 0.00155 - 0.0004 * days)[won] + 1e-12).all()
    assert (dataset.long_net + dataset.short_net < 0).all()


def test_an_array_of_another_length_is_refused(dataset):
    with pytest.raises(BadData, match="values of close"):
        dataclasses.replace(dataset, close=dataset.close[1:])


def test_the_label_of_the_settings_is_the_one_that_is_built(candles):
    learning = dataclasses.replace(LEARNING, label="next_candle")
    dataset = build(candles, learning)
    assert np.array_equal(dataset.end_at, dataset.as_of + STEP)
    assert np.bincount(dataset.label, minlength=3).min() > 100
    assert np.array_equal(dataset.weight, np.ones(len(dataset)))
