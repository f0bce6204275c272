"""Sizes by hand, and the smallest capital that each stage needs, to the yen."""

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.reasons import Reason
from shared.core.types import AccountKind, PairRules, Side
from shared.risk import sizing, smallest_capital


def sized(desk, *, kelly=None, side=Side.LONG, rules=None, **more):
    settings = more.pop("settings", desk.settings())
    entry = desk.book.bid if side is Side.LONG else desk.book.ask
    where = sizing.prices(side=side, entry=entry, atr_jpy=desk.signal.atr_jpy, settings=settings)
    account = replace(desk.account, **more)
    return sizing.size(
        side=side,
        where=where,
        kelly=kelly,
        account=account,
        rules=rules or desk.rules,
        book=desk.book,
        settings=settings,
    )


def test_the_size_by_hand(desk):
    # entry 9,999,500, stop 9,879,500. A BTC loses 120,000 + 9,879,500 x (0.1 % + 0.05 % + 0.005 %)
    # + 9,999,500 x 0.04 % = 120,000 + 15,313.225 + 3,999.8 = 139,313.025; a lot 13.9313025; 1 % of
    # 1,000,000 / that = 717.8
    size = sized(desk)
    assert (size.lots, size.bound_by, size.reason) == (717, "risk_per_trade", Reason.OK)
    assert size.limits["max_leverage"] == 1000
    assert size.limits["available"] == 2000


@pytest.mark.parametrize(
    ("more", "lots", "bound"),
    [
        ({"capital_jpy": Decimal(500_000)}, 358, "risk_per_trade"),
        ({"equity_jpy": Decimal(500_000)}, 358, "risk_per_trade"),
        ({"available_jpy": Decimal(100_000)}, 100, "available"),
        ({"kelly": Decimal("0.002")}, 143, "kelly"),
        ({"rules": PairRules(max_market_lots=40)}, 40, "exchange_maximum"),
    ],
)
def test_each_limit_can_bind(desk, more, lots, bound):
    size = sized(desk, **more)
    assert (size.lots, size.bound_by) == (lots, bound)


def test_leverage_binds_and_spot_never_goes_beyond_its_money(desk):
    loose = {"risk_per_trade": 0.5}
    assert sized(desk, settings=desk.settings(risk={**loose, "max_leverage": 1.5})).lots == 1500
    spot = replace(
        desk.settings(account=AccountKind.SPOT, risk=loose),
        risk=desk.settings(risk={**loose, "max_leverage": 2.0}).risk,
    )
    assert sized(desk, settings=spot).lots == 1000
    rules = PairRules(maker_fee_rate=Decimal("0.001"))
    size = sized(
        desk,
        settings=desk.settings(account=AccountKind.SPOT, risk=loose),
        rules=rules,
        available_jpy=Decimal(1_000_000),
    )
    assert (size.lots, size.bound_by) == (999, "available")  # the fee must fit into the balance too


def test_too_small_is_a_reason_and_never_rounded_up(desk):
    size = sized(desk, capital_jpy=Decimal(1_393))
    assert (size.lots, size.reason) == (0, Reason.SIZE_BELOW_MINIMUM)
    assert sized(desk, capital_jpy=Decimal(1_394)).lots == 1
    minimum = PairRules(min_lots=718)
    assert (sized(desk, rules=minimum).lots, sized(desk, rules=minimum).reason) == (
        0,
        Reason.SIZE_BELOW_MINIMUM,
    )
    assert sized(desk, rules=PairRules(min_lots=717)).lots == 717


def test_a_lack_of_margin_is_told_apart(desk):
    assert sized(desk, available_jpy=Decimal(999)).reason is Reason.MARGIN_INSUFFICIENT
    assert sized(desk, available_jpy=Decimal(-1)).reason is Reason.MARGIN_INSUFFICIENT


def test_prices_round_to_the_worse_side(desk):
    where = sizing.prices(side=Side.LONG, entry=1_000_000, atr_jpy=1000.1, settings=desk.settings())
    assert (where.stop, where.target) == (995_999, 1_004_001)
    where = sizing.prices(
        side=Side.SHORT, entry=1_000_000, atr_jpy=1000.1, settings=desk.settings()
    )
    assert (where.stop, where.target) == (1_004_001, 995_999)


@pytest.mark.parametrize("account", ["margin", "spot"])
def test_the_smallest_capital_places_one_order_and_a_yen_less_does_not(desk, account):
    rng, checked = random.Random(2), 0
    for _ in range(60):
        price = rng.randint(500_000, 20_000_000)
        atr = price * rng.uniform(0.0005, 0.02)
        rules = PairRules(
            min_lots=rng.choice([1, 1, 7]),
            maker_fee_rate=Decimal(rng.choice(["0", "0.001", "-0.0002"])),
        )
        settings = desk.settings(
            account=account,
            risk={
                "risk_per_trade": rng.choice([0.001, 0.01, 0.2]),
                "max_leverage": rng.choice([0.5, 1.0]),
            },
        )
        found = smallest_capital(price=price, atr_jpy=atr, rules=rules, settings=settings)
        assert list(found) == ["paper", "stage-10", "stage-50", "live"]
        for stage, capital in found.items():
            staged = replace(settings, stage=stage)
            where = sizing.prices(side=Side.LONG, entry=price, atr_jpy=atr, settings=staged)
            lots = []
            for money in (Decimal(capital), Decimal(capital - 1)):
                holder = replace(
                    desk.account,
                    equity_jpy=money,
                    capital_jpy=money,
                    available_jpy=money * (2 if account == "margin" else 1),
                )
                lots.append(
                    sizing.size(
                        side=Side.LONG,
                        where=where,
                        kelly=None,
                        account=holder,
                        rules=rules,
                        book=None,
                        settings=staged,
                    ).lots
                )
            assert lots == [rules.min_lots, 0]
            checked += 1
    assert checked == 240


def test_a_stage_without_a_share_and_a_risk_of_nothing_have_no_smallest_capital(desk):
    none = replace(desk.settings(), stages={"paper": 0.0, "live": 1.0})
    assert list(
        smallest_capital(price=10_000_000, atr_jpy=1000.0, rules=PairRules(), settings=none)
    ) == ["live"]
    still = desk.settings(risk={"risk_per_trade": 0.0})
    assert (
        smallest_capital(price=10_000_000, atr_jpy=1000.0, rules=PairRules(), settings=still) == {}
    )
