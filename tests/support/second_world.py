"""One live bot, its store, and the second server; nothing here is of the sandbox."""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from scripts.commands.probe import look_around, run_probe
from scripts.operation.bot import Here
from shared.core import settings as configuration
from shared.core.types import Candles, Side, TickReport
from shared.exchanges.bitbank.feed import BitbankFeed
from shared.exchanges.bitbank.live.exchange import BitbankExchange
from shared.exchanges.bitbank.pace import AccountPace
from shared.exchanges.bitbank.probe.run import Probe
from shared.market.archive import CandleWindows
from shared.market.path import price_at
from shared.market.ports import MarketFeed
from shared.orders.probing import ProbeOutcome
from shared.stores.memory import MemoryBucket, MemoryDocuments
from shared.tick.cycle import Ports, run_tick
from shared.tick.documents import BotDocuments
from shared.tick.live.documents import LiveDocuments
from shared.tick.live.records import LiveRecord, key_fingerprint
from shared.tick.request import TickRequest
from shared.turn.state import State
from tests.support.account_stories import T0, market
from tests.support.second_bitbank import (
    ENDLESS,
    KEY,
    SECRET,
    Fault,
    Readings,
    SecondBitbank,
    SecondMarket,
    btc,
    second_bitbank,
    yen,
)
from tests.support.second_bitbank.market import MINUTE, Bar
from tests.support.tick_stories import INTERVAL, ArrayFeed, Deaf, NoModel, Script, outlet_of

CAPITAL = 1_000_000
MOST_TICKS_TOO_MANY = 2
Faults = Callable[[str, int], Fault | None]


class Moving:
    """A clock that whoever sleeps moves."""

    def __init__(self, at: int) -> None:
        self.at = at

    def now_ms(self) -> int:
        return self.at

    def sleep_until(self, at_ms: int) -> None:
        self.at = max(self.at, at_ms)


class SecondWorld:
    """The bot ticks, and `check` holds what the server shows against what the bot believes."""

    def __init__(
        self,
        url: str,
        server: SecondBitbank,
        clock: Moving,
        minutes: Candles,
        *,
        account: str,
        seed: int,
        profile: str,
        is_fed: bool,
        has_faults: bool,
    ) -> None:
        self.server, self.clock, self.account = server, clock, account
        self.documents, self.bucket = MemoryDocuments(), MemoryBucket()
        self.minutes, self.is_fed, self.has_faults = minutes, is_fed, has_faults
        self.orphans: dict[int, int] = {}
        self.is_apart = False
        self.script, self.counts = Script(seed), Counter[str]()
        self.settings = configuration.load_settings(
            {"BOT_PROFILE": profile, "BOT_MODE": "live", "BOT_STAGE": "live"},
            overrides={
                "account": account,
                "sides": "both" if account == "margin" else "long",
                "capital_jpy": CAPITAL,
                "exchange": {
                    "public_url": url,
                    "private_url": f"{url}/v1",
                    "retry_base_seconds": 0,
                },
            },
        )
        self.bot, self.key = BotDocuments(self.documents, self.settings.id), key_fingerprint(KEY)

    def exchange(self) -> BitbankExchange:
        """The account as a fresh process opens it."""
        return BitbankExchange.open(
            self.settings, self.clock, key=KEY, secret=SECRET, limits=limits_of_nobody()
        )

    def feed(self) -> MarketFeed:
        """The array of minutes, or what the server publishes of them."""
        if not self.is_fed:
            return ArrayFeed(self.minutes)
        return BitbankFeed(
            self.settings,
            self.clock,
            CandleWindows(self.bucket),
            sleep=lambda _seconds: None,
            limits=limits_of_nobody(),
        )

    def start(self, at: int) -> None:
        """Let a tick open the book, and a person start it."""
        self.tick(at)
        ledger = self.state.ledger
        assert ledger is not None
        now_ms = self.clock.now_ms()
        record = LiveRecord(
            at=now_ms,
            who="ann",
            why="to see it trade",
            key=self.key,
            stage="live",
            stage_since=now_ms,
            account=str(self.settings.account),
            pair=self.settings.pair,
            sides=self.settings.sides,
            capital_jpy=self.settings.capital_jpy,
            book_opened_at=ledger.opened_at,
            settings_hash=self.settings.hash,
        )
        LiveDocuments(self.documents, self.settings.id).write_start(record, self.settings)

    def tick(self, at: int) -> TickReport:
        """One tick of a fresh process."""
        self.clock.sleep_until(at + 700)
        feed = self.feed()
        ports = Ports(
            clock=self.clock,
            documents=self.documents,
            feed=feed,
            exchange=self.exchange(),
            champions=NoModel(),  # type: ignore[arg-type]
            outlet=outlet_of(self.documents, self.settings, self.clock, Deaf()),
            key=self.key,
        )
        request = TickRequest(tick=f"t{at}", scheduled_at=at, received_at=self.clock.now_ms())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("shared.turn.pipeline.last_signal", self.script)
            report = run_tick(ports, self.settings, request)
        if isinstance(feed, BitbankFeed):
            feed.close()
        self.counts[f"tick {report.status}"] += 1
        self.counts["fills"] += len(report.fills)
        for trade in report.trades:
            self.counts[str(trade.reason)] += 1
        for issue in report.issues:
            self.counts[f"issue {issue.reason}"] += 1
        return report

    @property
    def state(self) -> State:
        stored = self.bot.peek()
        assert stored is not None
        return State.decode_state(stored.data["state"], self.settings)

    def lots(self) -> dict[str, int]:
        if self.account == "margin":
            return {side: held.lots for side, held in self.server.account.held.items()}
        return {"long": self.server.account.coins, "short": 0}

    def bare(self) -> dict[str, int]:
        """What is held at the server without a stop, by side."""
        found = {}
        for side, lots in self.lots().items():
            stops = [
                one.left
                for one in self.server.live()
                if one.kind == "stop" and (one.side or "long") == side and one.cancels_at is None
            ]
            found[side] = lots - sum(stops)
        return found

    def check_cover(self, report: TickReport) -> None:
        """Each side has a stop of its size, no stop too many, and nothing rests where nothing is
        held; what lost cancels left there is gone after a tick or two.
        """
        where, orphans = where_of(report), set[int]()
        for side, lots in self.lots().items():
            live = [
                one
                for one in self.server.live()
                if (one.side or "long") == side and one.cancels_at is None
            ]
            stops = [one.left for one in live if one.kind == "stop"]
            assert sum(stops) >= lots, (where, side, lots, live)
            # after a target that was filled in part no whole stop is too much
            surplus = bool(stops) and sum(stops) - min(stops) >= lots
            if surplus or not lots:
                orphans |= {one.number for one in live}
            self.counts["a stop larger than what it protects"] += sum(stops) > lots
            self.counts["covered"] += bool(lots)
            self.counts["flat"] += not lots
        self.orphans = {number: self.orphans.get(number, 0) + 1 for number in orphans}
        most = MOST_TICKS_TOO_MANY if self.has_faults else 0
        assert max(self.orphans.values(), default=0) <= most, (where, self.server.live())
        self.counts["an order too many"] += bool(orphans)

    def check_money(self, report: TickReport) -> None:
        """The book is the server's, to the yen and the lot, once everything is told; where fees are
        not told each may be rounded another way.
        """
        where, ledger = where_of(report), self.state.ledger
        assert ledger is not None
        if any(one.unbooked_lots for one in ledger.tracked):
            self.counts["fills that nobody told yet"] += 1
            return
        cash = Decimal(yen(self.server.account.cash))
        within = 0 if self.server.readings.tells_occurred else Decimal("0.01")
        is_same = abs(ledger.cash_jpy - cash) <= within and all(
            ledger.lots(side) == self.lots()[side.value] for side in Side
        )
        # an order whose answer was lost is found by what it did, once that is told
        may_differ = self.has_faults and self.server.readings.history_ms and not self.is_apart
        assert is_same or may_differ, (where, ledger.cash_jpy, cash, self.lots())
        self.is_apart = not is_same
        self.counts["books compared"] += is_same

    def check_orders(self, report: TickReport) -> None:
        """Each POST is one intent, and each intent one POST at the most."""
        where = where_of(report)
        intents = [one.data for one in self.documents.query("intents", limit=100_000)]
        sent = [one for one in intents if (one.get("outcome") or {}).get("outcome") != "not_sent"]
        amounts = Counter((btc(one["intent"]["lots"]), one["intent"]["kind"]) for one in sent)
        told = Counter((one["amount"], one["type"]) for one in self.server.posts)
        assert told == amounts, (where, told - amounts, amounts - told)


def where_of(report: TickReport) -> Any:
    return report.tick, report.status.value, [str(one.reason) for one in report.issues]


def probe(world: SecondWorld) -> ProbeOutcome:
    """What `scripts/bot probe` finds on the server."""
    feed = world.feed()
    prober = Probe.open(
        world.settings,
        world.clock,
        key=KEY,
        secret=SECRET,
        read_market=lambda: feed.fetch(world.clock.now_ms()),
        limits=limits_of_nobody(),
    )
    here = Here(settings=world.settings, clock=world.clock, bot=world.bot, environ={})
    return run_probe(here, prober, look_around(here, prober), who="ann", why="to know")


def now_and_then(share: float, endpoint: str, *faults: Fault, seed: int = 5) -> Faults:
    """One of these for a share of the requests of an endpoint (empty: of each GET)."""
    dice = random.Random(seed)

    def draw(name: str, number: int) -> Fault | None:
        del number
        applies = name == endpoint if endpoint else name.startswith("GET")
        return dice.choice(faults) if applies and dice.random() < share else None

    return draw


def bars_of(minutes: Candles) -> list[Bar]:
    """The minutes as the exchange files them: those without trades are there, flat."""
    found: list[Bar] = []
    for row in range(len(minutes)):
        opened = int(minutes.opened_at[row])
        while found and found[-1][0] + MINUTE < opened:
            close = found[-1][4]
            found.append((found[-1][0] + MINUTE, close, close, close, close, "0.0000"))
        prices = (minutes.open, minutes.high, minutes.low, minutes.close)
        first, high, low, last = (int(column[row]) for column in prices)
        found.append((opened, first, high, low, last, f"{minutes.volume[row]:.4f}"))
    return found


def limits_of_nobody() -> AccountPace:
    """A pace for which a minute is over whenever it looks."""
    ever_later = itertools.count(0, 60)
    return AccountPace(monotonic=lambda: next(ever_later), sleep=lambda _seconds: None)


@contextmanager
def second_world(
    account: str,
    seed: int,
    *,
    ticks: int,
    is_rough: bool = False,
    profile: str = "loose",
    readings: Readings | None = None,
    faults: Faults | None = None,
    is_thin: bool = False,
    is_fed: bool = False,
    mode: Callable[[int], str] = lambda _at: "NONE",
) -> Iterator[SecondWorld]:
    """`is_rough`: the server's book is never quite where the bot saw it, and orders are filled in
    parts. `is_thin`: now and then nobody is there who would take a market order. `is_fed`: candles,
    book, rules and circuit breaker are read from the server too. `mode`: of the circuit breaker.
    """
    minutes = market(random.Random(seed), 3 * ticks + 120, day_off=0.0)
    clock = Moving(T0 + INTERVAL)

    def price(at: int) -> int:
        beside = random.Random(seed + at // 1000).randint(-70, 70) if is_rough else 0
        return int(price_at(minutes, at)) + beside

    def most_lots(at: int) -> int:
        return random.Random(at).choice([0, 0, 90, 1_100, 4_000]) if is_rough else ENDLESS

    def level_lots(at: int) -> int:
        dice = random.Random(seed - at // 4_000)
        if is_thin and dice.random() < 0.5:
            return 0
        return dice.choice([700, 2_500, 9_000]) if is_rough else ENDLESS

    course = SecondMarket(
        now=clock.now_ms,
        price=price,
        most_lots=most_lots,
        level_lots=level_lots,
        mode=mode,
        minutes=bars_of(minutes) if is_fed else (),
    )
    server = SecondBitbank(course, yen_jpy=CAPITAL, readings=readings or Readings())
    with second_bitbank(server, faults or (lambda _name, _number: None)) as url:
        world = SecondWorld(
            url,
            server,
            clock,
            minutes,
            account=account,
            seed=seed,
            profile=profile,
            is_fed=is_fed,
            has_faults=faults is not None,
        )
        world.start(T0 + INTERVAL)
        yield world
