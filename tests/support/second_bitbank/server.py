"""The exchange on loopback: paths, envelopes, and what may befall an answer.

HTTP ─► signature ─► endpoint ─► data, or a code ─► the answer, or what a network makes of it
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from tests.support.second_bitbank import listing
from tests.support.second_bitbank.exchange import SecondBitbank
from tests.support.second_bitbank.figures import Code
from tests.support.second_bitbank.ordering import MOST_LIVE, order_of
from tests.support.second_bitbank.orders import Order
from tests.support.second_bitbank.signing import Gate

PRIVATE = "/v1/user/"
METHODS = {
    "assets": "GET",
    "spot/active_orders": "GET",
    "spot/trade_history": "GET",
    "margin/status": "GET",
    "margin/positions": "GET",
    "spot/cancel_order": "POST",
    "spot/orders_info": "POST",
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What befalls one request: whether it is carried out, and what is told instead of the answer:
    nothing at all, a page of some proxy, a part of the answer, or a code.
    """

    is_done: bool
    told: Literal["nothing", "page", "half", "empty"] | int


NO_FAULT: Callable[[str, int], Fault | None] = lambda _name, _number: None  # noqa: E731


class SecondServer:
    """Requests one after the other. `faults` is asked with an endpoint and the number of its call,
    from 1.
    """

    def __init__(
        self, exchange: SecondBitbank, faults: Callable[[str, int], Fault | None] = NO_FAULT
    ) -> None:
        self.exchange, self.faults, self.gate = exchange, faults, Gate()

    def reply(self, method: str, target: str, headers: Any, payload: bytes) -> tuple[int, bytes]:
        """HTTP status and body; status 0 means that the connection ends without an answer."""
        exchange, address = self.exchange, urlsplit(target)
        is_private = address.path.startswith("/v1/user/")
        fault = None
        try:
            exchange.walk()
            if not is_private:
                exchange.counts[f"public {address.path.split('/')[-1]}"] += 1
                return _envelope(1, exchange.market.answer(address.path))
            signed = payload if method == "POST" else target.encode()
            self.gate.check(headers, signed, now=exchange.market.now())
            name = f"{method} {address.path.removeprefix(PRIVATE)}"
            exchange.counts[name] += 1
            asked = _body(payload) if method == "POST" else dict(parse_qsl(address.query))
            if name == "POST spot/order":
                exchange.posts.append(dict(asked))
            fault = self.faults(name, exchange.counts[name])
            if fault is not None:
                exchange.counts[f"fault {name} {fault.told} {fault.is_done}"] += 1
                if not fault.is_done:
                    return self._spoilt(fault, b"")
            status, told = _envelope(1, self._answer(name, asked))
        except Code as error:
            exchange.counts[f"code {error.number}"] += 1
            status, told = self._refusal(error.number)
        return (status, told) if fault is None else self._spoilt(fault, told)

    def _refusal(self, number: int) -> tuple[int, bytes]:
        if self.exchange.readings.error_status == "200":
            return _envelope(0, {"code": number})
        status = {10000: 404, 10009: 429}.get(number, 400)
        return status, _envelope(0, {"code": number})[1]

    def _spoilt(self, fault: Fault, told: bytes) -> tuple[int, bytes]:
        match fault.told:
            case "nothing":
                return 0, b""
            case "page":
                return 502, b"<html><body>502 Bad Gateway</body></html>"
            case "half":
                return 200, told[: len(told) // 2]
            case "empty":
                return _envelope(1, {})
            case int() as number:
                return self._refusal(number)

    def _answer(self, name: str, asked: dict[str, Any]) -> Any:
        exchange = self.exchange
        method, _, path = name.partition(" ")
        if METHODS.get(path, method) != method:
            raise Code(20003)
        now, readings = exchange.market.now(), exchange.readings
        known: dict[str, Callable[[], Any]] = {
            "GET assets": lambda: listing.assets(exchange),
            "GET spot/active_orders": lambda: listing.active_orders(exchange, asked),
            "GET spot/trade_history": lambda: listing.trade_history(exchange, asked),
            "GET margin/status": lambda: listing.margin_status(exchange),
            "GET margin/positions": lambda: listing.margin_positions(exchange),
            "POST spot/order": lambda: exchange.place(order_of(exchange, asked), now),
            "GET spot/order": lambda: self._one(asked).row(readings),
            "POST spot/cancel_order": lambda: exchange.cancel(self._one(asked), now),
            "POST spot/orders_info": lambda: self._many(asked),
        }
        if name not in known:
            raise Code(10000)
        return known[name]()

    def _one(self, asked: dict[str, Any]) -> Order:
        """The order that is named: a number in a body, digits in a query."""
        listing.check_pair(asked, is_needed=True)
        if "order_id" not in asked:
            raise Code(30006)
        number = asked["order_id"]
        if isinstance(number, str) and "order_ids" not in asked and number.isdigit():
            number = int(number)
        if type(number) is not int or number < 1:
            raise Code(40013)
        if number not in self.exchange.orders:
            raise Code(50009)
        return self.exchange.orders[number]

    def _many(self, asked: dict[str, Any]) -> Any:
        listing.check_pair(asked, is_needed=True)
        numbers, exchange = asked.get("order_ids"), self.exchange
        if "order_ids" not in asked:
            raise Code(30007)
        if not isinstance(numbers, list) or not all(type(one) is int for one in numbers):
            raise Code(40014)
        if len(numbers) > MOST_LIVE:
            raise Code(40015)
        found = [exchange.orders[one] for one in sorted(set(numbers) & exchange.orders.keys())]
        shown = [one for one in found if listing.is_listed(exchange, one)]
        if not exchange.readings.orders_oldest_first:
            shown.reverse()
        return {"orders": [one.row(exchange.readings) for one in shown]}


def _envelope(success: int, data: Any) -> tuple[int, bytes]:
    return 200, json.dumps({"success": success, "data": data}).encode()


def _body(payload: bytes) -> dict[str, Any]:
    try:
        body = json.loads(payload)
    except ValueError:
        raise Code(10002) from None
    if not isinstance(body, dict):
        raise Code(10002)
    return body


@contextmanager
def second_bitbank(
    exchange: SecondBitbank, faults: Callable[[str, int], Fault | None] = NO_FAULT
) -> Iterator[str]:
    """Serve it; gives its URL, without `/v1`."""
    second = SecondServer(exchange, faults)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def _run(self) -> None:
            payload = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with exchange.lock:
                status, told = second.reply(self.command, self.path, self.headers, payload)
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_POST = _run  # noqa: N815

        def date_time_string(self, timestamp: float | None = None) -> str:
            del timestamp
            return super().date_time_string(exchange.market.now() / 1_000)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
