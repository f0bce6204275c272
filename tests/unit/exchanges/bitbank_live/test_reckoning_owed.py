"""What bitbank tells late of money, coins and orders: losses that it has not taken from the yen
yet, coins that an unseen order holds, sums that it rounds by itself.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.reasons import Reason
from shared.core.types import AccountKind, Purpose, Side
from shared.exchanges.bitbank.live.aside import QUIET_MS
from shared.exchanges.bitbank.live.delays import APART_MS, LAG_MS
from shared.exchanges.bitbank.live.reckoning import reckon
from shared.exchanges.bitbank.margin_answers import MarginAccount
from tests.unit.exchanges.bitbank_live.conftest import (
    MINUTE,
    T0,
    execution,
    intent_of,
    ledger_of,
    reading_of,
    told_order,
    tracked_order,
)

NOW = T0 + MINUTE
STOPS = intent_of(Purpose.STOP)
ENTRY = intent_of()
KNOWN = {"aside_jpy": Decimal(800_000), "aside_btc": Decimal(0)}


def margin_of(cost: int | str) -> MarginAccount:
    none = Decimal(0)
    return MarginAccount(
        status="NORMAL",
        total_jpy=none,
        profit_jpy=none,
        cost_jpy=Decimal(cost),
        positions_jpy=none,
        orders_jpy=none,
        maintenance_jpy=none,
        orders_maintenance_jpy=none,
        percentage=None,
        call_percentage=None,
        losscut_percentage=None,
        available_long_jpy=none,
        available_short_jpy=none,
    )


def due(reading, *, fee=0, interest=0, side="long"):
    """With what its positions will cost."""
    if reading.positions is None:
        raise AssertionError("only on margin")
    held = replace(
        getattr(reading.positions, side), fee_jpy=Decimal(fee), interest_jpy=Decimal(interest)
    )
    return replace(reading, positions=replace(reading.positions, **{side: held}))


def understood(reading, ledger, kind="margin"):
    return reckon(reading, ledger=ledger, intents=(), kind=AccountKind(kind))


@pytest.mark.parametrize(
    ("cost", "fee", "interest", "side", "beyond"),
    [
        (0, 0, 0, "long", 800_000),
        (500, 0, 0, "long", 799_500),
        (500, 100, 0, "long", 799_600),
        (500, 0, 70, "short", 799_570),
        (500, 100, 70, "long", 799_670),
        (170, 100, 70, "short", 800_000),
        (169, 100, 70, "long", 800_000),
    ],
)
def test_what_closes_have_lost_and_nobody_took_yet_is_not_there(cost, fee, interest, side, beyond):
    reading = due(reading_of(), fee=fee, interest=interest, side=side)
    known = understood(replace(reading, margin=margin_of(cost)), ledger_of())
    assert known.ledger.traces.jpy == beyond


def test_on_spot_and_where_nobody_asked_nothing_is_owed():
    assert understood(reading_of(), ledger_of()).ledger.traces.jpy == 800_000
    spot = replace(reading_of(is_margin=False), margin=margin_of(500))
    assert understood(spot, ledger_of(), "spot").ledger.traces.jpy == 800_000


@pytest.mark.parametrize(
    ("jpy", "is_drift"),
    [
        ("1000000.9999", False),
        ("999999.0001", False),
        ("1000001", True),
        ("999999", True),
        ("1000000", False),
    ],
)
def test_a_yen_is_the_least_that_comes_or_goes(jpy, is_drift):
    known = understood(reading_of(jpy=jpy), ledger_of(**KNOWN))
    assert (known.ledger.drift is not None) is is_drift


@pytest.mark.parametrize(
    ("second", "is_told"),
    [
        ("1000500", True),
        ("1000500.9999", True),
        ("1000499.0001", True),
        ("1000501", False),
        ("1000499", False),
    ],
)
def test_two_ticks_that_see_the_same_to_the_yen_have_seen_the_same(second, is_told):
    first = understood(reading_of(jpy="1000500"), ledger_of(**KNOWN)).ledger
    later = understood(reading_of(jpy=second, at=NOW + APART_MS + QUIET_MS), first)
    told = [one.context for one in later.issues if one.reason is Reason.MONEY_MOVED]
    assert told == ([{"jpy": f"{Decimal(second) - 1_000_000:f}", "btc": "0"}] if is_told else [])


@pytest.mark.parametrize("moved", ["-0.25", "0.25"])
def test_coins_that_come_or_go_are_noted_and_told_alike(moved):
    known = {"aside_jpy": Decimal(800_000), "aside_btc": Decimal(1)}
    coins = 1 + Decimal(moved)
    first = understood(reading_of(btc=coins), ledger_of(**known)).ledger
    assert first.drift is not None
    later = understood(reading_of(btc=coins, at=NOW + APART_MS + QUIET_MS), first)
    assert [one.context["btc"] for one in later.issues] == [moved]
    for other in ("0.1", "-0.1"):
        again = understood(
            reading_of(btc=coins + Decimal(other), at=NOW + APART_MS + QUIET_MS), first
        )
        assert again.issues == ()
    for other in (2, -2):
        yen = reading_of(btc=coins, jpy=1_000_000 + other, at=NOW + APART_MS + QUIET_MS)
        assert understood(yen, first).issues == ()


def with_free(reading, btc):
    return replace(
        reading,
        balances=replace(
            reading.balances, btc=replace(reading.balances.btc, free=Decimal(str(btc)))
        ),
    )


@pytest.mark.parametrize(
    ("free", "status", "closable"),
    [
        ("0.0100", "CANCELED_UNFILLED", 100),
        ("0.0100", "INACTIVE", 100),
        ("0.0040", "INACTIVE", 100),
        ("0.0020", "INACTIVE", 80),
        ("0.0000", "INACTIVE", 60),
        ("0.0040", "CANCELED_UNFILLED", 40),
    ],
)
def test_coins_that_an_unknown_order_holds_cannot_be_closed(free, status, closable):
    stop = intent_of(Purpose.STOP, 60)
    ledger = ledger_of(tracked_order(7, stop, status=status), lots=100)
    told = told_order(7, stop, status=status, is_margin=False)
    is_live = status == "INACTIVE"
    reading = reading_of(
        is_margin=False,
        btc="0.0100",
        orders=[told] if is_live else [],
        ended=[] if is_live else [told],
    )
    known = understood(with_free(reading, free), ledger, "spot")
    assert known.there_lots == {Side.LONG: closable, Side.SHORT: 0}


def test_an_entry_that_rests_holds_no_coins():
    told = told_order(7, ENTRY, is_margin=False)
    ledger = ledger_of(tracked_order(7, ENTRY), lots=100)
    reading = with_free(reading_of(is_margin=False, btc="0.0100", orders=[told]), "0.0030")
    assert understood(reading, ledger, "spot").there_lots[Side.LONG] == 30


def test_on_margin_all_that_shows_can_be_closed():
    known = understood(with_free(reading_of(long=100, short=7), "0"), ledger_of(lots=100))
    assert known.there_lots == {Side.LONG: 100, Side.SHORT: 7}


def test_what_is_not_told_yet_excuses_its_own_side_alone():
    filled = told_order(7, ENTRY, status="PARTIALLY_FILLED", executed=1)
    ledger = ledger_of(tracked_order(7, ENTRY), lots=50)
    reasons = {
        side: [one.context["side"] for one in known.issues if "side" in one.context]
        for side, known in {
            "long": understood(reading_of(orders=[filled], long=7), ledger),
            "short": understood(reading_of(orders=[filled], long=51, short=7), ledger),
        }.items()
    }
    assert reasons == {"long": [], "short": ["short"]}


def test_what_is_booked_before_its_order_says_so_excuses_nothing():
    ahead = tracked_order(7, ENTRY, booked_lots=10)
    resting = told_order(7, ENTRY)
    known = understood(reading_of(orders=[resting], long=49), ledger_of(ahead, lots=50))
    assert [one.context.get("side") for one in known.issues] == ["long"]


@pytest.mark.parametrize(("age", "is_excused"), [(LAG_MS - 1, True), (LAG_MS, False)])
def test_an_order_that_has_ended_is_ours_still_and_excuses_what_does_not_show(age, is_excused):
    ledger = ledger_of(ended=(7,), lots=100)
    told = execution(1, 7, 100, at=NOW - age)
    booked = understood(reading_of(executions=[told], long=0), ledger)
    told_of = [one for one in booked.issues if one.context.get("side") == "long"]
    assert bool(told_of) is not is_excused


def test_a_sale_of_an_order_of_ours_that_has_ended_is_no_strangers():
    ledger = ledger_of(ended=(7,), lots=100)
    sold = execution(1, 7, 100, is_buy=False, at=NOW - 2 * LAG_MS)
    assert understood(reading_of(executions=[sold], long=0), ledger).trades == ()
    other = execution(1, 8, 100, is_buy=False, at=NOW - 2 * LAG_MS)
    (trade,) = understood(reading_of(executions=[other], long=0), ledger).trades
    assert trade.reason is Reason.EXIT_MANUAL
