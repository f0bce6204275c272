"""Where the close lies in the day and in the week: how much moves depends on who is awake."""

import numpy as np

from shared.core.calendar import DAY_MS, HOUR_MS
from shared.core.types import FloatArray
from shared.features.feature import CandleSeries, Feature

WEEK_DAYS = 7
THURSDAY = 3  # 1 January 1970 was one; Monday is 0


def weekday(series: CandleSeries) -> FloatArray:
    """0 Monday to 6 Sunday, (n,)."""
    return ((series.closed_at // DAY_MS + THURSDAY) % WEEK_DAYS).astype(np.float64)


FEATURES = (
    Feature(
        name="hour",
        needs=1,
        formula="hour of the day at the close, UTC, with its fraction: 0 to 23.75",
        compute=lambda series: series.closed_at % DAY_MS / HOUR_MS,
    ),
    Feature(
        name="weekday",
        needs=1,
        formula="day of the week at the close, UTC: 0 Monday to 6 Sunday",
        compute=weekday,
    ),
)
