"""What is told of our orders and moves no book: an execution under a second number, more than an
order executed, a close of what the book does not hold.
"""

from decimal import Decimal

import pytest

from shared.core.reasons import Reason
from shared.core.types import Fate, Purpose, Side
from shared.core.types.ledger import BookedExecution
from tests.unit.exchanges.bitbank_live.conftest import (
    MINUTE,
    PRICE,
    STOP,
    T0,
    TICK,
    execution,
    intent_of,
    ledger_of,
    open_intent,
    told_order,
    tracked_order,
)

ENTRY, STOPS = intent_of(), intent_of(Purpose.STOP)
LONG_AGO = 900_000
PART, GONE = "PARTIALLY_FILLED", "CANCELED_PARTIALLY_FILLED"


def reasons(known) -> list[Reason]:
    return [issue.reason for issue in known.issues]


def numbers(ledger) -> list[int]:
    return [one.number for one in ledger.booked]


def told_of(known, reason: Reason) -> list[tuple[bool, dict[str, str]]]:
    return [
        (issue.forbids_entry, dict(issue.context))
        for issue in known.issues
        if issue.reason is reason
    ]


def beyond(
    lots: int, orders: str, executions: str, *, is_part: bool = False
) -> list[tuple[bool, dict[str, str]]]:
    """What is booked in no part is told while it lasts, the rest of what is booked in part once."""
    told = {"lots": str(lots), "orders": orders, "executions": executions}
    return [(not is_part, told)] if lots else []


def sold(number: int, order_id: int, lots: int, **more):
    return execution(number, order_id, lots, **{"is_buy": False, "price": STOP, **more})


# one execution under two numbers


@pytest.mark.parametrize("kind", ["margin", "spot"])
@pytest.mark.parametrize(
    ("first", "second"),
    [(PART, PART), (PART, GONE), (PART, "FULLY_FILLED"), (GONE, GONE), ("FULLY_FILLED", "")],
)
def test_an_execution_that_is_told_under_a_second_number_is_booked_once(
    reckoned, kind, first, second
):
    is_margin = kind == "margin"
    lots = 100 if "FULLY_FILLED" in (first, second) else 40
    side = Side.LONG if is_margin else None
    more = {"kind": kind, "long": lots, "btc": Decimal(lots) / 10_000}

    def told(status: str) -> dict:
        if not status:
            return {}
        row = told_order(7, ENTRY, status=status, executed=lots, is_margin=is_margin)
        return {"orders" if status == PART else "ended": [row]}

    known = reckoned(
        ledger_of(tracked_order(7, ENTRY)),
        executions=[execution(1, 7, lots, position_side=side)],
        **told(first),
        **more,
    )
    assert ([fill.lots for fill in known.fills], known.issues) == ([lots], ())
    cash, looked = known.ledger.cash_jpy, 0
    for tick in range(1, 4):
        at = T0 + MINUTE + tick * TICK
        again = [execution(2, 7, lots, position_side=side)]
        known = reckoned(known.ledger, executions=again, at=at, **told(second), **more)
        assert (known.fills, known.ledger.lots(Side.LONG)) == ((), lots)
        assert (known.ledger.cash_jpy, numbers(known.ledger)) == (cash, [1])
        assert told_of(known, Reason.FILLS_BEYOND) == beyond(lots, "7", "2")
        assert reasons(known) == [Reason.FILLS_BEYOND]
        looked += 1
    assert looked == 3
    last = reckoned(
        known.ledger,
        executions=[execution(1, 7, lots, position_side=side)],
        at=T0 + 5 * TICK,
        **told(second),
        **more,
    )
    assert (last.fills, last.issues) == ((), ())


def test_a_second_number_is_not_remembered_and_is_booked_once_the_order_tells_of_it(reckoned):
    """Two executions of one moment are two where their order says so."""
    one, other = execution(1, 7, 40), execution(2, 7, 40)

    def row(executed: int) -> list:
        return [told_order(7, ENTRY, status=PART, executed=executed)]

    first = reckoned(ledger_of(tracked_order(7, ENTRY)), orders=row(40), executions=[one], long=40)
    second = reckoned(first.ledger, orders=row(40), executions=[one, other], long=40)
    assert (second.fills, reasons(second)) == ((), [Reason.FILLS_BEYOND])
    third = reckoned(second.ledger, orders=row(80), executions=[one, other], long=80)
    assert ([fill.execution_id for fill in third.fills], third.issues) == ([2], ())
    assert (third.ledger.lots(Side.LONG), numbers(third.ledger)) == (80, [1, 2])


def test_what_may_be_booked_already_comes_last(reckoned):
    """Number 2 is number 1 once more; what number 3 executed is booked whole, at its own price."""
    first = reckoned(
        ledger_of(tracked_order(7, ENTRY)),
        orders=[told_order(7, ENTRY, status=PART, executed=40)],
        executions=[execution(1, 7, 40)],
        long=40,
    )
    new = execution(3, 7, 30, at=T0 + 1, price=PRICE - 5)
    second = reckoned(
        first.ledger,
        ended=[told_order(7, ENTRY, status=GONE, executed=70)],
        executions=[execution(2, 7, 40), new],
        long=70,
    )
    assert [(fill.execution_id, fill.lots, fill.price) for fill in second.fills] == [
        (3, 30, PRICE - 5)
    ]
    assert told_of(second, Reason.FILLS_BEYOND) == beyond(40, "7", "2")
    assert second.ledger.lots(Side.LONG) == 70


@pytest.mark.parametrize(
    ("told_lots", "other", "booked"),
    [
        (0, {}, 40),
        (40, {}, 40),
        (60, {}, 60),
        (80, {}, 80),
        (0, {"at": T0 + 1}, 80),
        (0, {"price": PRICE + 1}, 80),
        (0, {"lots": 41}, 81),
        (0, {"order_id": 8}, 80),
    ],
)
def test_two_that_are_alike_in_one_reading_are_one_as_far_as_their_order_says(
    reckoned, told_lots, other, booked
):
    like = {"order_id": 7, "lots": 40, **other}
    orders = [
        told_order(7, ENTRY, status=PART if told_lots else "UNFILLED", executed=told_lots),
        told_order(8, ENTRY),
    ]
    known = reckoned(
        ledger_of(tracked_order(7, ENTRY), tracked_order(8, ENTRY)),
        orders=orders,
        executions=[
            execution(1, 7, 40),
            execution(2, like.pop("order_id"), like.pop("lots"), **like),
        ],
        long=booked,
    )
    assert known.ledger.lots(Side.LONG) == booked
    left = (80 if "lots" not in other else 81) - booked
    told = told_of(known, Reason.FILLS_BEYOND)
    assert told == beyond(left, "7", "2", is_part=booked == 60)


def test_an_execution_of_another_moment_is_another_one_before_its_order_says_so(reckoned):
    first = reckoned(
        ledger_of(tracked_order(7, ENTRY)),
        orders=[told_order(7, ENTRY, status=PART, executed=40)],
        executions=[execution(1, 7, 40)],
        long=40,
    )
    second = reckoned(
        first.ledger,
        orders=[told_order(7, ENTRY, status=PART, executed=40)],
        executions=[execution(1, 7, 40), execution(2, 7, 40, at=T0 + 1)],
        long=80,
    )
    assert ([fill.lots for fill in second.fills], second.issues) == ([40], ())


def test_a_close_of_ours_under_a_second_number_is_not_the_owners(reckoned):
    """Also where less is there than is booked, so that somebody must have closed it."""
    at = T0 + TICK
    first = reckoned(
        ledger_of(tracked_order(7, STOPS), lots=200),
        ended=[told_order(7, STOPS, status="FULLY_FILLED", executed=100, triggered_at=T0)],
        executions=[sold(1, 7, 100)],
        long=100,
    )
    assert [trade.lots for trade in first.trades] == [100]
    second = reckoned(first.ledger, executions=[sold(2, 7, 100)], long=40, at=at)
    assert (second.trades, second.ledger.lots(Side.LONG)) == ((), 100)
    assert reasons(second) == [Reason.FILLS_BEYOND, Reason.ACCOUNT_UNSETTLED]
    live = reckoned(
        ledger_of(
            tracked_order(7, STOPS, booked_lots=60, executed=60),
            lots=140,
            booked=(BookedExecution(number=1, at=T0),),
        ),
        orders=[told_order(7, STOPS, status=PART, executed=60, triggered_at=T0)],
        executions=[sold(2, 7, 60)],
        long=100,
        at=at,
    )
    assert (live.trades, live.ledger.lots(Side.LONG)) == ((), 140)
    assert reasons(live) == [Reason.FILLS_BEYOND, Reason.ACCOUNT_UNSETTLED]


def test_all_that_is_beyond_is_told_in_one_issue(reckoned):
    known = reckoned(
        ledger_of(tracked_order(9, ENTRY), lots=100, ended=(7,)),
        ended=[told_order(9, ENTRY, status="CANCELED_UNFILLED")],
        executions=[
            execution(1, 9, 5, at=T0 - 2),
            execution(2, 7, 60, at=T0 - 1),
            execution(3, 7, 40),
        ],
        long=100,
    )
    assert told_of(known, Reason.FILLS_BEYOND) == beyond(105, "7, 9", "1, 2, 3")
    assert known.fills == ()


# no more than an order's own amount, and of one that ended no more than it executed


@pytest.mark.parametrize(
    ("lots", "booked", "told"),
    [
        ([100], [100], []),
        ([60, 40], [60, 40], []),
        ([60, 41], [60, 40], beyond(1, "7", "2", is_part=True)),
        ([101], [100], beyond(1, "7", "1", is_part=True)),
        ([60, 40, 30], [60, 40], beyond(30, "7", "3")),
        (
            [60, 70, 30, 7],
            [60, 40],
            [*beyond(37, "7", "3, 4"), *beyond(30, "7", "2", is_part=True)],
        ),
    ],
)
@pytest.mark.parametrize("status", ["UNFILLED", "INACTIVE", PART, "unread"])
def test_of_an_order_that_may_live_no_more_is_booked_than_it_asked_for(
    reckoned, status, lots, booked, told
):
    rows = [] if status == "unread" else [told_order(7, ENTRY, status=status)]
    known = reckoned(
        ledger_of(tracked_order(7, ENTRY)),
        orders=rows,
        missing=[] if rows else [7],
        executions=[
            execution(number, 7, one, at=T0 + number) for number, one in enumerate(lots, 1)
        ],
        long=sum(booked),
    )
    assert [fill.lots for fill in known.fills] == booked
    assert known.ledger.lots(Side.LONG) == sum(booked)
    assert told_of(known, Reason.FILLS_BEYOND) == told


@pytest.mark.parametrize(
    "status", ["FULLY_FILLED", GONE, "CANCELED_UNFILLED", "REJECTED", "EXPIRED", "anything"]
)
@pytest.mark.parametrize(
    ("executed", "booked", "told"),
    [
        (0, [], beyond(90, "7", "1, 2")),
        (1, [1], [*beyond(50, "7", "2"), *beyond(39, "7", "1", is_part=True)]),
        (39, [39], [*beyond(50, "7", "2"), *beyond(1, "7", "1", is_part=True)]),
        (40, [40], beyond(50, "7", "2")),
        (41, [40, 1], beyond(49, "7", "2", is_part=True)),
        (89, [40, 49], beyond(1, "7", "2", is_part=True)),
        (90, [40, 50], []),
    ],
)
def test_of_an_order_that_ended_no_more_is_booked_than_it_executed(
    reckoned, status, executed, booked, told
):
    executions = [execution(1, 7, 40), execution(2, 7, 50, at=T0 + 1)]
    known = reckoned(
        ledger_of(tracked_order(7, ENTRY)),
        ended=[told_order(7, ENTRY, status=status, executed=executed)],
        executions=executions,
        long=executed,
    )
    assert [fill.lots for fill in known.fills] == booked
    assert known.ledger.lots(Side.LONG) == executed
    assert told_of(known, Reason.FILLS_BEYOND) == told
    assert [position.lots for position in known.positions] == ([executed] if executed else [])
    assert (known.ledger.tracked, known.ledger.ended) == ((), (7,))


def test_an_order_that_ended_stays_so_where_it_is_not_read_again(reckoned):
    ended = tracked_order(7, ENTRY, status=GONE, executed=40)
    known = reckoned(ledger_of(ended), missing=[7], executions=[execution(1, 7, 60)], long=40)
    assert ([fill.lots for fill in known.fills], known.ledger.lots(Side.LONG)) == ([40], 40)
    assert told_of(known, Reason.FILLS_BEYOND) == beyond(20, "7", "1", is_part=True)


@pytest.mark.parametrize(
    ("status", "triggered_at", "executed", "booked"),
    [
        ("CANCELED_UNFILLED", T0 - 1, 0, [100]),
        ("CANCELED_UNFILLED", None, 0, []),
        (GONE, T0 - 1, 60, [60]),
        ("FULLY_FILLED", T0 - 1, 100, [100]),
    ],
)
def test_a_stop_that_fired_and_shows_no_fill_may_have_one(
    reckoned, status, triggered_at, executed, booked
):
    """Its fills are told before its row shows them: to wait for that would leave what is gone in
    the book.
    """
    row = told_order(7, STOPS, status=status, executed=executed, triggered_at=triggered_at)
    known = reckoned(
        ledger_of(tracked_order(7, STOPS), lots=100),
        ended=[row],
        executions=[sold(1, 7, 100)],
        long=100 - sum(booked),
    )
    assert [trade.lots for trade in known.trades] == booked
    told = beyond(100 - sum(booked), "7", "1", is_part=bool(booked))
    assert told_of(known, Reason.FILLS_BEYOND) == told


@pytest.mark.parametrize("kind", ["margin", "spot"])
def test_a_part_of_an_execution_has_its_share_of_fee_and_interest(reckoned, kind):
    is_margin = kind == "margin"
    costs = {
        "fee_occurred_jpy": Decimal(50),
        "fee_jpy": Decimal(30),
        "interest_jpy": Decimal("7.5"),
        "position_side": Side.LONG if is_margin else None,
    }
    row = told_order(7, STOPS, status=GONE, executed=20, triggered_at=T0, is_margin=is_margin)
    known = reckoned(
        ledger_of(tracked_order(7, STOPS), lots=100),
        kind=kind,
        ended=[row],
        executions=[sold(1, 7, 50, **costs)],
        long=80,
        btc="0.0080",
    )
    (trade,) = known.trades
    assert trade.lots == 20
    assert (trade.fees_jpy, trade.interest_jpy) == ((20, 3) if is_margin else (12, 0))


def test_what_the_exchange_does_not_say_of_a_part_stays_unsaid(reckoned):
    """The book reckons it by the rates that it knows: of 20 lots, not of 50."""
    unsaid = {"fee_occurred_jpy": None, "interest_jpy": None, "is_maker": False}
    row = told_order(7, STOPS, status=GONE, executed=20, triggered_at=T0)
    known = reckoned(
        ledger_of(tracked_order(7, STOPS), lots=100),
        ended=[row],
        executions=[sold(1, 7, 50, **unsaid)],
        long=80,
    )
    (whole,) = reckoned(
        ledger_of(tracked_order(7, STOPS), lots=100),
        ended=[row],
        executions=[sold(1, 7, 20, **unsaid)],
        long=80,
    ).trades
    (trade,) = known.trades
    assert (trade.fees_jpy, trade.interest_jpy) == (whole.fees_jpy, whole.interest_jpy)
    assert trade.fees_jpy > 0


def test_of_what_the_owner_closed_the_book_pays_the_share_that_was_the_bots(reckoned):
    sale = execution(1, 99, 50, is_buy=False, fee_occurred_jpy=Decimal(50))
    known = reckoned(ledger_of(lots=100), executions=[sale], long=80)
    assert [(trade.lots, trade.fees_jpy) for trade in known.trades] == [(20, 20)]


@pytest.mark.parametrize("status", [PART, GONE])
def test_a_book_that_took_more_than_its_order_executed_stays_as_it_is(reckoned, status):
    """As an older version left it: nothing waits for it, and nothing is held less for it."""
    row = told_order(7, ENTRY, status=status, executed=90)
    known = reckoned(
        ledger_of(tracked_order(7, ENTRY, booked_lots=130, executed=100), lots=130),
        **{"orders" if status == PART else "ended": [row]},
        executions=[execution(1, 7, 100, at=T0)],
        long=130,
    )
    assert [position.lots for position in known.positions] == [130]
    assert [entry.lots for entry in known.positions[0].entries] == [130]
    assert known.ledger.read_at == T0 + MINUTE
    assert [one.order.order_id for one in known.ledger.tracked] == ([7] if status == PART else [])
    assert told_of(known, Reason.FILLS_BEYOND) == beyond(100, "7", "1")
    assert reasons(known) == [Reason.FILLS_BEYOND]


# closes of what the book does not hold


def idle(*more, kind: str = "margin", lots: int = 0, at: int = T0, **told):
    """A stop that closed 100 though the book holds less, and what else is told."""
    is_margin = kind == "margin"
    row = told_order(
        7, STOPS, status="FULLY_FILLED", executed=100, triggered_at=T0, is_margin=is_margin
    )
    side = Side.LONG if is_margin else None
    return {
        "ledger": ledger_of(
            *told.pop("tracked", ()), tracked_order(7, STOPS), lots=lots, **told.pop("book", {})
        ),
        "kind": kind,
        "ended": [row, *told.pop("rows", ())],
        "executions": [sold(1, 7, 100, position_side=side), *more],
        "at": at,
        **told,
    }


@pytest.mark.parametrize("kind", ["margin", "spot"])
def test_a_close_of_what_somebody_else_had_closed_is_told_once_and_ends(reckoned, kind):
    early = reckoned(**idle(kind=kind, at=T0 + LONG_AGO - 1))
    assert reasons(early) == [Reason.FILLS_LATE]
    assert (early.fills, early.ledger.read_at) == ((), 0)
    late = reckoned(**{**idle(kind=kind, at=T0 + LONG_AGO), "ledger": early.ledger})
    told = {"lots": "100", "orders": "7", "executions": "1"}
    assert told_of(late, Reason.CLOSE_BEYOND) == [(False, told)]
    assert reasons(late) == [Reason.CLOSE_BEYOND]
    assert (late.fills, late.trades, late.ledger.positions) == ((), (), ())
    assert late.ledger.cash_jpy == 200_000
    assert (late.ledger.tracked, late.ledger.ended, numbers(late.ledger)) == ((), (7,), [1])
    assert late.ledger.read_at == T0 + LONG_AGO, "everything is told"
    after = reckoned(**{**idle(kind=kind, at=T0 + LONG_AGO + TICK), "ledger": late.ledger})
    assert after.issues == ()


def test_the_bot_enters_again_once_it_has_ended(reckoned):
    """Nothing that is bought later is closed by what was told long before."""
    ended = reckoned(**idle(at=T0 + LONG_AGO)).ledger
    entry = intent_of(id="t9.entry.1")
    at = T0 + LONG_AGO + TICK
    filled = told_order(9, entry, status="FULLY_FILLED", executed=100, at=at)
    known = reckoned(
        **{
            **idle(execution(3, 9, 100, at=at - 1), at=at, long=100),
            "ledger": ended,
            "intents": [open_intent(entry, order_id=9, at=at - 9, until=at)],
            "ended": [filled],
        }
    )
    assert (known.ledger.lots(Side.LONG), known.trades, known.issues) == (100, (), ())


@pytest.mark.parametrize(
    ("disturbed", "is_ended"),
    [
        ({}, True),
        # an entry of its side has executed what is not told
        (
            {
                "tracked": [tracked_order(8, ENTRY)],
                "rows": [told_order(8, ENTRY, status="FULLY_FILLED", executed=100)],
            },
            False,
        ),
        ({"tracked": [tracked_order(8, ENTRY, status=PART, executed=1)], "missing": []}, False),
        # one that is booked whole and more, one that executed nothing, one of the other side
        ({"tracked": [tracked_order(8, ENTRY, booked_lots=130, executed=100)]}, True),
        ({"tracked": [tracked_order(8, ENTRY)], "orders": [told_order(8, ENTRY)]}, True),
        (
            {
                "tracked": [tracked_order(8, intent_of(side=Side.SHORT), status=PART, executed=1)],
                "short": 1,
            },
            True,
        ),
        # another close that is not told
        (
            {
                "tracked": [
                    tracked_order(8, intent_of(Purpose.TARGET), status=PART, executed=1),
                ]
            },
            True,
        ),
        # an order is not answered for; which order an entry is, nobody knows
        ({"missing": [8]}, False),
        ({"intents": [open_intent(intent_of(id="t0.entry.9"))]}, False),
        ({"intents": [open_intent(intent_of(Purpose.STOP, id="t0.stop.9"))]}, True),
        (
            {
                "intents": [open_intent(intent_of(id="t0.entry.9"), order_id=9)],
                "orders": [told_order(9, intent_of(id="t0.entry.9"))],
            },
            True,
        ),
    ],
)
def test_a_close_waits_while_anything_may_come_that_it_closed(reckoned, disturbed, is_ended):
    known = reckoned(**idle(at=T0 + LONG_AGO, **disturbed))
    assert (Reason.CLOSE_BEYOND in reasons(known)) is is_ended
    assert (1 in numbers(known.ledger)) is is_ended
    assert (7 in known.ledger.ended) is is_ended
    assert known.trades == ()


def test_a_close_that_waits_is_booked_once_its_entry_is_told(reckoned):
    at = T0 + LONG_AGO
    entry = {
        "tracked": [tracked_order(8, ENTRY)],
        "rows": [told_order(8, ENTRY, status="FULLY_FILLED", executed=100)],
    }
    waits = reckoned(**idle(at=at, **entry))
    assert (waits.fills, reasons(waits)) == ((), [Reason.FILLS_LATE])
    both = reckoned(
        **{
            **idle(execution(2, 8, 100, at=T0 + 1), at=at + TICK, rows=entry["rows"]),
            "ledger": waits.ledger,
        }
    )
    assert [fill.order_id for fill in both.fills] == [8], "it is told after what closed it"
    assert 1 not in numbers(both.ledger)
    last = reckoned(**{**idle(at=at + 2 * TICK, rows=entry["rows"]), "ledger": both.ledger})
    assert ([trade.lots for trade in last.trades], last.issues) == ([100], ())


def test_an_old_close_takes_nothing_that_is_held(reckoned):
    """What the book holds is closed by it, however old it is."""
    known = reckoned(**idle(at=T0 + LONG_AGO, lots=100))
    assert ([trade.lots for trade in known.trades], known.issues) == ([100], ())


@pytest.mark.parametrize("kind", ["margin", "spot"])
def test_of_a_close_that_was_larger_than_the_position_the_rest_is_told_at_once(reckoned, kind):
    known = reckoned(**idle(kind=kind, lots=30, at=T0 + MINUTE))
    assert [(trade.lots, trade.reason) for trade in known.trades] == [(30, Reason.EXIT_STOP)]
    told = {"lots": "70", "orders": "7", "executions": "1"}
    assert told_of(known, Reason.CLOSE_BEYOND) == [(False, told)]
    assert (known.ledger.tracked, known.ledger.ended) == ((), (7,))


def test_a_close_that_is_larger_than_what_is_told_of_its_entry_waits_for_the_rest(reckoned):
    whole = told_order(8, ENTRY, status="FULLY_FILLED", executed=100)
    told = {"tracked": [tracked_order(8, ENTRY)], "rows": [whole]}
    early = execution(2, 8, 30, at=T0 - 2)
    first = reckoned(**idle(early, at=T0 + MINUTE, **told))
    assert ([fill.lots for fill in first.fills], first.trades) == ([30], ())
    assert reasons(first) == [Reason.FILLS_LATE]
    assert first.positions == ()
    rest = [early, execution(3, 8, 70, at=T0 - 1)]
    second = reckoned(**{**idle(*rest, at=T0 + 2 * MINUTE, rows=[whole]), "ledger": first.ledger})
    assert second.ledger.lots(Side.LONG) == 100
    last = reckoned(**{**idle(*rest, at=T0 + 3 * MINUTE, rows=[whole]), "ledger": second.ledger})
    assert ([trade.lots for trade in last.trades], last.positions, last.issues) == ([100], (), ())


@pytest.mark.parametrize("held", [40, 41, 100])
def test_a_close_of_no_more_than_is_held_waits_for_nothing(reckoned, held):
    part = told_order(7, STOPS, status=GONE, executed=40, triggered_at=T0)
    entry = told_order(8, ENTRY, status=PART, executed=10)
    known = reckoned(
        ledger_of(tracked_order(8, ENTRY), tracked_order(7, STOPS), lots=held),
        ended=[part],
        orders=[entry],
        executions=[sold(1, 7, 40)],
        long=held - 30,
    )
    assert [trade.lots for trade in known.trades] == [40]
    assert reasons(known) == [Reason.FILLS_LATE]


def test_of_a_close_that_waits_no_more_is_counted_than_it_executed(reckoned):
    known = reckoned(**idle(sold(2, 7, 100, at=T0 + 1), at=T0 + LONG_AGO + 1))
    told = {"lots": "100", "orders": "7", "executions": "1"}
    assert told_of(known, Reason.CLOSE_BEYOND) == [(False, told)]
    after = reckoned(
        **{**idle(sold(2, 7, 100, at=T0 + 1), at=T0 + LONG_AGO + TICK), "ledger": known.ledger}
    )
    assert told_of(after, Reason.FILLS_BEYOND) == beyond(100, "7", "2")


def test_a_close_of_a_stop_that_shows_no_fill_is_not_lost(reckoned):
    """Its row may never show what was told once."""
    fired = told_order(7, STOPS, status="CANCELED_UNFILLED", triggered_at=T0)
    told = {"ended": [fired], "executions": [sold(1, 7, 100)]}
    first = reckoned(ledger_of(tracked_order(7, STOPS)), at=T0 + LONG_AGO - 1, **told)
    assert (first.fills, first.issues) == ((), ())
    second = reckoned(first.ledger, at=T0 + LONG_AGO, **told)
    assert told_of(second, Reason.CLOSE_BEYOND) == [
        (False, {"lots": "100", "orders": "7", "executions": "1"})
    ]


def test_a_close_that_lies_in_the_future_was_not_long_ago(reckoned):
    known = reckoned(**idle(at=T0 - 1))
    assert reasons(known) == [Reason.FILLS_LATE]


def test_closes_in_parts_end_each_in_its_time(reckoned):
    parts = {
        "executions": [sold(1, 7, 60), sold(2, 7, 40, at=T0 + 1)],
        "ended": [told_order(7, STOPS, status="FULLY_FILLED", executed=100, triggered_at=T0)],
    }
    first = reckoned(ledger_of(tracked_order(7, STOPS)), at=T0 + LONG_AGO, **parts)
    assert [one["lots"] for _, one in told_of(first, Reason.CLOSE_BEYOND)] == ["60"]
    assert [one.booked_lots for one in first.ledger.tracked] == [60]
    second = reckoned(first.ledger, at=T0 + LONG_AGO + 1, **parts)
    assert [one["lots"] for _, one in told_of(second, Reason.CLOSE_BEYOND)] == ["40"]
    assert (second.ledger.tracked, numbers(second.ledger)) == ((), [1, 2])


def test_a_close_that_waits_holds_up_the_proof_of_a_lost_entry_and_not_for_ever(reckoned):
    """What is open is not disproved while not everything is told; a person settles it by name."""
    lost = open_intent(intent_of(id="t0.entry.9"))
    known = reckoned(**idle(at=T0 + LONG_AGO, intents=[lost]))
    assert known.fates == {"t0.entry.9": Fate.OPEN}
    settled = reckoned(**{**idle(at=T0 + LONG_AGO + TICK), "ledger": known.ledger})
    assert reasons(settled) == [Reason.CLOSE_BEYOND]
