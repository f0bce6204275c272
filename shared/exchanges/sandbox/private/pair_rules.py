"""The pair's rules as the account needs them, from the row of `/spot/pairs` and what the market's
faults say of it. Pure.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from shared.core.money import lots_from_btc, rate
from shared.core.types import AccountKind, PairRules

RAISED_LOTS = 100


def pair_rules(row: Mapping[str, Any], kind: AccountKind, faults: frozenset[str]) -> PairRules:
    """The rules for one kind of account; `faults` are the names of those that are active."""
    fees = "margin_open_" if kind.has_debt else ""
    is_busy = "busy" in faults
    least = lots_from_btc(Decimal(row["unit_amount"]))
    status = "HALT" if "halt" in faults else "BUSY" if is_busy else "NORMAL"
    stops_orders = row["stop_order"] or row["stop_order_and_cancel"] or "orders-stopped" in faults
    return PairRules(
        min_lots=max(least, RAISED_LOTS) if is_busy else least,
        max_limit_lots=lots_from_btc(Decimal(row["limit_max_amount"])),
        max_market_lots=lots_from_btc(Decimal(row["market_max_amount"])),
        maker_fee_rate=rate(row[f"{fees}maker_fee_rate_quote"]),
        taker_fee_rate=rate(row[f"{fees}taker_fee_rate_quote"]),
        long_interest_rate_day=rate(row["margin_long_interest"]),
        short_interest_rate_day=rate(row["margin_short_interest"]),
        margin_ratio=rate(row["margin_current_individual_ratio"]),
        enabled=row["is_enabled"] and not stops_orders and "pair-disabled" not in faults,
        stop_orders=not row["stop_stop_order"] and "stops-stopped" not in faults,
        market_orders=not row["stop_market_order"] and "market-stopped" not in faults,
        long_opens=not row["stop_buy_order"]
        and not (kind.has_debt and row["stop_margin_long_order"]),
        short_opens=kind.has_shorts
        and not row["stop_sell_order"]
        and not row["stop_margin_short_order"],
        status=status,
        circuit_break_mode="CIRCUIT_BREAK" if "circuit-break" in faults else "NONE",
    )
