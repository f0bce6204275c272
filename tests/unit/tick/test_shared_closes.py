"""A live position that grows, shrinks and is closed in part by its owner, where orders that close
it share its quantity and where they do not: its stop is of its size after every tick.
"""

import random
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from shared.core.reasons import Reason
from shared.core.types import Side
from shared.turn.state import State
from tests.support import crash_matrix as matrix
from tests.support.account_stories import T0, market
from tests.support.live_world import LiveWorld, live_world
from tests.support.signed_client import SignedClient
from tests.support.tick_stories import INTERVAL, Target

FIRST = 6
EXPOSURE = {"policy": "target", "exposure": {"stop_rate": 0.01, "passive_seconds": 400.0}}


def world_of(reading: str, *, ticks: int, script: Any, **overrides: Any) -> Any:
    minutes = market(random.Random(5), 3 * ticks + 60, day_off=0.0)
    return live_world(
        minutes,
        script=script,
        readings={"closes": reading},
        overrides={"capital_jpy": 300_000, **overrides},
    )


def whole(world: LiveWorld) -> Counter[str]:
    """How many positions are held, and that each has stops of its size."""
    truth, counts = world.truth(), Counter[str]()
    for side in Side:
        held, stops = matrix._held_lots(world, truth, side), matrix._stop_lots(truth, side)
        assert held == stops, (side, held, stops)
        counts["held"] += held > 0
    return counts


def learned(world: LiveWorld) -> bool | None:
    stored = world.bot.peek()
    assert stored is not None
    ledger = State.decode_state(stored.data["state"], world.settings).ledger
    assert ledger is not None
    return ledger.has_shared_closes


class UpAndDown(Target):
    """A target that stays on one side: much, little, much again."""

    WEIGHTS = (1.0, 0.3, 0.8, 0.4)

    def weight(self, as_of: int) -> float:
        return self.WEIGHTS[as_of // 900_000 % len(self.WEIGHTS)]


@pytest.mark.parametrize(("reading", "is_shared"), [("apart", False), ("together", True)])
def test_a_position_that_follows_a_target_shrinks_and_keeps_its_stop_under_each_reading(
    reading: str, is_shared: bool
) -> None:
    counts: Counter[str] = Counter()
    with world_of(reading, ticks=90, script=UpAndDown(1), risk=EXPOSURE) as world:
        for number in range(FIRST, 90):
            report = world.tick(T0 + number * INTERVAL)
            counts += whole(world)
            if report.decision is not None and report.decision.action == "reduce":
                has_closed = any(fill.purpose == "close" for fill in report.fills)
                counts["reduced" if has_closed else "not reduced"] += 1
            stops = [one for one in report.orders if one.intent.purpose == "stop"]
            if len(stops) > 1 and not any(fill.purpose == "close" for fill in report.fills):
                counts["merged"] += any(one.what == "cancel" for one in stops)
        assert learned(world) is is_shared
    print(dict(counts))
    assert counts["held"] >= 60
    assert counts["reduced"] >= 4
    # the first is refused where closes share the position, and teaches the bot
    assert counts["not reduced"] <= (1 if is_shared else 0)


def test_what_the_owner_closes_of_a_position_leaves_a_stop_of_the_rest() -> None:
    counts: Counter[str] = Counter()
    with world_of("apart", ticks=90, script=UpAndDown(1), risk=EXPOSURE) as world:
        client = SignedClient(world.port, world.source.now_ms)
        for number in range(FIRST, 90):
            report = world.tick(T0 + number * INTERVAL)
            counts += whole(world)
            truth = world.truth()
            held = matrix._held_lots(world, truth, Side.LONG)
            has_limit = any(
                row["type"] == "limit" and row["order_id"] in truth["live"]
                for row in truth["orders"]
            )
            manual = sum(trade.reason is Reason.EXIT_MANUAL for trade in report.trades)
            counts["closed by the owner"] += manual
            counts["stops anew"] += manual and any(
                (one.what, one.intent.purpose, one.outcome) == ("place", "stop", "accepted")
                for one in report.orders
            )
            if held > 11 and not has_limit:
                price = int(report.mark_price or 0) + 120
                wish = {"price": str(price), "position_side": "long", "post_only": True}
                client.order("sell", "limit", f"{Decimal(held // 12) / 10_000:f}", **wish)
        client.close()
    print(dict(counts))
    assert counts["closed by the owner"] >= 3
    assert counts["stops anew"] >= 3
    assert counts["held"] >= 30
