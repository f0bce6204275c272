"""What a bot's store holds of one day of the digest; what is damaged is named and left out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from shared.core.calendar import DAY_MS, JST_MS
from shared.core.settings import Settings
from shared.core.types import BookName, Position, Trade
from shared.rounds.reading import DayAlert, StoredReader
from shared.tick.documents import BotDocuments


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFacts:
    """What is known of the time from `begin_at` to `end_at`, ms UTC.

    Attributes:
        equity: Instants with the equity in yen, oldest first; the first may lie before `begin_at`.
        peak_jpy: The highest equity that the drawdown limit knows; None where nobody knows.
        trades: Those that were closed in the book that goes on, oldest first.
        elsewhere: Those of other books, by their mode: before the bot went live, or came back.
        statuses: How many ticks came to which end; `unfinished` were claimed and left no report.
        marks: Prices at which the first and the last tick valued bitcoin; none, or both.
        positions: What was held when the last tick of this book ended.
        alerts: Those that were noticed, or found dead, in this time, and all that wait.
        damaged: Paths of documents that could not be read.
        cut: Collections of which there was more than is read.
    """

    begin_at: int
    end_at: int
    equity: tuple[tuple[int, Decimal], ...] = ()
    peak_jpy: Decimal | None = None
    trades: tuple[Trade, ...] = ()
    elsewhere: Mapping[str, tuple[Trade, ...]] = field(default_factory=dict)
    statuses: Mapping[str, int] = field(default_factory=dict)
    marks: tuple[float, float] | None = None
    positions: tuple[Position, ...] = ()
    alerts: tuple[DayAlert, ...] = ()
    damaged: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()


def digest_window(now_ms: int, settings: Settings) -> tuple[int, int]:
    """From when to when the newest digest tells, ms UTC: the last 24 hours that end at `digest.at`.

    >>> from shared.core.calendar import jst_text
    >>> from shared.core.settings import load_settings
    >>> window = digest_window(1_769_871_540_123, load_settings({}))
    >>> [jst_text(at) for at in window]
    ['2026-01-30 18:00:00 JST', '2026-01-31 18:00:00 JST']
    """
    hour, minute = settings.digest.at.split(":")
    offset_ms = (int(hour) * 60 + int(minute)) * 60_000
    end_at = (now_ms + JST_MS - offset_ms) // DAY_MS * DAY_MS - JST_MS + offset_ms
    return end_at - DAY_MS, end_at


def read_day(bot: BotDocuments, settings: Settings, *, begin_at: int, end_at: int) -> DayFacts:
    """Read the documents of that time, a bounded number of them.

    Raises what the store raises where it cannot be read at all (`Unavailable`, `StoreBroken`).
    """
    reader = StoredReader(bot, settings, begin_at, end_at)
    statuses, marks, positions = reader.read_ticks()
    closed = reader.read_closed_trades()
    return DayFacts(
        begin_at=begin_at,
        end_at=end_at,
        equity=reader.read_equity(),
        peak_jpy=reader.read_peak(),
        trades=closed.get(reader.book, ()),
        elsewhere=_by_mode({book: all_ for book, all_ in closed.items() if book != reader.book}),
        statuses=statuses,
        marks=marks,
        positions=positions,
        alerts=reader.read_alerts(),
        damaged=tuple(sorted(reader.damaged)),
        cut=tuple(sorted(reader.cut)),
    )


def _by_mode(books: Mapping[BookName, tuple[Trade, ...]]) -> dict[str, tuple[Trade, ...]]:
    """Those of several books of a mode together, oldest first."""
    found: dict[str, tuple[Trade, ...]] = {}
    for book, trades in books.items():
        together = (*found.get(book.mode, ()), *trades)
        found[book.mode] = tuple(sorted(together, key=lambda trade: trade.closed_at))
    return found
