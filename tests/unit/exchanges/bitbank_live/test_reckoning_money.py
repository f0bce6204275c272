"""When money or coins that came or went are told, and what is noted of them."""

from decimal import Decimal

import pytest

from shared.core.reasons import Reason
from shared.core.types import Purpose
from tests.unit.exchanges.bitbank_live.conftest import (
    T0,
    TICK,
    execution,
    intent_of,
    ledger_of,
    told_order,
    tracked_order,
)

STOPS = intent_of(Purpose.STOP)
AT = T0 + 10 * TICK
LATER = AT + TICK


def moved(known) -> list[dict[str, str]]:
    return [issue.context for issue in known.issues if issue.reason is Reason.MONEY_MOVED]


def aside(known) -> tuple[Decimal | None, Decimal | None]:
    return known.ledger.aside_jpy, known.ledger.aside_btc


@pytest.mark.parametrize(
    ("now", "context"),
    [
        ({"jpy": 1_500_000}, {"jpy": "500000", "btc": "0"}),
        ({"jpy": 400_000}, {"jpy": "-600000", "btc": "0"}),
        ({"btc": "0.25"}, {"jpy": "0", "btc": "0.25"}),
        ({"jpy": 999_999, "btc": "2"}, {"jpy": "-1", "btc": "2"}),
    ],
)
def test_what_came_or_went_is_told_once_and_noted(reckoned, now, context):
    first = reckoned(reckoned().ledger, at=AT, **now)
    assert (moved(first), aside(first)) == ([], (800_000, 0))
    second = reckoned(first.ledger, at=LATER, **now)
    assert moved(second) == [context]
    noted = (
        800_000 + Decimal(context["jpy"]),
        Decimal(context["btc"]),
    )
    assert (aside(second), second.ledger.drift) == (noted, None)
    third = reckoned(second.ledger, at=LATER + TICK, **now)
    assert (third.issues, aside(third)) == ((), noted)


@pytest.mark.parametrize("other", [{"jpy": 1_499_999}, {"jpy": 1_500_001}, {"btc": "0.0001"}])
def test_what_is_another_amount_by_then_is_waited_for_anew(reckoned, other):
    first = reckoned(reckoned().ledger, jpy=1_500_000, at=AT)
    told = {"jpy": 1_500_000, **other}
    second = reckoned(first.ledger, at=LATER, **told)
    assert (moved(second), aside(second)) == ([], (800_000, 0))
    assert second.ledger.drift == second.ledger.traces
    third = reckoned(second.ledger, at=LATER + TICK, **told)
    assert len(moved(third)) == 1


@pytest.mark.parametrize(("apart", "is_told"), [(119_999, False), (120_000, True), (-1, False)])
def test_two_ticks_have_to_see_it_by_a_clock_that_does_not_go_back(reckoned, apart, is_told):
    first = reckoned(reckoned().ledger, jpy=1_500_000, at=AT)
    second = reckoned(first.ledger, jpy=1_500_000, at=AT + apart)
    assert bool(moved(second)) is is_told
    assert second.ledger.drift == (None if is_told else first.ledger.drift)


@pytest.mark.parametrize(
    ("ages", "is_told"),
    [
        ([-1], False),
        ([299_999], False),
        ([300_000], True),
        ([900_000, 299_999], False),
        ([900_000, 300_000], True),
    ],
)
def test_nothing_was_executed_for_five_minutes(reckoned, ages, is_told):
    first = reckoned(reckoned().ledger, jpy=1_500_000, at=AT)
    bought = [execution(number, 99, 5, at=LATER - age) for number, age in enumerate(ages, 1)]
    second = reckoned(first.ledger, jpy=1_500_000, executions=bought, at=LATER)
    assert bool(moved(second)) is is_told


def test_nothing_is_told_by_a_reading_that_is_not_whole(reckoned):
    ledger = ledger_of(tracked_order(7, STOPS), lots=100)
    told = {"orders": [told_order(7, STOPS, status="INACTIVE")], "long": 100}
    before = reckoned(ledger, **told).ledger
    first = reckoned(before, jpy=1_500_000, at=AT, **told)
    part = reckoned(first.ledger, jpy=1_500_000, long=100, missing=[7], at=LATER)
    assert (moved(part), aside(part)) == ([], (800_000, 0))
    whole = reckoned(part.ledger, jpy=1_500_000, at=LATER + TICK, **told)
    assert len(moved(whole)) == 1


@pytest.mark.parametrize(
    "known",
    [{"aside_jpy": Decimal(1)}, {"aside_btc": Decimal(1)}, {}],
)
def test_what_is_not_known_of_both_is_noted_first(reckoned, known):
    first = reckoned(ledger_of(**known), btc="2")
    assert (aside(first), first.issues, first.ledger.drift) == ((800_000, 2), (), None)
