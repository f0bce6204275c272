"""Take a halt back."""

import click

from scripts.console import emit, json_option, jst
from scripts.here import opened, who_asks
from shared.state import State


@click.command()
@click.option("--reason", default="asked for", show_default=True, help="Why, for the audit.")
@click.option("--by", help="Who asks; the user of this machine unless told.")
@json_option
def command(*, reason: str, by: str | None, as_json: bool) -> None:
    """Take a halt back: a person's, and the one that the drawdown limit set.

    After a drawdown halt the equity of the next tick is the new peak from which the drawdown counts.
    """
    with opened() as here:
        now_ms = here.clock.now_ms()
        stored = here.bot.peek()
        drawdown = bool(State.stored((stored.data["state"] if stored else None) or {}, here.settings).halted_at)
        person = bool(here.bot.control().get("halt"))
        changes = {"halt": False, "resumed_at": now_ms}
        control = here.bot.set_control(changes, who=by or who_asks(), why=reason, now_ms=now_ms)
    halts = " and ".join(name for name, was in (("a person's halt", person), ("the drawdown halt", drawdown)) if was)
    text = (
        f"resumed at {jst(now_ms)} by {control['who']}: {reason}\n{f'Taken back: {halts}.' if halts else 'Nothing was halted.'}"
    )
    emit({**control, "was_halted": person, "was_drawdown_halted": drawdown}, text, as_json=as_json)
