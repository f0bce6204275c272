"""For each mutant that is listed as equal: the inputs on which it and the rule as it is were seen to agree.

Each function takes the module, as it is or mutated, and gives what it answers to each of its inputs.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from types import ModuleType
from typing import Any

import numpy as np

from shared import settings as configuration
from shared.execution import ledger
from shared.types import (
    Book,
    Candles,
    Entry,
    Holdings,
    OrderIntent,
    OrderKind,
    PairRules,
    Position,
    PositionPlan,
    Purpose,
    Side,
    Timeframe,
)

T0, MINUTE = 1_699_999_200_000, 60_000
FREE = {"paper": {"spread_rate": 0.0, "slippage_rate": 0.0, "volume_share": 1.0}}


def answers(name: str, module: ModuleType) -> list[Any]:
    """What the module answers to the inputs of that name."""
    return list(globals()[name](module))


def _position(side: Side = Side.LONG) -> Position:
    return Position(side=side, entries=(Entry(at=T0, price=1000, lots=100, fee_jpy=Decimal(0)),))


def _account(*intents: OrderIntent, held: bool = True) -> ledger.PaperAccount:
    settings = configuration.load({}, overrides=FREE)
    terms = ledger.terms(settings, replace(PairRules(), taker_fee_rate=Decimal(0)))
    account = ledger.opened(10_000_000, T0, kind="margin", terms=terms)
    for intent in intents:
        account, _ = ledger.with_order(account, intent, T0 - 1)
    return replace(account, positions=(_position(),)) if held else account


def _limit(price: int, lots: int = 100, purpose: Purpose = Purpose.TARGET) -> OrderIntent:
    return OrderIntent(id=f"{purpose}.{price}", purpose=purpose, side=Side.LONG, kind=OrderKind.LIMIT, lots=lots, price=price)


def _minutes(
    count: int, *, high: dict[int, int] | None = None, low: dict[int, int] | None = None, volume: float = 1.0
) -> Candles:
    highs, lows = np.full(count, 1000.0), np.full(count, 1000.0)
    for row, price in (high or {}).items():
        highs[row] = price
    for row, price in (low or {}).items():
        lows[row] = price
    flat = np.full(count, 1000.0)
    opened_at = np.arange(count, dtype=np.int64) * MINUTE + T0
    volumes = np.full(count, volume)
    return Candles(timeframe=Timeframe.M1, opened_at=opened_at, open=flat, high=highs, low=lows, close=flat, volume=volumes)


def targets_at_every_distance(plan: ModuleType) -> Iterator[Any]:
    settings = configuration.load({}, overrides={})
    for side in Side:
        yen = Decimal(1)
        holdings = Holdings(
            as_of=T0, cash_jpy=yen, equity_jpy=yen, available_jpy=yen, mark_price=None, positions=(_position(side),)
        )
        wanted = PositionPlan(side=side, stop_price=1, target_price=1000, exit_by=T0, as_of=T0, entry_intent="")
        for touch in (1, 500, 998, 999, 1000, 1001, 1002, 5000):
            book = Book(as_of=T0, bid=touch, ask=touch)
            yield str(plan.watched_target(holdings, plan=wanted, book=book, tick="T", settings=settings, now_ms=T0))


def walks_of_every_length(settling: ModuleType) -> Iterator[Any]:
    for until in (0, 1, 2, 3, 4, 5, 6, 9):
        for hit in (0, 2, 4, None):
            shown: list[int] = []
            path = _minutes(5, high={} if hit is None else {hit: 1200})
            walked = settling.settled(
                _account(_limit(1100, 30)),
                path,
                T0 + until * MINUTE,
                walked=lambda each: shown.append(each.settled_until),  # noqa: B023
            )
            yield walked, tuple(shown)


def rows_far_away(settling: ModuleType) -> Iterator[Any]:
    for hit in (0, 1, 63, 64, 65, 319, 320, 321, 399):
        for first, stop in ((0, 400), (hit, 400), (0, hit), (min(hit + 1, 399), 400)):
            yield settling.next_due(_account(_limit(1100)), _minutes(400, high={hit: 1200}), first, stop)


def entries_and_targets_at_every_volume(settling: ModuleType) -> Iterator[Any]:
    for lots in (0, 1, 50, 99, 100, 101, 150, 200, 300):
        account = _account(_limit(900, 100, Purpose.ENTRY), _limit(1100, 100))
        path = _minutes(1, high={0: 1200}, low={0: 850}, volume=lots / 10_000)
        yield settling.settled(account, path, T0 + MINUTE)


def days_around_every_boundary(module: ModuleType) -> Iterator[Any]:
    for days in range(4):
        for beside in (-1, 0, 1, 2):
            yield module.days_started(T0, T0 + days * 86_400_000 + beside)


def quotients(module: ModuleType) -> Iterator[Any]:
    for amount in ("0", "0.3", "1", "2.9999", "3", "3.0001", "1000000", "12345678.9012"):
        for per_lot in ("-1", "0", "0.0001", "0.3", "1", "3", "13.9313025", "99999999"):
            yield module._floor(Decimal(amount), Decimal(per_lot))
