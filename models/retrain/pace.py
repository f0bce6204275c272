"""How far a retraining is, told to whoever looks; and when its time is up."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from models.retrain.place import Tell
from shared.core.errors import BotError

SAY_EVERY_SECONDS = 1.0


class TimeIsUp(BotError):
    """The time limit came before the end.

    What was saved stays; the next call goes on from there.
    """


class JobHold(Protocol):
    """The claim that is worked under: `models.jobs.records.HeldJob`."""

    def save(self, changes: Mapping[str, Any], *, now_ms: int) -> None:
        """Write `changes`, renew the lease. Raises `LeaseLost`."""
        ...


class JobPace:
    """Tells progress, at most once a second, and ends the work when its time is up."""

    def __init__(
        self,
        hold: JobHold,
        *,
        now_ms: Callable[[], int],
        seconds: float,
        on_progress: Tell | None = None,
    ) -> None:
        """`seconds` are counted from now, on the machine's own clock."""
        self._hold, self._now_ms, self._seconds, self._on_progress = (
            hold,
            now_ms,
            seconds,
            on_progress,
        )
        self._began = time.monotonic()
        self._said = 0.0

    def tell(self, doing: str, share: float) -> None:
        """`share` in [0, 1] of the whole is done and `doing` comes next.

        Raises `TimeIsUp` or `LeaseLost`.
        """
        now = time.monotonic()
        if self._on_progress is not None:
            self._on_progress(doing, share)
        if now - self._said >= SAY_EVERY_SECONDS:
            self._hold.save({"doing": doing, "share": round(share, 4)}, now_ms=self._now_ms())
            self._said = now
        if now - self._began >= self._seconds:
            raise TimeIsUp(f"{self._seconds:g} s were over before {doing}")

    def part(self, first: float, last: float) -> Tell:
        """A teller for one step, whose own 0..1 is [first, last] of the whole."""

        def tell(doing: str, share: float) -> None:
            self.tell(doing, first + (last - first) * min(1.0, max(0.0, share)))

        return tell
