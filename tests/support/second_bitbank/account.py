"""Yen, coins and positions of the one account, and how an execution is booked.

A position is one averaged row a side: what it cost is `product`, and a close takes its share of it.
"""

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tests.support.second_bitbank.figures import DAY, UNITS, btc, half_up, yen
from tests.support.second_bitbank.orders import PAIR, Order, price_text
from tests.support.second_bitbank.readings import Readings

TAKER_SHARE, INTEREST_SHARE = 10, 4  # of 10,000: 0.1 %, and 0.04 % a day


@dataclass
class Held:
    """One side. `fee` is what its opens cost and is not collected; `parts` are for the interest:
    when opened, and at what product.
    """

    lots: int = 0
    product: int = 0
    fee: int = 0
    parts: list[list[int]] = field(default_factory=list)

    def interest(self, at: int, *, by: str) -> int:
        if by == "second":
            return sum(
                half_up(product * INTEREST_SHARE * (at - opened), UNITS * DAY)
                for opened, product in self.parts
            )
        return sum(
            half_up(product * INTEREST_SHARE * ((at - opened) // DAY + 1), UNITS)
            for opened, product in self.parts
        )

    def reduce(self, lots: int) -> tuple[int, int]:
        """Take out so many lots; gives what they cost, and what their opens' fee was."""
        before = self.lots
        cost, fee = half_up(self.product * lots, before), half_up(self.fee * lots, before)
        self.lots, self.product, self.fee = before - lots, self.product - cost, self.fee - fee
        self.parts = [
            [opened, half_up(part * self.lots, before)] for opened, part in self.parts if self.lots
        ]
        return cost, fee


class Account:
    """`jpy` is what lies there, `cash` what of it is not owed."""

    def __init__(self, readings: Readings, *, yen_jpy: int, btc_lots: int = 0) -> None:
        self.readings = readings
        self.jpy, self.coins = yen_jpy * UNITS, btc_lots
        self.held = {"long": Held(), "short": Held()}
        self.executions: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter()
        self._past: dict[str, list[tuple[int, Held]]] = {"long": [], "short": []}
        self._owed: list[tuple[int, int]] = []
        self._next_trade = 2_000_000_000

    @property
    def owed(self) -> int:
        return sum(amount for _, amount in self._owed)

    @property
    def cash(self) -> int:
        return self.jpy - self.owed

    def collect(self, at: int) -> None:
        """Take what is due from the yen."""
        self.jpy -= sum(amount for due_at, amount in self._owed if due_at <= at)
        self._owed = [(due_at, amount) for due_at, amount in self._owed if due_at > at]

    def shown(self, side: str, now: int) -> Held:
        """One side as it was a moment ago."""
        seen = [one for at, one in self._past[side] if at <= now - self.readings.position_ms]
        return seen[-1] if seen else Held()

    def interest(self, at: int) -> int:
        return sum(one.interest(at, by=self.readings.interest_by) for one in self.held.values())

    def most(self, order: Order) -> int | None:
        """So much can be executed at the most: None where nothing bounds it."""
        if order.closes:
            return self.held[order.side or ""].lots
        return self.coins if order.side is None and not order.buys else None

    def book(self, order: Order, lots: int, price: int, at: int, *, is_maker: bool) -> None:
        """One execution: the account after it, its row, and the order after it."""
        product = price * lots
        fee = 0 if is_maker else half_up(product * TAKER_SHARE, UNITS)
        places = 8 if self.readings.dialect == "mock" else 4
        row: dict[str, Any] = {
            "trade_id": self._next_trade,
            "pair": PAIR,
            "order_id": order.number,
            "side": "buy" if order.buys else "sell",
            "type": order.kind,
            "amount": btc(lots, places=places),
            "price": price_text(price, self.readings),
            "maker_taker": "maker" if is_maker else "taker",
            "fee_amount_base": "0" if self.readings.dialect != "mock" else "0.00000000",
            "fee_amount_quote": yen(fee),
            "executed_at": at,
        }
        if self.readings.tells_occurred:
            row["fee_occurred_amount_quote"] = yen(fee)
        self._next_trade += 1
        if order.side is None:
            self.jpy += (-product if order.buys else product) - fee
            self.coins += lots if order.buys else -lots
        elif order.opens:
            row |= {"position_side": order.side, "fee_amount_quote": yen(0)}
            self._open(order.side, lots, product, fee, at)
        else:
            row |= {"position_side": order.side, **self._close(order.side, lots, product, fee, at)}
        self.executions.append(row)
        order.done += lots
        order.value += product
        order.executed_at = at
        order.status = "PARTIALLY_FILLED" if order.left else "FULLY_FILLED"
        self.counts[f"{order.kind} {'maker' if is_maker else 'taker'}"] += 1
        self.counts["filled in part"] += bool(order.left)

    def _open(self, side: str, lots: int, product: int, fee: int, at: int) -> None:
        held = self.held[side]
        held.lots, held.product, held.fee = held.lots + lots, held.product + product, held.fee + fee
        held.parts.append([at, product])
        self._past[side].append((at, deepcopy(held)))

    def _close(self, side: str, lots: int, product: int, fee: int, at: int) -> dict[str, str]:
        held, by = self.held[side], self.readings.interest_by
        due = held.interest(at, by=by)
        cost, open_fee = held.reduce(lots)
        interest = due - held.interest(at, by=by)
        self._past[side].append((at, deepcopy(held)))
        gain = product - cost if side == "long" else cost - product
        taken = open_fee + fee + interest + max(0, -gain)
        self.jpy += max(0, gain)
        self._owed.append((at + self.readings.collect_ms, taken))
        self.collect(at)
        self.counts["a loss that is owed"] += gain < 0 < self.readings.collect_ms
        minus = self.readings.interest_sign == "minus"
        return {
            "fee_amount_quote": yen(open_fee + fee),
            "profit_loss": yen(gain),
            "interest": yen(-interest if minus else interest),
        }
