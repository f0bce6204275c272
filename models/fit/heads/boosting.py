"""One small LightGBM model for a head: deterministic, one thread, its trees laid flat and compared
with the native ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.fit import export
from models.fit.learners.learner import MAX_BINS, import_package
from models.fit.learners.lightgbm import trees_of
from shared.core.settings import LearningSettings
from shared.core.types import FloatArray
from shared.model.forest import Forest


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosted:
    """A fitted model: scores are `base` + the sum of its trees. `forest` holds these alone."""

    name: str
    base: float
    trees: list[export.Tree]
    forest: Forest
    booster: Any

    def scores(self, rows: NDArray[np.float32]) -> FloatArray:
        """The exported trees' scores (n,) of rows (n, k)."""
        told: FloatArray = self.base + self.forest.sums(rows, [(0, len(self.trees))])[0][:, 0]
        return told

    def difference(self, rows: NDArray[np.float32]) -> float:
        """The largest difference of exported and native scores; raises `BadBundle` above 1e-6."""
        return (
            export.check_equal(self.name, self.scores(rows), self._native(rows))
            if len(rows)
            else 0.0
        )

    def _native(self, rows: NDArray[np.float32]) -> FloatArray:
        told: FloatArray = self.base + np.asarray(
            self.booster.predict(rows, raw_score=True, num_threads=1), dtype=np.float64
        )
        return told

    @property
    def audit(self) -> bytes:
        """The native file."""
        text: str = self.booster.model_to_string(num_iteration=-1)
        return text.encode()


def fit_boosted_trees(
    name: str,
    rows: NDArray[np.float32],
    target: FloatArray,
    *,
    objective: Literal["regression", "binary"],
    base: float,
    weight: FloatArray | None,
    names: Sequence[str],
    learning: LearningSettings,
    seed: int,
) -> Boosted:
    """Fit `learning.rounds` trees to what `base` leaves over.

    Args:
        name: Of the head.
        rows: (n, k).
        target: (n,) numbers, or 0 and 1 for `binary`.
        objective: Squared error, or log-loss.
        base: Where every row's score starts.
        weight: (n,) with a mean of 1; None: all rows alike.
        names: Of the k columns.
        learning: Size and pace.
        seed: Of the draws of rows and columns.
    """
    lightgbm = import_package("lightgbm")
    parameters = {
        "objective": objective,
        "boost_from_average": False,
        "learning_rate": learning.learning_rate,
        "max_depth": learning.max_depth,
        "num_leaves": min(31, 2**learning.max_depth - 1),
        "min_data_in_leaf": max(20, len(rows) // 150),
        "lambda_l2": 5.0,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "feature_fraction": 0.7,
        "max_bin": MAX_BINS,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    start = np.full(len(rows), base)
    data = lightgbm.Dataset(
        rows,
        label=target,
        weight=weight,
        init_score=start,
        feature_name=list(names),
        free_raw_data=True,
    )
    booster = lightgbm.train(parameters, data, num_boost_round=learning.rounds)
    trees = trees_of(booster, classes=1)
    return Boosted(
        name=name,
        base=base,
        trees=trees,
        forest=export.flatten(trees, feature_count=rows.shape[1]),
        booster=booster,
    )
