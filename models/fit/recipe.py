"""The recipe: everything that makes a model except its candles.

Training and every fold of a walk-forward call the same `fit`.

rows known at an instant -> three parts in time -> three learners, calibrated -> the vote,
calibrated -> the heads
"""

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import msgspec
import numpy as np

from models.data.dataset import Dataset, Split, split
from models.data.findings import refuse
from models.data.labels import barriers_of
from models.data.leaks import inspect_split
from models.fit import calibrate, export, voting
from models.fit.code import model_code_hash
from models.fit.heads import Heads, fit_heads
from models.fit.learners import Learner, Progress, fit_all, packages_of, weights_of
from models.fit.members import differences, member_of
from shared.core.calendar import DAY_MS
from shared.core.errors import UserError
from shared.core.settings import LearningSettings, Settings
from shared.core.types import FloatArray, Timeframe
from shared.model.forest import Forest
from shared.model.manifest import CLASSES, META_INPUTS, Calibration, Member
from shared.model.predict import calibrate_scores, logarithm, member_scores
from shared.model.question import features_of

STEP_MS = Timeframe.M15.ms
_ALWAYS = {"numpy": "numpy", "lightgbm": "lightgbm"}
"""What every training needs: the heads are fitted by LightGBM."""
_HASH_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What `fit` made.

    Attributes:
        parts: What it learned from, was calibrated on, and left alone.
        members: The learners in the vote, calibrated.
        calibration: Of the vote.
        forest: All trees: those of the members, then those of the heads.
        learners: With their native predictions and files.
        heads: Beside the vote; None where the settings ask for none.
    """

    parts: Split
    members: tuple[Member, ...]
    calibration: Calibration
    forest: Forest
    learners: list[Learner]
    heads: Heads | None

    def audit(self) -> dict[str, bytes]:
        """The learners' own files, by name."""
        files = {learner.file: learner.audit for learner in self.learners}
        return files if self.heads is None else {**files, **self.heads.audit}

    def differences(self) -> dict[str, float]:
        """How far exported and native probabilities lie apart on every held-out row.

        Raises `BadBundle` above 1e-6.
        """
        return differences(self.learners, self.members, self.forest, self.parts)


def known_at(dataset: Dataset, settings: Settings, *, closed_at: int) -> Dataset:
    """The rows that a training sees whose last candle closed at `closed_at`, whatever the dataset
    holds beyond.

    Only rows whose whole horizon had passed are taken, also where a barrier was touched at once:
    early touches would be over-represented otherwise.

    >>> from models.data.dataset import build
    >>> from shared.core.types import Timeframe
    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> settings = load_settings({})
    >>> dataset = build(candles, settings.learning, days=None)
    >>> noon = 1_767_225_600_000 + 30 * DAY_MS
    >>> bool(known_at(dataset, settings, closed_at=noon).end_at.max() <= noon)
    True
    """
    learning = settings.learning
    last_at = closed_at - barriers_of(learning).horizon_candles * STEP_MS
    part = dataset.between(closed_at - learning.days * DAY_MS + 1, last_at + 1, known_by=closed_at)
    unknown = part.volatility_known_at > closed_at
    if not unknown.any():
        return part
    return dataclasses.replace(
        part, volatility_next=np.where(unknown, np.nan, part.volatility_next)
    )


def parts_of(known: Dataset, settings: Settings) -> Split:
    """Training, calibration and validation, in the order of time.

    >>> from models.data.dataset import build
    >>> from shared.core.types import Timeframe
    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> parts = parts_of(build(candles, load_settings({}).learning), load_settings({}))
    >>> len(parts.training) > len(parts.calibration) > 0
    True

    Raises:
        UserError: One is too small, or something of one part leaks into another: the leak is named.
    """
    learning, embargo = settings.learning, training_embargo_ms(settings)
    parts = split(
        known,
        held_out_share=learning.validation_share,
        embargo_ms=embargo,
        row_step=learning.row_step,
    )
    refuse(inspect_split(parts, embargo_ms=embargo))
    return parts


def training_embargo_ms(settings: Settings) -> int:
    """What is kept free between a part's last known label and the next part: one horizon of the
    label.

    >>> from shared.core.settings import load_settings
    >>> training_embargo_ms(load_settings({})) // 900_000
    48
    """
    return settings.learning.horizon_candles * STEP_MS


def fit_recipe(
    parts: Split, known: Dataset, settings: Settings, *, seed: int, tell: Progress
) -> Fitted:
    """Fit, calibrate and weigh.

    Deterministic: the same rows, settings and seed give the same trees and numbers.

    Args:
        parts: See `parts_of`. Nothing is fitted on the validation part.
        known: What they were cut from, for the heads.
        settings: `learning` decides.
        seed: Of the learners.
        tell: Hears what is done next, and the share of the whole training that is done.

    Raises:
        UserError: A learner's package is missing, or all weights are 0.
    """
    learning, width = settings.learning, len(parts.training.names)
    shares_of_vote = weights_of(learning)
    learners = fit_all(parts.training, learning, seed, tell)
    members = tuple(member_of(learner, shares_of_vote[learner.name]) for learner in learners)
    trees = [tree for learner in learners for tree in learner.trees]
    heads = None
    if learning.volatility_head or learning.meta_head:
        tell("heads", 0.65)
        heads = fit_heads(parts, known, settings, seed=seed)
        trees += heads.trees
    tell("export", 0.70)
    more = 0 if heads is None or heads.meta is None else len(META_INPUTS)
    forest = export.flatten(trees, feature_count=width + more)
    tell("calibration", 0.75)
    members, vote = _calibrate_members(members, forest, parts, settings)
    return Fitted(
        parts=parts,
        members=members,
        calibration=vote,
        forest=forest,
        learners=learners,
        heads=heads,
    )


def _calibrate_members(
    members: tuple[Member, ...], forest: Forest, parts: Split, settings: Settings
) -> tuple[tuple[Member, ...], Calibration]:
    """Calibrate each member, weigh them where the settings want it, and calibrate their vote, all
    on the calibration rows.
    """
    learning, part = settings.learning, parts.calibration
    base = class_shares(parts.training)
    scores = member_scores(
        part.rows, forest.part(0, sum(member.trees for member in members)), members
    )
    if learning.weights_from == "fitted":
        weights = voting.fitted_weights(
            scores,
            part,
            base=base,
            kind=learning.calibration,
            prior=np.array([member.weight for member in members]),
            embargo_ms=training_embargo_ms(settings),
        )
        members = tuple(
            dataclasses.replace(member, weight=weight)
            for member, weight in zip(members, weights.tolist(), strict=True)
        )
    done, vote = [], np.zeros((len(part), len(CLASSES)))
    for member, score in zip(members, scores, strict=True):
        found = calibrate.fit_calibration(
            score, part.label, part.weight, base=base, centre=0.0, kind=learning.calibration
        )
        done.append(dataclasses.replace(member, calibration=found))
        vote += member.weight * calibrate_scores(score, found)
    last = calibrate.fit_calibration(
        logarithm(vote), part.label, part.weight, base=base, centre=1.0, kind=learning.calibration
    )
    return tuple(done), last


def class_shares(part: Dataset) -> FloatArray:
    """The classes' shares among the rows, each counted with its uniqueness, (3,)."""
    counted = np.bincount(part.label, weights=part.weight, minlength=len(CLASSES))
    found: FloatArray = counted / part.weight.sum()
    return found


def recipe_hash(settings: Settings, names: tuple[str, ...] | None = None) -> str:
    """Sixteen hex digits of everything that makes a model but its candles and its seed.

    The settings of the learning (of votes and trades, too, where the meta head learns from them),
    the features in their order, the code that computes features, labels and models, and the
    learners' versions.

    >>> from shared.core.settings import load_settings
    >>> deeper = {"learning": {"max_depth": 9}}
    >>> recipe_hash(load_settings({})) == recipe_hash(load_settings({"BOT_RISK__MAX_LOSSES": "3"}))
    True
    >>> recipe_hash(load_settings({})) == recipe_hash(load_settings({}, overrides=deeper))
    False
    """
    told = msgspec.to_builtins(settings)
    learning = {name: value for name, value in told["learning"].items() if name != "seed"}
    if settings.learning.meta_head:
        learning["voted"] = [
            told["strategies"],
            told["consensus"],
            told["replay"],
            told["paper"],
            told["account"],
        ]
    parts = [
        learning,
        list(names or features_of(settings.learning)),
        libraries(settings.learning),
        model_code_hash(),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:_HASH_DIGITS]


@cache
def _versions(learners: tuple[str, ...]) -> Mapping[str, str]:
    found = {"python": platform.python_version()}
    for name, distribution in {**_ALWAYS, **packages_of(learners)}.items():
        for wanted in (distribution, distribution.removesuffix("-cpu")):
            try:
                found[name] = importlib.metadata.version(wanted)
                break
            except importlib.metadata.PackageNotFoundError:
                continue
        else:
            raise UserError(
                f"training needs the Python package {name}",
                remedy="run scripts/bot once, which installs it",
            )
    return found


def libraries(learning: LearningSettings) -> dict[str, str]:
    """The versions of Python and of all that fits these models, without importing any of it."""
    return dict(_versions(tuple(learning.weights)))
