"""An order over sockets: that it leaves in its time or not at all, and that what is told of it is
about this order alone.
"""

import dataclasses
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import requests

from shared.core.clock import Clock
from shared.core.reasons import Reason
from shared.core.types import OrderIntent, OrderKind, Outcome, Purpose, Rejected, Side, Unknown
from shared.exchanges.bitbank.bodies import query_request
from shared.exchanges.bitbank.errors import NoAnswer
from shared.exchanges.bitbank.pace import AccountPace
from shared.exchanges.bitbank.sending import PreparedOrder, send_order
from shared.exchanges.bitbank.signed import SignedRest
from tests.support.fixed_clock import FixedClock
from tests.support.made_before import made_before
from tests.support.raw_exchange import (
    RawExchange,
    account_reader,
    envelope,
    raw_exchange,
    refuse,
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
    """One name of many addresses, found after a while; each of them is itself, at once."""
    singly = iter(ports)
    is_named = iter([True])

    def found(*_: Any, **__: Any) -> list[Any]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        if next(is_named, False):
            time.sleep(after)
            return [(*kind, ("127.0.0.1", port)) for port in ports]
        return [(*kind, ("127.0.0.1", next(singly)))]

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
        assert time.monotonic() - began < 2.5
        assert isinstance(outcome, Rejected)
        assert outcome.context["found"].endswith(
            "did not answer in time; user/spot/order was not sent"
        )
        assert exchange.requests == []


# the window and the deadline


@pytest.mark.parametrize(("prepared_ms", "setting"), [(5_000, "20"), (9_000, "3")])
def test_an_order_is_signed_and_checked_with_the_window_that_it_was_prepared_with(
    prepared_ms: int, setting: str
) -> None:
    clock = FixedClock(T)
    with raw_exchange(lambda _: NOTHING) as exchange:
        rest = signed_rest(exchange.url, clock, request_window_seconds=setting)
        prepared = dataclasses.replace(
            prepared_order(rest, clock, exchange.url), window_ms=prepared_ms
        )
        clock.sleep_until(T + prepared_ms - 1_000)
        assert isinstance(send_order(rest, prepared).outcome, Unknown)
        (sent,) = exchange.posts()
        assert sent.headers["access-request-time"] == str(T)
        assert sent.headers["access-time-window"] == str(prepared_ms)
        clock.sleep_until(T + prepared_ms - 999)
        outcome = send_order(rest, prepared).outcome
        assert isinstance(outcome, Rejected)
        assert outcome.reason is Reason.DEADLINE_NEAR
        assert len(exchange.posts()) == 1
        rest.carry(query_request("user/assets"))  # a reading keeps the window of the settings
        assert exchange.requests[-1].headers["access-time-window"] == f"{setting}000"


def test_no_order_leaves_without_time_for_its_answer() -> None:
    clock = FixedClock(T)
    with raw_exchange(lambda _: NOTHING) as exchange:
        rest = signed_rest(exchange.url, clock)
        for seconds in (0.2, 0.9):
            rest.begin(deadline=time.monotonic() + seconds)
            outcome = send_to(rest, clock, exchange.url)
            assert isinstance(outcome, Rejected)
            assert outcome.reason is Reason.DEADLINE_NEAR
        rest.carry(query_request("user/assets"))  # a reading may try
        assert exchange.posts() == []
        rest.begin(deadline=time.monotonic() + 3.0)
        assert isinstance(send_to(rest, clock, exchange.url), Unknown)
        assert len(exchange.posts()) == 1


COLD = """
import sys, time
from tests.functional.test_bitbank_sending_time import T, prepared_order, send_order
from tests.support.fixed_clock import FixedClock
from tests.support.raw_exchange import signed_rest
for name in [name for name in sys.modules if name.partition(".")[0] == "ccxt"]:
    del sys.modules[name]
class SlowToLoad:
    def find_spec(self, name, path=None, target=None):
        if name == "ccxt":
            time.sleep(1.5)
sys.meta_path.insert(0, SlowToLoad())
clock = FixedClock(T)
rest = signed_rest(sys.argv[1], clock)
prepared = prepared_order(rest, clock, sys.argv[1])
rest.begin(deadline=time.monotonic() + 2.0)
print(send_order(rest, prepared).outcome.reason)
"""


def test_what_is_loaded_before_the_first_order_takes_of_its_time() -> None:
    with raw_exchange(lambda _: NOTHING) as exchange:
        done = subprocess.run(
            [sys.executable, "-c", COLD, exchange.url],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ,
            timeout=60,
        )
        assert done.stdout.strip() == str(Reason.DEADLINE_NEAR)
        assert exchange.requests == []


# patience


@pytest.mark.parametrize("name", ["Retry-After", "retry-after", "RETRY-AFTER"])
@pytest.mark.parametrize(("status", "code"), [(429, 10_009), (200, 10_009), (503, 10_009)])
def test_the_exchange_is_left_alone_for_as_long_as_it_asks(
    name: str, status: int, code: int
) -> None:
    clock = FixedClock(T)
    busy = refuse(code, status=status, headers=(f"{name}: 7",))
    with raw_exchange(lambda _: busy) as exchange:
        limits = AccountPace()
        rest = signed_rest(exchange.url, clock, limits=limits)
        assert isinstance(send_to(rest, clock, exchange.url), Unknown)
        assert 6.0 < limits.updates.seconds_left() <= 7.0
        assert limits.queries.seconds_left() == 0.0
        rest.carry(query_request("user/assets"))
        assert 6.0 < limits.queries.seconds_left() <= 7.0


def test_a_date_to_wait_for_counts_from_the_date_of_the_answer_in_any_case() -> None:
    clock = FixedClock(T)
    headers = (
        "retry-after: Mon, 30 Nov 2026 12:00:09 GMT",
        "date: Mon, 30 Nov 2026 12:00:00 GMT",
    )
    with raw_exchange(lambda _: reply(b"", status=429, headers=headers)) as exchange:
        rest = signed_rest(exchange.url, clock)
        assert rest.carry(query_request("user/assets")).retry_after_seconds == 9.0


def test_another_refusal_pauses_nothing() -> None:
    clock = FixedClock(T)
    with raw_exchange(lambda _: refuse(60_001, headers=("Retry-After: 7",))) as exchange:
        limits = AccountPace()
        rest = signed_rest(exchange.url, clock, limits=limits)
        assert isinstance(send_to(rest, clock, exchange.url), Rejected)
        assert limits.updates.seconds_left() == 0.0
