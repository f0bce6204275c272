"""How good probabilities are on rows that nothing was fitted on, with intervals that know that
labels overlap.
"""

from dataclasses import dataclass

import numpy as np

from models.data.labels import LOWER, NEITHER, UPPER
from models.statistics.blocks import ratio_interval
from shared.core.types import FloatArray, Int8Array
from shared.model.calibration import calibration_bins, calibration_error

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """1 - loss / loss of the baseline, with the ends of its interval.

    0: no better than always saying the same.
    """

    value: float
    lower: float
    upper: float

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends."""
        return self.lower, self.upper


def log_losses(probabilities: FloatArray, label: Int8Array) -> FloatArray:
    """-log of what was given to the class that came, (n,), in nats.

    >>> said = np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])
    >>> np.round(log_losses(said, np.array([0, 1], dtype=np.int8)), 4).tolist()
    [0.6931, 1.3863]
    """
    given = probabilities[np.arange(len(label)), label]
    losses: FloatArray = -np.log(np.maximum(given, 1e-12))
    return losses


def side_losses(probabilities: FloatArray, label: Int8Array) -> FloatArray:
    """The same for the side alone, (n,): which barrier, given that one was touched; 0 on rows where
    none was.
    """
    touch = probabilities[:, LOWER] + probabilities[:, UPPER]
    p_upper = np.divide(
        probabilities[:, UPPER], touch, out=np.full(len(label), 0.5), where=touch > 0.0
    )
    return np.where(
        label == NEITHER, 0.0, _binary_loss(p_upper, (label == UPPER).astype(np.float64))
    )


def constant(label: Int8Array, weight: FloatArray | None = None) -> FloatArray:
    """The best constant probabilities in hindsight, (n, 3): the (weighted) shares among these very
    rows.

    No forecast that could have been made beats it by being constant, so skill against it is never a
    lucky base rate.

    >>> constant(np.array([0, 0, 1, 2], dtype=np.int8))[0].tolist()
    [0.5, 0.25, 0.25]
    """
    counts = np.bincount(label, weights=weight, minlength=3)
    return np.broadcast_to(counts / counts.sum(), (len(label), 3))


def skill(
    probabilities: FloatArray,
    label: Int8Array,
    *,
    block: int,
    seed: int,
    weight: FloatArray | None = None,
    confidence: float = CONFIDENCE,
) -> Skill:
    """Log-loss skill over the best constant, each row counted by its `weight`."""
    counted = np.ones(len(label)) if weight is None else weight
    base = counted * log_losses(constant(label, weight), label)
    gain = base - counted * log_losses(probabilities, label)
    return bootstrap_skill(gain, base, block=block, seed=seed, confidence=confidence)


def direction_skill(
    probabilities: FloatArray,
    label: Int8Array,
    *,
    block: int,
    seed: int,
    weight: FloatArray | None = None,
    confidence: float = CONFIDENCE,
) -> Skill:
    """The same for the side alone: which barrier, on rows where one was touched.

    Whether anything happens is a question about volatility, which is easy and earns nothing; only
    the side does.
    """
    touched = label != NEITHER
    if len(np.unique(label[touched])) < 2:  # noqa: PLR2004 - both sides must have happened
        return Skill(value=0.0, lower=-1.0, upper=1.0)
    counted = np.ones(len(label)) if weight is None else weight
    upper = (label == UPPER).astype(np.float64)
    share = float(np.average(upper[touched], weights=counted[touched]))
    base = counted * np.where(touched, _binary_loss(np.full(len(label), share), upper), 0.0)
    gain = base - counted * side_losses(probabilities, label)
    return bootstrap_skill(gain, base, block=block, seed=seed, confidence=confidence)


def _binary_loss(p: FloatArray, happened: FloatArray) -> FloatArray:
    losses: FloatArray = -np.log(np.maximum(np.where(happened > 0, p, 1.0 - p), 1e-12))
    return losses


def bootstrap_skill(
    gain: FloatArray, base: FloatArray, *, block: int, seed: int, confidence: float = CONFIDENCE
) -> Skill:
    """sum(gain) / sum(base) with the interval of `models.statistics.blocks`; from -1 to 1 where
    there are too few blocks.

    Args:
        gain: (n,) loss saved a row, in the order of time.
        base: (n,) loss of the baseline.
        block: rows in a block, longer than labels overlap.
        seed: of the resampling.
        confidence: of the interval.
    """
    found = ratio_interval(gain, base, block=block, seed=seed, confidence=confidence)
    if not (np.isfinite(found.lower) and np.isfinite(found.upper)):
        return Skill(value=found.value, lower=min(-1.0, found.value), upper=max(1.0, found.value))
    return Skill(value=found.value, lower=found.lower, upper=found.upper)


def calibration_error_beyond_luck(
    probabilities: FloatArray, label: Int8Array, weight: FloatArray
) -> float:
    """The calibration error, less what so few independent labels would show of a perfectly
    calibrated forecast.

    In each bin sqrt(max(0, gap^2 - variance of the gap)), where `weight` counts independent labels:
    few of them make gaps in any forecast. Sources: Ferro & Fricker, QJRMS 138, 2012 (the bias of
    binned reliability); Kumar, Liang & Ma, "Verified Uncertainty Calibration", NeurIPS 2019 (the
    debiased estimate).
    """
    errors = [
        np.sqrt(np.maximum(0.0, one.gaps**2 - one.variances)).sum() / one.total
        for one in calibration_bins(probabilities, label, weight)
    ]
    return float(np.mean(errors))


def metrics(
    probabilities: FloatArray, label: Int8Array, *, block: int, seed: int
) -> dict[str, float]:
    """Everything that the manifest keeps about one set of probabilities."""
    total = skill(probabilities, label, block=block, seed=seed)
    side = direction_skill(probabilities, label, block=block, seed=seed)
    return {
        "log_loss": float(log_losses(probabilities, label).mean()),
        "log_loss_constant": float(log_losses(constant(label), label).mean()),
        "skill": total.value,
        "skill_lower": total.lower,
        "skill_upper": total.upper,
        "direction_skill": side.value,
        "direction_skill_lower": side.lower,
        "direction_skill_upper": side.upper,
        "brier": float(((probabilities - np.eye(3)[label]) ** 2).sum(axis=1).mean()),
        "calibration_error": calibration_error(probabilities, label),
        **_classification(probabilities, label),
    }


def _classification(probabilities: FloatArray, label: Int8Array) -> dict[str, float]:
    """Accuracy, and precision, recall and F1 as plain means over the classes, of the most probable
    class.
    """
    guess = probabilities.argmax(axis=1)
    precisions, recalls, scores = [], [], []
    for class_index in range(3):
        right = float(((guess == class_index) & (label == class_index)).sum())
        precision = right / max(1, int((guess == class_index).sum()))
        recall = right / max(1, int((label == class_index).sum()))
        precisions.append(precision)
        recalls.append(recall)
        scores.append(2 * precision * recall / (precision + recall) if right else 0.0)
    return {
        "accuracy": float((guess == label).mean()),
        "precision": float(np.mean(precisions)),
        "recall": float(np.mean(recalls)),
        "f1": float(np.mean(scores)),
    }
