"""The heads: fitted on the past, chosen and calibrated later, equal to the native libraries, and
honest about noise.
"""

import dataclasses
import math

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import log_loss as reference_log_loss
from sklearn.metrics import r2_score, roc_auc_score

from models.data.dataset import Dataset, Split
from models.fit import export
from models.fit.heads import fit_heads
from models.fit.heads.meta import Voted
from models.fit.heads.platt import MAX_SLOPE
from models.fit.heads.platt import fit_platt as platt
from models.fit.heads.scores import log_loss, qlike, r_squared, roc_area
from models.fit.heads.volatility import KnownRows, har_slopes
from shared.core.errors import BadData
from shared.core.types import Timeframe, Votes
from shared.model.heads import LEAST_VOLATILITY, log_volatility, tree_logarithm, vote_scores
from tests.support.made_trainings import small_settings

STEP = Timeframe.M15.ms
HAR = (-0.6, 0.5, 0.2, 0.1)
NAMES = tuple(f"feature_{number}" for number in range(6))


def asked(*, volatility: bool = True, meta: bool = True, **learning):
    settings = small_settings()
    return dataclasses.replace(
        settings,
        learning=dataclasses.replace(
            settings.learning, volatility_head=volatility, meta_head=meta, rounds=30, **learning
        ),
    )


def made(count: int = 4_000, *, seed: int = 1, bent: float = 0.0, pays: float = 0.0) -> Dataset:
    """Next volatility: HAR of the past plus `bent` x a step that only trees see.

    Votes pay by `pays` x a feature.
    """
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, len(NAMES))).astype(np.float32)
    past = np.exp(random.normal(-5.0, 0.4, size=(count, 3)))
    truth = (
        HAR[0]
        + np.log(past) @ np.array(HAR[1:])
        + bent * np.sign(rows[:, 0] * rows[:, 1])
        + random.normal(0, 0.2, count)
    )
    side = random.choice([-1.0, 0.0, 1.0], size=count)
    won = random.random(count) < 1 / (1 + np.exp(-pays * rows[:, 2]))
    net = np.where(won, 0.01, -0.01)
    as_of = STEP * np.arange(1, count + 1, dtype=np.int64)
    return Dataset(
        names=NAMES,
        as_of=as_of,
        rows=rows,
        label=random.integers(0, 3, count).astype(np.int8),
        end_at=as_of + STEP,
        weight=np.ones(count),
        volatility_past=past,
        volatility_next=np.exp(truth),
        long_net=np.where(side < 0, np.nan, net),
        short_net=np.where(side > 0, np.nan, net),
        side=side,
        strength=random.random(count),
    )


def split(dataset: Dataset) -> Split:
    first, second = len(dataset) // 2, len(dataset) * 3 // 4
    cuts = (slice(0, first - 20), slice(first, second - 20), slice(second, None))
    training, calibration, validation = (dataset.at(cut) for cut in cuts)
    return Split(training=training, calibration=calibration, validation=validation)


def fitted(dataset: Dataset, *, seed: int = 7, **learning):
    return fit_heads(split(dataset), dataset, asked(**learning), seed=seed)


# volatility


def test_har_is_found_again_and_serves_where_nothing_is_bent():
    heads = fitted(made(), meta=False)
    assert heads.volatility.serves == "har"
    assert heads.volatility.har[0] == pytest.approx(HAR[0], abs=0.03 * 10), (
        "the slopes' errors times logarithms near -5"
    )
    assert heads.volatility.har[1:] == pytest.approx(HAR[1:], abs=0.05)
    assert heads.metrics["volatility"]["r2_har"] > heads.metrics["volatility"]["r2_trees"]
    assert heads.metrics["volatility"]["qlike_har"] < heads.metrics["volatility"]["qlike_trees"]


def test_trees_serve_where_they_see_what_har_cannot():
    dataset = made(bent=0.5)
    heads = fitted(dataset, meta=False, learning_rate=0.2)
    told = heads.metrics["volatility"]
    assert heads.volatility.serves == "trees"
    assert told["r2_trees"] > 0.5 > told["r2_har"]
    assert told["serves_trees"] == 1.0


def test_the_slopes_are_those_of_least_squares():
    dataset = made(500, seed=3)
    truth = log_volatility(dataset.volatility_next)
    reference = LinearRegression().fit(log_volatility(dataset.volatility_past), truth)
    found = har_slopes(dataset.volatility_past, truth)
    assert found == pytest.approx(
        (float(reference.intercept_), *reference.coef_.tolist()), rel=1e-6
    )
    still = har_slopes(np.full((300, 3), 0.01), np.full(300, -4.0))
    assert all(math.isfinite(slope) for slope in still), (
        "no unique slopes, and numbers all the same"
    )


def test_the_validation_rows_change_the_metrics_and_nothing_else():
    parts = split(made(bent=0.3, pays=1.0))
    last = parts.validation
    other = dataclasses.replace(
        last,
        volatility_next=last.volatility_next[::-1] * 3,
        long_net=-last.long_net,
        rows=last.rows[::-1].copy(),
    )
    one = fit_heads(parts, made(bent=0.3, pays=1.0), asked(), seed=7)
    two = fit_heads(
        dataclasses.replace(parts, validation=other), made(bent=0.3, pays=1.0), asked(), seed=7
    )
    assert (one.volatility, one.meta, one.audit) == (two.volatility, two.meta, two.audit)
    assert one.metrics["volatility"]["r2_trees"] != two.metrics["volatility"]["r2_trees"]
    assert one.metrics["meta"]["log_loss"] != two.metrics["meta"]["log_loss"]


def test_the_calibration_rows_choose_who_serves():
    parts = split(made(bent=0.5))
    middle = parts.calibration
    spoiled = dataclasses.replace(middle, rows=np.zeros_like(middle.rows))
    one, two = (
        fit_heads(each, parts.training, asked(meta=False), seed=7)
        for each in (parts, dataclasses.replace(parts, calibration=spoiled))
    )
    assert (one.volatility.serves, two.volatility.serves) == ("trees", "har")


def test_a_row_whose_four_hours_end_in_the_next_part_is_not_learned_from():
    """The embargo follows the members' label, which may be shorter than four hours: the head cuts
    for itself.
    """
    dataset = made()
    first, second = len(dataset) // 2, 3_000
    cuts = (slice(0, first), slice(first, second), slice(second, None))
    close = Split(
        **{
            name: dataset.at(cut)
            for name, cut in zip(("training", "calibration", "validation"), cuts, strict=True)
        }
    )
    known = KnownRows.of(close.training, by=int(close.calibration.as_of[0]))
    assert len(known) == first - 15
    assert known.as_of.max() + 16 * STEP <= close.calibration.as_of[0]
    settings, honest = asked(meta=False), fit_heads(close, dataset, asked(meta=False), seed=7).audit
    for part, end in (("training", first), ("calibration", second)):
        leak = getattr(close, part).volatility_next.copy()
        leak[-15:] = 1.0
        leaked = dataclasses.replace(
            close, **{part: dataclasses.replace(getattr(close, part), volatility_next=leak)}
        )
        assert fit_heads(leaked, dataset, settings, seed=7).audit == honest, end
        leak[-40:] = 1.0
        early = dataclasses.replace(
            close, **{part: dataclasses.replace(getattr(close, part), volatility_next=leak)}
        )
        assert fit_heads(early, dataset, settings, seed=7).audit != honest, (
            "what was known in time is learned from"
        )


def test_what_serves_has_learned_from_the_calibration_rows_too():
    """Volatility doubles where the training ends: the fit that chose does not know it, the one that
    serves does.
    """
    dataset = made(6_000)
    later = dataclasses.replace(
        dataset,
        volatility_next=dataset.volatility_next * np.where(np.arange(6_000) < 3_000, 1.0, 2.0),
    )
    both, old = (
        fitted(later, meta=False).metrics["volatility"],
        fitted(dataset, meta=False).metrics["volatility"],
    )
    assert 1.1 < both["root_mean_square_over_har"] / old["root_mean_square_over_har"] < 1.9


def test_rows_that_do_not_know_their_next_hours_are_left_out_and_too_few_make_no_head():
    dataset = made()
    unknown = dataclasses.replace(
        dataset,
        volatility_next=np.where(np.arange(len(dataset)) % 3 == 0, np.nan, dataset.volatility_next),
    )
    heads = fitted(unknown, meta=False)
    assert heads.metrics["volatility"]["training_rows"] == pytest.approx(330, abs=3)
    nothing = fitted(
        dataclasses.replace(dataset, volatility_next=np.full(len(dataset), np.nan)), meta=False
    )
    assert (nothing.volatility, nothing.trees, nothing.audit) == (None, [], {})
    assert nothing.metrics == {"volatility": {"training_rows": 0.0, "calibration_rows": 0.0}}


def test_hours_in_which_nothing_moved_count_as_one_basis_point():
    dataset = made()
    still = dataclasses.replace(dataset, volatility_next=np.zeros(len(dataset)))
    heads = fitted(still, meta=False)
    assert heads.volatility.base == pytest.approx(math.log(LEAST_VOLATILITY))


# the word on the vote


def test_a_vote_that_pays_by_a_feature_is_seen_and_noise_is_left_at_its_base_rate():
    good, noise = (fitted(made(12_000, seed=4, pays=pays), volatility=False) for pays in (2.0, 0.0))
    assert good.metrics["meta"]["auc"] > 0.75
    assert good.metrics["meta"]["skill"] > 0.1
    assert good.meta.slope > 0.5
    assert abs(noise.metrics["meta"]["auc"] - 0.5) < 0.05
    assert noise.metrics["meta"]["skill"] > -0.02
    assert noise.meta.slope < 0.5 * good.meta.slope


def test_only_rows_with_a_vote_and_a_result_of_its_own_side_are_learned_from():
    dataset = made()
    voted = Voted.of(dataset)
    assert len(voted) == int((dataset.side != 0).sum())
    net = np.where(dataset.side > 0, dataset.long_net, dataset.short_net)[dataset.side != 0]
    assert np.array_equal(voted.paid, (net > 0).astype(float))
    assert np.array_equal(voted.rows[:, -2], dataset.side[dataset.side != 0].astype(np.float32))
    assert voted.rows.shape[1] == len(NAMES) + 2
    without = dataclasses.replace(dataset, long_net=np.full(len(dataset), np.nan))
    assert len(Voted.of(without)) == int((dataset.side < 0).sum())


def test_without_votes_there_is_no_head_and_its_metrics_say_so():
    dataset = dataclasses.replace(
        made(), side=np.full(4_000, np.nan), strength=np.full(4_000, np.nan)
    )
    heads = fitted(dataset, volatility=False)
    assert (heads.meta, heads.metrics["meta"]["training_rows"]) == (None, 0.0)
    lost = dataclasses.replace(
        made(), long_net=np.full(4_000, -0.01), short_net=np.full(4_000, -0.01)
    )
    assert fitted(lost, volatility=False).meta is None, (
        "every trade lost: there is nothing to tell apart"
    )


def test_votes_are_learned_from_on_every_row_where_the_members_learn_from_some():
    dataset = made()
    parts = split(dataset)
    thin = dataclasses.replace(
        parts, training=parts.training.at(np.arange(0, len(parts.training), 4))
    )
    thick, thinned = (
        fit_heads(each, dataset, asked(volatility=False), seed=7) for each in (parts, thin)
    )
    assert thinned.metrics["meta"]["training_rows"] == pytest.approx(
        thick.metrics["meta"]["training_rows"], abs=5
    )


def test_votes_are_matched_to_rows_by_their_instant():
    dataset = made(100)
    at = np.concatenate([dataset.as_of, [STEP * 200]])
    votes = Votes(
        as_of=at,
        names=(),
        sides=np.zeros((101, 0), dtype=np.int8),
        confidences=np.zeros((101, 0)),
        consensus=np.arange(101, dtype=np.int8) % 3 - 1,
        strength=np.linspace(0, 1, 101),
    )
    every = dataset.at(np.arange(0, 100, 7)).with_votes(votes)
    assert every.side.tolist() == [at % 3 - 1 for at in range(0, 100, 7)]
    assert every.strength.tolist() == np.linspace(0, 1, 101)[:100:7].tolist()
    with pytest.raises(BadData, match="not of the candles"):
        dataset.with_votes(dataclasses.replace(votes, as_of=at + 1))


# both


def test_the_same_rows_and_seed_give_the_same_bytes_and_another_seed_others():
    dataset = made(bent=0.3, pays=1.0)
    one, two, other = fitted(dataset), fitted(dataset), fitted(dataset, seed=8)
    assert (one.audit, one.metrics, one.volatility, one.meta) == (
        two.audit,
        two.metrics,
        two.volatility,
        two.meta,
    )
    assert one.audit["volatility.txt"] != other.audit["volatility.txt"]
    assert one.audit["meta.txt"] != other.audit["meta.txt"]


def test_the_trees_of_both_lie_one_after_the_other_and_say_what_the_native_files_say():
    import lightgbm

    dataset = made(bent=0.4, pays=1.0)
    heads = fitted(dataset)
    forest = export.flatten(heads.trees, feature_count=len(NAMES) + 2)
    count = heads.volatility.trees
    assert len(heads.trees) == count + heads.meta.trees == 60
    held_out = split(dataset).validation
    seen = np.concatenate([held_out.rows, np.ones((len(held_out), 2), dtype=np.float32)], axis=1)
    pairs = (
        (
            tree_logarithm(held_out.rows, forest.part(0, count), heads.volatility),
            "volatility.txt",
            held_out.rows,
            heads.volatility.base,
        ),
        (
            vote_scores(seen, forest.part(count, 2 * count), heads.meta),
            "meta.txt",
            seen,
            heads.meta.base,
        ),
    )
    for told, file, rows, base in pairs:
        native = lightgbm.Booster(model_str=heads.audit[file].decode()).predict(
            rows, raw_score=True, num_threads=1
        )
        assert np.abs(told - base - native).max() <= 1e-6
        assert np.ptp(told) > 0.1
    assert max(told["difference_from_native"] for told in heads.metrics.values()) <= 1e-6


def test_heads_that_nobody_asks_for_are_not_fitted():
    heads = fitted(made(), volatility=False, meta=False)
    assert heads == dataclasses.replace(
        heads, volatility=None, meta=None, trees=[], audit={}, metrics={}
    )


# scores and calibration


def test_the_scores_are_those_of_the_libraries():
    random = np.random.default_rng(2)
    truth = random.normal(size=500)
    told = truth + random.normal(size=500)
    assert r_squared(truth, told) == pytest.approx(r2_score(truth, told))
    assert math.isnan(r_squared(np.ones(5), np.ones(5)))
    paid, p = (random.random(500) < 0.4).astype(float), np.round(random.random(500), 2)
    assert roc_area(paid, p) == pytest.approx(roc_auc_score(paid, p))
    assert log_loss(paid, np.clip(p, 0.01, 0.99)) == pytest.approx(
        reference_log_loss(paid, np.clip(p, 0.01, 0.99))
    )
    assert math.isnan(roc_area(np.ones(5), p[:5]))
    assert qlike(truth, truth, correction=1.0) == 0.0
    assert qlike(truth, truth + 0.1, correction=1.0) == pytest.approx(math.exp(-0.2) + 0.2 - 1.0)


def test_platt_finds_slope_and_offset_and_turns_scores_that_are_wrong_into_the_base_rate():
    random = np.random.default_rng(5)
    scores = random.normal(size=20_000)
    truth = (random.random(20_000) < 1 / (1 + np.exp(-(1.5 * scores - 0.4)))).astype(float)
    slope, offset = platt(scores, truth, np.ones(20_000), base_rate=0.42)
    assert (slope, offset) == (pytest.approx(1.5, abs=0.06), pytest.approx(-0.4, abs=0.05))
    wrong, level = platt(-scores, truth, np.ones(20_000), base_rate=0.42)
    assert wrong == 0.0
    assert 1 / (1 + math.exp(-level)) == pytest.approx(truth.mean(), abs=0.01)
    steep, _ = platt(scores / 100, truth, np.ones(20_000), base_rate=0.42)
    assert steep == MAX_SLOPE
    few, near = platt(scores[:50], truth[:50], np.full(50, 0.02), base_rate=0.3)
    assert few < 0.3
    assert near == pytest.approx(math.log(0.3 / 0.7), abs=0.4)
