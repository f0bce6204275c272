"""The account as it is, for `GET /_sandbox/account`: no lag and no lies. Pure."""

from typing import Any

from shared.core.types import Side
from shared.exchanges.sandbox.private.margin_rows import position_rows
from shared.exchanges.sandbox.private.rows import order_row, trade_rows
from shared.exchanges.sandbox.private.settings import PrivateSettings
from shared.exchanges.sandbox.private.standing import Standing


def describe_standing(standing: Standing, settings: PrivateSettings) -> dict[str, Any]:
    """Money, orders with those that have ended, executions and positions."""
    return {
        "at": standing.at,
        "yen": f"{standing.yen:f}",
        "btc_lots": standing.spot.lots(Side.LONG),
        "live": [record.order_id for record in standing.live_orders],
        "orders": [order_row(record, settings) for _, record in sorted(standing.orders.items())],
        "trades": list(trade_rows(standing, settings)),
        "positions": [
            row for row in position_rows(standing, standing.at) if row["open_amount"] != "0.0000"
        ],
    }
