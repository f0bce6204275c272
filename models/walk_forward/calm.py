"""The rival that knows nothing but how much the price moved: what it says, a forecast of direction
must beat.

A small booster on past volatility alone, fitted and calibrated on the same rows as the model that
it stands beside.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset, Split
from models.fit import calibrate, export
from models.fit.learners import lightgbm
from models.fit.recipe import class_shares
from shared.core.settings import LearningSettings
from shared.core.types import FloatArray
from shared.model.predict import calibrate_scores

ROUNDS, DEPTH = 40, 3


def volatility_only(
    parts: Split,
    rows: NDArray[np.float32],
    names: tuple[str, ...],
    learning: LearningSettings,
    *,
    seed: int,
) -> FloatArray:
    """Probabilities (n, 3) of `rows` (n, v), whose columns `names` are ATR rate and realised
    volatilities as in the dataset.
    """
    small = replace(learning, rounds=ROUNDS, max_depth=DEPTH, learning_rate=0.1)
    training, calibration = (
        _visible_rows(part, names) for part in (parts.training, parts.calibration)
    )
    trees = lightgbm.trees_of(lightgbm.train(training, small, seed))
    forest = export.flatten(trees, feature_count=len(names))
    span = [(0, len(trees))]
    found = calibrate.fit_calibration(
        forest.sums(calibration.rows, span)[0],
        calibration.label,
        calibration.weight,
        base=class_shares(training),
        centre=0.0,
        kind=learning.calibration,
    )
    return calibrate_scores(forest.sums(rows, span)[0], found)


def _visible_rows(part: Dataset, names: tuple[str, ...]) -> Dataset:
    columns = np.column_stack([part.atr_rate, part.volatility_past]).astype(np.float32)
    return replace(part, names=names, rows=np.ascontiguousarray(columns[:, : len(names)]))
