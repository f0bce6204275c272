"""The sink that is always there: the log."""

from collections.abc import Mapping, Sequence

from shared.alerts.ports import Delivered, LogWriter
from shared.core.logs import Severity, log
from shared.core.types import Alert, Level

_SEVERITY: Mapping[Level, Severity] = {
    Level.CRITICAL: "CRITICAL",
    Level.WARNING: "WARNING",
    Level.INFO: "INFO",
}


class LogSink:
    """Alerts as log lines."""

    name = "log"
    loudest: tuple[Level, ...] = (Level.CRITICAL,)

    def __init__(self, write: LogWriter = log) -> None:
        """Write lines by `write`."""
        self._write = write

    # A log line takes no time.
    def send(self, alerts: Sequence[Alert], *, deadline_ms: int = 0) -> frozenset[str]:  # noqa: ARG002
        """Write all of them."""
        for alert in alerts:
            self._write(
                "alert",
                severity=_SEVERITY[alert.level],
                key=alert.key,
                kind=alert.kind,
                title=alert.title,
                fields=dict(alert.fields),
            )
        return frozenset(alert.key for alert in alerts)

    def deliver(
        self,
        alerts: Sequence[Alert],
        *,
        deadline_ms: int = 0,
        edits: Mapping[str, str] | None = None,  # noqa: ARG002 - a line stays as it is
        pictures: Mapping[str, bytes] | None = None,  # noqa: ARG002 - and shows nothing
    ) -> Delivered:
        """Write all of them."""
        return Delivered(told=self.send(alerts, deadline_ms=deadline_ms))
