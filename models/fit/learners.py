"""The three learners with fixed, modest parameters.

Deterministic: the same rows and seed give the same trees.

One thread each: OpenMP threads that spin waiting make the boosters up to ten times slower on shared
cores, and never quicker at this size. Heavy packages are imported when a learner is used.
"""

import importlib
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset
from shared.core.errors import UserError
from shared.core.settings import LearningSettings

CLASS_COUNT = 3
MAX_BINS = 63
"""Of a feature, for the boosters: its quantiles. Finer ones cost time, and held-out skill is the
same."""
FOREST_SHARE = 0.1
"""Of the rows that each tree of the forest sees. Labels overlap: what is drawn should not hold each
swing many times over, so about as many rows as there are independent ones are enough (Lopez de
Prado 2018, 6.3.3). Held-out skill was better than with three tenths, in half the time."""


def fit_lightgbm(part: Dataset, learning: LearningSettings, seed: int) -> Any:
    """A LightGBM Booster: `rounds` trees a class."""
    lightgbm = needed("lightgbm")
    parameters = {
        "objective": "multiclass",
        "num_class": CLASS_COUNT,
        "learning_rate": learning.learning_rate,
        "max_depth": learning.max_depth,
        "num_leaves": min(31, 2**learning.max_depth - 1),
        "min_data_in_leaf": _leaf_rows(part),
        "lambda_l2": 5.0,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "feature_fraction": 0.7,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,  # a third quicker here than column by column
        "max_bin": MAX_BINS,
        "num_threads": 1,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(
        part.rows,
        label=part.label.astype(np.int32),
        weight=_weights(part),
        feature_name=list(part.names),
        free_raw_data=True,
    )
    # kept as it is: otherwise it would be written and read once more
    return lightgbm.train(
        parameters, data, num_boost_round=learning.rounds, keep_training_booster=True
    )


def fit_xgboost(part: Dataset, learning: LearningSettings, seed: int) -> Any:
    """An XGBoost Booster: `rounds` trees a class."""
    xgboost = needed("xgboost")
    parameters = {
        "objective": "multi:softprob",
        "num_class": CLASS_COUNT,
        "eta": learning.learning_rate,
        "max_depth": learning.max_depth,
        "min_child_weight": _leaf_rows(part) / 4,  # a row's hessian is about 2/9 for three classes
        "lambda": 5.0,
        "subsample": 0.7,
        "colsample_bytree": 0.7,
        "tree_method": "hist",
        "max_bin": MAX_BINS + 1,
        "seed": seed,
        "nthread": 1,
        "verbosity": 0,
    }
    data = xgboost.QuantileDMatrix(
        part.rows,
        label=part.label,
        weight=_weights(part),
        nthread=1,
        max_bin=MAX_BINS + 1,
    )
    booster = xgboost.train(parameters, data, num_boost_round=learning.rounds)
    booster.feature_names = list(
        part.names
    )  # known to the data, they would be compared again in every round
    return booster


def fit_forest(part: Dataset, learning: LearningSettings, seed: int) -> Any:
    """A scikit-learn RandomForestClassifier of `forest_trees` trees, each on `FOREST_SHARE` of the
    rows.
    """
    ensemble = needed("sklearn.ensemble")
    model = ensemble.RandomForestClassifier(
        n_estimators=learning.forest_trees,
        max_depth=learning.max_depth,
        min_samples_leaf=max(5, _leaf_rows(part) // 2),
        max_samples=FOREST_SHARE,
        max_features="sqrt",
        n_jobs=1,
        random_state=seed,
    )
    model.fit(part.rows, part.label, sample_weight=_weights(part))
    return model


def needed(name: str) -> ModuleType:
    """Import a learner's package, or say which package of the system is missing."""
    try:
        return importlib.import_module(name)
    except Exception as error:
        package = name.partition(".")[0]
        if isinstance(error, ModuleNotFoundError):
            raise UserError(
                f"training needs the Python package {package}",
                remedy="run scripts/bot once, which installs it",
            ) from error
        if "gomp" in str(error) or "libomp" in str(error):
            raise UserError(
                f"{package} needs the OpenMP library, which this system lacks",
                remedy=(
                    "install it: apt-get install libgomp1 (Debian, Ubuntu) or brew install libomp"
                    " (macOS)"
                ),
            ) from error
        raise


def _leaf_rows(part: Dataset) -> int:
    """Rows that a leaf must hold: one in 150, for labels overlap and a small leaf learns a single
    swing of the price.
    """
    return max(20, len(part) // 150)


def _weights(part: Dataset) -> NDArray[np.float64]:
    """Uniqueness scaled to a mean of 1, so that the learners' own limits keep their meaning."""
    weights: NDArray[np.float64] = part.weight / part.weight.mean()
    return weights
