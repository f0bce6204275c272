"""Random stories under the target policy: whatever happens, every promise holds, and skipping
changes nothing.

A checker that never goes red proves nothing: each invariant gets a bug planted in the rule that it
guards, and must name it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from shared.core.frozen import copy_with
from shared.core.money import yen_beyond
from shared.core.reasons import Reason
from shared.core.types import Action, OrderIntent, Side
from shared.exchanges.paper import ledger
from shared.orders import plan as planning
from shared.replay import engine, rows
from shared.risk import sizing
from shared.risk.policies import exposure
from shared.turn.state import State
from shared.turn.steps import Steps
from tests.support.exposure_stories import Rule, Story
from tests.support.invariants import InvariantBroken

STORIES, FULL = 30, 600
FLOORS = {
    "stories on 1m": 15,
    "stories on 15m": 5,
    "stories whose denials are compared": 10,
    "enter ok": 70,
    "growths": 25,
    "reduce exit_exposure": 5,
    "exit exit_exposure": 10,
    "reversals": 4,
    "resting entries": 50,
    "crossing entries": 12,
    "maker entries": 50,
    "taker entries": 18,
    "partial entries": 18,
    "partial closes": 6,
    "exits exit_stop": 20,
    "stops reached": 5,
    "growths that ended early": 2,
    "growths that a stop ended": 10,
    "margin long ticks held": 1_000,
    "margin short ticks held": 250,
    "spot long ticks held": 200,
    "several stops": 50,
    "evaluations that trade": 40,
    "ticks skipped": 8_000,
}


def test_whatever_is_wanted_every_promise_holds_in_every_way_of_playing(full) -> None:
    counts: Counter[str] = Counter()
    for seed in range(FULL if full else STORIES):
        counts += Story(seed).told()
    times = FULL // STORIES if full else 1
    assert {
        name: counts[name] for name, floor in FLOORS.items() if counts[name] < floor * times
    } == {}, counts


# the bugs, each one rule of ours replaced


def an_entry_brings_no_stop_and_nothing_is_protected(patch: pytest.MonkeyPatch) -> None:
    real = ledger._grow_bracket
    patch.setattr(
        ledger,
        "_grow_bracket",
        lambda account, entry, fill: real(account, replace(entry, stop_price=None), fill),
    )
    patch.setattr(planning, "protection", lambda *args, **more: ())


def a_reduction_leaves_the_rest_without_a_stop(patch: pytest.MonkeyPatch) -> None:
    real = planning._reduce_position

    def bare(*what: Any) -> Any:
        return tuple(
            step
            for step in real(*what)
            if isinstance(step, planning.Cancel) or step.intent.purpose != "stop"
        )

    patch.setattr(planning, "_reduce_position", bare)
    patch.setattr(
        Steps,
        "cover",
        lambda self, turn, market: self.book(turn, self.hands.holdings(self.clock.now_ms())),
    )


def the_stop_lies_three_times_as_far(patch: pytest.MonkeyPatch) -> None:
    def far(account: Any, side: Side, lots: int, price: int, settings: Any) -> int:
        return yen_beyond(
            Decimal(price),
            Decimal(str(3 * settings.risk.exposure.stop_rate)),
            above=side is Side.SHORT,
        )

    patch.setattr(exposure, "_stop", far)


def the_leverage_is_not_limited(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sizing, "leverage", lambda settings: Decimal(5))


def the_stop_may_lose_anything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(exposure, "stop_loss_per_lot", lambda **_: Decimal("0.0001"))


def nothing_halts_a_growth(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(exposure, "HALTS", ())


def the_band_is_not_asked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(exposure, "_beyond_band", lambda case, wanted, held: wanted)


def twice_as_much_is_ordered(patch: pytest.MonkeyPatch) -> None:
    real = exposure._size_growth

    def doubled(*what: Any) -> Any:
        decision = real(*what)
        return copy_with(decision, lots=2 * decision.lots)

    patch.setattr(exposure, "_size_growth", doubled)


def an_entry_crosses_at_once(patch: pytest.MonkeyPatch) -> None:
    real = exposure._size_growth
    patch.setattr(exposure, "_size_growth", lambda *what: copy_with(real(*what), crosses=True))


def an_entry_outlives_its_tick(patch: pytest.MonkeyPatch) -> None:
    real = planning.orders
    patch.setattr(
        planning,
        "orders",
        lambda *what, **more: real(*what, **{**more, "deadline_at": more["deadline_at"] + 600_000}),
    )


def shorts_are_allowed_everywhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(exposure, "weight_allowed", lambda weight, settings: weight)


def what_was_stopped_is_entered_again_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(State, "_goal_after", lambda self, holdings: self.goal)


def the_goal_is_made_anew_by_every_tick(patch: pytest.MonkeyPatch) -> None:
    real = exposure._goal

    def anew(case: Any, held: int) -> Any:
        return real(replace(case, account=replace(case.account, goal=None)), held)

    patch.setattr(exposure, "_goal", anew)


def what_is_not_wanted_any_more_is_kept(patch: pytest.MonkeyPatch) -> None:
    def kept(case: Any, goal: Any, held: int, action: Action, lots: int) -> Any:
        return exposure._build_decision(case, goal, held, Action.HOLD, Reason.ON_TARGET)

    patch.setattr(exposure, "_close_lots", kept)


def a_stop_does_not_fire(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OrderIntent, "is_reached", lambda intent, price: False)


def a_closed_part_is_sold_twice(patch: pytest.MonkeyPatch) -> None:
    real = planning._reduce_position

    def more(draft: Any, position: Any, decision: Any) -> Any:
        return real(
            draft, position, replace(decision, lots=min(position.lots - 1, 2 * decision.lots))
        )

    patch.setattr(planning, "_reduce_position", more)


def a_4h_close_is_skipped(patch: pytest.MonkeyPatch) -> None:
    real = rows.ReplayRows.next_target

    def later(self: Any, row: int, *, after: int, least: float) -> int | None:
        return real(self, row + 17, after=after, least=least)

    patch.setattr(rows.ReplayRows, "next_target", later)


def the_skipped_closes_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engine.Replay, "_keep_goal", lambda self, index, following: None)


def a_checkpoint_forgets_what_is_wanted(patch: pytest.MonkeyPatch) -> None:
    real = engine.Replay.checkpoint

    def forgetful(self: Any) -> Any:
        told = real(self)
        return {**told, "state": {**told["state"], "goal": None}}

    patch.setattr(engine.Replay, "checkpoint", forgetful)


@dataclass(frozen=True)
class Bug:
    plant: Callable[[pytest.MonkeyPatch], None]
    breaks: Rule
    first: int = 0
    whole: bool = False


BUGS = [
    Bug(an_entry_brings_no_stop_and_nothing_is_protected, Rule.COVER),
    Bug(a_reduction_leaves_the_rest_without_a_stop, Rule.COVER, first=6),
    Bug(the_stop_lies_three_times_as_far, Rule.COVER, first=3),
    Bug(the_leverage_is_not_limited, Rule.LEVERAGE, first=16),
    Bug(the_stop_may_lose_anything, Rule.RISK, first=5),
    Bug(nothing_halts_a_growth, Rule.HALTED, first=10),
    Bug(the_band_is_not_asked_for, Rule.BAND),
    Bug(twice_as_much_is_ordered, Rule.GOAL),
    Bug(an_entry_crosses_at_once, Rule.PASSIVE),
    Bug(an_entry_outlives_its_tick, Rule.ORDERS),
    Bug(shorts_are_allowed_everywhere, Rule.SIDE, first=3),
    Bug(what_was_stopped_is_entered_again_at_once, Rule.AGAIN_SO_SOON),
    Bug(the_goal_is_made_anew_by_every_tick, Rule.ONCE),
    Bug(what_is_not_wanted_any_more_is_kept, Rule.CLOSED_FIRST, first=3),
    Bug(a_stop_does_not_fire, Rule.STOPPED),
    Bug(a_closed_part_is_sold_twice, Rule.GOAL, first=6),
    Bug(a_4h_close_is_skipped, Rule.SKIPPED),
    Bug(the_skipped_closes_are_forgotten, Rule.SKIPPED, first=4),
    Bug(a_checkpoint_forgets_what_is_wanted, Rule.PIECES, first=6, whole=True),
]


@cache
def honest(seed: int) -> bool:
    """A story that holds without a bug."""
    Story(seed).audited()
    return True


@pytest.mark.parametrize(
    "bug", BUGS, ids=[f"{bug.plant.__name__}: {bug.breaks.name}" for bug in BUGS]
)
def test_a_planted_bug_breaks_the_very_invariant_that_stands_against_it(
    bug: Bug, monkeypatch
) -> None:
    for seed in range(bug.first, bug.first + STORIES):
        with monkeypatch.context() as patch:
            bug.plant(patch)
            try:
                Story(seed).told() if bug.whole else Story(seed).audited()
            except InvariantBroken as broken:
                named = bug.breaks.value in str(broken)
            else:
                named = False
        if named:
            assert honest(seed)
            return
    pytest.fail(f"{bug.plant.__name__} was not noticed")
