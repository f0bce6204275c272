"""Arrays that were expensive to make, in a bucket: written once, found by the key of what they were
made from.

An entry is a header (JSON: key, names, kinds, shapes, and a hash of everything) and the arrays'
plain bytes, so that reading it costs one hash and no copy. The object's name ends with its size, so
that room is made without reading. Nothing here is the truth of anything: an entry that is not
exactly what was written is taken for missing, and said to be damaged.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.core.errors import BadData
from shared.stores.ports import Bucket

Arrays: TypeAlias = Mapping[str, NDArray[Any]]

FORMAT = "arrays 1"
KINDS = frozenset({"<f8", "<i8", "|i1", "|b1"})
_HEADER_ROOM = 64  # the header is filled up to a multiple of it, which keeps the arrays aligned


class ArrayStore:
    """Entries under `prefix`, the newest `most_entries` of them and together at most `most_bytes`.

    Processes may share it.

    Two that make the same entry write the same bytes under the same name; one that is taken away
    while another looks for it is missing, no more.

    >>> from shared.stores.memory import MemoryBucket
    >>> store = ArrayStore(MemoryBucket(), "cache/")
    >>> store.write("spring", {"close": np.array([100.0, 101.0])})
    >>> store.read("spring")["close"].tolist()
    [100.0, 101.0]
    >>> store.read("autumn") is None
    True
    """

    def __init__(
        self, bucket: Bucket, prefix: str, *, most_entries: int = 32, most_bytes: int = 1 << 29
    ) -> None:
        """Keep entries under `prefix` (it ends with `/`) of `bucket`; nothing is read or written
        yet.
        """
        self._bucket = bucket
        self._prefix = prefix
        self._most_entries, self._most_bytes = most_entries, most_bytes

    def read(self, key: str) -> dict[str, NDArray[Any]] | None:
        """The arrays, not writable, or None where nothing is stored.

        Raises `BadData` for a damaged or foreign entry.
        """
        for name in self._bucket.keys(f"{self._prefix}{key}."):
            blob = self._bucket.get(name)
            if blob is not None:
                return _decode_arrays(blob.data, key)
        return None

    def write(self, key: str, arrays: Arrays) -> None:
        """Store the arrays and take the oldest entries away where there are too many or too large
        ones.
        """
        data = _encode_arrays(arrays, key)
        name = f"{self._prefix}{key}.{len(data)}"
        self._bucket.put(name, data)
        for other in self._bucket.keys(f"{self._prefix}{key}."):
            if other != name:
                self._bucket.delete(other)
        self._make_room(name)

    def _make_room(self, kept: str) -> None:
        """Newest first until the room is full; `kept` was written a moment ago and stays."""
        names = [name for name in self._bucket.keys(self._prefix) if name != kept]
        aged = sorted(names, key=lambda name: self._bucket.generation(name) or 0, reverse=True)
        entries, size = 1, _size(kept)
        for name in aged:
            entries, size = entries + 1, size + _size(name)
            if entries > self._most_entries or size > self._most_bytes:
                self._bucket.delete(name)


def _size(name: str) -> int:
    told = name.rpartition(".")[2]
    return int(told) if told.isdecimal() else 0


def _encode_arrays(arrays: Arrays, key: str) -> bytes:
    listed, parts = [], []
    for name, array in arrays.items():
        if array.dtype.str not in KINDS:
            raise BadData(f"{name} holds {array.dtype}, which is not stored")
        parts.append(np.ascontiguousarray(array).tobytes())
        parts.append(bytes(-len(parts[-1]) % 8))
        listed.append([name, array.dtype.str, list(array.shape)])
    body = b"".join(parts)
    facts = {"format": FORMAT, "key": key, "arrays": listed}
    header = json.dumps({**facts, "hash": _hash(facts, body)}).encode()
    header += b" " * (-(len(header) + 1) % _HEADER_ROOM) + b"\n"
    return header + body


def _decode_arrays(data: bytes, key: str) -> dict[str, NDArray[Any]]:
    line, newline, _ = data.partition(b"\n")
    try:
        facts = json.loads(line)
        told = facts.pop("hash")
        body = memoryview(data)[len(line) + len(newline) :]
        if facts["format"] != FORMAT or facts["key"] != key or told != _hash(facts, body):
            raise BadData(
                f"the stored arrays {key} are damaged or not the ones that were asked for"
            )
        return _arrays(facts["arrays"], body)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise BadData(f"the stored arrays {key} are damaged ({type(error).__name__})") from error


def _arrays(listed: list[Any], body: memoryview) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    at = 0
    for name, kind, shape in listed:
        dtype = np.dtype(kind)
        count = int(np.prod(shape, dtype=np.int64))
        found[str(name)] = np.frombuffer(body, dtype, count, at).reshape(shape)
        at += count * dtype.itemsize + -(count * dtype.itemsize) % 8
    return found


def _hash(facts: Mapping[str, Any], body: bytes | memoryview) -> str:
    digest = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=32)
    digest.update(body)
    return digest.hexdigest()
