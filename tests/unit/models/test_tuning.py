import dataclasses
from functools import cache

import numpy as np
import pytest

from models.data.dataset import Dataset, build
from models.data.leaks import inspect_split
from models.fit.tuning import FOLDS, TuningTrial, folds_of, tune, vote_loss
from shared.core.errors import UserError
from shared.core.types import Timeframe
from shared.stores.memory import MemoryDocuments
from shared.stores.trials import TrialLog
from tests.support.made_trainings import market, small_settings

STEP = Timeframe.M15.ms
SETTINGS = dataclasses.replace(
    small_settings(),
    learning=dataclasses.replace(small_settings().learning, rounds=8, forest_trees=8),
)


@cache
def window() -> Dataset:
    return build(market(75, seed=3, edge_bp=8.0), SETTINGS.learning)


def plain_loss(parts, learning, _seed) -> float:
    """A bowl with its bottom at depth 3 and 100 rounds, a little deeper in later folds."""
    bottom = (learning.max_depth - 3) ** 2 / 10 + (learning.rounds - 100) ** 2 / 10_000
    return 1.0 + bottom - len(parts.training) / 1e7


def tuned(trials: int, seed: int = 7, score=plain_loss) -> tuple[object, list[TuningTrial]]:
    told: list[TuningTrial] = []
    return (
        tune(window(), SETTINGS, trials=trials, seed=seed, on_trial=told.append, score=score),
        told,
    )


def test_every_trial_is_told_the_first_with_what_is_set():
    best, told = tuned(12)
    assert [tried.number for tried in told] == list(range(12))
    assert (told[0].learning, told[0].changed, told[0].pruned) == (SETTINGS.learning, {}, False)
    whole = [tried for tried in told if not tried.pruned]
    assert best == min(whole, key=lambda tried: tried.loss).learning
    assert all(len(tried.losses) == FOLDS for tried in whole)


def test_the_search_finds_the_bottom_of_a_bowl_and_changes_sizes_only():
    best, _ = tuned(40)
    assert abs(best.max_depth - 3) <= 1
    assert abs(best.rounds - 100) <= 40
    same = dataclasses.replace(
        best,
        **{
            name: getattr(SETTINGS.learning, name)
            for name in ("rounds", "forest_trees", "max_depth", "learning_rate", "row_step")
        },
    )
    assert same == SETTINGS.learning


def test_what_is_set_stays_where_nothing_is_better():
    best, _ = tuned(
        8, score=lambda _parts, learning, _seed: 0.5 if learning == SETTINGS.learning else 1.0
    )
    assert best == SETTINGS.learning


def test_the_same_seed_gives_the_same_trials_and_another_one_others():
    assert tuned(10) == tuned(10)
    assert tuned(10)[1] != tuned(10, seed=8)[1]


def test_hopeless_trials_are_broken_off_and_counted_all_the_same():
    _, told = tuned(40)
    broken = [tried for tried in told if tried.pruned]
    assert len(broken) > 3
    assert all(0 < len(tried.losses) < FOLDS for tried in broken)


def test_a_trial_that_was_broken_off_is_never_the_best_however_well_it_began():
    first_at = int(window().as_of[0])

    def harder_later(parts, learning, seed) -> float:
        return plain_loss(parts, learning, seed) + 1e-8 * (
            int(parts.validation.as_of[0]) - first_at
        )

    best, told = tuned(40, score=harder_later)
    broken = [tried for tried in told if tried.pruned]
    whole = [tried for tried in told if not tried.pruned]
    assert min(tried.loss for tried in broken) < min(tried.loss for tried in whole)
    assert best == min(whole, key=lambda tried: tried.loss).learning


def test_folds_are_purged_walk_forward_inside_the_window():
    data = window()
    judged = []
    for fold in folds_of(data, SETTINGS.learning):
        parts = fold.cut(data)
        assert not inspect_split(parts, embargo_ms=fold.embargo_ms)
        assert int(parts.training.end_at.max()) + SETTINGS.learning.horizon_candles * STEP <= int(
            parts.validation.as_of[0]
        )
        judged.append(parts.validation.as_of)
    every = np.concatenate(judged)
    assert len(judged) == FOLDS
    assert (np.diff(every) > 0).all()
    assert every[-1] == data.as_of[-1]
    assert len(every) == pytest.approx(len(data) / 2, rel=0.02)


def test_too_little_to_learn_from_is_said():
    with pytest.raises(UserError, match="fold of the tuning"):
        tune(window().at(slice(0, 300)), SETTINGS, trials=2, seed=1, on_trial=lambda _tried: None)
    with pytest.raises(UserError, match="nothing to tune on"):
        tune(window().at(slice(0, 0)), SETTINGS, trials=2, seed=1, on_trial=lambda _tried: None)


def test_the_learners_themselves_are_tuned_and_every_trial_counts_in_the_log():
    log, data = TrialLog(MemoryDocuments()), window().at(slice(0, 2_400))
    told: list[TuningTrial] = []

    def write(tried: TuningTrial) -> None:
        told.append(tried)
        start_at, end_at = int(data.as_of[0]), int(data.as_of[-1])
        log.append(
            tried.trial(
                SETTINGS, data_hash="d" * 16, start_at=start_at, end_at=end_at, now_ms=tried.number
            )
        )

    def quick(parts, learning, seed) -> float:
        return vote_loss(parts, dataclasses.replace(learning, rounds=6, forest_trees=6), seed)

    best = tune(data, SETTINGS, trials=3, seed=5, on_trial=write, score=quick)
    history = log.all("tuning")
    assert history.count == len({repr(tried.learning) for tried in told}) == 3
    assert best in [tried.learning for tried in told]
    assert history.trials[0].changed == {}
    assert set(history.trials[1].changed) >= {"learning.rounds", "learning.row_step"}
    assert all(0.6 < trial.numbers["log_loss"] < 1.5 for trial in history.trials)
