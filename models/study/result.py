"""What a study found, as frozen values that become JSON: None wherever a number is undefined, no
wall clock anywhere.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.gate.types import MoneyRecord
from models.proof import Proof
from models.study.estimate import Estimate
from models.study.holding import Beside
from models.walk_forward.types import Walked
from shared.core.calendar import DAY_MS
from shared.model.manifest import Check, Verdict
from shared.results.performance import Performance

__all__ = [
    "Beside",
    "DatasetResult",
    "Earned",
    "Estimate",
    "GrowthCurve",
    "PredictionQuality",
    "StudyResult",
    "VariantResult",
    "finite_or_null",
    "growth_curve",
    "prediction_quality",
    "proof_earnings",
]

SHOWN_GROUPS = ("enter", "champion", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionQuality:
    """How good the predictions were on candles that no model had seen.

    Skill 0: no better than always saying the same.

    `effective` is how many independent labels the rows are worth. `direction` is the skill about
    the side alone.
    """

    folds: int
    rows: int
    effective: float
    skill: Estimate
    direction: Estimate
    calibration_error: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """What they did after costs.

    Rates are fractions, amounts yen; Sharpe ratios are annualised with 365 days.

    Attributes:
        above_zero: Probability that the true Sharpe exceeds zero (PSR), the lower of both published
            variants.
        deflated: The same against the best of all logged trials without skill (DSR).
        beats_random: Share of random histories with the same barriers, or the same exposure moved
            in time, that it beat.
        mean_rate: What `beats_random` compares: mean net rate a trade, or mean daily return.
    """

    total: float
    annual: float | None
    sharpe: Estimate
    above_zero: float | None
    deflated: float | None
    max_drawdown: float
    trades: int
    win_rate: float | None
    held_share: float | None
    fees_jpy: float
    slippage_jpy: float
    interest_jpy: float
    costs_rate: float
    mean_rate: float | None
    random_rate: float | None
    beats_random: float | None
    hold_total: float
    hold_sharpe: float | None
    hold_drawdown: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthCurve:
    """Growth of one yen at the end of each JST day, (n,) each; both begin at 1 before the first of
    them.
    """

    day_at: tuple[int, ...]
    own: tuple[float, ...]
    hold: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantResult:
    """One variant on one data set."""

    variant: str
    profile: str | None
    policy: str
    recipe: str | None
    settings_hash: str
    learned: PredictionQuality | None
    earned: Earned
    verdict: Verdict
    denials: Mapping[str, int]
    curve: GrowthCurve
    notes: tuple[str, ...] = ()
    beside: Beside | None = None

    @property
    def failed_check_names(self) -> tuple[str, ...]:
        """The names of the checks that keep it from entering."""
        return tuple(
            check.name
            for check in self.verdict.checks
            if not check.passed and check.group == "enter"
        )

    @property
    def checks(self) -> tuple[Check, ...]:
        """What decides on entering and on the champion's place; a study has no bundle that could
        serve.
        """
        return tuple(check for check in self.verdict.checks if check.group in SHOWN_GROUPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetResult:
    """A data set, and what every variant did on it, in the order of the file."""

    name: str
    hash: str
    start_at: int
    end_at: int
    resolution: str
    tried: tuple[VariantResult, ...]
    notes: tuple[str, ...] = ()

    @property
    def days(self) -> float:
        """Length of the period."""
        return (self.end_at - self.start_at) / DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResult:
    r"""A study, done. The same file, candles, commit and trial log give the same result.

    `trials` is how many different things the log holds, these included; `declared` are the settings
    by dotted names, a row a
    name: what holds for all variants, and what each changed.

    >>> from models.study.experiment import StudyPorts, run
    >>> from shared.core.types import Timeframe
    >>> from shared.stores.trials import TrialLog
    >>> from models.backtest.sources import FileSource
    >>> from models.study.declared import parse_study
    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.stores.memory import MemoryDocuments
    >>> text = "name: slow trend\nquestion: What does it earn?\nstart: 2026-01-06\n"
    >>> text += "end: 2026-01-09\nvariants: {trend: {profile: trend}}\n"
    >>> minutes = generate(start_ms=1_767_225_600_000, days=8, seed=7)
    >>> place = StudyPorts(
    ...     load=lambda **more: load_settings({}, **more),
    ...     archive=FileSource(name="made up", candles=aggregate(minutes, Timeframe.M15)),
    ...     log=TrialLog(MemoryDocuments()),
    ...     now_ms=1_767_225_600_000,
    ...     commit="0" * 40,
    ...     jobs=1,
    ... )
    >>> result = run(parse_study(text), place)
    >>> [one.variant for one in result.variant_results], result.trials
    (['trend'], 1)
    """

    name: str
    question: str
    notes: tuple[str, ...]
    hash: str
    commit: str
    trials: int
    every_days: float
    seed: int
    shared_settings: Mapping[str, str]
    variants: Mapping[str, Mapping[str, str]]
    says: Mapping[str, str]
    held: tuple[DatasetResult, ...]
    damaged: tuple[str, ...] = field(default=())

    @property
    def variant_results(self) -> tuple[VariantResult, ...]:
        """All of them, data set by data set."""
        return tuple(one for held in self.held for one in held.tried)


def prediction_quality(walked: Walked, verdict: Verdict) -> PredictionQuality:
    """The skill of a walk-forward, as the gate found it: a number that it could not find is
    undefined here, too.
    """
    found = {check.name: check for check in verdict.checks}
    return PredictionQuality(
        folds=len(walked.folds),
        rows=len(walked.rows),
        effective=walked.rows.effective,
        skill=_estimate(found.get("skill")),
        direction=_estimate(found.get("direction_skill")),
        calibration_error=_estimate(found.get("calibration_error")).value,
    )


def _estimate(check: Check | None) -> Estimate:
    return (
        Estimate()
        if check is None
        else Estimate(value=check.value, low=check.lower, high=check.upper)
    )


def proof_earnings(proof: Proof, performance: Performance, verdict: Verdict) -> Earned:
    """The money of a proof; `performance` is that of its replay.

    What luck may explain is told as the gate counts it.
    """
    returns, hold, money = performance.returns, performance.hold, proof.evidence.money
    interval = performance.significance.bootstrap.sharpe
    found = {check.name: check.value for check in verdict.checks}
    own, drawn = _against_random(money)
    costs, start = performance.costs, float(performance.start_equity_jpy)
    return Earned(
        total=returns.total,
        annual=returns.annual,
        sharpe=Estimate(
            value=returns.sharpe,
            low=None if interval is None else interval.low,
            high=None if interval is None else interval.high,
        ),
        above_zero=found.get("psr"),
        deflated=found.get("dsr"),
        max_drawdown=performance.drawdown.max_share,
        trades=performance.positions.count,
        win_rate=performance.positions.win_rate,
        held_share=performance.exposure.held_share,
        fees_jpy=float(costs.fees_jpy),
        slippage_jpy=float(costs.slippage_jpy),
        interest_jpy=float(costs.interest_jpy),
        costs_rate=float(costs.total_jpy) / start,
        mean_rate=own,
        random_rate=float(np.mean(drawn)) if len(drawn) else None,
        beats_random=(
            float(np.mean(np.asarray(drawn) < own)) if len(drawn) and own is not None else None
        ),
        hold_total=hold.returns.total,
        hold_sharpe=hold.returns.sharpe,
        hold_drawdown=hold.drawdown.max_share,
    )


def _against_random(money: MoneyRecord | None) -> tuple[float | None, Sequence[float]]:
    """What is compared with the random histories, and what they came to."""
    if money is None or not len(money.random):
        return None, ()
    own = (
        money.own
        if money.own is not None
        else float(money.net_rates.mean())
        if len(money.net_rates)
        else None
    )
    return own, money.random.tolist()


def growth_curve(money: MoneyRecord | None) -> GrowthCurve:
    """Growth by day."""
    if money is None:
        return GrowthCurve(day_at=(), own=(), hold=())
    grown = [
        tuple(round(float(value), 6) for value in np.cumprod(1.0 + part))
        for part in (money.returns, money.hold)
    ]
    return GrowthCurve(day_at=tuple(money.day_at.tolist()), own=grown[0], hold=grown[1])


def finite_or_null(value: object) -> object:
    """The same builtin value with None in place of every number that is not finite,
    however deep.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite_or_null(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_null(inner) for inner in value]
    return value
