"""Features and votes -> calibrated probabilities. Pure, and the same number on every processor and batch size."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.ensemble.forest import Forest
from shared.ensemble.manifest import CLASSES, Calibration, Manifest, Member
from shared.errors import BadBundle, BadData
from shared.types import Barriers, BoolArray, Features, FloatArray, Prediction, Votes

PROBABILITY_DIGITS = 6
SMALLEST_PROBABILITY = 1e-6  # of a forest's mean, so that its logarithm exists


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle that passed all checks of `load`."""

    version: str
    manifest: Manifest
    forest: Forest

    @property
    def barriers(self) -> Barriers:
        """The label that the probabilities are about."""
        return self.manifest.barriers

    @property
    def may_enter(self) -> bool:
        """Whether the verdict allows opening positions."""
        return self.manifest.verdict.may_enter


def predict(features: Features, votes: Votes, bundle: Bundle, *, asked: BoolArray | None = None) -> Prediction:
    """Predict the rows on which the strategies agree, or those of them that are `asked` for: the rest can lead to nothing.

    Args:
        features: n rows; the bundle's features are taken from it by name.
        votes: the same n rows.
        bundle: a loaded bundle.
        asked: (n,) which rows may be needed; None asks for all. A row's probabilities do not depend on the others.

    Returns:
        Probabilities (n, 3), rounded to 1e-6 so that a threshold decides alike on every processor; NaN on rows
        not asked for, without a consensus or with a feature that is not warm.

    Raises:
        BadBundle: when the bundle wants a feature that is not there.
        BadData: when features, votes and `asked` are not of the same candles.
    """
    if not np.array_equal(features.as_of, votes.as_of):
        raise BadData("features and votes are not of the same candles")
    if asked is not None and asked.shape != features.as_of.shape:
        raise BadData(f"{len(asked)} rows are marked, and there are {len(features.as_of)}")
    missing = [name for name in bundle.manifest.features if name not in features.names]
    if missing:
        raise BadBundle(f"features: the bundle {bundle.version} wants {', '.join(missing)}, which this code does not compute")
    agreed = np.flatnonzero(votes.consensus)
    columns = np.array([features.names.index(name) for name in bundle.manifest.features])
    with np.errstate(over="ignore"):  # what does not fit into float32 is refused in the next line
        rows = features.values[np.ix_(agreed, columns)].astype(np.float32)
    finite = np.isfinite(rows).all(axis=1)
    probabilities = np.full((len(features.as_of), len(CLASSES)), np.nan)
    unasked = None
    if asked is not None:
        unasked = np.zeros(len(features.as_of), dtype=np.bool_)
        unasked[agreed[finite & ~asked[agreed]]] = True
        finite &= asked[agreed]
    probabilities[agreed[finite]] = np.round(predict_rows(rows[finite], bundle), PROBABILITY_DIGITS)
    return Prediction(
        as_of=features.as_of,
        probabilities=probabilities,
        model=bundle.version,
        barriers=bundle.manifest.barriers,
        unasked=unasked,
    )


def predict_rows(rows: NDArray[np.float32], bundle: Bundle) -> FloatArray:
    """The calibrated vote on finite float32 rows (n, k): probabilities (n, 3), not rounded."""
    manifest = bundle.manifest
    vote = np.zeros((len(rows), len(CLASSES)))
    for member, scores in zip(manifest.members, member_scores(rows, bundle.forest, manifest.members), strict=True):
        vote += member.weight * calibrated(scores, member.calibration)
    return calibrated(logarithm(vote), manifest.calibration)


def member_scores(rows: NDArray[np.float32], forest: Forest, members: tuple[Member, ...]) -> list[FloatArray]:
    """Each member's scores (n, 3) before calibration."""
    ends = np.cumsum([member.trees for member in members]).tolist()
    spans = [(end - member.trees, end) for end, member in zip(ends, members, strict=True)]
    return [
        np.asarray(member.base) + total if member.link == "softmax" else logarithm(total / member.trees)
        for member, total in zip(members, forest.sums(rows, spans), strict=True)
    ]


def calibrated(scores: FloatArray, calibration: Calibration) -> FloatArray:
    """softmax(slope x scores + offsets), (n, 3)."""
    return softmax(calibration.slope * scores + np.asarray(calibration.offsets))


def softmax(scores: FloatArray) -> FloatArray:
    """Probabilities (n, 3) of scores (n, 3), with `math.exp`: numpy's differs between processors."""
    raised = _each(math.exp, scores - scores.max(axis=1, keepdims=True))
    return raised / (raised[:, :1] + raised[:, 1:2] + raised[:, 2:])


def logarithm(probabilities: FloatArray) -> FloatArray:
    """Natural logarithm with a floor, with `math.log` for the same reason."""
    return _each(math.log, np.maximum(probabilities, SMALLEST_PROBABILITY))


def _each(function: Callable[[float], float], values: FloatArray) -> FloatArray:
    return np.array([function(value) for value in values.ravel().tolist()]).reshape(values.shape)
