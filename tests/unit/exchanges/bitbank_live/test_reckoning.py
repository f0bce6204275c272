"""What a reading of the account means."""

from decimal import Decimal

import pytest

from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.types import Fate, Purpose, Side, Traces
from shared.core.types.ledger import MOST_ENDED, MOST_TRACKED
from tests.unit.exchanges.bitbank_live.conftest import (
    MINUTE,
    PRICE,
    STOP,
    T0,
    TARGET,
    TICK,
    execution,
    intent_of,
    ledger_of,
    open_intent,
    told_order,
    tracked_order,
)

ENTRY, STOPS = intent_of(), intent_of(Purpose.STOP)


def reasons(known) -> list[Reason]:
    return [issue.reason for issue in known.issues]


# orders of ours


def test_an_order_that_is_followed_is_shown_as_the_exchange_tells_it(reckoned):
    known = reckoned(
        ledger_of(tracked_order(7, ENTRY)),
        orders=[told_order(7, ENTRY, status="PARTIALLY_FILLED", executed=40)],
        executions=[execution(1, 7, 40)],
        long=40,
    )
    (order,) = known.orders
    assert (order.order_id, order.remaining_lots) == (7, 60)
    assert known.strangers == ()


def test_an_order_that_ended_and_is_booked_is_followed_no_longer_and_never_again(reckoned):
    entry = open_intent(ENTRY, order_id=7)
    known = reckoned(
        ledger_of(tracked_order(7, ENTRY)),
        [entry],
        ended=[told_order(7, ENTRY, status="FULLY_FILLED", executed=100)],
        executions=[execution(1, 7, 100)],
        long=100,
    )
    assert (known.ledger.tracked, known.ledger.ended) == ((), (7,))
    assert known.fates == {ENTRY.id: Fate.FOUND}
    again = reckoned(
        known.ledger,
        [entry],
        ended=[told_order(7, ENTRY, status="FULLY_FILLED", executed=100)],
        executions=[execution(1, 7, 100)],
        long=100,
    )
    assert again.fates == {ENTRY.id: Fate.FOUND}
    assert again.ledger.lots(Side.LONG) == 100
    assert (again.fills, reasons(again)) == ((), [])


def test_what_ended_is_remembered_for_a_while(reckoned):
    old = tuple(range(100, 100 + MOST_ENDED))
    known = reckoned(
        ledger_of(tracked_order(7, ENTRY), ended=old),
        ended=[told_order(7, ENTRY, status="CANCELED_UNFILLED")],
    )
    assert known.ledger.ended == (*old[1:], 7)


@pytest.mark.parametrize("status", ["INACTIVE", "UNFILLED", "PARTIALLY_FILLED", ""])
def test_these_are_live(status):
    assert tracked_order(7, STOPS, status=status).is_live


@pytest.mark.parametrize(
    "status",
    ["FULLY_FILLED", "CANCELED_UNFILLED", "CANCELED_PARTIALLY_FILLED", "REJECTED", "EXPIRED"],
)
def test_these_have_ended(status):
    assert not tracked_order(7, STOPS, status=status).is_live


def test_an_order_that_the_exchange_does_not_answer_for_is_told_and_not_counted_on(reckoned):
    ledger = ledger_of(tracked_order(7, STOPS), lots=100)
    known = reckoned(ledger, long=100, missing=[7])
    assert known.orders == ()
    assert reasons(known) == [Reason.ORDER_MISSING]
    assert [one.order.order_id for one in known.ledger.tracked] == [7]
    young = copy_with(ledger.tracked[0].order, placed_at=T0 + MINUTE - 14_999)
    new = copy_with(ledger, tracked=(copy_with(ledger.tracked[0], order=young),))
    just = reckoned(new, long=100, missing=[7])
    assert [order.order_id for order in just.orders] == [7]
    assert reasons(just) == [], "lists may lag behind what was only just taken"
    assert just.ledger.read_at == 0


def test_a_stop_that_fired_is_followed_until_its_fill_may_show(reckoned):
    fired = {"status": "CANCELED_UNFILLED", "triggered_at": T0}
    ledger = ledger_of(tracked_order(7, STOPS), lots=100)
    known = reckoned(ledger, ended=[told_order(7, STOPS, **fired)], long=100)
    assert [one.order.order_id for one in known.ledger.tracked] == [7]
    assert known.orders == ()
    later = reckoned(
        known.ledger,
        ended=[told_order(7, STOPS, status="FULLY_FILLED", executed=100, triggered_at=T0)],
        executions=[execution(1, 7, 100, is_buy=False, price=STOP)],
        at=T0 + 2 * MINUTE,
    )
    assert (later.positions, len(later.trades)) == ((), 1)
    assert later.trades[0].reason is Reason.EXIT_STOP
    old = reckoned(known.ledger, ended=[told_order(7, STOPS, **fired)], long=100, at=T0 + 900_000)
    assert old.ledger.tracked == ()


def test_no_more_orders_are_followed_than_there_is_room_for_and_live_ones_stay(reckoned):
    late = [
        tracked_order(number, STOPS, status="CANCELED_UNFILLED", triggered_at=T0)
        for number in range(1, MOST_TRACKED)
    ]
    live = [tracked_order(number, STOPS) for number in (20, 21)]
    told = [
        told_order(one.order.order_id, STOPS, status="CANCELED_UNFILLED", triggered_at=T0)
        for one in late
    ]
    known = reckoned(
        ledger_of(*late, *live, lots=200),
        ended=told,
        orders=[told_order(number, STOPS, status="INACTIVE") for number in (20, 21)],
        long=200,
    )
    numbers = [one.order.order_id for one in known.ledger.tracked]
    assert numbers == [2, 3, 4, 5, 6, 7, 20, 21]


# executions


def test_an_execution_of_ours_is_booked_once_however_often_it_is_told(reckoned):
    ledger = ledger_of(tracked_order(7, ENTRY))
    told = {
        "orders": [told_order(7, ENTRY, status="PARTIALLY_FILLED", executed=40)],
        "executions": [execution(1, 7, 40)],
        "long": 40,
    }
    first = reckoned(ledger, **told)
    second = reckoned(first.ledger, **told)
    assert [fill.lots for fill in first.fills] == [40]
    assert second.fills == ()
    assert second.ledger.lots(Side.LONG) == 40
    assert second.ledger.next_fill_sequence == first.ledger.next_fill_sequence == 2


def test_executions_with_numbers_out_of_order_are_all_booked(reckoned):
    ledger = ledger_of(tracked_order(7, ENTRY))
    part = told_order(7, ENTRY, status="PARTIALLY_FILLED", executed=10)
    whole = told_order(7, ENTRY, status="FULLY_FILLED", executed=100)
    first = reckoned(ledger, orders=[part], executions=[execution(9, 7, 10)], long=10)
    both = [execution(3, 7, 90, at=T0 + 1), execution(9, 7, 10)]
    second = reckoned(first.ledger, ended=[whole], executions=both, long=100)
    assert [fill.sequence for fill in (*first.fills, *second.fills)] == [1, 2]
    assert second.ledger.lots(Side.LONG) == 100


def test_what_an_order_executed_is_held_before_any_execution_says_so(reckoned):
    known = reckoned(
        ledger_of(tracked_order(7, ENTRY)),
        ended=[told_order(7, ENTRY, status="FULLY_FILLED", executed=100)],
        long=100,
    )
    assert [position.lots for position in known.positions] == [100]
    assert known.positions[0].average_price == PRICE
    assert known.ledger.positions == ()
    assert reasons(known) == [Reason.FILLS_LATE]
    assert known.ledger.read_at == 0, "the next reading asks for as much again"


def test_what_a_stop_executed_is_gone_before_any_execution_says_so(reckoned):
    known = reckoned(
        ledger_of(tracked_order(7, STOPS), lots=100),
        ended=[told_order(7, STOPS, status="CANCELED_PARTIALLY_FILLED", executed=60)],
        long=40,
    )
    assert [position.lots for position in known.positions] == [40]
    assert known.ledger.lots(Side.LONG) == 100
    assert reasons(known) == [Reason.FILLS_LATE]


def test_a_close_takes_fee_and_interest_as_the_exchange_says_and_the_price_of_the_book(reckoned):
    ledger = ledger_of(tracked_order(7, STOPS), lots=100)
    known = reckoned(
        ledger,
        ended=[told_order(7, STOPS, status="FULLY_FILLED", executed=100)],
        executions=[
            execution(
                1,
                7,
                100,
                is_buy=False,
                price=STOP,
                fee_occurred_jpy=Decimal("97.0"),
                fee_jpy=Decimal("123.0"),
                interest_jpy=Decimal("4.5"),
            )
        ],
        jpy=1_000_000 - 3_000,
    )
    (trade,) = known.trades
    assert (trade.gross_jpy, trade.fees_jpy, trade.interest_jpy) == (-3_000, 97, Decimal("4.5"))
    assert known.ledger.cash_jpy == Decimal(200_000) - 3_000 - 97 - Decimal("4.5")


# lost answers


def lost(**more):
    return open_intent(ENTRY, **more)


def test_a_lost_entry_is_found_by_its_form(reckoned):
    known = reckoned(intents=[lost()], orders=[told_order(51, ENTRY)])
    assert known.fates == {ENTRY.id: Fate.FOUND}
    assert [order.intent.id for order in known.orders] == [ENTRY.id]
    assert known.strangers == ()


@pytest.mark.parametrize(
    "other",
    [
        {"number": 50},
        {"at": T0 - 2_001},
        {"at": T0 + 172_001},
        {"lots": 99, "remaining_lots": 99},
        {"price": PRICE + 1},
        {"is_buy": False},
        {"position_side": Side.SHORT},
        {"position_side": None},
        {"kind": "market"},
    ],
)
def test_another_order_is_not_taken_for_it(reckoned, other):
    told = {"number": 51, **other}
    known = reckoned(intents=[lost()], orders=[told_order(told.pop("number"), ENTRY, **told)])
    assert known.fates == {ENTRY.id: Fate.OPEN}
    assert known.orders == ()
    assert len(known.strangers) == 1


def test_of_two_orders_of_one_form_nobody_knows_which_is_the_lost_entry(reckoned):
    known = reckoned(intents=[lost()], orders=[told_order(51, ENTRY), told_order(52, ENTRY)])
    assert known.fates == {ENTRY.id: Fate.OPEN}
    assert len(known.strangers) == 2


def test_two_lost_stops_of_one_form_are_the_two_orders(reckoned):
    intents = [open_intent(intent_of(Purpose.STOP, id=f"t1.stop.{n}"), at=T0 + n) for n in (1, 2)]
    told = [told_order(number, STOPS, status="INACTIVE") for number in (51, 52)]
    known = reckoned(ledger_of(lots=200), intents, orders=told, long=200)
    assert {one.order.intent.id: one.order.order_id for one in known.ledger.tracked} == {
        "t1.stop.1": 51,
        "t1.stop.2": 52,
    }


def test_a_lost_entry_is_disproved_by_two_readings_of_two_ticks_and_not_by_one(reckoned):
    written = lost()
    early = reckoned(intents=[written], at=T0 + MINUTE)
    assert early.fates == {ENTRY.id: Fate.OPEN}
    first = reckoned(intents=[written], at=T0 + TICK)
    assert first.fates == {ENTRY.id: Fate.OPEN}
    looked = copy_with(written, looked=first.ledger.traces)
    second = reckoned(first.ledger, [looked], at=T0 + 2 * TICK)
    assert second.fates == {ENTRY.id: Fate.ABSENT}


@pytest.mark.parametrize(
    ("at", "fate"),
    [(T0 + 170_000 + 119_999, Fate.OPEN), (T0 + 170_000 + 120_000, Fate.ABSENT)],
)
def test_the_second_reading_comes_long_after_the_order_could_arrive(reckoned, at, fate):
    written = lost()
    looked = reckoned(intents=[written], at=T0 + 169_000).ledger.traces
    known = reckoned(intents=[copy_with(written, looked=looked)], at=at)
    assert known.fates == {ENTRY.id: fate}


def test_two_readings_of_one_tick_prove_nothing(reckoned):
    looked = reckoned(at=T0 + 10 * TICK - 119_999).ledger.traces
    known = reckoned(intents=[lost(looked=looked)], at=T0 + 10 * TICK)
    assert known.fates == {ENTRY.id: Fate.OPEN}


@pytest.mark.parametrize(
    "changed",
    [
        {"long": 1},
        {"short": 1},
        {"jpy": 999_999},
        {"btc": "0.0001"},
        {"orders": [told_order(60, intent_of(price=5_000_000))]},
    ],
)
def test_where_anything_came_or_went_nothing_is_disproved(reckoned, changed):
    looked = reckoned(at=T0 + TICK).ledger.traces
    known = reckoned(intents=[lost(looked=looked)], at=T0 + 3 * TICK, **changed)
    assert known.fates == {ENTRY.id: Fate.OPEN}
    other = reckoned(at=T0 + TICK, **changed).ledger.traces
    since = reckoned(intents=[lost(looked=other)], at=T0 + 3 * TICK, **changed)
    assert since.fates == {ENTRY.id: Fate.OPEN}, "it differs from what was before the order"


def test_an_intent_without_what_was_before_it_is_never_disproved(reckoned):
    looked = reckoned(at=T0 + TICK).ledger.traces
    known = reckoned(intents=[lost(before=None, looked=looked)], at=T0 + 5 * TICK)
    assert known.fates == {ENTRY.id: Fate.OPEN}


def test_what_our_own_orders_did_meanwhile_disturbs_no_proof(reckoned):
    looked = reckoned(ledger_of(tracked_order(7, STOPS), lots=100), long=100, at=T0 + TICK)
    sold = reckoned(
        looked.ledger,
        [lost(looked=looked.ledger.traces)],
        ended=[told_order(7, STOPS, status="FULLY_FILLED", executed=100)],
        executions=[execution(1, 7, 100, is_buy=False, price=STOP, interest_jpy=Decimal(0))],
        jpy=1_000_000 - 3_000,
        at=T0 + 3 * TICK,
    )
    assert sold.fates == {ENTRY.id: Fate.ABSENT}


def test_a_lost_stop_is_absent_once_it_can_arrive_no_more_and_known_when_it_shows(reckoned):
    ledger = ledger_of(lots=100)
    written = open_intent(STOPS)
    early = reckoned(ledger, [written], long=100, at=T0 + 173_000)
    assert early.fates == {STOPS.id: Fate.OPEN}
    late = reckoned(ledger, [written], long=100, at=T0 + 173_001)
    assert late.fates == {STOPS.id: Fate.ABSENT}
    assert late.ledger.unseen == (written,)
    shown = reckoned(
        late.ledger, orders=[told_order(51, STOPS, status="INACTIVE")], long=100, at=T0 + 2 * TICK
    )
    assert [order.intent.id for order in shown.orders] == [STOPS.id]
    assert (shown.ledger.unseen, shown.strangers) == ((), ())


def test_what_could_not_be_read_whole_proves_nothing(reckoned):
    looked = reckoned(at=T0 + TICK).ledger.traces
    known = reckoned(
        ledger_of(tracked_order(7, intent_of(Purpose.STOP, id="t0.stop.1")), lots=100),
        [lost(looked=looked), open_intent(STOPS)],
        long=100,
        missing=[7],
        at=T0 + 3 * TICK,
    )
    assert known.fates == {ENTRY.id: Fate.OPEN, STOPS.id: Fate.OPEN}
    assert known.ledger.traces is None


# what an entry permits while no store can be written


@pytest.mark.parametrize(
    ("intent", "is_ours"),
    [
        (intent_of(Purpose.STOP, 40), True),
        (intent_of(Purpose.TARGET, 100), True),
        (intent_of(Purpose.CLOSE, 100), True),
        (intent_of(Purpose.STOP, 101), False),
        (intent_of(Purpose.STOP, 40, trigger_price=STOP + 1), False),
        (intent_of(Purpose.TARGET, 40, price=TARGET + 1), False),
        (intent_of(Purpose.STOP, 40, side=Side.SHORT), False),
    ],
)
def test_the_intent_of_an_entry_permits_what_protects_it(reckoned, intent, is_ours):
    entry = open_intent(ENTRY, order_id=51)
    told = told_order(52, intent, status="UNFILLED", at=T0 + 1_000)
    known = reckoned(
        ledger_of(tracked_order(51, ENTRY), lots=0),
        [entry],
        ended=[told_order(51, ENTRY, status="FULLY_FILLED", executed=100)],
        executions=[execution(1, 51, 100)],
        orders=[told],
        long=100,
    )
    assert [one.order_id for one in known.strangers] == ([] if is_ours else [52])


# strangers, and what nobody explains


def test_a_strangers_order_is_named_and_one_like_ours_forbids_entries(reckoned):
    plain = told_order(60, intent_of(post_only=False, price=5_000_000))
    known = reckoned(orders=[plain])
    assert ([one.order_id for one in known.strangers], reasons(known)) == ([60], [])
    like = reckoned(orders=[told_order(61, ENTRY)])
    assert reasons(like) == [Reason.ANOTHER_WRITER]
    assert all(issue.forbids_entry for issue in like.issues)


@pytest.mark.parametrize(
    ("lots", "reason"), [(130, Reason.POSITION_UNEXPLAINED), (70, Reason.POSITION_SHORT)]
)
def test_another_size_than_booked_is_told_as_it_is_once_two_readings_show_it(
    reckoned, lots, reason
):
    first = reckoned(ledger_of(lots=100), long=lots)
    assert reasons(first) == [Reason.ACCOUNT_UNSETTLED]
    second = reckoned(first.ledger, long=lots, at=T0 + MINUTE + TICK)
    assert reasons(second) == [reason]
    assert [position.lots for position in second.positions] == [100]
    assert second.there_lots[Side.LONG] == lots


def test_just_after_a_fill_the_position_need_not_show_it(reckoned):
    told = {
        "ended": [told_order(7, ENTRY, status="FULLY_FILLED", executed=100)],
        "executions": [execution(1, 7, 100, at=T0 + MINUTE)],
    }
    ledger = ledger_of(tracked_order(7, ENTRY))
    assert reasons(reckoned(ledger, at=T0 + MINUTE + 14_999, **told)) == []
    assert reasons(reckoned(ledger, at=T0 + MINUTE + 15_000, **told)) == [Reason.ACCOUNT_UNSETTLED]
    booked = reckoned(ledger, at=T0 + MINUTE, **told).ledger
    assert booked.tracked == ()
    again = reckoned(booked, at=T0 + MINUTE + 2_000, **told)
    assert reasons(again) == [], "it is followed no longer, and was ours all the same"


def test_what_nobody_has_told_yet_need_not_show_in_the_position_either(reckoned):
    known = reckoned(
        ledger_of(tracked_order(7, ENTRY)),
        orders=[told_order(7, ENTRY, status="PARTIALLY_FILLED", executed=40)],
    )
    assert reasons(known) == [Reason.FILLS_LATE]


def test_an_older_sale_of_the_owners_closes_nothing_of_a_position_that_does_not_show_yet(reckoned):
    told = {
        "ended": [told_order(7, ENTRY, status="FULLY_FILLED", executed=100)],
        "executions": [
            execution(1, 99, 100, is_buy=False, at=T0 - MINUTE),
            execution(2, 7, 100, at=T0 + MINUTE),
        ],
    }
    first = reckoned(ledger_of(tracked_order(7, ENTRY)), at=T0 + MINUTE, **told)
    again = reckoned(first.ledger, at=T0 + MINUTE + 2_000, **told)
    assert (first.trades, again.trades) == ((), ())
    assert again.ledger.lots(Side.LONG) == 100


@pytest.mark.parametrize(
    ("kind", "reason"), [("market", Reason.EXIT_MANUAL), ("losscut", Reason.EXIT_LOSSCUT)]
)
def test_what_somebody_else_closed_is_booked_at_its_price(reckoned, kind, reason):
    sale = execution(1, 99, 60, is_buy=False, price=9_900_000, kind=kind, at=T0)
    known = reckoned(ledger_of(lots=100), executions=[sale], long=40)
    (trade,) = known.trades
    assert (trade.lots, trade.reason, trade.exit_price) == (60, reason, 9_900_000)
    assert (known.ledger.lots(Side.LONG), reasons(known)) == (40, [])
    again = reckoned(known.ledger, executions=[sale], long=40)
    assert again.trades == ()


def test_a_strangers_sale_of_what_is_not_ours_is_none_of_the_book(reckoned):
    sale = execution(1, 99, 30, is_buy=False)
    known = reckoned(ledger_of(lots=100), executions=[sale], long=100)
    assert (known.trades, known.ledger.lots(Side.LONG)) == ((), 100)
    opens = execution(2, 98, 30, is_buy=True)
    short = execution(3, 97, 30, is_buy=True, position_side=Side.SHORT)
    both = reckoned(ledger_of(lots=100), executions=[opens, short], long=70)
    assert both.trades == ()


def test_of_what_somebody_else_closed_no_more_is_booked_than_is_missing(reckoned):
    sale = execution(1, 99, 60, is_buy=False)
    known = reckoned(ledger_of(lots=100), executions=[sale], long=80)
    assert [trade.lots for trade in known.trades] == [20]


# spot


def test_on_spot_the_owners_coins_are_none_of_the_bots(reckoned):
    known = reckoned(ledger_of(lots=100), kind="spot", btc="1.5")
    assert (reasons(known), known.there_lots[Side.LONG]) == ([], 100)
    short = reckoned(ledger_of(lots=100), kind="spot", btc="0.0099")
    assert reasons(short) == [Reason.ACCOUNT_UNSETTLED]
    assert short.there_lots[Side.LONG] == 99


def test_on_spot_what_the_owner_sold_of_them_is_a_manual_trade(reckoned):
    sale = execution(1, 99, 5_000, is_buy=False, position_side=None)
    known = reckoned(ledger_of(lots=100), kind="spot", executions=[sale], btc="0.0060")
    assert [(trade.lots, trade.reason) for trade in known.trades] == [(40, Reason.EXIT_MANUAL)]


def test_on_spot_no_more_can_be_closed_than_is_free_or_held_by_orders_that_are_known(reckoned):
    ledger = ledger_of(tracked_order(7, intent_of(Purpose.STOP, 30)), lots=100)
    told = {"orders": [told_order(7, intent_of(Purpose.STOP, 30), is_margin=False)]}
    known = reckoned(ledger, kind="spot", btc="0.0100", free_btc="0.0070", **told)
    assert known.there_lots[Side.LONG] == 100
    hidden = reckoned(ledger, kind="spot", btc="0.0100", free_btc="0.0030", **told)
    assert hidden.there_lots[Side.LONG] == 60
    assert [position.lots for position in hidden.positions] == [100]
    assert (hidden.trades, reasons(hidden)) == ((), [])


# money


def test_what_lies_beside_the_book_is_noted_first_and_moves_no_limit(reckoned):
    known = reckoned(jpy=5_000_000, btc="2")
    assert (known.ledger.aside_jpy, known.ledger.aside_btc) == (4_800_000, 2)
    assert (known.ledger.cash_jpy, known.issues) == (200_000, ())


def test_money_that_came_is_a_deposit_once_two_ticks_have_seen_it(reckoned):
    ledger = reckoned().ledger
    first = reckoned(ledger, jpy=1_500_000, at=T0 + 10 * TICK)
    assert first.issues == ()
    assert first.ledger.aside_jpy == 800_000
    second = reckoned(first.ledger, jpy=1_500_000, at=T0 + 11 * TICK)
    (issue,) = second.issues
    assert (issue.reason, issue.forbids_entry) == (Reason.MONEY_MOVED, False)
    assert Decimal(issue.context["jpy"]) == 500_000
    assert (second.ledger.aside_jpy, second.ledger.cash_jpy) == (1_300_000, 200_000)


@pytest.mark.parametrize(
    "disturbed",
    [
        {"jpy": 1_500_001},
        {"at": T0 + 10 * TICK + 119_999},
        {"executions": [execution(1, 99, 5, at=T0 + 11 * TICK - 299_999)]},
        {"intents": [open_intent(ENTRY, at=T0 + 11 * TICK, until=T0 + 12 * TICK)]},
    ],
)
def test_what_else_can_explain_it_makes_it_no_deposit_yet(reckoned, disturbed):
    ledger = reckoned().ledger
    first = reckoned(ledger, jpy=1_500_000, at=T0 + 10 * TICK)
    told = {"jpy": 1_500_000, "at": T0 + 11 * TICK, **disturbed}
    second = reckoned(first.ledger, **told)
    assert Reason.MONEY_MOVED not in reasons(second)
    assert second.ledger.aside_jpy == 800_000


def test_a_loss_that_is_taken_late_is_no_withdrawal(reckoned):
    ledger = reckoned().ledger
    first = reckoned(ledger, jpy=999_000, at=T0 + 10 * TICK)
    second = reckoned(first.ledger, at=T0 + 11 * TICK)
    assert (second.issues, second.ledger.drift) == ((), None)


def test_a_loss_that_lies_among_the_yen_and_is_owed_is_no_deposit(reckoned):
    ledger = reckoned(cost_jpy=0).ledger
    for number in (10, 11, 12):
        owed = reckoned(
            ledger, jpy=1_003_000, cost_jpy="3012.3", due_jpy="12.5", long=0, at=T0 + number * TICK
        )
        assert (owed.issues, owed.ledger.drift, owed.ledger.aside_jpy) == ((), None, 800_000)
        ledger = owed.ledger
    taken = reckoned(ledger, cost_jpy=0, at=T0 + 13 * TICK)
    assert (taken.issues, taken.ledger.drift) == ((), None)


def test_a_loss_that_is_taken_meanwhile_disturbs_no_proof(reckoned):
    before = Traces(read_at=T0 - 1_000, newest_order_id=50, jpy=Decimal(800_000))
    looked = reckoned(at=T0 + TICK, jpy=1_003_000, cost_jpy=3_000).ledger.traces
    written = lost(looked=looked, before=before)
    assert reckoned(intents=[written], at=T0 + 3 * TICK, cost_jpy=0).fates == {
        ENTRY.id: Fate.ABSENT
    }
