"""Stop opening positions."""

import click

from scripts.operation.bot import open_bot, reason_option, who_asks, why_asked
from scripts.output.console import emit, json_option
from shared.core.calendar import jst_text
from shared.core.sentences import say


@click.command()
@reason_option
@click.option("--by", help="Who asks; the user of this machine unless told.")
@click.option(
    "--all",
    "everyone",
    is_flag=True,
    help="Every bot of this store, not only the one that BOT_ID names.",
)
@json_option
def command(*, why: str | None, by: str | None, everyone: bool, as_json: bool) -> None:
    """Stop opening positions; what is held stays protected.

    Every following tick still places stops, targets and exits. It holds until `resume` takes it
    back: of this bot alone, or with --all of every bot of this store until `resume --all`.
    """
    reason = why_asked(why, "the halt")
    with open_bot() as here:
        now_ms, bot = here.clock.now_ms(), here.settings.id
        halt = here.bot.halt(who=by or who_asks(), why=reason, now_ms=now_ms, everyone=everyone)
    whose = say("halts.store") if everyone else say("halts.bot", bot=bot)
    head = say("halts.halted", whose=whose, at=jst_text(now_ms), who=halt.who, why=reason)
    text = f"{head}\n{say('halts.meaning')}"
    data = {
        "halt": True,
        "bot": None if everyone else bot,
        "all": everyone,
        "id": halt.id,
        "halted_at": halt.at,
    }
    emit({**data, "at": halt.at, "who": halt.who, "why": halt.why}, text, as_json=as_json)
