"""The three learners with fixed, modest parameters. Deterministic: the same rows and seed give the same trees.

One thread each: OpenMP threads that spin waiting make the boosters up to ten times slower on shared cores, and never
quicker at this size. Heavy packages are imported when a learner is used.
"""

import importlib
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.dataset import Dataset
from shared.errors import UserError
from shared.settings import LearningSettings

CLASS_COUNT = 3


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
        "force_col_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(
        part.rows, label=part.label.astype(np.int32), weight=_weights(part), feature_name=list(part.names), free_raw_data=True
    )
    return lightgbm.train(parameters, data, num_boost_round=learning.rounds)


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
        "max_bin": 64,
        "seed": seed,
        "nthread": 1,
        "verbosity": 0,
    }
    data = xgboost.DMatrix(part.rows, label=part.label, weight=_weights(part), feature_names=list(part.names), nthread=1)
    return xgboost.train(parameters, data, num_boost_round=learning.rounds)


def fit_forest(part: Dataset, learning: LearningSettings, seed: int) -> Any:
    """A scikit-learn RandomForestClassifier of `forest_trees` trees, each on three tenths of the rows."""
    ensemble = needed("sklearn.ensemble")
    model = ensemble.RandomForestClassifier(
        n_estimators=learning.forest_trees,
        max_depth=learning.max_depth,
        min_samples_leaf=max(5, _leaf_rows(part) // 2),
        max_samples=0.3,
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
                f"training needs the Python package {package}", remedy="run scripts/bot once, which installs it"
            ) from error
        if "gomp" in str(error) or "libomp" in str(error):
            raise UserError(
                f"{package} needs the OpenMP library, which this system lacks",
                remedy="install it: apt-get install libgomp1 (Debian, Ubuntu) or brew install libomp (macOS)",
            ) from error
        raise


def _leaf_rows(part: Dataset) -> int:
    """Rows that a leaf must hold: one in 150, for labels overlap and a small leaf learns a single swing of the price."""
    return max(20, len(part) // 150)


def _weights(part: Dataset) -> NDArray[np.float64]:
    """Uniqueness scaled to a mean of 1, so that the learners' own limits keep their meaning."""
    weights: NDArray[np.float64] = part.weight / part.weight.mean()
    return weights
