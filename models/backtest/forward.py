"""A backtest that walks forward: retrained as live would have been, and replayed on what no model
had seen.

Learning lives above this package: whoever offers it (the function, the command) hands in a `Walk`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from models.backtest.job import BadJob, Job
from models.backtest.outcome import Outcome
from models.backtest.prepare import PreparedReplay, prepare
from models.backtest.sources import CandleSource
from shared.core.calendar import utc_text
from shared.core.errors import UserError
from shared.core.settings import Settings
from shared.core.trials import WALK_FORWARD, History
from shared.core.types import Candles, Prediction, Timeframe
from shared.model.bundle import Bundle
from shared.replay.types import Replayed
from shared.stores.ports import Bucket
from shared.turn.pipeline import Stages

Tell: TypeAlias = Callable[[str, float, bool], None]
"""Told what is done next, the share that is done, and whether anything new was kept since this call
began. It may raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkJudgement:
    """What the gate said: `in_words`, `verdict` with its checks and `trials`, as values that fit a
    document.

    `checks` are the same as a table of text, whose first row is its heading.
    """

    told: Mapping[str, Any]
    checks: tuple[tuple[str, ...], ...]


class Walk(Protocol):
    """One walk: first its stages, then everything else about it."""

    def stages(
        self,
        candles: Mapping[Timeframe, Candles],
        *,
        bundle: Bundle | None,
        settings: Settings,
        since: int | None = None,
    ) -> Stages:
        """Retrain, and predict the decisions from `since` on. Each fit is kept; see `Tell`."""
        ...

    @property
    def logged_model(self) -> str | None:
        """What the trial log calls these models."""
        ...

    @property
    def note(self) -> str:
        """The sentence about its models on the face of the result."""
        ...

    def facts(self) -> dict[str, Any]:
        """What was fitted, as values that fit a document: `recipe`, `retrainings`, `trees`, rows,
        `folds`.
        """
        ...

    def judge_replay(
        self, prepared: PreparedReplay, replayed: Replayed, *, history: History, recorded_at: int
    ) -> WalkJudgement:
        """The gate on a replay that reached its end. `history` is the trial log before this try."""
        ...


class Walks(Protocol):
    """Begins a walk; nothing is learned before its stages are asked for."""

    def __call__(self, *, end_at: int, bucket: Bucket, tell: Tell) -> Walk:
        """A walk whose fits are kept in `bucket`."""
        ...


def require_walks(walks: Walks | None) -> Walks:
    """Where walk-forward jobs can be done. Raises `BadJob` naming `walk_forward`."""
    if walks is None:
        raise BadJob(
            "walk_forward",
            "is not offered here: nothing that learns is installed",
            remedy="leave it out",
        )
    return walks


def prepare_walk(
    job: Job, walk: Walk, *, settings: Settings, source: CandleSource
) -> PreparedReplay:
    """Everything that the replay needs; the models are fitted on the way.

    Raises:
        BadJob: as `prepare` does, and naming `start` where there is too little to learn from before
            it.
    """
    try:
        prepared = prepare(
            job, settings=settings, source=source, bundle=None, notes=(), stages=walk.stages
        )
    except BadJob:
        raise
    except UserError as error:
        raise BadJob(
            "start", f"was {utc_text(job.start_at)}: {error}", remedy=error.remedy
        ) from error
    inputs = replace(prepared.inputs, notes=(walk.note, *prepared.inputs.notes))
    changed = {} if job.every_days is None else {"retrain.every_days": job.every_days}
    return replace(
        prepared,
        kind=WALK_FORWARD,
        named=walk.logged_model,
        inputs=inputs,
        fingerprint=_fingerprint(prepared, inputs.stages.prediction),
        changed={**prepared.changed, **changed},
    )


def conclude_walk(
    outcome: Outcome, prepared: PreparedReplay, walk: Walk, *, history: History, recorded_at: int
) -> Outcome:
    """The outcome with what was learned, and with the gate's verdict where the replay reached its
    end.
    """
    facts = walk.facts()
    if not outcome.complete:
        return replace(
            outcome,
            walk={
                **facts,
                "in_words": "Not judged: the replay did not reach its end.",
                "verdict": None,
            },
        )
    judged = walk.judge_replay(prepared, outcome.replayed, history=history, recorded_at=recorded_at)
    notes = (*outcome.replayed.notes, f"The gate: {judged.told['in_words']}")
    replayed = replace(outcome.replayed, notes=notes)
    return replace(outcome, replayed=replayed, walk={**facts, **judged.told}, checks=judged.checks)


def _fingerprint(prepared: PreparedReplay, prediction: Prediction | None) -> str:
    """The replay's fingerprint, and every number that the models said."""
    digest = hashlib.sha256(json.dumps([WALK_FORWARD, prepared.fingerprint]).encode())
    if prediction is not None:
        digest.update(prediction.model.encode())
        for said in (prediction.probabilities, prediction.volatility, prediction.p_vote):
            digest.update(b"none" if said is None else said.astype("<f8").tobytes())
    return digest.hexdigest()[:32]
