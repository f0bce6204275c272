"""When a lost order is disproved, and how long one that was never seen is waited for."""

import pytest

from shared.core.frozen import copy_with
from shared.core.types import Fate, Purpose, Traces
from tests.unit.exchanges.bitbank_live.conftest import (
    T0,
    TICK,
    intent_of,
    ledger_of,
    open_intent,
    told_order,
)

ENTRY, STOPS = intent_of(), intent_of(Purpose.STOP)
UNTIL = T0 + 170_000


@pytest.fixture
def looked(reckoned) -> Traces:
    """What the first whole reading after its time showed."""
    return reckoned(at=T0 + TICK).ledger.traces


# an entry


def test_the_first_look_proves_nothing_however_late_it_is(reckoned):
    known = reckoned(intents=[open_intent(ENTRY)], at=T0 + 100 * TICK)
    assert known.fates == {ENTRY.id: Fate.OPEN}


@pytest.mark.parametrize(("apart", "fate"), [(119_999, Fate.OPEN), (120_000, Fate.ABSENT)])
def test_the_two_looks_are_two_minutes_apart(reckoned, looked, apart, fate):
    at = T0 + 10 * TICK
    written = open_intent(ENTRY, looked=copy_with(looked, read_at=at - apart))
    assert reckoned(intents=[written], at=at).fates == {ENTRY.id: fate}


def test_a_clock_that_went_back_disproves_nothing(reckoned, looked):
    written = open_intent(ENTRY, looked=copy_with(looked, read_at=T0 + 10 * TICK + 1))
    assert reckoned(intents=[written], at=T0 + 10 * TICK).fates == {ENTRY.id: Fate.OPEN}


def test_what_came_and_went_between_the_looks_disproves_nothing(reckoned, looked):
    """The same as before it was sent, but something was there when it was looked at first."""
    for changed in ({"long_lots": 1}, {"jpy": looked.jpy - 1}, {"strangers": (60,)}):
        written = open_intent(ENTRY, looked=copy_with(looked, **changed))
        known = reckoned(intents=[written], at=T0 + 3 * TICK)
        assert known.fates == {ENTRY.id: Fate.OPEN}
    assert reckoned(intents=[open_intent(ENTRY, looked=looked)], at=T0 + 3 * TICK).fates == {
        ENTRY.id: Fate.ABSENT
    }


# an order that protects


@pytest.mark.parametrize("early", [0, 1, 3_000, 100_000])
def test_a_lost_stop_is_not_given_up_before_bitbank_has_surely_worked_on_it(reckoned, early):
    at = UNTIL + 3_000 - early
    known = reckoned(ledger_of(lots=100), [open_intent(STOPS)], long=100, at=at)
    assert (known.fates, known.ledger.unseen) == ({STOPS.id: Fate.OPEN}, ())


@pytest.mark.parametrize(("late", "is_kept"), [(899_999, True), (900_000, False), (900_001, False)])
def test_without_a_position_a_stop_that_was_never_seen_is_waited_for_a_quarter_of_an_hour(
    reckoned, late, is_kept
):
    unseen = open_intent(STOPS)
    known = reckoned(ledger_of(unseen=(unseen,)), at=UNTIL + late)
    assert known.ledger.unseen == ((unseen,) if is_kept else ())


@pytest.mark.parametrize(
    ("held", "is_kept"), [({"lots": 1}, True), ({"lots": 1, "side": "short"}, False)]
)
def test_it_is_waited_for_as_long_as_its_position_is_held(reckoned, held, is_kept):
    unseen = open_intent(STOPS)
    side = type(STOPS.side)(held.get("side", "long"))
    known = reckoned(
        ledger_of(lots=held["lots"], side=side, unseen=(unseen,)),
        at=UNTIL + 100 * TICK,
        **{str(side): held["lots"]},
    )
    assert known.ledger.unseen == ((unseen,) if is_kept else ())


def test_the_last_four_that_were_never_seen_are_waited_for(reckoned):
    lost = [
        open_intent(intent_of(Purpose.STOP, id=f"t1.stop.{number}"), at=T0 + number)
        for number in range(6)
    ]
    old, new = lost[:3], lost[3:]
    known = reckoned(ledger_of(lots=100, unseen=tuple(old)), new, long=100, at=T0 + 2 * TICK)
    assert known.ledger.unseen == tuple(lost[-4:])
    assert set(known.fates.values()) == {Fate.ABSENT}
    fewer = reckoned(ledger_of(lots=100, unseen=tuple(old)), long=100, at=T0 + 2 * TICK)
    assert fewer.ledger.unseen == tuple(old)


def test_one_that_shows_at_last_is_waited_for_no_longer_and_the_others_are(reckoned):
    other = intent_of(Purpose.STOP, id="t1.stop.2", trigger_price=9_600_000)
    unseen = (open_intent(STOPS), open_intent(other))
    known = reckoned(
        ledger_of(lots=100, unseen=unseen),
        orders=[told_order(51, STOPS, status="INACTIVE")],
        long=100,
        at=T0 + 2 * TICK,
    )
    assert known.ledger.unseen == unseen[1:]
