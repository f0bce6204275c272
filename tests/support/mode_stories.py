"""The life of one bot that goes from paper to real money, back, and to real money again: what its
reports told, and what its store must hold of that for good.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from shared.alerts.wording import alert_key
from shared.core import settings as configuration
from shared.core.settings import Settings
from shared.core.types import BookName, Fill, Holdings, Ledger, TickReport, Trade
from shared.exchanges.bitbank.live.exchange import BitbankExchange
from shared.exchanges.paper.exchange import PaperExchange
from shared.stores.ports import DocumentStore
from shared.tick.commands import order_flatten
from shared.tick.documents import PaperDocument
from shared.tick.live.documents import LiveDocuments
from shared.turn.state import State
from tests.support.account_stories import T0, market
from tests.support.live_world import LiveWorld, live_world
from tests.support.tick_stories import INTERVAL, Script

STAYS = (("paper", 24), ("live", 24), ("paper", 12), ("live", 24))
BY = {"who": "ann", "why": "a test"}


@dataclass
class Life:
    """One bot, tick after tick, and everything that its reports told."""

    world: LiveWorld
    paper_settings: Settings
    number: int = 5
    reports: list[TickReport] = field(default_factory=list)
    trades: dict[tuple[BookName, int], Trade] = field(default_factory=dict)
    fills: dict[BookName, list[Fill]] = field(default_factory=lambda: defaultdict(list))
    read: Counter[int] = field(default_factory=Counter)
    quiet_writes: Counter[int] = field(default_factory=Counter)

    def live_through(self) -> None:
        """All the stays, each ended flat."""
        for mode, ticks in STAYS:
            self.begin(mode)
            for _ in range(ticks):
                self.tick(mode)
            self.flatten(mode)

    def begin(self, mode: str) -> None:
        """The first tick of a stay, and with real money a person's word after it."""
        self.tick(mode)
        if mode == "live":
            record = self.world.record(
                self.world.settings, book_opened_at=self.ledger().opened_at, now_ms=self.now_ms
            )
            LiveDocuments(self.world.documents, self.world.settings.id).write_start(
                record, self.world.settings
            )

    def flatten(self, mode: str) -> None:
        order_flatten(self.world.bot, **BY, now_ms=self.now_ms)
        for _ in range(10):
            report = self.tick(mode)
            if not (report.positions or report.resting):
                break
        else:
            raise AssertionError("a flatten closes everything")
        halts = [halt.id for halt in self.world.bot.control().halts.values()]
        self.world.bot.resume(halts=halts, drawdown=0, **BY, now_ms=self.now_ms)

    @property
    def now_ms(self) -> int:
        return self.world.clock.now_ms()

    def ledger(self) -> Ledger:
        stored = self.world.bot.peek()
        assert stored is not None
        ledger = State.decode_state(stored.data["state"], self.world.settings).ledger
        assert ledger is not None
        return ledger

    def tick(self, mode: str) -> TickReport:
        self.number += 1
        world = self.world
        if mode == "live":
            exchange: Any = _Counting(self.read).around(world.exchange())
        else:
            store = PaperDocument(world.documents, self.paper_settings.id)
            exchange = PaperExchange(store, world.feed.minutes, self.paper_settings)
        settings = world.settings if mode == "live" else self.paper_settings
        ticking = replace(world, settings=settings)
        report = ticking.tick(T0 + self.number * INTERVAL, ports=world.ports(exchange=exchange))
        self._keep(report)
        return report

    def _keep(self, report: TickReport) -> None:
        self.reports.append(report)
        for trade in report.trades:
            key = (report.book, trade.sequence)
            assert key not in self.trades, f"{key} was told twice"
            self.trades[key] = trade
        self.fills[report.book] += report.fills
        if not (report.orders or report.fills or report.trades or report.alerts):
            self.quiet_writes[report.counts["writes"]] += 1


class _Counting:
    """Counts in how many ticks each execution was read."""

    def __init__(self, read: Counter[int]) -> None:
        self._read = read

    def around(self, exchange: BitbankExchange) -> BitbankExchange:
        real, seen = exchange.reconcile, set[int]()

        def reconcile(now_ms: int, **more: Any) -> Holdings:
            held = real(now_ms, **more)
            reading = exchange._last
            assert reading is not None
            new = {one.trade_id for one in reading.executions} - seen
            self._read.update(new)
            seen.update(new)
            return held

        exchange.reconcile = reconcile  # type: ignore[method-assign]
        return exchange


def check_life(life: Life) -> Counter[str]:
    """Raises `AssertionError` unless the store holds what was told, of each book apart and once."""
    documents, counts = life.world.documents, Counter[str]()
    books = {report.book for report in life.reports}
    assert sorted(book.mode for book in books) == ["live", "live", "paper"]
    stored = {
        (BookName.of(one.data), one.data["sequence"]): one
        for one in documents.query("trades", limit=10_000)
    }
    assert len(documents.query("trades", limit=10_000)) == len(life.trades) == len(stored)
    for key, trade in life.trades.items():
        assert msgspec.convert({**stored[key].data}, Trade) == trade
        counts[f"{key[0].mode} trades"] += 1
    for book in books:
        mine = sorted(sequence for one, sequence in life.trades if one == book)
        assert mine == list(range(1, len(mine) + 1))
        counts["least trades"] = min(counts["least trades"] or len(mine), len(mine))
    _check_fills(life, counts)
    _check_days(life, counts)
    _check_alerts(life, counts)
    return counts


def _check_fills(life: Life, counts: Counter[str]) -> None:
    found = life.world.documents.query("fills", limit=10_000)
    told = {
        (book, fill.execution_id): fill
        for book, fills in life.fills.items()
        for fill in fills
        if book.mode == "live"
    }
    kept = {(BookName.of(one.data), one.data["execution_id"]): one.data for one in found}
    assert len(found) == len(kept)
    assert kept.keys() == told.keys()
    for key, data in kept.items():
        assert msgspec.convert({**data}, Fill) == told[key]
        assert data["mode"] == "live"
    executed = {int(row["trade_id"]) for row in life.world.truth()["trades"]}
    assert {number for _, number in kept} == executed, "every execution, and no other"
    counts["fills"] = len(found)
    counts["read three times"] = sum(life.read[number] >= 3 for number in executed)


def _check_days(life: Life, counts: Counter[str]) -> None:
    equity: dict[tuple[BookName, str], str] = {}
    for one in life.world.documents.query("days", limit=10_000):
        for at, yen in one.data["equity"].items():
            equity[BookName.of(one.data), at] = yen
    told = {(report.book, str(report.equity_jpy)) for report in life.reports}
    for (book, _), yen in equity.items():
        assert (book, yen) in told, f"{yen} was never the equity of {book}"
        counts[f"{book.mode} days"] += 1
    assert {book for book, _ in equity} == {report.book for report in life.reports}


def _check_alerts(life: Life, counts: Counter[str]) -> None:
    keys = {
        alert_key(
            life.world.settings.id, "position_closed", f"{book.prefix}{number}-{one.closed_at}"
        )
        for (book, number), one in life.trades.items()
    }
    assert len(keys) == len(life.trades)
    for key in keys:
        assert life.world.documents.get(f"alerts/{key}") is not None, key
        counts["alerts"] += 1


@contextmanager
def life_on(documents: DocumentStore, *, seed: int = 3) -> Iterator[Life]:
    """A bot that has lived through everything."""
    more: dict[str, Any] = {"risk": {"max_hold_candles": 2}, "execution": {"entry_attempts": 2}}
    with live_world(
        market(random.Random(seed), 460, day_off=0.0),
        script=Script(seed),
        documents=documents,
        is_started=False,
        overrides=more,
    ) as world:
        paper = configuration.load_settings(
            {"BOT_PROFILE": "loose"}, overrides={**more, "account": "margin", "sides": "both"}
        )
        assert paper.id == world.settings.id
        life = Life(world=world, paper_settings=paper)
        life.live_through()
        yield life
