"""How independent labels are: those that cover the same candles tell the same story, and count as
one.

A label covers the steps of `step_ms` in (as_of, end_at]. Source: Lopez de Prado, Advances in
Financial Machine Learning (2018), chapter 4: concurrency (4.3), average uniqueness (4.4), the
sequential bootstrap (4.5).
"""

import numpy as np

from shared.core.types import FloatArray, IntArray
from shared.model.outcomes import spans, uniqueness

__all__ = ["effective_count", "sequential_bootstrap", "sequential_probabilities", "uniqueness"]


def effective_count(as_of: IntArray, end_at: IntArray, *, step_ms: int) -> float:
    """How many independent labels these are worth: the sum of their uniqueness."""
    return float(uniqueness(as_of, end_at, step_ms=step_ms).sum())


def sequential_probabilities(
    as_of: IntArray, end_at: IntArray, drawn: IntArray, *, step_ms: int
) -> FloatArray:
    """With which probability each label is drawn next, (n,), when those in `drawn` (positions, with
    repeats) were drawn.

    In proportion to the uniqueness that each would have among the drawn ones and itself: what
    overlaps little is preferred.
    """
    first, last = spans(as_of, end_at, step_ms)
    size = int(last.max()) + 1 if len(last) else 1
    taken = np.cumsum(
        np.bincount(first[drawn], minlength=size) - np.bincount(last[drawn], minlength=size)
    )
    return _shares(first, last, taken)


def sequential_bootstrap(
    as_of: IntArray, end_at: IntArray, *, count: int, seed: int, step_ms: int
) -> IntArray:
    """Draw `count` labels with replacement, (count,) positions, each by `sequential_probabilities`
    of those before it.
    """
    random = np.random.default_rng(seed)
    first, last = spans(as_of, end_at, step_ms)
    taken = np.zeros(int(last.max()) + 1 if len(last) else 1, dtype=np.int64)
    drawn = np.empty(count, dtype=np.int64)
    for place, chance in enumerate(random.random(count)):
        below = np.cumsum(_shares(first, last, taken))
        label = min(int(np.searchsorted(below, chance * below[-1], side="right")), len(below) - 1)
        taken[first[label] : last[label]] += 1
        drawn[place] = label
    return drawn


def _shares(first: IntArray, last: IntArray, taken: IntArray) -> FloatArray:
    if not len(first):
        return np.zeros(0)
    inverse = np.concatenate([[0.0], np.cumsum(1.0 / (taken + 1.0))])
    mean = (inverse[last] - inverse[first]) / (last - first)
    shares: FloatArray = mean / mean.sum()
    return shares
