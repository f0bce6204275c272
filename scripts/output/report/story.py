"""Which decisions led to orders, and what became of them. Pure: tick reports in, rows out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

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
from shared.replay.story import entry_of
from shared.replay.types import Entered
from shared.results.report.positions import HeldPosition


@dataclass(slots=True, kw_only=True)
class DecisionStory:
    """One decision that led to an order: its ticks (a second attempt is the same decision), orders,
    fills, end.

    `sent_at` are the instants of its orders. `position` is what its fills belong to, and
    `opens_position` whether they began it.
    """

    decision: Decision
    signal: Signal | None
    scheduled_at: int
    orders: list[OrderRecord] = field(default_factory=list)
    sent_at: list[int] = field(default_factory=list)
    fills: tuple[Fill, ...] = ()
    position: HeldPosition | None = None
    opens_position: bool = False

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
            if record.intent.purpose is purpose and _is_sent_order(record)
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
        story.sent_at.extend([report.received_at] * len(sent))
        story.signal = story.signal or report.signal
    fills = all_fills(reports)
    for story in told.values():
        ids = {record.order_id for record in story.orders if record.order_id is not None}
        story.fills = tuple(fill for fill in fills if fill.order_id in ids)
    return sorted(told.values(), key=lambda story: story.scheduled_at)


def _is_sent_order(record: OrderRecord) -> bool:
    return record.what != "cancel" and record.outcome != DENIED


def entries(told: Iterable[DecisionStory]) -> tuple[Entered, ...]:
    """Every entry that the exchange took, in the order of sending, with what was filled of it."""
    return tuple(
        replace(
            entry_of(record, story.decision, story.signal, attempt=attempt, now_ms=at),
            filled_lots=sum(f.lots for f in story.fills if f.order_id == record.order_id),
        )
        for story in told
        for attempt, (record, at) in enumerate(
            zip(story.orders, story.sent_at, strict=True), start=1
        )
        if record.intent.is_opening and record.order_id is not None and story.signal is not None
    )


def follow(told: Iterable[DecisionStory], held: Sequence[HeldPosition]) -> None:
    """Tell each entry which position its fills belong to."""
    for story in told:
        if story.decision.action is not Action.ENTER or not story.fills:
            continue
        at = story.fills[0].at
        story.position = next(
            (
                one
                for one in held
                if one.opened_at <= at and (one.closed_at is None or at <= one.closed_at)
            ),
            None,
        )
        story.opens_position = story.position is not None and story.position.opened_at == at


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
        entries = [record for record in report.orders if record.intent.is_opening]
        return (
            entries[0].reason
            if entries and all(record.outcome == DENIED for record in entries)
            else Reason.OK
        )
    return decision.reason if decision.action not in {Action.REDUCE, Action.EXIT} else Reason.OK
