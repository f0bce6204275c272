import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.uniqueness import (
    effective_count,
    sequential_bootstrap,
    sequential_probabilities,
    uniqueness,
)
from shared.core.types import Timeframe

STEP = Timeframe.M15.ms
# Advances in Financial Machine Learning, chapter 4.5: the spans [0-2], [2-3], [4-5]
STARTS, ENDS = np.array([0, 2, 4]) * STEP, np.array([3, 4, 6]) * STEP


def test_uniqueness_of_the_books_example():
    assert uniqueness(STARTS, ENDS, step_ms=STEP) == pytest.approx([5 / 6, 3 / 4, 1.0], abs=1e-15)


def test_after_drawing_the_second_label_of_the_books_example_it_is_the_least_likely_next():
    drawn = np.array([1])
    assert sequential_probabilities(STARTS, ENDS, drawn, step_ms=STEP) == pytest.approx(
        [5 / 14, 3 / 14, 6 / 14], abs=1e-15
    )


def test_before_any_draw_all_labels_are_as_likely():
    nothing = np.empty(0, dtype=np.int64)
    assert sequential_probabilities(STARTS, ENDS, nothing, step_ms=STEP) == pytest.approx(
        [1 / 3] * 3
    )


def test_a_label_that_ends_in_the_next_candle_everywhere_is_unique():
    starts = np.arange(50) * STEP
    assert np.array_equal(uniqueness(starts, starts + STEP, step_ms=STEP), np.ones(50))


def test_twelve_candles_of_horizon_leave_a_twelfth_of_the_labels():
    starts = np.arange(5_000) * STEP
    assert effective_count(starts, starts + 12 * STEP, step_ms=STEP) == pytest.approx(
        5_000 / 12, rel=0.01
    )


def test_no_labels_have_no_uniqueness():
    none = np.empty(0, dtype=np.int64)
    assert len(uniqueness(none, none, step_ms=STEP)) == 0
    assert len(sequential_probabilities(none, none, none, step_ms=STEP)) == 0


def slow_uniqueness(starts, ends) -> list[float]:
    covered = [
        range(start // STEP, max(end // STEP, start // STEP + 1))
        for start, end in zip(starts, ends, strict=True)
    ]
    counts = {step: sum(step in other for other in covered) for span in covered for step in span}
    return [sum(1 / counts[step] for step in span) / len(span) for span in covered]


def slow_chances(starts, ends, drawn) -> list[float]:
    covered = [
        range(start // STEP, max(end // STEP, start // STEP + 1))
        for start, end in zip(starts, ends, strict=True)
    ]
    means = [
        sum(1 / (1 + sum(step in covered[other] for other in drawn)) for step in span) / len(span)
        for span in covered
    ]
    return [mean / sum(means) for mean in means]


EXERCISED = {"labels": 0, "overlapping": 0}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 15)), min_size=1, max_size=30), st.data()
)
def test_both_equal_a_slow_reading_of_the_definition(spans, data):
    spans = sorted(spans)
    starts = np.array([first for first, _ in spans]) * STEP
    ends = starts + np.array([length for _, length in spans]) * STEP
    found = uniqueness(starts, ends, step_ms=STEP)
    assert found == pytest.approx(slow_uniqueness(starts.tolist(), ends.tolist()), abs=1e-12)
    drawn = np.array(
        data.draw(st.lists(st.integers(0, len(spans) - 1), max_size=10)), dtype=np.int64
    )
    chances = sequential_probabilities(starts, ends, drawn, step_ms=STEP)
    assert chances == pytest.approx(
        slow_chances(starts.tolist(), ends.tolist(), drawn.tolist()), abs=1e-12
    )
    EXERCISED["labels"] += len(spans)
    EXERCISED["overlapping"] += int((found < 1).sum())


def test_that_comparison_met_many_labels():
    test_both_equal_a_slow_reading_of_the_definition()
    assert EXERCISED["labels"] > 400
    assert EXERCISED["overlapping"] > 200


def test_the_sequential_bootstrap_draws_more_independent_labels_than_chance_does():
    random = np.random.default_rng(3)
    starts = np.sort(random.integers(0, 400, 100)) * STEP
    ends = starts + random.integers(1, 25, 100) * STEP

    def distinct_uniqueness(drawn) -> float:
        order = np.sort(drawn)
        return effective_count(starts[order], ends[order], step_ms=STEP)

    ours = [
        distinct_uniqueness(sequential_bootstrap(starts, ends, count=100, seed=seed, step_ms=STEP))
        for seed in range(40)
    ]
    plain = [
        distinct_uniqueness(np.random.default_rng(seed).integers(0, 100, 100)) for seed in range(40)
    ]
    assert np.mean(ours) > np.mean(plain) * 1.02


def test_the_sequential_bootstrap_depends_on_its_seed_alone():
    one, same, other = (
        sequential_bootstrap(STARTS, ENDS, count=40, seed=seed, step_ms=STEP) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert set(one.tolist()) == {0, 1, 2}
