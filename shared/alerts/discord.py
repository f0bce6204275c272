"""Sinks: Discord's webhooks, and the log where no webhook is set.

A webhook's address is a secret: it is registered with the log's mask, and no error, log line or repr of ours carries it;
not even the text of an HTTP library's exception, which would.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from shared.alerts.embeds import messages
from shared.errors import BadSettings, Unavailable
from shared.logs import Severity, log, masked, register_secrets
from shared.settings import Settings, is_loopback
from shared.types import Alert, Level

_SEVERITY: Mapping[Level, Severity] = {Level.CRITICAL: "CRITICAL", Level.WARNING: "WARNING", Level.INFO: "INFO"}
_TOO_MANY = 429
_GONE = frozenset({401, 403, 404, 410})
_BACKOFF_SECONDS = 0.5
_LEAST_SECONDS = 0.05
_MOST_REMEMBERED = 1_000
_MOST_BODY_BYTES = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a webhook answered: the status, and how many seconds it asks us to wait."""

    status: int
    retry_after_seconds: float | None = None


Post: TypeAlias = Callable[[str, bytes, float], Answer]
"""Sends a JSON body to an address within a number of seconds. Raises `Unavailable`, without the address in its text."""


class Write(Protocol):
    """Writes a structured log line."""

    def __call__(self, event: str, *, severity: Severity = "INFO", **fields: Any) -> None:
        """Write it."""
        ...


class LogSink:
    """Alerts as log lines."""

    def __init__(self, write: Write = log) -> None:
        """Write lines by `write`."""
        self._write = write

    def send(self, alerts: Sequence[Alert], *, deadline_ms: int = 0) -> frozenset[str]:  # noqa: ARG002 - a log line takes no time
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


class _End(Enum):
    """How the sending of one message ended."""

    SENT = auto()
    REFUSED = auto()
    GONE = auto()
    GAVE_UP = auto()


class DiscordSink:
    """Alerts as Discord messages, one message a level where they fit. Levels without a webhook are logged.

    Waits as long as Discord asks (429), tries `discord.attempts` times and never longer than it may. What Discord refuses is
    not tried again: one by one where it came in company, so that a bad one does not hold back the others; and logged. An
    attempt whose answer got lost is repeated: an alert twice is better than none.
    """

    def __init__(
        self,
        webhooks: Mapping[Level, str],
        settings: Settings,
        *,
        post: Post | None = None,
        write: Write = log,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Send alerts of each level to its webhook. Raises `BadSettings` for an address that cannot be one."""
        for level, url in webhooks.items():
            _check(level, url)
            register_secrets(url)
        self._webhooks = dict(webhooks)
        self._discord = settings.discord
        self._post = post or post_by_requests
        self._write = write
        self._log = LogSink(write)
        self._sleep = sleep
        self._monotonic = monotonic
        self._told: dict[str, None] = {}

    def __repr__(self) -> str:
        return f"DiscordSink({', '.join(level.value for level in self._webhooks)})"

    def send(self, alerts: Sequence[Alert], *, deadline_ms: int) -> frozenset[str]:
        """Deliver what can be delivered by `deadline_ms` (monotonic), the critical first; the keys of those that were.

        A key that this sink has delivered before is not sent again: the outbox may have failed to note it.
        """
        until = deadline_ms / 1000
        fresh = list({alert.key: alert for alert in alerts if alert.key not in self._told}.values())
        gone: set[str] = set()
        for level in Level:
            group = [alert for alert in fresh if alert.level is level]
            url = self._webhooks.get(level)
            if not group:
                continue
            if url is None:
                self._remember(self._log.send(group))
                continue
            try:
                self._send_level(url, group, until, gone)
            except Exception as error:  # noqa: BLE001 - an alert that cannot be told must not stop a tick
                self._failed(group, f"a {type(error).__name__} of ours")
        return frozenset(alert.key for alert in alerts if alert.key in self._told)

    def _send_level(self, url: str, alerts: Sequence[Alert], until: float, gone: set[str]) -> None:
        for group, body in messages(alerts, mask=masked):
            end, problem = (_End.GONE, "its webhook is gone") if url in gone else self._deliver(url, body, until)
            if end is _End.REFUSED and len(group) > 1:
                for alert in group:
                    self._send_level(url, [alert], until, gone)
                continue
            if end is _End.GONE:
                gone.add(url)
            if end is _End.SENT:
                self._remember(alert.key for alert in group)
            else:
                self._failed(group, problem)

    def _deliver(self, url: str, body: Mapping[str, Any], until: float) -> tuple[_End, str]:
        payload = json.dumps(body, ensure_ascii=True, allow_nan=False).encode()
        problem = "there was no time left"
        for attempt in range(self._discord.attempts):
            left = until - self._monotonic()
            if left < _LEAST_SECONDS:
                break
            wait = _BACKOFF_SECONDS * 2**attempt
            try:
                answer = self._post(_confirmed(url), payload, min(self._discord.timeout_seconds, left))
            except Unavailable as error:
                problem = str(error)
            else:
                end = _ended(answer.status)
                problem = f"Discord answered {answer.status}"
                if end is not None:
                    return end, problem
                wait = answer.retry_after_seconds if answer.retry_after_seconds is not None else wait
            if attempt + 1 == self._discord.attempts or self._monotonic() + wait > until - _LEAST_SECONDS:
                break
            self._sleep(wait)
        return _End.GAVE_UP, problem

    def _remember(self, keys: Any) -> None:
        self._told.update(dict.fromkeys(keys))
        while len(self._told) > _MOST_REMEMBERED:
            del self._told[next(iter(self._told))]

    def _failed(self, alerts: Sequence[Alert], problem: str) -> None:
        self._write(
            "alerts.not_sent",
            severity="ERROR",
            problem=masked(problem),
            level=alerts[0].level.value,
            keys=[alert.key for alert in alerts],
            titles=[alert.title for alert in alerts],
        )


def _ended(status: int) -> _End | None:
    """How a message ended by its answer, or None where it may be tried again."""
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's success
        return _End.SENT
    if status in _GONE:
        return _End.GONE
    if status == _TOO_MANY or status >= 500:  # noqa: PLR2004 - HTTP's failures of the server
        return None
    return _End.REFUSED


def _check(level: Level, url: str) -> None:
    try:
        parts = urlsplit(url)
        good = bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url)))
    except ValueError:
        good = False
    if not good:
        raise BadSettings(
            f"the Discord webhook for {level.value} alerts is not an https address",
            remedy="copy it from the channel's settings in Discord, under Integrations",
        )


def _confirmed(url: str) -> str:
    """The address with `wait=true`: without it Discord answers before it has stored the message."""
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query) if pair[0] != "wait"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("wait", "true")])))


def post_by_requests(url: str, body: bytes, timeout_seconds: float) -> Answer:
    """Send by `requests`, without following redirects. Raises `Unavailable` naming only the kind of the failure."""
    import requests

    until = time.monotonic() + timeout_seconds
    try:
        with requests.post(
            url,
            data=body,
            headers={"Content-Type": "application/json"},
            timeout=timeout_seconds,
            allow_redirects=False,
            stream=True,
        ) as response:
            text = _body(response, until) if response.status_code == _TOO_MANY else b""
            return Answer(status=response.status_code, retry_after_seconds=_patience(response.headers, text))
    except (requests.RequestException, OSError) as error:
        problem = type(error).__name__
    raise Unavailable(f"Discord did not answer ({problem})")  # outside of except: no chain that holds the address


def _body(response: Any, until: float) -> bytes:
    """The beginning of an answer's body, byte by byte so that a slow one ends in time."""
    text = bytearray()
    for chunk in response.iter_content(1):
        text += chunk
        if len(text) >= _MOST_BODY_BYTES or time.monotonic() > until:
            break
    return bytes(text)


def _patience(headers: Mapping[str, str], body: bytes) -> float | None:
    """The longest wait that header or body asks for; None where neither says anything sensible."""
    try:
        told = json.loads(body or b"{}")
    except ValueError:
        told = {}
    asked = [headers.get("Retry-After"), told.get("retry_after") if isinstance(told, dict) else None]
    waits = [wait for wait in map(_seconds, asked) if wait is not None]
    return max(waits, default=None)


def _seconds(value: Any) -> float | None:
    try:
        wait = float(value)
    except (TypeError, ValueError):
        return None
    return wait if 0 <= wait < float("inf") else None
