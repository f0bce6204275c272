"""A tick that went wrong, and what forbids entries while it lasts."""

from collections.abc import Iterator, Mapping

from shared.alerts.subjects.maker import AlertMaker
from shared.alerts.subjects.model import ABOUT_THE_MODEL, MODEL, model_alert, watch_alert
from shared.alerts.wording import context_facts, name_fields
from shared.core.reasons import Reason
from shared.core.sentences import reason_now, say
from shared.core.sentences.figures import jst_and_utc
from shared.core.types import Alert, Issue, Level, TickReport, TickStatus

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
    Reason.LIVE_NOT_STARTED: "not_live",
    Reason.LIVE_DIFFERS: "not_live",
    Reason.ACCOUNT_CLAIMED: "not_live",
}


def status_alerts(report: TickReport, maker: AlertMaker) -> Iterator[Alert]:
    """A tick that failed, or ran degraded."""
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
            Level.WARNING,
            "degraded",
            f"{report.reason}{step and '-'}{step}",
            title,
            told,
            reason=report.reason,
        )


def issue_alerts(report: TickReport, maker: AlertMaker) -> Iterator[Alert]:
    """What is wrong with market, model, clock or store, each reason once."""
    seen: set[Reason] = set()
    for issue in sorted(report.issues, key=lambda issue: not issue.forbids_entry):
        if issue.reason is Reason.TIME_IMPOSSIBLE:
            yield _impossible_alert(issue, maker)
            continue
        if issue.reason in seen:
            continue
        seen.add(issue.reason)
        if issue.reason in MODEL:
            yield model_alert(issue, report, maker)
        elif issue.reason in ABOUT_THE_MODEL:
            yield watch_alert(issue, report, maker)
            if issue.reason is Reason.MODEL_OVERRULED and report.model is not None:
                yield maker.make_overrule(report.model, issue.context.get("found", ""))
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
                variant="closed" if issue.forbids_entry else "",
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
                reason=issue.reason,
            )


def _impossible_alert(issue: Issue, maker: AlertMaker) -> Alert:
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
