"""Until when a piece of work may take: one instant for everything in it that waits.

A tick sets it once, when it is received, and whatever talks to the outside asks how long it may
still wait: stores, bucket, exchange and sink, however deep below. It is bound to the context of its
thread, so that two requests in one process do not share it. Outside of any, the limits of each
adapter hold.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Self

from shared.core.errors import Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """An instant of `time.monotonic`, in seconds.

    >>> deadline = Deadline.after(115.0)
    >>> 114.0 < deadline.seconds_left <= 115.0, deadline.earlier(5.0) < deadline
    (True, True)
    """

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """The one in so many seconds from now."""
        return cls(at=time.monotonic() + seconds)

    def __lt__(self, other: "Deadline") -> bool:
        return self.at < other.at

    @property
    def seconds_left(self) -> float:
        """How long it still is; 0 where it is over."""
        return max(0.0, self.at - time.monotonic())

    def earlier(self, seconds: float) -> "Deadline":
        """The one so many seconds before it."""
        return Deadline(at=self.at - seconds)


_BOUND: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def bind_deadline(deadline: Deadline) -> Iterator[Deadline]:
    """Let everything that waits in here end by `deadline`, and by the one around it.

    >>> with bind_deadline(Deadline.after(60.0)), bind_deadline(Deadline.after(90.0)):
    ...     round(seconds_left(600.0, "a test"))
    60
    """
    around = _BOUND.get()
    token = _BOUND.set(deadline if around is None else min(around, deadline))
    try:
        yield deadline
    finally:
        _BOUND.reset(token)


def bound_at(at: float | None = None) -> float | None:
    """The earlier of `at` (of `time.monotonic`) and the deadline that is bound; None where there is
    neither.

    >>> bound_at(5.0), bound_at() is None
    (5.0, True)
    """
    bound = _BOUND.get()
    found = [
        instant for instant in (at, bound.at if bound is not None else None) if instant is not None
    ]
    return min(found, default=None)


def seconds_left(most: float, what: str) -> float:
    """How long one wait may take: `most`, or what the deadline leaves of it.

    >>> seconds_left(10.0, "the document bots/one")
    10.0

    Raises:
        Unavailable: Nothing is left; `what` was to be done.
    """
    bound = _BOUND.get()
    left = most if bound is None else min(most, bound.seconds_left)
    if left <= 0:
        raise Unavailable(f"no time was left for {what}")
    return left
