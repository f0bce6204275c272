"""What a person did, told once. Pure."""

from typing import Literal, TypeAlias

from shared.alerts.advice import advice_fields
from shared.alerts.wording import alert_key, name_fields
from shared.core.sentences import say
from shared.core.sentences.figures import jst_and_utc
from shared.core.types import Alert, Level

Act: TypeAlias = Literal[
    "halt",
    "flatten",
    "resume",
    "promote",
    "rollback",
    "overrule",
    "mend",
    "rotate",
    "deploy",
    "move",
    "settle",
    "adopt",
    "forget",
    "start",
    "stop",
    "lower",
    "rights",
    "probe",
]
"""What people do to a bot."""
AUDIT = "audit"
"""The kind of these alerts: info, and told at once."""


def act_alert(
    act: Act, what: str, *, whose: str, name: object, bot: str, who: str, why: str, at: int
) -> Alert:
    """The alert of what a person did.

    Args:
        act: What was done.
        what: With what, in words: a model, a bot, a key's name (never the key).
        whose: The bot, or what several bots share: the first part of the alert's key.
        name: Of this one act among all of `whose`.
        bot: Which bot tells it.
        who: The person.
        why: The reason that the person gave.
        at: When.

    >>> alert = act_alert(
    ...     "halt",
    ...     "the bot default",
    ...     whose="default",
    ...     name="0-1f",
    ...     bot="default",
    ...     who="ann",
    ...     why="maintenance",
    ...     at=0,
    ... )
    >>> alert.key, alert.title
    ('default:audit:halt:0-1f', 'ann halted the bot default: nothing is entered.')
    >>> alert.fields["who"], alert.fields["why"]
    ('ann', 'maintenance')
    """
    told = advice_fields(AUDIT, Level.INFO, at=at, variant=act)
    told |= name_fields(who=who, what=what, why=why, time=jst_and_utc(at), bot=bot)
    return Alert(
        key=alert_key(whose, AUDIT, act, name),
        level=Level.INFO,
        kind=AUDIT,
        title=say(f"alerts.audit.{act}", who=who, what=what),
        at=at,
        fields=told,
    )
