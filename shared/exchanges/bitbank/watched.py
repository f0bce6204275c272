"""A session of requests that follows no redirect and ends when its time is over.

The time-outs of requests count from byte to byte: an answer that drips would take for ever.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests


def build_session() -> "requests.Session":
    """A session whose `watch(seconds)` ends whatever is on its connections when the time is over.

    It knows neither proxies nor `.netrc`, and repeats nothing.
    """
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    open_sockets: list[socket.socket] = []

    class WatchedConnection(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            open_sockets[:] = [self.sock]

    class WatchedTlsConnection(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            open_sockets[:] = [self.sock]

    class WatchedPool(HTTPConnectionPool):
        ConnectionCls = WatchedConnection

    class WatchedTlsPool(HTTPSConnectionPool):
        ConnectionCls = WatchedTlsConnection

    class WatchedAdapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = {
                "http": WatchedPool,
                "https": WatchedTlsPool,
            }

    class WatchedSession(requests.Session):
        def get_redirect_target(self, _resp: requests.Response) -> None:
            """Nowhere: 307 and 308 would send a POST again."""

        @contextlib.contextmanager
        def watch(self, seconds: float) -> Iterator[None]:
            timer = threading.Timer(seconds, _end, args=(open_sockets,))
            timer.daemon = True
            timer.start()
            try:
                yield
            finally:
                timer.cancel()

    session = WatchedSession()
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, WatchedAdapter(max_retries=0))
    return session


def _end(open_sockets: list[socket.socket]) -> None:
    for one in open_sockets:
        with contextlib.suppress(OSError):  # closed in the meantime
            # Not `one.shutdown`, which for TLS would go on reading what is encrypted as text.
            socket.socket.shutdown(one, socket.SHUT_RDWR)
