"""Pushes that no store can keep, and stores that refuse: acknowledged where sending again cannot
help, told all the same where it is critical, and never answered so that it comes for ever.
"""

import base64
import json
from typing import Any

import msgspec
import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from functions.alerts import main
from shared.alerts.office import Office
from shared.core.errors import BotError, StoreBroken, Unavailable
from shared.core.settings import load_settings
from shared.core.types import Alert, Level
from shared.stores.memory import MemoryDocuments
from tests.support.fixed_clock import FixedClock
from tests.unit.alerts.test_office import AT, Second, alert
from tests.unit.alerts.test_office_faults import Talking

SETTINGS = load_settings({})


class Place:
    """The function with real parts, and what it told."""

    def __init__(self) -> None:
        self.documents, self.channel, self.second = MemoryDocuments(), Talking(), Second()
        clock = FixedClock(AT)
        self.ports = main.AlertPorts(
            settings=SETTINGS,
            documents=self.documents,
            clock=clock,
            office=Office(self.documents, SETTINGS, clock, self.channel, self.second),  # type: ignore[arg-type]
            rounds=lambda: None,  # type: ignore[arg-type,return-value]
        )

    def post(self, body: Any) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = Request(EnvironBuilder(method="POST", data=data).get_environ())
        return main._SHELL.respond(request, {"POST": main._take})

    def push(self, told: Any, **more: Any) -> Any:
        data = told if isinstance(told, bytes) else msgspec.json.encode(told)
        message = {"data": base64.b64encode(data).decode(), "messageId": "m1", **more}
        return self.post({"message": message})

    def dead(self) -> list[Any]:
        found = self.documents.query("alerts", limit=1_000)
        return [one.data for one in found if one.data.get("dead_at")]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place()
    monkeypatch.setattr(main._SHELL, "wire_once", lambda: made.ports)
    return made


ODD_KEYS = ["a/b", ".", "..", "__reserved__", "a\x00b", "é" * 900, "x" * 1_001, ""]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_an_alert_whose_key_no_store_can_keep_is_a_dead_letter(place: Place, key: str) -> None:
    answer = place.push(Alert(key=key, level=Level.WARNING, kind="kind", title="Odd.", at=AT))
    assert (answer.status_code, answer.json["status"]) == (200, "dead")
    assert len(place.dead()) == 1


@pytest.mark.parametrize(
    "told",
    [
        b'{"key":"a","level":"critical","kind":"k","title":"t","at":1e400}',
        b'{"key":"a","level":"critical","kind":"k","title":"t","at":99999999999999999999999}',
        b'{"key":"a","level":"critical","kind":"k","title":"t","at":9000000000000000000}',
        b'{"key":"a","level":"critical","kind":"k","title":"t","at":-1}',
        b'{"key":"a","level":"critical","kind":"k","title":"\\ud800","at":1}',
        b'{"key":"a","level":"loud","kind":"k","title":"t","at":1}',
        '{"key":"a","level":"critical","kind":"k","title":"t","at":1}'.encode("utf-16"),
        b"\xff\xfe",
        b"[" * 100_000,
        b"null",
        b"",
    ],
)
def test_an_alert_that_no_calendar_or_decoder_knows_is_a_dead_letter(
    place: Place, told: Any
) -> None:
    answer = place.push(told)
    assert (answer.status_code, answer.json["status"]) == (200, "dead")
    assert len(place.dead()) == 1
    assert place.channel.told == []


@pytest.mark.parametrize(
    "message",
    [
        {"messageId": "a/b", "data": "@"},
        {"messageId": "..", "data": "@"},
        {"messageId": "\x00", "data": "@"},
        {"messageId": {"a": 1}, "data": "@"},
        {"messageId": "1", "data": 7},
        {"messageId": "1", "data": "w6k"},
        {"messageId": "1", "data": "é"},
        {"messageId": "1", "attributes": "ab"},
        {"messageId": "1", "attributes": [["event", "alert"]]},
        {"messageId": "1", "attributes": 7},
        {"messageId": "1", "attributes": {"event": None}},
        {"messageId": "1", "attributes": {"event": {"a": 1}}},
        {"messageId": "1", "attributes": {"budgetId": "x", "event": "alert"}, "data": "bnVsbA=="},
        [],
        None,
        7,
    ],
)
def test_a_message_of_any_shape_is_acknowledged_once_and_kept(place: Place, message: Any) -> None:
    answer = place.post({"message": message, "subscription": "s"})
    assert (answer.status_code, answer.json["status"]) == (200, "dead")
    assert len(place.dead()) == 1


def test_an_alert_of_any_length_is_kept_and_told(place: Place) -> None:
    fields = {f"{number} 😀": "😀" * 20_000 for number in range(8)}
    answer = place.push(alert("long", title="😀" * 5_000, fields=fields))
    assert (answer.status_code, answer.json["status"], answer.json["told"]) == (200, "kept", 1)
    assert place.channel.told == ["default:long"]
    assert place.second.told == [["default:long"]]
    stored = place.documents.get("alerts/default:long")
    assert stored is not None
    assert len(json.dumps(dict(stored.data))) < 400_000


@pytest.mark.parametrize("error", [Unavailable("down"), StoreBroken("broken")])
def test_what_is_critical_is_told_whatever_the_store_breaks_by(place: Place, error: Any) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    place.documents.create = refuse  # type: ignore[method-assign]
    for _ in range(3):
        assert place.push(alert("c")).status_code == 503
    assert place.channel.told == ["default:c"]
    assert place.second.told == [["default:c"]]


@pytest.mark.parametrize("error", [Unavailable("down"), StoreBroken("broken"), BotError("odd")])
def test_what_is_stored_is_acknowledged_whatever_its_telling_breaks_by(
    place: Place, error: Any
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    query, place.documents.query = place.documents.query, refuse  # type: ignore[method-assign]
    answer = place.push(alert("c"))
    assert (answer.status_code, answer.json["status"]) == (200, "kept")
    place.documents.query = query  # type: ignore[method-assign]
    assert place.post({"event": "flush"}).json["told"] == 1
    assert place.channel.told == ["default:c"]


def test_what_is_counted_up_in_vain_is_not_told_as_new(place: Place) -> None:
    """The alert is stored and told; only its count cannot be written."""
    assert place.push(alert("c")).status_code == 200

    def refuse(*_: Any, **__: Any) -> Any:
        raise Unavailable("down")

    place.documents.replace = refuse  # type: ignore[method-assign]
    assert place.push(alert("c", at=AT + 1)).status_code == 200
    assert place.channel.told == ["default:c"]
    assert place.second.told == [["default:c"]]
