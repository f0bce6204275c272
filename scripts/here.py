"""The bot that this environment's settings name: what commands that look and act need of it."""

import getpass
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from functions import wiring
from shared.clock import Clock
from shared.errors import UserError
from shared.settings import Settings
from shared.stores.state import BotDocuments


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Settings, clock and documents of one bot; `environ` is where the settings came from."""

    settings: Settings
    clock: Clock
    bot: BotDocuments
    environ: Mapping[str, str]


@contextmanager
def opened(environ: Mapping[str, str] = os.environ) -> Iterator[Here]:
    """Open the bot's documents, and close them at the end. Raises `UserError` where only one process could see them."""
    settings = wiring.settings_from(environ)
    if settings.state.startswith("memory:"):
        raise UserError(
            f"BOT_STATE was {settings.state!r}, which only the process that made it can see",
            remedy="set BOT_STATE to a store on disk, like sqlite:///PATH",
        )
    documents = wiring.documents_for(settings)
    try:
        bot = BotDocuments(documents, settings.id)
        yield Here(settings=settings, clock=wiring.clock_for(settings), bot=bot, environ=environ)
    finally:
        documents.close()


def who_asks() -> str:
    """The name of the person at this machine, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
