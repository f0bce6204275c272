"""What is done beside the ticks, by name: the one place where a round is wired.

A round is called with the settings, the environment and the clock's time; what it gives is what its
command answers. `None` stands for one that this version does not have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from functions import wiring
from shared.core.sentences import say
from shared.core.settings import Settings
from shared.rounds.cleaning import clean_up


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOutcome:
    """What a round did: a line for people, and the same for programs."""

    line: str
    told: Mapping[str, Any]


class Round(Protocol):
    """One round. Raises `BotError` where it could not be done; it is tried again then."""

    def __call__(
        self, settings: Settings, environ: Mapping[str, str], /, *, now_ms: int
    ) -> RoundOutcome:
        """Do it now (ms UTC)."""
        ...


def _clean(settings: Settings, _environ: Mapping[str, str], *, now_ms: int) -> RoundOutcome:
    place = wiring.cleaning_place(settings)
    try:
        done = clean_up(place, now_ms=now_ms)
    finally:
        place.documents.close()
    removed = ", ".join(f"{count} {name}" for name, count in done.removed.items())
    more = say("rounds.more") if done.is_more else ""
    line = say("rounds.cleaned", removed=removed or say("rounds.nothing"), more=more)
    return RoundOutcome(line=done.refused or line, told=msgspec.to_builtins(done))


ROUNDS: Mapping[str, Round | None] = {"watch": None, "digest": None, "cleaning": _clean}
"""In the order in which they are done."""
