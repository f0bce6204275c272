"""Platt's calibration with priors: p = 1 / (1 + exp(-(slope x score + offset))) on rows later than
the training.

The slope's prior stands around 0 and the offset's around the training's base rate, as those of the
members are: few independent labels, or scores without skill, leave little more than the base rate,
and a negative slope becomes 0.
Source: Platt (1999), *Probabilistic outputs for support vector machines*.
"""

import math

import numpy as np

from shared.core.types import FloatArray

MAX_SLOPE = 4.0
SLOPE_SPREAD, OFFSET_SPREAD = 0.5, 0.15
_STEPS, _SMALL = 100, 1e-12


def fit_platt(
    scores: FloatArray, truth: FloatArray, weight: FloatArray, *, base_rate: float
) -> tuple[float, float]:
    """Slope in [0, 4] and offset.

    Args:
        scores: (n,) log-odds before calibration.
        truth: (n,) 0 or 1.
        weight: (n,), summing to the number of independent labels.
        base_rate: Share of ones among the training rows.
    """
    centre = math.log(base_rate / (1.0 - base_rate))
    slope, offset = _newton(scores - centre, truth, weight, centre, slope=None)
    if not 0.0 <= slope <= MAX_SLOPE:
        slope, offset = _newton(
            scores - centre, truth, weight, centre, slope=min(MAX_SLOPE, max(0.0, slope))
        )
    return slope, centre * (1.0 - slope) + offset


def _newton(
    lean: FloatArray, truth: FloatArray, weight: FloatArray, centre: float, *, slope: float | None
) -> tuple[float, float]:
    """The best slope and offset of centre + slope x lean + offset, by damped Newton steps; a given
    slope stays.
    """
    theta = np.array([0.0 if slope is None else slope, 0.0])
    mean = theta.copy()
    precision = np.array([SLOPE_SPREAD**-2, OFFSET_SPREAD**-2])
    design = np.stack([lean, np.ones(len(lean))])

    def loss(at: FloatArray) -> float:
        score = centre + at[0] * lean + at[1]
        return float(
            (weight * (np.logaddexp(0.0, score) - truth * score)).sum()
            + 0.5 * (precision * (at - mean) ** 2).sum()
        )

    now = loss(theta)
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(centre + theta[0] * lean + theta[1], -700.0, 700.0)))
        gradient = (design * (weight * (p - truth))).sum(axis=1) + precision * (theta - mean)
        bent = weight * p * (1.0 - p)
        hessian = np.array(
            [[(bent * one * other).sum() for other in design] for one in design]
        ) + np.diag(precision)
        step = (
            np.linalg.solve(hessian, gradient)
            if slope is None
            else np.array([0.0, gradient[1] / hessian[1, 1]])
        )
        scale = 1.0
        while (tried := loss(theta - scale * step)) > now and scale > _SMALL:
            scale /= 2
        theta, now = theta - scale * step, tried
        if float(np.abs(scale * step).max()) < _SMALL:
            break
    return float(theta[0]), float(theta[1])
