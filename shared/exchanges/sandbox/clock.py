"""The sandbox's clock as the bot sees it: over HTTP, on a kept connection."""

import http.client
import json
import os
import threading
from typing import Any
from urllib.parse import urlsplit

from shared.core.errors import BadSettings, Unavailable
from shared.core.retry import retry

CLOCK_PATH = "/_sandbox/clock"
_TIMEOUT_SECONDS = 30.0
_ATTEMPTS = 2
_NO_ANSWER = (OSError, http.client.HTTPException, ValueError)


class SteppedClock:
    """`shared.core.clock.Clock` by HTTP to a sandbox; with `advance_to` for whoever drives it.

    Every thread of every process keeps its own connection, so it may be shared between threads and
    survives a fork. All its requests name absolute instants, so one that met a closed connection is
    sent again.
    """

    def __init__(self, url: str) -> None:
        """Take the sandbox's address, `http://host:port`. Connects when first asked.

        Raises:
            BadSettings: `url` is no such address.
        """
        parts = urlsplit(url)
        try:
            host, port = parts.hostname, parts.port or 80
        except ValueError:
            host, port = None, 0
        if parts.scheme != "http" or not host or parts.path not in {"", "/", CLOCK_PATH}:
            raise BadSettings(
                f"the clock's address was {url!r}", remedy="write it like http://127.0.0.1:8700"
            )
        self._host, self._port = host, port
        self._local = threading.local()

    def now_ms(self) -> int:
        """The sandbox's present instant. Raises `Unavailable`."""
        return int(self._request_json("GET", CLOCK_PATH)["now_ms"])

    def sleep_until(self, at_ms: int) -> None:
        """Return when the sandbox's clock has reached `at_ms`. Raises `Unavailable`."""
        while not self._request_json("POST", f"{CLOCK_PATH}/sleep", {"until_ms": at_ms})["reached"]:
            pass

    def advance_to(self, at_ms: int) -> int:
        """Move the sandbox's clock forward to `at_ms`, never backwards; where it stands then.

        Raises `Unavailable`.
        """
        return int(self._request_json("POST", CLOCK_PATH, {"advance_to_ms": at_ms})["now_ms"])

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _request_json(
        self, method: str, path: str, body: dict[str, int] | None = None
    ) -> dict[str, Any]:
        payload = None if body is None else json.dumps(body).encode()
        headers = {} if payload is None else {"Content-Type": "application/json"}

        def ask() -> tuple[int, Any]:
            connection = self._connection()
            try:
                connection.request(method, path, body=payload, headers=headers)
                response = connection.getresponse()
                return response.status, json.loads(response.read())
            except _NO_ANSWER:
                self.close()
                raise

        try:
            status, answer = retry(
                ask, on=_NO_ANSWER, pause_seconds=lambda _error, _number: 0.0, attempts=_ATTEMPTS
            )
        except _NO_ANSWER as error:
            raise Unavailable(
                f"the sandbox's clock at {self._address} does not answer ({error})"
            ) from error
        if status == http.HTTPStatus.OK and isinstance(answer, dict) and "now_ms" in answer:
            return answer
        told = answer.get("error", answer) if isinstance(answer, dict) else answer
        raise Unavailable(f"the sandbox's clock at {self._address} refused: {told}")

    def _connection(self) -> http.client.HTTPConnection:
        # A forked child must not speak on its parent's connection.
        if getattr(self._local, "process", None) != os.getpid():
            self._local.process = os.getpid()
            self._local.connection = None
        connection: http.client.HTTPConnection | None = self._local.connection
        if connection is None:
            connection = http.client.HTTPConnection(
                self._host, self._port, timeout=_TIMEOUT_SECONDS
            )
            self._local.connection = connection
        return connection

    @property
    def _address(self) -> str:
        return f"http://{self._host}:{self._port}"
