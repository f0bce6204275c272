"""Which orders are ours, and how long each is followed."""

import pytest

from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.types import Fate, Purpose, Side
from shared.core.types.ledger import MOST_TRACKED
from tests.unit.exchanges.bitbank_live.conftest import (
    MINUTE,
    PRICE,
    STOP,
    T0,
    execution,
    intent_of,
    ledger_of,
    open_intent,
    told_order,
    tracked_order,
)

ENTRY, STOPS, CLOSE = intent_of(), intent_of(Purpose.STOP), intent_of(Purpose.CLOSE)


def followed(known) -> list[int]:
    return [one.order.order_id for one in known.ledger.tracked]


def shown(known) -> list[int]:
    return [order.order_id for order in known.orders]


# ours by number, by form, by permission


def test_an_order_whose_number_was_told_is_followed_though_no_state_knows_of_it(reckoned):
    entry = open_intent(ENTRY, order_id=7)
    known = reckoned(intents=[entry], orders=[told_order(7, ENTRY)])
    assert (shown(known), known.strangers) == ([7], ())
    (order,) = known.orders
    assert (order.intent, order.placed_at, order.remaining_lots) == (ENTRY, T0, 100)


def test_an_order_that_ended_is_not_found_again_by_its_form(reckoned):
    known = reckoned(
        ledger_of(ended=(51,)),
        [open_intent(ENTRY)],
        ended=[told_order(51, ENTRY, status="CANCELED_UNFILLED")],
    )
    assert known.fates == {ENTRY.id: Fate.OPEN}
    assert (followed(known), known.ledger.ended) == ([], (51,))


def test_an_order_that_is_followed_already_is_not_another_ones_lost_order(reckoned):
    again = intent_of(id="t2.entry.1")
    known = reckoned(
        ledger_of(tracked_order(51, ENTRY)), [open_intent(again)], orders=[told_order(51, ENTRY)]
    )
    assert known.fates == {again.id: Fate.OPEN}
    assert [one.order.intent.id for one in known.ledger.tracked] == [ENTRY.id]


def entered(**more):
    """An entry that was filled and is booked, and its intent, which no state knows of."""
    return {
        "ledger": ledger_of(lots=100, ended=(51,)),
        "intents": [open_intent(ENTRY, order_id=51)],
        "long": 100,
        **more,
    }


def test_what_an_entry_permits_is_followed_as_what_it_is(reckoned):
    stop = told_order(52, STOPS, status="INACTIVE", at=T0 + 1_000)
    known = reckoned(**entered(orders=[stop]))
    (order,) = known.orders
    assert order.intent == intent_of(Purpose.STOP, id=f"{ENTRY.id}.unwritten52")
    assert (order.order_id, order.placed_at) == (52, T0 + 1_000)


def test_a_stop_that_is_followed_stays_the_one_that_was_written(reckoned):
    part = {"status": "PARTIALLY_FILLED", "executed": 40}
    ledger = ledger_of(tracked_order(52, STOPS, booked_lots=40, executed=40), lots=60, ended=(51,))
    known = reckoned(**entered(ledger=ledger, orders=[told_order(52, STOPS, **part)], long=60))
    (one,) = known.ledger.tracked
    assert (one.order.intent.id, one.booked_lots, known.issues) == (STOPS.id, 40, ())


def test_a_stop_that_ended_is_not_permitted_once_more(reckoned):
    ledger = ledger_of(lots=100, ended=(51, 52))
    gone = told_order(52, STOPS, status="CANCELED_UNFILLED")
    known = reckoned(**entered(ledger=ledger, ended=[gone]))
    assert (followed(known), known.ledger.ended) == ([], (51, 52))


def test_the_owners_sale_beside_a_stop_of_ours_is_the_owners(reckoned):
    """Only an entry permits what was not written; a stop permits nothing."""
    sold = told_order(52, CLOSE, status="FULLY_FILLED", executed=100, at=T0 + 1_000)
    known = reckoned(
        ledger_of(lots=100),
        [open_intent(STOPS, order_id=51)],
        orders=[told_order(51, STOPS, status="INACTIVE")],
        ended=[sold],
        executions=[execution(1, 52, 100, is_buy=False)],
    )
    assert [trade.reason for trade in known.trades] == [Reason.EXIT_MANUAL]
    assert followed(known) == [51]


# how long


@pytest.mark.parametrize(
    ("late", "is_followed"), [(899_999, True), (900_000, False), (900_001, False)]
)
def test_a_stop_that_fired_unfilled_is_followed_for_fifteen_minutes(reckoned, late, is_followed):
    fired = told_order(7, STOPS, status="CANCELED_UNFILLED", triggered_at=T0)
    ledger = ledger_of(tracked_order(7, STOPS), lots=100)
    known = reckoned(ledger, ended=[fired], long=100, at=T0 + late)
    assert (followed(known), known.ledger.ended) == (([7], ()) if is_followed else ([], (7,)))


def test_a_stop_that_fires_while_the_account_is_read_is_followed(reckoned):
    fired = told_order(7, STOPS, status="CANCELED_UNFILLED", triggered_at=T0 + MINUTE + 1)
    ledger = ledger_of(tracked_order(7, STOPS), lots=100)
    assert followed(reckoned(ledger, ended=[fired], long=100, at=T0 + MINUTE)) == [7]


def test_a_stop_that_fired_and_is_booked_whole_is_followed_no_longer(reckoned):
    fired = told_order(7, STOPS, status="FULLY_FILLED", executed=100, triggered_at=T0)
    sold = execution(1, 7, 100, is_buy=False, price=STOP)
    known = reckoned(ledger_of(tracked_order(7, STOPS), lots=100), ended=[fired], executions=[sold])
    assert (followed(known), known.ledger.ended) == ([], (7,))


@pytest.mark.parametrize("late", [1, 100])
def test_an_order_that_ended_is_followed_until_its_last_lot_is_booked(reckoned, late):
    whole = told_order(7, ENTRY, status="FULLY_FILLED", executed=100)
    early = [execution(1, 7, 100 - late)] if late < 100 else []
    first = reckoned(ledger_of(tracked_order(7, ENTRY)), ended=[whole], executions=early, long=100)
    assert (followed(first), first.ledger.ended) == ([7], ())
    assert [issue.reason for issue in first.issues] == [Reason.FILLS_LATE]
    assert all(issue.forbids_entry for issue in first.issues)
    rest = [*early, execution(2, 7, late)]
    second = reckoned(first.ledger, ended=[whole], executions=rest, long=100)
    assert [fill.lots for fill in second.fills] == [late]
    assert (followed(second), second.ledger.ended, second.issues) == ([], (7,), ())


def test_live_orders_are_followed_however_many_there_are(reckoned):
    live = [tracked_order(number, STOPS) for number in range(1, MOST_TRACKED + 2)]
    told = [told_order(one.order.order_id, STOPS, status="INACTIVE") for one in live]
    known = reckoned(ledger_of(*live, lots=100), orders=told, long=100)
    assert followed(known) == list(range(1, MOST_TRACKED + 2))


def test_as_many_as_there_is_room_for_are_all_followed(reckoned):
    fired = [
        tracked_order(number, STOPS, status="CANCELED_UNFILLED", triggered_at=T0)
        for number in range(1, MOST_TRACKED + 1)
    ]
    known = reckoned(ledger_of(*fired, lots=100), long=100)
    assert followed(known) == list(range(1, MOST_TRACKED + 1))
    fewer = reckoned(ledger_of(*fired[:-1], lots=100), long=100)
    assert followed(fewer) == list(range(1, MOST_TRACKED))


# what is not answered


@pytest.mark.parametrize(("age", "is_counted"), [(-1, True), (14_999, True), (15_000, False)])
def test_an_order_is_counted_on_unanswered_while_it_is_new(reckoned, age, is_counted):
    one = tracked_order(7, STOPS)
    placed = copy_with(one.order, placed_at=T0 + MINUTE - age)
    ledger = ledger_of(copy_with(one, order=placed), lots=100)
    known = reckoned(ledger, long=100, missing=[7], at=T0 + MINUTE)
    assert shown(known) == ([7] if is_counted else [])
    missing = [(one.reason, one.forbids_entry, one.context) for one in known.issues]
    told = (Reason.ORDER_MISSING, True, {"order_id": "7", "purpose": "stop"})
    assert missing == ([] if is_counted else [told])


def test_only_the_order_that_is_not_answered_is_told_as_missing(reckoned):
    ledger = ledger_of(tracked_order(7, STOPS), tracked_order(8, STOPS), lots=100)
    told = [told_order(8, STOPS, status="INACTIVE")]
    known = reckoned(ledger, orders=told, long=100, missing=[7])
    assert [issue.context["order_id"] for issue in known.issues] == ["7"]
    assert shown(known) == [8]


def test_an_order_that_ended_is_not_told_as_missing(reckoned):
    fired = tracked_order(7, STOPS, status="CANCELED_UNFILLED", triggered_at=T0)
    known = reckoned(ledger_of(fired, lots=100), long=100, missing=[7])
    assert (known.issues, followed(known)) == ((), [7])


# how far was read


def test_a_whole_reading_is_where_the_next_one_begins_and_another_is_not(reckoned):
    ledger = ledger_of(tracked_order(7, STOPS), lots=100, read_at=T0)
    told = [told_order(7, STOPS, status="INACTIVE")]
    whole = reckoned(ledger, orders=told, long=100, at=T0 + MINUTE)
    assert (whole.ledger.read_at, whole.ledger.traces.read_at) == (T0 + MINUTE, T0 + MINUTE)
    part = reckoned(whole.ledger, long=100, missing=[7], at=T0 + 2 * MINUTE)
    assert part.ledger.read_at == T0 + MINUTE
    assert part.ledger.traces == whole.ledger.traces


@pytest.mark.parametrize(("known", "told"), [(50, 60), (60, 50)])
def test_the_newest_number_that_was_ever_seen_is_kept(reckoned, known, told):
    order = told_order(told, intent_of(price=PRICE - 1, post_only=False))
    after = reckoned(ledger_of(newest_order_id=known), orders=[order]).ledger
    assert (after.newest_order_id, after.traces.newest_order_id) == (60, 60)


def test_an_order_that_executed_more_than_was_meant_is_booked_as_it_was_meant(reckoned):
    """The rest is told as what nobody explains, and holds nothing up."""
    more = {"lots": 200, "remaining_lots": 70, "executed": 130}
    first = reckoned(
        ledger_of(tracked_order(7, ENTRY)),
        orders=[told_order(7, ENTRY, status="PARTIALLY_FILLED", **more)],
        executions=[execution(1, 7, 130)],
        long=130,
    )
    assert [order.remaining_lots for order in first.orders] == [0]
    assert [position.lots for position in first.positions] == [100]
    unexplained = [Reason.FILLS_BEYOND, Reason.ACCOUNT_UNSETTLED]
    assert [issue.reason for issue in first.issues] == unexplained
    assert first.ledger.read_at == T0 + MINUTE
    last = reckoned(
        first.ledger,
        ended=[told_order(7, ENTRY, status="CANCELED_PARTIALLY_FILLED", **more)],
        executions=[execution(1, 7, 130)],
        long=130,
    )
    assert last.ledger.lots(Side.LONG) == 100
    assert [issue.reason for issue in last.issues] == [Reason.ACCOUNT_UNSETTLED]
    assert (followed(last), last.ledger.ended) == ([], (7,))
