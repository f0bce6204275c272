"""The mutants that change nothing: by room and function, each with why, and with the inputs on
which both were seen to agree.

`tests/mutants/equal.yaml` lists them; `inputs` names a function of `tests/mutants/agreement.py`
that calls the module, once as it is and once as the mutant, and `tests/mutants/test_equal.py` sees
that the answers are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from scripts.installation.checkout import ROOT
from scripts.testing.mutation.mutants import Mutant
from shared.core.errors import UserError

LISTED = Path("tests/mutants/equal.yaml")
AT_MOST = 0.05
"""Of all mutants. A rule that can be written in so many ways could be written more simply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equal:
    """One of them. `inputs` names what calls both."""

    room: str
    function: str
    was: str
    becomes: str
    why: str
    inputs: str
    count: int = 1

    @property
    def id(self) -> str:
        """As `Mutant.id`."""
        again = f" #{self.count}" if self.count > 1 else ""
        return f"{self.room} {self.function}: {self.was} -> {self.becomes}{again}"


def load_equal_mutants(path: Path = ROOT / LISTED) -> tuple[Equal, ...]:
    """What the file lists."""
    rooms: Mapping[str, Mapping[str, Sequence[Mapping[str, object]]]] = (
        yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    )
    return tuple(
        Equal(room=room, function=function, **each)  # type: ignore[arg-type]
        for room, functions in rooms.items()
        for function, entries in functions.items()
        for each in entries
    )


def equal_ids(every: Sequence[Mutant], entries: Sequence[Equal]) -> frozenset[str]:
    """The names of those that are listed.

    Raises `UserError` where an entry is of no mutant that there is.
    """
    rooms = {mutant.room for mutant in every}
    there = {mutant.id for mutant in every}
    stale = [entry.id for entry in entries if entry.room in rooms and entry.id not in there]
    if stale:
        raise UserError(
            f"{LISTED} lists what is no mutant: {stale[0]}"
            + (f", and {len(stale) - 1} more" if len(stale) > 1 else ""),
            remedy=(
                "the function was changed: take the entry away, and run the command to see whether"
                " a test is missing"
            ),
        )
    return frozenset(entry.id for entry in entries if entry.room in rooms)
