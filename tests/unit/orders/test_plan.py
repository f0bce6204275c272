"""From holdings and decisions to steps: protection first, exits that can go through, entries that
end in time.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.reasons import Reason
from shared.core.types import (
    AccountKind,
    Action,
    Book,
    Decision,
    Entry,
    Holdings,
    Order,
    OrderKind,
    PairRules,
    Position,
    PositionPlan,
    Purpose,
    Side,
    Signal,
)
from shared.orders import plan as planning
from shared.orders.plan import Cancel, Place

NOW = 1_700_000_000_000
BOOK = Book(as_of=NOW, bid=999_999, ask=1_000_001)
RULES = PairRules()


def order(number, intent, *, remaining=None):
    return Order(
        order_id=number,
        intent=intent,
        placed_at=NOW - 1000,
        remaining_lots=remaining or intent.lots,
    )


def position(lots=100, *, side=Side.LONG, price=1_000_000):
    return Position(
        side=side, entries=(Entry(at=NOW - 1000, price=price, lots=lots, fee_jpy=Decimal(0)),)
    )


def holdings(*orders, positions=(), mark=Decimal(1_000_000)):
    return Holdings(
        as_of=NOW,
        cash_jpy=Decimal(1_000_000),
        equity_jpy=Decimal(1_000_000),
        available_jpy=Decimal(2_000_000),
        mark_price=mark,
        positions=tuple(positions),
        orders=orders,
    )


def position_plan(side=Side.LONG, stop=950_000, target=1_100_000):
    return PositionPlan(
        side=side,
        stop_price=stop,
        target_price=target,
        exit_by=NOW + 1,
        as_of=NOW - 1,
        entry_intent="e",
    )


def signal(atr=10_000.0):
    return Signal(as_of=NOW, close=1_000_000, atr_jpy=atr, side=None, strength=0.0)


def protect(world, held, *, plan=None, told=None, account=AccountKind.MARGIN, **more):
    return planning.protection(
        held,
        plan=plan,
        signal=told,
        tick="T",
        now_ms=NOW,
        settings=world.settings(account=account),
        **more,
    )


def ask(world, decision, held, **more):
    given = {"book": BOOK, "rules": RULES, "now_ms": NOW, "deadline_at": NOW + 100_000, **more}
    return planning.orders(decision, held, tick="T", settings=world.settings(), **given)


def enter(side=Side.LONG):
    stop, target = (950_000, 1_050_000) if side is Side.LONG else (1_050_000, 950_000)
    return Decision(
        action=Action.ENTER,
        as_of=NOW,
        reason=Reason.OK,
        side=side,
        lots=42,
        stop_price=stop,
        target_price=target,
        exit_by=NOW,
    )


def summary(steps):
    return [
        (
            ("cancel", step.order.order_id, step.reason)
            if isinstance(step, Cancel)
            else (
                step.intent.purpose,
                step.intent.kind,
                step.intent.lots,
                step.intent.trigger_price or step.intent.price,
            )
        )
        for step in steps
    ]


# protection


def test_a_position_without_a_stop_gets_it_first_and_then_its_target(world):
    steps = protect(world, holdings(positions=[position()]), plan=position_plan())
    assert summary(steps) == [("stop", "stop", 100, 950_000), ("target", "limit", 100, 1_100_000)]
    assert [step.intent.id for step in steps] == ["T.stop.1", "T.target.2"]
    assert steps[1].intent.post_only


def test_on_spot_only_the_stop_rests(world):
    steps = protect(
        world, holdings(positions=[position()]), plan=position_plan(), account=AccountKind.SPOT
    )
    assert summary(steps) == [("stop", "stop", 100, 950_000)]


def test_a_stop_that_is_too_small_is_joined_by_another_for_the_rest(world):
    held = holdings(order(1, world.stop(950_000, 60)), positions=[position()])
    assert summary(protect(world, held, plan=position_plan(), account=AccountKind.SPOT)) == [
        ("stop", "stop", 40, 950_000)
    ]


def test_a_full_bracket_needs_nothing(world):
    held = holdings(
        order(1, world.stop(950_000)), order(2, world.target(1_100_000)), positions=[position()]
    )
    assert protect(world, held, plan=position_plan()) == ()
    assert planning.uncovered_positions(held, now_ms=NOW) == ()


def test_a_missing_target_comes_back_unless_the_price_is_there_already(world):
    held = holdings(order(1, world.stop(950_000)), positions=[position()])
    assert summary(protect(world, held, plan=position_plan())) == [
        ("target", "limit", 100, 1_100_000)
    ]
    assert protect(world, replace(held, mark_price=Decimal(1_100_000)), plan=position_plan()) == ()
    assert protect(world, replace(held, mark_price=None), plan=position_plan()) == ()


def test_a_passed_trigger_cancels_what_holds_the_quantity_and_closes(world):
    held = holdings(
        order(2, world.target(1_100_000)), positions=[position()], mark=Decimal(949_000)
    )
    assert summary(protect(world, held, plan=position_plan())) == [
        ("cancel", 2, Reason.EXIT_UNPROTECTED),
        ("close", "market", 100, None),
    ]
    book = Book(as_of=NOW, bid=939_999, ask=940_001)
    held = holdings(positions=[position()])
    (step,) = protect(world, held, plan=position_plan(), book=book, rules=RULES)
    assert step.intent.reason is Reason.EXIT_UNPROTECTED


def test_a_lost_plan_is_replaced_by_the_usual_distance(world):
    steps = protect(world, holdings(positions=[position()]), told=signal())
    assert summary(steps) == [("stop", "stop", 100, 960_000)]  # 4 ATR of 10,000
    short = holdings(positions=[position(side=Side.SHORT)])
    assert summary(protect(world, short, told=signal(), plan=position_plan())) == [
        ("stop", "stop", 100, 1_040_000)
    ]


@pytest.mark.parametrize("told", [None, signal(atr=0.0), signal(atr=500_000.0)])
def test_without_plan_and_usable_signal_the_position_is_closed(world, told):
    assert summary(protect(world, holdings(positions=[position()]), told=told)) == [
        ("close", "market", 100, None)
    ]


def test_without_stops_but_with_market_orders_the_position_is_closed_at_market(world):
    rules = PairRules(stop_orders=False)
    steps = protect(
        world, holdings(positions=[position()]), plan=position_plan(), rules=rules, book=BOOK
    )
    assert summary(steps) == [("close", "market", 100, None)]


@pytest.mark.parametrize(
    ("side", "book", "mark", "price"),
    [
        (Side.LONG, BOOK, None, 989_999),
        (Side.SHORT, BOOK, None, 1_010_002),
        (Side.LONG, None, Decimal(1_000_000), 990_000),
        (Side.SHORT, None, Decimal(1_000_000), 1_010_000),
    ],
)
def test_in_a_circuit_break_the_close_is_a_crossing_limit(world, side, book, mark, price):
    rules = PairRules(circuit_break_mode="CIRCUIT_BREAK")
    held = holdings(positions=[position(side=side)], mark=mark)
    steps = protect(world, held, told=signal(), rules=rules, book=book)
    assert summary(steps) == [("close", "limit", 100, price)]
    assert not steps[0].intent.post_only


def test_in_a_circuit_break_a_full_stop_that_stands_is_left_alone(world):
    held = holdings(order(1, world.stop(950_000)), positions=[position()])
    rules = PairRules(circuit_break_mode="CIRCUIT_BREAK")
    assert (
        protect(world, held, plan=position_plan(), account=AccountKind.SPOT, rules=rules, book=BOOK)
        == ()
    )


def test_without_any_price_a_close_that_needs_one_waits(world):
    held = holdings(positions=[position()], mark=None)
    assert protect(world, held, rules=PairRules(circuit_break_mode="RESUMPTION")) == ()


def test_surplus_stops_go_youngest_first_and_never_below_full_cover(world):
    stops = [
        order(number, world.stop(950_000, lots)) for number, lots in ((1, 100), (2, 60), (3, 100))
    ]
    held = holdings(*stops, positions=[position()])
    assert summary(protect(world, held, plan=position_plan())) == [
        ("cancel", 3, Reason.ORPHAN_CANCELED),
        ("cancel", 2, Reason.ORPHAN_CANCELED),
    ]
    held = holdings(
        order(1, world.stop(950_000, 60)), order(2, world.stop(950_000, 60)), positions=[position()]
    )
    assert protect(world, held, plan=position_plan(), account=AccountKind.SPOT) == ()


def test_orphans_and_old_entries_are_canceled_but_not_this_ticks_entry(world):
    held = holdings(
        order(1, world.stop(950_000)),
        order(2, world.target(1_100_000)),
        order(3, world.entry(990_000, id="S.entry.1")),
        order(4, world.entry(990_000, id="T.entry.1")),
        order(5, world.stop(950_000, expires_at=NOW)),
    )
    assert summary(protect(world, held)) == [
        ("cancel", 1, Reason.ORPHAN_CANCELED),
        ("cancel", 2, Reason.ORPHAN_CANCELED),
        ("cancel", 3, Reason.ENTRY_EXPIRED),
    ]


def test_a_stop_whose_life_has_ended_protects_nothing(world):
    held = holdings(order(1, world.stop(950_000, expires_at=NOW)), positions=[position()])
    assert [held.side for held in planning.uncovered_positions(held, now_ms=NOW)] == [Side.LONG]
    assert summary(protect(world, held, plan=position_plan(), account=AccountKind.SPOT)) == [
        ("stop", "stop", 100, 950_000)
    ]


# decisions


@pytest.mark.parametrize(("side", "price"), [(Side.LONG, 999_999), (Side.SHORT, 1_000_001)])
def test_an_entry_rests_at_the_touch_until_the_deadline_with_its_bracket(world, side, price):
    (step,) = ask(world, enter(side), holdings())
    assert isinstance(step, Place)
    intent = step.intent
    assert (intent.purpose, intent.kind, intent.side, intent.price, intent.lots) == (
        "entry",
        OrderKind.LIMIT,
        side,
        price,
        42,
    )
    assert intent.post_only
    assert intent.expires_at == NOW + 100_000
    assert (intent.stop_price, intent.target_price) == (
        enter(side).stop_price,
        enter(side).target_price,
    )
    assert intent.id == "T.entry.1"
    assert ask(world, enter(side), holdings()) == (step,)


def test_nothing_is_entered_late_blind_or_twice(world):
    assert ask(world, enter(), holdings(), now_ms=NOW + 100_000) == ()
    assert ask(world, enter(), holdings(), book=None) == ()
    assert ask(world, enter(), holdings(positions=[position()])) == ()
    assert ask(world, enter(), holdings(order(1, world.entry(990_000)))) == ()
    assert ask(world, replace(enter(), lots=0), holdings()) == ()
    for action in (Action.HOLD, Action.DENY):
        assert ask(world, replace(enter(), action=action), holdings()) == ()


def test_an_exit_cancels_the_live_closes_and_the_entry_first(world):
    held = holdings(
        order(1, world.stop(950_000)),
        order(2, world.target(1_100_000)),
        order(3, world.entry(990_000)),
        order(4, world.stop(1_050_000, side=Side.SHORT)),
        positions=[position(), position(side=Side.SHORT)],
    )
    leave = Decision(action=Action.EXIT, as_of=NOW, reason=Reason.EXIT_TIME, side=Side.LONG)
    steps = ask(world, leave, held)
    assert summary(steps) == [
        ("cancel", 1, Reason.EXIT_TIME),
        ("cancel", 2, Reason.EXIT_TIME),
        ("cancel", 3, Reason.EXIT_TIME),
        ("close", "market", 100, None),
    ]
    assert steps[-1].intent.reason is Reason.EXIT_TIME
    both = ask(world, replace(leave, side=None), held)
    assert [step.intent.id for step in both if isinstance(step, Place)] == [
        "T.close.1",
        "T.close.2",
    ]


def watch(world, held, bid, *, plan):
    book = Book(as_of=NOW, bid=bid, ask=bid + 2)
    return planning.watched_target(
        held, plan=plan, book=book, tick="T", now_ms=NOW, settings=world.settings()
    )


def test_a_target_that_cannot_rest_is_watched_and_taken_at_the_touch(world):
    held = holdings(order(1, world.stop(950_000)), positions=[position()])
    assert watch(world, held, 1_099_999, plan=position_plan()) == ()
    steps = watch(world, held, 1_100_000, plan=position_plan())
    assert summary(steps) == [("cancel", 1, Reason.EXIT_TARGET), ("close", "market", 100, None)]
    assert steps[-1].intent.reason is Reason.EXIT_TARGET
    short = holdings(positions=[position(side=Side.SHORT)])
    low = position_plan(Side.SHORT, 1_050_000, 900_000)
    assert watch(world, short, 899_999, plan=low) == ()
    assert summary(watch(world, short, 899_998, plan=low)) == [("close", "market", 100, None)]


def test_a_target_that_rests_is_left_to_the_exchange(world):
    held = holdings(
        order(1, world.stop(950_000)), order(2, world.target(1_100_000)), positions=[position()]
    )
    assert watch(world, held, 1_200_000, plan=position_plan()) == ()
    assert watch(world, held, 1_200_000, plan=None) == ()
    bare = planning.watched_target(
        held, plan=position_plan(), book=None, tick="T", now_ms=NOW, settings=world.settings()
    )
    assert bare == ()


def test_every_purpose_has_its_own_id(world):
    held = holdings(positions=[position(), position(side=Side.SHORT)])
    ids = [step.intent.id for step in protect(world, held, plan=position_plan(), told=signal())]
    assert len(ids) == len(set(ids)) == 3
    assert {Purpose(name.split(".")[1]) for name in ids} == {Purpose.STOP, Purpose.TARGET}
