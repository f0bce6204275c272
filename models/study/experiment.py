"""Run what a study declares: each variant on each data set, through the walk-forward, the replay
and the gate.

Nothing is special about an experiment: features, folds, stages, rules and gate are those of
training and tick. What was fitted already is found by its hash, so that a study which was
interrupted goes on where it was.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from models.backtest.sources import CandleSource
from models.gate import judge
from models.gate.types import TrialCounts
from models.proof import Proof
from models.study.candles import LoadedCandles, load_data_set
from models.study.declared import BadStudy, Study, Variant
from models.study.holding import compare_with_holding
from models.study.result import (
    DatasetResult,
    StudyResult,
    VariantResult,
    growth_curve,
    prediction_quality,
    proof_earnings,
)
from models.study.walk import Progress, WalkPlace, prove_walk
from models.walk_forward.types import Walked
from shared import features
from shared.core.calendar import YEAR_DAYS
from shared.core.errors import BadSettings, UserError
from shared.core.settings import Settings
from shared.core.trials import History, Scalar, settings_hash, tally
from shared.core.types import Features, FloatArray
from shared.results.performance import measure
from shared.risk import policy_of
from shared.stores.ports import Bucket
from shared.stores.trials import TrialLog

KIND = "study"
TOP_DENIALS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPorts:
    r"""What an experiment needs from outside.

    >>> from shared.core.types import Timeframe
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
    >>> place.log.all().count
    0

    Attributes:
        load: `settings.load_settings` with its environment: takes `profile` and `overrides`.
        archive: Of candles.
        log: Of all trials; every variant is written there as it is done.
        now_ms: When this takes place, for the log alone.
        commit: Of the code.
        remembered: The most tries that any bundle here knows the log to have held.
        cache: Where folds are kept; None: nowhere.
        jobs: How many folds at once; 0: one a core.
    """

    load: Callable[..., Settings]
    archive: CandleSource
    log: TrialLog
    now_ms: int
    commit: str
    remembered: int = 0
    cache: Bucket | None = None
    jobs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A variant with its settings."""

    variant: Variant
    profile: str | None
    settings: Settings

    @property
    def seed(self) -> int:
        return self.settings.learning.seed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proven:
    """A variant on one data set, before all are known."""

    case: _Case
    walked: Walked | None
    proof: Proof


def run(study: Study, place: StudyPorts, *, on_progress: Progress | None = None) -> StudyResult:
    r"""Run every variant on every data set, log each, and judge all of them by everything that the
    log then holds.

    >>> from shared.core.types import Timeframe
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
    >>> result.name, result.trials, [one.verdict.may_enter for one in result.variant_results]
    ('slow trend', 1, [False])

    Args:
        study: What is declared.
        place: Where.
        on_progress: Told what is done next, and the share of the whole that is done.

    Raises:
        BadStudy: A field does not fit: a setting that is not there, a file that cannot be read, too
            short a period.
        UserError: There is too little to learn from.
    """
    tell = on_progress or (lambda _text, _share: None)
    cases = [_case(study, variant, place) for variant in study.variants]
    learning_days = max(
        (case.settings.learning.days for case in cases if _is_model_needed(case.settings)),
        default=0,
    )
    # every data set is opened before anything is worked on: a wrong name in the last one costs
    # nothing
    opened = [
        load_data_set(
            one, archive=place.archive, timeframe=study.timeframe, learning_days=learning_days
        )
        for one in study.data
    ]
    proven: list[list[_Proven]] = []
    for number, loaded in enumerate(opened):
        done = number / len(opened)
        tell(f"{loaded.name}: features", done)
        computed = features.compute(loaded.candles)
        proven.append(
            [
                _prove_case(
                    case,
                    loaded,
                    computed,
                    place,
                    study,
                    _part(tell, f"{loaded.name} · {case.variant.name}", start, share),
                )
                for case, start, share in _shares(cases, done, 1.0 / len(opened))
            ]
        )
    tell("gate", 1.0)
    history = place.log.all()
    held = tuple(
        _dataset_result(loaded, group, history)
        for loaded, group in zip(opened, proven, strict=True)
    )
    return _result(study, cases, held, history, place)


def _case(study: Study, variant: Variant, place: StudyPorts) -> _Case:
    profile, overrides = study.variant_settings(variant)
    try:
        return _Case(
            variant=variant,
            profile=profile,
            settings=place.load(profile=profile, overrides=overrides),
        )
    except BadSettings as error:
        name = f"variants.{variant.name}"
        raise BadStudy(name, f"does not fit: {error}", remedy=error.remedy) from error


def _is_model_needed(settings: Settings) -> bool:
    """Whether its policy asks a model for direction."""
    return policy_of(settings).is_model_based


def _shares(cases: Sequence[_Case], done: float, whole: float) -> list[tuple[_Case, float, float]]:
    """Where each case begins in the progress, and its share of it."""
    return [
        (case, done + whole * number / len(cases), whole / len(cases))
        for number, case in enumerate(cases)
    ]


def _part(tell: Progress, name: str, start: float, share: float) -> Progress:
    return lambda text, done: tell(f"{name}: {text}", start + share * min(1.0, done))


def _prove_case(
    case: _Case,
    loaded: LoadedCandles,
    computed: Features,
    place: StudyPorts,
    study: Study,
    tell: Progress,
) -> _Proven:
    """Walk, replay, judge, and write the trial down."""
    try:
        found = prove_walk(
            loaded,
            case.settings,
            WalkPlace(
                history=History(),  # judged again below, by the whole log
                remembered=place.remembered,
                recorded_at=place.now_ms,
                cache=place.cache,
                jobs=place.jobs,
            ),
            computed=computed,
            changed=_trial_changes(study, case),
            tell=tell,
        )
    except UserError as error:
        raise BadStudy(
            f"variants.{case.variant.name}", f"on {loaded.name}: {error}", remedy=error.remedy
        ) from error
    place.log.append(replace(found.proof.trial, kind=KIND))
    walked = found.learned.walked if _is_model_needed(case.settings) else None
    return _Proven(case=case, walked=walked, proof=found.proof)


def _trial_changes(study: Study, case: _Case) -> dict[str, Scalar]:
    """What this try was about, for the log."""
    told: dict[str, Scalar] = {"study": study.name, "variant": case.variant.name}
    told |= {} if case.profile is None else {"profile": case.profile}
    named = {**study.overrides, **case.variant.overrides}
    return told | {
        name: value
        for name, value in named.items()
        if value is None or isinstance(value, str | int | float)
    }


# all that was tried is known: the last word


def _dataset_result(
    loaded: LoadedCandles, group: Sequence[_Proven], history: History
) -> DatasetResult:
    matrix = _matrix([one.proof for one in group])
    return DatasetResult(
        name=loaded.name,
        hash=loaded.hash,
        start_at=loaded.start_at,
        end_at=loaded.end_at,
        resolution=group[0].proof.replayed.resolution.value,
        tried=tuple(_judge_again(one, matrix, history) for one in group),
        notes=loaded.notes,
    )


def _matrix(proofs: Sequence[Proof]) -> FloatArray | None:
    """Daily returns of what was tried side by side, (days, variants); None where there was only
    one.
    """
    columns = [proof.evidence.money.returns for proof in proofs if proof.evidence.money is not None]
    return np.stack(columns, axis=1) if len(columns) > 1 else None


def _judge_again(one: _Proven, matrix: FloatArray | None, history: History) -> VariantResult:
    """The proof again, by everything that was tried: itself, what stands beside it, and all that
    came before.
    """
    proof, settings = one.proof, one.case.settings
    trials, annual = _trials(proof, history, matrix, settings)
    evidence = replace(proof.evidence, trials=trials)
    performance = measure(proof.replayed, trials=trials.count, trial_sharpes=annual)
    verdict = judge(evidence, settings.gate, serve=())
    ordered = sorted(proof.replayed.denials.items(), key=lambda found: (-found[1], found[0]))
    return VariantResult(
        variant=one.case.variant.name,
        profile=one.case.profile,
        policy=settings.risk.policy,
        recipe=None if one.walked is None else one.walked.recipe,
        settings_hash=settings_hash(settings, proof.inputs.rules),
        learned=None if one.walked is None else prediction_quality(one.walked, verdict),
        earned=proof_earnings(proof, performance, verdict),
        verdict=verdict,
        denials={reason.value: candles for reason, candles in ordered[:TOP_DENIALS]},
        curve=growth_curve(evidence.money),
        notes=proof.replayed.notes,
        beside=compare_with_holding(
            evidence.money, limit=settings.risk.max_drawdown, seed=one.case.seed
        ),
    )


def _trials(
    proof: Proof, history: History, matrix: FloatArray | None, settings: Settings
) -> tuple[TrialCounts, tuple[float, ...]]:
    """What the log holds: for the gate (Sharpe ratios a day), and annualised for the measure."""
    among = tally(proof.trial, history, prior=settings.gate.prior_trials)
    told = replace(
        proof.evidence.trials,
        count=among.count,
        sharpes=np.array(among.sharpes) / np.sqrt(YEAR_DAYS),
        matrix=matrix,
        logged=among.logged,
    )
    return told, among.sharpes


def _result(
    study: Study,
    cases: Sequence[_Case],
    held: tuple[DatasetResult, ...],
    history: History,
    place: StudyPorts,
) -> StudyResult:
    own = {case.variant.name: _dotted_settings(case.settings) for case in cases}
    first = next(iter(own.values()))
    common = {
        name
        for name, value in first.items()
        if all(told.get(name) == value for told in own.values())
    }
    usual = _dotted_settings(place.load(profile=None, overrides=None))
    return StudyResult(
        name=study.name,
        question=study.question,
        notes=study.notes,
        hash=study.hash,
        commit=place.commit,
        trials=history.count,
        every_days=float(cases[0].settings.retrain.every_days),
        seed=cases[0].seed,
        shared_settings={
            name: value
            for name, value in first.items()
            if name in common and usual.get(name) != value
        },
        variants={
            name: {key: value for key, value in told.items() if key not in common}
            for name, told in own.items()
        },
        says={case.variant.name: case.variant.says for case in cases if case.variant.says},
        held=held,
        damaged=history.damaged,
    )


ELSEWHERE = frozenset(
    {
        "home",
        "state",
        "bucket",
        "clock",
        "exchange",
        "digest",
        "discord",
        "alerts",
        "bundle_public_key",
        "study",
        "backtest",
    }
)
"""Settings of a machine, not of an experiment."""


def _dotted_settings(settings: Settings) -> dict[str, str]:
    """All settings of an experiment as texts by their dotted names."""
    found: dict[str, str] = {}

    def note(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                note(f"{name}.{key}", inner)
        else:
            found[name] = (
                "none"
                if value is None
                else f"{value:g}"
                if isinstance(value, float)
                else str(value)
            )

    for key, value in msgspec.to_builtins(settings).items():
        if key not in ELSEWHERE:
            note(key, value)
    return found
