"""What the bot did about it, what a person should do, by when, and what to type. Pure."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from shared.alerts.wording import name_fields
from shared.core.calendar import MINUTE_MS
from shared.core.sentences import say
from shared.core.sentences.figures import jst_minute
from shared.core.types import Level

ANSWER_WITHIN_MINUTES = {Level.CRITICAL: 5, Level.WARNING: 30}
"""How soon a person should act, by level; what is info waits for nobody."""


def advice_fields(
    kind: str, level: Level, *, at: int, variant: str = "", reason: str = ""
) -> dict[str, str]:
    """The first fields of an alert of this kind.

    A sentence of the `reason` is taken before one of the `variant`, and that before the kind's own.

    Raises `LookupError` for a kind of which the catalogue's chapter `advice` says nothing.

    Args:
        kind: The alert's.
        level: The alert's.
        at: Since when the time to act counts.
        variant: Of the kind, like `closed` where it stops entries.
        reason: Of what is told, where that changes what is right.

    >>> for name, text in advice_fields("late", Level.WARNING, at=0).items():
    ...     print(f"{name}: {text}")
    what was done: It lets them pass: old prices decide nothing. Stops stay at the exchange.
    what to do: Look at the scheduler, and at the clock of this machine.
    by when: within 30 minutes: by 1970-01-01 09:30 JST
    type: scripts/bot paper status; scripts/bot doctor
    """
    cases = [*(f"{kind}_{more}" for more in (reason, variant) if more), kind]
    told = name_fields(
        what_was_done=_say_first(cases, lambda case: say(f"advice.did.{case}")),
        what_to_do=_say_first(cases, lambda case: say(f"advice.do.{case}")),
    )
    minutes = ANSWER_WITHIN_MINUTES.get(level)
    if minutes is not None:
        by = say(f"advice.by.{level}", minutes=minutes, at=jst_minute(at + minutes * MINUTE_MS))
        told |= name_fields(by_when=by)
    return told | name_fields(command=_say_first(cases, lambda case: say(f"advice.type.{case}")))


def _say_first(cases: Sequence[str], say_case: Callable[[str], str]) -> str:
    for case in cases[:-1]:
        with suppress(LookupError):
            return say_case(case)
    return say_case(cases[-1])
