"""Which tick is asked for: named by its schedule time, so that a redelivery is the same tick; by
hand, by its arrival.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

FIRST_YEAR, LAST_YEAR = 2000, 2100


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRequest:
    """A tick's name and times. `received_at` bounds what it may still order."""

    tick: str
    scheduled_at: int
    received_at: int

    @classmethod
    def by_schedule(cls, scheduled_at: int, *, received_at: int) -> "TickRequest":
        """The tick of a schedule time."""
        return cls(tick=_name(scheduled_at), scheduled_at=scheduled_at, received_at=received_at)

    @classmethod
    def by_hand(cls, received_at: int) -> "TickRequest":
        """A tick that no schedule asked for; it cannot swallow a scheduled one."""
        return cls(
            tick=f"manual-{_name(received_at)}", scheduled_at=received_at, received_at=received_at
        )

    def believe_clock(self, now_ms: int, *, latest_ms: int) -> "TickRequest":
        """The request as a sound clock, on which it is `now_ms`, would have made it.

        It cannot have arrived later than now. A schedule time later than `latest_ms` cannot be
        true, and must not take the name of the tick whose time that is: such a tick is one by hand.
        """
        received_at = min(self.received_at, now_ms)
        if self.scheduled_at > latest_ms:
            return TickRequest.by_hand(received_at)
        return self if received_at == self.received_at else replace(self, received_at=received_at)


def schedule_time(text: str) -> int:
    """The instant that an RFC 3339 text names.

    Raises `ValueError` with a sentence that says what would be right.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f"the schedule time was {text[:60]!r}; it must be RFC 3339, like 2026-02-01T00:03:00Z"
        ) from error
    if moment.tzinfo is None:
        raise ValueError(
            f"the schedule time was {text[:60]!r}; it must carry its offset, like"
            " 2026-02-01T00:03:00Z"
        )
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(
            f"the schedule time was {text[:60]!r}; it must lie between {FIRST_YEAR} and {LAST_YEAR}"
        )
    return int(moment.timestamp() * 1000)


def _name(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, tz=UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"
