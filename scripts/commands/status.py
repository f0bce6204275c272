"""What the bot holds, when it last ticked, and who stopped it."""

from collections.abc import Sequence

import click

from scripts.operation.bot import open_bot
from scripts.operation.standing import BotStanding, load_standing
from scripts.operation.standing import standing_lines as told
from scripts.output.console import emit, json_option
from scripts.output.holdings import holdings_lines
from shared.core.calendar import jst_text
from shared.core.sentences import say
from shared.core.sentences.figures import duration
from shared.core.settings import Settings
from shared.turn.state import STALE_AFTER_INTERVALS, trouble


@click.command()
@json_option
@click.pass_context
def command(context: click.Context, *, as_json: bool) -> None:
    """Say what the bot holds, when it last ticked, who stopped it, and why it entered or did not
    enter on the last candle.

    Reads only. Exit code 0 where the last tick is fresh, 1 where it is too old or there never was
    one.
    """
    with open_bot() as here:
        stored, found, settings = here.bot.peek(), load_standing(here), here.settings
    report, state, now_ms = found.report, found.state, found.now_ms
    lease = (
        stored.data.get("lease") if stored is not None and isinstance(stored.data, dict) else None
    )
    last = (
        state.last_finished_at
        if state is not None
        else report.finished_at
        if report is not None
        else 0
    )
    age = (now_ms - last) / 1000 if last else None
    why = trouble(state, now_ms=now_ms, settings=settings) if state is not None else ()
    fresh = (
        age is not None
        and found.left is None
        and not why
        and age <= STALE_AFTER_INTERVALS * settings.tick.interval_seconds
    )
    data = {
        "bot": settings.id,
        "mode": settings.mode,
        "stage": settings.stage,
        "profile": settings.profile,
        "settings_hash": settings.hash,
        "fresh": fresh,
        "why": why,
        "last_tick_age_seconds": age,
        "ticking_now": isinstance(lease, dict) and lease.get("expires_at", 0) > now_ms,
        "halted": bool(found.control.halts),
        "drawdown_halted_at": (state.halted_at or None) if state is not None else None,
        "control": found.control,
        "open_orders": found.open_orders,
        "state": state,
        "state_trouble": found.state_trouble,
        "model": found.model,
        "last_report": report,
        "left_mode": None if found.left is None else found.left.mode,
        "last_decision": found.decided.decision if found.decided is not None else None,
    }
    lines = [
        *_head(settings, found, age, why),
        *(holdings_lines(report) if report else []),
        *told(found, settings),
    ]
    emit(data, "\n".join(lines), as_json=as_json)
    context.exit(0 if fresh else 1)


def _head(
    settings: Settings, found: BotStanding, age: float | None, why: Sequence[str]
) -> list[str]:
    report = found.report
    profile = say("status.profile", profile=settings.profile) if settings.profile else ""
    lines = [
        say(
            "status.bot",
            bot=settings.id,
            mode=settings.mode,
            stage=settings.stage,
            profile=profile,
            hash=settings.hash,
        )
    ]
    if found.left is not None:
        at = jst_text(found.left.finished_at)
        return [*lines, say("status.other_mode", mode=settings.mode, left=found.left.mode, at=at)]
    if report is None or age is None:
        return [*lines, say("status.never_ticked", state=settings.state)]
    lines.append(
        say(
            "status.tick" if age >= 0 else "status.tick_of_future",
            tick=report.tick,
            status=report.status,
            at=jst_text(report.finished_at),
            age=duration(abs(age)),
        )
    )
    lines += [say("status.not_well", trouble=sentence) for sentence in why]
    if report.detail:
        lines.append(say("status.because", reason=report.reason, detail=report.detail))
    return lines
