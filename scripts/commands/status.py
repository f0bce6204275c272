"""What the bot holds, when it last ticked, and who stopped it."""

import click
import msgspec

from scripts.console import duration, emit, json_option, jst
from scripts.here import opened
from scripts.words import holdings_lines, model_line
from shared.control import ALL, OLDER, Ordered
from shared.settings import Settings
from shared.state import State
from shared.types import TickReport

STALE_AFTER_INTERVALS = 3


@click.command()
@json_option
@click.pass_context
def command(context: click.Context, *, as_json: bool) -> None:
    """Say what the bot holds, when it last ticked, and who stopped it.

    Reads only. Exit code 0 where the last tick is fresh, 1 where it is too old or there never was one.
    """
    with opened() as here:
        now_ms = here.clock.now_ms()
        stored = here.bot.peek()
        state = State.stored((stored.data["state"] if stored else None) or {}, here.settings)
        lease = stored.data["lease"] if stored else {"expires_at": 0}
        told = here.bot.last_report()
        control = here.bot.control()
        settings = here.settings
    report = msgspec.convert(told, TickReport) if told is not None else None
    age = (now_ms - state.last_finished_at) / 1000 if state.last_finished_at else None
    fresh = age is not None and age <= STALE_AFTER_INTERVALS * settings.tick.interval_seconds
    data = {
        "bot": settings.id,
        "mode": settings.mode,
        "stage": settings.stage,
        "profile": settings.profile,
        "settings_hash": settings.hash,
        "fresh": fresh,
        "last_tick_age_seconds": age,
        "ticking_now": lease["expires_at"] > now_ms,
        "halted": bool(control.halts),
        "drawdown_halted_at": state.halted_at or None,
        "control": control,
        "state": state,
        "last_report": report,
    }
    lines = [*_head(settings, report, age, fresh=fresh), *_halts(control, state)]
    lines += [*holdings_lines(report), model_line(state.model), *_about_the_model(report), *_decision(report)] if report else []
    emit(data, "\n".join(lines), as_json=as_json)
    context.exit(0 if fresh else 1)


def _head(settings: Settings, report: TickReport | None, age: float | None, *, fresh: bool) -> list[str]:
    profile = f", profile {settings.profile}" if settings.profile else ""
    lines = [f"bot       {settings.id}: {settings.mode} mode, stage {settings.stage}{profile}, settings {settings.hash}"]
    if report is None or age is None:
        return [*lines, f"tick      none was ever run with the state in {settings.state}"]
    ago = (
        f"{duration(age)} ago"
        if fresh
        else f"{duration(age)} ago: TOO OLD, one was due every {settings.tick.interval_seconds} s"
    )
    lines.append(f"tick      {report.tick} {report.status}, {jst(report.finished_at)}, {ago}")
    if report.detail:
        lines.append(f"because   {report.reason}: {report.detail}")
    return lines


def _halts(control: Ordered, state: State) -> list[str]:
    lines = [
        f"HALTED    by {halt.who} at {jst(halt.at)}{_for_all(path)}: {halt.why}; `{_resume(path)}` takes it back"
        for path, halt in control.halts.items()
    ]
    lines += [f"DAMAGED   {found}: nothing is entered; `{_resume(path)}` mends it" for path, found in control.damaged.items()]
    if state.halted_at and state.halted_at == control.lifts_drawdown:
        lines.append(f"resumed   from the drawdown halt of {jst(state.halted_at)}; the next tick honours it")
    elif state.halted_at:
        lines.append(f"HALTED    by the drawdown limit at {jst(state.halted_at)}; `scripts/bot resume` takes it back")
    if not lines and control.lifted is not None:
        lines.append(f"resumed   by {control.lifted.who} at {jst(control.lifted.at)}: {control.lifted.why}")
    return lines


def _for_all(path: str) -> str:
    return " for every bot" if path in {ALL, OLDER} else ""


def _resume(path: str) -> str:
    return "scripts/bot resume --all" if path in {ALL, OLDER} else "scripts/bot resume"


def _about_the_model(report: TickReport) -> list[str]:
    """What the last tick had to say of the model: overruled by a person, not proven, suspect."""
    told = [issue for issue in report.issues if issue.reason.startswith(("model_", "retrain_", "challenger_"))]
    return [
        f"{'MODEL' if issue.forbids_entry else 'model':<9} {issue.reason}: "
        + "; ".join(text if name == "found" else f"{name} {text}" for name, text in issue.context.items() if name != "model")
        for issue in told
    ]


def _decision(report: TickReport) -> list[str]:
    if report.decision is None:
        return []
    told = report.decision
    return [f"decision  {told.action}: {told.reason}, on the candle that closed at {jst(told.as_of)}"]
