"""One tick with all its I/O: claim, lease, load, the sequence of its steps, save, tell.

`docs/architecture.md` draws it.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import msgspec

from shared.alerts import KnownBefore
from shared.alerts.outlets import Outlet
from shared.core.clock import BoundedClock, Clock
from shared.core.deadline import Deadline, bind_deadline
from shared.core.errors import BotError, LeaseLost, Unavailable
from shared.core.logs import log
from shared.core.reasons import Reason
from shared.core.sentences import say
from shared.core.settings import Settings
from shared.core.tick_times import latest_believed, lease_end, longest_hold_ms
from shared.core.types import Alert, Issue, Ledger, TickReport, TickStatus
from shared.market.ports import MarketFeed
from shared.orders.own_book import restage_ledger, staged_capital_jpy
from shared.orders.ports import Exchange
from shared.stores.lease import Lease, draw_holder
from shared.stores.ports import Document, DocumentStore
from shared.tick import filing
from shared.tick.control import Moved
from shared.tick.desk import Desk
from shared.tick.documents import BotDocuments
from shared.tick.guard import TickGuard
from shared.tick.live.standing import lower_stage
from shared.tick.loaded import Loaded, load_tick_inputs
from shared.tick.meter import Meter, MeteredClock
from shared.tick.present import Present
from shared.tick.reporter import Reporter
from shared.tick.request import TickRequest
from shared.turn import sequence
from shared.turn.champion import Champions
from shared.turn.state import State, impossible_time_issue
from shared.turn.steps import Steps
from shared.turn.turn import Ending, Turn

RESERVE = 0.05
"""The share of a tick's time that is kept for giving back what it holds where it failed, and as
much again for telling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything outside that a tick touches. `functions/wiring.py` chooses the adapters. `key` is
    the fingerprint of the key that a real account is asked with. `shutdown` says whether this
    process was asked to end. `is_rehearsal`: `documents` are a copy, and nothing is sent.

    >>> import tempfile
    >>> from functions import wiring
    >>> with tempfile.TemporaryDirectory() as home:
    ...     ports = wiring.ports(wiring.settings_from({"BOT_HOME": home}), {})
    ...     ports.documents.close()
    >>> type(ports.exchange).__name__, type(ports.documents).__name__
    ('PaperExchange', 'SqliteDocuments')
    """

    clock: Clock
    documents: DocumentStore
    feed: MarketFeed
    exchange: Exchange
    champions: Champions
    outlet: Outlet
    key: str = ""
    shutdown: Callable[[], bool] | None = None
    is_rehearsal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """A tick before it holds the account: which one it is, by clocks that were compared, and until
    when it may take.
    """

    ports: Ports
    settings: Settings
    deadline: Deadline
    now_ms: int
    request: TickRequest
    bot: BotDocuments
    clock: BoundedClock
    meter: Meter
    reporter: Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A tick that holds the account."""

    lease: Lease
    claim: Document
    loaded: Loaded
    desk: Desk
    source: Present


def run_tick(
    ports: Ports, settings: Settings, request: TickRequest, *, deadline: Deadline | None = None
) -> TickReport:
    """Run one tick to its end.

    Stores, exchange and sink wait no longer than `deadline`: `answer_by_seconds` after the tick was
    received, or after now.

    Raises only where nothing was saved and the same tick may safely be sent again.
    """
    whole = settings.tick.answer_by_seconds
    until = Deadline.after(whole) if deadline is None else deadline
    with bind_deadline(until):
        exchange = ports.exchange if ports.exchange.is_attended else None
        meter = Meter(
            ports.documents,
            ports.feed,
            exchange=exchange,
            began=until.at - whole,
            is_rehearsal=ports.is_rehearsal,
        )
        with bind_deadline(until.earlier(2 * RESERVE * whole)):
            start = _begin(ports, settings, request, until, meter)
        return _run(start)


@dataclass(frozen=True, slots=True, kw_only=True)
class _News:
    """What is to be told: stored just now, known already, and whether something waits since
    before.
    """

    fresh: Sequence[Alert] = ()
    repeated: Sequence[Alert] = ()
    has_older: bool = False


def _begin(
    ports: Ports, settings: Settings, request: TickRequest, deadline: Deadline, meter: Meter
) -> _Start:
    clock = BoundedClock(ports.clock, allowed_ms=settings.market.max_clock_skew_ms)
    with meter.time_step("clock"):
        _compare(clock, ports.feed, deadline=time.monotonic() + settings.exchange.timeout_seconds)
    now = clock.now_ms()
    believed, strange = _believe_request(request, clock, now_ms=now, settings=settings)
    return _Start(
        ports=ports,
        settings=settings,
        deadline=deadline,
        now_ms=now,
        request=believed,
        bot=BotDocuments(ports.documents, settings.id),
        clock=clock,
        meter=meter,
        reporter=Reporter(
            request=believed, settings=settings, clock=clock, meter=meter, strange=strange
        ),
    )


def _run(start: _Start) -> TickReport:
    settings, bot, reporter, clock = start.settings, start.bot, start.reporter, start.clock
    now, reserve = start.now_ms, RESERVE * settings.tick.answer_by_seconds
    lease_ms = lease_end(start.request.scheduled_at, now, settings) - now
    longest_ms = longest_hold_ms(settings)
    work_until, holder = start.deadline.earlier(2 * reserve), draw_holder()
    try:
        with bind_deadline(work_until):
            claim = bot.claim(
                start.request.tick,
                now_ms=now,
                lease_ms=lease_ms,
                longest_ms=longest_ms,
                holder=holder,
            )
    except BotError:
        # It may have been written all the same: the same tick sent again would find it worked on.
        with suppress(BotError), bind_deadline(start.deadline.earlier(reserve)):
            bot.give_up_open_claim(start.request.tick, holder)
        raise
    if claim.report is not None:
        return reporter.report_duplicate(claim.report)
    if claim.document is None:
        return reporter.report_undone(_busy("this tick is being worked on"))
    lease: Lease | None = None
    try:
        with bind_deadline(work_until):
            lease = bot.take_lease(
                now_ms=now,
                lease_ms=lease_ms,
                longest_ms=longest_ms,
                seen_at=clock.exchange_ms(),
                holder=holder,
            )
            done = None if lease is None else _work(start, lease, claim.document)
    except LeaseLost as error:
        return reporter.report_undone(_busy(str(error)))
    except Exception:
        # Whatever it was, nothing was saved: give the tick back, so that the same one may be sent
        # again.
        with suppress(BotError), bind_deadline(start.deadline.earlier(reserve)):
            if lease is None:  # it may have been written all the same
                bot.release_open_lease(holder)
            else:
                bot.release(lease)
        with suppress(BotError), bind_deadline(start.deadline.earlier(reserve)):
            bot.give_up_claim(claim.document)
        raise
    if done is None:
        bot.give_up_claim(claim.document)
        return reporter.report_undone(_busy("another tick holds the account"))
    report, news = done
    _tell(start.ports.outlet, news, until=start.deadline.earlier(reserve))
    return report


def _tell(outlet: Outlet, news: _News, *, until: Deadline) -> None:
    try:
        outlet.pass_on(
            news.fresh,
            repeated=news.repeated,
            has_older=news.has_older,
            seconds=until.seconds_left,
        )
    # The tick is saved; its answer must not depend on who tells of it.
    except Exception as error:  # noqa: BLE001
        log("alerts.undelivered", severity="ERROR", error=type(error).__name__)


def _compare(clock: BoundedClock, feed: MarketFeed, *, deadline: float) -> None:
    """Before any time is written down: the machine's clock against the exchange's.

    Where nobody answers it is believed.
    """
    with suppress(Exception):
        clock.compare(feed.clock_skew_ms(deadline=deadline))


def _believe_request(
    request: TickRequest, clock: BoundedClock, *, now_ms: int, settings: Settings
) -> tuple[TickRequest, tuple[Issue, ...]]:
    """The request as far as it is believed, and what of it is not."""
    latest_ms = latest_believed(now_ms, settings)
    if clock.off_ms:  # whoever named the tick may have looked at the same clock
        latest_ms = now_ms + int(settings.market.max_clock_skew_ms)
    is_strange = request.scheduled_at > latest_ms and not clock.off_ms
    strange = (impossible_time_issue("scheduled_at", request.scheduled_at),) if is_strange else ()
    return request.believe_clock(now_ms, latest_ms=latest_ms), strange


def _work(start: _Start, lease: Lease, claim: Document) -> tuple[TickReport, _News]:
    """The report of the tick, saved, and what is to be told."""
    ports, settings, request, meter = start.ports, start.settings, start.request, start.meter
    with meter.time_step("load"):
        loaded = load_tick_inputs(
            start.bot, lease, clock=start.clock, settings=settings, key=ports.key
        )
    if loaded.moved is not None:
        return _leave(start, lease, claim, loaded.moved), _News()
    start = _stage_start(start, loaded)
    settings = start.settings
    desk = Desk(
        exchange=ports.exchange,
        bot=start.bot,
        clock=start.clock,
        settings=settings,
        lease=lease,
        opens_until=request.scheduled_at + int(settings.tick.no_new_order_after_seconds * 1000),
        counted=loaded.counted_account,
        ledger=_staged_ledger(loaded.ledger, settings),
        corrected=loaded.adopted,
        open_intents=loaded.asked_about,
        blocked_by_unknown=loaded.is_blocked,
        confirmed_orders=loaded.confirmed_orders,
        shutdown=ports.shutdown,
    )
    source = Present(
        feed=ports.feed,
        champions=ports.champions,
        clock=start.clock,
        meter=meter,
        settings=settings,
        request=request,
        loaded=loaded,
    )
    work = _Work(lease=lease, claim=claim, loaded=loaded, desk=desk, source=source)
    clock = MeteredClock(start.clock, meter)
    steps = Steps(clock=clock, hands=desk, source=source, settings=settings)
    # Deterministic, and another one when a tick is taken over: what the dead one wrote is never
    # written again.
    turn = loaded.turn(f"{request.tick}.{lease.fence}", scheduled_at=request.scheduled_at)
    guard = TickGuard(turn, meter)
    try:
        turn = sequence.run(turn, steps, guard)
        with meter.time_step("save"):
            report, news = _save(start, work, turn)
    except LeaseLost as error:
        return _report(start, work, replace(guard.turn, ending=_busy(str(error)))), _News()
    except Unavailable as error:
        before = guard.turn.ending
        raise Unavailable(f"{error}; before: {before.detail}") if before else error from error
    return report, news


def _leave(start: _Start, lease: Lease, claim: Document, moved: Moved) -> TickReport:
    """The report of a tick whose bot is not here any more: it does nothing but say so."""
    start.bot.release(lease)
    start.bot.give_up_claim(claim)
    detail = say("move.arriving" if moved.is_arriving else "move.gone", store=moved.store)
    return start.reporter.report_undone(
        Ending(status=TickStatus.HALTED, reason=Reason.BOT_MOVED, detail=detail)
    )


def _stage_start(start: _Start, loaded: Loaded) -> _Start:
    """The tick in the stage that people allow, where that is lower than the settings say."""
    if loaded.stage is None:
        return start
    settings = lower_stage(start.settings, loaded.stage)
    reporter = replace(start.reporter, settings=settings)
    return replace(start, settings=settings, reporter=reporter)


def _staged_ledger(ledger: Ledger | None, settings: Settings) -> Ledger | None:
    """The book with the capital of the stage that the tick is in; the state keeps the one before,
    by which the limits are moved.
    """
    return None if ledger is None else restage_ledger(ledger, staged_capital_jpy(settings))


def _save(start: _Start, work: _Work, turn: Turn) -> tuple[TickReport, _News]:
    documents, settings, loaded = start.ports.documents, start.settings, work.loaded
    state = _state_after(start, loaded.before, turn, model=work.source.model)
    report = _report(start, work, turn)
    before, after = _known_before(loaded.before), _known_before(state)
    while True:
        fresh, repeated = filing.fresh_alerts(
            report, documents, settings, before=before, after=after
        )
        try:
            saved = _save_with(start, work, turn, report, state=state, fresh=fresh)
        except LeaseLost:
            # The watch may have stored one of these just now: then that one is no longer ours.
            if all(documents.get(f"alerts/{alert.key}") is None for alert in fresh):
                raise
        else:
            return saved, _News(fresh=fresh, repeated=repeated, has_older=loaded.has_waiting_alerts)


def _save_with(
    start: _Start,
    work: _Work,
    turn: Turn,
    report: TickReport,
    *,
    state: State,
    fresh: Sequence[Alert],
) -> TickReport:
    """The report as it was saved, with these alerts. Raises `LeaseLost` too where another stored
    one of them.
    """
    documents, settings, loaded = start.ports.documents, start.settings, work.loaded
    alerts = [filing.alert_write(alert, settings) for alert in fresh]
    report = replace(report, alerts=tuple(write.path.removeprefix("alerts/") for write in alerts))
    of_this_tick = work.desk.intents
    intents = [*loaded.sound_intents, *of_this_tick] if turn.is_trusted else []
    settled = filing.settle_intents(
        intents,
        of_this_tick=of_this_tick,
        counted_until=state.candle.as_of,
        fates=work.desk.fates,
        ledger=state.ledger,
    )
    booked = filing.booked_writes(report, documents, account=settings.account)
    writes = [*settled, *booked, *alerts]
    if state.candle.as_of != loaded.before.candle.as_of:
        writes += filing.day_writes(
            report, documents, candle_at=state.candle.as_of, said=work.source.said
        )
    # What this very batch writes (state, report, the rest) belongs to the count that it stores.
    counts = start.meter.counts_after(report.counts, batch=2 + len(writes))
    report = replace(report, counts=counts)
    stored = work.lease.data.get("state")
    if turn.occasion.readable:
        stored = state.encode_state(over=stored)
    start.bot.save(
        work.lease, state=stored, claim=work.claim, report=msgspec.to_builtins(report), more=writes
    )
    return report


def _report(start: _Start, work: _Work, turn: Turn) -> TickReport:
    return start.reporter.report(
        turn,
        loaded=work.loaded,
        model=work.source.model,
        orders=work.desk.records,
        bare_ms=work.desk.bare_ms(start.clock.now_ms()),
    )


def _state_after(start: _Start, before: State, turn: Turn, *, model: str | None) -> State:
    """What the next tick is told of this one."""
    fills = turn.holdings.fills if turn.holdings is not None else ()
    is_late = turn.ending is not None and turn.ending.status is TickStatus.LATE
    return replace(
        turn.state,
        last_tick=start.request.tick,
        last_scheduled_at=max(start.request.scheduled_at, before.last_scheduled_at),
        last_finished_at=start.clock.now_ms(),
        late_in_a_row=before.late_in_a_row + 1 if is_late else 0,
        last_fill_sequence=max([before.last_fill_sequence, *(fill.sequence for fill in fills)]),
        model=model or before.model,
        profile=start.settings.profile,
        settings_hash=start.settings.hash,
    )


def _busy(detail: str) -> Ending:
    return Ending(status=TickStatus.BUSY, reason=Reason.LEASE_HELD, detail=detail)


def _known_before(state: State) -> KnownBefore:
    return KnownBefore(
        model=state.model, halted_at=state.halted_at, late_in_a_row=state.late_in_a_row
    )
