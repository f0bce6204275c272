"""What is booked, and that it is booked once."""

from decimal import Decimal

import pytest

from shared.core.reasons import Reason
from shared.core.types import Fate, Purpose, Side
from shared.core.types.ledger import MOST_TRACKED, BookedExecution
from tests.unit.exchanges.bitbank_live.conftest import (
    MINUTE,
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
TARGETS = intent_of(Purpose.TARGET)
SHORT_STOP = intent_of(Purpose.STOP, side=Side.SHORT, trigger_price=10_300_000)


def reasons(known) -> list[Reason]:
    return [issue.reason for issue in known.issues]


def numbers(ledger) -> list[int]:
    return [one.number for one in ledger.booked]


# how long what was booked is remembered


def test_what_was_booked_is_remembered_for_half_an_hour(reckoned):
    at = T0 + 10 * TICK
    old = tuple(
        BookedExecution(number=number, at=at - 1_800_000 - late)
        for number, late in ((1, 1), (2, 0), (3, -1))
    )
    assert numbers(reckoned(ledger_of(booked=old), at=at).ledger) == [2, 3]


def test_what_is_told_again_is_remembered_however_old_it_is(reckoned):
    """An intent that nobody can settle makes every tick read from its own time on, and a target
    that is half filled may rest for hours.
    """
    part = {
        "orders": [told_order(7, TARGETS, status="PARTIALLY_FILLED", executed=40)],
        "executions": [execution(1, 7, 40, is_buy=False, price=TARGET)],
        "long": 60,
    }
    lost = [open_intent(intent_of(id="t0.entry.1"), before=None)]
    known = reckoned(ledger_of(tracked_order(7, TARGETS), lots=100), lost, **part)
    assert [trade.lots for trade in known.trades] == [40]
    again = 0
    for tick in range(1, 31):
        known = reckoned(known.ledger, lost, at=T0 + MINUTE + tick * TICK, **part)
        assert (known.fills, known.ledger.lots(Side.LONG)) == ((), 60)
        assert known.fates == {"t0.entry.1": Fate.OPEN}
        again += 1
    assert again * TICK > 2 * 1_800_000, "twice as long as anything is remembered by its time"


@pytest.mark.parametrize("between", [[], [execution(2, 7, 40, is_buy=False, price=TARGET)]])
def test_what_one_reading_lacks_or_tells_otherwise_is_not_booked_again_by_the_next(
    reckoned, between
):
    """Long after it was executed: an intent that nobody settles makes every tick read so far."""
    lost = [open_intent(intent_of(id="t0.entry.1"), before=None)]
    stranger = execution(9, 99, 1, at=T0 - 1)
    part = {"orders": [told_order(7, TARGETS, status="PARTIALLY_FILLED", executed=40)], "long": 60}
    own = execution(1, 7, 40, is_buy=False, price=TARGET)
    known = reckoned(
        ledger_of(tracked_order(7, TARGETS), lots=100), lost, executions=[stranger, own], **part
    )
    at, booked = T0 + 3_600_000, [trade.lots for trade in known.trades]
    for told in ([own], between, [own]):
        at += TICK
        known = reckoned(known.ledger, lost, executions=[stranger, *told], at=at, **part)
        booked += [trade.lots for trade in known.trades]
    assert (booked, known.ledger.lots(Side.LONG)) == ([40], 60)


def test_where_too_many_are_followed_those_that_are_not_booked_yet_stay(reckoned):
    unbooked = tracked_order(1, ENTRY, status="FULLY_FILLED", executed=100)
    fired = [
        tracked_order(number, STOPS, status="CANCELED_UNFILLED", triggered_at=T0)
        for number in range(2, MOST_TRACKED + 2)
    ]
    known = reckoned(ledger_of(unbooked, *fired, lots=100), long=200)
    assert [one.order.order_id for one in known.ledger.tracked] == [1, *range(3, MOST_TRACKED + 2)]
    late = reckoned(known.ledger, executions=[execution(9, 1, 100)], long=200)
    assert [fill.lots for fill in late.fills] == [100]


# what is ours


def test_a_new_execution_beside_one_that_is_booked_is_booked(reckoned):
    old = execution(1, 7, 40)
    part = {"status": "PARTIALLY_FILLED"}
    first = reckoned(
        ledger_of(tracked_order(7, ENTRY)),
        orders=[told_order(7, ENTRY, executed=40, **part)],
        executions=[old],
        long=40,
    )
    second = reckoned(
        first.ledger,
        orders=[told_order(7, ENTRY, executed=70, **part)],
        executions=[old, execution(2, 7, 30, at=T0 + 1)],
        long=70,
    )
    assert [fill.lots for fill in second.fills] == [30]
    assert numbers(second.ledger) == [1, 2]


def test_each_execution_is_booked_to_its_own_order(reckoned):
    orders = {6: "t1.stop.1", 7: "t1.stop.2", 8: "t1.stop.3"}
    stops = {number: intent_of(Purpose.STOP, 40, id=name) for number, name in orders.items()}
    known = reckoned(
        ledger_of(*(tracked_order(number, stop) for number, stop in stops.items()), lots=120),
        orders=[
            told_order(7, stops[7], status="PARTIALLY_FILLED", executed=15),
            *(told_order(number, stops[number], status="INACTIVE") for number in (6, 8)),
        ],
        executions=[execution(1, 7, 15, is_buy=False)],
        long=105,
    )
    booked = {one.order.order_id: one.booked_lots for one in known.ledger.tracked}
    assert booked == {6: 0, 7: 15, 8: 0}
    assert [fill.order_id for fill in known.fills] == [7]
    assert known.issues == ()


@pytest.mark.parametrize(
    ("booked", "told_lots", "executions", "left"),
    [
        (0, 0, [40], 60),
        (0, 0, [100], 0),
        (30, 30, [20], 50),
        (0, 70, [40], 30),
        (0, 0, [30, 20], 50),
    ],
)
def test_what_is_booked_was_executed_whatever_the_order_says_yet(
    reckoned, booked, told_lots, executions, left
):
    """Its orders are read before its executions: something may be filled between the two."""
    ledger = ledger_of(tracked_order(7, ENTRY, booked_lots=booked, executed=booked), lots=booked)
    status = "PARTIALLY_FILLED" if told_lots else "UNFILLED"
    known = reckoned(
        ledger,
        orders=[told_order(7, ENTRY, status=status, executed=told_lots)],
        executions=[execution(number, 7, lots) for number, lots in enumerate(executions, 1)],
        long=max(told_lots, booked + sum(executions)),
    )
    (one,) = known.ledger.tracked
    assert one.order.remaining_lots == left
    assert one.booked_lots == booked + sum(executions)
    assert known.ledger.lots(Side.LONG) == booked + sum(executions)


def test_a_close_that_is_told_before_its_entry_waits_for_it_and_holds_nothing_else_up(reckoned):
    closed = execution(1, 8, 30, position_side=Side.SHORT)
    opened = execution(2, 7, 100, at=T0 + 1)
    known = reckoned(
        ledger_of(tracked_order(7, ENTRY), tracked_order(8, SHORT_STOP)),
        ended=[told_order(7, ENTRY, status="FULLY_FILLED", executed=100)],
        orders=[told_order(8, SHORT_STOP, status="INACTIVE")],
        executions=[closed, opened],
        long=100,
    )
    assert [fill.lots for fill in known.fills] == [100]
    assert numbers(known.ledger) == [2]
    assert (known.trades, known.ledger.lots(Side.LONG)) == ((), 100)


# what somebody else closed


def sale(number: int, lots: int, **more):
    return execution(number, 99, lots, **{"is_buy": False, **more})


def test_what_the_owner_closed_is_told_as_a_fill_and_remembered(reckoned):
    known = reckoned(ledger_of(lots=100), executions=[sale(1, 60)], long=40)
    assert [(fill.lots, fill.order_id, fill.purpose) for fill in known.fills] == [
        (60, 99, Purpose.CLOSE)
    ]
    assert [trade.lots for trade in known.trades] == [60]
    assert numbers(known.ledger) == [1]


def test_the_owners_one_sale_is_no_reason_for_what_is_missing_later(reckoned):
    first = reckoned(ledger_of(lots=100), executions=[sale(1, 60)], long=40)
    second = reckoned(first.ledger, executions=[sale(1, 60)], long=0)
    assert (second.trades, second.ledger.lots(Side.LONG)) == ((), 40)
    assert reasons(second) == [Reason.ACCOUNT_UNSETTLED]


def test_a_close_of_ours_is_never_the_owners(reckoned):
    """Its order is not answered and its entry is told after it, so that it is not booked yet."""
    known = reckoned(
        ledger_of(tracked_order(7, ENTRY), tracked_order(8, STOPS)),
        ended=[told_order(7, ENTRY, status="FULLY_FILLED", executed=100)],
        executions=[execution(1, 8, 40, is_buy=False), execution(2, 7, 100, at=T0 + 1)],
        long=60,
        missing=[8],
    )
    assert (known.trades, [fill.order_id for fill in known.fills]) == ((), [7])
    assert reasons(known) == [Reason.ORDER_MISSING, Reason.ACCOUNT_UNSETTLED]


@pytest.mark.parametrize(
    "before",
    [
        execution(1, 98, 30),
        execution(1, 98, 30, position_side=Side.SHORT),
        execution(1, 98, 30, is_buy=False, position_side=None),
    ],
)
def test_what_closes_nothing_of_the_book_hides_no_sale_after_it(reckoned, before):
    after = sale(2, 30, at=T0 + 1)
    known = reckoned(ledger_of(lots=100), executions=[before, after], long=70)
    assert [trade.lots for trade in known.trades] == [30]
    assert numbers(known.ledger) == [2]


@pytest.mark.parametrize(("there", "lots"), [(99, [1]), (100, []), (101, []), (130, [])])
def test_the_owner_closed_no_more_than_is_missing_and_nothing_where_there_is_more(
    reckoned, there, lots
):
    known = reckoned(ledger_of(lots=100), executions=[sale(1, 60)], long=there)
    assert [trade.lots for trade in known.trades] == lots
    assert known.ledger.lots(Side.LONG) == 100 - sum(lots)


@pytest.mark.parametrize(("age", "lots"), [(14_999, []), (15_000, [60])])
def test_just_after_a_fill_of_ours_nothing_counts_as_closed_by_the_owner(reckoned, age, lots):
    known = reckoned(
        ledger_of(tracked_order(7, ENTRY), lots=100),
        ended=[told_order(7, ENTRY, status="FULLY_FILLED", executed=100)],
        executions=[sale(1, 60), execution(2, 7, 100, at=T0 + MINUTE - age)],
        long=140,
    )
    assert [trade.lots for trade in known.trades] == lots


def test_the_owners_purchase_closes_a_short_position(reckoned):
    bought = sale(1, 60, is_buy=True, position_side=Side.SHORT)
    sold = sale(2, 30, position_side=Side.SHORT)
    known = reckoned(ledger_of(lots=100, side=Side.SHORT), executions=[bought, sold], short=40)
    assert [(trade.side, trade.lots) for trade in known.trades] == [(Side.SHORT, 60)]


@pytest.mark.parametrize(
    "other",
    [{"is_buy": True, "position_side": None}, {"position_side": Side.LONG}],
)
def test_on_spot_a_purchase_or_what_was_done_on_margin_sells_no_coins(reckoned, other):
    known = reckoned(
        ledger_of(lots=100), kind="spot", executions=[sale(1, 60, **other)], btc="0.0040"
    )
    assert (known.trades, reasons(known)) == ((), [Reason.ACCOUNT_UNSETTLED])


@pytest.mark.parametrize("other", [{"is_buy": True}, {"is_buy": False}])
def test_on_margin_what_was_done_on_spot_closes_no_position(reckoned, other):
    done = sale(1, 60, position_side=None, **other)
    known = reckoned(ledger_of(lots=100), executions=[done], long=40)
    assert (known.trades, reasons(known)) == ((), [Reason.ACCOUNT_UNSETTLED])


def test_on_margin_the_fee_is_what_arose_and_on_spot_what_was_taken(reckoned):
    fees = {"fee_occurred_jpy": Decimal(5), "fee_jpy": Decimal(3)}
    for kind, side, fee in (("margin", Side.LONG, 5), ("spot", None, 3)):
        is_margin = kind == "margin"
        part = told_order(7, ENTRY, status="PARTIALLY_FILLED", executed=40, is_margin=is_margin)
        known = reckoned(
            ledger_of(tracked_order(7, ENTRY)),
            kind=kind,
            orders=[part],
            executions=[execution(1, 7, 40, position_side=side, **fees)],
            long=40,
            btc="0.0040",
        )
        assert [fill.fee_jpy for fill in known.fills] == [fee]
