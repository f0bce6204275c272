"""Native trees -> flat arrays.

Equal to the native libraries or refused: `check_equal` looks at every row it is given.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.core.errors import BadBundle
from shared.core.types import FloatArray
from shared.model.arrays import pack
from shared.model.forest import LEAF_THRESHOLD, Forest, checked

TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One tree in any order of nodes: `left` and `right` are -1 at leaves, `threshold` asks x <= t,
    `value` is (n, 3).
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: FloatArray


def rounded_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 not above each threshold: no float32 row changes sides."""
    nearest = thresholds.astype(np.float32)
    return np.where(nearest > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest)


def lightgbm_trees(booster: Any, *, classes: int = 3) -> list[Tree]:
    """Trees of a LightGBM Booster, round by round, class by class; with one class all lie in class
    0.
    """
    text = booster.model_to_string(num_iteration=-1)
    blocks = text.split("\nTree=")[1:]
    return [
        _lightgbm_tree(_fields(block.split("\n\n")[0]), number % classes)
        for number, block in enumerate(blocks)
    ]


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _lightgbm_tree(fields: dict[str, str], class_index: int) -> Tree:
    leaves = int(fields["num_leaves"])
    inner = leaves - 1
    leaf_value = np.array(fields["leaf_value"].split(), dtype=np.float64)
    value = np.zeros((inner + leaves, 3))
    value[inner:, class_index] = leaf_value
    if inner == 0:
        return _stump(value)
    if any(int(kind) & 1 for kind in fields["decision_type"].split()):
        raise BadBundle("export: LightGBM made a categorical split, which flat trees cannot hold")
    left, right = (
        _lightgbm_children(fields[name], inner, leaves) for name in ("left_child", "right_child")
    )
    threshold = np.concatenate(
        [np.array(fields["threshold"].split(), dtype=np.float64), np.zeros(leaves)]
    )
    feature = np.concatenate(
        [
            np.array(fields["split_feature"].split(), dtype=np.int64),
            np.zeros(leaves, dtype=np.int64),
        ]
    )
    return Tree(
        feature=feature, threshold=rounded_down(threshold), left=left, right=right, value=value
    )


def _lightgbm_children(text: str, inner: int, leaves: int) -> NDArray[np.int64]:
    """LightGBM writes leaf k as -(k + 1); here leaves follow the inner nodes."""
    told = np.array(text.split(), dtype=np.int64)
    return np.concatenate(
        [np.where(told < 0, inner - told - 1, told), np.full(leaves, -1, dtype=np.int64)]
    )


def _stump(value: FloatArray) -> Tree:
    none = np.full(1, -1, dtype=np.int64)
    return Tree(
        feature=np.zeros(1, dtype=np.int64),
        threshold=np.zeros(1, dtype=np.float32),
        left=none,
        right=none,
        value=value[-1:],
    )


def xgboost_trees(booster: Any) -> tuple[list[Tree], tuple[float, float, float]]:
    """Trees of a multi:softprob XGBoost Booster and the base score of each class (its margins start
    there).
    """
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    model = learner["gradient_booster"]["model"]
    told = json.loads(learner["learner_model_param"]["base_score"])
    base = [float(np.float32(value)) for value in (told if isinstance(told, list) else [told])]
    if len(base) not in {1, 3}:
        raise BadBundle(f"export: XGBoost has {len(base)} base scores, expected 1 or 3")
    first, second, third = base if len(base) == 3 else base * 3  # noqa: PLR2004 - three classes
    pairs = zip(model["trees"], model["tree_info"], strict=True)
    return [_xgboost_tree(tree, class_index) for tree, class_index in pairs], (first, second, third)


def _xgboost_tree(tree: dict[str, Any], class_index: int) -> Tree:
    if any(tree["split_type"]):
        raise BadBundle("export: XGBoost made a categorical split, which flat trees cannot hold")
    left = np.array(tree["left_children"], dtype=np.int64)
    condition = np.array(tree["split_conditions"], dtype=np.float32)
    value = np.zeros((len(left), 3))
    value[left < 0, class_index] = condition[left < 0]
    return Tree(
        feature=np.array(tree["split_indices"], dtype=np.int64),
        threshold=np.nextafter(condition, np.float32(-np.inf)),  # XGBoost asks x < t
        left=left,
        right=np.array(tree["right_children"], dtype=np.int64),
        value=value,
    )


def forest_trees(model: Any) -> list[Tree]:
    """Trees of a scikit-learn random forest; a leaf holds its class shares."""
    if list(model.classes_) != [0, 1, 2]:
        raise BadBundle(
            f"export: the forest knows the classes {list(model.classes_)}, expected 0, 1, 2"
        )
    trees = []
    for estimator in model.estimators_:
        tree = estimator.tree_
        shares = tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True)
        left = np.asarray(tree.children_left, dtype=np.int64)
        trees.append(
            Tree(
                feature=np.asarray(tree.feature, dtype=np.int64),
                threshold=rounded_down(np.asarray(tree.threshold, dtype=np.float64)),
                left=left,
                right=np.asarray(tree.children_right, dtype=np.int64),
                value=np.where(left[:, None] < 0, shares, 0.0),
            )
        )
    return trees


def forest_bytes(model: Any) -> bytes:
    """A scikit-learn forest as plain arrays for audit: all that is needed to walk it again, without
    pickle.
    """
    trees = [estimator.tree_ for estimator in model.estimators_]
    names = ("feature", "threshold", "children_left", "children_right", "n_node_samples", "value")
    parts = {
        name: np.concatenate([np.asarray(getattr(tree, name)) for tree in trees]) for name in names
    }
    return pack(
        {"node_counts": np.array([tree.node_count for tree in trees], dtype=np.int64), **parts}
    )


def flatten(trees: list[Tree], *, feature_count: int) -> Forest:
    """Lay trees out breadth first, so that a right child follows its left sibling and children
    follow their parents.
    """
    features, thresholds, lefts, values, roots = [], [], [], [], []
    start = 0
    for tree in trees:
        order = [0]
        for node in order:  # grows while it is walked
            if tree.left[node] >= 0:
                order += [int(tree.left[node]), int(tree.right[node])]
        old = np.array(order, dtype=np.int64)
        place = np.empty(len(tree.left), dtype=np.int64)
        place[old] = np.arange(len(old))
        leaf = tree.left[old] < 0
        features.append(np.where(leaf, 0, tree.feature[old]))
        thresholds.append(np.where(leaf, LEAF_THRESHOLD, tree.threshold[old]))
        lefts.append(start + np.where(leaf, np.arange(len(old)), place[tree.left[old]]))
        values.append(np.where(leaf[:, None], tree.value[old], 0.0))
        roots.append(start)
        start += len(old)
    forest = Forest(
        feature=np.concatenate(features).astype(np.intp),
        threshold=np.concatenate(thresholds).astype(np.float32),
        left=np.concatenate(lefts).astype(np.intp),
        value=np.concatenate(values),
        roots=np.array(roots, dtype=np.intp),
        depth=0,
    )
    return checked(forest, feature_count=feature_count, tree_count=len(trees))


def check_equal(name: str, exported: FloatArray, native: FloatArray) -> float:
    """The largest difference of two sets of probabilities. Raises `BadBundle` above 1e-6."""
    difference = float(np.abs(exported - native).max())
    if not difference <= TOLERANCE:
        raise BadBundle(
            f"export: {name} differs by {difference:.1e} from its native library, at most 1e-6 is"
            " accepted"
        )
    return difference
