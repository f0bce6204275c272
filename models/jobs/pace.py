"""How far a job is, written where others can look; and when its slice or the job is over."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from models.jobs.held import HeldJob
from shared.core.errors import BotError

NOTE_EVERY_SECONDS = 1.0


class TimeIsUp(BotError):
    """The slice is over before the job: it waits for its next worker, who goes on from what was
    saved. `changes` are written as the job is handed over.

    >>> TimeIsUp("the slice was over before the replay", changes={"row": 12}).changes
    {'row': 12}
    """

    def __init__(self, found: str, *, changes: Mapping[str, Any] | None = None) -> None:
        """Say what was over before what."""
        super().__init__(found)
        self.changes = changes or {}


class JobCanceled(BotError):
    """Somebody asked to give the job up; what was saved of it goes."""


class JobPace:
    """One slice: so many seconds from now on, on the machine's own clock.

    >>> from models.jobs.records import JobDocuments
    >>> from shared.core.clock import SystemClock
    >>> from shared.stores.memory import MemoryDocuments
    >>> clock, jobs = SystemClock(), JobDocuments(MemoryDocuments(), "backtests")
    >>> made = jobs.create("spring", kind="backtest", job={}, job_hash="a1", now_ms=clock.now_ms())
    >>> held = jobs.take("spring", now_ms=clock.now_ms(), lease_ms=60_000)
    >>> pace = JobPace(held, now_ms=clock.now_ms, seconds=60.0)
    >>> pace.is_over, JobPace(held, now_ms=clock.now_ms, seconds=0.0).is_over
    (False, True)
    """

    def __init__(self, held: HeldJob, *, now_ms: Callable[[], int], seconds: float) -> None:
        """Work on `held` for at most `seconds`."""
        self._held, self._now_ms, self.seconds = held, now_ms, seconds
        self._began = time.monotonic()
        self._noted: float | None = None

    @property
    def worked_seconds(self) -> float:
        """How long this slice has worked."""
        return time.monotonic() - self._began

    @property
    def is_over(self) -> bool:
        """Whether the slice's time is up."""
        return self.worked_seconds >= self.seconds

    def note(self, changes: Mapping[str, Any]) -> None:
        """Write how far the job is, at most once a second.

        Raises `JobCanceled` where it is to be given up, and `LeaseLost`.
        """
        now = time.monotonic()
        if self._noted is None or now - self._noted >= NOTE_EVERY_SECONDS:
            self._held.save(changes, now_ms=self._now_ms())
            self._noted = now
        if self._held.is_canceled:
            raise JobCanceled(f"{self._held.name} was canceled")
