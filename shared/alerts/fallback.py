"""A sink behind a sink: what may not wait goes another way where the first one failed."""

import time
from collections.abc import Sequence

from shared.alerts.ports import AlertSink, LogWriter
from shared.core.logs import log
from shared.core.masking import mask_secrets
from shared.core.types import Alert, Level


class FallbackSink:
    """Delivers by `first`; critical alerts that it did not take by `second`.

    The first may take half of the time, so that the second has some left. One that raises, against
    its port, took nothing, which is logged.

    >>> from shared.alerts.discord import LogSink
    >>> class Down:
    ...     def send(self, alerts, *, deadline_ms):
    ...         return frozenset()
    >>> halt = Alert(key="halt~1", level=Level.CRITICAL, kind="halt", title="Halted", at=0)
    >>> fill = Alert(key="fill~1", level=Level.INFO, kind="fill", title="Filled", at=0)
    >>> sink = FallbackSink(Down(), LogSink(lambda *_, **__: None))
    >>> sorted(sink.send([halt, fill], deadline_ms=0))
    ['halt~1']
    """

    def __init__(self, first: AlertSink, second: AlertSink, *, write: LogWriter = log) -> None:
        self._first, self._second, self._write = first, second, write

    def __repr__(self) -> str:
        return f"FallbackSink({self._first!r}, {self._second!r})"

    def send(self, alerts: Sequence[Alert], *, deadline_ms: int) -> frozenset[str]:
        """Deliver what can be delivered by `deadline_ms` (monotonic); the keys of those that
        were.
        """
        now_ms = int(time.monotonic() * 1000)
        half_ms = now_ms + max(0, deadline_ms - now_ms) // 2
        sent = self._send_by(self._first, alerts, deadline_ms=half_ms)
        left = [
            alert for alert in alerts if alert.level is Level.CRITICAL and alert.key not in sent
        ]
        return sent | self._send_by(self._second, left, deadline_ms=deadline_ms) if left else sent

    def _send_by(
        self, sink: AlertSink, alerts: Sequence[Alert], *, deadline_ms: int
    ) -> frozenset[str]:
        try:
            return sink.send(alerts, deadline_ms=deadline_ms)
        # What one sink breaks by must not hold the other back.
        except Exception as error:  # noqa: BLE001
            self._write(
                "alerts.not_sent",
                severity="ERROR",
                problem=mask_secrets(f"{sink!r}: {type(error).__name__}: {error}"),
                keys=[alert.key for alert in alerts],
                titles=[alert.title for alert in alerts],
            )
            return frozenset()
