"""What a person is told where a paper bot's supervisor was killed."""

from functions import wiring
from shared.alerts.wording import alert_key, name_fields
from shared.core.clock import SystemClock
from shared.core.errors import AlreadyExists, BotError
from shared.core.logs import log
from shared.core.sentences import say
from shared.core.sentences.figures import jst_and_utc
from shared.core.settings import Settings
from shared.core.types import Alert, Level
from shared.tick import filing

SEND_SECONDS = 20.0


def death_of(settings: Settings, *, pid: int, started_at: int, now_ms: int) -> Alert:
    """The alert of one supervisor's end: the same key whoever tells it."""
    return Alert(
        key=alert_key(settings.id, "paper_killed", started_at, pid),
        level=Level.CRITICAL,
        kind="paper_killed",
        title=say("alerts.title.paper_killed"),
        at=now_ms,
        fields=name_fields(
            what=say("alerts.value.paper_killed", pid=pid, since=jst_and_utc(started_at)),
            what_was_done=say("alerts.value.paper_stands"),
            what_to_do=say("alerts.value.start_paper"),
            time=jst_and_utc(now_ms),
        ),
    )


def tell_of_death(*, pid: int, started_at: int) -> None:
    """Put the alert into the outbox and send it; where it cannot be sent, the next tick does.

    Where the store is down it is sent all the same.
    """
    environ = wiring.environment()
    settings = wiring.settings_from(environ)
    clock = SystemClock()
    alert = death_of(settings, pid=pid, started_at=started_at, now_ms=clock.now_ms())
    documents = wiring.documents_for(settings)
    write = filing.alert_write(alert, settings)
    outlet = wiring.outlet_for(settings, environ, documents, clock)
    try:
        documents.create(write.path, write.data or {})
    except AlreadyExists:
        return
    except BotError as error:
        log("guardian.unwritten", severity="ERROR", error=str(error))
        outlet.tell_directly([alert], seconds=SEND_SECONDS)
        return
    outlet.pass_on([alert], has_older=False, seconds=SEND_SECONDS)
