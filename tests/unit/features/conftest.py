"""Candles for these tests: regimes, jumps, flat stretches and holes, seeded."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from shared.core.types import Candles, Timeframe

START = 1_500_000_000_000 // Timeframe.H4.ms * Timeframe.H4.ms


def _market(rows: int, seed: int) -> Candles:
    """15m candles: trends, calm and wild weeks, jumps, minutes without any trade, and holes of up
    to 40 candles.
    """
    random = np.random.default_rng(seed)
    regime = np.repeat(random.integers(0, 5, rows // 150 + 1), 150)[:rows]
    drift = np.array([0.0, 0.0015, -0.0015, 0.0, 0.0])[regime]
    width = np.array([0.003, 0.002, 0.002, 0.0003, 0.008])[regime]
    moves = drift + width * random.standard_normal(rows)
    moves += 0.08 * random.standard_normal(rows) * (random.random(rows) < 0.002)
    quiet = np.repeat(random.random(rows // 30 + 1) < 0.06, 30)[:rows]
    moves[quiet] = 0.0
    level, levels = 0.0, []
    for move, still in zip(moves.tolist(), quiet.tolist(), strict=True):
        level += move - (
            0.0 if still else 0.0003 * level
        )  # pulled back, so that years stay within believable prices
        levels.append(level)
    close = np.round(4e6 * np.exp(np.array(levels)))
    opened = np.concatenate([[close[0]], close[:-1]])
    opened = np.where(quiet, close, np.round(opened * (1 + 0.0004 * random.standard_normal(rows))))
    reach = np.where(quiet, 0.0, close * width)
    high = np.maximum(opened, close) + np.round(random.exponential(1.0, rows) * reach * 0.7)
    low = np.minimum(opened, close) - np.round(random.exponential(1.0, rows) * reach * 0.7)
    low = np.maximum(low, 1.0)
    volume = np.where(
        quiet, 0.0, np.round(random.lognormal(1.0, 1.0, rows) * (1 + 100 * np.abs(moves)), 4)
    )
    kept = np.ones(rows, dtype=bool)
    for at in random.integers(0, rows, rows // 1000):
        kept[at : at + int(random.integers(1, 40))] = False
    opened_at = START + Timeframe.M15.ms * np.arange(rows, dtype=np.int64)
    return Candles(
        timeframe=Timeframe.M15,
        opened_at=opened_at[kept],
        open=opened[kept],
        high=high[kept],
        low=low[kept],
        close=close[kept],
        volume=volume[kept],
    )


def _four_hours(candles: Candles) -> Candles:
    """The 4h candles of the same market; one whose 15m candles are all missing is missing too."""
    slot = candles.opened_at // Timeframe.H4.ms
    first = np.flatnonzero(np.diff(slot, prepend=-1))
    last = np.append(first[1:], len(slot)) - 1
    return Candles(
        timeframe=Timeframe.H4,
        opened_at=slot[first] * Timeframe.H4.ms,
        open=candles.open[first],
        high=np.maximum.reduceat(candles.high, first),
        low=np.minimum.reduceat(candles.low, first),
        close=candles.close[last],
        volume=np.add.reduceat(candles.volume, first),
    )


@pytest.fixture(scope="session")
def market_of() -> Callable[[int, int], Mapping[Timeframe, Candles]]:
    """`market_of(rows, seed)`: one market in both timeframes."""

    def make(rows: int, seed: int) -> Mapping[Timeframe, Candles]:
        fast = _market(rows, seed)
        return {Timeframe.M15: fast, Timeframe.H4: _four_hours(fast)}

    return make


@pytest.fixture(scope="session")
def candles_of() -> Callable[..., Candles]:
    """Candles from closes alone, or with the other columns given; one every timeframe without
    holes.
    """

    def make(
        close: list[float],
        timeframe: Timeframe = Timeframe.M15,
        start: int = START,
        **columns: list[float],
    ) -> Candles:
        values = {
            name: np.array(columns.get(name, close), dtype=np.float64)
            for name in ("open", "high", "low")
        }
        return Candles(
            timeframe=timeframe,
            opened_at=start + timeframe.ms * np.arange(len(close), dtype=np.int64),
            close=np.array(close, dtype=np.float64),
            volume=np.array(columns.get("volume", [1.0] * len(close)), dtype=np.float64),
            **values,
        )

    return make
