"""What a real account shows that the bot's book does not explain."""

from collections.abc import Iterator, Mapping

from shared.alerts.subjects.maker import AlertMaker
from shared.alerts.wording import context_facts
from shared.core.reasons import Reason
from shared.core.sentences import reason_now, say
from shared.core.types import Alert, Issue, Level, TickReport

LEVELS: Mapping[Reason, Level] = {
    Reason.POSITION_UNEXPLAINED: Level.CRITICAL,
    Reason.POSITION_SHORT: Level.CRITICAL,
    Reason.ANOTHER_WRITER: Level.CRITICAL,
    Reason.MARGIN_CALLED: Level.CRITICAL,
    Reason.FILLS_LATE: Level.WARNING,
    Reason.FILLS_BEYOND: Level.WARNING,
    Reason.CLOSE_BEYOND: Level.WARNING,
    Reason.ORDER_MISSING: Level.WARNING,
    Reason.ACCOUNT_UNSETTLED: Level.WARNING,
    Reason.MONEY_MOVED: Level.INFO,
}
"""How loud each is told."""


def account_alerts(report: TickReport, maker: AlertMaker) -> Iterator[Alert]:
    """Each reason once; a deposit or withdrawal as what it is."""
    seen: set[Reason] = set()
    for issue in report.issues:
        if issue.reason not in LEVELS or issue.reason in seen:
            continue
        seen.add(issue.reason)
        yield _alert(issue, maker)


def _alert(issue: Issue, maker: AlertMaker) -> Alert:
    level, told = LEVELS[issue.reason], context_facts(issue.context)
    if issue.reason is Reason.MONEY_MOVED:
        subject = "-".join(issue.context.values())
        return maker.make_event(level, "money", subject, say("alerts.title.money"), told)
    title = say("alerts.title.account", reason=reason_now(issue.reason))
    return maker.make_lasting(level, "account", issue.reason, title, told, reason=issue.reason)
