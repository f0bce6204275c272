"""One run: which mutants, which of them are known, what came of the others."""

import os
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.installation.checkout import ROOT
from scripts.testing.mutation.equal import equal_ids, load_equal_mutants
from scripts.testing.mutation.mutants import Mutant, function_sources, mutants, source_of
from scripts.testing.mutation.records import Records
from scripts.testing.mutation.rooms import ROOMS
from scripts.testing.mutation.session import (
    KILLED,
    SURVIVED,
    TIMED_OUT,
    MutantVerdict,
    Work,
    try_mutants,
)
from shared.core.errors import BotError, UserError

MEASURE_FROM = 150
"""From so many mutants on it is worth finding out first which tests reach which lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivor:
    """A mutant that no test noticed."""

    id: str
    file: str
    line: int
    operator: str
    was: str
    becomes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomReport:
    """The numbers of one room: `mutants` there are, of which `tried` were asked for."""

    room: str
    mutants: int
    tried: int
    killed: int
    timed_out: int
    equal: int
    survived: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run found."""

    rooms: tuple[RoomReport, ...]
    survivors: tuple[Survivor, ...]
    known: int


def run(
    names: Sequence[str],
    *,
    sample: int | None,
    seed: int,
    workers: int | None,
    work: Path,
    again: bool,
) -> Report:
    """Try the mutants of some rooms, or a sample of them.

    Raises `UserError` for a room that there is not.
    """
    unknown = [name for name in names if name not in ROOMS]
    if unknown:
        raise UserError(
            f"there is no room {unknown[0]!r}", remedy=f"name some of {', '.join(ROOMS)}"
        )
    rooms = {name: ROOMS[name] for name in names or ROOMS}
    sources = {name: source_of(ROOT / room.path) for name, room in rooms.items()}
    every = [mutant for name in rooms for mutant in mutants(name, sources[name])]
    equal = equal_ids(every, load_equal_mutants())
    chosen = every if sample is None else _draw_sample(every, sample, seed)
    asked = [mutant for mutant in chosen if mutant.id not in equal]
    records = Records(
        path=work / "verdicts.jsonl",
        rooms=rooms,
        sources={name: function_sources(text) for name, text in sources.items()},
    )
    records.read()
    verdicts = (
        {}
        if again
        else {mutant.id: kept for mutant in asked if (kept := records.verdict(mutant)) is not None}
    )
    known = len(verdicts)
    missing = [mutant for mutant in asked if mutant.id not in verdicts]

    def done(verdict: MutantVerdict) -> None:
        verdicts[verdict.mutant.id] = verdict
        records.keep(verdict)
        _progress(len(verdicts) - known, len(missing), verdict)

    if missing:
        first = {
            mutant.id: killer
            for mutant in missing
            if (killer := records.killer(mutant)) is not None
        }
        try:
            try_mutants(
                Work(
                    rooms={
                        name: rooms[name]
                        for name in dict.fromkeys(mutant.room for mutant in missing)
                    },
                    mutants=missing,
                    first=first,
                    workers=workers or os.cpu_count() or 1,
                    measured=len(missing) >= MEASURE_FROM,
                    done=done,
                )
            )
        except RuntimeError as error:
            raise BotError(str(error)) from error
    return _report(every, chosen, equal, verdicts, known)


def _draw_sample(every: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """A sample, in the order in which they stand."""
    # A seeded sample.
    places = random.Random(seed).sample(range(len(every)), min(count, len(every)))  # noqa: S311
    return [every[place] for place in sorted(places)]


def _progress(count: int, of: int, verdict: MutantVerdict) -> None:
    if sys.stderr.isatty():
        print(
            f"\r{count} of {of}  {verdict.mutant.room:<10}",
            end="\n" if count == of else "",
            file=sys.stderr,
            flush=True,
        )


def _report(
    every: Sequence[Mutant],
    chosen: Sequence[Mutant],
    equal: frozenset[str],
    verdicts: Mapping[str, MutantVerdict],
    known: int,
) -> Report:
    rooms = []
    for name in dict.fromkeys(mutant.room for mutant in every):
        mine = [mutant for mutant in chosen if mutant.room == name]
        outcomes = Counter(verdicts[mutant.id].outcome for mutant in mine if mutant.id in verdicts)
        rooms.append(
            RoomReport(
                room=name,
                mutants=sum(mutant.room == name for mutant in every),
                tried=len(mine),
                killed=outcomes[KILLED],
                timed_out=outcomes[TIMED_OUT],
                equal=sum(mutant.id in equal for mutant in mine),
                survived=outcomes[SURVIVED],
            )
        )
    survivors = tuple(
        Survivor(
            id=mutant.id,
            file=str(ROOMS[mutant.room].path),
            line=mutant.line,
            operator=mutant.operator,
            was=mutant.was,
            becomes=mutant.becomes,
        )
        for mutant in chosen
        if mutant.id in verdicts and verdicts[mutant.id].outcome == SURVIVED
    )
    return Report(rooms=tuple(rooms), survivors=survivors, known=known)


def report_text(report: Report) -> str:
    """The report as a table, and each survivor as it was and as it is."""
    heads = ("mutants", 9), ("tried", 8), ("killed", 8), ("timed out", 11), ("equal", 7)
    widths = *heads, ("survived", 10)
    lines = [f"{'room':<10}" + "".join(f"{head:>{width}}" for head, width in widths)]
    rows = [*report.rooms]
    if len(rows) > 1:
        sums = {
            name: sum(getattr(row, name) for row in rows)
            for name in ("mutants", "tried", "killed", "timed_out", "equal", "survived")
        }
        rows.append(RoomReport(room="all", **sums))
    lines += [
        f"{row.room:<10}{row.mutants:>9,}{row.tried:>8,}{row.killed:>8,}{row.timed_out:>11,}"
        f"{row.equal:>7,}{row.survived:>10,}"
        for row in rows
    ]
    for survivor in report.survivors:
        lines += [
            "",
            f"{survivor.file}:{survivor.line} {survivor.operator}",
            f"  - {survivor.was}",
            f"  + {survivor.becomes}",
        ]
    if report.known:
        lines += [
            "",
            f"{report.known:,} of these were known from an earlier run; --again asks anew.",
        ]
    return "\n".join(lines)
