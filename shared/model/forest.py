"""Decision trees of all members as flat arrays, walked by numpy. Pure.

Node i sends a row to `left[i]` where x[feature[i]] <= threshold[i], else to `left[i] + 1`; a leaf
points to itself. Thresholds are float32 rounded down: for a float32 x, `x <= t` and `x <= largest
float32 not above t` are the same question, so trees that were fitted with float64 thresholds keep
every decision. Rows must be finite float32.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.core.errors import BadBundle
from shared.core.types import FloatArray
from shared.model import many
from shared.model.arrays import pack, unpack

CLASS_COUNT = 3
MAX_DEPTH = 64
LEAF_THRESHOLD = np.finfo(np.float32).max  # no finite row is above it, so a leaf keeps the row
_NAMES = ("feature", "threshold", "left", "value", "roots")
_CELLS = 1 << 16  # rows x trees walked at once: the working set stays in the processor's cache
MANY_ROWS = 400
"""From here on it pays to ask all questions of all rows (see `many`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """All trees, one after another.

    `feature`, `threshold`, `left` have the shape (nodes,), `value` (nodes, 3) is what a leaf adds
    to each class, `roots` (trees,) is each tree's first node, `depth` the number of steps that
    reaches every leaf.
    """

    feature: NDArray[np.intp]
    threshold: NDArray[np.float32]
    left: NDArray[np.intp]
    value: FloatArray
    roots: NDArray[np.intp]
    depth: int

    def sums(self, rows: NDArray[np.float32], spans: Sequence[tuple[int, int]]) -> list[FloatArray]:
        """What the trees of each span add up to, (n, 3) a span.

        A row's sum is the same float64 alone and among others: trees are always added in their
        order.
        """
        if len(rows) >= MANY_ROWS and 0 < self.depth <= many.DEEPEST:
            asked = many.questions(
                feature=self.feature,
                threshold=self.threshold,
                left=self.left,
                roots=self.roots,
                depth=self.depth,
            )
            return many.sums(rows, asked, self.value, spans)
        return self.walk_rows(rows, spans)

    def walk_rows(
        self, rows: NDArray[np.float32], spans: Sequence[tuple[int, int]]
    ) -> list[FloatArray]:
        """The same sums, row by row from the root down."""
        count = len(rows)
        totals = [np.empty((count, CLASS_COUNT)) for _ in spans]
        block = max(1, _CELLS // max(1, len(self.roots)))
        for start in range(0, count, block):
            leaves = self._leaves(rows[start : start + block])
            for total, (first, last) in zip(totals, spans, strict=True):
                total[start : start + block] = self.value.take(leaves[:, first:last], axis=0).sum(
                    axis=1
                )
        return totals

    def _leaves(self, rows: NDArray[np.float32]) -> NDArray[np.intp]:
        count, width = rows.shape
        flat = rows.ravel()
        node = np.repeat(self.roots[None, :], count, axis=0)
        offset = (
            np.arange(0, count * width, width, dtype=np.intp)[:, None] if count > 1 else np.intp(0)
        )
        for _ in range(self.depth):
            seen = flat.take(self.feature.take(node) + offset)
            node = self.left.take(node) + (seen > self.threshold.take(node))
        return node

    def part(self, first: int, last: int) -> "Forest":
        """The trees [first, last) alone, with the same sums; `depth` stays that of the whole, which
        reaches every leaf.
        """
        start = int(self.roots[first]) if first < len(self.roots) else len(self.left)
        stop = int(self.roots[last]) if last < len(self.roots) else len(self.left)
        return Forest(
            feature=self.feature[start:stop],
            threshold=self.threshold[start:stop],
            left=self.left[start:stop] - start,
            value=self.value[start:stop],
            roots=self.roots[first:last] - start,
            depth=self.depth,
        )

    def to_bytes(self) -> bytes:
        """The arrays as npz, byte-identical for equal trees."""
        return pack(
            {
                "feature": self.feature.astype("<i4"),
                "threshold": self.threshold.astype("<f4"),
                "left": self.left.astype("<i4"),
                "value": self.value.astype("<f8"),
                "roots": self.roots.astype("<i4"),
            }
        )


def from_bytes(data: bytes, *, feature_count: int, tree_count: int) -> Forest:
    """Read and check trees. Raises `BadBundle` naming the rule that they break."""
    arrays = unpack(data, _NAMES, what="model.npz")
    kinds = {"feature": "<i4", "threshold": "<f4", "left": "<i4", "value": "<f8", "roots": "<i4"}
    for name, kind in kinds.items():
        if arrays[name].dtype != np.dtype(kind):
            raise BadBundle(
                f"structure: {name} in model.npz is {arrays[name].dtype}, expected {np.dtype(kind)}"
            )
    forest = Forest(
        feature=arrays["feature"].astype(np.intp),
        threshold=arrays["threshold"].astype(np.float32),
        left=arrays["left"].astype(np.intp),
        value=np.ascontiguousarray(arrays["value"], dtype=np.float64),
        roots=arrays["roots"].astype(np.intp),
        depth=0,
    )
    return check_forest(forest, feature_count=feature_count, tree_count=tree_count)


def check_forest(forest: Forest, *, feature_count: int, tree_count: int) -> Forest:
    """The forest with its true depth, or `BadBundle`: after this no walk can leave the arrays or go
    in circles.
    """
    nodes = len(forest.left)
    shapes = (
        forest.feature.shape,
        forest.threshold.shape,
        forest.left.shape,
        forest.value.shape,
        forest.roots.shape,
    )
    if shapes != ((nodes,), (nodes,), (nodes,), (nodes, CLASS_COUNT), (tree_count,)):
        raise BadBundle(f"structure: the arrays of {tree_count} trees have the shapes {shapes}")
    if not (np.isfinite(forest.threshold).all() and np.isfinite(forest.value).all()):
        raise BadBundle("structure: a threshold or leaf value is not a finite number")
    own = np.arange(nodes)
    inner = forest.left != own
    if nodes == 0 or (forest.feature < 0).any() or (forest.feature >= feature_count).any():
        raise BadBundle(f"structure: a node asks for a feature outside 0..{feature_count - 1}")
    if (forest.left < own).any() or (forest.left[inner] + 1 >= nodes).any():
        raise BadBundle("structure: a child lies before its parent or outside the arrays")
    if (forest.threshold[~inner] != LEAF_THRESHOLD).any():
        raise BadBundle("structure: a leaf has a threshold")
    if forest.roots[0] != 0 or (np.diff(forest.roots) <= 0).any() or forest.roots[-1] >= nodes:
        raise BadBundle("structure: the roots are not in ascending order inside the arrays")
    return Forest(
        feature=forest.feature,
        threshold=forest.threshold,
        left=forest.left,
        value=forest.value,
        roots=forest.roots,
        depth=_depth(forest, inner),
    )


def _depth(forest: Forest, inner: NDArray[np.bool_]) -> int:
    """How many steps reach every leaf; every node must be reached exactly once."""
    reached = [forest.roots]
    for depth in range(MAX_DEPTH + 1):
        parents = reached[-1][inner[reached[-1]]]
        if len(parents) == 0:
            everything = np.sort(np.concatenate(reached))
            if not np.array_equal(everything, np.arange(len(inner))):
                raise BadBundle("structure: a node belongs to two parents or to none")
            return depth
        children = forest.left[parents]
        reached.append(np.concatenate([children, children + 1]))
    raise BadBundle(f"structure: a tree is deeper than {MAX_DEPTH}")
