"""What a tick of a live bot costs: documents that it reads and writes, telling included, and signed
requests as the exchange counts them.
"""

import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from shared.core.types import TickReport
from shared.exchanges.sandbox.private.endpoints import PRIVATE
from shared.stores.local.sqlite import SqliteDocuments
from tests.support.account_stories import T0, market
from tests.support.live_world import LiveWorld, live_world
from tests.support.signed_client import SignedClient
from tests.support.tick_stories import INTERVAL, Script

TICKS = 100
TELLING = ", and tells"
"""What was to be told by then is read, delivered and noted after the save."""
MOST_READS, MOST_WRITES, MOST_SIGNED = 10, 6, 6
SIGNED = {route.endpoint for route in PRIVATE}
FLAT, HELD = "quiet, flat", "quiet, held"


def kind_of(report: TickReport) -> str:
    purposes = {one.intent.purpose.value for one in report.orders if one.what == "place"}
    if "entry" in purposes:
        return "an entry, filled" if report.fills else "an entry, not filled"
    if report.orders or report.fills or report.trades:
        return "an exit" if report.trades else "other orders"
    return HELD if report.positions else FLAT


def costs_of(world: LiveWorld, at: int) -> tuple[TickReport, dict[str, int]]:
    """A tick of a fresh process, and what the store and the exchange counted of it."""
    store = world.documents
    reads, writes = store.reads, store.writes
    world.sandbox.forget_requests()
    report = world.tick(at)
    asked = world.sandbox.requests()
    signed = sum(number for name, number in asked.items() if name in SIGNED)
    return report, {"reads": store.reads - reads, "writes": store.writes - writes, "signed": signed}


@pytest.mark.parametrize("account", ["margin", "spot"])
def test_a_quiet_live_tick_stays_within_its_budget_also_beside_an_owners_order(
    account: str, tmp_path: Path
) -> None:
    most: dict[str, Counter[str]] = defaultdict(Counter)
    seen: Counter[str] = Counter()
    overrides: dict[str, Any] = {"risk": {"max_hold_candles": 2}}
    with live_world(
        market(random.Random(3), 3 * TICKS + 60, step=120, day_off=0.0),
        account=account,
        script=Script(3),
        fresh_documents=lambda: SqliteDocuments(tmp_path / "bot.sqlite"),
        overrides=overrides,
    ) as world:
        client = SignedClient(world.port, world.source.now_ms)
        more = {} if account == "spot" else {"position_side": "long"}
        client.order("buy", "limit", "0.0001", price="500000", **more)
        client.close()
        for number in range(6, TICKS):
            report, cost = costs_of(world, T0 + number * INTERVAL)
            told = report.counts
            is_telling = (told["reads"], told["writes"]) != (cost["reads"], cost["writes"])
            kind = kind_of(report) + (TELLING if is_telling else "")
            seen[kind] += 1
            for what, amount in cost.items():
                most[kind][what] = max(most[kind][what], amount)
            assert told["private_requests"] == cost["signed"]
        world.documents.close()
    for kind in sorted(most):
        print(f"{account}, {kind}: {seen[kind]} ticks, most {dict(most[kind])}")
    assert seen[HELD] >= 10, seen
    assert seen[FLAT] >= 10, seen
    assert sum(number for kind, number in seen.items() if kind.startswith("an entry")) >= 5, seen
    for kind in (FLAT, HELD):
        assert most[kind]["reads"] <= MOST_READS, (kind, most[kind])
        assert most[kind]["writes"] <= MOST_WRITES, (kind, most[kind])
        assert most[kind]["signed"] <= MOST_SIGNED, (kind, most[kind])
