"""A server that sends a byte now and then, and a host whose addresses take no connection, against
whatever of a tick asks by HTTP.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import requests

from shared.alerts.discord.answers import Answer
from shared.alerts.discord.letters import Letter
from shared.alerts.discord.posting import post_by_requests
from shared.core import settings as configuration
from shared.core.deadline import Deadline, bind_deadline
from shared.core.errors import Unavailable
from shared.core.sessions import NoTimeLeft, bounded_session, ending
from shared.exchanges.bitbank.http import PublicRest
from tests.support.fixed_clock import FixedClock

ALLOWED_SECONDS = 0.6
LATE_SECONDS = 0.6
"""What a machine under load may take beyond what is allowed; a trickle takes far longer."""
PAUSE_SECONDS = 0.1
BYTES = 60
PAIR = {"pair": "btc_jpy"}
HEAD = "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: 60\r\n{more}\r\n"


@contextmanager
def trickling(*, status: int = 200, whole: bool, more: str = "") -> Iterator[str]:
    """The address of a server that sends its head at once where it is `whole`, and all else byte by
    byte.
    """
    head = HEAD.format(status=status, more=more).encode()
    body = b'{"success":1,"data":{"a":1}}'.ljust(BYTES)
    first, rest = (head, body) if whole else (b"", head + body)
    over = threading.Event()

    def serve(wire: socket.socket) -> None:
        with wire:
            try:
                wire.recv(65_536)
                wire.sendall(first)
                for byte in rest:
                    wire.sendall(bytes([byte]))
                    if over.wait(PAUSE_SECONDS):
                        return
            except OSError:
                pass  # the caller has gone

    def accept(listener: socket.socket) -> None:
        while not over.is_set():
            try:
                wire, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(wire,)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads = [threading.Thread(target=accept, args=(listener,))]
        threads[0].start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


@contextmanager
def ending_in(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert seconds * 0.9 <= time.monotonic() - began < seconds + LATE_SECONDS


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("whole", [True, False], ids=["body", "head"])
@pytest.mark.parametrize("host", ["public", "markets"])
def test_a_trickling_exchange_holds_no_reading_past_its_deadline(whole: bool, host: str) -> None:
    with trickling(whole=whole) as url:
        settings = configuration.load_settings(
            {"BOT_EXCHANGE__PUBLIC_URL": url, "BOT_EXCHANGE__PRIVATE_URL": f"{url}/v1"}
        ).exchange
        rest = PublicRest(settings, FixedClock(0), jitter=lambda: 0.0)
        rest._ready()  # ccxt takes its time to load
        try:
            with (
                ending_in(ALLOWED_SECONDS),
                bind_deadline(Deadline.after(ALLOWED_SECONDS)),
                pytest.raises(Unavailable, match="in time"),
            ):
                rest.read(host, "spot/status" if host == "markets" else "{pair}/depth", dict, PAIR)
        finally:
            rest.close()


def test_a_reading_without_a_deadline_ends_by_the_limit_of_one_request() -> None:
    with trickling(whole=True) as url:
        settings = configuration.load_settings(
            {
                "BOT_EXCHANGE__PUBLIC_URL": url,
                "BOT_EXCHANGE__TIMEOUT_SECONDS": str(ALLOWED_SECONDS),
                "BOT_EXCHANGE__READ_ATTEMPTS": "1",
            }
        ).exchange
        rest = PublicRest(settings, FixedClock(0), jitter=lambda: 0.0)
        rest._ready()
        try:
            with ending_in(ALLOWED_SECONDS), pytest.raises(Unavailable, match="in time"):
                rest.read("public", "{pair}/depth", dict, PAIR)
        finally:
            rest.close()


def test_a_webhook_whose_head_trickles_is_left_in_time() -> None:
    with (
        trickling(whole=False) as url,
        ending_in(ALLOWED_SECONDS),
        pytest.raises(Unavailable, match="did not answer"),
    ):
        post_by_requests(f"{url}/a", Letter(body=b"{}"), ALLOWED_SECONDS)


def test_a_webhook_that_asks_for_patience_in_a_trickling_body_is_heard() -> None:
    with (
        trickling(whole=True, status=429, more="Retry-After: 7\r\n") as url,
        ending_in(ALLOWED_SECONDS),
    ):
        answer = post_by_requests(f"{url}/a", Letter(body=b"{}"), ALLOWED_SECONDS)
    assert answer == Answer(status=429, retry_after_seconds=7.0)


def test_a_host_of_many_addresses_that_take_no_connection_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        for _ in range(4):  # they fill its queue, and it takes none of them
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        asked = []

        def find(host: str, *_args: Any, **_more: Any) -> list[Any]:
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)] * (
                5 if host == "many.test" else 1
            )

        monkeypatch.setattr(socket, "getaddrinfo", find)
        with (
            ending_in(ALLOWED_SECONDS),
            bounded_session() as session,
            ending(until=time.monotonic() + ALLOWED_SECONDS, silence_seconds=5.0),
            pytest.raises((NoTimeLeft, requests.ConnectionError)),
        ):
            session.get(f"http://many.test:{address[1]}/")
        assert asked[0] == "many.test"


def test_of_many_addresses_the_one_that_answers_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    find = socket.getaddrinfo
    with trickling(whole=True) as url, socket.create_server(("127.0.0.1", 0)) as closed:
        dead, live = closed.getsockname(), ("127.0.0.1", int(url.rpartition(":")[2]))
        closed.close()

        def find_all(host: str, *args: Any, **more: Any) -> list[Any]:
            if host != "many.test":
                return find(host, *args, **more)
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.9", dead[1])),
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", live),
            ]

        monkeypatch.setattr(socket, "getaddrinfo", find_all)
        with (
            bounded_session() as session,
            ending(until=time.monotonic() + 5.0, silence_seconds=5.0),
            session.get(f"http://many.test:{live[1]}/", stream=True) as answer,
        ):
            assert answer.status_code == 200
            assert answer.request.url == f"http://many.test:{live[1]}/"


def test_a_host_without_an_address_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_none(*_args: Any, **_more: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", find_none)
    with (
        bounded_session() as session,
        ending(until=time.monotonic() + 5.0, silence_seconds=5.0),
        pytest.raises(requests.ConnectionError, match=r"many\.test.*NameResolutionError"),
    ):
        session.get("http://many.test/")


def test_no_byte_of_a_request_leaves_after_its_end_and_what_left_is_said() -> None:
    heard = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hear() -> None:
            wire, _ = listener.accept()
            with wire:
                while piece := wire.recv(4096):
                    heard.extend(piece)

        hearing = threading.Thread(target=hear)
        hearing.start()
        calls = []

        def body() -> Iterator[bytes]:
            yield b"in time"
            time.sleep(ALLOWED_SECONDS + 0.1)
            yield b"too late"

        with bounded_session() as session:
            with ending(until=time.monotonic() + ALLOWED_SECONDS, silence_seconds=5.0) as call:
                calls.append(call.may_be_sent)
                with pytest.raises(NoTimeLeft):
                    session.post(f"http://127.0.0.1:{listener.getsockname()[1]}/", data=body())
                calls.append(call.may_be_sent)
            with ending(until=time.monotonic(), silence_seconds=5.0) as call:
                with pytest.raises(NoTimeLeft):
                    session.get("http://127.0.0.1:9/")
                calls.append(call.may_be_sent)
        hearing.join()
    assert b"in time" in heard
    assert b"too late" not in heard
    assert calls == [False, True, False]
