"""The leak test by shuffling: a model that learned from labels in the wrong order must know nothing
about the true ones.

Where it still does, what it is asked about is told to it by another way than its labels: rows that
stand on both sides of a split, a calibration or a baseline that looked ahead, a feature that
carries the answer into the score.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from models.data.dataset import Dataset
from models.fit.drafts import draft
from models.fit.learners import Progress
from models.fit.recipe import fit_recipe, parts_of, recipe_hash
from models.statistics import evaluate
from models.walk_forward.cache import find_shuffle, store_shuffle
from models.walk_forward.fold import fold_key
from models.walk_forward.plan import Plan, Task, finite_rows, plan_walk
from models.walk_forward.walk import at_once
from shared.core.settings import Settings
from shared.core.types import Features, FloatArray, IntArray
from shared.model.predict import predict_rows
from shared.stores.ports import Bucket

FOLDS = 4
"""How many retrainings, spread over the whole, one shuffle is judged on."""


def shuffled_skills(
    dataset: Dataset,
    computed: Features,
    settings: Settings,
    *,
    first_at: int,
    end_at: int,
    seed: int,
    jobs: int = 0,
    folds: int = FOLDS,
    cache: Bucket | None = None,
    on_progress: Progress | None = None,
) -> FloatArray:
    """Log-loss skills (`gate.shuffles`,) of refits on shuffled labels, judged on the true labels of
    what they decide.

    Training and calibration labels change places among themselves, each part for itself; everything
    else is the recipe's.

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
    >>> shuffled_skills(
    ...     dataset, computed, settings, first_at=first, end_at=last, seed=1, jobs=1
    ... ).shape
    (1,)

    Args:
        dataset: As for `walk_forward`.
        computed: The same.
        settings: `gate.shuffles` says how often.
        first_at: The first decision.
        end_at: After the last.
        seed: Of fits and shuffles.
        jobs: Processes; 0: one a core.
        folds: On how many folds each shuffle is judged, at most.
        cache: Where each refit is kept as soon as it is done; None: nowhere.
        on_progress: Told what is done next and the share that is done.
    """
    tell = on_progress or (lambda _text, _share: None)
    tell("shuffled labels", 0.0)
    plan = plan_walk(dataset, computed, settings, first_at=first_at, end_at=end_at, seed=seed)
    chosen = np.unique(
        np.linspace(0, len(plan) - 1, min(folds, len(plan))).round().astype(int)
    ).tolist()
    wanted = [
        (number, seed + shuffle) for shuffle in range(settings.gate.shuffles) for number in chosen
    ]
    keys = (
        _keys(plan, wanted, recipe_hash(settings, dataset.names))
        if cache is not None
        else [""] * len(wanted)
    )
    found = {
        place: made
        for place, key in enumerate(keys)
        if (made := find_shuffle(cache, key)) is not None
    }
    missing = [place for place in range(len(wanted)) if place not in found]
    tell("shuffled labels", len(found) / max(1, len(wanted)))
    tasks = _tasks(plan, [wanted[place] for place in missing])
    for place, made in zip(
        missing, at_once(_refit_shuffled, tasks, jobs=jobs, count=len(missing)), strict=True
    ):
        store_shuffle(cache, keys[place], made)
        found[place] = made
        tell("shuffled labels", len(found) / len(wanted))
    each = len(chosen)
    said = [found[place] for place in range(len(wanted))]
    return np.array(
        [_skill(plan.dataset, said[first : first + each]) for first in range(0, len(said), each)]
    )


def _tasks(plan: Plan, wanted: Sequence[tuple[int, int]]) -> Iterator[Task]:
    """The folds with these numbers, each under its seed, cut when they are asked for."""
    for number, seed in wanted:
        for task in plan.tasks([number]):
            yield replace(task, seed=seed)


def _keys(plan: Plan, wanted: Sequence[tuple[int, int]], recipe: str) -> list[str]:
    """The names of the refits' results: a fold's own, under another recipe."""
    return [fold_key(task, f"shuffled {recipe}") for task in _tasks(plan, wanted)]


def _refit_shuffled(task: Task) -> tuple[IntArray, FloatArray]:
    """The instants that the fold decides, (m,), and what it says there after learning from shuffled
    labels, (m, 3).
    """
    parts = parts_of(task.known, task.settings)
    random = np.random.default_rng([task.seed, task.closed_at])
    parts = replace(
        parts,
        training=replace(parts.training, label=random.permutation(parts.training.label)),
        calibration=replace(parts.calibration, label=random.permutation(parts.calibration.label)),
    )
    learning = replace(task.settings.learning, volatility_head=False, meta_head=False)
    settings = replace(task.settings, learning=learning)
    fitted = fit_recipe(
        parts, task.known, settings, seed=task.seed, tell=lambda _text, _share: None
    )
    known: dict[str, Any] = {
        "as_of": task.closed_at,
        "data_hash": "",
        "commit": "",
        "seed": task.seed,
        "parent": None,
    }
    rows, warm = finite_rows(task.asked, parts.training.names)
    return task.asked.as_of[warm], predict_rows(
        rows[warm], draft(fitted, settings, version="shuffled", **known)
    )


def _skill(dataset: Dataset, said: list[tuple[IntArray, FloatArray]]) -> float:
    """1 - loss / loss of the best constant, each row counted with its uniqueness; 0 where no label
    is known yet.
    """
    as_of = np.concatenate([at for at, _ in said])
    probabilities = np.concatenate([told for _, told in said])
    place = np.searchsorted(dataset.as_of, as_of)
    labelled = (place < len(dataset)) & (
        dataset.as_of[np.minimum(place, len(dataset) - 1)] == as_of
    )
    if not labelled.any():
        return 0.0
    part = dataset.at(place[labelled])
    base = evaluate.log_losses(evaluate.constant(part.label, part.weight), part.label)
    losses = evaluate.log_losses(probabilities[labelled], part.label)
    return float(1.0 - (part.weight * losses).sum() / (part.weight * base).sum())
