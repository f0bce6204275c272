"""Rows to learn from: features as the tick computes them, labels, and a split in time that lets nothing leak."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.labels import label, uniqueness
from shared import features
from shared.errors import BadData, UserError
from shared.settings import LearningSettings
from shared.types import Barriers, Candles, FloatArray, Int8Array, IntArray, Timeframe

DAY_MS = 86_400_000
CALIBRATION_PART = 0.4  # of the held-out share; the later part is for validation
LEAST_ROWS = {"training": 1_000, "calibration": 200, "validation": 200}
LEAST_OF_A_CLASS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Labelled rows in the order of time.

    `rows` (n, k) is float32, as trees see it in training and serving alike; `weight` (n,) is each label's uniqueness.
    """

    names: tuple[str, ...]
    as_of: IntArray
    rows: NDArray[np.float32]
    label: Int8Array
    end_at: IntArray
    weight: FloatArray
    ambiguous: int = 0

    def __len__(self) -> int:
        """How many rows."""
        return len(self.as_of)

    def between(self, from_at: int, to_at: int, *, known_by: int) -> "Dataset":
        """Rows decided in [from_at, to_at) whose label was known by `known_by`, with uniqueness among themselves."""
        kept = (self.as_of >= from_at) & (self.as_of < to_at) & (self.end_at <= known_by)
        return Dataset(
            names=self.names,
            as_of=self.as_of[kept],
            rows=self.rows[kept],
            label=self.label[kept],
            end_at=self.end_at[kept],
            weight=uniqueness(self.as_of[kept], self.end_at[kept], step_ms=Timeframe.M15.ms),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Three parts in the order of time, purged: every label of a part was known before the next part's embargo began."""

    training: Dataset
    calibration: Dataset
    validation: Dataset


def build(candles: Mapping[Timeframe, Candles], learning: LearningSettings, names: tuple[str, ...]) -> Dataset:
    """Compute features and labels of the last `learning.days` days; earlier candles only warm the features up.

    Args:
        candles: closed candles, 15m and 4h.
        learning: label and length.
        names: the features to learn from, in the order that the bundle will keep.

    Raises:
        BadData: when a timeframe or a feature is missing.
    """
    missing = [timeframe for timeframe in (Timeframe.M15, Timeframe.H4) if not len(candles.get(timeframe, ()))]
    if missing:
        raise BadData(f"training needs candles of {', '.join(missing)}, and there are none")
    quarters = candles[Timeframe.M15]
    computed = features.compute(candles)
    unknown = [name for name in names if name not in computed.names]
    if unknown:
        raise BadData(f"the feature code does not compute {', '.join(unknown)}")
    barriers = Barriers(atr_multiple=learning.barrier_atr, horizon_candles=learning.horizon_candles)
    labels = label(quarters, computed.column("atr_14"), barriers)
    with np.errstate(over="ignore"):  # what does not fit into float32 is dropped as not finite
        rows = computed.values[:, [computed.names.index(name) for name in names]].astype(np.float32)
    recent = computed.as_of > int(quarters.closed_at[-1]) - learning.days * DAY_MS
    kept = recent & labels.complete & np.isfinite(rows).all(axis=1)
    as_of, end_at = computed.as_of[kept], labels.end_at[kept]
    return Dataset(
        names=names,
        as_of=as_of,
        rows=rows[kept],
        label=labels.value[kept],
        end_at=end_at,
        weight=uniqueness(as_of, end_at, step_ms=quarters.timeframe.ms),
        ambiguous=int(labels.ambiguous[kept].sum()),
    )


def split(dataset: Dataset, *, held_out_share: float, embargo_ms: int) -> Split:
    """Cut in time: training, then calibration, then validation, each with labels known `embargo_ms` before the next.

    Raises:
        UserError: when a part is too small to learn or judge from.
    """
    if len(dataset) == 0:
        raise UserError("no row is warm and has a complete label", remedy="give more days of candles")
    first, end = int(dataset.as_of[0]), int(dataset.as_of[-1]) + 1
    held_out_at = end - round((end - first) * held_out_share)
    validation_at = held_out_at + round((end - held_out_at) * CALIBRATION_PART)
    parts = Split(
        training=dataset.between(first, held_out_at, known_by=held_out_at - embargo_ms),
        calibration=dataset.between(held_out_at, validation_at, known_by=validation_at - embargo_ms),
        validation=dataset.between(validation_at, end, known_by=int(dataset.end_at.max())),
    )
    _check_sizes(parts)
    return parts


def _check_sizes(parts: Split) -> None:
    remedy = "train on more days (--days), or give candles that reach further back"
    for name, least in LEAST_ROWS.items():
        found = len(getattr(parts, name))
        if found < least:
            raise UserError(f"{name} has {found} usable rows, at least {least} are needed", remedy=remedy)
    counts = np.bincount(parts.training.label, minlength=3)
    if counts.min() < LEAST_OF_A_CLASS:
        raise UserError(
            f"the training rows hold {counts[0]} lower, {counts[1]} neither, {counts[2]} upper labels; "
            f"at least {LEAST_OF_A_CLASS} of each are needed",
            remedy=remedy + ", or set a nearer barrier (BOT_LEARNING__BARRIER_ATR)",
        )


def data_hash(candles: Mapping[Timeframe, Candles]) -> str:
    """SHA-256 of the 15m and 4h candles, independent of the machine's byte order."""
    digest = hashlib.sha256()
    for timeframe in (Timeframe.M15, Timeframe.H4):
        part = candles[timeframe]
        digest.update(timeframe.encode() + part.opened_at.astype("<i8").tobytes())
        for column in (part.open, part.high, part.low, part.close, part.volume):
            digest.update(column.astype("<f8").tobytes())
    return digest.hexdigest()
