"""One client of Google's for each store of an instance: made when it is needed, and made anew after
it failed.

A channel that broke can stay broken for hours while a new one would work, so whoever met a failure
of the way (and not an answer) throws the client away with all that hangs on it. Threads share a
client; it is closed when the last of them has left it. A child of a fork makes its own. One thread
connects, the others wait for it, each only as long as it may.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.core.deadline import bound_at
from shared.core.errors import Unavailable

Client = TypeVar("Client")


@dataclass(slots=True, kw_only=True)
class _Held(Generic[Client]):
    """A client, the process that made it, and how many are using it just now."""

    client: Client
    process: int
    users: int = 0
    is_dropped: bool = False


class Connection(Generic[Client]):
    """The client of one store.

    >>> made = iter(["first", "second"])
    >>> connection = Connection(
    ...     make=lambda: next(made), close=lambda client: print("closed", client)
    ... )
    >>> with connection.client() as client:
    ...     connection.drop(client)
    ...     client
    'first'
    closed first
    >>> with connection.client() as client:
    ...     client
    'second'
    """

    def __init__(self, *, make: Callable[[], Client], close: Callable[[Client], None]) -> None:
        """Connect to nothing yet."""
        self._make, self._close = make, close
        self._lock, self._connecting = threading.Lock(), threading.Lock()
        self._held: _Held[Client] | None = None

    @contextmanager
    def client(self, *, until: float | None = None) -> Iterator[Client]:
        """The client for one request.

        Raises `Unavailable` where another thread is still connecting at `until` (monotonic seconds)
        or at the deadline that is bound.
        """
        held = self._join() or self._connect(bound_at(until))
        try:
            yield held.client
        finally:
            with self._lock:
                held.users -= 1
            self._close_unused(held)

    def _join(self) -> _Held[Client] | None:
        """The present client with one user more; None where it is to be made."""
        with self._lock:
            held = self._held
            if held is None or held.process != os.getpid():
                return None
            held.users += 1
            return held

    def _connect(self, until: float | None) -> _Held[Client]:
        wait = threading.TIMEOUT_MAX if until is None else max(0.0, until - time.monotonic())
        if not self._connecting.acquire(timeout=min(wait, threading.TIMEOUT_MAX)):
            raise Unavailable("no time was left: another request was still connecting")
        try:
            held = self._join()
            if held is None:
                held = _Held(client=self._make(), process=os.getpid(), users=1)
                with self._lock:
                    self._held = held
            return held
        finally:
            self._connecting.release()

    def drop(self, client: Client | None = None) -> None:
        """Take another client from now on; with `client` only where that is the present one."""
        with self._lock:
            held = self._held
            if held is None or (client is not None and held.client is not client):
                return
            self._held, held.is_dropped = None, True
        self._close_unused(held)

    def _close_unused(self, held: _Held[Client]) -> None:
        with self._lock:
            is_over = held.is_dropped and held.users == 0 and held.process == os.getpid()
            held.is_dropped = held.is_dropped and not is_over
        if is_over:
            self._close(held.client)
