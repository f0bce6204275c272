"""Builders that the rules' tests share: values that matter are given, all others are plain."""

import json
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from shared.core import settings as configuration
from shared.core.reasons import Reason
from shared.core.types import (
    Account,
    AccountKind,
    Barriers,
    Book,
    Entry,
    Fill,
    Goal,
    Holdings,
    Market,
    Order,
    OrderIntent,
    OrderKind,
    PairRules,
    Position,
    PositionPlan,
    Purpose,
    Side,
    Signal,
    Trade,
)
from shared.exchanges.paper import account as accounts
from shared.exchanges.paper.account import PaperAccount
from tests.support.signals import signal_of

T0 = 1_699_999_200_000
MINUTE = 60_000
CLOSED_AT = 1_700_000_100_000
ZERO = Decimal(0)
NO_FEES = replace(PairRules(), taker_fee_rate=ZERO)


@cache
def _settings(overrides: str):
    return configuration.load_settings({}, overrides=json.loads(overrides))


class Made:
    """Makes what the rules take."""

    t0 = T0
    minute = MINUTE
    no_fees = NO_FEES

    def settings(self, **overrides: Any):
        return _settings(json.dumps(overrides))

    def target_settings(self, **overrides: Any):
        risk = {"policy": "target", **overrides.pop("risk", {})}
        return self.settings(risk=risk, **overrides)

    # orders

    def intent(self, purpose: Purpose, kind: OrderKind, lots: int, **more: Any) -> OrderIntent:
        plain = {
            "id": f"t.{purpose}.1",
            "purpose": purpose,
            "side": Side.LONG,
            "kind": kind,
            "lots": lots,
        }
        return OrderIntent(**{**plain, **more})

    def entry(self, price: int, lots: int = 100, **more: Any) -> OrderIntent:
        return self.intent(
            Purpose.ENTRY, OrderKind.LIMIT, lots, **{"price": price, "post_only": True, **more}
        )

    def stop(self, trigger: int, lots: int = 100, **more: Any) -> OrderIntent:
        return self.intent(Purpose.STOP, OrderKind.STOP, lots, **{"trigger_price": trigger, **more})

    def target(self, price: int, lots: int = 100, **more: Any) -> OrderIntent:
        return self.intent(
            Purpose.TARGET, OrderKind.LIMIT, lots, **{"price": price, "post_only": True, **more}
        )

    def close(self, lots: int = 100, **more: Any) -> OrderIntent:
        return self.intent(Purpose.CLOSE, OrderKind.MARKET, lots, **more)

    def order(
        self, number: int, intent: OrderIntent, *, at: int = T0, left: int | None = None
    ) -> Order:
        return Order(
            order_id=number,
            intent=intent,
            placed_at=at,
            remaining_lots=intent.lots if left is None else left,
        )

    # what is held

    def part(self, price: int, lots: int, *, at: int = T0, fee: str = "0") -> Entry:
        return Entry(at=at, price=price, lots=lots, fee_jpy=Decimal(fee))

    def position(self, *parts: Entry, side: Side = Side.LONG) -> Position:
        return Position(side=side, entries=parts)

    def account(
        self,
        kind: str = "margin",
        *,
        cash: int = 10_000_000,
        rules: PairRules = NO_FEES,
        **more: Any,
    ) -> PaperAccount:
        costs = more.pop(
            "costs",
            {"spread_rate": 0.0, "slippage_rate": 0.0, "volume_share": 1.0, "keep_trades": 10},
        )
        terms = accounts.account_terms(self.settings(paper=costs), rules)
        return replace(accounts.open_account(cash, T0, kind=AccountKind(kind), terms=terms), **more)

    def holdings(
        self,
        *positions: Position,
        orders: tuple[Order, ...] = (),
        equity: int = 1_000_000,
        **more: Any,
    ) -> Holdings:
        yen = Decimal(equity)
        return Holdings(
            **{
                "as_of": T0,
                "cash_jpy": yen,
                "equity_jpy": yen,
                "available_jpy": yen,
                "mark_price": None,
                "positions": positions,
                "orders": orders,
                **more,
            }
        )

    def fill(self, sequence: int, *, at: int = T0, **more: Any) -> Fill:
        return Fill(
            **{
                "sequence": sequence,
                "order_id": sequence,
                "purpose": Purpose.ENTRY,
                "side": Side.LONG,
                "at": at,
                "price": 10_000_000,
                "lots": 10,
                "maker": True,
                "fee_jpy": ZERO,
                **more,
            }
        )

    def trade(self, sequence: int, net: int | str, *, at: int = T0, **more: Any) -> Trade:
        return Trade(
            **{
                "sequence": sequence,
                "side": Side.LONG,
                "opened_at": at - 1,
                "closed_at": at,
                "lots": 1,
                "entry_price": Decimal(1),
                "exit_price": 1,
                "reason": Reason.EXIT_STOP,
                "gross_jpy": Decimal(net),
                "fees_jpy": ZERO,
                "interest_jpy": ZERO,
                **more,
            }
        )

    def plan(self, **more: Any) -> PositionPlan:
        plain = {
            "side": Side.LONG,
            "stop_price": 9_800_000,
            "target_price": 10_300_000,
            "exit_by": T0 + 900_000,
        }
        return PositionPlan(**{**plain, "as_of": T0, "entry_intent": "a", **more})

    # a decision

    def signal(self, **more: Any) -> Signal:
        plain = {
            "as_of": CLOSED_AT,
            "close": 10_000_000,
            "atr_jpy": 30_000.0,
            "side": Side.LONG,
            "strength": 0.8,
            "p_lower": 0.2,
            "p_neither": 0.2,
            "p_upper": 0.6,
            "barriers": Barriers(atr_multiple=4.0, horizon_candles=48),
            "model": "m",
        }
        return signal_of(**{**plain, **more})

    def goal(self, lots: int, **more: Any) -> Goal:
        return Goal(**{"lots": lots, "as_of": T0, **more})

    def book(self, bid: int = 9_999_500, ask: int = 10_000_500, *, at: int = CLOSED_AT) -> Book:
        return Book(as_of=at, bid=bid, ask=ask)

    def owner(self, yen: int = 1_000_000, **more: Any) -> Account:
        money = Decimal(yen)
        plain = {
            "equity_jpy": money,
            "capital_jpy": money,
            "equity_peak_jpy": money,
            "day_start_equity_jpy": money,
        }
        return Account(**{**plain, "available_jpy": 2 * money, **more})

    def market(self, **more: Any) -> Market:
        return Market(
            **{"as_of": CLOSED_AT, "candles": {}, "book": self.book(), "rules": PairRules(), **more}
        )


@pytest.fixture
def made() -> Made:
    return Made()
