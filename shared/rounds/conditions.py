"""Conditions: what is wrong with the bot for as long as it is, as one round of the watch judged it.
No clock, no store.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.core.sentences import say
from shared.core.settings import Settings
from shared.core.types import Level
from shared.rounds.budget import BUDGET_COMMAND
from shared.rounds.rules import RULES
from shared.rounds.sight import Sight

COMMANDS: Mapping[str, str] = {
    "documents_down": "scripts/bot doctor",
    "silent": "scripts/bot tick",
    "unsettled": "scripts/bot status",
    "drawdown_halt": "scripts/bot resume",
    "bucket_down": "scripts/bot doctor",
    "blind": "scripts/bot doctor",
    "errors": "scripts/bot status",
    "late": "scripts/bot status",
    "unscheduled": "scripts/bot doctor",
    "clock": "scripts/bot doctor",
    "halt": "scripts/bot resume",
    "model_old": "scripts/bot train",
    "retrain_overdue": "scripts/bot train",
    "budget": BUDGET_COMMAND,
}
"""What a person types first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that is wrong: since when, what was found, what the bot did about it, what a person
    should do, and the command to type. `key`: under which somebody else tells it too.

    >>> Condition(name="late", level=Level.WARNING, since_at=0, found="3 ticks in a row came too"
    ...     " late", did="", todo="Look at the scheduler.", command="scripts/bot status").name
    'late'
    """

    name: str
    level: Level
    since_at: int
    found: str
    did: str
    todo: str
    command: str
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The conditions that stand, the loudest first, and the names of those of which nobody can tell
    whether they do.
    """

    conditions: tuple[Condition, ...] = ()
    unjudged: frozenset[str] = frozenset()


def conditions_of(sight: Sight, settings: Settings) -> Judged:
    """Judge what was seen, by every rule.

    >>> from shared.core.settings import load_settings
    >>> parts = frozenset({"state", "ticks", "intents"})
    >>> seen = Sight(now_ms=3_600_000, watching_since=1, known=parts, off_ms=0)
    >>> judged = conditions_of(seen, load_settings({}))
    >>> [(condition.name, condition.found) for condition in judged.conditions]
    [('silent', 'no tick was ever finished; the watch has looked for 1 h 0 min')]
    >>> sorted(judged.unjudged)
    ['budget', 'drawdown_halt', 'halt', 'model_old', 'retrain_overdue']
    """
    conditions: list[Condition] = []
    unjudged: set[str] = set()
    for name, (level, judge) in RULES.items():
        found = judge(sight, settings)
        if found is ...:
            unjudged.add(name)
        elif found is not None:
            conditions.append(
                Condition(
                    name=name,
                    level=found.level or level,
                    since_at=found.since_at,
                    found=found.text,
                    did=say(f"rounds.did.{name}") if found.did is None else found.did,
                    todo=say(f"rounds.todo.{name}"),
                    command=COMMANDS[name],
                    key=found.key,
                )
            )
    return Judged(conditions=tuple(conditions), unjudged=frozenset(unjudged))
