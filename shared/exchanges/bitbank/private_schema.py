"""The fields that private answers must have, as bitbank documents them. Pure.

What the exchange adds is not looked at. Amounts and prices are text, ids and times whole numbers of
64 bits at most; whatever is another type is refused, also where it could be converted.
"""

from typing import Annotated, Literal, TypeAlias, TypeVar

import msgspec

from shared.core.errors import BadData
from shared.core.masking import mask_secrets

Number: TypeAlias = Annotated[
    str, msgspec.Meta(max_length=40, pattern=r"^-?[0-9]{1,18}(\.[0-9]{1,18})?\Z")
]
Amount: TypeAlias = Annotated[
    str, msgspec.Meta(max_length=40, pattern=r"^[0-9]{1,18}(\.[0-9]{1,18})?\Z")
]
Id: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Instant: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=253_402_300_799_999)]
"""Milliseconds UTC, up to the year 9999."""
OrderType: TypeAlias = Literal[
    "limit", "market", "stop", "stop_limit", "take_profit", "stop_loss", "losscut"
]
PositionSide: TypeAlias = Literal["long", "short"]
OrderStatus: TypeAlias = Literal[
    "INACTIVE",
    "UNFILLED",
    "PARTIALLY_FILLED",
    "FULLY_FILLED",
    "CANCELED_UNFILLED",
    "CANCELED_PARTIALLY_FILLED",
    "REJECTED",
    "EXPIRED",
]


class OrderFields(msgspec.Struct, kw_only=True, frozen=True):
    """An order. Prices are null or missing where the type has none; amounts are null where a close
    was ordered without one.
    """

    order_id: Id
    pair: str
    side: Literal["buy", "sell"]
    position_side: PositionSide | None = None
    type: OrderType
    start_amount: Amount | None
    remaining_amount: Amount | None
    executed_amount: Amount
    price: Amount | None = None
    post_only: bool | None = None
    user_cancelable: bool | None = None
    average_price: Amount
    ordered_at: Instant
    expire_at: Instant | None = None
    triggered_at: Instant | None = None
    trigger_price: Amount | None = None
    canceled_at: Instant | None = None
    executed_at: Instant | None = None
    status: OrderStatus


class TradeFields(msgspec.Struct, kw_only=True, frozen=True):
    """One execution."""

    trade_id: Id
    pair: str
    order_id: Id
    side: Literal["buy", "sell"]
    position_side: PositionSide | None = None
    type: OrderType
    amount: Amount
    price: Amount
    maker_taker: Literal["maker", "taker"]
    fee_amount_base: Number
    fee_amount_quote: Number
    fee_occurred_amount_quote: Number | None = None
    profit_loss: Number | None = None
    interest: Number | None = None
    executed_at: Instant


class AssetFields(msgspec.Struct, kw_only=True, frozen=True):
    """What is held of one asset."""

    asset: str
    onhand_amount: Amount
    locked_amount: Amount
    free_amount: Amount
    withdrawing_amount: Amount | None = None
    collateral_ratio: Amount | None = None


class PositionFields(msgspec.Struct, kw_only=True, frozen=True):
    """One side of a pair on margin, averaged."""

    pair: str
    position_side: PositionSide
    open_amount: Amount
    product: Amount
    average_price: Amount
    unrealized_fee_amount: Number
    unrealized_interest_amount: Number


class NoticeFields(msgspec.Struct, kw_only=True, frozen=True):
    """A margin call, or nulls."""

    what: str | None = None
    occurred_at: Instant | None = None
    amount: Amount | None = None
    due_date_at: Instant | None = None


class PayablesFields(msgspec.Struct, kw_only=True, frozen=True):
    """What is owed."""

    amount: Amount


class AvailableFields(msgspec.Struct, kw_only=True, frozen=True):
    """For how many yen a position may be opened."""

    pair: str
    long: Amount
    short: Amount


class MarginStatusFields(msgspec.Struct, kw_only=True, frozen=True):
    """The margin account; three of its figures are null without a position."""

    status: Literal["NORMAL", "LOSSCUT", "CALL", "DEBT", "SETTLED"]
    total_margin_balance_percentage: Number | None
    total_margin_balance: Number
    margin_position_profit_loss: Number
    unrealized_cost: Number
    total_margin_position_product: Amount
    open_margin_position_product: Amount
    open_margin_order_product: Amount
    total_position_maintenance_margin: Amount
    total_long_position_maintenance_margin: Amount
    total_short_position_maintenance_margin: Amount
    total_open_order_maintenance_margin: Amount
    total_long_open_order_maintenance_margin: Amount
    total_short_open_order_maintenance_margin: Amount
    margin_call_percentage: Number | None
    losscut_percentage: Number | None
    buy_credit: Amount
    sell_credit: Amount


Fields = TypeVar("Fields", bound=msgspec.Struct)


def read_fields(row: object, kind: type[Fields], what: str) -> Fields:
    """The fields of one object. Raises `BadData` naming the one that is wrong."""
    try:
        return msgspec.convert(row, type=kind, strict=True)
    except (msgspec.ValidationError, OverflowError, RecursionError, UnicodeError) as error:
        raise BadData(f"{what}: {mask_secrets(str(error))[:200]}") from None
