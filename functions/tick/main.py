"""The tick as a function: `POST /` runs one trading cycle, `GET /` tells how the bot is and trades
nothing.
"""

import sys
import threading
import time
import traceback
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

# functions-framework puts only this file's folder on the path; the packages live at the
# repository's root.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import functions_framework
import msgspec
from flask import Request, Response

from functions import wiring
from functions.http import answer, answered, body_of, only, query_of, typed, wrong
from shared.alerts import failure
from shared.core.errors import BadData, BadRequest, BotError, UserError
from shared.core.logs import log
from shared.core.masking import veiled
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


@functions_framework.http
def tick(request: Request) -> Response:
    """Run a tick, or say how the last one went."""
    return answered(
        "tick", lambda: _handled(request), severity="CRITICAL", more={"status": "failed"}
    )


def _handled(request: Request) -> Response:
    only(query_of(request), (), named="query: a tick is told what to do in its body")
    if request.method == "POST":
        told = typed(body_of(request), TickFields)
        scheduled_at = _schedule_time(request.headers.get(SCHEDULE_HEADER) or told.scheduled_at)
        settings, ports = _wired_once()
        return _run(_asked(scheduled_at, ports), settings, ports, dry_run=told.dry_run)
    if request.method == "GET":
        return _health(*_wired_once())
    return wrong(
        f"the method was {request.method}; POST runs a tick, GET tells how the bot is", status=405
    )


def _run(asked: TickRequest, settings: Settings, ports: Ports, *, dry_run: bool) -> Response:
    if dry_run:
        ports = wiring.ports(settings, wiring.environment(), dry_run=True)
    try:
        told = msgspec.to_builtins(run_tick(ports, settings, asked))
    except Exception as error:
        # The outbox is as broken as the tick, so this one alert goes straight to the sink.
        named = (
            error if isinstance(error, BotError) else BotError(f"{type(error).__name__}: {error}")
        )
        remedy = named.remedy if isinstance(named, UserError) else ""
        found = veiled(str(named))
        alert = failure(
            bot=settings.id,
            at=ports.clock.now_ms(),
            found=found,
            remedy=veiled(remedy),
            settings=settings,
        )
        ports.sink.send(
            [alert], deadline_ms=int((time.monotonic() + settings.discord.timeout_seconds) * 1000)
        )
        if named is error:
            raise
        # A surprise of ours is no bad request; where it happened belongs into the log.
        log("tick.surprise", severity="ERROR", trace=traceback.format_exc())
        raise named from error
    log("tick.done", severity="INFO", **_line(told), **({"dry_run": True} if dry_run else {}))
    return answer({**told, "dry_run": True} if dry_run else told)


@cache
def _wired() -> tuple[Settings, Ports]:
    """Settings and adapters, made by the first request and kept by the warm instance: caches,
    nothing else.
    """
    wiring.warn_of_left_over()
    settings = wiring.settings_from(wiring.environment())
    return settings, wiring.ports(settings, wiring.environment())


def _wired_once() -> tuple[Settings, Ports]:
    """One thread wires, the others wait: see `wiring.prepare_types` for what happens otherwise."""
    with _WIRING:
        wiring.prepare_types()
        return _wired()


_WIRING = threading.Lock()


def _schedule_time(text: str | None) -> int | None:
    try:
        return None if text is None else schedule_time(text)
    except ValueError as error:
        raise BadRequest(
            "scheduled_at", f"did not fit: {veiled(str(error))}", remedy=f"see {SCHEDULE_HEADER}"
        ) from error


def _asked(scheduled_at: int | None, ports: Ports) -> TickRequest:
    """Name the tick by its schedule time; none is a tick by hand.

    One too far ahead becomes one where the time is known.
    """
    received_at = ports.clock.now_ms()
    if scheduled_at is None:
        return TickRequest.by_hand(received_at)
    return TickRequest.scheduled(scheduled_at, received_at=received_at)


def _health(settings: Settings, ports: Ports) -> Response:
    bot = BotDocuments(ports.documents, settings.id)
    stored = bot.peek()
    try:
        state = State.stored((stored.data["state"] if stored is not None else None) or {}, settings)
    except BadData as error:
        return answer({"healthy": False, "why": (str(error),)}, 503)
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
        "last_reason": report.get("reason"),
        "last_tick_age_seconds": (now_ms - last) / 1000 if last else None,
        "model": state.model,
        "mode": settings.mode,
        "stage": settings.stage,
        "settings_hash": settings.hash,
    }
    return answer(told, 200 if healthy else 503)


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
