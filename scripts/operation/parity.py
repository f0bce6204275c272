"""What the bot really did beside a replay of the same ticks: what a comparison needs is read, and
made.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal

from scripts.operation.bot import Here
from scripts.output.console import progress
from shared import model
from shared.core.calendar import DAY_MS, jst_text
from shared.core.errors import BadBundle, UserError
from shared.core.sentences import say
from shared.core.sentences.figures import yen
from shared.core.settings import Settings
from shared.core.types import Candles, TickReport, Timeframe
from shared.market.archive import CandleArchive
from shared.market.candle_files import FIRST_FILE_AT, files_between
from shared.market.collect import collect
from shared.market.ports import HistoryFeed
from shared.model.bundle import Bundle
from shared.model.registry import BundleRegistry
from shared.orders.own_book import staged_capital_jpy
from shared.replay import Inputs, Replayed, Schedule, replay
from shared.results.parity import (
    Cause,
    CauseEpisode,
    Comparison,
    Fills,
    Stretch,
    compare_reports,
    last_stay,
    schedule_from,
    stretch_of,
    weigh_orders,
)
from shared.risk import policy_of
from shared.stores.ports import Bucket
from shared.tick.live.standing import lower_stage

LEAD_IN_DAYS = 1
"""So many days before the period are read too, for what the limits had counted by then."""
MOST_REPORTS = 200_000
HISTORY_FACTOR = 1.2
"""How much further back than a tick's window is looked, so that holes do not shorten it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """The answer.

    Attributes:
        mode: Whose ticks were compared: since the bot is in it, and of one book.
        equal: Whether nothing differs.
        explained: Whether all that differs has a cause.
        bot: What it did against the replay of the ticks that it ran, when they ran.
        on_time: That replay against one in which no tick was missed or late: what these cost. None
            where none was.
        fills: What the orders of a bot with real money brought beside those of the replay, by
            cause; None on paper and where a position is made of many orders.
        end_jpy: Equity at the end: of the bot, of the replay, with every tick in time, and from 15m
            candles alone.
    """

    bot_id: str
    mode: str
    equal: bool
    explained: bool
    sentence: str
    start_at: int
    end_at: int
    begins: str
    model: str | None
    settings_hash: str
    bot: Comparison
    on_time: Comparison | None
    fills: Fills | None
    schedule: Schedule
    end_jpy: dict[str, Decimal]


def read_stay(here: Here, days: float) -> tuple[TickReport, ...]:
    """The reports of the bot's last stay in its mode, with a lead-in before the last `days`.

    Raises `UserError` where there is none.
    """
    since_ms = here.clock.now_ms() - round((days + LEAD_IN_DAYS) * DAY_MS)
    read = [
        TickReport.read(told) for told in here.bot.reports(since_ms=since_ms, limit=MOST_REPORTS)
    ]
    found = last_stay(read, mode=here.settings.mode)
    if not found:
        raise UserError(
            f"bot {here.settings.id!r} has no stored report of its last stay in mode"
            f" {here.settings.mode} of the last {days:g} days in {here.settings.state}",
            remedy="let it tick first, give more --days, or name its BOT_ID and BOT_STATE",
        )
    return found


def compare_since(here: Here, reports: Sequence[TickReport], *, since_at: int) -> Parity:
    """Compare what these reports of one stay tell from `since_at` on, ms UTC, or from the first
    tick after it from which the account can be followed.

    Raises `UserError` where there is no such tick, and `BotError` where model or candles are not to
    be had.
    """
    stretch = stretch_of(
        reports,
        since_at=since_at,
        settings=_settings_of_replay(_settings_of_stage(here.settings, reports)),
    )
    return compare_stretch(here, stretch)


def compare_stretch(here: Here, stretch: Stretch) -> Parity:
    """Replay a stretch of the bot's life and compare."""
    interval_ms = here.settings.tick.interval_seconds * 1000
    schedule = schedule_from(stretch.reports, interval_ms)
    inputs = _inputs(here, stretch, schedule)
    unpunctual = bool(schedule.missed or schedule.received_at)
    with progress("replay", 3) as bar:
        lived = replay(inputs)
        bar.advance()
        punctual = (
            replay(replace(inputs, schedule=replace(schedule, missed=frozenset(), received_at={})))
            if unpunctual
            else lived
        )
        bar.advance()
        coarse = replay(replace(inputs, minutes=None, every_tick=False))
        bar.advance()
    # The money of a real account's stage is a setting of the replay alone.
    settings_hash = _settings_of_stage(here.settings, stretch.reports).hash
    repeated = [replace(report, settings_hash=settings_hash) for report in lived.ticks]
    is_real = here.settings.mode == "live"
    reports = stretch.all_reports if is_real else stretch.reports
    bot = compare_reports(reports, repeated, schedule=schedule, is_real=is_real)
    fills = weigh_fills(here.settings, stretch.all_reports, repeated)
    return Parity(
        bot_id=here.settings.id,
        mode=here.settings.mode,
        equal=bot.is_equal and (fills is None or not any(fills.amounts.values())),
        explained=not unknown_episodes(bot) and (fills is None or fills.is_explained),
        sentence=bot.sentence,
        start_at=stretch.start_at,
        end_at=stretch.end_at,
        begins=_begins(stretch),
        model=lived.model,
        settings_hash=settings_hash,
        bot=bot,
        on_time=compare_reports(lived.ticks, punctual.ticks) if unpunctual else None,
        fills=fills,
        schedule=schedule,
        end_jpy=_ends(stretch.reports, lived, punctual, coarse),
    )


def weigh_fills(
    settings: Settings, reports: Sequence[TickReport], replayed: Sequence[TickReport]
) -> Fills | None:
    """What the orders of a bot with real money brought beside those of its replay."""
    if settings.mode != "live" or policy_of(settings).has_goal:
        return None
    return weigh_orders(reports, replayed, kind=settings.account)


def _settings_of_stage(settings: Settings, reports: Sequence[TickReport]) -> Settings:
    """The settings as the last tick of a real account had them: people may allow a lower stage."""
    return settings if settings.mode != "live" else lower_stage(settings, reports[-1].stage)


def _settings_of_replay(settings: Settings) -> Settings:
    """The settings of a replay: a real account has the money of its stage and no other, and sizes
    by all of it.
    """
    if settings.mode != "live":
        return settings
    return replace(
        settings,
        capital_jpy=int(staged_capital_jpy(settings)),
        stages={**settings.stages, settings.stage: 1.0},
    )


def _inputs(here: Here, stretch: Stretch, schedule: Schedule) -> Inputs:
    """What the bot knew: its candles and its model; settings and fees are those of today."""
    from functions import wiring
    from shared.turn import pipeline

    settings, bucket = (
        _settings_of_replay(_settings_of_stage(here.settings, stretch.reports)),
        wiring.bucket_for(here.settings),
    )
    until = min(
        here.clock.now_ms(),
        max(report.finished_at for report in stretch.reports) + Timeframe.M15.ms,
    )
    with closing(wiring.feed_for(settings, here.clock, bucket)) as feed:
        candles = _collect_candles(feed, CandleArchive(bucket), settings, stretch.start_at, until)
        rules = feed.rules(here.clock.now_ms())
    minutes = candles.pop(Timeframe.M1)
    return Inputs(
        candles=candles,
        minutes=minutes,
        stages=pipeline.stages(
            candles, bundle=_bundle(bucket, settings, stretch), settings=settings
        ),
        # The bot paid what the exchange asked, whatever a backtest is told to assume.
        settings=replace(
            settings, replay=replace(settings.replay, maker_fee_rate=None, taker_fee_rate=None)
        ),
        rules=rules,
        start_at=stretch.start_at,
        end_at=_end_of(stretch, settings),
        schedule=schedule,
        opening=stretch.opening,
        every_tick=True,
    )


def _end_of(stretch: Stretch, settings: Settings) -> int:
    """Until when is replayed: the last tick is received a moment after its schedule time; the next
    one's is not reached.
    """
    received_at = max(stretch.end_at, stretch.reports[-1].received_at)
    return min(received_at, stretch.end_at + settings.tick.interval_seconds * 1000 - 1)


def _collect_candles(
    feed: HistoryFeed, archive: CandleArchive, settings: Settings, start_at: int, until: int
) -> dict[Timeframe, Candles]:
    """Candles with the history that the first tick looked at.

    What the archive lacks is collected into it.
    """
    history = {
        frame: HISTORY_FACTOR * settings.market.window_candles * frame.ms for frame in Timeframe
    }
    history[Timeframe.M1] = Timeframe.M15.ms
    since = {frame: max(FIRST_FILE_AT, round(start_at - history[frame])) for frame in Timeframe}
    total = sum(len(files_between(frame, since[frame], until)) for frame in Timeframe)
    with progress("candles", total) as bar:
        for frame in Timeframe:
            bar.describe(frame.value)
            collect(feed, archive, frame, since[frame], until, lambda _done, _of: bar.advance())
    return {frame: archive.read(frame, since[frame], until) for frame in Timeframe}


def _bundle(bucket: Bucket, settings: Settings, stretch: Stretch) -> Bundle | None:
    """The model that served the most ticks; where another one did, that is a difference with its
    cause.
    """
    from shared.model.signing import public_keys

    served = Counter(
        report.model for report in stretch.reports if report.model is not None
    ).most_common(1)
    if not served:
        return None
    version = served[0][0]
    try:
        return model.load_bundle(
            BundleRegistry(bucket).files(version),
            public_keys=public_keys(settings),
            version=version,
        )
    except BadBundle as error:
        raise UserError(
            f"the model {version}, which served, does not load: {error}",
            remedy="put its bundle back into BOT_BUCKET",
        ) from error


def _begins(stretch: Stretch) -> str:
    if stretch.opening is None:
        return say("parity.begins.first_tick")
    since = jst_text(stretch.start_at - LEAD_IN_DAYS * DAY_MS)
    return say("parity.begins.flat", cash=yen(stretch.opening.cash_jpy), since=since)


def _ends(
    reports: Sequence[TickReport], lived: Replayed, punctual: Replayed, coarse: Replayed
) -> dict[str, Decimal]:
    told = [report.equity_jpy for report in reports if report.equity_jpy is not None]
    last = [report.equity_jpy for report in lived.ticks if report.equity_jpy is not None]
    in_time = [report.equity_jpy for report in punctual.ticks if report.equity_jpy is not None]
    return {
        "bot": told[-1],
        "replay": last[-1],
        "in_time": in_time[-1],
        "from_15m": coarse.end_equity_jpy,
    }


def unknown_episodes(bot: Comparison) -> list[CauseEpisode]:
    """Those that no cause explains."""
    return [one for one in bot.episodes if one.cause is Cause.UNKNOWN]
