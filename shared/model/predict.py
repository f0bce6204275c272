"""Features and votes -> calibrated probabilities, and what the heads say.

Pure, the same on every processor and batch size.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.core.errors import BadBundle, BadData
from shared.core.types import Barriers, BoolArray, Features, FloatArray, IntArray, Prediction, Votes
from shared.model import heads
from shared.model.forest import Forest
from shared.model.manifest import CLASSES, HAR_INPUTS, Calibration, Manifest, Member

PROBABILITY_DIGITS = 6
SMALLEST_PROBABILITY = (
    1e-7  # of a forest's mean, so that its logarithm exists; below what an export may differ
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle that passed all checks of `load`.

    >>> from models.fit.train import train
    >>> from shared.core.settings import load_settings as settings_from
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.model.signing import make_keys
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> small = {"days": 30, "rounds": 2, "forest_trees": 2}
    >>> settings = settings_from({}, overrides={"learning": small})
    >>> private, public = make_keys()
    >>> end = int(minutes.closed_at[-1])
    >>> training = train(
    ...     candles, settings, as_of=end, seed=1, commit="0" * 40, signing_key=private
    ... )
    >>> from shared.model import load_bundle
    >>> bundle = load_bundle(training.files, public_keys=[public], version=training.version)
    >>> bundle.barriers.kind, bundle.barriers.horizon_candles, bundle.is_allowed_to_enter
    ('barriers', 48, False)
    """

    version: str
    manifest: Manifest
    forest: Forest

    @property
    def barriers(self) -> Barriers:
        """The label that the probabilities are about."""
        return self.manifest.barriers

    @property
    def is_allowed_to_enter(self) -> bool:
        """Whether the verdict allows opening positions."""
        return self.manifest.verdict.may_enter


def predict(
    features: Features, votes: Votes, bundle: Bundle, *, asked: BoolArray | None = None
) -> Prediction:
    """Predict the rows on which the strategies agree, or those of them that are `asked` for: the
    rest can lead to nothing.

    >>> from models.fit.train import train
    >>> from shared.core.settings import load_settings as settings_from
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.model.signing import make_keys
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> small = {"days": 30, "rounds": 2, "forest_trees": 2}
    >>> settings = settings_from({}, overrides={"learning": small})
    >>> private, public = make_keys()
    >>> end = int(minutes.closed_at[-1])
    >>> training = train(
    ...     candles, settings, as_of=end, seed=1, commit="0" * 40, signing_key=private
    ... )
    >>> from shared.model import load_bundle
    >>> bundle = load_bundle(training.files, public_keys=[public], version=training.version)
    >>> from shared.features import compute
    >>> from shared.strategies import vote
    >>> features = compute(candles)
    >>> votes = vote(features, settings.strategies, settings.consensus)
    >>> prediction = predict(features, votes, bundle)
    >>> prediction.probabilities.shape
    (3807, 3)
    >>> asked = np.isfinite(prediction.probabilities[:, 0])
    >>> bool((votes.consensus[asked] != 0).all())  # only where the strategies agree
    True

    Args:
        features: n rows; the bundle's features are taken from it by name.
        votes: the same n rows.
        bundle: a loaded bundle.
        asked: (n,) which rows may be needed; None asks for all. A row's probabilities do not depend
            on the others.

    Returns:
        Probabilities (n, 3), rounded to 1e-6 so that a threshold decides alike on every processor;
        NaN on rows not asked for, without a consensus or with a feature that is not warm. `p_vote`
        (n,) likewise. `volatility` (n,) is there on every row whose inputs are warm: the size of
        what is held depends on it, whoever votes.

    Raises:
        BadBundle: when the bundle wants a feature that is not there.
        BadData: when features, votes and `asked` are not of the same candles.
    """
    if not np.array_equal(features.as_of, votes.as_of):
        raise BadData("features and votes are not of the same candles")
    if asked is not None and asked.shape != features.as_of.shape:
        raise BadData(f"{len(asked)} rows are marked, and there are {len(features.as_of)}")
    agreed = np.flatnonzero(votes.consensus)
    rows = _rows(features, bundle, agreed)
    finite = np.isfinite(rows).all(axis=1)
    probabilities = np.full((len(features.as_of), len(CLASSES)), np.nan)
    unasked = None
    if asked is not None:
        unasked = np.zeros(len(features.as_of), dtype=np.bool_)
        unasked[agreed[finite & ~asked[agreed]]] = True
        finite &= asked[agreed]
    told = agreed[finite]
    probabilities[told] = np.round(predict_rows(rows[finite], bundle), PROBABILITY_DIGITS)
    p_vote = None
    if bundle.manifest.meta is not None:
        consensus = np.stack([votes.consensus[told], votes.strength[told]], axis=1)
        p_vote = np.full(len(features.as_of), np.nan)
        p_vote[told] = np.round(vote_rows(rows[finite], consensus, bundle), PROBABILITY_DIGITS)
    return Prediction(
        as_of=features.as_of,
        probabilities=probabilities,
        model=bundle.version,
        barriers=bundle.manifest.barriers,
        unasked=unasked,
        volatility=_volatility(features, bundle),
        p_vote=p_vote,
    )


def _columns(features: Features, bundle: Bundle, names: tuple[str, ...]) -> list[FloatArray]:
    """Columns by name, (n,) each. Raises `BadBundle` where one is not there."""
    missing = [name for name in names if name not in features.names]
    if missing:
        raise BadBundle(
            f"features: the bundle {bundle.version} wants {', '.join(missing)}, which this code"
            " does not compute"
        )
    return [features.column(name) for name in names]


def _rows(features: Features, bundle: Bundle, at: IntArray | slice) -> NDArray[np.float32]:
    """The bundle's features as its trees see them, (m, k).

    What does not fit into float32 becomes infinite.
    """
    columns = _columns(features, bundle, bundle.manifest.features)
    with np.errstate(over="ignore"):  # no row with an infinite value is predicted
        return np.stack([column[at].astype(np.float32) for column in columns], axis=1)


def _volatility(features: Features, bundle: Bundle) -> FloatArray | None:
    """The forecast of the head that serves on every row whose inputs are warm, (n,); None without
    that head.
    """
    head = bundle.manifest.volatility
    if head is None:
        return None
    if head.serves == "har":
        realised = np.stack(_columns(features, bundle, HAR_INPUTS), axis=1)
        finite = np.isfinite(realised).all(axis=1)
        logarithm = heads.har_logarithm(realised[finite], head.har)
    else:
        rows = _rows(features, bundle, slice(None))
        finite = np.isfinite(rows).all(axis=1)
        logarithm = heads.tree_logarithm(
            rows[finite], bundle.forest.part(*bundle.manifest.spans[1]), head
        )
    told = np.full(len(features.as_of), np.nan)
    told[finite] = np.round(heads.from_logarithm(logarithm), heads.VOLATILITY_DIGITS)
    return told


def volatility_rows(rows: NDArray[np.float32], realised: FloatArray, bundle: Bundle) -> FloatArray:
    """What trees and HAR forecast, (n, 2), not rounded; `realised` (n, 3) are `HAR_INPUTS`.

    The bundle must have the head.

    >>> from models.fit.train import train
    >>> from shared.core.settings import load_settings as settings_from
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.model.signing import make_keys
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> small = {"days": 30, "rounds": 2, "forest_trees": 2}
    >>> settings = settings_from({}, overrides={"learning": small})
    >>> private, public = make_keys()
    >>> end = int(minutes.closed_at[-1])
    >>> training = train(
    ...     candles, settings, as_of=end, seed=1, commit="0" * 40, signing_key=private
    ... )
    >>> from shared.model import load_bundle
    >>> bundle = load_bundle(training.files, public_keys=[public], version=training.version)
    >>> rows = np.zeros((1, len(bundle.manifest.features)), dtype=np.float32)
    >>> realised = np.array([[0.01, 0.025, 0.066]])  # of the last four hours, day and week
    >>> forecasts = volatility_rows(rows, realised, bundle)
    >>> forecasts.shape, bool((forecasts > 0).all())
    ((1, 2), True)
    """
    head = bundle.manifest.volatility
    if head is None:
        raise AssertionError("asked for a forecast of volatility that the bundle does not make")
    by_trees = heads.tree_logarithm(rows, bundle.forest.part(*bundle.manifest.spans[1]), head)
    by_har = heads.har_logarithm(realised, head.har)
    return heads.from_logarithm(np.stack([by_trees, by_har], axis=1))


def vote_rows(rows: NDArray[np.float32], votes: FloatArray, bundle: Bundle) -> FloatArray:
    """What the meta head says, (n,), not rounded; `votes` (n, 2) are `META_INPUTS`.

    The bundle must have the head.

    >>> from models.fit.train import train
    >>> from shared.core.settings import load_settings as settings_from
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.model import load_bundle
    >>> from shared.model.signing import make_keys
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> small = {"days": 30, "rounds": 2, "forest_trees": 2, "meta_head": True}
    >>> settings = settings_from({}, overrides={"learning": small})
    >>> private, public = make_keys()
    >>> end = int(minutes.closed_at[-1])
    >>> training = train(
    ...     candles, settings, as_of=end, seed=1, commit="0" * 40, signing_key=private
    ... )
    >>> bundle = load_bundle(training.files, public_keys=[public], version=training.version)
    >>> rows = np.zeros((1, len(bundle.manifest.features)), dtype=np.float32)
    >>> pays = vote_rows(rows, np.array([[1.0, 0.6]]), bundle)  # long, with a strength of 0.6
    >>> pays.shape, bool(0 < pays[0] < 1)
    ((1,), True)
    """
    head = bundle.manifest.meta
    if head is None:
        raise AssertionError("asked for a word on votes that the bundle does not have")
    seen = np.concatenate([rows, votes.astype(np.float32)], axis=1)
    scores = heads.vote_scores(seen, bundle.forest.part(*bundle.manifest.spans[2]), head)
    return heads.vote_probability(scores, head)


def predict_rows(rows: NDArray[np.float32], bundle: Bundle) -> FloatArray:
    """The calibrated vote on finite float32 rows (n, k): probabilities (n, 3), not rounded.

    >>> from models.fit.train import train
    >>> from shared.core.settings import load_settings as settings_from
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.model.signing import make_keys
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> small = {"days": 30, "rounds": 2, "forest_trees": 2}
    >>> settings = settings_from({}, overrides={"learning": small})
    >>> private, public = make_keys()
    >>> end = int(minutes.closed_at[-1])
    >>> training = train(
    ...     candles, settings, as_of=end, seed=1, commit="0" * 40, signing_key=private
    ... )
    >>> from shared.model import load_bundle
    >>> bundle = load_bundle(training.files, public_keys=[public], version=training.version)
    >>> rows = np.zeros((4, len(bundle.manifest.features)), dtype=np.float32)
    >>> probabilities = predict_rows(rows, bundle)
    >>> probabilities.shape, np.round(probabilities.sum(axis=1), 9).tolist()
    ((4, 3), [1.0, 1.0, 1.0, 1.0])
    """
    manifest = bundle.manifest
    vote = np.zeros((len(rows), len(CLASSES)))
    forest = bundle.forest.part(*manifest.spans[0])
    for member, scores in zip(
        manifest.members, member_scores(rows, forest, manifest.members), strict=True
    ):
        vote += member.weight * calibrate_scores(scores, member.calibration)
    return calibrate_scores(logarithm(vote), manifest.calibration)


def member_scores(
    rows: NDArray[np.float32], forest: Forest, members: tuple[Member, ...]
) -> list[FloatArray]:
    """Each member's scores (n, 3) before calibration. `forest` begins with the members' trees."""
    ends = np.cumsum([member.trees for member in members]).tolist()
    spans = [(end - member.trees, end) for end, member in zip(ends, members, strict=True)]
    return [
        (
            np.asarray(member.base) + total
            if member.link == "softmax"
            else logarithm(total / member.trees)
        )
        for member, total in zip(members, forest.sums(rows, spans), strict=True)
    ]


def calibrate_scores(scores: FloatArray, calibration: Calibration) -> FloatArray:
    """softmax(slope x scores + offsets), (n, 3)."""
    return softmax(calibration.slope * scores + np.asarray(calibration.offsets))


def softmax(scores: FloatArray) -> FloatArray:
    """Probabilities (n, 3) of scores (n, 3), with `math.exp`: numpy's differs between
    processors.
    """
    raised = _each(math.exp, scores - scores.max(axis=1, keepdims=True))
    return raised / (raised[:, :1] + raised[:, 1:2] + raised[:, 2:])


def logarithm(probabilities: FloatArray) -> FloatArray:
    """Natural logarithm with a floor, with `math.log` for the same reason."""
    return _each(math.log, np.maximum(probabilities, SMALLEST_PROBABILITY))


def _each(function: Callable[[float], float], values: FloatArray) -> FloatArray:
    return np.array([function(value) for value in values.ravel().tolist()]).reshape(values.shape)
