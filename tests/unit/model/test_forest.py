import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fit.export import Tree, flatten, rounded_down
from shared.core.errors import BadBundle
from shared.model.arrays import pack
from shared.model.forest import LEAF_THRESHOLD, MAX_DEPTH, Forest, check_forest, from_bytes

FEATURES = 4


def random_tree(rng: np.random.Generator, depth: int) -> Tree:
    """A tree grown node by node, in the order in which a recursion meets them."""
    feature, threshold, left, right, value = [], [], [], [], []

    def grow(level: int) -> int:
        node = len(feature)
        feature.append(int(rng.integers(FEATURES)))
        threshold.append(float(rng.normal()))
        left.append(-1)
        right.append(-1)
        value.append(rng.normal(size=3))
        if level and rng.random() < 0.8:
            left[node], right[node] = grow(level - 1), grow(level - 1)
        return node

    grow(depth)
    return Tree(
        feature=np.array(feature),
        threshold=rounded_down(np.array(threshold)),
        left=np.array(left),
        right=np.array(right),
        value=np.array(value),
    )


def walked(tree: Tree, row: np.ndarray) -> np.ndarray:
    node = 0
    while tree.left[node] >= 0:
        node = int(
            tree.left[node] if row[tree.feature[node]] <= tree.threshold[node] else tree.right[node]
        )
    return tree.value[node]


def made(seed: int, trees: int = 12) -> tuple[list[Tree], Forest]:
    rng = np.random.default_rng(seed)
    grown = [random_tree(rng, int(rng.integers(0, 6))) for _ in range(trees)]
    return grown, flatten(grown, feature_count=FEATURES)


@given(seed=st.integers(0, 10_000))
def test_the_flat_walk_ends_in_the_leaf_that_a_plain_walk_ends_in(seed):
    trees, forest = made(seed)
    rows = np.random.default_rng(seed + 1).normal(size=(5, FEATURES)).astype(np.float32)
    first, second = forest.sums(rows, [(0, 5), (5, 12)])
    for index, row in enumerate(rows):
        assert np.allclose(
            first[index], sum(walked(tree, row) for tree in trees[:5]), rtol=0, atol=1e-12
        )
        assert np.allclose(
            second[index], sum(walked(tree, row) for tree in trees[5:]), rtol=0, atol=1e-12
        )


def test_a_row_gives_the_same_float64_alone_and_among_thousands():
    _, forest = made(5, trees=400)
    rows = np.random.default_rng(6).normal(size=(3_000, FEATURES)).astype(np.float32)
    (together,) = forest.sums(rows, [(0, 400)])
    chosen = np.arange(0, 3_000, 7)
    for index in chosen:
        (alone,) = forest.sums(rows[index : index + 1], [(0, 400)])
        assert np.array_equal(alone[0], together[index])
    assert len(chosen) > 400


def test_no_rows_give_no_sums():
    _, forest = made(1)
    assert forest.sums(np.empty((0, FEATURES), dtype=np.float32), [(0, 12)])[0].shape == (0, 3)


@given(st.floats(-1e30, 1e30), st.floats(-(2.0**99), 2.0**99, width=32))
def test_a_threshold_rounded_down_keeps_every_decision_of_a_float32(threshold, x):
    down = rounded_down(np.array([threshold]))[0]
    near = np.float32(threshold)
    for value in (
        np.float32(x),
        near,
        np.nextafter(near, np.float32(np.inf)),
        np.nextafter(near, np.float32(-np.inf)),
    ):
        assert (float(value) <= threshold) == bool(value <= down)


def test_trees_survive_their_bytes_and_equal_trees_have_equal_bytes():
    _, forest = made(9)
    data = forest.to_bytes()
    again = from_bytes(data, feature_count=FEATURES, tree_count=12)
    assert again.depth == forest.depth
    assert again.to_bytes() == data == made(9)[1].to_bytes()


def broken(forest: Forest, name: str, index: int, value: float) -> Forest:
    array = getattr(forest, name).copy()
    array[index] = value
    return dataclasses.replace(forest, **{name: array})


def an_inner_node(forest: Forest) -> int:
    return int(np.flatnonzero(forest.left != np.arange(len(forest.left)))[0])


def a_leaf(forest: Forest) -> int:
    return int(np.flatnonzero(forest.left == np.arange(len(forest.left)))[0])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda f: broken(f, "left", an_inner_node(f), len(f.left)), "outside the arrays"),
        (lambda f: broken(f, "left", an_inner_node(f), len(f.left) - 1), "outside the arrays"),
        (lambda f: broken(f, "left", len(f.left) - 1, 0), "before its parent"),
        (lambda f: broken(f, "left", an_inner_node(f), an_inner_node(f)), "a leaf has a threshold"),
        (
            lambda f: broken(f, "left", an_inner_node(f), f.left[an_inner_node(f)] + 1),
            "two parents",
        ),
        (lambda f: broken(f, "feature", 0, FEATURES), "feature outside"),
        (lambda f: broken(f, "feature", 0, -1), "feature outside"),
        (lambda f: broken(f, "value", a_leaf(f), np.nan), "not a finite number"),
        (lambda f: broken(f, "threshold", an_inner_node(f), np.inf), "not a finite number"),
        (lambda f: broken(f, "roots", 0, 1), "roots"),
        (lambda f: broken(f, "roots", 3, f.roots[2]), "roots"),
        (lambda f: dataclasses.replace(f, feature=f.feature[:-1]), "shapes"),
        (lambda f: dataclasses.replace(f, value=f.value[:, :2]), "shapes"),
        (lambda f: dataclasses.replace(f, roots=f.roots[:-1]), "shapes"),
    ],
)
def test_damaged_trees_are_refused_with_the_rule_that_they_break(damage, says):
    _, forest = made(2)
    with pytest.raises(BadBundle, match=says):
        check_forest(damage(forest), feature_count=FEATURES, tree_count=12)


def test_a_tree_without_end_is_refused():
    nodes = 2 * MAX_DEPTH + 5
    left = np.arange(nodes)
    left[:-2:2] = np.arange(1, nodes - 1, 2)
    chain = Tree(
        feature=np.zeros(nodes, dtype=np.int64),
        threshold=np.zeros(nodes, dtype=np.float32),
        left=np.array([i + 1 if i % 2 == 0 and i < nodes - 1 else -1 for i in range(nodes)]),
        right=np.array([i + 2 if i % 2 == 0 and i < nodes - 1 else -1 for i in range(nodes)]),
        value=np.ones((nodes, 3)),
    )
    with pytest.raises(BadBundle, match="deeper than"):
        flatten([chain], feature_count=1)


def test_arrays_of_another_type_or_name_are_refused():
    _, forest = made(4)
    arrays = {
        "feature": forest.feature.astype("<i4"),
        "threshold": forest.threshold,
        "left": forest.left.astype("<i4"),
        "value": forest.value,
        "roots": forest.roots.astype("<i4"),
    }
    for changed, says in (
        ({**arrays, "left": forest.left.astype("<f8")}, "left in model.npz is float64"),
        ({**arrays, "extra": forest.roots}, "holds the arrays"),
        ({name: arrays[name] for name in ("feature", "left")}, "holds the arrays"),
    ):
        with pytest.raises(BadBundle, match=says):
            from_bytes(pack(changed), feature_count=FEATURES, tree_count=12)


def test_a_leaf_keeps_every_finite_row():
    assert np.finfo(np.float32).max == LEAF_THRESHOLD
    (total,) = made(1, trees=1)[1].sums(
        np.full((1, FEATURES), np.finfo(np.float32).max, dtype=np.float32), [(0, 1)]
    )
    assert np.isfinite(total).all()
