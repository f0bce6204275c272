"""The order desk of one tick: intent first, then the request, then its outcome; never the same request twice.

Nothing leaves without the fence. The intent is written in one batch with the condition that the account's lease is still ours;
then clock, deadline and lease are looked at once more; then the request goes out under the fence, so that an exchange which can
refuses what comes too late all the same: between the last look and the request a process may stand still for hours.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from shared.core.clock import Clock
from shared.core.errors import LeaseLost
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.tick_times import arrival_ms
from shared.core.types import Book, OrderIntent, OrderRecord, PairRules, PositionPlan, Rejected
from shared.orders import plan as planning
from shared.orders.ports import Exchange, Fence
from shared.stores.ports import Document
from shared.tick.documents import BotDocuments, Lease


class Desk:
    """Sends what was planned, and keeps what was sent: `records` for the report, `intents` for the save."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        bot: BotDocuments,
        clock: Clock,
        settings: Settings,
        lease: Lease,
        opens_until: int,
    ) -> None:
        """Work under a lease. Nothing that opens leaves after `opens_until`."""
        self._exchange, self._bot, self._clock, self._settings = exchange, bot, clock, settings
        self._lease, self._opens_until = lease, opens_until
        self.fence = Fence(number=lease.fence, until=lease.expires_at, held=lease.document)
        self._began_at, self._began = clock.now_ms(), time.monotonic()
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
        kept = replace(plan, entry_intent=intent.id) if plan is not None and intent.opens else None
        told = {"intent": msgspec.to_builtins(intent), "plan": msgspec.to_builtins(kept) if kept is not None else None}
        written = self._bot.write_intent(intent.id, {**told, "at": self._time_of_a_request()}, lease=self._lease)
        self.intents.append(written)
        now = self._time_of_a_request()
        refused = self._refused(intent)
        if refused is not None:
            self.records.append(OrderRecord(what="place", intent=intent, outcome="denied", reason=refused))
            self.intents[-1] = self._bot.record_outcome(written, {"outcome": "not_sent", "reason": refused})
            return False
        outcome = self._exchange.submit(intent, book=book, rules=rules, now_ms=now, fence=self.fence)
        record = planning.recorded("place", intent, outcome)
        self.records.append(record)
        self.intents[-1] = self._bot.record_outcome(written, msgspec.to_builtins(record))
        return not isinstance(outcome, Rejected)

    def _refused(self, intent: OrderIntent) -> Reason | None:
        """Only an order that opens can be refused here; what protects always goes out."""
        if not intent.opens:
            return None
        if self._now_ms() > self._opens_until:
            return Reason.DEADLINE_NEAR
        if self.blocked_by_unknown or any(record.outcome == "unknown" for record in self.records):
            return Reason.OUTCOME_UNKNOWN
        return None

    def _now_ms(self) -> int:
        """How late it is at the least: a suspended machine stops the monotonic clock, and a wall clock can be set back."""
        return max(self._clock.now_ms(), self._began_at + int((time.monotonic() - self._began) * 1000))

    def _time_of_a_request(self) -> int:
        """The time of a request that goes out now. Raises `LeaseLost` where it could still arrive when the lease is over."""
        last = self._lease.expires_at - arrival_ms(self._settings)
        if self._now_ms() > last:
            raise LeaseLost(f"the lease ends at {self._lease.expires_at}, too soon for another request; nothing more was sent")
        return self._clock.now_ms()

    def _cancel(self, step: planning.Cancel) -> None:
        outcome = self._exchange.cancel(step.order, now_ms=self._time_of_a_request(), fence=self.fence)
        record = planning.recorded("cancel", step.order.intent, outcome)
        self.records.append(replace(record, order_id=step.order.order_id, reason=step.reason))
