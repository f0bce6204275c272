"""What bitbank's private answers say, in our own units: lots, whole yen, exact decimals. Pure.

Each function takes the `data` of a success and raises `BadData` where a field is missing or wrong,
an amount is no whole number of lots, rows contradict each other, or a row is of something that was
not asked for. Rows come in no certain order and are sorted here; what the exchange adds is not
looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, TypeVar

from shared.core.errors import BadData
from shared.core.masking import quote_value
from shared.core.money import LOT_BTC
from shared.core.types import Side
from shared.exchanges.bitbank.private_schema import (
    OrderFields,
    OrderStatus,
    OrderType,
    TradeFields,
    read_fields,
)

LIVE = frozenset({"INACTIVE", "UNFILLED", "PARTIALLY_FILLED"})
NOTHING_EXECUTED = frozenset({"INACTIVE", "UNFILLED", "CANCELED_UNFILLED"})
SOMETHING_EXECUTED = frozenset({"PARTIALLY_FILLED", "CANCELED_PARTIALLY_FILLED", "FULLY_FILLED"})
WITH_LIMIT = frozenset({"limit", "stop_limit"})
WITH_TRIGGER = frozenset({"stop", "stop_limit", "take_profit", "stop_loss"})
WITHOUT_AMOUNT = frozenset({"take_profit", "stop_loss"})
MOST_LOTS = 10**12
MOST_YEN = 10**12

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeOrder:
    """An order as bitbank tells it.

    `position_side` is None for spot. `lots` and `remaining_lots` are None for a close that was
    ordered without an amount. CANCELED_UNFILLED may be a passing state of a stop that has fired;
    REJECTED is final.
    """

    order_id: int
    pair: str
    is_buy: bool
    position_side: Side | None
    kind: OrderType
    lots: int | None
    remaining_lots: int | None
    executed_lots: int
    price: int | None
    trigger_price: int | None
    post_only: bool
    average_price: Decimal
    status: OrderStatus
    ordered_at: int
    expire_at: int | None
    triggered_at: int | None
    canceled_at: int | None
    executed_at: int | None
    user_cancelable: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeTrade:
    """One execution.

    `fee_jpy` was taken with it (negative: a rebate), `fee_occurred_jpy` arose with it and is None
    where bitbank does not say. `interest_jpy` is a cost, whatever its sign was: sources differ.
    """

    trade_id: int
    pair: str
    order_id: int
    is_buy: bool
    position_side: Side | None
    kind: OrderType
    lots: int
    price: int
    is_maker: bool
    fee_btc: Decimal
    fee_jpy: Decimal
    fee_occurred_jpy: Decimal | None
    profit_jpy: Decimal | None
    interest_jpy: Decimal | None
    executed_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersById:
    """Orders that were asked for by their ids. What ended over three months ago is silently not
    answered: `missing` says so, and no more.
    """

    orders: tuple[ExchangeOrder, ...]
    missing: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradePage:
    """One page of executions, oldest first; `rows` were told, some perhaps twice."""

    trades: tuple[ExchangeTrade, ...]
    rows: int


def order_from(data: Mapping[str, Any], *, pair: str, order_id: int | None = None) -> ExchangeOrder:
    """One order, of `pair` and with `order_id` where that is known."""
    order = _order(read_fields(data, OrderFields, "order"), pair=pair)
    if order_id is not None and order.order_id != order_id:
        raise BadData(f"order: {order.order_id} was answered where {order_id} was asked for")
    return order


def orders_from(data: Mapping[str, Any], *, pair: str) -> tuple[ExchangeOrder, ...]:
    """Orders of `pair`, by their ids."""
    orders = [
        _order(read_fields(row, OrderFields, "orders"), pair=pair)
        for row in list_from(data, "orders")
    ]
    return tuple(by_id({order.order_id: order for order in orders}, orders, "orders"))


def resting_from(data: Mapping[str, Any], *, pair: str) -> tuple[ExchangeOrder, ...]:
    """Resting orders of `pair`, by their ids. A filled one does not rest."""
    orders = orders_from(data, pair=pair)
    if any(order.status == "FULLY_FILLED" for order in orders):
        raise BadData("active_orders: a filled order is among them")
    return orders


def orders_by_id_from(
    data: Mapping[str, Any], *, pair: str, order_ids: Sequence[int]
) -> OrdersById:
    """The orders with these ids, as far as they are answered."""
    orders = orders_from(data, pair=pair)
    found = {order.order_id for order in orders}
    if not found <= set(order_ids):
        raise BadData("orders_info: an order was answered that was not asked for")
    return OrdersById(orders=orders, missing=frozenset(order_ids) - found)


def trades_from(data: Mapping[str, Any], *, pair: str) -> tuple[ExchangeTrade, ...]:
    """Executions of `pair`, oldest first."""
    return _oldest_first(_trades(data, pair=pair))


def trade_page_from(data: Mapping[str, Any], *, pair: str) -> TradePage:
    """A page of executions that were asked for newest first. In another order it is no page of the
    newest, and what is older than it is not known.
    """
    trades = _trades(data, pair=pair)
    if any(one.executed_at < later.executed_at for one, later in pairwise(trades)):
        raise BadData("trades: they are not told newest first")
    return TradePage(trades=_oldest_first(trades), rows=len(trades))


def _trades(data: Mapping[str, Any], *, pair: str) -> list[ExchangeTrade]:
    return [
        _trade(read_fields(row, TradeFields, "trades"), pair=pair)
        for row in list_from(data, "trades")
    ]


def _oldest_first(trades: Sequence[ExchangeTrade]) -> tuple[ExchangeTrade, ...]:
    known = by_id({trade.trade_id: trade for trade in trades}, trades, "trades")
    return tuple(sorted(known, key=lambda trade: (trade.executed_at, trade.trade_id)))


def list_from(data: Mapping[str, Any], name: str) -> list[Any]:
    """A list of the data. No list is not an empty one."""
    rows = data.get(name)
    if not isinstance(rows, list):
        raise BadData(f"{name}: there is no list")
    return rows


def lots_of(text: str, what: str) -> int:
    """A size in bitcoin as lots; exactly, or `BadData`."""
    lots = Decimal(text) / LOT_BTC
    if lots != lots.to_integral_value() or lots > MOST_LOTS:
        raise BadData(f"{what}: {text} BTC is no whole number of lots")
    return int(lots)


def by_id(known: Mapping[int, Row], rows: Sequence[Row], what: str) -> list[Row]:
    """One row for each id, in their order; `BadData` where two rows of one id differ."""
    if len(known) != len(rows) and len(set(rows)) != len(known):
        raise BadData(f"{what}: two rows of one id differ")
    return [known[number] for number in sorted(known)]


def _yen(text: str, what: str) -> int:
    price = Decimal(text)
    if price != price.to_integral_value() or not 0 < price <= MOST_YEN:
        raise BadData(f"{what}: {text} is no price in whole yen")
    return int(price)


def _order(fields: OrderFields, *, pair: str) -> ExchangeOrder:
    what = f"order {fields.order_id}"
    if fields.pair != pair:
        raise BadData(f"{what}: its pair is {quote_value(fields.pair)}, not {pair}")
    lots = _lots_or_none(fields.start_amount, fields, what)
    remaining = _lots_or_none(fields.remaining_amount, fields, what)
    executed = lots_of(fields.executed_amount, what)
    if (lots is None) != (remaining is None):
        raise BadData(f"{what}: one of its amounts is null")
    if lots is not None and remaining is not None:
        _check_amounts(fields, lots=lots, remaining=remaining, executed=executed)
    if executed and fields.status in NOTHING_EXECUTED:
        raise BadData(f"{what}: {fields.status}, but something of it was executed")
    if not executed and fields.status in SOMETHING_EXECUTED:
        raise BadData(f"{what}: {fields.status}, but nothing of it was executed")
    if fields.status == "FULLY_FILLED" and not Decimal(fields.average_price):
        raise BadData(f"{what}: FULLY_FILLED, but at no price")
    return ExchangeOrder(
        order_id=fields.order_id,
        pair=pair,
        is_buy=fields.side == "buy",
        position_side=_side(fields.position_side),
        kind=fields.type,
        lots=lots,
        remaining_lots=remaining,
        executed_lots=executed,
        price=_price(fields.price, what) if fields.type in WITH_LIMIT else None,
        trigger_price=_price(fields.trigger_price, what) if fields.type in WITH_TRIGGER else None,
        post_only=fields.type == "limit" and bool(fields.post_only),
        average_price=Decimal(fields.average_price),
        status=fields.status,
        ordered_at=fields.ordered_at,
        expire_at=fields.expire_at,
        triggered_at=fields.triggered_at,
        canceled_at=fields.canceled_at,
        executed_at=fields.executed_at,
        user_cancelable=fields.user_cancelable,
    )


def _check_amounts(fields: OrderFields, *, lots: int, remaining: int, executed: int) -> None:
    what = f"order {fields.order_id}"
    if lots < 1 or remaining + executed != lots:
        raise BadData(f"{what}: executed and remaining do not make up its amount")
    if fields.status == "FULLY_FILLED" and remaining:
        raise BadData(f"{what}: FULLY_FILLED, but not all of it was executed")


def _lots_or_none(text: str | None, fields: OrderFields, what: str) -> int | None:
    if text is not None:
        return lots_of(text, what)
    if fields.type not in WITHOUT_AMOUNT:
        raise BadData(f"{what}: a {fields.type} order has an amount")
    return None


def _price(text: str | None, what: str) -> int:
    if text is None:
        raise BadData(f"{what}: a price is missing")
    return _yen(text, what)


def _side(text: str | None) -> Side | None:
    return None if text is None else Side(text)


def _trade(fields: TradeFields, *, pair: str) -> ExchangeTrade:
    what = f"trade {fields.trade_id}"
    if fields.pair != pair:
        raise BadData(f"{what}: its pair is {quote_value(fields.pair)}, not {pair}")
    lots = lots_of(fields.amount, what)
    if lots < 1:
        raise BadData(f"{what}: nothing was executed")
    return ExchangeTrade(
        trade_id=fields.trade_id,
        pair=pair,
        order_id=fields.order_id,
        is_buy=fields.side == "buy",
        position_side=_side(fields.position_side),
        kind=fields.type,
        lots=lots,
        price=_yen(fields.price, what),
        is_maker=fields.maker_taker == "maker",
        fee_btc=Decimal(fields.fee_amount_base),
        fee_jpy=Decimal(fields.fee_amount_quote),
        fee_occurred_jpy=decimal_or_none(fields.fee_occurred_amount_quote),
        profit_jpy=decimal_or_none(fields.profit_loss),
        interest_jpy=None if fields.interest is None else Decimal(fields.interest).copy_abs(),
        executed_at=fields.executed_at,
    )


def decimal_or_none(text: str | None) -> Decimal | None:
    """A number, or none where there is none."""
    return None if text is None else Decimal(text)
