"""Costs by hand: every part of them alone, on both kinds of account, in floats and exactly."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from shared.core import costs
from shared.core.types import AccountKind, PairRules, Side

LONG, SHORT = Side.LONG, Side.SHORT
RULES = PairRules(
    maker_fee_rate=Decimal("0.001"),
    taker_fee_rate=Decimal("0.002"),
    long_interest_rate_day=Decimal("0.0004"),
    short_interest_rate_day=Decimal("0.0006"),
)


@pytest.fixture
def settings(made):
    """A spread of 0.0008, a slippage of 0.0005, a day of interest at most."""

    def making(*, account=AccountKind.MARGIN, hold=95, **more):
        return made.settings(
            account=account,
            paper={"spread_rate": 0.0008, "slippage_rate": 0.0005},
            risk={"max_hold_candles": hold, "max_leverage": 1.0},
            **more,
        )

    return making


def test_what_the_paper_market_charges_is_what_the_settings_say(made):
    paper = made.settings(
        paper={"spread_rate": 0.0008, "slippage_rate": 0.0005, "volume_share": 0.25}
    ).paper
    assert costs.assumed_costs(paper) == costs.Costs(
        spread_rate=Decimal("0.0008"),
        slippage_rate=Decimal("0.0005"),
        volume_share=Decimal("0.25"),
    )


@pytest.mark.parametrize(
    ("account", "side", "target", "interest"),
    [
        (AccountKind.MARGIN, LONG, 0.001, 0.0004),
        (AccountKind.MARGIN, SHORT, 0.001, 0.0006),
        (AccountKind.SPOT, LONG, 0.0029, 0.0),
    ],
)
def test_a_trade_pays_its_entry_its_way_out_and_what_it_owes(
    settings, account, side, target, interest
):
    told = costs.rates(rules=RULES, side=side, book=None, settings=settings(account=account))
    assert (told.entry, told.target) == pytest.approx((0.001, target), abs=1e-15)
    assert (told.crossing, told.interest) == pytest.approx((0.0029, interest), abs=1e-15)


def test_where_a_book_is_known_its_own_spread_is_paid_and_never_a_negative_one(made, settings):
    wide = costs.rates(
        rules=RULES, side=LONG, book=made.book(9_990_000, 10_010_000), settings=settings()
    )
    assert wide.crossing == pytest.approx(0.0035, abs=1e-12)
    crossed = costs.rates(
        rules=RULES, side=LONG, book=made.book(10_010_000, 9_990_000), settings=settings()
    )
    assert crossed.crossing == pytest.approx(0.0025, abs=1e-15)


@pytest.mark.parametrize(("candles", "days"), [(1, 1), (95, 1), (96, 2), (191, 2), (192, 3)])
def test_interest_is_owed_for_every_day_that_the_longest_holding_starts(settings, candles, days):
    told = settings(hold=candles)
    assert costs.longest_days(told) == days
    assert costs.rates(rules=RULES, side=LONG, book=None, settings=told).interest == pytest.approx(
        days * 0.0004
    )
    assert costs.holding_rate(rules=RULES, side=SHORT, settings=told) == days * Decimal("0.0006")
    assert costs.holding_rate(rules=RULES, side=LONG, settings=told) == days * Decimal("0.0004")
    rows = costs.rates_at_best(
        rules=RULES, close=np.array([1e7, 1e7]), long=np.array([True, False]), settings=told
    )
    assert rows.interest == pytest.approx([days * 0.0004, days * 0.0006], abs=1e-15)
    spot = settings(hold=candles, account=AccountKind.SPOT)
    assert costs.holding_rate(rules=RULES, side=LONG, settings=spot) == 0


@pytest.mark.parametrize("account", AccountKind)
def test_rates_of_many_rows_are_those_of_one_at_the_narrowest_spread(settings, account):
    told = settings(account=account)
    close = np.array([10_000_000.0, 10_000.0, 10_000_000.0])
    long = np.array([True, True, False])
    rows = costs.rates_at_best(rules=RULES, close=close, long=long, settings=told)
    half = [0.0004 - 2e-7, 0.0004 - 2e-4, 0.0004 - 2e-7]
    assert rows.crossing == pytest.approx([0.0025 + part for part in half], abs=1e-15)
    assert rows.entry == 0.001
    if account is AccountKind.MARGIN:
        assert rows.target.tolist() == [0.001] * 3
        assert rows.interest == pytest.approx([0.0004, 0.0004, 0.0006], abs=1e-15)
    else:
        assert rows.target.tolist() == rows.crossing.tolist()
        assert rows.interest.tolist() == [0.0] * 3
    tiny = costs.rates_at_best(
        rules=RULES, close=np.array([1_000.0]), long=np.array([True]), settings=told
    )
    assert tiny.crossing == pytest.approx([0.0025], abs=1e-15), "half a spread is never negative"


def test_leaving_pays_the_taker_fee_the_slippage_and_half_the_spread(made, settings):
    told = settings()
    assert costs.leaving_rate(rules=RULES, book=None, settings=told) == Decimal("0.0029")
    wide = made.book(9_990_000, 10_010_000)
    assert costs.leaving_rate(rules=RULES, book=wide, settings=told) == Decimal("0.0035")
    crossed = made.book(10_010_000, 9_990_000)
    assert costs.leaving_rate(rules=RULES, book=crossed, settings=told) == Decimal("0.0025")


@pytest.mark.parametrize(
    ("account", "fee", "prepaid"),
    [
        (AccountKind.MARGIN, "0.001", "0"),
        (AccountKind.SPOT, "0.001", "0.001"),
        (AccountKind.SPOT, "-0.0002", "0"),
    ],
)
def test_only_on_spot_a_fee_is_taken_with_the_price_and_a_rebate_never_is(
    settings, account, fee, prepaid
):
    assert costs.prepaid_rate(Decimal(fee), settings(account=account)) == Decimal(prepaid)


@pytest.mark.parametrize(("price", "stop"), [(1_000_000, 990_000), (990_000, 1_000_000)])
def test_a_stop_loses_the_distance_and_what_leaving_there_costs(settings, price, stop):
    told = costs.stop_loss_per_lot(
        price=price, stop=stop, rules=RULES, book=None, settings=settings()
    )
    assert told == (10_000 + stop * Decimal("0.0029")) / 10_000


@pytest.mark.parametrize(
    ("given", "maker", "taker"),
    [
        ({}, "0.001", "0.002"),
        ({"maker_fee_rate": 0.0003}, "0.0003", "0.002"),
        ({"taker_fee_rate": 0.0007}, "0.001", "0.0007"),
    ],
)
def test_a_replay_puts_its_own_fees_in_the_place_of_those_that_are_stated(
    settings, given, maker, taker
):
    told = costs.assumed_rules(settings(replay=given), RULES)
    assert (told.maker_fee_rate, told.taker_fee_rate) == (Decimal(maker), Decimal(taker))
    assert replace(told, maker_fee_rate=Decimal(0), taker_fee_rate=Decimal(0)) == replace(
        RULES, maker_fee_rate=Decimal(0), taker_fee_rate=Decimal(0)
    )
    unsaid = costs.assumed_rules(settings(replay=given))
    assert unsaid.long_interest_rate_day == PairRules().long_interest_rate_day
