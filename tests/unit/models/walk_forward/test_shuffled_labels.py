import dataclasses

import numpy as np

from models.statistics import evaluate
from models.walk_forward import shuffled_skills, walk_forward
from models.walk_forward.cache import find_shuffle
from shared.model.arrays import pack
from shared.stores.memory import MemoryBucket
from tests.support.made_walks import DAY_MS, SEED, last_at, quick_settings, rows


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


def test_refits_that_are_kept_are_not_made_again_and_a_damaged_one_is():
    dataset, computed = rows()
    cache, told = MemoryBucket(), []

    def skills(shuffles: int, bucket: MemoryBucket | None):
        told.clear()
        tell = lambda _text, share: told.append(share)  # noqa: E731
        return shuffled_skills(
            dataset,
            computed,
            settings_of(shuffles),
            folds=2,
            cache=bucket,
            on_progress=tell,
            **ends(computed),
        )

    one = skills(1, cache)
    assert told == [0.0, 0.0, 0.5, 1.0]
    np.testing.assert_array_equal(skills(1, cache), one)
    assert told == [0.0, 1.0], "nothing was fitted"
    both = skills(2, cache)
    assert told == [0.0, 0.5, 0.75, 1.0], "one shuffle more"
    assert both[0] == one[0]
    np.testing.assert_array_equal(skills(2, None), both)
    keys = cache.keys("shuffles/")
    assert len(keys) == 4
    whole = cache.get(keys[0]).data
    as_of, probabilities = find_shuffle(
        cache, keys[0].removeprefix("shuffles/").removesuffix(".npz")
    )
    wrong = pack({"as_of": as_of, "probabilities": probabilities + 0.5})
    for damaged in (
        whole[: len(whole) // 2],
        b"",
        wrong,
        pack({"as_of": as_of[:-1], "probabilities": probabilities}),
    ):
        cache.put(keys[0], damaged)
        np.testing.assert_array_equal(skills(2, cache), both)
        assert told == [0.0, 0.75, 1.0], "the damaged one alone"
        assert cache.get(keys[0]).data == whole


def test_the_same_shuffle_gives_the_same_skill_and_none_gives_none():
    dataset, computed = rows()
    one, other = (
        shuffled_skills(dataset, computed, settings_of(1), folds=1, **ends(computed))
        for _ in range(2)
    )
    np.testing.assert_array_equal(one, other)
    assert shuffled_skills(dataset, computed, settings_of(0), folds=1, **ends(computed)).shape == (
        0,
    )
