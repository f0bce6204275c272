"""Sizes of the learners, searched on the past only: monthly at the most, and every trial counted.

Each trial is judged by the log-loss of the plain vote on purged walk-forward folds of the rows that
it is given. Give it the training window and nothing else: rows that the gate will judge must not
choose what it judges. The first trial is what is set already, so that the search never ends with
something that it found worse.

Optuna's TPE (Bergstra et al., Algorithms for Hyper-Parameter Optimization, 2011) with a seed, one
trial after the other, in
memory: the same rows, settings and seed give the same trials.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import msgspec
import numpy as np

from models.data.dataset import STEP_MS, Dataset, Split
from models.data.findings import refuse
from models.data.leaks import inspect_split
from models.data.splits import Window
from models.fit.learners import fit_all, weights_of
from models.fit.learners.learner import import_package
from shared.core.errors import UserError
from shared.core.settings import LearningSettings, Settings
from shared.core.trials import Trial, settings_hash
from shared.core.types import FloatArray

KIND = "tuning"
FOLDS = 4
FIRST_SHARE = 0.5
"""Of the window, in time: the first fold learns from about so much, each later one from as much."""
LEAST_ROWS = 200
_SMALLEST = 1e-6
_DIGITS = 4
_ROW_STEPS = (1, 2, 3, 4, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningTrial:
    """One trial: what it changed, and the log-loss of each fold that it came to.

    `pruned`: the rest was not worth it.
    """

    learning: LearningSettings
    changed: dict[str, int | float]
    losses: tuple[float, ...]
    pruned: bool = False
    number: int = 0

    @property
    def loss(self) -> float:
        """The mean over its folds."""
        return sum(self.losses) / len(self.losses)

    def trial(
        self, settings: Settings, *, data_hash: str, start_at: int, end_at: int, now_ms: int
    ) -> Trial:
        """The line for the trial log.

        It has no Sharpe ratio; what was learned is told by the model's name.
        """
        told = json.dumps(msgspec.to_builtins(self.learning), sort_keys=True)
        return Trial(
            kind=KIND,
            settings_hash=settings_hash(settings),
            data_hash=data_hash,
            start_at=start_at,
            end_at=end_at,
            model=f"{KIND}-{hashlib.sha256(told.encode()).hexdigest()[:16]}",
            recorded_at=now_ms,
            changed={f"learning.{name}": value for name, value in self.changed.items()},
            numbers={
                "log_loss": self.loss,
                "folds": float(len(self.losses)),
                "pruned": float(self.pruned),
            },
        )


Score: TypeAlias = Callable[[Split, LearningSettings, int], float]


def tune(
    dataset: Dataset,
    settings: Settings,
    *,
    trials: int,
    seed: int,
    on_trial: Callable[[TuningTrial], None],
    score: Score | None = None,
) -> LearningSettings:
    """The learning settings with the best sizes found.

    Args:
        dataset: The training window only, every label known.
        settings: `learning` is where the search begins, and what it does not search stays as it is.
        trials: How many, the first with the settings as they are.
        seed: Of the search and of the learners.
        on_trial: Told every trial, also one that was broken off: write it to the trial log.
        score: What a fold is judged by, the lower the better. None: `vote_loss`.

    Raises:
        UserError: Too few rows for the folds, or the package optuna is missing.
        BadData: A fold leaks.
    """
    folds = folds_of(dataset, settings.learning)
    optuna = import_package("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    done: list[TuningTrial] = []

    def tell(changed: dict[str, int | float], stop: Callable[[int, float], bool]) -> TuningTrial:
        found = _try_sizes(
            dataset,
            folds,
            settings.learning,
            changed,
            seed=seed,
            score=score or vote_loss,
            stop=stop,
        )
        done.append(dataclasses.replace(found, number=len(done)))
        on_trial(done[-1])
        return done[-1]

    def objective(trial: Any) -> float:
        def stop(step: int, loss: float) -> bool:
            # Folds differ more than trials do, so a trial is held against what is set on the same
            # folds.
            trial.report(loss - sum(first.losses[: step + 1]) / (step + 1), step)
            return bool(trial.should_prune())

        found = tell(_suggest_sizes(trial), stop)
        if found.pruned:
            raise optuna.TrialPruned
        return found.loss

    first = tell({}, lambda _step, _loss: False)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
    )
    study.optimize(objective, n_trials=trials - 1, n_jobs=1)
    return min(
        (tried for tried in done if not tried.pruned), key=lambda tried: (tried.loss, tried.number)
    ).learning


def _try_sizes(
    dataset: Dataset,
    folds: tuple[Window, ...],
    learning: LearningSettings,
    changed: dict[str, int | float],
    *,
    seed: int,
    score: Score,
    stop: Callable[[int, float], bool],
) -> TuningTrial:
    """One trial, fold by fold, until `stop` is true of the mean so far."""
    told: dict[str, Any] = changed
    learning = dataclasses.replace(learning, **told)
    losses: list[float] = []
    for step, window in enumerate(folds):
        losses.append(score(window.cut(dataset, row_step=learning.row_step), learning, seed))
        if stop(step, sum(losses) / len(losses)) and step + 1 < len(folds):
            return TuningTrial(
                learning=learning, changed=changed, losses=tuple(losses), pruned=True
            )
    return TuningTrial(learning=learning, changed=changed, losses=tuple(losses))


def _suggest_sizes(trial: Any) -> dict[str, int | float]:
    """A place in the search space."""
    return {
        "rounds": trial.suggest_int("rounds", 20, 240, step=20),
        "forest_trees": trial.suggest_int("forest_trees", 40, 240, step=40),
        "max_depth": trial.suggest_int("max_depth", 2, 6),
        "learning_rate": round(trial.suggest_float("learning_rate", 0.01, 0.2, log=True), _DIGITS),
        "row_step": trial.suggest_categorical("row_step", _ROW_STEPS),
    }


def folds_of(dataset: Dataset, learning: LearningSettings) -> tuple[Window, ...]:
    """`FOLDS` stretches of the later half, each judged by what was learned from the half of the
    window before it.

    Each has the embargo of one horizon. Raises `UserError` where a part has too few rows, `BadData`
    where it leaks.
    """
    if not len(dataset):
        raise UserError("there is nothing to tune on", remedy="give more days of candles")
    folds = tuple(_folds(dataset, learning))
    for window in folds:
        parts = window.cut(dataset)
        few = min(len(parts.training), len(parts.validation))
        # The three classes.
        if few < LEAST_ROWS or len(np.unique(parts.training.label)) < 3:  # noqa: PLR2004
            raise UserError(
                f"a fold of the tuning has {few} rows, at least {LEAST_ROWS} with all three labels"
                " are needed",
                remedy="tune on more days, or set retrain.tune_every_days to 0",
            )
        refuse(inspect_split(parts, embargo_ms=window.embargo_ms))
    return folds


def _folds(dataset: Dataset, learning: LearningSettings) -> Iterator[Window]:
    embargo_ms = learning.horizon_candles * STEP_MS
    first, end = int(dataset.as_of[0]), int(dataset.as_of[-1]) + 1
    reach = round((end - first) * FIRST_SHARE)
    edges = [
        first + reach + round((end - first - reach) * fold / FOLDS) for fold in range(FOLDS + 1)
    ]
    for number, (at, to_at) in enumerate(pairwise(edges)):
        yield Window(
            number=number,
            learn_from_at=at - reach,
            calibrate_at=at,
            at=at,
            from_at=at,
            to_at=to_at,
            embargo_ms=embargo_ms,
        )


def vote_loss(parts: Split, learning: LearningSettings, seed: int) -> float:
    """Log-loss of the learners' weighted mean, not calibrated, on the rows that judge; each counts
    with its uniqueness.
    """
    weights = weights_of(learning)
    told: FloatArray = np.zeros((len(parts.validation), 3))
    for learner in fit_all(parts.training, learning, seed, lambda _text, _share: None):
        told += weights[learner.name] * learner.native(parts.validation.rows)
    likely = np.maximum(told[np.arange(len(told)), parts.validation.label], _SMALLEST)
    loss = float(-(parts.validation.weight * np.log(likely)).sum() / parts.validation.weight.sum())
    return loss if math.isfinite(loss) else -math.log(_SMALLEST)
