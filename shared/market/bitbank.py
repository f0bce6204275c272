"""The market of bitbank: candles, book, rules and their quality, with as few requests as a tick can do with.

A quiet tick, in which no candle of ours has closed, costs three requests (circuit-break mode, status, book) and a
fourth once an hour (pair rules). A first start reads 12 day files and one to three year files more.
"""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from shared.candle_files import FIRST_FILE_AT, CandleFile, files_between
from shared.clock import Clock
from shared.errors import BotError, NotThere, Unavailable
from shared.market.answers import CANDLE_TYPES, book_from, candles_from, mode_from, rules_from, status_from
from shared.market.bitbank_errors import reason_of
from shared.market.candles import between, empty, merged
from shared.market.ports import WindowStore
from shared.market.quality import inspect
from shared.market.transport import PublicRest
from shared.market.window import Windows
from shared.reasons import Reason
from shared.settings import Settings
from shared.types import Book, Candles, Issue, Market, PairRules, Timeframe

RULES_LIVE_MS = 3_600_000
RULES_USABLE_MS = 2 * RULES_LIVE_MS
"""Older rules than this are reported and forbid entries, where newer ones cannot be read."""
BOOK_FRESH_MS = 60_000
"""bitbank's BTC/JPY book changes many times a second; one that stood still for a minute is not the market."""
MINUTE_FILES_KEPT = 32
CONTINUOUS = "NONE"

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True, kw_only=True)
class _KnownRules:
    rules: PairRules
    read_at: int


class BitbankFeed:
    """`MarketFeed` of the real exchange, or of anything that speaks its protocol. Not for threads."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        windows: WindowStore,
        *,
        jitter: Callable[[], float] = random.random,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect to nothing yet: ccxt is loaded by the first request."""
        self._settings = settings
        self._clock = clock
        self._rest = PublicRest(settings.exchange, clock, jitter=jitter, sleep=sleep, monotonic=monotonic)
        self._windows = Windows(settings, windows, self._read_file)
        self._rules: _KnownRules | None = None
        self._minutes: dict[str, Candles] = {}

    @property
    def requests(self) -> int:
        """How many requests were sent so far, tries included."""
        return self._rest.requests

    def close(self) -> None:
        """Close the connections."""
        self._rest.close()

    def fetch(self, now_ms: int, *, deadline: float | None = None) -> Market:
        """All that is known at `now_ms`. What cannot be read keeps its last known or its default value and is an issue.

        The book is read last, so that it is the freshest. Where our clock is ahead of the exchange's, its time counts
        for which candles have closed.

        Args:
            now_ms: The present instant.
            deadline: Value of `time.monotonic` past which nothing waits; what is missing then is an issue.

        Raises:
            Unavailable: neither a candle nor a book could be had.
        """
        self._rest.begin(deadline=deadline)
        issues: list[Issue] = []
        rules = self._current_rules(now_ms, issues)
        exchange_ms = now_ms - int(max(0.0, self._rest.skew.ms or 0.0))
        candles = {}
        for timeframe in (Timeframe.M15, Timeframe.H4):
            update = self._windows.update(timeframe, exchange_ms)
            candles[timeframe] = update.candles
            issues += update.issues
        book = self._part("depth", "book", book_from, issues)
        if book is None and not any(len(have) for have in candles.values()):
            raise Unavailable(str(issues[0].context["detail"]))
        issues += inspect(candles, exchange_ms, self._settings)
        issues += _book_issues(book, exchange_ms)
        issues += self._clock_issues()
        return Market(
            as_of=now_ms,
            candles=candles,
            book=book,
            rules=rules,
            issues=tuple(issues),
            latency_ms=self._rest.latency_ms,
            clock_skew_ms=self._rest.skew.ms,
        )

    def minutes(self, start_ms: int, end_ms: int, *, deadline: float | None = None) -> Candles:
        """The final 1m candles that opened in [start_ms, end_ms): those closed at least `settle_seconds` ago.

        Files of past days are kept in this instance. Today's is asked for only when a minute of it is final.

        Raises:
            Unavailable: a file could not be had; no day is skipped.
            BadData: a file breaks its rules.
        """
        self._rest.begin(deadline=deadline)
        final_at = self._final_at() // Timeframe.M1.ms * Timeframe.M1.ms
        found = empty(Timeframe.M1)
        for file in files_between(Timeframe.M1, start_ms, min(end_ms, final_at)):
            day = self._minutes.get(file.name)
            if day is None:
                day = self._minutes_of(file, final_at)
            found = merged(found, day)
        return between(found, start_ms, end_ms)

    def rules(self, now_ms: int) -> PairRules:
        """The pair's fees, interest and sizes of this hour, without status and mode. Raises `Unavailable`."""
        self._rest.begin()
        issues: list[Issue] = []
        rules = self._hourly_rules(now_ms, issues)
        if issues:
            raise Unavailable(f"the pair's rules could not be read: {issues[0].context['detail']}")
        return rules

    def candle_file(self, file: CandleFile) -> tuple[Candles, bool]:
        """The final candles of one file, and whether it will never change again because its period is over.

        Raises:
            NotThere: the exchange does not have it.
            Unavailable: no useful answer.
            BadData: it breaks its rules.
        """
        self._rest.begin()
        final_at = self._final_at()
        return self._read_file(file, final_at), file.end <= final_at

    def history(
        self, timeframe: Timeframe, start_ms: int, end_ms: int, on_progress: Callable[[int, int], None] | None = None
    ) -> Candles:
        """The final candles that opened in [start_ms, end_ms), straight from the exchange.

        `on_progress` hears how many files are done, and of how many. Files that the exchange does not have are holes.

        Raises:
            Unavailable: a file could not be had.
            BadData: a file breaks its rules.
        """
        final_at = self._final_at()
        files = files_between(timeframe, start_ms, min(end_ms, final_at))
        found = empty(timeframe)
        for done, file in enumerate(files, start=1):
            with suppress(NotThere):
                found = merged(found, self.candle_file(file)[0])
            if on_progress is not None:
                on_progress(done, len(files))
        return between(found, start_ms, end_ms)

    def _final_at(self) -> int:
        """What closed by this instant is final."""
        return self._clock.now_ms() - int(self._settings.tick.settle_seconds * 1000)

    def _minutes_of(self, file: CandleFile, final_at: int) -> Candles:
        try:
            day = self._read_file(file, final_at)
        except NotThere as error:
            raise Unavailable(f"the minutes of {file.name} are missing: {error}") from error
        if file.end <= final_at:
            while len(self._minutes) >= MINUTE_FILES_KEPT:
                self._minutes.pop(next(iter(self._minutes)))
            self._minutes[file.name] = day
        return day

    def _read_file(self, file: CandleFile, closed_by: int) -> Candles:
        if file.end <= FIRST_FILE_AT:
            raise NotThere(f"bitbank has no candles of {file.name}: they begin on 2017-02-14")
        place = {"pair": self._settings.pair, "candletype": CANDLE_TYPES[file.timeframe], "yyyymmdd": file.name}
        data = self._rest.read("public", "{pair}/candlestick/{candletype}/{yyyymmdd}", place)
        return candles_from(data, file, closed_by=closed_by)

    def _current_rules(self, now_ms: int, issues: list[Issue]) -> PairRules:
        """The pair's rules of this hour under the status and mode of this moment."""
        pair = self._settings.pair
        mode = self._part("circuit_break_info", "circuit_break_mode", mode_from, issues)
        known = self._part("spot/status", "status", lambda data: status_from(data, pair), issues)
        rules = self._hourly_rules(now_ms, issues)
        if mode is not None:
            rules = replace(rules, circuit_break_mode=mode, market_orders=rules.market_orders and mode == CONTINUOUS)
            if mode != CONTINUOUS:
                issues.append(Issue(reason=Reason.CIRCUIT_BREAK, forbids_entry=True, context={"mode": mode}))
        if known is not None:
            status, min_lots = known
            rules = replace(rules, status=status, min_lots=max(rules.min_lots, min_lots))
            issues += _status_issues(status)
        return rules

    def _hourly_rules(self, now_ms: int, issues: list[Issue]) -> PairRules:
        known = self._rules
        if known is not None and 0 <= now_ms - known.read_at < RULES_LIVE_MS:
            return known.rules
        failed: list[Issue] = []
        margin = self._settings.account == "margin"
        rules = self._part("spot/pairs", "rules", lambda data: rules_from(data, self._settings.pair, margin=margin), failed)
        if rules is not None:
            self._rules = _KnownRules(rules=rules, read_at=now_ms)
            return rules
        usable = known is not None and 0 <= now_ms - known.read_at < RULES_USABLE_MS
        issues += [replace(issue, forbids_entry=not usable) for issue in failed]
        return PairRules() if known is None else known.rules

    def _part(self, name: str, what: str, parse: Callable[..., Part], issues: list[Issue]) -> Part | None:
        """One part of the market, or None and an issue that forbids entries."""
        try:
            if name.startswith("spot/"):
                return parse(self._rest.read("markets", name))
            return parse(self._rest.read("public", f"{{pair}}/{name}", {"pair": self._settings.pair}))
        except BotError as error:
            context = {"what": what, "detail": str(error)}
            issues.append(Issue(reason=reason_of(error), forbids_entry=True, context=context))
            return None

    def _clock_issues(self) -> list[Issue]:
        skew = self._rest.skew.ms
        if skew is None or abs(skew) <= self._settings.market.max_clock_skew_ms:
            return []
        return [Issue(reason=Reason.CLOCK_SKEW, forbids_entry=True, context={"ahead_ms": f"{skew:.0f}"})]


def _status_issues(status: str) -> list[Issue]:
    """BUSY is reported and raises the minimum; VERY_BUSY and HALT forbid entries."""
    if status == "NORMAL":
        return []
    reason = Reason.EXCHANGE_HALTED if status == "HALT" else Reason.EXCHANGE_BUSY
    return [Issue(reason=reason, forbids_entry=status != "BUSY", context={"status": status})]


def _book_issues(book: Book | None, now_ms: int) -> list[Issue]:
    if book is None or now_ms - book.as_of <= BOOK_FRESH_MS:
        return []
    context = {"what": "book", "age_ms": str(now_ms - book.as_of)}
    return [Issue(reason=Reason.DATA_STALE, forbids_entry=True, context=context)]
