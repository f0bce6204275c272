"""Candles, oldest first, and the lengths that the bot reads."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from shared.core.types.arrays import FloatArray, IntArray

_LENGTHS_MS = {"1m": 60_000, "15m": 900_000, "4h": 14_400_000}


class Timeframe(StrEnum):
    """The candles that the bot reads.

    >>> [(str(timeframe), timeframe.ms) for timeframe in Timeframe]
    [('1m', 60000), ('15m', 900000), ('4h', 14400000)]
    """

    M1 = "1m"
    M15 = "15m"
    H4 = "4h"

    def __init__(self, value: str) -> None:
        """`ms` is its length in milliseconds."""
        self.ms = _LENGTHS_MS[value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candles:
    """Candles of one timeframe as arrays of equal length n, ascending by `opened_at`; holes stay
    holes.

    Prices are whole yen held as float64 (exact), volume is in BTC. Rules are checked by
    `market.candles.check_candle_rules`.

    >>> prices = np.array([100.0, 101.0, 99.0])
    >>> candles = Candles(
    ...     timeframe=Timeframe.M15,
    ...     opened_at=np.arange(3) * Timeframe.M15.ms,
    ...     open=prices,
    ...     high=prices + 2,
    ...     low=prices - 2,
    ...     close=prices + 1,
    ...     volume=np.ones(3),
    ... )
    >>> len(candles), candles.closed_at.tolist()
    (3, [900000, 1800000, 2700000])
    >>> candles.closed_by(1_800_000).close.tolist()
    [101.0, 102.0]
    >>> candles.tail(1).high.tolist()
    [101.0]
    """

    timeframe: Timeframe
    opened_at: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    def __len__(self) -> int:
        """How many candles."""
        return len(self.opened_at)

    @property
    def closed_at(self) -> IntArray:
        """When each candle closed."""
        return self.opened_at + self.timeframe.ms

    def rows(self, start: int | None, stop: int | None) -> "Candles":
        """The candles of a slice of rows, as views."""
        cut = slice(start, stop)
        return Candles(
            timeframe=self.timeframe,
            opened_at=self.opened_at[cut],
            open=self.open[cut],
            high=self.high[cut],
            low=self.low[cut],
            close=self.close[cut],
            volume=self.volume[cut],
        )

    def tail(self, count: int) -> "Candles":
        """The last `count` candles."""
        return self.rows(max(0, len(self) - count), None)

    def closed_by(self, as_of: int) -> "Candles":
        """Only candles that were closed at `as_of`."""
        return self.rows(
            0, int(np.searchsorted(self.opened_at, as_of - self.timeframe.ms, side="right"))
        )
