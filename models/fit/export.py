"""Native trees -> flat arrays.

Equal to the native libraries or refused: `check_equal` looks at every row it is given.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.core.errors import BadBundle
from shared.core.types import FloatArray
from shared.model.forest import LEAF_THRESHOLD, Forest, check_forest

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
    return check_forest(forest, feature_count=feature_count, tree_count=len(trees))


def check_equal(name: str, exported: FloatArray, native: FloatArray) -> float:
    """The largest difference of two sets of probabilities. Raises `BadBundle` above 1e-6."""
    difference = float(np.abs(exported - native).max())
    if not difference <= TOLERANCE:
        raise BadBundle(
            f"export: {name} differs by {difference:.1e} from its native library, at most 1e-6 is"
            " accepted"
        )
    return difference
