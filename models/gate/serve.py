"""May it serve: the export equals the native libraries, its probabilities are probabilities, and
near what happened.
"""

from collections.abc import Mapping

import numpy as np

from models.gate.checks import at_most
from shared.core.types import FloatArray, Int8Array
from shared.model.manifest import Check

EQUAL = 1e-6
"""The tick's own rounding of a probability."""
SANE_SHIFT = 0.3
"""A class's mean probability that is further off than this is a mistake in the code, not in the
market."""


def serve_checks(
    *, differences: Mapping[str, float], probabilities: FloatArray, label: Int8Array
) -> tuple[Check, ...]:
    """Judge sanity by held-out rows.

    >>> checks = serve_checks(
    ...     differences={"lightgbm": 1e-8},
    ...     probabilities=np.full((300, 3), 1 / 3),
    ...     label=np.tile(np.array([0, 1, 2], dtype=np.int8), 100),
    ... )
    >>> [check.passed for check in checks]
    [True, True, True]

    Args:
        differences: The largest difference between exported and native probabilities, by member.
        probabilities: (n, 3) the calibrated vote.
        label: (n,) what came.
    """
    return (
        at_most(
            "export_equals_native",
            max(differences.values(), default=None),
            EQUAL,
            "largest difference between exported trees and native libraries on all held-out rows",
            group="serve",
        ),
        at_most(
            "probabilities_are_probabilities",
            _improbability(probabilities),
            EQUAL,
            "how far rows are from being three shares of one",
            group="serve",
        ),
        at_most(
            "mean_near_what_happened",
            _shift(probabilities, label),
            SANE_SHIFT,
            "largest difference between a class's mean probability and its share",
            group="serve",
        ),
    )


def _improbability(probabilities: FloatArray) -> float | None:
    if not len(probabilities) or not np.isfinite(probabilities).all():
        return None
    return max(
        float(np.abs(probabilities.sum(axis=1) - 1.0).max()), float(-min(0.0, probabilities.min()))
    )


def _shift(probabilities: FloatArray, label: Int8Array) -> float | None:
    if not len(label):
        return None
    shares = np.bincount(label, minlength=3) / len(label)
    return float(np.abs(probabilities.mean(axis=0) - shares).max())
