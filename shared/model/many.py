"""Many rows through many trees: every question is asked once for all rows, and a tree's answers are
folded to a leaf. Pure.

A walk (`forest`) looks five values up for every row, tree and level. Trees of one ensemble ask the
same questions again and again, though: "is feature 3 above 0.25" is answered here once for a block
of rows, as a byte each, and the number of the leaf is put together from these bytes level by level,
from the bottom up, sixty-four rows an instruction. The leaves, and the order in which their values
are added, are those of the walk, and so is every sum.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.core.types import FloatArray

DEEPEST = 8
"""The deepest tree whose leaves can be numbered in a byte."""
_ANSWERS = 1 << 25  # bytes of answers kept at once
_LEAST_ROWS, _MOST_ROWS = 256, 4096
_FOLDED = 1 << 19  # bytes folded at once: they stay in the processor's cache
_HALF = 32  # bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """The forest as complete trees of `depth` levels over questions that are all different.

    `feature` and `threshold` (u,) are the questions, ordered by feature; `asked` (trees, 2**depth -
    1) are each tree's, level by level; `leaf` (trees, 2**depth) is the node at which each way down
    ends.
    """

    feature: NDArray[np.intp]
    threshold: NDArray[np.float32]
    asked: NDArray[np.intp]
    leaf: NDArray[np.intp]
    depth: int


def questions(
    *,
    feature: NDArray[np.intp],
    threshold: NDArray[np.float32],
    left: NDArray[np.intp],
    roots: NDArray[np.intp],
    depth: int,
) -> Questions:
    """Fill every tree up to the same depth: below a leaf, which no row leaves, stands the leaf
    again.
    """
    inner = left != np.arange(len(left))
    levels = [roots[:, None]]
    for _ in range(depth):
        above = levels[-1]
        children = np.stack([left[above], left[above] + inner[above]], axis=2)
        levels.append(children.reshape(len(roots), -1))
    nodes = np.concatenate(levels[:-1], axis=1)
    keys = feature.astype(np.int64) << _HALF | threshold.view(np.uint32)
    different, question = np.unique(keys, return_inverse=True)
    return Questions(
        feature=different >> _HALF,
        threshold=different.astype(np.uint32).view(np.float32),
        asked=question[nodes],
        leaf=levels[-1],
        depth=depth,
    )


def sums(
    rows: NDArray[np.float32], asked: Questions, value: FloatArray, spans: Sequence[tuple[int, int]]
) -> list[FloatArray]:
    """What the trees of each span add up to, (n, classes) a span, every tree added in its order."""
    count, classes = len(rows), value.shape[1]
    totals = [np.zeros((classes, count)) for _ in spans]
    worth = [
        [
            (of, np.ascontiguousarray(column))
            for of, column in enumerate(value[leaf].T)
            if column.any()
        ]
        for leaf in asked.leaf
    ]
    block = min(_MOST_ROWS, max(_LEAST_ROWS, _ANSWERS // max(1, len(asked.feature))))
    for start in range(0, count, block):
        cut = slice(start, start + block)
        answers = _answers(rows[cut], asked)
        for total, (first, last) in zip(totals, spans, strict=True):
            for tree, leaf in _leaves(answers, asked, first, last):
                for of, column in worth[tree]:
                    total[of, cut] += column.take(leaf)
    return [np.ascontiguousarray(total.T) for total in totals]


def _answers(rows: NDArray[np.float32], asked: Questions) -> NDArray[np.uint8]:
    """Every question's answer for every row, (u, n): 255 for yes (to the right), 0 for no."""
    told = np.empty((len(asked.feature), len(rows)), dtype=np.bool_)
    columns = np.ascontiguousarray(rows.T)
    edges = np.searchsorted(asked.feature, np.arange(len(columns) + 1))
    for column, first, last in zip(columns, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        np.greater(column, asked.threshold[first:last, None], out=told[first:last])
    answers = told.view(np.int8)
    return np.negative(answers, out=answers).view(np.uint8)


def _leaves(
    answers: NDArray[np.uint8], asked: Questions, first: int, last: int
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Each tree of [first, last) with the number of the leaf that every row reaches, counted from
    the left.
    """
    together = max(1, _FOLDED // (asked.asked.shape[1] * answers.shape[1]))
    for start in range(first, last, together):
        stop = min(start + together, last)
        told = answers.take(asked.asked[start:stop], axis=0)
        low = 2 ** (asked.depth - 1) - 1
        number = told[:, low:] & np.uint8(1)
        for level in range(asked.depth - 2, -1, -1):
            here = told[:, 2**level - 1 : 2 ** (level + 1) - 1]
            to_left = number[:, 0::2]
            number = number[:, 1::2] | np.uint8(2 ** (asked.depth - 1 - level))
            number ^= to_left
            number &= here
            number ^= to_left
        for tree in range(start, stop):
            yield tree, number[tree - start, 0]
