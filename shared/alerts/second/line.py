"""A line of the log, which a policy of Cloud Monitoring turns into an e-mail."""

from collections.abc import Sequence

from shared.alerts.ports import LogWriter
from shared.alerts.second.text import MOST_NAMED, headline, plain_text
from shared.core.logs import log
from shared.core.types import Alert

CRITICAL_LINE = "alert.critical"
"""The event of the log line that Cloud Monitoring's policy waits for: `infra/policies`."""


class CriticalLine:
    """One critical line of the log that counts and names all that waits."""

    name = "log line"

    def __init__(self, write: LogWriter = log) -> None:
        """Write by `write`."""
        self._write = write

    def tell(self, alerts: Sequence[Alert], *, deadline_ms: int) -> bool:  # noqa: ARG002 - no time
        """Write it."""
        self._write(
            CRITICAL_LINE,
            severity="CRITICAL",
            count=len(alerts),
            headline=headline(alerts),
            titles=[plain_text(alert.title) for alert in alerts[:MOST_NAMED]],
            keys=[plain_text(alert.key) for alert in alerts[:MOST_NAMED]],
        )
        return True
