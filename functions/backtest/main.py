"""The backtest as a function: `POST` a job, `GET` how it stands, `DELETE` it; a pushed `work` message works off one slice.

    POST {job fields}                  200 with the result
    POST {job fields, "async": true}   202 with an id; whoever posts {"work": id} works on it, a slice a request
    POST {"work": id}                  200: how it stands, and whether more is left; 503 while another worker holds it
    GET  ?id=ID                        200; without an id: the youngest jobs
    DELETE ?id=ID, POST {"cancel": id} 200

A bad field is answered with 400 and {"error", "field", "remedy"}, an unknown id with 404, an id of another job with 409.
Nothing runs after a response.
"""

import base64
import binascii
import secrets
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

# functions-framework puts only this file's folder on the path; the packages live at the repository's root.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import functions_framework
import msgspec
from flask import Request, Response

from functions import wiring
from shared.backtest.job import BadJob, is_id, parse
from shared.backtest.service import Backtests, OtherJob, prepare_types
from shared.errors import BotError, NotThere, UserError
from shared.jst import utc_text
from shared.logs import log

RETRY_AFTER_SECONDS = 30


@functions_framework.http
def backtest(request: Request) -> Response:
    """Take, work on, show or give up a backtest."""
    try:
        return _handled(request)
    except BadJob as error:
        status, field, remedy, found = 400, error.field, error.remedy, str(error)
    except NotThere as error:
        status, field, remedy, found = 404, "id", "check the id", str(error)
    except OtherJob as error:
        status, field, remedy, found = 409, "id", "send another id, or exactly the same job", str(error)
    except BotError as error:
        # Nothing is lost: a job that is stored waits, and the same request may be sent again.
        status, field, remedy, found = 503, "", error.remedy if isinstance(error, UserError) else "try again", str(error)
        log("backtest.failed", severity="ERROR", error=found, remedy=remedy)
    return _answer({"error": found, "field": field, "remedy": remedy}, status)


def _handled(request: Request) -> Response:
    backtests = _wired_once()
    if request.method == "GET":
        return _shown(request, backtests)
    if request.method == "DELETE":
        return _answer(backtests.cancel(_named(request.args.get("id"), "id")), 200)
    if request.method == "POST":
        return _posted(_body(request), backtests)
    return _answer({"error": f"the method was {request.method}", "field": "", "remedy": "use POST, GET or DELETE"}, 405)


def _posted(body: dict[str, Any], backtests: Backtests) -> Response:
    if "message" in body:
        body = _pushed(body["message"])
    if "work" in body:
        return _slice(body, backtests)
    if "cancel" in body:
        _only(body, "cancel")
        return _answer(backtests.cancel(_named(body["cancel"], "cancel")), 200)
    later = body.pop("async", False)
    if not isinstance(later, bool):
        raise BadJob("async", f"was {repr(later)[:80]}", remedy="give true or false")
    job = parse({**body, "id": _new_name() if body.get("id") is None else body["id"]})
    stood = backtests.submit(job)
    if later or not stood["more"]:
        return _told(stood, 202 if stood["more"] else 200)
    return _told(backtests.work(job.id, seconds=backtests.longest_seconds), 200)


def _slice(body: dict[str, Any], backtests: Backtests) -> Response:
    """One slice of a job. What the job itself did wrong is answered with 200: sending it again would not help."""
    _only(body, "work", "slice_seconds")
    seconds = body.get("slice_seconds")
    if seconds is not None and (
        isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= backtests.longest_seconds
    ):
        found, longest = f"was {seconds!r}", backtests.longest_seconds
        raise BadJob("slice_seconds", found, remedy=f"give seconds, up to {longest:g}")
    stands = backtests.work(_named(body["work"], "work"), seconds=seconds)
    log("backtest.slice", id=stands["id"], status=stands["status"], share=stands["share"], busy=stands.get("busy", False))
    return _answer(stands, 503 if stands.get("busy") else 200)


def _told(stands: dict[str, Any], status: int) -> Response:
    """A job's state as the answer to whoever asked for it."""
    log("backtest.job", id=stands["id"], status=stands["status"], share=stands["share"])
    wrong = stands["error"]
    if stands["status"] == "failed" and wrong:
        return _answer(
            {**stands, **{name: wrong[name] for name in ("error", "field", "remedy")}}, 500 if wrong["ours"] else 400
        )
    return _answer(stands, 202 if stands["more"] else status)


def _shown(request: Request, backtests: Backtests) -> Response:
    name = request.args.get("id")
    if name is None:
        return _answer({"jobs": backtests.recent()}, 200)
    return _answer(backtests.status(_named(name, "id")), 200)


def _body(request: Request) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(request.get_data() or b"{}")
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadJob("body", f"was not JSON: {error}", remedy="send a JSON object") from error
    if not isinstance(body, dict):
        raise BadJob("body", "was not a JSON object", remedy='send {"start": …, "end": …}, {"work": id} or {"cancel": id}')
    return body


def _pushed(message: object) -> dict[str, Any]:
    """What a Pub/Sub push carries: base64 of the same JSON."""
    try:
        data = message["data"] if isinstance(message, dict) else None
        body = msgspec.json.decode(base64.b64decode(data, validate=True)) if isinstance(data, str) else None
    except (KeyError, binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        body = None
    if not isinstance(body, dict) or "work" not in body:
        raise BadJob("message", 'carried no {"work": id}', remedy="put base64 of that JSON into message.data")
    return body


def _only(body: dict[str, Any], *known: str) -> None:
    for name in body:
        if name not in known:
            raise BadJob(name[:80], f"does not belong to a {known[0]} request", remedy="leave it out")


def _named(name: object, field: str) -> str:
    if not isinstance(name, str) or not is_id(name):
        raise BadJob(field, f"was {repr(name)[:80]}", remedy="give the id of a job")
    return name


def _new_name() -> str:
    at = utc_text(wiring.clock_for(_settings()).now_ms())
    return f"{at[:19].replace('-', '').replace(':', '')}-{secrets.token_hex(3)}"


@cache
def _settings() -> Any:
    return wiring.settings_from(wiring.environment())


@cache
def _wired() -> Backtests:
    """Settings and adapters, made by the first request and kept by the warm instance: caches, nothing else."""
    return Backtests(wiring.backtest_place(_settings(), wiring.environment()))


def _wired_once() -> Backtests:
    """One thread wires, the others wait: see `wiring.prepare_types` for what happens otherwise."""
    with _WIRING:
        wiring.prepare_types()
        prepare_types()
        return _wired()


_WIRING = threading.Lock()


def _answer(told: dict[str, Any], status: int) -> Response:
    answer = Response(msgspec.json.encode(told), status=status, mimetype="application/json")
    if status == 503:  # noqa: PLR2004 - Service Unavailable
        answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer
