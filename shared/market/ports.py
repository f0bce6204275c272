"""Ports of the market stage."""

from typing import Protocol

from shared.core.types import Candles, Market, Timeframe
from shared.market.candle_files import CandleFile


class MarketFeed(Protocol):
    """Where candles, book and pair rules come from.

    >>> import tempfile
    >>> from functions import wiring
    >>> with tempfile.TemporaryDirectory() as home:
    ...     ports = wiring.ports(wiring.settings_from({"BOT_HOME": home}), {})
    ...     ports.documents.close()
    >>> type(ports.feed).__name__, ports.feed.requests
    ('BitbankFeed', 0)
    """

    def fetch(
        self, now_ms: int, *, deadline: float | None = None, may_enter: bool = True
    ) -> Market:
        """All that is known at `now_ms`: final closed candles only, and what is wrong with them as
        `issues`.

        No request is begun after `deadline` (of `time.monotonic`). With `may_enter` the pair's
        rules are those of this moment.
        """
        ...

    def minutes(self, start_ms: int, end_ms: int) -> Candles:
        """The 1m candles that opened in [start_ms, end_ms), for settling the paper account.

        Raises `Unavailable`.
        """
        ...

    def clock_skew_ms(self, *, deadline: float) -> float | None:
        """Our clock minus the exchange's, asked for now; None where nobody knows.

        Raises `Unavailable`.

        No request is begun after `deadline` (of `time.monotonic`).
        """
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


class HistoryFeed(Protocol):
    """Where whole candle files come from, for the archive."""

    def candle_file(self, file: CandleFile) -> tuple[Candles, bool]:
        """The final candles of one file, and whether its period is over.

        Raises `NotThere`, `Unavailable`, `BadData`.
        """
        ...


class Archive(Protocol):
    """Candles by the exchange's own files, for learning and replay.

    What is complete is never fetched again.
    """

    def complete(self, timeframe: Timeframe) -> frozenset[str]:
        """The names of the files that are stored whole and final."""
        ...

    def write(self, file: CandleFile, candles: Candles, *, complete: bool) -> None:
        """Replace one file; `complete` says that its period is over and everything in it final."""
        ...

    def read(self, timeframe: Timeframe, start_ms: int, end_ms: int) -> Candles:
        """The stored candles that opened in [start_ms, end_ms)."""
        ...
