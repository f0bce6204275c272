"""The barrier formula against its identities and a simulation, costs by hand, Kelly against the
textbook.
"""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core import costs
from shared.core.types import AccountKind, Barriers, PairRules, Side
from shared.risk import edge as edges
from shared.risk.edge import touches_target_first
from tests.support.signals import changed_signal

q_values = st.floats(0.001, 0.999)
distances = st.floats(0.1, 20)


@given(q=q_values, barrier=distances)
def test_at_the_models_own_barriers_nothing_changes(q, barrier):
    assert touches_target_first(q, barrier=barrier, target=barrier, stop=barrier) == pytest.approx(
        q, abs=1e-9
    )


@given(barrier=distances, target=distances, stop=distances)
def test_without_drift_the_nearer_barrier_wins_by_its_distance(barrier, target, stop):
    found = touches_target_first(0.5, barrier=barrier, target=target, stop=stop)
    assert found == pytest.approx(stop / (target + stop))


@given(q=q_values, barrier=distances, target=distances, stop=distances)
def test_long_and_short_are_mirror_images(q, barrier, target, stop):
    up = touches_target_first(q, barrier=barrier, target=target, stop=stop)
    down = touches_target_first(1 - q, barrier=barrier, target=stop, stop=target)
    assert up + down == pytest.approx(1.0, abs=1e-6)
    assert 0 <= up <= 1


@given(q=q_values, target=distances, stop=distances)
def test_a_further_target_is_harder_and_a_further_stop_is_safer(q, target, stop):
    here = touches_target_first(q, barrier=4.0, target=target, stop=stop)
    assert touches_target_first(q, barrier=4.0, target=target * 1.5, stop=stop) <= here + 1e-12
    assert touches_target_first(q, barrier=4.0, target=target, stop=stop * 1.5) >= here - 1e-12


@pytest.mark.parametrize("q", [0.0, 1.0, 1e-30])
def test_extreme_probabilities_stay_finite(q):
    for target, stop in ((1000.0, 0.1), (0.1, 1000.0), (500.0, 500.0)):
        assert 0 <= touches_target_first(q, barrier=0.1, target=target, stop=stop) <= 1


@pytest.mark.parametrize(
    ("q", "target", "stop"), [(0.6, 4.0, 2.0), (0.42, 3.0, 5.0), (0.5, 6.0, 2.0), (0.7, 2.0, 2.0)]
)
def test_the_formula_agrees_with_simulated_paths(q, target, stop):
    """Random walks on a lattice of a quarter ATR, whose barriers are hit exactly: the gambler's
    ruin of the same drift.
    """
    rng, step, barrier, count = np.random.default_rng(17), 0.25, 4.0, 20_000
    up = 1 / (
        1 + math.exp(-math.log(q / (1 - q)) / barrier * step)
    )  # so that +barrier before -barrier has probability q
    place = np.zeros(count)
    alive = np.ones(count, dtype=bool)
    while alive.any():
        moves = np.where(rng.random(int(alive.sum())) < up, step, -step)
        place[alive] += moves
        alive = (place < target - step / 2) & (place > -stop + step / 2)
    simulated = float((place > 0).mean())
    exact = touches_target_first(q, barrier=barrier, target=target, stop=stop)
    assert abs(simulated - exact) < 4 * math.sqrt(exact * (1 - exact) / count)


def test_the_expected_value_by_hand(desk):
    edge = edges.expected_edge(
        signal=desk.signal,
        side=Side.LONG,
        rules=PairRules(),
        book=desk.book,
        settings=desk.settings(),
    )
    # touch 0.8, target first 0.75: 0.6 target, 0.2 stop, 0.2 time; 4 ATR = 1.2 % of the price
    assert (edge.p_target, edge.p_stop, edge.p_time) == pytest.approx((0.6, 0.2, 0.2))
    assert edge.gross == pytest.approx(0.4 * 0.012)
    # crossing: taker 0.1 % + slippage 0.05 % + half of 1,000 / 10,000,000; a day of interest 0.04 %
    # always
    assert edge.cost == pytest.approx(0.0004 + 0.4 * (0.001 + 0.0005 + 0.00005))
    assert edge.net == pytest.approx(edge.gross - edge.cost, abs=2e-9)
    assert edge.win == pytest.approx(0.012 - 0.0004)
    assert edge.loss == pytest.approx(-0.012 - 0.0004 - 0.00155)
    assert edge.idle == pytest.approx(-0.0004 - 0.00155)


def test_a_short_sees_the_market_from_the_other_side(desk):
    given = {"rules": PairRules(), "book": desk.book, "settings": desk.settings(sides="both")}
    long = edges.expected_edge(signal=desk.signal, side=Side.LONG, **given)
    short = edges.expected_edge(signal=desk.short(), side=Side.SHORT, **given)
    assert long == short


def test_spot_pays_no_interest_and_sells_its_target_at_market(desk):
    rates = costs.rates(
        rules=PairRules(),
        side=Side.LONG,
        book=None,
        settings=desk.settings(account=AccountKind.SPOT),
    )
    assert rates.interest == 0
    assert rates.target == rates.crossing == pytest.approx(0.001 + 0.0005 + 0.00005)


def test_a_holding_over_a_day_pays_for_each_started_day(desk):
    assert costs.longest_days(desk.settings()) == 1
    assert costs.longest_days(desk.settings(risk={"max_hold_candles": 95})) == 1
    assert costs.longest_days(desk.settings(risk={"max_hold_candles": 96})) == 2
    dear = PairRules(short_interest_rate_day=Decimal("0.001"))
    two = desk.settings(risk={"max_hold_candles": 96})
    assert costs.rates(
        rules=dear, side=Side.SHORT, book=None, settings=two
    ).interest == pytest.approx(0.002)


def test_a_signal_that_expects_no_touch_is_worth_its_costs_less_than_nothing(desk):
    still = changed_signal(desk.signal, p_lower=0.0, p_neither=1.0, p_upper=0.0)
    edge = edges.expected_edge(
        signal=still, side=Side.LONG, rules=PairRules(), book=desk.book, settings=desk.settings()
    )
    assert edge.gross == 0
    assert edge.net < 0


@given(p=st.floats(0.02, 0.98), win=st.floats(0.001, 0.3), loss=st.floats(0.001, 0.3))
def test_kelly_with_two_outcomes_is_the_textbook(p, win, loss):
    edge = edges.Edge(
        gross=0, cost=0, net=0, p_target=p, p_stop=1 - p, p_time=0, win=win, loss=-loss, idle=0
    )
    odds = win / loss
    textbook = max(0.0, (odds * p - (1 - p)) / odds)
    assert float(edges.kelly_share(edge, fraction=1.0, cap=1.0)) == pytest.approx(
        textbook, abs=2e-9
    )
    assert float(edges.kelly_share(edge, fraction=0.5, cap=1.0)) == pytest.approx(
        textbook / 2, abs=2e-9
    )
    assert edges.kelly_share(edge, fraction=1.0, cap=0.03) <= Decimal("0.03")


def test_kelly_is_nothing_where_nothing_can_be_lost_at_the_stop():
    edge = edges.Edge(
        gross=1, cost=0, net=1, p_target=1, p_stop=0, p_time=0, win=0.1, loss=0.0, idle=0
    )
    assert edges.kelly_share(edge, fraction=1.0, cap=1.0) == 0


def test_other_distances_than_the_models_change_the_edge(desk):
    near = desk.settings(risk={"target_atr": 2.0})
    other = edges.expected_edge(
        signal=desk.signal, side=Side.LONG, rules=PairRules(), book=desk.book, settings=near
    )
    same = edges.expected_edge(
        signal=desk.signal,
        side=Side.LONG,
        rules=PairRules(),
        book=desk.book,
        settings=desk.settings(),
    )
    assert other.p_target > same.p_target
    wide = changed_signal(desk.signal, barriers=Barriers(atr_multiple=8.0, horizon_candles=48))
    less = edges.expected_edge(
        signal=wide, side=Side.LONG, rules=PairRules(), book=desk.book, settings=desk.settings()
    )
    assert less.p_target < same.p_target
