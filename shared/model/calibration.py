"""How well probabilities are calibrated: what was said beside what came, in equal bins. Pure."""

from dataclasses import dataclass

import numpy as np

from shared.core.types import FloatArray, Int8Array
from shared.model.outcomes import LOWER, NEITHER, UPPER

BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBins:
    """One class, in bins of equal width by what was said of it.

    Attributes:
        gaps: (BINS,) sums of weight x (said - happened).
        variances: (BINS,) the variance of each under perfect calibration, where weights count
            independent labels.
        total: The sum of all weights.
    """

    gaps: FloatArray
    variances: FloatArray
    total: float

    @property
    def error(self) -> float:
        """|said - happened| weighted by rows."""
        return float(np.abs(self.gaps).sum()) / self.total


def calibration_bins(
    probabilities: FloatArray, label: Int8Array, weight: FloatArray | None = None
) -> tuple[CalibrationBins, ...]:
    """The bins of each of the three classes.

    Args:
        probabilities: (n, 3).
        label: (n,) what came.
        weight: (n,) how independent each label is; None: each counts 1.
    """
    counted = np.ones(len(label)) if weight is None else weight
    return tuple(
        _bins(probabilities[:, which], (label == which).astype(np.float64), counted)
        for which in (LOWER, NEITHER, UPPER)
    )


def _bins(said: FloatArray, happened: FloatArray, weight: FloatArray) -> CalibrationBins:
    place = np.minimum((said * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(place, weights=weight * (said - happened), minlength=BINS)
    variances = np.bincount(place, weights=weight * said * (1.0 - said), minlength=BINS)
    return CalibrationBins(
        gaps=gaps.astype(np.float64),
        variances=variances.astype(np.float64),
        total=float(weight.sum()),
    )


def calibration_error(
    probabilities: FloatArray, label: Int8Array, weight: FloatArray | None = None
) -> float:
    """Expected calibration error, class by class in equal bins, mean of the three."""
    bins = calibration_bins(probabilities, label, weight)
    return float(np.mean([one.error for one in bins]))
