"""Do now what is otherwise done beside the ticks: the watch, the digest, the cleaning."""

from typing import Any

import click

from functions import wiring
from scripts.operation.rounds import ROUNDS
from scripts.output.console import emit, json_option
from shared.core.errors import BotError
from shared.core.sentences import say


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(ROUNDS)), metavar="[NAME]...")
@json_option
def command(*, names: tuple[str, ...], as_json: bool) -> None:
    """Do the rounds beside the ticks now: watch, digest and cleaning, or those that are named.

    `paper` and the cloud do them by themselves.
    """
    settings, environ = wiring.settings_from(wiring.environment()), wiring.environment()
    now_ms = wiring.clock_for(settings).now_ms()
    told: dict[str, Any] = {}
    lines, failures = [], []
    for name, act in ROUNDS.items():
        if names and name not in names:
            continue
        try:
            outcome = act(settings, environ, now_ms=now_ms)
        except BotError as error:
            failures.append(f"the {name} failed: {error}")
            told[name] = {"done": False, "error": str(error)}
            continue
        told[name] = {"done": True, **outcome.told}
        lines.append(say("rounds.done", name=name, line=outcome.line))
    if told:
        emit(told, "\n".join(lines), as_json=as_json)
    if failures:
        raise BotError("; ".join(failures))
