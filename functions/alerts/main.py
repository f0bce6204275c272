"""Alerts as a function: a push of Pub/Sub brings what happened, people are told.

    POST a push               200 once it is stored, whatever becomes of it: the office tells it
    POST {"event": "flush"}   200: what waits and is due is told
    POST {"event": "watch"}   200: the watch looks around
    POST {"event": "digest"}  200: the day's digest, once
    GET                       200: what waits, and what was told last

A push is answered with 503 only where nothing could be stored, so that Pub/Sub brings it again;
what is critical is told all the same, without the store. What cannot be read is kept as a dead
letter and acknowledged: it would come again for ever.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# functions-framework puts only this file's folder on the path; the packages live at the
# repository's root.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import functions_framework
import msgspec
from flask import Request, Response

from functions import wiring
from functions.alerts.events import AlertEvent, UnreadablePush, event_of
from functions.http import body_of, check_known_names, query_of
from functions.shell import Shell, VerbResult
from shared.alerts.delivery import OfficeResult
from shared.alerts.office import Office
from shared.alerts.wording import alert_key
from shared.core.clock import Clock
from shared.core.deadline import Deadline, bind_deadline
from shared.core.errors import BadData, BotError
from shared.core.logs import log
from shared.core.masking import mask_secrets
from shared.core.settings import Settings
from shared.core.types import Alert, Level
from shared.rounds import budget_alert, budget_notice, remember_budget
from shared.rounds.duties import RoundsPlace, do_digest, do_watch
from shared.stores.ports import DocumentStore, Write

ANSWER_SECONDS = 50.0
"""Below the minute that a push waits for its answer at the least."""
WATCH_SECONDS = 300.0
"""The watch may call a tick, which takes up to `tick.answer_by_seconds`, and looks again: with less
time it would take its own end for a store that is down."""
_SENT_BY_HAND = "send a push of Pub/Sub, or an event"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPorts:
    """What the function works with."""

    settings: Settings
    documents: DocumentStore
    clock: Clock
    office: Office
    rounds: Callable[[], RoundsPlace]


def _wire(settings: Settings, environ: Mapping[str, str]) -> AlertPorts:
    documents, clock = wiring.documents_for(settings), wiring.clock_for(settings)
    return AlertPorts(
        settings=settings,
        documents=documents,
        clock=clock,
        office=wiring.office_for(settings, environ, documents, clock),
        rounds=lambda: wiring.rounds_place(settings, environ, documents=documents, clock=clock),
    )


_SHELL = Shell("alerts", wire=_wire, usage=_SENT_BY_HAND, retry_after_seconds=30)


@functions_framework.http
def alerts(request: Request) -> Response:
    """Tell people."""
    return _SHELL.respond(request, {"POST": _take, "GET": _standing})


def _take(request: Request) -> VerbResult:
    check_known_names(query_of(request), (), named="query: an event is told by its body")
    try:
        event = event_of(body_of(request))
        seconds = WATCH_SECONDS if event.name == "watch" else ANSWER_SECONDS
        with bind_deadline(Deadline.after(seconds)) as deadline:
            told = _VERBS[event.name](_SHELL.wire_once(), event, deadline)
    except UnreadablePush as error:
        with bind_deadline(Deadline.after(ANSWER_SECONDS)):
            return _keep_dead(_SHELL.wire_once(), error)
    return VerbResult(body=told, event="done", line={"told_of": event.name, **told})


def _keep_dead(ports: AlertPorts, error: UnreadablePush) -> VerbResult:
    why = mask_secrets(str(error))
    log("alerts.unreadable", severity="ERROR", message_id=error.message, why=why)
    at, bot = ports.clock.now_ms(), ports.settings.id
    data = {"bot": bot, "message": error.message, "last_at": at, "dead_at": at, "dead_why": why}
    data["digest_for"] = bot
    path = f"alerts/{alert_key(bot, 'unreadable', error.message or at)}"
    ports.documents.commit([Write(kind="put", path=path, data=data)])
    return VerbResult(body={"status": "dead", "why": why})


def _tell(ports: AlertPorts, event: AlertEvent, deadline: Deadline) -> dict[str, Any]:
    alert = event.alert
    if alert is None:
        raise AssertionError("an event of this name brings an alert")
    return _keep_and_deliver(ports, alert, deadline, message=event.id)


def _keep_and_deliver(
    ports: AlertPorts, alert: Alert, deadline: Deadline, *, message: str
) -> dict[str, Any]:
    office, only = ports.office, Level.CRITICAL if alert.level is Level.CRITICAL else None
    try:
        is_new = office.keep(alert)
    except BotError as error:
        if only is not None:
            office.tell_directly([alert], seconds=deadline.seconds_left / 2)
        if isinstance(error, BadData):  # no store will ever keep it
            raise UnreadablePush(str(error), message=message) from error
        raise
    try:
        told = office.deliver_due(seconds=deadline.seconds_left - 1.0, only=only)
    except BotError as error:  # it is stored: the next delivery finds it
        return {"status": "kept", "is_new": is_new, "why": str(error)}
    return {"status": "kept", "is_new": is_new, **_counts(told)}


def _flush(ports: AlertPorts, _event: AlertEvent, deadline: Deadline) -> dict[str, Any]:
    return _counts(ports.office.deliver_due(seconds=deadline.seconds_left - 1.0))


def _watch(ports: AlertPorts, _event: AlertEvent, _deadline: Deadline) -> dict[str, Any]:
    """Look around; the digest is told in the round after its time. What one of them fails by does
    not hold the other back.
    """
    place = ports.rounds()
    told = do_watch(place)
    try:
        told["digest"] = do_digest(place)
    except BotError as error:
        log("alerts.no_digest", severity="ERROR", error=mask_secrets(str(error)))
    return told


def _digest(ports: AlertPorts, _event: AlertEvent, _deadline: Deadline) -> dict[str, Any]:
    return do_digest(ports.rounds())


def _budget(ports: AlertPorts, event: AlertEvent, deadline: Deadline) -> dict[str, Any]:
    now_ms = ports.clock.now_ms()
    try:
        data = msgspec.json.decode(event.data, type=dict[str, Any])
        notice = budget_notice(event.attributes, data)
        alert = budget_alert(event.attributes, data, now_ms=now_ms)
    except (BadData, msgspec.MsgspecError) as error:
        raise UnreadablePush(str(error), message=event.id) from error
    if notice is None or alert is None:
        return {"status": "below"}
    remember_budget(ports.rounds().bucket, notice)
    return _keep_and_deliver(ports, alert, deadline, message=event.id)


_VERBS = {
    "alert": _tell,
    "flush": _flush,
    "watch": _watch,
    "digest": _digest,
    "budget": _budget,
}


def _counts(told: OfficeResult) -> dict[str, Any]:
    return {
        "told": told.told,
        "waiting": told.waiting,
        "dead": told.dead,
        "busy": told.is_busy,
        "banned": told.is_banned,
    }


def _standing(request: Request) -> VerbResult:
    check_known_names(query_of(request), (), named="query")
    with bind_deadline(Deadline.after(ANSWER_SECONDS)):
        ports = _SHELL.wire_once()
        waiting = ports.documents.query(
            "alerts", field="waiting_for", value=ports.settings.id, limit=100
        )
        newest = ports.documents.query(
            "alerts", field="last_at", op=">=", value=0, descending=True, limit=1
        )
    last = newest[0].data.get("last_at") if newest else None
    return VerbResult(body={"waiting": len(waiting), "last_at": last})
