"""The candles of a study: from files or the archive, with all history there is, and the period in
which decisions count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.backtest.sources import CandleSource, FileSource, understood_note
from models.study.declared import ARCHIVE, BadStudy, DataSet
from shared.core.calendar import DAY_MS, utc_text
from shared.core.errors import UserError
from shared.core.trials import data_hash
from shared.core.types import Candles, Timeframe
from shared.market.candles import aggregate, candles_between
from shared.market.expand import expand

if TYPE_CHECKING:
    from shared.market.files import ReadFile

FIRST_AT = 0
EXPANSION_SEED = 7
EXPANDED_AT_ONCE = 2_000
COLUMNS = ("opened_at", "open", "high", "low", "close", "volume")
WARM_UP_DAYS = 14
"""How long at least before the first row to learn from: the indicators of the 15m candles, and a
week of the 4h ones."""
LONGEST_HOLE_DAYS = 1.0
EXPANDED = (
    "These candles are 4h ones: between their prices the path is made up (seeded, and it adds up to"
    " them exactly). What decides on 15m candles decides here on noise; only what decides on closed"
    " 4h candles can be judged."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCandles:
    """What a data set holds.

    Attributes:
        candles: 15m and 4h candles, with the history before `start_at`; none closes after `end_at`.
        minutes: The 1m candles of the period, where they are the resolution.
        start_at: First decision, ms UTC, a full quarter of an hour.
        end_at: No decision after it.
        hash: Of all of it.
        notes: What must be said of it.
    """

    name: str
    candles: Mapping[Timeframe, Candles]
    minutes: Candles | None
    start_at: int
    end_at: int
    hash: str
    notes: tuple[str, ...] = ()

    @property
    def days(self) -> float:
        """Length of the period."""
        return (self.end_at - self.start_at) / DAY_MS


def load_data_set(
    asked: DataSet, *, archive: CandleSource, timeframe: Timeframe, learning_days: int
) -> LoadedCandles:
    """Read a data set.

    Args:
        asked: What the study names.
        archive: Stands for `archive`.
        timeframe: The resolution of the replay.
        learning_days: How long the longest training of the study looks back.

    Raises:
        BadStudy: naming `candles`, `candles_4h`, `start` or `end`, where the file is wrong or does
            not reach so far.
    """
    source, notes = _source(asked, archive)
    extent = source.extent()
    if extent is None:
        raise BadStudy(
            "candles", f"was {asked.candles}, which holds no 15m candles", remedy=source.remedy
        )
    start_at, end_at = _period(asked, extent, learning_days, source.name)
    quarters = source.read(Timeframe.M15, FIRST_AT, end_at).closed_by(end_at)
    slow = source.read(Timeframe.H4, FIRST_AT, end_at).closed_by(end_at)
    if asked.candles_4h is not None:
        longer = _read(asked, "candles_4h", Timeframe.H4)
        slow, told = _before(longer.candles, slow)
        notes = (
            *notes,
            understood_note(longer, Path(asked.candles_4h)),
            *(f"{asked.name}: {one}" for one in told),
        )
    minutes = source.read(Timeframe.M1, start_at, end_at) if timeframe is Timeframe.M1 else None
    if minutes is not None and not len(minutes):
        raise BadStudy(
            "timeframe",
            f"was 1m: {source.name} holds no 1m candles",
            remedy="choose 15m, or give 1m candles",
        )
    candles = {Timeframe.M15: quarters, Timeframe.H4: slow}
    return LoadedCandles(
        name=asked.name,
        candles=candles,
        minutes=minutes,
        start_at=start_at,
        end_at=end_at,
        hash=data_hash([*candles.values(), *(() if minutes is None else (minutes,))]),
        notes=(*notes, *_holes(asked.name, quarters, start_at, end_at)),
    )


def _source(asked: DataSet, archive: CandleSource) -> tuple[CandleSource, tuple[str, ...]]:
    if asked.candles == ARCHIVE:
        return archive, ()
    found = _read(asked, "candles")
    given, told = found.candles, understood_note(found, Path(asked.candles))
    if given.timeframe is not Timeframe.H4:
        return FileSource(name=asked.candles, candles=given), (told,)
    return FileSource(name=asked.candles, candles=_expand_slow(given)), (
        f"MADE UP: {EXPANDED}",
        told,
    )


def _expand_slow(slow: Candles) -> Candles:
    """15m candles that add up to the 4h ones; a part at a time, because the minutes of years would
    fill the memory.
    """
    parts = [
        aggregate(
            expand(slow.rows(first, first + EXPANDED_AT_ONCE), seed=EXPANSION_SEED), Timeframe.M15
        )
        for first in range(0, len(slow), EXPANDED_AT_ONCE)
    ]
    return _join_candles(parts)


def _read(asked: DataSet, name: str, timeframe: Timeframe | None = None) -> "ReadFile":
    from shared.market.files import read

    try:
        return read(getattr(asked, name), timeframe, timezone=asked.timezone)
    except UserError as error:
        raise BadStudy(name, f"cannot be read: {error}", remedy=error.remedy) from error


def _before(longer: Candles, made: Candles) -> tuple[Candles, tuple[str, ...]]:
    """The longer history up to where the candles that were made begin: from there on the two would
    be the same market twice.
    """
    if not len(made):
        return longer, ()
    history = candles_between(longer, 0, int(made.opened_at[0]))
    told = (
        f"its 4h candles before {utc_text(int(made.opened_at[0]))[:10]} ({len(history):,}) come"
        " from another file."
    )
    return _join_candles([history, made]), (told,) if len(history) else ()


def _join_candles(parts: Sequence[Candles]) -> Candles:
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    return Candles(timeframe=parts[0].timeframe, **columns)


def _period(
    asked: DataSet, extent: tuple[int, int], learning_days: int, name: str
) -> tuple[int, int]:
    first, last = extent
    end_at = last if asked.end_at is None else asked.end_at
    if end_at > last:
        raise BadStudy(
            "end",
            f"was {_minute_text(end_at)}: {name} ends at {_minute_text(last)}",
            remedy="end there, or give more candles",
        )
    earliest = first + (learning_days + WARM_UP_DAYS) * DAY_MS
    start_at = -(-earliest // DAY_MS) * DAY_MS if asked.start_at is None else asked.start_at
    if asked.start_at is not None and asked.start_at <= first:
        found = (
            f"was {_minute_text(start_at)}: {name} begins at {_minute_text(first)}, and before the"
            " start there must be something to learn"
        )
        raise BadStudy(
            "start",
            found,
            remedy=f"begin at {_minute_text(earliest)} or later, or shorten learning.days",
        )
    if asked.start_at is None and end_at - start_at < DAY_MS:
        found = (
            f"cannot be chosen: with {learning_days} days to learn from before it, the first"
            " decision would be at "
        )
        remedy = "shorten learning.days, or give more candles"
        raise BadStudy(
            "start",
            f"{found}{_minute_text(start_at)}, and {name} ends at {_minute_text(end_at)}",
            remedy=remedy,
        )
    if end_at - start_at < DAY_MS:
        found = (
            f"leaves less than a day between {_minute_text(start_at)} and {_minute_text(end_at)} in"
            f" {name}"
        )
        remedy = "begin earlier, end later, or give more candles"
        raise BadStudy("start", found, remedy=remedy)
    return start_at, end_at


def _holes(name: str, quarters: Candles, start_at: int, end_at: int) -> tuple[str, ...]:
    """A note where the period has a long hole: nothing is decided there, and what is held waits."""
    inside = quarters.opened_at[(quarters.opened_at >= start_at) & (quarters.opened_at < end_at)]
    if len(inside) < 2:  # noqa: PLR2004 - one candle has no hole
        return ()
    missing = (end_at - start_at) // Timeframe.M15.ms - len(inside)
    longest = (int(np.diff(inside).max()) - Timeframe.M15.ms) / DAY_MS
    if longest < LONGEST_HOLE_DAYS:
        return ()
    return (
        (
            f"HOLES: {missing:,} of the 15m candles of {name} are missing, the longest hole lasts"
            f" {longest:.1f} days."
        ),
    )


def _minute_text(at: int) -> str:
    return f"{utc_text(at)[:16].replace('T', ' ')} UTC"
