"""Answers have the structure of bitbank's own: strings where it sends strings, numbers where it
sends numbers.
"""

import http.client
import json
import socket
import statistics
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from shared.core.errors import UserError
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.server import Sandbox, serve
from shared.exchanges.sandbox.time_source import MachineTime, SteppedTime
from shared.market.path import book_at, price_at
from tests.unit.exchanges.sandbox.conftest import DAY, NOW, START, Answer, Browser, Running

Asked = Callable[..., Answer]

# Real frames of 2026-09-23, real candle rows of 2026-02-01, and the documented forms where no frame
# is public.
RECORDED: dict[str, Any] = {
    "/btc_jpy/ticker": json.loads(
        '{"sell":"13638336","buy":"13638000","open":"13470001","high":"13655000",'
        '"low":"13368518","last":"13638335",'
        '"vol":"91.1477","timestamp":1790127292650}'
    ),
    "/btc_jpy/depth": json.loads(
        '{"asks":[["13594932","0.0926"],["13595038","0.0579"]],"bids":[["13592268","0.0368"],'
        '["13592266","0.0147"]],'
        '"asks_over":"65.8744","bids_under":"4712.6367","asks_under":"0","bids_over":"0",'
        '"ask_market":"0","bid_market":"0",'
        '"timestamp":1790127887663,"sequenceId":"34423989141"}'
    ),
    "/btc_jpy/transactions": json.loads(
        '{"transactions":[{"transaction_id":1237940856,"side":"sell","price":"13638000",'
        '"amount":"0.0001",'
        '"executed_at":1790127300894}]}'
    ),
    "/btc_jpy/candlestick/1hour/20260108": json.loads(
        '{"candlestick":[{"type":"1hour","ohlcv":[["12226222","12324899","12210902","12253228",'
        '"18.5992",1769904000000],'
        '["12252539","12257504","12156634","12188635","11.0562",1769907600000]]}],'
        '"timestamp":1769990399999}'
    ),
    "/btc_jpy/circuit_break_info": json.loads(
        '{"mode":"NONE","estimated_itayose_price":null,"estimated_itayose_amount":null,'
        '"itayose_upper_price":null,'
        '"itayose_lower_price":null,"upper_trigger_price":"16368002",'
        '"lower_trigger_price":"10912000","fee_type":"NORMAL",'
        '"reopen_timestamp":null,"timestamp":1790127270282}'
    ),
    "/v1/spot/status": json.loads(
        '{"statuses":[{"pair":"btc_jpy","status":"NORMAL","min_amount":"0.0001"}]}'
    ),
    "/v1/spot/pairs": json.loads(
        '{"pairs":[{"name":"btc_jpy","base_asset":"btc","quote_asset":"jpy",'
        '"maker_fee_rate_base":"0","taker_fee_rate_base":"0",'
        '"maker_fee_rate_quote":"0","taker_fee_rate_quote":"0.001",'
        '"margin_open_maker_fee_rate_quote":"0",'
        '"margin_open_taker_fee_rate_quote":"0.001","margin_close_maker_fee_rate_quote":"0",'
        '"margin_close_taker_fee_rate_quote":"0.001","margin_long_interest":"0.0004",'
        '"margin_short_interest":"0.0004",'
        '"margin_current_individual_ratio":"0.5","margin_current_individual_until":1790693999999,'
        '"margin_current_company_ratio":"0.0818","margin_current_company_until":1790693999999,'
        '"margin_next_individual_ratio":"0.5","margin_next_individual_until":1791298799999,'
        '"margin_next_company_ratio":"0.0818","margin_next_company_until":1791298799999,'
        '"unit_amount":"0.0001",'
        '"limit_max_amount":"1000","market_max_amount":"10","market_allowance_rate":"0.2",'
        '"market_in_cb_allowance_rate":"0.2",'
        '"price_digits":0,"amount_digits":4,"is_enabled":true,"stop_order":false,'
        '"stop_order_and_cancel":false,'
        '"stop_market_order":false,"stop_stop_order":false,"stop_stop_limit_order":false,'
        '"stop_margin_long_order":false,'
        '"stop_margin_short_order":false,"stop_buy_order":false,"stop_sell_order":false}]}'
    ),
}


def structure(value: Any) -> Any:
    """Types instead of values; every element of a list must be alike."""
    if isinstance(value, dict):
        return {name: structure(inner) for name, inner in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(inner, str | int) for inner in value):
            return [structure(inner) for inner in value]
        shapes = [structure(inner) for inner in value]
        assert all(shape == shapes[0] for shape in shapes)
        return [shapes[0]] if shapes else []
    return type(value).__name__


@pytest.mark.parametrize("path", sorted(RECORDED))
def test_an_answer_has_the_structure_that_was_recorded(asked: Asked, path: str) -> None:
    assert structure(asked(path).data) == structure(RECORDED[path])


def test_the_pair_row_is_the_real_one_of_2026_09_23(asked: Asked) -> None:
    at = 1_767_060_000_000
    row = asked("/v1/spot/pairs", now=at).data["pairs"][0]
    real = RECORDED["/v1/spot/pairs"]["pairs"][0]
    assert {name: value for name, value in row.items() if "_until" not in name} == {
        name: value for name, value in real.items() if "_until" not in name
    }
    week = 7 * DAY
    assert (
        real["margin_current_individual_until"] - row["margin_current_individual_until"]
    ) % week == 0
    assert at <= row["margin_current_individual_until"] < at + week
    assert row["margin_next_individual_until"] - row["margin_current_individual_until"] == week
    assert asked("/spot/pairs").body == asked("/v1/spot/pairs").body


def test_the_book_stands_half_the_spread_around_the_path(
    asked: Asked, market: SandboxMarket
) -> None:
    for now in range(NOW, NOW + 3_600_000, 7_000):
        depth = asked("/btc_jpy/depth", now=now).data
        expected = book_at(price_at(market.minutes, now), spread_rate=0.0001, as_of=now)
        asks, bids = ([int(price) for price, _ in depth[side]] for side in ("asks", "bids"))
        assert (asks[0], bids[0]) == (expected.ask, expected.bid)
        assert asks == sorted(set(asks))
        assert bids == sorted(set(bids), reverse=True)
        assert len(asks) == len(bids) == 200
        assert all(
            Decimal(size) >= Decimal("0.0001")
            for side in ("asks", "bids")
            for _, size in depth[side]
        )
        ticker = asked("/btc_jpy/ticker", now=now).data
        assert (int(ticker["sell"]), int(ticker["buy"])) == (expected.ask, expected.bid)
        assert int(ticker["last"]) == price_at(market.minutes, now)
        assert int(ticker["low"]) <= int(ticker["last"]) <= int(ticker["high"])
        assert depth["timestamp"] == ticker["timestamp"] == now


def test_who_asks_twice_between_two_points_of_the_path_sees_the_same_levels(asked: Asked) -> None:
    at = NOW - NOW % 60_000
    one, two = (asked("/btc_jpy/depth", now=at + wait).data for wait in (1_000, 19_000))
    assert one["asks"] == two["asks"]
    assert asked("/btc_jpy/depth", now=at + 21_000).data["asks"] != one["asks"]


def test_the_latest_trades_are_sixty_and_newest_first(asked: Asked) -> None:
    trades = asked("/btc_jpy/transactions").data["transactions"]
    times = [trade["executed_at"] for trade in trades]
    assert len(trades) == 60
    assert times == sorted(times, reverse=True)
    assert NOW - 70_000 < times[0] <= NOW
    assert {trade["side"] for trade in trades} == {"buy", "sell"}


def test_tickers_list_the_pair(asked: Asked) -> None:
    for path in ("/tickers", "/tickers_jpy"):
        assert asked(path).data == [{"pair": "btc_jpy", **asked("/btc_jpy/ticker").data}]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nope",
        "/btc_jpy/nope",
        "/nope_jpy/ticker",
        "/btc_jpy/candlestick/15min/2026",
        "/btc_jpy/candlestick/4hour/20260105",
        "/btc_jpy/candlestick/15min/20260120",
        "/btc_jpy/transactions/20260120",
        "/btc_jpy/transactions/2026",
        "/v1/nope",
    ],
)
def test_what_is_not_there_is_404_with_code_10000(asked: Asked, path: str) -> None:
    answer = asked(path)
    assert (answer.status, answer.json) == (404, {"success": 0, "data": {"code": 10000}})


def test_before_its_market_begins_nothing_is_found(asked: Asked) -> None:
    for path in (
        "/btc_jpy/ticker",
        "/btc_jpy/depth",
        "/btc_jpy/circuit_break_info",
        "/btc_jpy/candlestick/1day/2025",
    ):
        assert asked(path, now=START - 1).status == 404
    assert asked("/tickers", now=START - 1).data == []
    assert asked("/v1/spot/status", now=START - 1).status == 200


def test_private_endpoints_say_that_there_is_no_key(running: Running) -> None:
    for method, path in (
        ("GET", "/v1/user/assets"),
        ("POST", "/v1/user/spot/order"),
        ("GET", "/v1/user/margin/positions"),
    ):
        assert running.browser.ask(method, path).json == {"success": 0, "data": {"code": 20003}}


def test_the_date_header_is_the_sandbox_s_clock(running: Running) -> None:
    date = parsedate_to_datetime(running.browser.get("/btc_jpy/ticker").headers["Date"])
    assert int(date.timestamp()) == NOW // 1000


def test_a_real_clock_runs_from_where_it_was_put(market: SandboxMarket) -> None:
    offset = NOW - time.time_ns() // 1_000_000
    with serve(Sandbox(market, MachineTime(offset_ms=offset, speed=100.0))) as server:
        browser = Browser(server.port)
        first = browser.get("/_sandbox/clock").json["now_ms"]
        time.sleep(0.05)
        assert browser.get("/_sandbox/clock").json["now_ms"] - first >= 5_000
        assert 0 <= first - NOW < 600_000
        refused = browser.ask("POST", "/_sandbox/clock", {"advance_to_ms": NOW + DAY})
        assert refused.status == 409
        assert "nobody can step" in refused.json["error"]
        browser.close()


def test_requests_are_counted_by_endpoint_and_its_own_are_not(running: Running) -> None:
    for path in (
        "/btc_jpy/ticker",
        "/btc_jpy/candlestick/15min/20260105",
        "/btc_jpy/candlestick/4hour/2025",
        "/nope",
    ):
        running.browser.get(path)
    running.browser.get("/v1/user/assets")
    told = running.browser.get("/_sandbox/requests").json
    assert told == {
        "total": 5,
        "endpoints": {"ticker": 1, "candlestick": 2, "unknown": 1, "assets": 1},
    }
    assert running.browser.ask("DELETE", "/_sandbox/requests").json["total"] == 0


def test_it_says_what_it_is(running: Running, market: SandboxMarket) -> None:
    told = running.browser.get("/_sandbox/").json
    assert told["market"] == market.source
    assert (told["starts_at"], told["ends_at"], told["now_ms"]) == (
        market.starts_at,
        market.ends_at,
        NOW,
    )


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/_sandbox/clock", b"nonsense"),
        ("POST", "/_sandbox/clock", b"[1]"),
        ("POST", "/_sandbox/clock", {"advance_to_ms": "soon"}),
        ("POST", "/_sandbox/clock", {"advance_to_ms": True}),
        ("POST", "/_sandbox/clock/sleep", {}),
        ("POST", "/_sandbox/faults", {"path": "*"}),
        ("POST", "/_sandbox/faults", {"name": "nope"}),
        ("POST", "/_sandbox/faults", {"name": "slow", "colour": 1}),
        ("POST", "/_sandbox/faults", {"name": "slow", "seconds": "long"}),
        ("POST", "/_sandbox/faults", {"name": "slow", "probability": 2}),
        ("POST", "/_sandbox/faults", {"name": "slow", "times": 0}),
        ("POST", "/_sandbox/faults", {"name": "slow", "seconds": 1e9}),
    ],
)
def test_a_bad_request_to_its_own_endpoints_is_told_in_one_sentence(
    running: Running, method: str, path: str, body: Any
) -> None:
    answer = running.browser.ask(method, path, body)
    assert answer.status == 400
    assert "\n" not in answer.json["error"]
    assert running.browser.get("/_sandbox/faults").json["active"] == []
    assert running.browser.ask("DELETE", "/_sandbox/nope").status == 404


def test_a_body_of_unknown_length_is_refused(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=5) as raw:
        raw.sendall(b"POST /_sandbox/clock HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n")
        assert raw.recv(1000).startswith(b"HTTP/1.1 400")


def test_a_port_in_use_is_one_clear_sentence(running: Running, market: SandboxMarket) -> None:
    with pytest.raises(UserError, match=f"cannot listen on 127.0.0.1:{running.port}"):
        serve(Sandbox(market, SteppedTime(NOW)), port=running.port)


def test_closing_ends_every_connection_and_thread(market: SandboxMarket) -> None:
    before = threading.active_count()
    server = serve(Sandbox(market, SteppedTime(NOW)))
    browsers = [Browser(server.port) for _ in range(5)]
    assert [browser.get("/btc_jpy/ticker").status for browser in browsers] == [200] * 5
    server.close()
    server.close()
    ends = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < ends:
        time.sleep(0.01)
    assert threading.active_count() == before
    for browser in browsers:
        with pytest.raises((OSError, http.client.HTTPException)):
            browser.get("/btc_jpy/ticker")
        browser.close()


def test_many_clients_at_once_get_the_same_final_file(running: Running) -> None:
    bodies: list[bytes] = []

    def ask() -> None:
        browser = Browser(running.port)
        bodies.extend(browser.get("/btc_jpy/candlestick/1min/20260105").body for _ in range(20))
        browser.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bodies) == 160
    assert len(set(bodies)) == 1


def test_a_request_on_a_kept_connection_takes_no_nagle_delay(running: Running) -> None:
    for path, most in (("/btc_jpy/ticker", 0.02), ("/btc_jpy/candlestick/1min/20260105", 0.02)):
        took = []
        for _ in range(20):
            began = time.perf_counter()
            running.browser.get(path)
            took.append(time.perf_counter() - began)
        # Really about 0.5 ms; the limit is far below the 40 ms that a wrongly buffered answer costs
        # on any machine.
        assert statistics.median(took) < most
