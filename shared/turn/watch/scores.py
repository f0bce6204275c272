"""How good probabilities were, once it is known what came: each row counts as much as its label is
independent. Pure.
"""

import math
from dataclasses import dataclass

import numpy as np

from shared.core.types import FloatArray, Int8Array
from shared.model.calibration import calibration_bins
from shared.model.outcomes import LOWER, NEITHER, UPPER

ONE_IN_A_HUNDRED = 2.326
"""One-sided normal quantile of 0.99."""
_MEAN_OF_ABSOLUTE = math.sqrt(2.0 / math.pi)  # of a standard normal variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a model showed on rows whose labels are known.

    Attributes:
        rows: How many; `effective_rows` how many independent labels they are worth.
        log_loss: Mean of -log of what the class that came was given, in nats.
        hit_rate: Share of the rows that touched a barrier on which the more probable side came;
            None where none touched one.
        hit_effective_rows: Of those rows.
        calibration_error: |said - happened| in ten equal bins, weighted, mean of the three classes.
        calibration_luck: What a perfectly calibrated forecast shows on so few labels one time in a
            hundred.
    """

    rows: int
    effective_rows: float
    log_loss: float
    hit_rate: float | None
    hit_effective_rows: float
    calibration_error: float
    calibration_luck: float

    def hit_rate_luck(self, promised: float) -> float:
        """How far below `promised` so few labels fall by chance one time in a hundred."""
        return ONE_IN_A_HUNDRED * math.sqrt(
            promised * (1.0 - promised) / max(self.hit_effective_rows, 1.0)
        )


def score(probabilities: FloatArray, label: Int8Array, weight: FloatArray) -> Score | None:
    """Judge (n, 3) probabilities; `weight` (n,) is each label's uniqueness. None without rows."""
    total = float(weight.sum())
    if total <= 0.0:
        return None
    given = probabilities[np.arange(len(label)), label]
    touched = label != NEITHER
    hit = label == np.where(probabilities[:, UPPER] >= probabilities[:, LOWER], UPPER, LOWER)
    told = float(weight[touched].sum())
    error, luck = _calibration(probabilities, label, weight)
    return Score(
        rows=len(label),
        effective_rows=total,
        log_loss=float(-(weight * np.log(np.maximum(given, 1e-12))).sum() / total),
        hit_rate=float(weight[touched & hit].sum()) / told if told > 0 else None,
        hit_effective_rows=told,
        calibration_error=error,
        calibration_luck=luck,
    )


def _calibration(
    probabilities: FloatArray, label: Int8Array, weight: FloatArray
) -> tuple[float, float]:
    """The error, and how large it is by luck one time in a hundred: its mean and spread where every
    gap is pure chance.
    """
    bins = calibration_bins(probabilities, label, weight)
    lucks = []
    for one in bins:
        mean = _MEAN_OF_ABSOLUTE * np.sqrt(one.variances).sum()
        spread = math.sqrt((1.0 - _MEAN_OF_ABSOLUTE**2) * one.variances.sum())
        lucks.append(float(mean + ONE_IN_A_HUNDRED * spread) / one.total)
    return float(np.mean([one.error for one in bins])), float(np.mean(lucks))
