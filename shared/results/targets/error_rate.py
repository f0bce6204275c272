"""How many errors an hour has."""

from collections import Counter
from collections.abc import Iterator, Sequence

from shared.core.calendar import HOUR_MS
from shared.core.types import Level, TickReport, TickStatus
from shared.results.targets.figure import TargetFigure, TargetName, judge_figure
from shared.rounds.reading import DayAlert
from shared.rounds.sight import TickSeen

MOST_ERRORS = 5
NEEDED_HOURS = 1
ERRORS = frozenset({TickStatus.DEGRADED, TickStatus.FAILED})


def judge_error_rate(
    reports: Sequence[TickReport],
    left: Sequence[TickSeen],
    alerts: Sequence[DayAlert],
    *,
    begin_at: int,
    end_at: int,
) -> TargetFigure:
    """Errors: how many the worst hour of the clock had; at most 5, so that no hour had more.

    An error is a tick that ended degraded or failed, a claim that left no report though its time is
    over, a critical alert that none of these ticks told (the watch's, a drawdown halt), and an
    alert that no channel took. `mean` is of all hours from `begin_at` on; `ticks`, `claims`,
    `alerts` and `undelivered` are the kinds. Below one hour only too many errors are judged.

    >>> judge_error_rate([], [], [], begin_at=0, end_at=7_200_000).reached.value
    'met'

    Args:
        reports: Of the period.
        left: Claims without a report.
        alerts: What was told, or could not be.
        begin_at: Start of the period, ms UTC: of a bot that is younger, its first tick.
        end_at: Its end, exclusive.
    """
    found = {
        "ticks": [one.received_at for one in reports if one.status in ERRORS],
        "claims": [one.claimed_at for one in left if one.expires_at < end_at],
        "alerts": list(_critical(reports, alerts)),
        "undelivered": [one.dead_at for one in alerts if one.dead_at is not None],
    }
    inside = {
        kind: [at for at in instants if begin_at <= at < end_at] for kind, instants in found.items()
    }
    hours = Counter(at // HOUR_MS for instants in inside.values() for at in instants)
    worst, length = max(hours.values(), default=0), max(0, end_at - begin_at)
    return judge_figure(
        TargetName.ERRORS,
        worst if length else None,
        limit=MOST_ERRORS,
        is_least=False,
        samples=length // HOUR_MS,
        needed=NEEDED_HOURS if worst <= MOST_ERRORS else 0,
        parts={
            "mean": sum(hours.values()) * HOUR_MS / length if length else None,
            **{kind: len(instants) for kind, instants in inside.items()},
        },
    )


def _critical(reports: Sequence[TickReport], alerts: Sequence[DayAlert]) -> Iterator[int]:
    """When a person was called for something that is not counted with its tick."""
    counted = {key for one in reports if one.status in ERRORS for key in one.alerts}
    for one in alerts:
        alert = one.alert
        if alert.level is Level.CRITICAL and alert.kind != "test" and alert.key not in counted:
            yield alert.at
