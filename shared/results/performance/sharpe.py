"""How much of a Sharpe can be luck: probabilistic and deflated Sharpe, track record length, the
best of many trials.

Pure arithmetic on numbers, for replays and for models alike. A Sharpe here is *per observation*
(not annualised), kurtosis is not excess (a Normal has 3). None wherever a formula has no value.

Sources: Lo, "The Statistics of Sharpe Ratios", FAJ 58(4) 2002. Bailey & Lopez de Prado, "The Sharpe
Ratio Efficient Frontier", J. Risk 15(2) 2012, and "The Deflated Sharpe Ratio", JPM 40(5) 2014.
Bailey, Borwein, Lopez de Prado & Zhu, "Pseudo-Mathematics and Financial Charlatanism", Notices AMS
61(5) 2014. Lopez de Prado, Lipton & Zoonekynd, "Sharpe Ratio Inference", SSRN 5520741,
2025.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from statistics import NormalDist, variance

from shared.core.errors import BadData

EULER_GAMMA = 0.5772156649015329
_NORMAL = NormalDist()
_FAR, _PANELS = (
    12.0,
    4_000,
)  # of an integral over a Normal density; 1e-12 for up to a million trials


class SharpeVariance(StrEnum):
    """Which published variance of a measured Sharpe counts; they disagree on the same data, see
    `standard_error`.
    """

    ESTIMATED = "estimated"
    HYPOTHESISED = "hypothesised"


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """What a series of returns shows of itself.

    Attributes:
        sharpe: Per observation.
        observations: How many returns, T.
        autocorrelation: Of neighbours, in (-1, 1); only `Variant.HYPOTHESISED` uses it.
    """

    sharpe: float
    observations: int
    skewness: float = 0.0
    kurtosis: float = 3.0
    autocorrelation: float = 0.0

    def __post_init__(self) -> None:
        """Raise `BadData` for a number that no series has."""
        numbers = (self.sharpe, self.skewness, self.kurtosis, self.autocorrelation)
        if (
            not all(math.isfinite(number) for number in numbers)
            or not -1.0 < self.autocorrelation < 1.0
        ):
            raise BadData(
                f"a track record had {self}; its numbers must be finite and its autocorrelation"
                " inside (-1, 1)"
            )


def variance_for_one(track: Track, at_sharpe: float, *, autocorrelation: float = 0.0) -> float:
    """Asymptotic variance of the Sharpe of one observation, if the true one were `at_sharpe`;
    divide by T.

    (1 + 2 B) - (1 + B + C) skewness S + (1 + 2 C) (kurtosis - 1) / 4 S^2 with B = rho / (1 - rho),
    C = rho^2 / (1 - rho^2).
    """
    rho = autocorrelation
    once, twice = rho / (1.0 - rho), rho * rho / (1.0 - rho * rho)
    straight = 1.0 + 2.0 * once
    skewed = (1.0 + once + twice) * track.skewness * at_sharpe
    return straight - skewed + (1.0 + 2.0 * twice) * (track.kurtosis - 1.0) / 4.0 * at_sharpe**2


def standard_error(
    track: Track, *, against: float = 0.0, variant: SharpeVariance = SharpeVariance.ESTIMATED
) -> float | None:
    """Standard error of the measured Sharpe.

    `ESTIMATED` (2012): the variance at the measured Sharpe over T - 1, independent returns.
    `HYPOTHESISED` (2025): the variance at `against`, the Sharpe of the hypothesis, over T, with
    autocorrelation.
    """
    if variant is SharpeVariance.ESTIMATED:
        spread, count = variance_for_one(track, track.sharpe), track.observations - 1
    else:
        spread = variance_for_one(track, against, autocorrelation=track.autocorrelation)
        count = track.observations
    return math.sqrt(spread / count) if spread > 0.0 and count > 0 else None


def probabilistic_sharpe(
    track: Track, *, against: float = 0.0, variant: SharpeVariance = SharpeVariance.ESTIMATED
) -> float | None:
    """Probability that the true Sharpe exceeds `against` (per observation), in [0, 1]."""
    error = standard_error(track, against=against, variant=variant)
    return None if error is None else _NORMAL.cdf((track.sharpe - against) / error)


def minimum_track_record(
    track: Track,
    *,
    against: float = 0.0,
    confidence: float = 0.95,
    variant: SharpeVariance = SharpeVariance.ESTIMATED,
) -> float | None:
    """How many observations with the same moments show at `confidence` that the Sharpe exceeds
    `against`.

    None where it does not exceed it, or by so little that no finite length would show it.
    """
    if track.sharpe <= against:
        return None
    estimated = variant is SharpeVariance.ESTIMATED
    at_sharpe, rho = (track.sharpe, 0.0) if estimated else (against, track.autocorrelation)
    spread = variance_for_one(track, at_sharpe, autocorrelation=rho)
    if spread <= 0.0:
        return None
    errors = _NORMAL.inv_cdf(confidence) / (track.sharpe - against)
    length = spread * (errors * errors) + (
        1.0 if estimated else 0.0
    )  # a power would raise where a product is infinite
    return length if math.isfinite(length) else None


def expected_maximum(trials: int) -> float:
    """What the greatest of `trials` independent standard Normal numbers is expected to be; 0 for
    one.

    (1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e)), g = Euler's constant: an approximation from extreme
    values, for N of 5 and more good to a percent.
    """
    if trials < 1:
        raise BadData(f"there were {trials} trials; at least this one was tried")
    if trials == 1:
        return 0.0
    once = _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    rare = _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return (1.0 - EULER_GAMMA) * once + EULER_GAMMA * rare


def expected_maximum_sharpe(trials: int, *, trials_variance: float) -> float:
    """What the best of `trials` without any skill shows, in the units of the root of
    `trials_variance`.
    """
    return math.sqrt(trials_variance) * expected_maximum(trials)


@cache
def variance_of_maximum(trials: int) -> float:
    """Variance of the greatest of `trials` independent standard Normal numbers; 1 for one, 0.34 for
    ten.

    E[M^r] = K times the integral of z^r phi(z) Phi(z)^(K - 1), by Simpson's rule. Source: the 2025
    paper.
    """
    if trials < 1:
        raise BadData(f"there were {trials} trials; at least this one was tried")
    width = 2.0 * _FAR / _PANELS
    first = second = 0.0
    for place in range(_PANELS + 1):
        z = place * width - _FAR
        often = (1 if place in {0, _PANELS} else 2 + 2 * (place % 2)) * width / 3.0
        density = often * trials * _NORMAL.pdf(z) * _NORMAL.cdf(z) ** (trials - 1)
        first, second = first + z * density, second + z * z * density
    return second - first * first


def deflated_sharpe(
    track: Track,
    *,
    trials: int,
    trials_variance: float,
    variant: SharpeVariance = SharpeVariance.ESTIMATED,
    of_maximum: bool = False,
) -> float | None:
    """Probability that the true Sharpe exceeds what the best of `trials` without skill would show.

    Every variant ever scored on the data is a trial. `trials_variance` is that of the trials'
    Sharpes per observation. The standard error is that of one trial; with `of_maximum` it is that
    of the greatest of `trials`, as the 2025 paper has it, which is smaller and so surer of whatever
    lies above the hurdle. A gate takes the first.
    """
    hurdle = expected_maximum_sharpe(trials, trials_variance=trials_variance)
    if not of_maximum:
        return probabilistic_sharpe(track, against=hurdle, variant=variant)
    error = standard_error(track, against=hurdle, variant=variant)
    return (
        None
        if error is None
        else _NORMAL.cdf((track.sharpe - hurdle) / (error * math.sqrt(variance_of_maximum(trials))))
    )


def variance_of_trials(sharpes: Sequence[float]) -> float | None:
    """Sample variance of the trials' Sharpes, in their own units; None for fewer than two.

    Raises `BadData` for NaN.
    """
    if not all(math.isfinite(sharpe) for sharpe in sharpes):
        raise BadData(
            "a trial's Sharpe was not a finite number; leave out trials that have none, but count"
            " them"
        )
    return variance(sharpes) if len(sharpes) > 1 else None
