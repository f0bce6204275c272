"""One tick with all its I/O, in order, in one place. `_Tick._work` is the story; `docs/architecture.md` draws it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
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
from shared.risk.limits import Limits
from shared.settings import Settings
from shared.state import State
from shared.stores.ports import Document, DocumentStore
from shared.stores.state import BotDocuments, Lease
from shared.types import (
    Account,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRequest:
    """Which tick is asked for. `tick` is the schedule time's name, or `manual-<received>`."""

    tick: str
    scheduled_at: int
    received_at: int


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
        self.status, self.reason, self.detail = TickStatus.DONE, Reason.OK, ""

    def run(self) -> TickReport:
        lease_ms = int(self.settings.tick.lease_seconds * 1000)
        now = self.ports.clock.now_ms()
        claim = self.bot.claim(self.request.tick, now_ms=now, lease_ms=lease_ms)
        if claim.report is not None:
            return replace(msgspec.convert(claim.report, TickReport), status=TickStatus.DUPLICATE)
        if claim.document is None:
            return self._busy("this tick is being worked on")
        lease = self.bot.take_lease(now_ms=now, lease_ms=lease_ms)
        if lease is None:
            self.bot.give_up_claim(claim.document)
            return self._busy("another tick holds the account")
        try:
            return self._work(lease, claim.document)
        except LeaseLost as error:
            return self._busy(str(error))
        except BotError:
            # Nothing was saved: give the tick back, so that the same one may be sent again.
            with suppress(BotError):
                self.bot.release(lease)
                self.bot.give_up_claim(claim.document)
            raise

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
        elif self.holdings is not None:
            self._guarded("fetch", self._fetch)
            if self.market is not None:
                self._guarded("decide", self._decide)
            if self.decision is not None:
                self._guarded("order", self._order)
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
        try:
            self.holdings = self.ports.exchange.reconcile(self.ports.clock.now_ms())
        except BotError as error:
            self._ended(TickStatus.DEGRADED, Reason.STEP_FAILED, f"reconcile: {_sentence(error)}")
            # What is known without the path is still protected; nothing is decided on it.
            with suppress(BotError):
                self._protect_with(self.ports.exchange.holdings(self.ports.clock.now_ms()))
            return
        self._recover_plan()
        self._account_for(self.holdings)

    def _account_for(self, holdings: Holdings) -> None:
        """Book closed trades and equity into the limits, what is held into the state. Doing it twice changes nothing."""
        now = self.ports.clock.now_ms()
        limits = self.state.limits or Limits.first(equity_jpy=holdings.equity_jpy, now_ms=now)
        halted_at = self.state.halted_at
        if halted_at and int(self.control.get("resumed_at", 0)) > halted_at:
            halted_at, limits = 0, limits.restarted(holdings.equity_jpy, now)
        limits = limits.after_trades(holdings.trades, now, self.settings)
        limits = limits.after_equity(holdings.equity_jpy, now)
        if not halted_at and limits.drawdown(holdings.equity_jpy) >= self.settings.risk.max_drawdown:
            halted_at = now
        self.state = replace(self.state, limits=limits, halted_at=halted_at).after_holdings(holdings)

    def _recover_plan(self) -> None:
        """A tick that died after sending an entry left its intent open: its plan is taken from there."""
        for intent in self.open_intents:
            if self.state.plan is None and intent.data.get("plan"):
                self.state = replace(self.state, plan=msgspec.convert(intent.data["plan"], PositionPlan))

    def _protect(self) -> None:
        """What is held gets its stop, orphans go. Needs neither candles nor model, and cannot stop the tick."""
        if self.holdings is None:
            return
        try:
            self._protect_with(self.holdings)
        except BotError as error:
            self._ended(TickStatus.DEGRADED, Reason.EXIT_UNPROTECTED, f"protect: {_sentence(error)}")

    def _protect_with(self, holdings: Holdings, market: Market | None = None) -> None:
        steps = planning.protection(
            holdings,
            plan=self.state.plan,
            signal=self.state.signal,
            tick=self._prefix("p" if market is None else "q"),
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
            self.holdings = self.ports.exchange.holdings(self.ports.clock.now_ms())

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
            self._protect_with(_some(self.holdings), self.market)

    def _due(self, now: int) -> bool:
        """Whether this tick may order something: a candle has closed, an entry may be tried again, or a time exit is due."""
        closed_at = now - now % Timeframe.M15.ms
        plan = self.state.plan
        return closed_at > self.state.candle.as_of or self.state.retries or (plan is not None and now >= plan.exit_by)

    def _decide(self) -> None:
        champion = self.ports.champions.serving()
        self.model = champion.bundle.version if champion.bundle is not None else None
        fetched = _some(self.market)
        self.market = market = replace(fetched, issues=(*fetched.issues, *champion.issues))
        self.issues = market.issues
        candles = market.candles[Timeframe.M15]
        newest = int(candles.closed_at[-1]) if len(candles) else 0
        if newest > self.state.candle.as_of:
            signal = pipeline.last_signal(market, bundle=champion.bundle, settings=self.settings)
            self.state = self.state if signal is None else self.state.after_candle(signal)
        if self.state.signal is None:
            self.decision = Decision(action=Action.DENY, as_of=newest, reason=Reason.DATA_MISSING)
            return
        decision, self.issues = pipeline.decide(
            self.state.signal,
            market=market,
            account=self._account(),
            now_ms=self.ports.clock.now_ms(),
            settings=self.settings,
        )
        if decision.action in {Action.ENTER, Action.DENY} and self.state.candle.closed:
            decision = Decision(action=Action.HOLD, as_of=decision.as_of, reason=Reason.NOTHING_NEW)
        self.decision = decision
        if self.control.get("halt") or self.state.halted_at:
            self._ended(TickStatus.HALTED, Reason.HALTED_BY_PERSON if self.control.get("halt") else Reason.LIMIT_DRAWDOWN, "")

    def _account(self) -> Account:
        holdings, limits = _some(self.holdings), _some(self.state.limits)
        return Account(
            equity_jpy=holdings.equity_jpy,
            capital_jpy=Decimal(self.settings.capital_jpy),
            available_jpy=holdings.available_jpy,
            equity_peak_jpy=limits.equity_peak_jpy,
            day_start_equity_jpy=limits.day_start_equity_jpy,
            losing_streak=limits.losing_streak,
            cooldown_until=limits.cooldown_until,
            halted=bool(self.control.get("halt")),
            drawdown_halted=bool(self.state.halted_at),
            position=holdings.positions[0] if holdings.positions else None,
            plan=self.state.plan,
            entry_resting=any(order.intent.opens for order in holdings.orders),
            attempts_used=self.state.candle.attempts_used,
        )

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
        opened = self.desk.carry_out(steps, book=market.book, rules=market.rules, plan=plan)
        if opened is not None and plan is not None:
            plan = replace(plan, entry_intent=opened)
        self.state = self.state.after_decision(decision, attempted=opened is not None, plan=plan)
        if steps:
            self.holdings = self.ports.exchange.holdings(self.ports.clock.now_ms())
            self._account_for(self.holdings)

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
        intents = [*self.open_intents, *self.desk.intents] if self.holdings is not None else []
        writes = [*filing.settled_intents(intents, of_this_tick=self.desk.intents), *filing.trades(report), *alerts]
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
