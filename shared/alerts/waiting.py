"""What waits to be told: read from the store, and without what is no alert."""

from collections.abc import Mapping, Sequence

from shared.alerts.notes import MOST_WRITES
from shared.alerts.records import AlertRecord, dead_writes, read_records
from shared.core.clock import Clock
from shared.stores.ports import Document, DocumentStore

MOST_WAITING = 20_000
"""So many are looked at in one delivery: what a storm of a day brings."""


class WaitingAlerts:
    """The alerts of one bot that wait. What is none is noted as dead when it is read.

    Attributes:
        foreign: How many of what was read last another version wrote: these stay as they are.
    """

    def __init__(self, documents: DocumentStore, clock: Clock, *, bot: str) -> None:
        """Read from `documents`."""
        self._documents, self._clock, self._bot = documents, clock, bot
        self.foreign = 0

    def loud(self) -> list[AlertRecord]:
        """What is critical and waits."""
        asked = self._documents.query(
            "alerts", field="loud_for", value=self._bot, limit=MOST_WAITING
        )
        return self._records(asked)

    def loud_and_quiet(self, most: int | None = None) -> list[AlertRecord]:
        """Whatever waits; where that is more than is looked at, all the same what is critical."""
        most = MOST_WAITING if most is None else most
        asked = self._documents.query("alerts", field="waiting_for", value=self._bot, limit=most)
        found = self._records(asked)
        if len(found) < most:
            return found
        known = {one.alert.key for one in found}
        return found + [one for one in self.loud() if one.alert.key not in known]

    def _records(self, found: Sequence[Document]) -> list[AlertRecord]:
        records, damaged = read_records(found)
        self.foreign = sum(not isinstance(one.data, Mapping) for one in damaged)
        self._bury(damaged)
        return records

    def _bury(self, damaged: Sequence[Document]) -> None:
        why = "there is no alert in this document"
        writes = dead_writes(damaged, at=self._clock.now_ms(), why=why)
        for start in range(0, len(writes), MOST_WRITES):
            self._documents.commit(writes[start : start + MOST_WRITES])
