"""One tick with all its I/O, in order, in one place. `_Tick._work` is the story; `docs/architecture.md` draws it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from shared import features
from shared.alerts import Known, sentence
from shared.alerts.ports import AlertSink
from shared.core.clock import BoundedClock, Clock
from shared.core.errors import BadData, BotError, LeaseLost
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.tick_times import latest_believed, latest_start_ms, lease_end, longest_hold_ms
from shared.core.types import Book, Counted, Features, Holdings, Issue, Market, PairRules, PositionPlan, TickReport, TickStatus
from shared.market.ports import MarketFeed
from shared.orders.plan import Step
from shared.orders.ports import Exchange
from shared.stores.ports import Document, DocumentStore
from shared.tick import filing
from shared.tick.desk import Desk
from shared.tick.documents import BotDocuments, Lease
from shared.tick.intents import sorted_out, unsaved_plans
from shared.tick.request import TickRequest
from shared.turn import pipeline
from shared.turn.champion import Champion, Champions, permission
from shared.turn.state import State, capital_changed, impossible
from shared.turn.turn import Turn, newest, some, told, unread
from shared.turn.watch.candle import watch

MENDED_BY = "`scripts/bot doctor` names what is damaged and how it is mended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything outside that a tick touches. `functions/wiring.py` chooses the adapters."""

    clock: Clock
    documents: DocumentStore
    feed: MarketFeed
    exchange: Exchange
    champions: Champions
    sink: AlertSink


def run_tick(ports: Ports, settings: Settings, request: TickRequest) -> TickReport:
    """Run one tick to its end. Raises only where nothing was saved and the same tick may safely be sent again."""
    return _Tick(ports, settings, request).run()


class _OnThePorts:
    """The hands of a tick: its clock, the exchange, and the desk that writes each intent down before it is sent."""

    def __init__(self, clock: Clock, exchange: Exchange) -> None:
        self._clock, self._exchange = clock, exchange
        self.desk: Desk | None = None
        self.counted: Counted | None = None

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def sleep_until(self, at_ms: int) -> None:
        self._clock.sleep_until(at_ms)

    def reconcile(self, now_ms: int) -> Holdings:
        return self._exchange.reconcile(now_ms, counted=self.counted, fence=some(self.desk).fence)

    def holdings(self, now_ms: int) -> Holdings:
        return self._exchange.holdings(now_ms)

    def carry_out(
        self, steps: Sequence[Step], *, book: Book | None, rules: PairRules | None, plan: PositionPlan | None
    ) -> str | None:
        return some(self.desk).carry_out(steps, book=book, rules=rules, plan=plan)


class _Tick:
    """The working memory of one tick; it lives as long as the request."""

    def __init__(self, ports: Ports, settings: Settings, request: TickRequest) -> None:
        self.ports, self.settings, self.request = ports, settings, request
        self.bot = BotDocuments(ports.documents, settings.id)
        self.clock = BoundedClock(ports.clock, allowed_ms=settings.market.max_clock_skew_ms)
        self.hands = _OnThePorts(self.clock, ports.exchange)
        self.before = State(mode=settings.mode, stage=settings.stage)
        self.turn = Turn(state=self.before, hands=self.hands, settings=settings, prefix=self._prefix)
        self.started = time.monotonic()
        self.counted = (ports.documents.reads, ports.documents.writes, ports.feed.requests)
        self.timings: dict[str, float] = {}
        self.market: Market | None = None
        self.model: str | None = None
        self.trusted = False
        self.readable = True
        self.unsaved: list[PositionPlan] = []
        self.impossible: tuple[Issue, ...] = ()
        self.said: Mapping[str, Mapping[str, Any]] = {}
        self.status, self.reason, self.detail = TickStatus.DONE, Reason.OK, ""

    def run(self) -> TickReport:
        with self._timed("clock"):
            self._compare_clocks()
        now = self.clock.now_ms()
        self._believe_the_request(now)
        lease_ms = lease_end(self.request.scheduled_at, now, self.settings) - now
        longest_ms = longest_hold_ms(self.settings)
        claim = self.bot.claim(self.request.tick, now_ms=now, lease_ms=lease_ms, longest_ms=longest_ms)
        if claim.report is not None:
            return self._duplicate(claim.report)
        if claim.document is None:
            return self._busy("this tick is being worked on")
        lease: Lease | None = None
        try:
            seen_at = self.clock.exchange_ms()
            lease = self.bot.take_lease(now_ms=now, lease_ms=lease_ms, longest_ms=longest_ms, seen_at=seen_at)
            if lease is not None:
                return self._work(lease, claim.document)
        except LeaseLost as error:
            return self._busy(str(error))
        except Exception:
            # Whatever it was, nothing was saved: give the tick back, so that the same one may be sent again.
            with suppress(BotError):
                if lease is not None:
                    self.bot.release(lease)
                self.bot.give_up_claim(claim.document)
            raise
        self.bot.give_up_claim(claim.document)
        return self._busy("another tick holds the account")

    def _compare_clocks(self) -> None:
        """Before any time is written down: the machine's clock against the exchange's. Where nobody answers it is believed."""
        with suppress(Exception):
            deadline = self.started + self.settings.exchange.timeout_seconds
            self.clock.compare(self.ports.feed.clock_skew_ms(deadline=deadline))

    def _believe_the_request(self, now_ms: int) -> None:
        asked, latest_ms = self.request, latest_believed(now_ms, self.settings)
        if self.clock.off_ms:  # whoever named the tick may have looked at the same clock
            latest_ms = now_ms + int(self.settings.market.max_clock_skew_ms)
        self.request = asked.believed(now_ms, latest_ms=latest_ms)
        if asked.scheduled_at > latest_ms and not self.clock.off_ms:
            self.impossible = (impossible("scheduled_at", asked.scheduled_at),)

    def _work(self, lease: Lease, claim: Document) -> TickReport:
        self.hands.desk = Desk(
            exchange=self.ports.exchange,
            bot=self.bot,
            clock=self.clock,
            settings=self.settings,
            lease=lease,
            opens_until=self.request.scheduled_at + int(self.settings.tick.no_new_order_after_seconds * 1000),
        )
        with self._timed("load"):
            self._load(lease)
        with self._timed("reconcile"):
            self._reconcile()
        with self._timed("protect"):
            self._protect()
        if not self._only_protects() and self.trusted:
            self._guarded("fetch", self._fetch)
            if self.market is not None and not self._clock_is_off():
                self._guarded("signal", self._read_signal)
                self._guarded("decide", self._decide)
            if self.turn.decision is not None:
                self._guarded("order", self._order)
            if self.turn.ordered:
                self._guarded("cover", lambda: self.turn.cover(some(self.market)))
            self._tell_unread()
        elif self.turn.bare():
            self._guarded("fetch", self._fetch)
        with self._timed("save"):
            report, waiting = self._save(lease, claim)
        seconds_left = self.settings.tick.answer_by_seconds - (time.monotonic() - self.started)
        now = self.clock.now_ms()
        sure = self.clock.known and not self.clock.off_ms
        filing.deliver(waiting, bot=self.bot, sink=self.ports.sink, now_ms=now, sure=sure, seconds_left=seconds_left)
        return report

    def _only_protects(self) -> bool:
        """Whether this tick must decide nothing: its clock is wrong, a newer one has finished, or no time is left for it."""
        newest, scheduled_at = self.before.last_scheduled_at, self.request.scheduled_at
        late_ms = self.request.received_at - scheduled_at
        if self._clock_is_off():
            return True
        if scheduled_at < newest:
            self._ended(TickStatus.LATE, Reason.TICK_LATE, f"a tick scheduled at {newest} has finished before this one")
        elif late_ms > latest_start_ms(self.settings):
            found = f"it was taken up {late_ms / 1000:.0f} s after its schedule time, too late for its work"
            self._ended(TickStatus.LATE, Reason.TICK_LATE, found)
        return self.status is TickStatus.LATE

    def _clock_is_off(self) -> bool:
        """Whether the machine's clock is known to be wrong: then nothing is decided, for all of it rests on time."""
        off_ms = self.clock.off_ms
        if off_ms:
            found = (
                f"this machine's clock is {abs(off_ms) / 1000:.0f} s {'ahead of' if off_ms > 0 else 'behind'} the exchange's"
            )
            self._ended(TickStatus.DEGRADED, Reason.CLOCK_SKEW, f"{found}; what is held is protected, nothing is decided")
        return bool(off_ms)

    def _guarded(self, step: str, work: Callable[[], None]) -> None:
        """After *protect* a failure means "no entries, degraded", never "no protection": whatever breaks, the tick goes on."""
        with self._timed(step):
            try:
                work()
            except LeaseLost:
                raise
            except Exception as error:  # noqa: BLE001 - any failure of a step becomes a reason in the report and an alert
                self._ended(TickStatus.DEGRADED, Reason.STEP_FAILED, f"{step}: {_sentence(error)}")

    # what is held, and its protection

    def _load(self, lease: Lease) -> None:
        self.fence = lease.fence
        self.control = self.bot.control()
        self.waiting = self.bot.waiting_alerts()
        self.open_intents = self.bot.open_intents()
        self.intents, self.damaged_intents = sorted_out((intent.path, intent.data) for intent in self.open_intents)
        try:
            self.before = self.turn.state = self._believed(State.stored(lease.state, self.settings))
            self.hands.counted = self.before.counted
        except BadData as error:
            self.readable = False
            self.before = self.turn.state = State.salvaged(lease.state, self.settings)
            self._ended(TickStatus.DEGRADED, Reason.STATE_DAMAGED, str(error))

    def _believed(self, stored: State) -> State:
        """The stored state without the times that lie in the future. A clock that is wrong cannot judge them."""
        if self.clock.off_ms:
            return stored
        now = self.clock.now_ms()
        believed, strange = stored.believed(now, latest_ms=latest_believed(now, self.settings), settings=self.settings)
        self.impossible = (*self.impossible, *strange)
        return believed

    def _reconcile(self) -> None:
        """Only an account and a state that were read and booked whole are `trusted`: on anything less nothing is decided."""
        try:
            self._recover_plans()
            self.turn.holdings = self.hands.reconcile(self.clock.now_ms())
            self.turn.lifts = self.control.lifts_drawdown
            self.turn.book(self.turn.holdings)
            self.turn.state = self.turn.state.after_unsaved(self.unsaved)
            self.trusted = self.readable
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the account, what is held is still protected
            self._ended(TickStatus.DEGRADED, Reason.STEP_FAILED, f"reconcile: {_sentence(error)}")
        for issue in self._own_issues():
            if issue.forbids_entry:
                self._ended(TickStatus.DEGRADED, issue.reason, issue.context["found"])

    def _recover_plans(self) -> None:
        """A tick that died after sending an entry left its intent open: its plan is newer than the saved one."""
        self.unsaved = unsaved_plans(self.intents.values())
        if self.unsaved:
            self.turn.state = replace(self.turn.state, plan=self.unsaved[-1])

    def _protect(self) -> None:
        """What is held gets its stop, orphans go. Needs neither the path nor candles nor model, and cannot stop the tick."""
        try:
            self.turn.protect(self.turn.holdings or self.ports.exchange.holdings(self.clock.now_ms()), part="p")
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - the report of a tick that could not protect must still be saved
            self._ended(TickStatus.DEGRADED, Reason.EXIT_UNPROTECTED, f"protect: {_sentence(error)}")

    # the market and the decision

    def _fetch(self) -> None:
        """Wait until a candle that has just closed is final, bring the account up to the same instant, read the market."""
        self.turn.settle()
        self.market = self.ports.feed.fetch(
            self.clock.own_ms(),
            deadline=self.started + self.settings.tick.no_new_order_after_seconds,
            may_enter=self.turn.due(self.clock.now_ms()),
        )
        self.clock.compare(self.market.clock_skew_ms)
        self.market = self.turn.look_at(replace(self.market, issues=(*self._own_issues(), *self.market.issues)))

    def _tell_unread(self) -> None:
        """A tick that could not see the market is degraded, also where nothing was at stake."""
        missing = None if self.market is None else unread(self.market)
        if missing is not None:
            self._ended(
                TickStatus.DEGRADED, missing.reason, missing.context.get("detail") or sentence(missing.reason, missing.context)
            )

    def _own_issues(self) -> Iterator[Issue]:
        """What lies damaged in the store and forbids entries until a person mends it, and a capital that is not the account's.

        What is held can still end.
        """
        for found in self.control.damaged.values():
            yield Issue(reason=Reason.CONTROL_DAMAGED, forbids_entry=True, context={"found": found, "remedy": MENDED_BY})
        for found in self.damaged_intents.values():
            yield Issue(reason=Reason.INTENT_DAMAGED, forbids_entry=True, context={"found": found, "remedy": MENDED_BY})
        changed = None if self.turn.holdings is None else capital_changed(self.turn.holdings, self.settings)
        if changed is not None:
            yield Issue(reason=Reason.CAPITAL_CHANGED, forbids_entry=False, context={"found": changed})

    def _read_signal(self) -> None:
        """Ask for the model, and read the signal of a new candle. If this breaks nothing is entered; what is held can end."""
        fetched = some(self.market)
        broken = Issue(reason=Reason.STEP_FAILED, forbids_entry=True, context={"step": "signal"})
        self.market = replace(fetched, issues=(*fetched.issues, broken))
        champion = self.ports.champions.serving()
        self.model = champion.bundle.version if champion.bundle is not None else None
        allowed = permission(champion.bundle, self.settings, rules=fetched.rules, answers_otherwise=champion.answers_otherwise)
        issues = (*fetched.issues, *champion.issues, *allowed)
        if newest(fetched) > self.turn.state.candle.as_of:
            computed = None if champion.bundle is None else features.compute(pipeline.window(fetched, self.settings))
            signal = pipeline.last_signal(fetched, bundle=champion.bundle, settings=self.settings, computed=computed)
            if signal is not None:
                self.turn.read(signal, unsaved=self.unsaved)
                with self._timed("watch"):
                    self._watch(fetched, champion, computed, side=0 if signal.side is None else signal.side.sign)
        doubts = (issue for issue in self.turn.state.doubts if issue.context.get("model", self.model) == self.model)
        self.market = replace(fetched, issues=(*issues, *doubts))

    def _watch(self, market: Market, champion: Champion, computed: Features | None, *, side: int) -> None:
        """What speaks against the champion, and what both models say of the candle. A failure here disturbs no decision.

        Except where a person wants no entries with a suspect model: one that cannot be watched is suspect.
        """
        doubts: tuple[Issue, ...] = ()
        try:
            if champion.bundle is not None and computed is not None:
                found = watch(
                    champion.bundle,
                    champion.challenger,
                    candles=pipeline.window(market, self.settings),
                    computed=computed,
                    side=side,
                    pointer=champion.pointer,
                    now_ms=self.clock.now_ms(),
                    settings=self.settings,
                )
                doubts, self.said = found.doubts, found.said
        except Exception as error:  # noqa: BLE001 - whatever it is, the tick goes on, and says so
            context = {"step": "watch", "found": _sentence(error)}
            doubts = (Issue(reason=Reason.STEP_FAILED, forbids_entry=self.settings.watch.forbid_entries, context=context),)
        self.turn.state = replace(self.turn.state, doubts=doubts)

    def _decide(self) -> None:
        halted = bool(self.control.halts)
        self.turn.decide(some(self.market), halted=halted)
        if self.turn.state.signal is not None and (halted or self.turn.state.halted_at):
            self._ended(TickStatus.HALTED, Reason.HALTED_BY_PERSON if halted else Reason.LIMIT_DRAWDOWN, "")

    # orders

    def _order(self) -> None:
        written = [self.intents[doc.path] for doc in self.open_intents if doc.path in self.intents]
        some(self.hands.desk).blocked_by_unknown = any(intent.unsettled for intent in written)
        self.turn.order(some(self.market), scheduled_at=self.request.scheduled_at)
        if self.turn.gap_ms is not None:
            self.timings["gap"] = float(self.turn.gap_ms)

    def _prefix(self, part: str) -> str:
        """Deterministic, and another one when a tick is taken over: what the dead one wrote is never written again."""
        return f"{self.request.tick}.{self.fence}{part}"

    # the end

    def _ended(self, status: TickStatus, reason: Reason, detail: str) -> None:
        """Keep the first thing that went wrong."""
        if self.status is TickStatus.DONE:
            self.status, self.reason, self.detail = status, reason, detail

    def _save(self, lease: Lease, claim: Document) -> tuple[TickReport, list[Document]]:
        documents, settings = self.ports.documents, self.settings
        turn = self.turn
        fills = turn.holdings.fills if turn.holdings is not None else ()
        turn.state = replace(
            turn.state,
            last_tick=self.request.tick,
            last_scheduled_at=max(self.request.scheduled_at, self.before.last_scheduled_at),
            last_finished_at=self.clock.now_ms(),
            late_in_a_row=self.before.late_in_a_row + 1 if self.status is TickStatus.LATE else 0,
            last_fill_sequence=max([self.before.last_fill_sequence, *(fill.sequence for fill in fills)]),
            model=self.model or self.before.model,
            profile=settings.profile,
            settings_hash=settings.hash,
        )
        report = self._report(self.status, self.reason, self.detail)
        before, after = _known(self.before), _known(turn.state)
        fresh = filing.fresh_alerts(report, documents, settings, before=before, after=after)
        alerts = [filing.outbox(alert, settings) for alert in fresh]
        report = replace(report, alerts=tuple(write.path.removeprefix("alerts/") for write in alerts))
        sound = [intent for intent in self.open_intents if intent.path in self.intents]
        of_this_tick = some(self.hands.desk).intents
        intents = [*sound, *of_this_tick] if self.trusted else []
        settled = filing.settled_intents(intents, of_this_tick=of_this_tick, counted_until=turn.state.candle.as_of)
        writes = [*settled, *filing.trades(report, documents), *alerts]
        if turn.state.candle.as_of != self.before.candle.as_of:
            writes += filing.day(report, documents, candle_at=turn.state.candle.as_of, said=self.said)
        # What this very batch writes (state, report, the rest) belongs to the count that it stores.
        report = replace(report, counts={**report.counts, "writes": report.counts["writes"] + 2 + len(writes)})
        state = turn.state.told(over=lease.state) if self.readable else lease.state
        self.bot.save(lease, state=state, claim=claim, report=msgspec.to_builtins(report), more=writes)
        return report, [*self.waiting, *(filing.as_stored(write) for write in alerts)]

    def _duplicate(self, stored: Mapping[str, Any]) -> TickReport:
        try:
            return replace(msgspec.convert(stored, TickReport), status=TickStatus.DUPLICATE)
        except msgspec.ValidationError as error:
            return self._report(TickStatus.DUPLICATE, Reason.OK, f"done before; its stored report cannot be read ({error})")

    def _busy(self, detail: str) -> TickReport:
        return self._report(TickStatus.BUSY, Reason.LEASE_HELD, detail)

    def _report(self, status: TickStatus, reason: Reason, detail: str) -> TickReport:
        reads, writes, requests = self.counted
        turn = self.turn
        return told(
            TickReport(
                tick=self.request.tick,
                bot=self.settings.id,
                status=status,
                scheduled_at=self.request.scheduled_at,
                received_at=self.request.received_at,
                finished_at=self.clock.now_ms(),
                mode=self.settings.mode,
                stage=self.settings.stage,
                settings_hash=self.settings.hash,
                reason=reason,
                detail=detail,
                profile=self.settings.profile,
                decision=turn.decision,
                signal=turn.state.signal if turn.decision is not None else None,
                issues=self._issues(),
                orders=() if self.hands.desk is None else tuple(self.hands.desk.records),
                plan=turn.state.plan,
                model=self.model,
                timings_ms={**self.timings, "total": _since(self.started)},
                counts={
                    "reads": self.ports.documents.reads - reads,
                    "writes": self.ports.documents.writes - writes,
                    "requests": self.ports.feed.requests - requests,
                },
            ),
            holdings=turn.holdings,
            mid=self.market.book.mid if self.market is not None and self.market.book is not None else None,
            before=self.before.counted,
            after=turn.state.counted if self.readable else self.before.counted,
        )

    def _issues(self) -> tuple[Issue, ...]:
        """What is wrong; and where a person's word lets the model enter, every report says so, whatever the tick came to."""
        overruled = self.settings.risk.overrule_model
        issues = (*self._time_issues(), *self.turn.issues)
        said = any(issue.reason is Reason.MODEL_OVERRULED for issue in issues)
        if said or not overruled or overruled != (self.model or self.before.model):
            return issues
        found = f"risk.overrule_model lets {overruled} enter, whatever its gate said"
        return (*issues, Issue(reason=Reason.MODEL_OVERRULED, forbids_entry=False, context={"found": found}))

    def _time_issues(self) -> tuple[Issue, ...]:
        """What is wrong with the time: that of this machine, and what was stored by another."""
        off_ms = self.clock.off_ms
        if not off_ms or any(issue.reason is Reason.CLOCK_SKEW for issue in self.turn.issues):
            return self.impossible
        return (Issue(reason=Reason.CLOCK_SKEW, forbids_entry=True, context={"ahead_ms": str(off_ms)}), *self.impossible)

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.timings[step] = _since(began)


def _known(state: State) -> Known:
    return Known(model=state.model, halted_at=state.halted_at, late_in_a_row=state.late_in_a_row)


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 2)


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, BotError) else f"{type(error).__name__}: {error}"
