"""Every rule answers for its own reason, in the order of the table, and what enters keeps to every
limit.
"""

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.money import LOT_BTC, notional_jpy
from shared.core.reasons import DENIALS, TRANSIENT, Reason
from shared.core.types import (
    AccountKind,
    Action,
    Barriers,
    Book,
    Entry,
    Issue,
    PairRules,
    Position,
    PositionPlan,
    Side,
)
from shared.risk import sizing
from shared.risk.policies.barrier import RULES
from tests.support.signals import changed_signal

HELD = Position(
    side=Side.LONG, entries=(Entry(at=0, price=10_000_000, lots=5, fee_jpy=Decimal(0)),)
)


def plan(desk, exit_by):
    return PositionPlan(
        side=Side.LONG,
        stop_price=1,
        target_price=2,
        exit_by=exit_by,
        as_of=desk.closed_at,
        entry_intent="e",
    )


def spoiled(desk):
    """What makes each reason appear, in the order in which the rules are asked."""
    account, signal = desk.account, desk.signal
    held = replace(account, position=HELD, plan=plan(desk, desk.now + 10**8))
    forbidden = (
        Issue(reason=Reason.SPREAD_WARNING, forbids_entry=False),
        Issue(reason=Reason.DATA_HOLE, forbids_entry=True, context={"candles": "3", "reason": "x"}),
        Issue(reason=Reason.CLOCK_SKEW, forbids_entry=True),
    )
    return {
        Reason.EXIT_TIME: {"account": replace(held, plan=plan(desk, desk.now))},
        Reason.EXIT_OPPOSITE: {
            "account": held,
            "signal": desk.short(),
            "settings": desk.settings(risk={"exit_on_opposite": True}),
        },
        Reason.POSITION_OPEN: {"account": held},
        Reason.HALTED_BY_PERSON: {"account": replace(account, halted=True)},
        Reason.LIMIT_DRAWDOWN: {"account": replace(account, equity_peak_jpy=Decimal(1_250_000))},
        Reason.LIMIT_DAILY_LOSS: {
            "account": replace(account, day_start_equity_jpy=Decimal(1_052_632))
        },
        Reason.LIMIT_COOLDOWN: {"account": replace(account, cooldown_until=desk.now + 10**8)},
        Reason.ENTRY_RESTING: {"account": replace(account, entry_resting=True)},
        Reason.WARMING_UP: {"signal": changed_signal(signal, warm=False)},
        Reason.DATA_HOLE: {"issues": forbidden},
        Reason.NO_CONSENSUS: {"signal": changed_signal(signal, side=None)},
        Reason.SIDE_NOT_ALLOWED: {"signal": desk.short()},
        Reason.SIDE_SUSPENDED: {"rules": PairRules(long_opens=False)},
        Reason.MODEL_MISSING: {"signal": replace(signal, forecast=None)},
        Reason.MODEL_MISMATCH: {
            "signal": changed_signal(
                signal, barriers=Barriers(atr_multiple=0.0, horizon_candles=48)
            )
        },
        Reason.MODEL_INVALID: {"signal": changed_signal(signal, p_upper=0.9)},
        Reason.VOTE_VETOED: {
            "signal": changed_signal(signal, p_vote=0.49),
            "settings": desk.settings(risk={"veto_below": 0.5}),
        },
        Reason.DECISION_EXPIRED: {"now_ms": desk.closed_at + 600_001},
        Reason.ATTEMPTS_USED: {"account": replace(account, attempts_used=2)},
        Reason.BOOK_MISSING: {"book": None},
        Reason.DATA_BROKEN: {"signal": changed_signal(signal, atr_jpy=0.0)},
        Reason.PROBABILITY_BELOW: {
            "settings": desk.settings(risk={"entry": "threshold", "min_probability": 0.61})
        },
        Reason.EDGE_BELOW_COST: {"signal": changed_signal(signal, p_lower=0.4, p_upper=0.4)},
        Reason.SIZE_KELLY_ZERO: {
            "signal": changed_signal(signal, p_lower=0.4, p_upper=0.4),
            "settings": desk.settings(risk={"min_edge_rate": -1.0}),
        },
        Reason.SIZE_BELOW_MINIMUM: {"account": replace(account, capital_jpy=Decimal(500))},
        Reason.MARGIN_INSUFFICIENT: {"account": replace(account, available_jpy=Decimal(500))},
        Reason.OK: {},
    }


EXITS = {Reason.EXIT_TIME, Reason.EXIT_OPPOSITE}
HOLDS = {Reason.POSITION_OPEN, Reason.ENTRY_RESTING}


def test_every_reason_is_reached_with_its_action(desk):
    reached = 0
    for reason, more in spoiled(desk).items():
        decision = desk.decide(**more)
        assert decision.reason is reason
        expected = (
            Action.EXIT
            if reason in EXITS
            else (
                Action.HOLD
                if reason in HOLDS
                else Action.ENTER
                if reason is Reason.OK
                else Action.DENY
            )
        )
        assert decision.action is expected
        assert decision.as_of == desk.closed_at
        assert (decision.lots > 0) is (
            decision.action is not Action.DENY and reason is not Reason.ENTRY_RESTING
        )
        reached += 1
    assert reached == 27
    assert len(RULES) == 15


def test_earlier_rules_win_over_later_ones(desk):
    """Spoil a case by two reasons at once: the one that stands earlier in the table is told."""
    cases = list(spoiled(desk).items())
    pairs = 0
    for index, (first, more) in enumerate(cases):
        for _, other in cases[index + 1 :]:
            if set(more) & set(other) or Reason.EXIT_OPPOSITE is first:
                continue
            assert desk.decide(**{**other, **more}).reason is first
            pairs += 1
    assert pairs > 100


def test_a_position_can_end_while_everything_else_is_halted(desk):
    account = replace(
        desk.account,
        position=HELD,
        plan=plan(desk, desk.now),
        halted=True,
        drawdown_halted=True,
        cooldown_until=desk.now + 1,
        equity_peak_jpy=Decimal(9_000_000),
    )
    decision = desk.decide(
        account=account, book=None, signal=changed_signal(desk.signal, warm=False)
    )
    assert (decision.action, decision.reason, decision.side, decision.lots) == (
        Action.EXIT,
        Reason.EXIT_TIME,
        Side.LONG,
        5,
    )


def test_a_position_without_a_plan_is_held_for_the_time_of_one_and_its_stop_is_protections_business(
    desk,
):
    most_ms = desk.settings().risk.max_hold_candles * 900_000
    for age_ms, action, reason in (
        (most_ms - 1, Action.HOLD, Reason.POSITION_OPEN),
        (most_ms, Action.EXIT, Reason.EXIT_TIME),
    ):
        first, last = HELD.entries[0], replace(HELD.entries[0], at=desk.now - age_ms)
        decision = desk.decide(
            account=replace(desk.account, position=replace(HELD, entries=(first, last)))
        )
        assert (decision.action, decision.reason) == (action, reason)


def test_the_opposite_consensus_closes_only_where_it_is_asked_for(desk):
    account = replace(desk.account, position=HELD, plan=plan(desk, desk.now + 10**8))
    assert desk.decide(account=account, signal=desk.short()).reason is Reason.POSITION_OPEN
    asked = desk.settings(risk={"exit_on_opposite": True})
    assert desk.decide(account=account, settings=asked).reason is Reason.POSITION_OPEN
    assert (
        desk.decide(
            account=account, signal=changed_signal(desk.signal, side=None), settings=asked
        ).reason
        is Reason.POSITION_OPEN
    )


def test_the_drawdown_halt_stays_when_the_equity_comes_back(desk):
    assert (
        desk.decide(account=replace(desk.account, drawdown_halted=True)).reason
        is Reason.LIMIT_DRAWDOWN
    )


def test_limits_bite_exactly_at_their_value(desk):
    at = replace(desk.account, equity_peak_jpy=Decimal(1_250_000))  # a fall of exactly 20 %
    assert desk.decide(account=at).reason is Reason.LIMIT_DRAWDOWN
    above = replace(desk.account, equity_peak_jpy=Decimal(1_249_999))
    assert desk.decide(account=above).action is Action.ENTER
    fallen = replace(
        desk.account, equity_jpy=Decimal(950_000)
    )  # by exactly 5 % since the day's start
    assert desk.decide(account=fallen).reason is Reason.LIMIT_DAILY_LOSS
    assert desk.decide(account=replace(fallen, equity_jpy=Decimal(950_001))).action is Action.ENTER
    assert (
        desk.decide(account=replace(desk.account, cooldown_until=desk.now)).action is Action.ENTER
    )
    assert desk.decide(now_ms=desk.closed_at + 600_000).action is Action.ENTER
    assert desk.decide(account=replace(desk.account, attempts_used=1)).action is Action.ENTER


def test_the_first_forbidding_issue_is_the_reason_and_all_are_told(desk):
    decision = desk.decide(**spoiled(desk)[Reason.DATA_HOLE])
    assert decision.context == {
        "candles": "3",
        "reason": "x",
        "issues": "spread_warning,data_hole,clock_skew",
    }
    warned = (Issue(reason=Reason.SPREAD_WARNING, forbids_entry=False),)
    assert desk.decide(issues=warned).action is Action.ENTER


def test_an_issue_that_closes_the_candle_is_the_reason_wherever_it_stands(desk):
    """Both orders of every pair of one that may pass and one that will not."""
    pairs = 0
    for passing in TRANSIENT:
        for final in set(DENIALS) - TRANSIENT:
            both = [Issue(reason=reason, forbids_entry=True) for reason in (passing, final)]
            assert desk.decide(issues=both).reason is final
            assert desk.decide(issues=both[::-1]).reason is final
            pairs += 1
    assert pairs >= 300


def test_a_minimum_that_a_busy_exchange_raised_may_pass(desk):
    small = replace(desk.account, capital_jpy=Decimal(500))
    assert desk.decide(account=small).reason is Reason.SIZE_BELOW_MINIMUM
    assert desk.decide(account=small, rules=PairRules(status="BUSY")).reason is Reason.EXCHANGE_BUSY


def test_sides_follow_settings_account_and_exchange(desk):
    both = desk.settings(sides="both")
    assert desk.decide(signal=desk.short(), settings=both).side is Side.SHORT
    shut = {"settings": both, "rules": PairRules(short_opens=False)}
    assert desk.decide(signal=desk.short(), **shut).reason is Reason.SIDE_SUSPENDED
    assert desk.decide(**shut).action is Action.ENTER
    assert desk.decide(rules=PairRules(long_opens=False)).reason is Reason.SIDE_SUSPENDED
    spot = replace(
        desk.settings(account=AccountKind.SPOT), sides="both"
    )  # settings refuse this; the rule does not rely on it
    assert desk.decide(signal=desk.short(), settings=spot).reason is Reason.SIDE_NOT_ALLOWED
    assert desk.decide(settings=desk.settings(account=AccountKind.SPOT)).action is Action.ENTER


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_model_that_does_not_tell_probabilities_is_not_believed(desk, broken):
    assert (
        desk.decide(signal=changed_signal(desk.signal, p_neither=broken)).reason
        is Reason.MODEL_INVALID
    )
    barriers = Barriers(atr_multiple=broken if broken != 1.1 else 0.0, horizon_candles=1)
    if broken != -0.1:
        assert (
            desk.decide(signal=changed_signal(desk.signal, barriers=barriers)).reason
            is Reason.MODEL_MISMATCH
        )


def test_probabilities_rounded_to_six_digits_are_believed(desk):
    rounded = changed_signal(desk.signal, p_lower=0.200001, p_neither=0.199999, p_upper=0.600001)
    assert desk.decide(signal=rounded).action is Action.ENTER


def test_a_stop_or_target_below_zero_is_refused(desk):
    assert (
        desk.decide(signal=changed_signal(desk.signal, atr_jpy=2_499_875.0)).reason
        is Reason.DATA_BROKEN
    )
    assert (
        desk.decide(signal=changed_signal(desk.signal, atr_jpy=float("inf"))).reason
        is Reason.DATA_BROKEN
    )
    assert desk.decide(signal=changed_signal(desk.signal, close=0)).reason is Reason.DATA_BROKEN


def test_an_entry_says_what_it_needs_to_be_carried_out(desk):
    decision = desk.decide()
    assert decision.stop_price == 9_999_500 - 120_000
    assert decision.target_price == 9_999_500 + 120_000
    assert decision.exit_by == desk.closed_at + 48 * 900_000
    assert decision.edge_rate is not None
    assert decision.edge_rate > 0.0005
    assert decision.context["bound_by"] == "risk_per_trade"
    assert Decimal(decision.context["kelly"]) > 0
    short = desk.decide(signal=desk.short(), settings=desk.settings(sides="both"))
    assert (short.stop_price, short.target_price) == (10_000_500 + 120_000, 10_000_500 - 120_000)


def test_an_edge_below_its_costs_is_told_with_both(desk):
    decision = desk.decide(signal=changed_signal(desk.signal, p_lower=0.39, p_upper=0.41))
    assert decision.reason is Reason.EDGE_BELOW_COST
    assert decision.edge_rate is not None
    assert decision.cost_rate is not None
    assert decision.edge_rate < 0 < decision.cost_rate
    assert set(decision.context) >= {"edge", "cost", "min_edge"}


def test_kelly_is_off_at_fraction_zero(desk):
    off = desk.settings(risk={"kelly_fraction": 0.0, "min_edge_rate": -1.0})
    decision = desk.decide(
        signal=changed_signal(desk.signal, p_lower=0.4, p_upper=0.4), settings=off
    )
    assert decision.action is Action.ENTER
    assert "lots_kelly" not in decision.context


def any_case(rng, desk, **settings):
    price = rng.randint(500_000, 20_000_000)
    half = rng.randint(1, 2000)
    lower, neither, upper = sorted(rng.random() for _ in range(3))
    total = lower + neither + upper
    side = rng.choice(list(Side))
    probabilities = {
        "p_lower": lower / total,
        "p_neither": neither / total,
        "p_upper": upper / total,
    }
    if side is Side.SHORT:
        probabilities["p_lower"], probabilities["p_upper"] = (
            probabilities["p_upper"],
            probabilities["p_lower"],
        )
    equity = Decimal(rng.randint(1_000, 50_000_000))
    account = replace(
        desk.account,
        equity_jpy=equity,
        equity_peak_jpy=equity,
        day_start_equity_jpy=equity,
        capital_jpy=Decimal(rng.randint(1_000, 50_000_000)),
        available_jpy=equity * rng.choice([0, 1, 2]),
    )
    risk = {
        "max_leverage": rng.choice([0.3, 1.0, 2.0]),
        "risk_per_trade": rng.choice([0.001, 0.01, 0.5]),
        "kelly_fraction": rng.choice([0.0, 0.5, 1.0]),
        "stop_atr": rng.choice([1.5, 4.0]),
        "min_edge_rate": -1.0,
    }
    stage = rng.choice(["paper", "stage-10", "stage-50", "live"])
    return {
        "signal": changed_signal(
            desk.signal,
            close=price,
            atr_jpy=price * rng.uniform(0.0005, 0.02),
            side=side,
            **probabilities,
        ),
        "account": account,
        "book": Book(as_of=0, bid=price - half, ask=price + half),
        "rules": PairRules(
            min_lots=rng.choice([1, 1, 10]), max_market_lots=rng.choice([50, 100_000])
        ),
        "settings": desk.settings(sides="both", stage=stage, risk=risk, **settings),
    }


def test_no_entry_ever_exceeds_a_limit(desk, full):
    rng = random.Random(11)
    entered, bounds = 0, set()
    for _ in range(20_000 if full else 3_000):
        case = any_case(rng, desk)
        decision = desk.decide(**case)
        if decision.action is not Action.ENTER:
            assert decision.lots == 0
            continue
        entered += 1
        settings, account, side = case["settings"], case["account"], decision.side
        entry = case["book"].bid if side is Side.LONG else case["book"].ask
        capital = min(account.capital_jpy, account.equity_jpy) * Decimal(
            str(settings.stages[settings.stage])
        )
        assert notional_jpy(entry, decision.lots) <= capital * Decimal(
            str(settings.risk.max_leverage)
        )
        assert notional_jpy(entry, decision.lots) <= account.available_jpy
        distance = abs(entry - decision.stop_price) * decision.lots * LOT_BTC
        assert distance < capital * Decimal(str(settings.risk.risk_per_trade))
        assert case["rules"].min_lots <= decision.lots <= case["rules"].max_market_lots
        assert (entry - decision.stop_price) * side.sign > 0
        assert (decision.target_price - entry) * side.sign > 0
        bounds.add(decision.context["bound_by"])
    assert entered > 1_000
    assert bounds == {"risk_per_trade", "max_leverage", "exchange_maximum", "kelly", "available"}


def test_more_equity_never_means_fewer_lots(desk):
    rng = random.Random(3)
    grown = 0
    for _ in range(300):
        case = any_case(rng, desk)
        last = 0
        for equity in sorted(rng.randint(1_000, 20_000_000) for _ in range(5)):
            money = Decimal(equity)
            account = replace(
                case["account"],
                equity_jpy=money,
                equity_peak_jpy=money,
                day_start_equity_jpy=money,
                available_jpy=2 * money,
                capital_jpy=Decimal(20_000_000),
            )
            lots = desk.decide(**{**case, "account": account}).lots
            assert lots >= last
            grown += lots > last
            last = lots
    assert grown > 300


def test_a_halted_account_never_enters(desk):
    rng = random.Random(5)
    denied = 0
    for _ in range(500):
        case = any_case(rng, desk)
        halted = replace(
            case["account"],
            **rng.choice([{"halted": True}, {"drawdown_halted": True}, {"cooldown_until": 2**60}]),
        )
        assert desk.decide(**{**case, "account": halted}).action is Action.DENY
        denied += desk.decide(**case).action is Action.ENTER
    assert denied > 150


def test_a_decision_is_the_same_every_time(desk):
    rng = random.Random(9)
    for _ in range(100):
        case = any_case(rng, desk)
        assert desk.decide(**case) == desk.decide(**case)


def test_nothing_in_use_means_nothing_to_size(desk):
    assert (
        sizing.capital_in_use(replace(desk.account, equity_jpy=Decimal(-5)), desk.settings()) == 0
    )
