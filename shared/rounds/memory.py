"""Where the watch keeps its memory: an object of the bucket, so that it is there when the document
store is down, under a precondition on its generation, so that of two watches one tells.

While the bucket does not answer, the memory is the document `watch/{bot}`, under compare-and-set;
the first round that reaches both takes it back into the bucket. Where neither answers nothing can
be remembered, and each round tells what it finds.
"""

import json
from collections.abc import Callable
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
    the bucket does not answer) and the document that stands in for it.
    """

    memory: WatchMemory
    generation: int | None
    aside: Document | None


class MemoryBook:
    """The memory of one bot's watch."""

    def __init__(
        self, bucket: Bucket, open_documents: Callable[[], DocumentStore], bot: str
    ) -> None:
        """Keep it in `bucket`, and among the documents while that does not answer."""
        self._bucket, self._open_documents = bucket, open_documents
        self._key, self._path = f"watch/{bot}.json", f"watch/{bot}"

    def load(self, reader: Reader, *, now_ms: int) -> Remembered:
        """What is remembered. What is damaged is begun anew."""
        generation: int | None = None
        memory = WatchMemory(first_at=now_ms)
        with reader.part("memory"):
            stored = self._bucket.get(self._key)
            generation = 0 if stored is None else stored.generation
            if stored is not None:
                memory = _decode_memory(stored.data, self._key) or memory
        aside = reader.read("aside", lambda: self._open_documents().get(self._path), None)
        kept = None if aside is None else _decode_memory(aside.data.get("memory"), self._path)
        if kept is not None:
            memory = _join(memory, kept)
        return Remembered(memory=memory, generation=generation, aside=aside)

    def save(self, before: Remembered, memory: WatchMemory) -> Remembered:
        """Put `memory` in the place of what was read.

        Raises:
            Conflict: Another watch wrote meanwhile; nothing was written.
            Unavailable: Nowhere can it be written.
        """
        if before.generation is None:
            return self._save_aside(before, memory)
        data = json.dumps(msgspec.to_builtins(memory)).encode()
        try:
            generation = self._bucket.put(self._key, data, if_generation=before.generation)
        except (Unavailable, StoreBroken):
            return self._save_aside(replace(before, generation=None), memory)
        if before.aside is not None:
            self._open_documents().commit([Write(kind="delete", path=self._path)])
        return Remembered(memory=memory, generation=generation, aside=None)

    def _save_aside(self, before: Remembered, memory: WatchMemory) -> Remembered:
        documents = self._open_documents()
        data = {"memory": json.dumps(msgspec.to_builtins(memory))}
        try:
            if before.aside is None:
                aside = documents.create(self._path, data)
            else:
                aside = documents.replace(before.aside, data)
        except AlreadyExists as error:
            raise Conflict(str(error)) from error
        return Remembered(memory=memory, generation=None, aside=aside)


def _join(memory: WatchMemory, aside: WatchMemory) -> WatchMemory:
    """Both: what was kept aside is newer, but began without knowing what had begun before."""
    known = {alert.key for alert in aside.waiting}
    return replace(
        aside,
        first_at=min(memory.first_at, aside.first_at),
        lasting={**aside.lasting, **memory.lasting},
        waiting=(*(each for each in memory.waiting if each.key not in known), *aside.waiting),
    )


def _decode_memory(data: Any, where: str) -> WatchMemory | None:
    """None where it is damaged: the log says so, and what stands is told once more."""
    try:
        return msgspec.convert(json.loads(data), WatchMemory)
    except (ValueError, TypeError, RecursionError, msgspec.ValidationError) as error:
        log("watch.memory_damaged", severity="ERROR", where=where, error=str(error))
        return None
