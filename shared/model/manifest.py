"""What a model bundle says of itself: `manifest.json`, typed.

It holds the hash of every file, so signing it signs all.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import msgspec

from shared.core.deciding import Code
from shared.core.errors import BadBundle
from shared.core.types import Barriers

SCHEMA = 3
CLASSES = ("lower", "neither", "upper")
MANIFEST, SIGNATURE, MODEL, CANDLES = "manifest.json", "manifest.sig", "model.npz", "golden.npz"
Purpose: TypeAlias = Literal["retraining", "quick", "demo", "backtest"]
"""What a bundle was made for: the weekly retraining (or the same by hand), one without the gate, a
demo, one backtest."""
HAR_INPUTS = ("realised_16", "realised_96", "realised_672")
"""The features of the HAR regression, in the order of its slopes."""
META_INPUTS = ("side", "strength")
"""What the meta head's trees see after the features: the consensus as -1 or +1, and its strength in
[0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file of the bundle."""

    sha256: str
    size: int

    @classmethod
    def of(cls, data: bytes) -> "FileEntry":
        """The entry that describes `data`."""
        return cls(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Probabilities are softmax(slope x score + offsets).

    `slope` is 1 / temperature; 0 leaves the base rate alone.
    """

    slope: float
    offsets: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One learner in the vote.

    Its scores are `base` + the sum of its trees (link `softmax`), or the logarithm of its trees'
    mean probability (link `mean`).
    """

    name: str
    weight: float
    link: Literal["softmax", "mean"]
    base: tuple[float, float, float]
    trees: int
    calibration: Calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A stretch of rows: the first and last row's instant, and when the last label was known."""

    from_at: int
    to_at: int
    label_end_at: int
    rows: int
    effective_rows: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the verdict.

    `group` tells what it decides: whether the bundle may serve, whether it may enter, whether it
    takes the champion's place; a `note` decides nothing. `lower` and `upper` are the ends of the
    value's interval, where it has one. A value that could not be found is None: such a check has
    not passed.
    """

    name: str
    value: float | None
    threshold: float
    passed: bool
    meaning: str
    group: Literal["serve", "enter", "champion", "note"] = "serve"
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the bundle may serve (predicts sanely) and whether it may enter (its edge is proven).

    `takes_over`: it may serve and has shown that it is no worse than the champion, or there is
    none.

    >>> Verdict(may_serve=True, may_enter=False).takes_over
    False
    """

    may_serve: bool
    may_enter: bool
    checks: tuple[Check, ...] = ()
    takes_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """How a feature or a score (`score:upper`, `score:lower`) was distributed on the rows that the
    model was judged on.

    `edges` are the inner edges of the bins, `shares` what fell into each (one more than edges).
    `psi_alarm` and `ks_alarm` are the levels that windows of the model's own past reached one time
    in a hundred.
    """

    name: str
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    psi_alarm: float
    ks_alarm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What the model showed where it was judged: live predictions are held against it."""

    hit_rate: float
    calibration_error: float
    log_loss: float
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VolatilityHead:
    """log of the realised volatility of the next 4 hours.

    trees: `base` + the sum of its trees (class column 0 of their values). har: `har[0]` + `har[1:]`
    x log of the realised volatilities of the last 4 hours, day and week. `serves` names the one
    that was better out of sample.
    """

    trees: int
    base: float
    har: tuple[float, float, float, float]
    serves: Literal["trees", "har"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaHead:
    """Probability that the consensus' own trade pays after costs: 1 / (1 + exp(-(slope x (base +
    trees) + offset))).
    """

    trees: int
    base: float
    slope: float
    offset: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """Rows with the probabilities that any machine must give for them, to 1e-6.

    For the heads, where there are any: `realised` are each row's `HAR_INPUTS`, `volatility` the
    forecasts by trees and by HAR (to 1e-6 of themselves); `votes` are each row's `META_INPUTS`,
    `p_vote` is what the meta head says of them.
    """

    rows: tuple[tuple[float, ...], ...]
    probabilities: tuple[tuple[float, float, float], ...]
    realised: tuple[tuple[float, float, float], ...] = ()
    volatility: tuple[tuple[float, float], ...] = ()
    votes: tuple[tuple[float, float], ...] = ()
    p_vote: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What code and model said of the candles in `golden.npz`, on a few of their rows: any machine
    must come to the same.

    Attributes:
        settings: Under which they were asked, by dotted names (see `shared.model.proven`).
        at: The rows' instants.
        names: Of the features.
        features: A tuple a row; None where a value is not warm.
        sides: What each strategy votes, a tuple a row.
        confidences: How sure each is.
        probabilities: Three a row; None where the model was not asked, or has no answer.
        decisions: What the rules made of it on an account that holds nothing, in words.
    """

    settings: dict[str, str]
    at: tuple[int, ...]
    names: tuple[str, ...]
    features: tuple[tuple[float | None, ...], ...]
    sides: tuple[tuple[int, ...], ...]
    confidences: tuple[tuple[float, ...], ...]
    probabilities: tuple[tuple[float, float, float] | None, ...]
    decisions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything about a bundle. Instants are ms UTC; no wall clock is in it.

    `purpose` is what it was made for. `proven` is the configuration that the verdict is about (see
    `shared.model.proven`) and `costs`
    what a trade was said to cost, both empty where no gate was asked; `loosened` are the thresholds
    of the gate, and the costs, that were made easier than those of this project. `code` is the code
    that decides, as it was. `trials` holds how many things had been tried by then: `on_record` with
    those of the profile, `logged` those of the trial log, `most_logged` the most that any bundle
    before this one knew of.

    >>> from models.fit.train import train
    >>> from shared.core.settings import load_settings
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> small = {"days": 30, "rounds": 2, "forest_trees": 2}
    >>> training = train(
    ...     candles,
    ...     load_settings({}, overrides={"learning": small}),
    ...     as_of=int(minutes.closed_at[-1]),
    ...     seed=1,
    ...     commit="0" * 40,
    ...     signing_key="0" * 64,
    ... )
    >>> manifest = decode_manifest(training.files[MANIFEST])
    >>> manifest.purpose, manifest.classes, manifest.verdict.may_enter
    ('quick', ('lower', 'neither', 'upper'), False)
    """

    schema: int
    version: str
    purpose: Purpose
    files: dict[str, FileEntry]
    features: tuple[str, ...]
    feature_code: str
    classes: tuple[str, ...]
    members: tuple[Member, ...]
    calibration: Calibration
    barriers: Barriers
    training: Interval
    calibrating: Interval
    validation: Interval
    as_of: int
    data_hash: str
    trials: dict[str, int]
    metrics: dict[str, dict[str, float]]
    libraries: dict[str, str]
    settings_hash: str
    commit: str
    seed: int
    parent: str | None
    golden: Golden
    verdict: Verdict
    recipe: str = ""
    policy: str = "barrier"
    volatility: VolatilityHead | None = None
    meta: MetaHead | None = None
    references: tuple[Reference, ...] = ()
    promise: Promise | None = None
    dtype: str = "float32"
    notes: tuple[str, ...] = field(default=())
    proven: dict[str, str] = field(default_factory=dict)
    loosened: tuple[str, ...] = ()
    costs: dict[str, str] = field(default_factory=dict)
    code: Code = field(default_factory=Code)
    answers: Answers | None = None

    @property
    def input_count(self) -> int:
        """How many columns the trees may ask for: the features, and what the meta head sees beside
        them.
        """
        return len(self.features) + (len(META_INPUTS) if self.meta is not None else 0)

    @property
    def spans(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """Where the trees of the members, of the volatility head and of the meta head lie in the
        arrays: [first, last).
        """
        members = sum(member.trees for member in self.members)
        volatility = members + (self.volatility.trees if self.volatility is not None else 0)
        meta = volatility + (self.meta.trees if self.meta is not None else 0)
        return (0, members), (members, volatility), (volatility, meta)


def encode(manifest: Manifest) -> bytes:
    """Canonical JSON: sorted keys, floats in their shortest exact form, no NaN."""
    return (
        json.dumps(msgspec.to_builtins(manifest), sort_keys=True, indent=1, allow_nan=False) + "\n"
    ).encode()


def decode_manifest(data: bytes) -> Manifest:
    """Read a manifest. Raises `BadBundle` for an old schema before anything else is looked at."""
    try:
        schema = msgspec.json.decode(data, type=_Schema).schema
        if schema != SCHEMA:
            raise BadBundle(
                f"parse: manifest.json has schema {schema}, this code reads schema {SCHEMA}"
            )
        return msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadBundle(f"parse: manifest.json is malformed ({error})") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Schema:
    schema: int
