"""The paper account in one place: the value, and the pure functions that take it from one state to the next.

opened -> placed / canceled (what the bot asks) -> settled (what the path did) -> equity, holdings (what it is worth)
"""

from shared.execution.ledger import (
    PaperAccount,
    Terms,
    available_jpy,
    equity,
    full_minute,
    holdings,
    opened,
    terms,
    trimmed,
    without,
)
from shared.execution.placing import canceled, deferred, placed
from shared.execution.settling import settled

__all__ = [
    "PaperAccount",
    "Terms",
    "available_jpy",
    "canceled",
    "deferred",
    "equity",
    "full_minute",
    "holdings",
    "opened",
    "placed",
    "settled",
    "terms",
    "trimmed",
    "without",
]
