"""What a second channel says: one headline and one text that name everything."""

import re
from collections.abc import Sequence

from shared.alerts.embeds import shorten_text
from shared.core.masking import mask_secrets
from shared.core.sentences import say
from shared.core.sentences.figures import jst_and_utc
from shared.core.types import Alert

MOST_NAMED = 100
_MOST_FIELDS = 8
_LONGEST_TITLE, _LONGEST_TEXT = 200, 1_000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def headline(alerts: Sequence[Alert]) -> str:
    """What a phone shows: how many, and the first of them.

    >>> from shared.core.types import Level
    >>> halt = Alert(key="a", level=Level.CRITICAL, kind="halt", title="Trading is halted.", at=0)
    >>> headline([halt])
    'crypto-bot: Trading is halted.'
    """
    first = " ".join(plain_text(alerts[0].title).split())
    if len(alerts) == 1:
        return say("alerts.second.one", title=first)
    return say("alerts.second.many", title=first, more=len(alerts) - 1)


def body_text(alerts: Sequence[Alert]) -> str:
    """All of them in plain text, the first in full; without secrets, and without what a wire cannot
    carry.
    """
    lines: list[str] = []
    for number, alert in enumerate(alerts[:MOST_NAMED]):
        title = plain_text(alert.title)
        lines.append(f"[{alert.level.value}] {title}  ({jst_and_utc(alert.at)})")
        shown = _MOST_FIELDS if number < _MOST_FIELDS else 0
        lines += [
            f"    {plain_text(name)}: {plain_text(text, _LONGEST_TEXT)}"
            for name, text in list(alert.fields.items())[:shown]
        ]
    if len(alerts) > MOST_NAMED:
        lines.append(say("alerts.value.more_titles", count=len(alerts) - MOST_NAMED))
    return mask_secrets("\n".join([*lines, "", say("alerts.value.list_them")]))


def plain_text(text: str, most: int = _LONGEST_TITLE) -> str:
    """The beginning of a text, without secrets, and without what neither a mail nor a command can
    carry.
    """
    text = _CONTROL.sub(" ", mask_secrets(text)).encode(errors="replace").decode()
    return shorten_text(text, most)
