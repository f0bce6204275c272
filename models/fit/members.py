"""The members of the vote: the fitted learners, as a bundle holds them."""

import numpy as np

from models.data.dataset import Split
from models.fit import export
from models.fit.learners import Learner
from shared.model.forest import Forest
from shared.model.manifest import Calibration, Member
from shared.model.predict import member_scores, softmax

_NOT_CALIBRATED = Calibration(slope=1.0, offsets=(0.0, 0.0, 0.0))


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
