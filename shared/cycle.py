"""One tick with all its I/O, in order, in one place. `_Tick._work` is the story; `docs/architecture.md` draws it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from shared import filing, pipeline
from shared.alerts import Known
from shared.alerts.ports import AlertSink
from shared.champion import Champions
from shared.clock import Clock
from shared.desk import Desk
from shared.errors import BotError, LeaseLost
from shared.execution import plan as planning
from shared.execution.ports import Exchange
from shared.market.ports import MarketFeed
from shared.reasons import Reason
from shared.request import TickRequest
from shared.settings import Settings
from shared.state import State, unsaved_plans
from shared.stores.ports import Document, DocumentStore
from shared.stores.state import BotDocuments, Lease
from shared.types import (
    Action,
    Decision,
    Holdings,
    Issue,
    Market,
    PositionPlan,
    TickReport,
    TickStatus,
    Timeframe,
)

T = TypeVar("T")
MINUTE_MS = 60_000


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


class _Tick:
    """The working memory of one tick; it lives as long as the request."""

    def __init__(self, ports: Ports, settings: Settings, request: TickRequest) -> None:
        self.ports, self.settings, self.request = ports, settings, request
        self.bot = BotDocuments(ports.documents, settings.id)
        self.desk = Desk(
            exchange=ports.exchange,
            bot=self.bot,
            clock=ports.clock,
            settings=settings,
            received_at=request.received_at,
        )
        self.started = time.monotonic()
        self.counted = (ports.documents.reads, ports.documents.writes, ports.feed.requests)
        self.timings: dict[str, float] = {}
        self.before = self.state = State(mode=settings.mode, stage=settings.stage)
        self.holdings: Holdings | None = None
        self.market: Market | None = None
        self.decision: Decision | None = None
        self.issues: tuple[Issue, ...] = ()
        self.model: str | None = None
        self.trusted = self.ordered = False
        self.unsaved: list[PositionPlan] = []
        self.status, self.reason, self.detail = TickStatus.DONE, Reason.OK, ""

    def run(self) -> TickReport:
        lease_ms = int(self.settings.tick.lease_seconds * 1000)
        now = self.ports.clock.now_ms()
        claim = self.bot.claim(self.request.tick, now_ms=now, lease_ms=lease_ms)
        if claim.report is not None:
            return replace(msgspec.convert(claim.report, TickReport), status=TickStatus.DUPLICATE)
        if claim.document is None:
            return self._busy("this tick is being worked on")
        lease: Lease | None = None
        try:
            lease = self.bot.take_lease(now_ms=now, lease_ms=lease_ms)
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

    def _work(self, lease: Lease, claim: Document) -> TickReport:
        with self._timed("load"):
            self._load(lease)
        with self._timed("reconcile"):
            self._reconcile()
        with self._timed("protect"):
            self._protect()
        if self.request.scheduled_at < self.before.last_scheduled_at:
            newest = self.before.last_scheduled_at
            self._ended(TickStatus.LATE, Reason.TICK_LATE, f"a tick scheduled at {newest} has finished before this one")
        elif self.trusted:
            self._guarded("fetch", self._fetch)
            if self.market is not None:
                self._guarded("signal", self._read_signal)
                self._guarded("decide", self._decide)
            if self.decision is not None:
                self._guarded("order", self._order)
            if self.ordered:
                self._guarded("cover", self._cover)
        with self._timed("save"):
            report, waiting = self._save(lease, claim)
        seconds_left = self.settings.tick.answer_by_seconds - (time.monotonic() - self.started)
        now = self.ports.clock.now_ms()
        filing.deliver(waiting, bot=self.bot, sink=self.ports.sink, now_ms=now, seconds_left=seconds_left)
        return report

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
        self.before = self.state = State.stored(lease.state, self.settings)
        self.control = self.bot.control()
        self.waiting = self.bot.waiting_alerts()
        self.open_intents = self.bot.open_intents()

    def _reconcile(self) -> None:
        """Only an account that was read and booked whole is `trusted`: on anything less nothing is decided."""
        try:
            self._recover_plans()
            self.holdings = self.ports.exchange.reconcile(self.ports.clock.now_ms())
            self._account_for(self.holdings)
            self.state = self.state.after_unsaved(self.unsaved)
            self.trusted = True
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the account, what is held is still protected
            self._ended(TickStatus.DEGRADED, Reason.STEP_FAILED, f"reconcile: {_sentence(error)}")

    def _account_for(self, holdings: Holdings) -> None:
        """Book closed trades and equity into the limits, what is held into the state. Doing it twice changes nothing."""
        resumed_at = int(self.control.get("resumed_at", 0))
        now = self.ports.clock.now_ms()
        self.state = self.state.after_account(holdings, resumed_at=resumed_at, now_ms=now, settings=self.settings)

    def _recover_plans(self) -> None:
        """A tick that died after sending an entry left its intent open: its plan is newer than the saved one."""
        self.unsaved = unsaved_plans([intent.data for intent in self.open_intents])
        if self.unsaved:
            self.state = replace(self.state, plan=self.unsaved[-1])

    def _protect(self) -> None:
        """What is held gets its stop, orphans go. Needs neither the path nor candles nor model, and cannot stop the tick."""
        try:
            self._protect_with(self.holdings or self.ports.exchange.holdings(self.ports.clock.now_ms()), part="p")
        except Exception as error:  # noqa: BLE001 - the report of a tick that could not protect must still be saved
            self._ended(TickStatus.DEGRADED, Reason.EXIT_UNPROTECTED, f"protect: {_sentence(error)}")

    def _protect_with(self, holdings: Holdings, market: Market | None = None, *, part: str) -> None:
        """Carry out what protection asks for. `part` names this call: an intent's id is never used twice in a tick."""
        steps = planning.protection(
            holdings,
            plan=self.state.plan,
            signal=self.state.signal,
            tick=self._prefix(part),
            now_ms=self.ports.clock.now_ms(),
            settings=self.settings,
            book=market.book if market is not None else None,
            rules=market.rules if market is not None else None,
        )
        if steps:
            self.desk.carry_out(
                steps,
                book=market.book if market is not None else None,
                rules=market.rules if market is not None else None,
            )
            self._look_again()

    def _look_again(self) -> None:
        """After orders: what is held now, and what that means for limits and plan."""
        self.holdings = self.ports.exchange.holdings(self.ports.clock.now_ms())
        self._account_for(self.holdings)

    # the market and the decision

    def _fetch(self) -> None:
        """Wait until a candle that has just closed is final, bring the account up to the same instant, read the market."""
        clock, settle_ms = self.ports.clock, int(self.settings.tick.settle_seconds * 1000)
        now = clock.now_ms()
        minute = now - now % MINUTE_MS
        if self._due(now):
            if now < minute + settle_ms:
                clock.sleep_until(minute + settle_ms)
            if (_some(self.holdings).settled_until or minute) < minute:
                self.holdings = self.ports.exchange.reconcile(clock.now_ms())
                self._account_for(self.holdings)
        self.market = self.ports.feed.fetch(
            clock.now_ms(), deadline=self.started + self.settings.tick.no_new_order_after_seconds
        )
        self.issues = self.market.issues
        if planning.uncovered(_some(self.holdings), now_ms=clock.now_ms()):
            # The stop was refused without a book: with one it is known whether its trigger is passed, and the way is a close.
            self._protect_with(_some(self.holdings), self.market, part="q")

    def _due(self, now: int) -> bool:
        """Whether this tick may order something: a candle has closed, an entry may be tried again, or a time exit is due."""
        closed_at = now - now % Timeframe.M15.ms
        plan = self.state.plan
        return closed_at > self.state.candle.as_of or self.state.retries or (plan is not None and now >= plan.exit_by)

    def _read_signal(self) -> None:
        """Ask for the model, and read the signal of a new candle. If this breaks nothing is entered; what is held can end."""
        fetched = _some(self.market)
        broken = Issue(reason=Reason.STEP_FAILED, forbids_entry=True, context={"step": "signal"})
        self.market = replace(fetched, issues=(*fetched.issues, broken))
        champion = self.ports.champions.serving()
        self.model = champion.bundle.version if champion.bundle is not None else None
        market = replace(fetched, issues=(*fetched.issues, *champion.issues))
        if self._newest(market) > self.state.candle.as_of:
            signal = pipeline.last_signal(market, bundle=champion.bundle, settings=self.settings)
            if signal is not None:
                self.state = self.state.after_candle(signal, unsaved=self.unsaved, fills=_some(self.holdings).fills)
        self.market = market

    @staticmethod
    def _newest(market: Market) -> int:
        candles = market.candles[Timeframe.M15]
        return int(candles.closed_at[-1]) if len(candles) else 0

    def _decide(self) -> None:
        market = _some(self.market)
        self.issues = market.issues
        if self.state.signal is None:
            self.decision = Decision(action=Action.DENY, as_of=self._newest(market), reason=Reason.DATA_MISSING)
            return
        halted = bool(self.control.get("halt"))
        decision, self.issues = pipeline.decide(
            self.state.signal,
            market=market,
            account=self.state.account(_some(self.holdings), halted=halted, capital_jpy=self.settings.capital_jpy),
            now_ms=self.ports.clock.now_ms(),
            settings=self.settings,
        )
        if decision.action in {Action.ENTER, Action.DENY} and self.state.candle.closed:
            decision = Decision(action=Action.HOLD, as_of=decision.as_of, reason=Reason.NOTHING_NEW)
        self.decision = decision
        if halted or self.state.halted_at:
            self._ended(TickStatus.HALTED, Reason.HALTED_BY_PERSON if halted else Reason.LIMIT_DRAWDOWN, "")

    # orders

    def _order(self) -> None:
        decision, market, holdings = _some(self.decision), _some(self.market), _some(self.holdings)
        now = self.ports.clock.now_ms()
        steps: tuple[planning.Step, ...]
        if decision.action in {Action.ENTER, Action.EXIT}:
            steps = planning.orders(
                decision,
                holdings,
                book=market.book,
                rules=market.rules,
                tick=self._prefix("d"),
                now_ms=now,
                deadline_at=self.request.scheduled_at + int(self.settings.tick.no_new_order_after_seconds * 1000),
                settings=self.settings,
            )
        else:
            steps = planning.watched_target(
                holdings,
                plan=self.state.plan,
                book=market.book,
                rules=market.rules,
                tick=self._prefix("d"),
                now_ms=now,
                settings=self.settings,
            )
        plan = _plan_of(decision)
        self.desk.blocked_by_unknown = any(
            (doc.data.get("outcome") or {}).get("outcome") == "unknown" for doc in self.open_intents
        )
        self.ordered = bool(steps)
        opened = self.desk.carry_out(steps, book=market.book, rules=market.rules, plan=plan)
        if opened is not None and plan is not None:
            plan = replace(plan, entry_intent=opened)
        self.state = self.state.after_decision(decision, attempted=opened is not None, plan=plan)

    def _cover(self) -> None:
        """See what the orders did. Where a close did not happen, what it had to make room for comes back at once."""
        self._look_again()
        if planning.bare(_some(self.holdings), now_ms=self.ports.clock.now_ms()):
            self._protect_with(_some(self.holdings), self.market, part="r")

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
        fills = self.holdings.fills if self.holdings is not None else ()
        self.state = replace(
            self.state,
            last_tick=self.request.tick,
            last_scheduled_at=max(self.request.scheduled_at, self.before.last_scheduled_at),
            last_finished_at=self.ports.clock.now_ms(),
            last_fill_sequence=max([self.before.last_fill_sequence, *(fill.sequence for fill in fills)]),
            model=self.model or self.before.model,
            profile=settings.profile,
            settings_hash=settings.hash,
        )
        report = self._report(self.status, self.reason, self.detail)
        before, after = _known(self.before), _known(self.state)
        fresh = filing.fresh_alerts(report, documents, settings, before=before, after=after)
        alerts = [filing.outbox(alert, settings) for alert in fresh]
        report = replace(report, alerts=tuple(write.path.removeprefix("alerts/") for write in alerts))
        intents = [*self.open_intents, *self.desk.intents] if self.trusted else []
        settled = filing.settled_intents(intents, of_this_tick=self.desk.intents, counted_until=self.state.candle.as_of)
        writes = [*settled, *filing.trades(report), *alerts]
        if self.state.candle.as_of != self.before.candle.as_of:
            writes += filing.day(report, documents, candle_at=self.state.candle.as_of)
        # What this very batch writes (state, report, the rest) belongs to the count that it stores.
        report = replace(report, counts={**report.counts, "writes": report.counts["writes"] + 2 + len(writes)})
        self.bot.save(lease, state=self.state.told(), claim=claim, report=msgspec.to_builtins(report), more=writes)
        return report, [*self.waiting, *(filing.as_stored(write) for write in alerts)]

    def _busy(self, detail: str) -> TickReport:
        return self._report(TickStatus.BUSY, Reason.LEASE_HELD, detail)

    def _report(self, status: TickStatus, reason: Reason, detail: str) -> TickReport:
        reads, writes, requests = self.counted
        return filing.report(
            TickReport(
                tick=self.request.tick,
                bot=self.settings.id,
                status=status,
                scheduled_at=self.request.scheduled_at,
                received_at=self.request.received_at,
                finished_at=self.ports.clock.now_ms(),
                mode=self.settings.mode,
                stage=self.settings.stage,
                settings_hash=self.settings.hash,
                reason=reason,
                detail=detail,
                profile=self.settings.profile,
                decision=self.decision,
                signal=self.state.signal if self.decision is not None else None,
                issues=self.issues,
                orders=tuple(self.desk.records),
                plan=self.state.plan,
                model=self.model,
                timings_ms={**self.timings, "total": _since(self.started)},
                counts={
                    "reads": self.ports.documents.reads - reads,
                    "writes": self.ports.documents.writes - writes,
                    "requests": self.ports.feed.requests - requests,
                },
            ),
            holdings=self.holdings,
            mid=self.market.book.mid if self.market is not None and self.market.book is not None else None,
            trades_seen=self.before.limits.last_trade_sequence if self.before.limits is not None else 0,
            fills_seen=self.before.last_fill_sequence,
        )

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.timings[step] = _since(began)


def _plan_of(decision: Decision) -> PositionPlan | None:
    if decision.action is not Action.ENTER or decision.side is None or decision.exit_by is None:
        return None
    return PositionPlan(
        side=decision.side,
        stop_price=decision.stop_price,
        target_price=decision.target_price,
        exit_by=decision.exit_by,
        as_of=decision.as_of,
        entry_intent="",
    )


def _known(state: State) -> Known:
    return Known(model=state.model, halted_at=state.halted_at)


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 2)


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, BotError) else f"{type(error).__name__}: {error}"


def _some(value: T | None) -> T:
    if value is None:
        raise AssertionError("a step ran before the one that it needs")
    return value
