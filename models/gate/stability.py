"""Whether the gain came in more than one month, and whether choosing the best of many tries made
it.
"""

import numpy as np

from models.gate.checks import at_most, note
from models.gate.types import MoneyRecord, TrialCounts
from models.statistics.pbo import SPLITS, overfitting
from shared.core.calendar import DAY_MS, JST_MS
from shared.core.settings import GateSettings
from shared.core.types import FloatArray
from shared.model.manifest import Check

LEAST_SPLITS = 4
LEAST_DAYS_A_BLOCK = 5


def stability_checks(
    money: MoneyRecord | None, trials: TrialCounts, gate: GateSettings
) -> list[Check]:
    """Both of months; overfitting where several configurations were tried side by side."""
    checks = [good_months(money), no_single_month(money, gate)]
    if trials.matrix is not None and trials.matrix.ndim == 2 and trials.matrix.shape[1] > 1:  # noqa: PLR2004
        checks.append(no_overfitting(trials.matrix, gate))
    return checks


def month_gains(money: MoneyRecord) -> FloatArray:
    """The logarithm of each calendar month's growth, Japan's time, (m,), of months in which
    anything moved.

    Logarithms add up to the whole. A month of idleness is neither good nor bad, and is left out.
    """
    if len(money.returns) == 0:
        return np.zeros(0)
    days = ((money.day_at + JST_MS) // DAY_MS).astype("datetime64[D]")
    _, place = np.unique(days.astype("datetime64[M]"), return_inverse=True)
    growth = np.log(np.maximum(1.0 + money.returns, 1e-12))
    total: FloatArray = np.bincount(place, weights=growth).astype(np.float64)
    moved = np.bincount(place, weights=(money.returns != 0.0).astype(np.float64)) > 0.0
    return total[moved]


def good_months(money: MoneyRecord | None) -> Check:
    """How many of the months with trades did not lose.

    It decides nothing: who earns seldom and much has few of them.
    """
    found = np.zeros(0) if money is None else month_gains(money)
    return note(
        "good_months",
        float((found >= 0.0).mean()) if len(found) else None,
        f"share of {len(found)} months with trades that did not lose",
    )


def no_single_month(money: MoneyRecord | None, gate: GateSettings) -> Check:
    """What the best month brought of everything that was gained; without a gain there
    is no share.
    """
    found = np.zeros(0) if money is None else month_gains(money)
    total = float(found.sum())
    return at_most(
        "no_single_month",
        float(found.max()) / total if total > 0.0 else None,
        gate.max_month_share,
        "share of the whole gain that the best month brought",
        group="enter",
    )


def no_overfitting(matrix: FloatArray, gate: GateSettings) -> Check:
    """The probability of overfitting, as a veto: one number of it is noisy (on pure noise 0.50 with
    a deviation of 0.19).
    """
    splits = min(SPLITS, len(matrix) // LEAST_DAYS_A_BLOCK // 2 * 2)
    return at_most(
        "no_overfitting",
        overfitting(matrix, splits=splits).probability if splits >= LEAST_SPLITS else None,
        gate.max_pbo,
        f"probability that the best of {matrix.shape[1]} configurations is below the middle on"
        " other days",
        group="enter",
    )
