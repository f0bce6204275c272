"""Intervals for what neighbours share: a moving-block bootstrap whose blocks are longer than labels
overlap.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.special import stdtrit

from shared.core.calendar import WEEK_MS
from shared.core.types import FloatArray, IntArray

RESAMPLES = 2_000
LEAST_BLOCKS = 20
"""Longer blocks than the labels need are taken only as long as so many of them fit."""
_NORMAL = NormalDist()
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockInterval:
    """An estimate with the ends of its interval. `blocks`: how many whole blocks it rests on."""

    value: float
    lower: float
    upper: float
    blocks: int

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends."""
        return self.lower, self.upper


def block_rows(as_of: IntArray, end_at: IntArray, *, step_ms: int) -> int:
    """How many rows a block of the bootstrap must have.

    A week, for what volatility makes days have in common, and four times what the longest label
    reaches over: a block tears overlapping labels apart at its ends, which costs a share of reach /
    (3 x block) of the variance. Where fewer than 20 such blocks exist they are shorter, but never
    below twice the reach.

    >>> at = np.arange(96) * 900_000
    >>> block_rows(at, at + 48 * 900_000, step_ms=900_000)
    96

    Args:
        as_of: (n,) instants of the rows, ascending.
        end_at: (n,) when their labels were known.
        step_ms: The usual distance of rows.
    """
    count = len(as_of)
    if count == 0:
        return 1
    reach = int((np.searchsorted(as_of, end_at, side="left") - np.arange(count)).max())
    wanted = max(WEEK_MS // step_ms, 4 * reach)
    return max(1, 2 * reach, min(wanted, count // LEAST_BLOCKS))


def expanded_tail(tail: float, blocks: int) -> float:
    """The smaller tail at which to cut a percentile interval of few blocks, so that it covers what
    it says.

    A plain percentile interval is too narrow by the root of (b - 1) / b and by the Normal quantile
    in the place of Student's; Phi(-sqrt(b / (b - 1)) t) undoes both. Source: Hesterberg, "What
    Teachers Should Know About the Bootstrap", American Statistician 69(4), 2015, section 4.1 (the
    expanded percentile interval).
    """
    if blocks < 2:  # noqa: PLR2004 - one block says nothing of its own scatter
        return 0.0
    return _NORMAL.cdf(math.sqrt(blocks / (blocks - 1.0)) * float(stdtrit(blocks - 1, tail)))


def ratio_interval(
    gain: FloatArray, base: FloatArray, *, block: int, seed: int, confidence: float
) -> BlockInterval:
    """sum(gain) / sum(base) with a moving-block bootstrap interval.

    Blocks of fixed length, drawn with replacement from all places (Kunsch, Ann. Statist. 17(3),
    1989); the tails are cut by `expanded_tail`. Where not even two blocks fit, the ends are
    infinite: such an interval shows nothing.

    >>> found = ratio_interval(
    ...     np.linspace(0.1, 0.5, 100), np.ones(100), block=4, seed=7, confidence=0.95
    ... )
    >>> round(found.value, 2), found.lower < found.value < found.upper
    (0.3, True)

    Args:
        gain: (n,) in the order of time.
        base: (n,) what it is a share of; ones give a mean.
        block: Rows of a block.
        seed: Of the drawing.
        confidence: Of both ends together: 0.95 cuts 2.5 % off each.
    """
    count = len(gain)
    value = float(gain.sum()) / max(float(base.sum()), _TINY)
    block = max(1, min(block, count))
    blocks = count // block if count else 0
    if blocks < 2:  # noqa: PLR2004 - see above
        return BlockInterval(value=value, lower=-math.inf, upper=math.inf, blocks=blocks)
    starts = np.random.default_rng(seed).integers(
        0, count - block + 1, size=(RESAMPLES, -(-count // block))
    )
    sums = [np.concatenate([[0.0], np.cumsum(values)]) for values in (gain, base)]
    over, under = ((summed[block:] - summed[:-block])[starts].sum(axis=1) for summed in sums)
    tail = expanded_tail((1.0 - confidence) / 2.0, blocks)
    lower, upper = np.quantile(over / np.maximum(under, _TINY), [tail, 1.0 - tail])
    return BlockInterval(value=value, lower=float(lower), upper=float(upper), blocks=blocks)
