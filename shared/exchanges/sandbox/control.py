"""The sandbox's own endpoints: its clock, its faults, and what it was asked."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from shared.core.errors import UserError
from shared.exchanges.sandbox.faults import fault_from
from shared.exchanges.sandbox.private.endpoints import ground_of
from shared.exchanges.sandbox.private.exchange import LoggedRequest
from shared.exchanges.sandbox.reply import Reply, plain_reply

if TYPE_CHECKING:
    from shared.exchanges.sandbox.server import Sandbox

PREFIX = "/_sandbox/"
SLEEP_PATIENCE_SECONDS = 15.0
"""A sleeper gets an answer after this at the latest, and asks again: no request hangs until a
time-out."""

Handler: TypeAlias = Callable[["Sandbox", bytes], Reply]


def answer_control(
    sandbox: "Sandbox", method: str, path: str, body: bytes, *, query: str = ""
) -> Reply:
    """Answer one request below `PREFIX`. Raises `UserError` for a bad one."""
    name = path.removeprefix(PREFIX).rstrip("/")
    if (method, name, query) == ("GET", "requests", "log"):
        return plain_reply({"requests": [_logged_row(one) for one in _log(sandbox)]})
    handler = ENDPOINTS.get((method, name))
    if handler is not None:
        return handler(sandbox, body)
    number = name.removeprefix("faults/")
    if method == "DELETE" and name != number and number.isdecimal():
        sandbox.faults.clear(int(number))
        return plain_reply(sandbox.faults.describe_faults())
    return plain_reply({"error": f"the sandbox has no {method} {path}"}, status=404)


def _describe_sandbox(sandbox: "Sandbox", _body: bytes) -> Reply:
    return plain_reply(
        {
            "market": sandbox.market.source,
            "starts_at": sandbox.market.starts_at,
            "ends_at": sandbox.market.ends_at,
            "clock": sandbox.clock.name,
            "now_ms": sandbox.clock.now_ms(),
        }
    )


def _now(sandbox: "Sandbox", _body: bytes) -> Reply:
    return plain_reply({"now_ms": sandbox.clock.now_ms(), "clock": sandbox.clock.name})


def _advance_clock(sandbox: "Sandbox", body: bytes) -> Reply:
    if not sandbox.clock.advance_to(_whole_number(body, "advance_to_ms")):
        return plain_reply(
            {"error": "this sandbox runs on the machine's clock, which nobody can step"}, status=409
        )
    return plain_reply({"now_ms": sandbox.clock.now_ms()})


def _sleep_on_clock(sandbox: "Sandbox", body: bytes) -> Reply:
    reached = sandbox.clock.wait_until(
        _whole_number(body, "until_ms"), patience_seconds=SLEEP_PATIENCE_SECONDS
    )
    return plain_reply({"now_ms": sandbox.clock.now_ms(), "reached": reached})


def _faults(sandbox: "Sandbox", _body: bytes) -> Reply:
    return plain_reply(sandbox.faults.describe_faults())


def _add_fault(sandbox: "Sandbox", body: bytes) -> Reply:
    return plain_reply({"id": sandbox.faults.add(fault_from(_object(body)))})


def _clear_faults(sandbox: "Sandbox", _body: bytes) -> Reply:
    sandbox.faults.clear()
    return plain_reply(sandbox.faults.describe_faults())


def _requests(sandbox: "Sandbox", _body: bytes) -> Reply:
    counts = sandbox.requests()
    return plain_reply({"total": sum(counts.values()), "endpoints": counts})


def _forget_requests(sandbox: "Sandbox", body: bytes) -> Reply:
    sandbox.forget_requests()
    return _requests(sandbox, body)


def _account(sandbox: "Sandbox", _body: bytes) -> Reply:
    """The account as it is now: no lag, no lies."""
    with sandbox.private.lock:
        sandbox.private.advance(ground_of(sandbox), sandbox.clock.now_ms())
        return plain_reply(sandbox.private.describe_account())


def _log(sandbox: "Sandbox") -> list[LoggedRequest]:
    with sandbox.private.lock:
        return list(sandbox.private.log)


def _logged_row(request: LoggedRequest) -> dict[str, Any]:
    """A request with its body as text and, for every byte of it, in base64."""
    return {
        "at": request.at,
        "endpoint": request.endpoint,
        "method": request.method,
        "target": request.target,
        "headers": dict(request.headers),
        "body": request.body.decode("utf-8", "backslashreplace"),
        "body_base64": base64.b64encode(request.body).decode(),
        "status": request.status,
        "code": request.code,
    }


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise UserError("the body was not a JSON object", remedy="send one")
    return told


def _whole_number(body: bytes, name: str) -> int:
    value = _object(body).get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UserError(
            f"{name} was {value!r}", remedy="give milliseconds since 1970 UTC as a whole number"
        )
    return value


ENDPOINTS: Mapping[tuple[str, str], Handler] = {
    ("GET", ""): _describe_sandbox,
    ("GET", "clock"): _now,
    ("POST", "clock"): _advance_clock,
    ("POST", "clock/sleep"): _sleep_on_clock,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "requests"): _requests,
    ("DELETE", "requests"): _forget_requests,
    ("GET", "account"): _account,
}
"""Method and name below `PREFIX`; `DELETE faults/<id>` switches one fault off."""
