"""A sink that publishes each alert to a topic of Pub/Sub, by Google's own client.

A message's data is the alert as JSON; its attribute `key` is what guards against repetition, for
Pub/Sub may deliver twice and a publishing whose answer was lost is sent again. `level` and `kind`
are attributes besides, so that a subscription can choose.

Each alert is one request that is waited for. The client's own publisher, which gathers messages in
a thread, is not used: between two requests Cloud Run gives an instance no time in which the thread
could send what it gathered, and a tick would have marked as delivered what nobody took.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Self

import google.auth
import grpc
import msgspec
from google.api_core import exceptions as answers
from google.auth import exceptions as credentials
from google.auth.transport.requests import Request
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.types import PubsubMessage

from shared.alerts.ports import LogWriter
from shared.core.deadline import bound_at
from shared.core.logs import log
from shared.core.masking import mask_secrets
from shared.core.retry import backoff_seconds, retry
from shared.core.sessions import NoTimeLeft, bounded_session, ending
from shared.core.settings import Settings, topic_of
from shared.core.types import Alert, Level

EVENT = "event"
"""The attribute that says what a message is: `alert`, or a word to whoever delivers."""
_BACKOFF_SECONDS = 0.2
_LEAST_SECONDS = 0.05
_MOST_REMEMBERED = 1_000
_SCOPES = ("https://www.googleapis.com/auth/pubsub",)
_REFUSED = (answers.InvalidArgument, answers.OutOfRange)
"""What is wrong with one message, not with the topic."""
_AGAIN = (
    answers.Aborted,
    answers.Cancelled,
    answers.DeadlineExceeded,
    answers.InternalServerError,
    answers.ResourceExhausted,
    answers.ServiceUnavailable,
    answers.Unknown,
    credentials.TransportError,
    credentials.RefreshError,
)


class PubSubSink:
    """Alerts as messages of a topic, the critical first.

    Tries `discord.attempts` times an alert, each for `discord.timeout_seconds` at most, and never
    longer than it may. Once the topic took none in all its attempts it is not asked again in this
    delivery. A message that Pub/Sub refuses is logged and does not hold back the others.
    """

    def __init__(
        self,
        address: str,
        settings: Settings,
        *,
        emulator: str = "",
        write: LogWriter = log,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Publish to the topic at `pubsub://PROJECT/TOPIC`; connect to nothing yet.

        `emulator`: host and port of Google's emulator, which is asked without credentials.
        """
        project, topic = topic_of(address)
        self.topic = f"projects/{project}/topics/{topic}"
        self._asking = settings.discord
        self._emulator = emulator
        self._write = write
        self._sleep = sleep
        self._credentials: Any = None
        self._told: dict[str, None] = {}

    def __repr__(self) -> str:
        return f"PubSubSink({self.topic})"

    def send(self, alerts: Sequence[Alert], *, deadline_ms: int) -> frozenset[str]:
        """Publish what can be published by `deadline_ms` (monotonic); the keys of those that the
        topic took.

        A key that this sink has delivered before is not sent again: the outbox may have failed to
        note it.
        """
        until = deadline_ms / 1000
        until = bound_at(until) or until
        fresh = {alert.key: alert for alert in alerts if alert.key not in self._told}
        waiting = [alert for level in Level for alert in fresh.values() if alert.level is level]
        with _Wire(self._connect) as wire:
            self._send(waiting, wire, until=until)
        return frozenset(alert.key for alert in alerts if alert.key in self._told)

    def poke(self, *, deadline_ms: int) -> bool:
        """Ask whoever delivers to look at what waits; whether the topic took it."""
        until = deadline_ms / 1000
        until = bound_at(until) or until
        try:
            with _Wire(self._connect) as wire:
                message = PubsubMessage(data=b"{}", attributes={EVENT: "flush"})
                self._publish(message, wire, until=until)
        # A poke that is lost is followed by the next tick's.
        except Exception as error:  # noqa: BLE001
            self._log_failure([], _problem(error))
            return False
        return True

    def _send(self, waiting: Sequence[Alert], wire: "_Wire", *, until: float) -> None:
        for number, alert in enumerate(waiting):
            try:
                data, attributes = message_data(alert), message_attributes(alert)
                self._publish(PubsubMessage(data=data, attributes=attributes), wire, until=until)
            except (*_REFUSED, UnicodeError) as error:
                self._log_failure([alert], f"Pub/Sub refused it ({type(error).__name__})")
            # An alert that cannot be told must not stop a tick.
            except Exception as error:  # noqa: BLE001
                self._log_failure(waiting[number:], _problem(error))
                break
            else:
                self._remember(alert.key)

    def _publish(self, message: PubsubMessage, wire: "_Wire", *, until: float) -> None:
        retry(
            lambda: self._ask(message, wire, until=until),
            on=_AGAIN,
            pause_seconds=lambda _, number: backoff_seconds(_BACKOFF_SECONDS, number),
            attempts=self._asking.attempts,
            deadline=until - _LEAST_SECONDS,
            sleep=self._sleep,
        )

    def _ask(self, message: PubsubMessage, wire: "_Wire", *, until: float) -> None:
        left = until - time.monotonic()
        if left < _LEAST_SECONDS:
            raise NoTimeLeft
        timeout = min(self._asking.timeout_seconds, left)
        until = time.monotonic() + timeout
        try:
            with ending(until=until, silence_seconds=timeout):
                client = wire.publisher()
            left = max(_LEAST_SECONDS, until - time.monotonic())
            client.publish(topic=self.topic, messages=[message], retry=None, timeout=left)
        except Exception:
            wire.close()  # a connection that failed may never answer again
            raise

    def _connect(self) -> PublisherClient:
        if self._emulator:
            channel = grpc.insecure_channel(self._emulator)
            return PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        if self._credentials is None:
            asking = Request(bounded_session())
            self._credentials, _ = google.auth.default(scopes=_SCOPES, request=asking)
        return PublisherClient(credentials=self._credentials)

    def _remember(self, key: str) -> None:
        self._told[key] = None
        while len(self._told) > _MOST_REMEMBERED:
            del self._told[next(iter(self._told))]

    def _log_failure(self, alerts: Sequence[Alert], problem: str) -> None:
        self._write(
            "alerts.not_sent",
            severity="ERROR",
            problem=f"{self.topic}: {problem}",
            keys=[alert.key for alert in alerts],
            titles=[alert.title for alert in alerts],
        )


class _Wire:
    """The connection of one delivery, made when it is needed. None is kept for the next: while an
    instance gets no time its peer gives it up, and the first message would find it dead.
    """

    def __init__(self, connect: Callable[[], PublisherClient]) -> None:
        self._connect = connect
        self._client: PublisherClient | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def publisher(self) -> PublisherClient:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.transport.close()  # type: ignore[no-untyped-call]


def message_data(alert: Alert) -> bytes:
    """The alert as JSON, without secrets: what is published, and what a subscriber reads."""
    return mask_secrets(msgspec.json.encode(alert).decode()).encode()


def message_attributes(alert: Alert) -> dict[str, str]:
    """What a subscriber knows without reading the data: `key` guards against repetition."""
    return {EVENT: "alert", "key": alert.key, "level": alert.level.value, "kind": alert.kind}


def _problem(error: Exception) -> str:
    """What was wrong, without what a library's text could hold."""
    if isinstance(error, NoTimeLeft):
        return "there was no time left"
    if isinstance(error, answers.NotFound):
        return "the topic does not exist"
    if isinstance(error, answers.PermissionDenied | answers.Unauthenticated):
        return "this account may not publish to it"
    return f"Pub/Sub did not take it ({type(error).__name__})"
