"""Falls below a peak of equity: the deepest, the longest, and the whole series for a picture."""

import numpy as np

from shared.core.money import jpy
from shared.core.types import FloatArray, IntArray
from shared.results.performance.series import Series, yen_of_units
from shared.results.performance.types import Drawdown, Drawdowns


def under_water(equity: FloatArray | IntArray) -> FloatArray:
    """How far below its highest so far, as a share of that, at each point; shape (n,), 0 at a peak.

    0 as long as there was nothing to lose: where the highest is not positive.
    """
    peak = np.maximum.accumulate(equity)
    return np.divide(peak - equity, peak, out=np.zeros(len(equity)), where=peak > 0)


def drawdowns(series: Series, *, annual_return: float | None) -> Drawdowns:
    """All falls of an equity curve.

    A fall runs from the last point at its peak to the first at or above it again.
    """
    units = series.units
    depth = under_water(units)
    below = depth > 0.0
    if not below.any():
        return Drawdowns(
            max_share=0.0, calmar=None, deepest=None, longest=None, under_water_share=0.0
        )
    edges = np.diff(below.astype(np.int8), prepend=0, append=0)
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    worst = np.maximum.reduceat(np.append(depth, 0.0), np.column_stack((begins, ends)).ravel())[::2]
    recovered = np.minimum(ends, len(units) - 1)
    lengths = series.at[recovered] - series.at[begins - 1]
    deepest = int(np.argmax(worst))
    return Drawdowns(
        max_share=float(worst[deepest]),
        calmar=None if annual_return is None else annual_return / float(worst[deepest]),
        deepest=_build_drawdown(series, depth, int(begins[deepest]), int(ends[deepest])),
        longest=_build_drawdown(
            series, depth, *(int(edge[np.argmax(lengths)]) for edge in (begins, ends))
        ),
        under_water_share=float(np.mean(below)),
    )


def _build_drawdown(series: Series, depth: FloatArray, begin: int, end: int) -> Drawdown:
    """The fall over rows begin..end-1; its peak is the row before, its recovery row `end`, if there
    is one.
    """
    trough = begin + int(np.argmax(depth[begin:end]))
    back = end < len(series.units)
    peak, bottom = (yen_of_units(int(series.units[row])) for row in (begin - 1, trough))
    return Drawdown(
        share=float(depth[trough]),
        jpy=jpy(peak - bottom),
        peak_jpy=peak,
        trough_jpy=bottom,
        peak_at=int(series.at[begin - 1]),
        trough_at=int(series.at[trough]),
        recovered_at=int(series.at[end]) if back else None,
        length_ms=int(series.at[end if back else end - 1] - series.at[begin - 1]),
    )
