"""What a tick's report has to tell a person. Pure.

A condition that lasts has a key that changes once in `discord.window_seconds` (limits that last for
a day or until a person acts: once a JST day), so that 500 ticks in the same trouble say it once an
hour. An event has the key of its order or trade, so that it is told once. The outbox refuses a key
that it has seen.
"""

from shared.alerts.advice import advice_fields
from shared.alerts.subjects.account import account_alerts
from shared.alerts.subjects.conditions import issue_alerts, status_alerts
from shared.alerts.subjects.limits import KnownBefore, change_alerts, limit_alerts
from shared.alerts.subjects.maker import AlertMaker
from shared.alerts.subjects.orders import order_alerts
from shared.alerts.subjects.positions import position_alerts
from shared.alerts.subjects.trades import entry_alerts, trade_alerts
from shared.alerts.wording import lasting_key, name_fields
from shared.core.sentences import say
from shared.core.sentences.figures import jst_and_utc
from shared.core.settings import Settings
from shared.core.types import Alert, Level, TickReport, TickStatus

_LOUDNESS = {Level.CRITICAL: 0, Level.WARNING: 1, Level.INFO: 2}


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

    >>> from shared.core.reasons import Reason
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
    maker = AlertMaker(report, settings)
    alerts = [
        *position_alerts(report, maker),
        *order_alerts(report, maker),
        *status_alerts(report, maker),
        *limit_alerts(report, maker, before, after),
        *issue_alerts(report, maker),
        *account_alerts(report, maker),
        *entry_alerts(report, maker),
        *trade_alerts(report, maker),
        *change_alerts(maker, before, after),
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
    level, kind = Level.CRITICAL, "tick_failed"
    told = advice_fields(kind, level, at=at)
    told |= name_fields(what_to_do=remedy) if remedy else {}
    told |= name_fields(what=found, time=jst_and_utc(at), bot=bot)
    return Alert(
        key=lasting_key(bot, kind, "store", at=at, settings=settings),
        level=level,
        kind=kind,
        title=say("alerts.title.tick_failed_unsaved"),
        at=at,
        fields={name: text for name, text in told.items() if text},
    )
