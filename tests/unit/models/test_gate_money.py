"""The gate on money: each check passes where it should and fails where it should."""

from dataclasses import replace

import numpy as np
import pytest

from models.gate import judge
from models.gate.money import Record, beats_random_entries
from models.gate.stability import month_gains
from models.gate.types import TrialCounts
from shared.core.settings import load_settings
from shared.results.performance.sharpe import SharpeVariance, probabilistic_sharpe
from shared.results.performance.significance import significance, track_of
from tests.support.made_evidence import DAY_MS, START_AT, made_evidence, made_money

GATE = load_settings({}).gate
ONE = TrialCounts(count=1, sharpes=np.zeros(0))


def checks_of(money, trials=ONE, gate=GATE):
    verdict = judge(
        made_evidence(rows=None, rival=None, money=money, trials=trials), gate, serve=()
    )
    return {check.name: check for check in verdict.checks}


def failed(money, trials=ONE, gate=GATE):
    return {name for name, check in checks_of(money, trials, gate).items() if not check.passed}


def test_a_good_record_passes_everything():
    assert failed(made_money()) == set()


def test_a_record_without_edge_fails_by_its_sharpe_and_its_expectation():
    names = failed(made_money(annual_sharpe=0.0, seed=2))
    assert {"psr", "dsr", "positive_expectation"} <= names


def test_the_probability_is_the_lower_of_both_variants_and_of_independent_days():
    money = made_money(annual_sharpe=1.0)
    track = track_of(money.returns)
    published = [probabilistic_sharpe(track, variant=variant) for variant in SharpeVariance]
    told = checks_of(money)["psr"].value
    assert told <= min(published) + 1e-12
    assert told > min(published) - 0.05


def test_days_that_resemble_each_other_count_less():
    shocks = np.random.default_rng(5).standard_normal(740)
    smooth = np.convolve(shocks, np.ones(11) / np.sqrt(11), mode="valid")
    smooth = 0.01 * ((smooth - smooth.mean()) / smooth.std() + 0.12)
    alike, mixed = Record.of(smooth), Record.of(np.random.default_rng(6).permutation(smooth))
    assert alike.effective < 0.3 * mixed.effective
    assert alike.estimated.observations == int(alike.effective)
    assert alike.hypothesised.observations == 730
    assert mixed.probability(0.0) > 0.95
    assert alike.probability(0.0) < mixed.probability(0.0) - 0.05
    assert alike.minimum_days(0.95) > 2 * mixed.minimum_days(0.95)


def test_days_that_cancel_each_other_are_no_extra_proof():
    swing = np.tile([0.02, -0.0195], 200) + 0.002 * np.random.default_rng(1).standard_normal(400)
    record = Record.of(swing)
    assert record.hypothesised.autocorrelation == 0.0
    assert record.effective <= 400


def test_every_try_lowers_the_deflated_probability_and_one_try_leaves_it():
    money = made_money(annual_sharpe=2.0)
    told = [
        checks_of(money, TrialCounts(count=count, sharpes=np.zeros(0)))["dsr"].value
        for count in (1, 2, 10, 100, 1_000)
    ]
    assert told[0] == checks_of(money)["psr"].value
    assert told == sorted(told, reverse=True)
    assert told[-1] < 0.5


def test_the_hurdle_is_the_greater_of_what_the_log_shows_and_what_luck_makes():
    money = made_money(annual_sharpe=2.0)
    alike = checks_of(money, TrialCounts(count=20, sharpes=np.full(20, 0.1)))["dsr"].value
    unknown = checks_of(money, TrialCounts(count=20, sharpes=np.zeros(0)))["dsr"].value
    apart = checks_of(money, TrialCounts(count=20, sharpes=np.linspace(-0.3, 0.1, 20)))
    assert alike == unknown
    assert apart["dsr"].value < unknown
    assert apart["dsr_of_equal_trials"].value == unknown


def test_it_is_the_deflated_sharpe_that_reports_tell_where_days_are_independent():
    returns = 0.01 * (np.random.default_rng(8).standard_normal(4_000) + 0.1)
    record = Record.of(returns)
    told = significance(returns, np.zeros(0), trials=1, trial_sharpes=(), seed=1)
    assert record.probability(0.0) == pytest.approx(told.above_zero, abs=0.001)


def test_a_record_shorter_than_its_minimum_says_how_many_days_it_needs():
    money = made_money(years=1, annual_sharpe=0.8, trades=120)
    found = checks_of(money)["minimum_track_record"]
    assert not found.passed
    assert found.value > found.threshold == 365
    assert checks_of(made_money(annual_sharpe=-1.0))["minimum_track_record"].value is None


@pytest.mark.parametrize(
    ("years", "trades", "passed"),
    [(1, 99, False), (1, 100, True), (2, 3, True), (3, 0, True), (1, 0, False)],
)
def test_a_hundred_trades_or_two_years_are_enough(years, trades, passed):
    money = made_money(years=years, trades=max(trades, 1))
    if not trades:
        money = replace(money, net_rates=np.zeros(0), closed_at=np.zeros(0, dtype=np.int64))
    assert checks_of(money)["enough_trades_or_years"].passed is passed


def test_the_expectation_is_a_positions_where_there_are_enough_and_a_days_elsewhere():
    assert "of a position" in checks_of(made_money(trades=100))["positive_expectation"].meaning
    assert "of a day" in checks_of(made_money(trades=99))["positive_expectation"].meaning
    holding = replace(made_money(trades=200), own=1.0)
    assert "of a day" in checks_of(holding)["positive_expectation"].meaning
    one_great_win = made_money(annual_sharpe=0.0, trades=150, seed=3)
    rates = np.full(150, -0.001)
    rates[70] = 0.5
    found = checks_of(replace(one_great_win, net_rates=rates))["positive_expectation"]
    assert found.value > 0.0 > found.lower
    assert not found.passed


@pytest.mark.parametrize(
    ("random", "value", "passed"),
    [
        (np.full(99, -0.01), 0.01, True),
        (np.full(99, 0.05), 1.0, False),
        (np.full(10, -0.01), 1 / 11, False),
        (np.zeros(0), None, False),
    ],
)
def test_random_entries_must_be_beaten_and_must_be_many(random, value, passed):
    found = checks_of(replace(made_money(), random=random))["beats_random_entries"]
    assert found.value == (None if value is None else pytest.approx(value))
    assert found.passed is passed


def test_a_policy_that_holds_an_exposure_is_compared_by_its_own_number():
    money = replace(made_money(), random=np.full(99, 0.01))
    assert not checks_of(replace(money, own=0.005))["beats_random_entries"].passed
    assert checks_of(replace(money, own=0.02))["beats_random_entries"].passed


def test_a_loss_equals_chance_as_often_as_chance_equals_it():
    """p is uniform without edge: one in twenty passes."""
    draw = np.random.default_rng(4)
    money = made_money()
    passed = sum(
        beats_random_entries(replace(money, random=drawn[1:], own=float(drawn[0])), GATE).passed
        for drawn in draw.standard_normal((400, 100))
    )
    assert 8 <= passed <= 34


def test_months_are_those_of_japan_and_idle_ones_do_not_count():
    money = made_money(years=1)
    returns = np.where(
        (money.day_at >= START_AT + 31 * DAY_MS) & (money.day_at < START_AT + 59 * DAY_MS),
        0.0,
        money.returns,
    )
    found = month_gains(replace(money, returns=returns))
    assert len(found) == 11
    assert found[0] == pytest.approx(np.log1p(returns[:31]).sum())
    assert found.sum() == pytest.approx(np.log1p(returns).sum())


def test_a_gain_of_one_month_is_refused_and_how_many_months_lost_is_only_told():
    money = made_money(years=1, annual_sharpe=0.0)
    steady = np.full(365, -0.0004) + 0.0001 * np.random.default_rng(1).standard_normal(365)
    steady[180:200] = 0.03
    names = failed(replace(money, returns=steady))
    assert "no_single_month" in names
    found = checks_of(replace(money, returns=steady))
    assert found["good_months"].group == "note"
    assert found["good_months"].value == pytest.approx(1 / 12, abs=0.09)
    assert found["no_single_month"].value > 1.0
    assert checks_of(replace(money, returns=-np.abs(steady)))["no_single_month"].value is None


def test_overfitting_is_a_veto_where_configurations_stood_side_by_side():
    draw = np.random.default_rng(2)
    noise = 0.01 * draw.standard_normal((730, 12))
    skilled = noise.copy()
    skilled[:, 3] += 0.004
    assert "no_overfitting" not in checks_of(made_money())
    assert "no_overfitting" not in checks_of(
        made_money(), TrialCounts(count=1, sharpes=np.zeros(0), matrix=noise[:, :1])
    )
    assert checks_of(made_money(), TrialCounts(count=1, sharpes=np.zeros(0), matrix=skilled))[
        "no_overfitting"
    ].passed
    turned = noise.copy()  # the best of one half is the worst of the other
    turned[:, :6] += 0.004 * np.where(np.arange(730) < 365, 1, -1)[:, None]
    turned[:, 6:] -= 0.004 * np.where(np.arange(730) < 365, 1, -1)[:, None]
    found = checks_of(made_money(), TrialCounts(count=1, sharpes=np.zeros(0), matrix=turned))[
        "no_overfitting"
    ]
    assert found.value > 0.5
    assert not found.passed
    short = checks_of(made_money(), TrialCounts(count=1, sharpes=np.zeros(0), matrix=noise[:10]))[
        "no_overfitting"
    ]
    assert (short.value, short.passed) == (None, False)


def test_an_account_that_never_moved_has_shown_nothing():
    still = replace(
        made_money(),
        returns=np.zeros(730),
        net_rates=np.zeros(0),
        closed_at=np.zeros(0, dtype=np.int64),
    )
    found = checks_of(still)
    assert {
        name
        for name in ("psr", "dsr", "minimum_track_record", "good_months")
        if found[name].value is not None
    } == set()
    assert not found["positive_expectation"].passed


def test_what_decides_nothing_stands_beside_buying_and_holding():
    money = made_money()
    found = checks_of(replace(money, hold=money.returns * 2))
    assert found["net_return"].value == pytest.approx(np.prod(1 + money.returns) - 1)
    assert found["net_return"].threshold == pytest.approx(np.prod(1 + 2 * money.returns) - 1)
    assert found["sharpe"].value == pytest.approx(found["sharpe"].threshold)
    assert 0.0 < found["max_drawdown"].value < found["max_drawdown"].threshold
    assert {
        found[name].group for name in ("net_return", "sharpe", "max_drawdown", "kelly_share")
    } == {"note"}
