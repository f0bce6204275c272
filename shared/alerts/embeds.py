"""Alerts as Discord messages within Discord's limits. Pure.

Limits (Discord's documentation of embeds): 10 embeds a message, 6,000 characters in all embeds of a
message, title 256, 25 fields, name 256, value 1,024, footer 2,048. Discord answers 400 to an empty
name or value.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from shared.core.calendar import utc_text
from shared.core.types import Alert, Level

COLOURS = {Level.CRITICAL: 0xE74C3C, Level.WARNING: 0xF39C12, Level.INFO: 0x3498DB}
MAX_EMBEDS = 10
MAX_CHARACTERS = 6_000
MAX_CONTENT = 2_000
MAX_TITLE = 256
MAX_FIELDS = 25
MAX_NAME = 256
MAX_VALUE = 1_024
MAX_FOOTER = 2_048
_FITTING = 3_000
_SHORT = 24


def messages(
    alerts: Sequence[Alert], *, mask: Callable[[str], str]
) -> Iterator[tuple[Sequence[Alert], dict[str, Any]]]:
    """Alerts of one level as few messages as fit: which alerts, and the JSON body.

    Every text passes through `mask`.
    """
    batch: list[tuple[Alert, dict[str, Any]]] = []
    size = 0
    for alert in alerts:
        embed = _embed(alert, mask)
        length = _size(embed)
        if batch and (len(batch) == MAX_EMBEDS or size + length > MAX_CHARACTERS):
            yield _message(batch)
            batch, size = [], 0
        batch.append((alert, embed))
        size += length
    if batch:
        yield _message(batch)


def _message(
    batch: Sequence[tuple[Alert, dict[str, Any]]],
) -> tuple[Sequence[Alert], dict[str, Any]]:
    alerts = [alert for alert, _ in batch]
    body: dict[str, Any] = {
        "username": "crypto-bot",
        "embeds": [embed for _, embed in batch],
        "allowed_mentions": {"parse": []},  # no text of ours may call everyone
    }
    if (
        alerts[0].level is Level.CRITICAL
    ):  # what a phone shows of a message is its content, not its embeds
        titles = "\n".join(dict.fromkeys(embed["title"] for _, embed in batch))
        body["content"] = shorten_text(titles, MAX_CONTENT)
    return alerts, body


def _embed(alert: Alert, mask: Callable[[str], str]) -> dict[str, Any]:
    embed: dict[str, Any] = {
        "title": shorten_text(mask(alert.title), MAX_TITLE) or "-",
        "color": COLOURS[alert.level],
        "timestamp": utc_text(alert.at),
        "footer": {"text": shorten_text(mask(alert.key), MAX_FOOTER // 8)},
        "fields": [],
    }
    room = _FITTING - _size(embed)
    for name, value in list(alert.fields.items())[:MAX_FIELDS]:
        shown = {
            "name": shorten_text(mask(name), MAX_NAME) or "-",
            "value": shorten_text(mask(value), MAX_VALUE) or "-",
        }
        room -= _length(shown["name"]) + _length(shown["value"])
        if room < 0:
            break
        embed["fields"].append({**shown, "inline": len(value) <= _SHORT})
    return embed


def _size(embed: dict[str, Any]) -> int:
    texts: Iterable[str] = [
        embed["title"],
        embed["footer"]["text"],
        *(f[part] for f in embed["fields"] for part in ("name", "value")),
    ]
    return sum(_length(text) for text in texts)


def _length(text: str) -> int:
    """Characters as JavaScript counts them, which is never fewer than Discord counts."""
    return len(text.encode("utf-16-le", errors="replace")) // 2


def shorten_text(text: str, limit: int) -> str:
    """The text without surrounding blanks, cut to `limit` characters with an ellipsis."""
    text = text.strip()
    if _length(text) <= limit:
        return text
    kept = text[: limit - 1]
    while _length(kept) > limit - 1:
        kept = kept[:-1]
    return kept.rstrip() + "…"
