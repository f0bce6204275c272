"""Which tests a quick check runs: files of unit tests, the cheapest first, while what they were
measured to take fits a budget.

`scripts/bot test --measure` writes the measures (`tests.plugins.timing`). A file without one is
left out and named: nobody knows what it takes. One that was cut at the limit of the measuring is
slow, whatever the budget.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MEASURES = Path("tests") / "cpu_seconds.json"
"""CPU seconds of each test file, or nothing for one that was cut: a name from the root, a number or
`null`."""

UNIT_TESTS = Path("tests") / "unit"
BUDGET_SECONDS = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Files of tests from the root: those to run, with their CPU seconds in all; the slower ones;
    those never measured.
    """

    chosen: tuple[str, ...]
    seconds: float
    slower: tuple[str, ...]
    unmeasured: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What is run and what is not, for whoever waits."""
        count = len(self.chosen) + len(self.slower) + len(self.unmeasured)
        told = (
            f"{len(self.chosen)} of {count} files of unit tests, measured at {self.seconds:.0f} s"
            " of CPU; the others are slower"
        )
        if self.unmeasured:
            told += (
                f" or never measured ({', '.join(self.unmeasured)}: `scripts/bot test --measure`)"
            )
        return told


def choose(root: Path, *, budget_seconds: float = BUDGET_SECONDS) -> Choice:
    """Choose among the files of unit tests that are there."""
    measures = (
        json.loads((root / MEASURES).read_text(encoding="utf-8"))
        if (root / MEASURES).is_file()
        else {}
    )
    return chosen_of(measures, unit_test_files(root), budget_seconds=budget_seconds)


def unit_test_files(root: Path) -> tuple[str, ...]:
    """Every file of unit tests, from the root."""
    return tuple(
        sorted(path.relative_to(root).as_posix() for path in (root / UNIT_TESTS).rglob("test_*.py"))
    )


def chosen_of(
    measures: Mapping[str, float | None], files: tuple[str, ...], *, budget_seconds: float
) -> Choice:
    """The cheapest first, until the next would exceed the budget; of two equal ones the first by
    name.
    """
    timed = sorted((seconds, name) for name in files if (seconds := measures.get(name)) is not None)
    chosen, spent = [], 0.0
    for seconds, name in timed:
        if spent + seconds > budget_seconds:
            break
        chosen.append(name)
        spent += seconds
    return Choice(
        chosen=tuple(sorted(chosen)),
        seconds=spent,
        slower=tuple(name for name in files if name in measures and name not in chosen),
        unmeasured=tuple(name for name in files if name not in measures),
    )
