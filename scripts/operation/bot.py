"""The bot that this environment's settings name: what commands that look and act need of it."""

import getpass
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from functions import wiring
from shared.core.clock import Clock
from shared.core.errors import UserError
from shared.core.settings import Settings
from shared.tick.documents import BotDocuments


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Settings, clock and documents of one bot; `environ` is where the settings came from."""

    settings: Settings
    clock: Clock
    bot: BotDocuments
    environ: Mapping[str, str]


@contextmanager
def open_bot(environ: Mapping[str, str] = os.environ) -> Iterator[Here]:
    """Open the bot's documents, and close them at the end.

    Raises `UserError` where only one process could see them.
    """
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


Function = TypeVar("Function", bound=Callable[..., Any])
LONGEST_WHY = 500


def reason_option(function: Function) -> Function:
    """Give a command `--why`, passed to it as `why` (None where it was not given); `--reason` is
    the same.
    """
    text = "Why, for the audit and whoever looks; asked for in a terminal, required otherwise."
    decorated: Function = click.option("--why", "--reason", "why", metavar="TEXT", help=text)(
        function
    )
    return decorated


def why_asked(why: str | None, what: str) -> str:
    """The reason that was given, or that the person at the terminal gives now.

    Raises `UserError` where there is none.
    """
    if why is None and sys.stdin.isatty() and sys.stderr.isatty():
        why = str(click.prompt(f"Why {what}", err=True))
    told = " ".join((why or "").split())
    if not told:
        raise UserError(
            f"no reason was given for {what}",
            remedy='say it with --why, like --why "maintenance until noon"',
        )
    if len(told) > LONGEST_WHY:
        raise UserError(
            f"the reason for {what} had {len(told)} characters",
            remedy=f"say it in {LONGEST_WHY} or less",
        )
    return told


def who_asks() -> str:
    """The name of the person at this machine, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
