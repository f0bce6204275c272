"""How fast bitbank may be asked, on the monotonic clock."""

import time
from collections.abc import Callable

QUERIES_PER_SECOND = 5.0
UPDATES_PER_SECOND = 3.0
"""Half of what bitbank grants a user, 10 queries and 6 updates a second: a bucket that is full
gives as many at once as come back in a second, and any second must hold no more than the limit."""

MINUTE_SECONDS = 60.0


class RequestPace:
    """A token bucket on the monotonic clock: as many requests a second as given, that
    many at once.
    """

    def __init__(
        self, per_second: float, *, monotonic: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._per_second = per_second
        self._monotonic = monotonic
        self._sleep = sleep
        self._tokens = per_second
        self._at = monotonic()

    def wait(self) -> None:
        """Return when one more request may be sent."""
        seconds = self.seconds_left()
        if seconds > 0:
            self._sleep(seconds)
        self._tokens -= 1.0

    def seconds_left(self) -> float:
        """How long one more request would have to wait."""
        now = self._monotonic()
        earned = max(0.0, now - self._at) * self._per_second
        self._tokens = min(self._per_second, self._tokens + earned)
        self._at = now
        return max(0.0, (1.0 - self._tokens) / self._per_second)

    def pause(self, seconds: float) -> None:
        """Let nothing through for that long, a minute at most: the exchange asked for patience.

        It counts from now, not from the last request.
        """
        self.seconds_left()
        self._tokens = min(self._tokens, 1.0 - min(seconds, MINUTE_SECONDS) * self._per_second)


class AccountPace:
    """The two limits of a bitbank user, whoever of this process sends: queries, and updates (orders
    and cancels), each for itself.

    >>> waited = []
    >>> limits = AccountPace(monotonic=lambda: sum(waited), sleep=waited.append)
    >>> for _ in range(5):
    ...     limits.queries.wait()
    >>> limits.updates.wait()
    >>> waited
    []
    >>> limits.queries.wait()
    >>> waited
    [0.2]
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.queries = RequestPace(QUERIES_PER_SECOND, monotonic=monotonic, sleep=sleep)
        self.updates = RequestPace(UPDATES_PER_SECOND, monotonic=monotonic, sleep=sleep)
