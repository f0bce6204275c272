"""An exact interval for a share of counted things."""

from scipy.special import betaincinv


def clopper_pearson(found: int, count: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """The ends between which the true share lies, with `confidence` at least (Clopper & Pearson,
    Biometrika 26, 1934).
    """
    tail = (1.0 - confidence) / 2.0
    lower = 0.0 if found == 0 else float(betaincinv(found, count - found + 1, tail))
    upper = 1.0 if found == count else float(betaincinv(found + 1, count - found, 1.0 - tail))
    return lower, upper
