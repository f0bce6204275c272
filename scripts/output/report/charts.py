"""What the page's script draws, as plain JSON values: equity, candles, positions.

Thinned so that a page stays small.
"""

from collections.abc import Sequence
from typing import Any

from scripts.output.report.figures import EquityPoint
from scripts.output.report.story import DecisionStory, PositionEpisode
from scripts.output.report.words import reason_words
from shared.core.types import Candles

MOST_POINTS = 2_400
MOST_CANDLES = 480


def equity_series(curve: Sequence[EquityPoint], start_equity_jpy: float) -> dict[str, list[float]]:
    """Columns `at`, `equity`, `drawdown`, `hold` (buy and hold with the same start), at most
    `MOST_POINTS` rows.

    Thinning keeps the highest and lowest equity of every bucket, so no drawdown disappears.
    """
    first_mark = next((float(point.mark_price) for point in curve if point.mark_price), 0.0)
    kept = _thinned(curve)
    hold = start_equity_jpy
    columns: dict[str, list[float]] = {"at": [], "equity": [], "drawdown": [], "hold": []}
    for point in kept:
        hold = start_equity_jpy * float(point.mark_price) / first_mark if point.mark_price else hold
        columns["at"].append(point.at)
        columns["equity"].append(float(point.equity_jpy))
        columns["drawdown"].append(round(point.drawdown, 6))
        columns["hold"].append(round(hold))
    return columns


def _thinned(curve: Sequence[EquityPoint]) -> list[EquityPoint]:
    if len(curve) <= MOST_POINTS:
        return list(curve)
    kept: set[int] = {0, len(curve) - 1}
    size = -(-len(curve) * 2 // MOST_POINTS)
    for start in range(0, len(curve), size):
        rows = range(start, min(start + size, len(curve)))
        kept.add(min(rows, key=lambda row: curve[row].equity_jpy))
        kept.add(max(rows, key=lambda row: curve[row].equity_jpy))
    return [curve[row] for row in sorted(kept)]


def candle_series(candles: Candles | None) -> dict[str, Any]:
    """Columns `at`, `open`, `high`, `low`, `close`; neighbours are joined until at most
    `MOST_CANDLES` remain.
    """
    if candles is None or not len(candles):
        return {"ms": 0, "at": [], "open": [], "high": [], "low": [], "close": []}
    size = candles.timeframe.ms
    factor = next(n for n in (1, 2, 4, 8, 16, 32, 96, 10**9) if len(candles) <= n * MOST_CANDLES)
    columns: dict[str, Any] = {
        "ms": size * factor,
        "at": [],
        "open": [],
        "high": [],
        "low": [],
        "close": [],
    }
    buckets: dict[int, list[int]] = {}
    for row, at in enumerate(candles.opened_at.tolist()):
        buckets.setdefault(at // (size * factor), []).append(row)
    for bucket, rows in buckets.items():
        columns["at"].append(bucket * size * factor)
        columns["open"].append(float(candles.open[rows[0]]))
        columns["high"].append(max(float(candles.high[row]) for row in rows))
        columns["low"].append(min(float(candles.low[row]) for row in rows))
        columns["close"].append(float(candles.close[rows[-1]]))
    return columns


def position_series(
    positions: Sequence[PositionEpisode], told: Sequence[DecisionStory], *, end_at: int
) -> list[dict[str, Any]]:
    """One mapping a position: where it was entered and left, its stop and target, and what it
    earned.
    """
    decisions = {
        story.episode.opened_at: story.decision
        for story in told
        if story.episode and story.opens_episode
    }
    drawn = []
    for position in positions:
        decision = decisions.get(position.opened_at)
        last = position.trades[-1] if position.trades else None
        drawn.append(
            {
                "sign": position.entry_fills[0].side.sign,
                "in_at": position.opened_at,
                "in_price": float(position.entry_price),
                "out_at": last.closed_at if last and position.ended else end_at,
                "out_price": last.exit_price if last and position.ended else None,
                "stop": decision.stop_price if decision else None,
                "target": decision.target_price if decision else None,
                "net": float(position.net_jpy),
                "why": reason_words(last.reason) if last and position.ended else "still open",
            },
        )
    return drawn
