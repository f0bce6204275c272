"""The exchange: one account, one pair, the orders, and what becomes of them as time goes.

price path ─► step(at): cancels, triggers, limits ─► executions ─► yen, coins, positions
"""

import threading
from collections import Counter
from typing import Any

from tests.support.second_bitbank.account import Account
from tests.support.second_bitbank.audit import Cover
from tests.support.second_bitbank.figures import Code
from tests.support.second_bitbank.market import SecondMarket
from tests.support.second_bitbank.orders import PRICED, TRIGGERED, Order
from tests.support.second_bitbank.readings import Readings

STEP_MS = 1_000


class SecondBitbank:
    """Orders in the order of their numbers; nothing ever forgets one."""

    def __init__(
        self, market: SecondMarket, *, yen_jpy: int, btc_lots: int = 0, readings: Readings
    ) -> None:
        self.market, self.readings = market, readings
        self.account = Account(readings, yen_jpy=yen_jpy, btc_lots=btc_lots)
        self.orders: dict[int, Order] = {}
        self.posts: list[dict[str, Any]] = []
        self.counts: Counter[str] = self.account.counts
        self.cover = Cover(owners_lots=btc_lots)
        self.walked_to = market.now()
        self.lock = threading.Lock()
        self._open: dict[int, Order] = {}
        self._next_order = 60_000_000_000

    def live(self) -> list[Order]:
        return [order for order in self._open.values() if order.is_live]

    # time

    def walk(self) -> None:
        """Bring everything up to now, a second at a time where something can happen."""
        now = self.market.now()
        while self.walked_to < now:
            self.walked_to = min(now, self.walked_to + STEP_MS) if self._open else now
            self._step(self.walked_to)
            self.cover.note(self, self.walked_to)

    def _step(self, at: int) -> None:
        self.account.collect(at)
        trades = self.market.mode(at) == "NONE"
        for order in list(self._open.values()):
            if order.cancels_at is not None and order.cancels_at <= at and order.is_live:
                order.end(order.cancels_at)
            elif trades and order.fills_at is not None and order.fills_at <= at:
                order.fills_at = None
                self.counts["a fired stop that passed through cancelled"] += 1
                self._take(order, at)
            elif trades and order.status == "INACTIVE":
                self._fire(order, at)
            elif trades and order.is_live:
                self._fill_resting(order, at)
            if not order.is_live and order.fills_at is None:
                self._open.pop(order.number, None)

    def is_crossed(self, order: Order, at: int) -> bool:
        """Whether a trigger would fire at once."""
        return self.market.is_touched(
            order.trigger or 0,
            buys=order.buys,
            rises=order.buys != (order.kind == "take_profit"),
            at=at,
            on_last=self.readings.fires_on == "last",
        )

    def _fire(self, order: Order, at: int) -> None:
        if not self.is_crossed(order, at):
            return
        order.triggered_at, order.status = at, "UNFILLED"
        self.counts[f"{order.kind} fired"] += 1
        if order.kind == "stop_limit":
            self._take(order, at, limit=order.price)
        elif self.readings.passing_ms:
            order.end(at)
            order.fills_at = at + self.readings.passing_ms
        else:
            self._take(order, at)

    def _fill_resting(self, order: Order, at: int) -> None:
        bid, ask = self.market.bid_ask(at)
        price = order.price or 0
        beyond = price - ask if order.buys else bid - price
        if beyond < (0 if self.readings.fills_at == "touch" else 1):
            return
        wanted = self._executable(order, at)
        lots = min(wanted, self.market.most_lots(at))
        if lots:
            self.account.book(order, lots, price, at, is_maker=True)
        if wanted and lots == wanted and order.is_live and order.left:
            order.end(at)

    def _take(self, order: Order, at: int, *, limit: int | None = None) -> None:
        """Meet the book: a market order whole or not at all, a limit as far as its price."""
        wanted = self._executable(order, at)
        if not wanted:
            return
        is_cut = order.lots is not None and wanted < order.left
        parts = self.market.taken(wanted, buys=order.buys, at=at, limit=limit)
        if limit is None and sum(lots for _, lots in parts) < wanted:
            self.counts["a market order that nobody took"] += 1
            order.end(at, self.readings.unfilled)
            return
        if order.lots is None:
            order.lots = wanted
        for price, lots in parts:
            self.account.book(order, lots, price, at, is_maker=False)
        self.counts["taken from more than one level"] += len(parts) > 1
        if is_cut and sum(lots for _, lots in parts) == wanted:
            order.end(at)

    def _executable(self, order: Order, at: int) -> int:
        """So much of an order can be executed; where that is nothing it has ended."""
        most = self.account.most(order)
        if most is None:
            return order.left
        left = most if order.lots is None else order.left
        if most >= left > 0:
            return left
        if most and self.readings.above_position == "shrink":
            order.lots = order.done + most
        elif not most or self.readings.above_position == "nothing":
            self.counts["an order above its position that ended"] += bool(most)
            order.end(at)
            return 0
        self.counts["an order above its position"] += 1
        return most

    # orders that come and go

    def place(self, order: Order, at: int) -> dict[str, Any]:
        """Take an order that may stand; gives the row that the answer shows."""
        order.number = self._next_order
        self._next_order += 7
        self.orders[order.number] = self._open[order.number] = order
        early = order.row(self.readings)
        if order.is_live and order.kind not in TRIGGERED and self.market.mode(at) == "NONE":
            self._meet(order, at)
        if not order.is_live:
            self._open.pop(order.number)
        self.cover.note(self, at)
        return early if self.readings.post_answers == "early" else order.row(self.readings)

    def _meet(self, order: Order, at: int) -> None:
        if order.kind not in PRICED:
            self._take(order, at)
            return
        if not self.market.taken(1, buys=order.buys, at=at, limit=order.price):
            return
        if order.post_only:
            order.end(at)
            self.counts["post-only cancelled"] += 1
        else:
            self._take(order, at, limit=order.price)

    def cancel(self, order: Order, at: int) -> dict[str, Any]:
        """End an order, now or soon; gives the row that the answer shows."""
        if self.market.stopped.get("stop_order_and_cancel"):
            raise Code(70018)
        if order.status.startswith("CANCELED"):
            raise Code(50026)
        if order.status == "FULLY_FILLED":
            raise Code(50027)
        if not order.is_live:
            raise Code(50010)
        if order.cancels_at is not None:
            raise Code(70019)
        early = order.row(self.readings)
        order.cancels_at = at + self.readings.cancel_ms
        if self.readings.cancel_ms:
            return early
        order.end(at)
        self._open.pop(order.number)
        return early if self.readings.cancel_answers == "early" else order.row(self.readings)
