"""Requests a second: 10 QUERY, 6 UPDATE, for the user and not for the key."""

import json

import pytest

from shared.exchanges.sandbox.private.limits import RequestLimits
from tests.support.bitbank_api import table
from tests.support.private_world import PrivateWorld, private_world

QUERY = {
    "assets": ("GET", "/v1/user/assets", None),
    "order_info": ("GET", "/v1/user/spot/order?pair=btc_jpy&order_id=1", None),
    "orders_info": ("POST", "/v1/user/spot/orders_info", {"pair": "btc_jpy", "order_ids": [1]}),
    "active_orders": ("GET", "/v1/user/spot/active_orders", None),
    "trade_history": ("GET", "/v1/user/spot/trade_history", None),
    "margin_status": ("GET", "/v1/user/margin/status", None),
    "margin_positions": ("GET", "/v1/user/margin/positions", None),
}
UPDATE = {
    "order": ("POST", "/v1/user/spot/order", {}),
    "cancel_order": ("POST", "/v1/user/spot/cancel_order", {"pair": "btc_jpy", "order_id": 1}),
    "cancel_orders": ("POST", "/v1/user/spot/cancel_orders", {"pair": "btc_jpy", "order_ids": [1]}),
}


def ask(world: PrivateWorld, method: str, target: str, body: object) -> int:
    payload = b"" if body is None else json.dumps(body).encode()
    headers = world.client.headers(payload if method == "POST" else target.encode())
    return world.client.send(method, target, payload, headers).status


def test_every_endpoint_of_the_table_is_counted_as_it_says() -> None:
    counted = dict.fromkeys(QUERY, "QUERY") | dict.fromkeys(UPDATE, "UPDATE")
    assert counted == {
        name: endpoint["counts_as"] for name, endpoint in table.read_table()["endpoints"].items()
    }


@pytest.mark.parametrize(
    ("name", "most"), [*((name, 10) for name in QUERY), *((name, 6) for name in UPDATE)]
)
def test_each_endpoint_stops_at_its_limit_and_goes_on_a_second_later(name: str, most: int) -> None:
    request = {**QUERY, **UPDATE}[name]
    seconds = [100.0]
    with private_world(limited=True) as world:
        world.sandbox.private.limits = RequestLimits(lambda: seconds[0])
        told = [ask(world, *request) for _ in range(most + 2)]
        assert 429 not in told[:most]
        assert told[most:] == [429, 429]
        assert world.sandbox.private.log[-1].code == 10009
        seconds[0] += 0.999
        assert ask(world, *request) == 429
        seconds[0] += 0.001
        assert ask(world, *request) != 429


def test_the_two_kinds_do_not_count_against_each_other_but_all_of_a_kind_do() -> None:
    with private_world(limited=True) as world:
        world.sandbox.private.limits = RequestLimits(lambda: 0.0)
        for name in (*QUERY, "assets", "assets", "assets"):
            assert ask(world, *QUERY[name]) != 429
        assert ask(world, *QUERY["assets"]) == 429
        assert [ask(world, *UPDATE["order"]) for _ in range(6)].count(429) == 0
        assert ask(world, *UPDATE["cancel_order"]) == 429


def test_a_signed_read_of_public_facts_counts_and_an_unsigned_one_does_not() -> None:
    with private_world(limited=True) as world:
        world.sandbox.private.limits = RequestLimits(lambda: 0.0)
        for target in ("/v1/spot/status", "/v1/spot/pairs", "/spot/pairs"):
            for _ in range(5):
                assert world.client.send("GET", target, b"", {}).status == 200
        assert ask(world, *QUERY["assets"]) == 200
        signed = {target: ask(world, "GET", target, None) for target in ("/v1/spot/status",)}
        assert set(signed.values()) == {200}
        told = [ask(world, "GET", "/v1/spot/pairs", None) for _ in range(10)]
        assert told == [200] * 8 + [429] * 2


def test_who_is_not_known_uses_up_nothing() -> None:
    with private_world(limited=True) as world:
        world.sandbox.private.limits = RequestLimits(lambda: 0.0)
        for _ in range(20):
            assert world.client.send("GET", "/v1/user/assets", b"", {}).status == 401
        assert ask(world, *QUERY["assets"]) == 200


def test_two_keys_of_one_user_share_the_limit() -> None:
    with private_world(limited=True, keys={"a": "s", "b": "s"}) as world:
        world.sandbox.private.limits = RequestLimits(lambda: 0.0)
        world.client.secret = "s"
        told = []
        for number in range(11):
            world.client.key = "ab"[number % 2]
            told.append(ask(world, *QUERY["assets"]))
        assert told == [200] * 10 + [429]
