"""A period of a bot's life: what is stored of it, and what that comes to."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from scripts.operation.bot import Here
from scripts.operation.parity import LEAD_IN_DAYS, Parity, compare_since
from scripts.output.report.outcome import as_replayed
from shared.core.calendar import DAY_MS
from shared.core.errors import BadData, BotError
from shared.core.money import ZERO
from shared.core.sentences import say
from shared.core.settings import Settings
from shared.core.types import TickReport, Trade
from shared.results.parity import last_stay
from shared.results.parity.lived import since_same_money
from shared.results.performance import Performance, measure
from shared.results.targets import (
    TargetFigure,
    judge_answers,
    judge_confidence,
    judge_error_rate,
    judge_profit,
    judge_uptime,
    judge_wins,
)
from shared.results.targets.uptime import DuePeriod, due_times
from shared.rounds.reading import DayAlert, StoredReader
from shared.rounds.sight import TickSeen

TRADES_BEFORE_DAYS = 30
"""So long before the period trades are read too: a position may have been closed in parts."""
LOCAL = ("sqlite:", "memory:")
"""What begins the address of a store that costs nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPeriod:
    """What the store holds of [`begin_at`, `end_at`), ms UTC.

    Attributes:
        reports: With those of `LEAD_IN_DAYS` before, by the time of their claims.
        left: Claims without a report, of the same time.
        alerts: Those of the outbox that were noticed since, or wait.
        trades: Of the book that goes on, with those before whose positions may go on.
        has_ticked_before: Whether the bot is older than the period.
        damaged: Paths of documents that could not be read.
        cut: Collections of which there is more than is read.
    """

    begin_at: int
    end_at: int
    reports: tuple[TickReport, ...]
    left: tuple[TickSeen, ...]
    alerts: tuple[DayAlert, ...]
    trades: tuple[Trade, ...]
    has_ticked_before: bool
    damaged: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()

    @property
    def inside(self) -> tuple[TickReport, ...]:
        """The reports of the period itself."""
        return tuple(one for one in self.reports if self.begin_at <= one.scheduled_at < self.end_at)


def read_period(here: Here, *, span_ms: int) -> StoredPeriod:
    """Read what is stored of the `span_ms` that end now: every tick once, page by page.

    Raises what the store raises where it cannot be read at all (`Unavailable`, `StoreBroken`).
    """
    end_at = here.clock.now_ms()
    begin_at = end_at - span_ms

    def reader(days_before: int) -> StoredReader:
        since = begin_at - days_before * DAY_MS
        return StoredReader(here.bot, here.settings, since, end_at)

    ticks, trades, inside = reader(LEAD_IN_DAYS), reader(TRADES_BEFORE_DAYS), reader(0)
    reports, left = ticks.read_reports()
    closed = trades.read_closed_trades().get(trades.book, ())
    alerts = inside.read_alerts()
    readers = (ticks, trades, inside)
    return StoredPeriod(
        begin_at=begin_at,
        end_at=end_at,
        reports=reports,
        left=left,
        alerts=alerts,
        trades=closed,
        has_ticked_before=inside.has_ticked_before(),
        damaged=tuple(sorted({path for one in readers for path in one.damaged})),
        cut=tuple(sorted({name for one in readers for name in one.cut})),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodPerformance:
    """What the account earned since `since_at`, ms UTC; `found` None: `why` says why nobody can
    say.
    """

    since_at: int
    found: Performance | None = None
    why: str = ""

    @property
    def change_jpy(self) -> Decimal | None:
        """Equity at the end less that of the start."""
        if self.found is None:
            return None
        return self.found.end_equity_jpy - self.found.start_equity_jpy

    @property
    def length_ms(self) -> int:
        """From the start to the end."""
        return 0 if self.found is None else self.found.end_at - self.found.start_at


def measure_stay(
    reports: Sequence[TickReport], settings: Settings, *, begin_at: int
) -> PeriodPerformance:
    """Sum up the last stay in one mode and book from `begin_at` on, or from when its capital or its
    stage was last changed.

    Args:
        reports: With those before `begin_at`: the last of them tells the equity of the start.
        settings: Those of today.
        begin_at: Start of the period, ms UTC.
    """
    stay = sorted(last_stay(reports, mode=settings.mode), key=lambda one: one.received_at)
    since_at = since_same_money(stay, begin_at)
    inside = [one for one in stay if one.scheduled_at >= since_at]
    before = [one for one in stay if one.scheduled_at < since_at and one.equity_jpy is not None]
    known = [*before[-1:], *(one for one in inside if one.equity_jpy is not None)]
    if len(known) < 2 or known[0].equity_jpy is None:
        return PeriodPerformance(since_at=since_at, why=say("targets.too_little"))
    start_at = since_at if before else known[0].scheduled_at
    replayed = as_replayed(
        inside,
        start_at=start_at,
        end_at=max(start_at, *(one.scheduled_at for one in known)),
        start_equity_jpy=known[0].equity_jpy,
        account=settings.account,
    )
    try:
        return PeriodPerformance(since_at=since_at, found=measure(replayed))
    except BadData as error:
        why = say("targets.damaged_curve", why=str(error))
        return PeriodPerformance(since_at=since_at, why=why)


def judge_period(
    stored: StoredPeriod,
    settings: Settings,
    performance: PeriodPerformance,
    *,
    monthly_cost_jpy: Decimal | None,
) -> tuple[TargetFigure, ...]:
    """The six targets, in their order."""
    begin_at, end_at, inside = stored.begin_at, stored.end_at, stored.inside
    period = DuePeriod(
        begin_at=begin_at,
        end_at=end_at,
        interval_ms=settings.tick.interval_seconds * 1000,
        has_ticked_before=stored.has_ticked_before,
    )
    return (
        judge_uptime(stored.reports, stored.left, period),
        judge_answers(inside),
        judge_error_rate(
            inside,
            stored.left,
            stored.alerts,
            begin_at=_runs_since(stored, period),
            end_at=end_at,
        ),
        judge_wins(stored.trades, begin_at=begin_at, end_at=end_at),
        judge_confidence(stored.reports, begin_at=begin_at, end_at=end_at),
        judge_profit(
            performance.change_jpy,
            length_ms=performance.length_ms,
            monthly_cost_jpy=monthly_cost_jpy,
        ),
    )


def _runs_since(stored: StoredPeriod, period: DuePeriod) -> int:
    """Since when the bot was to run within the period; its end where it never ticked."""
    if stored.has_ticked_before:
        return stored.begin_at
    due = due_times(stored.reports, period)
    return due.start if due else stored.end_at


def known_cost_jpy(settings: Settings, given: float | None) -> Decimal | None:
    """What the stores cost in a month as far as is known: what a person says, nothing where they
    lie on this machine, and else None.
    """
    if given is not None:
        return Decimal(str(given))
    return ZERO if settings.state.startswith(LOCAL) else None


def compare_period(here: Here, stored: StoredPeriod) -> tuple[Parity | None, str]:
    """The period's comparison with a replay; None with the reason where it cannot be made."""
    stay = last_stay(stored.reports, mode=here.settings.mode)
    if not stay:
        return None, say("targets.too_little")
    try:
        return compare_since(here, stay, since_at=stored.begin_at), ""
    except BotError as error:
        return None, str(error)
