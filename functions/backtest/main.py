"""The backtest as a function: `POST` a job, `GET` how it stands, `DELETE` it; a pushed `work`
message works off one slice.

    POST {job fields}                  200 with the result
    POST {job fields, "async": true}   202 with an id; whoever posts {"work": id} works on it
    POST {"work": id}                  a slice of it, 200: how it stands, whether more is left;
                                       503 while another worker holds it
    GET  ?id=ID                        200; without an id: the youngest jobs
    DELETE ?id=ID, POST {"cancel": id} 200

A bad field is answered with 400 and {"error", "field", "remedy"}, an unknown id with 404, an id of
another job with 409. Nothing runs after a response.
"""

import base64
import binascii
import secrets
import sys
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

# functions-framework puts only this file's folder on the path; the packages live at the
# repository's root.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import functions_framework
from flask import Request, Response

from functions import wiring
from functions.http import (
    AGAIN,
    Refusals,
    answer,
    answered,
    body_of,
    fields_of,
    only,
    query_of,
    typed,
    wrong,
)
from models.backtest.job import BadJob, is_id, parse
from models.backtest.service import Backtests, OtherJob, prepare_types
from shared.core.calendar import utc_text
from shared.core.errors import BadRequest, NotThere
from shared.core.logs import log
from shared.core.masking import shown
from shared.core.settings.kinds import Seconds, Text

RETRY_AFTER_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A request to work on a job. `slice_seconds`: for so long; None: as the settings say."""

    work: Text
    slice_seconds: Seconds | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBody:
    """A request to give a job up."""

    cancel: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """What the address of a request may say."""

    id: Text | None = None


@functions_framework.http
def backtest(request: Request) -> Response:
    """Take, work on, show or give up a backtest."""
    refusals: Refusals = {
        NotThere: (404, "id", "check the id"),
        OtherJob: (409, "id", "send another id, or exactly the same job"),
    }
    return answered(
        "backtest",
        lambda: _handled(request),
        refusals=refusals,
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )


def _handled(request: Request) -> Response:
    query = query_of(request)
    if request.method == "POST":
        only(query, (), named="query: a job is told in the body")
        return _posted(body_of(request))
    name = typed(query, JobQuery, named="query").id
    if request.method == "GET":
        return answer(
            {"jobs": _wired_once().recent()}
            if name is None
            else _wired_once().status(_named(name, "id"))
        )
    if request.method == "DELETE":
        return answer(_wired_once().cancel(_named(name, "id")))
    return wrong(f"the method was {request.method}", status=405, remedy="use POST, GET or DELETE")


def _posted(body: dict[str, Any]) -> Response:
    if "message" in body:
        body = _pushed(body["message"])
    if "work" in body:
        return _slice(typed(body, Slice, named="request for work"))
    if "cancel" in body:
        return answer(
            _wired_once().cancel(
                _named(typed(body, CancelBody, named="request to cancel").cancel, "cancel")
            )
        )
    later = body.pop("async", False)
    if not isinstance(later, bool):
        raise BadJob("async", f"was {shown(later)}", remedy="give true or false")
    backtests = _wired_once()
    job = parse({**body, "id": _new_name() if body.get("id") is None else body["id"]})
    stood = backtests.submit(job)
    if later or not stood["more"]:
        return _told(stood, 202 if stood["more"] else 200)
    return _told(backtests.work(job.id, seconds=backtests.longest_seconds), 200)


def _slice(asked: Slice) -> Response:
    """One slice of a job.

    What the job itself did wrong is answered with 200: sending it again would not help.
    """
    backtests = _wired_once()
    longest = backtests.longest_seconds
    if asked.slice_seconds is not None and asked.slice_seconds > longest:
        raise BadJob(
            "slice_seconds",
            f"was {asked.slice_seconds:g}",
            remedy=f"give seconds, up to {longest:g}",
        )
    stands = backtests.work(_named(asked.work, "work"), seconds=asked.slice_seconds)
    log(
        "backtest.slice",
        id=stands["id"],
        status=stands["status"],
        share=stands["share"],
        busy=stands.get("busy", False),
    )
    return _stands(stands, 503 if stands.get("busy") else 200)


def _told(stands: dict[str, Any], status: int) -> Response:
    """A job's state as the answer to whoever asked for it."""
    log("backtest.job", id=stands["id"], status=stands["status"], share=stands["share"])
    wrong = stands["error"]
    if stands["status"] == "failed" and wrong:
        return _stands(
            {**stands, **{name: wrong[name] for name in ("error", "field", "remedy")}},
            500 if wrong["ours"] else 400,
        )
    return _stands(stands, 202 if stands["more"] else status)


def _pushed(message: object) -> dict[str, Any]:
    """What a Pub/Sub push carries: base64 of the same JSON."""
    try:
        data = message["data"] if isinstance(message, dict) else None
        body = fields_of(base64.b64decode(data, validate=True)) if isinstance(data, str) else {}
    except (KeyError, binascii.Error, ValueError, BadRequest):
        body = {}
    if "work" not in body:
        raise BadJob(
            "message", 'carried no {"work": id}', remedy="put base64 of that JSON into message.data"
        )
    return body


def _named(name: str | None, field: str) -> str:
    if not is_id(name):
        raise BadJob(field, f"was {shown(name)}", remedy="give the id of a job")
    return str(name)


def _new_name() -> str:
    at = utc_text(wiring.clock_for(_settings()).now_ms())
    return f"{at[:19].replace('-', '').replace(':', '')}-{secrets.token_hex(3)}"


@cache
def _settings() -> Any:
    wiring.warn_of_left_over()
    return wiring.settings_from(wiring.environment())


@cache
def _wired() -> Backtests:
    """Settings and adapters, made by the first request and kept by the warm instance: caches,
    nothing else.
    """
    return Backtests(wiring.backtest_place(_settings(), wiring.environment()))


def _wired_once() -> Backtests:
    """One thread wires, the others wait: see `wiring.prepare_types` for what happens otherwise."""
    with _WIRING:
        wiring.prepare_types()
        prepare_types()
        return _wired()


_WIRING = threading.Lock()


def _stands(told: dict[str, Any], status: int) -> Response:
    return answer(
        told, status, retry_after_seconds=RETRY_AFTER_SECONDS if status == AGAIN else None
    )
