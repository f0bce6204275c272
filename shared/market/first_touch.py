"""The first candle, from any row on, that reaches down to one price or up to another: for many
searches at once. Pure.
"""

import numpy as np

from shared.core.types import FloatArray, IntArray

_BLOCK = 8
"""Candles of a leaf, a power of two: most searches end among their own next few."""
_AT_ONCE = 4096
"""Searches that are worked on together: so many stay in the processor's cache."""


class FirstTouch:
    """A binary tree of lowest lows and highest highs over blocks of n candles: built in n steps,
    asked in log(distance) steps.

    Node 1 is the root, the children of node i are 2 * i and 2 * i + 1, and the leaves are the
    blocks. What lies after the last candle reaches everything, so that every search ends.
    """

    def __init__(self, low: FloatArray, high: FloatArray) -> None:
        """Build over candles' extremes, shape (n,) each."""
        self._low, self._high = low, high
        self._leaves = 1 << (len(low) // _BLOCK).bit_length()
        self._lowest = _build_tree(low, self._leaves, np.minimum, -np.inf)
        self._highest = _build_tree(high, self._leaves, np.maximum, np.inf)

    def rows(
        self, start: IntArray, falls_to: FloatArray, rises_to: FloatArray, until: IntArray
    ) -> IntArray:
        """For each search the first row at or after `start` with `low <= falls_to` or `high >=
        rises_to`; a row at or after `until`, and at most n, where none comes before that.

        Shape (m,) each; `start` and `until` at most n.
        """
        found = np.empty(len(start), dtype=np.int64)
        for first in range(0, len(start), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            found[part] = self._search(start[part], falls_to[part], rises_to[part], until[part])
        return found

    def _search(
        self, start: IntArray, falls: FloatArray, rises: FloatArray, until: IntArray
    ) -> IntArray:
        found = start + self._near(start, falls, rises)
        (far,) = ((found == start + _BLOCK) & (found < until)).nonzero()
        if len(far):
            falls, rises, begin = falls[far], rises[far], start[far] // _BLOCK + 1
            block = _BLOCK * self._search_blocks(begin, falls, rises, until[far] // _BLOCK)
            found[far] = block + self._near(block, falls, rises)
        rows: IntArray = np.minimum(found, len(self._low))
        return rows

    def _near(self, start: IntArray, falls: FloatArray, rises: FloatArray) -> IntArray:
        """How many of the next candles do not touch; `_BLOCK` where none of so many does."""
        rows, count = start[:, None] + np.arange(_BLOCK), len(self._low)
        touched = np.ones((len(start), _BLOCK + 1), dtype=np.bool_)
        if count:
            low, high = (part.take(rows, mode="clip") for part in (self._low, self._high))
            touched[:, :-1] = (low <= falls[:, None]) | (high >= rises[:, None]) | (rows >= count)
        near: IntArray = touched.argmax(axis=1)
        return near

    def _search_blocks(
        self, block: IntArray, falls_to: FloatArray, rises_to: FloatArray, last: IntArray
    ) -> IntArray:
        """The first block, from each on, that touches, or one at or after the `last` that matters:
        up the tree, and down again.
        """
        found = np.empty(len(block), dtype=np.int64)
        which, node, end = np.arange(len(block)), block + self._leaves, last + self._leaves
        falls, rises = falls_to, rises_to
        while len(which):
            over = (self._lowest[node] <= falls) | (self._highest[node] >= rises) | (node >= end)
            found[which[over]] = node[over]
            (rest,) = (~over).nonzero()
            which, falls, rises = which[rest], falls[rest], rises[rest]
            node, end = node[rest] + 1, end[rest]
            up = (node & 1) ^ 1
            node >>= up  # an even node and its neighbour are both ahead: go on with their parent
            end >>= up
        return self._descend_to_leaves(found, falls_to, rises_to) - self._leaves

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
    blocks = used = len(values) // _BLOCK
    level, width = values[: blocks * _BLOCK], leaves
    for _ in range(_BLOCK.bit_length() - 1):
        level = worst(level[::2], level[1::2])
    tree[leaves : leaves + blocks] = level
    while width > 1:
        used += used & 1
        level = tree[width : width + used]
        width, used = width // 2, used // 2
        worst(level[::2], level[1::2], out=tree[width : width + used])
    return tree
