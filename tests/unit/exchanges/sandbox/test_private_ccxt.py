"""ccxt's own bitbank as a client of the private endpoints, and the official client's shapes."""

import decimal
import json
from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from shared.exchanges.sandbox.server import serve
from tests.support.bitbank_api import table
from tests.support.private_world import FLAT, PRICE, PrivateWorld, private_world
from tests.support.signed_client import KEY, SECRET

LONG = {"position_side": "long"}


@pytest.fixture
def world() -> Iterator[PrivateWorld]:
    with private_world([FLAT] * 30, btc_lots=5_000) as found:
        yield found


@pytest.fixture
def exchange(world: PrivateWorld) -> Iterator[Any]:
    with serve(world.sandbox) as running:
        client = ccxt.bitbank(
            {
                "apiKey": KEY,
                "secret": SECRET,
                "enableRateLimit": False,
                "timeout": 8_000,
                "urls": {
                    "api": {"public": running.url, "private": running.url, "markets": running.url}
                },
            }
        )
        client.milliseconds = world.clock.now_ms
        with decimal.localcontext():  # ccxt's rounding of numbers changes that of its whole thread
            yield client
        client.session.close()


def test_unified_calls_read_and_trade(world: PrivateWorld, exchange: Any) -> None:
    balance = exchange.fetch_balance()
    assert (balance["JPY"]["total"], balance["BTC"]["free"]) == (10_000_000.0, 0.5)
    order = exchange.create_order("BTC/JPY", "limit", "buy", 0.01, PRICE - 500)
    assert (order["status"], order["remaining"], order["side"]) == ("open", 0.01, "buy")
    (found,) = exchange.fetch_open_orders("BTC/JPY")
    assert found["id"] == order["id"]
    assert exchange.fetch_order(order["id"], "BTC/JPY")["price"] == PRICE - 500
    assert exchange.cancel_order(order["id"], "BTC/JPY")["status"] == "canceled"
    assert exchange.fetch_open_orders("BTC/JPY") == []
    taken = exchange.create_order("BTC/JPY", "market", "sell", 0.01)
    assert exchange.fetch_order(taken["id"], "BTC/JPY")["status"] == "closed"
    (trade,) = exchange.fetch_my_trades("BTC/JPY")
    assert (trade["amount"], trade["takerOrMaker"], trade["order"]) == (0.01, "taker", taken["id"])
    assert {entry.code for entry in world.sandbox.private.log} == {None}


def test_implicit_calls_reach_margin_and_every_answer_is_as_the_table_has_it(
    world: PrivateWorld, exchange: Any
) -> None:
    def order(**more: Any) -> Any:
        return exchange.privatePostUserSpotOrder({"pair": "btc_jpy", "amount": "0.0100", **more})

    entry = order(side="buy", type="market", **LONG)
    stop = order(side="sell", type="stop", trigger_price=str(PRICE - 500), **LONG)
    number, waits = entry["data"]["order_id"], stop["data"]["order_id"]
    many = {"pair": "btc_jpy", "order_ids": [int(number), int(waits)]}
    told = {
        "assets": exchange.privateGetUserAssets(),
        "order_info": exchange.privateGetUserSpotOrder({"pair": "btc_jpy", "order_id": number}),
        "orders_info": exchange.privatePostUserSpotOrdersInfo(many),
        "active_orders": exchange.privateGetUserSpotActiveOrders({"pair": "btc_jpy"}),
        "trade_history": exchange.privateGetUserSpotTradeHistory({"pair": "btc_jpy"}),
        "margin_status": exchange.privateGetUserMarginStatus(),
        "margin_positions": exchange.privateGetUserMarginPositions(),
        "order": stop,
        "cancel_order": exchange.privatePostUserSpotCancelOrder(
            {"pair": "btc_jpy", "order_id": int(waits)}
        ),
        "cancel_orders": exchange.privatePostUserSpotCancelOrders(
            {"pair": "btc_jpy", "order_ids": [int(waits)]}
        ),
    }
    assert set(told) == set(table.read_table()["endpoints"])
    # ccxt turns numbers into texts, so the bytes that were sent are judged
    assert {answer["success"] for answer in told.values()} == {1}
    for entry in world.sandbox.private.log:
        assert table.request_problems(entry.method, entry.target, entry.body) == [], entry
    assert {"ACCESS-REQUEST-TIME", "ACCESS-TIME-WINDOW"} <= set(
        world.sandbox.private.log[-1].headers
    )


def test_ccxt_names_what_is_refused(world: PrivateWorld, exchange: Any) -> None:
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order("BTC/JPY", "limit", "buy", 2.0, PRICE - 500)
    with pytest.raises(ccxt.OrderNotFound):
        exchange.fetch_order("1", "BTC/JPY")
    with pytest.raises(ccxt.ExchangeError, match="50062"):
        exchange.create_order("BTC/JPY", "market", "sell", 0.01, None, LONG)
    exchange.secret = "another"
    with pytest.raises(ccxt.AuthenticationError):
        exchange.fetch_balance()
    exchange.secret = SECRET
    world.fault("reset", endpoint="order", times=1)
    with pytest.raises(ccxt.NetworkError):
        exchange.create_order("BTC/JPY", "market", "buy", 0.01)
    assert len(world.truth()["orders"]) == 1  # it was taken all the same


def test_ccxt_signs_with_a_nonce_as_well(world: PrivateWorld, exchange: Any) -> None:
    exchange.options["authMethod"] = "nonce"
    assert exchange.fetch_balance()["JPY"]["total"] == 10_000_000.0
    exchange.create_order("BTC/JPY", "limit", "buy", 0.01, PRICE - 500)
    assert "ACCESS-NONCE" in world.sandbox.private.log[-1].headers


def test_answers_have_every_field_of_the_official_shapes() -> None:
    with private_world([FLAT] * 3, btc_lots=100) as world:
        entry = world.order("buy", "market", "0.0100", **LONG)
        other = world.order("buy", "limit", "0.0100", price=str(PRICE - 500))
        many = {"pair": "btc_jpy", "order_ids": [entry["order_id"], other["order_id"]]}
        client = world.client
        told = {
            "assets": client.data("GET", "/user/assets"),
            "margin_positions": client.data("GET", "/user/margin/positions"),
            "active_orders": client.data("GET", "/user/spot/active_orders"),
            "order": other,
            "order_info": world.info(entry["order_id"]),
            "trade_history": client.data("GET", "/user/spot/trade_history"),
            "orders_info": {
                "orders": [
                    row
                    for row in client.data("POST", "/user/spot/orders_info", **many)["orders"]
                    if row["type"] == "market"
                ]
            },
            "cancel_order": client.data(
                "POST", "/user/spot/cancel_order", pair="btc_jpy", order_id=other["order_id"]
            ),
        }
        another = world.order("buy", "limit", "0.0100", price=str(PRICE - 500))
        told["cancel_orders"] = client.data(
            "POST", "/user/spot/cancel_orders", pair="btc_jpy", order_ids=[another["order_id"]]
        )
    shapes = table.read_shapes()
    assert set(told) == set(shapes)
    for endpoint, data in told.items():
        assert missing(shapes[endpoint]["data"], data) == [], endpoint


def missing(shape: Any, value: Any, place: str = "") -> list[str]:
    """Fields of a shape that a value has not, or has of another kind."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{place}: {json.dumps(value)}"]
        return [
            problem
            for name, part in shape.items()
            for problem in (
                missing(part, value[name], f"{place}.{name}")
                if name in value
                else [f"{place}.{name}"]
            )
        ]
    if isinstance(shape, list):
        # the mock's rows stand for rows of several kinds: each of ours is like one of them
        return [
            f"{place}: {row}"
            for row in value
            if not any(missing(part, row, place) == [] for part in shape)
        ] or ([] if value else [f"{place} is empty"])
    kinds: dict[str, Any] = {"text": str, "number": int, "flag": bool, "null": type(None)}
    return [] if isinstance(value, kinds[shape]) else [f"{place}: {value!r} is no {shape}"]
