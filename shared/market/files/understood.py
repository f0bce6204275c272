"""What a candle file turned out to be: the sentence that reports and consoles say of it."""

from dataclasses import dataclass

from shared.core.types import Candles


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """How a file was read.

    >>> str(
    ...     Understood(
    ...         layout="Binance klines",
    ...         stamps="milliseconds",
    ...         order="oldest first",
    ...         spacing_ms=900_000,
    ...         rows=96,
    ...     )
    ... )
    'Binance klines, 96 candles of 15m, milliseconds, oldest first'

    Attributes:
        layout: What wrote it, as far as that can be told: `plain CSV`, `Binance klines`.
        stamps: How its times are written: `milliseconds`, `dates with an offset`, `dates read as
            Asia/Tokyo`.
        order: `oldest first` or `newest first, turned round`.
        spacing_ms: How far its candles are apart.
        rows: How many candles it holds, after equal ones were dropped.
        notes: What else was done or ignored, a clause each.
    """

    layout: str
    stamps: str
    order: str
    spacing_ms: int
    rows: int
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One sentence for people."""
        what = (
            f"{self.layout}, {self.rows:,} candles of {spacing_words(self.spacing_ms)},"
            f" {self.stamps}, {self.order}"
        )
        return "; ".join((what, *self.notes))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile:
    """The candles of a file, and how it was understood.

    >>> from shared.core.types import Timeframe
    >>> from shared.market.candles import empty_candles
    >>> understood = Understood(
    ...     layout="plain CSV",
    ...     stamps="milliseconds",
    ...     order="oldest first",
    ...     spacing_ms=900_000,
    ...     rows=0,
    ... )
    >>> len(ReadFile(candles=empty_candles(Timeframe.M15), understood=understood).candles)
    0
    """

    candles: Candles
    understood: Understood


def spacing_words(spacing_ms: int) -> str:
    """A spacing as traders write it: 1m, 90s, 4h, 1d.

    >>> [spacing_words(length) for length in (60_000, 90_000, 14_400_000, 86_400_000)]
    ['1m', '1.5m', '4h', '1d']
    """
    seconds = spacing_ms / 1000
    for length, letter in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g}{letter}"
    return f"{seconds / 60:g}m" if seconds >= 60 else f"{seconds:g}s"  # noqa: PLR2004 - a minute
