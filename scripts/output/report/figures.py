"""The key figures of a run. Pure: tick reports in, numbers out; money stays exact."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from scripts.output.report.story import all_fills, all_trades, episodes
from shared.core.money import ZERO
from shared.core.types import Position, TickReport


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint:
    """Equity after one tick, and how far it was below its peak so far (a fraction, 0 at
    the peak).
    """

    at: int
    equity_jpy: Decimal
    drawdown: float
    mark_price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What came of it.

    Costs are those of closed trades; what is still open is inside the equity.
    """

    start_equity_jpy: Decimal
    end_equity_jpy: Decimal
    gross_jpy: Decimal
    fees_jpy: Decimal
    interest_jpy: Decimal
    slippage_jpy: Decimal
    round_trips: int
    wins: int
    max_drawdown: float
    buy_and_hold: float | None
    ticks: Mapping[str, int]
    orders: Mapping[tuple[str, str], int]
    open_positions: tuple[Position, ...]

    @property
    def profit_jpy(self) -> Decimal:
        """End less start."""
        return self.end_equity_jpy - self.start_equity_jpy

    @property
    def profit_rate(self) -> float:
        """Profit as a fraction of the start."""
        return float(self.profit_jpy / self.start_equity_jpy)

    @property
    def realised_jpy(self) -> Decimal:
        """Profit of closed trades after all costs."""
        return self.gross_jpy - self.fees_jpy - self.interest_jpy

    @property
    def open_jpy(self) -> Decimal:
        """What the open position contributes to the profit, its costs so far included."""
        return self.profit_jpy - self.realised_jpy


def equity_curve(reports: Sequence[TickReport], start_equity_jpy: Decimal) -> list[EquityPoint]:
    """Equity after every tick that knew it, with the running drawdown from the peak (the start
    counts).
    """
    peak = start_equity_jpy
    points = []
    for report in reports:
        if report.equity_jpy is None:
            continue
        peak = max(peak, report.equity_jpy)
        points.append(
            EquityPoint(
                at=report.scheduled_at,
                equity_jpy=report.equity_jpy,
                drawdown=float(1 - report.equity_jpy / peak) if peak > 0 else 0.0,
                mark_price=mark_of(report),
            ),
        )
    return points


def mark_of(report: TickReport) -> Decimal | None:
    """The price of a tick: what positions were valued at; with nothing held the last close, which
    is newer.
    """
    if report.signal is not None and not report.positions:
        return Decimal(report.signal.close)
    return report.mark_price


def compute(reports: Sequence[TickReport], start_equity_jpy: Decimal) -> Figures:
    """All key figures. Buy and hold compares the last mark with the first, without costs."""
    curve = equity_curve(reports, start_equity_jpy)
    marks = [point.mark_price for point in curve if point.mark_price]
    trades = all_trades(reports)
    ended = [episode for episode in episodes(all_fills(reports), trades) if episode.ended]
    return Figures(
        start_equity_jpy=start_equity_jpy,
        end_equity_jpy=curve[-1].equity_jpy if curve else start_equity_jpy,
        gross_jpy=sum((trade.gross_jpy for trade in trades), ZERO),
        fees_jpy=sum((trade.fees_jpy for trade in trades), ZERO),
        interest_jpy=sum((trade.interest_jpy for trade in trades), ZERO),
        slippage_jpy=sum((trade.slippage_jpy for trade in trades), ZERO),
        round_trips=sum(trade.ends_position for trade in trades),
        wins=sum(episode.net_jpy > 0 for episode in ended),
        max_drawdown=max((point.drawdown for point in curve), default=0.0),
        buy_and_hold=float(marks[-1] / marks[0] - 1) if marks else None,
        ticks=dict(Counter(report.status.value for report in reports).most_common()),
        orders=dict(
            Counter(
                (r.intent.purpose.value, r.outcome) for report in reports for r in report.orders
            )
        ),
        open_positions=_last_positions(reports),
    )


def _last_positions(reports: Sequence[TickReport]) -> tuple[Position, ...]:
    known = [report for report in reports if report.equity_jpy is not None]
    return known[-1].positions if known else ()
