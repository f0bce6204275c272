"""A bot that trades live on the sandbox: real HTTP, real signatures, one stepped clock for both,
and a signal that is scripted.
"""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from shared.alerts.ports import Delivered
from shared.core import settings as configuration
from shared.core.settings import Settings
from shared.core.types import Alert, Candles, OrderIntent, TickReport
from shared.exchanges.bitbank.live.exchange import BitbankExchange
from shared.exchanges.bitbank.pace import AccountPace
from shared.exchanges.sandbox.faults import Faults
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.private.settings import (
    FAKE_KEY,
    FAKE_SECRET,
    PrivateSettings,
    Readings,
)
from shared.exchanges.sandbox.server import Sandbox, serve
from shared.exchanges.sandbox.time_source import SteppedTime
from shared.orders.own_book import open_ledger, staged_capital_jpy
from shared.stores import lease as leases
from shared.stores.memory import MemoryDocuments
from shared.stores.ports import DocumentStore
from shared.tick.cycle import Ports, run_tick
from shared.tick.documents import BotDocuments
from shared.tick.live.documents import LiveDocuments
from shared.tick.live.records import LiveRecord, key_fingerprint
from shared.tick.request import TickRequest
from shared.turn.state import State
from tests.support.tick_stories import INTERVAL, ArrayFeed, Deaf, NoModel, Script, outlet_of

CAPITAL = 1_000_000


class WorldClock:
    """The sandbox's own clock as a bot's: whoever sleeps moves it."""

    def __init__(self, source: SteppedTime) -> None:
        self._source = source

    def now_ms(self) -> int:
        return self._source.now_ms()

    def sleep_until(self, at_ms: int) -> None:
        self._source.advance_to(at_ms)


class Hearing(Deaf):
    """A channel that takes everything, and keeps it."""

    def __init__(self, told: list[Alert]) -> None:
        self._told = told

    def deliver(self, alerts: Sequence[Alert], **more: Any) -> Delivered:
        self._told += alerts
        return super().deliver(alerts, **more)


def open_book(documents: DocumentStore, settings: Settings, *, now_ms: int) -> None:
    """The state of a bot whose first live tick has begun its book."""
    book = open_ledger(staged_capital_jpy(settings), now_ms)
    state = State(mode="live", stage=settings.stage, ledger=book)
    bot = BotDocuments(documents, settings.id)
    if bot.peek() is None:
        lease = bot.take_lease(now_ms=now_ms, lease_ms=1_000)
        assert lease is not None
        leases.release(documents, lease, {"state": state.encode_state()})


def start_record(
    settings: Settings, *, book_opened_at: int, now_ms: int, key: str, **more: Any
) -> LiveRecord:
    """What a person's start writes down."""
    given: dict[str, Any] = {
        "at": now_ms,
        "who": "ann",
        "why": "a test",
        "key": key,
        "stage": settings.stage,
        "stage_since": now_ms,
        "account": str(settings.account),
        "pair": settings.pair,
        "sides": settings.sides,
        "capital_jpy": settings.capital_jpy,
        "book_opened_at": book_opened_at,
        "settings_hash": settings.hash,
    }
    return LiveRecord(**{**given, **more})


@dataclass
class LiveWorld:
    """One bot, its stores, and the exchange that it trades on."""

    settings: Settings
    sandbox: Sandbox
    source: SteppedTime
    clock: WorldClock
    documents: DocumentStore
    feed: ArrayFeed
    script: Any
    port: int
    fresh_documents: Callable[[], DocumentStore]
    owners_lots: int = 0
    key: str = field(default_factory=lambda: key_fingerprint(FAKE_KEY))
    counts: Counter[str] = field(default_factory=Counter)
    sent: list[tuple[str, bool]] = field(default_factory=list)
    told: list[Alert] = field(default_factory=list)

    def ports(self, **others: Any) -> Ports:
        """Those of a fresh process."""
        exchange = others.pop("exchange", None) or self.exchange()
        return Ports(
            clock=others.pop("clock", self.clock),
            documents=others.pop("documents", self.documents),
            feed=others.pop("feed", self.feed),
            exchange=exchange,
            champions=NoModel(),  # type: ignore[arg-type]
            outlet=outlet_of(self.documents, self.settings, self.clock, Hearing(self.told)),
            key=self.key,
        )

    def start(self, *, record: LiveRecord | None = None, settings: Settings | None = None) -> None:
        """A person's start, as if the preflight had been passed: an empty book, and the word."""
        settings, now_ms = settings or self.settings, self.clock.now_ms()
        open_book(self.documents, settings, now_ms=now_ms)
        LiveDocuments(self.documents, settings.id).write_start(
            record or self.record(settings, book_opened_at=now_ms), settings
        )

    def record(self, settings: Settings, *, book_opened_at: int, **more: Any) -> LiveRecord:
        told = {"now_ms": self.clock.now_ms(), "key": self.key, **more}
        return start_record(settings, book_opened_at=book_opened_at, **told)

    def exchange(self) -> BitbankExchange:
        """A fresh one; the sandbox counts no requests, so that none has to wait."""
        ever_later = itertools.count(0, 60)
        limits = AccountPace(monotonic=lambda: next(ever_later), sleep=lambda _seconds: None)
        exchange = BitbankExchange.open(
            self.settings, self.clock, key=FAKE_KEY, secret=FAKE_SECRET, limits=limits
        )
        real = exchange.submit

        def submit(intent: OrderIntent, **more: Any) -> Any:
            self.sent.append((intent.id, intent.is_opening))
            return real(intent, **more)

        exchange.submit = submit  # type: ignore[method-assign]
        return exchange

    def request(self, at: int) -> TickRequest:
        self.source.advance_to(at + 700)
        return TickRequest(tick=f"t{at}", scheduled_at=at, received_at=self.clock.now_ms())

    def tick(self, at: int, *, ports: Ports | None = None) -> TickReport:
        request = self.request(at)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("shared.turn.pipeline.last_signal", self.script)
            report = run_tick(ports or self.ports(), self.settings, request)
        self.counts[report.status.value] += 1
        for record in report.orders:
            self.counts[f"{record.what} {record.intent.purpose} {record.outcome}"] += 1
        self.counts["fills"] += len(report.fills)
        self.counts["trades"] += len(report.trades)
        return report

    def truth(self) -> dict[str, Any]:
        """What the exchange really holds."""
        return json.loads(self.sandbox.answer("GET", "/_sandbox/account").body)  # type: ignore[no-any-return]

    def fault(self, name: str, **more: Any) -> None:
        body = json.dumps({"name": name, **more}).encode()
        assert self.sandbox.answer("POST", "/_sandbox/faults", body).status == 200

    @property
    def bot(self) -> BotDocuments:
        return BotDocuments(self.documents, self.settings.id)


@contextmanager
def live_world(
    minutes: Candles,
    *,
    account: str = "margin",
    script: Any = None,
    documents: DocumentStore | None = None,
    fresh_documents: Callable[[], DocumentStore] = MemoryDocuments,
    faults: Faults | None = None,
    readings: dict[str, str] | None = None,
    yen: int = CAPITAL,
    btc_lots: int = 0,
    overrides: dict[str, Any] | None = None,
    is_started: bool = True,
    **private: Any,
) -> Iterator[LiveWorld]:
    """A bot of `CAPITAL` yen on an exchange whose path is `minutes`; a person has started it."""
    source = SteppedTime(int(minutes.opened_at[0]) + 1)
    sandbox = Sandbox(
        SandboxMarket.from_minutes(minutes),
        source,
        faults=faults,
        spread_rate=0.0001,
        private=PrivateSettings(
            yen=Decimal(yen),
            btc_lots=btc_lots,
            is_limited=False,
            readings=Readings(**(readings or {})),
            **private,
        ),
    )
    with serve(sandbox) as running:
        url = f"http://127.0.0.1:{running.port}"
        told = dict(overrides or {})
        settings = configuration.load_settings(
            {"BOT_PROFILE": "loose", "BOT_MODE": "live", "BOT_STAGE": "live"},
            overrides={
                "account": account,
                "sides": "both" if account == "margin" else "long",
                "capital_jpy": CAPITAL,
                **told,
                "exchange": {**told.get("exchange", {}), "public_url": url, "private_url": url},
            },
        )
        world = LiveWorld(
            settings=settings,
            sandbox=sandbox,
            source=source,
            clock=WorldClock(source),
            documents=documents or fresh_documents(),
            feed=ArrayFeed(minutes),
            script=script or Script(1),
            port=running.port,
            fresh_documents=fresh_documents,
            owners_lots=btc_lots,
        )
        if is_started:
            world.start()
        yield world


__all__ = ["CAPITAL", "INTERVAL", "LiveWorld", "live_world"]
