"""A live bot on a bitbank that nobody of the sandbox wrote: entries, fills, stops and targets, tick
after tick, with its own book compared to the server's at each.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from shared.core import settings as configuration
from shared.core.types import Candles, Side, TickReport
from shared.exchanges.bitbank.bodies import query_request
from shared.exchanges.bitbank.envelope import read_envelope
from shared.exchanges.bitbank.live.exchange import BitbankExchange
from shared.exchanges.bitbank.pace import AccountPace
from shared.exchanges.bitbank.signed import SignedRest
from shared.market.path import price_at
from shared.stores.memory import MemoryDocuments
from shared.tick.cycle import Ports, run_tick
from shared.tick.documents import BotDocuments
from shared.tick.live.documents import LiveDocuments
from shared.tick.live.records import key_fingerprint
from shared.tick.request import TickRequest
from shared.turn.state import State
from tests.support.account_stories import T0, market
from tests.support.live_world import open_book, start_record
from tests.support.probe_world import ProbeProcess
from tests.support.raw_exchange import unlimited
from tests.support.second_bitbank import KEY, SECRET, SecondBitbank, btc, second_bitbank, yen
from tests.support.tick_stories import INTERVAL, ArrayFeed, Deaf, NoModel, Script, outlet_of

CAPITAL = 1_000_000
TICKS = 160


class Moving:
    """A clock that whoever sleeps moves."""

    def __init__(self, at: int) -> None:
        self.at = at

    def now_ms(self) -> int:
        return self.at

    def sleep_until(self, at_ms: int) -> None:
        self.at = max(self.at, at_ms)


class SecondWorld:
    """One bot, its store, and the second server."""

    def __init__(
        self,
        url: str,
        server: SecondBitbank,
        clock: Moving,
        minutes: Candles,
        account: str,
        seed: int,
    ) -> None:
        self.server, self.clock, self.account = server, clock, account
        self.documents, self.feed = MemoryDocuments(), ArrayFeed(minutes)
        self.script, self.counts = Script(seed), Counter[str]()
        self.settings = configuration.load_settings(
            {"BOT_PROFILE": "loose", "BOT_MODE": "live", "BOT_STAGE": "live"},
            overrides={
                "account": account,
                "sides": "both" if account == "margin" else "long",
                "capital_jpy": CAPITAL,
                "exchange": {"public_url": url, "private_url": url},
            },
        )
        self.bot = BotDocuments(self.documents, self.settings.id)
        self.key, now_ms = key_fingerprint(KEY), clock.now_ms()
        open_book(self.documents, self.settings, now_ms=now_ms)
        record = start_record(self.settings, book_opened_at=now_ms, now_ms=now_ms, key=self.key)
        LiveDocuments(self.documents, self.settings.id).write_start(record, self.settings)

    def tick(self, at: int) -> TickReport:
        """One tick of a fresh process."""
        self.clock.sleep_until(at + 700)
        ever_later = itertools.count(0, 60)
        limits = AccountPace(monotonic=lambda: next(ever_later), sleep=lambda _seconds: None)
        ports = Ports(
            clock=self.clock,
            documents=self.documents,
            feed=self.feed,
            exchange=BitbankExchange.open(
                self.settings, self.clock, key=KEY, secret=SECRET, limits=limits
            ),
            champions=NoModel(),  # type: ignore[arg-type]
            outlet=outlet_of(self.documents, self.settings, self.clock, Deaf()),
            key=self.key,
        )
        request = TickRequest(tick=f"t{at}", scheduled_at=at, received_at=self.clock.now_ms())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("shared.turn.pipeline.last_signal", self.script)
            report = run_tick(ports, self.settings, request)
        self.counts[f"tick {report.status}"] += 1
        self.counts["fills"] += len(report.fills)
        for trade in report.trades:
            self.counts[str(trade.reason)] += 1
        return report

    @property
    def state(self) -> State:
        stored = self.bot.peek()
        assert stored is not None
        return State.decode_state(stored.data["state"], self.settings)

    def check(self, report: TickReport) -> None:
        """What holds after every tick."""
        where = (report.tick, report.status.value, [str(one.reason) for one in report.issues])
        self._check_cover(where)
        self._check_money(where)
        self._check_orders(where)

    def lots(self) -> dict[str, int]:
        if self.account == "margin":
            return {side: held.lots for side, held in self.server.held.items()}
        return {"long": self.server.coins, "short": 0}

    def _check_cover(self, where: Any) -> None:
        for side, lots in self.lots().items():
            live = [
                one
                for one in self.server.orders.values()
                if one.is_live and (one.side or "long") == side
            ]
            stops = [one.lots for one in live if one.kind == "stop"]
            assert sum(stops) >= lots, (where, side, lots, live)
            # after a target that was filled in part no whole stop is too much
            assert not stops or sum(stops) - min(stops) < lots, (where, side, lots, live)
            self.counts["a stop larger than what it protects"] += sum(stops) > lots
            self.counts["covered"] += bool(lots)
            if not lots:
                assert live == [], (where, side, live)
                self.counts["flat"] += 1

    def _check_money(self, where: Any) -> None:
        ledger = self.state.ledger
        assert ledger is not None
        assert ledger.cash_jpy == Decimal(yen(self.server.jpy)), (where, ledger.cash_jpy)
        for side in Side:
            assert ledger.lots(side) == self.lots()[side.value], (where, side)

    def _check_orders(self, where: Any) -> None:
        """Each POST is one intent, and each intent one POST at the most."""
        intents = [one.data for one in self.documents.query("intents", limit=100_000)]
        sent = [one for one in intents if (one.get("outcome") or {}).get("outcome") != "not_sent"]
        assert len(self.server.posts) == len(sent), where
        amounts = Counter((btc(one["intent"]["lots"]), one["intent"]["kind"]) for one in sent)
        assert Counter((one["amount"], one["type"]) for one in self.server.posts) == amounts, where


@contextmanager
def second_world(
    account: str, seed: int, *, is_rough: bool = False, **how: Any
) -> Iterator[SecondWorld]:
    """`is_rough`: the server's book is never quite where the bot saw it, and a limit is filled in
    parts.
    """
    minutes = market(random.Random(seed), 3 * TICKS + 120, day_off=0.0)
    clock = Moving(T0 + INTERVAL)

    def price(at: int) -> int:
        beside = random.Random(seed + at // 1000).randint(-70, 70) if is_rough else 0
        return int(price_at(minutes, at)) + beside

    def most_lots(at: int) -> int:
        return random.Random(at).choice([0, 0, 90, 1_100, 4_000]) if is_rough else 10**9

    server = SecondBitbank(
        now=clock.now_ms, price=price, yen_jpy=CAPITAL, most_lots=most_lots, **how
    )
    with second_bitbank(server) as url:
        yield SecondWorld(url, server, clock, minutes, account, seed)


PLACES: dict[str, tuple[str, bool, dict[str, Any]]] = {
    "margin": ("margin", False, {}),
    "margin, in parts": ("margin", True, {}),
    "margin, five seconds late": ("margin", True, {"lag_ms": 5_000}),
    "margin, stops unlisted": ("margin", True, {"lists_stops": False}),
    "margin, no stop above its position": ("margin", True, {"clips_stops": False}),
    "spot": ("spot", False, {}),
    "spot, in parts": ("spot", True, {"lists_stops": False}),
}


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_a_live_bot_trades_on_a_server_that_was_written_from_the_reference_alone(
    place: str,
) -> None:
    """Eight hours of ticks: whatever is held has its stop, the book equals the server's yen and
    coins, nothing is ordered twice, and nothing rests where nothing is held.
    """
    account, is_rough, how = PLACES[place]
    with second_world(account, 3, is_rough=is_rough, **how) as world:
        for number in range(2, TICKS):
            world.check(world.tick(T0 + number * INTERVAL))
        seen = world.counts + world.server.counts
    assert seen["tick done"] == TICKS - 2, seen
    assert seen["covered"] >= 25, seen
    assert seen["flat"] >= 200, seen
    assert min(seen["exit_stop"], seen["stop taker"]) >= 8, seen
    assert seen["exit_target"] >= 7, seen
    codes = {name for name in seen if name.startswith("code ")}
    assert codes <= {"code 60018", "code 50062"}, seen
    bare = sorted(world.server.bare_seconds.elements())
    assert len(bare) >= 25, bare
    most, median = (16, 8) if "lag_ms" in how else (8, 3)
    if "clips_stops" in how:
        most = (
            INTERVAL // 1_000
        )  # a stop above its position ended for nothing: the next tick closes
    assert bare[-1] <= most, bare
    assert bare[len(bare) // 2] <= median, bare
    if is_rough:
        assert seen["filled in part"] >= 100, seen
    if "lag_ms" in how:
        assert seen["code 50062"] >= 50, seen
    if place in {"margin, in parts", "margin, no stop above its position"}:
        assert seen["a stop larger than what it protects"] >= 1, seen


def test_the_second_server_knows_who_asks() -> None:
    with second_world("margin", 3) as world:
        world.clock.sleep_until(T0 + 2 * INTERVAL)
        for key, secret, ahead, code in (
            (KEY, "another", 0, 20005),
            ("another", SECRET, 0, 20002),
            (KEY, SECRET, 2_000, 20034),
            (KEY, SECRET, -8_000, 20035),
            (KEY, SECRET, 0, None),
        ):
            clock = Moving(world.clock.now_ms() + ahead)
            rest = SignedRest(
                world.settings.exchange, clock, key=key, secret=secret, limits=unlimited()
            )
            answer = rest.carry(query_request("user/assets"))
            assert read_envelope(answer).code == code


@pytest.mark.parametrize("account", ["margin", "spot"])
@pytest.mark.parametrize("lists_stops", [True, False])
def test_a_probe_reads_the_second_server_too(account: str, lists_stops: bool) -> None:
    with second_world(account, 3, lag_ms=5_000, lists_stops=lists_stops) as world:
        world.clock.sleep_until(T0 + 6 * INTERVAL)
        process = ProbeProcess(world, key=KEY, secret=SECRET)
        outcome = process.run()
        found = {one.question: one.choice for one in outcome.findings}
        expected = {
            "error_status": "4xx",
            "stops_listed": "yes" if lists_stops else "no",
            "since_unit": "ms",
        }
        if account == "margin":
            expected |= {"closes": "apart", "amountless": "refuse", "interest_sign": "plus"}
        assert {name: found[name] for name in expected} == expected
        assert not outcome.trouble
        assert world.lots() == {"long": 0, "short": 0}
        assert not any(order.is_live for order in world.server.orders.values())
        assert outcome.cost_jpy == CAPITAL - Decimal(yen(world.server.jpy)) > 0
