"""An exact interval for a share of counted things."""

import math
from collections.abc import Callable

_STEPS = 60


def clopper_pearson(found: int, count: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """The ends between which the true share lies, with `confidence` at least (Clopper & Pearson, Biometrika 26, 1934)."""
    tail = (1.0 - confidence) / 2.0
    lower = 0.0 if found == 0 else _crossing(lambda share: 1.0 - _at_most(found - 1, count, share) >= tail)
    upper = 1.0 if found == count else _crossing(lambda share: _at_most(found, count, share) <= tail)
    return lower, upper


def _at_most(found: int, count: int, share: float) -> float:
    """P(at most `found` of `count`), by logarithms, so that thousands do not underflow."""
    log_p, log_q = math.log(share), math.log1p(-share)
    whole = math.lgamma(count + 1)
    return math.fsum(
        math.exp(whole - math.lgamma(k + 1) - math.lgamma(count - k + 1) + k * log_p + (count - k) * log_q)
        for k in range(found + 1)
    )


def _crossing(beyond: Callable[[float], bool]) -> float:
    """The share in (0, 1) from which on `beyond` holds."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return (low + high) / 2.0
