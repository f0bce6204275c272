"""Paper trading against the real market in real time: start, status, stop."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import click

from functions import wiring
from scripts.installation.checkout import ROOT
from scripts.local.children import last_lines
from scripts.local.paper.logs import local_log
from scripts.local.paper.place import SupervisorPaths
from scripts.operation.bot import open_bot
from scripts.operation.standing import load_standing, standing_lines
from scripts.output.console import emit, json_option
from scripts.output.events import decision_words
from scripts.output.holdings import holdings_lines, model_line
from shared.core.calendar import jst_text
from shared.core.errors import BotError, UserError
from shared.core.sentences import say
from shared.core.sentences.figures import utc_second
from shared.core.settings import Settings
from shared.core.settings.original_variables import left_over
from shared.core.types import TickReport

START_SECONDS = 20.0
MINUTE_TICK = {
    "BOT_TICK__NO_NEW_ORDER_AFTER_SECONDS": "35",
    "BOT_TICK__ANSWER_BY_SECONDS": "45",
    "BOT_TICK__LEASE_SECONDS": "55",
}
"""The times of a tick, made to fit into a minute; what the environment says already stays."""


@click.group()
def command() -> None:
    """Trade on paper against the real market, every few minutes.

    Prices are bitbank's public ones (or those of BOT_EXCHANGE__PUBLIC_URL); no account and no keys
    are needed.
    """


@command.command()
@click.option(
    "--interval",
    type=click.Choice(["60", "180"]),
    help="Seconds between ticks.  [default: tick.interval_seconds]",
)
@click.option("--once", is_flag=True, help="Run one tick in the foreground and end.")
@click.option("--foreground", is_flag=True, help="Stay in the foreground, for containers.")
@json_option
def start(*, interval: str | None, once: bool, foreground: bool, as_json: bool) -> None:
    """Start trading on paper in the background, from whatever is there, also from nothing.

    History is collected and a model is trained beside the ticks where there is none; until then
    nothing is entered.
    """
    environ = with_interval(os.environ, interval)
    settings = _settings(environ)
    if settings.mode != "paper":
        raise UserError(
            f"BOT_MODE was {settings.mode}, and paper trades on paper only",
            remedy="leave BOT_MODE out; a live bot's ticks are `scripts/bot serve tick`'s",
        )
    for found in left_over(environ):
        click.echo(f"warning: {found}", err=True)
    place = SupervisorPaths.of(settings)
    if once or foreground:
        _run(settings, environ, place, once=once, as_json=as_json)
        return
    if (pid := place.pid()) is not None:
        raise UserError(
            f"paper trading runs already (process {pid})", remedy="`scripts/bot paper stop` ends it"
        )
    place.end_left()
    pid = _background(environ, place)
    told = {
        "running": True,
        "pid": pid,
        "interval_seconds": settings.tick.interval_seconds,
        "log": str(place.log_path),
    }
    lines = [
        say(
            "paper.started",
            pid=pid,
            seconds=settings.tick.interval_seconds,
            log=str(place.log_path),
        ),
        say("paper.commands"),
    ]
    emit(told, "\n".join(lines), as_json=as_json)


@command.command()
@json_option
@click.pass_context
def status(context: click.Context, *, as_json: bool) -> None:
    """Say whether it runs, and what the last tick did. Exit code 1 where it does not run."""
    place = SupervisorPaths.of(_settings(dict(os.environ)))
    pid, told = place.pid(), place.read_status()
    told = told if pid is not None else _after_the_end(told)
    left = place.groups() if pid is None else {}
    lines = [
        *_lines(pid, told),
        *_standing_lines(),
        *(say("paper.left", name=name, group=group) for name, group in left.items()),
    ]
    emit(
        {"running": pid is not None, **told, "pid": pid, "left": left, "times": _times(told)},
        "\n".join(lines),
        as_json=as_json,
    )
    context.exit(0 if pid is not None else 1)


@command.command()
@json_option
def stop(*, as_json: bool) -> None:
    """End it: the tick in flight is finished first."""
    settings = _settings(dict(os.environ))
    place = SupervisorPaths.of(settings)
    pid = place.pid()
    if not pid:
        left = place.end_left()
        lines = [
            say("paper.runs_not"),
            *(say("paper.left_ended", name=name, group=group) for name, group in left.items()),
        ]
        emit({"running": False, "stopped": False, "left": left}, "\n".join(lines), as_json=as_json)
        return
    os.kill(pid, signal.SIGTERM)
    patience = settings.tick.answer_by_seconds + 30.0
    limit = time.monotonic() + patience
    while place.pid() is not None:
        if time.monotonic() > limit:
            raise BotError(
                f"process {pid} has not ended within {patience:.0f} s; its log is {place.log_path}"
            )
        time.sleep(0.1)
    left = place.end_left()
    emit(
        {"running": False, "stopped": True, "pid": pid, "left": left},
        say("paper.has_ended", pid=pid),
        as_json=as_json,
    )


def with_interval(environ: Mapping[str, str], interval: str | None) -> dict[str, str]:
    """The environment with another interval, and a tick that fits into it."""
    if interval is None:
        return dict(environ)
    fitted = MINUTE_TICK if interval == "60" else {}
    return {**fitted, **environ, "BOT_TICK__INTERVAL_SECONDS": interval}


def _settings(environ: Mapping[str, str]) -> Settings:
    settings = wiring.settings_from(environ)
    for name, url in (("BOT_STATE", settings.state), ("BOT_BUCKET", settings.bucket)):
        if url.startswith("memory:"):
            raise UserError(
                f"{name} was {url!r}, which ends with each process", remedy=f"leave {name} out"
            )
    return settings


def _run(
    settings: Settings,
    environ: dict[str, str],
    place: SupervisorPaths,
    *,
    once: bool,
    as_json: bool,
) -> None:
    from scripts.local.paper.supervisor import Supervisor

    def echo(text: str) -> None:
        click.echo(text, err=True)

    with place.hold_lock():
        say = local_log(place.log_path, echo=echo)
        supervisor = Supervisor(settings, environ, place, pid=os.getpid(), say=say)
        report = supervisor.run(
            once=once,
            tick_line=local_log(place.tick_log_path),
            learning_line=local_log(place.learning_log_path),
        )
    if once:
        if report is None:
            raise BotError(supervisor.progress.trouble or "no tick was done")
        emit(report, "\n".join(_report_lines(report)), as_json=as_json)


def _background(environ: Mapping[str, str], place: SupervisorPaths) -> int:
    """Start the supervisor apart from this terminal, and wait until it holds its lock."""
    words = [sys.executable, "-m", "scripts.cli", "paper", "start", "--foreground"]
    place.require_room()
    with place.crash_path.open("wb") as log:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=ROOT,
            env={**environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit:
        if process.poll() is not None:
            said = (
                "; ".join(last_lines(place.crash_path, 3))
                or f"it ended with exit code {process.returncode} and said nothing"
            )
            raise BotError(f"paper trading did not start: {said}")
        if place.pid() == process.pid and place.read_status().get("pid") == process.pid:
            return process.pid
        time.sleep(0.05)
    process.terminate()
    raise BotError(
        f"paper trading did not start within {START_SECONDS:.0f} s; see {place.crash_path}"
    )


def _after_the_end(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a supervisor that runs no longer said last, without what it did and what was due: one
    that was killed could not take that back.
    """
    if not told:
        return {}
    errands = {
        name: {**known, "doing": "", "next_at": None}
        for name, known in (told.get("errands") or {}).items()
    }
    return {**told, "doing": "ended", "next_at": None, "learning": "", "errands": errands}


def _lines(pid: int | None, told: Mapping[str, Any]) -> list[str]:
    lines = [say("paper.runs", pid=pid) if pid is not None else say("paper.no")]
    if not told:
        return [*lines, say("paper.never_scheduled")]
    if pid is not None:
        lines.append(
            say(
                "paper.since",
                at=jst_text(told["started_at"]),
                utc=utc_second(told["started_at"]),
                seconds=told["interval_seconds"],
            )
        )
        lines.append(say("paper.doing", doing=told["doing"]))
        if told.get("next_at"):
            lines.append(say("paper.next", at=jst_text(told["next_at"])))
    counted = told.get("counted_since")
    since = say("paper.counted_since", at=jst_text(counted)) if counted else ""
    lines.append(say("paper.ticks", ticks=told["ticks"], since=since, skipped=told["skipped"]))
    if told.get("trouble"):
        failed = told["failed_in_a_row"]
        tries = say("paper.tries", failed=failed) if failed and pid is not None else ""
        lines.append(say("paper.trouble", trouble=told["trouble"], tries=tries))
    if told.get("learning"):
        lines.append(say("paper.learning", learning=told["learning"]))
    lines += [_errand_line(name, known) for name, known in (told.get("errands") or {}).items()]
    if told.get("last_report"):
        lines += _tick_lines(TickReport.read(told["last_report"]))
    return lines


def _times(told: Mapping[str, Any]) -> dict[str, dict[str, int | None]]:
    """When each thing last happened and is due next, ms UTC; None: never, or not known."""
    last = (told.get("last_report") or {}).get("scheduled_at")
    times = {"tick": {"last_at": last, "next_at": told.get("next_at")}}
    for name, known in (told.get("errands") or {}).items():
        times[name] = {key: known.get(key) for key in ("last_at", "next_at")}
    return times


def _errand_line(name: str, known: Mapping[str, Any]) -> str:
    last, due = known.get("last_at"), known.get("next_at")
    parts = [
        say("paper.last", at=jst_text(last)) if last else say("paper.not_yet"),
        say("paper.due", at=jst_text(due)) if due else "",
        known.get("doing") or "",
        known.get("trouble") or "",
    ]
    return say("paper.errand", name=f"{name:<9} ", told="; ".join(filter(None, parts)))


def _standing_lines() -> list[str]:
    """Halts, limits, the model and the last candle's decision, as `status` says them."""
    try:
        with open_bot() as here:
            return standing_lines(load_standing(here), here.settings)
    except BotError as error:
        return [say("status.unknown", error=str(error))]


def _tick_lines(report: TickReport) -> list[str]:
    head = say(
        "paper.last_tick",
        at=jst_text(report.scheduled_at),
        utc=utc_second(report.scheduled_at),
        status=report.status,
        detail=f": {report.detail}" if report.detail else "",
    )
    return [head, *holdings_lines(report)]


def _report_lines(report: TickReport) -> list[str]:
    decided = say("paper.decision", decision=decision_words(report))
    return [*_tick_lines(report), decided, model_line(report.model)]
