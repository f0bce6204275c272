"""Ports of the market stage."""

from typing import Protocol

from shared.types import Candles, Market, Timeframe


class MarketFeed(Protocol):
    """Where candles, book and pair rules come from."""

    def fetch(self, now_ms: int) -> Market:
        """All that is known at `now_ms`: final closed candles only, and what is wrong with them as `issues`."""
        ...

    def minutes(self, start_ms: int, end_ms: int) -> Candles:
        """The 1m candles that opened in [start_ms, end_ms), for settling the paper account. Raises `Unavailable`."""
        ...

    @property
    def requests(self) -> int:
        """How many requests were sent so far; a tick reports the difference."""
        ...


class WindowStore(Protocol):
    """One small object a timeframe: the last closed candles. All that a tick reads of history."""

    def load(self, timeframe: Timeframe) -> Candles | None:
        """The stored window, or None where there is none or it is damaged (it is rebuilt then)."""
        ...

    def save(self, candles: Candles) -> None:
        """Replace the window of `candles.timeframe`."""
        ...
