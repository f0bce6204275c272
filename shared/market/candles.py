"""Candles as arrays: their rules, coarser ones from finer ones, and joining. Pure."""

import numpy as np
from numpy.typing import NDArray

from shared.core.errors import BadData
from shared.core.types import BoolArray, Candles, FloatArray, IntArray, Timeframe

COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")
VOLUME_UNITS = 1e8
"""Sums of volumes are rounded to the eight places that a bitcoin has, so that adding floats leaves
no dust."""

HIGHEST_PRICE_JPY = 1e10
MOST_VOLUME_BTC = 21e6


class BadCandles(BadData):
    """Candles break a rule. `row` counts from 0."""

    def __init__(self, rule: str, *, row: int) -> None:
        """Say which `rule` was broken and in which `row` first."""
        super().__init__(f"candle row {row}: {rule}")
        self.rule = rule
        self.row = row


def empty_candles(timeframe: Timeframe) -> Candles:
    """No candles.

    >>> len(empty_candles(Timeframe.H4))
    0
    """
    none = np.empty(0)
    return Candles(
        timeframe=timeframe,
        opened_at=np.empty(0, np.int64),
        open=none,
        high=none,
        low=none,
        close=none,
        volume=none,
    )


def from_table(
    timeframe: Timeframe, table: FloatArray, *, spacing_ms: int | None = None
) -> Candles:
    """Candles from a float64 matrix (n, 6) in the order of `COLUMNS`, checked (see there).

    Raises `BadCandles`.
    """
    _first(
        ~np.isfinite(table[:, 0]) | (table[:, 0] != np.floor(table[:, 0])),
        "the timestamp must be a whole number",
    )
    columns = np.ascontiguousarray(table.T)
    return check_candle_rules(
        Candles(
            timeframe=timeframe,
            opened_at=columns[0].astype(np.int64),
            open=columns[1],
            high=columns[2],
            low=columns[3],
            close=columns[4],
            volume=columns[5],
        ),
        spacing_ms=spacing_ms,
    )


def check_candle_rules(
    candles: Candles, *, spacing_ms: int | None = None, values: bool = True
) -> Candles:
    """The same candles, where they keep every rule; holes are allowed.

    Raises `BadCandles` for the first row that does not.

    The rules: arrays of equal length; opened on the grid of the timeframe (or of `spacing_ms`),
    ascending, none twice (so every spacing is a multiple of it); and those of
    `check_candle_values`, unless `values` says that they were checked.
    """
    at, grid_ms = candles.opened_at, spacing_ms or candles.timeframe.ms
    if any(getattr(candles, name).shape != at.shape for name in COLUMNS[1:]):
        raise BadCandles("the columns must be equally long", row=0)
    _first(
        at % grid_ms > 0,
        f"a {_spacing_text(grid_ms)} candle must open on the grid of {_spacing_text(grid_ms)}",
    )
    steps = np.diff(at, prepend=at[:1] - 1)
    _first(steps == 0, "the timestamp stands there twice")
    _first(steps < 0, "timestamps must ascend")
    return check_candle_values(candles) if values else candles


def check_candle_values(candles: Candles) -> Candles:
    """The same candles, where each for itself keeps the rules.

    Raises `BadCandles` for the first row that does not.

    The rules: prices finite, whole, positive yen, at most `HIGHEST_PRICE_JPY`; high >= open, close
    >= low; volume finite, >= 0, no more than there are bitcoins, as finely as it comes: other
    exchanges trade smaller parts of one than bitbank does.
    """
    prices = np.array([candles.open, candles.high, candles.low, candles.close])
    highest, lowest = prices.max(axis=0), prices.min(axis=0)
    _first(~np.isfinite(prices).all(axis=0), "prices must be finite numbers")
    _first(lowest <= 0, "prices must be positive")
    _first(highest > HIGHEST_PRICE_JPY, f"prices must be at most {HIGHEST_PRICE_JPY:,.0f} yen")
    _first((prices != np.floor(prices)).any(axis=0), "prices must be whole yen")
    _first(candles.high < highest, "high must be the highest of the four prices")
    _first(candles.low > lowest, "low must be the lowest of the four prices")
    _first(
        ~(np.isfinite(candles.volume) & (candles.volume >= 0)),
        "volume must be a finite number, zero or more",
    )
    _first(
        candles.volume > MOST_VOLUME_BTC,
        f"volume must be at most {MOST_VOLUME_BTC:,.0f} BTC, all that there will be",
    )
    return candles


def aggregate(candles: Candles, timeframe: Timeframe, *, until: int | None = None) -> Candles:
    """Coarser candles: one exists where at least one finer one does.

    A coarse candle counts only when it has closed by `until`, the instant up to which the finer
    ones are complete. The default is the close of the last of them, so an unfinished candle at the
    end is dropped; where the finer candles end early because of a hole, say how far they are known.

    >>> from shared.exchanges.sandbox.generate import generate
    >>> minutes = generate(start_ms=1_767_225_600_000, days=1, seed=7)
    >>> candles = aggregate(minutes, Timeframe.M15)
    >>> len(minutes), len(candles), float(candles.high[0]) == float(minutes.high[:15].max())
    (1440, 96, True)

    Raises:
        BadData: `timeframe` is not a multiple of the candles' own.
    """
    if timeframe.ms % candles.timeframe.ms:
        raise BadData(f"{candles.timeframe} candles cannot be put together to {timeframe} ones")
    if not len(candles):
        return empty_candles(timeframe)
    opened_at, firsts = np.unique(
        candles.opened_at // timeframe.ms * timeframe.ms, return_index=True
    )
    lasts = np.append(firsts[1:], len(candles)) - 1
    coarse = Candles(
        timeframe=timeframe,
        opened_at=opened_at,
        open=candles.open[firsts],
        high=np.maximum.reduceat(candles.high, firsts),
        low=np.minimum.reduceat(candles.low, firsts),
        close=candles.close[lasts],
        volume=np.rint(np.add.reduceat(candles.volume, firsts) * VOLUME_UNITS) / VOLUME_UNITS,
    )
    return coarse.closed_by(int(candles.closed_at[-1]) if until is None else until)


def merge_candles(old: Candles, new: Candles) -> Candles:
    """Both together, ascending. Where both have a candle, the new one wins."""
    if old.timeframe is not new.timeframe:
        raise BadData(f"{old.timeframe} and {new.timeframe} candles cannot be joined")
    at = np.concatenate([new.opened_at, old.opened_at])
    opened_at, rows = np.unique(at, return_index=True)  # the first of equal ones: the new one

    def pick(ours: FloatArray, theirs: FloatArray) -> FloatArray:
        return np.concatenate([theirs, ours])[rows]

    return Candles(
        timeframe=old.timeframe,
        opened_at=opened_at,
        open=pick(old.open, new.open),
        high=pick(old.high, new.high),
        low=pick(old.low, new.low),
        close=pick(old.close, new.close),
        volume=pick(old.volume, new.volume),
    )


def candles_between(candles: Candles, start_ms: int, end_ms: int) -> Candles:
    """The candles that opened in [start_ms, end_ms).

    >>> from shared.exchanges.sandbox.generate import generate
    >>> start = 1_767_225_600_000
    >>> minutes = generate(start_ms=start, days=1, seed=7)
    >>> len(candles_between(minutes, start, start + 3_600_000))
    60
    """
    low, high = np.searchsorted(candles.opened_at, [start_ms, end_ms])
    return candles.rows(int(low), int(high))


def changed_times(old: Candles, new: Candles) -> IntArray:
    """When the candles opened that stand in both but not with the same values."""
    at, ours, theirs = np.intersect1d(
        old.opened_at, new.opened_at, assume_unique=True, return_indices=True
    )
    unequal = np.zeros(len(at), dtype=np.bool_)
    for name in COLUMNS[1:]:
        unequal |= getattr(old, name)[ours] != getattr(new, name)[theirs]
    changed: NDArray[np.int64] = at[unequal]
    return changed


def _spacing_text(spacing_ms: int) -> str:
    """A spacing in the words of timeframes: 1m, 5m, 4h."""
    minutes = spacing_ms / Timeframe.M1.ms
    return f"{minutes:g}m" if minutes % 60 else f"{minutes / 60:g}h"


def _first(broken: BoolArray, rule: str) -> None:
    if broken.any():
        raise BadCandles(rule, row=int(np.argmax(broken)))
