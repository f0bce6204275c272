"""The rounds beside the ticks, as the function and the command do them: the watch, the digest."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from shared.alerts.office import Office
from shared.alerts.records import WAITS_FOR_NOBODY, record_write
from shared.alerts.wording import alert_key
from shared.core.calendar import jst_day
from shared.core.clock import Clock
from shared.core.errors import AlreadyExists, BadBundle, BotError
from shared.core.logs import log
from shared.core.settings import Settings
from shared.core.types import Alert
from shared.model.registry import BundleRegistry
from shared.rounds.day import digest_window
from shared.rounds.digest import KIND, day_digest
from shared.rounds.reading import MOST_ALERTS
from shared.rounds.watch import WatchPorts, compared_clock, look_around
from shared.stores.ports import Bucket, DocumentStore, Write
from shared.tick.acts import tell_moves
from shared.tick.documents import BotDocuments

TELL_SECONDS = 20.0
MOST_MARKED = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsPlace:
    """Where rounds are done.

    Attributes:
        settings: Of the bot.
        documents: Of the bot.
        bucket: Where the watch has its memory.
        clock: Of this machine.
        office: Delivers what they have to tell.
        call_tick: Runs a tick; None: nobody can.
        skew_ms: This machine's clock less the exchange's; None: nobody knows.
    """

    settings: Settings
    documents: DocumentStore
    bucket: Bucket
    clock: Clock
    office: Office
    call_tick: Callable[[], bool] | None = None
    skew_ms: Callable[[], float | None] | None = None


def do_watch(place: RoundsPlace) -> dict[str, Any]:
    """Look around, and tell what began and what is over; tell what people moved and nobody told."""
    ports = WatchPorts(
        clock=place.clock,
        open_documents=lambda: place.documents,
        bucket=place.bucket,
        tell=lambda alerts: _tell(place, alerts),
        call_tick=place.call_tick,
        skew_ms=place.skew_ms,
    )
    done = look_around(ports, place.settings)
    _tell_moves(place)
    with suppress(BotError):  # what waits is told also while no tick asks for it
        place.office.deliver_due(seconds=TELL_SECONDS)
    return {
        "conditions": [condition.name for condition in done.conditions],
        "unjudged": sorted(done.unjudged),
        "alerts": [alert.key for alert in done.alerts],
        "is_told": done.is_told,
        "is_beaten": done.is_beaten,
    }


def _tell(place: RoundsPlace, alerts: Sequence[Alert]) -> None:
    """By the office; without the store where that is down or damaged, or the office cannot work."""
    try:
        place.office.tell(alerts, seconds=TELL_SECONDS)
    # Whatever keeps the office from its work is no reason to tell nobody.
    except Exception as error:
        log("rounds.office", severity="ERROR", error=type(error).__name__)
        told = place.office.tell_directly(alerts, seconds=TELL_SECONDS)
        if any(alert.key not in told for alert in alerts):
            raise


def _tell_moves(place: RoundsPlace) -> None:
    try:
        pointer = BundleRegistry(place.bucket).current()
        now_ms = place.clock.now_ms()
        tell_moves(place.documents, pointer, bot=place.settings.id, now_ms=now_ms)
    except (BotError, BadBundle) as error:  # the watch says what is down
        log("rounds.moves", severity="WARNING", error=str(error))


def do_digest(place: RoundsPlace) -> dict[str, Any]:
    """Tell the newest day that is over, once; what waited for it is told by it.

    Nothing is told of a bot that never ticked. Raises what the stores raise.
    """
    settings, documents = place.settings, place.documents
    if not _is_digest_due(place, place.clock.now_ms()):
        return {"is_due": False}
    # A clock that is ahead would tell of a day that is not over, and nobody of its rest.
    now_ms = compared_clock(place.clock, place.skew_ms, settings).now_ms()
    if not _is_digest_due(place, now_ms):
        return {"is_due": False}
    bot, path = BotDocuments(documents, settings.id), _digest_path(settings, now_ms)
    digest = day_digest(bot, place.bucket, settings, now_ms=now_ms)
    told = record_write(digest.alert, bot=settings.id, picture=digest.picture)
    named = {*digest.tells, *digest.buries, *digest.damaged}
    marks = _marks(documents, settings.id, named, now_ms=now_ms)
    try:
        documents.commit([Write(kind="create", path=path, data=told.data), *marks[:MOST_MARKED]])
    except AlreadyExists:
        return {"is_due": False}
    for start in range(MOST_MARKED, len(marks), MOST_MARKED):
        documents.commit(marks[start : start + MOST_MARKED])
    place.office.deliver_due(seconds=TELL_SECONDS)
    return {"is_due": True, "key": digest.alert.key, "title": digest.alert.title}


def _is_digest_due(place: RoundsPlace, now_ms: int) -> bool:
    documents, settings = place.documents, place.settings
    if BotDocuments(documents, settings.id).peek() is None:
        return False
    return documents.get(_digest_path(settings, now_ms)) is None


def _digest_path(settings: Settings, now_ms: int) -> str:
    _, end_at = digest_window(now_ms, settings)
    return f"alerts/{alert_key(settings.id, KIND, jst_day(end_at - 1))}"


def _marks(documents: DocumentStore, bot: str, paths: set[str], *, now_ms: int) -> list[Write]:
    """That alerts were told by the digest; as many as fit are stored in one batch with it."""
    waiting = documents.query("alerts", field="digest_for", value=bot, limit=MOST_ALERTS)
    told = {**WAITS_FOR_NOBODY, "sent_at": now_ms, "told_by": KIND}
    return [
        Write(kind="put", path=one.path, data={**one.data, **told})
        for one in waiting
        if one.path in paths
    ]
