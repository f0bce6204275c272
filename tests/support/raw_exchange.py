"""An exchange of sockets: it counts what arrives byte by byte, and can do to a connection whatever
a network does.
"""

import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from shared.core import settings as configuration
from shared.core.clock import Clock
from shared.exchanges.bitbank.account import AccountReader
from shared.exchanges.bitbank.pace import AccountPace
from shared.exchanges.bitbank.signed import SignedRest

KEY, SECRET = "planted-key-4711", "planted-secret-0815"


@dataclass(frozen=True)
class RawRequest:
    """One request as it arrived. `headers` have lower-case names."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    raw: bytes


Act = Callable[[socket.socket, RawRequest], bool]
"""Does something to the connection; True where it stays open."""


def envelope(data: Any, *, success: int = 1) -> bytes:
    return json.dumps({"success": success, "data": data}).encode()


def reply(body: bytes, *, status: int = 200, headers: tuple[str, ...] = ()) -> Act:
    """A whole answer."""

    def act(connection: socket.socket, _request: RawRequest) -> bool:
        lines = (
            f"HTTP/1.1 {status} X",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *headers,
        )
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return True

    return act


def refuse(code: int, *, status: int = 400, headers: tuple[str, ...] = ()) -> Act:
    return reply(envelope({"code": code}, success=0), status=status, headers=headers)


def send_raw(text: bytes) -> Act:
    """Bytes, and the end of the connection."""

    def act(connection: socket.socket, _request: RawRequest) -> bool:
        connection.sendall(text)
        return False

    return act


def reset(connection: socket.socket, _request: RawRequest | None = None) -> bool:
    """Break the connection off with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hang_up(_connection: socket.socket, _request: RawRequest) -> bool:
    """Close without a word."""
    return False


def stall(_connection: socket.socket, _request: RawRequest) -> bool:
    """Say nothing for longer than anybody waits."""
    time.sleep(4.0)
    return False


def drip(text: bytes, *, pause: float, for_seconds: float) -> Act:
    """One byte at a time, so that no single read takes long."""

    def act(connection: socket.socket, _request: RawRequest) -> bool:
        end = time.monotonic() + for_seconds
        for byte in text:
            if time.monotonic() > end:
                break
            try:
                connection.sendall(bytes([byte]))
            except OSError:
                break
            time.sleep(pause)
        return False

    return act


class RawExchange:
    """`answer` is asked what to do with each request; `at_accept` with each new connection."""

    def __init__(self, answer: Callable[[RawRequest], Act]) -> None:
        self.answer = answer
        self.at_accept: Act | None = None
        self.requests: list[RawRequest] = []
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._closing = False
        self._main = threading.Thread(target=self._accept, daemon=True)
        self._main.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def posts(self) -> list[RawRequest]:
        return [one for one in self.requests if one.method == "POST"]

    def close(self) -> None:
        self._closing = True
        self._socket.close()
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                if self.at_accept is not None and not self.at_accept(connection, NOTHING):
                    return
                buffer = b""
                while True:
                    request, buffer = _receive(connection, buffer)
                    if request is None:
                        return
                    self.requests.append(request)
                    if not self.answer(request)(connection, request):
                        return
            except OSError:
                return


NOTHING = RawRequest(method="", target="", headers={}, body=b"", raw=b"")


def _receive(connection: socket.socket, buffer: bytes) -> tuple[RawRequest | None, bytes]:
    while b"\r\n\r\n" not in buffer:
        part = connection.recv(65536)
        if not part:
            return None, b""
        buffer += part
    head, _, rest = buffer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    length = int(headers.get("content-length", "0"))
    while len(rest) < length:
        part = connection.recv(65536)
        if not part:
            return None, b""
        rest += part
    method, target, _ = first.split(" ")
    body, left = rest[:length], rest[length:]
    raw = head + b"\r\n\r\n" + body
    return RawRequest(method=method, target=target, headers=headers, body=body, raw=raw), left


@contextmanager
def raw_exchange(answer: Callable[[RawRequest], Act]) -> Iterator[RawExchange]:
    exchange = RawExchange(answer)
    try:
        yield exchange
    finally:
        exchange.close()


def exchange_settings(url: str, **changes: str) -> configuration.ExchangeSettings:
    environ = {
        "BOT_EXCHANGE__PRIVATE_URL": url,
        "BOT_EXCHANGE__PUBLIC_URL": url.removesuffix("/v1"),
        "BOT_EXCHANGE__RETRY_BASE_SECONDS": "0",
        **{f"BOT_EXCHANGE__{name.upper()}": value for name, value in changes.items()},
    }
    return configuration.load_settings(environ).exchange


def unlimited() -> AccountPace:
    """A pace for which a hundred seconds are over whenever it looks."""
    return AccountPace(monotonic=itertools.count(0.0, 100.0).__next__, sleep=lambda _: None)


def signed_rest(
    url: str, clock: Clock, *, limits: AccountPace | None = None, **changes: str
) -> SignedRest:
    return SignedRest(
        exchange_settings(url, **changes),
        clock,
        key=KEY,
        secret=SECRET,
        limits=unlimited() if limits is None else limits,
    )


def account_reader(
    rest: SignedRest, clock: Clock, url: str, *, is_margin: bool = True, **changes: str
) -> AccountReader:
    return AccountReader(
        rest,
        exchange_settings(url, **changes),
        clock,
        pair="btc_jpy",
        is_margin=is_margin,
        jitter=lambda: 0.0,
        sleep=lambda _: None,
    )
