"""How often may be asked: 10 QUERY and 6 UPDATE requests in a second, for one user."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

RequestKind: TypeAlias = Literal["QUERY", "UPDATE"]
A_SECOND: Mapping[RequestKind, int] = {"QUERY": 10, "UPDATE": 6}


class RequestLimits:
    """Counts the requests of the last second, by a clock that only goes forward. One thread at a
    time.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        """Measure by `seconds`."""
        self._seconds = seconds
        self._recent: dict[RequestKind, deque[float]] = {"QUERY": deque(), "UPDATE": deque()}

    def take(self, kind: RequestKind) -> bool:
        """Count one request; False where there were too many, and then it does not count."""
        now, recent = self._seconds(), self._recent[kind]
        while recent and recent[0] <= now - 1.0:
            recent.popleft()
        if len(recent) >= A_SECOND[kind]:
            return False
        recent.append(now)
        return True
