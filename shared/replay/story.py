"""What happens in a replay, written down as it happens: fills, trades, entries, reasons, events.

It can stop and go on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from shared.core.calendar import jst_text
from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import (
    Action,
    Decision,
    Fill,
    OrderRecord,
    Purpose,
    Side,
    Signal,
    TickReport,
    Trade,
)
from shared.exchanges.paper.account import PaperAccount
from shared.replay.hands import AccountInHand
from shared.replay.types import Entered, Event
from shared.turn.state import State

QUIET = frozenset({Reason.NOTHING_NEW, Reason.ON_TARGET, Reason.TARGET_UNKNOWN})
"""What a tick says that found nothing to do; nothing is kept of it, so that a tick that is left out
says the same."""


@dataclass(slots=True, kw_only=True)
class Story:
    """Everything told so far.

    `reasons` is what was decided by row, `blocks` the rows [from, to) that a limit denied.
    """

    fills: list[Fill] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    entries: list[Entered] = field(default_factory=list)
    orders: dict[int, int] = field(default_factory=dict)
    reasons: dict[int, Reason] = field(default_factory=dict)
    blocks: list[tuple[int, int, Reason]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    visits: int = 0
    ticks: list[TickReport] = field(default_factory=list)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "Story":
        """Read what `as_values` wrote."""
        return msgspec.convert(dict(values), cls, strict=False)

    def as_values(self) -> dict[str, Any]:
        """As JSON values."""
        values: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return values

    def note_decision(
        self,
        row: int,
        decision: Decision | None,
        after: State,
        records: Sequence[OrderRecord],
        *,
        now_ms: int,
    ) -> None:
        """A tick decided on the candle of `row`, sent `records` and left a state: an entry among
        them was its last attempt.
        """
        if decision is None or decision.reason in QUIET:
            return
        signal, attempt = after.signal, after.candle.attempts_used
        is_of_candle = decision.reason is not Reason.EXIT_FLATTEN  # a person's word is of no candle
        if (row not in self.reasons or decision.action is Action.ENTER) and is_of_candle:
            self.reasons[row] = decision.reason
        for record in records:
            if record.outcome == "rejected":
                self.events.append(
                    Event(at=now_ms, reason=record.reason, detail=f"{record.intent.purpose} order")
                )
            elif (
                record.what == "place"
                and record.intent.is_opening
                and record.order_id is not None
                and signal is not None
            ):
                self.orders[record.order_id] = len(self.entries)
                self.entries.append(
                    entry_of(record, decision, signal, attempt=attempt, now_ms=now_ms)
                )

    def note_visit(
        self, before: State, after: State, hands: AccountInHand, settings: Settings
    ) -> None:
        """A tick was worked out."""
        self.visits += 1
        self.note_limits(before, after, settings)
        self.gather(hands.account)

    def gather(self, account: PaperAccount) -> None:
        """Take over the fills and trades that are new."""
        told = self.fills[-1].sequence if self.fills else 0
        if account.next_fill_sequence == told + 1:
            return
        for fill in account.fills:
            if fill.sequence > told:
                self.fills.append(fill)
                if fill.purpose is Purpose.ENTRY and fill.order_id in self.orders:
                    index = self.orders[fill.order_id]
                    entry = self.entries[index]
                    self.entries[index] = copy_with(
                        entry, filled_lots=entry.filled_lots + fill.lots
                    )
        told = self.trades[-1].sequence if self.trades else 0
        self.trades += [trade for trade in account.trades if trade.sequence > told]

    def note_limits(self, before: State, after: State, settings: Settings) -> None:
        """A halt or a cool-down may have begun."""
        if after.halted_at and not before.halted_at:
            self.events.append(
                Event(
                    at=after.halted_at,
                    reason=Reason.LIMIT_DRAWDOWN,
                    detail="halted until a person resumes",
                )
            )
        had = before.limits.cooldown_until if before.limits is not None else 0
        if after.limits is not None and after.limits.cooldown_until > had:
            began_at = after.limits.cooldown_until - int(settings.risk.cooldown_seconds * 1000)
            until = jst_text(after.limits.cooldown_until)
            self.events.append(
                Event(at=began_at, reason=Reason.LIMIT_COOLDOWN, detail=f"cool-down until {until}")
            )

    def note_block(self, first: int, stop: int, reason: Reason) -> None:
        """While nothing was held, a limit denied whatever the candles of these rows said."""
        if stop > first:
            self.blocks.append((first, stop, reason))


def entry_of(
    record: OrderRecord, decision: Decision, signal: Signal, *, attempt: int, now_ms: int
) -> Entered:
    """An order that may open a position, placed at `now_ms`, and why; none of it is filled yet."""
    intent = record.intent
    sign = intent.side.sign
    return Entered(
        intent=intent.id,
        as_of=decision.as_of,
        placed_at=now_ms,
        side=Side(intent.side),
        lots=intent.lots,
        price=intent.price or 0,
        stop_price=intent.stop_price or 0,
        target_price=intent.target_price or 0,
        attempt=attempt,
        strength=signal.strength,
        edge_rate=decision.edge_rate,
        agreeing={vote.strategy: vote.confidence for vote in signal.votes if vote.side == sign},
    )
