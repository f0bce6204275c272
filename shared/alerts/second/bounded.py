"""What mail and command share: the time that they may take, and the line that says why they told
nothing.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence

from shared.alerts.ports import LogWriter
from shared.core.deadline import bound_at
from shared.core.types import Alert

LONGEST_SECONDS = 20.0


class BoundedChannel(ABC):
    """Tells within what is left, and no longer than `LONGEST_SECONDS`."""

    name: str

    def __init__(self, write: LogWriter) -> None:
        """Write by `write` why nothing was told."""
        self._write = write

    def tell(self, alerts: Sequence[Alert], *, deadline_ms: int) -> bool:
        """Tell all of them in one message; whether it left."""
        left = (bound_at(deadline_ms / 1000) or deadline_ms / 1000) - time.monotonic()
        if left <= 0:
            self._log_failure("no time was left")
            return False
        return self._tell_until(alerts, time.monotonic() + min(left, LONGEST_SECONDS))

    @abstractmethod
    def _tell_until(self, alerts: Sequence[Alert], until: float) -> bool:
        """Tell them by then (monotonic); what keeps it from that is logged and not raised."""

    def _log_failure(self, problem: str) -> None:
        self._write("alerts.second_failed", severity="ERROR", channel=self.name, problem=problem)
