"""Fill the archive of candles: only what is missing is asked for, so an interrupted run goes on
where it stopped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from shared.core.errors import NotThere
from shared.core.types import Timeframe
from shared.market.candle_files import files_between
from shared.market.candles import changed_times
from shared.market.ports import Archive, HistoryFeed
from shared.market.spikes import Spike, spikes


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a collection did for one timeframe, in files, and what the archive then holds of the
    interval, in candles.

    `spikes` are prices in it that cannot be: no training takes them.
    """

    timeframe: Timeframe
    files_read: int
    files_kept: int
    files_missing: tuple[str, ...]
    candles: int
    missing_candles: int
    corrections: int
    spikes: tuple[Spike, ...] = ()


def collect(
    feed: HistoryFeed,
    archive: Archive,
    timeframe: Timeframe,
    start_ms: int,
    end_ms: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> Collected:
    """Make the archive hold the final candles that opened in [start_ms, end_ms).

    Every file is stored as soon as it was read. A file that the exchange does not have is named,
    and asked for again next time.

    Args:
        feed: Where files come from.
        archive: Where they go.
        timeframe: Of the candles.
        start_ms: The first instant.
        end_ms: The instant after the last; not after the present one.
        on_progress: Hears how many files are done, and of how many.

    Raises:
        Unavailable: a file could not be had; what was read before it is stored.
        BadData: a file breaks its rules.
    """
    files = files_between(timeframe, start_ms, end_ms)
    complete = archive.complete(timeframe)
    read = corrections = 0
    missing = []
    for done, file in enumerate(files, start=1):
        if file.name not in complete:
            try:
                candles, over = feed.candle_file(file)
            except NotThere:
                missing.append(file.name)
            else:
                corrections += len(
                    changed_times(archive.read(timeframe, file.start, file.end), candles)
                )
                archive.write(file, candles, complete=over)
                read += 1
        if on_progress is not None:
            on_progress(done, len(files))
    have = archive.read(timeframe, start_ms, end_ms)
    span = (
        (int(have.opened_at[-1]) - int(have.opened_at[0])) // timeframe.ms + 1 if len(have) else 0
    )
    return Collected(
        timeframe=timeframe,
        files_read=read,
        files_kept=len(files) - read - len(missing),
        files_missing=tuple(missing),
        candles=len(have),
        missing_candles=span - len(have),
        corrections=corrections,
        spikes=spikes(have, partial(archive.read, Timeframe.M1)),
    )
