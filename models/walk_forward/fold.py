"""One fold: fit as a training at its instant would, and say what that bundle says of the rows that
come after.
"""

import hashlib
import time
from dataclasses import dataclass, fields

import numpy as np

from models.fit.drafts import draft, part_interval
from models.fit.recipe import fit_recipe, parts_of
from models.walk_forward.calm import volatility_only
from models.walk_forward.plan import VOLATILITY, Task, finite_rows
from shared.core.types import FloatArray
from shared.model import predict
from shared.model.manifest import Interval
from shared.model.predict import PROBABILITY_DIGITS, predict_rows

OF_THE_META_HEAD = frozenset({"side", "strength", "long_net", "short_net"})
"""What only the meta head learns from: without it, other rules of voting or other fees make the
same fold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldResult:
    """What a fold said of its m rows; NaN where it could say nothing.

    `p_vote` and `volatility` are NaN without that head.
    """

    probabilities: FloatArray
    volatility_only: FloatArray
    volatility: FloatArray
    p_vote: FloatArray
    training: Interval
    calibrating: Interval
    trees: int
    known_at: int
    seconds: float


def fit_fold(task: Task) -> FoldResult:
    """Fit and predict. The numbers depend on nothing but the task."""
    began = time.perf_counter()
    parts = parts_of(task.known, task.settings)
    fitted = fit_recipe(
        parts, task.known, task.settings, seed=task.seed, tell=lambda _text, _share: None
    )
    bundle = draft(
        fitted,
        task.settings,
        version=f"fold-{task.closed_at}",
        as_of=task.closed_at,
        data_hash="",
        commit="",
        seed=task.seed,
        parent=None,
    )
    rows, warm = finite_rows(task.asked, parts.training.names)
    probabilities = np.full((len(rows), 3), np.nan)
    probabilities[warm] = np.round(predict_rows(rows[warm], bundle), PROBABILITY_DIGITS)
    calm, known = finite_rows(task.asked, VOLATILITY)
    beside = np.full((len(rows), 3), np.nan)
    beside[known] = np.round(
        volatility_only(parts, calm[known], VOLATILITY, task.settings.learning, seed=task.seed),
        PROBABILITY_DIGITS,
    )
    said = predict(task.asked, task.votes, bundle)
    nothing = np.full(len(rows), np.nan)
    return FoldResult(
        probabilities=probabilities,
        volatility_only=beside,
        volatility=nothing if said.volatility is None else said.volatility,
        p_vote=nothing if said.p_vote is None else said.p_vote,
        training=part_interval(parts.training),
        calibrating=part_interval(parts.calibration),
        trees=len(fitted.forest.roots),
        known_at=int(max(parts.training.end_at.max(), parts.calibration.end_at.max())),
        seconds=time.perf_counter() - began,
    )


def fold_key(task: Task, recipe: str) -> str:
    """The name of the fold's result: recipe, seed, and every number that it learns from or predicts
    with.
    """
    digest = hashlib.sha256(
        f"{recipe} {task.seed} {task.closed_at} {task.from_at} {task.to_at}".encode()
    )
    meta = task.settings.learning.meta_head
    for source in (task.known, task.asked, *((task.votes,) if meta else ())):
        for each in fields(source):
            if not meta and each.name in OF_THE_META_HEAD:
                continue
            value = getattr(source, each.name)
            if isinstance(value, np.ndarray):
                plain = np.ascontiguousarray(value)
                digest.update(f"{each.name} {plain.dtype.newbyteorder('<')} {plain.shape}".encode())
                digest.update(plain.astype(plain.dtype.newbyteorder("<"), copy=False).tobytes())
            else:
                digest.update(repr(value).encode())
    return digest.hexdigest()
