"""LightGBM: boosted trees, grown leaf by leaf."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset
from models.fit.export import Tree, rounded_down
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
from shared.core.types import FloatArray

TITLE = "LightGBM"
PACKAGES = {"lightgbm": "lightgbm"}


def fit(part: Dataset, learning: LearningSettings, seed: int) -> Learner:
    """Fit `rounds` trees a class."""
    booster = train(part, learning, seed)
    return Learner(
        name="lightgbm",
        native=lambda rows: np.asarray(booster.predict(rows, num_threads=1), dtype=np.float64),
        file="lightgbm.txt",
        write=lambda: booster.model_to_string(num_iteration=-1).encode(),
        trees=trees_of(booster),
        link="softmax",
    )


def train(part: Dataset, learning: LearningSettings, seed: int) -> Any:
    """A LightGBM Booster: `rounds` trees a class."""
    lightgbm = import_package("lightgbm")
    parameters = {
        "objective": "multiclass",
        "num_class": CLASS_COUNT,
        "learning_rate": learning.learning_rate,
        "max_depth": learning.max_depth,
        "num_leaves": min(31, 2**learning.max_depth - 1),
        "min_data_in_leaf": leaf_rows(part),
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
        weight=row_weights(part),
        feature_name=list(part.names),
        free_raw_data=True,
    )
    # kept as it is: otherwise it would be written and read once more
    return lightgbm.train(
        parameters, data, num_boost_round=learning.rounds, keep_training_booster=True
    )


def trees_of(booster: Any, *, classes: int = 3) -> list[Tree]:
    """Trees of a LightGBM Booster, round by round, class by class; with one class all lie in class
    0.
    """
    text = booster.model_to_string(num_iteration=-1)
    blocks = text.split("\nTree=")[1:]
    return [
        _tree(_fields(block.split("\n\n")[0]), number % classes)
        for number, block in enumerate(blocks)
    ]


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _tree(fields: dict[str, str], class_index: int) -> Tree:
    leaves = int(fields["num_leaves"])
    inner = leaves - 1
    leaf_value = np.array(fields["leaf_value"].split(), dtype=np.float64)
    value = np.zeros((inner + leaves, 3))
    value[inner:, class_index] = leaf_value
    if inner == 0:
        return _stump(value)
    if any(int(kind) & 1 for kind in fields["decision_type"].split()):
        raise BadBundle("export: LightGBM made a categorical split, which flat trees cannot hold")
    left, right = (_children(fields[name], inner, leaves) for name in ("left_child", "right_child"))
    threshold = np.concatenate(
        [np.array(fields["threshold"].split(), dtype=np.float64), np.zeros(leaves)]
    )
    feature = np.concatenate(
        [
            np.array(fields["split_feature"].split(), dtype=np.int64),
            np.zeros(leaves, dtype=np.int64),
        ]
    )
    return Tree(
        feature=feature, threshold=rounded_down(threshold), left=left, right=right, value=value
    )


def _children(text: str, inner: int, leaves: int) -> NDArray[np.int64]:
    """LightGBM writes leaf k as -(k + 1); here leaves follow the inner nodes."""
    told = np.array(text.split(), dtype=np.int64)
    return np.concatenate(
        [np.where(told < 0, inner - told - 1, told), np.full(leaves, -1, dtype=np.int64)]
    )


def _stump(value: FloatArray) -> Tree:
    none = np.full(1, -1, dtype=np.int64)
    return Tree(
        feature=np.zeros(1, dtype=np.int64),
        threshold=np.zeros(1, dtype=np.float32),
        left=none,
        right=none,
        value=value[-1:],
    )
