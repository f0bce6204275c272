"""Ports of the stores: documents under compare-and-set, a bucket of objects with generations, and
the log of trials.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from shared.core.trials import History, Trial

Json: TypeAlias = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A stored document. `version` changes with every write and is only compared for equality.

    >>> document = Document(path="bots/default", data={"lots": 12}, version="1")
    >>> document.data["lots"]
    12
    """

    path: str
    data: Mapping[str, Json]
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write of an atomic batch.

    `create` fails with `AlreadyExists` where the document is there; `replace` fails with `Conflict`
    unless the stored version is `version`; `put` overwrites whatever is there; `delete` takes it
    away, if it is there. `verify` fails like `replace` and leaves the document as it is, with its
    version: the rest of the batch is applied under that condition.

    >>> from shared.stores.memory import MemoryDocuments
    >>> documents = MemoryDocuments()
    >>> writes = [
    ...     Write(kind="create", path="ticks/one", data={"done": True}),
    ...     Write(kind="put", path="bots/default", data={"lots": 0}),
    ... ]
    >>> sorted(documents.commit(writes))
    ['bots/default', 'ticks/one']
    """

    kind: Literal["create", "replace", "put", "delete", "verify"]
    path: str
    data: Mapping[str, Json] | None = None
    version: str | None = None


class DocumentStore(Protocol):
    """Documents of JSON values at paths `collection/name`.

    Every write carries a random `writer` nonce, so that a write whose answer was lost and that is
    reported as a conflict is recognised as our own success.

    What has no condition has no such protection: a batch of nothing but `put` and `delete` whose
    answer was lost may be written once more, and so may overwrite, or take away, what another wrote
    in between. Who may not overwrite others says what must be stored (`replace`, `create`,
    `verify`).

    Data is what every store can keep, or `BadData` names the field: texts, whole numbers of 64
    bits, finite floats, flags, null, mappings and lists, but no list directly inside a list
    (Firestore refuses it); at most 900 KiB a document, and a batch of 500 writes and 9 MiB, each to
    another document. A mapping comes back in the order of its keys, whatever order it was written
    in. Half a character (a lone surrogate) in a text becomes U+FFFD.

    Nothing waits longer than the deadline that is bound (`shared.core.deadline`); a store that
    gives no useful answer in time is `Unavailable`, which says so where it is open whether
    something was written.

    `reads` and `writes` count documents; a query counts one read at the least.

    >>> from shared.stores.memory import MemoryDocuments
    >>> documents = MemoryDocuments()
    >>> document = documents.create("bots/default", {"lots": 12})
    >>> documents.replace(document, {"lots": 0}).data["lots"]
    0
    >>> [found.path for found in documents.query("bots", field="lots", value=0)]
    ['bots/default']
    """

    reads: int
    writes: int

    def get(self, path: str) -> Document | None:
        """The document, or None."""
        ...

    def create(self, path: str, data: Mapping[str, Json]) -> Document:
        """Write a new document.

        Exactly one of many concurrent callers succeeds; the others get `AlreadyExists`.
        """
        ...

    def replace(self, document: Document, data: Mapping[str, Json]) -> Document:
        """Compare-and-set: write `data` if nobody wrote since `document` was read, else raise
        `Conflict`.
        """
        ...

    def commit(self, writes: Sequence[Write]) -> Mapping[str, Document]:
        """All writes or none; the documents as they are stored now, by path (a deleted or only
        verified one is absent).
        """
        ...

    def query(
        self,
        collection: str,
        *,
        field: str | None = None,
        op: Literal["==", ">=", "<"] = "==",
        value: Json = None,
        descending: bool = False,
        limit: int = 100,
    ) -> list[Document]:
        """Documents of a collection, filtered and ordered by one field, or ordered by path where
        none is given; only a field can be descending.

        The value is a text, a whole number or (for `==`) a flag, and finds values of its own type
        only. Without a value the field only orders. Documents that lack the field, or hold null, a
        list or a mapping in it, are not found.
        """
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """An object with its generation; `generation` changes with every write."""

    key: str
    data: bytes
    generation: int


class Bucket(Protocol):
    """Objects by key, with generation preconditions.

    >>> from shared.stores.memory import MemoryBucket
    >>> bucket = MemoryBucket()
    >>> first = bucket.put("bundles/one", b"model", if_generation=0)
    >>> bucket.get("bundles/one").data, bucket.keys("bundles/")
    (b'model', ['bundles/one'])
    """

    def get(self, key: str) -> Blob | None:
        """The object, or None."""
        ...

    def generation(self, key: str) -> int | None:
        """Only its generation, or None: what a warm instance asks each tick."""
        ...

    def put(self, key: str, data: bytes, *, if_generation: int | None = None) -> int:
        """Write it and return its new generation.

        `if_generation=0`: only where it does not exist; another number: only where that one is
        stored; else `Conflict`.
        """
        ...

    def delete(self, key: str) -> None:
        """Take it away, if it is there."""
        ...

    def keys(self, prefix: str = "") -> list[str]:
        """All keys with a prefix, sorted."""
        ...


class Trials(Protocol):
    """An append-only log of everything that was ever tried.

    Nothing in it is changed or taken away.
    """

    def append(self, trial: Trial) -> bool:
        """Write a trial down, once; False where the same one is there already. Raises `BadData`."""
        ...

    def all(self, kind: str | None = None) -> History:
        """Every trial, or those of one kind, oldest first, and the names of damaged records."""
        ...
