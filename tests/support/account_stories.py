"""Random stories of one paper account: a market, its costs, and a bot that enters, protects,
cancels and leaves, all audited.

A story is a function of its seed. The same one can be settled minute by minute, in random pieces,
or in one go between two actions; it must end in the same account.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Literal

import numpy as np

from shared.core import settings as configuration
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import (
    Accepted,
    Book,
    Candles,
    Holdings,
    Order,
    OrderIntent,
    OrderKind,
    PairRules,
    PositionPlan,
    Purpose,
    Side,
    Timeframe,
)
from shared.exchanges.paper import account as accounts
from shared.exchanges.paper.account import PaperAccount
from shared.market.path import book_at
from shared.orders import plan as planning
from tests.support.invariants import DAY, MINUTE, Audit, bare_lots
from tests.support.signals import signal_of

T0 = 1_699_999_200_000
LENGTH = 40
PRICE = 1_000_000
Cuts = Literal["whole", "pieces", "minutes"]


@cache
def settings(kind: str) -> Settings:
    return configuration.load_settings(
        {}, overrides={"account": kind, "sides": "long" if kind == "spot" else "both"}
    )


def market(
    rng: random.Random, count: int = LENGTH, *, step: int = 300, day_off: float = 0.004
) -> Candles:
    """A believable path: small moves, gaps, wicks, thin and flat minutes, holes, and now and then a
    day without trading.
    """
    rows, price, at = [], PRICE, T0
    for _ in range(count):
        jumps, flat = rng.random() < 0.1, rng.random() < 0.1
        price += rng.randint(-6 * step, 6 * step) if jumps else 0
        close = price if flat else price + rng.randint(-step, step)
        high = max(price, close) + (0 if flat else rng.randint(0, step))
        low = min(price, close) - (0 if flat else rng.randint(0, step))
        volume = 0.0 if flat else round(rng.choice([0.0004, 0.005, 0.02, 1.0]) * rng.random(), 4)
        if rng.random() > 0.05:
            rows.append((at, price, high, low, close, volume))
        price, at = close, at + MINUTE + (DAY if rng.random() < day_off else 0)
    table = np.array(rows or [(T0, PRICE, PRICE, PRICE, PRICE, 0.0)])
    opened_at = table[:, 0].astype(np.int64)
    return Candles(
        timeframe=Timeframe.M1,
        opened_at=opened_at,
        open=table[:, 1],
        high=table[:, 2],
        low=table[:, 3],
        close=table[:, 4],
        volume=table[:, 5],
    )


def rules_of(dice: random.Random) -> PairRules:
    """The exchange's side of a setting: fees from a rebate to dear, interest, the smallest size,
    the margin ratio.
    """
    return PairRules(
        min_lots=dice.choice([1, 1, 10]),
        maker_fee_rate=Decimal(dice.choice([0, -2, dice.randint(-5, 12)])) / 10_000,
        taker_fee_rate=Decimal(dice.choice([0, 10, 12, dice.randint(1, 400) / 8])) / 10_000,
        long_interest_rate_day=Decimal(dice.choice([40, dice.randint(0, 90)])) / 100_000,
        short_interest_rate_day=Decimal(dice.choice([40, dice.randint(0, 90)])) / 100_000,
        margin_ratio=Decimal(dice.choice(["0.5", "0.5", "1", "0.3"])),
    )


def settings_of(dice: random.Random) -> Settings:
    """Our side of a setting: the kind of account, the costs that paper assumes, the capital."""
    base = settings(dice.choice(["margin", "spot"]))
    paper = {
        "spread_rate": dice.choice([0.0001, 0.0, round(dice.random() / 1000, 6)]),
        "slippage_rate": dice.choice([0.0005, 0.0, round(dice.random() / 300, 6)]),
        "volume_share": dice.choice([0.2, 1.0, round(dice.uniform(0.01, 1), 3)]),
        "keep_trades": 1000,
    }
    capital = dice.choice([20_000, 200_000, 10_000_000, dice.randint(1_000, 5_000_000)])
    return replace(base, paper=replace(base.paper, **paper), capital_jpy=capital)


class Story:
    """One account and what happens to it.

    `act` and `cuts` throw dice of their own, so that pieces do not change the story.
    """

    def __init__(self, seed: int, cuts: Cuts, *, setting: int | None = None) -> None:
        self.dice, self.cut_dice, self.cuts = random.Random(seed), random.Random(seed + 1), cuts
        setting_dice = random.Random(seed if setting is None else setting)
        self.settings, self.rules = settings_of(setting_dice), rules_of(setting_dice)
        self.kind = self.settings.account
        self.minutes = market(self.dice)
        self.keeps_entries = self.dice.random() < 0.5
        terms = accounts.account_terms(self.settings, self.rules)
        self.account = accounts.open_account(
            self.settings.capital_jpy, T0, kind=self.kind, terms=terms
        )
        self.audit = Audit(self.account, least_lots=self.rules.min_lots)
        self.plans: dict[Side, PositionPlan] = {}
        self.sent: list[OrderIntent] = []
        self.now, self.number = T0, 0

    # the three things that can happen to an account

    def settle(self, until: int) -> None:
        before = self.account
        self.account = accounts.settle_account(before, self.minutes, until)
        self.audit.settled(before, self.account, self.minutes)

    def place(self, intent: OrderIntent, *, blind: bool = False) -> bool:
        before = self.account
        book = None if blind else self.book()
        self.account, outcome = accounts.place_order(
            before, intent, book=book, now_ms=self.now, rules=self.rules
        )
        mark = self.price() if not blind or before.last_price is None else before.last_price
        self.audit.placed(
            before, self.account, intent, outcome, rules=self.rules, mark=mark, now=self.now
        )
        self.sent.append(intent)
        return isinstance(outcome, Accepted)

    def cancel(self, order: Order) -> None:
        before = self.account
        self.account, _ = accounts.cancel_order(before, order, now_ms=self.now)
        self.audit.canceled(before, self.account, order, now=self.now)

    # what the bot sees

    def price(self) -> int:
        known = self.minutes.closed_by(self.now)
        return int(known.close[-1]) if len(known) else PRICE

    def book(self) -> Book:
        return book_at(
            self.price(), spread_rate=float(self.account.terms.costs.spread_rate), as_of=self.now
        )

    # the story

    def told(self) -> "Story":
        stops = [int(at) + MINUTE for at in self.minutes.opened_at]
        done = T0
        for _ in range(self.dice.randint(2, 9)):
            self.walk_to(
                done, until := self.dice.choice([at for at in stops if at >= done] or [done])
            )
            done, self.number = until, self.number + 1
            self.now = max(self.now + 1, until + self.dice.randint(0, 59_999))
            self.protect()
            self.act()
        self.walk_to(done, stops[-1])
        return self

    def walk_to(self, start: int, until: int) -> None:
        whole = [int(at) + MINUTE for at in self.minutes.opened_at if start < at + MINUTE < until]
        if self.cuts == "pieces":
            whole = sorted(self.cut_dice.sample(whole, min(3, len(whole))))
        for cut in [*(whole if self.cuts != "whole" else []), until]:
            self.settle(cut)

    def protect(self) -> None:
        """What every tick does first; where a stop is refused, once more, and then a
        close is due.
        """
        held = accounts.holdings(self.account, self.account.last_price, self.now)
        for side in (position.side for position in held.positions):
            for attempt in range(2):
                only = replace(
                    accounts.holdings(self.account, self.account.last_price, self.now),
                    positions=tuple(
                        position for position in self.account.positions if position.side is side
                    ),
                )
                self.carry_out(self.protection(only, side, attempt))
                if bare_lots(self.account, side, self.now) < self.rules.min_lots:
                    break
        if not self.keeps_entries:
            for order in self.account.orders:
                if order.intent.is_opening:
                    self.cancel(order)
        self.audit.protected(self.account, now=self.now)

    def protection(self, holdings: Holdings, side: Side, attempt: int) -> Sequence[planning.Step]:
        steps = planning.protection(
            holdings,
            plan=self.plans.get(side),
            signal=signal_of(
                as_of=self.now, close=self.price(), atr_jpy=400.0, side=None, strength=0.0
            ),
            tick=f"{self.number}.{side}{attempt}",
            now_ms=self.now,
            settings=self.settings,
            book=self.book() if attempt else None,
            rules=self.rules if attempt else None,
        )
        return [
            step
            for step in steps
            if isinstance(step, planning.Place)
            or (step.order.intent.side is side and not step.order.intent.is_opening)
        ]

    def carry_out(self, steps: Sequence[planning.Step]) -> None:
        for step in steps:
            if isinstance(step, planning.Cancel):
                self.cancel(step.order)
            else:
                self.place(step.intent)

    def act(self) -> None:
        side = (
            self.dice.choice(list(Side))
            if self.kind == "margin" or self.dice.random() < 0.05
            else Side.LONG
        )
        choice = self.dice.random()
        if choice < 0.6:
            self.enter(side)
        elif choice < 0.7 and self.account.orders:
            self.cancel(self.dice.choice(self.account.orders))
        elif choice < 0.82:
            self.leave(side)
        elif choice < 0.9:
            lots = max(1, self.account.lots(side))
            trigger = self.price() - side.sign * self.dice.randint(-100, 500)
            self.place(
                OrderIntent(
                    id=f"{self.number}.more",
                    purpose=Purpose.STOP,
                    side=side,
                    kind=OrderKind.STOP,
                    lots=self.dice.randint(1, lots),
                    trigger_price=trigger,
                )
            )
        elif self.sent:
            self.place(self.dice.choice(self.sent[-4:]))

    def enter(self, side: Side) -> None:
        price, reach = (
            self.price(),
            self.dice.choice([self.dice.randint(10, 120), self.dice.randint(100, 1500)]),
        )
        way, farther = (
            self.dice.random(),
            self.dice.choice([0.3, 0.7, 1, 3]),
        )  # one candle may hold both
        kind = OrderKind.MARKET if way < 0.1 else OrderKind.LIMIT
        offset = -self.dice.randint(0, 500) if way < 0.2 else self.dice.randint(2, 300)
        entry = price - side.sign * offset
        if way > 0.7:  # exactly where the market will turn: a touch, and no more
            coming = self.minutes.rows(int((self.minutes.opened_at < self.now).sum()), None).rows(
                0, 6
            )
            turns = coming.low if side is Side.LONG else coming.high
            entry = int(self.dice.choice(turns)) if len(turns) else entry
        around = (
            price if way < 0.15 else entry
        )  # else a stop may lie beyond the market from the beginning
        most = int(accounts.available_jpy(self.account, price, self.now) * 10_000 / price)
        fitting = self.dice.randint(max(1, most // 20), max(1, most))
        held = self.account.lots(side)
        lots = self.dice.choice([self.dice.randint(1, 400), min(fitting, 3_000), most, most + 1])
        lots = min(lots, self.rules.max_market_lots - held)
        intent = OrderIntent(
            id=f"{self.number}.entry",
            purpose=Purpose.ENTRY,
            side=side,
            kind=kind,
            lots=lots,
            price=None if kind is OrderKind.MARKET else entry,
            post_only=way >= 0.2,
            expires_at=self.now + self.dice.randint(10_000, 400_000),
            stop_price=around - side.sign * reach,
            target_price=around + side.sign * max(2, int(reach * farther)),
        )
        if self.place(intent) and not held:
            self.plans[side] = PositionPlan(
                side=side,
                stop_price=intent.stop_price,
                target_price=intent.target_price,
                exit_by=self.now,
                as_of=self.now,
                entry_intent=intent.id,
            )

    def leave(self, side: Side) -> None:
        """A time exit: cancel what holds the quantity, then close at market.

        Or, clumsily, without the cancels.
        """
        if self.dice.random() < 0.8:
            for order in self.account.orders:
                if order.intent.side is side and not order.intent.is_opening:
                    self.cancel(order)
        self.place(
            OrderIntent(
                id=f"{self.number}.close",
                purpose=Purpose.CLOSE,
                side=side,
                kind=OrderKind.MARKET,
                lots=max(1, self.account.lots(side)),
                reason=Reason.EXIT_TIME,
            ),
            blind=self.dice.random() < 0.2,
        )


def play(
    seed: int, cuts: Cuts = "minutes", *, setting: int | None = None
) -> tuple[PaperAccount, Counter[str]]:
    """Tell one story, audited after every event: how it ended, and what it exercised."""
    story = Story(seed, cuts, setting=setting).told()
    counts = story.audit.counts
    for trade in story.account.trades:
        counts[f"{story.kind} {trade.side} {trade.reason}"] += 1
        counts["parts"] += not trade.ends_position
        counts["stopped where it entered"] += (
            trade.reason is Reason.EXIT_STOP and trade.opened_at == trade.closed_at
        )
    counts["open at the end"] += bool(story.account.positions)
    return story.account, counts
