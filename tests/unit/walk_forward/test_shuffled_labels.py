import dataclasses

import numpy as np

from models import evaluate
from models.walk_forward import shuffled_skills, walk_forward
from tests.made_walks import DAY_MS, SEED, last_at, quick_settings, rows


def settings_of(shuffles: int):
    settings = quick_settings(rounds=6, forest_trees=6)
    return dataclasses.replace(settings, gate=dataclasses.replace(settings.gate, shuffles=shuffles))


def ends(computed) -> dict:
    end_at = last_at(computed) + 1
    return {"first_at": end_at - 20 * DAY_MS, "end_at": end_at, "seed": SEED, "jobs": 1}


def test_shuffled_labels_leave_no_skill_where_the_true_ones_have_much():
    dataset, computed = rows(edge_bp=30.0)
    settings = settings_of(2)
    walk = walk_forward(dataset, computed, settings, **ends(computed))
    base = evaluate.log_losses(evaluate.constant(walk.rows.label), walk.rows.label)
    skill = 1 - evaluate.log_losses(walk.rows.probabilities, walk.rows.label).sum() / base.sum()
    shuffled = shuffled_skills(dataset, computed, settings, folds=2, **ends(computed))
    assert skill > 0.1
    assert shuffled.shape == (2,)
    assert shuffled.max() < 0.02
    assert shuffled[0] != shuffled[1]


def test_the_same_shuffle_gives_the_same_skill_and_none_gives_none():
    dataset, computed = rows()
    one, other = (shuffled_skills(dataset, computed, settings_of(1), folds=1, **ends(computed)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert shuffled_skills(dataset, computed, settings_of(0), folds=1, **ends(computed)).shape == (0,)
