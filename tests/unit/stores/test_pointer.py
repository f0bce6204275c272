"""The registry's pointer: moves, rollbacks, the challenger, the archive, and many promotions at
once.
"""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from shared.core.errors import AlreadyExists, BadBundle, Conflict, NotThere
from shared.model.pointer import MOST_MOVES, ServingPointer
from shared.model.registry import BundleRegistry
from shared.stores.local.folder import FolderBucket
from shared.stores.memory import MemoryBucket
from tests.support.made_bundles import DAY, WHY, filled, made


@pytest.fixture(params=["memory", "folder"])
def bucket(request, tmp_path):
    return MemoryBucket() if request.param == "memory" else FolderBucket(tmp_path, busy_seconds=60)


def test_every_move_is_told_with_when_why_and_by_whom(bucket):
    registry = filled(bucket, "a", "b", "c")
    registry.promote("a", at=1, why="first", by="x")
    registry.challenge("b", at=2, why="gate passed", by="retrain")
    pointer = registry.promote("b", at=3, why="shadow passed", by="retrain")
    assert pointer == registry.current()
    assert [(move.what, move.version, move.at, move.why, move.by) for move in pointer.history] == [
        ("promote", "a", 1, "first", "x"),
        ("challenge", "b", 2, "gate passed", "retrain"),
        ("promote", "b", 3, "shadow passed", "retrain"),
    ]
    assert (pointer.version, pointer.previous, pointer.challenger, pointer.challenger_since) == (
        "b",
        "a",
        None,
        None,
    )
    assert pointer.champion_since == 3


def test_a_challenger_runs_until_it_is_promoted_or_withdrawn_and_survives_another_promotion(bucket):
    registry = filled(bucket, "a", "b", "c")
    with pytest.raises(NotThere, match="promote it"):
        registry.challenge("b", at=1, **WHY)
    registry.promote("a", at=1, **WHY)
    with pytest.raises(NotThere, match="itself"):
        registry.challenge("a", at=1, **WHY)
    with pytest.raises(BadBundle):
        registry.challenge("nothing", at=1, **WHY)
    told = registry.challenge("b", at=2, **WHY)
    assert registry.challenge("b", at=9, **WHY) == told
    assert (told.challenger, told.challenger_since) == ("b", 2)
    assert registry.promote("c", at=3, **WHY).challenger == "b"
    assert registry.withdraw(at=4, **WHY).challenger is None
    before = registry.current()
    assert registry.withdraw(at=5, **WHY) == before
    assert [move.what for move in before.history] == ["promote", "challenge", "promote", "withdraw"]


def test_a_rollback_goes_back_and_a_second_one_further_and_what_was_rolled_back_never_steps_in(
    bucket,
):
    registry = filled(bucket, "a", "b", "c", "d")
    with pytest.raises(NotThere):
        registry.rollback(at=0, **WHY)
    for at, name in enumerate(("a", "b", "c"), start=1):
        registry.promote(name, at=at, **WHY)
    back = registry.rollback(at=4, **WHY)
    assert (back.version, back.previous) == ("b", "a")
    assert registry.promote("d", at=5, **WHY).previous == "b"
    assert registry.rollback(at=6, **WHY).version == "b"
    further = registry.rollback(at=7, **WHY)
    assert (further.version, further.previous) == ("a", None)
    with pytest.raises(NotThere, match="nothing to go back to"):
        registry.rollback(at=8, **WHY)
    assert registry.promote("c", at=9, **WHY).previous == "a"


def test_a_rollback_to_a_damaged_bundle_is_refused_and_the_champion_stays(bucket):
    registry = filled(bucket, "a", "b")
    registry.promote("a", at=1, **WHY)
    before = registry.promote("b", at=2, **WHY)
    bucket.put("bundles/a/model.npz", b"something else")
    with pytest.raises(BadBundle, match="hashes"):
        registry.rollback(at=3, **WHY)
    assert registry.current() == before


def test_a_promotion_against_another_champion_than_the_one_judged_against_is_refused(bucket):
    registry = filled(bucket, "a", "b", "c")
    assert registry.promote("a", at=1, expect=None, **WHY).version == "a"
    with pytest.raises(Conflict, match="a serves now"):
        registry.promote("b", at=2, expect=None, **WHY)
    registry.promote("b", at=3, expect="a", **WHY)
    with pytest.raises(Conflict, match="b serves now, and not a"):
        registry.promote("c", at=4, expect="a", **WHY)
    assert registry.current().version == "b"


def test_an_old_pointer_is_read_and_moved(bucket):
    registry = filled(bucket, "a", "b", "c")
    generation = bucket.put("bundles/current.json", b'{"version": "b", "previous": "a"}')
    assert registry.current() == ServingPointer(version="b", previous="a", generation=generation)
    assert registry.current().champion_since is None
    after = registry.promote("c", at=3, **WHY)
    assert (after.previous, len(after.history)) == ("b", 1)
    assert registry.rollback(at=4, **WHY).version == "b"


def test_the_history_keeps_the_last_fifty_moves(bucket):
    registry = filled(bucket, "a", "b")
    for at in range(MOST_MOVES + 7):
        registry.promote("ab"[at % 2], at=at, **WHY)
    history = registry.current().history
    assert [move.at for move in history] == list(range(7, MOST_MOVES + 7))


def test_the_end_of_a_retraining_is_noted_and_never_goes_back(bucket):
    registry = filled(bucket, "a")
    assert registry.note_retraining(at=5) is None
    registry.promote("a", at=1, **WHY)
    assert registry.note_retraining(at=5).retrained_at == 5
    assert registry.note_retraining(at=3).retrained_at == 5
    assert registry.current().version == "a"


def test_only_old_bundles_that_nothing_points_to_go_to_the_archive(bucket):
    names = [f"v{number}" for number in range(8)]
    registry = filled(bucket, *names)
    registry.promote("v1", at=1, **WHY)
    registry.promote("v3", at=2, **WHY)
    registry.challenge("v4", at=3, **WHY)
    bucket.put("bundles/v0/manifest.json", b"nobody can read this")
    assert registry.archive(before_at=6 * DAY, keep=2) == ["v2", "v5"]
    assert registry.versions() == ["v0", "v1", "v3", "v4", "v6", "v7"]
    assert registry.archived_versions() == ["v2", "v5"]
    assert registry.archive(before_at=6 * DAY, keep=2) == []
    assert registry.files("v2", audit=True) == made("v2", as_of=2 * DAY)


def test_an_archived_bundle_comes_back_when_it_is_promoted(bucket):
    registry = filled(bucket, "a", "b", "c")
    for at, name in enumerate(("a", "b", "c")):
        registry.promote(name, at=at, **WHY)
    assert registry.archive(before_at=9 * DAY, keep=0) == ["a"]
    with pytest.raises(AlreadyExists, match="archive"):
        registry.publish("a", made("other"))
    registry.rollback(at=4, **WHY)
    assert registry.rollback(at=5, **WHY).version == "a"
    assert registry.versions() == ["a", "b", "c"]
    assert registry.files("a", audit=True) == made("a", as_of=0)


class Meddling(MemoryBucket):
    """Somebody promotes a bundle in the very moment in which its copy to the archive is
    complete.
    """

    def put(self, key, data, *, if_generation=None):
        generation = super().put(key, data, if_generation=if_generation)
        if key == "archive/bundles/a/manifest.sig":
            BundleRegistry(self).promote("a", at=9, **WHY)
        return generation


def test_a_bundle_that_is_promoted_while_it_is_put_away_stays():
    registry = filled(Meddling(), "a", "b", "c")
    registry.promote("c", at=1, **WHY)
    assert registry.archive(before_at=DAY, keep=0) == []
    assert registry.current().version == "a"
    assert "a" in registry.versions()
    assert registry.files("a", audit=True) == made("a", as_of=0)


def _attempt(registry, name):
    """Read, decide, move; who lost reads again, as the callers do."""
    lost = 0
    while True:
        try:
            return registry.promote(name, at=1, why=name, by="race").generation, lost
        except Conflict:
            lost += 1


def _race_in_a_process(path, name, start, told):
    registry = BundleRegistry(FolderBucket(path, busy_seconds=60))
    start.wait()
    told.put((name, *_attempt(registry, name)))


def _nothing_was_lost(registry, won: dict[str, int]) -> None:
    """Twenty moves, each on the generation that the one before it wrote: the history is their
    order, whole.
    """
    pointer = registry.current()
    order = sorted(won, key=won.__getitem__)
    assert len(set(won.values())) == len(won) == 20, "one winner a generation"
    assert [move.version for move in pointer.history] == order
    assert (pointer.version, pointer.previous, pointer.generation) == (
        order[-1],
        order[-2],
        won[order[-1]],
    )


def test_of_twenty_threads_that_promote_at_once_one_wins_a_generation_and_no_move_is_lost(bucket):
    names = [f"v{number:02}" for number in range(20)]
    registry = filled(bucket, *names)
    with ThreadPoolExecutor(20) as pool:
        told = list(pool.map(partial(_attempt, registry), names))
    _nothing_was_lost(
        registry, {name: generation for name, (generation, _) in zip(names, told, strict=True)}
    )


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_of_twenty_processes_that_promote_at_once_one_wins_a_generation_and_no_move_is_lost(
    tmp_path,
):
    names = [f"v{number:02}" for number in range(20)]
    registry = filled(FolderBucket(tmp_path), *names)
    fork = multiprocessing.get_context("fork")
    start, told = fork.Event(), fork.Queue()
    racers = [
        fork.Process(target=_race_in_a_process, args=(tmp_path, name, start, told))
        for name in names
    ]
    for racer in racers:
        racer.start()
    start.set()
    found = [told.get(timeout=60) for _ in racers]
    for racer in racers:
        racer.join()
    _nothing_was_lost(registry, {name: generation for name, generation, _ in found})
    assert sum(lost for *_, lost in found), "nobody ever lost: this was no race"


def test_of_twenty_promotions_against_the_same_champion_exactly_one_wins(bucket):
    names = [f"v{number:02}" for number in range(20)]
    registry = filled(bucket, "old", *names)
    registry.promote("old", at=0, **WHY)

    def attempt(name):
        try:
            return registry.promote(name, at=1, expect="old", **WHY).version
        except Conflict:
            return None

    with ThreadPoolExecutor(20) as pool:
        winners = [name for name in pool.map(attempt, names) if name]
    assert winners == [registry.current().version]
    assert len(registry.current().history) == 2
