"""How good probabilities are on rows that nothing was fitted on, with intervals that know that labels overlap."""

from dataclasses import dataclass

import numpy as np

from models.labels import LOWER, NEITHER, UPPER
from shared.types import FloatArray, Int8Array

RESAMPLES = 2_000
CONFIDENCE = 0.95
BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """1 - loss / loss of the baseline, with the ends of its interval. 0: no better than always saying the same."""

    value: float
    lower: float
    upper: float


def log_losses(probabilities: FloatArray, label: Int8Array) -> FloatArray:
    """-log of what was given to the class that came, (n,), in nats."""
    given = probabilities[np.arange(len(label)), label]
    losses: FloatArray = -np.log(np.maximum(given, 1e-12))
    return losses


def constant(label: Int8Array) -> FloatArray:
    """The best constant probabilities in hindsight, (n, 3): the shares among these very rows.

    No forecast that could have been made beats it by being constant, so skill against it is never a lucky base rate.
    """
    shares = np.bincount(label, minlength=3) / len(label)
    return np.broadcast_to(shares, (len(label), 3))


def skill(probabilities: FloatArray, label: Int8Array, *, block: int, seed: int) -> Skill:
    """Log-loss skill over the best constant."""
    base = log_losses(constant(label), label)
    return bootstrap(base - log_losses(probabilities, label), base, block=block, seed=seed)


def direction_skill(probabilities: FloatArray, label: Int8Array, *, block: int, seed: int) -> Skill:
    """The same for the side alone: which barrier, on rows where one was touched.

    Whether anything happens is a question about volatility, which is easy and earns nothing; only the side does.
    """
    touched = label != NEITHER
    if len(np.unique(label[touched])) < 2:  # noqa: PLR2004 - both sides must have happened
        return Skill(value=0.0, lower=-1.0, upper=1.0)
    upper = (label == UPPER).astype(np.float64)
    p_upper = probabilities[:, UPPER] / (probabilities[:, LOWER] + probabilities[:, UPPER])
    share = float(upper[touched].mean())
    base = np.where(touched, _binary_loss(np.full(len(label), share), upper), 0.0)
    gain = base - np.where(touched, _binary_loss(p_upper, upper), 0.0)
    return bootstrap(gain, base, block=block, seed=seed)


def _binary_loss(p: FloatArray, happened: FloatArray) -> FloatArray:
    losses: FloatArray = -np.log(np.maximum(np.where(happened > 0, p, 1.0 - p), 1e-12))
    return losses


def bootstrap(gain: FloatArray, base: FloatArray, *, block: int, seed: int) -> Skill:
    """sum(gain) / sum(base) with a moving-block bootstrap interval (Kunsch 1989).

    Args:
        gain: (n,) loss saved a row, in the order of time.
        base: (n,) loss of the baseline.
        block: rows in a block, longer than labels overlap.
        seed: of the resampling.
    """
    count = len(gain)
    block = min(block, count)
    starts = np.random.default_rng(seed).integers(0, count - block + 1, size=(RESAMPLES, -(-count // block)))
    sums = [np.concatenate([[0.0], np.cumsum(values)]) for values in (gain, base)]
    over, under = (total[starts + block].sum(axis=1) - total[starts].sum(axis=1) for total in sums)
    ratios = over / np.maximum(under, 1e-12)
    tail = (1.0 - CONFIDENCE) / 2
    lower, upper = np.quantile(ratios, [tail, 1.0 - tail])
    return Skill(value=float(gain.sum() / max(float(base.sum()), 1e-12)), lower=float(lower), upper=float(upper))


def calibration_error(probabilities: FloatArray, label: Int8Array) -> float:
    """Expected calibration error, class by class in ten equal bins, mean of the three: |said - happened| weighted by rows."""
    errors = []
    for class_index in range(3):
        said, happened = probabilities[:, class_index], (label == class_index).astype(np.float64)
        place = np.minimum((said * BINS).astype(np.int64), BINS - 1)
        gaps = np.bincount(place, weights=said - happened, minlength=BINS)
        errors.append(float(np.abs(gaps).sum()) / len(label))
    return float(np.mean(errors))


def metrics(probabilities: FloatArray, label: Int8Array, *, block: int, seed: int) -> dict[str, float]:
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
    """Accuracy, and precision, recall and F1 as plain means over the classes, of the most probable class."""
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
