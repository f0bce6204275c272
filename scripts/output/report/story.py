"""Which decisions led to orders, and what became of them. Pure: tick reports in, rows out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from shared.core.money import ZERO
from shared.core.reasons import Reason
from shared.core.types import (
    Action,
    Decision,
    Fill,
    OrderRecord,
    Purpose,
    Signal,
    TickReport,
    Trade,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionEpisode:
    """A position from its first entry fill to its end; `ended` is false while some of
    it is open.
    """

    opened_at: int
    entry_fills: tuple[Fill, ...]
    trades: tuple[Trade, ...]

    @property
    def ended(self) -> bool:
        """Whether nothing of it is open any more."""
        return bool(self.trades) and self.trades[-1].ends_position

    @property
    def net_jpy(self) -> Decimal:
        """Profit of what was closed, after all costs."""
        return sum((trade.net_jpy for trade in self.trades), ZERO)

    @property
    def lots(self) -> int:
        """What was bought or sold to open it."""
        return sum(fill.lots for fill in self.entry_fills)

    @property
    def entry_price(self) -> Decimal:
        """The mean price of its entry fills."""
        return Decimal(sum(fill.price * fill.lots for fill in self.entry_fills)) / self.lots


@dataclass(slots=True, kw_only=True)
class DecisionStory:
    """One decision that led to an order: its ticks (a second attempt is the same decision), orders,
    fills, end.
    """

    decision: Decision
    signal: Signal | None
    scheduled_at: int
    orders: list[OrderRecord] = field(default_factory=list)
    fills: tuple[Fill, ...] = ()
    episode: PositionEpisode | None = None
    opens_episode: bool = False

    @property
    def attempts(self) -> int:
        """How often an order was sent for it."""
        return len(self.orders)

    @property
    def filled_lots(self) -> int:
        """How much of it was executed."""
        return sum(fill.lots for fill in self.fills)


DENIED = "denied"
"""The outcome of an order that our own rules held back at the last moment: nothing was sent."""

_LED_BY = {Action.ENTER: Purpose.ENTRY, Action.REDUCE: Purpose.CLOSE, Action.EXIT: Purpose.CLOSE}


def all_fills(reports: Iterable[TickReport]) -> list[Fill]:
    """Every fill once, in order."""
    seen = {
        (fill.order_id, fill.at, fill.price, fill.lots, fill.purpose): fill
        for report in reports
        for fill in report.fills
    }
    return sorted(seen.values(), key=lambda fill: (fill.at, fill.order_id))


def all_trades(reports: Iterable[TickReport]) -> list[Trade]:
    """Every trade once, in order."""
    seen = {trade.sequence: trade for report in reports for trade in report.trades}
    return [seen[sequence] for sequence in sorted(seen)]


def episodes(fills: Sequence[Fill], trades: Sequence[Trade]) -> list[PositionEpisode]:
    """Group entry fills and trades into positions: one ends with the trade that says so."""
    entries = [fill for fill in fills if fill.purpose is Purpose.ENTRY]
    found: list[PositionEpisode] = []
    part: list[Trade] = []
    for trade in trades:
        part.append(trade)
        if trade.ends_position:
            found.append(_episode(entries, part, until=trade.closed_at))
            entries = [fill for fill in entries if fill.at > trade.closed_at]
            part = []
    if entries:
        found.append(_episode(entries, part, until=entries[-1].at))
    return [episode for episode in found if episode.entry_fills]


def _episode(entries: Sequence[Fill], trades: Sequence[Trade], *, until: int) -> PositionEpisode:
    mine = tuple(fill for fill in entries if fill.at <= until)
    return PositionEpisode(
        opened_at=mine[0].at if mine else 0, entry_fills=mine, trades=tuple(trades)
    )


def stories(reports: Sequence[TickReport]) -> list[DecisionStory]:
    """Every decision that led to an order, in time."""
    told: dict[tuple[int, Action], DecisionStory] = {}
    for report in reports:
        decision = report.decision
        if decision is None or decision.action not in _LED_BY:
            continue
        purpose = _LED_BY[decision.action]
        sent = [
            record
            for record in report.orders
            if record.intent.purpose is purpose and _was_sent(record)
        ]
        if not sent:
            continue
        story = told.setdefault(
            (decision.as_of, decision.action),
            DecisionStory(
                decision=decision, signal=report.signal, scheduled_at=report.scheduled_at
            ),
        )
        story.orders.extend(sent)
        story.signal = story.signal or report.signal
    fills = all_fills(reports)
    positions = episodes(fills, all_trades(reports))
    for story in told.values():
        _follow(story, fills, positions)
    return sorted(told.values(), key=lambda story: story.scheduled_at)


def _was_sent(record: OrderRecord) -> bool:
    return record.what != "cancel" and record.outcome != DENIED


def _follow(
    story: DecisionStory, fills: Sequence[Fill], positions: Sequence[PositionEpisode]
) -> None:
    ids = {record.order_id for record in story.orders if record.order_id is not None}
    story.fills = tuple(fill for fill in fills if fill.order_id in ids)
    for position in positions:
        if any(fill in position.entry_fills for fill in story.fills):
            story.episode = position
            story.opens_episode = story.fills[0] == position.entry_fills[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """How often one reason kept the bot from entering: candles decided, ticks, and the best edge
    that was seen with it.
    """

    reason: Reason
    candles: int
    ticks: int
    best_edge_rate: float | None


def why_nothing(reports: Sequence[TickReport]) -> list[WhyNot]:
    """Reasons of all ticks that entered nothing, the one of most candles first; a tick without a
    decision has its own.

    A candle counts once: for what was said of it last, before there was nothing new. One that led
    to an entry does not count, so that the candles of all rows add up to those without an entry.
    """
    ticks: dict[Reason, int] = {}
    said: dict[int, Reason] = {}
    edges: dict[Reason, list[float]] = {}
    for report in reports:
        decision = report.decision
        reason = _why_not(report)
        if decision is not None and said.get(decision.as_of) is not Reason.OK:
            known = decision.as_of in said and reason is Reason.NOTHING_NEW
            said[decision.as_of] = said[decision.as_of] if known else reason
        if reason is Reason.OK:
            continue
        ticks[reason] = ticks.get(reason, 0) + 1
        if decision is not None and decision.edge_rate is not None:
            edges.setdefault(reason, []).append(decision.edge_rate)
    candles = Counter(said.values())
    rows = [
        WhyNot(
            reason=reason,
            candles=candles[reason],
            ticks=count,
            best_edge_rate=max(edges[reason]) if reason in edges else None,
        )
        for reason, count in ticks.items()
    ]
    return sorted(rows, key=lambda row: (-row.candles, -row.ticks, row.reason.value))


def _why_not(report: TickReport) -> Reason:
    """Why a tick sent no entry; OK where it sent one, or left a position."""
    decision = report.decision
    if decision is None:
        return report.reason
    if decision.action is Action.ENTER:
        entries = [record for record in report.orders if record.intent.opens]
        return (
            entries[0].reason
            if entries and all(record.outcome == DENIED for record in entries)
            else Reason.OK
        )
    return decision.reason if decision.action not in {Action.REDUCE, Action.EXIT} else Reason.OK
