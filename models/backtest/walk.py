"""Driving a replay in steps that each take about as long as one likes to wait before
one looks up.
"""

import time
from collections.abc import Iterator

from shared.core.calendar import HOUR_MS
from shared.core.types import Timeframe
from shared.replay.engine import Replay

FIRST_STEP_MS = 6 * HOUR_MS
SMALLEST_STEP_MS = Timeframe.M15.ms
_FASTER, _SLOWER = 4.0, 0.25


def steps(replay: Replay, *, end_at: int, step_seconds: float) -> Iterator[int]:
    """Advance to the end and tell after each step where it is, ms UTC.

    How it is cut into steps changes no result.
    """
    length = float(FIRST_STEP_MS)
    while not replay.is_finished:
        began, at = time.monotonic(), replay.at
        replay.advance(min(end_at, at + max(SMALLEST_STEP_MS, int(length))))
        took = max(time.monotonic() - began, 1e-6)
        length *= _FASTER if replay.at == at else min(_FASTER, max(_SLOWER, step_seconds / took))
        yield replay.at
