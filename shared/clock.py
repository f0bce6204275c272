"""The clock port. `now`, `sleep`, leases, expiry and staleness use it; deadlines of real work use `time.monotonic`."""

import time
from typing import Protocol


class Clock(Protocol):
    """Time as the bot sees it."""

    def now_ms(self) -> int:
        """The present instant in milliseconds since 1970 UTC."""
        ...

    def sleep_until(self, at_ms: int) -> None:
        """Return when `now_ms() >= at_ms`."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        """The wall clock in milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def sleep_until(self, at_ms: int) -> None:
        """Sleep in the real world; steps of the wall clock cannot make it sleep longer than was asked at first."""
        remaining = at_ms - self.now_ms()
        if remaining > 0:
            time.sleep(remaining / 1000)


class FixedClock:
    """A clock that stands until it is told to move: `sleep_until` moves it. For replays and tests."""

    def __init__(self, now_ms: int) -> None:
        """Start at `now_ms`."""
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Where it was last set."""
        return self._now_ms

    def sleep_until(self, at_ms: int) -> None:
        """Jump there; never backwards."""
        self._now_ms = max(self._now_ms, at_ms)
