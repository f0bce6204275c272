"""Margin as bitbank writes it: positions, what they are worth, what may still be opened. Pure."""

from decimal import Decimal
from typing import Any

from shared.core.calendar import DAY_MS
from shared.core.money import ZERO, notional_jpy
from shared.core.pair import BTC_JPY
from shared.core.types import AccountKind, OrderKind, Side
from shared.exchanges.paper.ledger import PaperAccount, available_jpy, equity
from shared.exchanges.sandbox.market import btc_text
from shared.exchanges.sandbox.private.rows import price_text
from shared.exchanges.sandbox.private.settings import PrivateSettings
from shared.exchanges.sandbox.private.standing import Standing, funded_account
from shared.exchanges.sandbox.private.worth import (
    maintenance_jpy,
    margin_percentage,
    owed_jpy,
    owed_parts,
    positions_of,
    product_jpy,
    profit_jpy,
    uncollected_jpy,
)

OTHER_PAIRS = ("eth_jpy", "xrp_jpy")
"""Pairs with margin that nobody trades here: their rows are there all the same."""

TIME_TO_PAY_MS = 2 * DAY_MS


def position_rows(standing: Standing, at: int) -> list[dict[str, Any]]:
    """Two rows for every pair with margin, also where nothing is held."""
    rows = []
    for pair in (BTC_JPY.name, *OTHER_PAIRS):
        for side in Side:
            held = positions_of(standing.margin, side) if pair == BTC_JPY.name else ()
            fee, interest = ZERO, ZERO
            if held:
                fee, interest = owed_parts(standing.margin, held[0], at)
            rows.append(
                {
                    "pair": pair,
                    "position_side": str(side),
                    "open_amount": btc_text(held[0].lots if held else 0),
                    "product": f"{product_jpy(held):f}",
                    "average_price": price_text(held[0].average_price) if held else "0",
                    "unrealized_fee_amount": f"{fee:f}",
                    "unrealized_interest_amount": f"{interest:f}",
                }
            )
    return rows


def positions_data(
    standing: Standing, mark: int | None, at: int, settings: PrivateSettings
) -> dict[str, Any]:
    """`/user/margin/positions`; the notice is a margin call's."""
    funded = funded_account(standing, AccountKind.MARGIN, mark, settings.collateral_rate)
    percentage = margin_percentage(funded, mark, at)
    notice: dict[str, Any] = {
        "what": None,
        "occurred_at": None,
        "amount": None,
        "due_date_at": None,
    }
    if percentage is not None and percentage < settings.margin_call_percentage:
        needed = maintenance_jpy(funded, product_jpy(funded.positions))
        missing = max(ZERO, needed - equity(funded, mark, at))
        notice = {
            "what": "margin_call",
            "occurred_at": at,
            "amount": f"{missing:f}",
            "due_date_at": at + TIME_TO_PAY_MS,
        }
    return {
        "notice": notice,
        "payables": {"amount": f"{max(ZERO, -standing.yen):.4f}"},
        "positions": position_rows(standing, at),
        "losscut_threshold": {
            "individual": f"{settings.losscut_percentage:f}",
            "company": f"{settings.losscut_percentage:f}",
        },
    }


def margin_data(
    standing: Standing, mark: int | None, at: int, settings: PrivateSettings
) -> dict[str, Any]:
    """`/user/margin/status`."""
    funded = funded_account(standing, AccountKind.MARGIN, mark, settings.collateral_rate)
    profit, owed = profit_jpy(funded.positions, mark), owed_jpy(funded, mark, at)
    held = {side: product_jpy(positions_of(funded, side)) for side in Side}
    asked = {side: _orders_jpy(funded, side) for side in Side}
    needed = {side: maintenance_jpy(funded, held[side]) for side in Side}
    ordered = {side: maintenance_jpy(funded, asked[side]) for side in Side}
    percentage = margin_percentage(funded, mark, at)
    has_positions = percentage is not None
    late = uncollected_jpy(standing, at, settings.readings.collection)
    free = available_jpy(funded, mark, at)
    return {
        "status": _status(standing, percentage, settings),
        "total_margin_balance_percentage": None if percentage is None else f"{percentage:f}",
        "total_margin_balance": f"{funded.cash_jpy + profit - owed:f}",
        "margin_position_profit_loss": f"{profit:f}",
        "unrealized_cost": f"{owed + late:f}",
        "total_margin_position_product": f"{sum(held.values()) + sum(asked.values()):f}",
        "open_margin_position_product": f"{sum(held.values()):f}",
        "open_margin_order_product": f"{sum(asked.values()):f}",
        "total_position_maintenance_margin": f"{sum(needed.values()):f}",
        "total_long_position_maintenance_margin": f"{needed[Side.LONG]:f}",
        "total_short_position_maintenance_margin": f"{needed[Side.SHORT]:f}",
        "total_open_order_maintenance_margin": f"{sum(ordered.values()):f}",
        "total_long_open_order_maintenance_margin": f"{ordered[Side.LONG]:f}",
        "total_short_open_order_maintenance_margin": f"{ordered[Side.SHORT]:f}",
        "margin_call_percentage": (
            f"{settings.margin_call_percentage:f}" if has_positions else None
        ),
        "losscut_percentage": f"{settings.losscut_percentage:f}" if has_positions else None,
        "buy_credit": f"{free:f}",
        "sell_credit": f"{free:f}",
        "available_balances": [{"pair": BTC_JPY.name, "long": f"{free:f}", "short": f"{free:f}"}],
    }


def _status(standing: Standing, percentage: Decimal | None, settings: PrivateSettings) -> str:
    if percentage is None:
        return "DEBT" if standing.yen < 0 else "NORMAL"
    if percentage < settings.losscut_percentage:
        return "LOSSCUT"
    return "CALL" if percentage < settings.margin_call_percentage else "NORMAL"


def _orders_jpy(account: PaperAccount, side: Side) -> Decimal:
    return sum(
        (
            notional_jpy(order.intent.price or 0, order.remaining_lots)
            for order in account.orders
            if order.intent.is_opening
            and order.intent.side is side
            and order.intent.kind is OrderKind.LIMIT
        ),
        ZERO,
    )
