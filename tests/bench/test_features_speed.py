"""How long features and votes take.

The limits are loose, for busy machines; the numbers are printed (`-s`).
"""

import time
from collections.abc import Callable

import numpy as np
import pytest

from shared import features, strategies
from shared.core.settings import load_settings
from shared.core.types import Candles, Timeframe


def candles_of(rows: int, timeframe: Timeframe) -> Candles:
    random = np.random.default_rng(rows)
    close = np.round(5e6 * np.cumprod(1 + 0.0003 * random.standard_normal(rows)))
    opened = np.concatenate([close[:1], close[:-1]])
    return Candles(
        timeframe=timeframe,
        opened_at=timeframe.ms * np.arange(rows, dtype=np.int64),
        open=opened,
        high=np.maximum(opened, close) + np.round(random.exponential(5e3, rows)),
        low=np.minimum(opened, close) - np.round(random.exponential(5e3, rows)),
        close=close,
        volume=np.round(random.exponential(2, rows), 4),
    )


def best_ms(run: Callable[[], object], times: int) -> float:
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - started)
    return 1e3 * best


@pytest.mark.full
@pytest.mark.parametrize(
    ("rows", "slow_rows", "limit_ms"), [(1000, 1000, 30.0), (140_000, 8750, 1500.0)]
)
def test_features_and_votes_are_quick_enough_for_a_tick_and_for_four_years(
    rows: int, slow_rows: int, limit_ms: float
) -> None:
    settings = load_settings({})
    candles = {
        Timeframe.M15: candles_of(rows, Timeframe.M15),
        Timeframe.H4: candles_of(slow_rows, Timeframe.H4),
    }
    computed = features.compute(candles)
    computing = best_ms(lambda: features.compute(candles), 5)
    voting = best_ms(lambda: strategies.vote(computed, settings.strategies, settings.consensus), 5)
    print(f"\n{rows} rows: features {computing:.1f} ms, votes {voting:.1f} ms")
    assert computing + voting < limit_ms
