"""The settings of a deployed bot that its owner has chosen: said once, kept by every deployment."""

from collections.abc import Mapping, Sequence

from functions import wiring
from scripts.delivery.deployment import DeployedCloud
from scripts.delivery.specs import Specs
from shared.core.errors import UserError
from shared.core.masking import quote_value

_BEGINS = "BOT_"
_BY_STAGE = frozenset({"BOT_MODE", "BOT_STAGE"})


def chosen_settings(present: DeployedCloud, specs: Specs, said: Sequence[str]) -> dict[str, str]:
    """What the tick that is deployed was given, with what is `said` now in its place: texts like
    `BOT_CAPITAL_JPY=300000`; an empty value takes one out.

    Raises `UserError` for what is no setting, is a secret, or follows from stage and project.
    """
    tick = present.services.get("tick")
    kept: Mapping[str, str] = {} if tick is None else tick.environ
    ours = _BY_STAGE | set(specs.every)
    chosen = {
        name: value for name, value in kept.items() if name.startswith(_BEGINS) and name not in ours
    }
    for text in said:
        name, value = _read(text, ours)
        chosen[name] = value
    return {name: value for name, value in chosen.items() if value}


def _read(text: str, ours: frozenset[str] | set[str]) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if name in wiring.SECRETS:
        raise UserError(
            f"{name} is a secret, and a command line is read by others",
            remedy="store it with `scripts/bot setup`",
        )
    if name in ours:
        raise UserError(f"{name} follows from the stage and the project", remedy="leave it out")
    if not equals or not name.startswith(_BEGINS) or "|" in value:
        raise UserError(
            f"--set was {quote_value(text)}", remedy="write it like BOT_CAPITAL_JPY=300000"
        )
    return name, value
