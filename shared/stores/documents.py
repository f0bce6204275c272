"""What all document stores have in common: the rules of paths, values and batches, and the
recognition of lost answers.

The rules are those of the strictest store (Firestore), so that a document that one store takes, all
take.

Every batch carries a random `writer` nonce, stored beside each document that it writes. Where the
answer of a batch is lost, the batch is sent once more with the same nonce: a store that finds the
nonce at one of its documents knows that all of it was applied, and reports success instead of a
conflict with ourselves.
"""

import json
import math
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from shared.core.errors import AlreadyExists, BadData, Conflict, StoreBroken, Unavailable
from shared.stores.ports import Document, Json, Write

MAX_DOCUMENT_BYTES = 900 * 1024
MAX_STORED_BYTES = 1_000_000
"""Of a document by `STORED`; Firestore takes 1 MiB, with its name."""
MAX_BATCH_WRITES = 500
MAX_BATCH_BYTES = 9 * 1024 * 1024
"""Of all writes of a batch by `SENT`; Firestore takes requests of 10 MiB."""
MAX_DEPTH = 20
MAX_PATH_BYTES = 1_500

Operator: TypeAlias = Literal["==", ">=", "<"]
Scalar: TypeAlias = str | int | bool

_CONDITIONAL = frozenset({"replace", "verify"})
_INT64 = range(-(2**63), 2**63)
_RESERVED = re.compile(r"__.*__")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


class AnswerLost(Unavailable):
    """Nobody knows whether a batch was applied. Sending it again with the same nonce finds out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedWrite:
    """A write that passed all checks.

    `text` is the document as JSON; None where it is deleted or only verified. `size`: what it can
    be at most when it is sent, in bytes.
    """

    kind: Literal["create", "replace", "put", "delete", "verify"]
    path: str
    text: str | None
    version: str | None
    size: int = 0

    def check(self, stored_version: str | None) -> None:
        """Raise `AlreadyExists` or `Conflict` where what is stored (None: nothing) forbids this
        write.
        """
        if self.kind == "create" and stored_version is not None:
            raise AlreadyExists(f"the document {self.path} exists already")
        if self.kind in _CONDITIONAL and stored_version != self.version:
            found = "is gone" if stored_version is None else "was written by somebody else"
            raise Conflict(f"the document {self.path} {found} since it was read")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedQuery:
    """A query that passed all checks. `value` None: no filter, only the order by `field`."""

    collection: str
    field: str | None
    op: Operator
    value: Scalar | None
    descending: bool
    limit: int


class Documents(ABC):
    """A document store without its storage: subclasses keep texts and apply checked batches
    atomically.

    `reads` and `writes` count documents as Firestore bills them: a `get` one read, a query its
    documents and one at the least, a batch one write a document once it is applied, whether that is
    changed or only verified.
    """

    def __init__(self) -> None:
        """Start counting."""
        self.reads = 0
        self.writes = 0

    def get(self, path: str) -> Document | None:
        """The document, or None."""
        check_path(path)
        found = self._get(path)
        self._count(reads=1)
        return found

    def create(self, path: str, data: Mapping[str, Json]) -> Document:
        """Write a new document.

        Raises `AlreadyExists` for all but one of many concurrent callers.
        """
        return self.commit([Write(kind="create", path=path, data=data)])[path]

    def replace(self, document: Document, data: Mapping[str, Json]) -> Document:
        """Compare-and-set. Raises `Conflict` where somebody wrote since `document` was read."""
        write = Write(kind="replace", path=document.path, data=data, version=document.version)
        return self.commit([write])[document.path]

    def commit(self, writes: Sequence[Write]) -> Mapping[str, Document]:
        """All writes or none, in one round.

        Raises `AlreadyExists` or `Conflict` for the first that cannot be.
        """
        batch = prepare_writes(writes)
        if not batch:
            return {}
        writer = secrets.token_hex(16)
        try:
            version = self._apply(batch, writer)
        except AnswerLost as lost:
            version = self._apply_again(batch, writer, lost)
        self._count(writes=len(batch))
        return {
            item.path: Document(path=item.path, data=json.loads(item.text), version=version)
            for item in batch
            if item.text is not None
        }

    def _apply_again(self, batch: Sequence[CheckedWrite], writer: str, lost: AnswerLost) -> str:
        try:
            return self._apply(batch, writer)
        except AnswerLost:
            raise
        except (Unavailable, StoreBroken) as error:
            raise AnswerLost(f"{lost}; then {error}") from error

    def query(
        self,
        collection: str,
        *,
        field: str | None = None,
        op: Operator = "==",
        value: Json = None,
        descending: bool = False,
        limit: int = 100,
    ) -> list[Document]:
        """Documents of a collection, by `field` and then by path; by path alone where no field is
        given.

        A filter finds only values of the type of `value` (a text, a whole number, a flag; numbers
        meet numbers of either kind). Without a value the field only orders: numbers before texts.
        Documents without the field, or with null, a list or a mapping in it, are never found by it;
        nor are flags without a value.
        """
        found = self._query(
            check_query(
                collection, field=field, op=op, value=value, descending=descending, limit=limit
            ),
        )
        self._count(reads=max(1, len(found)))
        return found

    def close(self) -> None:  # noqa: B027 - memory has nothing to release
        """Nothing to release."""

    @abstractmethod
    def _get(self, path: str) -> Document | None:
        """Read one document."""

    @abstractmethod
    def _apply(self, batch: Sequence[CheckedWrite], writer: str) -> str:
        """Apply all of `batch` or none and return the new version of its documents.

        Succeeds without writing where one of them carries `writer` already. Calls `_answer` after
        the batch is durable.
        """

    @abstractmethod
    def _query(self, query: CheckedQuery) -> list[Document]:
        """Run a checked query."""

    def _answer(self) -> None:  # noqa: B027 - the answer of a sound store just arrives
        """The way back from the storage to the caller: a test loses the answer here by raising
        `AnswerLost`.
        """

    def _count(self, *, reads: int = 0, writes: int = 0) -> None:
        self.reads += reads
        self.writes += writes


def check_path(path: str) -> str:
    """The path, where it is `collection/name` (or deeper, in pairs). Raises `BadData`."""
    parts = path.split("/")
    if (
        len(parts) % 2
        or not _has_safe_parts(parts)
        or len(path.encode(errors="replace")) > MAX_PATH_BYTES
    ):
        raise BadData(
            f"the document path {path[:200]!r} is wrong: collection/name, without empty, dotted or"
            " control parts"
        )
    return path


def _has_safe_parts(parts: Sequence[str]) -> bool:
    return all(
        part not in {"", ".", ".."}
        and not _RESERVED.fullmatch(part)
        and not _CONTROL.search(part)
        and _is_encodable(part)
        for part in parts
    )


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def collection_of(path: str) -> str:
    """The collection that a document belongs to: all of its path but the last part."""
    return path.rpartition("/")[0]


def prepare_writes(writes: Sequence[Write]) -> list[CheckedWrite]:
    """The writes of a batch, checked and encoded. Raises `BadData` before anything is written."""
    batch = [_prepare(write) for write in writes]
    if len(batch) > MAX_BATCH_WRITES:
        raise BadData(f"a batch had {len(batch)} writes; at most {MAX_BATCH_WRITES} can be atomic")
    size = sum(item.size for item in batch)
    if size > MAX_BATCH_BYTES:
        raise BadData(
            f"a batch of {len(batch)} writes had {size} bytes; at most {MAX_BATCH_BYTES} can be"
            " atomic"
        )
    paths = [item.path for item in batch]
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise BadData(
            f"a batch writes the document {twice} twice; the order of a batch means nothing"
        )
    return batch


def _prepare(write: Write) -> CheckedWrite:
    path = check_path(write.path)
    if (write.kind in {"delete", "verify"}) != (write.data is None):
        raise BadData(
            f"a {write.kind} of {path} came {'without' if write.data is None else 'with'} data"
        )
    if (write.kind in _CONDITIONAL) != (write.version is not None):
        raise BadData(
            f"a {write.kind} of {path} came {'without' if write.version is None else 'with'} a"
            " version"
        )
    if write.data is None:
        return CheckedWrite(kind=write.kind, path=path, text=None, version=write.version)
    text, size = encode_document(write.data, path)
    return CheckedWrite(kind=write.kind, path=path, text=text, version=write.version, size=size)


def encode_document(data: Mapping[str, Json], path: str) -> tuple[str, int]:
    """A document as JSON text, the keys of each mapping in their order, and its size by `SENT`.

    Raises `BadData` naming the field that is not plain JSON, or the size where too large.
    """
    if not isinstance(data, Mapping):
        raise BadData(f"the document {path} was a {type(data).__name__}; it must be a mapping")
    plain = _plain(data, f"{path}:", depth=0)
    text = json.dumps(
        plain,
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
        sort_keys=True,
    )
    size = len(text.encode())
    if size > MAX_DOCUMENT_BYTES:
        raise BadData(
            f"the document {path} was {size} bytes; at most {MAX_DOCUMENT_BYTES} can be stored"
        )
    stored = STORED.count_bytes(plain)
    if stored > MAX_STORED_BYTES:
        raise BadData(
            f"the document {path} was {stored} bytes with its types; at most {MAX_STORED_BYTES} can"
            " be stored"
        )
    return text, SENT.count_bytes(plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What a value costs besides its own characters, in bytes, by what it is."""

    text: int
    number: int
    flag: int
    mapping: int
    entry: int
    item: int

    def count_bytes(self, value: Json) -> int:
        """Of a plain JSON value.

        >>> STORED.count_bytes({"a": [1, 2.5, None]}), STORED.count_bytes("価格")
        (83, 7)
        """
        if isinstance(value, str):
            return len(value.encode()) + self.text
        if isinstance(value, Mapping):
            entries = (
                self.count_bytes(key) + self.count_bytes(item) for key, item in value.items()
            )
            return self.mapping + self.entry * len(value) + sum(entries)
        if isinstance(value, list):
            return self.mapping + self.item * len(value) + sum(map(self.count_bytes, value))
        return self.flag if value is None or isinstance(value, bool) else self.number


STORED = Weights(text=1, number=8, flag=1, mapping=32, entry=0, item=0)
"""As Firestore counts what it keeps (its "storage size calculations"), lists as mappings."""
SENT = Weights(text=6, number=11, flag=3, mapping=10, entry=10, item=6)
"""The most that a protocol buffer of Firestore's needs for it."""


def _plain(value: Json, where: str, *, depth: int) -> Json:
    """The value in plain JSON types, or `BadData` naming `where` it is not. A tuple is a list."""
    if value is None or isinstance(value, bool | str | int | float):
        return _plain_scalar(value, where)
    if depth >= MAX_DEPTH:
        raise BadData(f"{where} is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return {
            _key(key, where): _plain(item, _below(where, key), depth=depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return list(_items(value, where, depth))
    raise BadData(f"{where} was a {type(value).__name__}; only plain JSON values can be stored")


def _plain_scalar(value: str | float | None, where: str) -> Json:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        # half a character in what a server sent must not keep a tick from being saved
        return (
            str(value)
            if _is_encodable(value)
            else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        )
    if isinstance(value, int):
        if value not in _INT64:
            raise BadData(f"{where} was {value}; whole numbers have at most 64 bits")
        return int(value)
    if not math.isfinite(value):
        raise BadData(f"{where} was {value}; it must be a finite number")
    return float(value)


def _items(values: Sequence[Json], where: str, depth: int) -> Iterator[Json]:
    for index, item in enumerate(values):
        if isinstance(item, list | tuple):
            raise BadData(
                f"{where}[{index}] is a list directly inside a list, which Firestore refuses: put a"
                " mapping between"
            )
        yield _plain(item, f"{where}[{index}]", depth=depth + 1)


def _key(key: object, where: str) -> str:
    if not isinstance(key, str) or not key or _RESERVED.fullmatch(key) or not _is_encodable(key):
        raise BadData(
            f"{where} has the key {key!r}; keys are texts, neither empty nor __reserved__"
        )
    return str(key)


def _below(where: str, key: object) -> str:
    return f"{where}{'' if where.endswith(':') else '.'}{key}"


def check_query(
    collection: str,
    *,
    field: str | None,
    op: str,
    value: Json,
    descending: bool,
    limit: int,
) -> CheckedQuery:
    """A query that every store can answer, or `BadData`."""
    parts = collection.split("/")
    if not len(parts) % 2 or not _has_safe_parts(parts):
        raise BadData(
            f"the collection {collection[:200]!r} is wrong: one name, or collection/name/collection"
        )
    if field is None and value is not None:
        raise BadData("a query had a value and no field")
    if field is None and descending:
        raise BadData("a query asked for descending paths; only a field can be descending")
    if field is not None and not _FIELD.fullmatch(field):
        raise BadData(f"a query asked for the field {field!r}; fields are names joined by dots")
    _check_comparison(field, op, value)
    if limit < 1:
        raise BadData(f"a query asked for {limit} documents; it must ask for one at the least")
    plain: Any = str(value) if isinstance(value, str) else value
    return CheckedQuery(
        collection=collection,
        field=field,
        op="==" if op == "==" else ">=" if op == ">=" else "<",
        value=plain,
        descending=descending,
        limit=limit,
    )


def _check_comparison(field: str | None, op: str, value: Json) -> None:
    if op not in {"==", ">=", "<"}:
        raise BadData(f"a query asked for {op!r}; ==, >= and < can be asked for")
    if not (value is None or isinstance(value, str | int)):
        raise BadData(
            f"a query asked for {field} {op} {value!r}; it can ask for texts, whole numbers and"
            " flags"
        )
    if isinstance(value, int) and value not in _INT64:
        raise BadData(f"a query asked for {field} {op} {value}; whole numbers have at most 64 bits")
    if isinstance(value, str) and (_CONTROL.search(value) or not _is_encodable(value)):
        raise BadData(f"a query asked for {field} {op} a text with control characters")
    if op != "==" and (value is None or isinstance(value, bool)):
        raise BadData(
            f"a query asked for {field} {op} {value!r}; only numbers and texts have an order"
        )
