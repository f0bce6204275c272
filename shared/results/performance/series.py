"""Equity over time, exact and in order, and its value at the midnights and month's ends
of Japan.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from shared.core.calendar import DAY_MS, JST_MS
from shared.core.errors import BadData
from shared.core.money import UNITS_PER_JPY, jpy
from shared.core.types import FloatArray, IntArray
from shared.replay.types import Replayed


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Equity in 0.0001 yen at ascending instants, shape (n,) each, n of 1 at least; the first is
    the start of the period.
    """

    at: IntArray
    units: IntArray

    def units_at(self, instants: IntArray) -> IntArray:
        """Equity at each instant: the last value by then."""
        found: IntArray = self.units[np.searchsorted(self.at, instants, side="right") - 1]
        return found


def units_of(amount: Decimal) -> int:
    """An amount of yen as a whole number of 0.0001 yen, rounded half to even.

    Raises `BadData` for NaN or infinity.
    """
    scaled = amount * UNITS_PER_JPY
    # Amounts have four places nearly always; quantising each would cost more than everything else
    # here.
    if scaled.is_finite() and scaled == (units := int(scaled)):
        return units
    return int(jpy(amount) * UNITS_PER_JPY)


def yen_of_units(units: int) -> Decimal:
    """The amount again."""
    return jpy(Decimal(units) / UNITS_PER_JPY)


def equity_of(replayed: Replayed) -> Series:
    """The curve from the period's start, with the last value at its end.

    Raises `BadData` where it contradicts itself.
    """
    curve = replayed.curve
    lengths = {len(column) for column in (curve.at, curve.equity_units, curve.close, curve.lots)}
    if len(lengths) != 1 or bool((np.diff(curve.at) <= 0).any()):
        raise BadData(
            "the equity curve must have columns of one length, in ascending order of time"
        )
    at, units = curve.at, curve.equity_units
    start, end = units_of(replayed.start_equity_jpy), units_of(replayed.end_equity_jpy)
    if len(at) == 0 or at[0] > replayed.start_at:
        at, units = np.insert(at, 0, replayed.start_at), np.insert(units, 0, start)
    if units[0] != start or start <= 0:
        raise BadData(
            f"the equity curve begins with {yen_of_units(int(units[0]))} yen; the start equity is"
            f" {replayed.start_equity_jpy}"
        )
    if units[-1] != end:
        if at[-1] >= replayed.end_at:
            raise BadData(
                f"the equity curve ends with {yen_of_units(int(units[-1]))} yen; the end equity is"
                f" {replayed.end_equity_jpy}"
            )
        at, units = np.append(at, replayed.end_at), np.append(units, end)
    return Series(at=at, units=units)


def day_edges(start_at: int, end_at: int) -> IntArray:
    """The period cut at every JST midnight inside it: its start, the midnights, its end; ms UTC."""
    first = (start_at + JST_MS) // DAY_MS + 1
    last = (end_at + JST_MS - 1) // DAY_MS
    midnights = np.arange(first, last + 1, dtype=np.int64) * DAY_MS - JST_MS
    return np.concatenate(([start_at], midnights, [end_at])).astype(np.int64)


def month_edges(start_at: int, end_at: int) -> tuple[IntArray, tuple[str, ...]]:
    """The period cut where a month begins in Japan, and the name of each month, one fewer than the
    edges.
    """
    days = np.array([start_at + JST_MS, max(start_at, end_at - 1) + JST_MS]) // DAY_MS
    first, last = days.astype("datetime64[D]").astype("datetime64[M]")
    months = np.arange(first, last + 1)
    begins = months[1:].astype("datetime64[D]").astype(np.int64) * DAY_MS - JST_MS
    edges = np.concatenate(([start_at], begins, [end_at])).astype(np.int64)
    return edges, tuple(str(month) for month in months)


def changes(values: IntArray) -> FloatArray | None:
    """Relative changes from each value to the next, shape (n - 1,); None where one starts from
    nothing or less.
    """
    if bool((values[:-1] <= 0).any()):
        return None
    ratio: FloatArray = values[1:] / values[:-1] - 1.0
    return ratio


def daily_returns(series: Series, start_at: int, end_at: int) -> FloatArray | None:
    """Returns from JST midnight to midnight, the first and last day cut by the period; None where
    equity was lost whole.

    A day without a candle returns 0. They compound to the return of the period.
    """
    if end_at <= start_at:
        return np.empty(0)
    return changes(series.units_at(day_edges(start_at, end_at)))
