"""What a strategy hands in: a side and a confidence for each row."""

from dataclasses import dataclass

import numpy as np

from shared.core.types import BoolArray, Features, FloatArray, Int8Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """`sides` (n,) -1, 0, +1 and `confidences` (n,) in [0, 1]; a row without a side has confidence
    0.
    """

    sides: Int8Array
    confidences: FloatArray


def columns(features: Features, *names: str) -> tuple[FloatArray, ...]:
    """Several features by name, each of shape (n,)."""
    return tuple(features.column(name) for name in names)


def ballot(
    sides: FloatArray | Int8Array,
    confidences: FloatArray,
    *,
    least: float,
    needs: tuple[FloatArray, ...],
) -> Ballot:
    """Close the ballot: a row says nothing where one of the columns it `needs` is not warm or the
    confidence is below `least`.

    `sides` and `confidences` may be anything on such rows, NaN included.
    """
    said = np.minimum(confidences, 1.0)
    up, down = sides > 0.0, sides < 0.0
    speaks: BoolArray = up | down
    speaks &= said >= least
    speaks &= said > 0.0
    for column in needs:
        speaks &= np.isfinite(column)
    return Ballot(
        sides=difference(up & speaks, down & speaks), confidences=np.where(speaks, said, 0.0)
    )


def silent(rows: int) -> Ballot:
    """Nothing said on any row: a strategy that is out."""
    return Ballot(sides=np.zeros(rows, dtype=np.int8), confidences=np.zeros(rows))


def difference(up: BoolArray, down: BoolArray) -> Int8Array:
    """+1 where only `up`, -1 where only `down`, else 0: signs as bytes, eight of them in the room
    of a float.
    """
    sign: Int8Array = up.view(np.int8) - down.view(np.int8)
    return sign


def against(values: FloatArray, low: float, high: float) -> Int8Array:
    """Contrarian side: +1 at or below `low`, -1 at or above `high`, else 0."""
    buys = values <= low
    return difference(buys, (values >= high) & ~buys)


def beyond(values: FloatArray, low: float, high: float) -> FloatArray:
    """How far `values` lie outside [low, high], 0 inside."""
    return np.maximum(np.maximum(low - values, values - high), 0.0)


def share(values: FloatArray, span: float) -> FloatArray:
    """`values / span`, kept within [0, 1]."""
    return np.clip(values / span, 0.0, 1.0)
