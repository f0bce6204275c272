"""What bitbank says of margin: positions, and the account. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from shared.core.errors import BadData
from shared.core.money import btc_from_lots
from shared.core.types import Side
from shared.exchanges.bitbank.private_answers import decimal_or_none, list_from, lots_of
from shared.exchanges.bitbank.private_schema import (
    AvailableFields,
    MarginStatusFields,
    NoticeFields,
    PayablesFields,
    PositionFields,
    read_fields,
)

AVERAGE_WITHIN_JPY = Decimal(1)
PRODUCT_WITHIN_JPY = Decimal(1)
"""How far an average price, and what a position is worth by it, may be rounded: to whole yen, up or
down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginPosition:
    """One side of the pair, averaged; 0 lots where nothing is held."""

    side: Side
    lots: int
    product_jpy: Decimal
    average_price: Decimal
    fee_jpy: Decimal
    interest_jpy: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginNotice:
    """A margin call: why, since when, how much, until when; each as far as it is told."""

    what: str | None
    occurred_at: int | None
    amount_jpy: Decimal | None
    due_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginPositions:
    """Both sides of the pair; they may be held at once. `payables_jpy` is owed."""

    long: MarginPosition
    short: MarginPosition
    notice: MarginNotice | None
    payables_jpy: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginAccount:
    """The margin account. Its total counts all yen and half of the owner's coins, with unrealised
    profit and costs that are not collected yet: to be compared with, not to be traded on.

    The percentages are None without a position.
    """

    status: Literal["NORMAL", "LOSSCUT", "CALL", "DEBT", "SETTLED"]
    total_jpy: Decimal
    profit_jpy: Decimal
    cost_jpy: Decimal
    positions_jpy: Decimal
    orders_jpy: Decimal
    maintenance_jpy: Decimal
    orders_maintenance_jpy: Decimal
    percentage: Decimal | None
    call_percentage: Decimal | None
    losscut_percentage: Decimal | None
    available_long_jpy: Decimal
    available_short_jpy: Decimal


def positions_from(data: Mapping[str, Any], *, pair: str) -> MarginPositions:
    """Both sides of `pair`. bitbank tells each also where nothing is held: a side that is missing
    is not one that is empty.
    """
    found: dict[Side, MarginPosition] = {}
    for row in list_from(data, "positions"):
        if not isinstance(row, dict) or not isinstance(row.get("pair"), str):
            raise BadData("positions: a row has no pair")
        if row["pair"] != pair:
            continue
        position = _position(read_fields(row, PositionFields, "positions"))
        if position.side in found:
            raise BadData(f"positions: the {position.side} side stands twice")
        found[position.side] = position
    if len(found) != len(Side):
        raise BadData(f"positions: a side of {pair} is missing")
    notice = read_fields(data.get("notice"), NoticeFields, "positions.notice")
    payables = read_fields(data.get("payables"), PayablesFields, "positions.payables")
    return MarginPositions(
        long=found[Side.LONG],
        short=found[Side.SHORT],
        notice=_notice(notice),
        payables_jpy=Decimal(payables.amount),
    )


def margin_account_from(data: Mapping[str, Any], *, pair: str) -> MarginAccount:
    """The account, and for how many yen a position of `pair` may be opened."""
    fields = read_fields(data, MarginStatusFields, "margin status")
    rows = [
        read_fields(row, AvailableFields, "available_balances")
        for row in list_from(data, "available_balances")
        if isinstance(row, dict) and row.get("pair") == pair
    ]
    if len(rows) != 1:
        raise BadData(f"available_balances: {len(rows)} rows of {pair}")
    return MarginAccount(
        status=fields.status,
        total_jpy=Decimal(fields.total_margin_balance),
        profit_jpy=Decimal(fields.margin_position_profit_loss),
        cost_jpy=Decimal(fields.unrealized_cost),
        positions_jpy=Decimal(fields.open_margin_position_product),
        orders_jpy=Decimal(fields.open_margin_order_product),
        maintenance_jpy=Decimal(fields.total_position_maintenance_margin),
        orders_maintenance_jpy=Decimal(fields.total_open_order_maintenance_margin),
        percentage=decimal_or_none(fields.total_margin_balance_percentage),
        call_percentage=decimal_or_none(fields.margin_call_percentage),
        losscut_percentage=decimal_or_none(fields.losscut_percentage),
        available_long_jpy=Decimal(rows[0].long),
        available_short_jpy=Decimal(rows[0].short),
    )


def _position(fields: PositionFields) -> MarginPosition:
    lots = lots_of(fields.open_amount, "positions.open_amount")
    average = Decimal(fields.average_price)
    if (lots > 0) != (average > 0):
        raise BadData("positions: a size without a price, or a price without a size")
    product, size = Decimal(fields.product), btc_from_lots(lots)
    if not lots and product:
        raise BadData("positions: a worth without a size")
    if abs(average * size - product) > AVERAGE_WITHIN_JPY * size + PRODUCT_WITHIN_JPY:
        raise BadData("positions: its worth is not its size times its average price")
    return MarginPosition(
        side=Side(fields.position_side),
        lots=lots,
        product_jpy=product,
        average_price=average,
        fee_jpy=Decimal(fields.unrealized_fee_amount),
        interest_jpy=Decimal(fields.unrealized_interest_amount),
    )


def _notice(fields: NoticeFields) -> MarginNotice | None:
    if fields == NoticeFields():
        return None
    return MarginNotice(
        what=fields.what,
        occurred_at=fields.occurred_at,
        amount_jpy=decimal_or_none(fields.amount),
        due_at=fields.due_date_at,
    )
