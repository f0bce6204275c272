"""Readings of an account by hand."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from shared.core.frozen import copy_with
from shared.core.types import (
    AccountKind,
    Entry,
    Ledger,
    OpenIntent,
    Order,
    OrderIntent,
    OrderKind,
    Position,
    Purpose,
    Side,
    Traces,
    TrackedOrder,
)
from shared.exchanges.bitbank.balance_answers import AssetBalance, Balances
from shared.exchanges.bitbank.live.reading import Reading
from shared.exchanges.bitbank.live.reckoning import Reckoned, reckon
from shared.exchanges.bitbank.margin_answers import (
    MarginAccount,
    MarginPosition,
    MarginPositions,
)
from shared.exchanges.bitbank.private_answers import ExchangeOrder, ExchangeTrade

T0 = 1_767_225_600_000
MINUTE = 60_000
TICK = 180_000
PRICE = 10_000_000
STOP, TARGET = 9_700_000, 10_300_000


def intent_of(
    purpose: Purpose = Purpose.ENTRY, lots: int = 100, side: Side = Side.LONG, **more: Any
) -> OrderIntent:
    """An order of ours as it is meant."""
    kinds: dict[Purpose, dict[str, Any]] = {
        Purpose.ENTRY: {
            "kind": OrderKind.LIMIT,
            "price": PRICE,
            "post_only": True,
            "stop_price": STOP,
            "target_price": TARGET,
        },
        Purpose.STOP: {"kind": OrderKind.STOP, "trigger_price": STOP},
        Purpose.TARGET: {"kind": OrderKind.LIMIT, "price": TARGET, "post_only": True},
        Purpose.CLOSE: {"kind": OrderKind.MARKET},
    }
    told = {"id": f"t1.{purpose}.1", **kinds[purpose], **more}
    return OrderIntent(purpose=purpose, side=side, lots=lots, **told)


def told_order(
    number: int,
    intent: OrderIntent,
    *,
    status: str = "UNFILLED",
    executed: int = 0,
    at: int = T0,
    is_margin: bool = True,
    **more: Any,
) -> ExchangeOrder:
    """The order as bitbank tells it."""
    told: dict[str, Any] = {
        "order_id": number,
        "pair": "btc_jpy",
        "is_buy": intent.is_buy,
        "position_side": intent.side if is_margin else None,
        "kind": intent.kind.value,
        "lots": intent.lots,
        "remaining_lots": intent.lots - executed,
        "executed_lots": executed,
        "price": intent.price,
        "trigger_price": intent.trigger_price,
        "post_only": intent.post_only,
        "average_price": Decimal(PRICE if executed else 0),
        "status": status,
        "ordered_at": at,
        "expire_at": None,
        "triggered_at": None,
        "canceled_at": None,
        "executed_at": None,
        "user_cancelable": True,
    }
    return ExchangeOrder(**{**told, **more})


def execution(
    number: int, order_id: int, lots: int, *, is_buy: bool = True, at: int = T0, **more: Any
) -> ExchangeTrade:
    told: dict[str, Any] = {
        "trade_id": number,
        "pair": "btc_jpy",
        "order_id": order_id,
        "is_buy": is_buy,
        "position_side": Side.LONG,
        "kind": "limit",
        "lots": lots,
        "price": PRICE,
        "is_maker": True,
        "fee_btc": Decimal(0),
        "fee_jpy": Decimal(0),
        "fee_occurred_jpy": Decimal(0),
        "profit_jpy": None,
        "interest_jpy": None,
        "executed_at": at,
    }
    return ExchangeTrade(**{**told, **more})


def position_of(side: Side, lots: int) -> MarginPosition:
    return MarginPosition(
        side=side,
        lots=lots,
        product_jpy=Decimal(lots * PRICE) / 10_000,
        average_price=Decimal(PRICE if lots else 0),
        fee_jpy=Decimal(0),
        interest_jpy=Decimal(0),
    )


def margin_of(cost_jpy: Decimal) -> MarginAccount:
    nothing = Decimal(0)
    return MarginAccount(
        status="NORMAL",
        total_jpy=nothing,
        profit_jpy=nothing,
        cost_jpy=cost_jpy,
        positions_jpy=nothing,
        orders_jpy=nothing,
        maintenance_jpy=nothing,
        orders_maintenance_jpy=nothing,
        percentage=None,
        call_percentage=None,
        losscut_percentage=None,
        available_long_jpy=nothing,
        available_short_jpy=nothing,
    )


def balance(
    asset: str, onhand: Decimal | str | int, *, free: Decimal | str | int | None = None
) -> AssetBalance:
    amount = Decimal(onhand)
    return AssetBalance(
        asset=asset,
        onhand=amount,
        locked=Decimal(0) if free is None else amount - Decimal(free),
        free=amount if free is None else Decimal(free),
        withdrawing=Decimal(0),
        collateral_ratio=None,
    )


def reading_of(
    *,
    at: int = T0 + MINUTE,
    orders: Sequence[ExchangeOrder] = (),
    ended: Sequence[ExchangeOrder] = (),
    executions: Sequence[ExchangeTrade] = (),
    long: int = 0,
    short: int = 0,
    jpy: Decimal | str | int = 1_000_000,
    btc: Decimal | str | int = 0,
    missing: Sequence[int] = (),
    is_margin: bool = True,
    free_btc: Decimal | str | int | None = None,
    cost_jpy: Decimal | str | int | None = None,
    due_jpy: Decimal | str | int = 0,
) -> Reading:
    """`cost_jpy` is what the margin account owes, `due_jpy` what of it the long position will."""
    positions = MarginPositions(
        long=copy_with(position_of(Side.LONG, long), interest_jpy=Decimal(due_jpy)),
        short=position_of(Side.SHORT, short),
        notice=None,
        payables_jpy=Decimal(0),
    )
    every = {order.order_id: order for order in (*orders, *ended)}
    return Reading(
        read_at=at,
        resting=frozenset(order.order_id for order in orders),
        orders=every,
        missing=frozenset(missing),
        executions=tuple(executions),
        balances=Balances(jpy=balance("jpy", jpy), btc=balance("btc", btc, free=free_btc)),
        positions=positions if is_margin else None,
        newest_order_id=max([*every, *(one.order_id for one in executions)], default=0),
        margin=None if cost_jpy is None else margin_of(Decimal(cost_jpy)),
    )


def ledger_of(*tracked: TrackedOrder, lots: int = 0, side: Side = Side.LONG, **more: Any) -> Ledger:
    entries = (Entry(at=T0, price=PRICE, lots=lots, fee_jpy=Decimal(0)),)
    positions = (Position(side=side, entries=entries),) if lots else ()
    told: dict[str, Any] = {
        "capital_jpy": Decimal(200_000),
        "cash_jpy": Decimal(200_000),
        "opened_at": T0 - 10 * TICK,
        "positions": positions,
        "tracked": tracked,
    }
    return Ledger(**{**told, **more})


def tracked_order(number: int, intent: OrderIntent, **more: Any) -> TrackedOrder:
    executed = more.pop("executed", 0)
    order = Order(
        order_id=number, intent=intent, placed_at=T0, remaining_lots=intent.lots - executed
    )
    return TrackedOrder(order=order, **more)


def open_intent(intent: OrderIntent, **more: Any) -> OpenIntent:
    told: dict[str, Any] = {
        "at": T0,
        "until": T0 + 170_000,
        "before": Traces(read_at=T0 - 1_000, newest_order_id=50, jpy=Decimal(800_000)),
    }
    return OpenIntent(intent=intent, **{**told, **more})


@pytest.fixture
def reckoned() -> Any:
    def run(
        ledger: Ledger | None = None,
        intents: Sequence[OpenIntent] = (),
        kind: str = "margin",
        **reading: Any,
    ) -> Reckoned:
        return reckon(
            reading_of(is_margin=kind == "margin", **reading),
            ledger=ledger or ledger_of(),
            intents=intents,
            kind=AccountKind(kind),
        )

    return run
