"""What people did, written down and told: the records and alerts of acts, each once.

An act on a document is one batch with its record and its alert. A move of the pointer of models
lies in the bucket, and the pointer remembers who moved it and why: its record and its alert have
names that follow from the move, are written together, and by whoever comes first (the command that
moved, else the next that looks), so that a process that dies in between loses neither, and nobody
tells it twice.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from shared.alerts.acts import Act, act_alert
from shared.alerts.records import record_write
from shared.core.calendar import DAY_MS
from shared.core.errors import AlreadyExists
from shared.core.types import Alert
from shared.model.pointer import MOVED_BY_ITSELF, Move, ServingPointer
from shared.stores.ports import DocumentStore, Write

TOLD_FOR_MS = 3 * DAY_MS
"""Moves that are older are not told any more: a version before this one made records under other
names."""
_TOLD: Mapping[str, Act] = {"promote": "promote", "rollback": "rollback"}
_SHARED = "models"


def act_writes(
    act: Act,
    what: str,
    *,
    record: Mapping[str, Any],
    bot: str,
) -> list[Write]:
    """The record and the alert of an act, for the batch in which it is committed.

    `record` has `at`, `who` and `why`, and whatever else is to be kept.

    >>> kept = {"at": 7, "who": "ann", "why": "maintenance", "what": {"halt": "7-1f"}}
    >>> record, alert = act_writes("halt", "the bot a", record=kept, bot="a")
    >>> record.path.split("~")[0], alert.path.split("-")[0]
    ('audit/7', 'alerts/a:audit:halt:7')
    """
    at, name = record["at"], secrets.token_hex(3)
    alert = act_alert(
        act,
        what,
        whose=bot,
        name=f"{at}-{name}",
        bot=bot,
        who=record["who"],
        why=record["why"],
        at=at,
    )
    return [
        Write(kind="create", path=f"audit/{at}~{name}", data=dict(record)),
        record_write(alert, bot=bot),
    ]


def untold_moves(
    pointer: ServingPointer | None, *, now_ms: int, is_told: Callable[[Move], bool]
) -> tuple[Move, ...]:
    """The moves of people that nobody has told yet, oldest first.

    What the retraining moved is told by the retraining.

    >>> move = Move(version="v2", at=0, why="better", by="ann")
    >>> pointer = ServingPointer(version="v2", previous="v1", generation=1, history=(move,))
    >>> [move.version for move in untold_moves(pointer, now_ms=9, is_told=lambda move: False)]
    ['v2']
    >>> untold_moves(pointer, now_ms=9, is_told=lambda move: True)
    ()
    """
    if pointer is None:
        return ()
    return tuple(
        move
        for move in pointer.history
        if move.what in _TOLD
        and move.by not in MOVED_BY_ITSELF
        and move.at >= now_ms - TOLD_FOR_MS
        and not is_told(move)
    )


def tell_moves(
    documents: DocumentStore, pointer: ServingPointer | None, *, bot: str, now_ms: int
) -> tuple[Alert, ...]:
    """Write down and tell what people moved and nobody told; the alerts that are in the outbox now.

    Of many who call this at once each move is told by one. Raises what the store raises; whoever
    comes next goes on.

    >>> from shared.stores.memory import MemoryDocuments
    >>> move = Move(version="v2", at=0, why="better", by="ann")
    >>> pointer = ServingPointer(version="v2", previous="v1", generation=1, history=(move,))
    >>> documents = MemoryDocuments()
    >>> [alert.title for alert in tell_moves(documents, pointer, bot="a", now_ms=9)]
    ['ann let the model v2 serve.']
    >>> tell_moves(documents, pointer, bot="a", now_ms=9)
    ()
    """
    told = []
    for move in untold_moves(
        pointer, now_ms=now_ms, is_told=lambda move: documents.get(_record_path(move)) is not None
    ):
        alert = _move_alert(move, bot)
        record = {"at": move.at, "who": move.by, "why": move.why, "what": {move.what: move.version}}
        try:
            documents.commit(
                [
                    Write(kind="create", path=_record_path(move), data=record),
                    record_write(alert, bot=bot),
                ]
            )
        except AlreadyExists:
            continue
        told.append(alert)
    return tuple(told)


def _record_path(move: Move) -> str:
    return f"audit/{move.at}~{move.what}~{move.version}"


def _move_alert(move: Move, bot: str) -> Alert:
    return act_alert(
        _TOLD[move.what],
        move.version,
        whose=_SHARED,
        name=f"{move.at}-{move.version}",
        bot=bot,
        who=move.by,
        why=move.why,
        at=move.at,
    )
