"""The members' weights in the vote, fitted on rows that no member learned from.

    P(label) = sum over members of weight x P_member(label),   weights >= 0, summing to 1

The log-likelihood of such a mixture is concave in the weights; expectation-maximisation climbs it
and cannot leave the simplex (Dempster, Laird and Rubin 1977). A prior worth `PRIOR_LABELS`
independent labels holds the weights near those of the settings: a calibration part holds some fifty
independent labels, which say little about three weights.
"""

from typing import Literal

import numpy as np

from models.data.dataset import Dataset
from models.fit import calibrate
from shared.core.types import FloatArray
from shared.model.predict import calibrate_scores

FOLDS = 4
PRIOR_LABELS = 20.0
_STEPS, _SMALL = 500, 1e-12


def fitted_weights(
    scores: list[FloatArray],
    part: Dataset,
    *,
    base: FloatArray,
    kind: Literal["platt", "temperature"],
    prior: FloatArray,
    embargo_ms: int,
) -> FloatArray:
    """The members' shares (m,) by the likelihood of the calibration rows, each judged by
    calibrations that it is not in.

    Args:
        scores: (n, 3) a member, before calibration.
        part: The n calibration rows.
        base: (3,) class shares of the training rows.
        kind: Of the calibration.
        prior: (m,) shares that are kept where the rows say nothing; a member without a share there
            gets none.
        embargo_ms: Kept free between rows that calibrate and rows that judge, beside the labels'
            own length.
    """
    given = np.full((len(part), len(scores)), np.nan)
    for rows in np.array_split(np.arange(len(part)), FOLDS):
        if not len(rows):
            continue
        first_at, last_at = int(part.as_of[rows[0]]), int(part.end_at[rows].max())
        apart = (part.end_at <= first_at - embargo_ms) | (part.as_of >= last_at + embargo_ms)
        for member, raw in enumerate(scores):
            found = calibrate.fit_calibration(
                raw[apart], part.label[apart], part.weight[apart], base=base, centre=0.0, kind=kind
            )
            told = calibrate_scores(raw[rows], found)
            given[rows, member] = told[np.arange(len(rows)), part.label[rows]]
    return mixture(given, part.weight, prior=prior)


def mixture(given: FloatArray, weight: FloatArray, *, prior: FloatArray) -> FloatArray:
    """The convex shares (m,) with the highest posterior, from what each member gave to the class
    that came.

    Args:
        given: (n, m) probabilities.
        weight: (n,) what each row counts.
        prior: (m,) shares, worth `PRIOR_LABELS` rows.
    """
    shares = prior / prior.sum()
    centre = PRIOR_LABELS * shares
    for _ in range(_STEPS):
        parts = np.maximum(given, 1e-12) * shares
        owed = np.einsum("n,nm->m", weight, parts / parts.sum(axis=1, keepdims=True)) + centre
        after = owed / owed.sum()
        moved = float(np.abs(after - shares).max())
        shares = after
        if moved < _SMALL:
            break
    found: FloatArray = shares / shares.sum()
    return found
