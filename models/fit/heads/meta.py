"""The meta head: whether the consensus' own trade pays after costs (meta-labelling).

It learns from rows with a consensus alone, sees the model's features and the vote's side and
strength, and is calibrated on later rows. What follows from it can only be less: risk may veto or
shrink by it, never enter. Source: Lopez de Prado, Advances in Financial Machine Learning (2018),
section 3.6.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset, Split
from models.fit.heads import platt
from models.fit.heads.boosting import Boosted, fit_boosted_trees
from models.fit.heads.scores import log_loss, roc_area
from shared.core.settings import LearningSettings
from shared.core.types import FloatArray
from shared.model.heads import vote_probability
from shared.model.manifest import META_INPUTS, MetaHead

LEAST_ROWS = {"training": 300, "calibration": 60}
LEAST_OF_A_KIND = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Voted:
    """The rows of a part with a consensus: what the trees see (m, k + 2), whether the trade paid
    (m,), and uniqueness (m,).
    """

    rows: NDArray[np.float32]
    paid: FloatArray
    weight: FloatArray

    @classmethod
    def of(cls, part: Dataset) -> "Voted":
        """Rows without a vote, or whose trade has no result, are left out; uniqueness is that among
        the rest.
        """
        net = np.where(part.side > 0, part.long_net, part.short_net)
        kept = part.at(np.flatnonzero((np.abs(part.side) > 0) & np.isfinite(net)))
        net = np.where(kept.side > 0, kept.long_net, kept.short_net)
        votes = np.stack([kept.side, kept.strength], axis=1).astype(np.float32)
        return cls(
            rows=np.concatenate([kept.rows, votes], axis=1),
            paid=(net > 0).astype(np.float64),
            weight=kept.weight,
        )

    def __len__(self) -> int:
        """How many rows."""
        return len(self.paid)

    @property
    def fewest(self) -> int:
        """How many there are of the rarer kind."""
        return min(int(self.paid.sum()), int((1.0 - self.paid).sum()))


def fit_meta(
    parts: Split, training: Dataset, learning: LearningSettings, *, seed: int
) -> tuple[MetaHead | None, Boosted | None, dict[str, float]]:
    """The head, its trees and its metrics; no head where too few votes have a result.

    Args:
        parts: Calibration and validation rows.
        training: The rows to learn from, none of them thinned out.
        learning: Size and pace.
        seed: Of the draws.

    Raises:
        BadBundle: The exported trees differ from the native ones.
    """
    past, later = Voted.of(training), Voted.of(parts.calibration)
    counts = {"training_rows": float(len(past)), "calibration_rows": float(len(later))}
    enough = len(past) >= LEAST_ROWS["training"] and len(later) >= LEAST_ROWS["calibration"]
    if not enough or past.fewest < LEAST_OF_A_KIND or later.fewest < 1:
        return None, None, counts
    rate = float((past.weight * past.paid).sum() / past.weight.sum())
    grown = fit_boosted_trees(
        "meta",
        past.rows,
        past.paid,
        objective="binary",
        base=float(np.log(rate / (1.0 - rate))),
        weight=past.weight / past.weight.mean(),
        names=(*training.names, *META_INPUTS),
        learning=learning,
        seed=seed,
    )
    slope, offset = platt.fit_platt(
        grown.scores(later.rows), later.paid, later.weight, base_rate=rate
    )
    head = MetaHead(trees=len(grown.trees), base=grown.base, slope=slope, offset=offset)
    last = Voted.of(parts.validation)
    told = {
        **counts,
        "base_rate": rate,
        "difference_from_native": grown.difference(np.concatenate([later.rows, last.rows])),
        **_metrics(last, grown, head),
    }
    return head, grown, {name: value for name, value in told.items() if np.isfinite(value)}


def _metrics(last: Voted, grown: Boosted, head: MetaHead) -> dict[str, float]:
    """Log-loss beside that of the best constant in hindsight, AUC, and how often what was told
    came.
    """
    found = {"rows": float(len(last)), "effective_rows": float(last.weight.sum())}
    if not len(last):
        return found
    told, share = vote_probability(grown.scores(last.rows), head), float(last.paid.mean())
    constant = log_loss(last.paid, np.full(len(last), share))
    return {
        **found,
        "share": share,
        "told": float(told.mean()),
        "auc": roc_area(last.paid, told),
        "brier": float(((told - last.paid) ** 2).mean()),
        "log_loss": log_loss(last.paid, told),
        "log_loss_constant": constant,
        "skill": 1.0 - log_loss(last.paid, told) / constant if constant > 0 else float("nan"),
    }
