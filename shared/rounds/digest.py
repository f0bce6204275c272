"""The digest: what a day was, as one alert and one picture."""

from dataclasses import dataclass

from shared.alerts.wording import alert_key
from shared.core.calendar import jst_day
from shared.core.errors import BadBundle
from shared.core.sentences import say
from shared.core.sentences.figures import duration, yen_words
from shared.core.settings import Settings
from shared.core.types import Alert, Level
from shared.model.manifest import Verdict, decode_manifest
from shared.model.registry import BundleRegistry
from shared.rounds.day import DayFacts, digest_window, read_day
from shared.rounds.picture import draw_equity
from shared.rounds.telling import (
    alerts_for_digest,
    day_fields,
    dead_letters,
    result_words,
    title_of,
)
from shared.stores.ports import Bucket
from shared.tick.documents import BotDocuments

KIND = "digest"
"""The kind of this alert: info, and told at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A digest as it can be told.

    >>> alert = Alert(key="a", level=Level.INFO, kind=KIND, title="A quiet day.", at=0)
    >>> Digest(alert=alert, picture=b"").tells
    ()

    Attributes:
        alert: Its words; the key names bot and JST date, so that a day has one.
        picture: The day's equity as PNG.
        tells: Paths of the alerts that waited for it, and are told by it.
        buries: Paths of the dead letters that it names.
        damaged: Paths of documents that could not be read, and are named in it.
    """

    alert: Alert
    picture: bytes
    tells: tuple[str, ...] = ()
    buries: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


def day_digest(bot: BotDocuments, bucket: Bucket, settings: Settings, *, now_ms: int) -> Digest:
    r"""The digest of the newest 24 hours that are over at `now_ms`; see `digest_window`.

    Reads a bounded number of documents and writes nothing. Raises what the stores raise where they
    cannot be read at all; what is damaged in them is named in the digest.

    >>> from shared.core.settings import load_settings
    >>> from shared.stores.memory import MemoryBucket, MemoryDocuments
    >>> bot = BotDocuments(MemoryDocuments(), "default")
    >>> digest = day_digest(bot, MemoryBucket(), load_settings({}), now_ms=1_769_871_540_123)
    >>> digest.alert.key, digest.alert.title
    ('default:digest:2026-01-31', '2026-01-31: no equity is known, no trades.')
    >>> digest.alert.fields["ticks"], digest.picture[:4]
    ('none: the bot did not run', b'\x89PNG')
    """
    begin_at, end_at = digest_window(now_ms, settings)
    day = read_day(bot, settings, begin_at=begin_at, end_at=end_at)
    alert = Alert(
        key=alert_key(bot.bot, KIND, jst_day(end_at - 1)),
        level=Level.INFO,
        kind=KIND,
        title=title_of(day),
        at=end_at,
        fields=day_fields(
            day, model=_model_words(bucket, at=end_at), bot=f"{bot.bot} ({settings.mode})"
        ),
    )
    return Digest(
        alert=alert,
        picture=_picture(day, bot.bot),
        tells=tuple(record.path for record in alerts_for_digest(day)),
        buries=tuple(record.path for record in dead_letters(day)),
        damaged=day.damaged,
    )


def _picture(day: DayFacts, bot: str) -> bytes:
    end = yen_words(day.equity[-1][1]) if day.equity else jst_day(day.end_at - 1)
    return draw_equity(
        day.equity,
        day.trades,
        begin_at=day.begin_at,
        end_at=day.end_at,
        title=say("digest.picture.title", bot=bot, result=result_words(day), end=end),
    )


def _model_words(bucket: Bucket, *, at: int) -> str:
    """Which model serves, how old its data are, and what the gate said."""
    registry = BundleRegistry(bucket)
    try:
        pointer = registry.current()
    except BadBundle:
        return say("digest.pointer_damaged")
    if pointer is None:
        return say("digest.model_none")
    try:
        manifest = decode_manifest(registry.manifest(pointer.version) or b"")
    except BadBundle:
        return say("digest.model_unknown", version=pointer.version)
    return say(
        "digest.model",
        version=pointer.version,
        age=duration(max(0, at - manifest.as_of) / 1000),
        verdict=_verdict_words(manifest.verdict),
    )


def _verdict_words(verdict: Verdict) -> str:
    if verdict.may_enter:
        return say("digest.may_enter")
    return say("digest.may_serve" if verdict.may_serve else "digest.refused")
