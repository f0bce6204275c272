"""Replay what a recipe said out of sample, measure it, count it among all that was tried, and ask
the gate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from models.gate import judge
from models.gate.shipped import cheapened_costs
from models.gate.types import Evidence, Rival, TrialCounts
from models.proof.money import money_of
from models.walk_forward.types import Walked
from shared.core.calendar import YEAR_DAYS
from shared.core.costs import assumed_rules
from shared.core.settings import Settings
from shared.core.trials import WALK_FORWARD, History, Trial, data_hash, settings_hash, tally
from shared.core.types import Candles, FloatArray, PairRules, Timeframe
from shared.model.manifest import Check, Verdict
from shared.replay.engine import replay
from shared.replay.types import Inputs, Replayed
from shared.results.performance import Performance, measure
from shared.risk import policy_of
from shared.turn.pipeline import Stages


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRequest:
    """What is to be proven, and on what.

    >>> from models.walk_forward import empty_walk
    >>> from shared.core.settings import load_settings
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.turn.pipeline import stages
    >>> settings = load_settings({}, profile="trend")  # asks no model for direction
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=8, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> run = stages(candles, bundle=None, settings=settings)
    >>> asked = ProofRequest(
    ...     walked=empty_walk(run.features, settings),
    ...     stages=run,
    ...     candles=candles,
    ...     settings=settings,
    ...     history=History(),
    ...     recorded_at=start + 8 * day,
    ...     start_at=start + 5 * day,
    ...     end_at=start + 8 * day,
    ... )
    >>> asked.settings.profile, asked.history.count
    ('trend', 0)

    Attributes:
        walked: Out-of-sample predictions, from `models.walk_forward`.
        stages: Features and votes over exactly `candles`; a prediction in it is not looked at.
        candles: 15m and 4h candles, with their history.
        minutes: The 1m candles of the walked period; None: the conservative 15m approximation.
        settings: All rules.
        rules: Of the pair; None: the exchange's usual ones with the fees that the settings assume.
        start_at: First decision that counts, ms UTC; None: the first fold's.
        end_at: No decision after it; None: the last fold's end, or the last candle.
        history: The trial log before this try.
        logged: How many things the whole log holds, where `history` is a part of it.
        remembered: The most that any bundle here knows the log to have held.
        serve: Checks on the bundle itself, where there is one.
        rival: The champion on rows that neither has touched.
        shuffled: Skills of refits on shuffled labels.
        matrix: (days, configurations) daily returns of what was tried side by side with this,
            itself included.
        notes: For the face of the result.
        recorded_at: When this try was made, for the log.
        changed: The settings that it is about, by their dotted names.
    """

    walked: Walked
    stages: Stages
    candles: Mapping[Timeframe, Candles]
    settings: Settings
    history: History
    recorded_at: int
    logged: int = 0
    remembered: int = 0
    minutes: Candles | None = None
    rules: PairRules | None = None
    start_at: int | None = None
    end_at: int | None = None
    serve: Sequence[Check] = ()
    rival: Rival | None = None
    shuffled: FloatArray = field(default_factory=lambda: np.zeros(0))
    matrix: FloatArray | None = None
    notes: tuple[str, ...] = ()
    changed: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was found.

    `trial` belongs into the log; `trials` and `logged` (those of the log alone) count it already.

    >>> from models.walk_forward import empty_walk
    >>> from shared.core.settings import load_settings
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.turn.pipeline import stages
    >>> settings = load_settings({}, profile="trend")  # asks no model for direction
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=8, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> run = stages(candles, bundle=None, settings=settings)
    >>> asked = ProofRequest(
    ...     walked=empty_walk(run.features, settings),
    ...     stages=run,
    ...     candles=candles,
    ...     settings=settings,
    ...     history=History(),
    ...     recorded_at=start + 8 * day,
    ...     start_at=start + 5 * day,
    ...     end_at=start + 8 * day,
    ... )
    >>> proof = prove(asked)
    >>> proof.trials, len(proof.replayed.trades)
    (397, 0)
    """

    inputs: Inputs
    replayed: Replayed
    performance: Performance
    evidence: Evidence
    verdict: Verdict
    trial: Trial
    trials: int
    logged: int


def prove(asked: ProofRequest) -> Proof:
    """Replay, measure, count, judge. The same arguments give the same proof.

    >>> from models.walk_forward import empty_walk
    >>> from shared.core.settings import load_settings
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.turn.pipeline import stages
    >>> settings = load_settings({}, profile="trend")  # asks no model for direction
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=8, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> run = stages(candles, bundle=None, settings=settings)
    >>> asked = ProofRequest(
    ...     walked=empty_walk(run.features, settings),
    ...     stages=run,
    ...     candles=candles,
    ...     settings=settings,
    ...     history=History(),
    ...     recorded_at=start + 8 * day,
    ...     start_at=start + 5 * day,
    ...     end_at=start + 8 * day,
    ... )
    >>> prove(asked).verdict.may_enter
    False

    Raises:
        BadData: Stages, candles and predictions do not belong together, or the period has no
            candle.
    """
    inputs = _inputs(asked)
    return prove_replay(asked, inputs, replay(inputs))


def prove_replay(asked: ProofRequest, inputs: Inputs, replayed: Replayed) -> Proof:
    """Measure, count and judge a replay that is there already: `replayed` is what became of
    `inputs`.

    >>> from models.walk_forward import empty_walk
    >>> from shared.core.settings import load_settings
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.turn.pipeline import stages
    >>> settings = load_settings({}, profile="trend")  # asks no model for direction
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=8, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> run = stages(candles, bundle=None, settings=settings)
    >>> asked = ProofRequest(
    ...     walked=empty_walk(run.features, settings),
    ...     stages=run,
    ...     candles=candles,
    ...     settings=settings,
    ...     history=History(),
    ...     recorded_at=start + 8 * day,
    ...     start_at=start + 5 * day,
    ...     end_at=start + 8 * day,
    ... )
    >>> proof = prove(asked)
    >>> prove_replay(asked, proof.inputs, proof.replayed).verdict == proof.verdict
    True
    """
    alone = measure(replayed)
    trial = _trial(asked, inputs, replayed, alone)
    among = tally(trial, asked.history, prior=asked.settings.gate.prior_trials)
    performance = (
        alone
        if among.count == 1
        else measure(replayed, trials=among.count, trial_sharpes=among.sharpes)
    )
    evidence = Evidence(
        rows=asked.walked.rows if policy_of(asked.settings).is_model_based else None,
        money=money_of(
            replayed,
            inputs,
            draws=asked.settings.gate.random_runs,
            seed=asked.settings.learning.seed,
        ),
        trials=TrialCounts(
            count=among.count,
            sharpes=np.array(among.sharpes) / np.sqrt(YEAR_DAYS),
            matrix=asked.matrix,
            logged=max(among.logged, asked.logged),
            remembered=asked.remembered,
        ),
        rival=asked.rival,
        shuffled=asked.shuffled,
        cheapened=cheapened_costs(asked.settings, inputs.rules),
        embargo_ms=decision_embargo_ms(asked.settings),
        seed=asked.settings.learning.seed,
    )
    return Proof(
        inputs=inputs,
        replayed=replace(replayed, notes=among.beside(replayed.notes)),
        performance=performance,
        evidence=evidence,
        verdict=judge(evidence, asked.settings.gate, serve=asked.serve),
        trial=trial,
        trials=among.count,
        logged=among.logged,
    )


def decision_embargo_ms(settings: Settings) -> int:
    """What lies between the last label that a model knew and its first decision: as in the split of
    its training.
    """
    candles = settings.replay.embargo_candles
    return (settings.learning.horizon_candles if candles is None else candles) * Timeframe.M15.ms


def _inputs(asked: ProofRequest) -> Inputs:
    walked, quarters = asked.walked, asked.candles[Timeframe.M15]
    end_at = walked.end_at if asked.end_at is None else asked.end_at
    last_at = int(quarters.closed_at[-1]) if len(quarters) else 0
    return Inputs(
        candles=asked.candles,
        minutes=asked.minutes,
        stages=replace(asked.stages, prediction=walked.prediction(asked.stages.features)),
        settings=asked.settings,
        rules=assumed_rules(asked.settings, asked.rules),
        start_at=walked.start_at if asked.start_at is None else asked.start_at,
        end_at=min(end_at, last_at),
        notes=(walked_note(walked), *asked.notes),
    )


def walked_note(walked: Walked) -> str:
    """The sentence about the models on the face of a result."""
    if not walked.folds:
        return (
            "No model was asked for direction: the policy follows its strategy, which learned"
            " nothing from candles."
        )
    return (
        f"Walk-forward: {len(walked.folds)} models of recipe {walked.recipe} decided, each only on"
        " candles after everything that it learned from."
    )


def seeded_recipe(model: str | None, settings: Settings) -> str | None:
    """The recipe and its seed: a recipe does not hold the seed, and the luckiest of many seeds is
    the best of many tries.
    """
    return model if model is None else f"{model}-{settings.learning.seed}"


def _trial(
    asked: ProofRequest, inputs: Inputs, replayed: Replayed, performance: Performance
) -> Trial:
    parts = [inputs.candles[frame] for frame in (Timeframe.M15, Timeframe.H4)]
    parts += [] if inputs.minutes is None else [inputs.minutes]
    return Trial(
        kind=WALK_FORWARD,
        settings_hash=settings_hash(asked.settings, inputs.rules),
        data_hash=data_hash(parts),
        start_at=inputs.start_at,
        end_at=inputs.end_at,
        model=seeded_recipe(replayed.model, asked.settings),
        recorded_at=asked.recorded_at,
        sharpe=performance.returns.sharpe,
        changed=dict(asked.changed),
        numbers={
            "return_rate": performance.returns.total,
            "max_drawdown": performance.drawdown.max_share,
            "trades": float(performance.positions.count),
        },
    )
