"""What a webhook's answer means: how a message ended, how long to wait, and which one it made."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any

TOO_MANY = 429
_FORBIDDEN = 403
_GONE = frozenset({401, 404, 410})
_LATER = frozenset({TOO_MANY, 408, 425})
OF_THE_WAY = frozenset({407, *range(300, 400)})
"""What a proxy or another server answers in Discord's place: it says nothing about a message, and
says the same when it is asked again at once."""
_LONGEST_ID = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a webhook answered: the status, how many seconds it asks us to wait, whether with every
    webhook, and the id of the message that it made.
    """

    status: int
    retry_after_seconds: float | None = None
    everywhere: bool = False
    message: str = ""

    @property
    def is_ban(self) -> bool:
        """Whether the address that we ask from is shut out: Discord says neither for how long nor
        whether it is ours alone, for functions share theirs.
        """
        return self.status == _FORBIDDEN or (
            self.status == TOO_MANY and self.retry_after_seconds is None
        )


class MessageEnd(Enum):
    """How the sending of one message ended."""

    SENT = auto()
    REFUSED = auto()
    GONE = auto()
    GAVE_UP = auto()
    LATER = auto()


def message_end(status: int) -> MessageEnd | None:
    """How a message ended by its answer, or None where it may be tried again."""
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's success
        return MessageEnd.SENT
    if status in _GONE:
        return MessageEnd.GONE
    if status in _LATER | OF_THE_WAY or status >= 500:  # noqa: PLR2004 - failures of the server
        return None
    return MessageEnd.REFUSED


def message_id(body: bytes) -> str:
    """Of the message that was made; empty where the answer does not say it."""
    found = _parse_body(body).get("id")
    if not isinstance(found, str) or len(found) > _LONGEST_ID:
        return ""
    return found if found.isascii() and found.isdecimal() else ""


def asked_seconds(headers: Mapping[str, str], body: bytes) -> float | None:
    """The longest wait that header or body asks for; None where neither says anything sensible."""
    asked = [
        headers.get("Retry-After"),
        headers.get("X-RateLimit-Reset-After"),
        _parse_body(body).get("retry_after"),
    ]
    waits = [wait for wait in (*map(_seconds, asked), _until_date(headers)) if wait is not None]
    return max(waits, default=None)


def is_for_all_webhooks(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the limit is that of every webhook, not of one."""
    scope = str(headers.get("X-RateLimit-Scope", "")).lower()
    return (
        scope == "global"
        or str(headers.get("X-RateLimit-Global", "")).lower() == "true"
        or _parse_body(body).get("global") is True
    )


def _parse_body(body: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _seconds(value: Any) -> float | None:
    try:
        wait = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError, OverflowError):
        return None
    return wait if 0 <= wait < float("inf") else None


def _until_date(headers: Mapping[str, str]) -> float | None:
    """A `Retry-After` that is a date, against the answer's own `Date`: whatever the clock here
    says.
    """
    try:
        until, now = (
            parsedate_to_datetime(headers["Retry-After"]),
            parsedate_to_datetime(headers["Date"]),
        )
        return max(0.0, (until - now).total_seconds())
    except (KeyError, TypeError, ValueError, OverflowError, IndexError):
        return None
