"""The realised volatility that comes next: what a forecast of volatility is learned from and judged
by.
"""

import numpy as np

from shared.core.types import Candles, FloatArray
from shared.features.indicators import realised_volatility

AHEAD_CANDLES = 16
"""Four hours."""
PAST = ("realised_16", "realised_96", "realised_672")
"""The features of four hours, a day and a week: what a HAR regression sees (Corsi 2009)."""


def realised_next(candles: Candles, ahead: int = AHEAD_CANDLES) -> FloatArray:
    """Root of the sum of the next `ahead` squared simple returns, (n,); NaN where one is missing or
    not there yet.
    """
    found = np.full(len(candles), np.nan)
    if len(candles) <= ahead:
        return found
    whole = candles.opened_at[ahead:] - candles.opened_at[:-ahead] == ahead * candles.timeframe.ms
    found[:-ahead] = np.where(whole, realised_volatility(candles.close, ahead)[ahead:], np.nan)
    return found
