"""What ticks that are not worked out would have booked: an equity at each look at the account.

Pure arrays, made once.

A tick looks at the account when it begins and, where a candle has just closed, once more when that
candle is final; so tick i has the looks `first[i]` to `first[i + 1]`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from shared.core.calendar import DAY_MS, JST_MS, MINUTE_MS
from shared.core.types import AccountKind, Candles, IntArray
from shared.exchanges.paper.account import Terms
from shared.replay.grid import Grid
from shared.replay.hands import Snapshot
from shared.replay.types import HaltPeriod
from shared.replay.valuation import worth
from shared.risk import fall

SLACK = 1e-12
"""A drawdown this near to its limit is put before the exact rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookings:
    """All looks of all ticks, shape (m,), and where each tick's begin, shape (n + 1,).

    `mark` is the last price of the path that is settled then, of a candle that closed at
    `marked_at`; `day` counts JST days.
    """

    first: IntArray
    as_of: IntArray
    mark: IntArray
    marked_at: IntArray
    day: IntArray

    def equities(
        self,
        start: int,
        stop: int,
        held: Snapshot,
        *,
        kind: AccountKind,
        terms: Terms,
    ) -> IntArray:
        """Equity in 0.0001 yen at the looks [start, stop), while the account is as in `held`."""
        marks = self.mark[start:stop]
        own = held.last_price
        if own is not None and len(marks) and self.marked_at[start] <= held.from_at:
            marks = np.where(self.marked_at[start:stop] <= held.from_at, own, marks)
        return worth(held, marks, self.as_of[start:stop], kind=kind, terms=terms)


def telling_looks(
    looks: Bookings,
    equity: IntArray,
    start: int,
    *,
    since: int,
    peak: int,
    max_drawdown: Decimal,
    halts: Sequence[HaltPeriod],
) -> list[int]:
    """Which of the equities at the looks from `start` on can change the limits, in order: the rules
    are told these only.

    The highest; the first of each JST day; where the fall from the peak may reach `max_drawdown`,
    that one and the highest before it; the first after a person resumed (later than `since`), after
    which the peak begins anew.
    """
    best = int(equity.argmax())
    keys = {best}
    day = looks.day[start - 1 : start + len(equity)]
    if day[-1] != day[0]:
        keys |= set(np.flatnonzero(np.diff(day)).tolist())
    top = max(peak, int(equity[best]))
    if (top - int(equity.min())) >= (float(max_drawdown) - SLACK) * top:
        keys |= _fallen_looks(equity, peak, max_drawdown)
    as_of = looks.as_of[start : start + len(equity)]
    for halt in halts:
        if halt.until_at is not None and since < halt.until_at <= as_of[-1]:
            resumed = int(np.searchsorted(as_of, halt.until_at, side="left"))
            after = equity[resumed:]
            keys |= {resumed, resumed + int(np.argmax(after))}
            keys |= {resumed + key for key in _fallen_looks(after, int(after[0]), max_drawdown)}
    return sorted(keys)


def _fallen_looks(equity: IntArray, peak: int, max_drawdown: Decimal) -> set[int]:
    """The first look at which the drawdown is reached, and those before it that are near, each with
    the peak before it.
    """
    highest = np.maximum(np.maximum.accumulate(equity), peak)
    keys: set[int] = set()
    for breach in np.flatnonzero(
        (highest - equity) >= (float(max_drawdown) - SLACK) * highest
    ).tolist():
        keys |= {breach, int(np.argmax(equity[: breach + 1]))}
        if fall(Decimal(int(highest[breach])), Decimal(int(equity[breach]))) >= max_drawdown:
            break
    return keys


def bookings(grid: Grid, path: Candles, *, settle_ms: int) -> Bookings:
    """The looks of every tick of `grid` at an account on `path`."""
    looks = 1 + grid.fresh
    first = np.concatenate(([0], np.cumsum(looks)))
    received = np.repeat(grid.received_at, looks)
    second = np.zeros(len(received), dtype=np.bool_)
    second[first[1:][grid.fresh] - 1] = True
    minute = received - received % MINUTE_MS
    as_of = np.where(second, np.maximum(received, minute + settle_ms), received)
    settled = np.maximum.accumulate(
        np.where(second, minute, (received - settle_ms) // MINUTE_MS * MINUTE_MS)
    )
    rows = np.searchsorted(path.opened_at, settled - path.timeframe.ms, side="right") - 1
    there = rows >= 0
    row = np.maximum(rows, 0)
    return Bookings(
        first=first,
        as_of=as_of,
        mark=(
            np.where(there, path.close[row], 0).astype(np.int64)
            if len(path)
            else np.zeros(len(as_of), dtype=np.int64)
        ),
        marked_at=(
            np.where(there, path.opened_at[row] + path.timeframe.ms, -1)
            if len(path)
            else np.full(len(as_of), -1)
        ),
        day=(as_of + JST_MS) // DAY_MS,
    )
