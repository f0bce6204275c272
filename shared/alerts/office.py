"""The office: delivers the alerts that wait, over one channel and a second one.

One office works at a time: it holds the lease of `offices/{bot}`, in which its memory lies. Whoever
comes meanwhile has stored its alert already and goes: the office looks once more after it has given
its lease back, so that an alert is either seen by that look, or finds the lease free.

    store alert ── lease free? ── look ── tell ── note ── … ── give back ── look again
                        └ no: go

An alert is told first and noted afterwards. Whoever dies in between tells it once more: twice is
better than never.

Of what is critical the second channel names everything that it has not named yet, whatever the
first one did; while the first one shuts us out it names what waits besides.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from shared.alerts.notes import MOST_WRITES, note_changes
from shared.alerts.ports import Channel, Delivered, SecondChannel
from shared.alerts.records import (
    AlertRecord,
    dead_writes,
    is_for_the_digest,
    read_records,
    record_write,
)
from shared.alerts.storms import OfficeMemory, Parcel, is_quiet_due, parcels, read_memory
from shared.core.clock import Clock
from shared.core.errors import AlreadyExists, BotError, LeaseLost
from shared.core.logs import log
from shared.core.settings import Settings
from shared.core.types import Alert, Level
from shared.stores import lease as leases
from shared.stores.lease import Lease
from shared.stores.ports import Document, DocumentStore, Write

BAN_SECONDS = 600.0
"""A channel that wants to be left alone for longer than this is as good as none."""
MOST_WAITING = 20_000
"""So many are looked at in one delivery: what a storm of a day brings."""
MOST_NAMED = 100
"""So many that are not critical the second channel names while the first one shuts us out."""
SECOND_SECONDS = 10.0
"""So long of a delivery, and no more than half of it, is the second channel's, however slow the
first one is."""
_LEASE_MARGIN_MS = 5_000
_LONGEST_LEASE_MS = 900_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeResult:
    """What one delivery came to.

    Attributes:
        is_busy: Another office was at work, and nothing was done here.
        told: How many alerts reached the first channel.
        waiting: How many wait on, of what was looked at.
        loud: How many of these are critical, or may be: who wrote them was another version.
        dead: How many no channel will ever take.
        is_banned: The first channel shuts us out.
    """

    is_busy: bool = False
    told: int = 0
    waiting: int = 0
    loud: int = 0
    dead: int = 0
    is_banned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where an office works."""

    documents: DocumentStore
    settings: Settings
    clock: Clock
    channel: Channel
    second: SecondChannel | None


class Office:
    """Delivers the alerts of one bot.

    >>> from shared.alerts.discord import LogSink
    >>> from shared.core.clock import SystemClock
    >>> from shared.core.settings import load_settings
    >>> from shared.stores.memory import MemoryDocuments
    >>> office = Office(
    ...     MemoryDocuments(), load_settings({}), SystemClock(), LogSink(lambda *_, **__: None)
    ... )
    >>> halt = Alert(key="halt~1", level=Level.CRITICAL, kind="halt", title="Halted.", at=0)
    >>> office.tell([halt], seconds=5.0).told, office.tell([halt], seconds=5.0).told
    (1, 0)
    """

    def __init__(
        self,
        documents: DocumentStore,
        settings: Settings,
        clock: Clock,
        channel: Channel,
        second: SecondChannel | None = None,
    ) -> None:
        """Deliver the alerts in `documents` over `channel`; `second` is the one beside it."""
        self._at = _Place(
            documents=documents, settings=settings, clock=clock, channel=channel, second=second
        )
        self._told_directly: dict[str, None] = {}

    def __repr__(self) -> str:
        return f"Office({self._at.settings.id}, {self._at.channel.name})"

    def tell(self, alerts: Sequence[Alert], *, seconds: float) -> OfficeResult:
        """Store what is new of these, count up what is not, and deliver what is due.

        Raises `Unavailable` where the store cannot be used: nothing is lost by telling it again.
        """
        for alert in alerts:
            self.keep(alert)
        return self.deliver_due(seconds=seconds)

    def keep(self, alert: Alert) -> bool:
        """Store an alert, once; whether it is new. One that is known is counted up."""
        write = record_write(
            alert,
            bot=self._at.settings.id,
            for_digest=is_for_the_digest(alert, self._at.settings),
        )
        try:
            self._at.documents.create(write.path, write.data or {})
        except AlreadyExists:
            self.count_up(alert)
            return False
        return True

    def count_up(self, alert: Alert) -> None:
        """Note that an alert was noticed once more: later than it was stored or counted last, so
        that what a topic brings again, or for the first time after a tick has stored it, counts
        once. Where another writes at the same time, or the store refuses, that is not counted: the
        number says *at least so often*.
        """
        # One that is damaged is told as such by the next delivery.
        with suppress(BotError, TypeError, ValueError, AttributeError):
            stored = self._at.documents.get(f"alerts/{alert.key}")
            if stored is None or stored.data.get("last_at", alert.at) >= alert.at:
                return
            times = int(stored.data.get("times", 1)) + 1
            data = {**stored.data, "times": times, "last_at": alert.at}
            self._at.documents.replace(stored, data)

    def tell_directly(self, alerts: Sequence[Alert], *, seconds: float) -> frozenset[str]:
        """Deliver without the store, which cannot be used: over both channels, each alert once in
        the life of this office. Never raises.
        """
        fresh = [alert for alert in alerts if alert.key not in self._told_directly]
        if not fresh:
            return frozenset()
        until = time.monotonic() + seconds
        told = self._at.channel.deliver(fresh, deadline_ms=int((until - seconds / 2) * 1000)).told
        loud = [alert for alert in fresh if alert.level is Level.CRITICAL]
        second, until_ms = self._at.second, int(until * 1000)
        if loud and second is not None and _is_named(second, loud, deadline_ms=until_ms):
            told |= frozenset(alert.key for alert in loud)
        self._told_directly.update(dict.fromkeys(told))
        return told

    def deliver_due(self, *, seconds: float, only: Level | None = None) -> OfficeResult:
        """Deliver what is due, for at most so many seconds; `only` what has this level.

        What is not critical is not even looked at before its time has come, so that a storm of it
        costs a read an alert.

        Raises `Unavailable`, or another `BotError`, where the store cannot be used.
        """
        until = time.monotonic() + max(0.0, seconds)
        whole = OfficeResult()
        while True:
            stored = self._office_document()
            quiet = only is None and self._is_quiet_due(stored)
            if not quiet and not self._has_loud(0):
                return whole
            lease = self._take_lease(stored, until)
            if lease is None:
                return replace(whole, is_busy=not whole.told)
            try:
                done = _Round(self._at, lease, until=until, quiet=quiet).run()
            except LeaseLost:
                return whole
            whole = replace(done, told=whole.told + done.told, dead=whole.dead + done.dead)
            if time.monotonic() >= until or not self._has_loud(done.loud):
                return whole

    def _office_document(self) -> Document | None:
        path = f"offices/{self._at.settings.id}"
        stored = self._at.documents.get(path)
        if stored is None or _is_lease(stored.data.get("lease")):
            return stored
        log("alerts.damaged", severity="ERROR", document=path, error="it holds no lease")
        return self._at.documents.replace(stored, {"lease": leases.unheld(fence=0)})

    def _is_quiet_due(self, stored: Document | None) -> bool:
        memory = read_memory({} if stored is None else stored.data)
        return is_quiet_due(memory, now_ms=self._at.clock.now_ms(), settings=self._at.settings)

    def _has_loud(self, known: int) -> bool:
        """Whether more critical alerts wait than these: somebody may have stored one while this
        office was at work, and found it so.
        """
        found = self._at.documents.query(
            "alerts", field="loud_for", value=self._at.settings.id, limit=known + 1
        )
        return len(found) > known

    def _take_lease(self, stored: Document | None, until: float) -> Lease | None:
        left_ms = max(0, int((until - time.monotonic()) * 1000))
        return leases.take(
            self._at.documents,
            f"offices/{self._at.settings.id}",
            stored,
            changes={},
            now_ms=self._at.clock.now_ms(),
            lease_ms=min(left_ms + _LEASE_MARGIN_MS, _LONGEST_LEASE_MS),
            longest_ms=_LONGEST_LEASE_MS,
        )


class _Round:
    """One delivery under the lease."""

    def __init__(self, at: "_Place", lease: Lease, *, until: float, quiet: bool) -> None:
        self._at, self._lease, self._until, self._quiet = at, lease, until, quiet
        self._memory: OfficeMemory = read_memory(lease.data)
        self._told, self._dead, self._wait_seconds = 0, 0, 0.0
        self._is_beaten, self._foreign = False, 0

    def run(self) -> OfficeResult:
        """Tell what is due, note it, give the lease back."""
        try:
            waiting = self._waiting(MOST_WAITING) if self._quiet else self._loud()
            left = self._tell_all(waiting)
            if self._is_shut_out and not self._quiet:
                others = self._waiting(MOST_NAMED)
                known = {one.alert.key for one in left}
                left += [one for one in others if one.alert.key not in known]
            left = self._tell_second(left)
        finally:
            with suppress(LeaseLost, BotError):
                leases.release(self._at.documents, self._lease, self._memory.as_document())
        return OfficeResult(
            told=self._told,
            waiting=len(left),
            loud=sum(one.is_critical for one in left) + self._foreign,
            dead=self._dead,
            is_banned=self._is_shut_out,
        )

    @property
    def _is_shut_out(self) -> bool:
        return self._wait_seconds > BAN_SECONDS

    def _loud(self) -> list[AlertRecord]:
        """What is critical and waits."""
        return self._records(
            self._at.documents.query(
                "alerts", field="loud_for", value=self._at.settings.id, limit=MOST_WAITING
            )
        )

    def _waiting(self, most: int) -> list[AlertRecord]:
        """Whatever waits; where that is more than is looked at, all the same what is critical."""
        found = self._records(
            self._at.documents.query(
                "alerts", field="waiting_for", value=self._at.settings.id, limit=most
            )
        )
        if len(found) < most:
            return found
        known = {one.alert.key for one in found}
        return found + [one for one in self._loud() if one.alert.key not in known]

    def _records(self, found: Sequence[Document]) -> list[AlertRecord]:
        records, damaged = read_records(found)
        self._foreign = sum(not isinstance(one.data, Mapping) for one in damaged)
        why = "there is no alert in this document"
        self._commit(dead_writes(damaged, at=self._at.clock.now_ms(), why=why))
        return records

    def _tell_all(self, waiting: Sequence[AlertRecord]) -> list[AlertRecord]:
        """Tell what is due; what waits on, as it is stored now."""
        left = {one.alert.key: one for one in waiting}
        # Told before the owner gave the second channel up.
        self._store([one for one in waiting if self._is_finished(one)], left)
        until = self._until
        if self._at.second is not None:
            until -= min(SECOND_SECONDS, max(0.0, until - time.monotonic()) / 2)
        due = parcels(
            [one for one in waiting if not one.is_done],
            self._memory,
            now_ms=self._at.clock.now_ms(),
            settings=self._at.settings,
        )
        now_ms = self._at.clock.now_ms()
        if any(parcel.shown[0].level is not Level.CRITICAL for parcel in due):
            # Also where it is not taken: a storm must not read itself again at every push.
            self._memory = replace(self._memory, quiet_told_at=now_ms)
        closed: set[Level] = set()
        for parcel in due:
            if parcel.shown[0].level in closed:
                continue
            if time.monotonic() >= until or self._is_lost():
                break
            done = self._at.channel.deliver(
                parcel.shown,
                deadline_ms=int(until * 1000),
                edits=parcel.edits,
                pictures=parcel.pictures,
            )
            self._wait_seconds = max(self._wait_seconds, done.wait_seconds)
            self._note(parcel, done, left)
            if done.wait_seconds > 0:  # each level may have a webhook of its own
                closed.add(parcel.shown[0].level)
        return list(left.values())

    def _is_lost(self) -> bool:
        """Whether another office may be at work: our time is over, or one has told what we told."""
        return self._is_beaten or self._at.clock.now_ms() >= self._lease.expires_at

    def _is_finished(self, one: AlertRecord) -> bool:
        """Whether nothing is left to do for it."""
        is_named = self._at.second is None or one.second_at or not one.is_critical
        return one.is_done and bool(is_named)

    def _note(self, parcel: Parcel, done: Delivered, left: dict[str, AlertRecord]) -> None:
        """Write down what came of a parcel."""
        now_ms = self._at.clock.now_ms()
        by = parcel.by or self._at.channel.name
        noted = []
        for one, key in parcel.tellers():
            if key in done.told:
                noted.append(one.with_changes(sent_at=now_ms, told_by=by))
                self._told += 1
            elif key in done.refused:
                noted.append(one.with_changes(dead_at=now_ms, dead_why=done.refused[key]))
                self._dead += 1
        for alert in parcel.shown:
            if alert.key in done.told:
                message = done.messages.get(alert.key, "")
                self._memory = self._memory.after_telling(alert, message, at=now_ms)
        self._store(noted, left)

    def _store(self, noted: Sequence[AlertRecord], left: dict[str, AlertRecord]) -> None:
        """Store what became of records; one for which nothing is left to do waits no longer."""
        stored = note_changes(self._at.documents, noted, is_finished=self._is_finished)
        self._is_beaten = self._is_beaten or stored.is_beaten
        for key, one in stored.records.items():
            if one is None or self._is_finished(one):
                left.pop(key, None)
            else:
                left[key] = one

    def _tell_second(self, waiting: Sequence[AlertRecord]) -> list[AlertRecord]:
        """Let the second channel name what is critical, and what waits besides while the first one
        shuts us out; what waits on.
        """
        left = {one.alert.key: one for one in waiting}
        now_ms, second = self._at.clock.now_ms(), self._at.second
        shut_out = self._is_shut_out
        named = [one for one in waiting if not one.second_at and (one.is_critical or shut_out)]
        spacing_ms = int(self._at.settings.telling.second_spacing_seconds * 1000)
        is_early = 0 <= now_ms - self._memory.second_told_at < spacing_ms
        if second is None or not named or is_early or self._is_lost():
            return list(waiting)
        named.sort(key=lambda one: (not one.is_critical, one.alert.at))
        deadline_ms = int(self._until * 1000)
        if _is_named(second, [one.alert for one in named], deadline_ms=deadline_ms):
            self._memory = replace(self._memory, second_told_at=now_ms)
            self._store([one.with_changes(second_at=now_ms) for one in named], left)
        return list(left.values())

    def _commit(self, writes: Sequence[Write]) -> None:
        for start in range(0, len(writes), MOST_WRITES):
            self._at.documents.commit(writes[start : start + MOST_WRITES])


def _is_named(second: SecondChannel, alerts: Sequence[Alert], *, deadline_ms: int) -> bool:
    """Whether the second channel took them; what it breaks by must not stop the first one."""
    try:
        return second.tell(alerts, deadline_ms=deadline_ms)
    except Exception as error:  # noqa: BLE001 - a channel may be a library of anybody's
        log(
            "alerts.second_failed",
            severity="ERROR",
            channel=second.name,
            problem=type(error).__name__,
        )
        return False


def _is_lease(found: object) -> bool:
    """Whether a lease can be read."""
    return (
        isinstance(found, dict)
        and "holder" in found
        and isinstance(found.get("fence"), int)
        and isinstance(found.get("expires_at"), int)
    )
