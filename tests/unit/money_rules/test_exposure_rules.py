"""The target policy at its boundaries: what is wanted, how it is reached, and what each limit
leaves of it.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core import costs
from shared.core.reasons import Reason
from shared.core.types import AccountKind, Action, Goal, PairRules, Side
from shared.risk.case import Case
from shared.risk.policies import exposure

CLOSED_AT = 1_700_000_100_000
NOW = CLOSED_AT + 15_000
H4 = 4 * 3_600_000
LONG, SHORT = Side.LONG, Side.SHORT
FREE = replace(PairRules(), taker_fee_rate=Decimal(0))
PRICE = 10_000_000


@pytest.fixture
def settings(made):
    def making(*, account=AccountKind.MARGIN, sides="both", paper=None, risk=None, **of_exposure):
        plain = {
            "volatility_target": 0.5,
            "band": 0.1,
            "stop_rate": 0.1,
            "passive_seconds": 60.0,
            **of_exposure,
        }
        return made.settings(
            account=account,
            sides=sides,
            paper=paper or {"spread_rate": 0.0, "slippage_rate": 0.0},
            risk={
                "policy": "target",
                "max_leverage": 2.0,
                "max_drawdown": 0.9,
                "exposure": plain,
                **(risk or {}),
            },
        )

    return making


@pytest.fixture
def wanting(made):
    """A signal that wants a weight of a capital at a volatility of a half, from a 4h candle that
    has just closed.
    """

    def making(weight=1.0, volatility=0.5, as_of=CLOSED_AT, **more):
        return made.signal(
            **{
                "target_weight": weight,
                "target_volatility": volatility,
                "target_as_of": as_of,
                "close": PRICE,
                "side": None,
                **more,
            }
        )

    return making


@pytest.fixture
def owning(made):
    """A million yen, of which a position of some lots (negative: short) is held since its price."""

    def making(lots=0, *, price=PRICE, goal=None, **more):
        side = LONG if lots > 0 else SHORT
        position = made.position(made.part(price, abs(lots)), side=side) if lots else None
        return made.owner(
            1_000_000,
            position=position,
            goal=goal,
            **{"available_jpy": Decimal(10_000_000), **more},
        )

    return making


@pytest.fixture
def decided(made, settings, wanting, owning):
    def deciding(*, told=None, **more):
        given = {
            "signal": wanting(),
            "account": owning(),
            "issues": (),
            "rules": FREE,
            "book": made.book(PRICE - 1, PRICE + 1),
            "now_ms": NOW,
            "settings": told or settings(),
        }
        return exposure.ExposurePolicy().decide(Case(**{**given, **more}))

    return deciding


def standing(lots, *, since=0, as_of=CLOSED_AT):
    return Goal(lots=lots, as_of=as_of, since=since)


# what is wanted


@pytest.mark.parametrize(
    ("weight", "volatility", "lots"),
    [
        (1.0, 0.5, 1000),
        (0.5, 0.5, 500),
        (-0.5, 0.5, -500),
        (1.0, 1.0, 500),
        (1.0, 0.25, 1000),
        (1.0, 0.0, 1000),
        (1.0, -0.5, 1000),
        (0.0, 0.5, 0),
        (0.3333, 0.5, 333),
    ],
)
def test_what_is_wanted_is_weight_by_volatility_of_the_capital(
    decided, wanting, weight, volatility, lots
):
    assert (
        decided(signal=wanting(weight, volatility), rules=replace(FREE, min_lots=0)).goal.lots
        == lots
    )


@pytest.mark.parametrize(
    ("sides", "account", "weight"),
    [("both", "margin", -0.5), ("long", "margin", 0.0), ("long", "spot", 0.0)],
)
def test_a_side_that_is_not_allowed_weighs_nothing(settings, sides, account, weight):
    told = settings(sides=sides, account=account, risk={"max_leverage": 1.0})
    assert exposure.weight_allowed(-0.5, told) == weight
    assert exposure.weight_allowed(0.5, told) == 0.5
    spot = replace(told, sides="both", account=AccountKind.SPOT)
    assert exposure.weight_allowed(-0.5, spot) == 0.0


@pytest.mark.parametrize(
    ("least", "weight", "lots"),
    [
        (1, 0.001, 1),
        (1, 0.0009, 0),
        (0, 0.001, 1),
        (0, 0.0009, 0),
        (5, 0.005, 5),
        (5, 0.004, 0),
        (2, 0.002, 2),
        (0, 0.0, 0),
    ],
)
def test_what_is_below_the_minimum_is_not_wanted(decided, wanting, settings, least, weight, lots):
    told = decided(
        signal=wanting(weight), rules=replace(FREE, min_lots=least), told=settings(band=0.0)
    )
    assert told.goal.lots == lots


def test_a_volatility_that_is_not_positive_shrinks_nothing(settings):
    assert [exposure.volatility_scale(each, settings()) for each in (0.0, -1.0, 0.25, 0.5)] == [
        1,
        1,
        1,
        1,
    ]
    assert exposure.volatility_scale(1.0, settings()) == Decimal("0.5")


@pytest.mark.parametrize(
    ("held", "weight", "lots"),
    [
        (0, 0.1, 100),
        (0, 0.0999, 0),
        (500, 0.6, 600),
        (500, 0.599, 500),
        (500, 0.4, 400),
        (500, 0.401, 500),
        (-500, -0.599, -500),
        (500, -0.05, 0),
        (-1, 0.1, 100),
        (1, 0.1, 1),
        (1, 0.101, 101),
        (1, 0.001, 1),
    ],
)
def test_a_change_within_the_band_is_not_traded(decided, wanting, owning, held, weight, lots):
    assert decided(signal=wanting(weight), account=owning(held)).goal.lots == lots


@pytest.mark.parametrize(("least", "lots"), [(99, 600), (100, 600), (101, 500)])
def test_a_change_below_the_minimum_is_not_traded_either(
    decided, wanting, owning, settings, least, lots
):
    told = decided(
        signal=wanting(0.6),
        account=owning(500),
        rules=replace(FREE, min_lots=least),
        told=settings(band=0.0),
    )
    assert told.goal.lots == lots


@pytest.mark.parametrize(("limit", "market", "lots"), [(70, 50, 50), (50, 70, 50)])
def test_no_more_is_wanted_than_an_order_may_be(decided, settings, limit, market, lots):
    rules = replace(FREE, max_limit_lots=limit, max_market_lots=market)
    assert decided(rules=rules, told=settings(band=0.0)).goal.lots == lots


def test_without_a_wish_the_goal_stands_or_is_unknown(decided, wanting, owning):
    signal = replace(wanting(), exposure=None)
    assert decided(signal=signal).reason is Reason.TARGET_UNKNOWN
    goal = standing(500, as_of=CLOSED_AT - H4)
    assert decided(signal=signal, account=owning(goal=goal)).goal.lots == 500


@pytest.mark.parametrize(
    ("as_of", "lots"), [(CLOSED_AT - H4, 1000), (CLOSED_AT, 500), (CLOSED_AT + H4, 500)]
)
def test_a_goal_stands_until_the_next_4h_close(decided, owning, as_of, lots):
    assert decided(account=owning(goal=standing(500, as_of=as_of))).goal.lots == lots


@pytest.mark.parametrize(
    ("held", "weight", "before", "since"),
    [
        (0, 0.5, None, CLOSED_AT),
        (500, 0.8, None, CLOSED_AT),
        (500, 0.5, None, 0),
        (500, 0.2, None, 0),
        (-500, 0.2, None, CLOSED_AT),
        (500, -0.2, None, CLOSED_AT),
        (-200, 0.8, standing(900, since=7, as_of=1), 7),
        (0, 0.5, standing(300, since=7, as_of=1), 7),
        (0, 0.5, standing(300, since=1, as_of=1), 1),
        (0, 0.5, standing(1, since=7, as_of=1), 7),
        (0, 0.5, standing(300, since=0, as_of=1), CLOSED_AT),
        (0, 0.5, standing(300, since=-7, as_of=1), CLOSED_AT),
        (0, 0.5, standing(-300, since=7, as_of=1), CLOSED_AT),
        (0, 0.5, standing(-600, since=7, as_of=1), CLOSED_AT),
        (0, -0.5, standing(300, since=7, as_of=1), CLOSED_AT),
        (0, 0.5, standing(0, since=7, as_of=1), CLOSED_AT),
    ],
)
def test_a_growth_begins_with_its_wish_and_goes_on_where_the_one_before_was_the_same_way(
    settings, wanting, owning, held, weight, before, since
):
    given = {"issues": (), "rules": FREE, "book": None, "now_ms": NOW, "settings": settings()}
    goal = exposure._goal(
        Case(signal=wanting(weight), account=owning(held, goal=before), **given), held
    )
    assert (goal.lots, goal.since) == (round(weight * 1000), since)


# how it is reached


@pytest.mark.parametrize(
    ("held", "goal", "action", "lots", "side"),
    [
        (500, 0, Action.EXIT, 500, LONG),
        (-500, 0, Action.EXIT, 500, SHORT),
        (500, -200, Action.EXIT, 500, LONG),
        (-1, 200, Action.EXIT, 1, SHORT),
        (1, -1, Action.EXIT, 1, LONG),
        (500, 200, Action.REDUCE, 300, LONG),
        (-500, -499, Action.REDUCE, 1, SHORT),
        (1, 1, Action.HOLD, 0, LONG),
        (500, 500, Action.HOLD, 0, LONG),
        (0, 0, Action.HOLD, 0, None),
        (500, 700, Action.ENTER, 200, LONG),
        (0, -200, Action.ENTER, 200, SHORT),
        (0, 1, Action.ENTER, 1, LONG),
        (0, -1, Action.ENTER, 1, SHORT),
        (2, 1, Action.REDUCE, 1, LONG),
    ],
)
def test_the_goal_is_reached_from_what_is_held(decided, owning, held, goal, action, lots, side):
    told = decided(account=owning(held, goal=standing(goal)))
    assert (told.action, told.lots, told.side) == (action, lots, side)
    assert told.goal.lots == goal


@pytest.mark.parametrize(
    ("surplus", "least", "action"),
    [
        (0, 0, Action.HOLD),
        (1, 0, Action.REDUCE),
        (0, 3, Action.HOLD),
        (1, 3, Action.HOLD),
        (2, 3, Action.HOLD),
        (3, 3, Action.REDUCE),
        (4, 3, Action.REDUCE),
        (1, 1, Action.REDUCE),
    ],
)
def test_a_surplus_below_the_minimum_is_kept(decided, owning, surplus, least, action):
    told = decided(
        account=owning(500 + surplus, goal=standing(500, since=7)),
        rules=replace(FREE, min_lots=least),
    )
    assert told.action is action
    if action is Action.HOLD:
        assert (told.reason, told.goal.since) == (Reason.ON_TARGET, 0)


def test_a_growth_is_never_taken_for_a_small_surplus(decided, owning):
    told = decided(account=owning(1, goal=standing(2)), rules=replace(FREE, min_lots=1))
    assert told.action is Action.ENTER
    told = decided(account=owning(2, goal=standing(4)), rules=replace(FREE, min_lots=9))
    assert told.reason is Reason.SIZE_BELOW_MINIMUM


@pytest.mark.parametrize(("goal", "side"), [(500, LONG), (-500, SHORT), (1, LONG), (-1, SHORT)])
def test_a_growth_that_is_halted_keeps_its_side_and_its_goal(decided, owning, goal, side):
    told = decided(account=owning(goal=standing(goal, since=7), halted=True))
    assert (told.action, told.reason, told.side) == (Action.DENY, Reason.HALTED_BY_PERSON, side)


def test_a_denial_that_is_final_ends_the_growth_and_one_that_may_pass_does_not(
    decided, owning, wanting
):
    account = owning(300, goal=standing(500, since=7))
    final = decided(account=account, signal=wanting(model=None))
    assert (final.reason, final.goal) == (Reason.MODEL_MISSING, standing(300))
    passing = decided(account=account, book=None)
    assert (passing.reason, passing.goal) == (Reason.BOOK_MISSING, standing(500, since=7))


@pytest.mark.parametrize(
    ("goal", "more", "denied"),
    [
        (500, {"long_opens": False}, True),
        (500, {"short_opens": False}, False),
        (-500, {"short_opens": False}, True),
        (-500, {"long_opens": False}, False),
    ],
)
def test_a_side_that_the_exchange_has_suspended_is_not_grown(decided, owning, goal, more, denied):
    told = decided(account=owning(goal=standing(goal)), rules=replace(FREE, **more))
    assert (told.reason is Reason.SIDE_SUSPENDED) is denied


@pytest.mark.parametrize(("late_ms", "crosses"), [(-1, False), (0, True), (1, True)])
def test_a_growth_waits_at_the_touch_and_then_crosses(decided, owning, late_ms, crosses):
    told = decided(
        account=owning(goal=standing(500, since=CLOSED_AT)), now_ms=CLOSED_AT + 60_000 + late_ms
    )
    assert (told.action, told.crosses) == (Action.ENTER, crosses)


@pytest.mark.parametrize(
    ("side", "crosses", "slippage", "price"),
    [
        (LONG, False, 0.01, 9_990_000),
        (SHORT, False, 0.01, 10_010_000),
        (LONG, True, 0.01, 10_110_100),
        (LONG, True, 0.0000001, 10_010_002),
        (SHORT, True, 0.01, 9_990_000),
    ],
)
def test_an_order_is_reckoned_at_its_dearest_price(made, settings, side, crosses, slippage, price):
    told = settings(paper={"spread_rate": 0.0, "slippage_rate": slippage})
    assert exposure._price(made.book(9_990_000, 10_010_000), side, told, crosses=crosses) == price


@pytest.mark.parametrize(
    ("account", "crosses", "free", "lots"),
    [
        ("spot", False, 110_000, 100),  # a lot costs 1,000 yen and a maker fee of 10 %
        ("spot", False, 109_999, 99),
        ("spot", True, 120_000, 100),
        ("spot", True, 119_999, 99),
        ("margin", False, 100_000, 100),
        ("margin", True, 100_000, 100),
        ("margin", False, 99_999, 99),
    ],
)
def test_what_is_available_pays_price_and_on_spot_the_fee(
    made, decided, owning, settings, account, crosses, free, lots
):
    rules = replace(FREE, maker_fee_rate=Decimal("0.1"), taker_fee_rate=Decimal("0.2"))
    told = decided(
        account=owning(
            goal=standing(500, since=1 if crosses else CLOSED_AT), available_jpy=Decimal(free)
        ),
        rules=rules,
        book=made.book(PRICE, PRICE),
        told=settings(
            account=account,
            sides="both" if account == "margin" else "long",
            risk={"max_leverage": 1.0},
        ),
    )
    assert (told.action, told.lots, told.context["bound_by"]) == (Action.ENTER, lots, "available")


@pytest.mark.parametrize(
    ("free", "least", "reason"),
    [
        ("0.9", 0, Reason.MARGIN_INSUFFICIENT),
        ("-5", 1, Reason.MARGIN_INSUFFICIENT),
        ("999", 1, Reason.MARGIN_INSUFFICIENT),
        ("1000", 1, Reason.OK),
        ("1000", 0, Reason.OK),
        ("2000", 2, Reason.OK),
        ("1999", 2, Reason.MARGIN_INSUFFICIENT),
    ],
)
def test_a_lack_of_margin_ends_a_growth_below_the_minimum(
    made, decided, owning, free, least, reason
):
    told = decided(
        account=owning(goal=standing(500, since=CLOSED_AT), available_jpy=Decimal(free)),
        rules=replace(FREE, min_lots=least),
        book=made.book(PRICE, PRICE),
    )
    assert told.reason is reason


def test_a_cheap_coin_is_not_bought_for_less_than_a_yen(made, decided, owning, wanting):
    told = decided(
        signal=wanting(close=1_000),
        account=owning(goal=standing(500, since=CLOSED_AT), available_jpy=Decimal("0.05")),
        book=made.book(1_000, 1_000),
    )
    assert told.reason is Reason.MARGIN_INSUFFICIENT


@pytest.mark.parametrize(
    ("goal", "least", "status", "free", "reason"),
    [
        (505, 5, "NORMAL", 10_000_000, Reason.OK),
        (505, 6, "NORMAL", 10_000_000, Reason.SIZE_BELOW_MINIMUM),
        (505, 6, "BUSY", 10_000_000, Reason.EXCHANGE_BUSY),
        (505, 5, "BUSY", 10_000_000, Reason.OK),
        (505, 5, "NORMAL", 1, Reason.MARGIN_INSUFFICIENT),
        (505, 6, "NORMAL", 1, Reason.SIZE_BELOW_MINIMUM),
        (520, 5, "BUSY", 1, Reason.MARGIN_INSUFFICIENT),
    ],
)
def test_a_growth_below_the_minimum_says_what_is_too_small(
    decided, owning, goal, least, status, free, reason
):
    rules = replace(FREE, min_lots=least, status=status)
    told = decided(
        account=owning(500, goal=standing(goal), available_jpy=Decimal(free)), rules=rules
    )
    assert told.reason is reason


@pytest.mark.parametrize(
    ("held", "limits", "lots", "bound"),
    [
        (400, {"max_leverage": 0.7}, 300, "max_leverage"),
        (400, {"max_leverage": 1.5}, 500, "goal"),
        (400, {"max_drawdown": 0.06}, 200, "max_drawdown"),
    ],
)
def test_every_limit_is_of_all_that_will_be_held(
    made, decided, owning, settings, held, limits, lots, bound
):
    told = decided(
        account=owning(held, goal=standing(900, since=CLOSED_AT)),
        book=made.book(PRICE, PRICE),
        told=settings(risk=limits),
    )
    assert (told.lots, told.context["bound_by"]) == (lots, bound)


@pytest.mark.parametrize(
    ("price", "lots"),
    [(PRICE, 600), (2 * PRICE, 300), (PRICE // 2, 600), (PRICE + PRICE // 2, 400)],
)
def test_the_loss_at_the_stop_is_reckoned_from_the_dearest_price_of_all(
    made, decided, owning, settings, price, lots
):
    """A tenth of the price is lost at the stop, of which 6 % of the capital may be."""
    account = owning(1, price=price, goal=standing(900, since=CLOSED_AT))
    told = decided(
        account=account, book=made.book(PRICE, PRICE), told=settings(risk={"max_drawdown": 0.06})
    )
    assert told.lots == lots - 1


def test_the_average_price_is_taken_rounded_up(made, decided, settings):
    parts = made.part(20_000_000, 1), made.part(20_000_001, 1)
    account = replace(
        made.owner(1_000_000), position=made.position(*parts), goal=standing(900, since=CLOSED_AT)
    )
    told = decided(
        account=replace(account, available_jpy=Decimal(10_000_000)),
        book=made.book(PRICE, PRICE),
        told=settings(risk={"max_drawdown": 0.0600000015}),
    )
    assert (
        told.lots == 297
    )  # at 20,000,000 the limit would be 300 lots in all; half a yen more makes it 299


def test_the_stop_lies_its_rate_from_the_average_of_all(made, settings):
    owner = made.owner(position=made.position(made.part(1_000_000, 1), made.part(1_000_001, 1)))
    assert exposure._stop(owner, LONG, 1, 1_000_001, settings()) == 900_000
    assert exposure._stop(made.owner(), LONG, 5, 1_000_000, settings()) == 900_000
    assert exposure._stop(made.owner(), SHORT, 5, 1_000_000, settings()) == 1_100_000
    odd = made.owner(position=made.position(made.part(1_000_009, 1)))
    assert exposure._stop(odd, LONG, 1, 1_000_010, settings()) == 900_008
    half = made.owner(position=made.position(made.part(1_000_004, 1)))
    assert exposure._stop(half, LONG, 1, 1_000_005, settings()) == 900_004


@pytest.mark.parametrize(
    ("taker", "slippage", "spread", "book", "loss"),
    [
        ("0", 0.0, 0.0, None, "10"),
        ("0.01", 0.0, 0.0, None, "10.9"),
        ("0", 0.01, 0.0, None, "10.9"),
        ("0", 0.0, 0.02, None, "10.9"),
        ("0", 0.0, 0.5, (990_000, 1_010_000), "10.9"),
        ("0", 0.0, 0.5, (1_010_000, 990_000), "10"),
    ],
)
def test_the_loss_of_a_lot_is_the_distance_and_what_leaving_costs(
    made, settings, taker, slippage, spread, book, loss
):
    lost = costs.stop_loss_per_lot(
        price=1_000_000,
        stop=900_000,
        rules=replace(FREE, taker_fee_rate=Decimal(taker)),
        book=None if book is None else made.book(*book),
        settings=settings(paper={"spread_rate": spread, "slippage_rate": slippage}),
    )
    assert lost == Decimal(loss)


@pytest.mark.parametrize(
    ("amount", "per_lot", "lots"),
    [("10", "3", 3), ("10", "0", 0), ("10", "-1", 0), ("10", "0.5", 20), ("9.999", "10", 0)],
)
def test_lots_are_whole_and_none_where_a_lot_costs_nothing(amount, per_lot, lots):
    assert exposure._floor(Decimal(amount), Decimal(per_lot)) == lots


def test_what_the_strategy_wishes_is_told_where_it_wishes(decided, owning, wanting):
    told = decided(signal=wanting(0.5, 1.0))
    assert (told.context["weight"], told.context["volatility"], told.context["scale"]) == (
        "0.500000",
        "1.000000",
        "0.500000",
    )
    silent = decided(signal=replace(wanting(), exposure=None), account=owning(goal=standing(500)))
    assert "weight" not in silent.context


@pytest.mark.parametrize(
    ("held", "weight", "before", "since"),
    [
        (-1, 0.001, None, CLOSED_AT),
        (0, 0.001, standing(1, since=7, as_of=1), 7),
        (1, -0.001, None, CLOSED_AT),
    ],
)
def test_one_lot_is_a_growth_too(settings, wanting, owning, held, weight, before, since):
    given = {
        "issues": (),
        "rules": FREE,
        "book": None,
        "now_ms": NOW,
        "settings": settings(band=0.0),
    }
    goal = exposure._goal(
        Case(signal=wanting(weight), account=owning(held, goal=before), **given), held
    )
    assert (goal.lots, goal.since) == (round(weight * 1000), since)


@pytest.mark.parametrize(("least", "lots"), [(99, 400), (100, 400), (101, 500)])
def test_a_reduction_below_the_minimum_is_not_wanted(
    decided, wanting, owning, settings, least, lots
):
    told = decided(
        signal=wanting(0.4),
        account=owning(500),
        rules=replace(FREE, min_lots=least),
        told=settings(band=0.0),
    )
    assert told.goal.lots == lots


@pytest.mark.parametrize(
    ("goal", "price", "stop"), [(1, 9_999_999, 8_999_999), (-1, 10_000_001, 11_000_002)]
)
def test_one_lot_is_entered_on_its_own_side_with_its_stop(decided, owning, goal, price, stop):
    told = decided(account=owning(goal=standing(goal, since=CLOSED_AT)))
    assert (told.action, told.lots, told.stop_price) == (Action.ENTER, 1, stop)


@pytest.mark.parametrize(("side", "stop"), [(LONG, 900_000), (SHORT, 1_100_001)])
def test_the_stop_of_what_is_held_follows_from_its_average_price_alone(made, settings, side, stop):
    held = made.position(made.part(1_000_000, 3), made.part(1_000_002, 1), side=side)
    for plan, signal in ((None, None), (made.plan(), made.signal())):
        told = exposure.ExposurePolicy().stop_price(
            held, plan=plan, signal=signal, settings=settings()
        )
        assert told == stop


@pytest.mark.parametrize("holds", [True, False])
def test_a_tick_is_due_while_another_position_is_wanted_than_is_held(made, holds):
    for pursues in (True, False):
        due = exposure.ExposurePolicy().is_due(
            holds=holds, pursues=pursues, plan=made.plan(exit_by=0), now_ms=CLOSED_AT
        )
        assert due is pursues


def test_an_exposure_needs_no_model_and_has_a_goal():
    policy = exposure.ExposurePolicy()
    assert (policy.is_model_based, policy.has_goal) == (False, True)
