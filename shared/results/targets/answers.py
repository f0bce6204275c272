"""How fast the bot answers."""

from collections.abc import Sequence
from math import fsum

from shared.core.types import TickReport
from shared.results.targets.figure import TargetFigure, TargetName, judge_figure
from shared.results.targets.uptime import scheduled_reports

MOST_SECONDS = 3.0
NEEDED_ANSWERS = 20
"""An hour of them."""
ATTENDED = "attend"
"""The step in which a tick stays with its entry: up to 100 s, on purpose."""


def judge_answers(reports: Sequence[TickReport]) -> TargetFigure:
    """Answers: the mean time of a tick less its wait for a candle, in seconds; at most 3.

    The time runs from the tick's arrival to the making of its report: what saving and telling take
    after it is in no report. The wait (up to 10 s, until a candle that has just closed is final) is
    told apart: `with_wait_seconds` is the mean with it, `wait_seconds` that of the ticks that
    `waited`. Ticks that stayed with an entry at a real exchange are not in the number: `attended`
    counts them, `attended_seconds` is their mean. Reports of versions that did not measure the wait
    count whole; `unmeasured` says how many. Ticks by hand do not count; below 20 it is not judged.

    >>> judge_answers([]).reached.value
    'not enough data'
    """
    timings = [one.timings_ms for one in scheduled_reports(reports) if "total" in one.timings_ms]
    quick = [told for told in timings if ATTENDED not in told]
    attended = [told["total"] for told in timings if ATTENDED in told]
    waits = [told["wait"] for told in quick if told.get("wait", 0.0) > 0.0]
    answers = [told["total"] - told.get("wait", 0.0) for told in quick]
    return judge_figure(
        TargetName.ANSWERS,
        _mean_seconds(answers),
        limit=MOST_SECONDS,
        is_least=False,
        samples=len(answers),
        needed=NEEDED_ANSWERS,
        parts={
            "slowest_seconds": max(answers) / 1000 if answers else None,
            "with_wait_seconds": _mean_seconds([told["total"] for told in quick]),
            "waited": len(waits),
            "wait_seconds": _mean_seconds(waits),
            "attended": len(attended),
            "attended_seconds": _mean_seconds(attended),
            "unmeasured": sum("wait" not in told for told in quick),
        },
    )


def _mean_seconds(milliseconds: Sequence[float]) -> float | None:
    return fsum(milliseconds) / len(milliseconds) / 1000 if milliseconds else None
