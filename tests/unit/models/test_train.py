import dataclasses
import hashlib
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

from models.data.dataset import build, split
from models.fit.recipe import parts_of, recipe_hash
from models.fit.train import history_days, train
from models.gate import in_words, serve_checks, unproven_verdict
from shared.core.errors import UserError
from shared.core.types import Timeframe
from shared.features.catalogue import MODEL
from shared.model import load_bundle, predict_rows
from shared.model.manifest import Check, Verdict
from shared.model.predict import Bundle
from shared.model.signing import public_of
from shared.turn.watch.drift import bin_shares, psi
from tests.support.made_trainings import (
    COMMIT,
    SIGNING_KEY,
    START_AT,
    last_close,
    market,
    small_settings,
    small_training,
)

ROOT = Path(__file__).resolve().parents[3]


def again(**changes):
    candles = market(75, seed=3, edge_bp=8.0)
    asked = {
        "as_of": last_close(candles),
        "seed": 7,
        "commit": COMMIT,
        "signing_key": SIGNING_KEY,
        "parent": None,
        **changes,
    }
    return train(candles, asked.pop("settings", small_settings()), **asked)


def test_the_same_candles_seed_instant_and_commit_give_the_same_bytes():
    first, second = small_training(), again()
    assert first.version == second.version
    assert first.files.keys() == second.files.keys()
    for name, data in first.files.items():
        assert second.files[name] == data, name
    assert len(first.files) == 9


def test_another_process_gives_the_same_bytes_too():
    code = """
import hashlib, json
from tests.support.made_trainings import small_training
made = small_training()
hashes = {name: hashlib.sha256(data).hexdigest() for name, data in made.files.items()}
print(json.dumps([made.version, hashes]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "12345", "TZ": "Asia/Tokyo", "OMP_NUM_THREADS": "2"},
    )
    version, hashes = json.loads(done.stdout)
    ours = small_training()
    assert version == ours.version
    assert hashes == {name: hashlib.sha256(data).hexdigest() for name, data in ours.files.items()}


def test_a_change_of_seed_commit_instant_or_settings_gives_another_version():
    learning = dataclasses.replace(small_settings().learning, rounds=3, forest_trees=3)
    quick = dataclasses.replace(small_settings(), learning=learning)
    heavier = dataclasses.replace(quick, learning=dataclasses.replace(learning, learning_rate=0.2))
    as_of = last_close(market(75, seed=3, edge_bp=8.0))
    made = [
        again(settings=quick).version,
        again(settings=quick, seed=8).version,
        again(settings=quick, commit="f" * 16).version,
        again(settings=quick, as_of=as_of - 1).version,
        again(settings=quick, parent="older").version,
        again(settings=heavier).version,
    ]
    assert len(set(made)) == len(made)
    assert made[0].startswith("20250317T0000Z-0123456789ab-")
    assert made[3].startswith("20250316T2345Z-0123456789ab-")


def test_candles_that_closed_after_the_instant_are_not_looked_at():
    candles = market(75, seed=3, edge_bp=8.0)
    cut = START_AT + 74 * 86_400_000
    settings = dataclasses.replace(
        small_settings(),
        learning=dataclasses.replace(small_settings().learning, rounds=3, forest_trees=3),
    )
    shorter = {timeframe: part.closed_by(cut) for timeframe, part in candles.items()}
    asked = {"as_of": cut, "seed": 7, "commit": COMMIT, "signing_key": SIGNING_KEY}
    assert train(candles, settings, **asked).files == train(shorter, settings, **asked).files


def test_the_manifest_tells_what_was_done():
    manifest = small_training().manifest
    learning = small_settings().learning
    assert manifest.features == MODEL
    assert [(member.name, member.trees) for member in manifest.members] == [
        ("lightgbm", 45),
        ("xgboost", 45),
        ("random_forest", 15),
    ]
    assert [member.weight for member in manifest.members] == pytest.approx([0.4, 0.4, 0.2])
    assert manifest.barriers.atr_multiple == learning.barrier_atr
    assert manifest.training.label_end_at < manifest.calibrating.from_at
    assert manifest.calibrating.label_end_at < manifest.validation.from_at
    assert manifest.validation.label_end_at <= manifest.as_of
    assert len(manifest.golden.rows) == 20
    assert {"numpy", "lightgbm", "xgboost", "scikit-learn", "python"} == set(manifest.libraries)
    assert set(manifest.metrics) == {
        "vote",
        "lightgbm",
        "xgboost",
        "random_forest",
        "data",
        "volatility",
    }
    assert manifest.training.effective_rows < manifest.training.rows / 5
    for name in ("lightgbm", "xgboost", "random_forest", "volatility"):
        assert manifest.metrics[name]["difference_from_native"] <= 1e-6
    for name in ("f1", "precision", "recall", "accuracy"):
        assert 0 < manifest.metrics["vote"][name] < 1
    assert manifest.recipe == recipe_hash(small_settings())
    assert manifest.policy == "barrier"


def test_the_promised_metrics_are_those_of_the_bundle_that_serves():
    """No refit: what was judged is what a tick loads."""
    training = small_training()
    bundle = load_bundle(
        training.files, public_keys=(public_of(SIGNING_KEY),), version=training.version
    )
    learning = small_settings().learning
    data = build(market(75, seed=3, edge_bp=8.0), learning, MODEL)
    part = split(
        data, held_out_share=learning.validation_share, embargo_ms=48 * Timeframe.M15.ms
    ).validation
    given = predict_rows(part.rows, bundle)
    loss = -np.log(given[np.arange(len(part)), part.label]).mean()
    assert len(part) == bundle.manifest.validation.rows > 500
    assert loss == pytest.approx(training.metrics["vote"]["log_loss"], abs=1e-12)


def test_the_card_says_what_the_manifest_says():
    training = small_training()
    text = training.files["MODEL_CARD.md"].decode()
    assert training.version in text
    assert in_words(training.manifest.verdict) in text
    assert f"{training.metrics['vote']['skill']:+.4f}" in text
    for check in training.manifest.verdict.checks:
        assert check.name in text


def test_a_planted_pattern_is_found():
    training = small_training(days=120, seed=1, edge_bp=15.0)
    vote = training.metrics["vote"]
    assert vote["skill_lower"] > 0
    assert vote["direction_skill_lower"] > 0
    assert training.manifest.verdict.may_serve


def test_a_training_that_asked_nobody_may_serve_and_not_enter_however_good_it_looks():
    verdict = small_training(days=120, seed=1, edge_bp=15.0).manifest.verdict
    assert (verdict.may_serve, verdict.may_enter) == (True, False)
    assert "nobody asked the gate" in in_words(verdict)


def test_the_verdict_of_the_gate_stands_under_the_checks_on_the_bundle_itself():
    learning = dataclasses.replace(small_settings().learning, rounds=3, forest_trees=3)
    quick = dataclasses.replace(small_settings(), learning=learning)
    edge = Check(
        name="psr", value=0.99, threshold=0.95, passed=True, meaning="at least: x", group="enter"
    )
    stale = Check(
        name="export_equals_native",
        value=1.0,
        threshold=1e-6,
        passed=False,
        meaning="at most: x",
        group="serve",
    )
    given = Verdict(may_serve=False, may_enter=True, checks=(stale, edge), takes_over=True)
    made = again(settings=quick, verdict=given).manifest.verdict
    assert (made.may_serve, made.may_enter, made.takes_over) == (True, True, True)
    assert [check.name for check in made.checks] == [
        "export_equals_native",
        "probabilities_are_probabilities",
        "mean_near_what_happened",
        "psr",
    ]
    heard = []

    def judge(checks):
        heard.append(checks)
        return Verdict(may_serve=True, may_enter=False, checks=tuple(checks))

    assert again(settings=quick, verdict=judge).manifest.verdict.checks == heard[0]
    assert len(heard[0]) == 3


def test_what_the_bundle_is_held_against_is_what_it_was_judged_on():
    """References are the deciles of the validation rows; the promise is what the vote did there."""
    training = small_training()
    manifest, learning = training.manifest, small_settings().learning
    data = build(market(75, seed=3, edge_bp=8.0), learning, MODEL)
    part = parts_of(data, small_settings()).validation
    assert [one.name for one in manifest.references] == [*MODEL, "score:lower", "score:upper"]
    for one in manifest.references:
        assert sum(one.shares) == pytest.approx(1.0)
        assert len(one.shares) == len(one.edges) + 1
        assert 0 < one.ks_alarm <= 1
        assert one.psi_alarm > 0
    for column, one in enumerate(manifest.references[:-2]):
        assert bin_shares(part.rows[:, column], one.edges) == pytest.approx(one.shares, abs=1e-12)
    assert manifest.references[0].shares == pytest.approx([0.1] * 10, abs=0.01)
    bundle = load_bundle(
        training.files, public_keys=(public_of(SIGNING_KEY),), version=training.version
    )
    given = predict_rows(part.rows, bundle)
    assert bin_shares(given[:, 2], manifest.references[-1].edges) == pytest.approx(
        manifest.references[-1].shares, abs=1e-12
    )
    assert manifest.promise.log_loss == pytest.approx(training.metrics["vote"]["log_loss"])
    assert manifest.promise.calibration_error == pytest.approx(
        training.metrics["vote"]["calibration_error"]
    )
    assert 0.3 < manifest.promise.hit_rate < 0.9
    assert manifest.promise.spread > 0


def test_other_fees_make_another_version_where_the_meta_head_learns_from_them():
    """Two bundles of the same name with other bytes could not be published both."""
    from models.fit.train import _version

    def named(fee_rate: float, *, meta: bool) -> str:
        settings = small_settings()
        settings = dataclasses.replace(
            settings,
            learning=dataclasses.replace(settings.learning, meta_head=meta),
            replay=dataclasses.replace(settings.replay, taker_fee_rate=fee_rate),
        )
        known = market(75, seed=3, edge_bp=8.0)
        return _version(
            known,
            settings,
            commit=COMMIT,
            candles_hash="d",
            what={"recipe": recipe_hash(settings, MODEL)},
        )

    assert named(0.001, meta=True) != named(0.002, meta=True)
    assert named(0.001, meta=False) == named(0.002, meta=False)


def test_windows_of_a_clean_market_after_the_training_seldom_reach_the_alarm_another_market_does():
    """Quick and slow features, fifty days each: the level is of windows to come, not of those that
    it was made from.
    """
    from models.fit.references import _level, _pairs, _Past

    rng = np.random.default_rng(5)
    step, day = 900_000, 96
    alarms = looks = found = 0
    for number in range(20):
        slow = 0.995 if number % 2 else 0.98
        noise = rng.standard_normal(230 * day) * math.sqrt(1 - slow**2)
        values = lfilter([1.0], [1.0, -slow], noise)
        as_of = np.arange(len(values), dtype=np.int64) * step
        known, judged = values[: 180 * day], values[153 * day : 180 * day]
        past = _Past(
            as_of=as_of[: len(known)], values=known, asked=np.ones(len(known), dtype=np.bool_)
        )
        reached, _, independent = _pairs(past, 27 * day * step)
        assert independent >= 10
        level = _level(np.sqrt(reached).tolist(), independent) ** 2
        edges = np.unique(np.quantile(judged, np.linspace(0.1, 0.9, 9)))
        shares = bin_shares(judged, edges)
        for first in range(180 * day, len(values) - 1_000, 500):
            looks += 1
            alarms += psi(shares, bin_shares(values[first : first + 1_000], edges)) > level
        found += psi(shares, bin_shares(values[-1_000:] + 4.0, edges)) > level
    assert looks > 100
    assert alarms <= 0.05 * looks
    assert found >= 18, "an alarm that never rings is none"


def test_without_a_pattern_nothing_is_proven_and_probabilities_stay_near_the_base_rate():
    training = small_training(days=120, seed=2, edge_bp=0.0)
    manifest = training.manifest
    assert manifest.verdict.may_serve
    assert not manifest.verdict.may_enter
    bundle = load_bundle(
        training.files, public_keys=(public_of(SIGNING_KEY),), version=training.version
    )
    data = build(market(135, seed=2, edge_bp=0.0), small_settings(120).learning, MODEL)
    given = predict_rows(data.rows[-2_000:], bundle)
    base = np.bincount(data.label, minlength=3) / len(data)
    assert np.abs(given - base).mean() < 0.07
    assert given.std(axis=0).max() < 0.1


@pytest.mark.full
def test_of_twenty_markets_without_a_pattern_at_most_two_seem_to_have_one():
    found = [_found(small_training(days=120, seed=seed, edge_bp=0.0)) for seed in range(20)]
    assert sum(found) <= 2


@pytest.mark.full
def test_of_ten_markets_with_a_strong_pattern_at_least_six_show_it():
    found = [_found(small_training(days=120, seed=seed, edge_bp=15.0)) for seed in range(10)]
    assert sum(found) >= 6


def _found(training) -> bool:
    vote = training.metrics["vote"]
    return vote["skill_lower"] > 0 and vote["direction_skill_lower"] > 0


@pytest.mark.parametrize(
    ("probabilities", "differences", "failed"),
    [
        (np.full((300, 3), 1 / 3), {"a": 2e-6}, "export_equals_native"),
        (np.full((300, 3), 0.4), {"a": 0.0}, "probabilities_are_probabilities"),
        (np.full((300, 3), np.nan), {"a": 0.0}, "probabilities_are_probabilities"),
        (np.tile([0.9, 0.05, 0.05], (300, 1)), {"a": 0.0}, "mean_near_what_happened"),
    ],
)
def test_what_does_not_predict_sanely_may_neither_serve_nor_enter(
    probabilities, differences, failed
):
    label = np.array([0, 1, 2] * 100, dtype=np.int8)
    verdict = unproven_verdict(
        serve_checks(differences=differences, probabilities=probabilities, label=label)
    )
    assert (verdict.may_serve, verdict.may_enter) == (False, False)
    assert failed in {check.name for check in verdict.checks if not check.passed}
    assert failed in in_words(verdict)


def test_too_little_history_is_said_before_anything_is_fitted():
    candles = market(75, seed=3, edge_bp=8.0)
    early = {
        timeframe: part.closed_by(START_AT + 15 * 86_400_000) for timeframe, part in candles.items()
    }
    told = []
    with pytest.raises(UserError, match="usable rows"):
        train(
            early,
            small_settings(),
            as_of=last_close(early),
            seed=7,
            commit=COMMIT,
            signing_key=SIGNING_KEY,
            on_progress=lambda text, share: told.append((text, share)),
        )
    assert told == [("features and labels", 0.0)]


def test_weights_of_nothing_are_refused():
    learning = dataclasses.replace(
        small_settings().learning,
        rounds=2,
        forest_trees=2,
        weights={"lightgbm": 0.0, "xgboost": 0.0, "random_forest": 0.0},
    )
    with pytest.raises(UserError, match="weight 0"):
        again(settings=dataclasses.replace(small_settings(), learning=learning))


def test_progress_only_goes_forward_and_ends():
    shares = []
    learning = dataclasses.replace(small_settings().learning, rounds=2, forest_trees=2)
    again(
        settings=dataclasses.replace(small_settings(), learning=learning),
        on_progress=lambda _text, share: shares.append(share),
    )
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_history_covers_the_days_the_warm_up_and_a_horizon():
    assert history_days(small_settings().learning) == 60 + 170 + 0.5


def test_a_bundle_is_what_the_loader_makes():
    training = small_training()
    assert isinstance(
        load_bundle(
            training.files, public_keys=(public_of(SIGNING_KEY),), version=training.version
        ),
        Bundle,
    )
