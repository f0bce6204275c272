"""The feed against a small exchange of its own: real HTTP, every broken answer, every roll of the
files.
"""

import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from shared.core import settings as configuration
from shared.core.deadline import Deadline, bind_deadline
from shared.core.errors import BadData, NotThere, RateLimited, Unavailable
from shared.core.reasons import Reason
from shared.core.types import Candles, Market, Timeframe
from shared.exchanges.bitbank.answers import CANDLE_TYPES
from shared.exchanges.bitbank.feed import BitbankFeed
from shared.market.archive import CandleArchive, CandleWindows
from shared.market.candle_files import file_of
from shared.market.collect import collect
from shared.stores.memory import MemoryBucket
from tests.support.fixed_clock import FixedClock

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
PATHS = {
    "book": "/btc_jpy/depth",
    "circuit_break_mode": "/btc_jpy/circuit_break_info",
    "status": "/v1/spot/status",
    "rules": "/v1/spot/pairs",
}
PAIR = {
    "name": "btc_jpy",
    "maker_fee_rate_quote": "0",
    "taker_fee_rate_quote": "0.001",
    "margin_open_maker_fee_rate_quote": "0",
    "margin_open_taker_fee_rate_quote": "0.001",
    "margin_close_maker_fee_rate_quote": "0",
    "margin_close_taker_fee_rate_quote": "0.001",
    "margin_long_interest": "0.0004",
    "margin_short_interest": "0.0004",
    "margin_current_individual_ratio": "0.5",
    "unit_amount": "0.0001",
    "limit_max_amount": "1000",
    "market_max_amount": "10",
    "price_digits": 0,
    "amount_digits": 4,
    **dict.fromkeys(
        (
            "stop_order",
            "stop_order_and_cancel",
            "stop_market_order",
            "stop_stop_order",
            "stop_margin_long_order",
            "stop_margin_short_order",
            "stop_buy_order",
            "stop_sell_order",
        ),
        False,
    ),
    "is_enabled": True,
}


def ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)


NOW = ms(2026, 2, 11, 12, 1)  # 61 s after a quarter of an hour closed, and a 4h candle too

Answer = tuple[int, dict[str, str], bytes]


def enveloped(data: Any, *, status: int = 200, **headers: str) -> Answer:
    body = json.dumps({"success": 1, "data": data}).encode()
    return status, {"Content-Type": "application/json", **headers}, body


def refused(code: int, status: int = 400, **headers: str) -> Answer:
    body = json.dumps({"success": 0, "data": {"code": code}}).encode()
    return status, {"Content-Type": "application/json", **headers}, body


def raw(body: bytes, *, status: int = 200, kind: str = "text/html", **headers: str) -> Answer:
    return status, {"Content-Type": kind, **headers}, body


HTML = raw(b"<html><body>Attention Required!</body></html>")


class Exchange:
    """What bitbank would answer at `clock`'s time; `faults` replace answers by path pattern,
    `times` often.
    """

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.asked: list[str] = []
        self.agents: list[dict[str, str]] = []
        self.first_at = ms(2020, 1, 1)
        self.holes: set[tuple[str, int]] = set()
        self.changed: dict[tuple[str, int], int] = {}
        self.absent: set[str] = set()
        self.mode = "NONE"
        self.status: dict[str, Any] = {
            "pair": "btc_jpy",
            "status": "NORMAL",
            "min_amount": "0.0001",
        }
        self.pair: dict[str, Any] = dict(PAIR)
        self.ahead_ms = 0
        self.cached_ms = 0
        self.stamp: Callable[[int, int], int] = lambda now, end: now
        self.sequence = "1"
        self.date: Callable[[], str | None] = self.current_date
        self._faults: list[tuple[re.Pattern[str], Answer | Callable[[], Answer], list[int]]] = []

    def fail(
        self, pattern: str, answer: Answer | Callable[[], Answer], *, times: int = 1_000_000
    ) -> None:
        self._faults.append((re.compile(pattern), answer, [times]))

    def heal(self) -> None:
        self._faults.clear()

    def forget(self) -> None:
        self.asked.clear()

    def candle_files(self) -> list[str]:
        return [path.split("candlestick/")[1] for path in self.asked if "candlestick" in path]

    def current_date(self) -> str:
        at = datetime.fromtimestamp((self.clock.now_ms() + self.ahead_ms) / 1000, tz=UTC)
        return format_datetime(at, usegmt=True)

    def answer(self, path: str) -> Answer:
        self.asked.append(path)
        for pattern, answer, times in self._faults:
            if times[0] > 0 and pattern.search(path):
                times[0] -= 1
                return answer() if callable(answer) else answer
        now = self.clock.now_ms() + self.ahead_ms
        if path == PATHS["book"]:
            return enveloped(
                {
                    "asks": [["10001000", "0.5"]],
                    "bids": [["9999000", "0.7"]],
                    "timestamp": now,
                    "sequenceId": self.sequence,
                }
            )
        if path == PATHS["circuit_break_mode"]:
            return enveloped({"mode": self.mode, "timestamp": now})
        if path == PATHS["status"]:
            return enveloped({"statuses": [{"pair": "eth_jpy"}, self.status]})
        if path == PATHS["rules"]:
            return enveloped({"pairs": [{"name": "eth_jpy"}, self.pair]})
        now -= self.cached_ms
        found = re.fullmatch(r"/btc_jpy/candlestick/(\w+)/(\d+)", path)
        return self.candles(found[1], found[2], now) if found else refused(10000, 404)

    def candles(self, kind: str, name: str, now: int) -> Answer:
        (timeframe,) = [timeframe for timeframe, known in CANDLE_TYPES.items() if known == kind]
        year = timeframe is Timeframe.H4
        if len(name) != (4 if year else 8) or f"{kind}/{name}" in self.absent:
            return refused(10000, 404)
        start = ms(int(name), 1, 1) if year else ms(int(name[:4]), int(name[4:6]), int(name[6:]))
        file = file_of(timeframe, start)
        assert (file.name, file.start) == (name, start)
        rows = [
            self.candle(kind, at, now)
            for at in range(max(start, self.first_at), min(file.end, now + 1), timeframe.ms)
        ]
        rows = [row for row in rows if (kind, row[5]) not in self.holes]
        stamp = self.stamp(now, file.end)
        return (
            enveloped({"candlestick": [{"type": kind, "ohlcv": rows}], "timestamp": stamp})
            if rows
            else refused(10000, 404)
        )

    def candle(self, kind: str, at: int, now: int) -> list[Any]:
        """One candle; every fifth is flat without volume; the forming one will still change."""
        base = 10_000_000 + at // MINUTE % 997 * 10 + self.changed.get((kind, at), 0)
        if at // MINUTE % 5 == 0 and kind == "1min":
            return [str(base)] * 4 + ["0.0000", at]
        length = next(timeframe.ms for timeframe, known in CANDLE_TYPES.items() if known == kind)
        forming = 7 if at + length > now else 0
        return [
            str(base),
            str(base + 900 + forming),
            str(base - 800),
            str(base + 100 + forming),
            "1.2345",
            at,
        ]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    exchange: Exchange

    def do_GET(self) -> None:
        self.exchange.agents.append(dict(self.headers))
        status, headers, body = self.exchange.answer(self.path)
        headers = dict(headers)
        self.send_response_only(status)
        cut = headers.pop("X_Cut", None)
        date = self.exchange.date()
        if date is not None and "Date" not in headers:
            self.send_header("Date", date)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) + (10 if cut else 0)))
        self.end_headers()
        self.wfile.write(body)
        if cut:
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serving(exchange: Exchange) -> Iterator[str]:
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Handler", (_Handler,), {"exchange": exchange})
    )
    server.daemon_threads = True
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class World:
    """An exchange, a clock, a window store and a feed that sleeps into a list."""

    def __init__(
        self, now: int, url: str, exchange: Exchange, clock: FixedClock, **overrides: Any
    ) -> None:
        self.exchange, self.clock, self.url = exchange, clock, url
        self.bucket = MemoryBucket()
        self.sleeps: list[float] = []
        self.overrides = overrides
        self.feed = self.new_feed()

    def new_feed(self, url: str | None = None, **exchange: Any) -> BitbankFeed:
        address = url or self.url
        settings = configuration.load_settings(
            {},
            overrides={
                "exchange": {"public_url": address, "private_url": f"{address}/v1", **exchange},
                **self.overrides,
            },
        )
        return BitbankFeed(
            settings,
            self.clock,
            CandleWindows(self.bucket),
            jitter=lambda: 0.5,
            sleep=self.sleeps.append,
        )

    def at(self, now: int, *, may_enter: bool = False) -> Market:
        """Move the clock and fetch."""
        self.clock._now_ms = now
        self.exchange.forget()
        return self.feed.fetch(now, may_enter=may_enter)

    def window(self, timeframe: Timeframe) -> Candles:
        stored = CandleWindows(self.bucket).load(timeframe)
        assert stored is not None
        return stored


@contextmanager
def world(now: int = NOW, **overrides: Any) -> Iterator[World]:
    clock = FixedClock(now)
    exchange = Exchange(clock)
    with serving(exchange) as url:
        made = World(now, url, exchange, clock, **overrides)
        try:
            yield made
        finally:
            made.feed.close()


@pytest.fixture
def briefly() -> Iterator[World]:
    """A window that one day file and one year file fill."""
    with world(market={"window_candles": 40, "window_keep": 60}) as made:
        yield made


@pytest.fixture
def at_noon() -> Iterator[World]:
    with world() as made:
        yield made


def reasons(market: Market) -> list[tuple[Reason, bool]]:
    return [(issue.reason, issue.forbids_entry) for issue in market.issues]


def expected(
    kind: str, timeframe: Timeframe, last: int, count: int, exchange: Exchange, now: int
) -> np.ndarray:
    at = [last - i * timeframe.ms for i in reversed(range(count))]
    return np.array([[float(cell) for cell in exchange.candle(kind, when, now)[:5]] for when in at])


def table(candles: Candles) -> np.ndarray:
    return np.column_stack([candles.open, candles.high, candles.low, candles.close, candles.volume])


# The good way


def test_a_first_start_reads_12_day_files_and_two_year_files_and_has_the_whole_window(at_noon):
    market = at_noon.at(NOW)
    assert market.issues == ()
    files = at_noon.exchange.candle_files()
    assert Counter(file.split("/")[0] for file in files) == {"15min": 11, "4hour": 2}
    assert {"4hour/2026", "4hour/2025", "15min/20260211", "15min/20260201"} <= set(files)
    assert len(at_noon.exchange.asked) == 11 + 2 + 4 == at_noon.feed.requests
    for kind, timeframe in (("15min", Timeframe.M15), ("4hour", Timeframe.H4)):
        candles = market.candles[timeframe]
        assert len(candles) == 1_000
        assert candles.closed_at[-1] == ms(2026, 2, 11, 12)
        wanted = expected(kind, timeframe, int(candles.opened_at[-1]), 1_000, at_noon.exchange, NOW)
        assert np.array_equal(table(candles), wanted)


@pytest.mark.parametrize(("minute", "files"), [(1, 12), (16, 12), (14 * 60 + 1, 11)])
def test_a_first_start_never_reads_more_than_12_day_files(minute, files):
    now = ms(2026, 2, 11) + minute * MINUTE
    with world(now) as at:
        market = at.at(now)
        assert len(market.candles[Timeframe.M15]) == 1_000
        days = [file for file in at.exchange.candle_files() if file.startswith("15min")]
        assert len(days) == len(set(days)) <= files


def test_a_quiet_look_at_the_market_costs_three_requests_and_a_fourth_once_an_hour(at_noon):
    at_noon.at(NOW)
    counts = []
    for tick in range(1, 5):
        before = at_noon.feed.requests
        market = at_noon.at(NOW + tick * 180_000)
        assert market.issues == ()
        counts.append(at_noon.feed.requests - before)
        assert len(at_noon.exchange.asked) == counts[-1]
    assert counts == [3, 3, 3, 3]
    at_noon.at(NOW + 59 * MINUTE)
    assert PATHS["rules"] not in at_noon.exchange.asked
    at_noon.at(NOW + HOUR)
    assert PATHS["rules"] in at_noon.exchange.asked
    assert len(at_noon.exchange.asked) == 4 + 1  # and today's 15m file: four candles have closed
    assert at_noon.exchange.candle_files() == ["15min/20260211"]


def test_a_new_process_is_as_quiet_as_a_warm_one_but_for_the_rules(at_noon):
    warm = at_noon.at(NOW)
    at_noon.feed = at_noon.new_feed()
    fresh = at_noon.at(NOW + 180_000)
    assert sorted(at_noon.exchange.asked) == sorted(PATHS.values())
    for timeframe in (Timeframe.M15, Timeframe.H4):
        assert np.array_equal(table(fresh.candles[timeframe]), table(warm.candles[timeframe]))


def test_only_the_file_whose_candle_has_closed_is_asked_for(at_noon):
    at_noon.at(NOW)
    at_noon.at(ms(2026, 2, 11, 12, 15, 9))
    assert at_noon.exchange.candle_files() == []  # closed, but not final yet
    market = at_noon.at(ms(2026, 2, 11, 12, 15, 10))
    assert at_noon.exchange.candle_files() == ["15min/20260211"]
    assert market.candles[Timeframe.M15].closed_at[-1] == ms(2026, 2, 11, 12, 15)
    assert market.candles[Timeframe.H4].closed_at[-1] == ms(2026, 2, 11, 12)
    at_noon.at(ms(2026, 2, 11, 16, 0, 10))
    assert at_noon.exchange.candle_files() == ["15min/20260211", "4hour/2026"]


def test_the_window_is_written_only_when_it_changed_and_keeps_its_length(at_noon):
    at_noon.at(NOW)
    key = "candles/window/btc_jpy/15m.npz"
    first = at_noon.bucket.generation(key)
    at_noon.at(NOW + 180_000)
    assert at_noon.bucket.generation(key) == first
    at_noon.at(NOW + 15 * MINUTE)
    assert at_noon.bucket.generation(key) != first
    assert len(at_noon.window(Timeframe.M15)) <= 1_100
    assert len(at_noon.window(Timeframe.H4)) == 1_100


def test_the_forming_candle_is_never_taken(at_noon):
    """The forming candle of the fixture differs from the final one: none of its values may survive
    anywhere.
    """
    seen = 0
    for step in range(12):
        now = NOW + step * 5 * MINUTE
        candles = at_noon.at(now).candles[Timeframe.M15]
        last = int(candles.opened_at[-1])
        assert last + Timeframe.M15.ms <= now - 10_000
        assert np.array_equal(
            table(candles.tail(20)),
            expected("15min", Timeframe.M15, last, 20, at_noon.exchange, now),
        )
        seen += 1
    assert seen == 12


def test_the_market_tells_book_rules_mode_and_status(at_noon):
    at_noon.exchange.status |= {"status": "BUSY", "min_amount": "0.0015"}
    at_noon.exchange.pair |= {"taker_fee_rate_quote": "0.001", "stop_stop_order": True}
    market = at_noon.at(NOW)
    assert market.book is not None
    assert (market.book.bid, market.book.ask, market.book.bid_lots, market.book.as_of) == (
        9_999_000,
        10_001_000,
        7_000,
        NOW,
    )
    assert (market.rules.min_lots, market.rules.status, market.rules.circuit_break_mode) == (
        15,
        "BUSY",
        "NONE",
    )
    assert not market.rules.stop_orders
    assert market.rules.market_orders
    assert reasons(market) == [(Reason.EXCHANGE_BUSY, False)]
    assert market.as_of == NOW
    assert 0 < market.latency_ms < 5_000


@pytest.mark.parametrize(
    ("status", "issue"),
    [
        ("VERY_BUSY", (Reason.EXCHANGE_BUSY, True)),
        ("HALT", (Reason.EXCHANGE_HALTED, True)),
        ("ODD", (Reason.STATUS_UNKNOWN, True)),
    ],
)
def test_a_status_that_is_not_normal_forbids_entries(at_noon, status, issue):
    at_noon.exchange.status |= {"status": status}
    assert reasons(at_noon.at(NOW)) == [issue]


def test_a_circuit_break_forbids_entries_and_market_orders(at_noon):
    at_noon.exchange.mode = "CIRCUIT_BREAK"
    market = at_noon.at(NOW)
    assert reasons(market) == [(Reason.CIRCUIT_BREAK, True)]
    assert market.rules.circuit_break_mode == "CIRCUIT_BREAK"
    assert not market.rules.market_orders


def test_nothing_is_signed_and_no_proxy_of_the_environment_is_asked(at_noon, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert at_noon.at(NOW).issues == ()
    names = {name.upper() for headers in at_noon.exchange.agents for name in headers}
    assert len(at_noon.exchange.agents) > 10
    assert not any(name.startswith("ACCESS") for name in names)


# Rolls of the files


def test_at_the_roll_the_last_candle_of_yesterday_comes_from_yesterdays_file():
    before = ms(2026, 2, 11, 23, 50)
    with world(before) as at:
        at.at(before)
        market = at.at(ms(2026, 2, 12, 0, 0, 10))
        assert at.exchange.candle_files() == ["15min/20260211", "4hour/2026"]
        assert market.candles[Timeframe.M15].closed_at[-1] == ms(2026, 2, 12)
        assert market.issues == ()


def test_after_the_roll_yesterdays_file_is_read_once_more_and_then_left_alone():
    before = ms(2026, 2, 12, 0, 1)
    with world(before) as at:
        at.at(before)
        market = at.at(ms(2026, 2, 12, 0, 15, 10))
        assert at.exchange.candle_files() == ["15min/20260211", "15min/20260212"]
        assert market.issues == ()
        at.at(ms(2026, 2, 12, 0, 30, 10))
        assert at.exchange.candle_files() == ["15min/20260212"]


def test_what_the_exchange_corrected_yesterday_is_corrected_and_reported_once():
    before = ms(2026, 2, 12, 0, 1)
    with world(before) as at:
        at.at(before)
        changed = ms(2026, 2, 11, 20)
        at.exchange.changed["15min", changed] = 5_000
        at.exchange.changed["15min", changed + 900_000] = 5_000
        market = at.at(ms(2026, 2, 12, 0, 15, 10))
        assert reasons(market) == [(Reason.DATA_BROKEN, False)]
        assert market.issues[0].context["corrected"] == "2"
        assert market.issues[0].context["first_at"] == str(changed)
        window = at.window(Timeframe.M15)
        row = int(np.searchsorted(window.opened_at, changed))
        assert window.open[row] == float(at.exchange.candle("15min", changed, at.clock.now_ms())[0])
        assert at.at(ms(2026, 2, 12, 0, 30, 10)).issues == ()


def test_todays_file_that_is_not_there_yet_is_empty_and_not_an_error():
    at_roll = ms(2026, 2, 12, 0, 15, 10)
    with world(ms(2026, 2, 12, 0, 1)) as at:
        at.at(ms(2026, 2, 12, 0, 1))
        at.exchange.absent.add("15min/20260212")
        market = at.at(at_roll)
        assert reasons(market) == [
            (Reason.DATA_STALE, True)
        ]  # a candle is due, so no entries; nothing is broken
        assert len(market.candles[Timeframe.M15]) == 1_000
        at.exchange.absent.clear()
        assert at.at(at_roll + 30_000).issues == ()


def test_a_first_start_just_after_the_roll_does_without_todays_file():
    now = ms(2026, 2, 12, 0, 0, 30)
    with world(now) as at:
        at.exchange.absent.add("15min/20260212")
        market = at.at(now)
        assert market.issues == ()
        assert market.candles[Timeframe.M15].closed_at[-1] == ms(2026, 2, 12)
        assert len(market.candles[Timeframe.M15]) == 1_000


@pytest.mark.parametrize("absent", [False, True])
def test_at_new_year_the_4h_candles_come_from_last_years_file(absent):
    now = ms(2026, 1, 1, 2)
    with world(now) as at:
        if absent:
            at.exchange.absent.add("4hour/2026")
        market = at.at(now)
        assert market.issues == ()
        assert [file for file in at.exchange.candle_files() if file.startswith("4hour")] == [
            "4hour/2025"
        ]
        assert market.candles[Timeframe.H4].closed_at[-1] == ms(2026, 1, 1)
        assert len(market.candles[Timeframe.H4]) == 1_000


def test_the_first_4h_candle_of_the_year_comes_with_last_years_file_once_more():
    with world(ms(2026, 1, 1, 3)) as at:
        at.at(ms(2026, 1, 1, 3))
        market = at.at(ms(2026, 1, 1, 4, 0, 10))
        assert [file for file in at.exchange.candle_files() if file.startswith("4hour")] == [
            "4hour/2025",
            "4hour/2026",
        ]
        assert market.candles[Timeframe.H4].closed_at[-1] == ms(2026, 1, 1, 4)
        at.at(ms(2026, 1, 1, 8, 0, 10))
        assert [file for file in at.exchange.candle_files() if file.startswith("4hour")] == [
            "4hour/2026"
        ]


def test_a_bot_that_slept_for_days_catches_up_with_every_file_between(at_noon):
    at_noon.at(NOW)
    market = at_noon.at(NOW + 3 * DAY)
    assert market.issues == ()
    assert at_noon.exchange.candle_files()[:4] == [f"15min/202602{day}" for day in (11, 12, 13, 14)]
    assert (np.diff(market.candles[Timeframe.M15].opened_at) == Timeframe.M15.ms).all()


def test_a_bot_that_slept_for_a_month_starts_afresh(at_noon):
    at_noon.at(NOW)
    market = at_noon.at(NOW + 30 * DAY)
    assert market.issues == ()
    assert sum(file.startswith("15min") for file in at_noon.exchange.candle_files()) <= 12
    assert len(market.candles[Timeframe.M15]) == 1_000


def test_before_the_first_candle_of_the_exchange_there_is_nothing_to_ask_for():
    now = ms(2017, 2, 16, 12)
    with world(now) as at:
        at.exchange.first_at = ms(2017, 2, 14)
        market = at.at(now)
        assert {file for file in at.exchange.candle_files() if file.startswith("15min")} == {
            "15min/20170214",
            "15min/20170215",
            "15min/20170216",
        }
        assert len(market.candles[Timeframe.M15]) == 2 * 96 + 47 == 239
        assert market.issues == ()


def test_a_past_file_that_does_not_exist_is_reported_and_what_is_newer_is_used(at_noon):
    at_noon.exchange.first_at = ms(2026, 2, 8)
    market = at_noon.at(NOW)
    assert set(reasons(market)) == {(Reason.DATA_MISSING, False)}
    assert {issue.context["file"] for issue in market.issues} == {"20260207", "2025"}
    assert len(market.candles[Timeframe.M15]) == 3 * 96 + 48


# Holes and broken files


def test_a_hole_near_the_end_forbids_entries_and_an_old_one_does_not(at_noon):
    last = ms(2026, 2, 11, 11, 45)
    at_noon.exchange.holes = {("15min", last - i * 900_000) for i in (200, 201, 202)}
    assert at_noon.at(NOW).issues == ()
    at_noon.exchange.holes |= {("15min", last + i * 900_000) for i in (1, 2)}
    market = at_noon.at(NOW + 45 * MINUTE)
    assert reasons(market) == [(Reason.DATA_HOLE, True)]
    assert market.issues[0].context["missing"] == "2"


def test_candles_that_the_exchange_does_not_deliver_are_stale_and_asked_for_every_tick(at_noon):
    at_noon.at(NOW)
    at_noon.exchange.holes = {("15min", ms(2026, 2, 11, 12))}
    for tick in range(3):
        market = at_noon.at(ms(2026, 2, 11, 12, 15, 10) + tick * 180_000)
        assert reasons(market) == [(Reason.DATA_STALE, True)]
        assert at_noon.exchange.candle_files() == ["15min/20260211"]


def broken_row(exchange: Exchange, change: Callable[[list[Any]], Any]) -> Callable[[], Answer]:
    def answer() -> Answer:
        status, headers, body = exchange.candles("15min", "20260211", exchange.clock.now_ms())
        envelope = json.loads(body)
        change(envelope["data"]["candlestick"][0]["ohlcv"])
        return status, headers, json.dumps(envelope).encode()

    return answer


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[3].__setitem__(1, "NaN"),
        lambda rows: rows[3].__setitem__(1, "1"),
        lambda rows: rows[3].__setitem__(0, 10_000_000),
        lambda rows: rows[3].__setitem__(5, str(rows[3][5])),
        lambda rows: rows[3].pop(),
        lambda rows: rows.insert(3, rows[3]),
        lambda rows: rows.reverse(),
        lambda rows: rows[3].__setitem__(5, rows[3][5] - DAY),
    ],
)
def test_a_candle_file_that_breaks_a_rule_is_refused_whole_and_the_window_stays(at_noon, change):
    at_noon.at(NOW)
    stored = at_noon.window(Timeframe.M15)
    at_noon.exchange.fail("15min/20260211", broken_row(at_noon.exchange, change))
    market = at_noon.at(NOW + 15 * MINUTE)
    assert (Reason.DATA_BROKEN, True) in reasons(market)
    assert (Reason.DATA_STALE, True) in reasons(market)
    assert np.array_equal(table(at_noon.window(Timeframe.M15)), table(stored))
    assert np.array_equal(table(market.candles[Timeframe.M15]), table(stored.tail(1_000)))
    at_noon.exchange.heal()
    assert at_noon.at(NOW + 18 * MINUTE).issues == ()


def test_a_file_that_fails_in_the_middle_leaves_no_hole_behind(at_noon):
    at_noon.at(NOW)
    at_noon.exchange.fail("15min/20260212", HTML)
    market = at_noon.at(NOW + 3 * DAY)
    assert (Reason.DATA_BROKEN, True) in reasons(market)
    assert market.candles[Timeframe.M15].closed_at[-1] == ms(2026, 2, 12)
    at_noon.exchange.heal()
    market = at_noon.at(NOW + 3 * DAY + MINUTE)
    assert market.issues == ()
    assert (np.diff(market.candles[Timeframe.M15].opened_at) == Timeframe.M15.ms).all()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 and no more", b"\x00" * 5_000])
def test_a_damaged_window_is_rebuilt_from_the_exchange(at_noon, data):
    before = at_noon.at(NOW)
    at_noon.bucket.put("candles/window/btc_jpy/15m.npz", data)
    market = at_noon.at(NOW + 180_000)
    assert sum(file.startswith("15min") for file in at_noon.exchange.candle_files()) == 11
    assert np.array_equal(
        table(market.candles[Timeframe.M15]), table(before.candles[Timeframe.M15])
    )


def test_a_window_with_impossible_candles_is_rebuilt_and_reported(at_noon):
    before = at_noon.at(NOW)
    window = at_noon.window(Timeframe.M15)
    window.high[5] = 1.0
    CandleWindows(at_noon.bucket).save(window)
    market = at_noon.at(NOW + 180_000)
    assert reasons(market) == [(Reason.DATA_BROKEN, False)]
    assert np.array_equal(
        table(market.candles[Timeframe.M15]), table(before.candles[Timeframe.M15])
    )
    assert at_noon.at(NOW + 360_000).issues == ()


# Broken answers, each for each part of the market

UNKNOWN = None
"""Of the exchange itself nothing is known: the part that could not be read gives the reason."""
REASONS = {
    "book": Reason.BOOK_MISSING,
    "circuit_break_mode": Reason.MODE_UNKNOWN,
    "status": Reason.STATUS_UNKNOWN,
    "rules": Reason.RULES_UNKNOWN,
}
BROKEN_200 = {
    "html": HTML,
    "empty": raw(b"", kind="application/json"),
    "truncated": raw(b'{"success":1,"data":{"asks":[["1', kind="application/json"),
    "list": raw(b"[]", kind="application/json"),
    "null": raw(b"null", kind="application/json"),
    "text": raw(b'"ok"', kind="application/json"),
    "null-data": raw(b'{"success":1,"data":null}', kind="application/json"),
    "no-data": raw(b'{"success":1}', kind="application/json"),
    "list-data": raw(b'{"success":1,"data":[]}', kind="application/json"),
    "no-success": raw(b'{"data":{"mode":"NONE"}}', kind="application/json"),
    "success-0": raw(b'{"success":0,"data":{}}', kind="application/json"),
}
OTHERWISE_BROKEN = {
    "empty-data": (enveloped({}), UNKNOWN, 3),
    "wrong-kinds": (
        enveloped(
            {
                "mode": 7,
                "statuses": {},
                "pairs": "btc_jpy",
                "asks": 1,
                "bids": 1,
                "timestamp": "now",
            }
        ),
        UNKNOWN,
        3,
    ),
    "nothing-in-it": (
        enveloped(dict.fromkeys(("mode", "statuses", "pairs", "asks", "bids", "timestamp"))),
        UNKNOWN,
        3,
    ),
    "another-pair": (
        enveloped({"statuses": [{"pair": "eth_jpy"}], "pairs": [{"name": "eth_jpy"}]}),
        UNKNOWN,
        3,
    ),
    "429-json": (refused(10009, 429), Reason.EXCHANGE_BUSY, 3),
    "429-empty-json": (raw(b"{}", status=429, kind="application/json"), Reason.EXCHANGE_BUSY, 3),
    "429-text": (raw(b"Too Many Requests", status=429, kind="text/plain"), Reason.EXCHANGE_BUSY, 3),
    "200-10009": (refused(10009, 200), Reason.EXCHANGE_BUSY, 3),
    "503-busy": (refused(10008, 503), Reason.EXCHANGE_BUSY, 3),
    "500-json": (refused(10001, 500), UNKNOWN, 3),
    "500-html": (raw(b"<html>", status=500), UNKNOWN, 3),
    "502-html": (raw(b"<html>", status=502), UNKNOWN, 3),
    "403-html": (raw(b"<html>", status=403), UNKNOWN, 1),
    "maintenance": (refused(10007, 503), Reason.EXCHANGE_HALTED, 1),
    "not-found": (refused(10000, 404), UNKNOWN, 1),
    "unknown-code": (refused(99999, 400), UNKNOWN, 1),
    "short-body": (enveloped({"mode": "NONE"}, X_Cut="1"), UNKNOWN, 3),
}
EVERY_BREAK = {name: (answer, UNKNOWN, 3) for name, answer in BROKEN_200.items()} | OTHERWISE_BROKEN


@pytest.mark.parametrize("name", EVERY_BREAK)
def test_a_broken_part_is_an_issue_and_the_rest_is_there(briefly, name):
    answer, reason, asked = EVERY_BREAK[name]
    briefly.at(NOW)
    tried = 0
    for part, path in PATHS.items():
        briefly.feed = briefly.new_feed()  # forgets the rules, so that they are read too
        briefly.exchange.fail(f"^{path}$", answer)
        market = briefly.at(NOW + 180_000)
        assert reasons(market) == [(reason or REASONS[part], True)], part
        assert market.issues[0].context["what"] == part
        assert "\n" not in market.issues[0].context["detail"]
        assert len(market.candles[Timeframe.M15]) == 40
        assert (market.book is None) == (part == "book")
        assert briefly.exchange.asked.count(path) == asked
        briefly.exchange.heal()
        tried += 1
        briefly.feed.close()
    assert tried == 4


@pytest.mark.parametrize("part", PATHS)
def test_a_fault_that_passes_is_not_even_noticed(briefly, part):
    briefly.exchange.fail(f"^{PATHS[part]}$", HTML, times=2)
    market = briefly.at(NOW)
    assert market.issues == ()
    assert briefly.exchange.asked.count(PATHS[part]) == 3
    assert briefly.sleeps == [0.5 * 1.5, 1.0 * 1.5]  # base x 2^n x (1 + jitter)


def test_every_field_of_an_answer_that_is_used_is_missed(briefly):
    wanted = {
        "book": ["asks", "bids", "timestamp"],
        "circuit_break_mode": ["mode", "timestamp"],
        "status": ["statuses"],
        "rules": ["pairs"],
    }
    briefly.at(NOW)
    tried = 0
    for part, names in wanted.items():
        for name in names:
            briefly.feed = briefly.new_feed()
            _, _, body = briefly.exchange.answer(PATHS[part])
            data = json.loads(body)["data"]
            del data[name]
            briefly.exchange.fail(f"^{PATHS[part]}$", enveloped(data))
            market = briefly.at(NOW + 180_000)
            assert reasons(market) == [(REASONS[part], True)]
            assert f"{name} is missing" in market.issues[0].context["detail"]
            briefly.exchange.heal()
            briefly.feed.close()
            tried += 1
    assert tried == 7


def test_rules_that_cannot_be_renewed_are_used_for_another_hour(briefly):
    briefly.exchange.pair |= {"market_max_amount": "3"}
    briefly.at(NOW)
    briefly.exchange.fail(PATHS["rules"], HTML)
    market = briefly.at(NOW + 61 * MINUTE)
    assert reasons(market) == [(Reason.RULES_UNKNOWN, False)]
    assert market.rules.max_market_lots == 30_000
    market = briefly.at(NOW + 121 * MINUTE)
    assert reasons(market) == [(Reason.RULES_UNKNOWN, True)]
    assert market.rules.max_market_lots == 30_000


def test_patience_that_is_asked_for_is_given_and_counted(briefly):
    briefly.exchange.fail(PATHS["book"], refused(10009, 429, Retry_After="3"), times=1)
    before = briefly.feed.requests
    market = briefly.at(NOW)
    assert market.issues == ()
    assert briefly.sleeps == [3.0]
    assert briefly.feed.requests - before == len(briefly.exchange.asked)


def test_more_patience_than_a_tick_has_is_not_waited_for(briefly):
    briefly.exchange.fail(PATHS["book"], refused(10009, 429, Retry_After="120"))
    market = briefly.at(NOW)
    assert reasons(market) == [(Reason.EXCHANGE_BUSY, True)]
    assert briefly.sleeps == []
    assert briefly.exchange.asked.count(PATHS["book"]) == 1


def test_nothing_sleeps_or_asks_past_the_deadline(briefly):
    briefly.exchange.fail(PATHS["circuit_break_mode"], HTML)
    market = briefly.feed.fetch(NOW, deadline=time.monotonic() + 0.6)
    assert briefly.sleeps == []  # the first back-off would take 0.75 s
    assert (Reason.MODE_UNKNOWN, True) in reasons(market)
    asked = len(briefly.exchange.asked)
    too_late = briefly.new_feed().fetch(NOW, deadline=time.monotonic() - 1)
    assert "no time was left" in too_late.issues[0].context["detail"]
    assert too_late.book is None
    briefly.bucket = MemoryBucket()
    with pytest.raises(Unavailable, match="no time was left"):
        briefly.new_feed().fetch(NOW, deadline=time.monotonic() - 1)
    assert len(briefly.exchange.asked) == asked


def test_the_deadline_that_is_bound_holds_for_every_reading_also_without_one_of_its_own(briefly):
    briefly.at(NOW)

    def slow() -> Answer:
        time.sleep(1.0)
        return HTML

    briefly.exchange.fail(PATHS["book"], slow)
    began = time.monotonic()
    with bind_deadline(Deadline.after(0.5)):
        market = briefly.feed.fetch(NOW + MINUTE)
    assert time.monotonic() - began < 0.95
    assert reasons(market) == [(Reason.BOOK_MISSING, True)]
    asked = len(briefly.exchange.asked)
    with bind_deadline(Deadline.after(-1.0)):
        for ask in (
            lambda feed: feed.minutes(NOW - 60 * MINUTE, NOW),
            lambda feed: feed.clock_skew_ms(deadline=time.monotonic() + 6.0),
            lambda feed: feed.rules(NOW),
        ):
            with pytest.raises(Unavailable, match="no time was left"):
                ask(briefly.new_feed())
    assert len(briefly.exchange.asked) == asked


def test_an_answer_that_takes_longer_than_the_deadline_is_cut_off(briefly):
    briefly.at(NOW)

    def slow() -> Answer:
        time.sleep(1.0)
        return HTML

    briefly.exchange.fail(PATHS["book"], slow)
    began = time.monotonic()
    market = briefly.feed.fetch(NOW + MINUTE, deadline=began + 0.5)
    assert time.monotonic() - began < 0.95
    assert reasons(market) == [(Reason.BOOK_MISSING, True)]
    assert "did not answer in time" in market.issues[0].context["detail"]


def test_a_refused_connection_is_one_sentence(briefly):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    feed = briefly.new_feed(url)
    with pytest.raises(Unavailable) as caught:
        feed.fetch(NOW)
    assert str(caught.value) == f"bitbank at {url} refused the connection"
    assert feed.requests <= 3 + 3 + 7  # each host is tried again once, then asked once a question
    assert len(briefly.sleeps) == 4


def test_without_the_exchange_a_stored_window_is_still_told(briefly):
    briefly.at(NOW)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        feed = briefly.new_feed(f"http://127.0.0.1:{closed.getsockname()[1]}")
    briefly.clock._now_ms = NOW + HOUR
    market = feed.fetch(NOW + HOUR)
    assert len(market.candles[Timeframe.M15]) == 40
    assert market.book is None
    found = {reason for reason, forbids in reasons(market) if forbids}
    assert found == {*REASONS.values(), Reason.DATA_MISSING, Reason.DATA_STALE}
    assert market.clock_skew_ms is None


def test_a_book_that_stood_still_is_stale(briefly):
    briefly.exchange.fail(
        PATHS["book"],
        enveloped({"asks": [["2", "1"]], "bids": [["1", "1"]], "timestamp": NOW - 61_000}),
    )
    assert reasons(briefly.at(NOW)) == [(Reason.BOOK_STALE, True)]


# Answers of another time


@pytest.mark.parametrize("cached_seconds", [11, 40, 600])
@pytest.mark.parametrize(
    ("close", "kinds"),
    [((2026, 2, 11, 12, 15), ["15min"]), ((2026, 2, 11, 16), ["15min", "4hour"])],
)
def test_the_candle_of_a_cached_answer_is_not_taken_until_a_fresh_one_comes(
    at_noon, close, kinds, cached_seconds
):
    at_noon.at(NOW)
    now = ms(*close) + 10_000
    at_noon.at(now - 180_000)
    at_noon.exchange.cached_ms = cached_seconds * 1000
    market = at_noon.at(now)
    assert (Reason.DATA_STALE, True) in reasons(market)
    assert {reason for reason, _ in reasons(market)} == {Reason.DATA_STALE}
    assert Counter(file.split("/")[0] for file in at_noon.exchange.candle_files()) == dict.fromkeys(
        kinds, 3
    )  # asked again
    for kind, timeframe in (("15min", Timeframe.M15), ("4hour", Timeframe.H4)):
        candles = market.candles[timeframe]
        last = int(candles.opened_at[-1])
        assert last + timeframe.ms < now - 10_000 or kind not in kinds
        assert np.array_equal(
            table(candles.tail(20)), expected(kind, timeframe, last, 20, at_noon.exchange, now)
        )
    at_noon.exchange.cached_ms = 0
    healed = at_noon.at(now + 180_000)
    assert healed.issues == ()
    assert int(healed.candles[Timeframe.M15].closed_at[-1]) == ms(*close)


def test_an_answer_that_is_stale_once_is_only_asked_for_again(at_noon):
    at_noon.at(NOW)
    now = ms(2026, 2, 11, 12, 15, 10)
    at_noon.exchange.fail(
        "15min/", lambda: at_noon.exchange.candles("15min", "20260211", now - 40_000), times=2
    )
    market = at_noon.at(now)
    assert market.issues == ()
    assert market.candles[Timeframe.M15].closed_at[-1] == ms(2026, 2, 11, 12, 15)
    assert at_noon.exchange.candle_files() == ["15min/20260211"] * 3


def test_a_stale_answer_at_the_roll_leaves_no_hole_behind():
    with world(ms(2026, 2, 11, 23, 50)) as at:
        at.at(ms(2026, 2, 11, 23, 50))
        at.exchange.cached_ms = 40_000
        market = at.at(ms(2026, 2, 12, 0, 0, 10))
        assert (Reason.DATA_STALE, True) in reasons(market)
        assert market.candles[Timeframe.M15].closed_at[-1] == ms(2026, 2, 11, 23, 45)
        at.exchange.cached_ms = 0
        at.exchange.fail(
            "15min/20260211",
            lambda: at.exchange.candles("15min", "20260211", ms(2026, 2, 11, 23, 58)),
        )
        market = at.at(
            ms(2026, 2, 12, 0, 15, 10)
        )  # today's file is whole, yesterday's is an old answer
        assert market.candles[Timeframe.M15].closed_at[-1] == ms(2026, 2, 11, 23, 45)
        assert (Reason.DATA_STALE, True) in reasons(market)
        at.exchange.heal()
        market = at.at(ms(2026, 2, 12, 0, 30, 10))
        assert market.issues == ()
        assert (np.diff(market.candles[Timeframe.M15].opened_at) == Timeframe.M15.ms).all()


@pytest.mark.parametrize("before_ms", [1, 69, 341])
def test_a_past_file_is_stamped_in_its_own_period_as_bitbank_does(before_ms):
    """Its own examples say 23:59:59.931 and 23:59:59.659 for files of past days."""
    with world(ms(2026, 2, 11, 23, 50)) as at:
        at.exchange.stamp = lambda now, end: min(now, end - before_ms)
        at.at(ms(2026, 2, 11, 23, 50))
        market = at.at(ms(2026, 2, 12, 0, 0, 10))
        assert market.issues == ()
        assert market.candles[Timeframe.M15].closed_at[-1] == ms(2026, 2, 12)
        assert market.candles[Timeframe.H4].closed_at[-1] == ms(2026, 2, 12)
        minutes = at.feed.minutes(ms(2026, 2, 11), ms(2026, 2, 12))
        assert len(minutes) == 1_440
        archive = CandleArchive(at.bucket)
        collect(at.feed, archive, Timeframe.M15, ms(2026, 2, 10), ms(2026, 2, 12))
        assert archive.complete(Timeframe.M15) == {"20260210", "20260211"}


@pytest.mark.parametrize("cached_seconds", [11, 40, 119])
def test_a_minute_of_a_cached_answer_is_never_settled_from(at_noon, cached_seconds):
    at_noon.clock._now_ms = ms(2026, 2, 11, 11, 58, 10)
    at_noon.exchange.cached_ms = cached_seconds * 1000
    with pytest.raises(Unavailable, match="before its last candle closed"):
        at_noon.feed.minutes(ms(2026, 2, 11, 11), NOW)
    assert at_noon.exchange.candle_files() == ["1min/20260211"] * 3
    at_noon.exchange.cached_ms = 0
    minutes = at_noon.feed.minutes(ms(2026, 2, 11, 11), NOW)
    assert minutes.closed_at[-1] == ms(2026, 2, 11, 11, 58)


def test_with_a_clock_that_is_ahead_the_minutes_end_with_the_exchanges_own(at_noon):
    at_noon.clock._now_ms = ms(2026, 2, 11, 11, 58, 20)
    at_noon.exchange.ahead_ms = -30_000  # for the exchange it is 11:57:50
    minutes = at_noon.feed.minutes(ms(2026, 2, 11, 11), NOW)
    assert minutes.closed_at[-1] == ms(2026, 2, 11, 11, 57)


def test_a_cached_answer_of_yesterday_does_not_complete_an_archive():
    with world(ms(2026, 2, 12, 0, 0, 20)) as at:
        archive = CandleArchive(at.bucket)
        at.exchange.cached_ms = 3_600_000
        done = collect(at.feed, archive, Timeframe.M15, ms(2026, 2, 11), ms(2026, 2, 12))
        assert (done.candles, archive.complete(Timeframe.M15)) == (92, frozenset())
        at.exchange.cached_ms = 0
        at.feed = at.new_feed()
        done = collect(at.feed, archive, Timeframe.M15, ms(2026, 2, 11), ms(2026, 2, 12))
        assert (done.candles, archive.complete(Timeframe.M15)) == (96, frozenset({"20260211"}))


def test_an_older_answer_after_a_newer_one_takes_nothing_back(at_noon):
    at_noon.at(NOW)
    changed = ms(2026, 2, 11, 11)
    before = at_noon.at(NOW + 15 * MINUTE)
    at_noon.exchange.changed["15min", changed] = (
        5_000  # what the exchange had said before it corrected itself
    )
    at_noon.exchange.cached_ms = 16 * MINUTE
    market = at_noon.at(NOW + 30 * MINUTE)
    assert (Reason.DATA_STALE, True) in reasons(market)
    assert (Reason.DATA_BROKEN, False) not in reasons(market)
    assert np.array_equal(
        table(market.candles[Timeframe.M15]), table(before.candles[Timeframe.M15])
    )


@pytest.mark.parametrize("seconds", [-3_600, -61, 3, 3_600, 86_400])
def test_a_book_of_another_moment_is_not_there_at_all(briefly, seconds):
    briefly.at(NOW)
    book = {
        "asks": [["10001000", "1"]],
        "bids": [["9999000", "1"]],
        "timestamp": NOW + MINUTE + seconds * 1000,
    }
    briefly.exchange.fail(PATHS["book"], enveloped(book))
    market = briefly.at(NOW + MINUTE)
    assert reasons(market) == [(Reason.BOOK_STALE, True)]
    assert market.book is None
    assert briefly.exchange.asked.count(PATHS["book"]) == 3
    briefly.exchange.heal()
    briefly.exchange.fail(PATHS["book"], enveloped(book), times=2)
    assert briefly.at(NOW + MINUTE).issues == ()


@pytest.mark.parametrize("part", ["circuit_break_mode", "15min"])
@pytest.mark.parametrize("seconds", [3, 86_400])
def test_an_answer_of_the_future_is_refused_like_a_broken_one(briefly, part, seconds):
    briefly.at(NOW)
    later = NOW + 15 * MINUTE

    def ahead() -> Answer:
        status, headers, body = (
            briefly.exchange.candles("15min", "20260211", later)
            if part == "15min"
            else enveloped({"mode": "NONE", "timestamp": later})
        )
        told = json.loads(body)
        told["data"]["timestamp"] += seconds * 1000
        return status, headers, json.dumps(told).encode()

    briefly.exchange.fail(PATHS.get(part, part), ahead)
    market = briefly.at(later)
    assert (REASONS.get(part, Reason.DATA_BROKEN), True) in reasons(market)
    assert any("ahead of the present" in issue.context.get("detail", "") for issue in market.issues)


def test_a_book_whose_number_goes_back_is_refused_once_and_a_new_count_is_believed(briefly):
    briefly.exchange.sequence = "900"
    assert briefly.at(NOW).issues == ()
    briefly.exchange.sequence = "899"
    assert reasons(briefly.at(NOW + MINUTE)) == [(Reason.BOOK_STALE, True)]
    assert briefly.at(NOW + 2 * MINUTE).issues == ()


# The rules of this minute


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"is_enabled": False}, ("enabled", False)),
        ({"stop_order": True}, ("enabled", False)),
        ({"stop_stop_order": True}, ("stop_orders", False)),
        ({"stop_market_order": True}, ("market_orders", False)),
        ({"stop_buy_order": True}, ("long_opens", False)),
        ({"market_max_amount": "2"}, ("max_market_lots", 20_000)),
        ({"unit_amount": "0.0005"}, ("min_lots", 5)),
    ],
)
def test_whoever_may_enter_knows_what_the_exchange_says_now(briefly, change, told):
    name, value = told
    before = briefly.at(NOW, may_enter=True)
    assert getattr(before.rules, name) != value
    briefly.exchange.pair |= change
    quiet = briefly.at(NOW + 180_000)
    assert getattr(quiet.rules, name) == getattr(before.rules, name)
    assert PATHS["rules"] not in briefly.exchange.asked
    market = briefly.at(NOW + 180_000, may_enter=True)
    assert getattr(market.rules, name) == value
    assert briefly.exchange.asked.count(PATHS["rules"]) == 1


def test_rules_that_cannot_be_read_now_forbid_what_they_are_needed_for(briefly):
    briefly.exchange.pair |= {"market_max_amount": "3"}
    briefly.at(NOW, may_enter=True)
    briefly.exchange.fail(PATHS["rules"], HTML)
    assert briefly.at(NOW + 180_000).issues == ()
    market = briefly.at(NOW + 180_000, may_enter=True)
    assert reasons(market) == [(Reason.RULES_UNKNOWN, True)]
    assert market.rules.max_market_lots == 30_000  # for what is held, the last known ones


# Clocks


@pytest.mark.parametrize(
    ("ahead", "skew"),
    [
        (0, 0),
        (300, 0),
        (399, 0),
        (400, -400),
        (2_400, -2_400),
        (60_000, -59_400),
        (-1_000, 600),
        (-2_000, 1_600),
        (-30_000, 29_600),
    ],
)
def test_clock_skew_is_measured_as_well_as_whole_seconds_allow(ahead, skew):
    """Ours (at .600) minus theirs; what the second's resolution explains is no skew, so it is never
    overstated.
    """
    now = NOW + 600
    with world(now, market={"window_candles": 40, "window_keep": 60}) as at:
        at.exchange.ahead_ms = ahead
        market = at.at(now)
        assert market.clock_skew_ms == skew
        assert abs(market.clock_skew_ms) <= abs(ahead) <= abs(market.clock_skew_ms) + 1_000
        assert ((Reason.CLOCK_SKEW, True) in reasons(market)) == (abs(market.clock_skew_ms) > 2_000)


def test_a_clock_that_runs_ahead_does_not_take_a_forming_candle_for_a_final_one():
    now = ms(2026, 2, 11, 12, 15, 20)
    with world(now) as at:
        at.exchange.ahead_ms = -30_000  # for the exchange it is 12:14:50
        market = at.at(now)
        assert (Reason.CLOCK_SKEW, True) in reasons(market)
        assert market.candles[Timeframe.M15].closed_at[-1] == ms(2026, 2, 11, 12)
        assert at.window(Timeframe.M15).closed_at[-1] == ms(2026, 2, 11, 12)


@pytest.mark.parametrize("date", [None, "yesterday", ""])
def test_a_senseless_date_header_measures_nothing(briefly, date):
    briefly.exchange.date = lambda: date
    market = briefly.at(NOW)
    assert market.clock_skew_ms is None
    assert market.issues == ()


def test_a_date_from_a_cache_measures_nothing(briefly):
    briefly.exchange.ahead_ms = -3_600_000
    briefly.exchange.fail(".*", lambda: enveloped({"mode": "NONE"}, Age="3600"))
    briefly.feed._rest.read("public", "{pair}/circuit_break_info", dict, {"pair": "btc_jpy"})
    assert briefly.feed._rest.skew.ms is None


# Minutes, history, archive


def test_minutes_come_from_day_files_and_only_final_ones(at_noon):
    start, end = ms(2026, 2, 9, 23, 50), ms(2026, 2, 11, 12)
    at_noon.clock._now_ms = ms(2026, 2, 11, 11, 58, 9)
    minutes = at_noon.feed.minutes(start, end)
    assert at_noon.exchange.candle_files() == ["1min/20260209", "1min/20260210", "1min/20260211"]
    assert minutes.opened_at[0] == start
    assert minutes.closed_at[-1] == ms(
        2026, 2, 11, 11, 57
    )  # 11:58 closed nine seconds ago: not final
    assert (np.diff(minutes.opened_at) == MINUTE).all()
    assert (minutes.volume == 0).any()


def test_minutes_of_past_days_are_kept_and_todays_are_read_again(at_noon):
    for _ in range(3):
        at_noon.feed.minutes(ms(2026, 2, 10), NOW)
    assert Counter(at_noon.exchange.candle_files()) == {"1min/20260210": 1, "1min/20260211": 3}


def test_todays_minutes_are_not_asked_for_before_one_is_final():
    with world(ms(2026, 2, 12, 0, 1, 9)) as at:
        at.exchange.absent.add("1min/20260212")
        assert len(at.feed.minutes(ms(2026, 2, 11, 23, 55), ms(2026, 2, 12, 1))) == 5
        at.clock._now_ms += 1_000
        with pytest.raises(Unavailable, match="minutes of 20260212 are missing"):
            at.feed.minutes(ms(2026, 2, 11, 23, 55), ms(2026, 2, 12, 1))


def test_minutes_that_cannot_be_had_are_an_error_and_never_a_hole(at_noon):
    at_noon.exchange.fail("1min/20260210", HTML)
    with pytest.raises(Unavailable, match="not with its JSON"):
        at_noon.feed.minutes(ms(2026, 2, 9), NOW)
    at_noon.exchange.heal()
    at_noon.exchange.fail("1min/20260210", enveloped({}))
    with pytest.raises(BadData, match="timestamp is missing"):
        at_noon.feed.minutes(ms(2026, 2, 9), NOW)
    at_noon.exchange.heal()
    assert len(at_noon.feed.minutes(ms(2026, 2, 9), ms(2026, 2, 10))) == 1_440
    assert len(at_noon.feed.minutes(ms(2026, 2, 9), ms(2026, 2, 9))) == 0


def test_history_comes_with_progress_and_skips_what_the_exchange_does_not_have(at_noon):
    at_noon.exchange.absent.add("15min/20260209")
    told: list[tuple[int, int]] = []
    candles = at_noon.feed.history(
        Timeframe.M15, ms(2026, 2, 8), NOW + DAY, lambda done, of: told.append((done, of))
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert len(candles) == 2 * 96 + 48
    assert len(at_noon.feed.history(Timeframe.H4, ms(2025, 12, 31), ms(2026, 1, 2))) == 12


def test_a_file_from_before_the_exchange_is_not_even_asked_for(at_noon):
    with pytest.raises(NotThere, match="2017-02-14"):
        at_noon.feed.candle_file(file_of(Timeframe.M15, ms(2016, 1, 1)))
    assert at_noon.exchange.asked == []


def test_the_archive_is_filled_once_and_only_what_grows_is_read_again(at_noon):
    archive = CandleArchive(at_noon.bucket)
    start = ms(2026, 2, 1)
    first = collect(at_noon.feed, archive, Timeframe.M15, start, NOW)
    assert (first.files_read, first.files_kept, first.candles, first.missing_candles) == (
        11,
        0,
        10 * 96 + 48,
        0,
    )
    at_noon.exchange.forget()
    again = collect(at_noon.feed, archive, Timeframe.M15, start, NOW)
    assert at_noon.exchange.candle_files() == ["15min/20260211"]
    assert (again.files_read, again.files_kept, again.candles, again.corrections) == (
        1,
        10,
        10 * 96 + 48,
        0,
    )
    at_noon.clock._now_ms = ms(2026, 2, 12, 0, 1)
    at_noon.exchange.changed["15min", ms(2026, 2, 11, 3)] = 70
    last = collect(at_noon.feed, archive, Timeframe.M15, start, at_noon.clock.now_ms())
    assert last.corrections == 1
    at_noon.exchange.forget()
    collect(at_noon.feed, archive, Timeframe.M15, start, ms(2026, 2, 12))
    assert at_noon.exchange.asked == []


def test_a_collection_that_was_interrupted_goes_on_where_it_stopped(at_noon):
    archive = CandleArchive(at_noon.bucket)
    at_noon.exchange.fail("15min/20260206", HTML)
    with pytest.raises(Unavailable):
        collect(at_noon.feed, archive, Timeframe.M15, ms(2026, 2, 1), NOW)
    assert len(archive.complete(Timeframe.M15)) == 5
    at_noon.exchange.heal()
    at_noon.exchange.forget()
    done = collect(at_noon.feed, archive, Timeframe.M15, ms(2026, 2, 1), NOW)
    assert at_noon.exchange.candle_files()[0] == "15min/20260206"
    assert done.candles == 10 * 96 + 48


def test_a_collection_names_what_the_exchange_does_not_have(at_noon):
    at_noon.exchange.first_at = ms(2026, 2, 9)
    done = collect(at_noon.feed, CandleArchive(at_noon.bucket), Timeframe.M15, ms(2026, 2, 7), NOW)
    assert done.files_missing == ("20260207", "20260208")
    assert done.candles == 2 * 96 + 48


# The transport


def test_retry_after_is_read_as_seconds_or_as_a_date():
    from shared.exchanges.bitbank.transport import retry_after_seconds

    now = "Wed, 11 Feb 2026 12:00:00 GMT"
    assert retry_after_seconds("2.5") == 2.5
    assert retry_after_seconds(None) == 1.0
    assert retry_after_seconds("soon") == 1.0
    assert retry_after_seconds("inf") == 1.0
    assert retry_after_seconds("nan") == 1.0
    assert retry_after_seconds("-3") == 0.0
    assert retry_after_seconds("Wed, 11 Feb 2026 12:00:07 GMT", date=now) == 7.0
    assert retry_after_seconds("Wed, 11 Feb 2026 12:00:07 GMT") == 1.0


def test_the_pace_lets_a_burst_through_and_then_one_at_a_time():
    from shared.exchanges.bitbank.pace import RequestPace

    slept: list[float] = []
    pace = RequestPace(10.0, monotonic=lambda: sum(slept), sleep=slept.append)
    for _ in range(30):
        pace.wait()
    assert sum(slept) == pytest.approx(2.0)
    assert len(slept) == 20


def test_only_an_exchange_at_home_is_asked_without_a_pace(at_noon):
    assert at_noon.feed._rest._pace is None
    far = configuration.load_settings({})
    assert BitbankFeed(far, at_noon.clock, CandleWindows(at_noon.bucket))._rest._pace is not None


def test_too_many_requests_after_all_tries_is_its_own_error(at_noon):
    at_noon.exchange.fail(".*", refused(10009, 429, Retry_After="2"))
    with pytest.raises(RateLimited) as caught:
        at_noon.feed.candle_file(file_of(Timeframe.M15, NOW))
    assert caught.value.retry_after_seconds == 2.0
    assert at_noon.sleeps == [2.0, 2.0]
