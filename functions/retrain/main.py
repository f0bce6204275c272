"""The weekly retraining as a function: `POST` claims the ISO week and works on it, `GET` tells of
the last runs.

    POST {}                                200 with version, metrics, the gate's checks and verdict
    POST {"days": 180, "seed": 7}          the same, other days or seed; a week is claimed once
    POST {"dry_run": true}                 200; all is worked out, nothing is written but the trial
    GET                                    200: the last runs

Who sends the request sends it again until it is answered with 200, which is what Cloud Scheduler
does with anything else:

* 409 while another worker has the week (it may still die, and the retry then takes over);
* 503 where the time limit came before the end, or a store or the exchange failed: the next call
  goes on from what was saved;
* 200 also for a retraining that stopped for good, as on bad data: its `status` is `failed` and an
  alert was sent. The next call begins it again.

A bad field is answered with 400 and {"error", "field", "remedy"}, and so are other days or another
seed than the week was claimed with.
Nothing runs after a response.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

# functions-framework puts only this file's folder on the path; the packages live at the
# repository's root.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import functions_framework
from flask import Request, Response

from functions import wiring
from functions.http import body_of, check_known_names, parse_fields, query_of
from functions.shell import Refusal, Shell, VerbResult
from models.retrain import OtherRetrain, RetrainFields, RetrainRequest, Retrains
from shared.core.settings import Settings


def _wire(settings: Settings, environ: Mapping[str, str], *, dry_run: bool = False) -> Retrains:
    return Retrains(wiring.retrain_place(settings, environ, dry_run=dry_run))


_SHELL = Shell(
    "retrain",
    wire=_wire,
    usage="use POST or GET",
    refusals={OtherRetrain: Refusal(status=400, field="days")},
    retry_after_seconds=60,
)


@functions_framework.http
def retrain(request: Request) -> Response:
    """Retrain, or tell of the last runs."""
    return _SHELL.respond(request, {"POST": _run, "GET": _recent})


def _recent(request: Request) -> VerbResult:
    _check_query(request)
    return VerbResult(body={"retrainings": _SHELL.wire_once().recent()})


def _run(request: Request) -> VerbResult:
    _check_query(request)
    body = parse_fields(body_of(request), RetrainFields)
    retrains = _SHELL.wire(dry_run=True) if body.dry_run else _SHELL.wire_once()
    stands = retrains.run(RetrainRequest(days=body.days, seed=body.seed))
    line = {name: stands[name] for name in ("retraining", "status", "doing", "share")}
    return VerbResult(
        body={**stands, "dry_run": True} if body.dry_run else stands,
        status=409 if stands.get("busy") else 503 if stands["more"] else 200,
        send_again=bool(stands.get("busy") or stands["more"]),
        event="run",
        line={**line, "dry_run": body.dry_run},
    )


def _check_query(request: Request) -> None:
    check_known_names(
        query_of(request), (), named="query: a retraining is told what to do in its body"
    )
