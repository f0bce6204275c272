"""Let the model serve that served before."""

import click

from scripts.operation.bot import open_bot, reason_option, who_asks, why_asked
from scripts.operation.registry import look, move_by_hand, pointer_lines, registry_of
from scripts.output.console import emit, json_option
from shared.core.errors import BadBundle, NotThere, UserError
from shared.core.sentences import say
from shared.tick.acts import tell_moves


@click.command()
@reason_option
@click.option("--by", help="Who asks; the user of this machine unless told.")
@json_option
def command(*, why: str | None, by: str | None, as_json: bool) -> None:
    """Let the model serve that served before the present one. Asks nothing.

    A second rollback goes one further back; `promote VERSION` undoes one. The next tick decides
    with the older model.
    """
    who = by or who_asks()
    reason = why_asked(why, "the rollback")
    with open_bot() as here:
        registry = registry_of(here)
        now_ms, before = here.clock.now_ms(), registry.current()
        try:
            after = move_by_hand(lambda: registry.rollback(at=now_ms, why=reason, by=who))
        except (NotThere, BadBundle) as error:
            raise UserError(
                f"nothing was rolled back: {error}",
                remedy=(
                    "`scripts/bot models` lists what there is; `scripts/bot promote VERSION` lets"
                    " one serve"
                ),
            ) from error
        tell_moves(here.bot.documents, after, bot=here.settings.id, now_ms=now_ms)
        found = look(here, registry, after.version)
    wrong = [say("models.wrong", found=found.wrong)] if found.wrong else []
    data = {
        "pointer": after,
        "before": before.version if before else None,
        "loads": not found.wrong,
        "who": who,
        "why": reason,
    }
    emit(
        data,
        "\n".join(
            [say("models.rolled_back", model=after.version), *pointer_lines(before, after), *wrong]
        ),
        as_json=as_json,
    )
