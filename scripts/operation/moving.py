"""Whether the bot has gone to another store."""

from scripts.operation.bot import Here
from shared.core.errors import UserError
from shared.core.sentences import say


def refuse_moved(here: Here) -> None:
    """Raise `UserError` where the bot is not here: what is ordered here would never be done."""
    moved = here.bot.control().moved
    if moved is None:
        return
    found = say("move.arriving" if moved.is_arriving else "move.gone", store=moved.store)
    remedy = say("move.finish" if moved.is_arriving else "move.go_there", store=moved.store)
    raise UserError(found, remedy=remedy)
