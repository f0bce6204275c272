"""Keys of alerts, and facts of a context as people read them."""

import re
from collections.abc import Mapping

from shared.core.calendar import jst_day
from shared.core.reasons import Reason
from shared.core.sentences import reason_now, say
from shared.core.sentences.figures import jst_and_utc
from shared.core.settings import Settings

_UNSAFE = re.compile(r"[^A-Za-z0-9_.+-]+")
_MOST_FACTS = 6
_LONGEST_FACT = 200


def alert_key(*parts: object) -> str:
    """An alert's key: parts joined by colons, safe as a document's name."""
    joined = ":".join(_UNSAFE.sub("-", str(part)) or "-" for part in parts)
    return f"-{joined}" if joined.startswith("__") else joined  # __names__ are Firestore's own


def lasting_key(bot: str, kind: str, subject: object, *, at: int, settings: Settings) -> str:
    """The key of what lasts: another one in every `discord.window_seconds`.

    >>> from shared.core.settings import load_settings
    >>> lasting_key("default", "late", "row", at=7_200_000, settings=load_settings({}))
    'default:late:row:2'
    """
    return alert_key(bot, kind, subject, at // int(settings.discord.window_seconds * 1000))


def daily_key(bot: str, kind: str, *, at: int) -> str:
    """The key of a limit that lasts until a person acts: another one on every JST day.

    >>> daily_key("default", "model_old", at=0)
    'default:model_old:1970-01-01'
    """
    return alert_key(bot, kind, jst_day(at))


def name_fields(**texts: str) -> dict[str, str]:
    """The texts of an alert's fields under the names that people read."""
    return {say(f"alerts.field.{name}"): text for name, text in texts.items()}


def context_facts(context: Mapping[str, str]) -> dict[str, str]:
    """The first few facts of a context, each shortened; an instant as people write it."""
    told = list(context.items())[:_MOST_FACTS]
    return {name.replace("_", " "): _fact(name, text) for name, text in told}


def _fact(name: str, text: str) -> str:
    if name.endswith("_at") and text.isdecimal():
        return jst_and_utc(int(text))
    return text if len(text) <= _LONGEST_FACT else text[: _LONGEST_FACT - 1] + "…"


def sentence(reason: Reason, context: Mapping[str, str]) -> str:
    """A reason with its facts, in one line: `the newest candle is too old (timeframe 15m, missing
    3)`.

    >>> sentence(Reason.DATA_STALE, {"timeframe": "15m", "missing": "3"})
    'the newest candle is too old (timeframe 15m, missing 3)'
    """
    told = ", ".join(f"{name} {text}" for name, text in context_facts(context).items())
    return f"{reason_now(reason)} ({told})" if told else reason_now(reason)
