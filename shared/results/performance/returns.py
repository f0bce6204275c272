"""Return, Sharpe, Sortino and moments of daily returns, and the table of months.

`types.Returns` says how they are counted.
"""

import math
from collections.abc import Sequence

import numpy as np

from shared.core.calendar import DAY_MS, YEAR_DAYS
from shared.core.money import ZERO
from shared.core.types import FloatArray
from shared.results.performance.drawdown import under_water
from shared.results.performance.positions import Closed
from shared.results.performance.series import Series, daily_returns, month_edges, yen_of_units
from shared.results.performance.types import Month, Returns


def annual_growth(total: float, length_ms: int) -> float | None:
    """The growth over 365 days at the same rate; None below one day, where nothing was left, and
    beyond what a float holds.
    """
    if length_ms < DAY_MS or total <= -1.0:
        return None
    power = math.log1p(total) * YEAR_DAYS * DAY_MS / length_ms
    return math.expm1(power) if power < 700.0 else None  # noqa: PLR2004 - exp overflows above 709


def sharpe(returns: FloatArray) -> float | None:
    """Mean / sample standard deviation, per observation; None for fewer than two or for returns
    that are all equal.
    """
    if len(returns) < 2 or np.ptp(returns) == 0.0:  # noqa: PLR2004 - one return does not deviate
        return None
    deviation = float(returns.std(ddof=1))
    return float(returns.mean()) / deviation if deviation > 0.0 else None


def sortino(returns: FloatArray) -> float | None:
    """Mean / root of the mean squared loss over all observations, per observation; None where
    nothing was lost.
    """
    if len(returns) < 2:  # noqa: PLR2004 - as for the Sharpe
        return None
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    return float(returns.mean()) / downside if downside > 0.0 else None


def moments(returns: FloatArray) -> tuple[float, float] | None:
    """Skewness and (not excess) kurtosis, population form; None where the returns do not move."""
    if len(returns) < 2 or np.ptp(returns) == 0.0:  # noqa: PLR2004 - as for the Sharpe
        return None
    around = (returns - returns.mean()) / np.abs(returns - returns.mean()).max()
    second = float(np.mean(around**2))
    return float(np.mean(around**3)) / second**1.5, float(np.mean(around**4)) / second**2


def measure_returns(
    series: Series, *, start_at: int, end_at: int
) -> tuple[Returns, FloatArray | None]:
    """Returns of an equity series over a period, and its daily returns of shape (days,), None where
    equity was lost whole.
    """
    total = int(series.units[-1]) / int(series.units[0]) - 1.0
    daily = daily_returns(series, start_at, end_at)
    told = np.empty(0) if daily is None else daily
    year = math.sqrt(YEAR_DAYS)
    ratio, downside, shape = sharpe(told), sortino(told), moments(told)
    days = len(told)
    return (
        Returns(
            total=total,
            annual=annual_growth(total, end_at - start_at),
            sharpe=None if ratio is None else ratio * year,
            sortino=None if downside is None else downside * year,
            volatility=float(told.std(ddof=1)) * year if days > 1 else None,
            days=days,
            winning_days=float(np.mean(told > 0.0)) if days else None,
            best_day=float(told.max()) if days else None,
            worst_day=float(told.min()) if days else None,
            skewness=None if shape is None else shape[0],
            kurtosis=None if shape is None else shape[1],
        ),
        daily,
    )


def month_returns(
    series: Series, closed: Sequence[Closed], *, start_at: int, end_at: int
) -> tuple[Month, ...]:
    """Month by month, in Japan's time."""
    if end_at <= start_at:
        return ()
    edges, names = month_edges(start_at, end_at)
    units = series.units_at(edges)
    rows = np.searchsorted(series.at, edges, side="right")
    ended: list[list[Closed]] = [[] for _ in names]
    for one, home in zip(
        closed,
        np.searchsorted(edges[1:-1], [one.closed_at for one in closed], side="right"),
        strict=True,
    ):
        ended[home].append(one)
    table = []
    for number, name in enumerate(names):
        before, after = int(units[number]), int(units[number + 1])
        mine = ended[number]
        # From the last value before the month, so that a fall from there counts.
        within = series.units[max(0, rows[number] - 1) : rows[number + 1]]
        table.append(
            Month(
                month=name,
                start_at=int(edges[number]),
                end_at=int(edges[number + 1]),
                total=after / before - 1.0 if before > 0 else None,
                change_jpy=yen_of_units(after - before),
                max_drawdown_share=float(under_water(within).max()),
                positions=len(mine),
                wins=sum(one.net_units > 0 for one in mine),
                net_jpy=yen_of_units(sum(one.net_units for one in mine)) if mine else ZERO,
            ),
        )
    return tuple(table)
