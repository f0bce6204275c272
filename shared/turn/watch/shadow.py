"""What champion and challenger said of the same candles, as the ticks wrote it down, and how both
came out. Pure.

A day's document keeps under `said`, by the close of the candle, what every loaded model said of it
(`[lower, neither, upper]` by version), and under `sides` what the strategies agreed on. It was
written down before it happened, so no model had seen it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.core.errors import BadData
from shared.core.types import Barriers, BoolArray, Candles, FloatArray, Int8Array, IntArray
from shared.model.outcomes import label, uniqueness
from shared.turn.watch.scores import Score, score

CLASSES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """Candles in the order of time, (n,): the consensus on each, and by version what was said of
    it, NaN where nothing was.
    """

    as_of: IntArray
    sides: Int8Array
    said: Mapping[str, FloatArray]

    def both(self, *versions: str) -> BoolArray:
        """The candles (n,) of which all of these models said something."""
        spoke = np.ones(len(self.as_of), dtype=np.bool_)
        for version in versions:
            spoke &= np.isfinite(self.said[version][:, 0]) if version in self.said else False
        return spoke


@dataclass(frozen=True, slots=True, kw_only=True)
class Matured:
    """Recorded candles whose outcome is known, (m,), on which all of the models asked about had
    spoken.

    `label` 0 lower, 1 neither, 2 upper; `end_at` when it was known; `weight` its uniqueness among
    these rows.
    """

    as_of: IntArray
    end_at: IntArray
    label: Int8Array
    weight: FloatArray
    said: Mapping[str, FloatArray]


def shadow_entry(
    said: Mapping[str, FloatArray], *, as_of: int, side: int
) -> dict[str, dict[str, Any]]:
    """What a tick adds to its day's document; nothing where no model said anything."""
    told = {
        version: [float(p) for p in three]
        for version, three in said.items()
        if np.isfinite(three).all()
    }
    return {"said": {str(as_of): told}, "sides": {str(as_of): side}} if told else {}


def decode_shadow(days: Iterable[Mapping[str, Any]]) -> Shadow:
    """Read the documents of days, in any order.

    Raises `BadData` where one holds something else than probabilities.
    """
    said: dict[int, Mapping[str, Any]] = {}
    sides: dict[int, int] = {}
    for day in days:
        try:
            said |= {int(at): three for at, three in day.get("said", {}).items()}
            sides |= {int(at): int(side) for at, side in day.get("sides", {}).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise BadData(
                f"the shadow record of {day.get('date', 'a day')} is damaged: {error}"
            ) from error
    instants = sorted(said)
    versions = sorted({version for told in said.values() for version in told})
    return Shadow(
        as_of=np.array(instants, dtype=np.int64),
        sides=np.array([sides.get(at, 0) for at in instants], dtype=np.int8),
        said={
            version: np.array([_three(said[at].get(version)) for at in instants])
            for version in versions
        },
    )


def matured_candles(
    shadow: Shadow,
    candles: Candles,
    atr_jpy: FloatArray,
    barriers: Barriers,
    *,
    versions: tuple[str, ...],
) -> Matured:
    """The recorded candles whose whole horizon has passed, on which all `versions` had spoken.

    Args:
        shadow: The record.
        candles: 15m candles over it and one horizon beyond.
        atr_jpy: (n,) ATR(14) of these candles, the column `atr_14` of the features.
        barriers: The label; both models must have the same one to be compared.
        versions: The models.
    """
    came = label(candles, atr_jpy, barriers)
    row = np.searchsorted(candles.closed_at, shadow.as_of)
    inside = row < len(candles)
    inside[inside] = candles.closed_at[row[inside]] == shadow.as_of[inside]
    inside[inside] = came.complete[row[inside]]
    kept = np.flatnonzero(inside & shadow.both(*versions))
    row = row[kept]
    return Matured(
        as_of=shadow.as_of[kept],
        end_at=came.end_at[row],
        label=came.value[row],
        weight=uniqueness(shadow.as_of[kept], came.end_at[row], step_ms=candles.timeframe.ms),
        said={
            version: (
                shadow.said[version][kept] if version in shadow.said else np.empty((0, CLASSES))
            )
            for version in versions
        },
    )


def score_versions(
    shadow: Shadow,
    candles: Candles,
    atr_jpy: FloatArray,
    barriers: Barriers,
    *,
    versions: tuple[str, ...],
) -> dict[str, Score]:
    """How each model came out on the candles that all of them spoke of; nothing where no label is
    known yet.
    """
    known = matured_candles(shadow, candles, atr_jpy, barriers, versions=versions)
    found = {version: score(known.said[version], known.label, known.weight) for version in versions}
    return {version: one for version, one in found.items() if one is not None}


def _three(told: Any) -> list[float]:
    if told is None:
        return [np.nan] * CLASSES
    if (
        not isinstance(told, list)
        or len(told) != CLASSES
        or not all(isinstance(p, int | float) for p in told)
    ):
        raise BadData(f"the shadow record holds {told!r}, which are not three probabilities")
    # Three roundings to 1e-6 and room.
    if abs(sum(told) - 1.0) > 1e-3 or min(told) < 0.0:  # noqa: PLR2004
        raise BadData(f"the shadow record holds {told!r}, which are not three probabilities")
    return [float(p) for p in told]
