from datetime import UTC, datetime
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.dataset import Dataset
from models.data.leaks import inspect_split
from models.data.splits import combinatorial, retrained_at, walk_forward_folds
from shared.core.calendar import DAY_MS
from shared.core.errors import UserError
from shared.core.types import Timeframe

STEP = Timeframe.M15.ms


def dataset_of(as_of, end_at) -> Dataset:
    count = len(as_of)
    return Dataset(
        names=("x",),
        as_of=as_of,
        rows=np.zeros((count, 1), dtype=np.float32),
        label=(np.arange(count) % 3).astype(np.int8),
        end_at=end_at,
        weight=np.ones(count),
    )


@st.composite
def labelled(draw):
    """Instants with holes, and labels that end at random later ones."""
    count = draw(st.integers(12, 120))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    as_of = np.cumsum(random.choice([1, 1, 1, 2, 9], count)) * STEP
    return as_of, as_of + random.integers(1, draw(st.integers(2, 20)), count) * STEP


def brute_force(as_of, end_at, test, embargo_ms) -> list[int]:
    """Rows that may learn, row by row: judged stretches are runs of test rows; nothing of a label
    comes near one.
    """
    stretches, run = [], [test[0]]
    for row in [*test[1:], None]:
        if row is not None and row == run[-1] + 1:
            run.append(row)
            continue
        stretches.append((as_of[run[0]], max(end_at[each] for each in run)))
        run = [row]
    judged = set(test)
    return [
        row
        for row in range(len(as_of))
        if row not in judged
        and all(
            end_at[row] + embargo_ms <= first or as_of[row] >= last + embargo_ms
            for first, last in stretches
        )
    ]


COUNTS = {"splits": 0, "purged": 0, "pairs": 0}


@settings(max_examples=60, deadline=None)
@given(labelled(), st.integers(3, 6), st.integers(1, 2), st.integers(0, 12))
def test_combinatorial_splits_equal_brute_force_and_no_training_label_comes_near_a_test_row(
    told, groups, held_out, embargo
):
    as_of, end_at = told
    embargo_ms = embargo * STEP
    found = combinatorial(as_of, end_at, groups=groups, held_out=held_out, embargo_ms=embargo_ms)
    assert [fold.groups for fold in found.splits] == list(combinations(range(groups), held_out))
    for fold in found.splits:
        expected = brute_force(as_of.tolist(), end_at.tolist(), fold.test.tolist(), embargo_ms)
        # Neighbouring groups are one stretch to the brute force, two to the fences: the same rows
        # are left.
        assert fold.training.tolist() == expected
        starts, ends = as_of[fold.training], end_at[fold.training]
        for row in fold.test:
            apart = (ends + embargo_ms <= as_of[row]) | (starts >= end_at[row] + embargo_ms)
            assert apart.all()
            COUNTS["pairs"] += len(apart)
        COUNTS["splits"] += 1
        COUNTS["purged"] += len(as_of) - len(fold.test) - len(fold.training)


def test_that_comparison_met_many_splits_and_purged_rows():
    COUNTS.update(dict.fromkeys(COUNTS, 0))  # the same wherever the comparison itself runs
    test_combinatorial_splits_equal_brute_force_and_no_training_label_comes_near_a_test_row()
    assert COUNTS["splits"] > 200
    assert COUNTS["purged"] > 500
    assert COUNTS["pairs"] > 50_000


def test_six_groups_with_two_held_out_are_fifteen_splits_and_five_paths():
    as_of = np.arange(600, dtype=np.int64) * STEP
    found = combinatorial(as_of, as_of + STEP)
    assert len(found.splits) == 15
    assert found.paths.shape == (5, 6)


@pytest.mark.parametrize(
    ("groups", "held_out", "paths"), [(6, 2, 5), (5, 2, 4), (6, 3, 10), (4, 1, 1)]
)
def test_every_path_judges_every_row_once_and_every_split_judges_each_of_its_groups_once(
    groups, held_out, paths
):
    as_of = np.arange(101, dtype=np.int64) * STEP
    found = combinatorial(as_of, as_of + STEP, groups=groups, held_out=held_out)
    used = [(int(number), group) for path in found.paths for group, number in enumerate(path)]
    assert len(found.paths) == paths
    assert sorted(used) == sorted(
        (number, group) for number, fold in enumerate(found.splits) for group in fold.groups
    )
    along = found.along_paths([fold.test.astype(np.float64) for fold in found.splits])
    assert np.array_equal(along, np.tile(np.arange(101.0), (paths, 1)))


def test_what_a_path_tells_comes_from_the_split_that_it_names():
    as_of = np.arange(30, dtype=np.int64) * STEP
    found = combinatorial(as_of, as_of + STEP, groups=3, held_out=2)
    along = found.along_paths(
        [np.full((len(fold.test), 2), number) for number, fold in enumerate(found.splits)]
    )
    assert along.shape == (2, 30, 2)
    assert np.array_equal(along[:, ::10, 0], found.paths)


def test_a_horizon_of_sixteen_candles_costs_fifteen_rows_on_each_open_side_of_what_is_judged():
    as_of = np.arange(36_000, dtype=np.int64) * STEP
    for fold in combinatorial(as_of, as_of + 16 * STEP).splits:
        sides = (
            {group + side for group in fold.groups for side in (-1, 1)} - set(fold.groups) - {-1, 6}
        )
        open_sides = sum((group + side) in sides for group in fold.groups for side in (-1, 1))
        assert len(fold.training) == 24_000 - 15 * open_sides


def test_nothing_to_learn_from_is_refused():
    as_of = np.arange(5, dtype=np.int64) * STEP
    for groups, held_out in ((6, 2), (3, 3), (3, 0)):
        with pytest.raises(UserError, match="cannot be held out"):
            combinatorial(as_of, as_of + STEP, groups=groups, held_out=held_out)


def day(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def windows(first: str, end: str, **changed):
    told = {
        "days": 30,
        "every_days": 7,
        "calibration_share": 0.1,
        "embargo_ms": 48 * STEP,
    } | changed
    return walk_forward_folds(first_at=day(first), end_at=day(end), **told)


def test_weekly_retrainings_begin_iso_weeks():
    for at in ("2025-06-02T00:00", "2025-06-05T17:45", "2025-06-08T23:59"):
        assert retrained_at(day(at), every_days=7) == day("2025-06-02T00:00")
    found = windows("2025-06-05T12:00", "2025-07-01T00:00")
    assert [datetime.fromtimestamp(window.at / 1000, UTC).isoformat()[:16] for window in found] == [
        *(
            "2025-06-02T00:00",
            "2025-06-09T00:00",
            "2025-06-16T00:00",
            "2025-06-23T00:00",
            "2025-06-30T00:00",
        ),
    ]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400 * 96), st.integers(1, 120 * 96), st.integers(1, 28), st.integers(1, 400))
def test_every_instant_is_decided_by_the_newest_retraining_before_it(start, length, every, days):
    first_at, end_at = (
        day("2024-01-03T00:00") + start * STEP,
        day("2024-01-03T00:00") + (start + length) * STEP,
    )
    found = walk_forward_folds(
        first_at=first_at,
        end_at=end_at,
        days=days,
        every_days=every,
        calibration_share=0.2,
        embargo_ms=STEP,
    )
    assert (found[0].from_at, found[-1].to_at) == (first_at, end_at)
    assert [window.number for window in found] == list(range(len(found)))
    for window, following in pairwise(found):
        assert window.to_at == following.from_at == following.at
        assert following.at - window.at == every * DAY_MS
    for window in found:
        assert window.at <= window.from_at < window.to_at <= window.at + every * DAY_MS
        assert window.learn_from_at < window.calibrate_at < window.at
        assert window.at - window.learn_from_at == days * DAY_MS


def test_each_fold_learns_calibrates_and_decides_apart():
    as_of = day("2025-01-01T00:00") + np.arange(120 * 96, dtype=np.int64) * STEP
    data = dataset_of(as_of, as_of + np.random.default_rng(1).integers(1, 49, len(as_of)) * STEP)
    checked = 0
    for window in windows("2025-03-01T06:00", "2025-04-20T00:00"):
        parts = window.cut(data)
        assert not inspect_split(parts, embargo_ms=window.embargo_ms)
        assert parts.training.end_at.max() <= window.calibrate_at - window.embargo_ms
        assert parts.calibration.end_at.max() <= window.at - window.embargo_ms
        assert (parts.validation.as_of >= window.from_at).all()
        assert (parts.validation.as_of < window.to_at).all()
        checked += len(parts.validation)
    assert checked == round((day("2025-04-20T00:00") - day("2025-03-01T06:00")) / STEP)


def test_thinning_takes_rows_of_the_training_only_and_the_same_ones_in_every_fold():
    as_of = day("2025-01-01T00:00") + np.arange(60 * 96, dtype=np.int64) * STEP
    data = dataset_of(as_of, as_of + 4 * STEP)
    one, other = windows("2025-02-05T00:00", "2025-02-17T00:00")[:2]
    thin, later, full = one.cut(data, row_step=4), other.cut(data, row_step=4), one.cut(data)
    assert len(thin.training) == pytest.approx(len(full.training) / 4, abs=1)
    assert np.array_equal(thin.calibration.as_of, full.calibration.as_of)
    assert np.array_equal(thin.validation.as_of, full.validation.as_of)
    both = (thin.training.as_of >= other.learn_from_at) & (thin.training.as_of < one.calibrate_at)
    assert np.isin(thin.training.as_of[both], later.training.as_of).all()
    assert both.sum() > 400
    assert thin.training.weight == pytest.approx(np.ones(len(thin.training)))
    assert full.training.effective == pytest.approx(thin.training.effective, rel=0.01)


def test_a_walk_forward_without_decisions_or_without_a_part_is_refused():
    with pytest.raises(UserError, match="decides nothing"):
        windows("2025-02-05T00:00", "2025-02-05T00:00")
    for share in (0.0, 1.0):
        with pytest.raises(UserError, match="without time"):
            windows("2025-02-05T00:00", "2025-03-05T00:00", calibration_share=share)
