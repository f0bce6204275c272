"""Candles that keep every rule of candles and tell another story: what an honest row must not
notice before they close.

Prices jump between a half and the double of where they were, volumes as well. Every candle reaches
far up and far down, and the first of a story closes on the other side of its open than the real one
did: whoever looks at it sees something else.
"""

import numpy as np

from shared.core.types import BoolArray, Candles, FloatArray, IntArray

_SLOPE_FROM, _SLOPE_STEP = 1_000_000.0, 500.0


def wild(candles: Candles, at: int, random: np.random.Generator) -> Candles:
    """The same candles with another future from `at` on.

    A candle that is open at `at` changes as a whole; of one that begins right there the open is
    kept, which a tick has seen.
    """
    first = len(candles.closed_by(at))
    rows = np.arange(first, len(candles))
    if not len(rows):
        return candles
    start = np.full(len(rows), candles.open[first])
    begins = rows == first
    return _invent_rows(
        candles,
        rows,
        start,
        turned=begins,
        kept=begins & (candles.opened_at[rows] == at),
        random=random,
    )


def falsify_candles(
    candles: Candles, firsts: IntArray, count: int, random: np.random.Generator
) -> Candles:
    """The same candles, but for `count` wild ones from each of the rows `firsts`; what follows
    these is real again.
    """
    rows = np.unique(np.concatenate([firsts + ahead for ahead in range(count)]))
    rows = rows[rows < len(candles)]
    return _invent_rows(
        candles,
        rows,
        candles.open[rows],
        turned=np.isin(rows, firsts),
        kept=np.zeros(len(rows), np.bool_),
        random=random,
    )


def slope_candles(candles: Candles, *, rising: bool) -> Candles:
    """The same instants with a market that only rises, or only falls: what has two or three answers
    gives another one.
    """
    rows = np.arange(len(candles), dtype=np.float64)
    close = _SLOPE_FROM + _SLOPE_STEP * (rows if rising else rows[::-1])
    open_ = close - _SLOPE_STEP if rising else close + _SLOPE_STEP
    return Candles(
        timeframe=candles.timeframe,
        opened_at=candles.opened_at,
        open=open_,
        high=np.maximum(open_, close),
        low=np.minimum(open_, close),
        close=close,
        volume=1.0 + rows,
    )


def _invent_rows(
    candles: Candles,
    rows: IntArray,
    start: FloatArray,
    *,
    turned: BoolArray,
    kept: BoolArray,
    random: np.random.Generator,
) -> Candles:
    """Another story in some `rows`, around the prices `start`; the `turned` ones close on the other
    side of the real close.
    """
    factors = random.uniform(0.25, 1.0, (4, len(rows))) * np.array([[1.0], [1.0], [-1.0], [1.0]])
    factors[[0, 3]] *= random.choice([-1.0, 1.0], (2, len(rows)))
    opposite = np.where(candles.close[rows] > start, -1.0, 1.0)
    factors[3] = np.where(turned, np.abs(factors[3]) * opposite, factors[3])
    prices = np.maximum(2.0, np.rint(start * np.exp2(factors)))
    prices[0] = np.where(kept, start, prices[0])
    told = {
        "open": prices[0],
        "high": prices.max(axis=0),
        "low": prices.min(axis=0),
        "close": prices[3],
    }
    told["volume"] = np.round(random.uniform(0.0, 20.0, len(rows)), 4)
    columns = {name: getattr(candles, name).copy() for name in told}
    for name, column in columns.items():
        column[rows] = told[name]
    return Candles(timeframe=candles.timeframe, opened_at=candles.opened_at, **columns)
