"""The model, and what the watch says of it."""

from collections.abc import Mapping

from shared.alerts.subjects.maker import AlertMaker
from shared.alerts.wording import context_facts
from shared.core.reasons import Reason
from shared.core.sentences import reason_now, say
from shared.core.types import Alert, Issue, Level, TickReport

MODEL = frozenset({Reason.MODEL_MISSING, Reason.MODEL_INVALID, Reason.MODEL_MISMATCH})
ABOUT_THE_MODEL: Mapping[Reason, str] = {
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


def watch_alert(issue: Issue, report: TickReport, maker: AlertMaker) -> Alert:
    """Once a day; that a proof is void which stops nothing here, once for each model."""
    kind, title = ABOUT_THE_MODEL[issue.reason], _watch_title(issue, report)
    told, variant = context_facts(issue.context), "closed" if issue.forbids_entry else ""
    if issue.reason is Reason.MODEL_NOT_PROVEN and not issue.forbids_entry:
        return maker.make_event(Level.WARNING, kind, report.model, title, told)
    return maker.make_daily(Level.WARNING, kind, title, told, variant=variant)


def model_alert(issue: Issue, report: TickReport, maker: AlertMaker) -> Alert:
    """A model that does not load, is none, or answers another question; docs/adr/0024 says how
    loudly.
    """
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
    return maker.make_lasting(
        level,
        "model",
        issue.reason,
        title,
        context_facts(issue.context),
        variant="" if report.model else "none",
        reason=issue.reason,
    )
