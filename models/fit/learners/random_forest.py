"""A random forest of scikit-learn."""

from typing import Any

import numpy as np

from models.data.dataset import Dataset
from models.fit.export import Tree, rounded_down
from models.fit.learners.learner import Learner, import_package, leaf_rows, row_weights
from shared.core.errors import BadBundle
from shared.core.settings import LearningSettings
from shared.model.arrays import pack

TITLE = "random forest"
PACKAGES = {"scikit-learn": "scikit-learn"}
FOREST_SHARE = 0.1
"""Of the rows that each tree of the forest sees. Labels overlap: what is drawn should not hold each
swing many times over, so about as many rows as there are independent ones are enough (Lopez de
Prado 2018, 6.3.3). Held-out skill was better than with three tenths, in half the time."""


def fit(part: Dataset, learning: LearningSettings, seed: int) -> Learner:
    """Fit `forest_trees` trees."""
    forest = train(part, learning, seed)
    return Learner(
        name="random_forest",
        native=lambda rows: np.asarray(forest.predict_proba(rows), dtype=np.float64),
        file="random_forest.npz",
        write=lambda: bytes_of(forest),
        trees=trees_of(forest),
        link="mean",
    )


def train(part: Dataset, learning: LearningSettings, seed: int) -> Any:
    """A scikit-learn RandomForestClassifier of `forest_trees` trees, each on `FOREST_SHARE` of the
    rows.
    """
    ensemble = import_package("sklearn.ensemble")
    model = ensemble.RandomForestClassifier(
        n_estimators=learning.forest_trees,
        max_depth=learning.max_depth,
        min_samples_leaf=max(5, leaf_rows(part) // 2),
        max_samples=FOREST_SHARE,
        max_features="sqrt",
        n_jobs=1,
        random_state=seed,
    )
    model.fit(part.rows, part.label, sample_weight=row_weights(part))
    return model


def trees_of(model: Any) -> list[Tree]:
    """Trees of a scikit-learn random forest; a leaf holds its class shares."""
    if list(model.classes_) != [0, 1, 2]:
        raise BadBundle(
            f"export: the forest knows the classes {list(model.classes_)}, expected 0, 1, 2"
        )
    trees = []
    for estimator in model.estimators_:
        tree = estimator.tree_
        shares = tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True)
        left = np.asarray(tree.children_left, dtype=np.int64)
        trees.append(
            Tree(
                feature=np.asarray(tree.feature, dtype=np.int64),
                threshold=rounded_down(np.asarray(tree.threshold, dtype=np.float64)),
                left=left,
                right=np.asarray(tree.children_right, dtype=np.int64),
                value=np.where(left[:, None] < 0, shares, 0.0),
            )
        )
    return trees


def bytes_of(model: Any) -> bytes:
    """A scikit-learn forest as plain arrays for audit: all that is needed to walk it again, without
    pickle.
    """
    trees = [estimator.tree_ for estimator in model.estimators_]
    names = ("feature", "threshold", "children_left", "children_right", "n_node_samples", "value")
    parts = {
        name: np.concatenate([np.asarray(getattr(tree, name)) for tree in trees]) for name in names
    }
    return pack(
        {"node_counts": np.array([tree.node_count for tree in trees], dtype=np.int64), **parts}
    )
