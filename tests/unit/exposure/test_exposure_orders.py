"""Growing, shrinking, merging: what is planned, and what the paper account does with it, step by
step.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.core.reasons import Reason
from shared.core.settings import load_settings
from shared.core.types import (
    Accepted,
    AccountKind,
    Action,
    Book,
    Decision,
    Goal,
    PairRules,
    Purpose,
    Side,
)
from shared.exchanges.paper import account as accounts
from shared.exchanges.paper.account import PaperAccount
from shared.market.path import book_at
from shared.orders import plan as planning
from shared.orders.plan import Cancel, Place

T0, PRICE = 1_699_999_200_000, 10_000_000
RULES = PairRules()
SETTINGS = {
    kind: load_settings(
        {},
        profile="trend",
        overrides={"account": kind, "risk": {"exposure": {"volatility_target": 0.3}}},
    )
    for kind in AccountKind
}


def book(price: int = PRICE) -> Book:
    return book_at(price, spread_rate=0.0001, as_of=T0)


def wanting(
    action: Action, lots: int, *, goal: int = 500, side: Side = Side.LONG, **more: Any
) -> Decision:
    reason = Reason.OK if action is Action.ENTER else Reason.EXIT_EXPOSURE
    stop = PRICE * (82 if side is Side.LONG else 118) // 100
    return Decision(
        action=action,
        as_of=T0,
        reason=reason,
        side=side,
        lots=lots,
        stop_price=stop,
        goal=Goal(lots=goal, as_of=T0),
        **more,
    )


class Desk:
    """A paper account, and how much of it has no stop after every single step."""

    def __init__(self, kind: str, *, side: Side = Side.LONG, rules: PairRules = RULES) -> None:
        self.settings, self.rules, self.side, self.now = SETTINGS[kind], rules, side, T0
        self.account: PaperAccount = accounts.open_account(
            100_000_000,
            T0,
            kind=AccountKind(kind),
            terms=accounts.account_terms(self.settings, rules),
        )
        self.bare: list[int] = []
        self.outcomes: list[Any] = []

    def ordered(self, decision: Decision, *, price: int = PRICE) -> tuple[planning.Step, ...]:
        steps = planning.orders(
            decision,
            self.holdings,
            book=book(price),
            rules=self.rules,
            tick=f"{self.now}.0d",
            now_ms=self.now,
            deadline_at=self.now + 100_000,
            settings=self.settings,
        )
        self.carry_out(steps, price=price)
        return steps

    def protected(self, *, price: int = PRICE) -> tuple[planning.Step, ...]:
        steps = planning.protection(
            self.holdings,
            plan=None,
            signal=None,
            tick=f"{self.now}.0p",
            now_ms=self.now,
            settings=self.settings,
            book=book(price),
            rules=self.rules,
        )
        self.carry_out(steps, price=price)
        return steps

    def carry_out(self, steps: tuple[planning.Step, ...], *, price: int) -> None:
        self.bare, self.outcomes = [], []
        for step in steps:
            if isinstance(step, Cancel):
                self.account, outcome = accounts.cancel_order(
                    self.account, step.order, now_ms=self.now
                )
            else:
                self.account, outcome = accounts.place_order(
                    self.account, step.intent, book=book(price), now_ms=self.now, rules=self.rules
                )
            self.outcomes.append(outcome)
            stops = sum(
                order.remaining_lots
                for order in self.holdings.orders
                if order.intent.purpose is Purpose.STOP
            )
            self.bare.append(self.account.lots(self.side) - stops)

    @property
    def holdings(self) -> Any:
        return accounts.holdings(self.account, self.account.last_price, self.now)

    @property
    def stops(self) -> list[tuple[int, int]]:
        live = [order for order in self.holdings.orders if order.intent.purpose is Purpose.STOP]
        return [(order.remaining_lots, order.intent.trigger_price or 0) for order in live]

    def holding(self, *lots: int, price: int = PRICE) -> "Desk":
        for size in lots:
            self.now += 180_000
            self.ordered(wanting(Action.ENTER, size, side=self.side, crosses=True), price=price)
            assert all(isinstance(outcome, Accepted) for outcome in self.outcomes)
        self.now += 180_000
        return self


# growing


def test_an_entry_rests_at_the_own_touch_or_crosses_with_a_bound_and_carries_only_its_stop():
    for side in Side:
        for crosses in (False, True):
            (step,) = Desk("margin", side=side).ordered(
                wanting(Action.ENTER, 100, side=side, crosses=crosses)
            )
            assert isinstance(step, Place)
            intent, touch = step.intent, book()
            assert intent.post_only is not crosses
            assert intent.expires_at == T0 + 100_000
            assert intent.target_price is None
            assert intent.stop_price
            near, far = (touch.bid, touch.ask) if side is Side.LONG else (touch.ask, touch.bid)
            assert intent.price == near or crosses
            assert not crosses or 0.0099 < abs((intent.price or 0) / far - 1) < 0.0101


def test_a_growth_adds_to_its_own_side_only_and_never_while_an_entry_rests() -> None:
    desk = Desk("margin").holding(100)
    (step,) = desk.ordered(wanting(Action.ENTER, 50))
    assert isinstance(step, Place)
    assert desk.ordered(wanting(Action.ENTER, 50)) == (), "one rests already"
    other = Desk("margin").holding(100)
    assert other.ordered(wanting(Action.ENTER, 50, side=Side.SHORT, goal=-50)) == ()


def test_under_the_barrier_policy_nothing_is_added_to_what_is_held() -> None:
    desk = Desk("margin").holding(100)
    assert desk.ordered(replace(wanting(Action.ENTER, 50), goal=None)) == ()


@pytest.mark.parametrize("side", list(Side))
def test_on_margin_the_stops_of_two_entries_become_one_that_is_placed_before_they_go(side) -> None:
    desk = Desk("margin", side=side).holding(100, 50)
    assert len(desk.stops) == 2
    assert sum(lots for lots, _ in desk.stops) == 150
    first, *rest = desk.protected()
    assert isinstance(first, Place)
    assert [type(step) for step in rest] == [Cancel, Cancel]
    assert max(desk.bare) <= 0
    ((lots, trigger),) = desk.stops
    average = desk.account.positions[0].average_price
    assert lots == 150
    assert abs(trigger / float(average) - (1 - 0.18 * side.sign)) < 1e-6
    assert desk.protected() == (), "one is right"


def test_on_spot_three_stops_may_stand_and_a_fourth_is_merged_within_the_tick() -> None:
    desk = Desk("spot").holding(100, 50, 25)
    assert desk.protected() == ()
    desk.holding(10)
    steps = desk.protected()
    assert [type(step) for step in steps] == [Cancel] * 4 + [Place]
    assert [lots for lots, _ in desk.stops] == [185]
    assert all(isinstance(outcome, Accepted) for outcome in desk.outcomes)


def test_a_lost_stop_comes_back_from_the_average_price_without_any_plan_or_signal() -> None:
    desk = Desk("margin").holding(100)
    (stop,) = [order for order in desk.holdings.orders if order.intent.purpose is Purpose.STOP]
    desk.account, _ = accounts.cancel_order(desk.account, stop, now_ms=desk.now)
    (step,) = desk.protected()
    assert isinstance(step, Place)
    assert desk.stops == [(100, step.intent.trigger_price)]
    assert step.intent.trigger_price == int(
        desk.account.positions[0].average_price * Decimal("0.82")
    )


# shrinking


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("entries", [(300,), (200, 100), (100, 100, 100)])
def test_on_margin_what_stays_is_never_without_a_stop_while_a_part_is_closed(side, entries) -> None:
    desk = Desk("margin", side=side).holding(*entries)
    steps = desk.ordered(wanting(Action.REDUCE, 120, goal=side.sign * 180, side=side))
    assert all(isinstance(outcome, Accepted) for outcome in desk.outcomes)
    assert isinstance(steps[0], Place)
    assert isinstance(steps[-1], Place)
    assert (steps[0].intent.purpose, steps[-1].intent.purpose) == (Purpose.STOP, Purpose.CLOSE)
    assert max(desk.bare) <= 120, "only what is being closed"
    assert desk.account.lots(side) == 180
    assert [lots for lots, _ in desk.stops] == [180]
    assert desk.account.trades[-1].reason is Reason.EXIT_EXPOSURE
    assert desk.protected() == ()


def test_on_spot_the_stops_make_room_and_the_rest_gets_its_own_within_the_same_steps() -> None:
    desk = Desk("spot").holding(200, 100)
    steps = desk.ordered(wanting(Action.REDUCE, 120, goal=180))
    assert [step.intent.purpose if isinstance(step, Place) else "cancel" for step in steps] == [
        "cancel",
        "cancel",
        Purpose.CLOSE,
        Purpose.STOP,
    ]
    assert all(isinstance(outcome, Accepted) for outcome in desk.outcomes)
    assert [lots for lots, _ in desk.stops] == [180]


@pytest.mark.parametrize("kind", ["margin", "spot"])
def test_a_rest_below_the_minimum_is_closed_with_the_part(kind) -> None:
    desk = Desk(kind, rules=PairRules(min_lots=10)).holding(100)
    desk.ordered(wanting(Action.REDUCE, 95, goal=5))
    assert desk.account.is_idle


@pytest.mark.parametrize(
    "closed",
    [{"stop_orders": False}, {"market_orders": False}, {"circuit_break_mode": "CIRCUIT_BREAK"}],
)
@pytest.mark.parametrize("kind", ["margin", "spot"])
def test_while_stops_or_market_orders_are_forbidden_all_keeps_its_stop(kind, closed) -> None:
    desk = Desk(kind).holding(100)
    desk.rules = replace(RULES, **closed)
    assert desk.ordered(wanting(Action.REDUCE, 40, goal=60)) == ()
    assert [lots for lots, _ in desk.stops] == [100]


def test_where_the_sale_is_refused_the_next_protection_covers_all_again() -> None:
    for kind in ("margin", "spot"):
        desk = Desk(kind).holding(100)
        steps = desk.ordered(replace(wanting(Action.REDUCE, 40, goal=60)))
        assert steps
        desk = Desk(kind).holding(100)
        real = planning.orders(
            wanting(Action.REDUCE, 40, goal=60),
            desk.holdings,
            book=book(),
            rules=RULES,
            tick="t",
            now_ms=desk.now,
            deadline_at=desk.now + 1,
            settings=desk.settings,
        )
        unsold = tuple(
            step
            for step in real
            if isinstance(step, Cancel) or step.intent.purpose is not Purpose.CLOSE
        )
        desk.carry_out(unsold, price=PRICE)
        assert planning.has_bare_position(desk.holdings, now_ms=desk.now)
        desk.protected()
        assert sum(lots for lots, _ in desk.stops) >= 100
        assert not planning.uncovered_positions(desk.holdings, now_ms=desk.now)


def test_an_exit_closes_all_whatever_rests() -> None:
    for kind in ("margin", "spot"):
        desk = Desk(kind).holding(200, 100)
        desk.ordered(wanting(Action.EXIT, 300, goal=0))
        assert desk.account.is_idle
        assert desk.account.trades[-1].ends_position


@pytest.mark.parametrize("side", list(Side))
def test_on_margin_a_part_moves_neither_the_average_price_nor_the_stop(side) -> None:
    desk = Desk("margin", side=side).holding(70)
    desk.holding(31, price=PRICE + 70_001)
    desk.protected()
    average = desk.account.positions[0].average_price
    ((_, trigger),) = desk.stops
    for lots, left in ((33, 68), (17, 51), (50, 1)):
        desk.now += 180_000
        desk.ordered(
            wanting(Action.REDUCE, lots, goal=side.sign * left, side=side), price=PRICE + 70_001
        )
        assert desk.stops == [(left, trigger)]
        now = desk.account.positions[0].average_price
        assert abs(now - average) <= Decimal("0.000001")
        assert desk.account.trades[-1].entry_price in {average, now}
        assert desk.protected() == (), "the stop stays as it is"


def test_on_spot_what_was_bought_last_stays() -> None:
    desk = Desk("spot").holding(100).holding(100, price=PRICE + 100_000)
    entries = desk.account.positions[0].entries
    desk.ordered(wanting(Action.REDUCE, 150, goal=50))
    assert desk.account.positions[0].entries == (
        replace(entries[1], lots=50, fee_jpy=desk.account.positions[0].fees_jpy),
    )
    assert desk.account.trades[-1].entry_price == Decimal(
        entries[0].price * 100 + entries[1].price * 50
    ) / Decimal(150)
