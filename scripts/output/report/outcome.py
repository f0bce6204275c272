"""What real ticks came to, in the shape of a replay's result: what is shown of a replay is shown of
them. Pure.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from scripts.output.report.header import ReportHeader, first_line
from scripts.output.report.story import (
    DecisionStory,
    WhyNot,
    all_fills,
    all_trades,
    entries,
    follow,
    stories,
    why_nothing,
)
from shared.core.types import AccountKind, PairRules, TickReport, Timeframe
from shared.replay.types import Curve, Replayed
from shared.results.performance import Performance, measure
from shared.results.performance.series import units_of
from shared.results.report.positions import HeldPosition, positions


@dataclass(frozen=True, slots=True, kw_only=True)
class TickedRun:
    """Everything that is said of a run.

    Attributes:
        replayed: What happened, as a replay tells it; its curve has a point a tick.
        performance: The same summed up.
        positions: All that was held.
        stories: Every decision that led to an order.
        why_not: Why nothing was entered the rest of the time.
        ticks: How many there were, by status.
        orders: How many were sent, by purpose and answer.
    """

    replayed: Replayed
    performance: Performance
    positions: list[HeldPosition]
    stories: list[DecisionStory]
    why_not: list[WhyNot]
    ticks: Mapping[str, int]
    orders: Mapping[tuple[str, str], int]


def build_ticked_run(reports: Sequence[TickReport], header: ReportHeader) -> TickedRun:
    """Sum up a run.

    Args:
        reports: Every tick's report in the order of the ticks; duplicates of fills and trades count
            once.
        header: What the ticks do not know.
    """
    told, why = stories(reports), why_nothing(reports)
    replayed = replace(
        as_replayed(
            reports,
            start_at=header.start_at,
            end_at=header.end_at,
            start_equity_jpy=header.start_equity_jpy,
            account=header.account,
        ),
        settings_hash=header.settings_hash,
        profile=header.profile,
        model=header.model,
        denials={row.reason: row.candles for row in why if row.candles},
        notes=(first_line(header), *filter(None, [header.stopped_early])),
    )
    held = positions(replayed)
    follow(told, held)
    return TickedRun(
        replayed=replayed,
        performance=measure(replayed),
        positions=held,
        stories=told,
        why_not=why,
        ticks=dict(Counter(report.status.value for report in reports).most_common()),
        orders=Counter(
            (record.intent.purpose.value, record.outcome)
            for report in reports
            for record in report.orders
        ),
    )


def as_replayed(
    reports: Sequence[TickReport],
    *,
    start_at: int,
    end_at: int,
    start_equity_jpy: Decimal,
    account: AccountKind,
) -> Replayed:
    """What happened in [`start_at`, `end_at`), ms UTC, as a replay tells it; its curve has a point
    a tick. Settings and model are not told: they may have been several.

    Args:
        reports: Every tick's report of one book in the order of the ticks.
        start_at: When the account had `start_equity_jpy`.
        end_at: When it was last valued, or later.
        start_equity_jpy: Equity at the start.
        account: Margin or spot.
    """
    curve = _curve(reports, start_at, start_equity_jpy)
    return Replayed(
        start_at=start_at,
        end_at=end_at,
        resolution=Timeframe.M1,
        settings_hash="",
        profile=None,
        model=None,
        account=account,
        rules=PairRules(),
        start_equity_jpy=start_equity_jpy,
        end_equity_jpy=Decimal(int(curve.equity_units[-1])).scaleb(-4),
        trades=tuple(all_trades(reports)),
        fills=tuple(all_fills(reports)),
        entries=entries(stories(reports)),
        curve=curve,
    )


def mark_of(report: TickReport) -> Decimal | None:
    """The price of a tick: what positions were valued at; with nothing held the last close, which
    is newer.
    """
    if report.signal is not None and not report.positions:
        return Decimal(report.signal.close)
    return report.mark_price


def _curve(reports: Sequence[TickReport], start_at: int, start_equity_jpy: Decimal) -> Curve:
    """The start, and every tick after it that knew its equity; a tick without a price has the one
    before it.
    """
    known = [report for report in reports if report.equity_jpy is not None]
    prices = [mark for report in known if (mark := mark_of(report))]
    rows = [(start_at, units_of(start_equity_jpy), round(prices[0]) if prices else 0, 0)]
    for report in known:
        if report.scheduled_at > rows[-1][0] and report.equity_jpy is not None:
            mark, lots = mark_of(report), sum(one.side.sign * one.lots for one in report.positions)
            price = round(mark) if mark else rows[-1][2]
            rows.append((report.scheduled_at, units_of(report.equity_jpy), price, lots))
    at, equity, close, lots_held = np.array(rows, dtype=np.int64).T
    return Curve(at=at, equity_units=equity, close=close.astype(np.float64), lots=lots_held)
