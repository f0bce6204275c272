"""The first verdict on a trained bundle. A later gate adds checks here; the manifest keeps whatever list it makes."""

from collections.abc import Mapping

import numpy as np

from shared.ensemble.manifest import Check, Verdict
from shared.types import FloatArray, Int8Array

EQUAL = 1e-6
SANE_SHIFT = 0.3


def judge(
    *, differences: Mapping[str, float], probabilities: FloatArray, label: Int8Array, scores: Mapping[str, float]
) -> Verdict:
    """Judge by the validation rows.

    Args:
        differences: the largest difference between exported and native probabilities, by member.
        probabilities: (n, 3) the calibrated vote.
        label: (n,) what came.
        scores: the vote's metrics.

    Returns:
        `may_serve` when the export is equal and the predictions are probabilities near what happens; `may_enter` when
        moreover both lower ends of the skill intervals are above zero: of the whole, and of the side alone. Without
        the second, a forecast of volatility would pass for one of direction.
    """
    serve = [
        _at_most(
            "export_equals_native",
            max(differences.values()),
            EQUAL,
            "largest difference between exported trees and native libraries on all held-out rows",
        ),
        _at_most(
            "probabilities_are_probabilities",
            _improbability(probabilities),
            EQUAL,
            "how far rows are from being three shares of one",
        ),
        _at_most(
            "mean_near_what_happened",
            _shift(probabilities, label),
            SANE_SHIFT,
            "largest difference between a class's mean probability and its share",
        ),
    ]
    enter = [
        _above("skill_lower_end", scores["skill_lower"], "log-loss skill over the best constant, lower end of its interval"),
        _above(
            "direction_skill_lower_end",
            scores["direction_skill_lower"],
            "the same for the side alone, on rows where a barrier was touched",
        ),
    ]
    may_serve = all(check.passed for check in serve)
    return Verdict(may_serve=may_serve, may_enter=may_serve and all(check.passed for check in enter), checks=(*serve, *enter))


def in_words(verdict: Verdict) -> str:
    """The verdict as one sentence."""
    if verdict.may_enter:
        return "It may serve and it may enter: its skill on later, unseen candles is above zero with room for luck."
    if verdict.may_serve:
        return "It may serve but not enter: it predicts sanely, and no edge is proven. That is the usual outcome."
    failed = ", ".join(check.name for check in verdict.checks if not check.passed)
    return f"It may not serve. Failed: {failed}."


def _at_most(name: str, value: float, threshold: float, meaning: str) -> Check:
    return Check(name=name, value=value, threshold=threshold, passed=bool(value <= threshold), meaning=f"at most: {meaning}")


def _above(name: str, value: float, meaning: str) -> Check:
    return Check(name=name, value=value, threshold=0.0, passed=bool(value > 0.0), meaning=f"above: {meaning}")


def _improbability(probabilities: FloatArray) -> float:
    if not np.isfinite(probabilities).all():
        return 1.0
    return max(float(np.abs(probabilities.sum(axis=1) - 1.0).max()), float(-min(0.0, probabilities.min())))


def _shift(probabilities: FloatArray, label: Int8Array) -> float:
    shares = np.bincount(label, minlength=3) / len(label)
    return float(np.abs(probabilities.mean(axis=0) - shares).max())
