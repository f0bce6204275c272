"""Who learns from what: cuts in time that no label crosses.

A label is known at its own end, not at its row. So a part that learns ends where its labels were
known, an *embargo* before what it is judged on: rows whose label ends later are left out
("purged"), however early they were decided. Sources: Lopez de Prado, Advances in Financial Machine
Learning (2018), chapter 7 (purging, embargo) and chapter 12 (combinatorial purged cross-validation
and its paths).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset, Split
from shared.core.calendar import DAY_MS
from shared.core.errors import UserError
from shared.core.types import FloatArray, IntArray

MONDAY_MS = 4 * DAY_MS
"""The first Monday of 1970, 00:00 UTC: retrainings are counted from it, so that a weekly one begins
an ISO week."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One retraining: learn from [learn_from_at, calibrate_at), calibrate on [calibrate_at, at),
    decide [from_at, to_at).

    `at` is the instant of the retraining. Labels of a part count where they were known `embargo_ms`
    before the next part.

    >>> window = Window(
    ...     number=1, learn_from_at=0, calibrate_at=70, at=100, from_at=100, to_at=107, embargo_ms=5
    ... )
    >>> window.to_at - window.from_at
    7
    """

    number: int
    learn_from_at: int
    calibrate_at: int
    at: int
    from_at: int
    to_at: int
    embargo_ms: int

    def cut(self, dataset: Dataset, *, row_step: int = 1) -> Split:
        """The rows of its parts; those that it decides are the split's validation.

        `row_step` thins the training.
        """
        return Split(
            training=dataset.between(
                self.learn_from_at,
                self.calibrate_at,
                known_by=self.calibrate_at - self.embargo_ms,
                row_step=row_step,
            ),
            calibration=dataset.between(
                self.calibrate_at, self.at, known_by=self.at - self.embargo_ms
            ),
            validation=dataset.between(
                self.from_at, self.to_at, known_by=int(dataset.end_at.max(initial=0))
            ),
        )


def retrained_at(instant: int, *, every_days: int) -> int:
    """When the last retraining began by an instant."""
    every_ms = every_days * DAY_MS
    return instant - (instant - MONDAY_MS) % every_ms


def walk_forward_folds(
    *,
    first_at: int,
    end_at: int,
    days: float,
    every_days: int,
    calibration_share: float,
    embargo_ms: int,
) -> tuple[Window, ...]:
    """The retrainings that live would have had for its decisions in [first_at, end_at).

    Args:
        first_at: The first decision. The retraining before it is the first one.
        end_at: After the last.
        days: How far back each learns.
        every_days: Time between retrainings, counted from a Monday.
        calibration_share: The last part of those days, in time, that calibrates.
        embargo_ms: What must lie between the last label known and the next part.

    Raises:
        UserError: There is no decision to make, or no time to learn from.
    """
    if end_at <= first_at:
        raise UserError(
            f"a walk-forward from {first_at} to {end_at} decides nothing",
            remedy="choose an end after the start",
        )
    held_ms = round(days * DAY_MS * calibration_share)
    if not 0 < held_ms < days * DAY_MS:
        raise UserError(
            f"{days:g} days with a calibration share of {calibration_share:g} leave a part without"
            " time",
            remedy="set learning.days above 0 and learning.validation_share between 0 and 1",
        )
    start, every_ms = retrained_at(first_at, every_days=every_days), every_days * DAY_MS
    return tuple(
        Window(
            number=number,
            learn_from_at=round(at - days * DAY_MS),
            calibrate_at=at - held_ms,
            at=at,
            from_at=max(at, first_at),
            to_at=min(at + every_ms, end_at),
            embargo_ms=embargo_ms,
        )
        for number, at in enumerate(range(start, end_at, every_ms))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFold:
    """One split by positions: what learns, what is judged, and the groups that it judges."""

    training: IntArray
    test: IntArray
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Combinatorial:
    """Every way to hold out some of the groups of time.

    Attributes:
        edges: (groups + 1,) the first position of each group, and the end.
        splits: One a combination, in lexical order.
        paths: (p, groups) which split judges each group on each path: every path judges all rows
            once, each (split, group) is on one path.
    """

    edges: tuple[int, ...]
    splits: tuple[SplitFold, ...]
    paths: NDArray[np.int64]

    def along_paths(self, predicted: Sequence[FloatArray]) -> FloatArray:
        """What the splits said of their test rows (one array (len(test), ...) a split), path by
        path: (p, n, ...).
        """
        parts = np.diff(self.edges)
        told = []
        for fold, values in zip(self.splits, predicted, strict=True):
            ends = np.cumsum(parts[list(fold.groups)])
            told.append(dict(zip(fold.groups, np.split(values, ends[:-1]), strict=True)))
        return np.stack(
            [
                np.concatenate([told[each][group] for group, each in enumerate(path)])
                for path in self.paths.tolist()
            ]
        )


def combinatorial(
    as_of: IntArray, end_at: IntArray, *, groups: int = 6, held_out: int = 2, embargo_ms: int = 0
) -> Combinatorial:
    """Combinatorial purged cross-validation: `groups` over `held_out` splits, and the paths that
    they make.

    A row learns where its whole label lies `embargo_ms` or more before the first decision of each
    stretch that is judged, or begins as much after the last label of that stretch was known. With 6
    groups and 2 held out: 15 splits, 5 paths.

    Args:
        as_of: (n,) ascending.
        end_at: (n,) when each label was known.
        groups: Stretches of nearly the same number of rows.
        held_out: How many of them each split judges.
        embargo_ms: Kept free on both sides of what is judged.

    Raises:
        UserError: There are fewer rows than groups, or no group would be left to learn from.
    """
    if not 0 < held_out < groups <= len(as_of):
        raise UserError(
            f"{held_out} of {groups} groups of {len(as_of)} rows cannot be held out",
            remedy="give more rows than groups, and hold out at least one group but not all",
        )
    edges = tuple(round(len(as_of) * group / groups) for group in range(groups + 1))
    fences = [_fence(as_of, end_at, first, last, embargo_ms) for first, last in pairwise(edges)]
    splits = []
    for chosen in combinations(range(groups), held_out):
        learns = np.ones(len(as_of), dtype=np.bool_)
        for group in chosen:
            first, last, early = fences[group]
            learns[first:last] = False
            learns[early] = False
        test = np.concatenate([np.arange(edges[group], edges[group + 1]) for group in chosen])
        splits.append(SplitFold(training=np.flatnonzero(learns), test=test, groups=chosen))
    return Combinatorial(edges=edges, splits=tuple(splits), paths=_paths(splits, groups))


def _fence(
    as_of: IntArray, end_at: IntArray, first: int, last: int, embargo_ms: int
) -> tuple[int, int, IntArray]:
    """What a judged group [first, last) forbids: from its first row to this one, and these rows
    before it.
    """
    free = int(np.searchsorted(as_of, int(end_at[first:last].max()) + embargo_ms))
    late = np.flatnonzero(end_at[:first] > int(as_of[first]) - embargo_ms)
    return first, max(last, free), late


def _paths(splits: Sequence[SplitFold], groups: int) -> NDArray[np.int64]:
    judges = [
        [number for number, fold in enumerate(splits) if group in fold.groups]
        for group in range(groups)
    ]
    return np.array(judges, dtype=np.int64).T
