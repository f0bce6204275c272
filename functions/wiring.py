"""The only file that names concrete adapters (scripts name the sandbox besides): settings and
environment in, `Ports` out.
"""

import os
import time
from collections.abc import Mapping
from functools import cache
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from shared.alerts.patience import StoredPatience
from shared.alerts.ports import Channel, Patience, SecondChannel
from shared.core import settings as configuration
from shared.core.clock import Clock, SystemClock
from shared.core.errors import BadData, BadSettings
from shared.core.logs import log
from shared.core.masking import quote_value, register_secret_variables, register_secrets
from shared.core.settings import Settings
from shared.core.settings.original_variables import left_over
from shared.core.types import Alert, Level, OrderIntent, PositionPlan, TickReport
from shared.exchanges.bitbank.feed import BitbankFeed
from shared.exchanges.paper.account import PaperAccount
from shared.market.archive import CandleWindows
from shared.market.ports import MarketFeed
from shared.model.manifest import Manifest
from shared.model.registry import BundleRegistry
from shared.model.signing import public_keys
from shared.orders.ports import Exchange
from shared.stores.ports import Blob, Bucket, DocumentStore
from shared.tick import control
from shared.tick.cycle import Ports
from shared.tick.documents import BotDocuments, PaperDocument
from shared.turn.champion import Champions
from shared.turn.state import State

if TYPE_CHECKING:
    from models.backtest.forward import Tell, Walk
    from models.backtest.ports import BacktestPorts
    from models.retrain import CandleHistory
    from models.retrain import RetrainPorts as RetrainPlace
    from shared.alerts.office import Office
    from shared.alerts.outlets import Outlet
    from shared.exchanges.bitbank.private_answers import ExchangeTrade
    from shared.orders.probing import Prober
    from shared.rounds.calling import TickCaller
    from shared.rounds.cleaning import CleaningPlace
    from shared.rounds.duties import RoundsPlace


DOCUMENTS: Mapping[str, str] = {
    "sqlite": "shared.stores.local.sqlite:SqliteDocuments",
    "memory": "shared.stores.memory:MemoryDocuments",
    "firestore": "shared.stores.google.firestore:FirestoreDocuments",
}
"""The document stores, by how `BOT_STATE` begins; each opens what stands after `://`."""
BUCKETS: Mapping[str, str] = {
    "file": "shared.stores.local.folder:FolderBucket",
    "gs": "shared.stores.google.storage:GoogleBucket",
    "memory": "shared.stores.memory:MemoryBucket",
}
"""The buckets, by how `BOT_BUCKET` begins."""
SECRET_STORES: Mapping[str, str] = {
    "file": "shared.stores.local.secrets:FolderSecrets",
    "memory": "shared.stores.secrets:MemorySecrets",
    "secretmanager": "shared.stores.google.secrets:GoogleSecrets",
}
"""The stores of secrets, by how their address begins; no function opens one."""
EXCHANGES: Mapping[str, str] = {
    "paper": "shared.exchanges.paper.exchange:PaperExchange",
    "live": "shared.exchanges.bitbank.live.exchange:BitbankExchange",
    "rehearsal": "shared.exchanges.bitbank.live.rehearsal:RehearsalExchange",
}
"""Who holds our orders, by `BOT_MODE`; a dry run of the real one rehearses."""


@cache
def prepare_types() -> None:
    """Let msgspec read every type that is decoded, before there are threads that decode.

    msgspec (0.22) builds what it knows of a dataclass on first use and without a lock: two threads
    that meet there end the process with a segmentation fault (seen in one of ten starts under load,
    and in half of them when provoked).

    >>> prepare_types() is None  # from now on every thread may decode a state
    True
    """
    for decoded in (Settings, State, TickReport, Alert, PositionPlan, PaperAccount, Manifest):
        msgspec.json.Decoder(decoded)


def environment() -> Mapping[str, str]:
    """The process's environment, read in this one place.

    >>> "PATH" in environment()
    True
    """
    return os.environ


EXCHANGE_KEY = ("BITBANK_API_KEY", "BITBANK_API_SECRET")
SECRETS = (
    *EXCHANGE_KEY,
    "BOT_BUNDLE_SIGNING_KEY",
    "BOT_MAIL_PASSWORD",
)


def settings_from(environ: Mapping[str, str], **more: Any) -> Settings:
    """Typed settings, and the rule that no tick in the cloud runs on an in-memory disk.

    Raises `BadSettings`.

    >>> settings_from({"BOT_STAGE": "stage-10"}).stage
    'stage-10'
    """
    register_secrets(*(environ[name] for name in SECRETS if environ.get(name)))
    register_secret_variables(environ)
    settings = configuration.load_settings(environ, **more)
    if environ.get("K_SERVICE"):
        for name, url, like in (
            ("BOT_STATE", settings.state, ", like firestore://PROJECT/DATABASE"),
            ("BOT_BUCKET", settings.bucket, ""),
        ):
            if urlsplit(url).scheme in {"sqlite", "file", "memory"}:
                raise BadSettings(
                    f"{name} was {quote_value(url)} on Cloud Run, whose disk is memory",
                    remedy=f"set {name} to a store that outlives the instance{like}",
                )
        if settings.alerts == "inline":
            raise BadSettings(
                "BOT_ALERTS was 'inline' on Cloud Run",
                remedy="set BOT_ALERTS to pubsub://PROJECT/TOPIC or log",
            )
    return settings


@cache
def warn_of_left_over() -> None:
    """Say once a process which variables of the original are set and not read.

    >>> warn_of_left_over() is None  # none of the original's variables is set here
    True
    """
    for found in left_over(environment()):
        log("settings.left_over", severity="WARNING", found=found)


def documents_for(settings: Settings) -> DocumentStore:
    """The document store that `BOT_STATE` names."""
    store: DocumentStore = _open_adapter(settings.state, "BOT_STATE", DOCUMENTS)
    return store


def bucket_for(settings: Settings) -> Bucket:
    """The bucket that `BOT_BUCKET` names."""
    bucket: Bucket = _open_adapter(settings.bucket, "BOT_BUCKET", BUCKETS)
    return bucket


def documents_at(address: str, name: str) -> DocumentStore:
    """The document store at an address; `name` is what a person gave it by."""
    store: DocumentStore = _open_adapter(address, name, DOCUMENTS)
    return store


def bucket_at(address: str, name: str) -> Bucket:
    """The bucket at an address."""
    bucket: Bucket = _open_adapter(address, name, BUCKETS)
    return bucket


def secrets_for(address: str) -> Any:
    """The `SecretStore` at an address like `secretmanager://PROJECT` or `file:///PATH`: for whoever
    sets a bot up, changes its keys or examines it.
    """
    return _open_adapter(address, "the address of the secrets", SECRET_STORES)


def exchange_for(
    settings: Settings,
    documents: DocumentStore,
    feed: MarketFeed,
    *,
    environ: Mapping[str, str],
    clock: Clock,
    is_rehearsed: bool = False,
) -> Exchange:
    """Who holds our orders in the mode of the settings: an account on paper in a document of its
    own, or the real one, by the key in `environ`. Raises `BadSettings` where there is none.

    Of a real account a rehearsal reads, and keeps what it would have sent.
    """
    is_real = settings.mode == "live"
    kind = resolve_name(EXCHANGES["rehearsal" if is_real and is_rehearsed else settings.mode])
    exchange: Exchange
    if settings.mode == "paper":
        exchange = kind(PaperDocument(documents, settings.id), feed.minutes, settings)
        return exchange
    key, secret = _exchange_key(settings, environ)
    exchange = kind.open(settings, clock, key=key, secret=secret)
    return exchange


def probe_for(settings: Settings, environ: Mapping[str, str], clock: Clock) -> "Prober":
    """What asks the real exchange what no document says. Raises `BadSettings` where the bot is not
    live, or there is no key.
    """
    from shared.exchanges.bitbank.probe.run import Probe

    if settings.mode != "live":
        raise BadSettings(
            f"BOT_MODE was {settings.mode}; a probe asks with real money",
            remedy="set BOT_MODE=live",
        )
    key, secret = _exchange_key(settings, environ)
    feed = feed_for(settings, clock, bucket_for(settings))
    return Probe.open(
        settings, clock, key=key, secret=secret, read_market=lambda: feed.fetch(clock.now_ms())
    )


def _exchange_key(settings: Settings, environ: Mapping[str, str]) -> tuple[str, str]:
    missing = [name for name in EXCHANGE_KEY if not environ.get(name)]
    if missing:
        raise BadSettings(
            f"{missing[0]} was not set, and BOT_MODE is {settings.mode}",
            remedy=f"set {' and '.join(EXCHANGE_KEY)}: a key that may read and trade, no more",
        )
    key, secret = (environ[name] for name in EXCHANGE_KEY)
    return key, secret


def executions_for(
    settings: Settings,
    environ: Mapping[str, str],
    clock: Clock,
    *,
    since_ms: int,
    until_ms: int | None,
) -> "tuple[ExchangeTrade, ...]":
    """What was executed at the real account from `since_ms` to before `until_ms` (None: now), as
    the exchange tells it. Raises `BadSettings` where the bot is not live, or there is no key.
    """
    from shared.exchanges.bitbank.history import read_executions

    if settings.mode != "live":
        raise BadSettings(
            f"BOT_MODE was {settings.mode}; only a real account has a history at the exchange",
            remedy="set BOT_MODE=live, or leave --reconcile out",
        )
    key, secret = _exchange_key(settings, environ)
    return read_executions(
        settings, clock, key=key, secret=secret, since_ms=since_ms, until_ms=until_ms
    )


def examine_order(
    settings: Settings, environ: Mapping[str, str], order_id: int, intent: OrderIntent
) -> tuple[str, ...] | None:
    """In what an order of the real account is not the one that was meant; None where there is none
    of that number.
    """
    from shared.exchanges.bitbank.live.exchange import BitbankExchange

    key, secret = (environ.get(name, "") for name in EXCHANGE_KEY)
    exchange = BitbankExchange.open(settings, clock_for(settings), key=key, secret=secret)
    return exchange.examine_order(order_id, intent)


def key_fingerprint_of(settings: Settings, environ: Mapping[str, str]) -> str:
    """The fingerprint of the key that a real account is asked with; empty on paper or without one.

    >>> key_fingerprint_of(settings_from({}), {"BITBANK_API_KEY": "of no use on paper"})
    ''
    """
    key = environ.get(EXCHANGE_KEY[0], "")
    if settings.mode == "paper" or not key:
        return ""
    from shared.tick.live.records import key_fingerprint

    return key_fingerprint(key)


def clock_for(settings: Settings) -> Clock:
    """The machine's clock, or the stepped one of a sandbox.

    >>> type(clock_for(settings_from({}))).__name__
    'SystemClock'
    """
    if settings.clock == "system":
        return SystemClock()
    from shared.exchanges.sandbox.clock import SteppedClock

    return SteppedClock(settings.clock)


def feed_for(settings: Settings, clock: Clock, bucket: Bucket) -> BitbankFeed:
    """Bitbank's public API, with its candle windows in `bucket`."""
    return BitbankFeed(settings, clock, CandleWindows(bucket))


def channel_for(settings: Settings, environ: Mapping[str, str], *, patience: Patience) -> Channel:
    """Discord where a webhook is set, the log otherwise.

    `patience` remembers when Discord wants to be left alone.
    """
    from shared.alerts.discord.sink import DiscordSink
    from shared.alerts.log_sink import LogSink

    webhooks = {level: url for level, url in _webhooks(environ).items() if url}
    if settings.alerts == "log" or not webhooks:
        return LogSink(log)
    return DiscordSink(webhooks, settings, patience=patience)


def second_for(environ: Mapping[str, str]) -> SecondChannel | None:
    """The channel beside Discord: on Cloud Run a line of the log that a policy turns into an
    e-mail, elsewhere what `BOT_SECOND_CHANNEL` names.
    """
    address = environ.get("BOT_SECOND_CHANNEL", "")
    if address:
        from shared.alerts.second.address import second_channel

        return second_channel(address, password=environ.get("BOT_MAIL_PASSWORD", ""))
    if environ.get("K_SERVICE"):
        from shared.alerts.second.line import CriticalLine

        return CriticalLine(log)
    return None


def office_for(
    settings: Settings, environ: Mapping[str, str], documents: DocumentStore, clock: Clock
) -> "Office":
    """What delivers the alerts of the bot."""
    from shared.alerts.office import Office

    channel = channel_for(settings, environ, patience=StoredPatience(documents, clock))
    return Office(documents, settings, clock, channel, second_for(environ))


def outlet_for(
    settings: Settings, environ: Mapping[str, str], documents: DocumentStore, clock: Clock
) -> "Outlet":
    """How alerts get on their way: by the topic that the settings name, with the channels behind it
    for what is critical; else over the channels themselves.
    """
    from shared.alerts.outlets import LocalOutlet, TopicOutlet

    office = office_for(settings, environ, documents, clock)
    if not settings.alerts.startswith("pubsub://"):
        return LocalOutlet(office)
    from shared.alerts.pubsub import PubSubSink

    topic = PubSubSink(settings.alerts, settings, emulator=environ.get("PUBSUB_EMULATOR_HOST", ""))
    is_heard = _webhooks(environ)[Level.CRITICAL] or second_for(environ) is not None
    return TopicOutlet(topic, office if is_heard else None)


def _webhooks(environ: Mapping[str, str]) -> Mapping[Level, str]:
    one = environ.get("DISCORD_WEBHOOK_URL", "")
    return {level: environ.get(f"DISCORD_WEBHOOK_{level.name}", "") or one for level in Level}


def ports(settings: Settings, environ: Mapping[str, str], *, dry_run: bool = False) -> Ports:
    """All ports of a tick.

    A dry run works on copies: it reads what is stored and writes nothing.
    """
    clock, bucket, documents = clock_for(settings), bucket_for(settings), documents_for(settings)
    outlet = outlet_for(settings, environ, documents, clock)
    if dry_run:
        from shared.alerts.log_sink import LogSink
        from shared.alerts.outlets import LogOutlet

        documents, bucket, outlet = (
            _copy_documents(documents, settings, key_fingerprint_of(settings, environ)),
            _Unwritten(bucket),
            LogOutlet(LogSink(log)),
        )
    feed = feed_for(settings, clock, bucket)
    return Ports(
        clock=clock,
        documents=documents,
        feed=feed,
        exchange=exchange_for(
            settings, documents, feed, environ=environ, clock=clock, is_rehearsed=dry_run
        ),
        champions=Champions(BundleRegistry(bucket), public_keys(settings), settings),
        outlet=outlet,
        key=key_fingerprint_of(settings, environ),
        is_rehearsal=dry_run,
    )


def rehearsed_requests(ports: Ports) -> tuple[Mapping[str, str], ...]:
    """What a dry run at a real exchange would have posted, in its order: paths and exact texts.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home:
    ...     rehearsed_requests(ports(settings_from({"BOT_HOME": home}), {}, dry_run=True))
    ()
    """
    kept = getattr(ports.exchange, "rehearsed", ())
    return tuple({"path": one.path, "body": one.body} for one in kept)


def backtest_place(settings: Settings, environ: Mapping[str, str]) -> "BacktestPorts":
    """Where backtests live; nothing of theirs is imported for a tick."""
    from models.backtest.ports import BacktestPorts
    from models.backtest.sources import ArchiveSource
    from models.backtest.stage_cache import StageCache

    bucket = bucket_for(settings)
    return BacktestPorts(
        documents=documents_for(settings),
        bucket=bucket,
        clock=clock_for(settings),
        load=lambda **more: settings_from(environ, **more),
        public_keys=public_keys(settings),
        source=ArchiveSource(bucket),
        stages=StageCache(bucket).stages,
        walks=_walk,
    )


def _walk(*, end_at: int, bucket: Bucket, tell: "Tell") -> "Walk":
    """The walk of a walk-forward job; what learns is imported when one comes."""
    from models.proof.job import JobWalk

    return JobWalk(end_at=end_at, bucket=bucket, tell=tell)


def retrain_place(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    history: "CandleHistory | None" = None,
    fetch: bool = True,
    dry_run: bool = False,
) -> "RetrainPlace":
    """Where retrainings take place; `history` stands in for the archive, into which `fetch`
    collects what is missing.

    A dry run works on copies: it reads what is stored and writes nothing but its trial, for it
    shows a verdict.
    """
    from models.fit.commit import code_commit
    from models.jobs.keys import signing_key
    from models.retrain import ArchiveHistory
    from models.retrain import RetrainPorts as RetrainPlace
    from shared.market.archive import CandleArchive

    clock, bucket, documents = clock_for(settings), bucket_for(settings), documents_for(settings)
    outlet = outlet_for(settings, environ, documents, clock)
    key = signing_key(settings, environ)
    trials = documents if dry_run else None
    if dry_run:
        from shared.alerts.log_sink import LogSink
        from shared.alerts.outlets import LogOutlet

        documents, bucket, outlet = (
            _copy_to_learn(documents),
            _Unwritten(bucket),
            LogOutlet(LogSink(log)),
        )
    if history is None:
        feed = feed_for(settings, clock, bucket) if fetch else None
        history = ArchiveHistory(archive=CandleArchive(bucket), feed=feed)
    return RetrainPlace(
        settings=settings,
        documents=documents,
        bucket=bucket,
        clock=clock,
        history=history,
        outlet=outlet,
        signing_key=lambda: key,
        public_keys=public_keys(settings),
        commit=code_commit(environ),
        trials=trials,
    )


def rounds_place(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    documents: DocumentStore | None = None,
    clock: Clock | None = None,
) -> "RoundsPlace":
    """Where the watch looks around and the digest is told."""
    from shared.rounds.duties import RoundsPlace

    documents = documents_for(settings) if documents is None else documents
    clock = clock_for(settings) if clock is None else clock
    bucket = bucket_for(settings)
    feed = feed_for(settings, clock, bucket)
    return RoundsPlace(
        settings=settings,
        documents=documents,
        bucket=bucket,
        clock=clock,
        office=office_for(settings, environ, documents, clock),
        call_tick=tick_caller(settings),
        skew_ms=lambda: feed.clock_skew_ms(
            deadline=time.monotonic() + settings.exchange.timeout_seconds
        ),
    )


def tick_caller(settings: Settings) -> "TickCaller | None":
    """What calls the tick's function where the settings name it."""
    from shared.rounds.calling import TickCaller

    return TickCaller(settings) if settings.rounds.tick_url else None


def cleaning_place(settings: Settings) -> "CleaningPlace":
    """Where a round cleans up; Firestore takes away by itself what has a time to live there."""
    from shared.rounds.cleaning import CleaningPlace

    by_themselves = frozenset[str]()
    if settings.state.startswith("firestore:"):
        from shared.stores.google.layout import indexes

        by_themselves = frozenset(line["collection"] for line in indexes()["kept"])
    return CleaningPlace(
        documents=documents_for(settings),
        bucket=bucket_for(settings),
        keep=settings.keep,
        by_themselves=by_themselves,
    )


def _open_adapter(url: str, name: str, known: Mapping[str, str]) -> Any:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in known:
        raise BadSettings(
            f"{name} was {quote_value(url)}",
            remedy=f"begin it with one of: {', '.join(f'{kind}://' for kind in known)}",
        )
    place = f"/{rest.lstrip('/')}" if rest.startswith("/") else rest
    return resolve_name(known[scheme]).open(place)


def _copy_documents(documents: DocumentStore, settings: Settings, key: str) -> DocumentStore:
    from shared.stores.memory import MemoryDocuments
    from shared.tick.live.records import claims_path

    copy = MemoryDocuments()
    of_live = (f"live/{settings.id}", *([claims_path(key, settings)] if key else []))
    for path in (
        f"bots/{settings.id}",
        f"paper/{settings.id}",
        *control.paths(settings.id),
        *of_live,
    ):
        stored = documents.get(path)
        if stored is not None:
            if not isinstance(stored.data, Mapping):
                raise BadData(f"{path} is damaged: it is no mapping")
            data = dict(stored.data)
            if "lease" in data:
                data["lease"] = {**data["lease"], "expires_at": 0}
            copy.create(path, data)
    for intent in BotDocuments(documents, settings.id).open_intents():
        copy.create(intent.path, intent.data)
    documents.close()
    return copy


def _copy_to_learn(documents: DocumentStore) -> DocumentStore:
    """What a training reads: the record of the days, and what was tried.

    No claim: a dry run always runs.
    """
    from shared.stores.memory import MemoryDocuments

    copy = MemoryDocuments()
    for collection in ("trials", "days"):
        for stored in documents.query(collection, limit=1_000_000):
            copy.create(stored.path, stored.data)
    return copy


class _Unwritten:
    """A bucket for a dry run: reads what is stored, keeps what is written to itself."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._written: dict[str, Blob] = {}

    def get(self, key: str) -> Blob | None:
        return self._written.get(key) or self._bucket.get(key)

    def generation(self, key: str) -> int | None:
        blob = self._written.get(key)
        return blob.generation if blob is not None else self._bucket.generation(key)

    def put(self, key: str, data: bytes, *, if_generation: int | None = None) -> int:
        generation = (if_generation or self.generation(key) or 0) + 1
        self._written[key] = Blob(key=key, data=data, generation=generation)
        return generation

    def delete(self, key: str) -> None:
        self._written.pop(key, None)

    def keys(self, prefix: str = "") -> list[str]:
        return sorted(
            {*self._bucket.keys(prefix), *(key for key in self._written if key.startswith(prefix))}
        )
