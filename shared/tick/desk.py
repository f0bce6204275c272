"""The order desk of one tick: intent first, then the request, then its outcome; never the same
request twice.

Nothing leaves without the fence. The intent is written in one batch with the condition that the
account's lease is still ours; then clock, deadline and lease are looked at once more; then the
request goes out under the fence, so that an exchange which can refuses what comes too late all the
same: between the last look and the request a process may stand still for hours.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from shared.core.clock import Clock
from shared.core.errors import LeaseLost, StoreBroken, Unavailable
from shared.core.frozen import copy_with
from shared.core.logs import log
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.tick_times import arrival_ms
from shared.core.types import (
    Accepted,
    Book,
    Counted,
    Fate,
    Fill,
    Holdings,
    Issue,
    Ledger,
    OpenIntent,
    OrderIntent,
    OrderKind,
    OrderRecord,
    Outcome,
    PairRules,
    PositionPlan,
    Purpose,
    Rejected,
    Side,
    TrackedOrder,
    Trade,
    Unknown,
)
from shared.orders import plan as planning
from shared.orders.carry_out import record_of
from shared.orders.closing import has_shared_closes
from shared.orders.correcting import Corrected
from shared.orders.ports import Exchange, Fence
from shared.stores.lease import Lease
from shared.stores.ports import Document
from shared.tick.documents import BotDocuments
from shared.tick.live.standing import without_confirmed


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
        ledger: Ledger | None = None,
        corrected: Corrected | None = None,
        open_intents: Sequence[OpenIntent] = (),
        blocked_by_unknown: bool = False,
        confirmed_orders: Sequence[int] = (),
        shutdown: Callable[[], bool] | None = None,
    ) -> None:
        """Work under a lease. Nothing that opens leaves after `opens_until`.

        `counted` is what the saved state has counted of the account, None where that is not known.
        `ledger` is the bot's own book of a real account, `corrected` what a person's correction of
        it brought about, `open_intents` are those of ticks before that no state knows of. Nothing
        opens while it is `blocked_by_unknown`: an order of a tick before may be in the market, or
        not. `confirmed_orders` are somebody else's by the owner's word, though they look like the
        bot's. Once `shutdown` says so nothing opens at a real exchange any more.
        """
        self._shutdown = shutdown
        self._exchange, self._bot, self._clock, self._settings = exchange, bot, clock, settings
        self._lease, self._opens_until, self._counted = lease, opens_until, counted
        self.fence = Fence(number=lease.fence, until=lease.expires_at, held=lease.document)
        self._began_at, self._began = clock.now_ms(), time.monotonic()
        self._ledger, self._open = ledger, list(open_intents)
        self._fills: tuple[Fill, ...] = () if corrected is None else corrected.fills
        self._trades: tuple[Trade, ...] = () if corrected is None else corrected.trades
        self._events: tuple[Issue, ...] = ()
        self._confirmed = tuple(confirmed_orders)
        self._unfound: dict[str, OpenIntent] = {}
        self._permission: OrderIntent | None = None
        self._stops_at: list[int] = []
        self._there: Mapping[Side, int] = {}
        self._canceled: set[int] = set()
        self._ended_closes: set[int] = set()
        self.fates: dict[str, Fate] | None = None if ledger is None else {}
        self.records: list[OrderRecord] = []
        self.intents: list[Document] = []
        self.blocked_by_unknown = blocked_by_unknown

    def reconcile(self, now_ms: int) -> Holdings:
        """Bring the account up to `now_ms` and say what is held."""
        return self._note(
            self._exchange.reconcile(
                now_ms,
                counted=self._counted,
                ledger=self._ledger,
                intents=self._asked_about(),
                fence=self.fence,
            )
        )

    def holdings(self, now_ms: int) -> Holdings:
        """What is held as far as is known."""
        return self._note(
            self._exchange.holdings(now_ms, ledger=self._ledger, intents=self._asked_about())
        )

    @property
    def is_attended(self) -> bool:
        """Whether a tick stays with its entry."""
        return self._exchange.is_attended

    def has_news(self) -> bool:
        """Whether something may have changed since the account was last read."""
        return self._exchange.has_news()

    @property
    def has_unfound_entry(self) -> bool:
        """Whether an entry of this tick may be in the market though no answer said so."""
        return any(one.intent.is_opening for one in self._unfound.values())

    @property
    def lost_stop_lots(self) -> Mapping[Side, int]:
        """For how many lots of a side stops may be in the market of which no answer told, in this
        tick or in one before.
        """
        asked = [one.intent for one in self._asked_about() if one.intent.purpose is Purpose.STOP]
        return {
            side: sum(intent.lots for intent in asked if intent.side is side)
            for side in {intent.side for intent in asked}
        }

    @property
    def is_shutting_down(self) -> bool:
        """Whether this process was asked to end; an account on paper needs nobody who stays."""
        return self._shutdown is not None and self.is_attended and self._shutdown()

    def bare_ms(self, now_ms: int) -> int | None:
        """The longest time from a fill of this tick at a real exchange to the stop that followed
        it; None where nothing was opened.
        """
        opened = [fill.at for fill in self._fills if fill.purpose is Purpose.ENTRY]
        waits = [
            min((at for at in self._stops_at if at >= filled), default=now_ms) - filled
            for filled in opened
        ]
        return max(waits, default=None)

    def _asked_about(self) -> list[OpenIntent]:
        return [*self._open, *self._unfound.values()]

    def _note(self, holdings: Holdings) -> Holdings:
        """Keep what a real exchange said; what was filled in this tick is told to its end, and so
        is what forbids nothing: one reading says it, and no later one.

        An order that was found is the ledger's from then on: asked about once more, one that has
        ended would be followed, and counted, a second time. A close of which a cancel said that it
        has ended protects nothing, though a view that is behind shows it still. What an entry was
        filled with shows as late, so that one is stayed with until its end shows.
        """
        if holdings.ledger is None:
            return holdings
        self._ledger, self._there = holdings.ledger, holdings.there_lots or {}
        self._canceled.clear()
        self._fills, self._trades = (
            (*self._fills, *holdings.fills),
            (*self._trades, *holdings.trades),
        )
        self.fates = {**(self.fates or {}), **(holdings.fates or {})}
        for name, fate in self.fates.items():
            if fate is Fate.FOUND:
                self._unfound.pop(name, None)
        self._open = [one for one in self._open if self.fates.get(one.intent.id) is not Fate.FOUND]
        issues = without_confirmed((*holdings.issues, *self._events), self._confirmed)
        self._events += tuple(one for one in holdings.issues if not one.forbids_entry)
        orders = tuple(one for one in holdings.orders if one.order_id not in self._ended_closes)
        return copy_with(
            holdings, orders=orders, fills=self._fills, trades=self._trades, issues=issues
        )

    def _follow(self, intent: OrderIntent, outcome: Outcome, *, at: int) -> None:
        """An order that a real exchange has is followed by its number, one that it may have by its
        form.
        """
        if self._ledger is None:
            return
        if self._settings.account.has_debt and intent.side in self._there:
            is_shared = has_shared_closes(
                self._ledger,
                intent,
                outcome,
                there_lots=self._there[intent.side],
                canceled=self._canceled,
            )
            self._ledger = copy_with(self._ledger, has_shared_closes=is_shared)
        if isinstance(outcome, Accepted):
            followed = TrackedOrder(order=outcome.order)
            if intent.purpose is Purpose.STOP:
                self._stops_at.append(outcome.order.placed_at)
            self._ledger = copy_with(self._ledger, tracked=(*self._ledger.tracked, followed))
        elif isinstance(outcome, Unknown):
            self._unfound[intent.id] = OpenIntent(
                intent=intent, at=at, until=self.fence.until, before=self._ledger.traces
            )
        if intent.is_opening and not isinstance(outcome, Rejected):
            self._permission = intent

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
            now = self._time_of_a_request()
            outcome = self._exchange.cancel(step.order, now_ms=now, fence=self.fence)
            if isinstance(outcome, Accepted):
                self._canceled.add(step.order.order_id)
                if not step.order.intent.is_opening:
                    self._ended_closes.add(step.order.order_id)
            return self._add_record(self._with_time(record_of(step, outcome), now))
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
        at = self._time_of_a_request()
        written = self._write_down(intent, kept, at=at)
        now = self._time_of_a_request()
        refused = self._refuse_opening(intent)
        if refused is not None:
            record = self._add_record(_denied_record(intent, refused))
            self._write_outcome(written, {"outcome": "not_sent", "reason": refused})
            return record
        outcome = self._exchange.submit(
            intent, book=book, rules=rules, now_ms=now, fence=self.fence
        )
        taken_at = outcome.order.placed_at if isinstance(outcome, Accepted) else None
        record = self._add_record(self._with_time(record_of(step, outcome), taken_at))
        self._follow(intent, outcome, at=at)
        self._write_outcome(written, msgspec.to_builtins(record))
        return record

    def _write_down(
        self, intent: OrderIntent, plan: PositionPlan | None, *, at: int
    ) -> Document | None:
        """Write the intent down; None where no store could be written, and the intent of an entry
        permits this order that protects it.

        What cannot be written is else not sent.
        """
        said: dict[str, Any] = {
            "intent": msgspec.to_builtins(intent),
            "plan": msgspec.to_builtins(plan) if plan is not None else None,
            "at": at,
        }
        if self._ledger is not None:
            said |= {"until": self.fence.until, "before": msgspec.to_builtins(self._ledger.traces)}
        try:
            written = self._bot.write_intent(intent.id, said, lease=self._lease)
        except (Unavailable, StoreBroken) as error:
            if not self._is_permitted(intent):
                raise
            log(
                "desk.unwritten",
                severity="ERROR",
                intent=intent.id,
                purpose=str(intent.purpose),
                error=type(error).__name__,
            )
            return None
        self.intents.append(written)
        return written

    def _write_outcome(self, written: Document | None, outcome: Mapping[str, Any]) -> None:
        """Record what the exchange answered.

        Where that cannot be written after an order that a real exchange has, the tick goes on: the
        order is protected, and the next tick finds it by its form.
        """
        if written is None:
            return
        try:
            self.intents[-1] = self._bot.record_outcome(written, outcome)
        except (Unavailable, StoreBroken) as error:
            if self._ledger is None:
                raise
            log("desk.unrecorded", severity="ERROR", error=type(error).__name__)

    def _is_permitted(self, intent: OrderIntent) -> bool:
        """Whether it only protects or ends what the entry of this tick opened: its stop at the
        entry's own price, its target, or a close, of no more than its size.
        """
        entry = self._permission
        if entry is None or intent.is_opening:
            return False
        if intent.side is not entry.side or intent.lots > entry.lots:
            return False
        return intent.kind is OrderKind.MARKET or (
            intent.trigger_price == entry.stop_price
            if intent.kind is OrderKind.STOP
            else intent.price == entry.target_price
        )

    def _with_time(self, record: OrderRecord, at: int | None) -> OrderRecord:
        """The record with its time at a real exchange; paper's times are those of its tick."""
        return record if self._ledger is None else copy_with(record, taken_at=at)

    def _add_record(self, record: OrderRecord) -> OrderRecord:
        self.records.append(record)
        return record

    def _refuse_opening(self, intent: OrderIntent) -> Reason | None:
        """Only an order that opens can be refused here; what protects always goes out."""
        if not intent.is_opening:
            return None
        if self._now_ms() > self._opens_until or self.is_shutting_down:
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
