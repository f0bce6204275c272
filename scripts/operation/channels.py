"""Every way over which an alert reaches a person."""

from typing import Any

from functions import wiring
from scripts.operation.bot import Here
from shared.alerts.patience import StoredPatience
from shared.core.types import Level


def channels_of(here: Here) -> dict[str, tuple[Any, Level]]:
    """Every way to a person that is set up, by its name, and a level that goes over it; none where
    alerts go to the log alone.
    """
    patience = StoredPatience(here.bot.documents, here.clock)
    first = wiring.channel_for(here.settings, here.environ, patience=patience)
    second = wiring.second_for(here.environ)
    found: dict[str, tuple[Any, Level]] = {}
    if first.name != "log":
        found[first.name] = first, Level.CRITICAL
        others = [level for level in first.loudest if level is not Level.CRITICAL]
        found |= {f"{first.name} ({level.value})": (first, level) for level in others}
    if second is not None:
        found[second.name] = second, Level.CRITICAL
    return found
