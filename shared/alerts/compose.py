"""What a tick's report has to tell a person. Pure.

A condition that lasts has a key that changes once in `discord.window_seconds` (limits that last for
a day or until a person acts: once a JST day), so that 500 ticks in the same trouble say it once an
hour. An event has the key of its order or trade, so that it is told once. The outbox refuses a key
that it has seen.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from shared.alerts.wording import (
    alert_key,
    context_facts,
    daily_key,
    lasting_key,
    name_fields,
)
from shared.core.reasons import Reason
from shared.core.sentences import reason_now, say
from shared.core.sentences.figures import btc, duration, jst_and_utc, yen_words
from shared.core.settings import Settings
from shared.core.tick_times import LATE_IN_A_ROW
from shared.core.types import (
    Alert,
    Fill,
    Issue,
    Level,
    OrderRecord,
    Position,
    Purpose,
    TickReport,
    TickStatus,
    Trade,
)

MOST_SINGLE_EVENTS = 3
"""More fills or trades than this in one tick (it settled a day without ticks) are told together."""

_MODEL = frozenset({Reason.MODEL_MISSING, Reason.MODEL_INVALID, Reason.MODEL_MISMATCH})
_ABOUT_THE_MODEL: Mapping[Reason, str] = {
    Reason.MODEL_NOT_PROVEN: "model_proof",
    Reason.MODEL_OVERRULED: "model_overruled",
    Reason.MODEL_DRIFTED: "model_drifted",
    Reason.MODEL_WORSE: "model_worse",
    Reason.MODEL_STILL: "model_still",
    Reason.MODEL_OLD: "model_old",
    Reason.RETRAIN_OVERDUE: "retrain_overdue",
    Reason.CHALLENGER_INVALID: "challenger",
}
"""What lasts until a person acts or the next retraining: its alert's kind."""
_WARNED: Mapping[Reason, str] = {
    Reason.DATA_STALE: "data",
    Reason.DATA_MISSING: "data",
    Reason.DATA_BROKEN: "data",
    Reason.DATA_HOLE: "data",
    Reason.DATA_SPIKE: "data",
    Reason.BOOK_MISSING: "data",
    Reason.BOOK_STALE: "data",
    Reason.RULES_UNKNOWN: "data",
    Reason.STATUS_UNKNOWN: "data",
    Reason.MODE_UNKNOWN: "data",
    Reason.EXCHANGE_BUSY: "exchange",
    Reason.EXCHANGE_HALTED: "exchange",
    Reason.CIRCUIT_BREAK: "exchange",
    Reason.CLOCK_SKEW: "clock",
    Reason.SPREAD_CRITICAL: "anomaly",
    Reason.PRICE_JUMP: "anomaly",
    Reason.VOLUME_SPIKE: "anomaly",
    Reason.LATENCY_HIGH: "anomaly",
    Reason.BOOK_CROSSED: "anomaly",
    Reason.BOOK_FAR: "anomaly",
    Reason.CONTROL_DAMAGED: "damaged",
    Reason.INTENT_DAMAGED: "damaged",
}
_LOUDNESS = {Level.CRITICAL: 0, Level.WARNING: 1, Level.INFO: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBefore:
    """What the state says at one moment: the model served, since when a drawdown halts (0: it does
    not), and late ticks.

    >>> KnownBefore(model="v1").late_in_a_row
    0
    """

    model: str | None = None
    halted_at: int = 0
    late_in_a_row: int = 0


def compose(
    report: TickReport,
    *,
    settings: Settings,
    before: KnownBefore | None = None,
    after: KnownBefore | None = None,
) -> tuple[Alert, ...]:
    """The alerts of one tick, the loudest first.

    With the state `before` and `after` the tick, changes between them (halted, resumed, another
    model) are told too. A tick that did nothing (a duplicate, a busy account) has nothing to tell.

    >>> from shared.core.settings import load_settings
    >>> report = TickReport(
    ...     tick="default~0",
    ...     bot="default",
    ...     status=TickStatus.DEGRADED,
    ...     reason=Reason.DATA_STALE,
    ...     scheduled_at=0,
    ...     received_at=900,
    ...     finished_at=1_900,
    ...     mode="paper",
    ...     stage="paper",
    ...     settings_hash="0" * 16,
    ... )
    >>> [(alert.kind, alert.level.value) for alert in compose(report, settings=load_settings({}))]
    [('degraded', 'warning')]
    """
    if report.status in {TickStatus.DUPLICATE, TickStatus.BUSY}:
        return ()
    maker = _Maker(report, settings)
    alerts = [
        *_positions(report, maker),
        *_orders(report, maker),
        *_status(report, maker),
        *_limits(report, maker, before, after),
        *_issues(report, maker),
        *_entries(report, maker),
        *_trades(report, maker),
        *_changes(maker, before, after),
    ]
    return tuple(sorted(alerts, key=lambda alert: _LOUDNESS[alert.level]))


def failure_alert(*, bot: str, at: int, found: str, remedy: str = "", settings: Settings) -> Alert:
    """A tick that failed as a whole and left no report (its store cannot be used): goes to the sink
    without the outbox.

    >>> from shared.core.settings import load_settings
    >>> settings = load_settings({})
    >>> alert = failure_alert(bot="default", at=0, found="the disk is full", settings=settings)
    >>> alert.title, alert.fields["what"]
    ('The tick failed and nothing was saved.', 'the disk is full')
    """
    told = name_fields(what=found, what_to_do=remedy, time=jst_and_utc(at), bot=bot)
    return Alert(
        key=lasting_key(bot, "tick_failed", "store", at=at, settings=settings),
        level=Level.CRITICAL,
        kind="tick_failed",
        title=say("alerts.title.tick_failed_unsaved"),
        at=at,
        fields={name: text for name, text in told.items() if text},
    )


class _Maker:
    """Makes the alerts of one report: the parts that all of them share."""

    def __init__(self, report: TickReport, settings: Settings) -> None:
        self._bot = report.bot
        self._mode = report.mode
        self._at = report.finished_at
        self._settings = settings

    def make_lasting(
        self, level: Level, kind: str, subject: object, title: str, told: Mapping[str, str]
    ) -> Alert:
        """A condition: once a window."""
        return self._make(
            level,
            lasting_key(self._bot, kind, subject, at=self._at, settings=self._settings),
            kind,
            title,
            told,
            self._at,
        )

    def make_daily(self, level: Level, kind: str, title: str, told: Mapping[str, str]) -> Alert:
        """A limit that lasts: once a JST day."""
        return self._make(
            level, daily_key(self._bot, kind, at=self._at), kind, title, told, self._at
        )

    def make_event(
        self,
        level: Level,
        kind: str,
        subject: object,
        title: str,
        told: Mapping[str, str],
        at: int | None = None,
    ) -> Alert:
        """Something that happened: once."""
        return self._make(
            level,
            alert_key(self._bot, kind, subject),
            kind,
            title,
            told,
            self._at if at is None else at,
        )

    def _make(
        self, level: Level, name: str, kind: str, title: str, told: Mapping[str, str], at: int
    ) -> Alert:
        last = name_fields(time=jst_and_utc(at), bot=f"{self._bot} ({self._mode})")
        fields = {**told, **last}
        return Alert(key=name, level=level, kind=kind, title=title, at=at, fields=fields)


def _positions(report: TickReport, maker: _Maker) -> Iterator[Alert]:
    for position in report.positions:
        stopped = sum(
            order.remaining_lots
            for order in report.resting
            if order.intent.purpose is Purpose.STOP and order.intent.side is position.side
        )
        if stopped < position.lots:
            yield _unprotected_alert(position, stopped, maker)
    if report.equity_jpy is None and report.plan is not None:
        yield maker.make_lasting(
            Level.CRITICAL,
            "account_unknown",
            report.plan.side,
            say("alerts.title.account_unknown", side=report.plan.side),
            name_fields(why=report.detail, stop=yen_words(report.plan.stop_price)),
        )


def _unprotected_alert(position: Position, stopped: int, maker: _Maker) -> Alert:
    side, size = position.side, btc(position.lots)
    title = (
        say("alerts.title.no_stop", side=side, size=size)
        if stopped == 0
        else say("alerts.title.small_stop", side=side, size=size, stopped=btc(stopped))
    )
    told = name_fields(
        average_price=yen_words(position.average_price), open_since=jst_and_utc(position.opened_at)
    )
    return maker.make_lasting(Level.CRITICAL, "unprotected", side, title, told)


def _orders(report: TickReport, maker: _Maker) -> Iterator[Alert]:
    rejected: list[OrderRecord] = []
    for record in report.orders:
        intent = record.intent
        if record.outcome == "unknown":
            yield maker.make_event(
                Level.CRITICAL,
                "outcome_unknown",
                f"{record.what}-{intent.id}",
                _unknown_title(record),
                name_fields(order=intent.id, side=intent.side.value)
                | context_facts(record.context),
            )
        elif record.outcome == "rejected" and record.what != "cancel":
            if intent.purpose is Purpose.STOP:
                yield maker.make_event(
                    Level.CRITICAL,
                    "stop_rejected",
                    intent.id,
                    say("alerts.title.stop_rejected", side=intent.side, size=btc(intent.lots)),
                    name_fields(order=intent.id, why=reason_now(record.reason))
                    | context_facts(record.context),
                )
            elif (
                record.reason is not Reason.POST_ONLY_WOULD_CROSS
            ):  # that one is daily life at the touch
                rejected.append(record)
    for reason, records in groupby(
        sorted(rejected, key=lambda record: record.reason), key=lambda record: record.reason
    ):
        yield _rejects(reason, list(records), maker)


def _unknown_title(record: OrderRecord) -> str:
    purpose, size = record.intent.purpose, btc(record.intent.lots)
    if record.what == "cancel":
        return say("alerts.title.cancel_unknown", purpose=purpose, size=size)
    return say("alerts.title.order_unknown", purpose=purpose, size=size)


def _rejects(reason: Reason, records: Sequence[OrderRecord], maker: _Maker) -> Alert:
    last, why = records[-1], reason_now(reason)
    title = (
        say("alerts.title.rejected_one", reason=why)
        if len(records) == 1
        else say("alerts.title.rejected_many", orders=len(records), reason=why)
    )
    told = name_fields(order=last.intent.id, purpose=last.intent.purpose.value) | context_facts(
        last.context
    )
    return maker.make_lasting(Level.WARNING, "rejected", reason, title, told)


def _status(report: TickReport, maker: _Maker) -> Iterator[Alert]:
    told = name_fields(why=report.detail or reason_now(report.reason))
    if report.status is TickStatus.FAILED:
        title = say("alerts.title.tick_failed", reason=reason_now(report.reason))
        yield maker.make_lasting(Level.CRITICAL, "tick_failed", report.reason, title, told)
    elif report.status is TickStatus.DEGRADED and report.reason not in {
        issue.reason for issue in report.issues
    }:
        title = say("alerts.title.degraded", reason=reason_now(report.reason))
        step = report.detail.partition(":")[0] if report.reason is Reason.STEP_FAILED else ""
        yield maker.make_lasting(
            Level.WARNING, "degraded", f"{report.reason}{step and '-'}{step}", title, told
        )


def _limits(
    report: TickReport, maker: _Maker, before: KnownBefore | None, after: KnownBefore | None
) -> Iterator[Alert]:
    reasons = {report.reason} | ({report.decision.reason} if report.decision is not None else set())
    told = {} if report.equity_jpy is None else name_fields(equity=yen_words(report.equity_jpy))
    if report.decision is not None and report.decision.reason in {
        Reason.LIMIT_DAILY_LOSS,
        Reason.LIMIT_COOLDOWN,
        Reason.LIMIT_DRAWDOWN,
    }:
        told |= context_facts(report.decision.context)
    halted_now = (
        before is not None
        and after is not None
        and bool(after.halted_at)
        and before.halted_at != after.halted_at
    )
    if halted_now or Reason.LIMIT_DRAWDOWN in reasons:
        title = say("alerts.title.drawdown_halt")
        yield maker.make_daily(Level.CRITICAL, "drawdown_halt", title, told)
    if Reason.LIMIT_DAILY_LOSS in reasons:
        yield maker.make_daily(
            Level.WARNING,
            "daily_loss",
            say("alerts.title.daily_loss"),
            told,
        )
    if Reason.LIMIT_COOLDOWN in reasons:
        yield maker.make_daily(
            Level.WARNING,
            "cooldown",
            say("alerts.title.cooldown"),
            told,
        )


def _issues(report: TickReport, maker: _Maker) -> Iterator[Alert]:
    seen: set[Reason] = set()
    for issue in sorted(report.issues, key=lambda issue: not issue.forbids_entry):
        if issue.reason is Reason.TIME_IMPOSSIBLE:
            yield _impossible_alert(issue, maker)
            continue
        if issue.reason in seen:
            continue
        seen.add(issue.reason)
        if issue.reason in _MODEL:
            yield _model(issue, report, maker)
        elif issue.reason in _ABOUT_THE_MODEL:
            yield _about_the_model(issue, report, maker)
        elif issue.reason is Reason.STEP_FAILED and issue.context.get("step") == "watch":
            yield maker.make_lasting(
                Level.WARNING,
                "model_unwatched",
                issue.reason,
                say(
                    "alerts.title.model_unwatched_closed"
                    if issue.forbids_entry
                    else "alerts.title.model_unwatched"
                ),
                context_facts(issue.context),
            )
        elif issue.reason is Reason.CAPITAL_CHANGED:
            title = say("alerts.title.capital")
            yield maker.make_daily(Level.WARNING, "capital", title, context_facts(issue.context))
        elif issue.forbids_entry and issue.reason in _WARNED:
            title = say("alerts.title.no_entries", reason=reason_now(issue.reason))
            yield maker.make_lasting(
                Level.WARNING,
                _WARNED[issue.reason],
                issue.reason,
                title,
                context_facts(issue.context),
            )


def _watch_title(issue: Issue, report: TickReport) -> str:
    """What the watch found; only some of it is about the model by its name."""
    model = report.model or say("alerts.value.the_model")
    finding = (
        say("alerts.watch.retrain_overdue")
        if issue.reason is Reason.RETRAIN_OVERDUE
        else say(f"alerts.model.{issue.reason}", model=model)
    )
    if issue.forbids_entry:
        return say("alerts.title.watch_closed", finding=finding)
    return say("alerts.title.watch", finding=finding)


def _about_the_model(issue: Issue, report: TickReport, maker: _Maker) -> Alert:
    """Once a day; that a proof is void which stops nothing here, once for each model."""
    kind, title = _ABOUT_THE_MODEL[issue.reason], _watch_title(issue, report)
    if issue.reason is Reason.MODEL_NOT_PROVEN and not issue.forbids_entry:
        return maker.make_event(
            Level.WARNING, kind, report.model, title, context_facts(issue.context)
        )
    return maker.make_daily(Level.WARNING, kind, title, context_facts(issue.context))


def _impossible_alert(issue: Issue, maker: _Maker) -> Alert:
    """A time of the future that was stored or asked for: once for each that is stored, once a
    window for schedule times.
    """
    what, at = issue.context["what"], issue.context["at"]
    title = say("alerts.title.time_impossible", what=what)
    told = name_fields(
        what=what,
        says=at if what == "day" else jst_and_utc(int(at)),
        likely=say("alerts.value.clock_was_wrong"),
    )
    if what == "scheduled_at":
        return maker.make_lasting(Level.WARNING, "time_impossible", what, title, told)
    return maker.make_event(Level.WARNING, "time_impossible", f"{what}-{at}", title, told)


def _model(issue: Issue, report: TickReport, maker: _Maker) -> Alert:
    grave = bool(report.positions) and issue.reason is not Reason.MODEL_MISSING
    reason = reason_now(issue.reason).capitalize()
    title = (
        say("alerts.title.model_none", reason=reason)
        if report.model is None
        else say("alerts.title.model_before", reason=reason, model=report.model)
    )
    if report.positions:
        title = say("alerts.title.model_held", title=title)
    level = Level.CRITICAL if grave else Level.WARNING
    return maker.make_lasting(level, "model", issue.reason, title, context_facts(issue.context))


def _entries(report: TickReport, maker: _Maker) -> Iterator[Alert]:
    """Entries that were filled, the fills of one order together."""
    fills = sorted(
        (fill for fill in report.fills if fill.purpose is Purpose.ENTRY),
        key=lambda fill: (fill.order_id, fill.sequence),
    )
    orders = [list(group) for _, group in groupby(fills, key=lambda fill: fill.order_id)]
    if len(orders) > MOST_SINGLE_EVENTS:
        lots = sum(fill.lots for fill in fills)
        title = say("alerts.title.entered_many", entries=len(orders), size=btc(lots))
        yield maker.make_event(
            Level.INFO,
            "entry_filled",
            f"{fills[0].sequence}-{fills[-1].sequence}",
            title,
            {},
            fills[-1].at,
        )
    else:
        for order in orders:
            yield _entry(order, report, maker)


def _entry(fills: Sequence[Fill], report: TickReport, maker: _Maker) -> Alert:
    first, lots = fills[0], sum(fill.lots for fill in fills)
    price = sum(fill.price * fill.lots for fill in fills) // lots
    told = name_fields(
        fee=yen_words(sum((fill.fee_jpy for fill in fills), start=first.fee_jpy * 0)),
        liquidity=say(
            "alerts.value.maker" if all(fill.maker for fill in fills) else "alerts.value.taker"
        ),
    )
    if report.plan is not None and report.plan.side is first.side:
        told |= name_fields(
            stop=yen_words(report.plan.stop_price), target=yen_words(report.plan.target_price)
        )
    title = say("alerts.title.entered", side=first.side, size=btc(lots), price=yen_words(price))
    return maker.make_event(
        Level.INFO, "entry_filled", f"{first.order_id}-{first.sequence}", title, told, fills[-1].at
    )


def _trades(report: TickReport, maker: _Maker) -> Iterator[Alert]:
    unprotected = [trade for trade in report.trades if trade.reason is Reason.EXIT_UNPROTECTED]
    plain = [trade for trade in report.trades if trade.reason is not Reason.EXIT_UNPROTECTED]
    yield from (_trade(trade, Level.CRITICAL, maker) for trade in unprotected)
    if len(plain) > MOST_SINGLE_EVENTS:
        yield _many_trades(plain, maker)
    else:
        yield from (_trade(trade, Level.INFO, maker) for trade in plain)


def _trade(trade: Trade, level: Level, maker: _Maker) -> Alert:
    result = (
        say("alerts.value.profit", amount=yen_words(trade.net_jpy))
        if trade.net_jpy >= 0
        else say("alerts.value.loss", amount=yen_words(-trade.net_jpy))
    )
    told = name_fields(
        net=yen_words(trade.net_jpy),
        before_costs=yen_words(trade.gross_jpy),
        fees=yen_words(trade.fees_jpy),
        interest=yen_words(trade.interest_jpy),
        entry=yen_words(trade.entry_price),
        exit=yen_words(trade.exit_price),
        held=duration((trade.closed_at - trade.opened_at) / 1000),
    )
    title = say(
        "alerts.title.closed" if trade.ends_position else "alerts.title.closed_part",
        side=trade.side,
        size=btc(trade.lots),
        result=result,
        reason=reason_now(trade.reason),
    )
    return maker.make_event(
        level,
        "position_closed",
        f"{trade.sequence}-{trade.closed_at}",
        title,
        told,
        trade.closed_at,
    )


def _many_trades(trades: Sequence[Trade], maker: _Maker) -> Alert:
    zero = trades[0].net_jpy * 0
    told = name_fields(
        net=yen_words(sum((trade.net_jpy for trade in trades), start=zero)),
        fees=yen_words(sum((trade.fees_jpy for trade in trades), start=zero)),
        interest=yen_words(sum((trade.interest_jpy for trade in trades), start=zero)),
        why=_counted_text(reason_now(trade.reason) for trade in trades),
    )
    subject = f"{trades[0].sequence}-{trades[-1].sequence}-{trades[-1].closed_at}"
    return maker.make_event(
        Level.INFO,
        "position_closed",
        subject,
        say("alerts.title.closed_many", trades=len(trades)),
        told,
        trades[-1].closed_at,
    )


def _counted_text(texts: Iterable[str]) -> str:
    return ", ".join(f"{len(list(group))} × {text}" for text, group in groupby(sorted(texts)))


def _changes(
    maker: _Maker, before: KnownBefore | None, after: KnownBefore | None
) -> Iterator[Alert]:
    if before is None or after is None:
        return
    if before.halted_at and not after.halted_at:
        title = say("alerts.title.resumed")
        told = name_fields(halted_since=jst_and_utc(before.halted_at))
        yield maker.make_event(Level.INFO, "resumed", before.halted_at, title, told)
    if after.late_in_a_row >= LATE_IN_A_ROW:
        title = say("alerts.title.late", ticks=after.late_in_a_row)
        told = name_fields(what_to_do=say("alerts.value.look_at_the_scheduler"))
        yield maker.make_lasting(Level.WARNING, "late", "row", title, told)
    if before.model is not None and after.model is not None and before.model != after.model:
        title, subject = say("alerts.title.model_changed"), f"{before.model}+{after.model}"
        told = name_fields(before=before.model, now=after.model)
        yield maker.make_lasting(Level.INFO, "model_changed", subject, title, told)
