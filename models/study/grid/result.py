"""What comes out of the runs of a study, as trials for the log, and how much of each is luck."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from models.study.grid.points import Run
from shared.core.calendar import DAY_MS, YEAR_DAYS
from shared.core.trials import History, Trial, settings_hash, sharpes
from shared.replay.engine import replay
from shared.replay.types import Inputs
from shared.results.performance import Performance, measure
from shared.results.performance.sharpe import (
    Track,
    expected_maximum_sharpe,
    variance_of_trials,
)
from shared.results.performance.significance import (
    MAX_AUTOCORRELATION,
    assumed_variance,
    lower,
    probabilities,
)

KIND = "study"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The numbers of one run. Rates are fractions.

    `track` is what its daily returns show of themselves; None where they have no Sharpe ratio, as
    without any trade.

    >>> numbers = Measured(
    ...     return_rate=0.02, hold_rate=-0.1, drawdown_rate=0.01, trades=3, track=None
    ... )
    >>> numbers.return_rate > numbers.hold_rate, numbers.sharpe is None  # no track, no Sharpe
    (True, True)
    """

    return_rate: float
    hold_rate: float
    drawdown_rate: float
    trades: int
    track: Track | None

    @property
    def sharpe(self) -> float | None:
        """The Sharpe ratio, annualised with 365 days."""
        return None if self.track is None else self.track.sharpe * math.sqrt(YEAR_DAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """A run and its numbers.

    >>> from models.study.grid.points import periods, runs
    >>> run = runs([{"risk.stop_atr": 3}], periods(0, 86_400_000))[0]
    >>> numbers = Measured(
    ...     return_rate=0.02, hold_rate=-0.1, drawdown_rate=0.01, trades=3, track=None
    ... )
    >>> outcome = RunOutcome(run=run, measured=numbers)
    >>> outcome.measured.trades
    3
    """

    run: Run
    measured: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Luck:
    """What luck alone makes of so many tries: the annualised Sharpe of the best of `trials` without
    any skill.

    >>> Luck(trials=12, best_sharpe=1.1).best_sharpe
    1.1
    """

    trials: int
    best_sharpe: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedOutcome:
    """An outcome with the probabilities that its true Sharpe is above zero, and above what luck
    alone shows.

    Each is the lower one of both published variants, as in `performance.Significance`.

    >>> from models.study.grid.points import periods, runs
    >>> run = runs([{"risk.stop_atr": 3}], periods(0, 86_400_000))[0]
    >>> numbers = Measured(
    ...     return_rate=0.02, hold_rate=-0.1, drawdown_rate=0.01, trades=3, track=None
    ... )
    >>> outcome = RunOutcome(run=run, measured=numbers)
    >>> found = JudgedOutcome(
    ...     outcome=outcome, above_zero=0.9, deflated=0.4, luck=Luck(trials=12, best_sharpe=1.1)
    ... )
    >>> found.luck.trials
    12
    """

    outcome: RunOutcome
    above_zero: float | None
    deflated: float | None
    luck: Luck


def measure_run(inputs: Inputs) -> Measured:
    """Replay, and take the numbers: all that a worker sends back, however long the period was."""
    return numbers(measure(replay(inputs)))


def numbers(performance: Performance) -> Measured:
    """What a study keeps of a performance."""
    return Measured(
        return_rate=performance.returns.total,
        hold_rate=performance.hold.returns.total,
        drawdown_rate=performance.drawdown.max_share,
        trades=performance.positions.count,
        track=_track(performance),
    )


def grid_trial(outcome: RunOutcome, *, data_hash: str, model: str | None, now_ms: int) -> Trial:
    """The line that goes into the trial log.

    >>> from models.study.grid.points import periods, runs
    >>> run = runs([{"risk.stop_atr": 3}], periods(0, 86_400_000))[0]
    >>> numbers = Measured(
    ...     return_rate=0.02, hold_rate=-0.1, drawdown_rate=0.01, trades=3, track=None
    ... )
    >>> outcome = RunOutcome(run=run, measured=numbers)
    >>> trial = grid_trial(outcome, data_hash="b" * 16, model=None, now_ms=0)
    >>> trial.kind, dict(trial.changed)
    ('study', {'risk.stop_atr': 3})
    """
    run, found = outcome.run, outcome.measured
    return Trial(
        kind=KIND,
        settings_hash=settings_hash(run.settings, run.rules),
        data_hash=data_hash,
        start_at=run.period.start_at,
        end_at=run.period.end_at,
        model=model,
        recorded_at=now_ms,
        sharpe=found.sharpe,
        changed=run.changed,
        numbers={
            "return_rate": found.return_rate,
            "max_drawdown": found.drawdown_rate,
            "trades": float(found.trades),
        },
    )


def judge_outcomes(outcomes: Sequence[RunOutcome], history: History) -> list[JudgedOutcome]:
    """The outcomes, best first: by deflated Sharpe, then by the probability of being above zero,
    then by Sharpe.

    `history` is everything that was ever tried, these outcomes included. What has no Sharpe ratio
    comes last.

    >>> from models.study.grid.points import periods, runs
    >>> run = runs([{"risk.stop_atr": 3}], periods(0, 86_400_000))[0]
    >>> numbers = Measured(
    ...     return_rate=0.02, hold_rate=-0.1, drawdown_rate=0.01, trades=3, track=None
    ... )
    >>> outcome = RunOutcome(run=run, measured=numbers)
    >>> [found.deflated for found in judge_outcomes([outcome], History())]
    [None]
    """
    scatter: dict[int, float | None] = {}
    told = []
    for outcome in outcomes:
        length = outcome.run.period.end_at - outcome.run.period.start_at
        if length not in scatter:
            scatter[length] = variance_of_trials(
                sharpes(history.trials, years=length / (YEAR_DAYS * DAY_MS))
            )
        tried = max(1, history.count) + outcome.run.settings.gate.prior_trials
        told.append(_judge_outcome(outcome, trials=tried, variance=scatter[length]))
    return sorted(
        told,
        key=lambda one: (
            _rank(one.deflated),
            _rank(one.above_zero),
            -(one.outcome.measured.sharpe or 0.0),
        ),
    )


def _judge_outcome(outcome: RunOutcome, *, trials: int, variance: float | None) -> JudgedOutcome:
    """With the scatter of the trials, annualised; None: what estimation error alone makes, as
    `performance` assumes.
    """
    track = outcome.measured.track
    if track is None:
        return JudgedOutcome(
            outcome=outcome,
            above_zero=None,
            deflated=None,
            luck=Luck(trials=trials, best_sharpe=None),
        )
    daily = variance / YEAR_DAYS if variance is not None else assumed_variance(track)
    told = probabilities(track, trials=trials, variance=daily).values()
    best = expected_maximum_sharpe(trials, trials_variance=daily) * math.sqrt(YEAR_DAYS)
    return JudgedOutcome(
        outcome=outcome,
        above_zero=lower(*(one.above_zero for one in told)),
        deflated=lower(*(one.deflated for one in told)),
        luck=Luck(trials=trials, best_sharpe=best),
    )


def _track(performance: Performance) -> Track | None:
    returns = performance.returns
    if returns.sharpe is None or returns.skewness is None or returns.kurtosis is None:
        return None
    rho = performance.significance.autocorrelation or 0.0
    return Track(
        sharpe=returns.sharpe / math.sqrt(YEAR_DAYS),
        observations=returns.days,
        skewness=returns.skewness,
        kurtosis=returns.kurtosis,
        autocorrelation=max(-MAX_AUTOCORRELATION, min(MAX_AUTOCORRELATION, rho)),
    )


def _rank(probability: float | None) -> float:
    return 1.0 if probability is None else -probability
