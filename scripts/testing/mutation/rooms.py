"""The rooms whose rules move money, and the tests that have to notice when one of these rules
changes: the files of money in `shared/core/guards.toml`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.core import guards


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A module and its tests, those first that are asked first."""

    module: str
    tests: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The module's file, from the root."""
        return Path(f"{self.module.replace('.', '/')}.py")


ROOMS: Mapping[str, Room] = {
    Path(file).stem: Room(module=file.removesuffix(".py").replace("/", "."), tests=tests)
    for file, tests in guards.tests().items()
}
