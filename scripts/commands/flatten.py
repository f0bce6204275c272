"""Close all that the bot holds."""

import click

from scripts.operation.bot import open_bot, reason_option, who_asks, why_asked
from scripts.operation.calling import CalledTick, call_tick
from scripts.operation.moving import refuse_moved
from scripts.output.console import emit, json_option
from shared.core.calendar import jst_text
from shared.core.sentences import say
from shared.core.sentences.figures import btc, yen
from shared.core.types import OrderRecord, Position, TickStatus
from shared.tick.commands import order_flatten


@click.command()
@reason_option
@click.option("--by", help="Who asks; the user of this machine unless told.")
@click.option("--no-tick", is_flag=True, help="Leave it to the next scheduled tick.")
@json_option
@click.pass_context
def command(
    context: click.Context, *, why: str | None, by: str | None, no_tick: bool, as_json: bool
) -> None:
    """Close all that the bot holds, cancel its entries, and halt it.

    A tick is called at once and says what came of it. It acts also while the bot is halted, by a
    person or by its drawdown limit, and where the market cannot be read. Every tick tries again
    until nothing is held; `resume` takes it back. Exit code 0 where nothing is held any more, 1
    where it still is or the tick could not be called.
    """
    reason = why_asked(why, "the flatten")
    with open_bot() as here:
        refuse_moved(here)
        now_ms, bot = here.clock.now_ms(), here.settings.id
        ordered = order_flatten(here.bot, who=by or who_asks(), why=reason, now_ms=now_ms)
        called = None if no_tick else call_tick(here)
    head = say("acts.flatten", bot=bot, at=jst_text(ordered.at), who=ordered.who, why=ordered.why)
    lines = [head, say("acts.flatten_meaning"), *_came_lines(called)]
    held = None if called is None else _positions_left(called)
    data = {
        "flatten": ordered,
        "bot": bot,
        "tick": None if called is None else called.report,
        "trouble": "" if called is None else called.trouble,
        "flat": held == (),
    }
    emit(data, "\n".join(lines), as_json=as_json)
    context.exit(0 if called is None or held == () else 1)


def _positions_left(called: CalledTick) -> tuple[Position, ...] | None:
    """What the tick left; None where it could not say."""
    report = called.report
    if report is None or report.equity_jpy is None or report.status is TickStatus.BUSY:
        return None
    return report.positions


def _came_lines(called: CalledTick | None) -> list[str]:
    if called is None:
        return [say("acts.tick_waits")]
    if called.report is None:
        return [say("acts.tick_failed", why=called.trouble), say("acts.tick_waits")]
    report = called.report
    ran = say("acts.tick_ran", tick=report.tick, status=report.status)
    lines = [say("acts.tick_here", why=called.trouble)] if called.trouble else []
    lines += [ran, *(_order_line(record) for record in report.orders)]
    held = _positions_left(called)
    if held is None:
        return [*lines, say("acts.unread")]
    if not held:
        return [*lines, say("acts.flat")]
    what = "; ".join(
        say("acts.position", side=one.side, size=btc(one.lots), price=yen(one.average_price))
        for one in held
    )
    return [*lines, say("acts.still_held", what=what)]


def _order_line(record: OrderRecord) -> str:
    intent = record.intent
    return say(
        "acts.sent",
        what=record.what,
        purpose=intent.purpose,
        side=intent.side,
        size=btc(intent.lots),
        outcome=record.outcome,
    )
