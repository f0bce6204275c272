"""One delivery of the office, under its lease: what is due is told, noted, and named by the second
channel.

An alert is told first and noted afterwards. Whoever dies in between tells it once more: twice is
better than never.

Of what is critical the second channel names everything that it has not named yet, whatever the
first one did; while the first one shuts us out it names what waits besides.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from shared.alerts.notes import note_changes
from shared.alerts.ports import Channel, Delivered, SecondChannel
from shared.alerts.records import AlertRecord
from shared.alerts.storms import OfficeMemory, Parcel, parcels, read_memory
from shared.alerts.waiting import WaitingAlerts
from shared.core.clock import Clock
from shared.core.errors import BotError, LeaseLost
from shared.core.logs import log
from shared.core.settings import Settings
from shared.core.types import Alert, Level
from shared.stores import lease as leases
from shared.stores.lease import Lease
from shared.stores.ports import DocumentStore

BAN_SECONDS = 600.0
"""A channel that wants to be left alone for longer than this is as good as none."""
MOST_NAMED = 100
"""So many that are not critical the second channel names while the first one shuts us out."""
SECOND_SECONDS = 10.0
"""So long of a delivery, and no more than half of it, is the second channel's, however slow the
first one is."""


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
class OfficePlace:
    """Where an office works."""

    documents: DocumentStore
    settings: Settings
    clock: Clock
    channel: Channel
    second: SecondChannel | None


class OfficeDelivery:
    """One delivery under the lease."""

    def __init__(self, at: OfficePlace, lease: Lease, *, until: float, quiet: bool) -> None:
        self._at, self._lease, self._until, self._quiet = at, lease, until, quiet
        self._memory: OfficeMemory = read_memory(lease.data)
        self._told, self._dead, self._wait_seconds = 0, 0, 0.0
        self._is_beaten = False
        self._waiting = WaitingAlerts(at.documents, at.clock, bot=at.settings.id)

    def run(self) -> OfficeResult:
        """Tell what is due, note it, give the lease back."""
        try:
            waiting = self._waiting.loud_and_quiet() if self._quiet else self._waiting.loud()
            left = self._tell_all(waiting)
            if self._is_shut_out and not self._quiet:
                others = self._waiting.loud_and_quiet(MOST_NAMED)
                known = {one.alert.key for one in left}
                left += [one for one in others if one.alert.key not in known]
            left = self._tell_second(left)
        finally:
            with suppress(LeaseLost, BotError):
                leases.release(self._at.documents, self._lease, self._memory.as_document())
        return OfficeResult(
            told=self._told,
            waiting=len(left),
            loud=sum(one.is_critical for one in left) + self._waiting.foreign,
            dead=self._dead,
            is_banned=self._is_shut_out,
        )

    @property
    def _is_shut_out(self) -> bool:
        return self._wait_seconds > BAN_SECONDS

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
        if is_named(second, [one.alert for one in named], deadline_ms=deadline_ms):
            self._memory = replace(self._memory, second_told_at=now_ms)
            self._store([one.with_changes(second_at=now_ms) for one in named], left)
        return list(left.values())


def is_named(second: SecondChannel, alerts: Sequence[Alert], *, deadline_ms: int) -> bool:
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
