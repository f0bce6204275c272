"""Sinks: Discord's webhooks, and the log where no webhook is set.

A webhook's address is a secret: it is registered with the log's mask, and no error, log line or
repr of ours carries it; not even the text of an HTTP library's exception, which would.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from shared.alerts.embeds import messages
from shared.alerts.ports import Delivered, LogWriter, Patience
from shared.core.deadline import bound_at
from shared.core.errors import BadSettings, Unavailable
from shared.core.logs import Severity, log
from shared.core.masking import mask_secrets, register_secrets
from shared.core.retry import backoff_seconds, retry
from shared.core.settings import Settings, is_loopback
from shared.core.types import Alert, Level

_SEVERITY: Mapping[Level, Severity] = {
    Level.CRITICAL: "CRITICAL",
    Level.WARNING: "WARNING",
    Level.INFO: "INFO",
}
_TOO_MANY = 429
_FORBIDDEN = 403
_GONE = frozenset({401, 404, 410})
_LATER = frozenset({_TOO_MANY, 408, 425})
_OF_THE_WAY = frozenset({407, *range(300, 400)})
"""What a proxy or another server answers in Discord's place: it says nothing about a message, and
says the same when it is asked again at once."""
_BACKOFF_SECONDS = 0.5
_LEAST_SECONDS = 0.05
_MOST_REMEMBERED = 1_000
_MOST_BODY_BYTES = 4_096
_LONGEST_ID = 20
_MOST_MESSAGE_BYTES = 262_144
_MOST_MESSAGES = 15
"""To one webhook in one delivery, below Discord's 30 a minute: what waits beyond that waits for the
next."""


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
            self.status == _TOO_MANY and self.retry_after_seconds is None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A request to a webhook: its body, and the message that it takes the place of."""

    body: bytes
    content_type: str = "application/json"
    edits: str = ""


Post: TypeAlias = Callable[[str, Letter, float], Answer]
"""Sends a letter to an address within a number of seconds. Raises `Unavailable`, without the
address in its text."""


class LogSink:
    """Alerts as log lines."""

    name = "log"
    loudest: tuple[Level, ...] = (Level.CRITICAL,)

    def __init__(self, write: LogWriter = log) -> None:
        """Write lines by `write`."""
        self._write = write

    # A log line takes no time.
    def send(self, alerts: Sequence[Alert], *, deadline_ms: int = 0) -> frozenset[str]:  # noqa: ARG002
        """Write all of them."""
        for alert in alerts:
            self._write(
                "alert",
                severity=_SEVERITY[alert.level],
                key=alert.key,
                kind=alert.kind,
                title=alert.title,
                fields=dict(alert.fields),
            )
        return frozenset(alert.key for alert in alerts)

    def deliver(
        self,
        alerts: Sequence[Alert],
        *,
        deadline_ms: int = 0,
        edits: Mapping[str, str] | None = None,  # noqa: ARG002 - a line stays as it is
        pictures: Mapping[str, bytes] | None = None,  # noqa: ARG002 - and shows nothing
    ) -> Delivered:
        """Write all of them."""
        return Delivered(told=self.send(alerts, deadline_ms=deadline_ms))


class _End(Enum):
    """How the sending of one message ended."""

    SENT = auto()
    REFUSED = auto()
    GONE = auto()
    GAVE_UP = auto()
    LATER = auto()


class _NotTaken(Exception):
    """A message that was not taken and may be sent again, unless the failure `is_final`."""

    def __init__(self, found: str, *, answer: Answer | None = None, is_final: bool = False) -> None:
        super().__init__(found)
        self._answer, self._is_final = answer, is_final

    @property
    def asked_by(self) -> Answer | None:
        """The answer that asked for patience, where one did."""
        answer = self._answer
        is_asked = answer is not None and (answer.status == _TOO_MANY or answer.is_ban)
        return answer if is_asked else None

    def pause_seconds(self, number: int) -> float | None:
        """How long to wait after failure `number`: as the answer says, or longer each time."""
        if self._is_final:
            return None
        asked = None if self._answer is None else self._answer.retry_after_seconds
        return backoff_seconds(_BACKOFF_SECONDS, number) if asked is None else asked


class DiscordSink:
    """Alerts as Discord messages, one message a level where they fit.

    Levels without a webhook are logged.

    Waits as long as Discord asks (429), tries `discord.attempts` times and never longer than it
    may. What Discord refuses is not tried again: one by one where it came in company, so that a bad
    one does not hold back the others; and logged. An attempt whose answer got lost is repeated: an
    alert twice is better than none. A wait that is longer than a delivery may take is remembered by
    `patience`: until it is over nothing is sent there, by this tick's other levels or by later
    ticks. One that shuts us out is tried again after `telling.ban_seconds`.
    """

    name = "discord"

    def __init__(
        self,
        webhooks: Mapping[Level, str],
        settings: Settings,
        *,
        patience: Patience | None = None,
        post: Post | None = None,
        write: LogWriter = log,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Send alerts of each level to its webhook.

        Raises `BadSettings` for an address that cannot be one.
        """
        for level, url in webhooks.items():
            _check(level, url)
            register_secrets(url)
        self._webhooks = dict(webhooks)
        self._discord = settings.discord
        self._ban_seconds = settings.telling.ban_seconds
        self._patience = patience
        self._post = post or post_by_requests
        self._write = write
        self._log = LogSink(write)
        self._sleep = sleep
        self._monotonic = monotonic
        self._told: dict[str, None] = {}

    def __repr__(self) -> str:
        return f"DiscordSink({', '.join(level.value for level in self._webhooks)})"

    @property
    def loudest(self) -> tuple[Level, ...]:
        """Of each webhook the loudest level that goes to it."""
        found: dict[str, Level] = {}
        for level in Level:
            if level in self._webhooks:
                found.setdefault(self._webhooks[level], level)
        return tuple(found.values())

    def send(self, alerts: Sequence[Alert], *, deadline_ms: int) -> frozenset[str]:
        """Deliver what can be delivered by `deadline_ms` (monotonic), the critical first; the keys
        of those that were.

        A key that this sink has delivered before is not sent again: the outbox may have failed to
        note it.
        """
        return self.deliver(alerts, deadline_ms=deadline_ms).told

    def deliver(
        self,
        alerts: Sequence[Alert],
        *,
        deadline_ms: int,
        edits: Mapping[str, str] | None = None,
        pictures: Mapping[str, bytes] | None = None,
    ) -> Delivered:
        """Like `send`, and what else came of it (see `Channel`). What has a picture or takes the
        place of a message is a message of its own.
        """
        until = deadline_ms / 1000
        delivery = _Delivery(
            until=bound_at(until) or until, edits=edits or {}, pictures=pictures or {}
        )
        fresh = list({alert.key: alert for alert in alerts if alert.key not in self._told}.values())
        for level in Level:
            group = [alert for alert in fresh if alert.level is level]
            url = self._webhooks.get(level)
            if not group:
                continue
            if url is None:
                self._remember(self._log.send(group))
                continue
            try:
                self._send_level(url, group, delivery)
            # An alert that cannot be told must not stop a tick.
            except Exception as error:  # noqa: BLE001
                self._log_failure(group, f"a {type(error).__name__} of ours")
        return Delivered(
            told=frozenset(alert.key for alert in alerts if alert.key in self._told),
            refused=delivery.refused,
            messages=delivery.made,
            wait_seconds=delivery.wait_seconds,
        )

    def _send_level(self, url: str, alerts: Sequence[Alert], delivery: "_Delivery") -> None:
        alone = [alert for alert in alerts if delivery.is_alone(alert)]
        company = [alert for alert in alerts if not delivery.is_alone(alert)]
        for part in (company, *([alert] for alert in alone)):
            for group, body in messages(part, mask=mask_secrets):
                self._send_group(url, group, body, delivery)

    def _send_group(
        self, url: str, group: Sequence[Alert], body: Mapping[str, Any], delivery: "_Delivery"
    ) -> None:
        end, problem = self._deliver(url, delivery.letter(group, body), delivery)
        edited = delivery.edits.get(group[0].key)
        if edited and end in {_End.GONE, _End.REFUSED}:
            # Somebody removed the message, or it may not be changed: a new one takes its place.
            delivery.edits = {
                key: message for key, message in delivery.edits.items() if message != edited
            }
            end, problem = self._deliver(url, delivery.letter(group, body), delivery)
        if end is _End.REFUSED and len(group) > 1:
            for alert in group:
                self._send_level(url, [alert], delivery)
            return
        if end in {_End.GONE, _End.LATER}:
            delivery.closed[url] = end, "its webhook is gone" if end is _End.GONE else problem
        if end is _End.GONE:  # as good as a ban, but asked each time: its owner may have mended it
            delivery.wait_seconds = max(delivery.wait_seconds, self._ban_seconds)
        if end is _End.SENT:
            self._remember(alert.key for alert in group)
            delivery.made |= {alert.key: problem for alert in group if problem}
            return
        if end is _End.REFUSED:
            delivery.refused |= {alert.key: problem for alert in group}
        self._log_failure(group, problem)

    def _deliver(self, url: str, letter: Letter, delivery: "_Delivery") -> tuple[_End, str]:
        """How it ended, and the message's id where it was sent, else what was wrong."""
        if (closed := self._refuse_message(url, delivery)) is not None:
            return closed
        try:
            return retry(
                lambda: self._ask(url, letter, until=delivery.until),
                on=_NotTaken,
                pause_seconds=lambda failure, number: failure.pause_seconds(number),
                attempts=self._discord.attempts,
                deadline=delivery.until - _LEAST_SECONDS,
                sleep=self._sleep,
                monotonic=self._monotonic,
            )
        except _NotTaken as failure:
            if failure.asked_by is None:
                return _End.GAVE_UP, str(failure)
            wait = self._note(url, failure.asked_by)
            delivery.wait_seconds = max(delivery.wait_seconds, wait)
            return _End.LATER, str(failure)

    def _ask(self, url: str, letter: Letter, *, until: float) -> tuple[_End, str]:
        left = until - self._monotonic()
        if left < _LEAST_SECONDS:
            raise _NotTaken("there was no time left", is_final=True)
        try:
            answer = self._post(
                _confirming_url(url, message=letter.edits),
                letter,
                min(self._discord.timeout_seconds, left),
            )
        except Unavailable as error:
            raise _NotTaken(str(error)) from None
        end, found = _message_end(answer.status), f"Discord answered {answer.status}"
        if answer.is_ban and letter.edits and answer.status == _TOO_MANY:
            return _End.REFUSED, found  # changes have a limit of their own: a message will say
        if answer.is_ban:
            raise _NotTaken(f"{found} and shut us out", answer=answer, is_final=True)
        if end is None:
            raise _NotTaken(found, answer=answer, is_final=answer.status in _OF_THE_WAY)
        return end, answer.message if end is _End.SENT else found

    def _refuse_message(self, url: str, delivery: "_Delivery") -> tuple[_End, str] | None:
        """Why this webhook gets nothing (more) in this delivery, or None; counts the message
        otherwise.
        """
        if url in delivery.closed:
            return delivery.closed[url]
        left = self._left_alone_seconds(url)
        if left > 0:
            delivery.wait_seconds = max(delivery.wait_seconds, left)
            return _End.LATER, f"Discord asked for patience, for {left:,.0f} s more"
        delivery.messages[url] = delivery.messages.get(url, 0) + 1
        if delivery.messages[url] > _MOST_MESSAGES:
            return _End.LATER, f"{_MOST_MESSAGES} messages are enough for one delivery"
        return None

    def _left_alone_seconds(self, url: str) -> float:
        """How long the webhook still wants no message; where that cannot be read it is asked."""
        try:
            return 0.0 if self._patience is None else self._patience.left_seconds(url)
        # A note that cannot be read must not hold an alert back.
        except Exception as error:  # noqa: BLE001
            self._write(
                "alerts.patience", severity="WARNING", problem=f"{type(error).__name__}: {error}"
            )
            return 0.0

    def _note(self, url: str, asked: Answer) -> float:
        """Remember what it asked for; how long that is."""
        wait = self._ban_seconds if asked.is_ban else asked.retry_after_seconds or 0.0
        try:
            if self._patience is not None:
                self._patience.note(url, wait, everywhere=asked.everywhere)
        # A note that cannot be written must not stop a tick.
        except Exception as error:  # noqa: BLE001
            self._write(
                "alerts.patience", severity="WARNING", problem=f"{type(error).__name__}: {error}"
            )
        return wait

    def _remember(self, keys: Any) -> None:
        self._told.update(dict.fromkeys(keys))
        while len(self._told) > _MOST_REMEMBERED:
            del self._told[next(iter(self._told))]

    def _log_failure(self, alerts: Sequence[Alert], problem: str) -> None:
        self._write(
            "alerts.not_sent",
            severity="ERROR",
            problem=mask_secrets(problem),
            level=alerts[0].level.value,
            keys=[alert.key for alert in alerts],
            titles=[alert.title for alert in alerts],
        )


@dataclass(slots=True, kw_only=True)
class _Delivery:
    """One delivery: until when (monotonic seconds), what is special about some alerts, how many
    messages each webhook got, which take no more, and what came of it.
    """

    until: float
    edits: Mapping[str, str]
    pictures: Mapping[str, bytes]
    messages: dict[str, int] = field(default_factory=dict)
    closed: dict[str, tuple[_End, str]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    wait_seconds: float = 0.0

    def is_alone(self, alert: Alert) -> bool:
        return alert.key in self.edits or alert.key in self.pictures

    def letter(self, group: Sequence[Alert], body: Mapping[str, Any]) -> Letter:
        """The request that tells a group."""
        first = group[0].key
        edits = self.edits.get(first, "") if len(group) == 1 else ""
        if first not in self.pictures:
            return Letter(body=_json(body), edits=edits)
        data, content_type = _with_picture(body, self.pictures[first])
        return Letter(body=data, content_type=content_type, edits=edits)


def _message_end(status: int) -> _End | None:
    """How a message ended by its answer, or None where it may be tried again."""
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's success
        return _End.SENT
    if status in _GONE:
        return _End.GONE
    if status in _LATER | _OF_THE_WAY or status >= 500:  # noqa: PLR2004 - failures of the server
        return None
    return _End.REFUSED


def _check(level: Level, url: str) -> None:
    try:
        parts = urlsplit(url)
        good = bool(parts.hostname) and (
            parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))
        )
    except ValueError:
        good = False
    if not good:
        raise BadSettings(
            f"the Discord webhook for {level.value} alerts is not an https address",
            remedy="copy it from the channel's settings in Discord, under Integrations",
        )


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=True, allow_nan=False).encode()


def _with_picture(body: Mapping[str, Any], picture: bytes) -> tuple[bytes, str]:
    """The body of a message with a PNG in its first embed, and its content type."""
    from urllib3 import encode_multipart_formdata

    first, *rest = body["embeds"]
    shown = {**first, "image": {"url": "attachment://picture.png"}}
    told = {
        **body,
        "embeds": [shown, *rest],
        "attachments": [{"id": 0, "filename": "picture.png"}],
    }
    return encode_multipart_formdata(
        {
            "payload_json": _json(told),
            "files[0]": ("picture.png", picture, "image/png"),
        }
    )


def _confirming_url(url: str, *, message: str = "") -> str:
    """The address with `wait=true`: without it Discord answers before it has stored the message.
    That of a message of before has no such word.
    """
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query) if pair[0] != "wait"]
    if message:
        path = f"{parts.path.rstrip('/')}/messages/{quote(message, safe='')}"
        return urlunsplit(parts._replace(path=path, query=urlencode(query)))
    return urlunsplit(parts._replace(query=urlencode([*query, ("wait", "true")])))


def post_by_requests(url: str, letter: Letter, timeout_seconds: float) -> Answer:
    """Send by `requests`, without following redirects; all of it ends within `timeout_seconds`.

    Raises `Unavailable` naming only the kind of the failure.
    """
    import requests

    from shared.core.sessions import NoTimeLeft, bounded_session, ending

    until = time.monotonic() + timeout_seconds
    try:
        with (
            ending(until=until, silence_seconds=timeout_seconds),
            bounded_session() as session,
            session.request(
                "PATCH" if letter.edits else "POST",
                url,
                data=letter.body,
                headers={"Content-Type": letter.content_type},
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            text = _body(response) if response.status_code == _TOO_MANY else b""
            wait, everywhere = _patience(response.headers, text), _is_global(response.headers, text)
            return Answer(
                status=response.status_code,
                retry_after_seconds=wait,
                everywhere=everywhere,
                message=_message_id(response) if response.ok else "",
            )
    except (requests.RequestException, OSError, NoTimeLeft) as error:
        problem = type(error).__name__
    raise Unavailable(
        f"Discord did not answer ({problem})"
    )  # outside of except: no chain that holds the address


def _message_id(response: Any) -> str:
    """Of the message that was made; empty where the answer does not say it in time."""
    import requests
    from urllib3.exceptions import HTTPError

    from shared.core.sessions import NoTimeLeft

    try:
        told = _parse_body(response.raw.read(_MOST_MESSAGE_BYTES, decode_content=True))
    except (requests.RequestException, OSError, NoTimeLeft, HTTPError):
        return ""
    found = told.get("id")
    if not isinstance(found, str) or len(found) > _LONGEST_ID:
        return ""
    return found if found.isascii() and found.isdecimal() else ""


def _body(response: Any) -> bytes:
    """The beginning of an answer's body, as much of it as came in time: status and headers say
    enough without the rest.
    """
    import requests

    from shared.core.sessions import NoTimeLeft

    text = bytearray()
    with suppress(NoTimeLeft, requests.RequestException):
        for chunk in response.iter_content(1):
            text += chunk
            if len(text) >= _MOST_BODY_BYTES:
                break
    return bytes(text)


def _patience(headers: Mapping[str, str], body: bytes) -> float | None:
    """The longest wait that header or body asks for; None where neither says anything sensible."""
    asked = [
        headers.get("Retry-After"),
        headers.get("X-RateLimit-Reset-After"),
        _parse_body(body).get("retry_after"),
    ]
    waits = [wait for wait in (*map(_seconds, asked), _until_date(headers)) if wait is not None]
    return max(waits, default=None)


def _is_global(headers: Mapping[str, str], body: bytes) -> bool:
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
