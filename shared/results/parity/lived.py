"""What the stored reports tell of the bot's life: its schedule, and a stretch that a replay can
begin. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from shared.core.calendar import utc_text
from shared.core.errors import UserError
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import TickReport, TickStatus, Timeframe
from shared.replay.types import HaltPeriod, Opening, Schedule
from shared.results.parity.compare import BY_HAND
from shared.risk.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Ticks from one at which the account is known whole: nothing held, nothing resting, no candle
    half used.

    >>> Stretch(reports=(), start_at=0, end_at=180_000).opening is None
    True

    Attributes:
        reports: By schedule time, from `start_at` to `end_at`, both included.
        opening: The account at the start, with what the limits had counted in the reports before;
            None at the first tick.
        by_hand: Ticks by hand since the start: no replay repeats them, and what was filled before
            one of them no other tick tells.
    """

    reports: tuple[TickReport, ...]
    start_at: int
    end_at: int
    opening: Opening | None = None
    by_hand: tuple[TickReport, ...] = ()

    @property
    def all_reports(self) -> tuple[TickReport, ...]:
        """Every report since the start, in the order in which the ticks ran."""
        return tuple(sorted((*self.reports, *self.by_hand), key=lambda report: report.received_at))


def last_stay(reports: Sequence[TickReport], *, mode: str) -> tuple[TickReport, ...]:
    """The newest reports of this mode and of one book, back to the first of another: what came of
    another account is not compared, and nothing is followed across it.

    A report of a tick that knew no book yet belongs to the one that follows.

    >>> from dataclasses import replace
    >>> report = TickReport(
    ...     tick="default~0",
    ...     bot="default",
    ...     status=TickStatus.DONE,
    ...     scheduled_at=0,
    ...     received_at=900,
    ...     finished_at=1_900,
    ...     mode="paper",
    ...     stage="paper",
    ...     settings_hash="0" * 16,
    ... )
    >>> live = replace(report, mode="live", received_at=180_900, book_opened_at=180_900)
    >>> [one.mode for one in last_stay([live, report], mode="live")]
    ['live']
    >>> last_stay([live, report], mode="paper")
    ()
    """
    stay: list[TickReport] = []
    opened_at = 0
    for report in sorted(reports, key=lambda report: report.received_at, reverse=True):
        opened_at = opened_at or report.book_opened_at
        if report.mode != mode or report.book_opened_at not in {0, opened_at}:
            break
        stay.append(report)
    return tuple(reversed(stay))


def stretch_of(reports: Sequence[TickReport], *, since_at: int, settings: Settings) -> Stretch:
    """The part of the reports from `since_at` on that a replay can repeat from its beginning.

    It begins with the bot's first tick, where the first of `reports` is that, and otherwise with
    the first tick on the close of a 15m candle before which nothing was held and nothing rested:
    the candle is new to it, and the equity is cash. It never begins before another capital was set
    for an account that had not traded, nor before another stage was: a replay has one of each.

    >>> from dataclasses import replace
    >>> from decimal import Decimal
    >>> from shared.core.settings import load_settings
    >>> report = TickReport(
    ...     tick="default~0",
    ...     bot="default",
    ...     status=TickStatus.DONE,
    ...     scheduled_at=0,
    ...     received_at=900,
    ...     finished_at=1_900,
    ...     mode="paper",
    ...     stage="paper",
    ...     settings_hash="0" * 16,
    ...     equity_jpy=Decimal(1_000_000),
    ...     cash_jpy=Decimal(1_000_000),
    ... )
    >>> second = replace(report, tick="default~1", scheduled_at=180_000, received_at=180_900)
    >>> stretch = stretch_of([report, second], since_at=0, settings=load_settings({}))
    >>> len(stretch.reports), stretch.start_at, stretch.end_at
    (2, 0, 180000)

    Args:
        reports: The bot's reports; those before `since_at` tell what the limits had counted.
        since_at: The first schedule time that is asked for.
        settings: The bot's; its capital is what a first tick finds.

    Raises:
        UserError: there is no such tick.
    """
    by_hand, mine = _part_by_hand(sorted(reports, key=lambda report: report.received_at))
    since_at = since_same_money(mine, since_at)
    if mine and mine[0].scheduled_at >= since_at and _is_first(mine[0], settings):
        return _stretch(mine, by_hand, mine[0].scheduled_at, None)
    limits: Limits | None = None
    for before, report in pairwise(mine):
        if before.equity_jpy is not None:
            limits = _advance_limits(limits, before, settings)
        if (
            limits is not None
            and report.equity_jpy is not None
            and _is_capital_changed(before, report)
        ):
            limits = limits.restart_untraded(report.equity_jpy)
        asked = report.scheduled_at >= since_at and report.scheduled_at % Timeframe.M15.ms == 0
        flat = before.cash_jpy is not None and not before.positions and not before.resting
        if asked and flat and limits is not None and before.cash_jpy is not None:
            opening = Opening(cash_jpy=before.cash_jpy, limits=limits)
            return _stretch(mine, by_hand, report.scheduled_at, opening)
    raise UserError(
        "there is no tick from which the bot's account could be followed: on the close of a candle,"
        " with nothing held before",
        remedy="ask for more --days, or wait until the bot has ticked longer",
    )


def since_same_money(reports: Sequence[TickReport], since_at: int) -> int:
    """`since_at`, or just after another capital was set for an account that had not traded, or
    another stage was, whichever came last; ms UTC.
    """
    changes = (
        after.scheduled_at + 1
        for before, after in pairwise(reports)
        if _is_capital_changed(before, after) or before.stage != after.stage
    )
    return max([since_at, *changes])


def _is_first(report: TickReport, settings: Settings) -> bool:
    """Whether nothing can have been before it: the whole capital, no candle used, no order older
    than the tick.
    """
    untouched = report.equity_jpy == settings.capital_jpy and not (
        report.positions or report.fills or report.trades
    )
    unused = report.decision is None or report.decision.reason is not Reason.NOTHING_NEW
    return (
        untouched
        and unused
        and all(order.placed_at >= report.received_at for order in report.resting)
    )


def _is_capital_changed(before: TickReport, after: TickReport) -> bool:
    """Whether the money of an account at rest changed without a trade: it had never traded, and
    another capital was set.
    """
    rested = not (before.positions or before.resting or after.fills or after.trades)
    return (
        rested
        and None not in {before.cash_jpy, after.cash_jpy}
        and before.cash_jpy != after.cash_jpy
    )


def _advance_limits(limits: Limits | None, report: TickReport, settings: Settings) -> Limits | None:
    if report.equity_jpy is None:
        return limits
    known = limits or Limits.first(equity_jpy=report.equity_jpy, now_ms=report.received_at)
    return known.after_trades(report.trades, report.finished_at, settings).after_equity(
        report.equity_jpy, report.received_at
    )


def _part_by_hand(reports: Sequence[TickReport]) -> tuple[list[TickReport], list[TickReport]]:
    """Those by hand, and those of the schedule."""
    by_hand = [report for report in reports if report.tick.startswith(BY_HAND)]
    return by_hand, [report for report in reports if not report.tick.startswith(BY_HAND)]


def _stretch(
    reports: Sequence[TickReport],
    by_hand: Sequence[TickReport],
    start_at: int,
    opening: Opening | None,
) -> Stretch:
    inside = sorted(
        (report for report in reports if report.scheduled_at >= start_at),
        key=lambda report: report.scheduled_at,
    )
    if inside[-1].scheduled_at == start_at:
        raise UserError(
            f"only the tick of {utc_text(start_at)} can be compared yet, and a replay goes from one"
            " tick to another",
            remedy="ask again after the next tick, or for more --days",
        )
    return Stretch(
        reports=tuple(inside),
        start_at=start_at,
        end_at=inside[-1].scheduled_at,
        opening=opening,
        by_hand=tuple(one for one in by_hand if one.scheduled_at >= start_at),
    )


def schedule_from(reports: Sequence[TickReport], interval_ms: int) -> Schedule:
    """Which ticks there were: missed and late ones, and when a person had halted the bot.

    Ticks by hand stand beside the schedule and are left out. A halt begins with the first tick that
    saw it and ends with the first that did not. A person who takes a drawdown halt back appears as
    a halt in which no tick falls.

    >>> from dataclasses import replace
    >>> from decimal import Decimal
    >>> report = TickReport(
    ...     tick="default~0",
    ...     bot="default",
    ...     status=TickStatus.DONE,
    ...     scheduled_at=0,
    ...     received_at=900,
    ...     finished_at=1_900,
    ...     mode="paper",
    ...     stage="paper",
    ...     settings_hash="0" * 16,
    ...     equity_jpy=Decimal(1_000_000),
    ...     cash_jpy=Decimal(1_000_000),
    ... )
    >>> third = replace(report, tick="default~2", scheduled_at=360_000, received_at=360_900)
    >>> sorted(schedule_from([report, third], 180_000).missed)
    [180000]

    Args:
        reports: The bot's stored reports of a period.
        interval_ms: The distance of two schedule times.
    """
    mine = sorted(
        (report for report in reports if not report.tick.startswith(BY_HAND)),
        key=lambda report: report.scheduled_at,
    )
    if not mine:
        return Schedule()
    ran = {report.scheduled_at for report in mine}
    due = range(mine[0].scheduled_at, mine[-1].scheduled_at + 1, interval_ms)
    return Schedule(
        missed=frozenset(due) - ran,
        received_at={
            report.scheduled_at: report.received_at
            for report in mine
            if report.received_at != report.scheduled_at
        },
        halts=tuple(_halts(sorted(mine, key=lambda report: report.received_at))),
    )


def _halts(reports: Sequence[TickReport]) -> Iterator[HaltPeriod]:
    since: int | None = None
    flat_since: int | None = None
    drawdown = False
    for report in reports:
        if report.decision is None:  # late or degraded: it does not say
            continue
        reason = report.reason if report.status is TickStatus.HALTED else report.decision.reason
        by_person = Reason.HALTED_BY_PERSON is reason or (
            report.decision.reason is Reason.EXIT_FLATTEN
        )
        if report.decision.reason is Reason.EXIT_FLATTEN and flat_since is None:
            flat_since = report.received_at
            since = flat_since if since is None else since
        elif by_person and since is None:
            since = report.received_at
        elif not by_person and since is not None:
            yield HaltPeriod(from_at=since, until_at=report.received_at)
            if flat_since is not None:
                yield HaltPeriod(from_at=flat_since, until_at=report.received_at, flattens=True)
            since, flat_since, drawdown = None, None, False
        elif drawdown and reason is not Reason.LIMIT_DRAWDOWN:
            yield HaltPeriod(from_at=report.received_at - 1, until_at=report.received_at)
        drawdown = report.status is TickStatus.HALTED and reason is Reason.LIMIT_DRAWDOWN
    if since is not None:
        yield HaltPeriod(from_at=since)
    if flat_since is not None:
        yield HaltPeriod(from_at=flat_since, flattens=True)
