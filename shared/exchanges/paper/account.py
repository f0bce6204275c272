"""The paper account in one place: the value, and the pure functions that take it from one state to
the next.

opened -> placed / canceled (what the bot asks) -> settled (what the path did) -> equity, holdings
(what it is worth)
"""

from shared.exchanges.paper.ledger import (
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
from shared.exchanges.paper.placing import canceled, deferred, placed
from shared.exchanges.paper.settling import settled

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
