"""XGBoost: boosted trees, grown level by level."""

import json
from typing import Any

import numpy as np

from models.data.dataset import Dataset
from models.fit.export import Tree
from models.fit.learners.learner import (
    CLASS_COUNT,
    MAX_BINS,
    Learner,
    import_package,
    leaf_rows,
    row_weights,
)
from shared.core.errors import BadBundle
from shared.core.settings import LearningSettings

TITLE = "XGBoost"
PACKAGES = {"xgboost": "xgboost-cpu"}


def fit(part: Dataset, learning: LearningSettings, seed: int) -> Learner:
    """Fit `rounds` trees a class."""
    booster = train(part, learning, seed)
    trees, base = trees_of(booster)
    return Learner(
        name="xgboost",
        native=lambda rows: np.asarray(booster.inplace_predict(rows), dtype=np.float64),
        file="xgboost.ubj",
        write=lambda: bytes(booster.save_raw("ubj")),
        trees=trees,
        link="softmax",
        base=base,
    )


def train(part: Dataset, learning: LearningSettings, seed: int) -> Any:
    """An XGBoost Booster: `rounds` trees a class."""
    xgboost = import_package("xgboost")
    parameters = {
        "objective": "multi:softprob",
        "num_class": CLASS_COUNT,
        "eta": learning.learning_rate,
        "max_depth": learning.max_depth,
        "min_child_weight": leaf_rows(part) / 4,  # a row's hessian is about 2/9 for three classes
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
        weight=row_weights(part),
        nthread=1,
        max_bin=MAX_BINS + 1,
    )
    booster = xgboost.train(parameters, data, num_boost_round=learning.rounds)
    booster.feature_names = list(
        part.names
    )  # known to the data, they would be compared again in every round
    return booster


def trees_of(booster: Any) -> tuple[list[Tree], tuple[float, float, float]]:
    """Trees of a multi:softprob XGBoost Booster and the base score of each class (its margins start
    there).
    """
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    model = learner["gradient_booster"]["model"]
    told = json.loads(learner["learner_model_param"]["base_score"])
    base = [float(np.float32(value)) for value in (told if isinstance(told, list) else [told])]
    if len(base) not in {1, 3}:
        raise BadBundle(f"export: XGBoost has {len(base)} base scores, expected 1 or 3")
    first, second, third = base if len(base) == 3 else base * 3  # noqa: PLR2004 - three classes
    pairs = zip(model["trees"], model["tree_info"], strict=True)
    return [_tree(tree, class_index) for tree, class_index in pairs], (first, second, third)


def _tree(tree: dict[str, Any], class_index: int) -> Tree:
    if any(tree["split_type"]):
        raise BadBundle("export: XGBoost made a categorical split, which flat trees cannot hold")
    left = np.array(tree["left_children"], dtype=np.int64)
    condition = np.array(tree["split_conditions"], dtype=np.float32)
    value = np.zeros((len(left), 3))
    value[left < 0, class_index] = condition[left < 0]
    return Tree(
        feature=np.array(tree["split_indices"], dtype=np.int64),
        threshold=np.nextafter(condition, np.float32(-np.inf)),  # XGBoost asks x < t
        left=left,
        right=np.array(tree["right_children"], dtype=np.int64),
        value=value,
    )
