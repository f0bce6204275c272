"""How far two distributions lie apart: the population stability index, and Kolmogorov and Smirnov's
distance. Pure.

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
_MOST_PATHS = 4_000_000  # m x n up to which the p-value is exact: some ten milliseconds
_TERMS = 100  # of Kolmogorov's series, which converges long before


def binned(values: FloatArray, edges: Sequence[float] | FloatArray) -> FloatArray:
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


def ks(
    first: Sequence[float] | FloatArray, second: Sequence[float] | FloatArray
) -> tuple[float, float]:
    """Two-sample Kolmogorov-Smirnov: the largest distance D of the empirical distributions, and P(a
    distance >= D) if equal.

    NaN is left out. p is exact (the share of lattice paths that reach D; absolute error below
    1e-12) for m x n up to four million, and Kolmogorov's series with Stephens' correction above. It
    takes the values for independent: where neighbours are alike, p is far too small, and D must be
    compared with the D between windows of the same kind.

    Raises:
        BadData: One of the samples has no number.
    """
    one, other = _numbers(first), _numbers(second)
    both = np.concatenate([one, other])
    below = np.searchsorted(one, both, side="right") * len(other) - np.searchsorted(
        other, both, side="right"
    ) * len(one)
    reach, paths = int(np.abs(below).max()), len(one) * len(other)
    distance = reach / paths
    if not reach:
        return 0.0, 1.0
    return distance, (
        _exact(len(one), len(other), reach)
        if paths <= _MOST_PATHS
        else _limit(len(one), len(other), distance)
    )


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


def _numbers(told: Sequence[float] | FloatArray) -> FloatArray:
    values = np.asarray(told, dtype=np.float64)
    values = np.sort(values[~np.isnan(values)])
    if not len(values):
        raise BadData("a sample without any number has no distribution")
    return values


def _exact(m: int, n: int, reach: int) -> float:
    """P(max |i/m - j/n| >= reach / (m n)) over all orders of m and n values.

    `inside` is, along row i, the share of the ways to (i, j) that never reached the distance, times
    what makes the last one a probability; each row is a running sum over the stretch of j that is
    near enough. Source: R's `psmirnov`.
    """
    if n > m:
        m, n = n, m
    j = np.arange(n + 1)
    inside = (j * m < reach).astype(np.float64)
    for i in range(1, m + 1):
        near = np.abs(i * n - j * m) < reach
        inside = np.where(near, np.cumsum(np.where(near, inside * (i / (i + n)), 0.0)), 0.0)
    return min(1.0, max(0.0, 1.0 - float(inside[n])))


def _limit(m: int, n: int, distance: float) -> float:
    root = math.sqrt(m * n / (m + n))
    scaled = (root + 0.12 + 0.11 / root) * distance
    total = 2.0 * math.fsum(
        (-1.0) ** (k - 1) * math.exp(-2.0 * (k * scaled) ** 2) for k in range(1, _TERMS + 1)
    )
    return min(1.0, max(0.0, total))
