"""One delivery to all webhooks: what is special about some alerts, and what came of it so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.alerts.discord.answers import MessageEnd
from shared.alerts.discord.letters import Letter, write_letter
from shared.core.types import Alert


@dataclass(slots=True, kw_only=True)
class DiscordDelivery:
    """One delivery: until when (monotonic seconds), what is special about some alerts, how many
    messages each webhook got, which take no more, and what came of it.
    """

    until: float
    edits: Mapping[str, str]
    pictures: Mapping[str, bytes]
    messages: dict[str, int] = field(default_factory=dict)
    closed: dict[str, tuple[MessageEnd, str]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    wait_seconds: float = 0.0

    def is_alone(self, alert: Alert) -> bool:
        """Whether it is a message of its own."""
        return alert.key in self.edits or alert.key in self.pictures

    def letter(self, group: Sequence[Alert], body: Mapping[str, Any]) -> Letter:
        """The request that tells a group."""
        first = group[0].key
        edits = self.edits.get(first, "") if len(group) == 1 else ""
        return write_letter(body, edits=edits, picture=self.pictures.get(first))
