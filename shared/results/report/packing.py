"""Long columns of whole numbers as short text, for a page that carries its own data.

A column is differenced `order` times (candle times twice: they become zeros), the differences are
zigzagged into natural numbers and written seven bits a byte, lowest first, with the high bit set on
all but the last; a run of zeros is one zero followed by the run's length. The bytes stand in the
page as base64. `page/unpack.js` reads it.
"""

import base64

import numpy as np
from numpy.typing import NDArray

from shared.core.types import IntArray

_BITS = 7
_LONGEST = 10


def pack_column(values: IntArray, *, order: int = 1) -> str:
    """A column of int64, shape (n,), as text: about a byte for every seven bits of a difference.

    Nothing is lost.
    """
    differences = np.asarray(values, dtype=np.int64)
    for _ in range(order):
        differences = np.diff(differences, prepend=np.int64(0))
    return base64.b64encode(_varints(_runs_shortened(_zigzag(differences))).tobytes()).decode(
        "ascii"
    )


def whole_numbers(values: NDArray[np.float64]) -> IntArray:
    """Numbers rounded to whole ones, for a picture."""
    rounded: IntArray = np.rint(values).astype(np.int64)
    return rounded


def _zigzag(values: IntArray) -> NDArray[np.uint64]:
    folded: NDArray[np.uint64] = ((values << 1) ^ (values >> 63)).view(np.uint64)
    return folded


def _runs_shortened(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Every run of zeros as (0, its length); other numbers as they are."""
    zero = values == 0
    first = zero & ~np.concatenate(([False], zero[:-1]))
    starts = np.flatnonzero(first)
    if not len(starts):
        return values
    last = np.flatnonzero(zero & ~np.concatenate((zero[1:], [False])))
    kept = values[~zero | first]
    where = np.searchsorted(np.flatnonzero(~zero | first), starts) + 1
    return np.insert(kept, where, (last - starts + 1).astype(np.uint64))


def _varints(values: NDArray[np.uint64]) -> NDArray[np.uint8]:
    width = np.ones(len(values), dtype=np.int64)
    for size in range(1, _LONGEST):
        width += values >= np.uint64(1 << (_BITS * size))
    ends = np.cumsum(width)
    written = np.zeros(int(ends[-1]) if len(ends) else 0, dtype=np.uint8)
    for place in range(int(width.max()) if len(width) else 0):
        has = width > place
        part = ((values[has] >> np.uint64(_BITS * place)) & np.uint64(0x7F)).astype(np.uint8)
        part |= np.where(width[has] > place + 1, np.uint8(0x80), np.uint8(0))
        written[(ends - width)[has] + place] = part
    return written
