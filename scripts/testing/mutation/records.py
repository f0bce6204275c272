"""What is known from earlier runs: a mutant that was killed stays killed while its function and its
killer are the same.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from scripts.installation.checkout import ROOT
from scripts.testing.mutation.mutants import MODULE, Mutant
from scripts.testing.mutation.rooms import Room
from scripts.testing.mutation.session import MutantVerdict


@dataclass(slots=True, kw_only=True)
class Records:
    """A file of one JSON line a verdict; the last of a mutant counts."""

    path: Path
    rooms: Mapping[str, Room]
    sources: Mapping[str, Mapping[str, str]]
    _known: dict[str, dict[str, Any]] = field(default_factory=dict)

    def read(self) -> None:
        """Read what is there; a last line that was cut by a death is passed over."""
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                told = json.loads(line)
            except json.JSONDecodeError:
                continue
            self._known[told["id"]] = told

    def verdict(self, mutant: Mutant) -> MutantVerdict | None:
        """What is known of a mutant, where its function, and what decided, are as they were."""
        told = self._known.get(mutant.id)
        if (
            told is None
            or told["function"] != self._function(mutant)
            or told["tests"] != self._tests(mutant, told["killer"])
        ):
            return None
        return MutantVerdict(
            mutant=mutant, outcome=told["outcome"], killer=told["killer"], seconds=told["seconds"]
        )

    def killer(self, mutant: Mutant) -> str | None:
        """The test that noticed the mutant the last time, whatever has changed since."""
        told = self._known.get(mutant.id)
        killer = told["killer"] if told else None
        return killer if isinstance(killer, str) else None

    def keep(self, verdict: MutantVerdict) -> None:
        """Add one verdict."""
        told = {
            "id": verdict.mutant.id,
            "outcome": verdict.outcome,
            "killer": verdict.killer,
            "seconds": verdict.seconds,
            "function": self._function(verdict.mutant),
            "tests": self._tests(verdict.mutant, verdict.killer),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")

    def _function(self, mutant: Mutant) -> str:
        """The function with what its module has outside of functions is too much to ask: the
        function's own text decides.
        """
        texts = self.sources[mutant.room]
        return _hash_text(texts[mutant.function if mutant.within else MODULE])

    def _tests(self, mutant: Mutant, killer: str | None) -> str:
        """The killer's file, or all files of tests where none killed it, each with what its folders
        prepare.
        """
        file = (killer or "").partition("::")[0]
        files = [file] if killer and (ROOT / file).is_file() else self.rooms[mutant.room].tests
        return _hash_text("".join(_test_source(name) for name in files))


@cache
def _test_source(test: str) -> str:
    """A file of tests and the conftests above it."""
    path = ROOT / test
    above = [
        folder / "conftest.py"
        for folder in path.parents
        if folder != ROOT and ROOT in folder.parents
    ]
    return "".join(each.read_text(encoding="utf-8") for each in (path, *above) if each.is_file())


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
