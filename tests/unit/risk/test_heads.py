"""What the model's heads and the label may change: distances, sizes, vetoes.

Never more, only less.
"""

import math
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.reasons import Reason
from shared.core.types import Action, Barriers, Side
from shared.risk import edge as edges
from shared.risk import sizing
from tests.support.signals import changed_signal
from tests.unit.risk.conftest import Desk

CALM = {
    "volatility_reach": 1.0,
    "veto_below": 0.0,
    "shrink_by_vote": False,
    "volatility_target": None,
}
NEXT = Barriers(atr_multiple=4.0, horizon_candles=1, kind="next_candle", move_rate=0.003)


def wild(desk, volatility=0.012, past=0.010, **more):
    return changed_signal(desk.signal, volatility=volatility, volatility_past=past, **more)


# distances


def test_without_a_forecast_or_a_past_stop_and_target_lie_where_atr_says(desk):
    plain = desk.decide()
    assert (plain.stop_price, plain.target_price) == (9_879_500, 10_119_500)
    for signal in (
        changed_signal(desk.signal, volatility=0.02),
        changed_signal(desk.signal, volatility_past=0.02),
    ):
        assert desk.decide(signal=signal) == plain


def test_stop_and_target_widen_together_by_forecast_over_past_and_the_size_shrinks(desk):
    plain, decision = desk.decide(), desk.decide(signal=wild(desk))
    assert (decision.stop_price, decision.target_price) == (
        9_999_500 - 144_000,
        9_999_500 + 144_000,
    )
    assert decision.lots < plain.lots
    assert decision.context["distance"] == "1.200000"
    short = desk.decide(
        signal=changed_signal(desk.short(), volatility=0.012, volatility_past=0.01),
        settings=desk.settings(sides="both"),
    )
    assert (short.stop_price, short.target_price) == (10_000_500 + 144_000, 10_000_500 - 144_000)


@pytest.mark.parametrize(
    ("volatility", "past", "reach", "factor"),
    [
        (0.03, 0.01, 1.5, 1.5),
        (0.001, 0.01, 1.5, 1 / 1.5),
        (0.03, 0.01, 1.0, 1.0),
        (0.03, 0.0, 2.0, 2.0),
        (0.01, 0.01, 3.0, 1.0),
    ],
)
def test_the_factor_stays_within_its_reach(desk, volatility, past, reach, factor):
    given = desk.settings(risk={"volatility_reach": reach})
    assert edges.distance_factor(wild(desk, volatility, past), given) == factor


def test_a_narrower_stop_makes_the_order_no_larger(desk):
    plain, narrow = desk.decide(), desk.decide(signal=wild(desk, 0.008, 0.010))
    assert narrow.stop_price > plain.stop_price
    assert narrow.target_price < plain.target_price
    assert narrow.lots <= plain.lots


def test_a_trade_must_pay_at_both_distances(desk):
    poor = changed_signal(
        desk.signal,
        p_lower=0.32,
        p_neither=0.24,
        p_upper=0.44,
        volatility=0.02,
        volatility_past=0.01,
    )
    given = desk.settings(risk={"volatility_reach": 2.0, "kelly_fraction": 0.0})
    told = {"rules": desk.rules, "book": desk.book, "settings": given}
    assert (
        edges.expected_edge(signal=poor, side=Side.LONG, factor=2.0, **told).net
        > given.risk.min_edge_rate
    )
    assert edges.expected_edge(signal=poor, side=Side.LONG, **told).net < given.risk.min_edge_rate
    assert desk.decide(signal=poor, settings=given).reason is Reason.EDGE_BELOW_COST
    narrow = changed_signal(
        desk.signal,
        p_lower=0.30,
        p_neither=0.24,
        p_upper=0.46,
        volatility=0.005,
        volatility_past=0.01,
    )
    assert (
        desk.decide(signal=replace(narrow, volatility=None), settings=given).action is Action.ENTER
    )
    assert desk.decide(signal=narrow, settings=given).reason is Reason.EDGE_BELOW_COST


def test_a_stop_that_the_forecast_would_push_below_zero_is_denied(desk):
    signal = changed_signal(desk.signal, atr_jpy=2_000_000.0)
    assert (
        desk.decide(signal=signal, settings=desk.settings(risk={"min_edge_rate": -1.0})).reason
        is not Reason.DATA_BROKEN
    )
    far = changed_signal(signal, volatility=0.02, volatility_past=0.01)
    assert desk.decide(signal=far).reason is Reason.DATA_BROKEN


@pytest.mark.parametrize("volatility", [0.0, -0.01, math.nan, math.inf])
def test_a_forecast_that_is_no_volatility_is_refused(desk, volatility):
    assert desk.decide(signal=wild(desk, volatility)).reason is Reason.MODEL_INVALID


# the volatility target


def test_the_volatility_target_is_a_limit_by_hand(desk):
    # 0.01 in four hours x root of 2,190 = 0.46797 a year; 0.3 / 0.46797 x 1,000,000 / 999.95 a lot
    # = 641.1
    given = desk.settings(
        risk={
            "volatility_target": 0.3,
            "volatility_reach": 1.0,
            "risk_per_trade": 0.5,
            "kelly_fraction": 0.0,
        }
    )
    decision = desk.decide(signal=wild(desk, 0.01), settings=given)
    assert (decision.lots, decision.context["bound_by"]) == (641, "volatility_target")
    calm = desk.decide(signal=wild(desk, 0.001), settings=given)
    assert calm.context["lots_volatility_target"] == calm.context["lots_max_leverage"] == "1000"
    assert (
        desk.decide(signal=changed_signal(desk.signal, volatility_past=0.01), settings=given).lots
        == 641
    ), "the past, without forecast"
    assert desk.decide(settings=given).reason is Reason.SIZE_BELOW_MINIMUM, (
        "nothing is known of either"
    )
    assert sizing.annual_volatility(0.01) == pytest.approx(
        Decimal("0.4679743"), abs=Decimal("1e-7")
    )


# the word on the vote


def test_the_meta_head_vetoes_below_its_limit_and_not_at_it(desk):
    given = desk.settings(risk={"veto_below": 0.55})
    denied = desk.decide(signal=changed_signal(desk.signal, p_vote=0.549999), settings=given)
    assert (denied.action, denied.reason) == (Action.DENY, Reason.VOTE_VETOED)
    assert denied.context == {"p_vote": "0.549999", "limit": "0.55"}
    assert (
        desk.decide(signal=changed_signal(desk.signal, p_vote=0.55), settings=given).action
        is Action.ENTER
    )


@pytest.mark.parametrize(("p_vote", "share"), [(1.0, 1.0), (0.75, 0.5), (0.6, 0.2)])
def test_the_size_shrinks_by_how_far_the_vote_lies_above_one_half(desk, p_vote, share):
    given = desk.settings(risk={"shrink_by_vote": True})
    decision = desk.decide(signal=changed_signal(desk.signal, p_vote=p_vote), settings=given)
    assert decision.lots == int(desk.decide().lots * Decimal(str(share)))
    assert (
        desk.decide(signal=changed_signal(desk.signal, p_vote=0.5), settings=given).reason
        is Reason.SIZE_BELOW_MINIMUM
    )


@pytest.mark.parametrize("risk", [{"veto_below": 0.1}, {"shrink_by_vote": True}])
def test_who_asks_for_a_word_on_the_vote_gets_no_entry_from_a_model_without_one(desk, risk):
    given = desk.settings(risk=risk)
    assert desk.decide(settings=given).reason is Reason.MODEL_MISMATCH
    for odd in (math.nan, -0.1, 1.1):
        assert (
            desk.decide(signal=changed_signal(desk.signal, p_vote=odd), settings=given).reason
            is Reason.MODEL_INVALID
        )
    assert desk.decide(signal=changed_signal(desk.signal, p_vote=0.0)).action is Action.ENTER, (
        "nobody asked"
    )


def test_money_that_is_not_there_stays_the_reason_when_the_vote_shrinks_too(desk):
    given = desk.settings(risk={"shrink_by_vote": True})
    few = replace(desk.account, available_jpy=Decimal(1_500))
    assert (
        desk.decide(
            signal=changed_signal(desk.signal, p_vote=0.75), settings=given, account=few
        ).reason
        is Reason.MARGIN_INSUFFICIENT
    )


# the threshold, and the label of the next candle


def test_a_threshold_asks_for_the_probability_of_the_side_and_for_nothing_else(desk):
    given = desk.settings(
        sides="both", risk={"entry": "threshold", "min_probability": 0.5, "kelly_fraction": 0.0}
    )
    poor = changed_signal(desk.signal, p_lower=0.5, p_neither=0.0, p_upper=0.5)
    assert desk.decide(signal=poor).reason is Reason.EDGE_BELOW_COST
    decision = desk.decide(signal=poor, settings=given)
    assert decision.action is Action.ENTER
    assert decision.edge_rate < 0
    assert (
        desk.decide(
            signal=changed_signal(poor, p_upper=0.499999, p_lower=0.500001), settings=given
        ).reason
        is Reason.PROBABILITY_BELOW
    )
    assert (
        desk.decide(signal=changed_signal(poor, side=Side.SHORT), settings=given).action
        is Action.ENTER
    )
    kelly = desk.settings(
        risk={"entry": "threshold", "min_probability": 0.5, "kelly_fraction": 0.5}
    )
    assert desk.decide(signal=poor, settings=kelly).reason is Reason.SIZE_KELLY_ZERO


def test_the_next_candles_label_has_no_value_and_is_entered_by_threshold_alone(desk):
    signal = changed_signal(desk.signal, barriers=NEXT)
    denied = desk.decide(signal=signal)
    assert denied.reason is Reason.MODEL_MISMATCH
    assert "threshold" in denied.context["why"]
    given = desk.settings(risk={"entry": "threshold", "min_probability": 0.6})
    decision = desk.decide(signal=signal, settings=given)
    assert (decision.action, decision.edge_rate, decision.cost_rate) == (Action.ENTER, None, None)
    assert (decision.stop_price, decision.target_price) == (9_879_500, 10_119_500)
    assert "kelly" not in decision.context
    assert (
        desk.decide(
            signal=changed_signal(signal, p_upper=0.59, p_neither=0.21), settings=given
        ).reason
        is Reason.PROBABILITY_BELOW
    )


# only less

SHARE = st.floats(0.0, 1.0)
VOLATILITY = st.one_of(st.none(), st.floats(1e-4, 0.2))


@settings(max_examples=400)
@given(
    told=st.tuples(st.integers(0, 1000), st.integers(0, 1000)),
    side=st.sampled_from(Side),
    heads=st.tuples(VOLATILITY, VOLATILITY, st.one_of(st.none(), SHARE)),
    chosen=st.tuples(
        st.floats(1.0, 4.0), SHARE, st.booleans(), st.one_of(st.none(), st.floats(0.05, 2.0))
    ),
    other=st.tuples(
        st.sampled_from([0.0, 0.25, 1.0]),
        st.sampled_from([-1.0, 0.0, 0.0005]),
        st.sampled_from(["value", "threshold"]),
    ),
)
def never_larger(told, side, heads, chosen, other):
    desk = Desk()
    lower, upper = (share / sum(told) * 0.9 if sum(told) else 0.45 for share in told)
    signal = changed_signal(
        desk.signal, side=side, p_lower=lower, p_upper=upper, p_neither=1.0 - lower - upper
    )
    reach, veto, shrink, target = chosen
    kelly, least, entry = other
    fixed = {
        "kelly_fraction": kelly,
        "min_edge_rate": least,
        "entry": entry,
        "min_probability": 0.3,
    }
    asked = {
        "volatility_reach": reach,
        "veto_below": veto,
        "shrink_by_vote": shrink,
        "volatility_target": target,
    }
    before = desk.decide(
        signal=signal, settings=desk.settings(sides="both", risk={**fixed, **CALM})
    )
    volatility, past, p_vote = heads
    spoken = changed_signal(signal, volatility=volatility, volatility_past=past, p_vote=p_vote)
    after = desk.decide(
        signal=spoken, settings=desk.settings(sides="both", risk={**fixed, **asked})
    )
    _SEEN[(before.action, after.action)] = _SEEN.get((before.action, after.action), 0) + 1
    assert after.lots <= before.lots
    assert before.action is Action.ENTER or after.action is not Action.ENTER


_SEEN: dict[tuple[Action, Action], int] = {}


def test_no_setting_and_no_word_of_the_heads_makes_a_size_larger_or_an_entry_of_a_denial():
    _SEEN.clear()
    never_larger()
    assert _SEEN[Action.ENTER, Action.ENTER] >= 10
    assert _SEEN[Action.ENTER, Action.DENY] >= 10
    assert _SEEN[Action.DENY, Action.DENY] >= 10
