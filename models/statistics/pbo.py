"""The probability of backtest overfitting: how often the best of many tries is below the middle
where it was not chosen.
"""

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from shared.core.errors import BadData
from shared.core.types import FloatArray

SPLITS = 16
_CHUNK = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """What combinatorially symmetric cross-validation found.

    Attributes:
        logits: (s,) of the chosen configuration's rank out of sample, one for each way to split;
            ascending ranks, so that a negative one is below the middle.
        chosen: (s,) which configuration was the best in sample.
    """

    logits: FloatArray
    chosen: "np.ndarray[tuple[int], np.dtype[np.int64]]"

    @property
    def probability(self) -> float:
        """The share of splits with logit <= 0: a rank just in the middle counts as overfitting.

        This is what the gate takes.
        """
        return float(np.mean(self.logits <= 0.0))


def overfitting(returns: FloatArray, *, splits: int = SPLITS) -> Overfitting:
    """Cut the observations into `splits` blocks in order; choose the best by Sharpe on each half of
    them, rank it on the other.

    The rank w of the chosen one out of sample, over N + 1, gives logit = log(w / (1 - w)); ties
    take the mean rank. Sharpes of all C(S, S / 2) halves follow from sums over blocks alone.
    Source: Bailey, Borwein, Lopez de Prado & Zhu, "The Probability of Backtest Overfitting", J.
        Computational Finance 20(4), 2017.

    Args:
        returns: (t, c) of c configurations on the same t observations, in the order of time; c of 2
            at least.
        splits: S, even; every block has two observations at least.

    Raises:
        BadData: fewer configurations or observations, an odd S, or NaN.
    """
    if (
        returns.ndim != 2  # noqa: PLR2004 - days by configurations
        or returns.shape[1] < 2  # noqa: PLR2004 - two to compare
        or splits < 2  # noqa: PLR2004
        or splits % 2
        or len(returns) < 2 * splits
    ):
        raise BadData(
            f"overfitting of returns {returns.shape} in {splits} blocks: needs two configurations"
            " and an even split"
        )
    if not np.isfinite(returns).all():
        raise BadData("a return was not a finite number")
    edges = np.linspace(0, len(returns), splits + 1).astype(np.int64)
    around = returns - returns.mean(
        axis=0
    )  # sums of squares of what is near its mean lose no digits
    sums = np.stack([np.add.reduceat(values, edges[:-1], axis=0) for values in (around, around**2)])
    counts = np.diff(edges).astype(np.float64)
    mean = returns.mean(axis=0)
    logits, chosen = [], []
    inside = _halves(splits)
    step = max(1, _CHUNK // returns.shape[1])
    for first in range(0, len(inside), step):
        here = inside[first : first + step]
        best = _sharpes(here, sums, counts, mean).argmax(axis=1)
        later = _sharpes(1.0 - here, sums, counts, mean)
        own = np.take_along_axis(later, best[:, None], axis=1)
        rank = (later < own).sum(axis=1) + ((later == own).sum(axis=1) + 1) / 2.0
        share = rank / (returns.shape[1] + 1.0)
        logits.append(np.log(share / (1.0 - share)))
        chosen.append(best)
    return Overfitting(logits=np.concatenate(logits), chosen=np.concatenate(chosen))


def _sharpes(
    inside: FloatArray, sums: FloatArray, counts: FloatArray, mean: FloatArray
) -> FloatArray:
    """Mean / deviation of every configuration over the blocks that are in; 0 where it does not
    move. (s, c).
    """
    size = (inside @ counts)[:, None]
    first, second = inside @ sums[0] / size, inside @ sums[1] / size
    variance = np.maximum(second - first**2, 0.0)
    ratio: FloatArray = np.divide(
        first + mean, np.sqrt(variance), out=np.zeros_like(first), where=variance > 0.0
    )
    return ratio


@cache
def _halves(splits: int) -> FloatArray:
    """(C(S, S/2), S): 1 where a block is in sample."""
    chosen = np.array(list(combinations(range(splits), splits // 2)))
    inside = np.zeros((len(chosen), splits))
    np.put_along_axis(inside, chosen, 1.0, axis=1)
    return inside
