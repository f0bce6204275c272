"""A matrix that never goes red proves nothing: each promise gets a bug planted in our own rules,
and cases of the matrix must name it.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.core.errors import BadData
from shared.core.frozen import copy_with
from shared.core.types import Fate
from shared.exchanges.bitbank.live import exchange, executions, own_orders, reckoning
from shared.orders import plan as planning
from shared.turn import steps
from tests.chaos.test_crash_matrix import PLACES, made_world, situations_of
from tests.support import crash_matrix as matrix
from tests.support.live_world import LiveWorld

MOST_CASES = 60


def an_order_is_sent_again_where_no_answer_came(patch: pytest.MonkeyPatch) -> None:
    real = exchange.send_order

    def twice(rest: Any, prepared: Any) -> Any:
        result = real(rest, prepared)
        return real(rest, prepared) if type(result.outcome).__name__ == "Unknown" else result

    patch.setattr(exchange, "send_order", twice)


def fills_get_no_stop(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(steps.planning, "protection", lambda *_args, **_more: ())


def what_was_lost_is_not_looked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(own_orders, "orders_that_may_be", lambda *_args, **_more: ())
    patch.setattr(
        reckoning,
        "fates_of",
        lambda intents, *_args, **_more: ({one.intent.id: Fate.ABSENT for one in intents}, ()),
    )


def an_execution_is_booked_twice(patch: pytest.MonkeyPatch) -> None:
    real = executions._entry_of
    patch.setattr(
        executions, "_entry_of", lambda told: copy_with(real(told), number=-told.trade_id)
    )
    # and no bound says that it was more than its order executed
    patch.setattr(executions, "_room_of", lambda one, *, is_doubtful: one.order.intent.lots)


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


@dataclass(frozen=True)
class Seen:
    """What a bug must break, and at which calls it shows."""

    word: str
    site: str = ""
    blows: tuple[matrix.Blow, ...] = tuple(matrix.Blow)


LOST = (matrix.Blow.LOST, matrix.Blow.DIES_AFTER, matrix.Blow.HTML)
ORDER = "user/spot/order"
BUGS: dict[Callable[[pytest.MonkeyPatch], None], Seen] = {
    an_order_is_sent_again_where_no_answer_came: Seen("entries of", ORDER, LOST),
    fills_get_no_stop: Seen("stops for 0"),
    what_was_lost_is_not_looked_for: Seen("the book", ORDER, LOST),
    an_execution_is_booked_twice: Seen("the book"),
    orders_without_a_position_stay: Seen("stops for"),
    strangers_orders_are_cleaned_up: Seen("was to be cancelled"),
}


@pytest.fixture(scope="module")
def prepared(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[LiveWorld, list[matrix.Case], dict[str, Any]]]:
    with made_world(PLACES[0], tmp_path_factory.mktemp("matrix")) as world:
        found = situations_of(world)
        cases = [
            case
            for kind, (at, known) in sorted(found.items())
            for case in matrix.cases_of(kind, matrix.sites_of(world, known, at))
        ]
        random.Random(7).shuffle(cases)
        yield world, cases, found
        world.documents.close()


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__.replace("_", " "))
def test_a_planted_bug_breaks_what_it_must(
    prepared: tuple[LiveWorld, list[matrix.Case], dict[str, Any]],
    bug: Callable[[pytest.MonkeyPatch], None],
) -> None:
    world, cases, found = prepared
    seen, said = BUGS[bug], []
    mine = [case for case in cases if seen.site in case.site[1] and case.blow in seen.blows]
    with pytest.MonkeyPatch.context() as patch:
        bug(patch)
        for case in mine[:MOST_CASES]:
            at, known = found[case.situation]
            try:
                said += matrix.play(world, known, at, replace(case, broken=[])).broken
            except BadData as error:  # the store refuses what makes no sense
                said.append(f"the book: {error}")
            if any(seen.word in one for one in said):
                return
    pytest.fail(f"no case noticed it: {said[:5]}")
