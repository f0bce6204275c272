"""Fill the archive of candles from the exchange: only what is missing, and resumable."""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil

import click

from scripts.output.console import emit, json_option, progress
from scripts.research.writable import require_stores
from shared.core.calendar import DAY_MS
from shared.core.errors import UserError
from shared.core.sentences.figures import utc_second
from shared.core.types import Timeframe
from shared.market.candle_files import FIRST_FILE_AT, files_between
from shared.market.collect import Collected, collect
from shared.market.spikes import spikes_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What `bot collect` answers with."""

    start: str
    end: str
    requests: int
    collected: tuple[Collected, ...]


@click.command()
@click.option(
    "--days",
    type=click.IntRange(min=1),
    help="The last so many days, up to now. Default: what training needs.",
)
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="The first day (UTC).")
@click.option(
    "--to",
    "last",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The last day (UTC), included. Default: today.",
)
@click.option(
    "--timeframe",
    "timeframes",
    multiple=True,
    type=click.Choice([timeframe.value for timeframe in Timeframe]),
    help="Repeatable. Default: 15m and 4h.",
)
@json_option
def command(
    *,
    days: int | None,
    first: datetime | None,
    last: datetime | None,
    timeframes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Fetch candles into the archive that training reads.

    Files that are stored whole are not fetched again, so a run that was interrupted goes on where
    it stopped.
    """
    from functions.wiring import bucket_for, clock_for, environment, feed_for, settings_from
    from models.fit.train import history_days
    from shared.market.archive import CandleArchive

    settings = settings_from(environment())
    require_stores(settings)
    clock, bucket = clock_for(settings), bucket_for(settings)
    start, end = fetch_interval(
        clock.now_ms(),
        days=days,
        first=first,
        last=last,
        default_days=ceil(history_days(settings.learning)),
    )
    feed = feed_for(settings, clock, bucket)
    archive = CandleArchive(bucket)
    wanted = [Timeframe(name) for name in timeframes] or [Timeframe.M15, Timeframe.H4]
    total = sum(len(files_between(timeframe, start, end)) for timeframe in wanted)
    collected = []
    with closing(feed), progress("candles", total) as bar:
        for timeframe in wanted:
            bar.describe(timeframe.value)
            collected.append(
                collect(feed, archive, timeframe, start, end, lambda _done, _of: bar.advance())
            )
    summary = Summary(
        start=utc_second(start),
        end=utc_second(end),
        requests=feed.requests,
        collected=tuple(collected),
    )
    emit(summary, collected_text(summary), as_json=as_json)


def fetch_interval(
    now_ms: int,
    *,
    days: int | None,
    first: datetime | None,
    last: datetime | None,
    default_days: int,
) -> tuple[int, int]:
    """[start, end) in milliseconds: whole UTC days, never past the present.

    Raises:
        UserError: both ways of saying it at once, the end before the start, or nothing there yet.
    """
    if days is not None and (first or last):
        raise UserError("--days and --from/--to were both given", remedy="give one of them")
    if last is not None and first is None:
        raise UserError(
            "--to was given without --from", remedy="say where to begin: --from YYYY-MM-DD"
        )
    if first is None:
        start = (now_ms - (days or default_days) * DAY_MS) // DAY_MS * DAY_MS
        return max(start, FIRST_FILE_AT), now_ms
    start, end = _ms(first), now_ms if last is None else min(_ms(last) + DAY_MS, now_ms)
    if end <= start:
        raise UserError(
            f"there is nothing between {utc_second(start)} and {utc_second(end)}",
            remedy="give a --from before --to and before now",
        )
    if end <= FIRST_FILE_AT:
        raise UserError("bitbank's candles begin on 2017-02-14", remedy="give a later --to")
    return max(start, FIRST_FILE_AT), end


def collected_text(summary: Summary) -> str:
    """The summary for people."""
    lines = [f"Candles from {summary.start} to {summary.end}, {summary.requests} requests:"]
    for one in summary.collected:
        line = (
            f"  {one.timeframe:>3}: {one.candles:,} candles; {one.files_read} files read,"
            f" {one.files_kept} were there"
        )
        if one.missing_candles:
            line += f"; {one.missing_candles:,} candles missing inside"
        if one.corrections:
            line += f"; {one.corrections:,} corrected by the exchange"
        if one.spikes:
            line += f"; prices that cannot be, which no training takes: {spikes_text(one.spikes)}"
        if one.files_missing:
            line += f"; not at the exchange: {_few(one.files_missing)}"
        lines.append(line)
    return "\n".join(lines)


def _few(names: tuple[str, ...], *, shown: int = 5) -> str:
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def _ms(day: datetime) -> int:
    return int(day.replace(tzinfo=UTC).timestamp()) * 1000
