"""The order desk of one tick: intent first, then the request, then its outcome; never the same
request twice.

Nothing leaves without the fence. The intent is written in one batch with the condition that the
account's lease is still ours; then clock, deadline and lease are looked at once more; then the
request goes out under the fence, so that an exchange which can refuses what comes too late all the
same: between the last look and the request a process may stand still for hours.
"""

import time
from dataclasses import replace

import msgspec

from shared.core.clock import Clock
from shared.core.errors import LeaseLost
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.tick_times import arrival_ms
from shared.core.types import (
    Book,
    Counted,
    Holdings,
    OrderIntent,
    OrderRecord,
    PairRules,
    PositionPlan,
)
from shared.orders import plan as planning
from shared.orders.carry_out import record_of
from shared.orders.ports import Exchange, Fence
from shared.stores.lease import Lease
from shared.stores.ports import Document
from shared.tick.documents import BotDocuments


class Desk:
    """The account as an exchange holds it, under a lease: what is held, and the sender of its
    orders.

    It keeps what was sent: `records` for the report, `intents` for the save.
    """

    def __init__(
        self,
        *,
        exchange: Exchange,
        bot: BotDocuments,
        clock: Clock,
        settings: Settings,
        lease: Lease,
        opens_until: int,
        counted: Counted | None = None,
        blocked_by_unknown: bool = False,
    ) -> None:
        """Work under a lease. Nothing that opens leaves after `opens_until`.

        `counted` is what the saved state has counted of the account, None where that is not known.
        Nothing opens either while it is `blocked_by_unknown`: an order of a tick before may be in
        the market, or not.
        """
        self._exchange, self._bot, self._clock, self._settings = exchange, bot, clock, settings
        self._lease, self._opens_until, self._counted = lease, opens_until, counted
        self.fence = Fence(number=lease.fence, until=lease.expires_at, held=lease.document)
        self._began_at, self._began = clock.now_ms(), time.monotonic()
        self.records: list[OrderRecord] = []
        self.intents: list[Document] = []
        self.blocked_by_unknown = blocked_by_unknown

    def reconcile(self, now_ms: int) -> Holdings:
        """Bring the account up to `now_ms` and say what is held."""
        return self._exchange.reconcile(now_ms, counted=self._counted, fence=self.fence)

    def holdings(self, now_ms: int) -> Holdings:
        """What is held as far as is known."""
        return self._exchange.holdings(now_ms)

    def send(
        self,
        step: planning.Step,
        *,
        book: Book | None,
        rules: PairRules | None,
        plan: PositionPlan | None,
    ) -> OrderRecord:
        """Place or cancel, once.

        The plan of what opens is written down with its intent, so that a crash cannot lose it.
        """
        if isinstance(step, planning.Cancel):
            outcome = self._exchange.cancel(
                step.order, now_ms=self._time_of_a_request(), fence=self.fence
            )
            return self._add_record(record_of(step, outcome))
        return self._place(step, book=book, rules=rules, plan=plan)

    def _place(
        self,
        step: planning.Place,
        *,
        book: Book | None,
        rules: PairRules | None,
        plan: PositionPlan | None,
    ) -> OrderRecord:
        intent = step.intent
        refused = self._refuse_opening(intent)
        if refused is not None:
            return self._add_record(_denied_record(intent, refused))
        kept = (
            replace(plan, entry_intent=intent.id)
            if plan is not None and intent.is_opening
            else None
        )
        said = {
            "intent": msgspec.to_builtins(intent),
            "plan": msgspec.to_builtins(kept) if kept is not None else None,
        }
        written = self._bot.write_intent(
            intent.id, {**said, "at": self._time_of_a_request()}, lease=self._lease
        )
        self.intents.append(written)
        now = self._time_of_a_request()
        refused = self._refuse_opening(intent)
        if refused is not None:
            record = self._add_record(_denied_record(intent, refused))
            self.intents[-1] = self._bot.record_outcome(
                written, {"outcome": "not_sent", "reason": refused}
            )
            return record
        outcome = self._exchange.submit(
            intent, book=book, rules=rules, now_ms=now, fence=self.fence
        )
        record = self._add_record(record_of(step, outcome))
        self.intents[-1] = self._bot.record_outcome(written, msgspec.to_builtins(record))
        return record

    def _add_record(self, record: OrderRecord) -> OrderRecord:
        self.records.append(record)
        return record

    def _refuse_opening(self, intent: OrderIntent) -> Reason | None:
        """Only an order that opens can be refused here; what protects always goes out."""
        if not intent.is_opening:
            return None
        if self._now_ms() > self._opens_until:
            return Reason.DEADLINE_NEAR
        if self.blocked_by_unknown or any(record.outcome == "unknown" for record in self.records):
            return Reason.OUTCOME_UNKNOWN
        return None

    def _now_ms(self) -> int:
        """How late it is at the least: a suspended machine stops the monotonic clock, and a wall
        clock can be set back.
        """
        return max(
            self._clock.now_ms(), self._began_at + int((time.monotonic() - self._began) * 1000)
        )

    def _time_of_a_request(self) -> int:
        """The time of a request that goes out now.

        Raises `LeaseLost` where it could still arrive when the lease is over.
        """
        last = self._lease.expires_at - arrival_ms(self._settings)
        if self._now_ms() > last:
            raise LeaseLost(
                f"the lease ends at {self._lease.expires_at}, too soon for another request; nothing"
                " more was sent"
            )
        return self._clock.now_ms()


def _denied_record(intent: OrderIntent, reason: Reason) -> OrderRecord:
    return OrderRecord(what="place", intent=intent, outcome="denied", reason=reason)
