"""The market of bitbank: candles, book, rules and their quality, with as few requests as a tick can
do with.

A quiet tick, of which no entry can come, costs four requests: the ticker, whose answer tells the
exchange's time before any time is written down, circuit-break mode, status and book. A fifth once
an hour (pair rules), and the day's 1m file where a paper account holds something. One that may
enter (a candle has closed, or its entry may be tried again) always asks for the rules too, and for
a candle file where one of its candles has closed. A first start reads 12 day files and one to three
year files more.

Every answer is read strictly and its own timestamp looked at, inside the loop that reads again:
see `shared.exchanges.bitbank.answers`.
"""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from shared.core.calendar import HOUR_MS, MINUTE_MS
from shared.core.clock import Clock
from shared.core.errors import BotError, NotThere, Unavailable
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import Book, Candles, Issue, Market, PairRules, Timeframe
from shared.exchanges.bitbank.answers import (
    CANDLE_TYPES,
    StaleAnswer,
    book_from,
    candles_from,
    mode_from,
    rules_from,
    sequence_from,
    status_from,
)
from shared.exchanges.bitbank.errors import reason_of
from shared.exchanges.bitbank.http import PublicRest
from shared.exchanges.bitbank.pace import AccountPace
from shared.exchanges.bitbank.window import Windows
from shared.market.candle_files import FIRST_FILE_AT, CandleFile, file_of, files_between
from shared.market.candles import candles_between, empty_candles, merge_candles
from shared.market.ports import WindowStore
from shared.market.quality import inspect_candles

RULES_LIVE_MS = HOUR_MS
RULES_USABLE_MS = 2 * RULES_LIVE_MS
"""Older rules than this are reported and forbid entries, where newer ones cannot be read."""
BOOK_FRESH_MS = MINUTE_MS
"""bitbank's BTC/JPY book changes many times a second; one that stood still for a minute is not the
market."""
MINUTE_FILES_KEPT = 32
CONTINUOUS = "NONE"

Part = TypeVar("Part")


_UNKNOWN = {
    "circuit_break_mode": Reason.MODE_UNKNOWN,
    "status": Reason.STATUS_UNKNOWN,
    "rules": Reason.RULES_UNKNOWN,
    "book": Reason.BOOK_MISSING,
}
"""What it is called when a part cannot be read, where the exchange itself gave no better reason."""
_OF_THE_EXCHANGE = frozenset({Reason.EXCHANGE_BUSY, Reason.EXCHANGE_HALTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class _KnownRules:
    rules: PairRules
    read_at: int


@dataclass(slots=True, kw_only=True)
class _Newest:
    """The newest answers that this instance has read: nothing older is believed after them."""

    stamps: dict[Timeframe, tuple[str, int]] = field(default_factory=dict)
    book_at: int = 0
    sequence: int = 0

    def stamp(self, file: CandleFile) -> int:
        name, stamped_at = self.stamps.get(file.timeframe, ("", 0))
        return stamped_at if name == file.name else 0


class BitbankFeed:
    """`MarketFeed` of the real exchange, or of anything that speaks its protocol.

    Not for threads.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        windows: WindowStore,
        *,
        jitter: Callable[[], float] = random.random,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        limits: AccountPace | None = None,
    ) -> None:
        """Connect to nothing yet: ccxt is loaded by the first request. `limits`: as `PublicRest`
        takes them.
        """
        self._settings = settings
        self._clock = clock
        self._rest = PublicRest(
            settings.exchange,
            clock,
            jitter=jitter,
            sleep=sleep,
            monotonic=monotonic,
            limits=limits,
        )
        self._windows = Windows(settings, windows, self._read_file)
        self._rules: _KnownRules | None = None
        self._minutes: dict[str, Candles] = {}
        self._newest = _Newest()
        self._off_ms = 0

    @property
    def requests(self) -> int:
        """How many requests were sent so far, tries included."""
        return self._rest.requests

    def close(self) -> None:
        """Close the connections."""
        self._rest.close()

    def fetch(
        self, now_ms: int, *, deadline: float | None = None, may_enter: bool = True
    ) -> Market:
        """All that is known at `now_ms`.

        What cannot be read keeps its last known or its default value and is an issue.

        The book is read last, so that it is the freshest. Where our clock is ahead of the
        exchange's, its time counts for which candles have closed.

        Args:
            now_ms: The present instant.
            deadline: Value of `time.monotonic` past which nothing waits; what is missing then is an
                issue.
            may_enter: Whether an entry may come of it: then the pair's rules are read now, and
                without them nothing is entered.

        Raises:
            Unavailable: neither a candle nor a book could be had.
        """
        self._rest.begin(deadline=deadline)
        issues: list[Issue] = []
        rules = self._current_rules(now_ms, issues, fresh=may_enter)
        exchange_ms = now_ms - int(max(0.0, self._rest.skew.ms or 0.0))
        candles = {}
        for timeframe in (Timeframe.M15, Timeframe.H4):
            update = self._windows.update(timeframe, exchange_ms)
            candles[timeframe] = update.candles
            issues += update.issues
        book = self._book(issues)
        if book is None and not any(len(have) for have in candles.values()):
            raise Unavailable(str(issues[0].context["detail"]))
        issues += inspect_candles(
            candles, exchange_ms, self._settings, minutes_of=self._minutes_there
        )
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
        """The final 1m candles that opened in [start_ms, end_ms): those closed at least
        `settle_seconds` ago.

        Files of past days are kept in this instance. Today's is asked for only when a minute of it
        is final.

        Raises:
            Unavailable: a file could not be had, or only an answer from before the last minute's
                close; no day is skipped.
            BadData: a file breaks its rules.
        """
        self._rest.begin(deadline=deadline)
        final_at = self._final_at() // Timeframe.M1.ms * Timeframe.M1.ms
        found = empty_candles(Timeframe.M1)
        for file in files_between(Timeframe.M1, start_ms, min(end_ms, final_at)):
            day = self._minutes.get(file.name)
            if day is None:
                day = self._minutes_of(file, final_at)
            found = merge_candles(found, day)
        return candles_between(found, start_ms, end_ms)

    def clock_skew_ms(self, *, deadline: float) -> float | None:
        """Our clock minus the exchange's as its smallest answer tells, None where that carries no
        usable time.

        Raises:
            Unavailable: no useful answer.
        """
        self._rest.begin(deadline=deadline)
        self._off_ms = 0
        self._rest.read("public", "{pair}/ticker", dict, {"pair": self._settings.pair})
        skew = self._rest.skew.ms
        if skew is not None and skew > self._settings.market.max_clock_skew_ms:
            self._off_ms = int(skew)
        return skew

    def rules(self, now_ms: int) -> PairRules:
        """The pair's fees, interest and sizes of this hour, without status and mode.

        Raises `Unavailable`.
        """
        self._rest.begin()
        issues: list[Issue] = []
        rules = self._rules_known(now_ms, issues, live_ms=RULES_LIVE_MS)
        if issues:
            raise Unavailable(f"the pair's rules could not be read: {issues[0].context['detail']}")
        return rules

    def candle_file(self, file: CandleFile) -> tuple[Candles, bool]:
        """The final candles of one file, and whether it will never change again because its period
        is over.

        Raises:
            NotThere: the exchange does not have it.
            Unavailable: no useful answer.
            BadData: it breaks its rules.
        """
        self._rest.begin()
        final_at = self._final_at()
        try:
            return self._read_file(file, final_at), file.end <= final_at
        except StaleAnswer as error:
            if error.candles is None:
                raise
            return error.candles, False

    def history(
        self,
        timeframe: Timeframe,
        start_ms: int,
        end_ms: int,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Candles:
        """The final candles that opened in [start_ms, end_ms), straight from the exchange.

        `on_progress` hears how many files are done, and of how many. Files that the exchange does
        not have are holes.

        Raises:
            Unavailable: a file could not be had.
            BadData: a file breaks its rules.
        """
        final_at = self._final_at()
        files = files_between(timeframe, start_ms, min(end_ms, final_at))
        found = empty_candles(timeframe)
        for done, file in enumerate(files, start=1):
            with suppress(NotThere):
                found = merge_candles(found, self.candle_file(file)[0])
            if on_progress is not None:
                on_progress(done, len(files))
        return candles_between(found, start_ms, end_ms)

    def _final_at(self) -> int:
        """What closed by this instant is final."""
        return self._clock.now_ms() - self._off_ms - int(self._settings.tick.settle_seconds * 1000)

    def _exchange_now(self) -> int:
        """The exchange's present instant, as far as its answers of this round tell."""
        return self._clock.now_ms() - int(self._rest.skew.ms or 0.0)

    @property
    def _ahead_ms(self) -> int:
        return int(self._settings.market.max_clock_skew_ms)

    def _minutes_of(self, file: CandleFile, final_at: int) -> Candles:
        try:
            day = self._read_file(file, final_at)
        except NotThere as error:
            raise Unavailable(f"the minutes of {file.name} are missing: {error}") from error
        except StaleAnswer as error:
            # Where our clock is ahead, the last minutes are still to come; anything else is an old
            # answer.
            there_ms = final_at - max(0, int(self._rest.skew.ms or 0.0))
            there_ms -= there_ms % Timeframe.M1.ms
            if (
                error.candles is None
                or not len(error.candles)
                or int(error.candles.closed_at[-1]) < there_ms
            ):
                raise Unavailable(f"the minutes of {file.name} are not final: {error}") from error
            return error.candles
        if file.end <= final_at:
            while len(self._minutes) >= MINUTE_FILES_KEPT:
                self._minutes.pop(next(iter(self._minutes)))
            self._minutes[file.name] = day
        return day

    def _minutes_there(self, start_ms: int, end_ms: int) -> Candles | None:
        """The minutes of one candle, where they can be had; a candle lies in one day's file."""
        file = file_of(Timeframe.M1, start_ms)
        try:
            day = self._minutes.get(file.name)
            if day is None:
                day = self._minutes_of(file, self._final_at() // Timeframe.M1.ms * Timeframe.M1.ms)
        except BotError:
            return None
        return candles_between(day, start_ms, end_ms)

    def _read_file(self, file: CandleFile, closed_by: int) -> Candles:
        if file.end <= FIRST_FILE_AT:
            raise NotThere(f"bitbank has no candles of {file.name}: they begin on 2017-02-14")
        place = {
            "pair": self._settings.pair,
            "candletype": CANDLE_TYPES[file.timeframe],
            "yyyymmdd": file.name,
        }

        def parse(data: dict[str, Any]) -> tuple[Candles, int]:
            return candles_from(
                data,
                file,
                closed_by=closed_by,
                now_ms=self._exchange_now(),
                ahead_ms=self._ahead_ms,
                seen_at=self._newest.stamp(file),
            )

        candles, stamped_at = self._rest.read(
            "public", "{pair}/candlestick/{candletype}/{yyyymmdd}", parse, place
        )
        self._newest.stamps[file.timeframe] = (file.name, stamped_at)
        return candles

    def _book(self, issues: list[Issue]) -> Book | None:
        """The book of this moment.

        One that goes back behind what was read before is refused, for this round.
        """

        def parse(data: dict[str, Any]) -> tuple[Book, int]:
            now, newest = self._exchange_now(), self._newest
            book = book_from(data, now_ms=now, ahead_ms=self._ahead_ms, fresh_ms=BOOK_FRESH_MS)
            sequence = sequence_from(data) or 0
            if book.as_of < newest.book_at or 0 < sequence < newest.sequence:
                raise StaleAnswer(
                    f"depth: the book of {book.as_of} (sequence {sequence}) is older than one that"
                    f" was read before, of {newest.book_at} (sequence {newest.sequence})"
                )
            return book, sequence

        found = self._part("depth", "book", parse, issues)
        if found is None:
            self._newest.book_at = self._newest.sequence = (
                0  # the exchange may have begun to count anew
            )
            return None
        self._newest.book_at, self._newest.sequence = found[0].as_of, found[1]
        return found[0]

    def _current_rules(self, now_ms: int, issues: list[Issue], *, fresh: bool) -> PairRules:
        """The pair's rules, of this hour or `fresh`, under the status and mode of this moment."""
        pair = self._settings.pair

        def mode_of(data: dict[str, Any]) -> str:
            return mode_from(data, now_ms=self._exchange_now(), ahead_ms=self._ahead_ms)

        mode = self._part("circuit_break_info", "circuit_break_mode", mode_of, issues)
        known = self._part("spot/status", "status", lambda data: status_from(data, pair), issues)
        rules = self._rules_known(now_ms, issues, live_ms=0 if fresh else RULES_LIVE_MS)
        if mode is not None:
            rules = replace(
                rules,
                circuit_break_mode=mode,
                market_orders=rules.market_orders and mode == CONTINUOUS,
            )
            if mode != CONTINUOUS:
                issues.append(
                    Issue(reason=Reason.CIRCUIT_BREAK, forbids_entry=True, context={"mode": mode})
                )
        if known is not None:
            status, min_lots = known
            rules = replace(rules, status=status, min_lots=max(rules.min_lots, min_lots))
            issues += _status_issues(status)
        return rules

    def _rules_known(self, now_ms: int, issues: list[Issue], *, live_ms: int) -> PairRules:
        """The pair's rules as they were read at most `live_ms` ago, else read now; the last known
        ones where that fails.
        """
        known = self._rules
        if known is not None and 0 <= now_ms - known.read_at < live_ms:
            return known.rules
        failed: list[Issue] = []
        margin = self._settings.account.has_debt
        rules = self._part(
            "spot/pairs",
            "rules",
            lambda data: rules_from(data, self._settings.pair, margin=margin),
            failed,
        )
        if rules is not None:
            self._rules = _KnownRules(rules=rules, read_at=now_ms)
            return rules
        usable = live_ms > 0 and known is not None and 0 <= now_ms - known.read_at < RULES_USABLE_MS
        issues += [replace(issue, forbids_entry=not usable) for issue in failed]
        return PairRules() if known is None else known.rules

    def _part(
        self, name: str, what: str, parse: Callable[[dict[str, Any]], Part], issues: list[Issue]
    ) -> Part | None:
        """One part of the market, or None and an issue that forbids entries."""
        try:
            if name.startswith("spot/"):
                return self._rest.read("markets", name, parse)
            return self._rest.read(
                "public", f"{{pair}}/{name}", parse, {"pair": self._settings.pair}
            )
        except BotError as error:
            reason = reason_of(error)
            if reason not in _OF_THE_EXCHANGE:
                reason = (
                    Reason.BOOK_STALE
                    if what == "book" and isinstance(error, StaleAnswer)
                    else _UNKNOWN[what]
                )
            context = {"what": what, "detail": str(error)}
            issues.append(Issue(reason=reason, forbids_entry=True, context=context))
            return None

    def _clock_issues(self) -> list[Issue]:
        skew = self._rest.skew.ms
        if skew is None or abs(skew) <= self._settings.market.max_clock_skew_ms:
            return []
        return [
            Issue(reason=Reason.CLOCK_SKEW, forbids_entry=True, context={"ahead_ms": f"{skew:.0f}"})
        ]


def _status_issues(status: str) -> list[Issue]:
    """BUSY is reported and raises the minimum; VERY_BUSY and HALT forbid entries."""
    if status == "NORMAL":
        return []
    reason = Reason.EXCHANGE_HALTED if status == "HALT" else Reason.EXCHANGE_BUSY
    return [Issue(reason=reason, forbids_entry=status != "BUSY", context={"status": status})]
