"""Random stories of one paper account: a market, costs, and a bot that enters, protects, cancels and leaves, all audited.

A story is a function of its seed. The same story can be settled minute by minute, in random pieces or in one go.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Literal

import numpy as np

from shared import settings as configuration
from shared.execution import account as accounts
from shared.execution import plan as planning
from shared.execution.account import PaperAccount
from shared.reasons import Reason
from shared.settings import Settings
from shared.types import Accepted, Book, Candles, OrderIntent, OrderKind, PairRules, PositionPlan, Purpose, Side, Signal, Timeframe
from tests.invariants import DAY, MINUTE, Audit

T0 = 1_699_999_200_000
LENGTH = 40
Cuts = Literal["whole", "pieces", "minutes"]


@cache
def bot_settings() -> Settings:
    return configuration.load({})


def walk(rng: random.Random, count: int, *, step: int = 300) -> list[tuple[float, ...]]:
    """A believable path: small moves, gaps, wicks, thin minutes, flat minutes without volume."""
    rows, price = [], 1_000_000
    for _ in range(count):
        if rng.random() < 0.1:
            price += rng.randint(-6 * step, 6 * step)
        if rng.random() < 0.1:
            rows.append((price, price, price, price, 0.0))
            continue
        close = price + rng.randint(-step, step)
        high = max(price, close) + rng.randint(0, step)
        low = min(price, close) - rng.randint(0, step)
        rows.append((price, high, low, close, round(rng.choice([0.0004, 0.005, 0.02, 1.0]) * rng.random(), 4)))
        price = close
    return rows


def candles(rows: Sequence[Sequence[float]], opened_at: Sequence[int]) -> Candles:
    table = np.array(rows, dtype=np.float64)
    return Candles(Timeframe.M1, *(),) if False else Candles(  # pragma: no cover
        timeframe=Timeframe.M1,
        opened_at=np.array(opened_at, dtype=np.int64),
        open=table[:, 0],
        high=table[:, 1],
        low=table[:, 2],
        close=table[:, 3],
        volume=table[:, 4],
    )
