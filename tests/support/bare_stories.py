"""Stories of bare orders, told twice at the grid of minutes: to the sandbox by signed requests, and
to the paper account by its own functions.

A story is a function of its seed. Both must answer alike and hold the same after every minute.
"""

import json
import random
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.types import (
    Accepted,
    AccountKind,
    Order,
    OrderIntent,
    OrderKind,
    Purpose,
    Rejected,
    Side,
)
from shared.exchanges.paper.ledger import PaperAccount, end_orders
from shared.exchanges.paper.placing import cancel_order, place_order
from shared.exchanges.paper.settling import settle_account
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.private.pair_rules import pair_rules
from shared.exchanges.sandbox.private.settings import PrivateSettings, Readings
from shared.exchanges.sandbox.private.standing import LIFE_MS, open_standing
from shared.exchanges.sandbox.server import Sandbox
from shared.exchanges.sandbox.time_source import SteppedTime
from tests.support.account_stories import T0, market
from tests.support.bitbank_api import table
from tests.support.signed_client import KEY, SECRET, signature

MINUTE = 60_000
YEN = {AccountKind.MARGIN: 60_000, AccountKind.SPOT: 60_000}


class BareStory:
    """One market, one sandbox, one paper account of the same kind."""

    def __init__(
        self,
        seed: int,
        kind: AccountKind,
        *,
        readings: Readings | None = None,
        settings: PrivateSettings | None = None,
    ) -> None:
        self.dice, self.kind, self.counts = random.Random(seed), kind, Counter[str]()
        minutes = market(self.dice, 60)
        self.market = SandboxMarket.from_minutes(minutes)
        base = settings or PrivateSettings(
            yen=Decimal(self.dice.choice([20_000, 200_000, 2_000_000])),
            volume_share=Decimal(self.dice.choice(["0.2", "1", "0.05"])),
            losscut_percentage=Decimal(0),
            is_limited=False,
            readings=readings or Readings(orphans="end"),
        )
        spread = self.dice.choice([0.0001, 0.0, 0.0004])
        self.clock = SteppedTime(T0)
        self.sandbox = Sandbox(self.market, self.clock, private=base, spread_rate=spread)
        self.rules = pair_rules(self.sandbox.rules, kind, frozenset())
        opened = open_standing(T0, None, base, self.rules, spread)
        self.paper: PaperAccount = copy_with(
            opened.account(kind), cash_jpy=opened.yen, next_order_id=1, next_fill_sequence=1
        )
        self.ids: dict[int, int] = {}
        """The sandbox's number by the paper account's."""
        self.number = 0

    # asking the sandbox

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        payload = b"" if body is None else json.dumps(body).encode()
        at = str(self.clock.now_ms())
        signed = payload if method == "POST" else path.encode()
        headers = {
            "ACCESS-KEY": KEY,
            "ACCESS-REQUEST-TIME": at,
            "ACCESS-TIME-WINDOW": "5000",
            "ACCESS-SIGNATURE": signature(SECRET, at + "5000", signed),
        }
        told = self.sandbox.answer(method, path, payload, headers).json()
        if told["success"] == 1:
            endpoint = table.endpoint_of(method, path.partition("?")[0])
            assert endpoint is not None
            assert table.answer_problems(endpoint, told) == [], told
            self.counts["judged"] += 1
        return told

    # the story

    def tell(self, *, compare: bool = True) -> "BareStory":
        for minute in range(1, 55):
            self.clock.advance_to(T0 + minute * MINUTE)
            self.paper = settle_account(self.paper, self.market.minutes, self.now)
            for _ in range(self.dice.choice([0, 0, 1, 1, 2])):
                self.act()
            if compare:
                self.compare()
        return self

    @property
    def now(self) -> int:
        return self.clock.now_ms()

    def price(self) -> int:
        point = self.market.point_at(self.now)
        assert point is not None
        return point[1]

    def act(self) -> None:
        choice = self.dice.random()
        sides = list(Side) if self.kind is AccountKind.MARGIN else [Side.LONG]
        side = self.dice.choice(sides)
        held = self.paper.lots(side)
        if choice < 0.45 or not held:
            self.enter(side)
        elif choice < 0.6:
            self.leave(side, OrderKind.STOP, held)
        elif choice < 0.75:
            self.leave(side, OrderKind.LIMIT, held)
        elif choice < 0.85:
            self.leave(side, OrderKind.MARKET, held)
        elif self.paper.orders:
            self.cancel(self.dice.choice(self.paper.orders))

    def enter(self, side: Side) -> None:
        kind = self.dice.choice([OrderKind.LIMIT, OrderKind.LIMIT, OrderKind.MARKET])
        offset = self.dice.choice([self.dice.randint(1, 300), -self.dice.randint(0, 200)])
        limit = self.price() - side.sign * offset
        self.send(
            OrderIntent(
                id="",
                purpose=Purpose.ENTRY,
                side=side,
                kind=kind,
                lots=self.dice.choice([1, 5, self.dice.randint(1, 150)]),
                price=limit if kind is OrderKind.LIMIT else None,
                post_only=kind is OrderKind.LIMIT and self.dice.random() < 0.6,
            )
        )

    def leave(self, side: Side, kind: OrderKind, held: int) -> None:
        away = self.dice.randint(-50, 400)
        trigger = self.price() - side.sign * away if kind is OrderKind.STOP else None
        price = self.price() + side.sign * away if kind is OrderKind.LIMIT else None
        purposes = {OrderKind.LIMIT: Purpose.TARGET, OrderKind.STOP: Purpose.STOP}
        self.send(
            OrderIntent(
                id="",
                purpose=purposes.get(kind, Purpose.CLOSE),
                side=side,
                kind=kind,
                lots=self.dice.choice([held, held, max(1, held // 2), held + 1]),
                price=price,
                trigger_price=trigger,
                post_only=kind is OrderKind.LIMIT and self.dice.random() < 0.7,
            )
        )

    def send(self, intent: OrderIntent) -> None:
        self.number += 1
        intent = replace(intent, id=f"bare.{self.number}", expires_at=self.now + LIFE_MS)
        book = self.sandbox.private.book_at(self.now)
        self.paper, outcome = place_order(
            self.paper, intent, book=book, now_ms=self.now, rules=self.rules
        )
        told = self.ask("POST", "/v1/user/spot/order", body_of(intent, self.kind))
        if isinstance(outcome, Accepted):
            assert told["success"] == 1, (intent, told)
            self.ids[outcome.order.order_id] = told["data"]["order_id"]
            self.counts[f"placed {intent.kind} {intent.purpose}"] += 1
            return
        assert isinstance(outcome, Rejected)
        if outcome.reason is Reason.POST_ONLY_WOULD_CROSS:
            assert told["data"]["status"] == "CANCELED_UNFILLED", told
            self.counts["post-only cancelled"] += 1
            return
        assert told == {"success": 0, "data": {"code": int(outcome.context["code"])}}, outcome
        self.counts[f"refused {outcome.context['code']}"] += 1

    def cancel(self, order: Order) -> None:
        self.paper, _ = cancel_order(self.paper, order, now_ms=self.now - 1)
        self.paper = end_orders(
            self.paper, [held for held in self.paper.orders if held.has_ended(self.now)]
        )
        body = {"pair": "btc_jpy", "order_id": self.ids[order.order_id]}
        told = self.ask("POST", "/v1/user/spot/cancel_order", body)
        assert told["data"]["status"].startswith("CANCELED"), told
        self.counts["cancelled"] += 1

    # both alike

    def compare(self) -> None:
        self.ask("GET", "/v1/user/assets")
        standing = self.sandbox.private.standing
        assert standing is not None
        mine = standing.account(self.kind)
        assert standing.yen == self.paper.cash_jpy
        assert mine.positions == self.paper.positions
        assert [shape_of_fill(fill) for fill in mine.fills] == [
            shape_of_fill(fill) for fill in self.paper.fills
        ]
        assert [(held.order_id, held.remaining_lots, held.intent.lots) for held in mine.orders] == [
            (self.ids[held.order_id], held.remaining_lots, held.intent.lots)
            for held in self.paper.orders
        ]
        assert [trade.net_jpy for trade in mine.trades] == [
            trade.net_jpy for trade in self.paper.trades
        ]
        self.counts["minutes compared"] += 1
        self.counts["fills"] = len(mine.fills)
        self.counts["parts"] = sum(
            record.executed_lots > 0 and record.status != "FULLY_FILLED"
            for record in standing.orders.values()
        )


def shape_of_fill(fill: Any) -> tuple[Any, ...]:
    return (
        fill.at, fill.price, fill.lots, fill.maker, fill.fee_jpy, fill.side, fill.purpose,
        fill.slippage_jpy,
    )  # fmt: skip


def body_of(intent: OrderIntent, kind: AccountKind) -> dict[str, Any]:
    """The order as a client sends it: bare."""
    body: dict[str, Any] = {
        "pair": "btc_jpy",
        "amount": f"{intent.lots / 10_000:.4f}",
        "side": "buy" if intent.is_buy else "sell",
        "type": str(intent.kind),
    }
    if kind is AccountKind.MARGIN:
        body["position_side"] = str(intent.side)
    if intent.price is not None:
        body["price"] = str(intent.price)
    if intent.trigger_price is not None:
        body["trigger_price"] = str(intent.trigger_price)
    if intent.post_only:
        body["post_only"] = True
    return body
