"""A replay summed up: what it earned, what it cost, how deep it fell, what came from where, and how
much of it can be luck.
"""

from shared.results.performance.measure import measure
from shared.results.performance.types import (
    Attribution,
    Bootstrap,
    BuyAndHold,
    Drawdown,
    Drawdowns,
    Exposure,
    Month,
    Performance,
    Positions,
    Probability,
    Returns,
    Sampled,
    Significance,
    TradingCosts,
)

__all__ = [
    "Attribution",
    "Bootstrap",
    "BuyAndHold",
    "Drawdown",
    "Drawdowns",
    "Exposure",
    "Month",
    "Performance",
    "Positions",
    "Probability",
    "Returns",
    "Sampled",
    "Significance",
    "TradingCosts",
    "measure",
]
