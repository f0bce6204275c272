"""What became of alerts, noted beside others who write at the same time: who counts one up, and an
office that works where this one was frozen, or thinks that its time is over.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.alerts.records import WAITS_FOR_NOBODY, AlertRecord
from shared.core.errors import BadData, Conflict
from shared.stores.ports import DocumentStore, Write

MOST_WRITES = 400
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """How records are stored now.

    >>> Noted().is_beaten
    False

    Attributes:
        records: By the alert's key; None where the record was taken away.
        is_beaten: Another had told, meanwhile, what was told here.
    """

    records: Mapping[str, AlertRecord | None] = field(default_factory=dict)
    is_beaten: bool = False


def note_changes(
    documents: DocumentStore,
    changed: Sequence[AlertRecord],
    *,
    is_finished: Callable[[AlertRecord], bool],
) -> Noted:
    """Store what became of records, over what others wrote since they were read; one that
    `is_finished` waits for nobody.

    What cannot be stored at once is stored in halves: one that another wrote, or a batch that is
    too large, costs a few batches more. Raises what the store raises.
    """
    whole = Noted()
    for start in range(0, len(changed), MOST_WRITES):
        part = changed[start : start + MOST_WRITES]
        whole = _both(whole, _note_part(documents, part, is_finished))
    return whole


def _note_part(
    documents: DocumentStore,
    changed: Sequence[AlertRecord],
    is_finished: Callable[[AlertRecord], bool],
) -> Noted:
    try:
        stored = documents.commit([_write_of(one, is_finished) for one in changed])
    except (BadData, Conflict) as error:
        half = len(changed) // 2
        if half:
            return _both(
                _note_part(documents, changed[:half], is_finished),
                _note_part(documents, changed[half:], is_finished),
            )
        if isinstance(error, BadData):
            raise
        return _note_over(documents, changed[0], is_finished)
    return Noted(
        records={one.alert.key: one.as_stored(stored[one.document.path]) for one in changed}
    )


def _note_over(
    documents: DocumentStore, one: AlertRecord, is_finished: Callable[[AlertRecord], bool]
) -> Noted:
    for _ in range(_ATTEMPTS):
        newer = documents.get(one.document.path)
        if newer is None:
            return Noted(records={one.alert.key: None})
        merged = one.over(newer)
        try:
            stored = documents.replace(newer, _write_of(merged, is_finished).data or {})
        except Conflict:
            continue
        is_beaten = any(
            one.changes.get(name) and newer.data.get(name) for name in ("sent_at", "second_at")
        )
        return Noted(records={one.alert.key: merged.as_stored(stored)}, is_beaten=is_beaten)
    raise Conflict(f"others wrote {one.document.path} all the time")


def _write_of(one: AlertRecord, is_finished: Callable[[AlertRecord], bool]) -> Write:
    data = {**one.document.data, **(WAITS_FOR_NOBODY if is_finished(one) else {})}
    if data.get("dead_at") and not data.get("sent_at"):  # until a digest has told that
        data["digest_for"] = data.get("bot")
    return Write(kind="replace", path=one.document.path, data=data, version=one.document.version)


def _both(one: Noted, other: Noted) -> Noted:
    return Noted(
        records={**one.records, **other.records}, is_beaten=one.is_beaten or other.is_beaten
    )
