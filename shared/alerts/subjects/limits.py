"""Limits that are reached, and what changed from tick to tick."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.alerts.subjects.maker import AlertMaker
from shared.alerts.wording import context_facts, name_fields
from shared.core.reasons import Reason
from shared.core.sentences import say
from shared.core.sentences.figures import jst_and_utc, yen_words
from shared.core.tick_times import LATE_IN_A_ROW
from shared.core.types import Alert, Level, TickReport


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


def limit_alerts(
    report: TickReport, maker: AlertMaker, before: KnownBefore | None, after: KnownBefore | None
) -> Iterator[Alert]:
    """A limit that stops entries."""
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


def change_alerts(
    maker: AlertMaker, before: KnownBefore | None, after: KnownBefore | None
) -> Iterator[Alert]:
    """What is otherwise than before the tick."""
    if before is None or after is None:
        return
    if before.halted_at and not after.halted_at:
        title = say("alerts.title.resumed")
        told = name_fields(halted_since=jst_and_utc(before.halted_at))
        yield maker.make_event(Level.INFO, "resumed", before.halted_at, title, told)
    if after.late_in_a_row >= LATE_IN_A_ROW:
        title = say("alerts.title.late", ticks=after.late_in_a_row)
        yield maker.make_lasting(Level.WARNING, "late", "row", title, {})
    if before.model is not None and after.model is not None and before.model != after.model:
        title, subject = say("alerts.title.model_changed"), f"{before.model}+{after.model}"
        told = name_fields(before=before.model, now=after.model)
        yield maker.make_lasting(Level.INFO, "model_changed", subject, title, told)
