"""What a tick leaves to people: its report and its alerts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from shared.core.reasons import Reason
from shared.core.types.account import PositionPlan
from shared.core.types.books import BookName
from shared.core.types.market import Issue
from shared.core.types.orders import Fill, Order, OrderIntent, Position, Trade
from shared.core.types.signal import Decision, Signal, upgrade_signal


class Level(StrEnum):
    """How loud an alert is: critical at once, warning soon, info in a digest.

    >>> [str(level) for level in Level]
    ['critical', 'warning', 'info']
    """

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something a person should know.

    `key` (bot, kind, subject, window) guards against repetition. `thread` is the key without its
    window where a condition lasts, so that its repeats count up one message.

    >>> alert = Alert(key="default~halt~1", level=Level.CRITICAL, kind="halt", title="Halted", at=0)
    >>> alert.level.value, dict(alert.fields)
    ('critical', {})
    """

    key: str
    level: Level
    kind: str
    title: str
    at: int
    fields: Mapping[str, str] = field(default_factory=dict)
    thread: str = ""


class TickStatus(StrEnum):
    """How a tick ended.

    >>> TickStatus.DEGRADED.value
    'degraded'
    """

    DONE = "done"
    DUPLICATE = "duplicate"
    BUSY = "busy"
    LATE = "late"
    HALTED = "halted"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    """One order or cancel of a tick: what was asked, and how it came out.

    `taken_at`: when a real exchange took the order, by its own time, or was asked to cancel it.

    >>> from shared.core.types import OrderKind, Purpose, Side
    >>> intent = OrderIntent(
    ...     id="t1~e1",
    ...     purpose=Purpose.ENTRY,
    ...     side=Side.LONG,
    ...     kind=OrderKind.LIMIT,
    ...     lots=12,
    ...     price=9_800_000,
    ... )
    >>> OrderRecord(what="place", intent=intent, outcome="accepted", order_id=7).reason.value
    'ok'
    """

    what: str
    intent: OrderIntent
    outcome: str
    order_id: int | None = None
    reason: Reason = Reason.OK
    context: Mapping[str, str] = field(default_factory=dict)
    taken_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TickReport:
    """Everything that one tick saw, decided and did.

    Stored, answered as JSON, logged, and replayed later. `book_opened_at` says which book of a real
    account it is of; 0 on paper, and where none is known.

    >>> report = TickReport(
    ...     tick="default~0",
    ...     bot="default",
    ...     status=TickStatus.DONE,
    ...     scheduled_at=0,
    ...     received_at=900,
    ...     finished_at=1_900,
    ...     mode="paper",
    ...     stage="paper",
    ...     settings_hash="0" * 16,
    ... )
    >>> report.finished_at - report.scheduled_at, report.reason.value, report.orders
    (1900, 'ok', ())
    """

    tick: str
    bot: str
    status: TickStatus
    scheduled_at: int
    received_at: int
    finished_at: int
    mode: str
    stage: str
    settings_hash: str
    reason: Reason = Reason.OK
    detail: str = ""
    profile: str | None = None
    decision: Decision | None = None
    signal: Signal | None = None
    issues: tuple[Issue, ...] = ()
    orders: tuple[OrderRecord, ...] = ()
    fills: tuple[Fill, ...] = ()
    trades: tuple[Trade, ...] = ()
    positions: tuple[Position, ...] = ()
    resting: tuple[Order, ...] = ()
    plan: PositionPlan | None = None
    equity_jpy: Decimal | None = None
    cash_jpy: Decimal | None = None
    mark_price: Decimal | None = None
    model: str | None = None
    alerts: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    book_opened_at: int = 0

    @property
    def book(self) -> BookName:
        """The book that it is of."""
        return BookName(mode=self.mode, opened_at=self.book_opened_at)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "TickReport":
        """A report as it was stored, by this version or an older one.

        Raises `msgspec.ValidationError` where it is of no version that is known.
        """
        signal = stored.get("signal")
        told = (
            {**stored, "signal": upgrade_signal(signal)} if isinstance(signal, Mapping) else stored
        )
        return msgspec.convert(told, cls)
