"""The nouns, all frozen: rooms know each other only through them.

Instants are integers: milliseconds since 1970 UTC, in names that end in `_at` or `as_of`.
"""

from shared.core.types.account import Account, Counted, Holdings, PositionPlan
from shared.core.types.arrays import BoolArray, FloatArray, Int8Array, IntArray
from shared.core.types.candles import Candles, Timeframe
from shared.core.types.market import Book, Issue, Market, PairRules
from shared.core.types.orders import (
    Accepted,
    Entry,
    Fill,
    Order,
    OrderIntent,
    OrderKind,
    Outcome,
    Position,
    Purpose,
    Rejected,
    Side,
    Trade,
    Unknown,
)
from shared.core.types.report import Alert, Level, OrderRecord, TickReport, TickStatus
from shared.core.types.signal import (
    Action,
    Barriers,
    Decision,
    Features,
    Forecast,
    Goal,
    Prediction,
    Signal,
    TargetExposure,
    Targets,
    Vote,
    Votes,
)
from shared.core.variants import AccountKind, PolicyName

__all__ = [
    "Accepted",
    "Account",
    "AccountKind",
    "Action",
    "Alert",
    "Barriers",
    "Book",
    "BoolArray",
    "Candles",
    "Counted",
    "Decision",
    "Entry",
    "Features",
    "Fill",
    "FloatArray",
    "Forecast",
    "Goal",
    "Holdings",
    "Int8Array",
    "IntArray",
    "Issue",
    "Level",
    "Market",
    "Order",
    "OrderIntent",
    "OrderKind",
    "OrderRecord",
    "Outcome",
    "PairRules",
    "PolicyName",
    "Position",
    "PositionPlan",
    "Prediction",
    "Purpose",
    "Rejected",
    "Side",
    "Signal",
    "TargetExposure",
    "Targets",
    "TickReport",
    "TickStatus",
    "Timeframe",
    "Trade",
    "Unknown",
    "Vote",
    "Votes",
]
