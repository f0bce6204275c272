"""The target policy, decision by decision: what is wanted, what keeps it from growing, and what
always closes.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared import risk
from shared.core.reasons import Reason
from shared.core.settings import Settings, load_settings
from shared.core.types import (
    Account,
    AccountKind,
    Action,
    Book,
    Decision,
    Entry,
    Goal,
    Issue,
    PairRules,
    Position,
    Side,
    Signal,
)
from shared.risk.policies import exposure
from tests.support.signals import signal_of

SLOT = 14_400_000
AT = 1_000 * SLOT
PRICE = 10_000_000  # a lot is 1,000 yen


def settings(**risk_settings: Any) -> Settings:
    more = {
        "account": risk_settings.pop("account", "margin"),
        "sides": risk_settings.pop("sides", "long"),
    }
    exposure = {"volatility_target": 0.3, **risk_settings.pop("exposure", {})}
    return load_settings(
        {}, profile="trend", overrides={**more, "risk": {**risk_settings, "exposure": exposure}}
    )


def signal(weight: float | None = 1.0, **more: Any) -> Signal:
    given: dict[str, Any] = {
        "as_of": AT,
        "close": PRICE,
        "atr_jpy": 50_000.0,
        "side": None,
        "strength": 0.0,
        "model": "m",
        "target_weight": weight,
        "target_volatility": None if weight is None else 0.3,
        "target_as_of": AT,
    }
    return signal_of(**{**given, **more})


def account(lots: int = 0, goal: Goal | None = None, price: int = PRICE, **more: Any) -> Account:
    """One million yen, 1,000 lots at PRICE; `lots` held, negative for a short."""
    given: dict[str, Any] = {
        "equity_jpy": Decimal(1_000_000),
        "capital_jpy": Decimal(1_000_000),
        "available_jpy": Decimal(2_000_000),
        "equity_peak_jpy": Decimal(1_000_000),
        "day_start_equity_jpy": Decimal(1_000_000),
        "goal": goal,
    }
    if lots:
        entry = Entry(at=1, price=price, lots=abs(lots), fee_jpy=Decimal(0))
        given["position"] = Position(side=Side.LONG if lots > 0 else Side.SHORT, entries=(entry,))
    return Account(**{**given, **more})


def decided(given: Signal | None = None, who: Account | None = None, **more: Any) -> Decision:
    whole: dict[str, Any] = {
        "signal": given or signal(),
        "account": who or account(),
        "issues": (),
        "rules": PairRules(),
        "book": Book(as_of=AT, bid=PRICE - 500, ask=PRICE + 500),
        "now_ms": AT + 10_000,
        "settings": settings(),
    }
    return risk.decide(risk.Case(**{**whole, **more}))


def standing(lots: int, *, since: int = AT) -> Goal:
    return Goal(lots=lots, as_of=AT, since=since)


# what is wanted


@pytest.mark.parametrize(
    ("weight", "volatility", "lots"),
    [
        (1.0, 0.3, 1_000),
        (1.0, 0.15, 1_000),
        (1.0, 0.6, 500),
        (0.5, 0.3, 500),
        (0.5, 0.6, 250),
        (1.0, 0.0, 1_000),
    ],
)
def test_the_goal_is_weight_times_scale_times_capital(weight, volatility, lots) -> None:
    told = decided(signal(weight, target_volatility=volatility))
    assert told.action is Action.ENTER
    assert told.goal == Goal(lots=lots, as_of=AT, since=AT)


@pytest.mark.parametrize(
    ("more", "lots"),
    [
        (
            {
                "who": account(
                    equity_jpy=Decimal(600_000),
                    equity_peak_jpy=Decimal(600_000),
                    day_start_equity_jpy=Decimal(1),
                )
            },
            600,
        ),
        ({"settings": settings(max_leverage=0.5)}, 500),
        (
            {"settings": settings(max_drawdown=0.09)},
            496,
        ),  # 18 % and the costs of leaving, at most 9 % of the capital
        ({"rules": PairRules(max_market_lots=300)}, 300),
    ],
)
def test_capital_leverage_the_stops_loss_and_the_exchange_bound_the_goal(more, lots) -> None:
    told = decided(**more)
    assert told.goal is not None
    assert told.goal.lots == lots


def test_a_leverage_above_one_is_not_used_by_a_weight_of_one() -> None:
    told = decided(settings=settings(max_leverage=2.0, max_drawdown=1.0))
    assert told.goal is not None
    assert told.goal.lots == 1_000


def test_shorts_are_flat_where_the_settings_or_spot_do_not_allow_them() -> None:
    assert decided(signal(-1.0)).reason is Reason.ON_TARGET
    both = decided(signal(-1.0), settings=settings(sides="both"))
    assert (both.action, both.side, both.goal) == (
        Action.ENTER,
        Side.SHORT,
        Goal(lots=-1_000, as_of=AT, since=AT),
    )
    assert exposure.weight_allowed(-1.0, settings(account=AccountKind.SPOT)) == 0.0


@pytest.mark.parametrize(("weight", "lots"), [(0.19, 0), (0.2, 200), (0.21, 210)])
def test_from_flat_nothing_below_the_band_is_opened(weight, lots) -> None:
    told = decided(signal(weight))
    assert told.goal is not None
    assert told.goal.lots == lots


@pytest.mark.parametrize(
    ("held", "weight", "wanted", "action"),
    [
        (500, 0.69, 500, Action.HOLD),
        (500, 0.7, 700, Action.ENTER),
        (500, 0.31, 500, Action.HOLD),
        (500, 0.3, 300, Action.REDUCE),
        (100, 0.0, 0, Action.EXIT),
        (100, 0.05, 100, Action.HOLD),
        (100, -0.1, 0, Action.EXIT),
        (100, -0.5, -500, Action.EXIT),
        (-100, 0.5, 500, Action.EXIT),
        (-500, -0.8, -800, Action.ENTER),
    ],
)
def test_the_band_keeps_a_side_but_never_a_position_that_is_not_wanted(
    held, weight, wanted, action
) -> None:
    told = decided(signal(weight), account(held), settings=settings(sides="both"))
    assert told.goal is not None
    assert (told.goal.lots, told.action) == (wanted, action)
    assert (told.goal.since > 0) is (abs(wanted) > abs(held) or wanted * held < 0)


def test_what_would_be_below_the_exchanges_minimum_is_nothing() -> None:
    rules = PairRules(min_lots=300)
    assert decided(signal(0.25), rules=rules).reason is Reason.ON_TARGET
    told = decided(signal(0.25), account(500), rules=rules)
    assert (told.action, told.lots) == (Action.EXIT, 500)


def test_a_goal_stands_until_the_next_4h_close() -> None:
    old = standing(500)
    assert decided(signal(1.0), account(500, old)).goal == replace(old, since=0)
    later = decided(signal(1.0, as_of=AT + SLOT, target_as_of=AT + SLOT), account(500, old))
    assert later.goal == Goal(lots=1_000, as_of=AT + SLOT, since=AT)
    settled = decided(
        signal(1.0, as_of=AT + SLOT, target_as_of=AT + SLOT), account(500, standing(500, since=0))
    )
    assert settled.goal == Goal(lots=1_000, as_of=AT + SLOT, since=AT + SLOT)


def test_without_a_target_nothing_is_wanted_and_an_old_goal_is_still_pursued() -> None:
    assert decided(signal(None)).reason is Reason.TARGET_UNKNOWN
    assert decided(signal(None), account(500)).action is Action.HOLD
    assert decided(signal(None), account(500, standing(0))).action is Action.EXIT
    assert decided(signal(None), account(200, standing(500))).lots == 300


# growing


DENIALS: dict[Reason, dict[str, Any]] = {
    Reason.HALTED_BY_PERSON: {"halted": True},
    Reason.LIMIT_DRAWDOWN: {"equity_peak_jpy": Decimal(1_250_000)},
    Reason.LIMIT_DAILY_LOSS: {"day_start_equity_jpy": Decimal(1_060_000)},
    Reason.LIMIT_COOLDOWN: {"cooldown_until": AT + SLOT},
}


@pytest.mark.parametrize("reason", DENIALS)
@pytest.mark.parametrize("held", [0, 300])
def test_what_halts_entries_halts_growing_until_the_next_4h_close_and_nothing_else(
    reason, held
) -> None:
    told = decided(signal(1.0), account(held, **DENIALS[reason]))
    assert (told.action, told.reason) == (Action.DENY, reason)
    assert told.goal == Goal(lots=held, as_of=AT)
    shrinking = decided(signal(0.1), account(500, **DENIALS[reason]))
    assert (shrinking.action, shrinking.lots) == (Action.REDUCE, 400)
    closing = decided(signal(0.0), account(500, **DENIALS[reason]))
    assert (closing.action, closing.lots, closing.side) == (Action.EXIT, 500, Side.LONG)


@pytest.mark.parametrize(
    ("reason", "more"),
    [
        (Reason.MODEL_MISSING, {"given": signal(model=None)}),
        (Reason.WARMING_UP, {"given": signal(warm=False)}),
        (Reason.DATA_HOLE, {"issues": (Issue(reason=Reason.DATA_HOLE, forbids_entry=True),)}),
        (Reason.MARGIN_INSUFFICIENT, {"who": account(available_jpy=Decimal(0))}),
    ],
)
def test_a_denial_that_will_not_pass_ends_the_growth(reason, more) -> None:
    told = decided(**more)
    assert (told.action, told.reason, told.goal) == (Action.DENY, reason, Goal(lots=0, as_of=AT))


@pytest.mark.parametrize(
    ("reason", "more"),
    [
        (
            Reason.SPREAD_CRITICAL,
            {"issues": (Issue(reason=Reason.SPREAD_CRITICAL, forbids_entry=True),)},
        ),
        (Reason.SIDE_SUSPENDED, {"rules": PairRules(long_opens=False)}),
        (Reason.BOOK_MISSING, {"book": None}),
    ],
)
def test_a_denial_that_may_pass_leaves_the_goal_to_the_next_tick(reason, more) -> None:
    told = decided(**more)
    assert (told.action, told.reason) == (Action.DENY, reason)
    assert told.goal == Goal(lots=1_000, as_of=AT, since=AT)
    waits = decided(who=account(entry_resting=True))
    assert (waits.action, waits.reason, waits.goal) == (
        Action.HOLD,
        Reason.ENTRY_RESTING,
        told.goal,
    )


def test_an_entry_rests_for_its_time_and_crosses_after_it() -> None:
    goal = standing(1_000)
    early = decided(who=account(0, goal), now_ms=AT + 3_599_999)
    late = decided(who=account(0, goal), now_ms=AT + 3_600_000)
    assert (early.crosses, late.crosses) == (False, True)
    assert early.lots == 1_000
    assert late.lots == 999, "it is reckoned with the dearer price"


def test_a_growth_asks_for_what_is_missing_and_its_stop_lies_beyond_the_average_of_all() -> None:
    told = decided(signal(1.0), account(400, price=8_000_000))
    assert told.lots == 600
    average = (400 * 8_000_000 + 600 * (PRICE - 500)) / 1_000
    assert told.stop_price == int(average * 0.82)
    assert float(told.context["loss_at_stop"]) == pytest.approx(
        (PRICE - 500 - told.stop_price) / PRICE, abs=0.003
    )
    short = decided(signal(-1.0), account(), settings=settings(sides="both"))
    assert short.stop_price == -int(-(PRICE + 500) * 118 // 100)
    assert short.lots == 999, "the ask at which it rests is dearer than the close"


@pytest.mark.parametrize(("kind", "most"), [("spot", 499), ("margin", 500)])
def test_what_is_available_bounds_an_order_with_its_fee_on_spot(kind, most) -> None:
    rich = account(available_jpy=Decimal(500_000))
    told = decided(
        who=rich, settings=settings(account=kind), rules=PairRules(maker_fee_rate=Decimal("0.001"))
    )
    assert (told.lots, told.context["bound_by"]) == (most, "available")
