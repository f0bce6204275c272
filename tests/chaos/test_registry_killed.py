"""kill -9 before and after every write of a move of the registry: what is left loads, and the move
can be repeated.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.model.registry import BundleRegistry
from shared.stores.local.folder import FolderBucket
from tests.support.made_bundles import DAY, WHY, filled, made

NINTH = 9
NAMES = ("a", "b", "c", "d", "e")
MOVES: dict[str, Callable[[BundleRegistry], object]] = {
    "publish": lambda registry: registry.publish("new", made("new", as_of=9 * DAY)),
    "promote": lambda registry: registry.promote("e", at=NINTH, **WHY),
    "promote from the archive": lambda registry: registry.promote("a", at=NINTH, **WHY),
    "rollback": lambda registry: registry.rollback(at=NINTH, **WHY),
    "challenge": lambda registry: registry.challenge("e", at=NINTH, **WHY),
    "archive": lambda registry: registry.archive(before_at=9 * DAY, keep=0),
}


class Mortal(FolderBucket):
    """A folder whose process dies before its nth change (an even number) or right after it (an odd
    one).
    """

    def __init__(self, path: Path, *, last: int) -> None:
        super().__init__(path)
        self._left = last

    def _step(self) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1

    def put(self, key, data, *, if_generation=None):
        self._step()
        generation = super().put(key, data, if_generation=if_generation)
        self._step()
        return generation

    def delete(self, key):
        self._step()
        super().delete(key)
        self._step()


def prepared(path: Path) -> BundleRegistry:
    registry = filled(FolderBucket(path), *NAMES)
    registry.promote("a", at=0, **WHY)
    registry.promote("b", at=1, **WHY)
    registry.promote("c", at=2, **WHY)
    registry.promote("d", at=3, **WHY)
    assert registry.archive(before_at=DAY, keep=0) == ["a"]
    return registry


def ended(path: Path, move: str, last: int) -> int | None:
    """Run the move in a child that dies at its step `last`; its exit code."""

    def work() -> None:
        MOVES[move](BundleRegistry(Mortal(path, last=last)))

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
    return child.exitcode


def whole(registry: BundleRegistry) -> None:
    """What the pointer names loads, and so does everything that is said to be there."""
    pointer = registry.current()
    for version in {
        pointer.version,
        pointer.previous,
        pointer.challenger,
        *registry.versions(),
        *registry.archived_versions(),
    } - {None}:
        number = 9 if version == "new" else NAMES.index(version)
        assert registry.files(version, audit=True) == made(version, as_of=number * DAY), version
    assert {*NAMES} <= {*registry.versions(), *registry.archived_versions()}, "a bundle was lost"


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("move", MOVES)
def test_a_registry_killed_at_any_step_stays_loadable_and_the_move_can_be_repeated(
    tmp_path, move, full
):
    killed, last = 0, 0
    while True:
        path = tmp_path / str(last)
        prepared(path)
        code = ended(path, move, last)
        registry = BundleRegistry(FolderBucket(path))
        whole(registry)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        killed += 1
        MOVES[move](registry)
        whole(registry)
        repeated = [entry for entry in registry.current().history if entry.at == NINTH]
        # a rollback that died after its move was made is another one when it is repeated;
        # everything else is told once
        assert len(repeated) <= (2 if move == "rollback" else 1)
        last += 1 if full or last < 4 else 3
    assert killed >= (2 if move in {"promote", "rollback", "challenge"} else 4)


def test_a_move_that_was_repeated_ends_where_one_that_lived_does(tmp_path):
    for move, made_again in MOVES.items():
        lived, repeated = tmp_path / move / "lived", tmp_path / move / "repeated"
        made_again(prepared(lived))
        prepared(repeated)
        assert ended(repeated, move, 0) == -signal.SIGKILL
        registry = BundleRegistry(FolderBucket(repeated))
        made_again(registry)
        told, expected = registry.current(), BundleRegistry(FolderBucket(lived)).current()
        assert (told.version, told.previous, told.challenger) == (
            expected.version,
            expected.previous,
            expected.challenger,
        )
        assert registry.versions() == BundleRegistry(FolderBucket(lived)).versions()
        assert (
            registry.archived_versions() == BundleRegistry(FolderBucket(lived)).archived_versions()
        )
