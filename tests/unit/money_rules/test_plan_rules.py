"""What is sent, step by step: whole steps are compared, so that nothing of an order is left to
chance.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.reasons import Reason
from shared.core.types import (
    Accepted,
    AccountKind,
    Action,
    Decision,
    OrderIntent,
    OrderKind,
    OrderRecord,
    PairRules,
    PolicyName,
    Purpose,
    Rejected,
    Side,
    Unknown,
)
from shared.orders import plan as planning
from shared.orders.plan import Cancel, Place

T0 = 1_699_999_200_000
LONG, SHORT = Side.LONG, Side.SHORT
RULES = PairRules()
BREAK = replace(RULES, circuit_break_mode="CIRCUIT_BREAK")


@pytest.fixture
def held(made):
    """A position of 100 lots from 1,000,000 with some orders; the mark is where it was entered."""

    def holding(*orders, lots=100, side=LONG, price=1_000_000, mark=1_000_000, parts=None):
        position = made.position(*(parts or [made.part(price, lots)]), side=side)
        return made.holdings(
            position, orders=orders, mark_price=None if mark is None else Decimal(mark)
        )

    return holding


@pytest.fixture
def protect(made):
    def protecting(
        holdings,
        *,
        plan=None,
        signal=None,
        account=AccountKind.MARGIN,
        policy=PolicyName.BARRIER,
        stop_atr=2.0,
        **more,
    ):
        settings = made.settings(account=account, risk={"policy": policy, "stop_atr": stop_atr})
        return planning.protection(
            holdings, plan=plan, signal=signal, tick="T", now_ms=T0, settings=settings, **more
        )

    return protecting


@pytest.fixture
def ask(made):
    def asking(
        decision, holdings, *, account=AccountKind.MARGIN, policy=PolicyName.BARRIER, **more
    ):
        given = {
            "book": made.book(999_999, 1_000_001),
            "rules": RULES,
            "now_ms": T0,
            "deadline_at": T0 + 100_000,
            **more,
        }
        settings = made.settings(
            account=account, risk={"policy": policy}, execution={"crossing_rate": 0.005}
        )
        return planning.orders(decision, holdings, tick="T", settings=settings, **given)

    return asking


def stop(lots, trigger, *, side=LONG, number=1):
    return OrderIntent(
        id=f"T.stop.{number}",
        purpose=Purpose.STOP,
        side=side,
        kind=OrderKind.STOP,
        lots=lots,
        trigger_price=trigger,
        reason=Reason.STOP_PLACED,
    )


def target(lots, price, *, side=LONG, number=1):
    return OrderIntent(
        id=f"T.target.{number}",
        purpose=Purpose.TARGET,
        side=side,
        kind=OrderKind.LIMIT,
        lots=lots,
        price=price,
        post_only=True,
    )


def close(lots, reason, *, side=LONG, number=1, price=None):
    kind = OrderKind.MARKET if price is None else OrderKind.LIMIT
    return OrderIntent(
        id=f"T.close.{number}",
        purpose=Purpose.CLOSE,
        side=side,
        kind=kind,
        lots=lots,
        price=price,
        reason=reason,
    )


def decision(action, side=LONG, lots=42, **more):
    return Decision(
        action=action, as_of=T0, reason=more.pop("reason", Reason.OK), side=side, lots=lots, **more
    )


# how a step came out


def test_each_outcome_is_recorded_with_what_it_says(made):
    intent = made.entry(100)
    assert planning.build_order_record(
        "place", intent, Accepted(order=made.order(7, intent))
    ) == OrderRecord(what="place", intent=intent, outcome="accepted", order_id=7)
    assert planning.build_order_record(
        "place", intent, Rejected(reason=Reason.DATA_MISSING, context={"a": "b"})
    ) == OrderRecord(
        what="place",
        intent=intent,
        outcome="rejected",
        reason=Reason.DATA_MISSING,
        context={"a": "b"},
    )
    assert planning.build_order_record(
        "cancel", intent, Unknown(context={"a": "b"})
    ) == OrderRecord(
        what="cancel",
        intent=intent,
        outcome="unknown",
        reason=Reason.OUTCOME_UNKNOWN,
        context={"a": "b"},
    )


# protection under the barriers


@pytest.mark.parametrize(
    ("covered", "missing"), [(0, 100), (1, 99), (60, 40), (98, 2), (99, 1), (100, 0)]
)
def test_a_stop_is_placed_for_what_is_not_covered_down_to_one_lot(
    made, held, protect, covered, missing
):
    orders = [made.order(1, made.stop(900_000, covered))] if covered else []
    steps = protect(held(*orders, mark=None), plan=made.plan(stop_price=900_000))
    assert steps == ((Place(intent=stop(missing, 900_000)),) if missing else ())


def test_of_a_stop_that_was_filled_in_part_only_the_rest_covers(made, held, protect):
    steps = protect(
        held(made.order(1, made.stop(900_000, 100), left=30), mark=None),
        plan=made.plan(stop_price=900_000),
    )
    assert steps == (Place(intent=stop(70, 900_000)),)


def test_a_stop_of_the_other_side_an_entry_and_a_target_cover_nothing(made, held, protect):
    orders = (
        made.order(1, made.stop(1_100_000, side=SHORT)),
        made.order(2, made.target(1_200_000)),
        made.order(3, made.entry(900_000, id="T.entry.9")),
        made.order(4, made.stop(900_000, expires_at=T0)),
    )
    steps = protect(held(*orders), plan=made.plan(stop_price=900_000, target_price=1_200_000))
    assert [step for step in steps if isinstance(step, Place)] == [Place(intent=stop(100, 900_000))]
    assert [step.order.order_id for step in steps if isinstance(step, Cancel)] == [1]


@pytest.mark.parametrize(
    ("side", "trigger", "mark", "closed"),
    [
        (LONG, 900_000, 900_001, False),
        (LONG, 900_000, 900_000, True),
        (LONG, 900_000, 899_999, True),
        (SHORT, 1_100_000, 1_099_999, False),
        (SHORT, 1_100_000, 1_100_000, True),
        (LONG, 900_000, None, False),
        (LONG, 0, 900_000, True),
        (LONG, -5, None, True),
        (LONG, 1, None, False),
    ],
)
def test_where_the_price_is_at_the_trigger_or_there_is_none_the_position_is_closed(
    made, held, protect, side, trigger, mark, closed
):
    plan = made.plan(side=side, stop_price=trigger, target_price=1_000_000 + 300_000 * side.sign)
    steps = protect(held(side=side, mark=mark), plan=plan)
    if closed:
        number = 2 if trigger > 0 else 1
        assert steps == (
            Place(intent=close(100, Reason.EXIT_UNPROTECTED, side=side, number=number)),
        )
    else:
        assert steps[0] == Place(intent=stop(100, trigger, side=side))


@pytest.mark.parametrize(("side", "trigger"), [(LONG, 977_499), (SHORT, 1_022_501)])
def test_without_a_plan_the_stop_lies_at_the_usual_distance_rounded_away(
    made, held, protect, side, trigger
):
    steps = protect(held(side=side, mark=None), signal=made.signal(atr_jpy=15_000.25), stop_atr=1.5)
    assert steps == (Place(intent=stop(100, trigger, side=side)),)


@pytest.mark.parametrize(("atr", "closed"), [(-1.0, True), (0.0, True), (0.5, False), (1.0, False)])
def test_without_a_plan_and_without_a_range_there_is_no_stop(made, held, protect, atr, closed):
    steps = protect(held(mark=None), signal=made.signal(atr_jpy=atr))
    assert [step.intent.purpose for step in steps] == [Purpose.CLOSE if closed else Purpose.STOP]


def test_the_plan_of_the_other_side_is_no_plan(made, held, protect):
    steps = protect(held(mark=None), plan=made.plan(side=SHORT, stop_price=900_000))
    assert steps == (Place(intent=close(100, Reason.EXIT_UNPROTECTED)),)


@pytest.mark.parametrize(
    ("rules", "purposes"),
    [
        (RULES, [Purpose.STOP, Purpose.TARGET]),
        (replace(RULES, stop_orders=False), [Purpose.CLOSE]),
        (replace(RULES, market_orders=False), [Purpose.STOP, Purpose.TARGET]),
        (BREAK, [Purpose.CLOSE]),
        (replace(RULES, status="HALT", stop_orders=False), []),
        (None, [Purpose.STOP, Purpose.TARGET]),
    ],
)
def test_where_stops_are_forbidden_the_position_is_closed_instead(
    made, held, protect, rules, purposes
):
    steps = protect(held(), plan=made.plan(stop_price=900_000, target_price=1_200_000), rules=rules)
    assert [step.intent.purpose for step in steps] == purposes


@pytest.mark.parametrize(
    ("side", "price", "mark", "placed"),
    [
        (LONG, 1_200_000, 1_199_999, True),
        (LONG, 1_200_000, 1_200_000, False),
        (LONG, 1_200_000, 1_200_001, False),
        (SHORT, 800_000, 800_001, True),
        (SHORT, 800_000, 800_000, False),
        (SHORT, 800_000, 799_999, False),
        (LONG, 1_200_000, None, False),
    ],
)
def test_a_target_rests_while_the_price_has_not_reached_it(
    made, held, protect, side, price, mark, placed
):
    plan = made.plan(side=side, stop_price=1_000_000 - 900_000 * side.sign, target_price=price)
    orders = [made.order(1, made.stop(1_000_000 - 900_000 * side.sign, side=side))]
    steps = protect(held(*orders, side=side, mark=mark), plan=plan)
    assert steps == ((Place(intent=target(100, price, side=side)),) if placed else ())


def test_one_target_is_enough_and_on_spot_there_is_none(made, held, protect):
    plan = made.plan(stop_price=900_000, target_price=1_200_000)
    covered = made.order(1, made.stop(900_000))
    assert protect(held(covered, made.order(2, made.target(1_200_000, 40))), plan=plan) == ()
    assert protect(held(covered), plan=plan, account=AccountKind.SPOT) == ()
    assert protect(held(covered), plan=None) == ()


def test_a_stop_and_its_target_are_placed_together_and_numbered(made, held, protect):
    steps = protect(held(), plan=made.plan(stop_price=900_000, target_price=1_200_000))
    assert steps == (
        Place(intent=stop(100, 900_000)),
        Place(intent=target(100, 1_200_000, number=2)),
    )


def test_on_spot_a_resting_sale_goes_before_the_stop_that_needs_its_coins(made, held, protect):
    resting = made.order(1, made.target(1_200_000))
    plan = made.plan(stop_price=900_000)
    assert protect(held(resting), plan=plan, account=AccountKind.SPOT) == (
        Cancel(order=resting, reason=Reason.STOP_PLACED),
        Place(intent=stop(100, 900_000)),
    )
    part = made.order(2, made.stop(900_000, 40))
    assert protect(held(part), plan=plan, account=AccountKind.SPOT) == (
        Place(intent=stop(60, 900_000)),
    )


@pytest.mark.parametrize(
    ("sizes", "gone"),
    [
        ((100,), []),
        ((100, 100), [2]),
        ((60, 40), []),
        ((60, 40, 1), [3]),
        ((40, 60, 50), [3]),
        ((100, 50, 50), [3, 2]),
        ((30, 100, 30), [3, 1]),
    ],
)
def test_the_youngest_stops_go_while_the_position_stays_covered(made, held, protect, sizes, gone):
    orders = [
        made.order(number, made.stop(900_000, lots, id=f"{number}"))
        for number, lots in enumerate(sizes, start=1)
    ]
    steps = protect(held(*reversed(orders), mark=None), plan=made.plan(stop_price=900_000))
    assert [step.order.order_id for step in steps] == gone
    assert {step.reason for step in steps} <= {Reason.ORPHAN_CANCELED}


def test_while_a_surplus_goes_no_target_is_placed(made, held, protect):
    orders = [made.order(number, made.stop(900_000, id=f"{number}")) for number in (1, 2)]
    steps = protect(held(*orders), plan=made.plan(stop_price=900_000, target_price=1_200_000))
    assert steps == (Cancel(order=orders[1], reason=Reason.ORPHAN_CANCELED),)


def test_orphans_and_entries_of_earlier_ticks_go(made, held, protect):
    orders = (
        made.order(1, made.stop(900_000)),
        made.order(2, made.entry(900_000, id="S.entry.1")),
        made.order(3, made.entry(900_000, id="T.entry.1")),
        made.order(4, made.target(900_000, side=SHORT)),
        made.order(5, made.target(900_000, side=SHORT, id="over", expires_at=T0)),
        made.order(6, made.target(900_000, side=SHORT, id="nearly", expires_at=T0 + 1)),
    )
    assert protect(held(*orders, mark=None), plan=made.plan(stop_price=900_000)) == (
        Cancel(order=orders[1], reason=Reason.ENTRY_EXPIRED),
        Cancel(order=orders[3], reason=Reason.ORPHAN_CANCELED),
        Cancel(order=orders[5], reason=Reason.ORPHAN_CANCELED),
    )


# what is bare


@pytest.mark.parametrize(
    ("covered", "closing", "uncovered", "bare"),
    [(100, 0, 0, False), (99, 0, 1, True), (0, 0, 1, True), (99, 5, 1, False), (101, 0, 0, False)],
)
def test_a_position_is_bare_where_no_stop_covers_it_and_no_close_rests(
    made, held, covered, closing, uncovered, bare
):
    orders = [made.order(1, made.stop(900_000, covered))] if covered else []
    orders += (
        [made.order(2, made.intent(Purpose.CLOSE, OrderKind.LIMIT, closing, price=1))]
        if closing
        else []
    )
    holdings = held(*orders)
    assert len(planning.uncovered_positions(holdings, now_ms=T0)) == uncovered
    assert planning.has_bare_position(holdings, now_ms=T0) is bare


def test_one_bare_position_of_two_is_enough(made):
    long, short = (
        made.position(made.part(1_000_000, 100)),
        made.position(made.part(1_000_000, 100), side=SHORT),
    )
    closing = made.order(1, made.intent(Purpose.CLOSE, OrderKind.LIMIT, 5, price=1))
    both = made.holdings(
        long, short, orders=(closing, made.order(2, made.target(1_200_000, id="x")))
    )
    assert planning.has_bare_position(both, now_ms=T0)
    assert planning.uncovered_positions(both, now_ms=T0) == (long, short)
    covered = made.order(3, made.stop(1_100_000, side=SHORT))
    assert not planning.has_bare_position(
        made.holdings(long, short, orders=(closing, covered)), now_ms=T0
    )


# what a decision asks for


@pytest.mark.parametrize(
    ("side", "crosses", "price"),
    [
        (LONG, False, 999_999),
        (SHORT, False, 1_000_001),
        (LONG, True, 1_005_002),
        (SHORT, True, 994_999),
    ],
)
def test_an_entry_is_one_order_with_its_end_and_its_bracket(made, ask, side, crosses, price):
    entering = decision(
        Action.ENTER, side, stop_price=900_000, target_price=1_200_000, crosses=crosses
    )
    assert ask(entering, made.holdings()) == (
        Place(
            intent=OrderIntent(
                id="T.entry.1",
                purpose=Purpose.ENTRY,
                side=side,
                kind=OrderKind.LIMIT,
                lots=42,
                price=price,
                post_only=not crosses,
                expires_at=T0 + 100_000,
                stop_price=900_000,
                target_price=1_200_000,
            )
        ),
    )
    assert ask(replace(entering, target_price=0), made.holdings())[0].intent.target_price is None


@pytest.mark.parametrize(("late_ms", "sent"), [(-1, 1), (0, 0), (1, 0)])
def test_an_entry_is_sent_before_its_deadline(made, ask, late_ms, sent):
    steps = ask(decision(Action.ENTER), made.holdings(), now_ms=T0 + 100_000 + late_ms)
    assert len(steps) == sent


@pytest.mark.parametrize(("lots", "sent"), [(-1, 0), (0, 0), (1, 1)])
def test_an_entry_has_a_size_a_side_and_a_book(made, ask, lots, sent):
    assert len(ask(decision(Action.ENTER, lots=lots), made.holdings())) == sent
    assert ask(decision(Action.ENTER, None, lots), made.holdings()) == ()
    assert ask(decision(Action.ENTER, lots=lots), made.holdings(), book=None) == ()


@pytest.mark.parametrize("action", [Action.HOLD, Action.DENY])
def test_to_hold_and_to_deny_sends_nothing(made, held, ask, action):
    assert ask(decision(action), held()) == ()
    assert ask(decision(action), made.holdings()) == ()


def test_an_entry_waits_while_something_is_held_or_rests_and_a_growth_only_for_the_other_side(
    made, held, ask
):
    entering = decision(Action.ENTER)
    growing = replace(entering, goal=made.goal(142))
    rests = made.order(1, made.entry(900_000))
    assert ask(entering, held()) == ()
    assert len(ask(growing, held())) == 1
    assert ask(growing, held(side=SHORT)) == ()
    for each in (entering, growing):
        assert ask(each, made.holdings(orders=(rests,))) == ()
        assert len(ask(each, made.holdings(orders=(made.order(1, made.stop(900_000)),)))) == 1


def test_an_exit_cancels_what_holds_the_position_and_closes_all_of_its_side(made, ask):
    long, short = (
        made.position(made.part(1_000_000, 100)),
        made.position(made.part(1_000_000, 70), side=SHORT),
    )
    orders = (
        made.order(1, made.stop(900_000)),
        made.order(2, made.entry(900_000)),
        made.order(3, made.target(1_200_000, expires_at=T0)),
        made.order(4, made.stop(1_100_000, 70, side=SHORT)),
    )
    holdings = made.holdings(long, short, orders=orders)
    leaving = decision(Action.EXIT, LONG, reason=Reason.EXIT_TIME)
    mine = (
        Cancel(order=orders[0], reason=Reason.EXIT_TIME),
        Cancel(order=orders[1], reason=Reason.EXIT_TIME),
        Place(intent=close(100, Reason.EXIT_TIME)),
    )
    other = (
        Cancel(order=orders[3], reason=Reason.EXIT_TIME),
        Place(intent=close(70, Reason.EXIT_TIME, side=SHORT)),
    )
    assert ask(leaving, holdings) == mine
    assert ask(replace(leaving, side=SHORT), holdings) == other
    assert ask(replace(leaving, side=None), holdings) == (
        *mine,
        other[0],
        Place(intent=replace(other[1].intent, id="T.close.2")),
    )


@pytest.mark.parametrize(
    ("side", "book", "mark", "price"),
    [
        (LONG, True, 500, 994_999),
        (SHORT, True, 500, 1_005_002),
        (LONG, False, 1_000_001, 995_000),
        (SHORT, False, 1_000_001, 1_005_002),
        (LONG, False, None, None),
        (SHORT, False, None, None),
    ],
)
def test_while_market_orders_are_forbidden_a_crossing_limit_closes(
    made, held, ask, side, book, mark, price
):
    more = {} if book else {"book": None}
    steps = ask(
        decision(Action.EXIT, side, reason=Reason.EXIT_TIME),
        held(side=side, mark=mark),
        rules=replace(RULES, market_orders=False),
        **more,
    )
    assert steps == (
        ()
        if price is None
        else (Place(intent=close(100, Reason.EXIT_TIME, side=side, price=price)),)
    )


def test_while_nothing_is_taken_all_stays_as_it_is(made, held, ask):
    holdings = held(made.order(1, made.stop(900_000)))
    assert ask(decision(Action.EXIT), holdings, rules=replace(RULES, enabled=False)) == ()
    assert len(ask(decision(Action.EXIT), holdings, rules=BREAK)) == 2


# the watched target


@pytest.mark.parametrize(
    ("side", "bid", "ask_price", "taken"),
    [
        (LONG, 1_200_000, 1_200_002, True),
        (LONG, 1_200_001, 1_200_003, True),
        (LONG, 1_199_999, 1_200_001, False),
        (SHORT, 1_199_998, 1_200_000, True),
        (SHORT, 1_199_997, 1_199_999, True),
        (SHORT, 1_199_999, 1_200_001, False),
    ],
)
def test_a_watched_target_is_taken_once_the_touch_has_reached_it(
    made, held, side, bid, ask_price, taken
):
    resting = made.order(1, made.stop(900_000, side=side))
    plan = made.plan(side=side, target_price=1_200_000)
    more = {
        "tick": "T",
        "settings": made.settings(),
        "book": made.book(bid, ask_price),
        "now_ms": T0,
    }
    steps = planning.watched_target(held(resting, side=side), plan=plan, **more)
    taking = (
        Cancel(order=resting, reason=Reason.EXIT_TARGET),
        Place(intent=close(100, Reason.EXIT_TARGET, side=side)),
    )
    assert steps == (taking if taken else ())
    halted = planning.watched_target(
        held(resting, side=side), plan=plan, rules=replace(RULES, enabled=False), **more
    )
    assert halted == ()


def test_a_target_is_watched_only_where_it_does_not_rest_and_is_this_positions(made, held):
    plan = made.plan(target_price=1_200_000)
    more = {
        "tick": "T",
        "settings": made.settings(),
        "book": made.book(1_300_000, 1_300_001),
        "now_ms": T0,
    }
    resting = made.order(1, made.target(1_200_000))
    ended = made.order(1, made.target(1_200_000, expires_at=T0))
    for orders, position_plan, watched in (
        ((), plan, True),
        ((resting,), plan, False),
        ((ended,), plan, True),
        ((made.order(1, made.stop(900_000)), made.order(2, made.close(5))), plan, True),
        ((), made.plan(side=SHORT), False),
        ((), None, False),
    ):
        holdings = held(*orders)
        assert planning.is_target_watched(holdings, plan=position_plan, now_ms=T0) is watched
        assert bool(planning.watched_target(holdings, plan=position_plan, **more)) is watched
    assert not planning.is_target_watched(made.holdings(), plan=plan, now_ms=T0)
    assert planning.watched_target(held(), plan=plan, **{**more, "book": None}) == ()


def test_a_target_of_the_other_side_is_not_taken_where_the_price_would_have_it(made, held):
    more = {
        "tick": "T",
        "settings": made.settings(),
        "book": made.book(1_100_000, 1_100_001),
        "now_ms": T0,
    }
    assert (
        planning.watched_target(held(side=SHORT), plan=made.plan(target_price=1_200_000), **more)
        == ()
    )


# protection and reductions under the target policy


def stops_of(made, *sizes, trigger=900_000, side=LONG):
    return [
        made.order(number, made.stop(trigger, lots, id=f"{number}", side=side))
        for number, lots in enumerate(sizes, start=1)
    ]


def test_under_the_target_policy_the_stop_is_the_disasters_whatever_the_plan_says(
    made, held, protect
):
    rate = Decimal(repr(made.target_settings().risk.exposure.stop_rate))
    away = int(1_000_000 * rate)
    for side in (LONG, SHORT):
        steps = protect(
            held(side=side),
            plan=made.plan(side=side, stop_price=999_999),
            signal=made.signal(),
            policy=PolicyName.TARGET,
        )
        assert steps == (Place(intent=stop(100, 1_000_000 - side.sign * away, side=side)),)


def test_under_the_target_policy_a_barriers_target_goes(made, held, protect):
    resting = made.order(2, made.target(1_200_000))
    steps = protect(held(*stops_of(made, 100), resting), plan=made.plan(), policy=PolicyName.TARGET)
    assert steps == (Cancel(order=resting, reason=Reason.ORPHAN_CANCELED),)


@pytest.mark.parametrize(
    ("account", "sizes", "merged"),
    [
        ("margin", (100,), False),
        ("margin", (60, 40), True),
        ("spot", (40, 30, 30), False),
        ("spot", (40, 30, 20, 10), True),
    ],
)
def test_stops_that_stand_side_by_side_are_merged_into_one(
    made, held, protect, account, sizes, merged
):
    orders = stops_of(made, *sizes)
    away = int(1_000_000 * Decimal(repr(made.target_settings().risk.exposure.stop_rate)))
    one = Place(intent=stop(100, 1_000_000 - away))
    after = None if account == "spot" else "T.stop.1"
    gone = tuple(
        Cancel(order=order, reason=Reason.ORPHAN_CANCELED, after=after) for order in orders
    )
    wanted = (*gone, one) if account == "spot" else (one, *gone)
    steps = protect(held(*orders), account=account, policy=PolicyName.TARGET)
    assert steps == (wanted if merged else ())


@pytest.mark.parametrize(
    ("rules", "opening", "merged"),
    [
        (RULES, False, True),
        (None, False, True),
        (RULES, True, False),
        (replace(RULES, stop_orders=False), False, False),
        (BREAK, False, False),
        (replace(RULES, status="HALT"), False, False),
    ],
)
def test_stops_are_not_merged_while_an_entry_rests_or_no_stop_is_taken(
    made, held, protect, rules, opening, merged
):
    orders = stops_of(made, 60, 60)
    resting = [made.order(9, made.entry(900_000, id="T.entry.1"))] if opening else []
    steps = protect(held(*orders, *resting), rules=rules, policy=PolicyName.TARGET)
    assert any(isinstance(step, Place) for step in steps) is merged
    more = protect(held(*stops_of(made, 100, 60), *resting), rules=rules, policy=PolicyName.TARGET)
    assert [step.order.order_id for step in more if isinstance(step, Cancel)] == (
        [1, 2] if merged else [2]
    )


@pytest.mark.parametrize(("beyond", "merged"), [(1, True), (0, False), (-1, False)])
def test_stops_are_not_merged_where_the_price_is_at_the_new_one(
    made, held, protect, beyond, merged
):
    away = int(1_000_000 * Decimal(repr(made.target_settings().risk.exposure.stop_rate)))
    steps = protect(
        held(*stops_of(made, 60, 60, trigger=1), mark=1_000_000 - away + beyond),
        policy=PolicyName.TARGET,
    )
    assert bool(steps) is merged


@pytest.fixture
def reduce(made, ask):
    def reducing(holdings, lots, **more):
        return ask(
            decision(Action.REDUCE, more.pop("side", LONG), lots, reason=Reason.EXIT_EXPOSURE),
            holdings,
            policy=PolicyName.TARGET,
            **more,
        )

    return reducing


def disaster(made, price, side=LONG):
    return price - side.sign * int(price * Decimal(repr(made.settings().risk.exposure.stop_rate)))


def test_on_margin_the_rest_gets_its_stop_before_the_old_ones_go(made, held, reduce):
    orders = (*stops_of(made, 60, 40), made.order(3, made.target(1_200_000, expires_at=T0)))
    rest = stop(70, disaster(made, 1_000_000))
    assert reduce(held(*orders), 30) == (
        Place(intent=rest),
        Cancel(order=orders[0], reason=Reason.EXIT_EXPOSURE, after="T.stop.1"),
        Cancel(order=orders[1], reason=Reason.EXIT_EXPOSURE, after="T.stop.1"),
        Place(intent=close(30, Reason.EXIT_EXPOSURE, number=2), after="T.stop.1"),
    )


def test_on_spot_the_stops_go_first(made, held, reduce):
    orders = stops_of(made, 100)
    assert reduce(held(*orders), 30, account=AccountKind.SPOT) == (
        Cancel(order=orders[0], reason=Reason.EXIT_EXPOSURE),
        Place(intent=close(30, Reason.EXIT_EXPOSURE, number=2)),
        Place(intent=stop(70, disaster(made, 1_000_000))),
    )


@pytest.mark.parametrize(
    ("least", "lots", "all_of_it"),
    [
        (1, 99, False),
        (1, 100, True),
        (1, 101, True),
        (0, 99, False),
        (0, 100, True),
        (20, 80, False),
        (20, 81, True),
        (None, 99, False),
        (None, 100, True),
    ],
)
def test_what_would_be_left_below_the_minimum_is_closed_with_it(
    made, held, reduce, least, lots, all_of_it
):
    rules = None if least is None else replace(RULES, min_lots=least)
    steps = reduce(held(), lots, rules=rules)
    assert (steps == (Place(intent=close(100, Reason.EXIT_EXPOSURE)),)) is all_of_it


@pytest.mark.parametrize(
    "rules",
    [
        replace(RULES, status="HALT"),
        replace(RULES, market_orders=False),
        replace(RULES, stop_orders=False),
        BREAK,
    ],
)
def test_nothing_is_reduced_while_stops_or_market_orders_are_forbidden(made, held, reduce, rules):
    assert reduce(held(), 30, rules=rules) == ()


@pytest.mark.parametrize(("beyond", "reduced"), [(1, True), (0, False), (-1, False)])
def test_where_the_price_is_at_the_stop_of_the_rest_all_is_closed(
    made, held, reduce, beyond, reduced
):
    at = disaster(made, 1_000_000) + beyond
    steps = reduce(held(), 30, book=made.book(at - 1, at + 1))
    assert (steps == (Place(intent=close(100, Reason.EXIT_UNPROTECTED, number=2)),)) is not reduced
    unknown = reduce(held(mark=None), 30, book=None)
    assert unknown[0] == Place(intent=stop(70, disaster(made, 1_000_000)))


@pytest.mark.parametrize(
    ("left", "cost"),
    [(30, 39_000_000), (50, 65_000_000), (51, 66_200_000), (60, 77_000_000), (99, 118_000_000)],
)
def test_on_spot_the_stop_belongs_to_what_was_entered_last(made, held, reduce, left, cost):
    steps = reduce(
        held(parts=grown(made), mark=None), 100 - left, account=AccountKind.SPOT, book=None
    )
    rate = Decimal(repr(made.settings().risk.exposure.stop_rate))
    assert steps[-1].intent.trigger_price == int(Decimal(cost) / left * (1 - rate))


@pytest.mark.parametrize("left", [30, 50, 51, 60, 99])
def test_on_margin_the_stop_of_what_is_left_stays_at_the_average(made, held, reduce, left):
    steps = reduce(held(parts=grown(made), mark=None), 100 - left, book=None)
    rate = Decimal(repr(made.settings().risk.exposure.stop_rate))
    assert steps[0].intent.trigger_price == int(Decimal(1_190_000) * (1 - rate))


def grown(made):
    return [
        made.part(1_000_000, 20),
        made.part(1_100_000, 20),
        made.part(1_200_000, 10),
        made.part(1_300_000, 50),
    ]


def test_an_entry_of_this_tick_does_not_stand_for_the_target(made, held, protect):
    orders = made.order(1, made.stop(900_000)), made.order(2, made.entry(900_000, id="T.entry.1"))
    steps = protect(held(*orders), plan=made.plan(stop_price=900_000, target_price=1_200_000))
    assert steps == (Place(intent=target(100, 1_200_000)),)


@pytest.mark.parametrize(("mark", "placed"), [("1199999.5", 1), ("1200000", 0), ("1200000.5", 0)])
def test_half_a_yen_before_the_target_it_still_rests(made, held, protect, mark, placed):
    holdings = replace(held(made.order(1, made.stop(900_000))), mark_price=Decimal(mark))
    assert (
        len(protect(holdings, plan=made.plan(stop_price=900_000, target_price=1_200_000))) == placed
    )


def test_only_stops_are_surplus(made, held, protect):
    orders = (*stops_of(made, 100, 100), made.order(3, made.target(1_200_000)))
    steps = protect(held(*orders), plan=made.plan(stop_price=900_000, target_price=1_200_000))
    assert steps == (Cancel(order=orders[1], reason=Reason.ORPHAN_CANCELED),)


@pytest.mark.parametrize(("covered", "missing"), [(98, 2), (99, 1), (100, 0), (101, 0)])
def test_under_the_target_policy_too_a_stop_is_never_a_lot_too_small(
    made, held, protect, covered, missing
):
    steps = protect(held(*stops_of(made, covered)), policy=PolicyName.TARGET)
    assert [step.intent.lots for step in steps] == [missing] * bool(missing)


def test_two_stops_on_spot_are_not_merged_and_without_a_price_those_on_margin_are(
    made, held, protect
):
    assert (
        protect(held(*stops_of(made, 60, 40)), account=AccountKind.SPOT, policy=PolicyName.TARGET)
        == ()
    )
    assert len(protect(held(*stops_of(made, 60, 40), mark=None), policy=PolicyName.TARGET)) == 3
