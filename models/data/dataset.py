"""Rows to learn from: features as the tick computes them, labels, and a split in time that lets
nothing leak.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.data.labels import USUAL_COSTS, TradeCosts, barriers_of, label, results
from models.data.realised import AHEAD_CANDLES, PAST, realised_next
from models.data.uniqueness import uniqueness
from shared import features
from shared.core.calendar import DAY_MS
from shared.core.errors import BadData, UserError
from shared.core.settings import LearningSettings
from shared.core.types import (
    BoolArray,
    Candles,
    Features,
    FloatArray,
    Int8Array,
    IntArray,
    Timeframe,
    Votes,
)
from shared.market.spikes import spikes, spikes_text
from shared.model.question import features_of

CALIBRATION_PART = 0.4  # of the held-out share; the later part is for validation
LEAST_ROWS = {"training": 1_000, "calibration": 200, "validation": 200}
LEAST_OF_A_CLASS = 20
STEP_MS = Timeframe.M15.ms

_Days: TypeAlias = float | Literal["settings"] | None


def _unknown() -> FloatArray:
    return np.empty(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Labelled rows in the order of time.

    Fields from `unclear` on are NaN (False) on all rows where nobody gave them.

    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> dataset = build(candles, load_settings({}).learning)
    >>> 0 < dataset.effective < len(dataset)  # labels overlap, so they are worth less
    True

    Attributes:
        names: The k features.
        as_of: (n,) the instant of each row's decision.
        rows: (n, k) float32, as trees see it in training and serving alike.
        label: (n,) 0 lower, 1 neither, 2 upper.
        end_at: (n,) when the label was known.
        weight: (n,) the label's uniqueness among these rows; the sum is the number of independent
            ones.
        unclear: (n,) labels for which nobody knows which barrier came first.
        close: (n,) yen.
        atr_rate: (n,) ATR(14) / close.
        volatility_past: (n, 3) realised volatility of the last 16, 96 and 672 candles.
        volatility_next: (n,) realised volatility of the next 16 candles; NaN where one of them is
            missing.
        volatility_known_at: (n,) when that was known.
        long_net: (n,) what a long entered at the close brought after costs, as a rate (see
            `models.data.labels.results`).
        short_net: (n,) what a short brought.
        side: (n,) the consensus of the strategies, -1, 0, +1 (see `with_votes`).
        strength: (n,) its strength in [0, 1].
    """

    names: tuple[str, ...]
    as_of: IntArray
    rows: NDArray[np.float32]
    label: Int8Array
    end_at: IntArray
    weight: FloatArray
    unclear: BoolArray = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    close: FloatArray = field(default_factory=_unknown)
    atr_rate: FloatArray = field(default_factory=_unknown)
    volatility_past: FloatArray = field(default_factory=_unknown)
    volatility_next: FloatArray = field(default_factory=_unknown)
    volatility_known_at: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    long_net: FloatArray = field(default_factory=_unknown)
    short_net: FloatArray = field(default_factory=_unknown)
    side: FloatArray = field(default_factory=_unknown)
    strength: FloatArray = field(default_factory=_unknown)

    def __post_init__(self) -> None:
        """Fill what was not given; raises `BadData` where an array has another number of rows."""
        count = len(self.as_of)
        given = {
            "unclear": np.zeros(count, dtype=np.bool_),
            "volatility_past": np.full((count, len(PAST)), np.nan),
        }
        given["volatility_known_at"] = self.as_of + AHEAD_CANDLES * STEP_MS
        for each in fields(self)[1:]:
            rows = len(getattr(self, each.name))
            if rows == 0 and count:
                object.__setattr__(self, each.name, given.get(each.name, np.full(count, np.nan)))
            elif rows != count:
                raise BadData(f"a dataset of {count} rows was given {rows} values of {each.name}")

    def __len__(self) -> int:
        """How many rows."""
        return len(self.as_of)

    @property
    def ambiguous(self) -> int:
        """How many labels nobody can be sure of."""
        return int(self.unclear.sum())

    @property
    def effective(self) -> float:
        """How many independent labels the rows are worth."""
        return float(self.weight.sum())

    def between(self, from_at: int, to_at: int, *, known_by: int, row_step: int = 1) -> "Dataset":
        """Rows decided in [from_at, to_at) whose label was known by `known_by`, with uniqueness
        among themselves.

        Args:
            from_at: The first instant.
            to_at: The instant after the last.
            known_by: What is known later is left out.
            row_step: Keep the rows of every so many candles since 1970, whatever else the dataset
                holds. For training only.
        """
        first, last = np.searchsorted(self.as_of, [from_at, to_at]).tolist()
        kept = self.end_at[first:last] <= known_by
        if row_step > 1:
            kept &= self.as_of[first:last] // STEP_MS % row_step == 0
        return self.at(slice(first, last) if kept.all() else first + np.flatnonzero(kept))

    def with_votes(self, votes: Votes) -> "Dataset":
        """The same rows with what the strategies said on them.

        Raises `BadData` where a row was not voted on.
        """
        place = np.searchsorted(votes.as_of, self.as_of)
        if len(self) and not (
            place[-1] < len(votes.as_of) and np.array_equal(votes.as_of[place], self.as_of)
        ):
            raise BadData("the votes are not of the candles of these rows")
        return replace(
            self, side=votes.consensus[place].astype(np.float64), strength=votes.strength[place]
        )

    def at(self, rows: slice | IntArray) -> "Dataset":
        """The rows at these positions (ascending), with uniqueness among themselves."""
        cut = {
            each.name: getattr(self, each.name)[rows]
            for each in fields(self)[1:]
            if each.name != "weight"
        }
        weight = uniqueness(cut["as_of"], cut["end_at"], step_ms=STEP_MS)
        return Dataset(names=self.names, weight=weight, **cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Three parts in the order of time, purged: every label of a part was known before the next
    part's embargo began.

    >>> from models.fit.recipe import parts_of
    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> parts = parts_of(build(candles, load_settings({}).learning), load_settings({}))
    >>> bool(parts.training.end_at.max() < parts.calibration.as_of[0])
    True
    """

    training: Dataset
    calibration: Dataset
    validation: Dataset


def build(
    candles: Mapping[Timeframe, Candles],
    learning: LearningSettings,
    names: tuple[str, ...] | None = None,
    *,
    days: _Days = "settings",
    computed: Features | None = None,
    costs: TradeCosts = USUAL_COSTS,
) -> Dataset:
    """Compute features and labels; earlier candles only warm the features up.

    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> dataset = build(candles, load_settings({}).learning)
    >>> dataset.names[0], sorted(set(dataset.label.tolist()))
    ('returns_1', [0, 1, 2])

    Args:
        candles: closed candles, 15m and 4h.
        learning: label, features and length.
        names: the features to learn from, in the order that the bundle will keep. None:
            `features_of(learning)`.
        days: how many days before the last candle. None: the whole history, to be cut by
            `Dataset.between`.
        computed: the features of exactly these candles, where they are known already.
        costs: for `long_net` and `short_net`.

    Raises:
        BadData: when a timeframe or a feature is missing, `computed` belongs to other candles, or a
            price cannot be.
    """
    missing = [
        timeframe
        for timeframe in (Timeframe.M15, Timeframe.H4)
        if not len(candles.get(timeframe, ()))
    ]
    if missing:
        raise BadData(f"training needs candles of {', '.join(missing)}, and there are none")
    odd = [spike for part in candles.values() for spike in spikes(part)]
    if odd:
        raise BadData(f"nothing is learned from prices that cannot be: {spikes_text(odd)}")
    quarters = candles[Timeframe.M15]
    names = features_of(learning) if names is None else names
    computed = features.compute(candles) if computed is None else computed
    if not np.array_equal(computed.as_of, quarters.closed_at):
        raise BadData(
            f"features of {len(computed.as_of)} other instants were given for {len(quarters)}"
            " candles"
        )
    unknown = [name for name in (*names, *PAST, "atr_14") if name not in computed.names]
    if unknown:
        raise BadData(f"the feature code does not compute {', '.join(unknown)}")
    atr, barriers = computed.column("atr_14"), barriers_of(learning)
    labels = label(quarters, atr, barriers)
    long_net, short_net = results(quarters, atr, barriers, labels, costs)
    past = np.stack([computed.column(name) for name in PAST], axis=1)
    with np.errstate(over="ignore"):  # what does not fit into float32 is dropped as not finite
        rows = (
            computed.values.T[[computed.names.index(name) for name in names]].astype(np.float32).T
        )
    kept = np.flatnonzero(
        _recent(quarters, learning.days if days == "settings" else days)
        & labels.complete
        & np.isfinite(rows).all(axis=1)
        & np.isfinite(past).all(axis=1)
    )
    as_of, end_at = computed.as_of[kept], labels.end_at[kept]
    return Dataset(
        names=names,
        as_of=as_of,
        rows=np.ascontiguousarray(rows[kept]),
        label=labels.value[kept],
        end_at=end_at,
        weight=uniqueness(as_of, end_at, step_ms=STEP_MS),
        unclear=labels.ambiguous[kept],
        close=quarters.close[kept],
        atr_rate=atr[kept] / quarters.close[kept],
        volatility_past=past[kept],
        volatility_next=realised_next(quarters)[kept],
        volatility_known_at=as_of + AHEAD_CANDLES * STEP_MS,
        long_net=long_net[kept],
        short_net=short_net[kept],
    )


def _recent(quarters: Candles, days: float | None) -> BoolArray:
    if days is None:
        return np.ones(len(quarters), dtype=np.bool_)
    recent: BoolArray = quarters.closed_at > int(quarters.closed_at[-1]) - days * DAY_MS
    return recent


def split(dataset: Dataset, *, held_out_share: float, embargo_ms: int, row_step: int = 1) -> Split:
    """Cut in time: training, then calibration, then validation, each with labels known `embargo_ms`
    before the next.

    `row_step` thins the training (see `Dataset.between`).

    Raises:
        UserError: when a part is too small to learn or judge from.
    """
    if len(dataset) == 0:
        raise UserError(
            "no row is warm and has a complete label", remedy="give more days of candles"
        )
    first, end = int(dataset.as_of[0]), int(dataset.as_of[-1]) + 1
    held_out_at = end - round((end - first) * held_out_share)
    validation_at = held_out_at + round((end - held_out_at) * CALIBRATION_PART)
    parts = Split(
        training=dataset.between(
            first, held_out_at, known_by=held_out_at - embargo_ms, row_step=row_step
        ),
        calibration=dataset.between(
            held_out_at, validation_at, known_by=validation_at - embargo_ms
        ),
        validation=dataset.between(validation_at, end, known_by=int(dataset.end_at.max())),
    )
    _check_sizes(parts)
    return parts


def _check_sizes(parts: Split) -> None:
    remedy = "train on more days (--days), or give candles that reach further back"
    for name, least in LEAST_ROWS.items():
        found = len(getattr(parts, name))
        if found < least:
            raise UserError(
                f"{name} has {found} usable rows, at least {least} are needed", remedy=remedy
            )
    counts = np.bincount(parts.training.label, minlength=3)
    if counts.min() < LEAST_OF_A_CLASS:
        raise UserError(
            f"the training rows hold {counts[0]} lower, {counts[1]} neither, {counts[2]} upper"
            f" labels; at least {LEAST_OF_A_CLASS} of each are needed",
            remedy=remedy + ", or set a nearer barrier (BOT_LEARNING__BARRIER_ATR)",
        )


def candles_hash(candles: Mapping[Timeframe, Candles]) -> str:
    """SHA-256 of the 15m and 4h candles, independent of the machine's byte order."""
    digest = hashlib.sha256()
    for timeframe in (Timeframe.M15, Timeframe.H4):
        part = candles[timeframe]
        digest.update(timeframe.encode() + part.opened_at.astype("<i8").tobytes())
        for column in (part.open, part.high, part.low, part.close, part.volume):
            digest.update(column.astype("<f8").tobytes())
    return digest.hexdigest()
