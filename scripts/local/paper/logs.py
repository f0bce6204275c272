"""Log files on this machine: UTC for machines with JST beside it for people, rotated before they
grow large.
"""

import logging
import logging.handlers
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from shared.core.calendar import JST

MOST_BYTES = 5_000_000
KEPT = 5


class _BothTimes(logging.Formatter):
    """`2026-01-31T00:03:00.123Z 09:03:00 JST  text`."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        utc = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return f"{utc} {at.astimezone(JST):%H:%M:%S} JST  {record.getMessage()}"


def local_log(
    path: Path, *, most_bytes: int = MOST_BYTES, echo: Callable[[str], None] | None = None
) -> Callable[[str], None]:
    """A function that appends a line to `path`, with both times; `echo` hears the bare line too.

    Safe for threads.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=most_bytes, backupCount=KEPT, encoding="utf-8", delay=True
    )
    handler.setFormatter(_BothTimes())

    def say(text: str) -> None:
        handler.handle(logging.LogRecord("bot", logging.INFO, "", 0, text, None, None))
        if echo is not None:
            echo(text)

    return say
