"""Calibration on rows later than the training: one slope (1 / temperature) and, with `platt`, an
offset a class.

    probabilities = softmax(log base + slope x (scores - log base) + offsets)

`base` are the training's class shares. The fit maximises the log-likelihood, each row counted with
its uniqueness, plus normal priors: the slope around 0 for a member (around 1 for the vote of
members that are calibrated already) and the offsets around 0. So few independent labels, or scores
without skill, leave little more than the base rate; a negative slope (scores that are wrong more
often than right) becomes exactly 0. Temperature scaling: Guo et al. 2017, here around the base
rate, so that a slope of 0 leaves that and not three equal shares.
"""

from typing import Literal

import numpy as np

from shared.core.types import FloatArray, Int8Array
from shared.model.manifest import Calibration

MAX_SLOPE = 4.0
MAX_OFFSET = 2.0
SLOPE_SPREAD = {0.0: 0.5, 1.0: 0.25}  # standard deviation of the prior by its centre
OFFSET_SPREAD = 0.15
_STEPS, _SMALL = 50, 1e-10


def fit_calibration(
    scores: FloatArray,
    label: Int8Array,
    weight: FloatArray,
    *,
    base: FloatArray,
    centre: float,
    kind: Literal["platt", "temperature"] = "platt",
) -> Calibration:
    """Fit by Newton's method; the problem is convex.

    Args:
        scores: (n, 3), up to a constant a row.
        label: (n,) 0, 1, 2.
        weight: (n,), summing to the number of independent labels.
        base: (3,) class shares of the training rows.
        centre: 0 for a member, 1 for the vote: where the slope goes without evidence.
        kind: platt: slope and offsets; temperature: the slope alone.
    """
    log_base = np.log(np.maximum(base, 1e-3))
    lean = scores - log_base
    offset_moves = kind == "platt"
    slope, offsets = _newton(
        lean, label, weight, log_base, centre=centre, slope=None, offset_moves=offset_moves
    )
    if not 0.0 <= slope <= MAX_SLOPE:
        fixed = float(np.clip(slope, 0.0, MAX_SLOPE))
        slope, offsets = _newton(
            lean, label, weight, log_base, centre=centre, slope=fixed, offset_moves=offset_moves
        )
    offsets = np.clip(offsets, -MAX_OFFSET, MAX_OFFSET)
    total = log_base * (1.0 - slope) + offsets
    total -= total.mean()
    return Calibration(
        slope=float(slope), offsets=(float(total[0]), float(total[1]), float(total[2]))
    )


def _newton(
    lean: FloatArray,
    label: Int8Array,
    weight: FloatArray,
    log_base: FloatArray,
    *,
    centre: float,
    slope: float | None,
    offset_moves: bool,
) -> tuple[float, FloatArray]:
    """The best slope and offsets; a `slope` that is given stays, and so do the offsets (0) unless
    `offset_moves`.

    Sums go through `einsum`, not through a threaded BLAS, so that they do not depend on the number
    of cores.
    """
    count = len(lean)
    mean = np.array([centre if slope is None else slope, 0.0, 0.0, 0.0])
    precision = np.diag([SLOPE_SPREAD[centre] ** -2, *[OFFSET_SPREAD**-2] * 3])
    free = slice(0 if slope is None else 1, None if offset_moves else 1)
    target = np.eye(3)[label]
    design = np.zeros((count, 3, 4))
    design[:, :, 0] = lean
    design[:, [0, 1, 2], [1, 2, 3]] = 1.0

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        raised = log_base + np.einsum("ncd,d->nc", design, theta)
        raised = raised - raised.max(axis=1, keepdims=True)
        log_p = raised - np.log(np.exp(raised).sum(axis=1, keepdims=True))
        off = theta - mean
        value = -float((weight[:, None] * target * log_p).sum()) + 0.5 * float(
            off @ precision @ off
        )
        return value, np.exp(log_p)

    theta = mean.copy()
    value, p = loss(theta)
    for _ in range(_STEPS):
        gradient = np.einsum("nc,ncd->d", weight[:, None] * (p - target), design) + precision @ (
            theta - mean
        )
        curvature = (p[:, :, None] * np.eye(3) - p[:, :, None] * p[:, None, :]) * weight[
            :, None, None
        ]
        bent = np.einsum("nck,nke->nce", curvature, design)
        hessian = np.einsum("ncd,nce->de", design, bent) + precision
        step = np.zeros(4)
        step[free] = np.linalg.solve(hessian[free, free], gradient[free])
        scale = 1.0
        while (tried := loss(theta - scale * step))[0] > value and scale > _SMALL:
            scale /= 2
        theta, (value, p) = theta - scale * step, tried
        if float(np.abs(scale * step).max()) < _SMALL:
            break
    return float(theta[0]), theta[1:]
