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
from shared.results.parity.shortfall import FillCause
from shared.results.parity.weighing import Fills, weigh_orders

__all__ = [
    "Cause",
    "CauseEpisode",
    "Comparison",
    "Fact",
    "FillCause",
    "Fills",
    "Stretch",
    "TickDifference",
    "Total",
    "compare_reports",
    "last_stay",
    "schedule_from",
    "stretch_of",
    "weigh_orders",
]
