"""What a bot's store holds of a time, read kind by kind; what is damaged is named and left out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, TypeVar

import msgspec

from shared.core.calendar import jst_day
from shared.core.errors import BadData
from shared.core.settings import Settings
from shared.core.types import Alert, BookName, Position, TickReport, Trade
from shared.rounds.sight import TickSeen
from shared.stores.ports import Document
from shared.tick.books import day_path, present_book
from shared.tick.documents import BotDocuments
from shared.turn.state import State

MOST_TICKS = 1_500
MOST_TRADES = 1_000
MOST_ALERTS = 2_000
PAGE_TICKS = 1_000
"""So many ticks are asked for at once where all of a time are read."""
TICKS_LOOKED_BACK = 20
_NO_AMOUNT = Decimal(10) ** 15
"""So much money there is not."""
_WRONG = (BadData, KeyError, TypeError, ValueError, AttributeError, InvalidOperation)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DayAlert:
    """An alert of the outbox, and what came of it. Instants are ms UTC; `dead_why` says why nobody
    took it, `is_in_digest` that a digest has told that.
    """

    path: str
    alert: Alert
    times: int = 1
    is_waiting: bool = False
    is_for_digest: bool = False
    is_in_digest: bool = False
    dead_at: int | None = None
    dead_why: str = ""


class StoredReader:
    """Reads one kind of documents of [`begin_at`, `end_at`) after the other, ms UTC.

    `damaged` are the paths of documents that could not be read, `cut` the collections of which
    there was more than is read; `book` is the one that goes on. Every method raises what the store
    raises where it cannot be read at all (`Unavailable`, `StoreBroken`).

    >>> from shared.core.settings import load_settings
    >>> from shared.stores.memory import MemoryDocuments
    >>> bot = BotDocuments(MemoryDocuments(), "default")
    >>> reader = StoredReader(bot, load_settings({}), 0, 86_400_000)
    >>> reader.read_ticks(), reader.read_reports(), reader.damaged
    (({}, None, ()), ((), ()), set())
    """

    def __init__(self, bot: BotDocuments, settings: Settings, begin_at: int, end_at: int) -> None:
        self._bot, self._settings = bot, settings
        self._begin_at, self._end_at = begin_at, end_at
        self.damaged: set[str] = set()
        self.cut: set[str] = set()
        self._peeked = self._read(self._path, bot.peek)
        self.book = present_book(self._peeked, settings)

    @property
    def _path(self) -> str:
        return f"bots/{self._bot.bot}"

    def read_equity(self) -> tuple[tuple[int, Decimal], ...]:
        """From the last candle before the day to its last one. That of the very end belongs to the
        next day: whether its tick was faster than the digest is chance.
        """
        found: dict[int, Decimal] = {}
        instants = (self._begin_at - 1, self._begin_at, self._end_at - 1)
        for date in dict.fromkeys(map(jst_day, instants)):
            path = day_path(self._bot.bot, self.book, date)
            found |= self._read(path, partial(self._day_equity, path)) or {}
        before = max((at for at in found if at < self._begin_at), default=None)
        return tuple(
            (at, equity)
            for at, equity in sorted(found.items())
            if at == before or self._begin_at <= at < self._end_at
        )

    def _day_equity(self, path: str) -> dict[int, Decimal]:
        stored = self._bot.documents.get(path)
        told = {} if stored is None else stored.data["equity"]
        return {int(at): _amount(Decimal(equity)) for at, equity in told.items()}

    def read_peak(self) -> Decimal | None:
        """The highest equity that the drawdown limit knows; None where nobody knows."""

        def peak() -> Decimal | None:
            stored = self._peeked
            state = State.decode_state(
                None if stored is None else stored.data.get("state"), self._settings
            )
            return None if state.limits is None else _amount(state.limits.equity_peak_jpy)

        return self._read(self._path, peak)

    def read_closed_trades(self) -> dict[BookName, tuple[Trade, ...]]:
        """Those that were closed in that time, by their book, oldest first."""
        found = self._bot.documents.query(
            "trades", field="closed_at", op=">=", value=self._begin_at, limit=MOST_TRADES
        )
        books: dict[BookName, tuple[Trade, ...]] = {}
        for _, (book, trade) in self._each(found, MOST_TRADES, _trade):
            if trade.closed_at < self._end_at:
                books[book] = (*books.get(book, ()), trade)
        return books

    def read_ticks(
        self,
    ) -> tuple[dict[str, int], tuple[float, float] | None, tuple[Position, ...]]:
        """How many ticks came to which end, the first and the last price, and what was held at the
        end; of `MOST_TICKS` at the most.
        """
        found = self._bot.documents.query(
            "ticks", field="claimed_at", op=">=", value=self._begin_at, limit=MOST_TICKS
        )
        statuses: dict[str, int] = {}
        marks: list[float] = []
        positions: tuple[Position, ...] = ()
        for _, (claimed_at, status, mark, book, held) in self._each(found, MOST_TICKS, _tick):
            if claimed_at >= self._end_at:
                continue
            statuses[status] = statuses.get(status, 0) + 1
            marks += [] if mark is None else [mark]
            positions = positions if held is None or book != self.book else held
        return statuses, (marks[0], marks[-1]) if len(marks) > 1 else None, positions

    def read_reports(self) -> tuple[tuple[TickReport, ...], tuple[TickSeen, ...]]:
        """Every report by the time of its claim, and the claims that left none; page by page."""
        reports: list[TickReport] = []
        left: list[TickSeen] = []
        for item in self._pages_of_ticks():
            if isinstance(item.data, Mapping) and item.data.get("bot") != self._bot.bot:
                continue
            told = self._read(item.path, partial(_claim, item))
            if told is None or told[0].claimed_at >= self._end_at:
                continue
            seen, report = told
            if report is None:
                left.append(seen)
            else:
                reports.append(report)
        return tuple(reports), tuple(left)

    def _pages_of_ticks(self) -> Iterator[Document]:
        since, seen = self._begin_at, frozenset[str]()
        while since < self._end_at:
            page = self._bot.documents.query(
                "ticks", field="claimed_at", op=">=", value=since, limit=PAGE_TICKS
            )
            yield from (item for item in page if item.path not in seen)
            if len(page) < PAGE_TICKS:
                return
            # The next page begins with the last instant of this one: others may have it too.
            last = page[-1].data["claimed_at"]
            since, seen = max(last, since + 1), frozenset(item.path for item in page)

    def has_ticked_before(self) -> bool:
        """Whether this bot had ticked before that time, as far as the newest ticks before it
        tell.
        """
        found = self._bot.documents.query(
            "ticks",
            field="claimed_at",
            op="<",
            value=self._begin_at,
            descending=True,
            limit=TICKS_LOOKED_BACK,
        )
        return any(
            isinstance(item.data, Mapping) and item.data.get("bot") == self._bot.bot
            for item in found
        )

    def read_alerts(self) -> tuple[DayAlert, ...]:
        """Those that were noticed, or found dead, since the beginning, and all that wait."""
        documents, begin_at = self._bot.documents, self._begin_at
        found: dict[str, DayAlert] = {}
        for stored in (
            documents.query("alerts", field="last_at", op=">=", value=begin_at, limit=MOST_ALERTS),
            documents.query("alerts", field="dead_at", op=">=", value=begin_at, limit=MOST_ALERTS),
            documents.query("alerts", field="waiting_for", value=self._bot.bot, limit=MOST_ALERTS),
            documents.query("alerts", field="digest_for", value=self._bot.bot, limit=MOST_ALERTS),
        ):
            found |= dict(self._each(stored, MOST_ALERTS, _alert_record))
        return tuple(sorted(found.values(), key=lambda record: (record.alert.at, record.path)))

    def _each(
        self, found: Sequence[Document], most: int, decode: Callable[[Document], T]
    ) -> Iterator[tuple[str, T]]:
        """Those of this bot that can be read, by their paths."""
        if len(found) >= most:
            self.cut.add(found[0].path.partition("/")[0])
        for item in found:
            if isinstance(item.data, Mapping) and item.data.get("bot") != self._bot.bot:
                continue
            told = self._read(item.path, partial(decode, item))
            if told is not None:
                yield item.path, told

    def _read(self, path: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except _WRONG:
            self.damaged.add(path)
            return None


def _amount(yen: Decimal) -> Decimal:
    """An amount that can be compared, summed and drawn. Raises `BadData`."""
    if not yen.is_finite() or abs(yen) >= _NO_AMOUNT:
        raise BadData(f"an amount was {yen}, which is none of yen")
    return yen


def _trade(item: Document) -> tuple[BookName, Trade]:
    trade = msgspec.convert({**item.data}, Trade)
    for yen in (trade.gross_jpy, trade.fees_jpy, trade.interest_jpy, trade.slippage_jpy):
        _amount(yen)
    return BookName.of(item.data), trade


def _tick(
    item: Document,
) -> tuple[int, str, float | None, BookName, tuple[Position, ...] | None]:
    """When it was claimed, how it ended, its price, its book and what it held; None where it never
    knew.
    """
    report = item.data["report"]
    claimed_at = int(item.data["claimed_at"])
    if report is None:
        return claimed_at, "unfinished", None, BookName(), None
    told = report.get("mark_price")
    mark = None if told is None else float(_amount(Decimal(str(told))))
    held = msgspec.convert(report["positions"], tuple[Position, ...])
    known = held if report.get("equity_jpy") is not None else None
    return claimed_at, str(report["status"]), mark, BookName.of(report), known


def _claim(item: Document) -> tuple[TickSeen, TickReport | None]:
    """A claim, and the report that it left."""
    data = item.data
    seen = TickSeen(claimed_at=int(data["claimed_at"]), expires_at=int(data["expires_at"]))
    report = data["report"]
    return seen, None if report is None else TickReport.read(report)


def _alert_record(item: Document) -> DayAlert:
    data: Mapping[str, Any] = item.data
    alert = msgspec.convert(data["alert"], Alert)
    dead_at = data.get("dead_at")
    return DayAlert(
        path=item.path,
        alert=alert,
        times=int(data.get("times", 1)),
        is_waiting=data.get("waiting_for") is not None,
        is_for_digest=data.get("digest_for") is not None,
        is_in_digest=data.get("told_by") == "digest",
        dead_at=None if dead_at is None else int(dead_at),
        dead_why=str(data.get("dead_why") or ""),
    )
