"""A live tick whose readings fail after its orders were taken: they are its bot's in the next."""

import random
from collections import Counter
from typing import Any

from shared.exchanges.bitbank.errors import NoAnswer
from shared.tick.cycle import Ports
from tests.support import crash_matrix as matrix
from tests.support.account_stories import T0, market
from tests.support.live_world import LiveWorld, live_world
from tests.support.tick_stories import INTERVAL, Target
from tests.unit.tick.test_shared_closes import EXPOSURE, whole

TICKS = 90


def struck(world: LiveWorld, *, after: int) -> Ports:
    """Those of a process that gets no answer any more once so many orders were sent."""
    exchange = world.exchange()
    submit, carry, sent = exchange.submit, exchange._rest.carry, Counter[str]()

    def counted(*told: Any, **more: Any) -> Any:
        outcome = submit(*told, **more)
        sent["orders"] += 1
        return outcome

    def silent(*told: Any, **more: Any) -> Any:
        if sent["orders"] >= after:
            raise NoAnswer("nothing came")
        return carry(*told, **more)

    exchange.submit = counted  # type: ignore[method-assign]
    exchange._rest.carry = silent  # type: ignore[method-assign]
    return world.ports(exchange=exchange)


def test_an_order_that_was_taken_before_the_account_could_not_be_read_is_no_strangers() -> None:
    counts: Counter[str] = Counter()
    minutes = market(random.Random(5), 3 * TICKS + 60, day_off=0.0)
    with live_world(
        minutes,
        script=Target(3),
        overrides={
            "capital_jpy": 300_000,
            "risk": EXPOSURE,
            "exchange": {"retry_base_seconds": 0.0},
        },
    ) as world:
        for number in range(6, TICKS):
            is_struck = number % 3 == 0
            ports = struck(world, after=1 + number // 3 % 2) if is_struck else None
            report = world.tick(T0 + number * INTERVAL, ports=ports)
            counts[report.status.value] += 1
            placed = any(one.outcome == "accepted" for one in report.orders)
            counts["orders before a failure"] += report.status.value == "degraded" and placed
            left = world.documents.query("intents", field="open_for", value=world.settings.id)
            counts["left open"] += len(left)
            assert not [one for one in report.issues if one.reason.value == "another_writer"]
            if number % 3 == 2:
                counts += whole(world)
                assert not left
                nothing = matrix.Case("", ("", ""), 0, matrix.Blow.GONE)
                assert not list(matrix._money(world, nothing))
    print(dict(counts))
    assert counts["orders before a failure"] >= 4
    assert counts["left open"] >= 2
    assert counts["held"] >= 10
