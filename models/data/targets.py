"""Features that are the target: what tells by itself nearly all of what is to be learned was not
known in time.

An honest feature tells next to nothing of a direction, a tenth of the original's label (which is
about volatility), and most of the volatility to come, but never all of it.
"""

import numpy as np

from models.data.dataset import Dataset
from models.data.findings import Finding
from shared.core.types import FloatArray, Int8Array

MOST_LABEL_SHARE = 0.5
"""Share of the label's entropy that one feature may tell. Honest ones told at most 0.3, on a month
with a planted trend."""
MOST_RANK_CORRELATION = 0.7
"""With what a long would bring. Honest features had at most 0.5, on the same month; on years about
0.1."""
MOST_VOLATILITY_CORRELATION = 0.98
"""With the volatility to come. The best honest forecast has about 0.8."""
_LEAST_EFFECTIVE = 30.0
_STUDIED_ROWS, _MOST_BINS, _ROWS_A_BIN = 20_000, 20, 20


def target_in_features(dataset: Dataset) -> tuple[Finding, ...]:
    """Features that tell by themselves what is to be learned: the label, what a long brings, or the
    volatility to come.
    """
    effective = dataset.effective
    if effective < _LEAST_EFFECTIVE:
        return ()
    studied = slice(None, None, max(1, len(dataset) // _STUDIED_ROWS))
    label, weight = dataset.label[studied], dataset.weight[studied]
    most_rank = max(MOST_RANK_CORRELATION, 5.0 / effective**0.5)
    found = []
    for place, name in enumerate(dataset.names):
        column = dataset.rows[studied, place].astype(np.float64)
        share = told_share(column, label, weight, effective=effective)
        rank = abs(rank_correlation(column, dataset.long_net[studied]))
        volatility = abs(rank_correlation(column, dataset.volatility_next[studied]))
        if share > MOST_LABEL_SHARE or rank > most_rank or volatility > MOST_VOLATILITY_CORRELATION:
            found.append(
                _finding(name, share=share, rank=rank, volatility=volatility, most_rank=most_rank)
            )
    return tuple(found)


def _finding(
    name: str, *, share: float, rank: float, volatility: float, most_rank: float
) -> Finding:
    return Finding(
        name="target_in_features",
        found=(
            f"{name} alone tells {share:.0%} of the label; its rank correlation is {rank:.2f} with"
            f" what a long brings and {volatility:.2f} with the volatility to come"
        ),
        right=(
            f"at most {MOST_LABEL_SHARE:.0%}, {most_rank:.2f} and {MOST_VOLATILITY_CORRELATION:.2f}"
        ),
        facts={"feature": name, "label_share": share, "rank": rank, "volatility": volatility},
    )


def told_share(
    column: FloatArray, label: Int8Array, weight: FloatArray, *, effective: float
) -> float:
    """The share of the label's entropy that a column tells by itself: mutual information of its
    bins, less what chance gives.

    Chance gives (bins - 1) (classes - 1) / 2n nats of n independent labels (Miller, Note on the
    Bias of Information Estimates, 1955).

    Args:
        column: (n,) finite.
        label: (n,) 0, 1, 2.
        weight: (n,) how much each row counts.
        effective: How many independent labels the rows stand for.
    """
    count = int(np.clip(effective / _ROWS_A_BIN, 2, _MOST_BINS))
    edges = np.unique(np.quantile(column, np.linspace(0.0, 1.0, count + 1)[1:-1]))
    where = np.searchsorted(edges, column, side="right") * 3 + label
    joint: FloatArray = (
        np.bincount(where, weights=weight, minlength=3 * (len(edges) + 1)).reshape(-1, 3)
        / weight.sum()
    )
    bins, classes = joint.sum(axis=1), joint.sum(axis=0)
    own = _entropy(classes)
    shared = _entropy(bins) + own - _entropy(joint.ravel())
    by_chance = (np.count_nonzero(bins) - 1) * (np.count_nonzero(classes) - 1) / (2.0 * effective)
    return max(0.0, shared - by_chance) / own if own > 0.0 else 0.0


def _entropy(shares: FloatArray) -> float:
    known = shares[shares > 0.0]
    return float(-(known * np.log(known)).sum())


def rank_correlation(one: FloatArray, other: FloatArray) -> float:
    """Spearman's correlation where both are finite; 0 where there is nothing to compare or one of
    them stands still.
    """
    known = np.isfinite(one) & np.isfinite(other)
    one, other = one[known], other[known]
    if len(one) < _LEAST_EFFECTIVE or np.ptp(one) == 0.0 or np.ptp(other) == 0.0:
        return 0.0
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: FloatArray) -> FloatArray:
    """Mean ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: FloatArray = (np.cumsum(counts) - (counts - 1) / 2.0)[place]
    return ranks
