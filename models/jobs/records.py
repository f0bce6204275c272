"""Long jobs as documents: what is asked, how far it has come, who works on it, and what came of it.

    jobs/{id}              job, hash, status, lease, cancel, share, checkpoint,
                           result, error     a backtest
    retrains/{bot}~{week}  the same of a weekly retraining

A job is worked on by whoever holds its lease. The lease lies in the same document as everything
that the worker saves, so that saving *is* the fencing check: who was silent for too long finds
another holder and gets `LeaseLost`.

    waiting --take--> working --release--> waiting          a slice is over, more is left
                              --finish---> done | partial | failed | canceled
"""

import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from shared.core.clock import Clock
from shared.core.errors import AlreadyExists, BotError, Conflict, LeaseLost, NotThere
from shared.stores.ports import Document, DocumentStore

COLLECTION = "jobs"
FINAL = frozenset({"done", "partial", "failed", "canceled"})
_FREE = {"holder": None, "expires_at": 0}
_HEARTBEATS_A_LEASE = 3


class JobDocuments:
    """The jobs of one collection in a document store.

    >>> from shared.stores.memory import MemoryDocuments
    >>> jobs = JobDocuments(MemoryDocuments(), "backtests")
    >>> made = jobs.create("spring", kind="backtest", job={}, job_hash="a1", now_ms=0)
    >>> made.data["status"], [job.path for job in jobs.recent()]
    ('waiting', ['backtests/spring'])
    >>> jobs.take("spring", now_ms=0, lease_ms=60_000).lease_seconds
    60.0
    >>> jobs.take("spring", now_ms=30_000, lease_ms=60_000) is None  # somebody works on it
    True
    """

    def __init__(self, documents: DocumentStore, collection: str = COLLECTION) -> None:
        """Work on the documents of `collection`."""
        self._documents = documents
        self._collection = collection

    def find(self, name: str, *, kind: str, job_hash: str) -> Document | None:
        """The same job under this name, or None.

        Raises `Conflict` where the name stands for another job.
        """
        stored = self._documents.get(self._path(name))
        if stored is not None and (stored.data["kind"], stored.data["job_hash"]) != (
            kind,
            job_hash,
        ):
            raise Conflict(f"the id {name} stands for another job")
        return stored

    def create(
        self,
        name: str,
        *,
        kind: str,
        job: Mapping[str, Any],
        job_hash: str,
        now_ms: int,
        more: Mapping[str, Any] | None = None,
    ) -> Document:
        """Write a job down with `more` beside it, or find the same one under this name.

        One that had failed begins again: what was missing may be there now.

        Raises:
            Conflict: the name stands for another job.
        """
        fresh = {
            "kind": kind,
            "job": dict(job),
            "job_hash": job_hash,
            "status": "waiting",
            "cancel": False,
            "created_at": now_ms,
            "updated_at": now_ms,
            "lease": {**_FREE, "fence": 0},
            "slices": 0,
            "worked_ms": 0,
            "share": 0.0,
            "checkpoint": None,
            "result": None,
            "error": None,
            **(more or {}),
        }
        try:
            return self._documents.create(self._path(name), fresh)
        except AlreadyExists:
            stored = self.find(name, kind=kind, job_hash=job_hash) or self.get(name)
        if stored.data["status"] != "failed":
            return stored
        try:
            return self._documents.replace(
                stored, {**fresh, "lease": {**_FREE, "fence": stored.data["lease"]["fence"]}}
            )
        except Conflict:  # somebody else began it again
            return self.get(name)

    def get(self, name: str) -> Document:
        """A job as it is stored. Raises `NotThere`."""
        stored = self._documents.get(self._path(name))
        if stored is None:
            raise NotThere(f"there is no job {name}")
        return stored

    def recent(self, limit: int = 20) -> list[Document]:
        """The youngest jobs, youngest first."""
        return self._documents.query(
            self._collection, field="created_at", op=">=", value=0, descending=True, limit=limit
        )

    def cancel(self, name: str, *, now_ms: int) -> Document:
        """Ask that a job be given up: at once where nobody works on it, else by its worker.

        Raises `NotThere`.
        """
        while True:
            stored = self.get(name)
            if stored.data["status"] in FINAL or stored.data["cancel"]:
                return stored
            changes: dict[str, Any] = {"cancel": True, "updated_at": now_ms}
            if stored.data["lease"]["expires_at"] <= now_ms:
                lease = {**_FREE, "fence": int(stored.data["lease"]["fence"]) + 1}
                changes |= {"status": "canceled", "lease": lease}
            try:
                return self._documents.replace(stored, {**stored.data, **changes})
            except Conflict:
                continue

    def take(self, name: str, *, now_ms: int, lease_ms: int) -> "HeldJob | None":
        """Take a job's lease; None while another worker holds it, and where nothing is left to do.

        Raises `NotThere`.
        """
        stored = self.get(name)
        held = stored.data["lease"]
        if stored.data["status"] in FINAL or held["expires_at"] > now_ms:
            return None
        lease = {
            "holder": secrets.token_hex(8),
            "fence": int(held["fence"]) + 1,
            "expires_at": now_ms + lease_ms,
        }
        changes = {
            "status": "working",
            "lease": lease,
            "slices": stored.data["slices"] + 1,
            "updated_at": now_ms,
        }
        try:
            document = self._documents.replace(stored, {**stored.data, **changes})
        except Conflict:
            return None
        return HeldJob(self._documents, document, lease_ms=lease_ms)

    def _path(self, name: str) -> str:
        return f"{self._collection}/{name}"


class HeldJob:
    """A job under our lease.

    Its methods may be called from the worker and from the thread that keeps the lease alive.

    >>> from shared.stores.memory import MemoryDocuments
    >>> jobs = JobDocuments(MemoryDocuments(), "backtests")
    >>> made = jobs.create("spring", kind="backtest", job={}, job_hash="a1", now_ms=0)
    >>> held = jobs.take("spring", now_ms=0, lease_ms=60_000)
    >>> held.finish("done", {"trades": 12}, now_ms=1_000)
    >>> held.data["status"], held.data["trades"]
    ('done', 12)
    """

    def __init__(self, documents: DocumentStore, document: Document, *, lease_ms: int) -> None:
        """Hold `document`, whose lease is ours."""
        self._documents = documents
        self._document = document
        self._lease_ms = lease_ms
        self._lock = threading.Lock()
        self._holder: str = document.data["lease"]["holder"]
        self.fence: int = document.data["lease"]["fence"]

    @property
    def lease_seconds(self) -> float:
        """For how long each write renews the lease."""
        return self._lease_ms / 1000

    @property
    def data(self) -> Mapping[str, Any]:
        """The job as it was last read or written."""
        return self._document.data

    @property
    def canceled(self) -> bool:
        """Whether somebody asked to give it up, as far as is known since the last write."""
        return bool(self._document.data["cancel"])

    def save(self, changes: Mapping[str, Any], *, now_ms: int) -> None:
        """Write `changes` and renew the lease.

        Raises `LeaseLost` where another worker has the job, or nobody may.
        """
        self._write(changes, now_ms=now_ms, expires_at=now_ms + self._lease_ms)

    def release(self, changes: Mapping[str, Any], *, now_ms: int) -> None:
        """End a slice: write `changes`, let the job wait for its next worker."""
        self._write({"status": "waiting", **changes}, now_ms=now_ms, expires_at=0)

    def finish(self, status: str, changes: Mapping[str, Any], *, now_ms: int) -> None:
        """End the job."""
        self._write({**changes, "status": status}, now_ms=now_ms, expires_at=0)

    def _write(self, changes: Mapping[str, Any], *, now_ms: int, expires_at: int) -> None:
        lease = {
            "holder": self._holder if expires_at else None,
            "fence": self.fence,
            "expires_at": expires_at,
        }
        with self._lock:
            while True:
                data = {**self._document.data, **changes, "lease": lease, "updated_at": now_ms}
                try:
                    self._document = self._documents.replace(self._document, data)
                except Conflict as error:  # a cancel, or another worker
                    found = self._documents.get(self._document.path)
                    if found is None or found.data["lease"]["holder"] != self._holder:
                        raise LeaseLost(f"another worker has {self._document.path} now") from error
                    self._document = found
                else:
                    return


@contextmanager
def kept_alive(held: HeldJob, clock: Clock) -> Iterator[None]:
    """Renew the lease while the block works on something long; the thread has ended when the block
    has.

    >>> from shared.core.clock import SystemClock
    >>> from shared.stores.memory import MemoryDocuments
    >>> clock, jobs = SystemClock(), JobDocuments(MemoryDocuments(), "backtests")
    >>> made = jobs.create("spring", kind="backtest", job={}, job_hash="a1", now_ms=clock.now_ms())
    >>> held = jobs.take("spring", now_ms=clock.now_ms(), lease_ms=60_000)
    >>> with kept_alive(held, clock):
    ...     jobs.take("spring", now_ms=clock.now_ms(), lease_ms=60_000) is None
    True
    """
    over = threading.Event()
    pause = held.lease_seconds / _HEARTBEATS_A_LEASE

    def beat() -> None:
        while not over.wait(pause):
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
