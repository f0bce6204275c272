"""A live tick whose fill is booked while the exchange does not show the position yet, and refuses
every stop for it: what it asks of the exchange meanwhile, and when its stop comes.
"""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from shared.core.types import Purpose, TickReport
from tests.support import exchange_times
from tests.support.account_stories import T0, market
from tests.support.live_world import LiveWorld, live_world
from tests.support.tick_stories import INTERVAL, Script

FIRST, TICKS = 6, 32
MOST_STOPS = 16
"""So often a tick sends a stop that is refused while it attends; once more it covers what is bare.
"""
MOST_ORDERS = 1 + MOST_STOPS + 1
EVER = 300.0
LOOK_SECONDS, LONGEST_PAUSE = 2.0, 8.0


def lagging(endpoint: str, seconds: float) -> dict[str, Any]:
    return {"name": "lag", "endpoint": endpoint, "seconds": seconds}


def world_of() -> Any:
    minutes = market(random.Random(3), 3 * TICKS + 60, day_off=0.0)
    return live_world(minutes, script=Script(3), most_lag_seconds=EVER)


def requests_of(world: LiveWorld, endpoint: str) -> int:
    """How many requests to an endpoint its faults have met, as the exchange counts them."""
    active = world.sandbox.faults.describe_faults()["active"]
    return max(fault["fired"] for fault in active if fault["endpoint"] == endpoint)


def is_flat(world: LiveWorld) -> bool:
    return not any(float(row["open_amount"]) for row in world.truth()["positions"])


def refused_stops(report: TickReport) -> int:
    return sum(
        record.intent.purpose is Purpose.STOP and record.outcome == "rejected"
        for record in report.orders
    )


def test_under_a_lasting_lag_a_tick_looks_every_two_seconds_and_sends_few_orders() -> None:
    counts: Counter[str] = Counter()
    with world_of() as world:
        for number in range(FIRST, TICKS):
            at, was_flat = T0 + number * INTERVAL, is_flat(world)
            if was_flat:
                world.fault(**lagging("margin_positions", EVER))
                world.fault(**lagging("order", EVER))
            report = world.tick(at)
            if was_flat and not is_flat(world):
                filled_at = min(fill.at for fill in report.fills)
                seconds = (world.clock.now_ms() - filled_at) / 1_000
                orders, looks = requests_of(world, "order"), requests_of(world, "margin_positions")
                assert orders <= MOST_ORDERS, report.orders
                assert looks >= seconds / LOOK_SECONDS
                assert "has no stop of its size (the exchange shows 0.0000 BTC" in report.detail
                assert "the entry could not be ended" not in report.detail
                counts["orders"] = max(counts["orders"], orders)
                counts["refused"] += refused_stops(report)
                counts["looks"] += looks
                counts["bare seconds"] += int(seconds)
                counts["ticks"] += 1
                ids = [record.intent.id for record in report.orders if record.what == "place"]
                assert len({*ids}) == len(ids)
            world.sandbox.faults.clear()
    print(dict(counts))
    assert counts["ticks"] >= 4
    assert counts["orders"] >= 10
    assert counts["refused"] >= 40
    assert counts["bare seconds"] >= 300


def waits_under(faults: Sequence[dict[str, Any]]) -> tuple[list[float], Counter[str]]:
    """How long each fill waited for a stop of it and of what was held before it, in seconds, where
    this happens to every tick that begins with nothing held.
    """
    counts: Counter[str] = Counter()
    with world_of() as world:
        for number in range(FIRST, TICKS):
            if is_flat(world):
                for fault in faults:
                    world.fault(**fault)
            report = world.tick(T0 + number * INTERVAL)
            counts["refused"] += refused_stops(report)
            counts[report.status.value] += 1
            counts["more than one fill"] += sum(one.purpose == "entry" for one in report.fills) > 1
            world.sandbox.faults.clear()
        return list(own_waits(world.truth())), counts


def own_waits(truth: Mapping[str, Any]) -> Iterator[float]:
    """What is filled later may wait longer, and is none of it."""
    for side in exchange_times.SIGNS:
        moments = exchange_times._moments(truth, side)
        for row, moment in enumerate(moments):
            if "fill" in moment.events:
                ends = (
                    one.at for one in moments[row:] if one.covered >= min(moment.held, one.held)
                )
                yield (next(ends) - moment.at) / 1_000


@pytest.mark.parametrize("lag", [5.0, 17.0])
def test_a_stop_goes_out_at_the_look_after_its_position_shows(lag: float) -> None:
    waits, counts = waits_under([lagging("margin_positions", lag), lagging("order", lag)])
    print(sorted(waits), dict(counts))
    assert max(waits) <= lag + LOOK_SECONDS
    assert len(waits) >= 5
    assert counts["refused"] >= 10
    assert counts["degraded"] == 0
    assert counts["more than one fill"] >= 1


@pytest.mark.parametrize("lag", [0.0, 5.0, 17.0])
def test_where_what_shows_is_not_true_a_stop_is_late_by_one_pause_at_the_most(lag: float) -> None:
    waits, counts = waits_under([{"name": "positions-empty"}, lagging("order", lag)])
    print(sorted(waits), dict(counts))
    assert max(waits) <= lag + LOOK_SECONDS + LONGEST_PAUSE
    assert len(waits) >= 5
    assert counts["refused"] >= (5 if lag else 0)
    assert counts["degraded"] == 0
    assert counts["more than one fill"] >= 1
