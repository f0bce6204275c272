"""What each strategy said, by the hours of Japan's day."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from shared.core.calendar import DAY_MS, HOUR_MS, JST_MS, jst_day
from shared.core.types import Signal, TickReport

CONSENSUS = "consensus"
"""The name of what the strategies say together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRow:
    """What one strategy said of the candles that closed in one hour of a day, both JST.

    >>> row = SignalRow(
    ...     day="2026-01-31", hour=9, strategy="adx_trend", buy=1, sell=0, hold=3, strength=0.7
    ... )
    >>> row.buy + row.sell + row.hold  # 15m candles
    4

    Attributes:
        strength: The mean confidence of what it said to buy or to sell; None where it only held.
    """

    day: str
    hour: int
    strategy: str
    buy: int
    sell: int
    hold: int
    strength: float | None


def signal_rows(
    reports: Sequence[TickReport], *, begin_at: int, end_at: int
) -> tuple[SignalRow, ...]:
    """Buy, sell and hold of every strategy, and of all together (`consensus`), by day and hour.

    A candle counts once, however many ticks went by it, in the hour in which it closed.

    >>> signal_rows([], begin_at=0, end_at=86_400_000)
    ()

    Args:
        reports: In the order of time.
        begin_at: Start of the period, ms UTC.
        end_at: Its end, exclusive.
    """
    signals: dict[int, Signal] = {}
    for report in reports:
        if report.signal is not None and begin_at <= report.signal.as_of < end_at:
            signals.setdefault(report.signal.as_of, report.signal)
    said: dict[tuple[str, int, str], list[tuple[int, float]]] = defaultdict(list)
    for as_of, signal in signals.items():
        hour = (as_of + JST_MS) % DAY_MS // HOUR_MS
        for strategy, vote in _votes(signal).items():
            said[jst_day(as_of), hour, strategy].append(vote)
    return tuple(
        SignalRow(
            day=day,
            hour=hour,
            strategy=strategy,
            buy=sum(side > 0 for side, _ in votes),
            sell=sum(side < 0 for side, _ in votes),
            hold=sum(side == 0 for side, _ in votes),
            strength=_mean([strength for side, strength in votes if side]),
        )
        for (day, hour, strategy), votes in sorted(said.items())
    )


def _votes(signal: Signal) -> Mapping[str, tuple[int, float]]:
    """Side and confidence of each strategy and of all together."""
    together = (0 if signal.side is None else signal.side.sign, signal.strength)
    each = {vote.strategy: (vote.side, vote.confidence) for vote in signal.votes}
    return {CONSENSUS: together, **each}


def _mean(values: Sequence[float]) -> float | None:
    return fsum(values) / len(values) if values else None
