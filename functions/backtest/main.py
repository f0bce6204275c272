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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# functions-framework puts only this file's folder on the path; the packages live at the
# repository's root.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import functions_framework
from flask import Request, Response

from functions import wiring
from functions.http import body_fields, body_of, check_known_names, parse_fields, query_of
from functions.shell import Refusal, Shell, VerbResult
from models.backtest.job import BadJob, is_id, parse_job
from models.backtest.service import Backtests, OtherJob, prepare_backtest_types
from shared.core.calendar import utc_text
from shared.core.errors import BadRequest, NotThere
from shared.core.masking import quote_value
from shared.core.settings import Settings
from shared.core.settings.kinds import Seconds, Text


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


def _wire(settings: Settings, environ: Mapping[str, str]) -> Backtests:
    prepare_backtest_types()
    return Backtests(wiring.backtest_place(settings, environ))


_SHELL = Shell(
    "backtest",
    wire=_wire,
    usage="use POST, GET or DELETE",
    refusals={
        NotThere: Refusal(status=404, field="id", remedy="check the id"),
        OtherJob: Refusal(
            status=409, field="id", remedy="send another id, or exactly the same job"
        ),
    },
    retry_after_seconds=30,
)


@functions_framework.http
def backtest(request: Request) -> Response:
    """Take, work on, show or give up a backtest."""
    return _SHELL.respond(request, {"POST": _post, "GET": _get, "DELETE": _delete})


def _get(request: Request) -> VerbResult:
    name = parse_fields(query_of(request), JobQuery, named="query").id
    if name is None:
        return VerbResult(body={"jobs": _SHELL.wire_once().recent()})
    return VerbResult(body=_SHELL.wire_once().status(_require_id(name, "id")))


def _delete(request: Request) -> VerbResult:
    name = _require_id(parse_fields(query_of(request), JobQuery, named="query").id, "id")
    return VerbResult(body=_SHELL.wire_once().cancel(name))


def _post(request: Request) -> VerbResult:
    check_known_names(query_of(request), (), named="query: a job is told in the body")
    body = body_of(request)
    if "message" in body:
        body = _parse_push(body["message"])
    if "work" in body:
        return _slice(parse_fields(body, Slice, named="request for work"))
    if "cancel" in body:
        name = parse_fields(body, CancelBody, named="request to cancel").cancel
        return VerbResult(body=_SHELL.wire_once().cancel(_require_id(name, "cancel")))
    return _submit(body)


def _submit(body: dict[str, Any]) -> VerbResult:
    later = body.pop("async", False)
    if not isinstance(later, bool):
        raise BadJob("async", f"was {quote_value(later)}", remedy="give true or false")
    backtests = _SHELL.wire_once()
    job = parse_job({**body, "id": _new_name() if body.get("id") is None else body["id"]})
    stands = backtests.submit(job)
    if later or not stands["more"]:
        return _job(stands)
    return _job(backtests.work(job.id, seconds=backtests.longest_seconds))


def _slice(asked: Slice) -> VerbResult:
    """One slice of a job.

    What the job itself did wrong is answered with 200: sending it again would not help.
    """
    backtests = _SHELL.wire_once()
    longest = backtests.longest_seconds
    if asked.slice_seconds is not None and asked.slice_seconds > longest:
        raise BadJob(
            "slice_seconds",
            f"was {asked.slice_seconds:g}",
            remedy=f"give seconds, up to {longest:g}",
        )
    stands = backtests.work(_require_id(asked.work, "work"), seconds=asked.slice_seconds)
    is_busy = bool(stands.get("busy"))
    line = {**_line(stands), "busy": is_busy}
    status = 503 if is_busy else 200
    return VerbResult(body=stands, status=status, send_again=is_busy, event="slice", line=line)


def _job(stands: dict[str, Any]) -> VerbResult:
    """A job's state as the answer to whoever asked for it."""
    body, status, wrong = stands, 202 if stands["more"] else 200, stands["error"]
    if stands["status"] == "failed" and wrong:
        body = {**stands, **{name: wrong[name] for name in ("error", "field", "remedy")}}
        status = 500 if wrong["ours"] else 400
    return VerbResult(body=body, status=status, event="job", line=_line(stands))


def _line(stands: Mapping[str, Any]) -> dict[str, Any]:
    return {name: stands[name] for name in ("id", "status", "share")}


def _parse_push(message: object) -> dict[str, Any]:
    """What a Pub/Sub push carries: base64 of the same JSON."""
    try:
        data = message["data"] if isinstance(message, dict) else None
        body = body_fields(base64.b64decode(data, validate=True)) if isinstance(data, str) else {}
    except (KeyError, binascii.Error, ValueError, BadRequest):
        body = {}
    if "work" not in body:
        raise BadJob(
            "message", 'carried no {"work": id}', remedy="put base64 of that JSON into message.data"
        )
    return body


def _require_id(name: str | None, field: str) -> str:
    if not is_id(name):
        raise BadJob(field, f"was {quote_value(name)}", remedy="give the id of a job")
    return str(name)


def _new_name() -> str:
    at = utc_text(wiring.clock_for(_SHELL.settings).now_ms())
    return f"{at[:19].replace('-', '').replace(':', '')}-{secrets.token_hex(3)}"
