import dataclasses

import numpy as np
import pytest

from models.data.dataset import build
from models.data.labels import costs_of
from models.fit.calibrate import fit_calibration as calibrate
from models.fit.recipe import fit_recipe, known_at, parts_of, recipe_hash
from models.fit.voting import PRIOR_LABELS, fitted_weights, mixture
from shared.core.settings import load_settings
from shared.model.predict import calibrate_scores, softmax
from shared.model.question import features_of
from tests.support.made_trainings import market, small_settings

BASE = np.array([0.3, 0.4, 0.3])
EVEN = np.full(3, 1 / 3)


def changed(**learning):
    settings = load_settings({"BOT_HOME": "/nowhere"})
    return dataclasses.replace(
        settings, learning=dataclasses.replace(settings.learning, **learning)
    )


def test_the_recipe_changes_with_all_that_makes_a_model_and_with_nothing_else():
    plain = recipe_hash(changed())
    assert len(plain) == 16
    others = [
        recipe_hash(changed(rounds=121)),
        recipe_hash(changed(days=181)),
        recipe_hash(changed(row_step=3)),
        recipe_hash(changed(calibration="temperature")),
        recipe_hash(changed(weights_from="fitted")),
        recipe_hash(changed(barrier_atr=3.0)),
        recipe_hash(changed(features="phase22")),
        recipe_hash(changed(meta_head=True)),
        recipe_hash(changed(), features_of(changed().learning)[:-1]),
    ]
    assert len({plain, *others}) == len(others) + 1
    assert recipe_hash(changed(seed=8)) == plain
    looser = changed()
    looser = dataclasses.replace(
        looser, risk=dataclasses.replace(looser.risk, max_drawdown=0.1), id="other"
    )
    assert recipe_hash(looser) == plain


def test_votes_belong_to_the_recipe_only_where_a_head_learns_from_them():
    def agreeing(**learning):
        settings = changed(**learning)
        return dataclasses.replace(
            settings, consensus=dataclasses.replace(settings.consensus, agreement=0.6)
        )

    assert recipe_hash(agreeing()) == recipe_hash(changed())
    assert recipe_hash(agreeing(meta_head=True)) != recipe_hash(changed(meta_head=True))


def rows():
    settings = small_settings()
    candles = market(75, seed=3, edge_bp=8.0)
    return build(candles, settings.learning, days=None, costs=costs_of(settings)), settings


def test_what_is_known_at_an_instant_is_what_a_training_then_would_have_built():
    whole, settings = rows()
    candles = market(75, seed=3, edge_bp=8.0)
    at = int(whole.as_of[-200])
    then = build(
        {frame: part.closed_by(at) for frame, part in candles.items()},
        settings.learning,
        costs=costs_of(settings),
    )
    known = known_at(whole, settings, closed_at=at)
    assert len(known) > 4_000
    for each in dataclasses.fields(known):
        mine, theirs = getattr(known, each.name), getattr(then, each.name)
        if isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, theirs, err_msg=each.name)
        else:
            assert mine == theirs


@pytest.mark.parametrize("weights_from", ["settings", "fitted"])
@pytest.mark.parametrize("kind", ["platt", "temperature"])
def test_the_vote_is_convex_and_the_same_every_time(weights_from, kind):
    whole, settings = rows()
    learning = dataclasses.replace(
        settings.learning,
        rounds=3,
        forest_trees=4,
        weights_from=weights_from,
        calibration=kind,
        volatility_head=False,
    )
    settings = dataclasses.replace(settings, learning=learning)
    known = known_at(whole, settings, closed_at=int(whole.end_at.max()))
    parts = parts_of(known, settings)
    one, other = (
        fit_recipe(parts, known, settings, seed=7, tell=lambda _text, _share: None)
        for _ in range(2)
    )
    assert one.members == other.members
    assert one.calibration == other.calibration
    weights = [member.weight for member in one.members]
    assert min(weights) >= 0
    assert sum(weights) == pytest.approx(1.0, abs=1e-12)
    assert (weights == pytest.approx([0.4, 0.4, 0.2])) == (weights_from == "settings")
    assert one.heads is None
    assert max(one.differences().values()) <= 1e-6


def drawn(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = np.log(BASE) + 0.8 * rng.normal(size=(count, 3))
    label = (rng.random((count, 1)) > np.cumsum(softmax(scores), axis=1)).sum(axis=1).clip(0, 2)
    return scores, label.astype(np.int8)


@pytest.mark.parametrize("distortion", [3.0, 0.5])
def test_temperature_moves_the_slope_alone(distortion):
    true, label = drawn(1, 4_000)
    lean = np.log(BASE) + distortion * (true - np.log(BASE))
    found = calibrate(lean, label, np.ones(4_000), base=BASE, centre=0.0, kind="temperature")
    assert found.slope == pytest.approx(1 / distortion, rel=0.1)
    implied = np.log(BASE) * (1 - found.slope)
    assert found.offsets == pytest.approx(tuple(implied - implied.mean()), abs=1e-12)
    assert (
        np.abs(calibrate_scores(lean, found).mean(axis=0) - np.bincount(label) / 4_000).max() < 0.03
    )


def test_temperature_without_evidence_leaves_the_base_rate():
    scores, label = drawn(2, 300)
    found = calibrate(scores, label, np.full(300, 1e-9), base=BASE, centre=0.0, kind="temperature")
    assert np.abs(calibrate_scores(scores, found) - BASE).max() < 1e-6


def test_the_member_that_knows_more_gets_more_and_one_that_knows_nothing_little():
    rng = np.random.default_rng(3)
    good, bad = np.full(2_000, 0.6), rng.uniform(0.1, 0.5, 2_000)
    weights = mixture(np.column_stack([good, bad, bad[::-1]]), np.ones(2_000), prior=EVEN)
    assert weights[0] > 0.9
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert weights.min() >= 0


def test_with_few_independent_labels_the_weights_stay_where_the_settings_put_them():
    rng = np.random.default_rng(4)
    given = rng.uniform(0.2, 0.5, (3_000, 3))
    prior = np.array([0.4, 0.4, 0.2])
    little = mixture(given, np.full(3_000, 1e-6), prior=prior)
    assert little == pytest.approx(prior, abs=1e-3)
    assert PRIOR_LABELS > 0


def test_a_member_without_a_share_in_the_settings_gets_none():
    given = np.column_stack([np.full(500, 0.3), np.full(500, 0.3), np.full(500, 0.9)])
    assert mixture(given, np.ones(500), prior=np.array([0.5, 0.5, 0.0]))[2] == 0.0


def test_a_mixture_cannot_be_bettered_by_moving_a_share():
    """At the highest posterior no small step along the simplex gains."""
    rng = np.random.default_rng(5)
    given, weight = rng.uniform(0.05, 0.9, (400, 3)), rng.uniform(0.1, 1.0, 400)
    prior = np.array([0.5, 0.3, 0.2])

    def posterior(shares):
        return (weight * np.log(given @ shares)).sum() + PRIOR_LABELS * (
            prior * np.log(shares)
        ).sum()

    best = mixture(given, weight, prior=prior)
    tried = 0
    for first in range(3):
        for second in range(3):
            if first != second:
                moved = best.copy()
                moved[first] += 1e-4
                moved[second] -= 1e-4
                assert posterior(moved) <= posterior(best) + 1e-9
                tried += 1
    assert tried == 6


def test_fitted_on_calibration_rows_the_weights_find_the_member_that_knows():
    whole, settings = rows()
    part = parts_of(
        known_at(whole, settings, closed_at=int(whole.end_at.max())), settings
    ).calibration
    rng = np.random.default_rng(6)
    knowing = np.log(np.where(np.eye(3)[part.label] > 0, 0.6, 0.2))
    noise = rng.normal(size=(len(part), 3))
    weights = fitted_weights(
        [noise, knowing, noise[::-1]],
        part,
        base=BASE,
        kind="platt",
        prior=EVEN,
        embargo_ms=48 * 900_000,
    )
    assert weights[1] > 0.5
    assert weights.sum() == pytest.approx(1.0)
