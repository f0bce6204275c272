"""An alert from its birth to its delivery is one document, `alerts/{key}`.

    bot, alert, shown      whose it is, what it says, and in which order its fields are shown
    thread                 what lasts: the alerts of one condition share it
    waiting_for            the bot, until a channel took it; None where the day's digest tells it
    loud_for               the same, where it is critical
    digest_for             the bot, until a digest told it, or told that it is dead; None where it
                           is told at once
    times, last_at         how often it was noticed, and when last
    sent_at, told_by       when it was told, and by what: discord, log, a summary, a digest
    second_at              when the second channel named it
    dead_at, dead_why      that no channel ever takes it
    picture                a PNG that goes with it, in base64

Whoever notices something writes the record in the batch of what it did; the office delivers it.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from shared.alerts.embeds import shorten_text
from shared.core.logs import log
from shared.core.masking import mask_secrets
from shared.core.settings import Settings
from shared.core.types import Alert, Level
from shared.stores.ports import Document, Write

AT_ONCE = frozenset({"audit", "all_clear", "digest", "summary"})
"""Kinds that are told at once although nothing is wrong."""
WAITS_FOR_NOBODY: Mapping[str, Any] = {"waiting_for": None, "loud_for": None, "digest_for": None}
LATEST_AT = 253_370_764_800_000
"""The year 9999: no calendar of ours knows a later time."""
MOST_TEXT, MOST_FIELDS = 1_024, 25
"""So much of a text, and so many fields, a channel shows at the most."""
POSITIONS = frozenset({"entry_filled", "position_closed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    """What is stored of an alert, read; `changes` is what became of it and is not stored yet."""

    document: Document
    alert: Alert
    times: int
    last_at: int
    picture: bytes | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_critical(self) -> bool:
        """Whether a person has to act at once."""
        return self.alert.level is Level.CRITICAL

    @property
    def is_done(self) -> bool:
        """Whether the first channel took it, or will never."""
        return any(self.document.data.get(name) for name in ("sent_at", "dead_at"))

    @property
    def second_at(self) -> int | None:
        """When the second channel named it."""
        found = self.document.data.get("second_at")
        return found if isinstance(found, int) else None

    def with_changes(self, **changes: Any) -> "AlertRecord":
        """The same with what became of it."""
        document = replace(self.document, data={**self.document.data, **changes})
        return replace(self, document=document, changes={**self.changes, **changes})

    def as_stored(self, document: Document) -> "AlertRecord":
        """The same, stored like this."""
        return replace(self, document=document, changes={})

    def over(self, newer: Document) -> "AlertRecord":
        """The same changes over what another wrote meanwhile, whose own stay."""
        kept = {name: value for name, value in self.changes.items() if not newer.data.get(name)}
        if newer.data.get("sent_at"):
            kept = {name: value for name, value in kept.items() if not name.startswith("dead_")}
        return self.as_stored(newer).with_changes(**kept)


def is_for_the_digest(alert: Alert, settings: Settings) -> bool:
    """Whether it can wait for the day's digest.

    >>> from shared.core.settings import load_settings
    >>> alert = Alert(key="a", level=Level.INFO, kind="resumed", title="Resumed.", at=0)
    >>> is_for_the_digest(alert, load_settings({}))
    True
    """
    if alert.level is not Level.INFO or alert.kind in AT_ONCE:
        return False
    return alert.kind not in POSITIONS or not settings.telling.positions_at_once


def is_instant(at: int) -> bool:
    """Whether a calendar knows this time, ms UTC.

    >>> is_instant(1_893_456_000_000), is_instant(1_893_456_000_000_000)
    (True, False)
    """
    return 0 <= at < LATEST_AT


def record_write(
    alert: Alert, *, bot: str, for_digest: bool = False, picture: bytes | None = None
) -> Write:
    """A new alert of `bot`, as one write of a batch; `for_digest`: the day's digest tells it.

    >>> alert = Alert(key="default:halt", level=Level.CRITICAL, kind="halt", title="Halted.", at=0)
    >>> record_write(alert, bot="default").data["waiting_for"]
    'default'
    """
    alert = _fitting(alert)
    data = {
        "bot": bot,
        "waiting_for": None if for_digest else bot,
        "loud_for": bot if alert.level is Level.CRITICAL else None,
        "digest_for": bot if for_digest else None,
        "alert": msgspec.to_builtins(alert),
        "shown": list(alert.fields),
        "times": 1,
        "last_at": alert.at,
    }
    if picture is not None:
        data["picture"] = base64.b64encode(picture).decode()
    return Write(kind="put", path=f"alerts/{alert.key}", data=data)


def _fitting(alert: Alert) -> Alert:
    """The alert as a store may keep it and can note of it what became of it: without secrets, no
    longer than what a channel shows. Masked before it is cut, or half a secret would stay.
    """
    fields = list(alert.fields.items())[:MOST_FIELDS]
    shown = {_fitting_text(name): _fitting_text(text) for name, text in fields}
    return replace(alert, title=_fitting_text(alert.title), fields=shown)


def _fitting_text(text: str) -> str:
    text = mask_secrets(text)
    return text if len(text) <= MOST_TEXT else shorten_text(text, MOST_TEXT)


def read_record(document: Document) -> AlertRecord:
    """A stored alert; one of before the order was kept shows its fields as they come.

    Raises:
        KeyError, TypeError, ValueError, msgspec.ValidationError: There is no alert in it.
    """
    data = document.data
    alert = msgspec.convert(data["alert"], Alert)
    if not is_instant(alert.at):
        raise ValueError("its time is none")
    shown = [name for name in data.get("shown") or () if name in alert.fields]
    picture = data.get("picture")
    return AlertRecord(
        document=document,
        alert=replace(alert, fields={name: alert.fields[name] for name in [*shown, *alert.fields]}),
        times=int(data.get("times", 1)),
        last_at=int(data.get("last_at", alert.at)),
        picture=base64.b64decode(picture) if picture else None,
    )


def read_records(documents: Iterable[Document]) -> tuple[list[AlertRecord], list[Document]]:
    """The alerts among documents, and those in which there is none: one of these must not keep all
    others waiting.
    """
    records: list[AlertRecord] = []
    damaged: list[Document] = []
    for document in documents:
        try:
            records.append(read_record(document))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log(
                "alerts.damaged",
                severity="ERROR",
                document=document.path,
                error=f"{type(error).__name__}: {error}",
            )
            damaged.append(document)
    return records, damaged


def dead_writes(documents: Sequence[Document], *, at: int, why: str) -> list[Write]:
    """That nothing will ever take these. One that is no mapping stays as it is: nothing of it could
    be kept.
    """
    gone = {**WAITS_FOR_NOBODY, "dead_at": at, "dead_why": why}
    return [
        Write(
            kind="put",
            path=document.path,
            data={**document.data, **gone, "digest_for": document.data.get("bot")},
        )
        for document in documents
        if isinstance(document.data, Mapping)
    ]


def as_stored(write: Write) -> Document:
    """A document as a batch has just stored it."""
    return Document(path=write.path, data=write.data or {}, version="")
