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
import threading
from functools import cache
from pathlib import Path

# functions-framework puts only this file's folder on the path; the packages live at the
# repository's root.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import functions_framework
from flask import Request, Response

from functions import wiring
from functions.http import Refusals, answer, answered, body_of, only, query_of, typed, wrong
from models.retrain import OtherRetrain, RetrainFields, RetrainRequest, Retrains
from shared.core.logs import log
from shared.core.settings import Settings

RETRY_AFTER_SECONDS = 60
_AGAIN = frozenset({409, 503})


@functions_framework.http
def retrain(request: Request) -> Response:
    """Retrain, or tell of the last runs."""
    refusals: Refusals = {OtherRetrain: (400, "days", "")}
    return answered(
        "retrain",
        lambda: _handled(request),
        refusals=refusals,
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )


def _handled(request: Request) -> Response:
    only(query_of(request), (), named="query: a retraining is told what to do in its body")
    if request.method == "GET":
        return answer({"retrainings": _retrains(dry_run=False).recent()})
    if request.method != "POST":
        return wrong(f"the method was {request.method}", status=405, remedy="use POST or GET")
    told = typed(body_of(request), RetrainFields)
    stands = _retrains(dry_run=told.dry_run).run(RetrainRequest(days=told.days, seed=told.seed))
    line = {name: stands[name] for name in ("retraining", "status", "doing", "share")}
    log("retrain.run", **line, dry_run=told.dry_run)
    shown = {**stands, "dry_run": True} if told.dry_run else stands
    status = 409 if stands.get("busy") else 503 if stands["more"] else 200
    return answer(
        shown, status, retry_after_seconds=RETRY_AFTER_SECONDS if status in _AGAIN else None
    )


def _retrains(*, dry_run: bool) -> Retrains:
    """One thread wires, the others wait: see `wiring.prepare_types` for what happens otherwise.

    A dry run is wired anew.
    """
    with _WIRING:
        wiring.prepare_types()
        if dry_run:
            return Retrains(wiring.retrain_place(_settings(), wiring.environment(), dry_run=True))
        return _wired()


@cache
def _settings() -> Settings:
    wiring.warn_of_left_over()
    return wiring.settings_from(wiring.environment())


@cache
def _wired() -> Retrains:
    """Settings and adapters, made by the first request and kept by the warm instance: caches,
    nothing else.
    """
    return Retrains(wiring.retrain_place(_settings(), wiring.environment()))


_WIRING = threading.Lock()
