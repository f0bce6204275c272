"""The port through which alerts leave."""

from collections.abc import Sequence
from typing import Protocol

from shared.types import Alert


class AlertSink(Protocol):
    """Delivers alerts. Alerts wait in the outbox until a sink took them."""

    def send(self, alerts: Sequence[Alert], *, deadline_ms: int) -> frozenset[str]:
        """Deliver what can be delivered by `deadline_ms`; the keys of those that were. Never raises.

        The deadline is of `time.monotonic()`, in milliseconds: Discord is real also where the bot's clock is stepped.
        """
        ...
