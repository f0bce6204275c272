"""The order desk of one tick: intent first, then the request, then its outcome; never the same request twice."""

import time
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from shared.clock import Clock
from shared.execution import plan as planning
from shared.execution.ports import Exchange
from shared.reasons import Reason
from shared.settings import Settings
from shared.stores.ports import Document
from shared.stores.state import BotDocuments
from shared.types import (
    Book,
    OrderIntent,
    OrderRecord,
    PairRules,
    PositionPlan,
    Rejected,
)


class Desk:
    """Sends what was planned, and keeps what was sent: `records` for the report, `intents` for the save."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        bot: BotDocuments,
        clock: Clock,
        settings: Settings,
        received_at: int,
    ) -> None:
        """Work for one tick that was received at `received_at`."""
        self._exchange, self._bot, self._clock, self._settings = exchange, bot, clock, settings
        self._received_at = received_at
        self._started = time.monotonic()
        self.records: list[OrderRecord] = []
        self.intents: list[Document] = []
        self.blocked_by_unknown = False

    def carry_out(
        self,
        steps: Sequence[planning.Step],
        *,
        book: Book | None = None,
        rules: PairRules | None = None,
        plan: PositionPlan | None = None,
    ) -> str | None:
        """Send the steps in order; the id of the opening intent that reached the exchange, if any did.

        `plan` belongs to an opening order: it is written down with the intent, so that a crash cannot lose it.
        """
        opened = None
        for step in steps:
            if step.after is not None and not self._taken(step.after):
                continue
            if isinstance(step, planning.Cancel):
                self._cancel(step)
            elif self._place(step.intent, book=book, rules=rules, plan=plan) and step.intent.opens:
                opened = step.intent.id
        return opened

    def _taken(self, intent_id: str) -> bool:
        """Whether the exchange said that it took this order."""
        return any(record.outcome == "accepted" for record in self.records if record.intent.id == intent_id)

    def _place(
        self,
        intent: OrderIntent,
        *,
        book: Book | None,
        rules: PairRules | None,
        plan: PositionPlan | None,
    ) -> bool:
        refused = self._refused(intent)
        if refused is not None:
            self.records.append(OrderRecord(what="place", intent=intent, outcome="denied", reason=refused))
            return False
        now = self._clock.now_ms()
        kept = replace(plan, entry_intent=intent.id) if plan is not None and intent.opens else None
        written = self._bot.write_intent(
            intent.id,
            {"intent": msgspec.to_builtins(intent), "plan": msgspec.to_builtins(kept) if kept is not None else None, "at": now},
        )
        self.intents.append(written)
        outcome = self._exchange.submit(intent, book=book, rules=rules, now_ms=now)
        record = planning.recorded("place", intent, outcome)
        self.records.append(record)
        self.intents[-1] = self._bot.record_outcome(written, msgspec.to_builtins(record))
        return not isinstance(outcome, Rejected)

    def _refused(self, intent: OrderIntent) -> Reason | None:
        """Only an order that opens can be refused here; what protects always goes out."""
        if not intent.opens:
            return None
        waited_seconds = max(time.monotonic() - self._started, (self._clock.now_ms() - self._received_at) / 1000)
        if waited_seconds > self._settings.tick.no_new_order_after_seconds:
            return Reason.DEADLINE_NEAR
        if self.blocked_by_unknown or any(record.outcome == "unknown" for record in self.records):
            return Reason.OUTCOME_UNKNOWN
        return None

    def _cancel(self, step: planning.Cancel) -> None:
        outcome = self._exchange.cancel(step.order, now_ms=self._clock.now_ms())
        record = planning.recorded("cancel", step.order.intent, outcome)
        self.records.append(replace(record, order_id=step.order.order_id, reason=step.reason))
