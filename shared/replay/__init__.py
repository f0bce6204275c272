"""The pipeline over history: the tick's own rules, run only where something can happen."""

from shared.replay.engine import Replay, replay
from shared.replay.types import (
    Curve,
    Entered,
    Event,
    HaltPeriod,
    Inputs,
    Opening,
    Replayed,
    Schedule,
)

__all__ = [
    "Curve",
    "Entered",
    "Event",
    "HaltPeriod",
    "Inputs",
    "Opening",
    "Replay",
    "Replayed",
    "Schedule",
    "replay",
]
