"""The members of the vote: three learners, fitted, with their native predictions and their trees
laid flat.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset, Split
from models.fit import export, learners
from shared.core.errors import UserError
from shared.core.settings import LearningSettings
from shared.core.types import FloatArray
from shared.model.forest import Forest
from shared.model.manifest import Calibration, Member
from shared.model.predict import member_scores, softmax

NATIVE_FILES = {
    "lightgbm": "lightgbm.txt",
    "xgboost": "xgboost.ubj",
    "random_forest": "random_forest.npz",
}
Progress: TypeAlias = Callable[[str, float], None]
_NOT_CALIBRATED = Calibration(slope=1.0, offsets=(0.0, 0.0, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """A fitted learner: its native probabilities, its file for audit (`write` makes it), and its
    trees.
    """

    name: str
    native: Callable[[NDArray[np.float32]], FloatArray]
    write: Callable[[], bytes]
    trees: list[export.Tree]
    link: Literal["softmax", "mean"]
    base: tuple[float, float, float]

    @property
    def audit(self) -> bytes:
        """The learner's own file."""
        return self.write()


def fit_all(part: Dataset, learning: LearningSettings, seed: int, tell: Progress) -> list[Learner]:
    """Fit LightGBM, XGBoost and the forest, in the order of the vote; `tell` hears which is next
    and the share that is done.
    """
    tell("LightGBM", 0.05)
    lightgbm = learners.fit_lightgbm(part, learning, seed)
    tell("XGBoost", 0.30)
    xgboost = learners.fit_xgboost(part, learning, seed)
    tell("random forest", 0.55)
    forest = learners.fit_forest(part, learning, seed)
    trees, base = export.xgboost_trees(xgboost)
    return [
        Learner(
            name="lightgbm",
            native=lambda rows: np.asarray(lightgbm.predict(rows, num_threads=1), dtype=np.float64),
            write=lambda: lightgbm.model_to_string(num_iteration=-1).encode(),
            trees=export.lightgbm_trees(lightgbm),
            link="softmax",
            base=(0.0, 0.0, 0.0),
        ),
        Learner(
            name="xgboost",
            native=lambda rows: np.asarray(xgboost.inplace_predict(rows), dtype=np.float64),
            write=lambda: bytes(xgboost.save_raw("ubj")),
            trees=trees,
            link="softmax",
            base=base,
        ),
        Learner(
            name="random_forest",
            native=lambda rows: np.asarray(forest.predict_proba(rows), dtype=np.float64),
            write=lambda: export.forest_bytes(forest),
            trees=export.forest_trees(forest),
            link="mean",
            base=(0.0, 0.0, 0.0),
        ),
    ]


def weights_of(learning: LearningSettings) -> dict[str, float]:
    """Each learner's share of the vote by the settings, summing to 1.

    Raises `UserError` where all are 0.
    """
    weights = {name: float(getattr(learning.weights, name)) for name in NATIVE_FILES}
    total = sum(weights.values())
    if total <= 0:
        raise UserError(
            "all learners have the weight 0", remedy="set learning.weights to shares above 0"
        )
    return {name: weight / total for name, weight in weights.items()}


def member_of(learner: Learner, weight: float) -> Member:
    """The learner's place in the vote, not calibrated yet."""
    return Member(
        name=learner.name,
        weight=weight,
        link=learner.link,
        base=learner.base,
        trees=len(learner.trees),
        calibration=_NOT_CALIBRATED,
    )


def differences(
    fitted: list[Learner], members: tuple[Member, ...], forest: Forest, parts: Split
) -> dict[str, float]:
    """The largest difference of exported and native probabilities before calibration, over every
    held-out row, by learner.

    Raises:
        BadBundle: when one is above 1e-6.
    """
    rows = np.concatenate([parts.calibration.rows, parts.validation.rows])
    scores = member_scores(rows, forest.part(0, sum(member.trees for member in members)), members)
    return {
        learner.name: export.check_equal(learner.name, softmax(given), learner.native(rows))
        for learner, given in zip(fitted, scores, strict=True)
    }
