"""Whether the bot ran when it was to run."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shared.core.types import TickReport, TickStatus
from shared.results.parity.compare import BY_HAND
from shared.results.targets.figure import TargetFigure, TargetName, judge_figure
from shared.rounds.sight import TickSeen

LEAST_UPTIME = 0.995
NEEDED_TICKS = 200
"""With fewer due one missed tick is more than the half per cent that may be missed."""
UP = frozenset({TickStatus.DONE, TickStatus.HALTED, TickStatus.DEGRADED})
"""A halted bot does its work; what was wrong with a degraded tick is counted as an error."""


def scheduled_reports(reports: Sequence[TickReport]) -> list[TickReport]:
    """Those of the schedule, in its order; ticks by hand stand beside it."""
    mine = (report for report in reports if not report.tick.startswith(BY_HAND))
    return sorted(mine, key=lambda report: report.scheduled_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class DuePeriod:
    """A time in which ticks are due.

    >>> DuePeriod(begin_at=0, end_at=360_000, interval_ms=180_000).has_ticked_before
    False

    Attributes:
        begin_at: Its start, ms UTC.
        end_at: Its end, exclusive.
        interval_ms: From one tick to the next.
        has_ticked_before: Whether the bot ran before it; else its first tick is the start.
    """

    begin_at: int
    end_at: int
    interval_ms: int
    has_ticked_before: bool = False


def due_times(reports: Sequence[TickReport], period: DuePeriod) -> range:
    """The schedule times of a period whose interval was over at its end, ms UTC.

    The schedule is that of the first report, and where there is none that of the clock. A bot that
    had not ticked before is due from its first tick on.
    """
    mine = scheduled_reports(reports)
    if not mine and not period.has_ticked_before:
        return range(0)
    anchor = mine[0].scheduled_at if mine else 0
    begin = period.begin_at + (anchor - period.begin_at) % period.interval_ms
    first = begin if period.has_ticked_before else max(begin, anchor)
    return range(first, period.end_at - period.interval_ms + 1, period.interval_ms)


def judge_uptime(
    reports: Sequence[TickReport], left: Sequence[TickSeen], period: DuePeriod
) -> TargetFigure:
    """Up: of the ticks that were due, the share that finished their work; at least 99.5 %.

    A tick is up where its report is done, halted or degraded. Told apart, and not up: `late` (it
    came too late, and only protected), `given_back` (claimed and let go of without a report, as
    what is busy is: another tick held the account, or it failed and nothing was saved), `died`
    (claimed, and no report came) and `never_came`. A redelivery is answered by the stored report
    and counts once: `duplicate` says how many reports are of one. Below 200 due ticks it is not
    judged.

    >>> period = DuePeriod(begin_at=0, end_at=360_000, interval_ms=180_000)
    >>> judge_uptime([], [], period).value is None
    True

    Args:
        reports: The stored reports; those before the period tell the schedule alone.
        left: Claims without a report.
        period: What is judged.
    """
    due = due_times(reports, period)
    ended = {report.scheduled_at: report.status for report in scheduled_reports(reports)}
    how = Counter(_how(at, ended.get(at), left, period.interval_ms) for at in due)
    up = how["up"]
    value = up / len(due) if due else None
    parts: dict[str, int | float | None] = {"due": len(due), "up": up}
    parts |= {name: how[name] for name in ("late", "given_back", "died", "never_came", "failed")}
    parts["duplicate"] = sum(report.status is TickStatus.DUPLICATE for report in reports)
    return judge_figure(
        TargetName.UPTIME,
        value,
        limit=LEAST_UPTIME,
        is_least=True,
        samples=len(due),
        needed=NEEDED_TICKS,
        parts=parts,
    )


def _how(at: int, status: TickStatus | None, left: Sequence[TickSeen], interval_ms: int) -> str:
    """What became of a tick that was due."""
    if status is not None:
        return "up" if status in UP else str(status)
    claims = [claim for claim in left if at <= claim.claimed_at < at + interval_ms]
    if not claims:
        return "never_came"
    return "given_back" if any(claim.expires_at == 0 for claim in claims) else "died"
