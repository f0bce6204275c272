"""Candles written down in a test."""

from collections.abc import Iterable, Sequence

import numpy as np

from shared.core.types import Candles, Timeframe
from shared.market.candles import COLUMNS, from_table


def from_rows(timeframe: Timeframe, rows: Iterable[Sequence[float]]) -> Candles:
    """Candles from rows (opened_at, open, high, low, close, volume), checked.

    Raises `BadCandles`.
    """
    table = np.array([tuple(row) for row in rows], dtype=np.float64).reshape(-1, len(COLUMNS))
    return from_table(timeframe, table)
