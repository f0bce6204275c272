"""Hand the bot from this store to another."""

from contextlib import ExitStack

import click

from functions import wiring
from scripts.operation.bot import Here, open_bot, reason_option, who_asks, why_asked
from scripts.output.console import emit, json_option
from shared.core.errors import Conflict, LeaseLost, UserError
from shared.core.sentences import say
from shared.rounds.moving import BotMove, BotPlace, MovedCount


@click.command()
@click.option("--to", metavar="STORE", required=True, help="Like BOT_STATE: the other store.")
@click.option("--bucket-to", metavar="BUCKET", help="Like BOT_BUCKET; without it the objects stay.")
@reason_option
@click.option("--by", help="Who asks; the user of this machine unless told.")
@json_option
def command(
    *, to: str, bucket_to: str | None, why: str | None, by: str | None, as_json: bool
) -> None:
    """Hand the bot to another store: state, control, intents, paper account, trades, fills, days,
    reports, audit and trials, and with --bucket-to candles, bundles, and the pointer to what
    serves.

    The bot is halted first and stays so. Refused while a tick works, an entry rests, an order is
    open, or the other store holds anything of this bot. Killed anywhere it is run again and goes
    on. Nothing is taken away here; ticks here do nothing any more. Stop their schedule, set
    BOT_STATE to the other store, and `resume` there.
    """
    reason = why_asked(why, "the move")
    with open_bot() as here, ExitStack() as opened:
        source, target = _places(here, to, bucket_to, opened)
        move = BotMove(
            source,
            target,
            here.settings.id,
            who=by or who_asks(),
            why=reason,
            now_ms=here.clock.now_ms,
        )
        try:
            counts = move.run()
        except (Conflict, LeaseLost) as error:
            raise UserError(str(error), remedy=say("move.again")) from error
        bot = here.settings.id
    lines = [_count_line(one) for one in counts]
    lines.append(say("move.done", bot=bot, source=source.address, target=target.address))
    lines.append(say("move.next", target=_next(to, bucket_to)))
    data = {"bot": bot, "from": source.address, "to": target.address, "counts": counts}
    emit(data, "\n".join(lines), as_json=as_json)


def _places(
    here: Here, to: str, bucket_to: str | None, opened: ExitStack
) -> tuple[BotPlace, BotPlace]:
    settings = here.settings
    if to == settings.state:
        raise UserError(f"--to was {to!r}, where the bot is", remedy="name another store")
    for name, url in (("--to", to), ("--bucket-to", bucket_to or "")):
        if url.startswith("memory:"):
            raise UserError(
                f"{name} was {url!r}, which ends with this process",
                remedy="name a store that stays, like sqlite:///PATH",
            )
    documents = wiring.documents_at(to, "--to")
    opened.callback(documents.close)
    moves_objects = bucket_to is not None and bucket_to != settings.bucket
    source = BotPlace(
        documents=here.bot.documents,
        bucket=wiring.bucket_for(settings) if moves_objects else None,
        address=settings.state,
    )
    bucket = wiring.bucket_at(bucket_to or "", "--bucket-to") if moves_objects else None
    return source, BotPlace(documents=documents, bucket=bucket, address=to)


def _count_line(one: MovedCount) -> str:
    return say("move.count", what=one.what, source=str(one.source), target=str(one.target))


def _next(to: str, bucket_to: str | None) -> str:
    return f"BOT_STATE={to}" + (f" BOT_BUCKET={bucket_to}" if bucket_to else "")
