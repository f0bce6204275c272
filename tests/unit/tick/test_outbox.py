"""The outbox: an alert comes back from the store as it was composed, its fields in their order."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.alerts.office import Office
from shared.alerts.ports import Delivered
from shared.alerts.records import as_stored, dead_writes, read_records, record_write
from shared.core import settings as configuration
from shared.core.masking import register_secrets
from shared.core.types import Alert, Level
from shared.stores.memory import MemoryDocuments
from shared.stores.ports import Document
from tests.support.fixed_clock import FixedClock

SETTINGS = configuration.load_settings({})
ALERT = Alert(
    key="default:halt",
    level=Level.CRITICAL,
    kind="halt",
    title="Halted",
    at=0,
    fields={"why": "a limit", "bot": "default", "a": "last"},
)


class Taken:
    """A channel that takes everything, and keeps it."""

    name = "taken"

    def __init__(self) -> None:
        self.alerts: list[Alert] = []

    def deliver(self, alerts, **_):
        self.alerts += alerts
        return Delivered(told=frozenset(alert.key for alert in alerts))


def delivered(documents: MemoryDocuments) -> list[Alert]:
    channel = Taken()
    Office(documents, SETTINGS, FixedClock(0), channel).deliver_due(seconds=5.0)
    return channel.alerts


def test_the_fields_of_an_alert_are_shown_in_the_order_in_which_they_were_composed() -> None:
    documents = MemoryDocuments()
    documents.commit([record_write(ALERT, bot=SETTINGS.id)])
    stored = documents.query("alerts")
    assert list(stored[0].data["alert"]["fields"]) != list(ALERT.fields), "a store keeps none"
    (alert,) = delivered(documents)
    assert alert == ALERT
    assert list(alert.fields) == ["why", "bot", "a"]


@pytest.mark.parametrize("shown", [None, ["bot"], ["bot", "unknown", "why"], "why"])
def test_one_of_before_or_of_another_version_loses_no_field(shown) -> None:
    documents = MemoryDocuments()
    write = record_write(ALERT, bot=SETTINGS.id)
    data = {name: value for name, value in (write.data or {}).items() if name != "shown"}
    documents.commit([replace(write, data=data if shown is None else {**data, "shown": shown})])
    (alert,) = delivered(documents)
    assert alert == ALERT


def test_one_whose_order_is_damaged_does_not_hold_back_the_others() -> None:
    documents = MemoryDocuments()
    bad = record_write(replace(ALERT, key="default:bad"), bot=SETTINGS.id)
    documents.commit(
        [replace(bad, data={**(bad.data or {}), "shown": 7}), record_write(ALERT, bot=SETTINGS.id)]
    )
    assert [alert.key for alert in delivered(documents)] == [ALERT.key]


def test_one_that_is_no_mapping_is_named_and_does_not_hold_back_the_others() -> None:
    told: Any = "the stored document alerts/foreign has the layout 9"
    foreign = Document(path="alerts/foreign", data=told, version="1")
    sound = as_stored(record_write(ALERT, bot=SETTINGS.id))
    records, damaged = read_records([foreign, sound])
    assert [one.alert for one in records] == [ALERT]
    assert damaged == [foreign]
    assert dead_writes(damaged, at=0, why="foreign") == [], "nothing of it could be kept"


def test_a_long_alert_is_kept_as_far_as_a_channel_shows_it_without_half_a_secret() -> None:
    register_secrets("planted-secret-4801")
    cut = 0
    for before in range(1_000, 1_025):
        long = "x" * before + "planted-secret-4801" + "y" * 5_000
        fields = {long: long, **{f"f{number}": "x" for number in range(40)}}
        data = record_write(replace(ALERT, title=long, fields=fields), bot=SETTINGS.id).data or {}
        stored = json.dumps(dict(data))
        assert "plan" not in stored
        assert len(stored) < 10_000
        assert len(data["alert"]["fields"]) == 25
        cut += "***" in stored
    assert cut >= 15
    assert record_write(ALERT, bot=SETTINGS.id).data["alert"]["title"] == ALERT.title  # type: ignore[index]


def test_no_secret_is_stored_with_an_alert() -> None:
    register_secrets("planted-secret-4802")
    told = "asked https://discord.com/api/webhooks/123456/abcdef with planted-secret-4802"
    odd = replace(ALERT, title=told, fields={told: told})
    stored = json.dumps(dict(record_write(odd, bot=SETTINGS.id).data or {}))
    assert stored.count("***") >= 6
    assert "abcdef" not in stored
    assert "planted" not in stored
