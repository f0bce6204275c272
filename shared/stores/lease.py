"""A lease inside a document: the right of one holder to act and to write, until it runs out.

    {..., "lease": {"holder": "5f0c…", "fence": 7, "expires_at": 1767225600000}}

The lease lies in the same document as what its holder saves, so that saving *is* the fencing check:
every write is a compare-and-set, and whoever was silent for too long finds another holder and gets
`LeaseLost`. `fence` grows with every lease taken and never falls: it tells two holders apart, and
what the slower one wrote elsewhere.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.core.errors import AlreadyExists, Conflict, LeaseLost
from shared.stores.ports import Document, DocumentStore, Write


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lease that we took.

    >>> from shared.stores.memory import MemoryDocuments
    >>> documents = MemoryDocuments()
    >>> ours = take(documents, "bots/one", None, changes={"lots": 0}, now_ms=0, lease_ms=170_000)
    >>> ours.fence, ours.expires_at, ours.data["lots"]
    (1, 170000, 0)

    Attributes:
        document: As it was last read or written by us; its version is what fences.
        holder: Our name, drawn anew with every lease.
        fence: The number of this lease.
        expires_at: ms UTC; from then on anybody may take it.
    """

    document: Document
    holder: str
    fence: int
    expires_at: int

    @property
    def data(self) -> Mapping[str, Any]:
        """The document's fields, the lease's own among them."""
        return self.document.data

    @property
    def condition(self) -> Write:
        """The write that lets a batch pass only as long as nobody wrote the document after us."""
        return Write(kind="verify", path=self.document.path, version=self.document.version)

    def release_write(self, changes: Mapping[str, Any]) -> Write:
        """The write that stores `changes` and gives the lease back, as one of an atomic batch."""
        return Write(
            kind="replace",
            path=self.document.path,
            data={**self.data, **changes, "lease": unheld(fence=self.fence)},
            version=self.document.version,
        )


def draw_holder() -> str:
    """A name for whoever takes a lease, of nobody else."""
    return secrets.token_hex(8)


def find_held(stored: Document | None, holder: str) -> Lease | None:
    """The lease of a stored document where `holder` has it: how one whose taking got no answer is
    found again.

    >>> from shared.stores.memory import MemoryDocuments
    >>> documents = MemoryDocuments()
    >>> taken = take(documents, "bots/one", None, changes={}, now_ms=0, lease_ms=9, holder="5f0c")
    >>> stored = documents.get("bots/one")
    >>> find_held(stored, "5f0c") == taken, find_held(stored, "another")
    (True, None)
    """
    held = None if stored is None else stored.data.get("lease")
    if stored is None or not isinstance(held, Mapping) or held.get("holder") != holder:
        return None
    return Lease(
        document=stored, holder=holder, fence=int(held["fence"]), expires_at=held["expires_at"]
    )


def unheld(*, fence: int) -> dict[str, Any]:
    """The lease that nobody holds, as a document stores it.

    >>> unheld(fence=7)
    {'holder': None, 'fence': 7, 'expires_at': 0}
    """
    return {"holder": None, "fence": fence, "expires_at": 0}


def is_held(expires_at: int, *, now_ms: int, longest_ms: int | None = None) -> bool:
    """Whether somebody may still act.

    No lease lives longer than `longest_ms`: one that says so was written by a wrong clock, and
    holds nobody up.

    >>> is_held(170_000, now_ms=60_000), is_held(170_000, now_ms=170_000)
    (True, False)
    """
    is_impossible = longest_ms is not None and expires_at > now_ms + longest_ms
    return expires_at > now_ms and not is_impossible


def take(
    documents: DocumentStore,
    path: str,
    stored: Document | None,
    *,
    changes: Mapping[str, Any],
    now_ms: int,
    lease_ms: int,
    judged_at: int | None = None,
    longest_ms: int | None = None,
    holder: str | None = None,
) -> Lease | None:
    """Take the lease of the document at `path`; None while another holds it, or was faster.

    >>> from shared.stores.memory import MemoryDocuments
    >>> documents = MemoryDocuments()
    >>> ours = take(documents, "bots/one", None, changes={"lots": 0}, now_ms=0, lease_ms=170_000)
    >>> stored = documents.get("bots/one")
    >>> take(documents, "bots/one", stored, changes={}, now_ms=60_000, lease_ms=170_000) is None
    True
    >>> take(documents, "bots/one", stored, changes={}, now_ms=170_000, lease_ms=170_000).fence
    2

    Args:
        documents: The store.
        path: Of the document.
        stored: The document as it was read; None where there is none, and it is made.
        changes: What is written with the lease.
        now_ms: From when ours counts, ms UTC.
        lease_ms: For how long.
        judged_at: The time by which another's lease is judged, where ours is known to be slow
            (None: `now_ms`).
        longest_ms: The longest that a lease can be, see `is_held`.
        holder: Our name, of nobody else and of no other lease; None: one is drawn.
    """
    held = unheld(fence=0) if stored is None else stored.data["lease"]
    seen_at = now_ms if judged_at is None else judged_at
    if is_held(held["expires_at"], now_ms=seen_at, longest_ms=longest_ms):
        return None
    holder = draw_holder() if holder is None else holder
    fence, expires_at = int(held["fence"]) + 1, now_ms + lease_ms
    lease = {"holder": holder, "fence": fence, "expires_at": expires_at}
    try:
        if stored is None:
            document = documents.create(path, {**changes, "lease": lease})
        else:
            document = documents.replace(stored, {**stored.data, **changes, "lease": lease})
    except (AlreadyExists, Conflict):
        return None
    return Lease(document=document, holder=holder, fence=fence, expires_at=expires_at)


def renew(
    documents: DocumentStore, lease: Lease, changes: Mapping[str, Any], *, expires_at: int
) -> Lease:
    """Write `changes` and hold the lease until `expires_at`.

    What others wrote beside the lease meanwhile (a request to stop) stays.

    Raises:
        LeaseLost: Another holds it now, or nobody; nothing was written.
    """
    return _write_lease(
        documents,
        lease,
        changes,
        {"holder": lease.holder, "fence": lease.fence, "expires_at": expires_at},
    )


def release(documents: DocumentStore, lease: Lease, changes: Mapping[str, Any]) -> Lease:
    """Write `changes` and give the lease back. Raises `LeaseLost`.

    >>> from shared.stores.memory import MemoryDocuments
    >>> documents = MemoryDocuments()
    >>> ours = take(documents, "bots/one", None, changes={"lots": 0}, now_ms=0, lease_ms=170_000)
    >>> release(documents, ours, {"lots": 12}).data["lots"]
    12
    >>> is_held(documents.get("bots/one").data["lease"]["expires_at"], now_ms=1)
    False
    """
    return _write_lease(documents, lease, changes, unheld(fence=lease.fence))


def _write_lease(
    documents: DocumentStore, lease: Lease, changes: Mapping[str, Any], after: Mapping[str, Any]
) -> Lease:
    document = lease.document
    if lease.expires_at == 0:
        raise LeaseLost(f"the lease of {document.path} was given back")
    while True:
        data = {**document.data, **changes, "lease": dict(after)}
        try:
            stored = documents.replace(document, data)
        except Conflict as error:
            found = documents.get(document.path)
            if found is None or found.data["lease"]["holder"] != lease.holder:
                raise LeaseLost(f"another worker has {document.path} now") from error
            document = found
        else:
            return replace(lease, document=stored, expires_at=int(after["expires_at"]))
