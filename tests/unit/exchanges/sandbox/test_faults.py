"""Every fault fires through real HTTP, is counted, and stops when it should."""

import http.client
import json
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from shared.core.errors import UserError
from shared.exchanges.sandbox.faults import EVERY_KIND, Fault, Faults, fault_from
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.server import Sandbox, serve
from shared.exchanges.sandbox.spoil import KINDS
from shared.exchanges.sandbox.time_source import SteppedTime
from tests.unit.exchanges.sandbox.conftest import NOW, Answer, Browser, Running

TODAY = "/btc_jpy/candlestick/15min/20260108"
DEPTH, TICKER, BREAK = "/btc_jpy/depth", "/btc_jpy/ticker", "/btc_jpy/circuit_break_info"
STATUS, PAIRS = "/v1/spot/status", "/v1/spot/pairs"

Check = Callable[[Answer, Answer], bool]


def is_code(code: int, status: int) -> Check:
    return lambda spoilt, _good: (
        (spoilt.status, spoilt.json)
        == (
            status,
            {"success": 0, "data": {"code": code}},
        )
    )


def is_html(status: int) -> Check:
    return lambda spoilt, _good: (
        spoilt.status == status
        and spoilt.body.startswith(b"<html>")
        and spoilt.headers["Content-Type"].startswith("text/html")
    )


def is_body(body: bytes) -> Check:
    return lambda spoilt, _good: (spoilt.status, spoilt.body) == (200, body)


def rows(answer: Answer) -> list[Any]:
    found: list[Any] = answer.data["candlestick"][0]["ohlcv"]
    return found


def truncated(spoilt: Answer, good: Answer) -> bool:
    return (
        spoilt.status == 200
        and good.body.startswith(spoilt.body)
        and len(spoilt.body) == len(good.body) // 2
    )


def skewed(spoilt: Answer, good: Answer) -> bool:
    off = parsedate_to_datetime(spoilt.headers["Date"]) - parsedate_to_datetime(
        good.headers["Date"]
    )
    return off.total_seconds() == 30 and spoilt.data["timestamp"] - good.data["timestamp"] == 30_000


def wide(spoilt: Answer, good: Answer) -> bool:
    def spread(answer: Answer) -> float:
        ask, bid = (int(answer.data[side][0][0]) for side in ("asks", "bids"))
        return 2 * (ask - bid) / (ask + bid)

    return spread(good) < 0.0003 and abs(spread(spoilt) - 0.01) < 1e-4


def crossed(spoilt: Answer, _good: Answer) -> bool:
    return int(spoilt.data["bids"][0][0]) > int(spoilt.data["asks"][0][0])


def far(spoilt: Answer, good: Answer) -> bool:
    best = [
        [int(answer.data[side][0][0]) for side in ("asks", "bids")] for answer in (spoilt, good)
    ]
    return all(abs(10 * wrong - right) <= 10 for wrong, right in zip(*best, strict=True))


def broken(spoilt: Answer, _good: Answer) -> bool:
    data = spoilt.data
    return (
        data["mode"] == "CIRCUIT_BREAK"
        and data["upper_trigger_price"] is None
        and data["reopen_timestamp"] > NOW
    )


EXPECTED: dict[str, tuple[str, Check]] = {
    "http-500": (TICKER, is_html(500)),
    "http-502": (TODAY, is_html(502)),
    "http-503-json": (TICKER, is_code(10008, 503)),
    "http-500-json": (TICKER, is_code(10001, 500)),
    "maintenance": (STATUS, is_code(10007, 503)),
    "rate-limit": (TICKER, is_code(10009, 429)),
    "rate-limit-text": (
        TICKER,
        lambda spoilt, _: (spoilt.status, spoilt.body) == (429, b"Too Many Requests"),
    ),
    "rate-limit-retry-after": (
        TICKER,
        lambda spoilt, _: spoilt.status == 429 and spoilt.headers["Retry-After"] == "1",
    ),
    "html": (TICKER, is_html(200)),
    "empty": (TODAY, is_body(b"")),
    "truncated": (TODAY, truncated),
    "list": (TICKER, is_body(b"[]")),
    "null": (TICKER, is_body(b"null")),
    "empty-data": (DEPTH, is_body(b'{"success":1,"data":{}}')),
    "missing-field": (DEPTH, lambda spoilt, good: set(good.data) - set(spoilt.data) == {"asks"}),
    "clock-skew": (TICKER, skewed),
    "today-missing": (TODAY, is_code(10000, 404)),
    "candle-nan": (
        TODAY,
        lambda spoilt, good: (
            rows(spoilt)[-2][:5] == ["NaN"] * 5 and len(rows(spoilt)) == len(rows(good))
        ),
    ),
    "candle-inverted": (
        TODAY,
        lambda spoilt, _: any(int(row[1]) < int(row[2]) for row in rows(spoilt)),
    ),
    "candle-duplicate": (TODAY, lambda spoilt, good: len(rows(spoilt)) == len(rows(good)) + 1),
    "candle-disorder": (
        TODAY,
        lambda spoilt, good: (
            rows(spoilt) != rows(good) and sorted(rows(spoilt)) == sorted(rows(good))
        ),
    ),
    "candle-hole": (
        TODAY,
        lambda spoilt, good: (
            len(rows(spoilt)) == len(rows(good)) - 3 and rows(spoilt)[-2:] == rows(good)[-2:]
        ),
    ),
    "candle-stale": (TODAY, lambda spoilt, good: rows(spoilt) == rows(good)[:-4]),
    "circuit-break": (BREAK, broken),
    "busy": (
        STATUS,
        lambda spoilt, _: (
            spoilt.data["statuses"][0]
            == {
                "pair": "btc_jpy",
                "status": "BUSY",
                "min_amount": "0.01",
            }
        ),
    ),
    "halt": (STATUS, lambda spoilt, _: spoilt.data["statuses"][0]["status"] == "HALT"),
    "orders-stopped": (PAIRS, lambda spoilt, _: spoilt.data["pairs"][0]["stop_order"] is True),
    "stops-stopped": (PAIRS, lambda spoilt, _: spoilt.data["pairs"][0]["stop_stop_order"] is True),
    "wide-spread": (DEPTH, wide),
    "crossed-book": (DEPTH, crossed),
    "far-book": (DEPTH, far),
    "cached": (
        TODAY,
        lambda spoilt, good: good.data["timestamp"] - spoilt.data["timestamp"] == 40_000,
    ),
    "future": (
        DEPTH,
        lambda spoilt, good: spoilt.data["timestamp"] - good.data["timestamp"] == 86_400_000,
    ),
    "candle-spike": (
        TODAY,
        lambda spoilt, good: int(rows(spoilt)[-2][1]) == 10 * int(rows(good)[-2][1]),
    ),
    "market-stopped": (
        PAIRS,
        lambda spoilt, _: spoilt.data["pairs"][0]["stop_market_order"] is True,
    ),
    "pair-disabled": (PAIRS, lambda spoilt, _: spoilt.data["pairs"][0]["is_enabled"] is False),
}
ON_THE_WIRE = {"slow", "reset", "stall", "short-body"}


def switch_on(running: Running, **fault: Any) -> int:
    answer = running.browser.ask("POST", "/_sandbox/faults", fault)
    assert answer.status == 200, answer.body
    return int(answer.json["id"])


def fired(running: Running, name: str) -> int:
    return int(running.browser.get("/_sandbox/faults").json["fired"].get(name, 0))


def test_every_kind_of_fault_is_tried_here(running: Running) -> None:
    assert set(EXPECTED) | ON_THE_WIRE == set(KINDS)
    known = running.browser.get("/_sandbox/faults").json["known"]
    assert set(known) == set(EVERY_KIND)
    assert all(sentence.endswith(".") for sentence in known.values())


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_fault_spoils_one_answer_and_is_counted(running: Running, name: str) -> None:
    path, spoilt_as_named = EXPECTED[name]
    good = running.browser.get(path)
    switch_on(running, name=name, times=1)
    assert spoilt_as_named(running.browser.get(path), good)
    assert fired(running, name) == 1
    assert running.browser.get("/_sandbox/faults").json["active"] == []
    assert running.browser.get(path).body == good.body


def test_a_slow_answer_comes_late_and_whole(running: Running) -> None:
    good = running.browser.get(TICKER)
    switch_on(running, name="slow", seconds=0.2, times=1)
    began = time.monotonic()
    assert running.browser.get(TICKER).body == good.body
    assert time.monotonic() - began >= 0.2


def test_a_reset_connection_gives_no_answer(running: Running) -> None:
    switch_on(running, name="reset", times=1)
    with pytest.raises(ConnectionError):
        running.browser.get(TICKER)
    assert fired(running, "reset") == 1
    assert running.browser.get(TICKER).status == 200


def test_a_short_body_breaks_off(running: Running) -> None:
    switch_on(running, name="short-body", times=1)
    with pytest.raises(http.client.IncompleteRead):
        running.browser.get(TICKER)


def test_a_stalled_answer_outlasts_the_client_s_patience(running: Running) -> None:
    switch_on(running, name="stall", times=1, path=TICKER)
    hasty = Browser(running.port, timeout=0.2)
    with pytest.raises(TimeoutError):
        hasty.get(TICKER)
    hasty.close()
    assert fired(running, "stall") == 1


def test_closing_does_not_wait_for_stalls_and_delays(market: SandboxMarket) -> None:
    faults = Faults(
        Fault(name="slow", seconds=60, path=DEPTH), Fault(name="stall", seconds=60, path=TICKER)
    )
    server = serve(Sandbox(market, SteppedTime(NOW), faults=faults))
    for path in (TICKER, DEPTH):
        hasty = Browser(server.port, timeout=0.1)
        with pytest.raises(TimeoutError):
            hasty.get(path)
        hasty.close()
    began = time.monotonic()
    server.close()
    assert time.monotonic() - began < 2


def test_a_fault_fits_only_its_paths(running: Running) -> None:
    switch_on(running, name="http-502", path="/btc_jpy/candlestick/4hour/*")
    assert running.browser.get(TODAY).status == 200
    assert running.browser.get("/btc_jpy/candlestick/4hour/2026").status == 502
    assert running.browser.get(TICKER).status == 200


def test_a_fault_fires_as_often_as_it_was_told(running: Running) -> None:
    switch_on(running, name="rate-limit", times=3)
    assert [running.browser.get(TICKER).status for _ in range(5)] == [429, 429, 429, 200, 200]


def test_a_fault_sleeps_outside_its_hours(running: Running) -> None:
    switch_on(running, name="http-500", from_ms=NOW + 60_000, until_ms=NOW + 120_000)
    statuses = []
    for now in (NOW, NOW + 60_000, NOW + 119_999, NOW + 120_000):
        running.browser.ask("POST", "/_sandbox/clock", {"advance_to_ms": now})
        statuses.append(running.browser.get(TICKER).status)
    assert statuses == [200, 500, 500, 200]


def test_a_fault_left_to_chance_follows_its_seed(market: SandboxMarket) -> None:
    def statuses(seed: int) -> list[int]:
        sandbox = Sandbox(
            market,
            SteppedTime(NOW),
            faults=Faults(Fault(name="http-502", probability=0.3), seed=seed),
        )
        return [sandbox.answer("GET", TICKER).status for _ in range(300)]

    assert statuses(1) == statuses(1) != statuses(2)
    assert 60 < statuses(1).count(502) < 120


def test_faults_can_be_switched_off_one_by_one_and_together(running: Running) -> None:
    first = switch_on(running, name="http-500", path=TICKER)
    switch_on(running, name="http-502", path=DEPTH)
    running.browser.ask("DELETE", f"/_sandbox/faults/{first}")
    assert [running.browser.get(path).status for path in (TICKER, DEPTH)] == [200, 502]
    assert running.browser.ask("DELETE", "/_sandbox/faults").json["active"] == []
    assert running.browser.get(DEPTH).status == 200


def test_two_faults_can_meet_on_one_answer(running: Running) -> None:
    switch_on(running, name="wide-spread", rate=0.02)
    switch_on(running, name="crossed-book")
    depth = running.browser.get(DEPTH)
    ask, bid = (int(depth.data[side][0][0]) for side in ("asks", "bids"))
    assert 0.019 < (bid - ask) / ask < 0.021
    ticker = running.browser.get(TICKER).data
    assert int(ticker["buy"]) > int(ticker["sell"])
    assert int(running.browser.get("/tickers").data[0]["buy"]) > int(
        running.browser.get("/tickers").data[0]["sell"]
    )


def test_in_a_circuit_break_the_book_crosses(running: Running) -> None:
    switch_on(running, name="circuit-break")
    assert crossed(running.browser.get(DEPTH), running.browser.get(DEPTH))
    assert running.browser.get(BREAK).data["mode"] == "CIRCUIT_BREAK"


def test_a_named_field_goes_missing_wherever_it_is(running: Running) -> None:
    switch_on(running, name="missing-field", field="min_amount")
    assert running.browser.get(STATUS).data["statuses"] == [{"pair": "btc_jpy", "status": "NORMAL"}]
    assert running.browser.get(TICKER).status == 200
    assert fired(running, "missing-field") == 1


def test_a_fault_that_does_not_fit_an_answer_is_neither_shown_nor_counted(running: Running) -> None:
    for name in sorted(KINDS):
        if KINDS[name].endpoints:
            switch_on(running, name=name)
    for path in ("/btc_jpy/candlestick/15min/20270101", "/btc_jpy/transactions", "/nope"):
        assert running.browser.get(path).status in {200, 404}
    yesterday = running.sandbox.answer("GET", "/btc_jpy/candlestick/15min/20260107")
    assert yesterday.status == 200
    candle_faults = {name for name in KINDS if name.startswith("candle-")}
    # A row of NaN has no high that could be spoilt; a past file is the same from a cache.
    assert set(running.browser.get("/_sandbox/faults").json["fired"]) == candle_faults - {
        "candle-spike"
    } | {"cached"}


def test_a_spoilt_answer_can_be_spoilt_again_without_harm(running: Running) -> None:
    for first in ("empty", "null", "list", "html", "http-500-json", "empty-data"):
        for second in sorted(set(EXPECTED)):
            faults = Faults(Fault(name=first), Fault(name=second))
            sandbox = Sandbox(running.sandbox.market, SteppedTime(NOW), faults=faults)
            assert sandbox.answer("GET", EXPECTED[second][0]).status >= 200


def test_a_fault_from_json_takes_every_field() -> None:
    told = {
        "name": "slow",
        "path": "/x",
        "times": 2,
        "probability": 0.5,
        "from_ms": 1,
        "until_ms": 2,
        "seconds": 1.5,
    }
    assert fault_from(json.loads(json.dumps(told))) == Fault(**told)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no name"):
        fault_from({})
