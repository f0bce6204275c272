"""A session of requests that follows no redirect and ends when its time is over.

The time-outs of requests count from byte to byte, and connecting counts anew for every address: an
answer that drips would take for ever, and a request could leave long after its time.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection
    from urllib3.exceptions import HTTPError


class Watch:
    """One call: until when it may take, and whether a connection stood in it.

    Without a connection nothing was sent: `has_connected` stays False until one stands that may
    carry the request. One that stands when the time is over may not.
    """

    def __init__(self, seconds: float = float("inf")) -> None:
        self.has_connected = False
        self.open_sockets: list[socket.socket] = []
        self._ends_at = time.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        """How long the call may still take."""
        return max(0.0, self._ends_at - time.monotonic())

    def end(self) -> None:
        """Let nothing connect any more, and end what is connected."""
        self._ends_at = float("-inf")
        for one in list(self.open_sockets):
            with contextlib.suppress(OSError):  # closed in the meantime
                # Not `one.shutdown`, which for TLS would go on reading what is encrypted as text.
                socket.socket.shutdown(one, socket.SHUT_RDWR)

    def open_first(self, addresses: Sequence[Any], options: Sequence[Any]) -> socket.socket:
        """A connection to the first address that takes it, each with what the others have left.

        Args:
            addresses: As `socket.getaddrinfo` gives them.
            options: For `setsockopt`.

        Raises:
            TimeoutError: the time is over.
            OSError: no address took it.
        """
        failure = OSError("it has no address")
        for family, kind, protocol, _, address in addresses:
            left = self.seconds_left
            if left <= 0:
                raise TimeoutError("no time was left to connect")
            try:
                opened = socket.socket(family, kind, protocol)
            except OSError as error:
                failure = error
                continue
            try:
                for option in options:
                    opened.setsockopt(*option)
                opened.settimeout(min(left, threading.TIMEOUT_MAX))
                opened.connect(address)
            except OSError as error:
                opened.close()
                failure = error
            else:
                return opened
        raise failure


class _Watches:
    """The watch that is on."""

    def __init__(self) -> None:
        self.now = Watch()


def build_session() -> "requests.Session":
    """A session whose `watch(seconds)` ends whatever is on its connections when the time is over,
    and gives the `Watch` over the call.

    It knows neither proxies nor `.netrc`, and repeats nothing.
    """
    import requests

    watches = _Watches()

    class WatchedSession(requests.Session):
        def get_redirect_target(self, _resp: requests.Response) -> None:
            """Nowhere: 307 and 308 would send a POST again."""

        @contextlib.contextmanager
        def watch(self, seconds: float) -> Iterator[Watch]:
            watch = watches.now = Watch(seconds)
            timer = threading.Timer(seconds, watch.end)
            timer.daemon = True
            timer.start()
            try:
                yield watch
            finally:
                timer.cancel()
                watches.now = Watch()

    session = WatchedSession()
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _build_adapter(watches))
    return session


def _build_adapter(watches: _Watches) -> "HTTPAdapter":
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    connection = _connection_class(watches)

    # Its base is made above, for this session.
    class WatchedTlsConnection(connection, HTTPSConnection):  # type: ignore[misc,valid-type]
        pass

    class WatchedPool(HTTPConnectionPool):
        ConnectionCls = connection

    class WatchedTlsPool(HTTPSConnectionPool):
        ConnectionCls = WatchedTlsConnection

    class WatchedAdapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = {
                "http": WatchedPool,
                "https": WatchedTlsPool,
            }

    return WatchedAdapter(max_retries=0)


def _connection_class(watches: _Watches) -> "type[HTTPConnection]":
    from urllib3.connection import HTTPConnection
    from urllib3.exceptions import ConnectTimeoutError, HTTPError

    class WatchedConnection(HTTPConnection):
        def connect(self) -> None:
            """Connect, in the time of the watch.

            Raises:
                ConnectTimeoutError: it is over; nothing was sent, nor will be.
            """
            watch = watches.now
            with contextlib.ExitStack() as self._opening:
                try:
                    super().connect()
                except (OSError, HTTPError) as error:
                    if watch.seconds_left > 0:
                        raise
                    raise ConnectTimeoutError(self, "too late to connect") from error
                finally:
                    watch.open_sockets.clear()
            self._admit()

        def send(self, data: Any) -> None:
            """Watch a connection that was kept, too."""
            if self.sock is not None:
                self._admit()
            super().send(data)

        def _admit(self) -> None:
            watch = watches.now
            # In this order: what is listed when the time ends is ended, and later nothing goes out.
            watch.open_sockets[:] = [self.sock]
            if watch.seconds_left <= 0:
                self.close()
                raise ConnectTimeoutError(self, "the connection stood too late")
            watch.has_connected = True

        def _new_conn(self) -> socket.socket:
            try:
                found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
                opened = watches.now.open_first(found, self.socket_options or ())
            except OSError as error:
                raise _connect_error(self, error) from error
            # TLS takes the socket away while it shakes hands; its double can still be ended.
            watches.now.open_sockets.append(self._opening.enter_context(opened.dup()))
            return opened

    return WatchedConnection


def _connect_error(connection: "HTTPConnection", error: OSError) -> "HTTPError":
    """As urllib3 names what the operating system said."""
    from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

    if isinstance(error, socket.gaierror):
        return NameResolutionError(connection.host, connection, error)
    if isinstance(error, TimeoutError):
        return ConnectTimeoutError(connection, str(error))
    return NewConnectionError(connection, str(error))
