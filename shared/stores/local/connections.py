"""The SQLite connections of one process: lent to one call at a time, never carried across a fork.

After a fork SQLite in the child believes that it holds its parent's locks, also in connections that
the child opens itself; when the parent closes the file, the child would go on writing to a deleted
log. So all idle connections are closed before a fork, and a child that was forked while a call was
at work is refused.
"""

import os
import sqlite3
import threading
import weakref
from pathlib import Path

from shared.core.errors import StoreBroken

_FORK_PATIENCE_SECONDS = 1.0


class Pool:
    """The connections of one process to the file `path`."""

    def __init__(self, path: Path) -> None:
        """Begin without any."""
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.indexed: set[str] = set()
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._lent = 0
        self._file: tuple[int, int] | None = None
        self._closed = False
        _POOLS.add(self)

    def own(self) -> "Pool":
        """This pool, or in a forked child a new one.

        Raises `StoreBroken` where a call was at work at the fork.
        """
        if self.pid == os.getpid():
            return self
        if self._lent or self._idle:
            raise StoreBroken(
                f"this process was forked while the database {self._path} was in use",
                remedy="fork before the store is used, or start a new process",
            )
        return Pool(self._path)

    def take(self) -> sqlite3.Connection | None:
        """Begin a call: an idle connection, or None where one must be opened.

        `give` or `drop` ends it.

        Raises:
            StoreBroken: the file behind the name is another one now.
        """
        with self.lock:
            if self._file is not None and self._file != _identity(self._path):
                raise StoreBroken(
                    f"the database {self._path} was removed or replaced while it was in use",
                    remedy="put it back, or start the bot again to go on with what is there now",
                )
            self._lent += 1
            return self._idle.pop() if self._idle else None

    def remember_file(self) -> None:
        """Remember which file it was that was opened."""
        with self.lock:
            self._file = self._file or _identity(self._path)

    def give(self, connection: sqlite3.Connection) -> None:
        """End a call whose connection may serve another one."""
        with self.lock:
            self._lent -= 1
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def drop(self, connection: sqlite3.Connection | None) -> None:
        """End a call whose connection may not."""
        with self.lock:
            self._lent -= 1
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close what is idle now, and later what comes back."""
        if self.pid != os.getpid():
            return
        with self.lock:
            self._closed = True
            self.close_idle()

    def close_idle(self) -> None:
        """Close what is idle now. The caller holds the lock."""
        while self._idle:
            self._idle.pop().close()


_POOLS: weakref.WeakSet[Pool] = weakref.WeakSet()
_HELD: list[Pool] = []


def _before_fork() -> None:
    for pool in list(_POOLS):
        if pool.pid == os.getpid() and pool.lock.acquire(timeout=_FORK_PATIENCE_SECONDS):
            _HELD.append(pool)
            pool.close_idle()


def _after_fork_in_parent() -> None:
    while _HELD:
        _HELD.pop().lock.release()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_HELD.clear
)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
