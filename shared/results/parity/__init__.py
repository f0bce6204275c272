"""What the bot did against a replay of the same ticks: every difference, its cause and its price in
yen. Pure.
"""

from shared.results.parity.compare import compare_reports
from shared.results.parity.comparison import (
    Cause,
    CauseEpisode,
    Comparison,
    Fact,
    TickDifference,
    Total,
)
from shared.results.parity.lived import Stretch, last_stay, schedule_from, stretch_of
from shared.results.parity.shortfall import FillCause, amounts_by_cause
from shared.results.parity.stories import pairs_of, stories_of

__all__ = [
    "Cause",
    "CauseEpisode",
    "Comparison",
    "Fact",
    "FillCause",
    "Stretch",
    "TickDifference",
    "Total",
    "amounts_by_cause",
    "compare_reports",
    "last_stay",
    "pairs_of",
    "schedule_from",
    "stories_of",
    "stretch_of",
]
