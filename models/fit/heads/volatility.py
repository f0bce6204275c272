"""The volatility head: the logarithm of the realised volatility of the next four hours, by trees
and by HAR.

Both are fitted on the training rows, and the calibration rows, which come later, say which of them
serves. Then both learn from these as well: volatility has its seasons, and a fit that ends two
months ago misses the present one (R2 0.50 instead of 0.56 on two years of real candles). The
validation rows only tell how good they are.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import STEP_MS, Dataset, Split
from models.fit.heads.boosting import Boosted, fit_boosted_trees
from models.fit.heads.scores import qlike, r_squared
from shared.core.settings import LearningSettings
from shared.core.types import FloatArray
from shared.model.heads import har_logarithm, log_volatility
from shared.model.manifest import VolatilityHead

OVERLAP = 16
"""So many neighbouring rows share candles of the four hours that they forecast."""
ROW_STEP = 4
"""Every fourth row is learned from: on real candles R2 is the same as with all of them, in a third
of the time."""
LEAST_ROWS = {"training": 150, "calibration": 100}
_RIDGE = 1e-9  # of the diagonal: a market that stands still has no unique slopes


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRows:
    """Rows (m, k) whose past (m, 3) is warm and whose next four hours were known in time; `truth`
    (m,) are logarithms.
    """

    as_of: NDArray[np.int64]
    rows: NDArray[np.float32]
    past: FloatArray
    truth: FloatArray

    @classmethod
    def of(cls, part: Dataset, *, by: int | None) -> "KnownRows":
        """Those of a part that were known by the instant `by`; None: all."""
        kept = np.isfinite(part.volatility_next) & np.isfinite(part.volatility_past).all(axis=1)
        if by is not None:
            kept &= part.volatility_known_at <= by
        truth = log_volatility(part.volatility_next[kept])
        return cls(
            as_of=part.as_of[kept],
            rows=part.rows[kept],
            past=part.volatility_past[kept],
            truth=truth,
        )

    def __len__(self) -> int:
        """How many rows."""
        return len(self.truth)

    def thin_rows(self) -> "KnownRows":
        """Every `ROW_STEP`-th candle's row."""
        kept = self.as_of // STEP_MS % ROW_STEP == 0
        return KnownRows(
            as_of=self.as_of[kept],
            rows=self.rows[kept],
            past=self.past[kept],
            truth=self.truth[kept],
        )

    def before(self, later: "KnownRows") -> "KnownRows":
        """These rows, and then the later ones."""
        pairs = {
            name: (getattr(self, name), getattr(later, name))
            for name in ("as_of", "rows", "past", "truth")
        }
        return KnownRows(**{name: np.concatenate(pair) for name, pair in pairs.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """Trees and HAR, fitted on the same rows."""

    trees: Boosted
    har: tuple[float, float, float, float]

    @classmethod
    def fit(
        cls, known: KnownRows, names: tuple[str, ...], learning: LearningSettings, seed: int
    ) -> "Both":
        """Squared error of logarithms."""
        trees = fit_boosted_trees(
            "volatility",
            known.rows,
            known.truth,
            objective="regression",
            base=float(known.truth.mean()),
            weight=None,
            names=names,
            learning=learning,
            seed=seed,
        )
        return cls(trees=trees, har=har_slopes(known.past, known.truth))

    def predict_logarithms(self, known: KnownRows) -> dict[str, FloatArray]:
        """What each says, as logarithms (m,)."""
        return {"trees": self.trees.scores(known.rows), "har": har_logarithm(known.past, self.har)}


def fit_volatility(
    parts: Split, learning: LearningSettings, *, seed: int
) -> tuple[VolatilityHead | None, Boosted | None, dict[str, float]]:
    """The head, its trees and its metrics; no head where too few rows know their next four hours.

    Raises:
        BadBundle: The exported trees differ from the native ones.
    """
    training = KnownRows.of(parts.training, by=_begins(parts.calibration)).thin_rows()
    calibration = KnownRows.of(parts.calibration, by=_begins(parts.validation))
    counts = {"training_rows": float(len(training)), "calibration_rows": float(len(calibration))}
    if len(training) < LEAST_ROWS["training"] or len(calibration) < LEAST_ROWS["calibration"]:
        return None, None, counts
    names = parts.training.names
    missed = {
        name: calibration.truth - said
        for name, said in Both.fit(training, names, learning, seed)
        .predict_logarithms(calibration)
        .items()
    }
    error = {name: float((residual**2).mean()) for name, residual in missed.items()}
    serves: Literal["trees", "har"] = "trees" if error["trees"] < error["har"] else "har"
    both = Both.fit(training.before(calibration.thin_rows()), names, learning, seed)
    head = VolatilityHead(
        trees=len(both.trees.trees), base=both.trees.base, har=both.har, serves=serves
    )
    told = {
        **counts,
        "serves_trees": float(serves == "trees"),
        "difference_from_native": both.trees.difference(
            np.concatenate([parts.calibration.rows, parts.validation.rows])
        ),
        **_metrics(KnownRows.of(parts.validation, by=None), both, missed),
    }
    return head, both.trees, {name: value for name, value in told.items() if np.isfinite(value)}


def har_slopes(past: FloatArray, truth: FloatArray) -> tuple[float, float, float, float]:
    """Least squares of `truth` (n,) on 1 and the logarithms of `past` (n, 3): constant, four hours,
    day, week.

    Sums go through `einsum`, not through a threaded BLAS, so that they do not depend on the number
    of cores.
    """
    design = np.concatenate([np.ones((len(past), 1)), log_volatility(past)], axis=1)
    squares = np.einsum("ni,nj->ij", design, design)
    slopes = np.linalg.solve(
        squares + _RIDGE * np.diag(np.diag(squares)), np.einsum("ni,n->i", design, truth)
    )
    return float(slopes[0]), float(slopes[1]), float(slopes[2]), float(slopes[3])


def _begins(part: Dataset) -> int | None:
    return int(part.as_of[0]) if len(part) else None


def _metrics(validation: KnownRows, both: Both, missed: dict[str, FloatArray]) -> dict[str, float]:
    """R2 and QLIKE of both on the validation rows, and how much more there was than said, as roots
    of mean squares.

    `missed`: residuals on the calibration rows of a fit that had not seen them, for the mean of a
    variance over its median.
    """
    found = {"rows": float(len(validation)), "effective_rows": len(validation) / OVERLAP}
    if not len(validation):
        return found
    for name, said in both.predict_logarithms(validation).items():
        correction = float(np.exp(2.0 * missed[name]).mean())
        found[f"r2_{name}"] = r_squared(validation.truth, said)
        found[f"qlike_{name}"] = qlike(validation.truth, said, correction=correction)
        found[f"root_mean_square_over_{name}"] = float(
            np.sqrt(np.exp(2.0 * (validation.truth - said)).mean())
        )
    return found
