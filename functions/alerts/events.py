"""What a request to the function of alerts says: a push of Pub/Sub, or a word by hand. Pure.

{"message": {"data": BASE64, "attributes": {"event": "alert", "key": …}, "messageId": …},
"subscription": …}                  a push: the raw body is the contract
{"event": "watch"}                   by hand, or by a scheduler
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from functions.http import parse_fields
from shared.alerts.records import is_instant
from shared.core.errors import BadData, BadRequest
from shared.core.settings.kinds import Text
from shared.core.types import Alert
from shared.stores.documents import check_path

LONGEST_KEY = 1_000
EVENTS = ("alert", "flush", "digest", "watch", "budget")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """What happened.

    Attributes:
        name: One of `EVENTS`.
        id: Of the message; the same one may come again. Empty where a person sent it.
        alert: Of an `alert`.
        attributes: Of the message.
        data: Of the message, as it is.
    """

    name: str
    id: str = ""
    alert: Alert | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    data: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFields:
    """What a request by hand may say."""

    event: Text


class UnreadablePush(Exception):
    """A message in which nothing can be read: sending it again would not help."""

    def __init__(self, found: str, *, message: str) -> None:
        super().__init__(found)
        self.message = message


def event_of(told: Mapping[str, Any]) -> AlertEvent:
    """What a body says.

    >>> event_of({"event": "watch"}).name
    'watch'

    Raises:
        BadRequest: It was sent by hand, and is wrong.
        UnreadablePush: It is a push, and is wrong.
    """
    if "message" in told:
        return _read_push(told["message"])
    name = parse_fields(told, EventFields).event
    if name not in EVENTS[1:4]:
        raise BadRequest(
            "event", f"was {name[:40]!r}", remedy=f"send one of {', '.join(EVENTS[1:4])}"
        )
    return AlertEvent(name=name)


def _check_alert(alert: Alert, message: str) -> None:
    if not is_instant(alert.at):
        raise UnreadablePush("its alert is of a time that no calendar knows", message=message)
    try:
        check_path(f"alerts/{alert.key}")
        good = len(alert.key) <= LONGEST_KEY and len(alert.thread) <= LONGEST_KEY
    except BadData:
        good = False
    if not good or "/" in alert.key:
        raise UnreadablePush("its alert has no key that can be stored", message=message)


def _read_push(message: Any) -> AlertEvent:
    if not isinstance(message, Mapping):
        raise UnreadablePush("the message is no object", message="")
    id_ = str(message.get("messageId") or message.get("message_id") or "")[:100]
    attributes = message.get("attributes") or {}
    try:
        data = base64.b64decode(message.get("data") or "", validate=True)
        attributes = {str(name): str(text) for name, text in dict(attributes).items()}
    except (binascii.Error, TypeError, ValueError) as error:
        raise UnreadablePush(f"its data is no base64 ({error})", message=id_) from error
    name = "budget" if "budgetId" in attributes else attributes.get("event", "alert")
    if name not in EVENTS:
        raise UnreadablePush(f"its event is {name[:40]!r}", message=id_)
    alert = None
    if name == "alert":
        try:
            alert = msgspec.json.decode(data, type=Alert)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise UnreadablePush(f"it holds no alert ({error})", message=id_) from error
        _check_alert(alert, id_)
    return AlertEvent(name=name, id=id_, alert=alert, attributes=attributes, data=data)
