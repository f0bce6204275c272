"""What is told now of what waits: which alerts as themselves, which as one summary. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from shared.alerts.records import AlertRecord
from shared.alerts.wording import alert_key, name_fields
from shared.core.calendar import jst_day
from shared.core.sentences import say
from shared.core.sentences.figures import jst_and_utc
from shared.core.settings import Settings
from shared.core.types import Alert, Level

MOST_SINGLE_CRITICAL = 20
"""More critical alerts at once are named, and no longer shown, by one message."""
MOST_NAMED = 20
MOST_THREADS = 100
_LOUDNESS = {level: number for number, level in enumerate(Level)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """The message in which a condition is told: its repeats of a day count it up.

    Attributes:
        message: Of the channel, to be changed.
        day: JST.
        times: How often it was told.
        since_at: When it began.
    """

    message: str
    day: str
    times: int
    since_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeMemory:
    """What the office remembers from one delivery to the next.

    Attributes:
        quiet_told_at: When it last tried to tell what is not critical.
        second_told_at: When the second channel last took something.
        threads: By their names, the messages in which conditions are told.
    """

    quiet_told_at: int = 0
    second_told_at: int = 0
    threads: Mapping[str, Thread] = field(default_factory=dict)

    def as_document(self) -> dict[str, Any]:
        """As a document keeps it."""
        return {
            "quiet_told_at": self.quiet_told_at,
            "second_told_at": self.second_told_at,
            "threads": [
                {
                    "thread": name,
                    "message": held.message,
                    "day": held.day,
                    "times": held.times,
                    "since_at": held.since_at,
                }
                for name, held in list(self.threads.items())[-MOST_THREADS:]
            ],
        }

    def after_telling(self, alert: Alert, message: str, *, at: int) -> "OfficeMemory":
        """After `alert` was told in `message`."""
        if not alert.thread:
            return self
        before = self.threads.get(alert.thread)
        same_day = before is not None and before.day == jst_day(at)
        held = Thread(
            message=message,
            day=jst_day(at),
            times=before.times + 1 if before is not None and same_day else 1,
            since_at=before.since_at if before is not None and same_day else alert.at,
        )
        others = {name: kept for name, kept in self.threads.items() if name != alert.thread}
        return replace(self, threads={**others, alert.thread: held})


def read_memory(stored: Mapping[str, Any]) -> OfficeMemory:
    """What is stored; what cannot be read is forgotten: it costs a message too many.

    >>> read_memory({"quiet_told_at": 5, "threads": 7})
    OfficeMemory(quiet_told_at=0, second_told_at=0, threads={})
    """
    try:
        threads = {
            str(kept["thread"]): Thread(
                message=str(kept["message"]),
                day=str(kept["day"]),
                times=int(kept["times"]),
                since_at=int(kept["since_at"]),
            )
            for kept in stored.get("threads", ())
        }
        return OfficeMemory(
            quiet_told_at=int(stored.get("quiet_told_at", 0)),
            second_told_at=int(stored.get("second_told_at", 0)),
            threads=threads,
        )
    except (TypeError, ValueError, KeyError, AttributeError):
        return OfficeMemory()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Alerts that are told together.

    Attributes:
        shown: What a channel gets.
        records: What is told by it.
        by: What tells them; empty where each is shown as itself.
        edits: By key, the message that an alert takes the place of.
        pictures: By key, the PNG that goes with one.
    """

    shown: Sequence[Alert]
    records: Sequence[AlertRecord]
    by: str = ""
    edits: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)

    def tellers(self) -> Iterator[tuple[AlertRecord, str]]:
        """Each record, and the key of what tells it."""
        for one in self.records:
            yield one, self.shown[0].key if self.by else one.alert.key


def is_quiet_due(memory: OfficeMemory, *, now_ms: int, settings: Settings) -> bool:
    """Whether what is not critical may be told again. A time of the future was written by a clock
    that was wrong.
    """
    spacing_ms = int(settings.telling.spacing_seconds * 1000)
    return not 0 <= now_ms - memory.quiet_told_at < spacing_ms


def parcels(
    waiting: Sequence[AlertRecord], memory: OfficeMemory, *, now_ms: int, settings: Settings
) -> list[Parcel]:
    """What is told now, the loudest and oldest first.

    Critical alerts never wait for others. What is not critical goes at most once in
    `telling.spacing_seconds`, and as one summary where too many wait.
    """
    ordered = sorted(
        waiting, key=lambda one: (_LOUDNESS[one.alert.level], one.alert.at, one.alert.key)
    )
    loud = [one for one in ordered if one.alert.level is Level.CRITICAL]
    quiet = [one for one in ordered if one.alert.level is not Level.CRITICAL]
    found = [_as_itself([one], memory, now_ms) for one in loud[:MOST_SINGLE_CRITICAL]]
    if rest := loud[MOST_SINGLE_CRITICAL:]:
        found.append(_summary(rest, settings, now_ms))
    # The day's digest is no part of any summary.
    found += [_as_itself([one], memory, now_ms) for one in quiet if one.alert.kind == "digest"]
    quiet = [one for one in quiet if one.alert.kind != "digest"]
    if quiet and is_quiet_due(memory, now_ms=now_ms, settings=settings):
        if len(quiet) > settings.telling.singles:
            found.append(_summary(quiet, settings, now_ms))
        else:
            found.append(_as_itself(quiet, memory, now_ms))
    return found


def _as_itself(records: Sequence[AlertRecord], memory: OfficeMemory, now_ms: int) -> Parcel:
    shown, edits = [], {}
    for one in records:
        alert, thread = one.alert, memory.threads.get(one.alert.thread)
        if thread is not None and thread.day == jst_day(now_ms):
            since = jst_and_utc(thread.since_at)
            again = say("alerts.value.noticed", times=thread.times + 1, since=since)
            alert = replace(alert, fields={**name_fields(noticed=again), **alert.fields})
            # A critical one has to be heard each time; another one counts up its message.
            if alert.level is not Level.CRITICAL and thread.message:
                edits[alert.key] = thread.message
        shown.append(alert)
    pictures = {one.alert.key: one.picture for one in records if one.picture is not None}
    return Parcel(shown=shown, records=records, edits=edits, pictures=pictures)


def _summary(records: Sequence[AlertRecord], settings: Settings, now_ms: int) -> Parcel:
    """One message for many: how many of which title, and the first and last instant."""
    titles = Counter(one.alert.title for one in records)
    named = [f"{count:,} × {title}" for title, count in titles.most_common(MOST_NAMED)]
    if len(titles) > MOST_NAMED:
        named.append(say("alerts.value.more_titles", count=len(titles) - MOST_NAMED))
    instants = [one.alert.at for one in records]
    level = records[0].alert.level
    fields = {
        **name_fields(since=jst_and_utc(min(instants)), until=jst_and_utc(max(instants))),
        **{str(number): text for number, text in enumerate(named, start=1)},
        **name_fields(
            what_to_do=say("alerts.value.list_them"), time=jst_and_utc(now_ms), bot=settings.id
        ),
    }
    told = Alert(
        key=alert_key(settings.id, "summary", level.value, now_ms),
        level=level,
        kind="summary",
        title=say("alerts.title.summary", count=len(records)),
        at=now_ms,
        fields=fields,
    )
    return Parcel(shown=[told], records=records, by="summary")
