"""How far two distributions lie apart: the population stability index, and Kolmogorov and Smirnov's
distance, both of shares in bins. Pure.

The PSI's customary limits (0.1, 0.25) ignore how many rows it rests on: a window of few rows
reaches them by chance. So an alarm level belongs to a window's length, and comes from the PSI of
windows of that length in the model's own past.
"""

import math
from collections.abc import Sequence

import numpy as np

from shared.core.errors import BadData
from shared.core.types import FloatArray

LEAST_SHARE = 1e-4
"""What an empty bin counts as: without it one empty bin makes the PSI infinite."""


def bin_shares(values: FloatArray, edges: Sequence[float] | FloatArray) -> FloatArray:
    """Which share of the values (n,) falls into each of the len(edges) + 1 bins.

    Bin i holds `edges[i - 1] <= value < edges[i]`; the first and last are open. NaN (not warm, not
    asked) is left out.

    Raises:
        BadData: No value is a number, or the edges do not ascend.
    """
    inner = np.asarray(edges, dtype=np.float64)
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    if not len(known):
        raise BadData("there is no number to be distributed over bins")
    if not np.isfinite(inner).all() or (np.diff(inner) < 0).any():
        raise BadData("the edges of the bins do not ascend")
    counts = np.bincount(np.searchsorted(inner, known, side="right"), minlength=len(inner) + 1)
    return counts / len(known)


def psi(expected: Sequence[float] | FloatArray, found: Sequence[float] | FloatArray) -> float:
    """Population stability index of two sets of shares (k,): sum of (found - expected) x ln(found /
    expected).

    A share below `LEAST_SHARE` counts as that much in both factors; nothing is rescaled afterwards,
    so that the order of the two does not matter. Raises `BadData` where the shares do not fit each
    other or do not add up to 1.
    """
    first, second = _shares(expected), _shares(found)
    if first.shape != second.shape:
        raise BadData(f"{len(first)} bins cannot be compared with {len(second)}")
    first, second = np.maximum(first, LEAST_SHARE), np.maximum(second, LEAST_SHARE)
    return float(np.sum((second - first) * np.log(second / first)))


def ks_of_shares(
    expected: Sequence[float] | FloatArray, found: Sequence[float] | FloatArray
) -> float:
    """D of two sets of shares (k,): the largest distance of the cumulated shares at the bins'
    edges.

    What a manifest can be asked, which keeps bins and no values. Never above the D of the values.
    """
    first, second = _shares(expected), _shares(found)
    if first.shape != second.shape:
        raise BadData(f"{len(first)} bins cannot be compared with {len(second)}")
    return float(np.abs(np.cumsum(first) - np.cumsum(second)).max())


def _shares(told: Sequence[float] | FloatArray) -> FloatArray:
    shares = np.asarray(told, dtype=np.float64)
    one = shares.ndim == 1 and math.isclose(float(shares.sum()), 1.0, abs_tol=1e-6)
    if not one or not (shares >= 0).all():
        raise BadData("these are not shares: they are negative, not numbers, or do not add up to 1")
    return shares
