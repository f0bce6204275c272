"""An exchange that tells executions now under one number and now under another, over HTTP: the book
holds what the exchange holds, to the lot and to the yen. And what a single reading tells is not
lost by the next one.
"""

import random
from collections import Counter
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.types import (
    Candles,
    OrderIntent,
    OrderKind,
    Purpose,
    Side,
    Timeframe,
    TrackedOrder,
)
from shared.exchanges.sandbox.faults import Faults
from shared.orders.own_book import open_ledger
from tests.support import crash_matrix as matrix
from tests.support.account_stories import T0, market
from tests.support.live_world import LiveWorld, live_world
from tests.support.tick_stories import INTERVAL, Script

TICKS = 90


def apart(world: LiveWorld) -> list[str]:
    """In what the book is not what the exchange holds."""
    book = world.bot.peek().data["state"]["ledger"]
    truth, found = world.truth(), []
    for side in Side:
        booked = sum(
            entry["lots"]
            for held in book["positions"]
            if held["side"] == side
            for entry in held["entries"]
        )
        held = matrix._held_lots(world, truth, side)
        if booked != held:
            found.append(f"{booked} {side} booked, {held} held")
    made = Decimal(book["cash_jpy"]) - Decimal(book["capital_jpy"])
    there = Decimal(truth["yen"]) - world.sandbox.private.settings.yen
    if made != there:
        found.append(f"the book made {made}, the exchange {there}")
    return found


@pytest.mark.parametrize("account", ["margin", "spot"])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_book_is_the_exchanges_whatever_numbers_it_tells(account: str, seed: int) -> None:
    dice = random.Random(f"told twice {seed}")
    counts: Counter[str] = Counter()
    broken = []
    with live_world(
        market(dice, 3 * (TICKS + 20), day_off=0.0),
        account=account,
        script=Script(seed),
        faults=Faults(seed=seed),
        overrides={
            "capital_jpy": 60_000,
            "risk": {"max_hold_candles": 2, "max_losses": 100},
            "exchange": {"retry_base_seconds": 0.0},
        },
    ) as world:
        for number in range(6, TICKS):
            world.sandbox.faults.clear()
            if dice.random() < 0.7:
                times, skip = dice.choice([1, 2, 5, 20]), dice.randint(0, 6)
                world.fault("trade-ids-mixed", times=times, skip=skip)
            report = world.tick(T0 + number * INTERVAL)
            reasons = {issue.reason for issue in report.issues}
            counts["ticks"] += 1
            counts["told twice"] += Reason.FILLS_BEYOND in reasons
            counts["held"] += bool(report.positions)
            counts["fills"] += len(report.fills)
            counts["trades"] += len(report.trades)
            counts["not explained"] += Reason.POSITION_SHORT in reasons
            broken += [f"tick {number}: {one}" for one in apart(world)]
    print(f"\n{account} {seed}: {dict(sorted(counts.items()))}")
    assert not broken, "\n".join(broken[:10])
    assert not counts["not explained"]
    assert counts["told twice"] >= 10
    assert counts["fills"] >= 10
    assert counts["trades"] >= 3


def falling(count: int, *, after: int) -> Candles:
    """Minutes at ten million yen that fall by a tenth at the open of one of them."""
    prices = np.where(np.arange(count) < after, 10_000_000.0, 9_000_000.0)
    return Candles(
        timeframe=Timeframe.M1,
        opened_at=np.array([T0 + number * 60_000 for number in range(count)], dtype=np.int64),
        open=prices,
        high=prices,
        low=prices,
        close=prices,
        volume=np.ones(count),
    )


def test_what_one_reading_says_once_outlives_the_readings_of_a_fired_stop() -> None:
    """A deposit, told by the reading that finds a stop dead: that one is asked about twice more."""
    orders = [
        OrderIntent(
            id="t1.entry.1",
            purpose=Purpose.ENTRY,
            side=Side.LONG,
            kind=OrderKind.MARKET,
            lots=100,
        ),
        OrderIntent(
            id="t1.stop.1",
            purpose=Purpose.STOP,
            side=Side.LONG,
            kind=OrderKind.STOP,
            lots=100,
            trigger_price=9_700_000,
        ),
    ]
    with live_world(falling(40, after=20), account="margin") as world:
        exchange, private = world.exchange(), world.sandbox.private
        ledger = open_ledger(1_000_000, world.clock.now_ms())
        ledger = exchange.reconcile(world.clock.now_ms(), ledger=ledger).ledger
        for order in orders:
            world.source.advance_to(world.clock.now_ms() + 60_000)
            done: Any = exchange.submit(order, book=None, now_ms=world.clock.now_ms())
            ledger = copy_with(ledger, tracked=(*ledger.tracked, TrackedOrder(order=done.order)))
        with private.lock:
            spot = private.standing.spot
            richer = copy_with(spot, cash_jpy=spot.cash_jpy + 50_000)
            private.keep(copy_with(private.standing, spot=richer))
        world.source.advance_to(world.clock.now_ms() + 600_000)
        before = exchange.reconcile(world.clock.now_ms(), ledger=ledger)
        assert before.issues == ()
        world.fault("stop-dies")
        at = T0 + 20 * 60_000 + 1_000
        world.source.advance_to(at)
        asked = exchange.requests
        known = exchange.reconcile(at, ledger=before.ledger)
        assert world.clock.now_ms() == at + 5_000, "it was looked at three times"
        assert exchange.requests - asked >= 3 * 6
    assert [position.lots for position in known.positions] == [100]
    assert [(one.reason, one.context["jpy"]) for one in known.issues] == [
        (Reason.MONEY_MOVED, "50000.0000")
    ]
