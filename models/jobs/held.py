"""A job under our lease: what its worker may write, and the heartbeat that keeps the lease."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from shared.core.clock import Clock
from shared.core.errors import BotError
from shared.stores import lease as leases
from shared.stores.lease import Lease
from shared.stores.ports import DocumentStore

_HEARTBEATS_A_LEASE = 3


class HeldJob:
    """A job that is ours until its lease ends; every write renews it.

    Its methods may be called from the worker and from the thread that keeps the lease alive. All
    that write raise `LeaseLost` where another worker has the job, or nobody may.

    >>> from models.jobs.records import JobDocuments
    >>> from shared.core.clock import SystemClock
    >>> from shared.stores.memory import MemoryDocuments
    >>> clock, jobs = SystemClock(), JobDocuments(MemoryDocuments(), "backtests")
    >>> made = jobs.create("spring", kind="backtest", job={}, job_hash="a1", now_ms=clock.now_ms())
    >>> held = jobs.take("spring", now_ms=clock.now_ms(), lease_ms=60_000)
    >>> held.name, held.lease_seconds
    ('spring', 60.0)
    >>> held.finish("done", {"trades": 12}, now_ms=clock.now_ms())
    >>> held.data["status"], held.data["trades"]
    ('done', 12)
    """

    def __init__(self, documents: DocumentStore, lease: Lease, *, lease_ms: int) -> None:
        """Hold the job whose `lease` we took."""
        self._documents = documents
        self._lease = lease
        self._lease_ms = lease_ms
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Of the job, in its collection."""
        return self._lease.document.path.partition("/")[2]

    @property
    def fence(self) -> int:
        """The number of our lease."""
        return self._lease.fence

    @property
    def lease_seconds(self) -> float:
        """For how long each write renews the lease."""
        return self._lease_ms / 1000

    @property
    def data(self) -> Mapping[str, Any]:
        """The job as it was last read or written."""
        return self._lease.data

    @property
    def is_canceled(self) -> bool:
        """Whether somebody asked to give it up, as far as is known since the last write."""
        return bool(self.data["cancel"])

    def save(self, changes: Mapping[str, Any], *, now_ms: int) -> None:
        """Write `changes` and renew the lease."""
        with self._lock:
            self._lease = leases.renew(
                self._documents,
                self._lease,
                {**changes, "updated_at": now_ms},
                expires_at=now_ms + self._lease_ms,
            )

    def release(self, changes: Mapping[str, Any], *, now_ms: int) -> None:
        """End a slice: write `changes`, let the job wait for its next worker."""
        self._end({"status": "waiting", **changes}, now_ms=now_ms)

    def finish(self, status: str, changes: Mapping[str, Any], *, now_ms: int) -> None:
        """End the job."""
        self._end({**changes, "status": status}, now_ms=now_ms)

    def _end(self, changes: Mapping[str, Any], *, now_ms: int) -> None:
        with self._lock:
            self._lease = leases.release(
                self._documents, self._lease, {**changes, "updated_at": now_ms}
            )


@contextmanager
def keep_alive(held: HeldJob, clock: Clock) -> Iterator[None]:
    """Renew the lease while the block works on something long; the thread has ended when the block
    has.
    """
    over = threading.Event()
    pause_seconds = held.lease_seconds / _HEARTBEATS_A_LEASE

    def beat() -> None:
        while not over.wait(pause_seconds):
            # A lost lease is found by the worker's own next write; a store that fails now may be
            # well then.
            with suppress(BotError):
                held.save({}, now_ms=clock.now_ms())

    thread = threading.Thread(target=beat, name="job-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
