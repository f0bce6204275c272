"""How well a score ranks: the area under the ROC curve, with weights and ties."""

import numpy as np

from shared.core.types import BoolArray, FloatArray


def auc(score: FloatArray, happened: BoolArray, weight: FloatArray) -> float | None:
    """The chance that a row where it happened scores above a row where it did not, a tie counting half, in [0, 1].

    The Mann-Whitney form (Hanley & McNeil, Radiology 143, 1982), each row counted by its weight. None without both kinds.

    Args:
        score: (n,) greater: more likely.
        happened: (n,) whether it did.
        weight: (n,) at least 0.
    """
    values, place = np.unique(score, return_inverse=True)
    with_it = np.bincount(place, weights=weight * happened, minlength=len(values))
    without = np.bincount(place, weights=weight * ~happened, minlength=len(values))
    pairs = float(with_it.sum()) * float(without.sum())
    if pairs <= 0.0:
        return None
    below = np.cumsum(without) - without
    return float((with_it * (below + 0.5 * without)).sum()) / pairs
