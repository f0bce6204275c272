"""Asking all questions of all rows gives the walk's own float64, whatever the trees."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models.fit.export import Tree, flatten, rounded_down
from shared.model import many
from shared.model.forest import MANY_ROWS, Forest

FEATURES = 5


def forest_of(seed: int, *, trees: int, depth: int, coarse: bool) -> Forest:
    """Random trees of at most `depth` levels; `coarse` thresholds repeat, as those of histograms
    do.
    """
    rng = np.random.default_rng(seed)

    def tree() -> Tree:
        nodes: list[tuple[int, float, int, int]] = []

        def grow(level: int) -> int:
            at = float(rng.normal())
            nodes.append((int(rng.integers(FEATURES)), round(at) / 2 if coarse else at, -1, -1))
            node = len(nodes) - 1
            if level and (level == depth or rng.random() < 0.8):
                left, right = grow(level - 1), grow(level - 1)
                nodes[node] = (*nodes[node][:2], left, right)
            return node

        grow(int(rng.integers(depth + 1)))
        feature, threshold, left, right = (np.array(column) for column in zip(*nodes, strict=True))
        value = rng.normal(size=(len(nodes), 3)) * (rng.random(3) < 0.6)
        return Tree(
            feature=feature, threshold=rounded_down(threshold), left=left, right=right, value=value
        )

    return flatten([tree() for _ in range(trees)], feature_count=FEATURES)


def rows_of(seed: int, count: int) -> np.ndarray:
    """Rows that often lie exactly on a coarse threshold."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, FEATURES))
    return np.where(rng.random(rows.shape) < 0.3, np.round(rows) / 2, rows).astype(np.float32)


def asked_of(forest: Forest) -> many.Questions:
    return many.questions(
        feature=forest.feature,
        threshold=forest.threshold,
        left=forest.left,
        roots=forest.roots,
        depth=forest.depth,
    )


@settings(max_examples=60)
@given(
    st.integers(0, 10_000),
    st.integers(1, 9),
    st.integers(1, many.DEEPEST),
    st.booleans(),
    st.integers(0, 60),
)
def test_every_sum_is_the_walks_own_float64(seed, trees, depth, coarse, count):
    forest = forest_of(seed, trees=trees, depth=depth, coarse=coarse)
    assume(forest.depth > 0)
    rows, spans = rows_of(seed + 1, count), [(0, trees // 2), (trees // 2, trees), (0, trees)]
    walked, asked = (
        forest.walk_rows(rows, spans),
        many.sums(rows, asked_of(forest), forest.value, spans),
    )
    assert all(np.array_equal(one, other) for one, other in zip(walked, asked, strict=True))


@pytest.mark.parametrize("count", [MANY_ROWS - 1, MANY_ROWS, 4_095, 4_096, 4_097, 9_000])
def test_the_number_of_rows_changes_no_sum(count):
    forest, rows, spans = (
        forest_of(1, trees=150, depth=5, coarse=True),
        rows_of(2, count),
        [(0, 100), (100, 150)],
    )
    for one, other in zip(forest.walk_rows(rows, spans), forest.sums(rows, spans), strict=True):
        assert one.shape == other.shape == (count, 3)
        assert np.array_equal(one, other)
        assert other.flags.c_contiguous


def test_equal_questions_are_asked_once():
    forest = forest_of(3, trees=200, depth=5, coarse=True)
    asked = asked_of(forest)
    pairs = list(zip(asked.feature.tolist(), asked.threshold.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs) < 100
    assert pairs == sorted(pairs, key=lambda pair: pair[0])
    assert asked.asked.shape == (200, 31)


def test_trees_of_one_leaf_and_trees_too_deep_for_a_byte_are_walked():
    flat = forest_of(1, trees=3, depth=0, coarse=False)
    deep = forest_of(4, trees=12, depth=many.DEEPEST + 3, coarse=False)
    assert flat.depth == 0
    assert deep.depth > many.DEEPEST
    for forest in (flat, deep):
        rows = rows_of(5, MANY_ROWS + 7)
        assert np.array_equal(forest.sums(rows, [(0, 3)])[0], forest.walk_rows(rows, [(0, 3)])[0])


@pytest.mark.parametrize("count", [1, MANY_ROWS - 1, MANY_ROWS, 3_000])
def test_a_part_of_the_trees_adds_up_to_what_its_span_does_in_the_whole(count):
    """The heads' trees may lie less deep than the members': their part keeps the whole's depth."""
    shallow, deep = (
        forest_of(6, trees=20, depth=1, coarse=True),
        forest_of(7, trees=30, depth=6, coarse=True),
    )
    forest = Forest(
        feature=np.concatenate([shallow.feature, deep.feature]),
        threshold=np.concatenate([shallow.threshold, deep.threshold]),
        left=np.concatenate([shallow.left, deep.left + len(shallow.left)]),
        value=np.concatenate([shallow.value, deep.value]),
        roots=np.concatenate([shallow.roots, deep.roots + len(shallow.left)]),
        depth=deep.depth,
    )
    rows, spans = rows_of(8, count), [(0, 20), (20, 50), (5, 31), (49, 50), (50, 50)]
    for (first, last), whole in zip(spans, forest.walk_rows(rows, spans), strict=True):
        part = forest.part(first, last)
        assert len(part.roots) == last - first
        if last > first:
            assert np.array_equal(part.sums(rows, [(0, last - first)])[0], whole)
            assert np.array_equal(part.walk_rows(rows, [(0, last - first)])[0], whole)
