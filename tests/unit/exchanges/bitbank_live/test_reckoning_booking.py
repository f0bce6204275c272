"""What is booked, and that it is booked once."""

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
