"""The account's rows as bitbank writes them: amounts are texts, numbers and times numbers. Pure."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from shared.core.money import ZERO, btc_from_lots, jpy, notional_jpy
from shared.core.pair import BTC_JPY
from shared.core.types import AccountKind, Fill, Side, Trade
from shared.exchanges.paper.ledger import PaperAccount
from shared.exchanges.sandbox.market import btc_text
from shared.exchanges.sandbox.private.settings import PrivateSettings
from shared.exchanges.sandbox.private.standing import (
    LIFE_MS,
    TRIGGERED_TYPES,
    SentOrder,
    Standing,
)
from shared.exchanges.sandbox.private.worth import uncollected_jpy


def order_row(record: SentOrder, settings: PrivateSettings) -> dict[str, Any]:
    """One order."""
    intent = record.intent
    row: dict[str, Any] = {
        "order_id": record.order_id,
        "pair": BTC_JPY.name,
        "side": "buy" if intent.is_buy else "sell",
    }
    if record.kind.has_debt:
        row["position_side"] = str(intent.side)
    left = intent.lots - record.executed_lots
    row |= {
        "type": record.type,
        "start_amount": None if record.follows else btc_text(intent.lots),
        "remaining_amount": None if record.follows else btc_text(left),
        "executed_amount": btc_text(record.executed_lots),
    }
    if record.type in {"limit", "stop_limit"}:
        row["price"] = str(intent.price)
    elif settings.readings.empty_fields == "null":
        row["price"] = None
    if record.type == "limit":
        row["post_only"] = intent.post_only
    row |= {
        "user_cancelable": record.type != "losscut",
        "average_price": _average(record),
        "ordered_at": record.ordered_at,
        "expire_at": record.ordered_at + LIFE_MS,
    }
    if record.type in TRIGGERED_TYPES:
        row["trigger_price"] = str(intent.trigger_price)
    is_canceled = record.status.startswith("CANCELED")
    times = {
        "triggered_at": record.triggered_at,
        "canceled_at": record.canceled_at if is_canceled else None,
        "executed_at": record.executed_at,
    }
    row |= {name: at for name, at in times.items() if at is not None}
    row["status"] = record.status
    return row


def _average(record: SentOrder) -> str:
    if not record.executed_lots:
        return "0"
    return price_text(Decimal(record.value) / record.executed_lots)


def price_text(price: Decimal) -> str:
    """A price: whole yen without places, else four."""
    return str(int(price)) if price == int(price) else f"{jpy(price):f}"


def trade_rows(standing: Standing, settings: PrivateSettings) -> Iterator[dict[str, Any]]:
    """Every execution, oldest first."""
    told = [
        (fill.sequence, fill, kind, trade)
        for kind in (AccountKind.SPOT, AccountKind.MARGIN)
        for fill, trade in _paired(standing.account(kind))
    ]
    for _, fill, kind, trade in sorted(told, key=lambda one: one[0]):
        record = standing.orders[fill.order_id]
        fee = fill.fee_jpy
        row: dict[str, Any] = {
            "trade_id": fill.sequence,
            "pair": BTC_JPY.name,
            "order_id": fill.order_id,
            "side": "buy" if record.intent.is_buy else "sell",
        }
        if kind.has_debt:
            row["position_side"] = str(fill.side)
            fee = ZERO if trade is None else trade.fees_jpy
        row |= {
            "type": record.type,
            "amount": btc_text(fill.lots),
            "price": str(fill.price),
            "maker_taker": "maker" if fill.maker else "taker",
            "fee_amount_base": "0",
            "fee_amount_quote": f"{fee:f}",
            "fee_occurred_amount_quote": f"{fill.fee_jpy:f}",
        }
        if kind.has_debt and trade is not None:
            sign = -1 if settings.readings.interest_sign == "minus" else 1
            row["profit_loss"] = f"{trade.gross_jpy:f}"
            row["interest"] = f"{trade.interest_jpy * sign:f}"
        row["executed_at"] = fill.at
        yield row


def _paired(account: PaperAccount) -> Iterator[tuple[Fill, Trade | None]]:
    """Each fill with the trade that it closed: each closing fill is one trade, in the same
    order.
    """
    trades = iter(account.trades)
    for fill in account.fills:
        is_opening = fill.purpose == "entry"
        yield fill, None if is_opening else next(trades)


def asset_rows(standing: Standing, at: int, settings: PrivateSettings) -> list[dict[str, Any]]:
    """Yen and coins on hand, and what of them resting spot orders hold."""
    with_fee = settings.readings.locked_fee == "yes"
    locked_yen, locked_lots = ZERO, 0
    fee_rate = max(ZERO, standing.spot.terms.maker_fee_rate)
    for record in standing.live_orders:
        if record.kind.has_debt:
            continue
        left = record.intent.lots - record.executed_lots
        if not record.intent.is_buy:
            locked_lots += left
        elif record.intent.price is not None:
            cost = notional_jpy(record.intent.price, left)
            locked_yen += cost + (jpy(cost * fee_rate) if with_fee else ZERO)
    coins = standing.spot.lots(Side.LONG)
    locked_lots = min(locked_lots, coins)
    late = uncollected_jpy(standing, at, settings.readings.collection)
    yen = max(ZERO, standing.yen + late)
    locked_yen = min(locked_yen, yen)
    return [
        {
            **_asset("jpy", 4, yen, locked_yen),
            "collateral_ratio": "1",
            "withdrawal_fee": {"threshold": "30000.0000", "under": "550.0000", "over": "770.0000"},
        },
        {
            **_asset("btc", 8, btc_from_lots(coins), btc_from_lots(locked_lots)),
            "collateral_ratio": f"{settings.collateral_rate:f}",
            "withdrawal_fee": {"min": "0.00060000", "max": "0.00060000"},
            "network_list": [
                {
                    "asset": "btc",
                    "network": "bitcoin",
                    "stop_deposit": False,
                    "stop_withdrawal": False,
                    "withdrawal_fee": "0.00060000",
                }
            ],
        },
    ]


def _asset(name: str, places: int, onhand: Decimal, locked: Decimal) -> dict[str, Any]:
    return {
        "asset": name,
        "free_amount": f"{onhand - locked:.{places}f}",
        "amount_precision": places,
        "onhand_amount": f"{onhand:.{places}f}",
        "locked_amount": f"{locked:.{places}f}",
        "withdrawing_amount": f"{ZERO:.{places}f}",
        "stop_deposit": False,
        "stop_withdrawal": False,
    }


def newest_first(records: Sequence[SentOrder]) -> list[SentOrder]:
    """Orders from the newest to the oldest."""
    return sorted(records, key=lambda record: -record.order_id)
