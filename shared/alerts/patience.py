"""Until when a webhook wants to be left alone, kept beside the outbox, so that the next tick and
other functions know.

    webhooks/{hash of the address}   noted_at (ms UTC), wait_seconds

The address is a secret and is no name; its hash is.
"""

import hashlib
from urllib.parse import urlsplit

from shared.core.clock import Clock
from shared.stores.ports import DocumentStore, Write

EVERY_WEBHOOK = "webhooks/every"
"""Where Discord asked not only for one of them."""

LONGEST_SECONDS = 6 * 3_600.0
"""No longer than this is waited without asking again, whatever was asked for."""

_SKEW_MS = 2_000


def name_of(url: str) -> str:
    """The document of a webhook, from its host and path alone: what else stands in the address does
    not change who answers.
    """
    parts = urlsplit(url)
    address = f"{parts.netloc.lower()}{parts.path}"
    return f"webhooks/{hashlib.sha256(address.encode()).hexdigest()[:32]}"


class StoredPatience:
    """Remembers, in the document store, until when webhooks want no message."""

    def __init__(self, documents: DocumentStore, clock: Clock) -> None:
        """Keep notes in `documents`, by the bot's clock."""
        self._documents = documents
        self._clock = clock

    def left_seconds(self, url: str) -> float:
        """How long the webhook still wants to be left alone; 0 where it may be asked."""
        return max(self._remaining_seconds(name_of(url)), self._remaining_seconds(EVERY_WEBHOOK))

    def note(self, url: str, wait_seconds: float, *, everywhere: bool) -> None:
        """Remember what it asked for just now."""
        wait = min(max(wait_seconds, 0.0), LONGEST_SECONDS)
        data = {"noted_at": self._clock.now_ms(), "wait_seconds": wait}
        self._documents.commit(
            [Write(kind="put", path=EVERY_WEBHOOK if everywhere else name_of(url), data=data)]
        )

    def _remaining_seconds(self, path: str) -> float:
        stored = self._documents.get(path)
        if stored is None:
            return 0.0
        noted_at, wait = stored.data.get("noted_at"), stored.data.get("wait_seconds")
        if not isinstance(noted_at, int) or not isinstance(wait, int | float):
            return 0.0
        passed = (self._clock.now_ms() - noted_at) / 1000
        # A note of the future was written by a clock that was wrong: asking once more is answered
        # with a right one.
        return (
            0.0
            if passed < -_SKEW_MS / 1000
            else max(0.0, min(wait, LONGEST_SECONDS) - max(0.0, passed))
        )
