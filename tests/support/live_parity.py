"""A live bot on the sandbox's private side, and beside it what paper makes of every order of it.

    live    tick ── order ── fills ── stop ── … ── flat          real HTTP, signatures
    paper   the state before that very tick ── that tick ── … ── flat    one twin an order

A twin begins with the live bot's own money, limits and memory, so that nothing but what happens to
the order can make the two differ.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from math import ceil
from typing import Any

import pytest

from shared.core import settings as configuration
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import (
    Barriers,
    Candles,
    Fill,
    Ledger,
    Market,
    PairRules,
    Purpose,
    Side,
    Signal,
    TickReport,
    Timeframe,
    Trade,
)
from shared.exchanges.bitbank.live.exchange import BitbankExchange
from shared.exchanges.bitbank.pace import (
    QUERIES_PER_SECOND,
    UPDATES_PER_SECOND,
    AccountPace,
    RequestPace,
)
from shared.exchanges.paper import account as accounts
from shared.exchanges.paper.exchange import PaperExchange, encode_account
from shared.exchanges.sandbox.generate import generate
from shared.exchanges.sandbox.private.settings import FAKE_KEY, FAKE_SECRET
from shared.exchanges.sandbox.time_source import SteppedTime
from shared.results.parity.lots import OrderStory, Rested
from shared.results.parity.stories import stories_of
from shared.stores import lease as leases
from shared.stores.memory import MemoryDocuments
from shared.tick.cycle import Ports, run_tick
from shared.tick.documents import BotDocuments, PaperDocument
from shared.tick.request import TickRequest
from shared.turn.state import State
from tests.support.fixed_clock import FixedClock
from tests.support.live_world import LiveWorld, live_world
from tests.support.signals import signal_of
from tests.support.tick_stories import INTERVAL, ArrayFeed, Deaf, NoModel, outlet_of

NEW_YEAR = 1_798_761_600_000  # 2027-01-01 00:00 UTC
CANDLE = 900_000
LEAD_IN = 4 * 3_600_000
WIND_UP = 12 * 3_600_000
TAKEN_UP_MS = 700


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What the exchange does to the orders of a live bot, beside what paper assumes.

    `settle_seconds` also sets at which second of a minute the exchange is looked at: with 17.5 a
    look falls between the last price of a minute and the first of the next one, so that no fill
    meets another price before its stop. Where `request_ms` is given every private request takes a
    third to three times as long, and waits for its turn as bitbank's limits want it; else none
    takes any time.
    """

    name: str
    days: float
    seed: int = 1
    settle_seconds: float = 17.5
    lag_seconds: float = 0.0
    latency_ms: int = 0
    request_ms: int = 0
    volume_share: float = 1.0
    behind_others: int = 0
    stop_atr: float = 3.0
    target_atr: float = 3.0
    hold_candles: int = 3
    capital_jpy: int = 100_000

    @property
    def overrides(self) -> dict[str, Any]:
        return {
            "account": "margin",
            "sides": "both",
            "capital_jpy": self.capital_jpy,
            "paper": {"volume_share": 1.0, "keep_trades": 1_000},
            "tick": {"settle_seconds": self.settle_seconds, "no_new_order_after_seconds": 95.0},
            "risk": {
                "stop_atr": self.stop_atr,
                "target_atr": self.target_atr,
                "max_hold_candles": self.hold_candles,
            },
        }


class Wave:
    """A signal for every candle of `since` to `until`, its side by the candle; its range is the
    market's.
    """

    def __init__(self, seed: int, *, since: int, until: int) -> None:
        self._seed, self._since, self._until = seed, since, until

    def __call__(
        self, market: Market, *, bundle: object, settings: Settings, computed: object = None
    ) -> Signal | None:
        quarters = market.candles[Timeframe.M15]
        as_of = int(quarters.closed_at[-1])
        wide = (quarters.high[-14:] - quarters.low[-14:]).mean()
        side = list(Side)[hash((self._seed, as_of // CANDLE)) % 2]
        wants = self._since <= as_of < self._until
        return signal_of(
            as_of=as_of,
            close=int(quarters.close[-1]),
            atr_jpy=float(wide),
            side=side if wants else None,
            strength=1.0 if wants else 0.0,
            p_lower=0.4,
            p_neither=0.2,
            p_upper=0.4,
            barriers=Barriers(atr_multiple=4.0, horizon_candles=48),
            model="script",
        )


@dataclass
class Twin:
    """What paper makes of the order of one live tick."""

    settings: Settings
    clock: FixedClock
    documents: MemoryDocuments
    ports: Ports
    script: Wave
    began_jpy: Decimal
    known: tuple[int, int]
    """How many of the account's fills and trades are the live bot's."""
    reports: list[TickReport] = field(default_factory=list)
    booked: tuple[Sequence[Fill], Sequence[Trade]] = ((), ())
    gain_jpy: Decimal = Decimal(0)

    @classmethod
    def of(
        cls,
        settings: Settings,
        feed: ArrayFeed,
        script: Wave,
        *,
        state: State,
        ledger: Ledger,
        known: tuple[Sequence[Fill], Sequence[Trade]],
        now_ms: int,
    ) -> "Twin":
        """A bot on paper with the live one's money and memory as they are at `now_ms`, where
        nothing is held; `known` are the fills and trades since that state was saved.
        """
        fills, trades = known
        clock, documents = FixedClock(now_ms), MemoryDocuments()
        terms = accounts.account_terms(settings, PairRules())
        cash = ledger.cash_jpy + sum((trade.net_jpy for trade in trades), Decimal(0))
        account = accounts.open_account(cash, now_ms, kind=settings.account, terms=terms)
        account = replace(
            account,
            trades=tuple(trades),
            fills=tuple(fills),
            next_fill_sequence=ledger.next_fill_sequence + len(fills),
            next_trade_sequence=ledger.next_trade_sequence + len(trades),
            capital_jpy=ledger.capital_jpy,
        )
        PaperDocument(documents, settings.id).save(encode_account(account), None)
        bot = BotDocuments(documents, settings.id)
        lease = bot.take_lease(now_ms=now_ms, lease_ms=1_000)
        assert lease is not None
        remembered = replace(state, mode="paper", stage="paper", ledger=None, holds=False)
        leases.release(documents, lease, {"state": remembered.encode_state()})
        exchange = PaperExchange(PaperDocument(documents, settings.id), feed.minutes, settings)
        ports = Ports(
            clock=clock,
            documents=documents,
            feed=feed,
            exchange=exchange,
            champions=NoModel(),  # type: ignore[arg-type]
            outlet=outlet_of(documents, settings, clock, Deaf()),
        )
        return cls(
            settings=settings,
            clock=clock,
            documents=documents,
            ports=ports,
            script=script,
            began_jpy=cash,
            known=(len(fills), len(trades)),
        )

    def tick(self, at: int) -> TickReport:
        self.clock.sleep_until(at + TAKEN_UP_MS)
        request = TickRequest(tick=f"t{at}", scheduled_at=at, received_at=self.clock.now_ms())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("shared.turn.pipeline.last_signal", self.script)
            report = run_tick(self.ports, self.settings, request)
        self.reports.append(report)
        return report

    def is_over(self, at: int) -> bool:
        """Whether nothing came or is left of its order, by the path up to `at`."""
        now_ms = at + int(self.settings.tick.settle_seconds * 1000)
        held = self.ports.exchange.reconcile(now_ms)
        self.booked = held.fills[self.known[0] :], held.trades[self.known[1] :]
        self.gain_jpy = held.cash_jpy - self.began_jpy
        return not held.positions and not any(not one.has_ended(at) for one in held.orders)


@dataclass
class Pair:
    """One tick that found nothing held, live and on paper, and what followed from its order."""

    at: int
    live: TickReport
    twin: Twin

    @property
    def has_entry(self) -> bool:
        return any(one.intent.is_opening for one in self.live.orders)


@dataclass
class Lived:
    """What a live bot did in a market, and beside it its twins."""

    experiment: Experiment
    settings: Settings
    reports: list[TickReport]
    pairs: list[Pair]
    truth: Mapping[str, Any]
    began_jpy: Decimal
    counts: Counter[str]
    differences: list[str]


def market_of(experiment: Experiment) -> Candles:
    return generate(
        start_ms=NEW_YEAR - LEAD_IN,
        days=experiment.days + (LEAD_IN + 2 * WIND_UP) / 86_400_000,
        seed=experiment.seed,
        volatility_15m=0.003,
        maintenance=False,
    )


def live(
    experiment: Experiment, *, paper_risk: Mapping[str, Any] | None = None, **private: Any
) -> Lived:
    """Trade the experiment's days, and go on without new entries until all is flat.

    `paper_risk` are settings that only the twins have, `private` what only the exchange does.
    """
    minutes = market_of(experiment)
    ends_at = NEW_YEAR + round(experiment.days * 86_400_000)
    script = Wave(experiment.seed, since=NEW_YEAR + CANDLE, until=ends_at)
    paper = configuration.load_settings(
        {"BOT_PROFILE": "loose", "BOT_MODE": "paper"},
        overrides={
            **experiment.overrides,
            "risk": {**experiment.overrides["risk"], **(paper_risk or {})},
        },
    )
    with live_world(
        minutes,
        script=script,
        overrides=experiment.overrides,
        yen=10 * experiment.capital_jpy,
        readings={"orphans": "end"},
        is_started=False,
        volume_share=Decimal(str(experiment.volume_share)),
        behind_others=experiment.behind_others,
        **private,
    ) as world:
        world.source.advance_to(NEW_YEAR - INTERVAL)
        world.start()
        if experiment.lag_seconds:
            world.fault("lag", seconds=experiment.lag_seconds)
        return _drive(experiment, world, paper, script, ends_at)


def _drive(
    experiment: Experiment,
    world: LiveWorld,
    paper: Settings,
    script: Wave,
    ends_at: int,
) -> Lived:
    reports: list[TickReport] = []
    pairs: list[Pair] = []
    waiting: list[Twin] = []
    counts: Counter[str] = Counter()
    differences: list[str] = []
    lag_ms = int(1_000 * experiment.lag_seconds)
    exchange = world.exchange() if not experiment.request_ms else _timed(world, experiment)
    if experiment.latency_ms:
        exchange = _slow(exchange, world, experiment.latency_ms)
    ports = world.ports(exchange=exchange)
    world.tick(NEW_YEAR)
    at = NEW_YEAR + INTERVAL
    while at < ends_at or waiting or any(report.positions for report in reports[-2:]):
        assert at < ends_at + WIND_UP, "it never became flat"
        stored = world.bot.peek()
        assert stored is not None
        before = State.decode_state(stored.data["state"], world.settings)
        assert before.ledger is not None
        report = world.tick(at, ports=ports)
        reports.append(report)
        counts["ticks"] += 1
        waiting = [twin for twin in waiting if not twin.is_over(at)]
        for twin in waiting:
            mine = twin.tick(at)
            is_owner = twin is _owner(pairs, reports)
            if is_owner and _held(mine) == _held_at_start(before, report, lag_ms):
                counts["compared while held"] += 1
                differences += _differences(at, report, mine)
            else:
                counts["other holdings"] += 1
        if not _held_at_start(before, report, lag_ms):
            counts["compared while flat"] += 1
            twin = Twin.of(
                paper,
                world.feed,
                script,
                state=before,
                ledger=before.ledger,
                known=_known_at_start(report, lag_ms),
                now_ms=at,
            )
            mine = twin.tick(at)
            differences += _differences(at, report, mine)
            pair = Pair(at=at, live=report, twin=twin)
            if pair.has_entry or any(one.intent.is_opening for one in mine.orders):
                pairs.append(pair)
                waiting.append(twin)
        at += INTERVAL
    return Lived(
        experiment=experiment,
        settings=world.settings,
        reports=reports,
        pairs=pairs,
        truth=world.truth(),
        began_jpy=Decimal(10 * experiment.capital_jpy),
        counts=counts,
        differences=differences,
    )


def _owner(pairs: Sequence[Pair], reports: Sequence[TickReport]) -> Twin | None:
    """The twin of the order that the live bot's newest position came from."""
    filled = {
        fill.order_id for report in reports for fill in report.fills if fill.purpose == "entry"
    }
    mine = [pair.twin for pair in pairs if filled & {one.order_id for one in pair.live.orders}]
    return mine[-1] if mine else None


class TimedPace(RequestPace):
    """The pace of the world's own clock, which moves on with each request."""

    def __init__(
        self, per_second: float, source: SteppedTime, request_ms: int, dice: random.Random
    ) -> None:
        self._source, self._request_ms, self._dice = source, request_ms, dice
        super().__init__(
            per_second,
            monotonic=lambda: source.now_ms() / 1_000,
            sleep=lambda seconds: self.pass_ms(ceil(1_000 * seconds)),
        )

    def pass_ms(self, ms: int) -> None:
        self._source.advance_to(self._source.now_ms() + ms)

    def wait(self) -> None:
        super().wait()
        self.pass_ms(self._dice.randint(self._request_ms // 3, 3 * self._request_ms))


def _timed(world: LiveWorld, experiment: Experiment) -> BitbankExchange:
    limits = AccountPace()
    how = world.source, experiment.request_ms, random.Random(experiment.seed)
    limits.queries = TimedPace(QUERIES_PER_SECOND, *how)
    limits.updates = TimedPace(UPDATES_PER_SECOND, *how)
    return BitbankExchange.open(
        world.settings, world.clock, key=FAKE_KEY, secret=FAKE_SECRET, limits=limits
    )


def _slow(exchange: Any, world: LiveWorld, latency_ms: int) -> Any:
    real = exchange.submit

    def submit(intent: Any, **more: Any) -> Any:
        if intent.purpose in {"entry", "close"}:
            world.source.advance_to(world.source.now_ms() + latency_ms)
            more["now_ms"] = world.source.now_ms()
        return real(intent, **more)

    exchange.submit = submit
    return exchange


def _known_at_start(report: TickReport, lag_ms: int) -> tuple[list[Fill], list[Trade]]:
    """What the first reading of a tick found."""
    seen_until = report.received_at - lag_ms
    fills = [fill for fill in report.fills if fill.at < seen_until]
    trades = [trade for trade in report.trades if trade.closed_at < seen_until]
    return fills, trades


def _held_at_start(before: State, report: TickReport, lag_ms: int) -> dict[Side, int]:
    assert before.ledger is not None
    held: Counter[Side] = Counter()
    for position in before.ledger.positions:
        held[position.side] += position.lots
    for fill in _known_at_start(report, lag_ms)[0]:
        held[fill.side] += fill.lots if fill.purpose == "entry" else -fill.lots
    return {side: lots for side, lots in held.items() if lots}


def _held(report: TickReport) -> dict[Side, int]:
    """What a twin's tick decided on: what it holds, and what it closed itself."""
    held: Counter[Side] = Counter()
    for position in report.positions:
        held[position.side] += position.lots
    for fill in report.fills:
        if fill.purpose == "close":
            held[fill.side] += fill.lots
    return {side: lots for side, lots in held.items() if lots}


def _differences(at: int, live: TickReport, paper: TickReport) -> list[str]:
    found = []
    if live.decision != paper.decision:
        found.append(f"{at} {live.decision} | {paper.decision}")
    if _orders(live) != _orders(paper):
        found.append(f"{at} {_orders(live)} | {_orders(paper)}")
    return found


def _orders(report: TickReport) -> list[tuple[Any, ...]]:
    """What the decision of a tick sent; what is closed because no stop could be had is none."""
    return [
        (one.intent.purpose, one.intent.side, one.intent.kind, one.intent.lots, one.intent.price)
        for one in report.orders
        if one.what == "place"
        and one.intent.purpose in {"entry", "close"}
        and one.intent.reason is not Reason.EXIT_UNPROTECTED
    ]


def stories(lived: Lived) -> list[tuple[OrderStory, OrderStory]]:
    """What came of every order that opens: at the exchange by the bot's reports, and on paper."""
    told = stories_of(lived.reports)
    assert not told.still_open
    live_ones = {story.at: story for story in told.closed}
    assert set(live_ones) == {pair.at for pair in lived.pairs}
    return [(live_ones[pair.at], _paper_story(pair)) for pair in lived.pairs]


def _paper_story(pair: Pair) -> OrderStory:
    """By the twin's account: its last fill may be seen by no tick."""
    sent = next(one for one in pair.twin.reports[0].orders if one.intent.is_opening)
    fills, trades = pair.twin.booked
    rested = Rested(purpose=Purpose.ENTRY, lots=sent.intent.lots, since_at=pair.at)
    return OrderStory(
        at=pair.at,
        side=sent.intent.side,
        fills=tuple(fills),
        trades=tuple(trades),
        rested=(rested,),
    )
