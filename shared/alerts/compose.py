"""What a tick's report has to tell a person. Pure.

A condition that lasts has a key that changes once in `discord.window_seconds` (limits that last for
a day or until a person acts: once a JST day), so that 500 ticks in the same trouble say it once an
hour. An event has the key of its order or trade, so that it is told once. The outbox refuses a key
that it has seen.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from shared.alerts.wording import btc, facts, key, lasted, reason_text, when, yen
from shared.core.calendar import jst_day
from shared.core.reasons import Reason
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
_ABOUT_THE_MODEL: Mapping[Reason, tuple[str, str]] = {
    Reason.MODEL_NOT_PROVEN: ("model_proof", "The edge of {model} is not proven"),
    Reason.MODEL_OVERRULED: (
        "model_overruled",
        "A person lets {model} enter, whatever its gate said",
    ),
    Reason.MODEL_DRIFTED: (
        "model_drifted",
        "What {model} sees or says has drifted away from what it was judged on",
    ),
    Reason.MODEL_WORSE: ("model_worse", "{model} does worse than it promised, beyond bad luck"),
    Reason.MODEL_STILL: (
        "model_still",
        "{model} stands still: it says nearly the same of every candle",
    ),
    Reason.MODEL_OLD: ("model_old", "{model} is too old"),
    Reason.RETRAIN_OVERDUE: ("retrain_overdue", "No retraining has ended for too long"),
    Reason.CHALLENGER_INVALID: (
        "challenger",
        "The challenger failed its checks and is not heard; {model} is not disturbed",
    ),
}
"""What lasts until a person acts or the next retraining: its alert's kind and the beginning of its
title."""
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

    >>> from shared.core.settings import load
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
    >>> [(alert.kind, alert.level.value) for alert in compose(report, settings=load({}))]
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


def failure(*, bot: str, at: int, found: str, remedy: str = "", settings: Settings) -> Alert:
    """A tick that failed as a whole and left no report (its store cannot be used): goes to the sink
    without the outbox.

    >>> from shared.core.settings import load
    >>> alert = failure(bot="default", at=0, found="the disk is full", settings=load({}))
    >>> alert.title, alert.fields["what"]
    ('The tick failed and nothing was saved.', 'the disk is full')
    """
    window = at // int(settings.discord.window_seconds * 1000)
    told = {"what": found, "what to do": remedy, "time": when(at), "bot": bot}
    return Alert(
        key=key(bot, "tick_failed", "store", window),
        level=Level.CRITICAL,
        kind="tick_failed",
        title="The tick failed and nothing was saved.",
        at=at,
        fields={name: text for name, text in told.items() if text},
    )


class _Maker:
    """Makes the alerts of one report: the parts that all of them share."""

    def __init__(self, report: TickReport, settings: Settings) -> None:
        self._bot = report.bot
        self._mode = report.mode
        self._at = report.finished_at
        self._window_ms = int(settings.discord.window_seconds * 1000)

    def lasting(
        self, level: Level, kind: str, subject: object, title: str, told: Mapping[str, str]
    ) -> Alert:
        """A condition: once a window."""
        return self._make(
            level,
            key(self._bot, kind, subject, self._at // self._window_ms),
            kind,
            title,
            told,
            self._at,
        )

    def daily(self, level: Level, kind: str, title: str, told: Mapping[str, str]) -> Alert:
        """A limit that lasts: once a JST day."""
        return self._make(
            level, key(self._bot, kind, jst_day(self._at)), kind, title, told, self._at
        )

    def event(
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
            level, key(self._bot, kind, subject), kind, title, told, self._at if at is None else at
        )

    def _make(
        self, level: Level, name: str, kind: str, title: str, told: Mapping[str, str], at: int
    ) -> Alert:
        fields = {**told, "time": when(at), "bot": f"{self._bot} ({self._mode})"}
        return Alert(key=name, level=level, kind=kind, title=title, at=at, fields=fields)


def _positions(report: TickReport, maker: _Maker) -> Iterator[Alert]:
    for position in report.positions:
        stopped = sum(
            order.remaining_lots
            for order in report.resting
            if order.intent.purpose is Purpose.STOP and order.intent.side is position.side
        )
        if stopped < position.lots:
            yield _unprotected(position, stopped, maker)
    if report.equity_jpy is None and report.plan is not None:
        yield maker.lasting(
            Level.CRITICAL,
            "account_unknown",
            report.plan.side,
            f"The account could not be read while a {report.plan.side} position may be open.",
            {"why": report.detail, "stop": yen(report.plan.stop_price)},
        )


def _unprotected(position: Position, stopped: int, maker: _Maker) -> Alert:
    missing = "has no stop" if stopped == 0 else f"has a stop for only {btc(stopped)}"
    return maker.lasting(
        Level.CRITICAL,
        "unprotected",
        position.side,
        f"The {position.side} position of {btc(position.lots)} {missing} at the exchange.",
        {"average price": yen(position.average_price), "open since": when(position.opened_at)},
    )


def _orders(report: TickReport, maker: _Maker) -> Iterator[Alert]:
    rejected: list[OrderRecord] = []
    for record in report.orders:
        intent = record.intent
        if record.outcome == "unknown":
            yield maker.event(
                Level.CRITICAL,
                "outcome_unknown",
                f"{record.what}-{intent.id}",
                f"Nobody knows whether the exchange took our {_told_what(record)} of"
                f" {btc(intent.lots)}.",
                {"order": intent.id, "side": intent.side.value, **facts(record.context)},
            )
        elif record.outcome == "rejected" and record.what != "cancel":
            if intent.purpose is Purpose.STOP:
                yield maker.event(
                    Level.CRITICAL,
                    "stop_rejected",
                    intent.id,
                    f"The exchange rejected the stop of the {intent.side} position"
                    f" ({btc(intent.lots)}).",
                    {
                        "order": intent.id,
                        "why": reason_text(record.reason),
                        **facts(record.context),
                    },
                )
            elif (
                record.reason is not Reason.POST_ONLY_WOULD_CROSS
            ):  # that one is daily life at the touch
                rejected.append(record)
    for reason, records in groupby(
        sorted(rejected, key=lambda record: record.reason), key=lambda record: record.reason
    ):
        yield _rejects(reason, list(records), maker)


def _told_what(record: OrderRecord) -> str:
    return (
        f"cancel of the {record.intent.purpose} order"
        if record.what == "cancel"
        else f"{record.intent.purpose} order"
    )


def _rejects(reason: Reason, records: Sequence[OrderRecord], maker: _Maker) -> Alert:
    last = records[-1]
    many = "an order" if len(records) == 1 else f"{len(records)} orders"
    return maker.lasting(
        Level.WARNING,
        "rejected",
        reason,
        f"The exchange rejected {many}: {reason_text(reason)}.",
        {"order": last.intent.id, "purpose": last.intent.purpose.value, **facts(last.context)},
    )


def _status(report: TickReport, maker: _Maker) -> Iterator[Alert]:
    told = {"why": report.detail or reason_text(report.reason)}
    if report.status is TickStatus.FAILED:
        title = f"The tick failed: {reason_text(report.reason)}."
        yield maker.lasting(Level.CRITICAL, "tick_failed", report.reason, title, told)
    elif report.status is TickStatus.DEGRADED and report.reason not in {
        issue.reason for issue in report.issues
    }:
        title = f"The tick ran degraded, without new entries: {reason_text(report.reason)}."
        step = report.detail.partition(":")[0] if report.reason is Reason.STEP_FAILED else ""
        yield maker.lasting(
            Level.WARNING, "degraded", f"{report.reason}{step and '-'}{step}", title, told
        )


def _limits(
    report: TickReport, maker: _Maker, before: KnownBefore | None, after: KnownBefore | None
) -> Iterator[Alert]:
    reasons = {report.reason} | ({report.decision.reason} if report.decision is not None else set())
    told = {} if report.equity_jpy is None else {"equity": yen(report.equity_jpy)}
    if report.decision is not None and report.decision.reason in {
        Reason.LIMIT_DAILY_LOSS,
        Reason.LIMIT_COOLDOWN,
        Reason.LIMIT_DRAWDOWN,
    }:
        told |= facts(report.decision.context)
    halted_now = (
        before is not None
        and after is not None
        and bool(after.halted_at)
        and before.halted_at != after.halted_at
    )
    if halted_now or Reason.LIMIT_DRAWDOWN in reasons:
        title = "Trading is halted by the drawdown limit until a person resumes it."
        yield maker.daily(Level.CRITICAL, "drawdown_halt", title, told)
    if Reason.LIMIT_DAILY_LOSS in reasons:
        yield maker.daily(
            Level.WARNING,
            "daily_loss",
            "The loss of the day reached its limit: no entries until tomorrow (JST).",
            told,
        )
    if Reason.LIMIT_COOLDOWN in reasons:
        yield maker.daily(
            Level.WARNING,
            "cooldown",
            "Too many losses in a row: no entries until the cool-down is over.",
            told,
        )


def _issues(report: TickReport, maker: _Maker) -> Iterator[Alert]:
    seen: set[Reason] = set()
    for issue in sorted(report.issues, key=lambda issue: not issue.forbids_entry):
        if issue.reason is Reason.TIME_IMPOSSIBLE:
            yield _impossible(issue, maker)
            continue
        if issue.reason in seen:
            continue
        seen.add(issue.reason)
        if issue.reason in _MODEL:
            yield _model(issue, report, maker)
        elif issue.reason in _ABOUT_THE_MODEL:
            yield _about_the_model(issue, report, maker)
        elif issue.reason is Reason.STEP_FAILED and issue.context.get("step") == "watch":
            end = (
                "; nothing is entered." if issue.forbids_entry else "; decisions are not disturbed."
            )
            yield maker.lasting(
                Level.WARNING,
                "model_unwatched",
                issue.reason,
                f"The model could not be watched{end}",
                facts(issue.context),
            )
        elif issue.reason is Reason.CAPITAL_CHANGED:
            title = (
                "The capital that is set is not what the account began with; its money was not"
                " changed."
            )
            yield maker.daily(Level.WARNING, "capital", title, facts(issue.context))
        elif issue.forbids_entry and issue.reason in _WARNED:
            title = f"No entries: {reason_text(issue.reason)}."
            yield maker.lasting(
                Level.WARNING, _WARNED[issue.reason], issue.reason, title, facts(issue.context)
            )


def _about_the_model(issue: Issue, report: TickReport, maker: _Maker) -> Alert:
    """Once a day; that a proof is void which stops nothing here, once for each model."""
    kind, title = _ABOUT_THE_MODEL[issue.reason]
    title = title.format(model=report.model or "the model")
    if issue.reason is Reason.MODEL_NOT_PROVEN and not issue.forbids_entry:
        return maker.event(Level.WARNING, kind, report.model, f"{title}.", facts(issue.context))
    end = "; nothing is entered." if issue.forbids_entry else "."
    return maker.daily(Level.WARNING, kind, title + end, facts(issue.context))


def _impossible(issue: Issue, maker: _Maker) -> Alert:
    """A time of the future that was stored or asked for: once for each that is stored, once a
    window for schedule times.
    """
    what, at = issue.context["what"], issue.context["at"]
    title = f"A time that lies in the future is not believed: {what}."
    told = {
        "what": what,
        "says": at if what == "day" else when(int(at)),
        "likely": "a clock that was wrong wrote it",
    }
    if what == "scheduled_at":
        return maker.lasting(Level.WARNING, "time_impossible", what, title, told)
    return maker.event(Level.WARNING, "time_impossible", f"{what}-{at}", title, told)


def _model(issue: Issue, report: TickReport, maker: _Maker) -> Alert:
    grave = bool(report.positions) and issue.reason is not Reason.MODEL_MISSING
    held = " The open position is managed by its stop and target alone." if report.positions else ""
    served = (
        f"the champion before it serves ({report.model})"
        if report.model is not None
        else "nothing is entered"
    )
    return maker.lasting(
        Level.CRITICAL if grave else Level.WARNING,
        "model",
        issue.reason,
        f"{reason_text(issue.reason).capitalize()}; {served}.{held}",
        facts(issue.context),
    )


def _entries(report: TickReport, maker: _Maker) -> Iterator[Alert]:
    """Entries that were filled, the fills of one order together."""
    fills = sorted(
        (fill for fill in report.fills if fill.purpose is Purpose.ENTRY),
        key=lambda fill: (fill.order_id, fill.sequence),
    )
    orders = [list(group) for _, group in groupby(fills, key=lambda fill: fill.order_id)]
    if len(orders) > MOST_SINGLE_EVENTS:
        lots = sum(fill.lots for fill in fills)
        title = f"{len(orders)} entries were filled, {btc(lots)} in all."
        yield maker.event(
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
    told = {
        "fee": yen(sum((fill.fee_jpy for fill in fills), start=first.fee_jpy * 0)),
        "as": "maker" if all(fill.maker for fill in fills) else "taker",
    }
    if report.plan is not None and report.plan.side is first.side:
        told |= {"stop": yen(report.plan.stop_price), "target": yen(report.plan.target_price)}
    title = f"Entered {first.side}: {btc(lots)} at {yen(price)}."
    return maker.event(
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
    part = "Closed" if trade.ends_position else "Closed a part of the"
    result = (
        f"a profit of {yen(trade.net_jpy)}"
        if trade.net_jpy >= 0
        else f"a loss of {yen(-trade.net_jpy)}"
    )
    told = {
        "net": yen(trade.net_jpy),
        "before costs": yen(trade.gross_jpy),
        "fees": yen(trade.fees_jpy),
        "interest": yen(trade.interest_jpy),
        "entry": yen(trade.entry_price),
        "exit": yen(trade.exit_price),
        "held": lasted(trade.closed_at - trade.opened_at),
    }
    title = f"{part} {trade.side} {btc(trade.lots)} with {result}: {reason_text(trade.reason)}."
    return maker.event(
        level,
        "position_closed",
        f"{trade.sequence}-{trade.closed_at}",
        title,
        told,
        trade.closed_at,
    )


def _many_trades(trades: Sequence[Trade], maker: _Maker) -> Alert:
    zero = trades[0].net_jpy * 0
    told = {
        "net": yen(sum((trade.net_jpy for trade in trades), start=zero)),
        "fees": yen(sum((trade.fees_jpy for trade in trades), start=zero)),
        "interest": yen(sum((trade.interest_jpy for trade in trades), start=zero)),
        "why": _counted(reason_text(trade.reason) for trade in trades),
    }
    subject = f"{trades[0].sequence}-{trades[-1].sequence}-{trades[-1].closed_at}"
    return maker.event(
        Level.INFO,
        "position_closed",
        subject,
        f"{len(trades)} trades were closed.",
        told,
        trades[-1].closed_at,
    )


def _counted(texts: Iterable[str]) -> str:
    return ", ".join(f"{len(list(group))} × {text}" for text, group in groupby(sorted(texts)))


def _changes(
    maker: _Maker, before: KnownBefore | None, after: KnownBefore | None
) -> Iterator[Alert]:
    if before is None or after is None:
        return
    if before.halted_at and not after.halted_at:
        title = "Trading was resumed after the drawdown halt."
        yield maker.event(
            Level.INFO, "resumed", before.halted_at, title, {"halted since": when(before.halted_at)}
        )
    if after.late_in_a_row >= LATE_IN_A_ROW:
        title = (
            f"{after.late_in_a_row} ticks in a row came too late: nothing is entered and no time"
            " exit is made."
        )
        told = {"what to do": "look at the scheduler, and at the clock of this machine"}
        yield maker.lasting(Level.WARNING, "late", "row", title, told)
    if before.model is not None and after.model is not None and before.model != after.model:
        told = {"before": before.model, "now": after.model}
        yield maker.lasting(
            Level.INFO,
            "model_changed",
            f"{before.model}+{after.model}",
            "Another model serves.",
            told,
        )
