"""The paper account in one place: the value, and the pure functions that take it from one state to
the next.

opened -> placed / canceled (what the bot asks) -> settled (what the path did) -> equity, holdings
(what it is worth)
"""

from shared.exchanges.paper.ledger import (
    PaperAccount,
    Terms,
    account_terms,
    available_jpy,
    end_orders,
    equity,
    full_minute,
    holdings,
    open_account,
    trim_account,
)
from shared.exchanges.paper.placing import cancel_order, defer_orders, place_order
from shared.exchanges.paper.settling import settle_account

__all__ = [
    "PaperAccount",
    "Terms",
    "account_terms",
    "available_jpy",
    "cancel_order",
    "defer_orders",
    "end_orders",
    "equity",
    "full_minute",
    "holdings",
    "open_account",
    "place_order",
    "settle_account",
    "trim_account",
]
