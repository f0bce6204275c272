"""What is sent to a real exchange and differs from paper, step by step: stops that share the
position with other orders, stops that are too large, refusals, and rules that are not known yet.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.reasons import Reason
from shared.core.types import (
    Accepted,
    Action,
    Decision,
    Ledger,
    OrderIntent,
    OrderKind,
    OrderRecord,
    PairRules,
    PolicyName,
    Purpose,
    Rejected,
    Side,
    TrackedOrder,
    Unknown,
)
from shared.orders import plan as planning
from shared.orders.closing import has_shared_closes
from shared.orders.plan import Cancel, Place

T0 = 1_699_999_200_000
LONG, SHORT = Side.LONG, Side.SHORT
RULES = PairRules()
BREAK = replace(RULES, circuit_break_mode="CIRCUIT_BREAK")
STOP_AT = 900_000
PLAN = {"stop_price": STOP_AT, "target_price": 1_200_000}
NO_TARGET = {**PLAN, "target_price": STOP_AT}
"""The mark is beyond the target, so that none is placed."""
TARGET_STOP = 975_000
"""Where the target policy has the stop of a position from 1,000,000."""


def book_of(*, is_shared=None, **more):
    money = Decimal(1_000_000)
    return Ledger(
        capital_jpy=money, cash_jpy=money, opened_at=0, has_shared_closes=is_shared, **more
    )


@pytest.fixture
def held(made):
    """A real position of 100 lots from 1,000,000 with some orders; the mark is where it began."""

    def holding(*orders, lots=100, side=LONG, mark=1_000_000, is_shared=None, there=None, **more):
        position = made.position(made.part(1_000_000, lots), side=side)
        return made.holdings(
            position,
            orders=orders,
            mark_price=None if mark is None else Decimal(mark),
            ledger=book_of(is_shared=is_shared),
            there_lots={side: lots if there is None else there},
            **more,
        )

    return holding


@pytest.fixture
def settings(made):
    def told(*, account="margin", policy=PolicyName.BARRIER):
        return made.settings(
            account=account, risk={"policy": policy, "exposure": {"stop_rate": 0.025}}
        )

    return told


@pytest.fixture
def protect(made, settings):
    def protecting(holdings, *, plan=PLAN, rules=RULES, **more):
        given = {name: more.pop(name) for name in ("account", "policy") if name in more}
        return planning.protection(
            holdings,
            plan=None if plan is None else made.plan(**plan),
            signal=None,
            tick="T",
            now_ms=T0,
            settings=settings(**given),
            rules=rules,
            **more,
        )

    return protecting


@pytest.fixture
def after(settings):
    def refused(holdings, *records, rules=RULES, is_blind=False, account="margin", **more):
        return planning.after_refused_stops(
            holdings,
            records,
            tick="T",
            now_ms=T0,
            settings=settings(account=account),
            book=None,
            rules=rules,
            is_blind=is_blind,
            **more,
        )

    return refused


def stop(lots, trigger=STOP_AT, *, side=LONG, number=1):
    return OrderIntent(
        id=f"T.stop.{number}",
        purpose=Purpose.STOP,
        side=side,
        kind=OrderKind.STOP,
        lots=lots,
        trigger_price=trigger,
        reason=Reason.STOP_PLACED,
    )


def target(lots, *, number=1):
    return OrderIntent(
        id=f"T.target.{number}",
        purpose=Purpose.TARGET,
        side=LONG,
        kind=OrderKind.LIMIT,
        lots=lots,
        price=PLAN["target_price"],
        post_only=True,
    )


def close(lots, reason, *, number=1, side=LONG):
    return OrderIntent(
        id=f"T.close.{number}",
        purpose=Purpose.CLOSE,
        side=side,
        kind=OrderKind.MARKET,
        lots=lots,
        reason=reason,
    )


def refusal(reason, *, side=LONG, lots=100, what="place", purpose=Purpose.STOP):
    intent = replace(stop(lots, side=side, number=9), purpose=purpose)
    return OrderRecord(what=what, intent=intent, outcome="rejected", reason=reason)


def gone(order, reason=Reason.ORPHAN_CANCELED, after=None):
    return Cancel(order=order, reason=reason, after=after)


# a stop that is larger than its position


def test_a_stop_of_more_than_is_held_makes_way_for_one_of_the_right_size(made, held, protect):
    large = made.order(1, made.stop(STOP_AT, 140))
    assert protect(held(large)) == (Place(intent=stop(100)), gone(large, after="T.stop.1"))


def test_where_closes_share_the_position_the_large_stop_goes_first(made, held, protect):
    large = made.order(1, made.stop(STOP_AT, 140))
    assert protect(held(large, is_shared=True)) == (gone(large), Place(intent=stop(100)))


def test_on_spot_the_large_stop_goes_first_too(made, held, protect):
    large = made.order(1, made.stop(STOP_AT, 140))
    assert protect(held(large), account="spot") == (gone(large), Place(intent=stop(100)))


def test_of_several_stops_the_largest_shrinks_by_what_is_too_much(made, held, protect):
    orders = [made.order(number, made.stop(STOP_AT, 60, id=f"{number}")) for number in (1, 2)]
    assert protect(held(*orders)) == (Place(intent=stop(40)), gone(orders[0], after="T.stop.1"))
    orders[1] = made.order(2, made.stop(STOP_AT, 70, id="2"))
    assert protect(held(*orders)) == (Place(intent=stop(40)), gone(orders[1], after="T.stop.1"))


def test_once_the_right_one_stands_beside_the_large_one_that_goes(made, held, protect):
    large = made.order(1, made.stop(STOP_AT, 140))
    right = made.order(2, made.stop(STOP_AT, 100, id="2"))
    assert protect(held(large, right)) == (gone(large),)


def test_what_can_go_goes_and_what_is_too_large_then_shrinks_in_the_same_tick(made, held, protect):
    large, small = made.order(1, made.stop(STOP_AT, 102)), made.order(2, made.stop(STOP_AT, 30))
    middle = made.order(3, made.stop(STOP_AT, 40))
    assert protect(held(large, small)) == (
        gone(small),
        Place(intent=stop(100)),
        gone(large, after="T.stop.1"),
    )
    assert protect(held(large, small, middle, lots=130), plan=NO_TARGET) == (
        gone(middle),
        Place(intent=stop(100)),
        gone(large, after="T.stop.1"),
    )
    assert protect(held(large, small, lots=101, is_shared=True), plan=NO_TARGET) == (
        gone(small),
        gone(large),
        Place(intent=stop(101)),
    )
    entry = made.order(9, made.entry(990_000, id="T.entry.1"))
    assert protect(held(large, small, entry)) == (gone(small),)


def test_a_large_stop_stays_while_an_entry_fills_or_no_stop_may_be_placed(made, held, protect):
    large = made.order(1, made.stop(STOP_AT, 140))
    entry = made.order(2, made.entry(990_000, id="T.entry.1"))
    assert protect(held(large, entry)) == ()
    assert protect(held(large), plan=NO_TARGET, rules=BREAK) == ()
    assert protect(held(large), plan=NO_TARGET, rules=replace(RULES, status="HALT")) == ()


def test_a_large_stop_whose_trigger_is_passed_is_left_to_fire(made, held, protect):
    large = made.order(1, made.stop(STOP_AT, 140))
    assert protect(held(large, mark=STOP_AT), plan=NO_TARGET) == ()
    assert protect(held(large, mark=STOP_AT + 1), plan=NO_TARGET) != ()


def test_on_paper_a_stop_may_be_larger_than_what_is_held(made, held, protect):
    large = made.order(1, made.stop(STOP_AT, 140))
    assert protect(replace(held(large), ledger=None), plan=NO_TARGET) == ()


# what the exchange refuses to protect


def test_a_refused_stop_closes_what_it_was_for(held, after):
    steps = after(held(), refusal(Reason.REJECTED_BY_EXCHANGE))
    assert steps == (Place(intent=close(100, Reason.EXIT_UNPROTECTED)),)


@pytest.mark.parametrize(("there", "closed"), [(59, 0), (60, 0), (61, 61), (100, 100)])
def test_what_the_book_holds_and_nobody_shows_is_no_reason_to_close_the_rest(
    made, held, after, there, closed
):
    first = made.order(1, made.stop(STOP_AT, 60))
    steps = after(held(first, there=there), refusal(Reason.MARGIN_INSUFFICIENT, lots=40))
    expected = (
        gone(first, Reason.EXIT_UNPROTECTED),
        Place(intent=close(closed, Reason.EXIT_UNPROTECTED)),
    )
    assert steps == (expected if closed else ())


def test_nothing_is_closed_for_a_refusal_of_the_other_side_or_of_none(held, after):
    assert after(held()) == ()
    assert after(held(), refusal(Reason.REJECTED_BY_EXCHANGE, side=SHORT)) == ()


def test_on_paper_a_refused_stop_is_left_to_the_next_look(held, after):
    paper = replace(held(), ledger=None)
    assert after(paper, refusal(Reason.REJECTED_BY_EXCHANGE)) == ()


def test_a_target_that_holds_the_quantity_makes_room_for_the_stop(made, held, after):
    resting = made.order(1, made.target(1_200_000))
    steps = after(held(resting), refusal(Reason.QUANTITY_HELD))
    assert steps == (gone(resting, Reason.STOP_PLACED),)


def test_what_only_does_not_show_yet_is_waited_for(held, after):
    assert after(held(), refusal(Reason.QUANTITY_HELD)) == ()


def test_nothing_is_cancelled_for_a_close_before_the_rules_are_known(made, held, after):
    resting = made.order(1, made.target(1_200_000))
    other = refusal(Reason.REJECTED_BY_EXCHANGE)
    assert after(held(resting), other, rules=None) == ()
    assert after(held(resting), other, rules=None, is_blind=True) == (
        gone(resting, Reason.EXIT_UNPROTECTED),
        Place(intent=close(100, Reason.EXIT_UNPROTECTED)),
    )


def test_where_there_was_no_room_for_the_smaller_stop_the_large_one_goes_first(made, held, after):
    large = made.order(1, made.stop(STOP_AT, 140))
    steps = after(held(large, is_shared=True), refusal(Reason.QUANTITY_HELD))
    assert steps == (gone(large), Place(intent=stop(100)))
    assert after(held(large, is_shared=False), refusal(Reason.QUANTITY_HELD)) == ()
    assert after(held(large, is_shared=True)) == ()


def test_refused_stops_are_those_that_were_placed_and_not_taken():
    refused = refusal(Reason.QUANTITY_HELD)
    others = [
        refusal(Reason.QUANTITY_HELD, what="cancel"),
        refusal(Reason.QUANTITY_HELD, purpose=Purpose.TARGET),
        replace(refused, outcome="accepted"),
        replace(refused, outcome="unknown"),
    ]
    assert planning.refused_stops([*others, refused]) == (refused,)


# whole positions


def test_what_the_exchange_does_not_show_yet_gets_its_stop_later(made, held, protect):
    assert protect(held(there=60), plan=NO_TARGET) == (Place(intent=stop(60)),)
    first = made.order(1, made.stop(STOP_AT, 60))
    assert protect(held(first, there=60), plan=NO_TARGET) == (Place(intent=stop(40)),)
    assert protect(held(first, there=80), plan=NO_TARGET) == (Place(intent=stop(20)),)


def test_the_fifth_stop_ends_the_entry(made, held, protect):
    entry = made.order(9, made.entry(990_000, id="T.entry.1"))
    four = [made.order(number, made.stop(STOP_AT, 20, id=f"{number}")) for number in range(1, 5)]
    assert protect(held(*four, entry)) == (
        Place(intent=stop(20)),
        gone(entry, Reason.ENTRY_EXPIRED),
    )
    assert protect(held(*four[1:], entry)) == (Place(intent=stop(40)),)


def test_a_target_waits_for_the_end_of_the_entry_and_replaces_one_of_a_part(made, held, protect):
    whole = made.order(1, made.stop(STOP_AT))
    entry = made.order(9, made.entry(990_000, id="T.entry.1"))
    assert protect(held(whole, entry)) == ()
    assert protect(held(whole)) == (Place(intent=target(100)),)
    small = made.order(2, made.target(1_200_000, 60))
    assert protect(held(whole, small)) == (gone(small), Place(intent=target(100)))
    other = made.order(3, replace(made.target(1_200_000, 60), purpose=Purpose.CLOSE))
    assert protect(held(whole, other)) == ()
    right = made.order(4, made.target(1_200_000, 100))
    assert protect(held(whole, right)) == ()


def test_nothing_is_closed_blindly_while_the_rules_may_still_be_read(made, held, protect):
    resting = made.order(1, made.target(1_200_000))
    lost = {"plan": None, "rules": None}
    assert protect(held(resting), **lost) == ()
    assert protect(held(resting), **lost, is_blind=True) == (
        gone(resting, Reason.EXIT_UNPROTECTED),
        Place(intent=close(100, Reason.EXIT_UNPROTECTED)),
    )
    assert protect(held(), **lost) == (Place(intent=close(100, Reason.EXIT_UNPROTECTED)),)


def test_no_more_is_closed_than_the_exchange_shows(held, protect):
    assert protect(held(there=70), plan=None) == (Place(intent=close(70, Reason.EXIT_UNPROTECTED)),)
    assert protect(held(there=0), plan=None) == ()


# one stop for a position that grew


@pytest.mark.parametrize(("is_shared", "count"), [(None, 2), (False, 2), (True, 3), (True, 4)])
def test_stops_are_merged_the_new_one_first_where_there_is_room(
    made, held, protect, is_shared, count
):
    orders = [
        made.order(number, made.stop(TARGET_STOP, 120 // count, id=f"{number}"))
        for number in range(1, count + 1)
    ]
    steps = protect(held(*orders, lots=120, is_shared=is_shared), policy=PolicyName.TARGET)
    if is_shared and count <= planning.MOST_STOPS:
        assert steps == ()
    elif is_shared:
        expected = [gone(order) for order in orders]
        assert steps == (*expected, Place(intent=stop(120, TARGET_STOP)))
    else:
        expected = [gone(order, after="T.stop.1") for order in orders]
        assert steps == (Place(intent=stop(120, TARGET_STOP)), *expected)


def test_a_part_is_closed_with_the_stop_of_the_rest_before_it(made, held, settings):
    whole = made.order(1, made.stop(TARGET_STOP))
    reduce = Decision(
        action=Action.REDUCE, as_of=T0, reason=Reason.EXIT_EXPOSURE, side=LONG, lots=40
    )

    def steps(**more):
        return planning.orders(
            reduce,
            held(whole, **more),
            book=made.book(999_999, 1_000_001),
            rules=RULES,
            tick="T",
            now_ms=T0,
            deadline_at=T0 + 1,
            settings=settings(policy=PolicyName.TARGET),
        )

    rest, part = stop(60, TARGET_STOP), close(40, Reason.EXIT_EXPOSURE, number=2)
    assert steps(is_shared=True) == (
        gone(whole, Reason.EXIT_EXPOSURE),
        Place(intent=rest),
        Place(intent=part, after="T.stop.1"),
    )
    assert steps(is_shared=False) == (
        Place(intent=rest),
        gone(whole, Reason.EXIT_EXPOSURE, after="T.stop.1"),
        Place(intent=part, after="T.stop.1"),
    )


# what an answer says of closes


@pytest.fixture
def learned(made):
    def answered(outcome, *, lots=60, there=100, resting=60, known=None, **more):
        stops = made.stop(STOP_AT, resting, side=more.pop("of", LONG))
        orders = [made.order(1, more.pop("beside", stops))]
        tracked = tuple(TrackedOrder(order=one, status=more.pop("status", "")) for one in orders)
        intent = more.pop("intent", made.target(1_200_000, lots))
        return has_shared_closes(
            book_of(is_shared=known, tracked=tracked), intent, outcome, there_lots=there, **more
        )

    return answered


HELD = Rejected(reason=Reason.QUANTITY_HELD)


def test_a_refusal_beside_what_rests_says_that_closes_share_the_position(learned):
    assert learned(HELD) is True
    assert learned(HELD, known=False) is True
    assert learned(HELD, lots=100, resting=1) is True


def test_an_order_that_is_taken_beside_what_rests_says_that_they_do_not(made, learned):
    taken = Accepted(order=made.order(2, made.target(1_200_000, 60)))
    assert learned(taken) is False
    assert learned(taken, known=True) is False


@pytest.mark.parametrize(
    "more",
    [
        {"lots": 40},  # there was room for both
        {"lots": 101},  # it is more than there is
        {"there": 59},
        {"there": 120},
        {"status": "CANCELED_UNFILLED"},
        {"canceled": (1,)},
        {"of": SHORT},
    ],
    ids=str,
)
@pytest.mark.parametrize("known", [None, True, False])
def test_an_answer_that_may_have_another_cause_says_nothing(made, learned, more, known):
    taken = Accepted(order=made.order(2, made.target(1_200_000, 60)))
    assert learned(HELD, known=known, **more) is known
    assert learned(taken, known=known, **more) is known


def test_other_refusals_silence_and_entries_say_nothing(made, learned):
    assert learned(Rejected(reason=Reason.REJECTED_BY_EXCHANGE)) is None
    assert learned(Unknown(), known=True) is True
    assert learned(HELD, intent=made.entry(990_000, 60)) is None
    assert learned(HELD, beside=made.entry(990_000, 60)) is None


# names, boundaries, and both sides


@pytest.mark.parametrize(
    ("name", "turn", "is_own"),
    [
        ("T9.12d.entry.1", "T9.12", True),
        ("T9.12", "T9.12", True),
        ("T9.12d.entry.1", "T9.1", False),
        ("T9.1d.entry.1", "T9.12", False),
        ("xT9.12d.entry.1", "T9.12", False),
        ("T9.12d.9entry.1", "T9.12", True),
        ("T9.1d2.entry.1", "T9.1", True),
        ("T1234567890123.5d.entry.1", "T1234567890123.5", True),
        ("T5.9", "T5", True),
    ],
)
def test_an_intent_is_of_the_tick_whose_whole_name_it_begins_with(made, name, turn, is_own):
    assert planning.is_of_turn(made.entry(990_000, id=name), turn) is is_own


def test_an_entry_of_this_turn_stays_whatever_the_part_is_called(made, held, protect):
    whole = made.order(1, made.stop(STOP_AT))
    entry = made.order(2, made.entry(990_000, id="U7d.entry.1"))
    assert protect(held(whole, entry), turn="U7") == ()
    assert protect(held(whole, entry), plan=NO_TARGET) == (gone(entry, Reason.ENTRY_EXPIRED),)


def test_whoever_says_nothing_is_not_blind(made, settings, held):
    resting = made.order(1, made.target(1_200_000))
    steps = planning.after_refused_stops(
        held(resting),
        [refusal(Reason.REJECTED_BY_EXCHANGE)],
        tick="T",
        now_ms=T0,
        settings=settings(),
        book=None,
        rules=None,
    )
    assert steps == ()


def test_of_several_refusals_one_that_names_the_quantity_lets_the_target_go(made, held, after):
    resting = made.order(1, made.target(1_200_000))
    steps = after(
        held(resting), refusal(Reason.REJECTED_BY_EXCHANGE), refusal(Reason.QUANTITY_HELD)
    )
    assert steps == (gone(resting, Reason.STOP_PLACED),)


def test_each_side_is_looked_at_for_itself(made, held, after, protect):
    both = held(lots=100)
    short = made.position(made.part(1_000_000, 50), side=SHORT)
    covered = made.order(1, made.stop(STOP_AT))
    both = replace(
        both,
        positions=(*both.positions, short),
        orders=(covered,),
        there_lots={LONG: 100, SHORT: 50},
    )
    steps = after(both, refusal(Reason.REJECTED_BY_EXCHANGE, side=SHORT, lots=50))
    assert steps == (Place(intent=close(50, Reason.EXIT_UNPROTECTED, side=SHORT)),)
    entry = made.order(9, made.entry(1_010_000, id="T.entry.1", side=SHORT))
    four = [made.order(number, made.stop(STOP_AT, 20, id=f"{number}")) for number in range(1, 5)]
    assert protect(held(*four, entry)) == (Place(intent=stop(20)),)


@pytest.mark.parametrize(
    ("there", "covered", "lots"),
    [(99, 0, 99), (100, 0, 100), (101, 0, 100), (1, 0, 1), (0, 0, 100), (40, 60, 40), (61, 60, 1)],
)
def test_a_stop_is_of_what_shows_and_has_none(made, held, protect, there, covered, lots):
    orders = [made.order(1, made.stop(STOP_AT, covered))] if covered else []
    steps = protect(held(*orders, there=there), plan=NO_TARGET)
    assert steps == (Place(intent=stop(lots)),)


@pytest.mark.parametrize(
    ("there", "covered", "lots"),
    [(0, 0, None), (1, 0, 1), (60, 60, None), (59, 60, None), (61, 60, 1), (None, 0, 100)],
)
def test_a_stop_that_is_held_back_goes_out_once_something_shows_that_it_is_for(
    made, held, protect, there, covered, lots
):
    orders = [made.order(1, made.stop(STOP_AT, covered))] if covered else []
    held_back = held(*orders, there=there)
    if there is None:
        held_back = replace(held_back, there_lots=None)
    steps = protect(held_back, plan=NO_TARGET, unshown_lots={LONG: 0})
    assert steps == (() if lots is None else (Place(intent=stop(lots)),))
    assert protect(held_back, plan=NO_TARGET, unshown_lots={SHORT: 0}) != ()


def test_with_a_stop_that_is_held_back_nothing_makes_room_for_it(made, held, protect):
    sale = made.order(1, replace(made.target(1_200_000), purpose=Purpose.CLOSE))
    held_back = {"account": "spot", "unshown_lots": {LONG: 0}}
    assert protect(held(sale, there=0), **held_back) == ()
    shown = (gone(sale, Reason.STOP_PLACED), Place(intent=stop(1)))
    assert protect(held(sale, there=1), **held_back) == shown
    entry = made.order(9, made.entry(990_000, id="T.entry.1"))
    four = [made.order(number, made.stop(STOP_AT, 20, id=f"{number}")) for number in range(1, 5)]
    assert protect(held(*four, entry, there=80), unshown_lots={LONG: 0}) == ()


def test_what_can_have_no_stop_is_closed_though_stops_are_held_back(made, held, protect):
    some = made.order(1, made.stop(STOP_AT, 60))
    shown = held(some, there=60, mark=STOP_AT)
    steps = protect(shown, unshown_lots={LONG: 0})
    assert steps == (
        gone(some, Reason.EXIT_UNPROTECTED),
        Place(intent=close(60, Reason.EXIT_UNPROTECTED, number=2)),
    )
    assert protect(held(some, there=60), unshown_lots={LONG: 0}) == ()


def test_a_side_that_is_held_back_holds_up_nothing_else(made, held, protect):
    short = made.position(made.part(1_000_000, 50), side=SHORT)
    both = held(there=0, mark=None)
    both = replace(both, positions=(*both.positions, short), there_lots={LONG: 0, SHORT: 0})
    of_short = Place(intent=stop(50, 1_025_000, side=SHORT, number=2))
    more = {"plan": None, "policy": PolicyName.TARGET}
    assert protect(both, unshown_lots={LONG: 0}, **more) == (of_short,)
    orphan = made.order(1, made.stop(STOP_AT, side=SHORT))
    assert protect(held(orphan, there=0), unshown_lots={LONG: 0}) == (gone(orphan),)


@pytest.mark.parametrize(
    ("there", "covered", "most", "lots"),
    [
        *((0, 0, 1, 1), (0, 0, 99, 99), (0, 0, 100, 100), (0, 0, 101, 100)),
        *((60, 60, 39, 39), (60, 60, 41, 40), (0, 60, 41, 40), (80, 60, 3, 20), (3, 0, 9, 3)),
    ],
)
def test_where_nothing_shows_a_stop_is_for_as_much_as_may_be_and_needs_one(
    made, held, protect, there, covered, most, lots
):
    orders = [made.order(1, made.stop(STOP_AT, covered))] if covered else []
    steps = protect(held(*orders, there=there), plan=NO_TARGET, unshown_lots={LONG: most})
    assert steps == (Place(intent=stop(lots)),)


@pytest.mark.parametrize(("there", "covered"), [(0, 0), (1, 0), (60, 60), (59, 60), (61, 60)])
def test_where_nothing_shows_that_a_stop_is_for_its_target_follows_one_that_was_taken(
    made, held, protect, there, covered
):
    orders = [made.order(1, made.stop(STOP_AT, covered))] if covered else []
    small = made.order(2, made.target(1_200_000, 10))
    after = None if there > covered else "T.stop.1"
    of_all = Place(intent=target(100, number=2), after=after)
    placed, *others = protect(held(*orders, small, there=there))
    assert placed.intent.purpose is Purpose.STOP
    assert others == [gone(small, after=after), of_all]


def test_more_than_four_stops_end_an_entry_too(made, held, protect):
    entry = made.order(9, made.entry(990_000, id="T.entry.1"))
    five = [made.order(number, made.stop(STOP_AT, 10, id=f"{number}")) for number in range(1, 6)]
    assert protect(held(*five, entry)) == (
        Place(intent=stop(50)),
        gone(entry, Reason.ENTRY_EXPIRED),
    )


def test_the_youngest_go_unless_more_can_go_otherwise(made, held, protect):
    sizes = {1: 30, 2: 100, 3: 20}
    orders = [made.order(number, made.stop(STOP_AT, lots)) for number, lots in sizes.items()]
    assert protect(held(*orders, lots=120), plan=NO_TARGET) == (gone(orders[0]),)
    orders = [
        made.order(number, made.stop(STOP_AT, lots))
        for number, lots in {1: 70, 2: 30, 3: 40}.items()
    ]
    assert protect(held(*orders, lots=70), plan=NO_TARGET) == (gone(orders[2]), gone(orders[1]))


def test_the_youngest_go_where_more_of_them_can_than_of_the_largest(made, held, protect):
    sizes = {1: 40, 2: 30, 3: 20}
    orders = [made.order(number, made.stop(STOP_AT, lots)) for number, lots in sizes.items()]
    assert protect(held(*orders, lots=40), plan=NO_TARGET) == (gone(orders[2]), gone(orders[1]))


def test_without_a_price_a_large_stop_shrinks_all_the_same(made, held, protect):
    large = made.order(1, made.stop(STOP_AT, 140))
    assert protect(held(large, mark=None), plan=NO_TARGET) == (
        Place(intent=stop(100)),
        gone(large, after="T.stop.1"),
    )


def test_a_target_that_is_too_large_or_stands_beside_another_close_is_left(made, held, protect):
    whole = made.order(1, made.stop(STOP_AT))
    large = made.order(2, made.target(1_200_000, 140))
    assert protect(held(whole, large)) == ()
    small = made.order(2, made.target(1_200_000, 30))
    other = made.order(3, replace(made.target(1_200_000, 30), purpose=Purpose.CLOSE))
    assert protect(held(whole, small, other)) == ()


def test_a_side_that_the_exchange_does_not_name_shows_nothing(held, protect):
    unnamed = replace(held(), there_lots={SHORT: 5})
    assert protect(unnamed, plan=None) == ()


@pytest.mark.parametrize(
    ("stops", "lots", "side", "is_surplus"),
    [
        ({}, 100, LONG, False),
        ({1: 99}, 100, LONG, False),
        ({1: 100}, 100, LONG, False),
        ({1: 60, 2: 40}, 100, LONG, False),
        ({1: 101}, 100, LONG, True),
        ({1: 60, 2: 41}, 100, LONG, True),
        ({1: 1}, 100, SHORT, True),
        ({1: 100}, 100, SHORT, True),
    ],
)
def test_a_stop_is_surplus_where_those_of_its_side_are_for_more_than_is_held_of_it(
    made, held, stops, lots, side, is_surplus
):
    resting = [made.order(number, made.stop(STOP_AT, size)) for number, size in stops.items()]
    target = made.order(9, made.target(1_200_000, 500, side=side))
    it = held(*resting, target, lots=lots, side=side)
    assert planning.has_surplus_stop(it, now_ms=T0) is is_surplus
    assert not planning.has_surplus_stop(replace(it, ledger=None), now_ms=T0), "paper shrinks it"


def test_two_positions_of_a_side_need_stops_for_both(made, held):
    it = held(made.order(1, made.stop(STOP_AT, 140)))
    both = replace(it, positions=(*it.positions, made.position(made.part(1_000_000, 40))))
    assert planning.has_surplus_stop(it, now_ms=T0)
    assert not planning.has_surplus_stop(both, now_ms=T0)


def test_a_stop_that_has_ended_is_no_surplus(made, held):
    entry = made.intent(
        Purpose.STOP, OrderKind.STOP, 140, trigger_price=STOP_AT, expires_at=T0 + 60_000
    )
    it = held(made.order(1, entry))
    assert planning.has_surplus_stop(it, now_ms=T0 + 59_999)
    assert not planning.has_surplus_stop(it, now_ms=T0 + 60_000)


# a part that something unseen holds


def test_smaller_stops_stand_in_for_one_that_is_refused_and_no_target_beside_them(
    made, held, protect
):
    steps = protect(held(there=100), parts={LONG: (93, 50), SHORT: (1,)})
    assert steps == (
        Place(intent=stop(100)),
        Place(intent=stop(93, number=2), instead_of="T.stop.1"),
        Place(intent=stop(50, number=3), instead_of="T.stop.2"),
    )
    assert protect(held(there=100), parts={SHORT: (93,)}) == protect(held(there=100))


def test_of_a_held_side_no_more_is_closed_than_stops_have_held(made, held, protect):
    some = made.order(1, made.stop(STOP_AT, 60))
    for of, lots in (((), 100), ((SHORT,), 100), ((LONG,), 60)):
        steps = protect(held(some, there=100, mark=STOP_AT), held=of)
        assert steps[-1].intent == close(lots, Reason.EXIT_UNPROTECTED, number=2)
    assert protect(held(there=100, mark=STOP_AT), held=(LONG,))[-1].intent.lots == 100
    less = protect(held(some, there=50, mark=STOP_AT), held=(LONG,))
    assert less[-1].intent.lots == 50


def test_of_a_held_side_stops_that_stand_do_not_go_for_a_close_that_is_refused_too(
    made, held, after
):
    some, other = made.order(1, made.stop(STOP_AT, 60)), refusal(Reason.SIZE_BELOW_MINIMUM, lots=40)
    closed = (
        gone(some, Reason.EXIT_UNPROTECTED),
        Place(intent=close(100, Reason.EXIT_UNPROTECTED, number=1)),
    )
    assert after(held(some), other) == after(held(some), other, held=(SHORT,)) == closed
    assert after(held(some), other, held=(LONG,)) == ()
    assert after(held(), other, held=(LONG,)) == closed[1:]
    short = made.position(made.part(1_000_000, 50), side=SHORT)
    both = held(some)
    both = replace(both, positions=(*both.positions, short), there_lots={LONG: 100, SHORT: 50})
    of_short = refusal(Reason.SIZE_BELOW_MINIMUM, side=SHORT, lots=50)
    ended = Place(intent=close(50, Reason.EXIT_UNPROTECTED, side=SHORT))
    assert after(both, other, of_short, held=(LONG,)) == (ended,)


def test_a_side_is_held_where_a_stop_of_it_was_refused_because_something_holds_the_quantity():
    records = [
        refusal(Reason.QUANTITY_HELD, side=SHORT),
        refusal(Reason.REJECTED_BY_EXCHANGE),
        refusal(Reason.QUANTITY_HELD, purpose=Purpose.TARGET),
        refusal(Reason.QUANTITY_HELD, what="cancel"),
        replace(refusal(Reason.QUANTITY_HELD), outcome="accepted"),
    ]
    assert planning.held_sides(records) == {SHORT}
    assert planning.held_sides([*records, refusal(Reason.QUANTITY_HELD)]) == {SHORT, LONG}
    assert planning.held_sides(()) == frozenset()
    assert planning.held_sides([refusal(Reason.REJECTED_BY_EXCHANGE)]) == frozenset()
    lost = replace(refusal(Reason.QUANTITY_HELD), outcome="unknown")
    assert planning.held_sides([lost]) == frozenset()
    of_a_target = refusal(Reason.QUANTITY_HELD, purpose=Purpose.TARGET)
    assert planning.held_sides([of_a_target]) == frozenset()


@pytest.mark.parametrize(
    ("told", "is_held"),
    [
        ([(100, False), (100, True)], False),
        ([(100, False), (101, True)], False),
        ([(100, False), (99, True)], True),
        ([(100, False), (99, False), (99, True)], True),
        ([(99, False), (100, False), (99, True)], True),
        ([(100, False), (100, True), (50, False)], True),
        ([(100, True)], False),
        ([(50, False), (100, True), (60, False), (60, True)], False),
    ],
)
@pytest.mark.parametrize("answered", ["accepted", "rejected"])
def test_a_stop_as_large_that_is_taken_or_refused_otherwise_says_that_nothing_is_held(
    told, is_held, answered
):
    said = {"outcome": answered, "reason": Reason.REJECTED_BY_EXCHANGE}
    records = [
        replace(refusal(Reason.QUANTITY_HELD, lots=lots), **said)
        if is_taken
        else refusal(Reason.QUANTITY_HELD, lots=lots)
        for lots, is_taken in told
    ]
    assert planning.held_sides(records) == ({LONG} if is_held else frozenset())
    other = replace(refusal(Reason.QUANTITY_HELD, side=SHORT, lots=999), **said)
    assert (LONG in planning.held_sides([*records, other])) is is_held
    cancelled = replace(other, what="cancel", intent=replace(other.intent, side=LONG))
    assert (LONG in planning.held_sides([*records, cancelled])) is is_held
    lost = replace(refusal(Reason.QUANTITY_HELD, lots=999), outcome="unknown")
    assert (LONG in planning.held_sides([*records, lost])) is is_held


@pytest.mark.parametrize(("of", "lots"), [((), 100), ((SHORT,), 100), ((LONG,), 60)])
@pytest.mark.parametrize("action", [Action.EXIT, Action.REDUCE])
def test_of_a_held_side_nothing_is_reduced_and_no_more_ends_than_stops_have_held(
    made, held, settings, of, lots, action
):
    some = made.order(1, made.stop(TARGET_STOP, 60))
    steps = planning.orders(
        Decision(action=action, as_of=T0, reason=Reason.EXIT_EXPOSURE, side=LONG, lots=40),
        held(some),
        book=made.book(999_999, 1_000_001),
        rules=RULES,
        tick="T",
        now_ms=T0,
        deadline_at=T0 + 1,
        settings=settings(policy=PolicyName.TARGET),
        held=of,
    )
    if action is Action.EXIT:
        ended = close(lots, Reason.EXIT_EXPOSURE)
        assert steps == (gone(some, Reason.EXIT_EXPOSURE), Place(intent=ended))
    else:
        assert bool(steps) is (of != (LONG,))


@pytest.mark.parametrize(("of", "lots"), [((), 100), ((SHORT,), 100), ((LONG,), 60)])
def test_of_a_held_side_no_more_is_sold_at_a_watched_target_than_stops_have_held(
    made, held, settings, of, lots
):
    some = made.order(1, made.stop(STOP_AT, 60))
    steps = planning.watched_target(
        held(some),
        plan=made.plan(**PLAN),
        book=made.book(1_200_000, 1_200_001),
        tick="T",
        settings=settings(),
        now_ms=T0,
        held=of,
    )
    ended = close(lots, Reason.EXIT_TARGET)
    assert steps == (gone(some, Reason.EXIT_TARGET), Place(intent=ended))


def test_a_part_of_one_side_is_reduced_and_none_of_the_other(made, held, settings):
    short = made.position(made.part(1_000_000, 50), side=SHORT)
    both = held(made.order(1, made.stop(TARGET_STOP)))
    both = replace(both, positions=(*both.positions, short), there_lots={LONG: 100, SHORT: 50})
    steps = planning.orders(
        Decision(action=Action.REDUCE, as_of=T0, reason=Reason.EXIT_EXPOSURE, side=LONG, lots=40),
        both,
        book=made.book(999_999, 1_000_001),
        rules=RULES,
        tick="T",
        now_ms=T0,
        deadline_at=T0 + 1,
        settings=settings(policy=PolicyName.TARGET),
    )
    placed = [step.intent for step in steps if isinstance(step, Place)]
    assert {intent.side for intent in placed} == {LONG}
    assert [intent.lots for intent in placed] == [60, 40]
