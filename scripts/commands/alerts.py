"""What was told, by which channel; and whether the channels bring anything."""

import re
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from scripts.operation.bot import Here, open_bot
from scripts.operation.channels import channels_of
from scripts.output.console import emit, json_option
from shared.alerts.records import is_instant
from shared.core.calendar import DAY_MS, jst_text
from shared.core.errors import UserError
from shared.core.sentences import say
from shared.core.types import Alert, Level
from shared.tick.live.documents import LiveDocuments

TELL_SECONDS = 30.0
MOST_LISTED = 1_000
_UNITS = {"m": 60_000, "h": 3_600_000, "d": DAY_MS}


@click.group(invoke_without_command=True)
@click.option("--period", default="24h", show_default=True, help="How far back: 90m, 24h, 7d.")
@click.option("--level", type=click.Choice([level.value for level in Level]), help="Only these.")
@json_option
@click.pass_context
def command(context: click.Context, *, period: str, level: str | None, as_json: bool) -> None:
    """List what was told: when, how loud, how often it was noticed, by what, or why not yet.

    Reads only. `alerts test` asks every channel to bring a code.
    """
    if context.invoked_subcommand is not None:
        return
    span_ms = _span_ms(period)
    with open_bot() as here:
        found = _recent(here, since_ms=here.clock.now_ms() - span_ms, level=level)
    emit({"alerts": found}, "\n".join(_lines(found, period)), as_json=as_json)


@command.command()
@click.option("--send-only", is_flag=True, help="Send the codes and do not ask for them.")
@json_option
def test(*, send_only: bool, as_json: bool) -> None:
    """Send a code over each channel, and pass when you have typed what each one brought.

    Exit code 1 where a channel took nothing, or brought another code.
    """
    with open_bot() as here:
        channels = _channels(here)
        codes = {name: f"{secrets.randbelow(10**6):06d}" for name in channels}
        sent = {
            name: _send(here, channel, codes[name], level)
            for name, (channel, level) in channels.items()
        }
    passed: dict[str, bool] = {}
    for name, is_sent in sent.items():
        if not is_sent:
            click.echo(say("alerts.test.not_sent", channel=name), err=True)
        if send_only or not is_sent:
            passed[name] = is_sent
            continue
        typed = str(click.prompt(say("alerts.test.ask", channel=name), err=True))
        passed[name] = typed.strip() == codes[name]
    if not send_only:
        _keep_test(passed)
    text = [
        say("alerts.test.passed" if is_good else "alerts.test.failed", channel=name)
        for name, is_good in passed.items()
    ]
    emit({"channels": passed}, "\n".join(text), as_json=as_json)
    raise SystemExit(0 if all(passed.values()) else 1)


def _keep_test(passed: Mapping[str, bool]) -> None:
    """Which channels brought their code: going live asks for it."""
    with open_bot() as here:
        LiveDocuments(here.bot.documents, here.settings.id).note_alerts_test(
            tuple(name for name, is_good in passed.items() if is_good),
            now_ms=here.clock.now_ms(),
        )


def _channels(here: Here) -> dict[str, tuple[Any, Level]]:
    """Every way to a person. Raises `UserError` where there is none."""
    found = channels_of(here)
    if not found:
        raise UserError(
            "no channel is set up: alerts go to the log alone",
            remedy="set DISCORD_WEBHOOK_URL, and BOT_SECOND_CHANNEL for a second way",
        )
    return found


def _send(here: Here, channel: Any, code: str, level: Level) -> bool:
    now_ms = here.clock.now_ms()
    alert = Alert(
        key=f"{here.settings.id}:test:{level.value}:{now_ms}",
        level=level,
        kind="test",
        title=say("alerts.title.test", code=code),
        at=now_ms,
    )
    deadline_ms = int((time.monotonic() + TELL_SECONDS) * 1000)
    if hasattr(channel, "deliver"):
        return alert.key in channel.deliver([alert], deadline_ms=deadline_ms).told
    return bool(channel.tell([alert], deadline_ms=deadline_ms))


def _span_ms(period: str) -> int:
    found = re.fullmatch(r"([1-9]\d{0,5})([mhd])", period)
    if found is None:
        raise UserError(f"the period was {period!r}", remedy="write it like 90m, 24h or 7d")
    return int(found[1]) * _UNITS[found[2]]


def _recent(here: Here, *, since_ms: int, level: str | None) -> list[dict[str, Any]]:
    found = here.bot.documents.query(
        "alerts", field="last_at", op=">=", value=since_ms, descending=True, limit=MOST_LISTED
    )
    rows = [_row(one.data) for one in found if _is_ours(one.data, here.settings.id)]
    return [row for row in reversed(rows) if level is None or row["level"] == level]


def _is_ours(data: Any, bot: str) -> bool:
    return isinstance(data, Mapping) and data.get("bot") == bot


def _row(data: Mapping[str, Any]) -> dict[str, Any]:
    told = data.get("alert")
    alert: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    at, level = alert.get("at", data.get("last_at")), alert.get("level")
    return {
        "key": alert.get("key"),
        "at": at if type(at) is int and is_instant(at) else None,
        "last_at": data.get("last_at"),
        "level": level if isinstance(level, str) else None,
        "kind": alert.get("kind"),
        "title": alert.get("title") or data.get("dead_why"),
        "times": data.get("times", 1),
        "status": _status(data),
        "told_by": data.get("told_by"),
        "sent_at": data.get("sent_at"),
        "second_at": data.get("second_at"),
        "dead_why": data.get("dead_why"),
    }


def _status(data: Mapping[str, Any]) -> str:
    if data.get("dead_at"):
        return "dead"
    if data.get("sent_at"):
        return "told"
    return "digest" if data.get("digest_for") else "waiting"


def _lines(rows: Sequence[Mapping[str, Any]], period: str) -> list[str]:
    if not rows:
        return [say("alerts.list.none", period=period)]
    lines = []
    for row in rows:
        by = {
            "told": row["told_by"] or say("alerts.list.told"),
            "dead": say("alerts.list.dead", why=row["dead_why"]),
            "digest": say("alerts.list.digest"),
            "waiting": say("alerts.list.waiting"),
        }[row["status"]]
        if row["second_at"] and row["status"] != "told":
            by = say("alerts.list.second", by=by)
        often = "" if row["times"] == 1 else say("alerts.list.often", times=row["times"])
        at = "-" if row["at"] is None else jst_text(row["at"])
        lines.append(f"{at}  {row['level'] or '-':<8}  {row['title']}{often}  [{by}]")
    return lines
