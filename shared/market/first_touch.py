"""The first candle, from any row on, that reaches down to one price or up to another: for many
searches at once. Pure.
"""

import numpy as np

from shared.core.types import FloatArray, IntArray


class FirstTouch:
    """A binary tree of lowest lows and highest highs over n candles: built in n steps, asked in
    log(distance) steps.

    Node 1 is the root, the children of node i are 2 * i and 2 * i + 1, and the leaves are the
    candles. Leaves after the last candle reach everything, so that every search ends.
    """

    def __init__(self, low: FloatArray, high: FloatArray) -> None:
        """Build over candles' extremes, shape (n,) each."""
        self._leaves = 1 << len(low).bit_length()
        self._count = len(low)
        self._lowest = _build_tree(low, self._leaves, np.minimum, -np.inf)
        self._highest = _build_tree(high, self._leaves, np.maximum, np.inf)

    def rows(self, start: IntArray, falls_to: FloatArray, rises_to: FloatArray) -> IntArray:
        """For each search the first row at or after `start` with `low <= falls_to` or `high >=
        rises_to`; n where none is.

        Shape (m,) each; `start` at most n.
        """
        found = np.empty(len(start), dtype=np.int64)
        which, node = np.arange(len(start)), start + self._leaves
        falls, rises = falls_to, rises_to
        while len(which):
            touched = (self._lowest[node] <= falls) | (self._highest[node] >= rises)
            found[which[touched]] = node[touched]
            rest = ~touched
            which, falls, rises, node = which[rest], falls[rest], rises[rest], node[rest] + 1
            node >>= (
                node & 1
            ) ^ 1  # an even node and its neighbour are both ahead: go on with their parent
        return np.minimum(
            self._descend_to_leaves(found, falls_to, rises_to) - self._leaves, self._count
        )

    def _descend_to_leaves(
        self, node: IntArray, falls_to: FloatArray, rises_to: FloatArray
    ) -> IntArray:
        """From touched nodes to their first touched leaf."""
        which = np.flatnonzero(node < self._leaves)
        while len(which):
            left = 2 * node[which]
            touched = (self._lowest[left] <= falls_to[which]) | (
                self._highest[left] >= rises_to[which]
            )
            node[which] = left + ~touched
            which = which[left < self._leaves]
        return node


def _build_tree(values: FloatArray, leaves: int, worst: np.ufunc, beyond: float) -> FloatArray:
    tree = np.full(2 * leaves, beyond)
    tree[leaves : leaves + len(values)] = values
    width, used = leaves, len(values)
    while width > 1:
        used += used & 1
        level = tree[width : width + used]
        width, used = width // 2, used // 2
        worst(level[::2], level[1::2], out=tree[width : width + used])
    return tree
