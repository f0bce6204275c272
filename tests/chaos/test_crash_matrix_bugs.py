"""A matrix that never goes red proves nothing: each promise gets a bug planted in our own rules,
and cases of the matrix must name it.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared.core.frozen import copy_with
from shared.core.types import Fate
from shared.exchanges.bitbank.live import exchange, reckoning
from shared.orders import plan as planning
from shared.turn import steps
from tests.chaos.test_crash_matrix import PLACES, situations_of
from tests.chaos.test_crash_matrix import world as world  # noqa: PLC0414 (a fixture)
from tests.support import crash_matrix as matrix
from tests.support.live_world import LiveWorld

MOST_CASES = 60
MARGIN = PLACES[:1]


def an_order_is_sent_again_where_no_answer_came(patch: pytest.MonkeyPatch) -> None:
    real = exchange.send_order

    def twice(rest: Any, prepared: Any) -> Any:
        result = real(rest, prepared)
        return real(rest, prepared) if type(result.outcome).__name__ == "Unknown" else result

    patch.setattr(exchange, "send_order", twice)


def fills_get_no_stop(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(steps.planning, "protection", lambda *_args, **_more: ())


def what_was_lost_is_not_looked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reckoning, "orders_that_may_be", lambda *_args, **_more: ())
    patch.setattr(
        reckoning,
        "_fates",
        lambda intents, *_args, **_more: ({one.intent.id: Fate.ABSENT for one in intents}, ()),
    )


def an_execution_is_booked_twice(patch: pytest.MonkeyPatch) -> None:
    real = reckoning._listed
    patch.setattr(reckoning, "_listed", lambda told: copy_with(real(told), number=-told.trade_id))


def what_has_ended_is_followed_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reckoning, "MOST_ENDED", 0)
    real = reckoning._without_ended
    patch.setattr(reckoning, "_without_ended", lambda *told: copy_with(real(*told), ended=()))


def surplus_stops_stay(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(planning, "_surplus", lambda *_args: [])


def orders_without_a_position_stay(patch: pytest.MonkeyPatch) -> None:
    real = planning.protection
    patch.setattr(
        steps.planning,
        "protection",
        lambda *told, **more: tuple(
            step for step in real(*told, **more) if isinstance(step, planning.Place)
        ),
    )


def strangers_orders_are_cleaned_up(patch: pytest.MonkeyPatch) -> None:
    real = exchange.BitbankExchange._read

    def cleaning(self: Any, now_ms: int, ledger: Any, intents: Any) -> Any:
        known = real(self, now_ms, ledger, intents)
        for one in known.strangers:
            exchange.cancel_order(self._rest, one.order_id, pair="btc_jpy")
        return known

    patch.setattr(exchange.BitbankExchange, "_read", cleaning)


BUGS: dict[Callable[[pytest.MonkeyPatch], None], str] = {
    an_order_is_sent_again_where_no_answer_came: "entries of",
    fills_get_no_stop: "stops for 0",
    what_was_lost_is_not_looked_for: "held, stops for",
    an_execution_is_booked_twice: "the book",
    what_has_ended_is_followed_again: "the book",
    surplus_stops_stay: "stops for",
    orders_without_a_position_stay: "stops for",
    strangers_orders_are_cleaned_up: "the stranger's order",
}


def broken_by(world: LiveWorld, *, most: int) -> Iterator[str]:
    found = situations_of(world)
    cases = [
        case
        for kind, (at, known) in sorted(found.items())
        for case in matrix.cases_of(kind, matrix.sites_of(world, known, at))
    ]
    random.Random(7).shuffle(cases)
    for case in cases[:most]:
        at, known = found[case.situation]
        matrix.play(world, known, at, case)
        yield from case.broken


@pytest.mark.slow
@pytest.mark.parametrize("world", MARGIN, ids=str, indirect=True)
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__.replace("_", " "))
def test_a_planted_bug_breaks_what_it_must(
    world: LiveWorld, bug: Callable[[pytest.MonkeyPatch], None]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        bug(patch)
        found = next((one for one in broken_by(world, most=MOST_CASES) if BUGS[bug] in one), None)
    assert found is not None, "no case noticed it"
