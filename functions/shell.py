"""What every function has around its verbs: wired once an instance, its log lines, and an answer to
whatever comes of a request.

A verb takes a request and gives a `VerbResult`. What a client did wrong is 400 by its name, what
failed and may be sent again 503, a surprise of ours 500 without a traceback. Nothing runs after an
answer.
"""

import signal
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec
from flask import Request, Response

from functions import wiring
from functions.http import TooLarge
from shared.core.errors import BadRequest, BotError, remedy_of
from shared.core.logs import Severity, log
from shared.core.masking import mask_secrets, mask_secrets_and_keys
from shared.core.settings import Settings

BAD_REQUEST, METHOD_NOT_ALLOWED, TOO_LARGE, OURS, AGAIN = 400, 405, 413, 500, 503

Wired = TypeVar("Wired")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerbResult:
    """What a verb answers.

    >>> VerbResult(body={"id": "spring"}, status=202).send_again
    False

    Attributes:
        body: A JSON object.
        status: Of HTTP.
        send_again: Whether the same request is to be sent again, after a while.
        event: Names the log line, after the function; none is written where it is empty.
        line: What the log line says.
    """

    body: Mapping[str, Any]
    status: int = 200
    send_again: bool = False
    event: str = ""
    line: Mapping[str, Any] = field(default_factory=dict)


Verb = Callable[[Request], VerbResult]


def is_shutting_down() -> bool:
    """Whether the server of this process was told to end: it takes nothing new, and what is in
    flight has seconds left.

    The server's own worker knows it, and is found by the handler that it has set for SIGTERM;
    another handler in its place would keep the worker from ending.

    >>> is_shutting_down()
    False
    """
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(worker, "alive", True) is False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """How a kind of error is answered: the `field` that it is about, and the remedy where the error
    names none.

    >>> Refusal(status=404, field="id", remedy="ask for one that there is").status
    404
    """

    status: int
    field: str
    remedy: str = ""


class Shell(Generic[Wired]):
    """One function in one instance: adapters and caches are kept, and nothing else.

    >>> shell = Shell("backtest", wire=lambda *_: None, usage="send POST")
    >>> shell.settings.pair
    'btc_jpy'
    """

    def __init__(
        self,
        name: str,
        *,
        wire: Callable[..., Wired],
        usage: str,
        refusals: Mapping[type[BotError], Refusal] | None = None,
        severity: Severity = "ERROR",
        retry_after_seconds: int | None = None,
        failure: Mapping[str, Any] | None = None,
    ) -> None:
        """Connect to nothing yet.

        Args:
            name: Begins its log lines.
            wire: Makes what the verbs work with, of settings, environment and options.
            usage: What to do instead of a method that there is not.
            refusals: How errors are answered that sending again would not help.
            severity: Of a failure in the log.
            retry_after_seconds: What 503 asks for, and every reply that is to be sent again.
            failure: What every answer that tells of a failure says besides.
        """
        self._name, self._wire, self._usage = name, wire, usage
        self._refusals, self._severity = refusals or {}, severity
        self._retry_after_seconds, self._failure = retry_after_seconds, failure or {}
        self._lock = threading.RLock()
        self._settings: Settings | None = None
        self._wired: Wired | None = None

    @property
    def settings(self) -> Settings:
        """Of this instance. Raises `BadSettings`."""
        with self._lock:
            if self._settings is None:
                wiring.warn_of_left_over()
                self._settings = wiring.settings_from(wiring.environment())
            return self._settings

    def wire_once(self) -> Wired:
        """What the first request made, and a warm instance keeps."""
        with self._lock:
            if self._wired is None:
                self._wired = self.wire()
            return self._wired

    def wire(self, **options: Any) -> Wired:
        """Made anew. One thread wires, the others wait: see `wiring.prepare_types` for what happens
        otherwise.
        """
        with self._lock:
            wiring.prepare_types()
            return self._wire(self.settings, wiring.environment(), **options)

    def respond(self, request: Request, verbs: Mapping[str, Verb]) -> Response:
        """Do what the request's method asks for, and answer whatever comes of it."""
        try:
            verb = verbs.get(request.method)
            if verb is None:
                found = f"the method was {request.method}"
                return self._wrong(found, status=METHOD_NOT_ALLOWED, remedy=self._usage)
            reply = verb(request)
            if reply.event:
                log(f"{self._name}.{reply.event}", severity="INFO", **reply.line)
            return _response(
                reply.body,
                reply.status,
                retry_after_seconds=self._retry_after_seconds if reply.send_again else None,
            )
        # The border: no traceback leaves, and none is lost.
        except Exception as error:  # noqa: BLE001
            return self._answer_failure(error)

    def _answer_failure(self, error: Exception) -> Response:
        found, remedy, field_name = str(error), remedy_of(error), ""
        if isinstance(error, BadRequest):
            status, field_name = BAD_REQUEST, error.field
            if isinstance(error, TooLarge):
                status = TOO_LARGE
        elif isinstance(error, BotError):
            # Where nothing else is said nothing is lost: the same request may be sent again.
            refusal = self._refusals.get(type(error), Refusal(status=AGAIN, field=""))
            status, field_name, remedy = refusal.status, refusal.field, remedy or refusal.remedy
        else:
            log(f"{self._name}.surprise", severity="ERROR", trace=traceback.format_exc())
            status, remedy = OURS, "the log says where"
            found = f"something unexpected happened ({type(error).__name__})"
        told = {"error": mask_secrets_and_keys(found), "remedy": mask_secrets_and_keys(remedy)}
        if status in {AGAIN, OURS}:
            log(f"{self._name}.failed", severity=self._severity, **told)
        else:
            log(
                f"{self._name}.refused",
                severity="WARNING",
                status=status,
                field=field_name,
                **told,
            )
        return self._wrong(
            found, status=status, field=field_name, remedy=remedy, more=self._failure
        )

    def _wrong(
        self,
        error: str,
        *,
        status: int,
        field: str = "",
        remedy: str = "",
        more: Mapping[str, Any] | None = None,
    ) -> Response:
        told = {
            "error": _readable(error),
            "field": _readable(field),
            "remedy": _readable(remedy),
            **(more or {}),
        }
        wait = self._retry_after_seconds if status == AGAIN else None
        return _response(told, status, retry_after_seconds=wait)


def _response(
    body: Mapping[str, Any], status: int, *, retry_after_seconds: int | None = None
) -> Response:
    """An object as an answer, without secrets."""
    text = mask_secrets(msgspec.json.encode(body).decode()).encode()
    response = Response(text, status=status, mimetype="application/json")
    if retry_after_seconds is not None:
        response.headers["Retry-After"] = str(retry_after_seconds)
    return response


def _readable(text: str) -> str:
    return mask_secrets_and_keys(text).encode("utf-8", "backslashreplace").decode()
