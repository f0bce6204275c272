"""A small world: one-minute candles from rows, accounts without costs or with the default ones,
orders by what they do.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np

from shared.core import settings as configuration
from shared.core.errors import Conflict
from shared.core.types import (
    AccountKind,
    Book,
    Candles,
    OrderIntent,
    OrderKind,
    PairRules,
    Purpose,
    Side,
    Timeframe,
)
from shared.exchanges.paper import account as accounts
from shared.exchanges.paper.account import PaperAccount
from tests.support.invariants import Audit

T0 = 1_699_999_200_000
MINUTE = 60_000


@cache
def _settings(overrides: str):
    return configuration.load_settings({}, overrides=json.loads(overrides))


class World:
    """Builders that all execution tests share."""

    t0 = T0
    minute = MINUTE
    rules = PairRules()

    def settings(self, **overrides: Any):
        return _settings(json.dumps(overrides))

    def free_settings(self):
        return self.settings(
            paper={
                "spread_rate": 0.0,
                "slippage_rate": 0.0,
                "volume_share": 1.0,
                "keep_trades": 1000,
            }
        )

    def account(
        self,
        kind: str = "margin",
        *,
        free: bool = True,
        capital: int = 10_000_000,
        rules: PairRules | None = None,
    ):
        rules = rules or (replace(PairRules(), taker_fee_rate=Decimal(0)) if free else PairRules())
        terms = accounts.account_terms(
            self.free_settings() if free else self.settings(paper={"keep_trades": 1000}), rules
        )
        return accounts.open_account(capital, T0, kind=AccountKind(kind), terms=terms)

    def minutes(
        self, rows: Sequence[Sequence[float]], *, first: int = 0, holes: Sequence[int] = ()
    ) -> Candles:
        """Rows of open, high, low, close and, where given, volume; row i opens `first + i` minutes
        after T0.
        """
        kept = [index for index in range(len(rows)) if index not in holes]
        table = np.array(
            [
                [*rows[index][:4], rows[index][4] if len(rows[index]) > 4 else 100.0]
                for index in kept
            ]
        )
        table = table.reshape(len(kept), 5)
        return Candles(
            timeframe=Timeframe.M1,
            opened_at=np.array([T0 + (first + index) * MINUTE for index in kept], dtype=np.int64),
            open=table[:, 0],
            high=table[:, 1],
            low=table[:, 2],
            close=table[:, 3],
            volume=table[:, 4],
        )

    def book(self, price: int, *, half: int = 1, at: int = T0) -> Book:
        return Book(as_of=at, bid=price - half, ask=price + half)

    def entry(
        self, price: int, lots: int = 100, *, side: Side = Side.LONG, **more: Any
    ) -> OrderIntent:
        return OrderIntent(
            **{
                "id": "t.entry.1",
                "purpose": Purpose.ENTRY,
                "side": side,
                "kind": OrderKind.LIMIT,
                "lots": lots,
                "price": price,
                "post_only": True,
                **more,
            },
        )

    def stop(
        self, trigger: int, lots: int = 100, *, side: Side = Side.LONG, **more: Any
    ) -> OrderIntent:
        return OrderIntent(
            **{
                "id": "t.stop.1",
                "purpose": Purpose.STOP,
                "side": side,
                "kind": OrderKind.STOP,
                "lots": lots,
                "trigger_price": trigger,
                **more,
            },
        )

    def target(
        self, price: int, lots: int = 100, *, side: Side = Side.LONG, **more: Any
    ) -> OrderIntent:
        return OrderIntent(
            **{
                "id": "t.target.1",
                "purpose": Purpose.TARGET,
                "side": side,
                "kind": OrderKind.LIMIT,
                "lots": lots,
                "price": price,
                "post_only": True,
                **more,
            },
        )

    def close(self, lots: int = 100, *, side: Side = Side.LONG, **more: Any) -> OrderIntent:
        return OrderIntent(
            **{
                "id": "t.close.1",
                "purpose": Purpose.CLOSE,
                "side": side,
                "kind": OrderKind.MARKET,
                "lots": lots,
                **more,
            },
        )

    def placed(
        self, account: PaperAccount, intent: OrderIntent, price: int, at: int = T0, **more: Any
    ):
        rules = more.pop("rules", replace(self.rules, taker_fee_rate=account.terms.taker_fee_rate))
        return accounts.place_order(
            account, intent, book=self.book(price, at=at, **more), now_ms=at, rules=rules
        )

    def resting(
        self, account: PaperAccount, intent: OrderIntent, price: int, at: int = T0, **more: Any
    ) -> PaperAccount:
        after, outcome = self.placed(account, intent, price, at, **more)
        assert type(outcome).__name__ == "Accepted", outcome
        return after

    def held(
        self,
        *,
        side: Side = Side.LONG,
        entry: int,
        stop: int | None,
        target: int | None,
        **more: Any,
    ) -> PaperAccount:
        """An account that holds 100 lots from `entry`, with its bracket, settled up to one minute
        after T0.
        """
        account = more.pop("account", None) or self.account()
        intent = self.entry(entry, side=side, stop_price=stop, target_price=target, **more)
        account = self.resting(account, intent, entry + side.sign * 10)
        through = entry - side.sign
        rows = [(entry, max(entry, through), min(entry, through), entry)]
        account = accounts.settle_account(account, self.minutes(rows), T0 + MINUTE)
        assert account.lots(side) == intent.lots
        return account

    def audit(self, account: PaperAccount) -> Audit:
        """The invariants, from an account on that nothing was filled yet."""
        audit = Audit(account)
        for order in account.orders:
            audit.orders[order.order_id] = order
            audit.accepted[order.intent.id] = order.order_id
            audit.intended[order.intent.side] += order.intent.lots
        return audit

    def walk(
        self, rng: random.Random, count: int, *, start: int = 1_000_000, step: int = 300
    ) -> list[tuple[float, ...]]:
        """A believable random path: small moves, gaps, wicks, flat minutes without volume."""
        rows, price = [], start
        for _ in range(count):
            if rng.random() < 0.1:
                price += rng.randint(-6 * step, 6 * step)
            if rng.random() < 0.1:
                rows.append((price, price, price, price, 0.0))
                continue
            close = price + rng.randint(-step, step)
            high = max(price, close) + rng.randint(0, step)
            low = min(price, close) - rng.randint(0, step)
            rows.append(
                (
                    price,
                    high,
                    low,
                    close,
                    round(rng.choice([0.0004, 0.005, 0.02, 1.0]) * rng.random(), 4),
                )
            )
            price = close
        return rows


class Shelf:
    """A paper store in memory that counts, and can lose a compare-and-set or fail on demand."""

    def __init__(self) -> None:
        self.data: Mapping[str, Any] | None = None
        self.version = 0
        self.saves = 0
        self.lose = 0
        self.fail: Exception | None = None

    def load(self):
        return None if self.data is None else (self.data, self.version)

    def save(self, data: Mapping[str, Any], token: object | None) -> object:
        if self.fail is not None:
            raise self.fail
        if self.lose:
            self.lose -= 1
            raise Conflict("another writer was first")
        if (token or 0) != self.version:
            raise Conflict(f"version {self.version}, not {token}")
        self.data, self.version, self.saves = data, self.version + 1, self.saves + 1
        return self.version
