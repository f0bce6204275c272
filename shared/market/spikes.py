"""Candles that cannot be: a wick or a body far beyond the candles on both sides.

Pure, arrays; one rule for all.

The feed, the checks before a training, `collect` and the backtest ask it. Real markets have long
wicks: of 500,000 candles of BTC/JPY in 1m to 4h, the crashes of 2018, 2020 and 2022 among them,
none is named; their furthest wick lies 1.30, their furthest body 1.15 and their furthest newest
candle 1.52 times beyond.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from shared.core.calendar import utc_text
from shared.core.types import BoolArray, Candles, FloatArray, IntArray, Timeframe

WICK = 1.4
"""A high or low so many times beyond the usual ones of the three candles before *and* of the three
after."""
BODY = 1.25
"""An open or close likewise."""
NEWEST = 1.6
"""Where there are candles on one side only."""
CONFIRMABLE = 2.0
"""Minutes that tell the same confirm a price up to here; no BTC/JPY trades at a multiple of what it
was a minute ago."""
AGREES = 0.01
_SIDE = 3
_QUIET = 1.15
"""A candle that neither ranges nor jumps by so much is no spike: most windows are done with that
look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """One price that lies `factor` times beyond its neighbours; below 1 where it lies
    under them.
    """

    timeframe: Timeframe
    opened_at: int
    field: str
    factor: float

    def __str__(self) -> str:
        """`the high of the 15m candle of 2026-01-01 00:00 UTC is 10 times what its
        neighbours say`.
        """
        candle = (
            f"the {self.timeframe} candle of {utc_text(self.opened_at)[:16].replace('T', ' ')} UTC"
        )
        return f"the {self.field} of {candle} is {self.factor:.3g} times what its neighbours say"


MinutesOf: TypeAlias = Callable[[int, int], Candles | None]
"""(from, to) -> the 1m candles that opened in [from, to), None where nobody has them."""


def spikes(candles: Candles, minutes_of: MinutesOf | None = None) -> tuple[Spike, ...]:
    """The candles that cannot be, oldest first, the furthest of each one's four prices.

    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> quarters = aggregate(generate(start_ms=1_767_225_600_000, days=2, seed=7), Timeframe.M15)
    >>> spikes(quarters)
    ()

    Args:
        candles: Any timeframe, (n,); holes are passed over.
        minutes_of: Where minutes can be had. A price that those of its candle reach too is real, up
            to `CONFIRMABLE`.
    """
    rows = possible_spike_rows(candles)
    if not len(rows):
        return ()
    found = []
    beyond = {
        name: _beyond(getattr(candles, name), rows) for name in ("open", "high", "low", "close")
    }
    for place, row in enumerate(rows.tolist()):
        sided = 0 < row < len(candles) - 1
        ratios = {name: float(factors[place]) for name, factors in beyond.items()}
        far = {name: _distance(ratio) / _limit(name, sided=sided) for name, ratio in ratios.items()}
        name = max(far, key=lambda each: (far[each], each in {"high", "low"}))
        if far[name] >= 1.0:
            spike = Spike(
                timeframe=candles.timeframe,
                opened_at=int(candles.opened_at[row]),
                field=name,
                factor=round(ratios[name], 4),
            )
            if minutes_of is None or not _is_confirmed(spike, candles, row, minutes_of):
                found.append(spike)
    return tuple(found)


def spikes_text(found: Iterable[Spike], *, most: int = 3) -> str:
    """The first few of them as one clause.

    >>> spike = Spike(
    ...     timeframe=Timeframe.M15, opened_at=1_767_225_600_000, field="high", factor=10.0
    ... )
    >>> spikes_text([spike])
    'the high of the 15m candle of 2026-01-01 00:00 UTC is 10 times what its neighbours say'
    """
    named = [str(spike) for spike in found]
    more = len(named) - most
    return "; ".join(named[:most]) + (f"; and {more} more" if more > 0 else "")


def possible_spike_rows(candles: Candles) -> IntArray:
    """The rows that can be spikes at all, ascending.

    Those of a part are those of the whole that lie in it.
    """
    before = np.append(candles.close[:1], candles.close[:-1])
    jump = np.maximum(candles.open / before, before / candles.open)
    rows: BoolArray = np.maximum(candles.high / candles.low, jump) >= _QUIET
    return np.flatnonzero(rows)


def _beyond(prices: FloatArray, rows: IntArray) -> FloatArray:
    """Price / what the sides say: above 1 beyond the higher one, below 1 under the lower one, else
    1; shape of `rows`.
    """
    padded = np.concatenate([np.full(_SIDE, np.nan), prices, np.full(_SIDE, np.nan)])
    sides = np.full((2, len(rows)), np.nan)
    for index, offsets in enumerate((range(_SIDE), range(_SIDE + 1, 2 * _SIDE + 1))):
        near = np.stack([padded[rows + offset] for offset in offsets])
        there = ~np.isnan(near).all(axis=0)
        sides[index, there] = np.nanmedian(near[:, there], axis=0)
    own = prices[rows]
    high, low = np.fmax(*sides), np.fmin(*sides)
    factors: FloatArray = np.where(own > high, own / high, np.where(own < low, own / low, 1.0))
    return np.where(np.isfinite(factors), factors, 1.0)


def _distance(ratio: float) -> float:
    return max(ratio, 1.0 / ratio)


def _limit(name: str, *, sided: bool) -> float:
    if not sided:
        return NEWEST
    return WICK if name in {"high", "low"} else BODY


def _is_confirmed(spike: Spike, candles: Candles, row: int, minutes_of: MinutesOf) -> bool:
    """Whether the minutes of the candle reach the same price."""
    if candles.timeframe is Timeframe.M1 or _distance(spike.factor) > CONFIRMABLE:
        return False
    minutes = minutes_of(spike.opened_at, spike.opened_at + candles.timeframe.ms)
    if minutes is None or not len(minutes):
        return False
    said = float(getattr(candles, spike.field)[row])
    path = {
        "open": float(minutes.open[0]),
        "close": float(minutes.close[-1]),
        "high": float(minutes.high.max()),
        "low": float(minutes.low.min()),
    }
    return abs(path[spike.field] / said - 1.0) <= AGREES
