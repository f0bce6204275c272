"""Documents and objects in this process's memory: for tests, sandboxes and replays.

Nothing survives the process.
"""

import bisect
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from shared.core.errors import Conflict
from shared.stores.documents import CheckedQuery, CheckedWrite, Documents, collection_of
from shared.stores.keys import check_generation, check_key, check_prefix, precondition_text
from shared.stores.ports import Blob, Document


class MemoryDocuments(Documents):
    """Documents kept as JSON text, so that what is read is never the object that was written."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__()
        self._lock = threading.Lock()
        self._stored: dict[str, tuple[str, str]] = {}

    @classmethod
    def open(cls, address: str) -> Self:
        """One of its own, whatever the address."""
        del address
        return cls()

    def _get(self, path: str) -> Document | None:
        with self._lock:
            stored = self._stored.get(path)
        return None if stored is None else _document(path, stored)

    def _apply(self, batch: Sequence[CheckedWrite], writer: str) -> str:
        with self._lock:
            versions = {
                item.path: self._stored[item.path][1] for item in batch if item.path in self._stored
            }
            if writer not in versions.values():
                for item in batch:
                    item.check(versions.get(item.path))
                for item in batch:
                    if item.kind == "delete":
                        self._stored.pop(item.path, None)
                    elif item.text is not None:
                        self._stored[item.path] = (item.text, writer)
        self._answer()
        return writer

    def _query(self, query: CheckedQuery) -> list[Document]:
        with self._lock:
            stored = [
                (path, item)
                for path, item in self._stored.items()
                if collection_of(path) == query.collection
            ]
        documents = [_document(path, item) for path, item in stored]
        found = [
            (key, document)
            for document in documents
            if (key := _sort_key(document, query)) is not None
        ]
        found.sort(key=lambda pair: pair[0], reverse=query.descending)
        return [document for _, document in found[: query.limit]]

    def _count(self, *, reads: int = 0, writes: int = 0) -> None:
        with self._lock:
            super()._count(reads=reads, writes=writes)


def _document(path: str, stored: tuple[str, str]) -> Document:
    text, version = stored
    return Document(path=path, data=json.loads(text), version=version)


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": lambda stored, value: bool(stored == value),
    ">=": lambda stored, value: bool(stored >= value),
    "<": lambda stored, value: bool(stored < value),
}


def _sort_key(document: Document, query: CheckedQuery) -> tuple[Any, ...] | None:
    """Where a document stands in the answer, or None where the query does not find it."""
    if query.field is None:
        return (document.path,)
    stored: Any = document.data
    for part in query.field.split("."):
        stored = stored.get(part) if isinstance(stored, dict) else None
    kind = _kind(stored)
    if query.value is None:
        return None if kind in {None, "flag"} else (kind, stored, document.path)
    if kind != _kind(query.value) or not _COMPARE[query.op](stored, query.value):
        return None
    return (stored, document.path)


def _kind(value: Any) -> str | None:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else None


class MemoryBucket:
    """Objects in a dictionary; generations count all writes of the bucket."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._blobs: dict[str, Blob] = {}
        self._written = 0

    @classmethod
    def open(cls, address: str) -> Self:
        """One of its own, whatever the address."""
        del address
        return cls()

    def get(self, key: str) -> Blob | None:
        """The object, or None."""
        check_key(key)
        with self._lock:
            return self._blobs.get(key)

    def generation(self, key: str) -> int | None:
        """Only its generation, or None."""
        blob = self.get(key)
        return None if blob is None else blob.generation

    def put(self, key: str, data: bytes, *, if_generation: int | None = None) -> int:
        """Write it and return its new generation.

        Raises `Conflict` where the precondition fails.
        """
        check_key(key)
        check_generation(if_generation)
        with self._lock:
            stored = self._blobs.get(key)
            if if_generation is not None and if_generation != (stored.generation if stored else 0):
                raise Conflict(
                    precondition_text(key, if_generation, stored.generation if stored else None)
                )
            self._written += 1
            self._blobs[key] = Blob(key=key, data=bytes(data), generation=self._written)
            return self._written

    def delete(self, key: str) -> None:
        """Take it away, if it is there."""
        check_key(key)
        with self._lock:
            self._blobs.pop(key, None)

    def keys(self, prefix: str = "") -> list[str]:
        """All keys with a prefix, sorted."""
        check_prefix(prefix)
        with self._lock:
            ordered = sorted(self._blobs)
        start = bisect.bisect_left(ordered, prefix)
        return [key for key in ordered[start:] if key.startswith(prefix)]
