"""What Cloud Scheduler does, on this machine: POST a schedule time to the tick function and read
its report.
"""

import http.client
import json
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from shared.core.errors import BotError, Unavailable
from shared.core.retry import retry
from shared.core.types import TickReport

SCHEDULE_HEADER = "X-CloudScheduler-ScheduleTime"


class TickFailed(BotError):
    """The function answered that a tick was not done."""


class _TickRefused(TickFailed):
    """Another attempt would be answered in the same way."""


class Scheduler:
    """Sends ticks to one function on loopback over a kept connection.

    A tick sent twice is done once, so a lost answer is asked for again.
    """

    def __init__(self, port: int, *, timeout_seconds: float = 160.0, attempts: int = 3) -> None:
        """Talk to the function on `port`; `timeout_seconds` is the attempt deadline of the real
        scheduler.
        """
        self._port = port
        self._timeout_seconds = timeout_seconds
        self._attempts = attempts
        self._connection: http.client.HTTPConnection | None = None

    def tick(self, scheduled_at: int, *, alive: Callable[[], None] = lambda: None) -> TickReport:
        """Run the tick of one schedule time (ms UTC).

        Args:
            scheduled_at: Its name.
            alive: Called after a failed attempt; raises where trying again is useless.

        Raises:
            TickFailed: the function refused the tick, or could not do it on any attempt.
            Unavailable: the function does not answer.
        """

        def pause_seconds(failure: BotError, number: int) -> float | None:
            alive()
            return None if isinstance(failure, _TickRefused) else 0.1 * number

        return retry(
            lambda: self._ask(scheduled_at),
            on=(TickFailed, Unavailable),
            pause_seconds=pause_seconds,
            attempts=self._attempts,
        )

    def _ask(self, scheduled_at: int) -> TickReport:
        try:
            status, body = self._post(scheduled_at)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unavailable(
                f"the tick function on port {self._port} does not answer ({_error_text(error)})"
            ) from error
        if status == http.HTTPStatus.OK:
            return msgspec.json.decode(body, type=TickReport)
        is_final = status < http.HTTPStatus.INTERNAL_SERVER_ERROR
        raise (_TickRefused if is_final else TickFailed)(
            f"the tick of {_rfc3339(scheduled_at)} was answered with {status}: {_answer_text(body)}"
        )

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, scheduled_at: int) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self._port, timeout=self._timeout_seconds
            )
        headers = {"Content-Type": "application/json", SCHEDULE_HEADER: _rfc3339(scheduled_at)}
        self._connection.request("POST", "/", body=b"{}", headers=headers)
        response = self._connection.getresponse()
        return response.status, response.read()


def _rfc3339(at_ms: int) -> str:
    return (
        datetime.fromtimestamp(at_ms / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def _answer_text(body: bytes) -> str:
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if isinstance(told, dict) and "error" in told:
        return "; ".join(str(told[key]) for key in ("error", "remedy") if told.get(key))
    return body[:200].decode(errors="replace").strip() or "nothing"


def _error_text(error: Exception) -> str:
    return str(error) or type(error).__name__
