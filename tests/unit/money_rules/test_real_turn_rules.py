"""What the steps of a tick do at a real exchange: stops that are refused, a book of one's own, and
what a person ordered to be closed.
"""

from dataclasses import replace

import pytest

from shared.core.reasons import Reason
from shared.core.types import (
    Action,
    Decision,
    Issue,
    Purpose,
    Rejected,
    Side,
    TickStatus,
    Timeframe,
)
from shared.orders.carry_out import record_of
from shared.orders.own_book import value_holdings
from shared.orders.plan import Place
from shared.turn.state import CandleProgress
from shared.turn.steps import BARE
from shared.turn.turn import Ending, newest
from tests.support.begun_turns import AT, MINUTE, PRICE, T0, quarters
from tests.support.real_turns import LEDGER, Answering, RealTurn

LONG, SHORT = Side.LONG, Side.SHORT
SHORTFALL = Issue(reason=Reason.POSITION_SHORT, forbids_entry=True)


@pytest.fixture
def holds(made):
    def making(*orders, sides=(LONG,), lots=40, **more):
        positions = [made.position(made.part(PRICE, lots), side=side) for side in sides]
        return made.holdings(*positions, orders=orders, **{"ledger": LEDGER, **more})

    return making


@pytest.fixture
def begun(made):
    def making(holds, *, hands=None, **more):
        more = {"plan": made.plan(), "candle": CandleProgress(as_of=T0, closed=True), **more}
        return RealTurn(Answering(holds, **(hands or {})), made.settings(), **more)

    return making


@pytest.fixture
def market(made):
    return lambda **more: made.market(
        **{"candles": {Timeframe.M15: quarters(12)}, "book": made.book(at=AT), **more}
    )


def test_what_is_wrong_with_the_account_is_told_once(holds, begun):
    held = holds(issues=(SHORTFALL,))
    it = begun(held)
    other = Issue(reason=Reason.LATENCY_HIGH, forbids_entry=True)
    it.turn = replace(it.turn, issues=(other,))
    for _ in range(2):
        turn = it.runs(it.steps.book(it.turn, held))
        assert turn.issues == (other, SHORTFALL)
    assert it.runs(it.steps.book(it.turn, holds())).issues == (other, SHORTFALL)


def test_an_entry_of_the_tick_stays_and_one_of_another_goes(made, holds, begun):
    mine, other = made.entry(9_000_000, id="t.d.entry.1"), made.entry(9_000_000, id="s.d.entry.1")
    it = begun(holds(made.order(1, mine), made.order(2, other), sides=()))
    it.runs(it.steps.protect(it.turn, part="p"))
    assert it.hands.noted == [(0, "cancel", "s.d.entry.1"), (0, "read")]


@pytest.mark.parametrize("is_blind", [None, False, True])
def test_a_stop_that_is_passed_is_a_close_where_the_rules_are_known_or_nobody_will_know_them(
    made, holds, begun, is_blind
):
    held = holds(made.order(1, made.target(10_300_000)), mark_price=made.book(9_700_000).bid)
    it = begun(held)
    said = {} if is_blind is None else {"is_blind": is_blind}
    it.runs(it.steps.protect(it.turn, part="p", **said))
    closed = [(0, "cancel", "t.target.1"), (0, "place", "t.p.close.2"), (0, "read")]
    assert it.hands.noted == (closed if is_blind else [])


# stops that are refused

REFUSED = {"refuses": {Purpose.STOP: Reason.REJECTED_BY_EXCHANGE}}


def test_what_an_exchange_refuses_to_protect_is_closed_at_once(holds, begun, market):
    it, seen = begun(holds(), hands=REFUSED), market()
    turn = it.runs(it.steps.protect(it.turn, seen, part="p"))
    assert it.hands.noted == [
        *((0, "place", "t.p.stop.1"), (0, "place", "t.p.target.2"), (0, "read")),
        *((0, "cancel", "t.p.target.2"), (0, "place", "t.pu.close.1"), (0, "read")),
    ]
    assert it.hands.sent_with == [(seen.book, seen.rules, None)] * 4
    assert turn.holdings is it.hands.holds
    assert (turn.holdings.positions, turn.holdings.orders) == ((), ())


@pytest.mark.parametrize(
    ("is_blind", "knows_rules", "closes"),
    [(None, False, False), (False, False, False), (True, False, True), (None, True, True)],
)
def test_what_rests_goes_for_such_a_close_where_the_rules_are_known_or_nobody_will_know_them(
    made, holds, begun, market, is_blind, knows_rules, closes
):
    it = begun(holds(made.order(1, made.target(10_300_000, 40))), hands=REFUSED)
    said = {} if is_blind is None else {"is_blind": is_blind}
    seen = market() if knows_rules else None
    turn = it.runs(it.steps.protect(it.turn, seen, part="p", **said))
    again = [(0, "cancel", "t.target.1"), (0, "place", "t.pu.close.1"), (0, "read")]
    assert it.hands.noted == [
        *((0, "place", "t.p.stop.1"), (0, "read")),
        *(again if closes else []),
    ]
    assert turn.holdings is it.hands.holds


def test_where_other_orders_hold_the_quantity_they_make_room(made, holds, begun):
    refuses = {"refuses": {Purpose.STOP: Reason.QUANTITY_HELD}}
    it = begun(holds(made.order(1, made.target(10_300_000, 40))), hands=refuses)
    turn = it.runs(it.steps.protect(it.turn, part="p"))
    assert it.hands.noted == [
        *((0, "place", "t.p.stop.1"), (0, "read")),
        *((0, "cancel", "t.target.1"), (0, "read")),
    ]
    assert turn.holdings.orders == ()


def test_a_refusal_of_an_earlier_step_is_none_of_this_one(made, holds, begun):
    it = begun(holds(there_lots={LONG: 0}), hands=REFUSED)
    it.runs(it.steps.protect(it.turn, part="p"))
    assert it.hands.noted[-1] == (0, "read")
    assert [record.outcome for record in it.hands.records] == ["rejected"]
    it.hands.refuses, it.hands.noted = {}, []
    it.hands.holds = holds(made.order(1, made.target(10_300_000, 40)))
    it.turn = replace(it.turn, holdings=it.hands.holds)
    it.runs(it.steps.protect(it.turn, part="q"))
    assert it.hands.noted == [(0, "place", "t.q.stop.1"), (0, "read")]


@pytest.mark.parametrize(
    ("there", "most", "lots"),
    [(0, None, 40), (0, 0, 0), (0, 15, 15), (0, 50, 40), (1, 0, 1), (1, 15, 1)],
)
def test_where_nothing_shows_a_stop_is_for_no_more_than_was_asked_for(
    holds, begun, there, most, lots
):
    it = begun(holds(there_lots={LONG: there}))
    held = it.turn.holdings
    turn = it.runs(
        it.steps.protect(it.turn, part="p", unshown_lots=None if most is None else {LONG: most})
    )
    stops = [
        order.intent.lots for order in turn.holdings.orders if order.intent.purpose is Purpose.STOP
    ]
    assert stops == [lots] * bool(lots)
    assert (turn.holdings is held) is not bool(lots)


def test_on_paper_a_refused_stop_is_left_to_the_next_look(holds, begun, market):
    it = begun(holds(ledger=None), hands=REFUSED)
    it.runs(it.steps.protect(it.turn, market(), part="p"))
    assert [what for _, what, *_ in it.hands.noted] == ["place", "place", "read"]


# the market and the book of one's own


def test_what_is_wrong_with_the_account_is_wrong_with_the_market(made, holds, begun, market):
    late = Issue(reason=Reason.LATENCY_HIGH, forbids_entry=True)
    held = holds(made.order(1, made.stop(9_000_000, 40)), issues=(SHORTFALL,))
    it = begun(held)
    turn = it.runs(it.steps.look_at(it.turn, held, market(issues=(late,))))
    assert turn.market.issues == turn.issues == (late, SHORTFALL)


@pytest.mark.parametrize("is_real", [True, False])
def test_a_real_account_is_valued_at_the_book_and_booked(made, holds, begun, market, is_real):
    held = holds(made.order(1, made.stop(9_000_000, 40)), ledger=LEDGER if is_real else None)
    it, seen = begun(held), market(book=made.book(9_999_000, 10_001_400, at=AT))
    turn = it.runs(it.steps.look_at(it.turn, held, seen))
    if not is_real:
        assert turn.holdings is held
        assert turn.state.limits is None, "it was not booked again"
        return
    kind = made.settings().account
    assert turn.holdings == value_holdings(held, seen.book.mid, AT, kind=kind)
    assert turn.holdings.mark_price == seen.book.mid
    assert turn.state.ledger.mark_price == seen.book.mid


# what has no stop


@pytest.mark.parametrize("is_real", [True, False])
@pytest.mark.parametrize(("covered", "refuses"), [(0, True), (39, True), (0, False), (40, True)])
def test_what_a_real_exchange_does_not_let_be_protected_does_not_grow(
    made, holds, begun, market, is_real, covered, refuses
):
    stop = (made.order(1, made.stop(9_000_000, covered)),) if covered else ()
    held = holds(*stop, ledger=LEDGER if is_real else None, there_lots={LONG: 40})
    hands = {"refuses": {Purpose.STOP: Reason.QUANTITY_HELD} if refuses else {}}
    late = Issue(reason=Reason.LATENCY_HIGH, forbids_entry=True)
    it = begun(held, hands=hands, plan=made.plan())
    turn = it.runs(it.steps.look_at(it.turn, held, market(issues=(late,))))
    is_bare = is_real and refuses and covered < 40
    assert turn.market.issues == turn.issues == (late, BARE)[: 1 + is_bare]
    assert BARE.forbids_entry
    assert BARE.reason is Reason.POSITION_BARE


def test_what_came_up_while_it_was_to_be_protected_is_told_too(made, holds, begun, market):
    held = holds(there_lots={LONG: 40})
    it = begun(held, hands={"refuses": {Purpose.STOP: Reason.QUANTITY_HELD}}, plan=made.plan())
    it.hands.holds = replace(held, issues=(SHORTFALL,))
    turn = it.runs(it.steps.look_at(it.turn, held, market()))
    assert turn.issues == (SHORTFALL, BARE)
    assert turn.market.issues == (BARE,)


HELD_BEFORE = Rejected(reason=Reason.QUANTITY_HELD)


@pytest.mark.parametrize("is_held", [True, False])
@pytest.mark.parametrize("what", ["protect", "exit", "watched"])
def test_what_held_a_stop_in_this_tick_holds_its_part_of_every_close(
    made, holds, begun, market, is_held, what
):
    some = made.order(1, made.stop(9_000_000, 30))
    mark = made.book(8_999_000, 8_999_500).mid if what == "protect" else None
    held = holds(some, there_lots={LONG: 40}, mark_price=mark)
    it = begun(held, plan=made.plan())
    if is_held:
        it.hands.records.append(record_of(Place(intent=made.stop(9_000_000, 40)), HELD_BEFORE))
    seen = market(book=made.book(10_300_000, 10_301_000, at=AT))
    hold = Decision(action=Action.HOLD, as_of=T0, reason=Reason.POSITION_OPEN)
    end = Decision(action=Action.EXIT, as_of=T0, reason=Reason.EXIT_TIME, side=LONG, lots=40)
    it.runs(
        it.steps.protect(it.turn, part="p", is_blind=True)
        if what == "protect"
        else it.steps.order(it.turn, end if what == "exit" else hold, held, seen)
    )
    closes = [
        record.intent.lots
        for record in it.hands.records
        if record.what == "place" and record.intent.purpose is Purpose.CLOSE
    ]
    assert closes == [30 if is_held else 40]


@pytest.mark.parametrize("is_held", [True, False])
def test_what_held_a_stop_in_this_tick_lets_no_close_take_the_place_of_those_that_stand(
    made, holds, begun, is_held
):
    some = made.order(1, made.stop(9_000_000, 30))
    refuses = {Purpose.STOP: Reason.SIZE_BELOW_MINIMUM}
    it = begun(holds(some, there_lots={LONG: 40}), hands={"refuses": refuses}, plan=made.plan())
    if is_held:
        it.hands.records.append(record_of(Place(intent=made.stop(9_000_000, 40)), HELD_BEFORE))
    it.runs(it.steps.protect(it.turn, part="p", is_blind=True))
    assert ("t.pu.close.1" in [name for _, what, *names in it.hands.noted for name in names]) is (
        not is_held
    )


def test_where_a_stop_is_refused_its_parts_are_tried(made, holds, begun):
    it = begun(holds(there_lots={LONG: 40}), hands={"room_lots": 20}, plan=made.plan())
    it.runs(it.steps.protect(it.turn, part="p", parts={LONG: (30, 20, 10)}))
    assert [(record.intent.lots, record.outcome) for record in it.hands.records] == [
        *((lots, "rejected") for lots in (40, 30)),
        (20, "accepted"),
    ]


# stops for more than is there


@pytest.mark.parametrize("step", ["look_at", "cover"])
@pytest.mark.parametrize(
    ("stops", "sides", "sent"),
    [
        ((40,), (LONG,), ()),
        ((40, 3), (LONG,), (("cancel", "t.stop.3"),)),
        ((43,), (LONG,), (("place", "t.PART.stop.1"), ("cancel", "t.stop.43"))),
        ((40,), (), (("cancel", "t.stop.40"),)),
        ((40, -40), (SHORT,), (("cancel", "t.stop.40"),)),
    ],
)
def test_a_stop_for_more_than_is_there_goes_in_the_tick_that_sees_it(
    made, holds, begun, market, step, stops, sides, sent
):
    resting = (
        made.stop(9_000_000, lots, id=f"t.stop.{lots}")
        if lots > 0
        else made.stop(11_000_000, -lots, id=f"t.stop.{lots}", side=SHORT)
        for lots in stops
    )
    held = holds(*(made.order(*one) for one in enumerate(resting, 1)), sides=sides)
    it, seen = begun(held, plan=None), market()
    it.runs(
        it.steps.look_at(it.turn, held, seen)
        if step == "look_at"
        else it.steps.cover(it.turn, seen)
    )
    part = {"look_at": "q", "cover": "r"}[step]
    expected = [(what, name.replace("PART", part)) for what, name in sent]
    assert [tuple(told[1:]) for told in it.hands.noted if told[1] != "read"] == expected


@pytest.mark.parametrize("step", ["look_at", "cover"])
def test_on_paper_a_surplus_stop_is_left_to_the_next_tick(made, holds, begun, market, step):
    held = holds(made.order(1, made.stop(9_000_000, 43)), ledger=None)
    it, seen = begun(held, plan=None), market()
    it.runs(
        it.steps.look_at(it.turn, held, seen)
        if step == "look_at"
        else it.steps.cover(it.turn, seen)
    )
    assert [told[1] for told in it.hands.noted if told[1] != "read"] == []


# what a person ordered to be closed


@pytest.mark.parametrize(
    ("flattens", "sides", "waits"),
    [(True, (LONG,), True), (True, (), False), (False, (LONG,), False)],
)
def test_a_tick_that_closes_all_knows_the_path_up_to_its_minute(
    made, holds, begun, flattens, sides, waits
):
    orders = (made.order(1, made.stop(9_000_000, 40)), made.order(2, made.target(10_300_000, 40)))
    minute = AT - AT % MINUTE
    held = holds(*orders if sides else (), sides=sides, settled_until=minute - MINUTE)
    it = begun(held, flattens=flattens, plan=made.plan(exit_by=AT + MINUTE))
    it.runs(it.steps.settle(it.turn, held))
    assert it.hands.now == (minute + 10_000 if waits else AT)
    assert it.hands.reconciled == ([9_000] if waits else [])


@pytest.mark.parametrize(
    ("sides", "side", "lots"),
    [((LONG,), LONG, 40), ((SHORT,), SHORT, 40), ((LONG, SHORT), None, 80), ((), None, 0)],
)
def test_all_that_is_held_ends_and_a_single_side_is_named(holds, begun, market, sides, side, lots):
    closed = Decision(
        action=Action.EXIT, as_of=T0, reason=Reason.EXIT_FLATTEN, side=side, lots=lots
    )
    by_person = Ending(status=TickStatus.HALTED, reason=Reason.HALTED_BY_PERSON)
    it = begun(holds(sides=sides))
    turn = it.runs(it.steps.close_all(it.turn))
    assert (turn.decision, turn.ending) == (closed, by_person)
    later = market(candles={Timeframe.M15: quarters(12, until=T0 + 900_000)})
    turn = it.runs(it.steps.close_all(replace(it.turn, market=later)))
    assert turn.decision == replace(closed, as_of=newest(later))
    assert newest(later) == T0 + 900_000
