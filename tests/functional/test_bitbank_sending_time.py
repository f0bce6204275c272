"""An order over sockets: that it leaves in its time or not at all, and that what is told of it is
about this order alone.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import requests

from shared.core.clock import Clock
from shared.core.types import OrderIntent, OrderKind, Outcome, Purpose, Rejected, Side, Unknown
from shared.exchanges.bitbank.bodies import query_request
from shared.exchanges.bitbank.errors import NoAnswer
from shared.exchanges.bitbank.sending import PreparedOrder, send_order
from shared.exchanges.bitbank.signed import SignedRest
from tests.support.fixed_clock import FixedClock
from tests.support.made_before import made_before
from tests.support.raw_exchange import (
    RawExchange,
    account_reader,
    envelope,
    raw_exchange,
    reply,
    reset,
    signed_rest,
    stall,
)

T = 1_790_000_000_000
ENTRY = OrderIntent(
    id="t1~e1",
    purpose=Purpose.ENTRY,
    side=Side.LONG,
    kind=OrderKind.LIMIT,
    lots=12,
    price=9_800_000,
    post_only=True,
)
NOTHING = reply(envelope({}))
"""No order: an order that arrives and is answered with it stays unknown."""


def prepared_order(rest: SignedRest, clock: Clock, url: str) -> PreparedOrder:
    return account_reader(rest, clock, url).prepare_order(ENTRY, before=made_before())


def send_to(rest: SignedRest, clock: Clock, url: str) -> Outcome:
    return send_order(rest, prepared_order(rest, clock, url)).outcome


def port_of(exchange: RawExchange) -> int:
    return int(exchange.url.removesuffix("/v1").rpartition(":")[2])


# what the caller was at


def nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    requests.get(f"http://127.0.0.1:{port}/", timeout=1)


@pytest.mark.parametrize("act", [stall, reset])
def test_an_order_that_was_sent_is_unknown_whatever_its_caller_is_handling(act: Any) -> None:
    clock = FixedClock(T)
    with raw_exchange(lambda _: act) as exchange:
        rest = signed_rest(exchange.url, clock, timeout_seconds="0.4")
        told = []
        for handles in (False, True):
            try:
                if handles:
                    nothing_listens()
                raise NoAnswer("a reading failed")  # noqa: TRY301
            except (NoAnswer, requests.ConnectionError):
                outcome = send_to(rest, clock, exchange.url)
            assert isinstance(outcome, Unknown)
            told.append(outcome.context["found"])
        assert told[0] == told[1], "the refused connection of before is none of this order's"
        assert len(exchange.posts()) == 2


def test_a_kept_connection_that_fails_is_not_told_as_never_opened() -> None:
    clock = FixedClock(T)
    acts = [NOTHING, stall]
    with raw_exchange(lambda _: acts.pop(0)) as exchange:
        rest = signed_rest(exchange.url, clock, timeout_seconds="0.4")
        rest.carry(query_request("user/assets"))
        with pytest.raises(NoAnswer):
            rest.carry(query_request("user/assets"))
        assert (exchange.connections, len(exchange.requests)) == (1, 2)


# connecting


@contextmanager
def silent_port() -> Iterator[int]:
    """A port whose connections are neither taken nor refused."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(6):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()[1]


def answer_with(ports: list[int], *, after: float = 0.0) -> Callable[..., list[Any]]:
    def found(*_: Any, **__: Any) -> list[Any]:
        time.sleep(after)
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("127.0.0.1", port)) for port in ports]

    return found


def test_no_order_leaves_when_its_address_is_found_too_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = FixedClock(T)
    with raw_exchange(lambda _: NOTHING) as exchange:
        rest = signed_rest(exchange.url, clock, timeout_seconds="0.4")
        rest.carry(query_request("user/assets"))  # loads what is loaded on first use
        monkeypatch.setattr(socket, "getaddrinfo", answer_with([port_of(exchange)], after=0.7))
        outcome = send_to(rest, clock, exchange.url)
        assert isinstance(outcome, Rejected)
        assert outcome.context["found"].endswith("was not sent")
        time.sleep(0.1)
        assert exchange.posts() == []
        monkeypatch.setattr(socket, "getaddrinfo", answer_with([port_of(exchange)], after=0.1))
        assert isinstance(send_to(rest, clock, exchange.url), Unknown)  # the next one has its own
        assert len(exchange.posts()) == 1


def test_silent_addresses_share_the_time_of_one_order(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FixedClock(T)
    with raw_exchange(lambda _: NOTHING) as exchange, silent_port() as silent:
        rest = signed_rest(exchange.url, clock, timeout_seconds="0.4")
        rest.carry(query_request("user/assets"))
        ports = [silent, silent, silent, port_of(exchange)]
        monkeypatch.setattr(socket, "getaddrinfo", answer_with(ports))
        began = time.monotonic()
        outcome = send_to(rest, clock, exchange.url)
        assert time.monotonic() - began < 1.0
        assert isinstance(outcome, Rejected)
        time.sleep(0.1)
        assert exchange.posts() == []


def test_an_address_that_refuses_leaves_the_time_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = FixedClock(T)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refusing = taken.getsockname()[1]
    with raw_exchange(lambda _: NOTHING) as exchange:
        rest = signed_rest(exchange.url, clock)
        monkeypatch.setattr(socket, "getaddrinfo", answer_with([refusing, port_of(exchange)]))
        assert isinstance(send_to(rest, clock, exchange.url), Unknown)
        assert len(exchange.posts()) == 1


def test_a_handshake_that_drips_ends_in_time_and_nothing_was_sent() -> None:
    def drip_handshake(connection: socket.socket, _request: Any) -> bool:
        connection.recv(4096)
        connection.sendall(b"\x16\x03\x03\x40\x00")
        for _ in range(30):
            try:
                connection.sendall(b"\x02")
            except OSError:
                break
            time.sleep(0.1)
        return False

    clock = FixedClock(T)
    with raw_exchange(lambda _: NOTHING) as exchange:
        exchange.at_accept = drip_handshake
        url = exchange.url.replace("http:", "https:")
        rest = signed_rest(url, clock, timeout_seconds="0.4")
        rest._ready()
        began = time.monotonic()
        outcome = send_to(rest, clock, url)
        assert time.monotonic() - began < 1.5
        assert isinstance(outcome, Rejected)
        assert outcome.context["found"].endswith(
            "did not answer in time; user/spot/order was not sent"
        )
        assert exchange.requests == []
