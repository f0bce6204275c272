"""The price between schedule times: one path, made of 1m candles read as four prices each. Pure.

    second   0        20             40            59
    price    open     the extreme    the other     close
                      nearer the     extreme
                      open

Paper exchange, sandbox and replay all take the path from here. On a tie of the extremes the low
comes first. A replay that has nothing finer reads a longer candle in the same way, its four prices
at the same shares of its length.
"""

from bisect import bisect_right
from functools import cache

from shared.core.errors import BadData
from shared.core.types import Book, Candles, Timeframe

OFFSETS_MS = (0, 20_000, 40_000, 59_000)


@cache
def offsets_ms(timeframe: Timeframe) -> tuple[int, int, int, int]:
    """When the four prices of a candle are, in ms after it opened.

    >>> offsets_ms(Timeframe.M1)
    (0, 20000, 40000, 59000)
    """
    longer = timeframe.ms // Timeframe.M1.ms
    first, second, third, last = OFFSETS_MS
    return first * longer, second * longer, third * longer, last * longer


def four_prices(open_: float, high: float, low: float, close: float) -> tuple[int, int, int, int]:
    """The prices of one candle of the path at its four instants, in whole yen.

    >>> four_prices(100.0, 103.0, 92.0, 95.0)  # the nearer extreme comes first
    (100, 103, 92, 95)
    """
    if high - open_ < open_ - low:
        return int(open_), int(high), int(low), int(close)
    return int(open_), int(low), int(high), int(close)


def price_at(minutes: Candles, at: int) -> int:
    """The last price of the path at or before `at`.

    Raises `BadData` where the path begins later.
    """
    row = int(minutes.opened_at.searchsorted(at, side="right")) - 1
    if row < 0:
        raise BadData(f"the path begins after {at}")
    since = at - int(minutes.opened_at[row])
    point = bisect_right(offsets_ms(minutes.timeframe), since) - 1
    return four_prices(minutes.open[row], minutes.high[row], minutes.low[row], minutes.close[row])[
        point
    ]


def book_at(price: int, *, spread_rate: float, as_of: int) -> Book:
    """The book around a price of the path: half the spread on either side, one yen at the least.

    >>> book_at(9_800_000, spread_rate=0.0002, as_of=0).bid
    9799020
    """
    half = max(1, round(price * spread_rate / 2))
    return Book(as_of=as_of, bid=price - half, ask=price + half)
