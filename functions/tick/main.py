"""The tick as a function: `POST /` runs one trading cycle, `GET /` tells how the bot is and trades
nothing.
"""

import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

# functions-framework puts only this file's folder on the path; the packages live at the
# repository's root.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import functions_framework
import msgspec
from flask import Request, Response

from functions import wiring
from functions.http import body_of, check_known_names, parse_fields, query_of
from functions.shell import Shell, VerbResult, is_shutting_down
from shared.alerts import failure_alert
from shared.core.deadline import Deadline, bind_deadline
from shared.core.errors import BadData, BadRequest, as_bot_error, remedy_of
from shared.core.logs import log
from shared.core.masking import mask_secrets_and_keys
from shared.core.settings import Settings
from shared.core.settings.kinds import Text
from shared.tick.cycle import Ports, run_tick
from shared.tick.documents import BotDocuments
from shared.tick.request import TickRequest, schedule_time
from shared.turn.state import State, trouble

SCHEDULE_HEADER = "X-CloudScheduler-ScheduleTime"
NOT_WELL = frozenset({"degraded", "failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TickFields:
    """What the body of a tick may say.

    `scheduled_at`: its schedule time, where no scheduler's header names it.
    """

    scheduled_at: Text | None = None
    dry_run: bool = False


def _wire(settings: Settings, environ: Mapping[str, str], *, dry_run: bool = False) -> Ports:
    ports = wiring.ports(settings, environ, dry_run=dry_run)
    return replace(ports, shutdown=is_shutting_down)


_SHELL = Shell(
    "tick",
    wire=_wire,
    usage="POST runs a tick, GET tells how the bot is",
    severity="CRITICAL",
    failure={"status": "failed"},
)


@functions_framework.http
def tick(request: Request) -> Response:
    """Run a tick, or say how the last one went."""
    return _SHELL.respond(request, {"POST": _run, "GET": _health})


def _run(request: Request) -> VerbResult:
    settings = _SHELL.settings
    deadline = Deadline.after(settings.tick.answer_by_seconds)
    _check_query(request)
    body = parse_fields(body_of(request), TickFields)
    scheduled_at = _schedule_time(request.headers.get(SCHEDULE_HEADER) or body.scheduled_at)
    with bind_deadline(deadline):
        ports = _SHELL.wire_once()
        asked = _name(scheduled_at, ports)
        if body.dry_run:
            ports = _SHELL.wire(dry_run=True)
    try:
        report = msgspec.to_builtins(run_tick(ports, settings, asked, deadline=deadline))
    except Exception as error:
        _tell_failure(error, settings, ports, deadline=deadline)
        named = as_bot_error(error)
        if named is error:
            raise
        # A surprise of ours is no bad request; where it happened belongs into the log.
        log("tick.surprise", severity="ERROR", trace=traceback.format_exc())
        raise named from error
    dry_run = {"dry_run": True} if body.dry_run else {}
    return VerbResult(body={**report, **dry_run}, event="done", line={**_line(report), **dry_run})


def _tell_failure(
    error: Exception, settings: Settings, ports: Ports, *, deadline: Deadline
) -> None:
    """The outbox is as broken as the tick, so this one alert goes straight to the channels."""
    named = as_bot_error(error)
    alert = failure_alert(
        bot=settings.id,
        at=ports.clock.now_ms(),
        found=mask_secrets_and_keys(str(named)),
        remedy=mask_secrets_and_keys(remedy_of(named)),
        settings=settings,
    )
    with bind_deadline(deadline):
        ports.outlet.tell_directly([alert], seconds=settings.discord.timeout_seconds)


def _check_query(request: Request) -> None:
    check_known_names(query_of(request), (), named="query: a tick is told what to do in its body")


def _schedule_time(text: str | None) -> int | None:
    try:
        return None if text is None else schedule_time(text)
    except ValueError as error:
        raise BadRequest(
            "scheduled_at",
            f"did not fit: {mask_secrets_and_keys(str(error))}",
            remedy=f"see {SCHEDULE_HEADER}",
        ) from error


def _name(scheduled_at: int | None, ports: Ports) -> TickRequest:
    """Name the tick by its schedule time; none is a tick by hand.

    One too far ahead becomes one where the time is known.
    """
    received_at = ports.clock.now_ms()
    if scheduled_at is None:
        return TickRequest.by_hand(received_at)
    return TickRequest.by_schedule(scheduled_at, received_at=received_at)


def _health(request: Request) -> VerbResult:
    _check_query(request)
    settings = _SHELL.settings
    with bind_deadline(Deadline.after(settings.tick.answer_by_seconds)):
        return health(_SHELL.wire_once(), settings)


def health(ports: Ports, settings: Settings) -> VerbResult:
    """Whether the bot does what it should, and if not why: 200 or 503."""
    bot = BotDocuments(ports.documents, settings.id)
    stored = bot.peek()
    try:
        state = State.decode_state(
            (stored.data["state"] if stored is not None else None) or {}, settings
        )
    except BadData as error:
        return VerbResult(body={"healthy": False, "why": (str(error),)}, status=503)
    now_ms, last = ports.clock.now_ms(), state.last_finished_at
    why = trouble(state, now_ms=now_ms, settings=settings) if last else ("no tick was ever run",)
    report = bot.report(state.last_tick) if state.last_tick else {}
    if report.get("status") in NOT_WELL:
        why = (*why, f"the last tick was {report['status']}: {report.get('reason')}")
    healthy = not why
    told = {
        "healthy": healthy,
        "why": why,
        "last_tick": state.last_tick or None,
        "last_status": report.get("status"),
        "last_mode": report.get("mode"),
        "last_reason": report.get("reason"),
        "last_tick_age_seconds": (now_ms - last) / 1000 if last else None,
        "model": state.model,
        "mode": settings.mode,
        "stage": settings.stage,
        "settings_hash": settings.hash,
    }
    return VerbResult(body=told, status=200 if healthy else 503)


def _line(report: dict[str, Any]) -> dict[str, Any]:
    """The one structured log line of a tick: everything a person greps for, nothing
    that is long.
    """
    decision = report["decision"] or {}
    return {
        "tick": report["tick"],
        "status": report["status"],
        "reason": report["reason"],
        "detail": report["detail"],
        "action": decision.get("action"),
        "decision_reason": decision.get("reason"),
        "side": decision.get("side"),
        "lots": decision.get("lots"),
        "orders": [
            f"{order['what']}:{order['intent']['purpose']}:{order['outcome']}"
            for order in report["orders"]
        ],
        "fills": len(report["fills"]),
        "trades": len(report["trades"]),
        "equity_jpy": report["equity_jpy"],
        "model": report["model"],
        "total_ms": report["timings_ms"].get("total"),
        **report["counts"],
    }
