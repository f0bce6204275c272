"""How much of a replay's Sharpe can be luck, from its daily returns and the number of variants that
were tried.
"""

import math
from collections.abc import Sequence

import numpy as np

from shared.core.calendar import YEAR_DAYS
from shared.core.errors import BadData
from shared.core.types import FloatArray
from shared.results.performance.bootstrap import bootstrap
from shared.results.performance.independence import autocorrelation, effective_number
from shared.results.performance.returns import moments, sharpe
from shared.results.performance.sharpe import (
    SharpeVariance,
    Track,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    variance_of_trials,
)
from shared.results.performance.types import Probability, Significance

MAX_AUTOCORRELATION = 0.95
"""An estimate nearer to 1 would make the variance of the Sharpe a matter of the last digit."""


def track_of(returns: FloatArray) -> Track | None:
    """What returns of shape (n,) show of themselves, per observation; None where they have no
    Sharpe.
    """
    ratio, shape = sharpe(returns), moments(returns)
    if ratio is None or shape is None:
        return None
    rho = autocorrelation(returns) or 0.0
    return Track(
        sharpe=ratio,
        observations=len(returns),
        skewness=shape[0],
        kurtosis=shape[1],
        autocorrelation=max(-MAX_AUTOCORRELATION, min(MAX_AUTOCORRELATION, rho)),
    )


def significance(
    daily: FloatArray | None,
    nets: FloatArray,
    *,
    trials: int,
    trial_sharpes: Sequence[float],
    seed: int,
) -> Significance:
    """All of `types.Significance`.

    `nets` are the positions' results in order, shape (m,); `trial_sharpes` are annualised.

    Without trial Sharpes, or with one alone, trials are taken to differ by nothing but estimation
    error: a variance of 1 / (T - 1) per day. Raises `BadData` for fewer than one trial or a Sharpe
        that is not a number.
    """
    if trials < 1:
        raise BadData(f"there were {trials} trials; at least this one was tried")
    returns = np.empty(0) if daily is None else daily
    tried = max(trials, len(trial_sharpes))
    track = track_of(returns)
    given = variance_of_trials(trial_sharpes)
    assumed = assumed_variance(track) if track is not None else None
    variance = given / YEAR_DAYS if given is not None else assumed
    told = probabilities(track, trials=tried, variance=variance)
    hurdle = None if variance is None else expected_maximum_sharpe(tried, trials_variance=variance)
    return Significance(
        days=len(returns),
        effective_days=effective_number(returns),
        effective_positions=effective_number(nets),
        autocorrelation=autocorrelation(returns),
        trials=tried,
        trials_variance=None if variance is None else variance * YEAR_DAYS,
        trials_variance_assumed=given is None,
        expected_maximum_sharpe=None if hurdle is None else hurdle * math.sqrt(YEAR_DAYS),
        estimated=told[SharpeVariance.ESTIMATED],
        hypothesised=told[SharpeVariance.HYPOTHESISED],
        above_zero=lower(*(one.above_zero for one in told.values())),
        deflated=lower(*(one.deflated for one in told.values())),
        bootstrap=bootstrap(returns, seed=seed, periods_per_year=YEAR_DAYS),
    )


def probabilities(
    track: Track | None, *, trials: int, variance: float | None
) -> dict[SharpeVariance, Probability]:
    """What a track record says, in each published variant.

    `variance` is that of the trials' Sharpes, per observation.
    """
    return {
        variant: _probability(track, trials=trials, variance=variance, variant=variant)
        for variant in SharpeVariance
    }


def assumed_variance(track: Track) -> float:
    """The variance of trials that differ by nothing but estimation error, per observation."""
    return 1.0 / (track.observations - 1)


def _probability(
    track: Track | None, *, trials: int, variance: float | None, variant: SharpeVariance
) -> Probability:
    if track is None or variance is None:
        return Probability(above_zero=None, deflated=None, minimum_days=None)
    return Probability(
        above_zero=probabilistic_sharpe(track, variant=variant),
        deflated=deflated_sharpe(track, trials=trials, trials_variance=variance, variant=variant),
        minimum_days=minimum_track_record(track, variant=variant),
    )


def lower(*numbers: float | None) -> float | None:
    """The least of them; None where one has no value: nothing is gated on half the evidence."""
    known = [number for number in numbers if number is not None]
    return min(known) if len(known) == len(numbers) else None
