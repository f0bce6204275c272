"""Resampled returns: how far Sharpe and total return could have differed by luck of the
days alone.
"""

import math

import numpy as np

from shared.core.calendar import YEAR_DAYS
from shared.core.errors import BadData
from shared.core.types import FloatArray, IntArray
from shared.results.performance.types import Bootstrap, Sampled

SAMPLES = 1_000
LEVEL = 0.95
_CHUNK = 500_000
_ENOUGH = 0.5


def block_length(count: int) -> int:
    """Mean block length for `count` returns: the cube root, rounded up, the order that minimises
    the error of a variance.
    """
    return max(1, math.ceil(round(math.cbrt(count), 9)))


def stationary_rows(count: int, *, samples: int, block: int, rng: np.random.Generator) -> IntArray:
    """Rows to draw, shape (samples, count): blocks of geometric length, mean `block`, that wrap
    around the end.

    Politis & Romano, "The Stationary Bootstrap", JASA 89 (1994).
    """
    columns = np.arange(count)
    begins = rng.random((samples, count)) * block < 1.0
    begins[:, 0] = True
    first = np.maximum.accumulate(np.where(begins, columns, 0), axis=1)
    starts = rng.integers(0, count, size=(samples, count))
    rows: IntArray = (np.take_along_axis(starts, first, axis=1) + columns - first) % count
    return rows


def bootstrap(
    returns: FloatArray,
    *,
    seed: int,
    samples: int = SAMPLES,
    level: float = LEVEL,
    block: int | None = None,
    periods_per_year: float = YEAR_DAYS,
) -> Bootstrap:
    """Percentile intervals of the annualised Sharpe and the total return, from `samples` resampled
    series.

    `returns` of shape (n,), in order. A sample whose returns are all equal has no Sharpe and is
    left out; the interval is None where that are half of them or more. Deterministic in `seed`.
    Raises `BadData` for NaN.
    """
    if not np.isfinite(returns).all():
        raise BadData("a return was not a finite number")
    count = len(returns)
    length = block_length(count) if block is None else block
    sharpes: list[FloatArray] = []
    totals: list[FloatArray] = []
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // max(1, count))
    for done in range(0, samples if count > 1 else 0, step):
        drawn = returns[
            stationary_rows(count, samples=min(step, samples - done), block=length, rng=rng)
        ]
        sharpes.append(_sharpes(drawn) * math.sqrt(periods_per_year))
        totals.append(np.prod(1.0 + drawn, axis=1) - 1.0)
    total = np.concatenate(totals) if totals else np.empty(0)
    moved = bool(count > 1 and np.ptp(returns) > 0.0)
    return Bootstrap(
        seed=seed,
        level=level,
        samples=samples if count > 1 else 0,
        days=count,
        block_days=length,
        sharpe=_interval(np.concatenate(sharpes), level) if moved else None,
        total=_interval(total, level) if moved else None,
        losing=float(np.mean(total < 0.0)) if moved else None,
    )


def _sharpes(drawn: FloatArray) -> FloatArray:
    """Mean / sample standard deviation of each row; NaN where the row does not move."""
    mean = drawn.mean(axis=1)
    deviation = drawn.std(axis=1, ddof=1)
    moves = np.ptp(drawn, axis=1) > 0.0
    ratios: FloatArray = np.divide(
        mean, deviation, out=np.full(len(mean), np.nan), where=moves & (deviation > 0.0)
    )
    return ratios


def _interval(values: FloatArray, level: float) -> Sampled | None:
    known = values[np.isfinite(values)]
    if len(known) <= _ENOUGH * len(values):
        return None
    low, high = np.quantile(known, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Sampled(low=float(low), high=float(high))
