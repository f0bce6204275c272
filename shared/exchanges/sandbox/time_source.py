"""The sandbox's own clocks: the machine's, moved and stretched, and one that moves only when told
to.
"""

import threading
import time
from typing import Literal, Protocol, TypeAlias

Policy: TypeAlias = Literal["auto", "driver"]


class TimeSource(Protocol):
    """A clock that a sandbox shows to others.

    Like `shared.core.clock.Clock`, with waiting that can be given up.
    """

    @property
    def name(self) -> str:
        """`real` or `stepped`."""
        ...

    def now_ms(self) -> int:
        """The present instant of the sandbox."""
        ...

    def wait_until(self, at_ms: int, *, patience_seconds: float) -> bool:
        """Wait for `at_ms`, `patience_seconds` of real time at the most; whether it is reached."""
        ...

    def advance_to(self, at_ms: int) -> bool:
        """Move forward to `at_ms`, never backwards; False where this clock cannot be moved."""
        ...


class MachineTime:
    """The machine's clock, moved by an offset and optionally running faster. Nobody can step it.

    It follows the monotonic clock from its start on, so steps of the machine's wall clock do not
    reach it.
    """

    name = "real"

    def __init__(self, *, offset_ms: int = 0, speed: float = 1.0) -> None:
        """Start at the machine's time plus `offset_ms`; `speed` sandbox seconds pass in
        a second.
        """
        self._speed = speed
        self._began_at = time.time_ns() // 1_000_000 + offset_ms
        self._began = time.monotonic()

    def now_ms(self) -> int:
        """The present instant of the sandbox."""
        return self._began_at + int((time.monotonic() - self._began) * 1000 * self._speed)

    def wait_until(self, at_ms: int, *, patience_seconds: float) -> bool:
        """Wait for `at_ms`, `patience_seconds` of real time at the most; whether it is reached."""
        needed = (at_ms - self.now_ms()) / 1000 / self._speed
        if needed > 0:
            time.sleep(min(needed + 0.001, patience_seconds))
        return self.now_ms() >= at_ms

    def advance_to(self, at_ms: int) -> bool:
        """Refuse: this clock runs by itself."""
        del at_ms
        return False


class SteppedTime:
    """A clock that stands until somebody moves it, and never goes back. Safe for many threads.

    Policy `auto`: whoever sleeps moves it forward. Policy `driver`: only `advance_to` moves it, and
    sleepers wait for that.
    """

    name = "stepped"

    def __init__(self, now_ms: int, *, policy: Policy = "auto") -> None:
        """Stand at `now_ms`."""
        self.policy = policy
        self._now_ms = now_ms
        self._moved = threading.Condition()

    def now_ms(self) -> int:
        """Where it stands."""
        with self._moved:
            return self._now_ms

    def wait_until(self, at_ms: int, *, patience_seconds: float) -> bool:
        """Move there (policy `auto`), or wait until a driver has, `patience_seconds` at the most;
        whether it is reached.
        """
        if self.policy == "auto":
            return self.advance_to(at_ms)
        with self._moved:
            return self._moved.wait_for(lambda: self._now_ms >= at_ms, timeout=patience_seconds)

    def advance_to(self, at_ms: int) -> bool:
        """Move forward to `at_ms`; an earlier instant changes nothing."""
        with self._moved:
            self._now_ms = max(self._now_ms, at_ms)
            self._moved.notify_all()
        return True
