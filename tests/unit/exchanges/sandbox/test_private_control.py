"""What tests and people see of the account beside its answers: the truth, and every request byte by
byte; from many threads at once.
"""

import base64
import json
import threading
from typing import Any

from shared.exchanges.sandbox.private.settings import PrivateSettings
from tests.support.private_world import FLAT, PRICE, T0, private_world
from tests.support.signed_client import SECRET, SignedClient

LONG = {"position_side": "long"}


def test_the_log_has_every_private_request_byte_by_byte() -> None:
    with private_world() as world:
        payload = b'{"pair":"btc_jpy",  "amount":"0.0100","side":"buy","type":"market"}\n'
        headers = world.client.headers(payload, **{"X-Mine": "yes"})
        world.client.send("POST", "/v1/user/spot/order", payload, headers)
        world.client.send("GET", "/v1/user/assets?a=%20b", b"", {"ACCESS-KEY": "nobody"})
        world.client.send("GET", "/btc_jpy/ticker", b"", {})
        reply = world.client.send("GET", "/_sandbox/requests?log", b"", {})
        first, second = reply.json["requests"]
        assert base64.b64decode(first["body_base64"]) == payload
        assert first["body"] == payload.decode()
        assert {name: first["headers"][name] for name in headers} == headers
        assert (first["method"], first["target"], first["endpoint"]) == (
            "POST",
            "/v1/user/spot/order",
            "order",
        )
        assert (first["status"], first["code"], first["at"]) == (200, None, T0 + 1)
        assert (second["target"], second["code"]) == ("/v1/user/assets?a=%20b", 20002)
        assert world.client.send("GET", "/_sandbox/requests", b"", {}).json["total"] == 3


def test_the_truth_is_told_whatever_the_answers_say() -> None:
    with private_world([FLAT] * 5) as world:
        world.order("buy", "market", "0.0100", **LONG)
        number = world.order("buy", "limit", "0.0100", price=str(PRICE - 5))["order_id"]
        for name in ("positions-empty", "lag", "rows-missing", "trades-late"):
            world.fault(name)
        told = world.client.send("GET", "/_sandbox/account", b"", {}).json
        assert [row["open_amount"] for row in told["positions"]] == ["0.0100"]
        assert told["live"] == [number]
        assert [row["status"] for row in told["orders"]] == ["FULLY_FILLED", "UNFILLED"]
        assert len(told["trades"]) == 1
        assert told["yen"] == "10000000.0000"


def test_the_truth_is_walked_to_the_present() -> None:
    with private_world([FLAT, (0, 100, -100, 0, 1.0), FLAT]) as world:
        world.order("buy", "limit", "0.0100", price=str(PRICE - 50))
        assert world.truth()["btc_lots"] == 0
        world.go(2)
        assert world.truth()["btc_lots"] == 100


def test_many_threads_trade_at_once_and_nothing_is_lost() -> None:
    with private_world([FLAT] * 5) as world:
        wrong: list[Any] = []

        def trade(side: str) -> None:
            client = SignedClient(world.client._port, world.clock.now_ms)
            try:
                for _ in range(15):
                    client.order("buy", "market", "0.0001", **LONG)
                    client.data("GET", "/user/margin/positions")
                    order = client.order("buy", "limit", "0.0001", price=str(PRICE - 500))
                    client.data(
                        "POST",
                        "/user/spot/cancel_order",
                        pair="btc_jpy",
                        order_id=order["order_id"],
                    )
            except Exception as error:  # noqa: BLE001
                wrong.append((side, error))
            finally:
                client.close()

        threads = [threading.Thread(target=trade, args=(str(number),)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        truth = world.truth()
        assert truth["positions"][0]["open_amount"] == "0.0060"
        assert len({row["order_id"] for row in truth["orders"]}) == 120
        assert truth["live"] == []


def test_a_secret_is_in_no_description_of_the_settings() -> None:
    assert SECRET not in repr(PrivateSettings())
    with private_world() as world:
        log = world.sandbox.answer("GET", "/_sandbox/requests?log").body
        assert SECRET not in json.dumps(world.truth()) + log.decode()
