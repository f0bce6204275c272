"""The leak test by shuffling: a model that learned from labels in the wrong order must know nothing about the true ones.

Where it still does, what it is asked about is told to it by another way than its labels: rows that stand on both sides of a
split, a calibration or a baseline that looked ahead, a feature that carries the answer into the score.
"""

from dataclasses import replace

import numpy as np

from models import evaluate
from models.dataset import Dataset
from models.drafts import draft
from models.members import Progress
from models.recipe import fit, parts_of
from models.walk_forward.plan import Task, finite_rows, planned
from models.walk_forward.walk import at_once
from shared.ensemble.predict import predict_rows
from shared.settings import Settings
from shared.types import Features, FloatArray, IntArray

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
    on_progress: Progress | None = None,
) -> FloatArray:
    """Log-loss skills (`gate.shuffles`,) of refits on shuffled labels, judged on the true labels of what they decide.

    Training and calibration labels change places among themselves, each part for itself; everything else is the recipe's.

    Args:
        dataset: As for `walk_forward`.
        computed: The same.
        settings: `gate.shuffles` says how often.
        first_at: The first decision.
        end_at: After the last.
        seed: Of fits and shuffles.
        jobs: Processes; 0: one a core.
        folds: On how many folds each shuffle is judged, at most.
        on_progress: Told what is done next and the share that is done.
    """
    tell = on_progress or (lambda _text, _share: None)
    plan = planned(dataset, computed, settings, first_at=first_at, end_at=end_at, seed=seed)
    chosen = np.unique(np.linspace(0, len(plan) - 1, min(folds, len(plan))).round().astype(int)).tolist()
    shuffles = settings.gate.shuffles
    tasks = (replace(task, number=shuffle, seed=seed + shuffle) for shuffle in range(shuffles) for task in plan.tasks(chosen))
    found: list[tuple[IntArray, FloatArray]] = []
    count = shuffles * len(chosen)
    tell("shuffled labels", 0.0)
    for made in at_once(_shuffled, tasks, jobs=jobs, count=count):
        found.append(made)
        tell("shuffled labels", len(found) / count)
    each = len(chosen)
    return np.array([_skill(plan.dataset, found[first : first + each]) for first in range(0, count, each)])


def _shuffled(task: Task) -> tuple[IntArray, FloatArray]:
    """The instants that the fold decides, (m,), and what it says there after learning from shuffled labels, (m, 3)."""
    parts = parts_of(task.known, task.settings)
    random = np.random.default_rng([task.seed, task.closed_at])
    parts = replace(
        parts,
        training=replace(parts.training, label=random.permutation(parts.training.label)),
        calibration=replace(parts.calibration, label=random.permutation(parts.calibration.label)),
    )
    learning = replace(task.settings.learning, volatility_head=False, meta_head=False)
    settings = replace(task.settings, learning=learning)
    fitted = fit(parts, task.known, settings, seed=task.seed, tell=lambda _text, _share: None)
    known = {"as_of": task.closed_at, "data_hash": "", "commit": "", "seed": task.seed, "parent": None}
    rows, warm = finite_rows(task.asked, parts.training.names)
    return task.asked.as_of[warm], predict_rows(rows[warm], draft(fitted, settings, version="shuffled", **known))


def _skill(dataset: Dataset, said: list[tuple[IntArray, FloatArray]]) -> float:
    """1 - loss / loss of the best constant, each row counted with its uniqueness; 0 where no label is known yet."""
    as_of = np.concatenate([at for at, _ in said])
    probabilities = np.concatenate([told for _, told in said])
    place = np.searchsorted(dataset.as_of, as_of)
    labelled = (place < len(dataset)) & (dataset.as_of[np.minimum(place, len(dataset) - 1)] == as_of)
    if not labelled.any():
        return 0.0
    part = dataset.at(place[labelled])
    base = evaluate.log_losses(evaluate.constant(part.label, part.weight), part.label)
    losses = evaluate.log_losses(probabilities[labelled], part.label)
    return float(1.0 - (part.weight * losses).sum() / (part.weight * base).sum())
