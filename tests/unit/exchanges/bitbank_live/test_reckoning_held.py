"""What is held, with what was executed and is not told yet; and what nobody explains."""

from decimal import Decimal

import pytest

from shared.core.reasons import Reason
from shared.core.types import Entry, Purpose, Side, Traces
from tests.unit.exchanges.bitbank_live.conftest import (
    MINUTE,
    PRICE,
    T0,
    TICK,
    execution,
    intent_of,
    ledger_of,
    told_order,
    tracked_order,
)

ENTRY, STOPS = intent_of(), intent_of(Purpose.STOP)
SHORT = intent_of(side=Side.SHORT, id="t1.entry.2")


def reasons(known) -> list[Reason]:
    return [issue.reason for issue in known.issues]


def entry_of(lots: int, price: int = PRICE) -> Entry:
    return Entry(at=T0, price=price, lots=lots, fee_jpy=Decimal(0))


# what is not told yet


@pytest.mark.parametrize(
    ("average", "price"), [("10000007.9", 10_000_007), ("0", PRICE), ("1", 1), ("0.0", PRICE)]
)
def test_what_is_not_told_yet_is_held_at_the_average_price_or_else_at_the_limit(
    reckoned, average, price
):
    whole = told_order(
        7, ENTRY, status="FULLY_FILLED", executed=100, average_price=Decimal(average)
    )
    known = reckoned(ledger_of(tracked_order(7, ENTRY)), ended=[whole], long=100)
    assert [position.entries for position in known.positions] == [(entry_of(100, price),)]


def test_what_was_executed_is_held_at_the_limit_while_its_order_is_not_answered(reckoned):
    known = reckoned(ledger_of(tracked_order(7, ENTRY, executed=40)), long=40, missing=[7])
    assert [position.entries for position in known.positions] == [(entry_of(40),)]
    assert reasons(known) == [Reason.ORDER_MISSING, Reason.FILLS_LATE]


def test_a_single_lot_that_is_not_told_yet_is_held_and_told(reckoned):
    part = told_order(7, ENTRY, status="PARTIALLY_FILLED", executed=1)
    known = reckoned(ledger_of(tracked_order(7, ENTRY), read_at=7), orders=[part], long=1)
    assert [position.entries for position in known.positions] == [(entry_of(1),)]
    assert reasons(known) == [Reason.FILLS_LATE]
    assert all(issue.forbids_entry for issue in known.issues)
    assert (known.ledger.read_at, known.ledger.traces) == (7, None), "not everything was told"


def test_an_order_that_executed_nothing_more_adds_nothing_to_what_is_held(reckoned):
    part = told_order(7, ENTRY, status="PARTIALLY_FILLED", executed=40)
    known = reckoned(
        ledger_of(tracked_order(7, ENTRY)), orders=[part], executions=[execution(1, 7, 40)], long=40
    )
    assert [position.entries for position in known.positions] == [(entry_of(40),)]
    nothing = reckoned(ledger_of(tracked_order(7, ENTRY)), orders=[told_order(7, ENTRY)])
    assert (nothing.positions, nothing.issues) == ((), ())


def test_what_one_order_executed_is_held_beside_another_that_did_nothing(reckoned):
    ledger = ledger_of(tracked_order(7, ENTRY), tracked_order(8, SHORT))
    part = told_order(8, SHORT, status="PARTIALLY_FILLED", executed=40)
    known = reckoned(ledger, orders=[told_order(7, ENTRY), part], short=40)
    assert [(position.side, position.lots) for position in known.positions] == [(Side.SHORT, 40)]
    assert reasons(known) == [Reason.FILLS_LATE]


# what positions may not show yet


@pytest.mark.parametrize(("age", "is_told"), [(-1, False), (14_999, False), (15_000, True)])
def test_only_a_fill_of_ours_on_that_side_excuses_what_a_position_does_not_show(
    reckoned, age, is_told
):
    at = T0 + MINUTE
    whole = told_order(7, ENTRY, status="FULLY_FILLED", executed=100)
    old, new = execution(1, 7, 60, at=at - TICK), execution(2, 7, 40, at=at - age)
    ledger = ledger_of(tracked_order(7, ENTRY))
    known = reckoned(ledger, ended=[whole], executions=[old, new], long=60, at=at)
    assert reasons(known) == ([Reason.ACCOUNT_UNSETTLED] if is_told else [])


@pytest.mark.parametrize(
    "strange",
    [{"order_id": 99}, {"order_id": 0}, {"order_id": 1}, {"order_id": -1}],
)
def test_a_strangers_fill_excuses_nothing(reckoned, strange):
    bought = execution(1, strange["order_id"], 30, at=T0 + MINUTE - 1)
    known = reckoned(ledger_of(lots=100), executions=[bought], long=130)
    assert reasons(known) == [Reason.ACCOUNT_UNSETTLED]


def test_a_fill_of_ours_on_one_side_excuses_nothing_on_the_other(reckoned):
    whole = told_order(7, ENTRY, status="FULLY_FILLED", executed=100)
    bought = execution(1, 7, 100, at=T0 + MINUTE - 1)
    known = reckoned(
        ledger_of(tracked_order(7, ENTRY)), ended=[whole], executions=[bought], short=30
    )
    assert [issue.context["side"] for issue in known.issues] == ["short"]


def test_on_spot_a_fill_has_no_side_and_excuses_what_coins_do_not_show(reckoned):
    whole = told_order(7, ENTRY, status="FULLY_FILLED", executed=100, is_margin=False)
    told = {"ended": [whole], "kind": "spot", "jpy": 900_000}
    for age, expected in ((14_999, []), (15_000, [Reason.ACCOUNT_UNSETTLED])):
        bought = execution(1, 7, 100, at=T0 + MINUTE - age, position_side=None)
        known = reckoned(ledger_of(tracked_order(7, ENTRY)), executions=[bought], **told)
        assert reasons(known) == expected


# since when it is so


@pytest.mark.parametrize(
    ("side", "lots", "lasting"),
    [
        (Side.LONG, 101, Reason.POSITION_UNEXPLAINED),
        (Side.LONG, 99, Reason.POSITION_SHORT),
        (Side.SHORT, 101, Reason.POSITION_UNEXPLAINED),
        (Side.SHORT, 99, Reason.POSITION_SHORT),
    ],
)
def test_one_lot_more_or_less_is_told_as_it_is_once_it_was_so_for_longer_than_fills_take(
    reckoned, side, lots, lasting
):
    there = {str(side): lots}
    first = reckoned(ledger_of(lots=100, side=side), **there)
    assert first.ledger.traces.lots_since == T0 + MINUTE
    for later, reason in ((15_000, Reason.ACCOUNT_UNSETTLED), (15_001, lasting)):
        known = reckoned(first.ledger, at=T0 + MINUTE + later, **there)
        (issue,) = known.issues
        assert (issue.reason, issue.forbids_entry) == (reason, True)
        assert issue.context == {
            "side": str(side),
            "booked_lots": "100",
            "there_lots": str(lots),
        }
        assert known.ledger.traces.lots_since == T0 + MINUTE


@pytest.mark.parametrize("changed", [{"long": 129}, {"long": 131}, {"long": 130, "short": 1}])
def test_what_changes_begins_anew(reckoned, changed):
    first = reckoned(ledger_of(lots=100), long=130)
    second = reckoned(first.ledger, at=T0 + MINUTE + TICK, **changed)
    assert second.ledger.traces.lots_since == T0 + MINUTE + TICK
    assert set(reasons(second)) == {Reason.ACCOUNT_UNSETTLED}


def test_a_clock_that_went_back_lets_nothing_last(reckoned):
    first = reckoned(ledger_of(lots=100), long=130)
    second = reckoned(first.ledger, long=130, at=T0)
    assert reasons(second) == [Reason.ACCOUNT_UNSETTLED]


def test_what_is_wrong_on_both_sides_is_told_of_both(reckoned):
    known = reckoned(ledger_of(lots=100), long=130, short=5)
    assert [issue.context["side"] for issue in known.issues] == ["long", "short"]


def test_on_spot_what_lies_beside_the_book_is_all_coins_but_those_of_the_book(reckoned):
    known = reckoned(ledger_of(lots=100), kind="spot", btc="1.5")
    assert known.ledger.traces == Traces(
        read_at=T0 + MINUTE,
        newest_order_id=0,
        jpy=Decimal(800_000),
        btc=Decimal("1.49"),
        lots_since=T0 + MINUTE,
    )
