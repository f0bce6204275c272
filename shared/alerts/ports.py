"""The port through which alerts leave."""

from collections.abc import Sequence
from typing import Any, Protocol

from shared.core.logs import Severity
from shared.core.types import Alert


class AlertSink(Protocol):
    """Delivers alerts. Alerts wait in the outbox until a sink took them."""

    def send(self, alerts: Sequence[Alert], *, deadline_ms: int) -> frozenset[str]:
        """Deliver what can be delivered by `deadline_ms`; the keys of those that were.

        Never raises.

        The deadline is of `time.monotonic()`, in milliseconds: Discord is real also where the bot's
        clock is stepped.
        """
        ...


class LogWriter(Protocol):
    """Writes a structured log line."""

    def __call__(self, event: str, *, severity: Severity = "INFO", **fields: Any) -> None:
        """Write it."""
        ...


class Patience(Protocol):
    """Knows until when a webhook wants to be left alone, also after this process has ended."""

    def left_seconds(self, url: str) -> float:
        """How long it still does; 0 where it may be asked."""
        ...

    def note(self, url: str, wait_seconds: float, *, everywhere: bool) -> None:
        """It asked for this just now; `everywhere`: for all webhooks."""
        ...
