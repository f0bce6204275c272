"""When ticks ran: schedule times, when each was received, and which candle was the newest then.

Pure arrays.
"""

from dataclasses import dataclass, replace

import numpy as np

from shared.core.calendar import MINUTE_MS
from shared.core.types import BoolArray, IntArray, Timeframe
from shared.replay.types import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Every tick in the order in which it was received, shape (n,) each.

    Attributes:
        scheduled_at: Its schedule time.
        received_at: When it began.
        late: A tick scheduled later had run before it, or it came too late for its work: it
            protects and does nothing else.
        newest: The row of the newest 15m candle that is known to the tick, -1 for none; a late tick
            reads none.
        fresh: The tick may order something, because a candle has closed since the tick before: it
            waits until that is final.
        settled_at: Up to where the tick settles the account before it decides.
    """

    scheduled_at: IntArray
    received_at: IntArray
    late: BoolArray
    newest: IntArray
    fresh: BoolArray
    settled_at: IntArray

    def __len__(self) -> int:
        """How many ticks."""
        return len(self.received_at)

    def first_from(self, at: int) -> int:
        """The index of the first tick received at or after `at`."""
        return int(self.received_at.searchsorted(at, side="left"))

    def first_settling(self, at: int, after: int) -> int:
        """The index of the first tick after index `after` that settles the account up to `at` or
        further.
        """
        index = max(after + 1, self.first_from(at))
        while index < len(self) and self.settled_at[index] < at:
            index += 1
        return index


def watched_grid(ticks: Grid) -> Grid:
    """The same ticks while a target is watched: each settles the account up to its own minute (see
    `Steps.is_due`).
    """
    minute = ticks.received_at - ticks.received_at % MINUTE_MS
    return replace(
        ticks, fresh=~ticks.late, settled_at=np.where(ticks.late, ticks.settled_at, minute)
    )


def grid(
    closed_at: IntArray,
    *,
    start_at: int,
    end_at: int,
    interval_ms: int,
    settle_ms: int,
    schedule: Schedule,
    latest_start_ms: int | None = None,
) -> Grid:
    """All ticks scheduled and received in [start_at, end_at].

    `closed_at`: of the 15m candles, ascending.

    A tick received more than `latest_start_ms` after its schedule time is late.
    """
    scheduled = np.arange(start_at, end_at + 1, interval_ms, dtype=np.int64)
    if schedule.missed:
        scheduled = scheduled[~np.isin(scheduled, np.fromiter(schedule.missed, dtype=np.int64))]
    received = scheduled.copy()
    if schedule.received_at:
        came = np.array(sorted(schedule.received_at.items()), dtype=np.int64)
        place = np.searchsorted(scheduled, came[:, 0])
        known = np.append(scheduled, -1)[place] == came[:, 0]
        received[place[known]] = came[known, 1]
        order = np.argsort(received, kind="stable")
        order = order[received[order] <= end_at]
        scheduled, received = scheduled[order], received[order]
    late = (
        scheduled < np.maximum.accumulate(scheduled)
        if len(scheduled)
        else np.zeros(0, dtype=np.bool_)
    )
    if latest_start_ms is not None:
        late |= received - scheduled > latest_start_ms
    seen = np.searchsorted(closed_at, received, side="right") - 1
    newest = np.maximum.accumulate(np.where(late, -1, seen)) if len(seen) else seen
    quarter = received - received % Timeframe.M15.ms
    before = np.concatenate(([-1], newest[:-1]))[: len(newest)]
    known_at = np.where(before >= 0, closed_at[np.maximum(before, 0)] if len(closed_at) else 0, 0)
    fresh = (quarter > known_at) & ~late
    minute = received - received % MINUTE_MS
    settled = np.where(fresh, minute, (received - settle_ms) // MINUTE_MS * MINUTE_MS)
    return Grid(
        scheduled_at=scheduled,
        received_at=received,
        late=late,
        newest=newest,
        fresh=fresh,
        settled_at=settled,
    )
