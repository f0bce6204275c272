"""The weekly retraining as a function: `POST` claims the ISO week and works on it, `GET` tells of the last runs.

    POST {}                                200 with version, metrics, the gate's table of checks and the verdict
    POST {"days": 180, "seed": 7}          the same with other days or another seed; a week is claimed once
    POST {"dry_run": true}                 200; everything is worked out, and nothing is written but the trial
    GET                                    200: the last runs

Who sends the request sends it again until it is answered with 200, which is what Cloud Scheduler does with anything else:

* 409 while another worker has the week (it may still die, and the retry then takes over);
* 503 where the time limit came before the end, or a store or the exchange failed: the next call goes on from what was saved;
* 200 also for a retraining that stopped for good, as on bad data: its `status` is `failed` and an alert was sent. The next call
  begins it again.

A bad field is answered with 400 and {"error", "field", "remedy"}, and so are other days or another seed than the week was
claimed with.
Nothing runs after a response.
"""

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
from models.retrain import BadField, OtherRetrain, Retrains, parse
from shared.errors import BotError, UserError
from shared.logs import log
from shared.settings import Settings

RETRY_AFTER_SECONDS = 60
_AGAIN = frozenset({409, 503})


@functions_framework.http
def retrain(request: Request) -> Response:
    """Retrain, or tell of the last runs."""
    field = ""
    try:
        return _handled(request)
    except BadField as error:
        status, field, remedy, found = 400, error.field, error.remedy, str(error)
    except OtherRetrain as error:
        status, field, remedy, found = 400, "days", error.remedy, str(error)
    except BotError as error:
        # Nothing is lost: the claim waits, and the same request may be sent again.
        status, remedy, found = 503, error.remedy if isinstance(error, UserError) else "try again", str(error)
        log("retrain.failed", severity="ERROR", error=found, remedy=remedy)
    return _answer({"error": found, "field": field, "remedy": remedy}, status)


def _handled(request: Request) -> Response:
    if request.method == "GET":
        return _answer({"retrainings": _retrains(dry_run=False).recent()}, 200)
    if request.method != "POST":
        return _answer({"error": f"the method was {request.method}", "field": "", "remedy": "use POST or GET"}, 405)
    asked, dry_run = parse(_body(request))
    stands = _retrains(dry_run=dry_run).run(asked)
    log("retrain.run", **{name: stands[name] for name in ("retraining", "status", "doing", "share")}, dry_run=dry_run)
    told = {**stands, "dry_run": True} if dry_run else stands
    return _answer(told, 409 if stands.get("busy") else 503 if stands["more"] else 200)


def _body(request: Request) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(request.get_data() or b"{}")
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadField("body", f"was not JSON: {error}", remedy="send a JSON object") from error
    if not isinstance(body, dict):
        raise BadField("body", "was not a JSON object", remedy='send {} or {"days": …, "seed": …, "dry_run": …}')
    return body


def _retrains(*, dry_run: bool) -> Retrains:
    """One thread wires, the others wait: see `wiring.prepare_types` for what happens otherwise. A dry run is wired anew."""
    with _WIRING:
        wiring.prepare_types()
        if dry_run:
            return Retrains(wiring.retrain_place(_settings(), wiring.environment(), dry_run=True))
        return _wired()


@cache
def _settings() -> Settings:
    return wiring.settings_from(wiring.environment())


@cache
def _wired() -> Retrains:
    """Settings and adapters, made by the first request and kept by the warm instance: caches, nothing else."""
    return Retrains(wiring.retrain_place(_settings(), wiring.environment()))


_WIRING = threading.Lock()


def _answer(told: dict[str, Any], status: int) -> Response:
    answer = Response(msgspec.json.encode(told), status=status, mimetype="application/json")
    if status in _AGAIN:
        answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer
