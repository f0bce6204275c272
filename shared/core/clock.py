"""The clock port.

`now`, `sleep`, leases, expiry and staleness use it; deadlines of real work use `time.monotonic`.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Time as the bot sees it.

    >>> from shared.core.calendar import utc_text
    >>> utc_text(SystemClock().now_ms()) > "2025"
    True
    """

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
        """Sleep in the real world; steps of the wall clock cannot make it sleep longer than was
        asked at first.
        """
        remaining = at_ms - self.now_ms()
        if remaining > 0:
            time.sleep(remaining / 1000)


class BoundedClock:
    """A clock that is compared with the exchange's, and never says a later time than that where it
    is known to be ahead.

    `off_ms`: ours minus the exchange's, where they differ by more than is allowed; 0 where ours is
    right or nobody knows. A clock that is behind stays behind: what is stored may be older than it
    should be, but never lies in the future. `known`: whether the two were ever compared.

    >>> clock = BoundedClock(SystemClock(), allowed_ms=2_000)
    >>> clock.compare(3_600_000)
    >>> clock.off_ms, clock.own_ms() > clock.exchange_ms()
    (3600000, True)
    """

    def __init__(self, inner: Clock, *, allowed_ms: float) -> None:
        """Believe `inner` until `compare` knows better."""
        self._inner, self._allowed_ms = inner, allowed_ms
        self.off_ms, self.known = 0, False

    def compare(self, skew_ms: float | None) -> None:
        """Take a measured difference into account; None says nothing."""
        if skew_ms is not None:
            self.off_ms, self.known = int(skew_ms) if abs(skew_ms) > self._allowed_ms else 0, True

    def own_ms(self) -> int:
        """What the machine says."""
        return self._inner.now_ms()

    def exchange_ms(self) -> int:
        """What the exchange's clock says, as far as is known."""
        return self._inner.now_ms() - self.off_ms

    def now_ms(self) -> int:
        """The earlier of the two."""
        return self._inner.now_ms() - max(0, self.off_ms)

    def sleep_until(self, at_ms: int) -> None:
        """Sleep until `now_ms` says `at_ms`."""
        self._inner.sleep_until(at_ms + max(0, self.off_ms))
