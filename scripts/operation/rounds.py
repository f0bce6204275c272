"""What is done beside the ticks, by name: the one place where a round is wired.

A round is called with the settings, the environment and the clock's time; what it gives is what its
command answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from functions import wiring
from shared.core.errors import BotError
from shared.core.sentences import say
from shared.core.settings import Settings
from shared.rounds.cleaning import clean_up
from shared.rounds.duties import do_digest, do_watch


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOutcome:
    """What a round did: a line for people, and the same for programs."""

    line: str
    told: Mapping[str, Any]


class RoundAct(Protocol):
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


def _watch(settings: Settings, environ: Mapping[str, str], *, now_ms: int) -> RoundOutcome:  # noqa: ARG001
    place = wiring.rounds_place(settings, environ)
    try:
        told = do_watch(place)
    finally:
        place.documents.close()
    if told["is_beaten"]:
        return RoundOutcome(line=say("rounds.beaten"), told=told)
    if not told["is_told"]:
        raise BotError(say("rounds.untold", conditions=", ".join(told["conditions"])))
    stands = ", ".join(told["conditions"]) or say("rounds.all_well")
    line = say("rounds.watched", conditions=stands, alerts=len(told["alerts"]))
    return RoundOutcome(line=line, told=told)


def _digest(settings: Settings, environ: Mapping[str, str], *, now_ms: int) -> RoundOutcome:  # noqa: ARG001
    place = wiring.rounds_place(settings, environ)
    try:
        told = do_digest(place)
    finally:
        place.documents.close()
    if not told["is_due"]:
        return RoundOutcome(line=say("rounds.digest_not_due"), told=told)
    return RoundOutcome(line=say("rounds.digest_told", title=told["title"]), told=told)


ROUNDS: Mapping[str, RoundAct] = {"watch": _watch, "digest": _digest, "cleaning": _clean}
"""In the order in which they are done."""
