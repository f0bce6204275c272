"""The walk of a backtest job: what `models.backtest.forward.Walk` asks for, made of real
retrainings.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from models.backtest.forward import WalkJudgement
from models.backtest.prepare import PreparedReplay
from models.backtest.stage_cache import reduce_stages
from models.gate import verdict_table
from models.proof.facts import fitted_facts, fold_facts, verdict_facts
from models.proof.learn import LearnedFolds, Tell, learn_folds
from models.proof.prove import ProofRequest, prove_replay, seeded_recipe, walked_note
from shared.core.errors import BadData
from shared.core.settings import Settings
from shared.core.trials import History
from shared.core.types import Candles, Timeframe
from shared.model.bundle import Bundle
from shared.model.registry import BundleRegistry
from shared.replay.types import Replayed
from shared.stores.ports import Bucket
from shared.turn.pipeline import Stages


class JobWalk:
    """One walk: asked for its stages first, then for what it learned, and for the verdict once the
    replay is over.
    """

    def __init__(self, *, end_at: int, bucket: Bucket, tell: Tell) -> None:
        """Keep fits in `bucket`; `tell` may raise to leave off.

        No decision is made after `end_at`.
        """
        self._end_at = end_at
        self._bucket = bucket
        self._tell = tell
        self._learned: LearnedFolds | None = None
        self._settings: Settings | None = None

    def stages(
        self,
        candles: Mapping[Timeframe, Candles],
        *,
        bundle: Bundle | None,
        settings: Settings,
        since: int | None = None,
    ) -> Stages:
        """The array stages with the prediction of each moment's newest model.

        Raises as `models.proof.learn.learn_folds` does.
        """
        if bundle is not None or since is None:
            raise BadData("a walk-forward asks the models of its own, from a first decision on")
        learned = learn_folds(
            candles,
            settings,
            start_at=since,
            end_at=self._end_at,
            cache=self._bucket,
            tell=self._tell,
        )
        prediction = learned.walked.prediction(learned.stages.features)
        stages = reduce_stages(replace(learned.stages, prediction=prediction))
        self._learned, self._settings = replace(learned, stages=stages), settings
        return stages

    @property
    def logged_model(self) -> str | None:
        """What the trial log calls these models."""
        said = self._learned_folds.stages.prediction
        return (
            None
            if said is None or self._settings is None
            else seeded_recipe(said.model, self._settings)
        )

    @property
    def note(self) -> str:
        """How many models decided, and on what."""
        return walked_note(self._learned_folds.walked)

    def facts(self) -> dict[str, Any]:
        """What was fitted, retraining by retraining."""
        settings = self._settings
        if settings is None:
            raise BadData("nothing was learned yet")
        walked = self._learned_folds.walked
        return {**fitted_facts(walked, settings), "folds": fold_facts(walked)}

    def judge_replay(
        self, prepared: PreparedReplay, replayed: Replayed, *, history: History, recorded_at: int
    ) -> WalkJudgement:
        """The gate's words and table on a replay that reached its end."""
        learned, inputs = self._learned_folds, prepared.inputs
        asked = ProofRequest(
            walked=learned.walked,
            stages=inputs.stages,
            candles=inputs.candles,
            minutes=inputs.minutes,
            settings=inputs.settings,
            rules=inputs.rules,
            history=history,
            recorded_at=recorded_at,
            shuffled=learned.shuffled,
            changed=prepared.changed,
            remembered=BundleRegistry(self._bucket).most_logged(),
        )
        proof = prove_replay(asked, inputs, replayed)
        return WalkJudgement(told=verdict_facts(proof), checks=tuple(verdict_table(proof.verdict)))

    @property
    def _learned_folds(self) -> LearnedFolds:
        if self._learned is None:
            raise BadData("nothing was learned yet")
        return self._learned
