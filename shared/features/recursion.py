"""Sums over the past with fixed reach: the arithmetic under every indicator.

A textbook recursion (EMA, Wilder) never quite forgets where it began, so a tick that looks at 1,000
candles and a replay that looks at years disagree in the last bits, for some rows visibly long. Here
each recursion is written as the weighted sum that it is, and the sum ends where the weights fall
below 2**-51: nothing older can move a float64. The sum is built by doubling, S[2w](t) = S[w](t) +
r**w * S[w](t - w), so each row is one fixed tree of additions and multiplications over its own last
candles. Any two histories that share these candles give the same float64, by construction.

Only + - * / sqrt, min and max of numpy are used, element by element: their results do not depend on
the processor.
"""

from functools import cache

import numpy as np

from shared.core.types import FloatArray

_NEGLIGIBLE = 2.0**-51
_TAPS_STEP = 32


@cache
def taps(ratio: float) -> int:
    """How many terms of `ratio**j` matter to a float64: the first multiple of 32 with `ratio**n <=
    2**-51`.
    """
    step = 1.0
    for _ in range(_TAPS_STEP):
        step *= ratio
    count, weight = _TAPS_STEP, step
    while weight > _NEGLIGIBLE:
        count, weight = count + _TAPS_STEP, weight * step
    return count


def decayed_sum(values: FloatArray, ratio: float) -> FloatArray:
    """Sum of `ratio**j * values[t - j]` over the last `taps(ratio)` rows, for every row t.

    Shape (n,).

    Rows before the first count as nothing.
    """
    return _compute_decayed_sum(values, ratio, taps(ratio))


def _compute_decayed_sum(values: FloatArray, ratio: float, reach_wanted: int) -> FloatArray:
    size = len(values)
    block, part, total = values.copy(), np.empty(size), np.zeros(size)
    width, factor = 1, ratio
    reach, reach_factor = 0, 1.0
    while reach < min(reach_wanted, size):
        if reach_wanted & width:
            _add(total[reach:], reach_factor, block[: size - reach], part)
            reach, reach_factor = reach + width, reach_factor * factor
        if width < size and reach < reach_wanted:
            _add(block[width:], factor, block[:-width], part)
        width, factor = width * 2, factor * factor
    return total


def _add(total: FloatArray, factor: float, values: FloatArray, part: FloatArray) -> None:
    """Add `factor * values` to a total of the same length; `part` is room for the products."""
    products = np.multiply(values, factor, out=part[: len(values)])
    np.add(total, products, out=total)


def window_sum(values: FloatArray, width: int) -> FloatArray:
    """Sum over the last `width` rows, shape (n,); NaN for the first `width - 1`.

    Nothing is carried on, so nothing drifts.
    """
    size = len(values)
    if size < width:
        return np.full(size, np.nan)
    block = values.copy()
    total = np.zeros(size)
    reach, span = 0, 1
    while reach < width:
        if width & span:
            total[reach:] += block[: size - reach]
            reach += span
        if reach < width:
            block[span:] += block[:-span]
        span *= 2
    total[: width - 1] = np.nan
    return total


def window_max(values: FloatArray, width: int) -> FloatArray:
    """Largest of the last `width` rows, shape (n,); NaN for the first `width - 1`."""
    return _window_extreme(values, width, np.maximum)


def window_min(values: FloatArray, width: int) -> FloatArray:
    """Smallest of the last `width` rows, shape (n,); NaN for the first `width - 1`."""
    return _window_extreme(values, width, np.minimum)


def _window_extreme(values: FloatArray, width: int, further: np.ufunc) -> FloatArray:
    size = len(values)
    if size < width:
        return np.full(size, np.nan)
    block, span = values, 1
    while span * 2 <= width:
        wider = np.empty(size)
        further(block[span:], block[:-span], out=wider[span:])
        block, span = wider, span * 2
    rest = width - span
    extreme = np.empty(size)
    further(block[width - 1 :], block[width - 1 - rest : size - rest], out=extreme[width - 1 :])
    extreme[: width - 1] = np.nan
    return extreme


def before(values: FloatArray, rows: int) -> FloatArray:
    """The value `rows` rows earlier, shape (n,); NaN where there is none."""
    earlier = np.full(len(values), np.nan)
    if rows < len(values):
        earlier[rows:] = values[:-rows]
    return earlier


def late(values: FloatArray, start: int, size: int) -> FloatArray:
    """A series that begins at row `start`, as a column of `size` rows with NaN before it."""
    column = np.empty(size)
    column[:start] = np.nan
    if start < size:
        column[start:] = values
    return column


def quotient(above: FloatArray, below: FloatArray, *, of_nothing: float) -> FloatArray:
    """`above / below`, and `of_nothing` where `below` is 0: each caller says what 0/0 means.

    NaN stays NaN.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # what is divided by 0 is replaced
        answer = above / below
    nothing = np.flatnonzero(below == 0.0)
    if len(nothing):
        answer[nothing] = above[nothing] * 0.0 + of_nothing
    return answer


def ema_lead(values: FloatArray, span: int) -> FloatArray:
    """How far each value lies above its own EMA(span): `values - ema`, shape (n,); NaN for the
    first `span - 1` rows.

    The EMA has alpha = 2 / (span + 1) and starts at row `span - 1` with the simple mean of the
    first `span` values (TA-Lib's seed). The lead G follows G(t) = r * (G(t - 1) + values(t) -
    values(t - 1)) with r = 1 - alpha. Summing changes instead of levels makes the lead of a market
    that stands still exactly zero.
    """
    size = len(values)
    if size < span:
        return np.full(size, np.nan)
    ratio = (span - 1.0) / (span + 1.0)
    terms = np.zeros(size)
    terms[span:] = values[span:] - values[span - 1 : -1]
    terms[span - 1] = (values[span - 1] - _in_order(values[:span]) / span) / ratio
    lead = ratio * decayed_sum(terms, ratio)
    lead[: span - 1] = np.nan
    return lead


def mean_lead(values: FloatArray, span: int, reach: int) -> FloatArray:
    """How far each value lies above the exponential mean of the last `reach` values, shape (n,);
    NaN on the first `span - 1`.

    The mean weighs the value j rows before with r**j, r = (span - 1) / (span + 1), and divides by
    the weights that are there: for spans whose memory is longer than the window, defined on exactly
    that window. With m values it is, in changes d,

        lead(t) = (r * sum of r**k * d(t - k) over the m - 1 last changes - r**m * (v(t) - v(t - m +
        1))) / (1 - r**m)

    so that the lead of a market that stands still is exactly zero.
    """
    size = len(values)
    if size < span:
        return np.full(size, np.nan)
    ratio = (span - 1.0) / (span + 1.0)
    changes = np.zeros(size)
    changes[1:] = values[1:] - values[:-1]
    first = np.maximum(np.arange(size) - (reach - 1), 0)
    faded = _powers(ratio, reach)[np.minimum(np.arange(size) + 1, reach)]
    recent = ratio * _compute_decayed_sum(changes, ratio, reach - 1)
    lead = (recent - faded * (values - values[first])) / (1.0 - faded)
    lead[: span - 1] = np.nan
    return lead


def decayed_mean(values: FloatArray, span: int, reach: int) -> FloatArray:
    """The exponential mean of the last `reach` values, weights as in `mean_lead`, shape (n,); NaN
    on the first `span - 1`.
    """
    size = len(values)
    if size < span:
        return np.full(size, np.nan)
    ratio = (span - 1.0) / (span + 1.0)
    faded = _powers(ratio, reach)[np.minimum(np.arange(size) + 1, reach)]
    mean = _compute_decayed_sum(values, ratio, reach) * (1.0 - ratio) / (1.0 - faded)
    mean[: span - 1] = np.nan
    return mean


def _powers(ratio: float, most: int) -> FloatArray:
    """`ratio**k` for k = 0 .. most, one multiplication after the other."""
    steps = np.full(most + 1, ratio)
    steps[0] = 1.0
    powers: FloatArray = np.multiply.accumulate(steps)
    return powers


def _in_order(values: FloatArray) -> float:
    """The sum from first to last: numpy's order depends on the length, and Python's own `sum` on
    its version.
    """
    total = 0.0
    for value in values.tolist():
        total += value
    return total


def wilder_sum(values: FloatArray, length: int, *, seed: int) -> FloatArray:
    """Wilder's smoothed sum S(t) = S(t - 1) * (1 - 1 / length) + values(t), shape (n,).

    It starts at row `seed - 1` with the plain sum of the first `seed` values, as TA-Lib does:
    `seed` is `length` for a mean (divide by `length`), `length - 1` for directional movement. NaN
    before. `values` must not be negative: then every rounding keeps order, and ratios of such sums
    keep their bounds.
    """
    size = len(values)
    if size < seed:
        return np.full(size, np.nan)
    ratio = (length - 1.0) / length
    terms = values.copy()
    terms[: seed - 1] = 0.0
    terms[seed - 1] = _in_order(values[:seed])
    total = decayed_sum(terms, ratio)
    total[: seed - 1] = np.nan
    return total
