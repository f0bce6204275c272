"""The walk: every fold from the cache or from a worker, put together to one prediction out of
sample.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import TypeVar

import numpy as np

from models.data.dataset import Dataset
from models.data.labels import barriers_of
from models.fit.learners import Progress
from models.fit.recipe import recipe_hash
from models.gate.types import PredictionRows
from models.walk_forward.cache import find_fold, store_fold
from models.walk_forward.fold import FoldResult, fit_fold, fold_key
from models.walk_forward.plan import Plan, plan_walk
from models.walk_forward.types import Walked, WalkFold
from shared.core.errors import BadData, Unavailable
from shared.core.interrupts import hide_interrupts_from_workers
from shared.core.settings import Settings
from shared.core.types import Features, FloatArray
from shared.stores.ports import Bucket

Given = TypeVar("Given")
Made = TypeVar("Made")


def walk_forward(
    dataset: Dataset,
    computed: Features,
    settings: Settings,
    *,
    first_at: int,
    end_at: int,
    seed: int,
    jobs: int = 0,
    cache: Bucket | None = None,
    on_progress: Progress | None = None,
) -> Walked:
    """Retrain as live would have done it, and predict the decisions in [first_at, end_at) out of
    sample.

    Every fold predicts what the bundle of `train` at its instant would: same rows, same numbers.
    The result is the same for any number of jobs, with and without the cache.

    >>> from models.data.dataset import build
    >>> from shared.core.settings import load_settings
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.features import compute
    >>> from shared.market.candles import aggregate
    >>> small = {"days": 34, "rounds": 2, "forest_trees": 2}
    >>> settings = load_settings({}, overrides={"learning": small, "gate": {"shuffles": 1}})
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=56, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> computed = compute(candles)
    >>> dataset = build(candles, settings.learning, days=None, computed=computed)
    >>> first, last = start + 48 * day, start + 54 * day
    >>> walked = walk_forward(
    ...     dataset, computed, settings, first_at=first, end_at=last, seed=1, jobs=1
    ... )
    >>> len(walked.folds), bool(walked.rows.as_of.min() >= first)
    (2, True)

    Args:
        dataset: Labelled rows of the whole history (`dataset.build` with `days=None`).
        computed: The features of the same candles.
        settings: `learning` decides the recipe, `retrain.every_days` the schedule.
        first_at: The first decision, ms UTC.
        end_at: After the last.
        seed: Of every fit.
        jobs: Processes; 0: one a core; 1: this one alone.
        cache: Where folds are kept; None: nowhere.
        on_progress: Told what is done next and the share that is done.

    Raises:
        UserError: There is nothing to decide, or too little to learn from.
        BadData: Dataset and features are not of the same candles.
        Unavailable: A worker died.
    """
    if not np.isin(dataset.as_of, computed.as_of).all():
        raise BadData("the dataset and the features of a walk-forward are not of the same candles")
    tell = on_progress or (lambda _text, _share: None)
    tell("folds", 0.0)
    plan = plan_walk(dataset, computed, settings, first_at=first_at, end_at=end_at, seed=seed)
    recipe = recipe_hash(settings, dataset.names)
    found = _find_folds(plan, recipe, cache)
    missing = [number for number, (_, done) in enumerate(found) if done is None]
    results = {number: done for number, (_, done) in enumerate(found) if done is not None}
    tell(f"fold {len(results)} of {len(plan)}", len(results) / len(plan))
    for number, done in zip(
        missing, at_once(fit_fold, plan.tasks(missing), jobs=jobs, count=len(missing)), strict=True
    ):
        store_fold(cache, found[number][0], done)
        results[number] = done
        tell(f"fold {len(results)} of {len(plan)}", len(results) / len(plan))
    return _join_folds(
        plan,
        [results[number] for number in range(len(plan))],
        recipe,
        cached=set(range(len(plan))) - set(missing),
    )


def _find_folds(
    plan: Plan, recipe: str, cache: Bucket | None
) -> list[tuple[str, FoldResult | None]]:
    """Each fold's key, and its result where it is kept."""
    if cache is None:
        return [("", None)] * len(plan)
    found = []
    for task in plan.tasks():
        key = fold_key(task, recipe)
        found.append((key, find_fold(cache, key, rows=len(task.asked.as_of))))
    return found


def at_once(
    work: Callable[[Given], Made], tasks: Iterable[Given], *, jobs: int, count: int
) -> Iterator[Made]:
    """What `work` makes of each task, in their order, worked on by `jobs` processes (0: one a
    core).

    Raises:
        Unavailable: A worker died.
    """
    wanted = min(jobs or _cores(), count)
    if wanted <= 1:
        yield from map(work, tasks)
        return
    import joblib
    from joblib.externals.loky.process_executor import BrokenProcessPool

    try:
        with (
            joblib.parallel_config(backend="loky", inner_max_num_threads=1),
            warnings.catch_warnings(),
        ):
            # told where an error or a person ends the walk with folds under way: known then
            warnings.filterwarnings(
                "ignore", message=".*still being processed by the workers", category=UserWarning
            )
            parallel = joblib.Parallel(
                n_jobs=wanted, return_as="generator", pre_dispatch="2*n_jobs", max_nbytes=None
            )
            with ExitStack() as ending:
                with hide_interrupts_from_workers():
                    made = ending.enter_context(
                        closing(parallel(joblib.delayed(work)(task) for task in tasks))
                    )
                yield from made
    except BrokenProcessPool as error:
        raise Unavailable(
            "a worker of the walk-forward died; there may be too little memory for so many jobs"
        ) from error


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _join_folds(
    plan: Plan, results: Sequence[FoldResult], recipe: str, *, cached: set[int]
) -> Walked:
    count = len(plan.computed.as_of)
    probabilities, beside = np.full((count, 3), np.nan), np.full((count, 3), np.nan)
    volatility, p_vote = np.full(count, np.nan), np.full(count, np.nan)
    known_at = np.zeros(count, dtype=np.int64)
    folds = []
    for number, (window, done) in enumerate(zip(plan.windows, results, strict=True)):
        first, last = np.searchsorted(plan.computed.as_of, [window.from_at, window.to_at]).tolist()
        probabilities[first:last], beside[first:last] = done.probabilities, done.volatility_only
        volatility[first:last], p_vote[first:last] = done.volatility, done.p_vote
        known_at[first:last] = done.known_at
        folds.append(
            WalkFold(
                number=number,
                from_at=window.from_at,
                to_at=window.to_at,
                training=done.training,
                calibrating=done.calibrating,
                trees=done.trees,
                seconds=done.seconds,
                cached=number in cached,
            )
        )
    learning = plan.settings.learning
    return Walked(
        recipe=recipe,
        barriers=barriers_of(learning),
        folds=tuple(folds),
        probabilities=probabilities,
        rows=_rows(plan, probabilities, beside, known_at),
        volatility=volatility if learning.volatility_head else None,
        p_vote=p_vote if learning.meta_head else None,
    )


def _rows(
    plan: Plan,
    probabilities: FloatArray,
    beside: FloatArray,
    known_at: "np.ndarray[tuple[int], np.dtype[np.int64]]",
) -> PredictionRows:
    """The predicted rows whose label is known, with their uniqueness among themselves."""
    place = np.searchsorted(plan.computed.as_of, plan.dataset.as_of)
    told = np.isfinite(probabilities[place]).all(axis=1) & np.isfinite(beside[place]).all(axis=1)
    part = plan.dataset.at(np.flatnonzero(told))
    place = place[told]
    return PredictionRows(
        as_of=part.as_of,
        end_at=part.end_at,
        label=part.label,
        weight=part.weight,
        probabilities=probabilities[place],
        volatility_only=beside[place],
        known_at=known_at[place],
    )
