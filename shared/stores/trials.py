"""The trial log over a document store: `trials/{id}`, written once by `create` and never changed or
taken away.

The id follows from the content, so that a trial which is run again, or written by two processes at
once, counts once.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from shared.core.errors import AlreadyExists, BadData
from shared.core.trials import History, Trial, check_trial
from shared.stores.ports import Document, DocumentStore

COLLECTION = "trials"
FIRST_PAGE = 10_000


class TrialLog:
    """The trials of one document store. Implements the port `Trials`.

    >>> from shared.stores.memory import MemoryDocuments
    >>> trial = Trial(
    ...     kind="backtest",
    ...     settings_hash="a" * 16,
    ...     data_hash="b" * 16,
    ...     start_at=0,
    ...     end_at=86_400_000,
    ...     model=None,
    ...     recorded_at=0,
    ... )
    >>> log = TrialLog(MemoryDocuments())
    >>> log.append(trial), log.append(trial)  # the same try counts once
    (True, False)
    >>> log.all().count
    1
    """

    def __init__(self, documents: DocumentStore) -> None:
        """Write to and read from `documents`."""
        self._documents = documents

    def append(self, trial: Trial) -> bool:
        """Write a trial down. False where it is in the log already; what stands there stays.

        Raises:
            BadData: The trial breaks its own rules; nothing is written.
        """
        data: Mapping[str, Any] = {"id": trial.id, **msgspec.to_builtins(check_trial(trial))}
        try:
            self._documents.create(f"{COLLECTION}/{trial.id}", data)
        except AlreadyExists:
            return False
        return True

    def all(self, kind: str | None = None) -> History:
        """Every trial, or those of one kind, oldest first; records that cannot be read are named,
        not left out.

        A damaged record is of any kind: nobody can know which it was.
        """
        trials: list[Trial] = []
        damaged: list[str] = []
        for document in self._list_stored():
            trial = _decode_trial(document)
            if trial is None:
                damaged.append(document.path)
            elif kind is None or trial.kind == kind:
                trials.append(trial)
        return History(
            trials=tuple(sorted(trials, key=lambda trial: (trial.recorded_at, trial.id))),
            damaged=tuple(damaged),
        )

    def _list_stored(self) -> list[Document]:
        # A page by field would pass over a damaged record that lacks the field, so the whole is
        # asked for, in growing sizes.
        limit = FIRST_PAGE
        while len(found := self._documents.query(COLLECTION, limit=limit)) == limit:
            limit *= 4
        return found


def _decode_trial(document: Document) -> Trial | None:
    """The trial, or None where the record is not what was once written under that name."""
    try:
        trial = check_trial(msgspec.convert(document.data, Trial))
    except (msgspec.ValidationError, BadData):
        return None
    return (
        trial
        if document.path == f"{COLLECTION}/{trial.id}" and document.data.get("id") == trial.id
        else None
    )
