"""How good a head is on rows that it was not fitted on.

None of these sees the future: what they need was fitted before.
"""

import numpy as np

from shared.core.types import FloatArray


def r_squared(truth: FloatArray, told: FloatArray) -> float:
    """1 - squared error / squared distance from the rows' own mean, which no forecast can know; NaN
    without variance.
    """
    spread = float(((truth - truth.mean()) ** 2).sum())
    return 1.0 - float(((truth - told) ** 2).sum()) / spread if spread > 0 else float("nan")


def qlike(truth: FloatArray, told: FloatArray, *, correction: float) -> float:
    """Mean of v / h - log(v / h) - 1 of variances v and their forecasts h; 0 is perfect.

    Args:
        truth: (n,) logarithms of realised volatilities.
        told: (n,) their forecasts: medians, so that
        correction: turns them into means of variances: h = exp(2 told) x correction.

    Source: Patton (2011), *Volatility forecast comparison using imperfect volatility proxies*,
        Journal of Econometrics 160.
    """
    ratio = np.exp(2.0 * (truth - told)) / correction
    return float((ratio - np.log(ratio) - 1.0).mean())


def log_loss(truth: FloatArray, told: FloatArray) -> float:
    """Mean of -log of what was given to what came, in nats."""
    given = np.where(truth > 0, told, 1.0 - told)
    return float(-np.log(np.maximum(given, 1e-12)).mean())


def roc_area(truth: FloatArray, told: FloatArray) -> float:
    """Area under the ROC curve: how often a row that paid was told more than one that did not; NaN
    with one kind only.
    """
    order = np.argsort(told, kind="stable")
    _, group, size = np.unique(told[order], return_inverse=True, return_counts=True)
    rank = np.empty(len(told))
    rank[order] = (np.cumsum(size) - (size - 1) / 2.0)[group]
    paid = truth > 0
    yes, no = int(paid.sum()), int((~paid).sum())
    if not (yes and no):
        return float("nan")
    return (float(rank[paid].sum()) - yes * (yes + 1) / 2.0) / (yes * no)
