"""A proof costs what trading costs and counts what was tried: where it does not, the gate is shut,
by name.
"""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from models.backtest.job import parse_job
from models.backtest.prepare import job_settings
from models.gate import in_words, judge, verdict_table
from models.gate.shipped import TREND, cheapened_costs, least_prior, loosened_rules
from models.gate.types import TrialCounts
from models.proof import ProofRequest, prove
from models.walk_forward import empty_walk
from shared.core.costs import assumed_rules
from shared.core.settings import load_settings
from shared.core.trials import History, Trial, tally
from shared.core.types import PairRules, Timeframe
from shared.turn import pipeline
from tests.support.made_evidence import made_evidence
from tests.support.made_trainings import market

USUAL = load_settings({})
LOWER = {
    "paper.spread_rate": (0.0, 0.00005),
    "paper.slippage_rate": (0.0, 0.0004),
    "paper.volume_share": (1.0, 0.21),
    "replay.maker_fee_rate": (-0.0002, -0.01),
    "replay.taker_fee_rate": (0.0, -0.0002, 0.0009),
}
"""Cheaper than shipped or stated, each in more than one way."""
STATED = {
    "maker_fee_rate": Decimal("-0.0002"),
    "taker_fee_rate": Decimal("0.0005"),
    "long_interest_rate_day": Decimal(0),
    "short_interest_rate_day": Decimal("0.0001"),
    "margin_ratio": Decimal("0.25"),
}


def variable(name):
    return f"BOT_{name.upper().replace('.', '__')}"


def shut_by(settings, rules=None):
    """The names of the checks that keep otherwise perfect evidence from entering under these
    settings.
    """
    evidence = replace(made_evidence(), cheapened=cheapened_costs(settings, rules))
    verdict = judge(evidence, USUAL.gate, serve=())
    failed = [check for check in verdict.checks if check.group == "enter" and not check.passed]
    assert verdict.may_enter is (not failed)
    return failed


CHEAP = [(name, value) for name, values in LOWER.items() for value in values]


def test_there_are_at_least_twelve_ways_to_pay_too_little():
    assert len(CHEAP) + len(STATED) >= 12


@pytest.mark.parametrize(("name", "value"), CHEAP)
@pytest.mark.parametrize("way", ["environment", "override", "profile and override"])
def test_each_cost_below_what_is_shipped_shuts_the_gate_by_name_however_it_was_set(
    name, value, way
):
    group, _, last = name.partition(".")
    settings = {
        "environment": lambda: load_settings({variable(name): str(value)}),
        "override": lambda: load_settings({}, overrides={group: {last: value}}),
        "profile and override": lambda: load_settings(
            {}, profile="phase19", overrides={group: {last: value}}
        ),
    }[way]()
    (failed,) = shut_by(settings)
    assert failed.name == "full_costs"
    assert name in failed.meaning
    assert any(one.startswith(name) for one in loosened_rules(settings))


def test_an_override_of_a_job_over_http_is_no_other_way_in():
    asked = {"start": "2024-03-01", "end": "2024-04-01", "walk_forward": True}
    job = parse_job({**asked, "slippage_rate": 0.0, "overrides": {"paper.spread_rate": 0.0}})
    (failed,) = shut_by(job_settings(job, lambda **more: load_settings({}, **more)))
    assert "paper.slippage_rate was 0 in place of 0.0005" in failed.meaning
    assert "paper.spread_rate was 0 in place of 0.0001" in failed.meaning


@pytest.mark.parametrize(("name", "value"), STATED.items())
def test_rules_that_are_kinder_than_the_exchanges_shut_it_too(name, value):
    (failed,) = shut_by(USUAL, replace(PairRules(), **{name: value}))
    assert name in failed.meaning


def test_full_costs_dearer_ones_and_every_shipped_profile_leave_it_open():
    dearer = load_settings(
        {
            "BOT_PAPER__SLIPPAGE_RATE": "0.001",
            "BOT_REPLAY__TAKER_FEE_RATE": "0.0012",
            "BOT_PAPER__VOLUME_SHARE": "0.1",
        }
    )
    for settings in (
        USUAL,
        dearer,
        *(
            load_settings({}, profile=name)
            for name in ("seeds", "loose", "trend", "phase19", "phase22")
        ),
    ):
        assert not shut_by(settings, assumed_rules(settings))
        assert not loosened_rules(settings, assumed_rules(settings))


def test_a_replay_that_paid_nothing_may_not_enter_and_says_why_in_its_table_and_its_words():
    """The whole way: a real replay, judged under costs that nobody offers."""
    free = load_settings(
        {"BOT_PAPER__SLIPPAGE_RATE": "0", "BOT_PAPER__SPREAD_RATE": "0"}, profile="trend"
    )
    candles = market(75, seed=3, edge_bp=8.0)
    stages = pipeline.stages(candles, bundle=None, settings=free)
    last_at = int(candles[Timeframe.M15].closed_at[-1])
    asked = ProofRequest(
        walked=empty_walk(stages.features, free),
        stages=stages,
        candles=candles,
        settings=free,
        history=History(),
        recorded_at=last_at,
        start_at=last_at - 5 * 86_400_000,
        end_at=last_at,
        remembered=9,
    )
    proof = prove(asked)
    found = {check.name: check for check in proof.verdict.checks}
    assert (found["full_costs"].passed, found["full_costs"].value) == (False, 2)
    assert (found["whole_trial_log"].passed, found["whole_trial_log"].value) == (False, 1)
    assert {"full_costs", "whole_trial_log"} <= {
        row[1] for row in verdict_table(proof.verdict) if row[5] == "no"
    }
    assert "full_costs" in in_words(proof.verdict)
    assert (proof.trials, proof.logged) == (397, 1)
    assert any("fresh" in note for note in proof.replayed.notes)


# what was tried


def trial(number=1, years=2.0):
    end_at = 1_600_000_000_000
    start_at = end_at - round(years * 365 * 86_400_000)
    return Trial(
        kind="backtest",
        settings_hash=f"{number:016x}",
        data_hash="d",
        start_at=start_at,
        end_at=end_at,
        model=None,
        recorded_at=end_at,
        sharpe=1.0,
    )


def test_what_a_profile_has_behind_it_counts_beside_the_log():
    history = History(trials=(trial(1), trial(2)), damaged=("trials/x",))
    assert (tally(trial(3), history, prior=0).count, tally(trial(3), history, prior=396).count) == (
        4,
        400,
    )
    assert tally(trial(2), history, prior=396).logged == 3
    assert load_settings({}, profile=TREND).gate.prior_trials >= 380
    assert USUAL.gate.prior_trials == 0


def test_a_fresh_log_and_tries_before_it_are_said_once():
    fresh = tally(trial(), History(), prior=396)
    assert len(fresh.notes) == 2
    assert "fresh" in fresh.notes[0]
    assert "396" in fresh.notes[1]
    assert fresh.beside(fresh.beside(("a",))) == ("a", *fresh.notes)
    assert tally(trial(), History(trials=(trial(2),)), prior=0).notes == ()


@pytest.mark.parametrize(
    "settings",
    [
        load_settings({"BOT_GATE__PRIOR_TRIALS": "0"}, profile=TREND),
        load_settings({}, profile=TREND, overrides={"gate": {"prior_trials": 395}}),
        load_settings(
            {
                "BOT_RISK__POLICY": "target",
                "BOT_STRATEGIES__TREND__WEIGHT": "1",
                "BOT_ACCOUNT": "spot",
            }
        ),
    ],
)
def test_whoever_forgets_them_loosens_the_gate_by_name_under_whatever_name_the_policy_runs(
    settings,
):
    assert least_prior(settings) == 396
    (named,) = loosened_rules(settings)
    assert named.startswith("gate.prior_trials was ")


@pytest.mark.parametrize(
    ("logged", "remembered", "passes"), [(1, 0, True), (7, 7, True), (6, 7, False), (1, 400, False)]
)
def test_a_log_that_is_shorter_than_bundles_remember_shuts_the_gate_by_name(
    logged, remembered, passes
):
    trials = TrialCounts(
        count=logged + 396, sharpes=np.zeros(0), logged=logged, remembered=remembered
    )
    # so many tries need a longer record; only this one check is looked at
    verdict = judge(replace(made_evidence(), trials=trials), USUAL.gate, serve=())
    found = {check.name: check for check in verdict.checks}["whole_trial_log"]
    assert found.passed is passes
    assert ("shortened" in found.meaning) is (not passes)
    assert not verdict.may_enter or passes
