"""Stories of ticks: the real cycle on stores in memory, over a random path, with a signal on every
candle.

Only the model is scripted, so that every candle asks for an entry; ticks come twice, meet a held
lease, are missed, and find stops that a hand has taken away.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from shared.alerts.office import Office
from shared.alerts.outlets import LocalOutlet, Outlet
from shared.alerts.ports import Channel, Delivered
from shared.core import settings as configuration
from shared.core.clock import Clock
from shared.core.errors import StoreBroken
from shared.core.settings import Settings
from shared.core.types import (
    Accepted,
    Alert,
    Barriers,
    Candles,
    Market,
    OrderIntent,
    OrderKind,
    PairRules,
    Purpose,
    Side,
    Signal,
    TickReport,
    TickStatus,
    Timeframe,
)
from shared.exchanges.paper import account as accounts
from shared.exchanges.paper.exchange import PaperExchange, decode_account
from shared.market.candles import aggregate
from shared.market.path import book_at, price_at
from shared.stores.memory import MemoryDocuments
from shared.stores.ports import DocumentStore
from shared.tick.cycle import Ports, run_tick
from shared.tick.documents import BotDocuments, PaperDocument
from shared.tick.request import TickRequest
from shared.turn.champion import Champion
from tests.support.account_stories import T0, market
from tests.support.fixed_clock import FixedClock
from tests.support.invariants import Journal, Rule, Violation, insist, units
from tests.support.signals import signal_of

INTERVAL = 180_000
TICKS = 60
CAPITAL = 1_000_000


class TickRule(StrEnum):
    """The invariants of ticks by name."""

    TICK_ONCE = "a tick is done once, however often it is delivered"
    ONE_WRITER = "nobody works while another holds the lease"
    ONE_SIGNAL = "a candle's signal is computed once"
    ATTEMPTS = "a candle leads to no more entries than the settings allow"
    ONE_FILL = "a candle whose entry was filled leads to no other"
    INTENT_ONCE = "an intent is placed once"
    ENTRY_ENDS = "an entry ends inside the tick that placed it"
    LEVERAGE = "a position is no larger than the leverage allows"
    COVERED = "whatever a tick leaves held has a stop of at least its size"
    TOLD_ONCE = "every fill and trade is told once, in order"
    BOOKS = "a report's cash and equity follow from the fills told"


class Killed(BaseException):
    """The end of the process: nothing of ours catches it."""


class ArrayFeed:
    """A `MarketFeed` over one array of 1m candles."""

    def __init__(self, minutes: Candles) -> None:
        self.all, self.quarters, self.requests = minutes, aggregate(minutes, Timeframe.M15), 0

    def fetch(
        self, now_ms: int, *, deadline: float | None = None, may_enter: bool = True
    ) -> Market:
        self.requests += 1
        book = book_at(price_at(self.all, now_ms), spread_rate=0.0001, as_of=now_ms)
        return Market(
            as_of=now_ms,
            candles={Timeframe.M15: self.quarters.closed_by(now_ms)},
            book=book,
            rules=PairRules(),
        )

    def clock_skew_ms(self, *, deadline: float) -> float | None:
        return None

    def minutes(self, start_ms: int, end_ms: int) -> Candles:
        self.requests += 1
        opened = self.all.opened_at
        return self.all.rows(int((opened < start_ms).sum()), int((opened < end_ms).sum()))


class NoModel:
    """The signals are scripted, and nothing is wrong with that."""

    def load_champion(self) -> Champion:
        return Champion(bundle=None)


class Deaf:
    """A channel that takes everything."""

    name = "deaf"

    def deliver(self, alerts: Sequence[Alert], **_: Any) -> Delivered:
        return Delivered(told=frozenset(alert.key for alert in alerts))


def outlet_of(
    documents: DocumentStore, settings: Settings, clock: Clock, channel: Channel
) -> Outlet:
    """Alerts on their real way: an office, and this channel of it."""
    return LocalOutlet(Office(documents, settings, clock, channel))


class Script:
    """A signal for every candle, its side by the candle; counts how often each was asked for."""

    def __init__(self, seed: int) -> None:
        self.seed, self.asked = seed, Counter[int]()

    def __call__(
        self, market: Market, *, bundle: object, settings: Settings, computed: object = None
    ) -> Signal | None:
        quarters = market.candles[Timeframe.M15]
        if not len(quarters):
            return None
        as_of = int(quarters.closed_at[-1])
        self.asked[as_of] += 1
        side = random.Random(self.seed + as_of).choice(list(Side))
        return signal_of(
            as_of=as_of,
            close=int(quarters.close[-1]),
            atr_jpy=250.0,
            side=side if settings.account == "margin" else Side.LONG,
            strength=1.0,
            p_lower=0.4,
            p_neither=0.2,
            p_upper=0.4,
            barriers=Barriers(atr_multiple=4.0, horizon_candles=48),
            model="script",
        )


class Target:
    """A target for every candle, drawn from the seed."""

    def __init__(self, seed: int) -> None:
        self.seed, self.asked = seed, Counter[int]()

    def weight(self, as_of: int) -> float:
        return random.Random(f"{self.seed} {as_of}").choice([0.0, 0.3, 0.6, 1.0, -0.5, -1.0])

    def __call__(self, seen: Market, **_: Any) -> Signal | None:
        quarters = seen.candles[Timeframe.M15]
        if not len(quarters):
            return None
        as_of = int(quarters.closed_at[-1])
        self.asked[as_of] += 1
        return signal_of(
            as_of=as_of,
            close=int(quarters.close[-1]),
            atr_jpy=250.0,
            side=None,
            strength=0.0,
            model="script",
            target_weight=self.weight(as_of),
            target_as_of=as_of,
            target_volatility=0.3,
        )


class ReportAudit:
    """Follows one bot's reports and raises `InvariantBroken` at the first that is wrong."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self.settings, self.journal = settings, journal
        self.entries: dict[int, set[str]] = defaultdict(set)
        self.candle_of: dict[int, int] = {}
        self.filled: set[int] = set()
        self.intents: set[str] = set()
        self.fills = self.trades = 0
        self.counts: Counter[str] = Counter()

    def after(self, report: TickReport) -> None:
        self.counts["reports"] += 1
        insist(
            f"tick {report.tick}",
            [*self._orders(report), *self._covered(report), *self._told(report)],
        )

    def _orders(self, report: TickReport) -> Iterator[Violation]:
        for (
            fill
        ) in report.fills:  # what an earlier tick's entry did, before this one ordered anything
            if fill.purpose is Purpose.ENTRY and fill.order_id in self.candle_of:
                self.filled.add(self.candle_of[fill.order_id])
        for record in report.orders:
            if record.what != "place" or record.outcome != "accepted":
                self.counts[f"{record.what} {record.outcome}"] += 1
                continue
            if record.intent.id in self.intents:
                yield Violation(TickRule.INTENT_ONCE, record.intent.id)
            self.intents.add(record.intent.id)

    def entry(
        self,
        request: TickRequest,
        intent: OrderIntent,
        order_id: int,
        candle: int,
        equity: Decimal | None,
    ) -> None:
        """An entry that reached the exchange, of a tick that ended well or died."""
        insist(f"tick {request.tick}", self._entry(request, intent, order_id, candle, equity))

    def _entry(
        self,
        request: TickRequest,
        intent: OrderIntent,
        order_id: int,
        candle: int,
        equity: Decimal | None,
    ) -> Iterator[Violation]:
        self.counts["entries"] += 1
        self.counts["second attempts"] += bool(self.entries[candle])
        self.entries[candle].add(intent.id)
        most = self.settings.execution.entry_attempts
        if len(self.entries[candle]) > most:
            yield Violation(
                TickRule.ATTEMPTS, f"{len(self.entries[candle])} entries on the candle of {candle}"
            )
        if candle in self.filled:
            yield Violation(
                TickRule.ONE_FILL, f"{intent.id} follows a fill of the candle of {candle}"
            )
        self.candle_of[order_id] = candle
        deadline = request.scheduled_at + int(self.settings.tick.no_new_order_after_seconds * 1000)
        if intent.expires_at is None or intent.expires_at > deadline:
            yield Violation(
                TickRule.ENTRY_ENDS,
                f"{intent.id} ends at {intent.expires_at}, the tick at {deadline}",
            )
        most_yen = Fraction(self.settings.risk.max_leverage)
        if equity is not None and (intent.price or 0) * intent.lots > units(equity) * most_yen:
            yield Violation(TickRule.LEVERAGE, f"{intent.lots} lots at {intent.price} on {equity}")

    def _covered(self, report: TickReport) -> Iterator[Violation]:
        for held in report.positions:
            self.counts["covered"] += 1
            stops = [order for order in report.resting if order.intent.kind is OrderKind.STOP]
            lots = sum(order.remaining_lots for order in stops if order.intent.side is held.side)
            if lots < held.lots:
                yield Violation(TickRule.COVERED, f"{held.lots} lots {held.side}, stops for {lots}")

    def _told(self, report: TickReport) -> Iterator[Violation]:
        told = [fill.sequence for fill in report.fills], [trade.sequence for trade in report.trades]
        for numbers, seen in zip(told, (self.fills, self.trades), strict=True):
            if numbers != list(range(seen + 1, seen + 1 + len(numbers))):
                yield Violation(TickRule.TOLD_ONCE, f"{numbers} after {seen}")
        self.fills, self.trades = self.fills + len(told[0]), self.trades + len(told[1])
        for fill in report.fills:
            self.counts[f"{fill.side} {fill.purpose} fills"] += 1
            self.journal.post(fill)
        for trade in report.trades:
            self.counts[trade.reason] += 1
        if report.cash_jpy is None or report.equity_jpy is None:
            yield Violation(TickRule.BOOKS, "the report has no cash or no equity")
            return
        mark = None if report.mark_price is None else int(report.mark_price)
        if units(report.cash_jpy) != self.journal.balances["cash"]:
            yield Violation(
                TickRule.BOOKS,
                f"cash {report.cash_jpy}, the fills say {self.journal.balances['cash']} units",
            )
        if units(report.equity_jpy) != self.journal.equity(mark, report.finished_at):
            yield Violation(TickRule.BOOKS, f"equity {report.equity_jpy}, the fills say otherwise")


class TickStory:
    """One bot, its stores and its schedule."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        overrides: dict[str, Any] = {
            "account": self.dice.choice(["margin", "margin", "spot"]),
            "paper": {"keep_trades": 1000, "volume_share": self.dice.choice([0.002, 0.2])},
            "execution": {"entry_attempts": self.dice.choice([1, 2])},
            "risk": {"max_hold_candles": 2},
        }
        overrides["sides"] = "both" if overrides["account"] == "margin" else "long"
        self.settings = configuration.load_settings({"BOT_PROFILE": "loose"}, overrides=overrides)
        self.documents, self.clock = MemoryDocuments(), FixedClock(T0)
        self.bot = BotDocuments(self.documents, self.settings.id)
        self.feed, self.script = (
            ArrayFeed(market(self.dice, 3 * TICKS + 60, day_off=0.0)),
            Script(seed),
        )
        self.exchange = PaperExchange(
            PaperDocument(self.documents, self.settings.id), self.feed.minutes, self.settings
        )
        self.ports = Ports(
            clock=self.clock,
            documents=self.documents,
            feed=self.feed,
            exchange=self.exchange,
            champions=NoModel(),  # type: ignore[arg-type]
            outlet=outlet_of(self.documents, self.settings, self.clock, Deaf()),
        )
        self.exchange.reconcile(T0)
        self.audit: ReportAudit | None = None
        self.known: set[str] = set()

    def told(self) -> Counter[str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("shared.turn.pipeline.last_signal", self.script)
            for number in range(6, TICKS):
                if self.dice.random() < 0.08:
                    continue  # this tick never comes
                self._tick(T0 + number * INTERVAL)
        return _some(self.audit).counts

    def _tick(self, at: int) -> None:
        self.clock.sleep_until(at + self.dice.randint(0, 2_000))
        request = TickRequest(tick=f"t{at}", scheduled_at=at, received_at=self.clock.now_ms())
        if self.dice.random() < 0.1:
            self._meets_a_held_lease(request)
        if self.dice.random() < 0.1:
            self._dies_before_its_save(request)
            return
        report = run_tick(self.ports, self.settings, request)
        audit = self._audit()
        audit.after(report)
        self._entries_of(request, report.equity_jpy)
        if report.status is not TickStatus.DONE:
            insist(
                f"tick {report.tick}",
                [Violation(TickRule.ONE_WRITER, f"{report.status}: {report.detail}")],
            )
        if self.dice.random() < 0.3:
            self._delivered_again(request)
        for as_of, count in self.script.asked.items():
            if count > 1:
                insist(report.tick, [Violation(TickRule.ONE_SIGNAL, f"{count} times for {as_of}")])
        if self.dice.random() < 0.1:
            self._loses_its_stop()

    def _audit(self) -> ReportAudit:
        if self.audit is None:
            terms = accounts.account_terms(self.settings, PairRules())
            opened = accounts.open_account(
                self.settings.capital_jpy, T0, kind=self.settings.account, terms=terms
            )
            self.audit = ReportAudit(self.settings, Journal.of(opened))
        return self.audit

    def _stored(self) -> dict[str, Any]:
        return {path: text for path, (text, _) in self.documents._stored.items()}

    def _entries_of(self, request: TickRequest, equity: Decimal | None) -> None:
        """What was sent is known from the intents, also where no report tells of it."""
        for stored in self.documents.query("intents", limit=10_000):
            intent, outcome = (
                msgspec.convert(stored.data["intent"], OrderIntent),
                stored.data.get("outcome") or {},
            )
            if (
                stored.path in self.known
                or not intent.is_opening
                or outcome.get("outcome") != "accepted"
            ):
                continue
            self.known.add(stored.path)
            self._audit().entry(
                request, intent, int(outcome["order_id"]), int(stored.data["plan"]["as_of"]), equity
            )

    def _dies_before_its_save(self, request: TickRequest) -> None:
        """All is done and nothing saved: the process is killed, or the store breaks."""
        real, error = (
            self.documents.commit,
            self.dice.choice([Killed(), StoreBroken("the disk is full")]),
        )

        def broken(writes: Any) -> Any:
            if len(writes) > 1 and all(
                write.kind != "verify" for write in writes
            ):  # an order's batches verify the lease
                raise error
            return real(writes)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.documents, "commit", broken)
            with pytest.raises((Killed, StoreBroken)):
                run_tick(self.ports, self.settings, request)
        self.script.asked.clear()  # nothing was saved: the next tick may compute the signal again
        self._audit().counts["died"] += 1
        self._entries_of(request, None)

    def _meets_a_held_lease(self, request: TickRequest) -> None:
        lease = self.bot.take_lease(now_ms=self.clock.now_ms(), lease_ms=170_000)
        assert lease is not None
        before, calls = self._stored(), self.script.asked.copy()
        report = run_tick(self.ports, self.settings, request)
        self.bot.release(lease)
        if report.status is not TickStatus.BUSY or calls != self.script.asked:
            insist(
                request.tick,
                [Violation(TickRule.ONE_WRITER, f"{report.status} while a lease was held")],
            )
        changed = {path for path, text in self._stored().items() ^ before.items()}
        assert changed <= {f"bots/{self.settings.id}", self.bot.tick_path(request.tick)}, changed
        self._audit().counts["held leases"] += 1

    def _delivered_again(self, request: TickRequest) -> None:
        before = self._stored()
        again = run_tick(self.ports, self.settings, request)
        if again.status is not TickStatus.DUPLICATE or self._stored() != before:
            insist(
                request.tick,
                [Violation(TickRule.TICK_ONCE, f"the second delivery was {again.status}")],
            )
        self._audit().counts["duplicates"] += 1

    def _loses_its_stop(self) -> None:
        for order in self.exchange.holdings(self.clock.now_ms()).orders:
            if order.intent.kind is OrderKind.STOP:
                self.exchange.cancel(order, now_ms=self.clock.now_ms())
                self._audit().counts["stops taken away"] += 1


class Contended:
    """A paper store in which somebody else writes just before we do."""

    def __init__(self, inner: PaperDocument) -> None:
        self.inner, self.first = inner, None

    def load(self) -> Any:
        return self.inner.load()

    def save(self, data: Any, token: Any) -> Any:
        rival, self.first = self.first, None
        if rival is not None:
            rival()
        return self.inner.save(data, token)


def race(seed: int) -> Counter[str]:
    """Two writers of one account, each overtaken by the other between read and write: no accepted
    order may vanish.
    """
    dice, counts = random.Random(seed), Counter[str]()
    settings = configuration.load_settings({})
    documents = MemoryDocuments()
    minutes = market(dice, 60, day_off=0.0)
    stores = [Contended(PaperDocument(documents, "race")) for _ in range(2)]
    exchanges = [PaperExchange(store, ArrayFeed(minutes).minutes, settings) for store in stores]
    accepted: set[str] = set()

    def enter(number: int, which: int) -> None:
        intent = OrderIntent(
            id=f"{number}.{which}",
            purpose=Purpose.ENTRY,
            side=Side.LONG,
            kind=OrderKind.LIMIT,
            lots=1,
            price=900_000,
            post_only=True,
        )
        book = book_at(1_000_000, spread_rate=0.0001, as_of=T0 + number)
        outcome = exchanges[which].submit(intent, book=book, rules=PairRules(), now_ms=T0 + number)
        if isinstance(outcome, Accepted):
            accepted.add(intent.id)

    for number in range(6):
        stores[0].first = lambda number=number: enter(number, 1)
        enter(number, 0)
        counts["races"] += stores[0].first is None
        stored = documents.get("paper/race")
        account = decode_account(_some(stored).data)
        known = {order.intent.id for order in (*account.orders, *account.ended)}
        lost = sorted(accepted - known)
        insist(
            f"race {number}",
            [Violation(Rule.LOST, f"{lost} were accepted and are gone")] if lost else [],
        )
    counts["accepted"] += len(accepted)
    return counts


def _some(value: Any) -> Any:
    assert value is not None
    return value
