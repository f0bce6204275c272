"""The whole way from candles to the gate's verdict, on markets of pure noise and on markets with a
planted pattern.

Nothing is taken on trust: candles, features, labels, folds, refits on shuffled labels, the replay,
the trial count, the table. Small learners, retrained every four weeks over half a year. The planted
pattern is worth 30 bp: strong, for the learners are small and half a year is short; the gate must
find it, and must not find it in noise.
"""

from dataclasses import dataclass

import joblib
import pytest

from models.data.dataset import build
from models.data.labels import costs_of
from models.proof import ProofRequest, prove
from models.walk_forward import shuffled_skills, walk_forward
from shared import features
from shared.core.settings import Settings, load_settings
from shared.core.trials import History
from shared.core.types import Timeframe
from shared.exchanges.sandbox.generate import generate
from shared.market.candles import aggregate
from shared.model.manifest import Verdict
from shared.model.question import features_of
from shared.turn import pipeline

START_AT = 1_735_689_600_000
DAY = 86_400_000
DAYS, LEARNED_DAYS = 250, 65
PLANTED_BP = 30.0
SMALL = {
    "sides": "both",
    "learning": {
        "days": 45,
        "rounds": 15,
        "forest_trees": 15,
        "max_depth": 3,
        "learning_rate": 0.15,
        "volatility_head": False,
        "horizon_candles": 16,
        "barrier_atr": 2.0,
    },
    "risk": {"stop_atr": 2.0, "target_atr": 2.0, "max_hold_candles": 16},
    "consensus": {"agreement": 0.25, "min_confidence": 0.2},
    "retrain": {"every_days": 28},
    "gate": {"random_runs": 100, "shuffles": 2},
}


@dataclass(frozen=True)
class Found:
    """One market, judged."""

    verdict: Verdict
    positions: int
    folds: int


def settings() -> Settings:
    return load_settings({"BOT_HOME": "/nowhere"}, overrides=SMALL)


def judged(seed: int, edge_bp: float) -> Found:
    rules = settings()
    minutes = generate(start_ms=START_AT, days=DAYS, seed=seed, edge_bp=edge_bp)
    candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    computed = features.compute(candles)
    names, costs = features_of(rules.learning), costs_of(rules)
    dataset = build(candles, rules.learning, names, days=None, computed=computed, costs=costs)
    span = {
        "first_at": START_AT + LEARNED_DAYS * DAY,
        "end_at": START_AT + DAYS * DAY,
        "seed": seed,
        "jobs": 1,
    }
    walked = walk_forward(dataset, computed, rules, **span)
    proof = prove(
        ProofRequest(
            walked=walked,
            stages=pipeline.stages(candles, bundle=None, settings=rules, computed=computed),
            candles=candles,
            settings=rules,
            history=History(),
            recorded_at=0,
            shuffled=shuffled_skills(dataset, computed, rules, folds=2, **span),
        )
    )
    return Found(
        verdict=proof.verdict,
        positions=len(proof.evidence.money.net_rates),
        folds=len(walked.folds),
    )


def opened(found: list[Found]) -> int:
    return sum(one.verdict.may_enter for one in found)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.full)])
def test_noise_stays_shut_and_a_planted_pattern_opens(seed):
    noise, planted = judged(seed, 0.0), judged(seed, PLANTED_BP)
    assert noise.folds >= 6
    assert not noise.verdict.may_enter
    assert planted.positions > 200
    assert planted.verdict.may_enter, [
        check for check in planted.verdict.checks if not check.passed
    ]


@pytest.mark.full
def test_of_forty_noise_markets_at_most_four_open_and_of_forty_planted_ones_at_least_thirty_two():
    calls = [(seed, edge_bp) for edge_bp in (0.0, PLANTED_BP) for seed in range(1, 41)]
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        found = joblib.Parallel(n_jobs=2)(
            joblib.delayed(judged)(seed, edge_bp) for seed, edge_bp in calls
        )
    noise, planted = found[:40], found[40:]
    traded = sum(one.positions for one in noise), sum(one.positions for one in planted)
    print(
        f"opened: {opened(noise)} of 40 noise, {opened(planted)} of 40 planted; positions"
        f" {traded[0]:,} and {traded[1]:,}"
    )
    for name in sorted(
        {check.name for one in noise for check in one.verdict.checks if check.group == "enter"}
    ):
        failed = [
            sum(not c.passed for one in some for c in one.verdict.checks if c.name == name)
            for some in (noise, planted)
        ]
        print(f"  {name}: failed by {failed[0]} noise, {failed[1]} planted")
    assert sum(one.positions for one in noise) > 400
    assert opened(noise) <= 4
    assert opened(planted) >= 32
