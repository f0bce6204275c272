"""A clock that only a test moves."""


class FixedClock:
    """A clock that stands until it is told to move: `sleep_until` moves it."""

    def __init__(self, now_ms: int) -> None:
        """Start at `now_ms`."""
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Where it was last set."""
        return self._now_ms

    def sleep_until(self, at_ms: int) -> None:
        """Jump there; never backwards."""
        self._now_ms = max(self._now_ms, at_ms)
