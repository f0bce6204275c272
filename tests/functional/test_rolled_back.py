"""Code that is rolled back in the middle of a position: what a newer version wrote beside what this
one knows hinders neither reconciling nor protecting, and comes back unharmed.
"""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from shared.core.types import OrderKind, Purpose, TickReport
from shared.turn.state import State
from tests.functional.test_tick_trouble import changed
from tests.support.account_stories import T0, market
from tests.support.live_world import LiveWorld, live_world
from tests.support.tick_stories import INTERVAL, Script

NEWER = {"newer": {"a": [1, {"b": None}]}}
SEED = {"margin": 7, "spot": 7}


@pytest.fixture(params=["margin", "spot"])
def live(request) -> Iterator[LiveWorld]:
    minutes = market(random.Random(SEED[request.param]), 400, day_off=0.0)
    with live_world(minutes, account=request.param, script=Script(3)) as made:
        yield made


def held(live: LiveWorld) -> tuple[int, TickReport]:
    """Ticks until something is held; the number of the next tick, and the report."""
    for number in range(1, 60):
        report = live.tick(T0 + number * INTERVAL)
        if report.positions:
            return number + 1, report
    raise AssertionError("the seeded market fills an entry")


def with_newer_fields(data: Any) -> Any:
    """The same with a field that nobody knows in every mapping of it."""
    if isinstance(data, dict):
        return {**{name: with_newer_fields(part) for name, part in data.items()}, **NEWER}
    if isinstance(data, list):
        return [with_newer_fields(part) for part in data]
    return data


def without_stops(live: LiveWorld, report: TickReport) -> int:
    """Take the stops away at the exchange, as nobody of ours would."""
    exchange, taken = live.exchange(), 0
    for order in report.resting:
        if order.intent.kind is OrderKind.STOP:
            exchange.cancel(order, now_ms=live.clock.now_ms())
            taken += 1
    return taken


@pytest.mark.parametrize("schema", [1, 2])
def test_with_a_position_of_a_newer_version_the_older_one_reconciles_and_protects(
    live, schema
) -> None:
    number, before = held(live)
    known = live.documents.get("bots/default").data["state"]
    newer = {**with_newer_fields(known), "schema": schema}
    ports = live.ports()
    changed(ports, "bots/default", state=newer)
    control = {"schema": 1, "halt": None, "lifted": None, **NEWER}
    live.documents.create("control/default", control)
    assert without_stops(live, before) >= 1
    report = live.tick(T0 + number * INTERVAL)
    assert [one.lots for one in report.positions] == [one.lots for one in before.positions]
    stops = [one for one in report.resting if one.intent.purpose is Purpose.STOP]
    assert sum(one.remaining_lots for one in stops) == report.positions[0].lots
    assert {one.intent.trigger_price for one in stops} == {before.plan.stop_price}
    assert not any(record.intent.is_opening for record in report.orders)
    after = live.documents.get("bots/default").data["state"]
    if schema == 2:
        assert after == newer, "what is of a newer schema is never written over"
        return
    assert after["newer"] == NEWER["newer"]
    assert after["ledger"]["newer"] == after["limits"]["newer"] == NEWER["newer"]
    assert after["plan"] == newer["plan"]
    state = State.decode_state(after, live.settings)
    assert (state.plan, state.signal) == (
        before.plan,
        State.decode_state(known, live.settings).signal,
    )
    assert state.ledger is not None
    assert [one.lots for one in state.ledger.positions] == [one.lots for one in before.positions]


def test_a_correction_that_a_newer_version_made_is_not_made_again_after_a_way_back_and_forth(
    live,
) -> None:
    """As by a version whose book does not know by which order it was corrected."""
    live.tick(T0 + INTERVAL)
    stored = live.documents.get("bots/default").data["state"]
    newer = {**stored, "ledger": {**stored["ledger"], "corrected_by_a_newer_version": "7-1f"}}
    changed(live.ports(), "bots/default", state=newer)
    live.tick(T0 + 2 * INTERVAL)
    live.tick(T0 + 3 * INTERVAL)
    after = live.documents.get("bots/default").data["state"]["ledger"]
    assert after["corrected_by_a_newer_version"] == "7-1f"
    assert after["read_at"] > stored["ledger"]["read_at"]
