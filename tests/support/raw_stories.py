"""Random stories of raw requests to a sandbox, at any instant: every kind of order, on both sides,
of any size, and every question, all judged by the table.
"""

import json
import random
from collections import Counter
from decimal import Decimal
from typing import Any

from shared.exchanges.sandbox.faults import Faults
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.private.settings import PrivateSettings, Readings
from shared.exchanges.sandbox.server import Sandbox
from shared.exchanges.sandbox.time_source import SteppedTime
from tests.support.account_stories import market
from tests.support.bitbank_api import table
from tests.support.signed_client import KEY, SECRET, signature

TYPES = ("limit", "market", "stop", "stop_limit", "take_profit", "stop_loss")
OVER = {"FULLY_FILLED", "CANCELED_UNFILLED", "CANCELED_PARTIALLY_FILLED", "REJECTED", "EXPIRED"}


class RawStory:
    """One account under one reading. `lies` tells whether the table may be broken on purpose."""

    def __init__(
        self, seed: int, readings: Readings, *, faults: Faults | None = None, losscut: int = 50
    ) -> None:
        self.dice, self.readings, self.counts = random.Random(seed), readings, Counter[str]()
        path = SandboxMarket.from_minutes(market(self.dice, 240, step=3_000))
        self.clock = SteppedTime(path.starts_at + 1)
        private = PrivateSettings(
            yen=Decimal(self.dice.choice([50_000, 300_000, 5_000_000])),
            btc_lots=self.dice.choice([0, 100, 5_000]),
            readings=readings,
            losscut_percentage=Decimal(losscut),
            is_limited=False,
        )
        self.sandbox = Sandbox(
            path,
            self.clock,
            private=private,
            faults=faults,
        )
        self.judges = faults is None
        self.answers: list[Any] = []
        self.ids: list[int] = []

    def tell(self, moments: int = 60) -> "RawStory":
        for _ in range(moments):
            self.clock.advance_to(
                self.clock.now_ms() + self.dice.choice([1, 5_000, 61_000, 61_000, 400_000])
            )
            for _ in range(self.dice.choice([0, 1, 2, 3])):
                self.act()
            if self.judges:
                self.look()
        return self

    def ask(self, method: str, target: str, body: Any = None) -> Any:
        payload = b"" if body is None else json.dumps(body).encode()
        at = str(self.clock.now_ms())
        signed = payload if method == "POST" else target.encode()
        headers = {
            "ACCESS-KEY": KEY,
            "ACCESS-REQUEST-TIME": at,
            "ACCESS-TIME-WINDOW": "5000",
            "ACCESS-SIGNATURE": signature(SECRET, at + "5000", signed),
        }
        reply = self.sandbox.answer(method, target, payload, headers)
        self.answers.append((reply.status, reply.body, reply.ending))
        told = reply.json()
        if self.judges:
            self.judge(method, target, payload, told)
        return told

    def judge(self, method: str, target: str, payload: bytes, told: Any) -> None:
        endpoint = table.endpoint_of(method, target.partition("?")[0])
        assert endpoint is not None
        if told["success"] == 1:
            assert table.answer_problems(endpoint, told) == [], (payload, told)
            assert table.request_problems(method, target, payload) == [], (target, payload)
            self.counts[endpoint] += 1
        else:
            assert told["data"]["code"] in table.read_codes(), told
            assert told["data"]["code"] >= 30_000, (payload, told)  # all are signed rightly
            self.counts[f"code {told['data']['code']}"] += 1

    def act(self) -> None:
        if self.dice.random() < 0.2 and self.ids:
            ways: list[tuple[str, dict[str, Any]]] = [
                ("cancel_order", {"order_id": self.dice.choice(self.ids)}),
                ("cancel_orders", {"order_ids": self.ids[-3:]}),
            ]
            path, body = self.dice.choice(ways)
            self.ask("POST", f"/v1/user/spot/{path}", {"pair": "btc_jpy", **body})
            return
        told = self.ask("POST", "/v1/user/spot/order", self.order())
        if isinstance(told, dict) and told.get("success") == 1 and "order_id" in told["data"]:
            self.ids.append(told["data"]["order_id"])
            self.counts[f"type {told['data'].get('type')}"] += 1

    def order(self) -> dict[str, Any]:
        point = self.sandbox.market.point_at(self.clock.now_ms())
        assert point is not None
        kind = self.dice.choice(["limit", "limit", "market", *TYPES])
        body: dict[str, Any] = {
            "pair": "btc_jpy",
            "side": self.dice.choice(["buy", "sell"]),
            "type": kind,
            "amount": f"{self.dice.choice([1, 5, 30, 30, 200]) / 10_000:.4f}",
        }
        if self.dice.random() < 0.7:
            body["position_side"] = self.dice.choice(["long", "short"])
            if kind not in {"limit", "market"}:  # these only close
                body["side"] = "sell" if body["position_side"] == "long" else "buy"
        near = str(point[1] + self.dice.randint(-1_500, 1_500))
        if kind in {"limit", "stop_limit"}:
            body["price"] = near
        if kind not in {"limit", "market"}:
            body["trigger_price"] = str(point[1] + self.dice.randint(-1_500, 1_500))
        if kind == "limit" and self.dice.random() < 0.4:
            body["post_only"] = True
        if kind in {"take_profit", "stop_loss"} and self.dice.random() < 0.5:
            del body["amount"]
        return body

    def look(self) -> None:
        """Ask everything, and hold the answers against each other."""
        assets = self.ask("GET", "/v1/user/assets")["data"]["assets"]
        for row in assets:
            parts = Decimal(row["free_amount"]) + Decimal(row["locked_amount"])
            assert parts == Decimal(row["onhand_amount"]), row
        positions = self.ask("GET", "/v1/user/margin/positions")["data"]["positions"]
        status = self.ask("GET", "/v1/user/margin/status")["data"]
        assert Decimal(status["open_margin_position_product"]) == sum(
            Decimal(row["product"]) for row in positions
        )
        active = self.ask("GET", "/v1/user/spot/active_orders")["data"]["orders"]
        assert len(active) <= 30
        shown = {row["order_id"] for row in active}
        for row in self.all_orders():
            lists = row["status"] != "INACTIVE" or self.readings.stops_listed == "yes"
            assert (row["order_id"] in shown) == (row["status"] not in OVER and lists), row
            if row["start_amount"] is not None:
                parts = Decimal(row["executed_amount"]) + Decimal(row["remaining_amount"])
                assert parts == Decimal(row["start_amount"]), row
            self.counts[f"status {row['status']}"] += 1
        self.held_is_traded(positions)

    def all_orders(self) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(self.ids), 30):
            body = {"pair": "btc_jpy", "order_ids": self.ids[start : start + 30]}
            found += self.ask("POST", "/v1/user/spot/orders_info", body)["data"]["orders"]
        return found

    def held_is_traded(self, positions: list[Any]) -> None:
        """What is held on margin is what was opened less what was closed."""
        trades = self.ask("GET", "/v1/user/spot/trade_history?count=1000&order=asc")["data"][
            "trades"
        ]
        for side, opens in (("long", "buy"), ("short", "sell")):
            held = sum(
                Decimal(row["amount"]) * (1 if row["side"] == opens else -1)
                for row in trades
                if row.get("position_side") == side
            )
            (row,) = (
                row
                for row in positions
                if row["pair"] == "btc_jpy" and row["position_side"] == side
            )
            assert held == Decimal(row["open_amount"]), (held, row)
