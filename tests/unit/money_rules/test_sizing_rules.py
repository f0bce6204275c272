"""Sizes by hand: every limit alone, at its last lot."""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.reasons import Reason
from shared.core.types import AccountKind, PairRules, Side
from shared.risk import sizing
from shared.risk.sizing import Prices

LONG, SHORT = Side.LONG, Side.SHORT
RULES = PairRules(
    maker_fee_rate=Decimal("0.001"),
    taker_fee_rate=Decimal("0.002"),
    long_interest_rate_day=Decimal("0.0004"),
    short_interest_rate_day=Decimal("0.0006"),
)
FREE = PairRules(
    taker_fee_rate=Decimal(0), long_interest_rate_day=Decimal(0), short_interest_rate_day=Decimal(0)
)
WHERE = Prices(entry=1_000_000, stop=990_000, target=1_010_000)


@pytest.fixture
def settings(made):
    """No slippage and no spread; risk is what is given."""

    def making(*, account=AccountKind.MARGIN, paper=None, **risk):
        plain = {
            "risk_per_trade": 0.01,
            "max_leverage": 1.0,
            "max_hold_candles": 95,
            "kelly_fraction": 0.0,
        }
        return made.settings(
            account=account,
            paper=paper or {"spread_rate": 0.0, "slippage_rate": 0.0},
            risk={**plain, **risk},
        )

    return making


@pytest.fixture
def size(made, settings):
    def sizing_(
        *, owner=None, rules=FREE, where=WHERE, side=LONG, book=None, kelly=None, told=None, **more
    ):
        return sizing.size(
            side=side,
            where=where,
            kelly=kelly,
            account=owner or made.owner(),
            rules=rules,
            book=book,
            settings=told or settings(**more.pop("with_settings", {})),
            **more,
        )

    return sizing_


@pytest.mark.parametrize(
    ("side", "factor", "stop", "target"),
    [
        (LONG, 1.0, 998_499, 1_003_001),  # 1,000.1 x 1.5 and x 3
        (SHORT, 1.0, 1_001_501, 996_999),
        (LONG, 2.0, 996_999, 1_006_001),
        (SHORT, 0.5, 1_000_751, 998_499),
    ],
)
def test_stop_and_target_lie_their_ranges_away_rounded_outwards(
    settings, side, factor, stop, target
):
    told = settings(stop_atr=1.5, target_atr=3.0)
    where = sizing.prices(side=side, entry=1_000_000, atr_jpy=1000.1, settings=told, factor=factor)
    assert where == Prices(entry=1_000_000, stop=stop, target=target)
    if factor == 1.0:
        assert sizing.prices(side=side, entry=1_000_000, atr_jpy=1000.1, settings=told) == where


@pytest.mark.parametrize(
    ("capital", "equity", "share", "used"),
    [
        (1000, 2000, 1.0, "1000"),
        (2000, 1000, 1.0, "1000"),
        (1000, 1000, 0.1, "100"),
        (1000, -5, 1.0, "0"),
        (1, 1, 0.33333, "0.3333"),
    ],
)
def test_what_sizing_works_with_is_the_lesser_of_capital_and_equity_and_the_stages_share(
    made, settings, capital, equity, share, used
):
    owner = made.owner(capital, equity_jpy=Decimal(equity))
    told = replace(settings(), stages={"paper": share, "live": 0.5})
    assert sizing.capital_in_use(owner, told) == Decimal(used)


@pytest.mark.parametrize(
    ("side", "account", "rules", "book", "paper", "loss"),
    [
        # a lot: 0.0001 x (10,000 of distance + what is paid of the stop on leaving + what is paid
        # of the entry)
        (LONG, "margin", FREE, None, {}, "1"),
        (SHORT, "margin", FREE, None, {}, "1"),
        (
            LONG,
            "margin",
            RULES,
            None,
            {},
            "1.338",
        ),  # 990,000 x 0.2 % + 1,000,000 x (0.1 % + 0.04 %)
        (SHORT, "margin", RULES, None, {}, "1.358"),
        (LONG, "spot", RULES, None, {}, "1.298"),
        (LONG, "margin", FREE, None, {"slippage_rate": 0.01}, "1.99"),
        (LONG, "margin", FREE, None, {"spread_rate": 0.01}, "1.495"),
        (LONG, "margin", FREE, (995_000, 1_005_000), {"spread_rate": 0.5}, "1.495"),
        (LONG, "margin", replace(FREE, maker_fee_rate=Decimal("-0.01")), None, {}, "1"),
        (LONG, "margin", replace(FREE, taker_fee_rate=Decimal("-0.001")), None, {}, "0.901"),
    ],
)
def test_the_loss_of_a_lot_is_the_distance_and_all_that_leaving_costs(
    made, settings, side, account, rules, book, paper, loss
):
    told = settings(account=account, paper={"spread_rate": 0.0, "slippage_rate": 0.0, **paper})
    where = replace(WHERE, stop=990_000)
    if side is SHORT:
        where = Prices(entry=1_000_000, stop=1_010_000, target=990_000)
    made_book = None if book is None else made.book(*book)
    lost = sizing.loss_per_lot(side=side, where=where, rules=rules, book=made_book, settings=told)
    if side is SHORT and rules is RULES:
        assert lost == Decimal("1.362")  # 1,010,000 x 0.2 % + 1,000,000 x (0.1 % + 0.06 %)
    else:
        assert lost == Decimal(loss)


def test_a_book_that_is_crossed_takes_nothing_from_the_loss(made, settings):
    lost = sizing.loss_per_lot(
        side=LONG, where=WHERE, rules=FREE, book=made.book(1_010_000, 990_000), settings=settings()
    )
    assert lost == 1


@pytest.mark.parametrize(("candles", "interest_days"), [(95, 1), (96, 2), (191, 2), (192, 3)])
def test_interest_is_reckoned_for_every_day_that_the_longest_holding_starts(
    settings, candles, interest_days
):
    rules = replace(FREE, long_interest_rate_day=Decimal("0.001"))
    lost = sizing.loss_per_lot(
        side=LONG, where=WHERE, rules=rules, book=None, settings=settings(max_hold_candles=candles)
    )
    assert lost == 1 + Decimal("0.1") * interest_days


@pytest.mark.parametrize(
    ("account", "most", "used"),
    [("margin", 1.5, "1.5"), ("margin", 0.5, "0.5"), ("spot", 0.5, "0.5"), ("spot", 1.0, "1")],
)
def test_leverage_is_the_setting(settings, account, most, used):
    assert sizing.leverage(settings(account=account, max_leverage=most)) == Decimal(used)


def test_on_spot_leverage_is_never_more_than_the_money(settings):
    spot, lent = settings(account=AccountKind.SPOT), settings(max_leverage=2.0)
    assert sizing.leverage(replace(spot, risk=lent.risk)) == 1


def test_a_year_has_2190_times_four_hours():
    assert sizing.annual_volatility(0.01) == Decimal("0.01") * Decimal(2190).sqrt()


@pytest.mark.parametrize(
    ("p_vote", "share"),
    [(None, "0"), (0.0, "0"), (0.4, "0"), (0.5, "0"), (0.75, "0.5"), (1.0, "1"), (1.5, "1")],
)
def test_a_vote_leaves_nothing_at_half_and_all_at_certainty(p_vote, share):
    assert sizing.vote_share(p_vote) == Decimal(share)


@pytest.mark.parametrize(
    ("capital", "risk", "lots"),
    [
        (100, 0.01, 1),
        (199, 0.01, 1),
        (200, 0.01, 2),
        (99, 0.01, 0),
        (1000, 0.1, 100),
    ],  # a lot loses 1 yen and costs 100
)
def test_the_risk_of_a_trade_gives_whole_lots_rounded_down(made, size, capital, risk, lots):
    owner = made.owner(capital, available_jpy=Decimal(10**9))
    found = size(owner=owner, with_settings={"risk_per_trade": risk, "max_leverage": 2.0})
    assert found.limits["risk_per_trade"] == lots


@pytest.mark.parametrize(
    ("leverage", "lots"), [(1.0, 10_000), (2.0, 20_000), (0.5, 5_000), (0.00995, 99)]
)
def test_leverage_gives_lots_of_the_entry_price(size, leverage, lots):
    assert size(with_settings={"max_leverage": leverage}).limits["max_leverage"] == lots


@pytest.mark.parametrize(
    ("limit", "market", "most"), [(70, 50, 50), (50, 70, 50), (10_000_000, 100_000, 100_000)]
)
def test_the_exchanges_maximum_is_the_lesser_of_both_kinds(size, limit, market, most):
    rules = replace(FREE, max_limit_lots=limit, max_market_lots=market)
    assert size(rules=rules).limits["exchange_maximum"] == most


@pytest.mark.parametrize(
    ("kelly", "lots"), [(None, None), ("0", 0), ("0.002", 2000), ("0.0000019", 1)]
)
def test_kelly_is_a_share_of_the_capital_at_the_stop_and_counts_only_where_it_is_on(
    size, kelly, lots
):
    assert size(kelly=None if kelly is None else Decimal(kelly)).limits.get("kelly") == lots


@pytest.mark.parametrize(
    ("volatility", "lots"), [(None, 0), (0.001, 10_000), (0.02, 2136), (0.01, 4273)]
)
def test_a_volatility_target_shrinks_what_is_more_volatile(size, volatility, lots):
    found = size(volatility=volatility, with_settings={"volatility_target": 0.2})
    assert found.limits["volatility_target"] == lots
    assert "volatility_target" not in size(volatility=volatility).limits


@pytest.mark.parametrize(
    ("account", "maker", "free", "lots"),
    [
        ("margin", "0.1", 1000, 10),
        ("spot", "0.1", 1100, 10),
        ("spot", "0.1", 1099, 9),
        ("spot", "-0.1", 1000, 10),
        ("margin", "0", 999, 9),
        ("margin", "0", -5, 0),
    ],
)
def test_what_is_available_pays_the_entry_and_on_spot_its_fee(
    made, size, account, maker, free, lots
):
    rules = replace(FREE, maker_fee_rate=Decimal(maker))
    found = size(
        owner=made.owner(available_jpy=Decimal(free)),
        rules=rules,
        with_settings={"account": account},
    )
    assert found.limits["available"] == lots


@pytest.mark.parametrize(
    ("risk", "free", "least", "lots", "reason"),
    [
        (0.000_01, 2_000_000, 1, 10, Reason.OK),
        (0.000_01, 2_000_000, 10, 10, Reason.OK),
        (0.000_01, 2_000_000, 11, 0, Reason.SIZE_BELOW_MINIMUM),
        (0.000_01, 1_000, 10, 10, Reason.OK),
        (0.000_01, 900, 10, 0, Reason.MARGIN_INSUFFICIENT),
        (0.000_01, 900, 11, 0, Reason.SIZE_BELOW_MINIMUM),
        (0.000_001, 2_000_000, 0, 1, Reason.OK),
        (0.000_000_9, 2_000_000, 0, 0, Reason.SIZE_BELOW_MINIMUM),
        (0.000_001, 99, 0, 0, Reason.MARGIN_INSUFFICIENT),
        (0.000_001, 99, 1, 0, Reason.MARGIN_INSUFFICIENT),
    ],
)
def test_a_size_below_the_minimum_is_none_and_says_whether_only_the_balance_is_missing(
    made, size, risk, free, least, lots, reason
):
    rules = replace(FREE, min_lots=least)
    found = size(
        owner=made.owner(available_jpy=Decimal(free)),
        rules=rules,
        with_settings={"risk_per_trade": risk},
    )
    assert (found.lots, found.reason) == (lots, reason)
    assert found.bound_by == ("available" if free < 1_000 else "risk_per_trade")


@pytest.mark.parametrize(
    ("p_vote", "free", "lots", "bound", "reason"),
    [
        (1.0, 2_000_000, 1000, "risk_per_trade", Reason.OK),
        (0.75, 2_000_000, 500, "vote", Reason.OK),
        (0.5004, 2_000_000, 0, "vote", Reason.SIZE_BELOW_MINIMUM),
        (0.5005, 2_000_000, 1, "vote", Reason.OK),
        (0.75, 200, 1, "vote", Reason.OK),
        (0.75, 100, 0, "vote", Reason.MARGIN_INSUFFICIENT),
        (None, 2_000_000, 0, "vote", Reason.SIZE_BELOW_MINIMUM),
    ],
)
def test_a_doubtful_vote_shrinks_what_all_other_limits_leave(
    made, size, p_vote, free, lots, bound, reason
):
    owner = made.owner(100_000, available_jpy=Decimal(free))
    found = size(
        owner=owner, p_vote=p_vote, with_settings={"shrink_by_vote": True, "max_leverage": 2.0}
    )
    assert (found.lots, found.bound_by, found.reason) == (lots, bound, reason)
    assert "vote" not in size(owner=owner, p_vote=p_vote).limits


def test_where_nothing_is_lost_and_nothing_is_paid_nothing_is_bought(size):
    nothing = Prices(entry=0, stop=0, target=0)
    assert size(where=nothing).limits["risk_per_trade"] == 0
    gain = replace(FREE, taker_fee_rate=Decimal(-1))
    assert size(where=replace(WHERE, stop=999_999), rules=gain).limits["risk_per_trade"] == 0


@pytest.mark.parametrize(
    ("account", "rules", "more", "capital"),
    [
        ("margin", FREE, {}, 100),  # a lot costs 100 yen, and loses 1 of at most 1 %
        ("margin", FREE, {"risk_per_trade": 0.001}, 1000),
        ("margin", FREE, {"risk_per_trade": 0.5}, 100),
        ("margin", FREE, {"risk_per_trade": 0.5, "max_leverage": 2.0}, 100),
        ("margin", FREE, {"risk_per_trade": 0.5, "max_leverage": 0.5}, 200),
        ("margin", replace(FREE, min_lots=7), {}, 700),
        ("margin", replace(FREE, min_lots=0), {}, 100),
        ("spot", replace(FREE, maker_fee_rate=Decimal("0.1")), {"risk_per_trade": 0.5}, 110),
        ("margin", replace(FREE, maker_fee_rate=Decimal("0.1")), {"risk_per_trade": 0.5}, 100),
        ("spot", replace(FREE, maker_fee_rate=Decimal("-0.1")), {"risk_per_trade": 0.5}, 100),
    ],
)
def test_the_smallest_capital_pays_the_least_order_and_bears_its_loss(
    settings, account, rules, more, capital
):
    told = replace(
        settings(account=account, stop_atr=1.0, **more),
        stages={"paper": 1.0, "none": 0.0, "live": 0.5},
    )
    found = sizing.smallest_capital(price=1_000_000, atr_jpy=10_000.0, rules=rules, settings=told)
    assert found["paper"] == capital
    assert "none" not in found


def test_each_stage_needs_more_by_what_its_share_is_less(settings):
    told = replace(
        settings(stop_atr=1.0, risk_per_trade=0.001),
        stages={"paper": 1.0, "third": 0.3, "live": 1.5},
    )
    found = sizing.smallest_capital(price=1_000_000, atr_jpy=10_000.0, rules=FREE, settings=told)
    assert found == {"paper": 1000, "third": 3334, "live": 667}


@pytest.mark.parametrize(("free", "lots"), [("0.5", 5), ("0.05", 0), ("-1", 0)])
def test_less_than_a_yen_buys_less_than_a_yens_worth(made, size, free, lots):
    cheap = Prices(entry=1_000, stop=990, target=1_010)
    assert (
        size(where=cheap, owner=made.owner(available_jpy=Decimal(free))).limits["available"] == lots
    )


def test_the_smallest_capital_is_that_of_a_long(settings):
    rules = replace(FREE, short_interest_rate_day=Decimal("0.5"))
    found = sizing.smallest_capital(
        price=1_000_000, atr_jpy=10_000.0, rules=rules, settings=settings(stop_atr=1.0)
    )
    assert found["paper"] == 100


def test_a_risk_or_a_share_that_is_not_positive_has_no_smallest_capital(settings):
    told = settings(stop_atr=1.0)
    for risk in (0.0, -0.5):
        less = replace(told, risk=replace(told.risk, risk_per_trade=risk))
        assert (
            sizing.smallest_capital(price=1_000_000, atr_jpy=10_000.0, rules=FREE, settings=less)
            == {}
        )
    less = replace(told, stages={"paper": -0.5, "live": 0.0})
    assert (
        sizing.smallest_capital(price=1_000_000, atr_jpy=10_000.0, rules=FREE, settings=less) == {}
    )
