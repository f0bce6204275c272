"""Long jobs as documents: what is asked, how far it has come, who works on it, and what came of it.

    jobs/{id}              job, hash, status, lease, cancel, share, checkpoint,
                           result, error     a backtest
    retrains/{bot}~{week}  the same of a weekly retraining

A job is worked on by whoever holds its lease (`shared.stores.lease`), which lies in the same
document as everything that the worker saves.

    waiting --take--> working --release--> waiting          a slice is over, more is left
                              --finish---> done | partial | failed | canceled
"""

from collections.abc import Mapping
from typing import Any

from models.jobs.held import HeldJob
from shared.core.errors import AlreadyExists, Conflict, NotThere
from shared.stores import lease as leases
from shared.stores.conflicts import repeat_on_conflict
from shared.stores.ports import Document, DocumentStore

COLLECTION = "jobs"
FINAL = frozenset({"done", "partial", "failed", "canceled"})


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
            "lease": leases.unheld(fence=0),
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
            lease = leases.unheld(fence=stored.data["lease"]["fence"])
            return self._documents.replace(stored, {**fresh, "lease": lease})
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

        def ask() -> Document:
            stored = self.get(name)
            if stored.data["status"] in FINAL or stored.data["cancel"]:
                return stored
            held = stored.data["lease"]
            changes: dict[str, Any] = {"cancel": True, "updated_at": now_ms}
            if not leases.is_held(held["expires_at"], now_ms=now_ms):
                lease = leases.unheld(fence=int(held["fence"]) + 1)
                changes |= {"status": "canceled", "lease": lease}
            return self._documents.replace(stored, {**stored.data, **changes})

        return repeat_on_conflict(ask)

    def take(self, name: str, *, now_ms: int, lease_ms: int) -> HeldJob | None:
        """Take a job's lease; None while another worker holds it, and where nothing is left to do.

        Raises `NotThere`.
        """
        stored = self.get(name)
        if stored.data["status"] in FINAL:
            return None
        lease = leases.take(
            self._documents,
            stored.path,
            stored,
            changes={
                "status": "working",
                "slices": stored.data["slices"] + 1,
                "updated_at": now_ms,
            },
            now_ms=now_ms,
            lease_ms=lease_ms,
        )
        return None if lease is None else HeldJob(self._documents, lease, lease_ms=lease_ms)

    def _path(self, name: str) -> str:
        return f"{self._collection}/{name}"
