"""How sure the model is of the side that is chosen."""

from collections.abc import Collection, Sequence
from math import fsum

from shared.core.types import Action, TickReport
from shared.results.targets.figure import TargetFigure, TargetName, judge_figure

LEAST_CONFIDENCE = 0.35
NEEDED_CANDLES = 20
DECIDES = frozenset({Action.ENTER, Action.DENY})


def judge_confidence(reports: Sequence[TickReport], *, begin_at: int, end_at: int) -> TargetFigure:
    """Confidence: the mean probability that the model gave the chosen side; at least 0.35.

    Of every candle that closed in the period and was decided by an ENTER or a DENY, once, as it was
    decided first: the calibrated probability that the barrier of the chosen side is touched first.
    The side is the decision's, or that of the strategies' consensus; a candle for which neither
    chose one, and one that no model was asked about, does not count. `entered` counts those that
    led to an entry, `entered_mean` is theirs. Below 20 candles it is not judged.

    >>> judge_confidence([], begin_at=0, end_at=86_400_000).value is None
    True

    Args:
        reports: In the order of time.
        begin_at: Start of the period, ms UTC.
        end_at: Its end, exclusive.
    """
    said: dict[int, float] = {}
    entered: dict[int, float] = {}
    for report in reports:
        decision, signal = report.decision, report.signal
        if decision is None or signal is None or signal.forecast is None:
            continue
        side = decision.side or signal.side
        if side is None or decision.action not in DECIDES or not begin_at <= signal.as_of < end_at:
            continue
        chosen, _ = signal.forecast.side(side)
        said.setdefault(signal.as_of, chosen)
        if decision.action is Action.ENTER:
            entered.setdefault(signal.as_of, chosen)
    return judge_figure(
        TargetName.CONFIDENCE,
        _mean(said.values()),
        limit=LEAST_CONFIDENCE,
        is_least=True,
        samples=len(said),
        needed=NEEDED_CANDLES,
        parts={"entered": len(entered), "entered_mean": _mean(entered.values())},
    )


def _mean(values: Collection[float]) -> float | None:
    return fsum(values) / len(values) if values else None
