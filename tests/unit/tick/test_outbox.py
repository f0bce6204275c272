"""The outbox: an alert comes back from the store as it was composed, its fields in their order."""

from dataclasses import replace
from typing import Any

import pytest

from shared.core import settings as configuration
from shared.core.types import Alert, Level
from shared.stores.memory import MemoryDocuments
from shared.stores.ports import Document
from shared.tick import filing
from shared.tick.documents import BotDocuments
from shared.tick.outbox import outbox_write

SETTINGS = configuration.load_settings({})
ALERT = Alert(
    key="default:halt",
    level=Level.CRITICAL,
    kind="halt",
    title="Halted",
    at=0,
    fields={"why": "a limit", "bot": "default", "a": "last"},
)


class Sink:
    """Takes everything, and keeps it."""

    def __init__(self) -> None:
        self.taken: list[Alert] = []

    def send(self, alerts, *, deadline_ms):
        self.taken += alerts
        return frozenset(alert.key for alert in alerts)


def delivered(documents: MemoryDocuments, waiting: list[Document]) -> list[Alert]:
    sink = Sink()
    filing.deliver(
        waiting,
        bot=BotDocuments(documents, "default"),
        sink=sink,
        now_ms=0,
        sure=True,
        seconds_left=5.0,
    )
    return sink.taken


def test_the_fields_of_an_alert_are_shown_in_the_order_in_which_they_were_composed() -> None:
    documents = MemoryDocuments()
    documents.commit([outbox_write(ALERT, bot=SETTINGS.id)])
    stored = documents.query("alerts")
    assert list(stored[0].data["alert"]["fields"]) != list(ALERT.fields), "a store keeps none"
    (alert,) = delivered(documents, stored)
    assert alert == ALERT
    assert list(alert.fields) == ["why", "bot", "a"]


@pytest.mark.parametrize("shown", [None, ["bot"], ["bot", "unknown", "why"], "why"])
def test_one_of_before_or_of_another_version_loses_no_field(shown) -> None:
    documents = MemoryDocuments()
    write = outbox_write(ALERT, bot=SETTINGS.id)
    data = {name: value for name, value in (write.data or {}).items() if name != "shown"}
    documents.commit([replace(write, data=data if shown is None else {**data, "shown": shown})])
    (alert,) = delivered(documents, documents.query("alerts"))
    assert alert == ALERT


def test_one_whose_order_is_damaged_does_not_hold_back_the_others() -> None:
    documents = MemoryDocuments()
    bad = outbox_write(replace(ALERT, key="default:bad"), bot=SETTINGS.id)
    documents.commit(
        [replace(bad, data={**(bad.data or {}), "shown": 7}), outbox_write(ALERT, bot=SETTINGS.id)]
    )
    assert [alert.key for alert in delivered(documents, documents.query("alerts"))] == [ALERT.key]


def test_one_that_is_no_mapping_stays_as_it_is_and_does_not_hold_back_the_others() -> None:
    documents = MemoryDocuments()
    documents.commit([outbox_write(ALERT, bot=SETTINGS.id)])
    told: Any = "the stored document alerts/foreign has the layout 9"
    foreign = Document(path="alerts/foreign", data=told, version="1")
    taken = delivered(documents, [foreign, *documents.query("alerts")])
    assert [alert.key for alert in taken] == [ALERT.key]
    (kept,) = documents.query("alerts")
    assert "sent_at" in kept.data
    assert documents.get("alerts/foreign") is None
