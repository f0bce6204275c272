"""From candles to out-of-sample predictions and their leak test: what a walk-forward does before
its replay.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from models.data.dataset import build
from models.data.findings import refuse
from models.data.labels import barriers_of, costs_of
from models.data.leaks import inspect_dataset
from models.fit.learners import Progress
from models.walk_forward import Walked, empty_walk, shuffled_skills, walk_forward
from shared import features
from shared.core.costs import assumed_rules
from shared.core.settings import Settings
from shared.core.types import Candles, Features, FloatArray, Timeframe
from shared.risk import policy_of
from shared.stores.ports import Bucket
from shared.turn import pipeline
from shared.turn.pipeline import Stages

Tell: TypeAlias = Callable[[str, float, bool], None]
"""Told what is done next, the share that is done, and whether anything new was kept since the
beginning."""
SPENT_ON_FOLDS = 0.9
_BEFORE_WORK = 2  # what a walk tells before its first fit: that it began, and what it found


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedFolds:
    """What was learned and said: predictions, the skills of refits on shuffled labels, and the
    seconds that each part took.
    """

    walked: Walked
    stages: Stages
    shuffled: FloatArray = field(default_factory=lambda: np.zeros(0))
    seconds: Mapping[str, float] = field(default_factory=dict)


def learn_folds(
    candles: Mapping[Timeframe, Candles],
    settings: Settings,
    *,
    start_at: int,
    end_at: int,
    computed: Features | None = None,
    jobs: int | None = None,
    cache: Bucket | None = None,
    tell: Tell | None = None,
) -> LearnedFolds:
    """Retrain on schedule, predict [start_at, end_at) out of sample, and refit on shuffled labels.

    A policy that asks no model learns nothing. The result is the same with and without the cache,
    and however often the work was broken off: `tell` may raise, and every fit that is done by then
    is in the cache.

    Args:
        candles: 15m and 4h, with the history that the first retraining needs; none closes after
            `end_at`.
        settings: The recipe, the schedule and the seed.
        start_at: The first decision, ms UTC.
        end_at: No decision after it.
        computed: The features of exactly these candles, where they are known.
        jobs: How many processes, 0: one a core; None: what the settings say.
        cache: Where fits are kept; None: nowhere.
        tell: See `Tell`.

    Raises:
        UserError: There is too little to learn from before the first decision.
        BadData: The candles or the rows made from them are not fit to learn from.
    """
    told = tell or (lambda _text, _share, _new: None)
    seconds: dict[str, float] = {}
    told("features", 0.0, False)
    with measure_seconds(seconds, "features"):
        computed = features.compute(candles) if computed is None else computed
        stages = pipeline.stages(candles, bundle=None, settings=settings, computed=computed)
    if not policy_of(settings).is_model_based:
        return LearnedFolds(walked=empty_walk(computed, settings), stages=stages, seconds=seconds)
    told("labels", 0.0, False)
    with measure_seconds(seconds, "labels"):
        costs = costs_of(settings, assumed_rules(settings))
        dataset = build(candles, settings.learning, days=None, computed=computed, costs=costs)
        refuse(inspect_dataset(dataset, candles, barriers=barriers_of(settings.learning)))
    steps = _Steps(told)
    schedule = {
        "first_at": start_at,
        "end_at": end_at,
        "seed": settings.learning.seed,
        "jobs": settings.retrain.jobs if jobs is None else jobs,
    }
    with measure_seconds(seconds, "folds"):
        walked = walk_forward(
            dataset,
            computed,
            settings,
            cache=cache,
            on_progress=steps.part(0.0, SPENT_ON_FOLDS),
            **schedule,
        )
    with measure_seconds(seconds, "shuffles"):
        shuffled = shuffled_skills(
            dataset,
            computed,
            settings,
            cache=cache,
            on_progress=steps.part(SPENT_ON_FOLDS, 1.0),
            **schedule,
        )
    return LearnedFolds(walked=walked, stages=stages, shuffled=shuffled, seconds=seconds)


class _Steps:
    """Progress of the whole from that of its parts, and whether a fit was made."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._new = False

    def part(self, first: float, last: float) -> Progress:
        """The teller of one part, whose own 0..1 is [first, last] of the whole."""
        heard = 0

        def tell(text: str, share: float) -> None:
            nonlocal heard
            heard += 1
            self._new = self._new or heard > _BEFORE_WORK
            self._tell(text, first + (last - first) * min(1.0, share), self._new)

        return tell


@contextmanager
def measure_seconds(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note under `name` how many seconds the block took."""
    began = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - began, 3)
