"""Take a halt back."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from scripts.operation.bot import Here, open_bot, reason_option, who_asks, why_asked
from scripts.operation.moving import refuse_moved
from scripts.output.console import emit, json_option
from shared.core.calendar import jst_text
from shared.core.errors import BadData
from shared.core.sentences import say
from shared.core.sentences.figures import yen
from shared.tick import control
from shared.tick.control import Halt, Ordered
from shared.turn.state import State


@click.command()
@reason_option
@click.option("--by", help="Who asks; the user of this machine unless told.")
@click.option(
    "--all",
    "everyone",
    is_flag=True,
    help="The halt of every bot of this store, instead of this bot's own.",
)
@json_option
def command(*, why: str | None, by: str | None, everyone: bool, as_json: bool) -> None:
    """Take back what halts this bot: a person's halt, with a flatten, and the halt of its drawdown
    limit.

    With --all the halt of every bot is taken back, and nothing that concerns one bot alone. After a
    drawdown halt the equity of the next tick is the new peak from which the drawdown counts; a
    cool-down, the losing streak and the day's loss stay. A control document that is damaged is
    written anew.
    """
    reason = why_asked(why, "the resume")
    with open_bot() as here:
        if not everyone:
            refuse_moved(here)
        now_ms, bot = here.clock.now_ms(), here.settings.id
        ordered, state = here.bot.control(), _state(here)
        mine = {control.ALL, control.OLDER} if everyone else {control.path_of(bot)}
        halts = {path: halt for path, halt in ordered.halts.items() if path in mine}
        mended = sorted(mine & set(ordered.damaged))
        drawdown = (
            0
            if everyone or state is None or state.halted_at == ordered.lifts_drawdown
            else state.halted_at
        )
        if halts or drawdown or mended:
            here.bot.resume(
                halts=[halt.id for halt in halts.values()],
                drawdown=drawdown,
                who=by or who_asks(),
                why=reason,
                now_ms=now_ms,
                everyone=everyone,
            )
    lifted = [
        *_lifted_halts(halts, drawdown),
        *(say("halts.mended", path=path) for path in mended),
    ]
    stays = list(_stays(ordered, state, everyone=everyone, now_ms=now_ms))
    whose = say("halts.all_at_once") if everyone else say("halts.bot", bot=bot)
    head = (
        say(
            "halts.lifted",
            who=by or who_asks(),
            at=jst_text(now_ms),
            why=reason,
            what="; ".join(lifted),
        )
        if lifted
        else say("halts.nothing", whose=whose)
    )
    lines = [head, *(say("halts.stays", what=line) for line in stays)]
    data: dict[str, Any] = {
        "halt": False,
        "bot": None if everyone else bot,
        "all": everyone,
        "at": now_ms,
        "who": by or who_asks(),
    }
    data |= {"why": reason, "was_halted": bool(halts), "was_drawdown_halted": bool(drawdown)}
    data |= {"halts": halts, "mended": mended, "lifted": lifted, "stays": stays}
    emit(data, "\n".join(lines), as_json=as_json)


def _state(here: Here) -> State | None:
    """The bot's state; None where it cannot be read."""
    stored = here.bot.peek()
    try:
        return State.decode_state(
            (stored.data.get("state") if stored else None) or {}, here.settings
        )
    except BadData:
        return None


def _lifted_halts(halts: Mapping[str, Halt], drawdown: int) -> Iterator[str]:
    for halt in halts.values():
        yield say("halts.halt", who=halt.who, at=jst_text(halt.at), why=halt.why)
    if drawdown:
        yield say("halts.drawdown", at=jst_text(drawdown))


def _stays(ordered: Ordered, state: State | None, *, everyone: bool, now_ms: int) -> Iterator[str]:
    """What still keeps the bot from entering, or counts on."""
    others = {control.path_of(ordered.bot)} if everyone else {control.ALL, control.OLDER}
    how = "scripts/bot resume" if everyone else "scripts/bot resume --all"
    for path in others & set(ordered.halts):
        halt = ordered.halts[path]
        yield say(
            "halts.other",
            whose=say("halts.bot", bot=ordered.bot) if everyone else say("halts.every_bot"),
            who=halt.who,
            at=jst_text(halt.at),
            why=halt.why,
            command=how,
        )
    for path in others & set(ordered.damaged):
        yield say("halts.damaged", found=ordered.damaged[path], command=how)
    if state is None:
        yield say("halts.state_unknown")
        return
    if everyone and state.halted_at and state.halted_at != ordered.lifts_drawdown:
        yield say("halts.other_drawdown", bot=ordered.bot, at=jst_text(state.halted_at))
    limits = state.limits
    if limits is None:
        return
    if limits.cooldown_until > now_ms:
        yield say("halts.cooldown", until=jst_text(limits.cooldown_until))
    if limits.losing_streak:
        yield say("halts.streak", trades=limits.losing_streak)
    yield say("halts.day", equity=yen(limits.day_start_equity_jpy), day=limits.day)
