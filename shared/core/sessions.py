"""HTTP sessions whose calls end in time, also where the other side sends a byte now and then.

A timeout of `requests` is of one wait for the socket: an answer that trickles has none. Here every
read and every write of a socket may last no longer than what is left of the whole call, and no
longer than a silence may. A name's addresses are the system's to find; that has no limit of ours.
"""

import http.client
import io
import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util.connection import allowed_gai_family

CONNECT_SECONDS = 3.0
"""For one address of a host to take a connection."""
_PIECE_BYTES = 1 << 16
_LEAST_SECONDS = 0.001


class NoTimeLeft(Exception):
    """The call's time is over. No library knows this error, so that none asks again.

    >>> with ending(until=time.monotonic() - 1.0, silence_seconds=5.0):
    ...     wait_seconds()
    Traceback (most recent call last):
        ...
    shared.core.sessions.NoTimeLeft
    """


@dataclass(slots=True, kw_only=True)
class BoundedCall:
    """What one call may take, and whether the other side may have heard of it.

    Args:
        until: When it must end, in monotonic seconds.
        silence_seconds: How long one wait for a socket may last.
        may_be_sent: False until the first byte of a request is given to a connection that stands.
    """

    until: float = math.inf
    silence_seconds: float = math.inf
    may_be_sent: bool = False


class _Thread(threading.local):
    """The call of this thread."""

    def __init__(self) -> None:
        self.call = BoundedCall()


_THREAD = _Thread()


@contextmanager
def ending(*, until: float, silence_seconds: float) -> Iterator[BoundedCall]:
    """Let the requests of this thread end by `until` (monotonic seconds), and each of their waits
    after `silence_seconds`.

    Raises `NoTimeLeft` where a request begins or waits later than that.

    >>> with ending(until=time.monotonic() + 60.0, silence_seconds=5.0) as call:
    ...     wait_seconds(), call.may_be_sent
    (5.0, False)
    """
    before = _THREAD.call
    _THREAD.call = BoundedCall(until=until, silence_seconds=silence_seconds)
    try:
        yield _THREAD.call
    finally:
        _THREAD.call = before


def call_end() -> float:
    """By when (monotonic seconds) this thread's call must end."""
    return _THREAD.call.until


def wait_seconds() -> float:
    """How long this thread may wait for a socket now. Raises `NoTimeLeft`.

    >>> with ending(until=time.monotonic() + 60.0, silence_seconds=5.0):
    ...     wait_seconds()
    5.0
    """
    left = _THREAD.call.until - time.monotonic()
    if left < _LEAST_SECONDS:
        raise NoTimeLeft
    return min(left, _THREAD.call.silence_seconds)


def _connect_seconds() -> float:
    return min(CONNECT_SECONDS, wait_seconds())


class StayingSession(requests.Session):
    """Follows no redirect: 307 and 308 would send a POST again, with its signature.

    >>> StayingSession().get_redirect_target(requests.Response()) is None
    True
    """

    def get_redirect_target(self, _resp: requests.Response) -> None:
        """Nowhere."""


def bounded_session(session: requests.Session | None = None) -> requests.Session:
    """The session, or a new one, with every request bounded and none repeated by itself.

    >>> with bounded_session() as session, ending(until=0.0, silence_seconds=5.0):
    ...     session.get("http://127.0.0.1:9/")
    Traceback (most recent call last):
        ...
    shared.core.sessions.NoTimeLeft
    """
    bounded = requests.Session() if session is None else session
    for scheme in ("https://", "http://"):
        bounded.mount(scheme, _BoundedAdapter())
    return bounded


class BoundedReading(io.RawIOBase):
    """The bytes of a socket, each read within what is left."""

    def __init__(self, raw: io.RawIOBase, wire: socket.socket) -> None:
        super().__init__()
        self._raw, self._wire = raw, wire

    def readable(self) -> bool:
        """Whether it can be read: it can."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """As much as came in time. Raises `NoTimeLeft`."""
        self._wire.settimeout(wait_seconds())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Close what lies below."""
        self._raw.close()
        super().close()


class _BoundedAnswer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw: Any = self.fp.detach()
        self.fp = io.BufferedReader(BoundedReading(raw, sock))


class _BoundedConnection(HTTPConnection):
    response_class = _BoundedAnswer

    def _new_conn(self) -> socket.socket:
        """Ask the addresses of the host in turn, each for no longer than what is left then."""
        named, allowed = self._dns_host, self.timeout
        failure: Exception | None = None
        for address in self._addresses():
            self._dns_host, self.timeout = address, _connect_seconds()
            try:
                wire = super()._new_conn()
            except (ConnectTimeoutError, NewConnectionError) as error:
                failure = error
                continue
            finally:
                self._dns_host, self.timeout = named, allowed
            try:
                wire.settimeout(_connect_seconds())  # for the handshake of TLS
            except NoTimeLeft:
                wire.close()
                raise
            return wire
        raise failure or NewConnectionError(self, f"{self.host} has no address")

    def _addresses(self) -> list[str]:
        host = self._dns_host.strip("[]")
        try:
            found = socket.getaddrinfo(host, self.port, allowed_gai_family(), socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except UnicodeError:
            raise LocationParseError(f"{host!r} cannot be a name") from None
        return [str(address[0]) for *_, address in found]

    def send(self, data: Any) -> None:
        """Send it in pieces: one call for all of it would have one timeout for each of its parts
        under TLS.
        """
        if self.sock is None:
            self.connect()
        if not isinstance(data, bytes | bytearray):
            wait_seconds()
            _THREAD.call.may_be_sent = True
            super().send(data)
            return
        for start in range(0, len(data), _PIECE_BYTES):
            self.sock.settimeout(wait_seconds())
            _THREAD.call.may_be_sent = True
            super().send(data[start : start + _PIECE_BYTES])


class _BoundedSecureConnection(_BoundedConnection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _BoundedConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _BoundedSecureConnection


class _BoundedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return manager

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        left = wait_seconds()
        kwargs["timeout"] = (min(CONNECT_SECONDS, left), left)
        return super().send(request, *args, **kwargs)
