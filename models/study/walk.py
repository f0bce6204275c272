"""One walk over a data set: retrained on schedule, replayed out of sample, judged by the gate.

What `bot walk-forward` does once, a declared study does for each of its variants.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from models.backtest.outcome import Outcome
from models.gate import verdict_table
from models.proof import Proof, ProofRequest, prove
from models.proof.facts import fitted_facts, fold_facts, verdict_facts
from models.proof.learn import LearnedFolds, learn_folds, measure_seconds
from models.study.candles import LoadedCandles
from shared.core.settings import Settings
from shared.core.trials import History, Scalar
from shared.core.types import Features
from shared.stores.ports import Bucket

Progress = Callable[[str, float], None]
"""Told what is done next, and the share of the whole that is done."""
SPENT_ON_LEARNING = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkPlace:
    """What a walk needs from outside.

    Attributes:
        recorded_at: When this takes place, for the log alone, ms UTC.
        history: The trial log before it.
        remembered: The most tries that any bundle here knows the log to have held.
        cache: Where fits are kept; None: nowhere.
        jobs: Processes, 0: one a core; None: what the settings say.
    """

    recorded_at: int
    history: History
    remembered: int = 0
    cache: Bucket | None = None
    jobs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenWalk:
    """What was learned, what the gate says of what it said, and the seconds that each part took."""

    learned: LearnedFolds
    proof: Proof
    seconds: Mapping[str, float]


def prove_walk(
    loaded: LoadedCandles,
    settings: Settings,
    place: WalkPlace,
    *,
    computed: Features | None = None,
    changed: Mapping[str, Scalar] | None = None,
    notes: tuple[str, ...] = (),
    tell: Progress,
) -> ProvenWalk:
    """Learn, replay, judge. Nothing is written down but fits.

    Args:
        loaded: The data set.
        settings: All rules.
        place: See `WalkPlace`.
        computed: Features of exactly these candles, where they are known.
        changed: What this try is about, for the log.
        notes: For the face of the result.
        tell: See `Progress`.

    Raises:
        UserError: There is too little to learn from before the first decision.
        BadData: The candles are not fit to learn from.
    """
    learned = learn_folds(
        loaded.candles,
        settings,
        start_at=loaded.start_at,
        end_at=loaded.end_at,
        computed=computed,
        jobs=place.jobs,
        cache=place.cache,
        tell=lambda text, share, _new: tell(text, SPENT_ON_LEARNING * share),
    )
    tell("replay and gate", SPENT_ON_LEARNING)
    seconds = dict(learned.seconds)
    with measure_seconds(seconds, "replay"):
        proof = prove(
            ProofRequest(
                walked=learned.walked,
                stages=learned.stages,
                candles=loaded.candles,
                minutes=loaded.minutes,
                settings=settings,
                history=place.history,
                remembered=place.remembered,
                recorded_at=place.recorded_at,
                start_at=loaded.start_at,
                end_at=loaded.end_at,
                shuffled=learned.shuffled,
                changed=changed or {},
                notes=notes,
            )
        )
    return ProvenWalk(learned=learned, proof=proof, seconds=seconds)


def outcome_of(proven: ProvenWalk, settings: Settings) -> Outcome:
    """The walk as a backtest's result, as `models.backtest.forward.conclude_walk` tells one."""
    proof, walked = proven.proof, proven.learned.walked
    facts = {**fitted_facts(walked, settings), "folds": fold_facts(walked), **verdict_facts(proof)}
    notes = (*proof.replayed.notes, f"The gate: {facts['in_words']}")
    return Outcome(
        replayed=replace(proof.replayed, notes=notes),
        performance=proof.performance,
        complete=True,
        walk=facts,
        checks=tuple(verdict_table(proof.verdict)),
    )
