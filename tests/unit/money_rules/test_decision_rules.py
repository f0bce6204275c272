"""Every rule of the decision at its boundary: one thing is spoiled, and the answer is this reason
or none.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.reasons import Reason
from shared.core.types import Action, Barriers, Issue, PairRules, Side
from shared.risk import edge as edges
from shared.risk.case import Case
from shared.risk.policies import BarrierPolicy
from tests.unit.money_rules.conftest import T0

CLOSED_AT = 1_700_000_100_000
NOW = CLOSED_AT + 15_000
QUARTER = 900_000
LONG, SHORT = Side.LONG, Side.SHORT


@pytest.fixture
def decided(made):
    """Decide on a case that enters; what is given is other."""

    def deciding(*, risk=None, settings=None, **more):
        given = {
            "signal": made.signal(),
            "account": made.owner(),
            "issues": (),
            "rules": PairRules(),
            "book": made.book(),
            "now_ms": NOW,
            "settings": settings or made.settings(risk=risk or {}),
        }
        return BarrierPolicy().decide(Case(**{**given, **more}))

    return deciding


def test_the_plain_case_enters(decided):
    entered = decided()
    assert (entered.action, entered.reason, entered.side, entered.as_of) == (
        Action.ENTER,
        Reason.OK,
        LONG,
        CLOSED_AT,
    )
    assert entered.edge_rate > 0
    assert entered.cost_rate > 0


def test_a_case_has_an_entry_price_only_with_a_side_and_a_book(made):
    given = {
        "account": made.owner(),
        "issues": (),
        "rules": PairRules(),
        "now_ms": NOW,
        "settings": made.settings(),
    }
    assert Case(signal=made.signal(), book=made.book(), **given).entry_price == 9_999_500
    assert Case(signal=made.signal(side=SHORT), book=made.book(), **given).entry_price == 10_000_500
    assert Case(signal=made.signal(side=None), book=made.book(), **given).entry_price is None
    assert Case(signal=made.signal(), book=None, **given).entry_price is None


# what is held


def held(made, *, side=LONG, parts=((10_000_000, 5, 0),)):
    return made.position(
        *(made.part(price, lots, at=CLOSED_AT + at) for price, lots, at in parts), side=side
    )


def test_what_is_held_is_told_with_its_plan_or_without_one(made, decided):
    plan = made.plan(exit_by=NOW + 1)
    told = decided(account=made.owner(position=held(made), plan=plan))
    assert (told.action, told.reason, told.side, told.lots, told.as_of) == (
        Action.HOLD,
        Reason.POSITION_OPEN,
        LONG,
        5,
        CLOSED_AT,
    )
    assert (told.stop_price, told.target_price, told.exit_by) == (
        plan.stop_price,
        plan.target_price,
        plan.exit_by,
    )
    bare = decided(account=made.owner(position=held(made)))
    assert (bare.stop_price, bare.target_price, bare.exit_by) == (0, 0, None)


@pytest.mark.parametrize(
    ("late_ms", "reason"),
    [(-1, Reason.POSITION_OPEN), (0, Reason.EXIT_TIME), (1, Reason.EXIT_TIME)],
)
def test_a_position_ends_when_its_time_has_come(made, decided, late_ms, reason):
    planned = made.owner(position=held(made), plan=made.plan(exit_by=NOW))
    assert decided(account=planned, now_ms=NOW + late_ms).reason is reason
    parts = ((10_000_000, 5, -QUARTER), (10_000_000, 5, -5), (10_000_000, 5, 0))
    lost = made.owner(position=held(made, parts=parts))
    ends = CLOSED_AT + 4 * QUARTER
    assert (
        decided(account=lost, now_ms=ends + late_ms, risk={"max_hold_candles": 4}).reason is reason
    )


@pytest.mark.parametrize(
    ("side", "signalled", "asked", "action"),
    [
        (LONG, SHORT, True, Action.EXIT),
        (LONG, SHORT, False, Action.HOLD),
        (LONG, LONG, True, Action.HOLD),
        (LONG, None, True, Action.HOLD),
        (SHORT, LONG, True, Action.EXIT),
    ],
)
def test_an_opposite_signal_ends_a_position_where_that_is_asked_for(
    made, decided, side, signalled, asked, action
):
    account = made.owner(position=held(made, side=side), plan=made.plan(exit_by=NOW + 1))
    told = decided(
        account=account, signal=made.signal(side=signalled), risk={"exit_on_opposite": asked}
    )
    assert told.action is action


# halts


@pytest.mark.parametrize(
    ("equity", "halted", "denied"),
    [(801, False, False), (800, False, True), (799, False, True), (1000, True, True)],
)
def test_the_drawdown_halts_from_its_limit_on(made, decided, equity, halted, denied):
    account = made.owner(1_000_000, drawdown_halted=halted, equity_peak_jpy=Decimal(1_000_000))
    account = replace(
        account, equity_jpy=Decimal(equity * 1000), day_start_equity_jpy=Decimal(equity * 1000)
    )
    told = decided(account=account, risk={"max_drawdown": 0.2, "daily_loss": 0.9})
    assert (told.reason is Reason.LIMIT_DRAWDOWN) is denied
    assert told.side is LONG


@pytest.mark.parametrize(("equity", "denied"), [(951, False), (950, True), (949, True)])
def test_a_day_is_lost_from_its_limit_on(made, decided, equity, denied):
    account = replace(made.owner(1_000_000), equity_jpy=Decimal(equity * 1000))
    told = decided(account=account, risk={"max_drawdown": 0.9, "daily_loss": 0.05})
    assert (told.reason is Reason.LIMIT_DAILY_LOSS) is denied


@pytest.mark.parametrize(("until", "denied"), [(NOW - 1, False), (NOW, False), (NOW + 1, True)])
def test_a_cool_down_ends_at_its_instant(made, decided, until, denied):
    assert (
        decided(account=made.owner(cooldown_until=until)).reason is Reason.LIMIT_COOLDOWN
    ) is denied


def test_an_issue_that_forbids_denies_and_one_that_closes_the_candle_comes_first(decided):
    transient = Issue(reason=Reason.SPREAD_CRITICAL, forbids_entry=True)
    final = Issue(reason=Reason.DATA_BROKEN, forbids_entry=True, context={"where": "there"})
    harmless = Issue(reason=Reason.DATA_STALE, forbids_entry=False)
    told = decided(issues=(harmless, transient, final))
    assert (told.reason, told.side, told.action) == (Reason.DATA_BROKEN, LONG, Action.DENY)
    assert told.context == {
        "where": "there",
        "issues": f"{harmless.reason},{transient.reason},{final.reason}",
    }
    assert decided(issues=(harmless,)).action is Action.ENTER


# the signal and its model


def test_without_a_forecast_a_signal_has_no_model(made, decided):
    silent = replace(made.signal(), forecast=None)
    assert decided(signal=silent).reason is Reason.MODEL_MISSING


@pytest.mark.parametrize(
    ("multiple", "reason"),
    [
        (-1.0, Reason.MODEL_MISMATCH),
        (0.0, Reason.MODEL_MISMATCH),
        (float("inf"), Reason.MODEL_MISMATCH),
        (float("nan"), Reason.MODEL_MISMATCH),
        (0.5, None),
        (1.0, None),
    ],
)
def test_barriers_lie_at_a_distance(made, decided, multiple, reason):
    told = decided(signal=made.signal(barriers=Barriers(atr_multiple=multiple, horizon_candles=48)))
    assert (told.reason is Reason.MODEL_MISMATCH) is (reason is not None)


@pytest.mark.parametrize(
    ("volatility", "denied"),
    [
        (None, False),
        (0.01, False),
        (1e-9, False),
        (0.0, True),
        (-0.01, True),
        (float("nan"), True),
        (float("inf"), True),
    ],
)
def test_a_forecast_of_volatility_is_a_positive_number(made, decided, volatility, denied):
    told = decided(signal=made.signal(volatility=volatility))
    assert (told.reason is Reason.MODEL_INVALID) is denied


@pytest.mark.parametrize(
    ("below", "p_vote", "reason"),
    [
        (0.0, None, None),
        (0.0, 0.01, None),
        (0.5, None, Reason.MODEL_MISMATCH),
        (0.5, 0.5, None),
        (0.5, 0.49, Reason.VOTE_VETOED),
        (0.5, 0.0, Reason.VOTE_VETOED),
        (0.5, 1.0, None),
        (0.5, -0.01, Reason.MODEL_INVALID),
        (0.5, 1.01, Reason.MODEL_INVALID),
        (0.5, float("nan"), Reason.MODEL_INVALID),
        (0.5, float("inf"), Reason.MODEL_INVALID),
        (0.5, float("-inf"), Reason.MODEL_INVALID),
    ],
)
def test_the_vote_may_only_say_no(made, decided, below, p_vote, reason):
    told = decided(signal=made.signal(p_vote=p_vote), risk={"veto_below": below})
    assert told.reason is (reason or Reason.OK)


@pytest.mark.parametrize(
    ("age_ms", "denied"), [(599_999, False), (600_000, False), (600_001, True)]
)
def test_a_decision_is_valid_for_its_seconds(decided, age_ms, denied):
    assert (decided(now_ms=CLOSED_AT + age_ms).reason is Reason.DECISION_EXPIRED) is denied


def test_a_signal_of_the_future_is_not_expired(made, decided):
    assert decided(signal=made.signal(as_of=NOW + QUARTER)).reason is Reason.OK


@pytest.mark.parametrize(("used", "denied"), [(1, False), (2, True), (3, True)])
def test_so_many_attempts_and_no_more(made, decided, used, denied):
    settings = made.settings(execution={"entry_attempts": 2})
    assert (
        decided(account=made.owner(attempts_used=used), settings=settings).reason
        is Reason.ATTEMPTS_USED
    ) is denied


@pytest.mark.parametrize(
    ("more", "broken"),
    [
        ({"atr_jpy": 0.0}, True),
        ({"atr_jpy": -5.0}, True),
        ({"atr_jpy": float("nan")}, True),
        ({"atr_jpy": float("inf")}, True),
        ({"close": 0}, True),
        ({"close": -1}, True),
        ({"atr_jpy": 0.5}, False),
        ({"close": 1}, False),
    ],
)
def test_a_price_without_a_range_or_a_range_without_a_price_is_broken(made, decided, more, broken):
    assert (decided(signal=made.signal(**more)).reason is Reason.DATA_BROKEN) is broken


@pytest.mark.parametrize(
    ("stop", "target", "volatility", "atr", "broken"),
    [
        (1.0, 2.0, None, 499_999.0, True),
        (1.0, 2.0, None, 499_998.9, False),
        (2.0, 1.0, None, 499_999.0, True),
        (2.0, 1.0, None, 499_998.9, False),
        (2.0, 1.0, (0.02, 0.01), 249_999.5, True),
        (2.0, 1.0, (0.02, 0.01), 249_999.4, False),
        (2.0, 1.0, (0.01, 0.02), 499_999.0, True),
        (2.0, 1.0, (0.01, 0.02), 499_998.9, False),
    ],
)
def test_neither_stop_nor_target_may_lie_at_zero(
    made, decided, stop, target, volatility, atr, broken
):
    forecast, past = volatility or (None, None)
    signal = made.signal(close=1_000_000, atr_jpy=atr, volatility=forecast, volatility_past=past)
    book = made.book(999_999, 1_000_001)
    risk = {"stop_atr": stop, "target_atr": target, "volatility_reach": 2.0}
    told = decided(signal=signal, book=book, risk=risk)
    assert (told.reason is Reason.DATA_BROKEN) is broken


# what it is worth


@pytest.mark.parametrize(("p_upper", "denied"), [(0.5999, True), (0.6, False), (0.6001, False)])
@pytest.mark.parametrize("side", [LONG, SHORT])
def test_a_probability_suffices_from_its_limit_on(made, decided, side, p_upper, denied):
    with_us, against = ("p_upper", "p_lower") if side is LONG else ("p_lower", "p_upper")
    signal = made.signal(side=side, **{with_us: p_upper, against: 0.8 - p_upper})
    settings = made.settings(sides="both", risk={"entry": "threshold", "min_probability": 0.6})
    told = decided(signal=signal, settings=settings)
    assert (told.reason is Reason.PROBABILITY_BELOW) is denied


@pytest.mark.parametrize(("above", "denied"), [(-1e-9, False), (0.0, False), (1e-9, True)])
def test_an_edge_suffices_from_its_limit_on(made, decided, above, denied):
    net = decided().edge_rate
    told = decided(risk={"min_edge_rate": round(net + above, 9)})
    assert (told.reason is Reason.EDGE_BELOW_COST) is denied
    assert (told.edge_rate, told.side) == (net, LONG)
    assert told.cost_rate == decided().cost_rate


def test_with_a_forecast_the_smaller_of_both_kelly_shares_counts(made, decided):
    signal = made.signal(volatility=0.02, volatility_past=0.01, p_upper=0.7, p_lower=0.1)
    risk = {
        "kelly_fraction": 0.05,
        "kelly_cap": 1.0,
        "risk_per_trade": 0.5,
        "max_leverage": 2.0,
        "volatility_reach": 2.0,
    }
    settings = made.settings(risk=risk)
    both = edges.lower_edge(
        signal=signal, side=LONG, rules=PairRules(), book=made.book(), settings=settings
    )
    shares = [edges.kelly_share(each, fraction=0.05, cap=1.0) for each in both]
    assert shares[0] != shares[1]
    told = decided(signal=signal, settings=settings)
    assert told.context["kelly"] == str(min(shares))
    assert told.context["bound_by"] == "kelly"


def test_without_kelly_nothing_is_said_of_it(decided):
    assert "kelly" not in decided(risk={"kelly_fraction": 0.0}).context


def test_an_edge_that_is_negative_where_that_is_allowed_has_no_kelly_share(made, decided):
    signal = made.signal(p_upper=0.4, p_lower=0.4)
    told = decided(
        signal=signal, risk={"entry": "threshold", "min_probability": 0.3, "kelly_fraction": 0.5}
    )
    assert told.reason is Reason.SIZE_KELLY_ZERO


@pytest.mark.parametrize(
    ("forecast", "past", "bound"),
    [
        (None, 0.5, "volatility_target"),
        (0.5, 0.5, "volatility_target"),
        (None, None, "volatility_target"),
        (None, 0.0, "volatility_target"),
    ],
)
def test_the_size_heeds_the_forecast_or_the_past_and_a_past_of_nothing_is_unknown(
    made, decided, forecast, past, bound
):
    signal = made.signal(volatility=forecast, volatility_past=past)
    told = decided(signal=signal, risk={"volatility_target": 0.2})
    assert told.context["bound_by"] == bound
    assert told.context["lots_volatility_target"] == ("8" if past else "0")


@pytest.mark.parametrize(
    ("status", "available", "reason"),
    [
        ("NORMAL", 2_000_000, Reason.SIZE_BELOW_MINIMUM),
        ("BUSY", 2_000_000, Reason.EXCHANGE_BUSY),
        ("BUSY", 1, Reason.EXCHANGE_BUSY),
    ],
)
def test_a_minimum_that_a_busy_exchange_has_raised_says_nothing_of_the_signal(
    made, decided, status, available, reason
):
    rules = PairRules(status=status, min_lots=5_000)
    assert (
        decided(rules=rules, account=made.owner(available_jpy=Decimal(available))).reason is reason
    )


def test_a_lack_of_margin_stays_one_while_the_exchange_is_busy(made, decided):
    account = made.owner(available_jpy=Decimal(1))
    assert (
        decided(rules=PairRules(status="BUSY"), account=account).reason
        is Reason.MARGIN_INSUFFICIENT
    )


def test_an_entry_ends_its_candles_after_its_signal_and_says_what_it_was_worth(made, decided):
    entered = decided(risk={"max_hold_candles": 7})
    assert entered.exit_by == CLOSED_AT + 7 * QUARTER
    plain = edges.expected_edge(
        signal=made.signal(),
        side=LONG,
        rules=PairRules(),
        book=made.book(),
        settings=made.settings(risk={"max_hold_candles": 7}),
    )
    assert (entered.edge_rate, entered.cost_rate) == (plain.net, plain.cost)


def test_a_next_candle_forecast_has_no_edge_and_enters_by_probability_alone(made, decided):
    signal = made.signal(barriers=Barriers(atr_multiple=0.0, horizon_candles=1, kind="next_candle"))
    assert decided(signal=signal).reason is Reason.MODEL_MISMATCH
    entered = decided(signal=signal, risk={"entry": "threshold", "min_probability": 0.5})
    assert (entered.action, entered.edge_rate, entered.cost_rate) == (Action.ENTER, None, None)


@pytest.mark.parametrize(("forecast", "nearer"), [(0.01, True), (0.02, False), (0.04, False)])
def test_a_forecast_that_brings_the_stop_nearer_never_makes_the_order_larger(
    made, decided, forecast, nearer
):
    risk = {
        "entry": "threshold",
        "min_probability": 0.5,
        "kelly_fraction": 0.0,
        "volatility_reach": 2.0,
    }
    plain = decided(risk=risk)
    told = decided(signal=made.signal(volatility=forecast, volatility_past=0.02), risk=risk)
    distance, usual = 9_999_500 - told.stop_price, 9_999_500 - plain.stop_price
    assert distance == pytest.approx(usual * forecast / 0.02, abs=1)
    assert (told.lots == plain.lots) is (nearer or forecast == 0.02)
    assert told.lots <= plain.lots


@pytest.mark.parametrize("p_vote", [None, 0.01, 5.0])
def test_a_veto_that_is_not_positive_asks_nobody(made, decided, p_vote):
    told = made.settings()
    told = replace(told, risk=replace(told.risk, veto_below=-0.5))
    assert decided(signal=made.signal(p_vote=p_vote), settings=told).action is Action.ENTER


@pytest.mark.parametrize(("forecast", "more"), [(0.01, False), (0.02, False), (0.04, True)])
def test_the_order_of_a_short_is_reckoned_by_the_further_stop_too(made, decided, forecast, more):
    risk = {
        "entry": "threshold",
        "min_probability": 0.5,
        "kelly_fraction": 0.0,
        "volatility_reach": 2.0,
    }
    settings = made.settings(sides="both", risk=risk)
    short = made.signal(side=SHORT, p_lower=0.6, p_upper=0.2)
    plain = decided(signal=short, settings=settings)
    told = decided(
        signal=replace(short, volatility=forecast, volatility_past=0.02), settings=settings
    )
    assert (told.lots < plain.lots) is more
    assert (told.lots == plain.lots) is not more


@pytest.mark.parametrize(
    ("side", "atr", "price"),
    [
        (LONG, 10_000.2, 979_999),
        (SHORT, 10_000.2, 1_020_001),
        (LONG, 0.0, None),
        (LONG, -1.0, None),
        (LONG, 0.5, 999_999),
    ],
)
def test_a_stop_whose_plan_is_lost_lies_at_the_usual_distance_rounded_away(made, side, atr, price):
    held = made.position(made.part(1_000_000, 5), side=side)
    settings = made.settings(risk={"stop_atr": 2.0})
    signal = made.signal(atr_jpy=atr)
    told = BarrierPolicy().stop_price(held, plan=None, signal=signal, settings=settings)
    assert told == price
    assert BarrierPolicy().stop_price(held, plan=None, signal=None, settings=settings) is None
    plan = made.plan(stop_price=123_456)
    assert BarrierPolicy().stop_price(held, plan=plan, signal=signal, settings=settings) == 123_456


@pytest.mark.parametrize("pursues", [True, False])
def test_a_tick_is_due_when_a_plan_is_over_or_lost_and_something_is_held(made, pursues):
    plan = made.plan(exit_by=T0)
    for now_ms, due in ((T0 - 1, False), (T0, True), (T0 + 1, True)):
        assert BarrierPolicy().is_due(holds=True, pursues=pursues, plan=plan, now_ms=now_ms) is due
    for holds in (True, False):
        assert BarrierPolicy().is_due(holds=holds, pursues=pursues, plan=None, now_ms=T0) is holds


def test_a_barrier_needs_a_model_and_has_a_plan():
    assert (BarrierPolicy().is_model_based, BarrierPolicy().has_goal) == (True, False)
