"""Stop opening positions."""

import click

from scripts.console import emit, json_option, jst
from scripts.here import opened, who_asks


@click.command()
@click.option("--reason", default="asked for", show_default=True, help="Why, for the audit and for the status.")
@click.option("--by", help="Who asks; the user of this machine unless told.")
@json_option
def command(*, reason: str, by: str | None, as_json: bool) -> None:
    """Stop opening positions; what is held stays protected.

    Every following tick still places stops, targets and exits. It holds until `resume`, for every bot of this store.
    """
    with opened() as here:
        now_ms = here.clock.now_ms()
        control = here.bot.set_control({"halt": True, "halted_at": now_ms}, who=by or who_asks(), why=reason, now_ms=now_ms)
    text = f"halted at {jst(now_ms)} by {control['who']}: {reason}\nNo position will be opened; what is held keeps its stop."
    emit(control, text, as_json=as_json)
