"""How many of the returns, results or trials really are independent."""

import numpy as np

from shared.core.types import FloatArray


def autocorrelation(values: FloatArray, lag: int = 1) -> float | None:
    """Correlation of the values with themselves `lag` later: autocovariance / variance, both over
    n. None: they do not move.
    """
    if len(values) <= lag or np.ptp(values) == 0.0:
        return None
    around = values - values.mean()
    power = float((around * around).sum())
    if power <= 0.0:
        return None
    return float((around[lag:] * around[:-lag]).sum()) / power


def effective_number(values: FloatArray) -> float | None:
    """How many independent values tell as much about the mean as these n do: n / (1 + 2 sum of
    autocorrelations).

    The sum ends before the first pair of neighbouring lags that is not positive (Geyer, Statist.
    Sci. 7, 1992). Never above n: that neighbours cancel each other is not taken as proof. None
    where the values do not move.
    """
    count = len(values)
    if count < 2 or np.ptp(values) == 0.0:  # noqa: PLR2004 - one value has no neighbour
        return None
    around = values - values.mean()
    size = 1 << (2 * count - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(around, size)) ** 2
    lags = np.fft.irfft(spectrum, size)[:count]
    if lags[0] <= 0.0:
        return None
    pairs = (lags / lags[0])[: count - count % 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0.0)
    kept = pairs[: negative[0]] if len(negative) else pairs
    inflation = 2.0 * float(kept.sum()) - 1.0
    return count / max(1.0, inflation)
