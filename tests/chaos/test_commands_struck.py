"""What a person ordered of a live bot, with every call of the tick that carries it out struck: what
is to be closed is closed, what is adopted is booked once and has its stop.
"""

import random
import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest

from shared.core.money import btc_from_lots
from shared.core.types import Adoption, Correction, OrderIntent, OrderKind, Purpose, Side
from shared.tick.commands import order_correction, order_flatten
from tests.support.account_stories import T0, market
from tests.support.crash_matrix import cases_of, play, sites_of, snapshot
from tests.support.live_world import LiveWorld, live_world
from tests.support.tick_stories import INTERVAL, Script

LOTS, SAMPLE = 100, 40
ASKED = {"who": "ann", "why": "a test"}


def flattening(world: LiveWorld) -> int:
    """A position, and the order to close it; the number of the tick that does."""
    for number in range(1, 60):
        if world.tick(T0 + number * INTERVAL).positions:
            order_flatten(world.bot, **ASKED, now_ms=world.clock.now_ms())
            return number + 1
    raise AssertionError("the seeded market fills an entry")


def adopting(world: LiveWorld) -> int:
    """A position of the owner's, and the order to take it over; the number of the next tick."""
    world.tick(T0 + INTERVAL)
    world.bot.halt(**ASKED, now_ms=world.clock.now_ms())
    hand = OrderIntent(
        id="hand", purpose=Purpose.ENTRY, side=Side.LONG, kind=OrderKind.MARKET, lots=LOTS
    )
    exchange, now_ms = world.exchange(), world.clock.now_ms()
    exchange.reconcile(now_ms)
    exchange.submit(hand, book=None, now_ms=now_ms)
    for number in (2, 3, 4):
        world.tick(T0 + number * INTERVAL)
    row = world.truth()["positions"][0]
    asked = Adoption(
        id="7-1f",
        what=Correction.ADOPT,
        side=Side.LONG,
        lots=LOTS,
        price=int(float(row["average_price"])),
        at=world.clock.now_ms(),
        **ASKED,
    )
    order_correction(world.bot, asked, corrected_by="")
    return 5


def is_fee(told: str, fee: Decimal) -> bool:
    """Whether the book differs by the fee of the owner's own order alone: an adopted position costs
    the price that was named.
    """
    found = re.fullmatch(r"the book made (\S+), the exchange (\S+)", told)
    return found is not None and Decimal(found[1]) - Decimal(found[2]) == fee


@pytest.mark.parametrize("begin", [flattening, adopting])
def test_wherever_the_tick_is_struck_what_was_ordered_is_done_once(
    begin: Callable[[LiveWorld], int], full: bool
) -> None:
    minutes = market(random.Random(7), 400, day_off=0.0)
    counts: Counter[str] = Counter()
    broken: list[str] = []
    with live_world(minutes, account="margin", script=Script(3)) as world:
        at = T0 + begin(world) * INTERVAL
        known = snapshot(world)
        before = world.truth()["trades"]
        fee = Decimal(before[-1]["fee_occurred_amount_quote"])
        earlier = len(before) - 1
        cases = list(cases_of(begin.__name__, sites_of(world, known, at)))
        drawn = cases if full else random.Random(11).sample(cases, SAMPLE)
        for case in drawn:
            play(world, known, at, case)
            counts.update(case.counts)
            counts["cases"] += 1
            book, truth = world.bot.peek().data["state"]["ledger"], world.truth()
            told = [one for one in case.broken if begin is flattening or not is_fee(one, fee)]
            found = [f"{case}: {one}" for one in told]
            if begin is flattening:
                found += [f"{case}: held {row}" for row in truth["positions"]]
                found += [f"{case}: live {row}" for row in truth["live"]]
            elif book["next_fill_sequence"] - 1 != len(truth["trades"]) - earlier:
                found.append(f"{case}: {book['next_fill_sequence'] - 1} fills are booked")
            broken += found
    print(begin.__name__, len(cases), "cases", dict(counts), btc_from_lots(LOTS))
    assert broken == []
    assert counts["cases"] >= SAMPLE
    assert counts["killed"] >= 3
