"""How the alerts that a tick or a retraining stored get on their way: delivered here, or handed to
a topic whose function delivers them.
"""

from collections.abc import Sequence
from time import monotonic
from typing import Protocol

from shared.alerts.office import Office
from shared.alerts.ports import AlertSink, AlertTopic, LogWriter
from shared.core.errors import BotError
from shared.core.logs import log
from shared.core.masking import mask_secrets
from shared.core.types import Alert, Level


class Outlet(Protocol):
    """Passes alerts on. Nothing here raises: an alert that cannot be told must not stop a tick."""

    def pass_on(
        self,
        fresh: Sequence[Alert],
        *,
        has_older: bool,
        seconds: float,
        repeated: Sequence[Alert] = (),
    ) -> None:
        """Pass on what is stored.

        Args:
            fresh: What was stored just now.
            has_older: Whether something waits that was stored before.
            seconds: For how long at most.
            repeated: What was noticed once more and is stored since before.
        """
        ...

    def tell_directly(self, alerts: Sequence[Alert], *, seconds: float) -> frozenset[str]:
        """Tell what could not be stored; the keys of what reached somebody."""
        ...


class LocalOutlet:
    """Delivers where it is.

    >>> from shared.alerts.log_sink import LogSink
    >>> from shared.core.clock import SystemClock
    >>> from shared.core.settings import load_settings
    >>> from shared.stores.memory import MemoryDocuments
    >>> settings, silent = load_settings({}), LogSink(lambda *_, **__: None)
    >>> outlet = LocalOutlet(Office(MemoryDocuments(), settings, SystemClock(), silent))
    >>> halt = Alert(key="halt~1", level=Level.CRITICAL, kind="halt", title="Halted.", at=0)
    >>> outlet.tell_directly([halt], seconds=5.0)
    frozenset({'halt~1'})
    """

    def __init__(self, office: Office) -> None:
        """Deliver by `office`."""
        self._office = office

    def __repr__(self) -> str:
        return f"LocalOutlet({self._office!r})"

    def pass_on(
        self,
        fresh: Sequence[Alert],
        *,
        has_older: bool,
        seconds: float,
        repeated: Sequence[Alert] = (),
    ) -> None:
        """Count what is repeated, and deliver what is due."""
        try:
            for alert in repeated:
                self._office.count_up(alert)
            if fresh or has_older:
                self._office.deliver_due(seconds=seconds)
        # The tick is saved; its answer must not depend on a channel.
        except Exception as error:  # noqa: BLE001
            _log_undelivered(error, fresh)

    def tell_directly(self, alerts: Sequence[Alert], *, seconds: float) -> frozenset[str]:
        """Over the channels, without the store."""
        try:
            return self._office.tell_directly(alerts, seconds=seconds)
        except Exception as error:  # noqa: BLE001 - as above
            _log_undelivered(error, alerts)
            return frozenset()


class LogOutlet:
    """Writes alerts into the log and leaves what is stored alone: for whoever writes nothing.

    >>> from shared.alerts.log_sink import LogSink
    >>> halt = Alert(key="halt~1", level=Level.CRITICAL, kind="halt", title="Halted.", at=0)
    >>> LogOutlet(LogSink(lambda *_, **__: None)).tell_directly([halt], seconds=5.0)
    frozenset({'halt~1'})
    """

    def __init__(self, sink: AlertSink) -> None:
        """Write by `sink`."""
        self._sink = sink

    def pass_on(
        self,
        fresh: Sequence[Alert],
        *,
        has_older: bool,  # noqa: ARG002 - what is stored is not told
        seconds: float,
        repeated: Sequence[Alert] = (),  # noqa: ARG002
    ) -> None:
        """Write what is new."""
        self.tell_directly(fresh, seconds=seconds)

    def tell_directly(self, alerts: Sequence[Alert], *, seconds: float) -> frozenset[str]:
        """Write all of them."""
        return self._sink.send(alerts, deadline_ms=int((monotonic() + seconds) * 1000))


class TopicOutlet:
    """Hands alerts to a topic; what is critical goes straight to the channels where it is down.

    An alert waits in its record until the topic's function has told it, so that one which the topic
    lost is found by the next delivery. What waits since before is not published again: one word
    asks the function to look. What of it is critical is told here: nobody may be at work there.
    """

    def __init__(self, topic: AlertTopic, office: Office | None, *, write: LogWriter = log) -> None:
        """Publish by `topic`; `office` has the channels for what may not wait, if there are any."""
        self._topic, self._office, self._write = topic, office, write

    def __repr__(self) -> str:
        return f"TopicOutlet({self._topic!r}, {self._office!r})"

    def pass_on(
        self,
        fresh: Sequence[Alert],
        *,
        has_older: bool,
        seconds: float,
        repeated: Sequence[Alert] = (),
    ) -> None:
        """Publish what is new; the topic may take half of the time."""
        until = monotonic() + seconds
        try:
            sent = self._publish([*fresh, *repeated], seconds=seconds / 2)
            if has_older and not fresh and not repeated:
                self._topic.poke(deadline_ms=int(until * 1000))
            lost = [one for one in fresh if one.level is Level.CRITICAL and one.key not in sent]
            if (lost or has_older) and self._office is not None:
                self._office.deliver_due(seconds=until - monotonic(), only=Level.CRITICAL)
        except Exception as error:  # noqa: BLE001 - the tick is saved, see above
            _log_undelivered(error, fresh)

    def tell_directly(self, alerts: Sequence[Alert], *, seconds: float) -> frozenset[str]:
        """By the topic, and what is critical over the channels where it did not take it."""
        until = monotonic() + seconds
        sent = self._publish(alerts, seconds=seconds / 2)
        left = [one for one in alerts if one.level is Level.CRITICAL and one.key not in sent]
        if not left or self._office is None:
            return sent
        return sent | LocalOutlet(self._office).tell_directly(left, seconds=until - monotonic())

    def _publish(self, alerts: Sequence[Alert], *, seconds: float) -> frozenset[str]:
        if not alerts:
            return frozenset()
        try:
            return self._topic.send(alerts, deadline_ms=int((monotonic() + seconds) * 1000))
        # What the topic breaks by must not hold the channels back.
        except Exception as error:  # noqa: BLE001
            _log_undelivered(error, alerts)
            return frozenset()


def _log_undelivered(error: Exception, alerts: Sequence[Alert]) -> None:
    problem = str(error) if isinstance(error, BotError) else type(error).__name__
    log(
        "alerts.undelivered",
        severity="ERROR",
        error=mask_secrets(problem),
        keys=[alert.key for alert in alerts],
        titles=[alert.title for alert in alerts],
    )
