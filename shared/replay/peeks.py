"""Whether any row of the stages knows the candle after it: every row is asked, not a few.

A value depends on at most `REACH_ROWS` candles before it. So candles that lie further apart than
that can be falsified in one run, and the row right before each of them must stay as it is:

    15m rows    . . . . . . F F F F . . .  ...  . . . F F F F . .      F: falsified, the next
    compared              ^      (1,000 and more)   ^                  must not know the next F

With every offset asked, every row is. The 4h candles are falsified in the same way: until one
closes, no 15m row may know of it. A row that differs is confirmed on candles that really end there,
so that nothing is accused by mistake.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from shared.core.types import Candles, IntArray, Timeframe
from shared.features import REACH_ROWS
from shared.replay.differences import KINDS, Column, Cut, Difference, in_rows, of_stages
from shared.replay.falsified import falsify_candles
from shared.turn.pipeline import Stages

AHEAD = 4
"""So many candles in a row are falsified: a peek somewhat further ahead than the very next candle
is seen too."""
STEP = REACH_ROWS + AHEAD
MOST_ROWS = 100_000_000
"""How many rows are computed at the most. Of a longer period a part is seen, and that is told."""

Market = Mapping[Timeframe, Candles]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peeked:
    """`seen` of `rows` rows were asked; `differences`: the first row of each column that knew what
    it cannot know.
    """

    rows: int = 0
    seen: int = 0
    differences: tuple[Difference, ...] = ()

    @property
    def sentence(self) -> str:
        """What was looked at, for people."""
        part = f"all {self.rows:,} rows"
        if self.seen < self.rows:
            part = f"{self.seen:,} of {self.rows:,} rows ({100 * self.seen / self.rows:.1f} %)"
        return f"falsified the next candle after {part}, and computed features and votes again"


NOT_ASKED = Peeked()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Candles of one timeframe to falsify at once, by their rows, and the 15m rows that must not
    know of it.
    """

    timeframe: Timeframe
    firsts: IntArray
    rows: IntArray


def peeks(
    candles: Market,
    compute: Callable[[Market], Stages],
    *,
    start_at: int,
    end_at: int,
    random: np.random.Generator,
    most_rows: int = MOST_ROWS,
    on_progress: Callable[[float], None] = lambda _share: None,
) -> Peeked:
    """Ask every row whose candle closed in [start_at, end_at], or as many as `most_rows` allows, in
    a seeded order.

    `compute` makes the stages, without a model. Only candles that a row of the period can depend on
    are handed to it.
    """
    skipped = _before(candles[Timeframe.M15], start_at)
    near = {
        timeframe: part.rows(_before(part, start_at), len(part))
        for timeframe, part in candles.items()
    }
    near = {
        timeframe: part.closed_by(end_at + AHEAD * timeframe.ms) for timeframe, part in near.items()
    }
    closes = near[Timeframe.M15].closed_at
    wanted = np.flatnonzero((closes >= start_at) & (closes <= end_at))
    runs = [
        run for timeframe, part in near.items() for run in _runs(timeframe, part, closes, wanted)
    ]
    affordable = [
        runs[index] for index in random.permutation(len(runs))[: most_rows // max(1, len(closes))]
    ]
    unseen = np.zeros(len(closes), dtype=np.int64)
    for run in runs:
        unseen[run.rows] += 1
    whole, suspects = compute(near), dict[Column, list[int]]()
    for number, run in enumerate(affordable):
        changed = {
            **near,
            run.timeframe: falsify_candles(near[run.timeframe], run.firsts, AHEAD, random),
        }
        for column, rows in in_rows(whole, compute(changed), run.rows):
            suspects.setdefault(column, []).extend(rows)
        unseen[run.rows] -= 1
        on_progress((number + 1) / len(affordable))
    found = [
        _find_confirmed(near, whole, compute, column, sorted(set(rows)))
        for column, rows in suspects.items()
    ]
    told = tuple(
        replace(difference, row=difference.row + skipped)
        for difference in found
        if difference is not None
    )
    return Peeked(rows=len(wanted), seen=int((unseen[wanted] == 0).sum()), differences=told)


def _before(part: Candles, start_at: int) -> int:
    """The first row that a row of the period can depend on."""
    return max(0, int(part.closed_at.searchsorted(start_at)) - REACH_ROWS)


def _runs(
    timeframe: Timeframe, part: Candles, closes: IntArray, wanted: IntArray
) -> Iterator[_Run]:
    """For each offset the candles to falsify that lie a step apart, each with the rows from the
    close before it to its own.
    """
    at = closes[wanted]
    following = part.closed_at.searchsorted(
        at, side="right"
    )  # the first candle of which the row must know nothing
    for offset in range(min(STEP, len(part))):
        mine = (following % STEP == offset) & (following < len(part))
        if mine.any():
            yield _Run(timeframe=timeframe, firsts=np.unique(following[mine]), rows=wanted[mine])


def _find_confirmed(
    near: Market,
    whole: Stages,
    compute: Callable[[Market], Stages],
    column: Column,
    rows: list[int],
) -> Difference | None:
    """The first of the rows, told by candles that end there; None where those say the same."""
    for row in rows:
        at = int(whole.features.as_of[row])
        cut = Cut(at, "truncated")
        ended = compute({timeframe: part.closed_by(at) for timeframe, part in near.items()})
        for difference in of_stages(whole, ended, cut, dict.fromkeys(KINDS, 0)):
            if (difference.kind, difference.name) == column and difference.at == at:
                return replace(difference, count=len(rows))
    return None
