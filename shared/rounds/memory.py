"""Where the watch keeps its memory: an object of the bucket, so that it is there when the document
store is down, under a precondition on its generation, so that of two watches one tells.

The document `watch/{bot}` holds a copy, which takes its place while the bucket does not answer,
then under compare-and-set; the copy with the higher number is the newer one. Where neither can be
written nothing can be remembered, and each round tells what it finds. Where one store goes in the
very round in which the other comes back, what only the first knew to have begun is not told to be
over.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from shared.core.errors import AlreadyExists, Conflict, StoreBroken, Unavailable
from shared.core.logs import log
from shared.rounds.changes import WatchMemory
from shared.rounds.sight import Reader
from shared.stores.ports import Bucket, Document, DocumentStore, Write


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A memory, and what must still be stored for it to be replaced: the object's generation (None:
    the bucket does not answer) and the copy's document. `is_whole`: both places hold it, as far as
    they answer.
    """

    memory: WatchMemory
    generation: int | None
    aside: Document | None
    is_whole: bool = True


class MemoryBook:
    """The memory of one bot's watch."""

    def __init__(
        self, bucket: Bucket, open_documents: Callable[[], DocumentStore], bot: str
    ) -> None:
        """Keep it in `bucket`, with a copy among the documents."""
        self._bucket, self._open_documents = bucket, open_documents
        self._key, self._path = f"watch/{bot}.json", f"watch/{bot}"

    def load(self, reader: Reader, *, now_ms: int) -> Remembered:
        """What is remembered. What is damaged is begun anew."""
        kept: WatchMemory | None = None
        generation: int | None = None
        with reader.part("memory"):
            stored = self._bucket.get(self._key)
            generation = 0 if stored is None else stored.generation
            kept = None if stored is None else _decode_memory(stored.data, self._key)
        aside = reader.read("aside", lambda: self._open_documents().get(self._path), None)
        copy = None if aside is None else _decode_copy(aside.data, self._path)
        found = [memory for memory in (kept, copy) if memory is not None]
        newest = max(found, key=lambda memory: memory.number, default=WatchMemory(first_at=now_ms))
        known = [
            memory for part, memory in (("memory", kept), ("aside", copy)) if part in reader.known
        ]
        is_whole = all(memory is not None and memory.number == newest.number for memory in known)
        return Remembered(memory=newest, generation=generation, aside=aside, is_whole=is_whole)

    def save(self, before: Remembered, memory: WatchMemory) -> Remembered:
        """Put `memory` in the place of what was read.

        Raises:
            Conflict: Another watch wrote meanwhile; nothing was written.
            Unavailable: Nowhere can it be written.
        """
        numbered = replace(memory, number=before.memory.number + 1)
        text = json.dumps(msgspec.to_builtins(numbered))
        if before.generation is None:
            return self._save_aside(before, numbered, text)
        try:
            generation = self._bucket.put(self._key, text.encode(), if_generation=before.generation)
        except (Unavailable, StoreBroken):
            return self._save_aside(before, numbered, text)
        with suppress(Exception):  # a later round makes the copy whole
            write = Write(kind="put", path=self._path, data={"memory": text})
            self._open_documents().commit([write])
        return Remembered(memory=numbered, generation=generation, aside=before.aside)

    def _save_aside(self, before: Remembered, memory: WatchMemory, text: str) -> Remembered:
        documents, data = self._open_documents(), {"memory": text}
        try:
            if before.aside is None:
                aside = documents.create(self._path, data)
            else:
                aside = documents.replace(before.aside, data)
        except AlreadyExists as error:
            raise Conflict(str(error)) from error
        return Remembered(memory=memory, generation=None, aside=aside)


def _decode_copy(data: Any, where: str) -> WatchMemory | None:
    return _decode_memory(data.get("memory") if isinstance(data, Mapping) else None, where)


def _decode_memory(data: Any, where: str) -> WatchMemory | None:
    """None where it is damaged: the log says so, and what stands is told once more."""
    try:
        return msgspec.convert(json.loads(data), WatchMemory)
    except (ValueError, TypeError, RecursionError, msgspec.ValidationError) as error:
        log("watch.memory_damaged", severity="ERROR", where=where, error=str(error))
        return None
