"""The port through which alerts leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.core.logs import Severity
from shared.core.types import Alert, Level


class AlertSink(Protocol):
    """Delivers alerts. Alerts wait in the outbox until a sink took them."""

    def send(self, alerts: Sequence[Alert], *, deadline_ms: int) -> frozenset[str]:
        """Deliver what can be delivered by `deadline_ms`; the keys of those that were.

        Never raises.

        The deadline is of `time.monotonic()`, in milliseconds: Discord is real also where the bot's
        clock is stepped.
        """
        ...


class AlertTopic(AlertSink, Protocol):
    """A sink behind which somebody else delivers."""

    def poke(self, *, deadline_ms: int) -> bool:
        """Ask whoever delivers to look at what waits. Never raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What a channel made of alerts.

    >>> Delivered(told=frozenset({"halt~1"})).refused
    {}

    Attributes:
        told: The keys of those that it took.
        refused: Those that it will never take, and why.
        messages: The message of each that can be changed later.
        wait_seconds: How long it wants to be left alone; 0 where it may be asked again at once.
    """

    told: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)
    wait_seconds: float = 0.0


class Channel(Protocol):
    """A way on which alerts reach a person."""

    name: str

    @property
    def loudest(self) -> tuple[Level, ...]:
        """Of each of its ends (a webhook) the loudest level that goes there."""
        ...

    def deliver(
        self,
        alerts: Sequence[Alert],
        *,
        deadline_ms: int,
        edits: Mapping[str, str] | None = None,
        pictures: Mapping[str, bytes] | None = None,
    ) -> Delivered:
        """Deliver what can be delivered by `deadline_ms` (monotonic). Never raises.

        Args:
            alerts: What is told.
            deadline_ms: Until when.
            edits: By key, the message of before that an alert takes the place of, where the channel
                can change one.
            pictures: By key, the PNG that goes with an alert.
        """
        ...


class SecondChannel(Protocol):
    """A way beside the first: one text that names all that is critical and waits."""

    name: str

    def tell(self, alerts: Sequence[Alert], *, deadline_ms: int) -> bool:
        """Tell all of them in one message; whether it left. Never raises."""
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
