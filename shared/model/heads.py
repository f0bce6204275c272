"""The two heads beside the vote: how volatile the next four hours will be, and whether the
consensus' own trade pays. Pure.

Both say the same number on every processor and for every batch. HAR: Corsi (2009), *A Simple
Approximate Long-Memory Model of Realized Volatility*, Journal of Financial Econometrics 7(2), here
in logarithms.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from shared.core.types import FloatArray
from shared.model.forest import Forest
from shared.model.manifest import MetaHead, VolatilityHead

LEAST_VOLATILITY = 1e-4
"""Four hours in which nothing moved count as one basis point, in training and serving alike, so
that a logarithm exists."""
VOLATILITY_DIGITS = 8
"""Forecasts are rounded so that no processor's last bit decides."""
MOST_LOGARITHM = 4.0
"""No forecast is above exp(4): a number, whatever the trees and slopes say."""


def log_volatility(realised: FloatArray) -> FloatArray:
    """Natural logarithm of realised volatilities of any shape, none below `LEAST_VOLATILITY`; NaN
    stays NaN.
    """
    return _each(math.log, np.maximum(realised, LEAST_VOLATILITY))


def har_logarithm(realised: FloatArray, har: tuple[float, float, float, float]) -> FloatArray:
    """The HAR forecast's logarithm (n,) from `HAR_INPUTS` (n, 3)."""
    four_hours, day, week = log_volatility(realised).T
    told: FloatArray = har[0] + har[1] * four_hours + har[2] * day + har[3] * week
    return told


def tree_logarithm(rows: NDArray[np.float32], forest: Forest, head: VolatilityHead) -> FloatArray:
    """The trees' forecast's logarithm (n,) of finite rows (n, k); `forest` holds the head's trees
    alone.
    """
    return head.base + _total(rows, forest, head.trees)


def from_logarithm(logarithm: FloatArray) -> FloatArray:
    """A forecast as a rate (n,), between `LEAST_VOLATILITY` and exp(`MOST_LOGARITHM`), not rounded;
    NaN stays NaN.
    """
    return _each(math.exp, np.clip(logarithm, math.log(LEAST_VOLATILITY), MOST_LOGARITHM))


def vote_scores(rows: NDArray[np.float32], forest: Forest, head: MetaHead) -> FloatArray:
    """The meta head's scores (n,) before calibration; `rows` (n, k + 2) are features, side and
    strength.
    """
    return head.base + _total(rows, forest, head.trees)


def vote_probability(scores: FloatArray, head: MetaHead) -> FloatArray:
    """1 / (1 + exp(-(slope x score + offset))), (n,), not rounded."""
    return _each(_logistic, head.slope * scores + head.offset)


def _total(rows: NDArray[np.float32], forest: Forest, trees: int) -> FloatArray:
    if not trees:
        return np.zeros(len(rows))
    total: FloatArray = forest.sums(rows, [(0, trees)])[0][:, 0]
    return total


def _logistic(value: float) -> float:
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    raised = math.exp(value)
    return raised / (1.0 + raised)


def _each(function: Callable[[float], float], values: FloatArray) -> FloatArray:
    """`function` of every value, with Python's own mathematics: numpy's differs between processors.

    NaN stays NaN.
    """
    return np.array(
        [function(value) for value in values.ravel().tolist()], dtype=np.float64
    ).reshape(values.shape)
