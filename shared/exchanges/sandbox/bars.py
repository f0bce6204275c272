"""Bars of every length that bitbank serves, made once from the one-minute candles. Pure.

Days and everything shorter are cut at 00:00 UTC, weeks on Mondays (bitbank does not document the
day), months on their first. A bar exists where at least one minute of it does: holes stay holes,
minutes without a trade are flat bars of volume zero.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from shared.core.calendar import DAY_MS, MINUTE_MS, WEEK_MS
from shared.core.money import LOTS_PER_BTC
from shared.core.types import Candles, IntArray
from shared.market.path import OFFSETS_MS, four_prices

_FIRST_MONDAY_MS = 4 * DAY_MS

DAY_FILES = {"1min": 1, "5min": 5, "15min": 15, "30min": 30, "1hour": 60}
YEAR_FILES = {"4hour": 240, "8hour": 480, "12hour": 720, "1day": 1_440}
CALENDAR_FILES = ("1week", "1month")
KINDS = (*DAY_FILES, *YEAR_FILES, *CALENDAR_FILES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Bars of one length as arrays: prices in yen, volume in lots; `first_minute` is the row of
    each bar's first minute.
    """

    opened_at: IntArray
    closed_at: IntArray
    open: IntArray
    high: IntArray
    low: IntArray
    close: IntArray
    lots: IntArray
    first_minute: IntArray

    def __len__(self) -> int:
        """How many bars."""
        return len(self.opened_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: prices in yen, volume in lots."""

    opened_at: int
    open: int
    high: int
    low: int
    close: int
    lots: int


def minute_bars(minutes: Candles) -> Bars:
    """The one-minute candles themselves, prices in whole yen and volume in whole lots."""
    return Bars(
        opened_at=minutes.opened_at,
        closed_at=minutes.opened_at + MINUTE_MS,
        open=_whole(minutes.open),
        high=_whole(minutes.high),
        low=_whole(minutes.low),
        close=_whole(minutes.close),
        lots=_whole(minutes.volume * LOTS_PER_BTC),
        first_minute=np.arange(len(minutes), dtype=np.int64),
    )


def bars_of(kind: str, minutes: Bars) -> Bars:
    """Bars of `kind` (one of `KINDS`) from the minutes."""
    if kind == "1min":
        return minutes
    opened_at, closed_at = _bounds(kind, minutes.opened_at)
    first = np.flatnonzero(np.diff(opened_at, prepend=opened_at[0] - 1))
    last = np.append(first[1:], len(minutes)) - 1
    return Bars(
        opened_at=opened_at[first],
        closed_at=closed_at[first],
        open=minutes.open[first],
        high=np.maximum.reduceat(minutes.high, first),
        low=np.minimum.reduceat(minutes.low, first),
        close=minutes.close[last],
        lots=np.add.reduceat(minutes.lots, first),
        first_minute=first,
    )


def points_seen(since_open_ms: int) -> int:
    """How many of a minute's four path points lie at or before `since_open_ms` after
    its opening.
    """
    return sum(offset <= since_open_ms for offset in OFFSETS_MS)


def lots_seen(lots: int, points: int) -> int:
    """What of a minute's volume was traded by its first `points` path points: a quarter at each,
    whole lots.
    """
    return lots * points // len(OFFSETS_MS)


def forming_minute(minutes: Bars, row: int, now_ms: int) -> Bar:
    """The minute at `row` as far as it is known at `now_ms`: only the path points at or
    before it.
    """
    opened_at = int(minutes.opened_at[row])
    prices = four_prices(
        int(minutes.open[row]),
        int(minutes.high[row]),
        int(minutes.low[row]),
        int(minutes.close[row]),
    )
    seen = points_seen(now_ms - opened_at)
    known = prices[:seen]
    return Bar(
        opened_at=opened_at,
        open=known[0],
        high=max(known),
        low=min(known),
        close=known[-1],
        lots=lots_seen(int(minutes.lots[row]), seen),
    )


def span(minutes: Bars, first: int, last: int, now_ms: int) -> Bar:
    """One bar from the minutes `first` to `last` (included) as far as they are known at `now_ms`;
    `last` may be forming.
    """
    end = forming_minute(minutes, last, now_ms)
    if first == last:
        return end
    return Bar(
        opened_at=int(minutes.opened_at[first]),
        open=int(minutes.open[first]),
        high=max(end.high, int(minutes.high[first:last].max())),
        low=min(end.low, int(minutes.low[first:last].min())),
        close=end.close,
        lots=end.lots + int(minutes.lots[first:last].sum()),
    )


def file_bounds(kind: str, date: str) -> tuple[int, int] | None:
    """The instants [from, to) of the file `date` of `kind`; None where the date does not have the
    form that `kind` asks for.
    """
    length, pattern = (8, "%Y%m%d") if kind in DAY_FILES else (4, "%Y")
    if len(date) != length or not (date.isascii() and date.isdigit()):
        return None
    try:
        begins = datetime.strptime(date, pattern).replace(tzinfo=UTC)
        ends_ms = (
            _ms(begins) + DAY_MS if kind in DAY_FILES else _ms(begins.replace(year=begins.year + 1))
        )
    except ValueError:
        return None
    return _ms(begins), ends_ms


def _bounds(kind: str, opened_at: IntArray) -> tuple[IntArray, IntArray]:
    if kind == "1month":
        months = opened_at.astype("datetime64[ms]").astype("datetime64[M]")
        begins = months.astype("datetime64[ms]").astype(np.int64)
        ends = (months + np.timedelta64(1, "M")).astype("datetime64[ms]").astype(np.int64)
        return begins, ends
    if kind == "1week":
        begins = opened_at - (opened_at - _FIRST_MONDAY_MS) % WEEK_MS
        return begins, begins + WEEK_MS
    length = (DAY_FILES | YEAR_FILES)[kind] * MINUTE_MS
    begins = opened_at - opened_at % length
    return begins, begins + length


def _whole(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> IntArray:
    return np.rint(values).astype(np.int64)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
