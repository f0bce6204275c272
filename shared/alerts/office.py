"""The office: delivers the alerts that wait, over one channel and a second one.

One office works at a time: it holds the lease of `offices/{bot}`, in which its memory lies. Whoever
comes meanwhile has stored its alert already and goes: the office looks once more after it has given
its lease back, so that an alert is either seen by that look, or finds the lease free.

    store alert ── lease free? ── look ── tell ── note ── … ── give back ── look again
                        └ no: go

What happens under the lease is a `delivery`.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from shared.alerts.delivery import OfficeDelivery, OfficePlace, OfficeResult, is_named
from shared.alerts.ports import Channel, SecondChannel
from shared.alerts.records import is_for_the_digest, record_write
from shared.alerts.storms import is_quiet_due, read_memory
from shared.core.clock import Clock
from shared.core.errors import AlreadyExists, BotError, LeaseLost
from shared.core.logs import log
from shared.core.settings import Settings
from shared.core.types import Alert, Level
from shared.stores import lease as leases
from shared.stores.lease import Lease
from shared.stores.ports import Document, DocumentStore

_LEASE_MARGIN_MS = 5_000
_LONGEST_LEASE_MS = 900_000


class Office:
    """Delivers the alerts of one bot.

    >>> from shared.alerts.log_sink import LogSink
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
        self._at = OfficePlace(
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
        if loud and second is not None and is_named(second, loud, deadline_ms=until_ms):
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
                done = OfficeDelivery(self._at, lease, until=until, quiet=quiet).run()
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


def _is_lease(found: object) -> bool:
    """Whether a lease can be read."""
    return (
        isinstance(found, dict)
        and "holder" in found
        and isinstance(found.get("fence"), int)
        and isinstance(found.get("expires_at"), int)
    )
