"""Ticks that stand still in the middle of their work, and others that go on meanwhile.

Real parts, over a random path.

A tick is paused before or after one call of a port, as a suspended laptop or a throttled instance
is: the clock goes on beyond its lease, the next ticks of the schedule run, then it is woken and
comes to its end. Whatever it does then is compared with what was stored when it woke: an old tick
changes nothing any more, and no exchange hears of it.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec
import pytest

from shared.core import settings as configuration
from shared.core.settings import Settings
from shared.core.types import (
    Market,
    OrderIntent,
    OrderKind,
    Signal,
    TickReport,
    TickStatus,
    Timeframe,
)
from shared.exchanges.paper.exchange import PaperExchange, decode_account
from shared.stores.memory import MemoryDocuments
from shared.tick.cycle import Ports, run_tick
from shared.tick.documents import BotDocuments, PaperDocument
from shared.tick.request import TickRequest
from shared.turn import pipeline
from tests.support.account_stories import T0, market
from tests.support.fixed_clock import FixedClock
from tests.support.invariants import Violation, insist
from tests.support.signals import signal_of
from tests.support.tick_stories import INTERVAL, ArrayFeed, Deaf, NoModel, Script, outlet_of

FIRST, LAST = 6, 26
"""The ticks of a story, by their number."""


class FenceRule(StrEnum):
    """What must hold, causes first."""

    OLD_TICK = "a tick whose lease is over changes nothing that is stored"
    UNSENT = "a tick whose lease is over asks the exchange for nothing"
    ONCE = "an intent is one order, and an order has its intent"
    ENTRIES = "no more entries rest or were filled on a candle than the settings allow"
    ONE_POSITION = "what is held is no more than one entry gives"
    COVERED = "whatever a tick leaves held has a stop of at least its size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where a tick stops: `when` the `nth` call of a part's method."""

    part: str
    method: str
    nth: int
    when: str


class Gate:
    """Passes everything on, and tells of every call before it is made and after it has
    come back.
    """

    def __init__(self, inner: Any, part: str, heard: Callable[[Point], None]) -> None:
        self._inner, self._part, self._heard, self._calls = inner, part, heard, Counter[str]()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def gated(*args: Any, **kwargs: Any) -> Any:
            self._calls[name] += 1
            point = Point(part=self._part, method=name, nth=self._calls[name], when="before")
            self._heard(point)
            result = found(*args, **kwargs)
            self._heard(replace(point, when="after"))
            return result

        return gated


class ScriptedTarget:
    """A weight for every candle, its size by the candle."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, market: Market, **_: Any) -> Signal | None:
        quarters = market.candles[Timeframe.M15]
        if not len(quarters):
            return None
        as_of = int(quarters.closed_at[-1])
        weight = random.Random(f"{self.seed} {as_of}").choice([0.0, 0.3, 0.5, 0.8, 1.0, 1.0])
        return signal_of(
            as_of=as_of,
            close=int(quarters.close[-1]),
            atr_jpy=250.0,
            side=None,
            strength=0.0,
            model="script",
            target_weight=weight,
            target_as_of=as_of,
            target_volatility=0.3,
        )


class FenceStory:
    """One bot, one path, one schedule; told once undisturbed, then again for every pause."""

    def __init__(self, seed: int, *, policy: str, account: str) -> None:
        self.seed, self.policy, self.account = seed, policy, account
        dice = random.Random(f"{seed} {policy} {account}")
        overrides: dict[str, Any] = {
            "account": account,
            "sides": "both" if account == "margin" and policy == "barrier" else "long",
            "paper": {"volume_share": dice.choice([0.002, 0.2]), "keep_trades": 1000},
            "risk": {"max_hold_candles": 1, "policy": policy},
        }
        settings = configuration.load_settings({"BOT_PROFILE": "loose"}, overrides=overrides)
        shape = replace(settings.risk.exposure, band=0.05, stop_rate=0.02, passive_seconds=600)
        self.settings: Settings = replace(settings, risk=replace(settings.risk, exposure=shape))
        self.minutes = market(dice, 3 * LAST + 90, day_off=0.0)

    # one telling

    def begin(self) -> None:
        """Everything as it was before the first tick."""
        self.documents, self.clock = MemoryDocuments(), FixedClock(T0)
        self.script: Any = (
            ScriptedTarget(self.seed) if self.policy == "target" else Script(self.seed)
        )
        self.bot = BotDocuments(self.documents, self.settings.id)
        self.ports().exchange.reconcile(T0)

    def ports(self, heard: Callable[[Point], None] | None = None) -> Ports:
        """The ports of one process; `heard` is told of every call of one that sends."""
        feed, documents, store = (
            ArrayFeed(self.minutes),
            self.documents,
            PaperDocument(self.documents, self.settings.id),
        )
        gated: Any = (
            (lambda part, inner: inner)
            if heard is None
            else (lambda part, inner: Gate(inner, part, heard))
        )
        exchange = PaperExchange(gated("paper", store), feed.minutes, self.settings)
        return Ports(
            clock=self.clock,
            documents=gated("documents", documents),
            feed=feed,
            exchange=gated("exchange", exchange),
            champions=NoModel(),  # type: ignore[arg-type]
            outlet=outlet_of(
                gated("documents", documents), self.settings, self.clock, gated("channel", Deaf())
            ),
        )

    def tick(self, number: int, ports: Ports | None = None, *, late_ms: int = 0) -> TickReport:
        """The tick of a schedule time."""
        at = T0 + number * INTERVAL
        self.clock.sleep_until(at + late_ms)
        request = TickRequest(
            tick=f"t{number:03d}", scheduled_at=at, received_at=self.clock.now_ms()
        )
        return run_tick(ports or self.ports(), self.settings, request)

    def stored(self) -> dict[str, str]:
        """Every document by its path, as text."""
        return {path: text for path, (text, _) in self.documents._stored.items()}

    # what is checked

    def paused(self, number: int, point: Point, left: int, *, sleeps: int) -> Counter[str]:
        """Tell it with tick `number` paused at `point`, `left` orders before its end, while the
        next `sleeps` ticks run.
        """
        counts: Counter[str] = Counter()
        found: dict[str, Any] = {"asleep": True, "owns": False}
        sent: list[Point] = []

        def heard(here: Point) -> None:
            if found["asleep"] and here == point:
                found["asleep"] = False
                held = (self.bot.peek() or NOBODY).data["lease"]["holder"]
                found["owns"] = held is not None
                self.clock.sleep_until(T0 + number * INTERVAL + INTERVAL - 1)
                for index in range(1, sleeps + 1):
                    found["between"] = self.tick(number + index)
                    self.check_after(found["between"], counts)
                found["woke"] = self.stored()
            elif (
                not found["asleep"]
                and here.part == "exchange"
                and here.method in SENDS
                and here.when == "before"
            ):
                sent.append(here)

        self.begin()
        where = f"seed {self.seed} {self.policy} {self.account}: tick {number} paused {point}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pipeline, "last_signal", self.script)
            for index in range(FIRST, number):
                self.tick(index)
            report = self.tick(number, self.ports(heard))
            if found["asleep"]:
                return counts
            after = self.stored()
            owned = found["owns"] and report.status is TickStatus.BUSY
            counts["pauses"] += 1
            counts[f"paused {point.when} {point.part}.{point.method}"] += 1
            counts["woken without the lease"] += owned
            changed = {
                path
                for path, _ in after.items() ^ found["woke"].items()
                if not path.startswith("alerts/")
            }
            if found["owns"] and sleeps and changed:
                insist(
                    where,
                    [
                        Violation(
                            FenceRule.OLD_TICK,
                            f"it wrote {sorted(changed)} after {found['between'].tick}",
                        )
                    ],
                )
            counts["orders withheld"] += max(0, left - len(sent))
            if sent:
                insist(where, [Violation(FenceRule.UNSENT, f"it called {sent}")])
            for index in range(number + sleeps + 1, min(number + sleeps + 5, LAST)):
                self.check_after(self.tick(index), counts)
            insist(where, self._audit(counts))
        return counts

    def check_after(self, report: TickReport, counts: Counter[str]) -> None:
        """What a tick that came to its end leaves behind."""
        counts["ticks between and after"] += 1
        for held in report.positions:
            counts["positions seen"] += 1
            stops = [order for order in report.resting if order.intent.kind is OrderKind.STOP]
            lots = sum(order.remaining_lots for order in stops if order.intent.side is held.side)
            if lots < held.lots:
                insist(
                    report.tick,
                    [Violation(FenceRule.COVERED, f"{held.lots} lots, stops for {lots}")],
                )

    def _audit(self, counts: Counter[str]) -> Iterator[Violation]:
        """Both sides of every order: the intents, and the account's own book."""
        account = decode_account((self.documents.get(f"paper/{self.settings.id}") or NOBODY).data)
        orders = Counter(order.intent.id for order in (*account.orders, *account.ended))
        bracket = {intent_id for intent_id in orders if intent_id.endswith((".stop", ".target"))}
        known = {path.rpartition("~")[2]: data for path, data in self.intents().items()}
        for intent_id, count in orders.items():
            counts["orders"] += 1
            if count > 1:
                yield Violation(FenceRule.ONCE, f"{count} orders of {intent_id}")
            if intent_id not in known and intent_id not in bracket:
                yield Violation(FenceRule.ONCE, f"{intent_id} was placed and never written down")
        entries: Counter[int] = Counter()
        for intent_id, data in known.items():
            intent = msgspec.convert(data["intent"], OrderIntent)
            if intent.is_opening and intent_id in orders:
                entries[int((data["plan"] or {}).get("as_of", 0))] += 1
        most = self.settings.execution.entry_attempts
        if self.policy == "barrier" and entries and max(entries.values()) > most:
            yield Violation(FenceRule.ENTRIES, f"{max(entries.values())} entries on one candle")
        worth = sum(held.product_jpy for held in account.positions)
        if worth > 1_000_000 * 1.05:
            yield Violation(
                FenceRule.ONE_POSITION, f"{worth:.0f} yen are held on a capital of 1,000,000"
            )

    def intents(self) -> Mapping[str, Mapping[str, Any]]:
        """Every intent that was ever written."""
        return {item.path: item.data for item in self.documents.query("intents", limit=10_000)}

    # where it can be paused

    def points(self) -> list[tuple[int, Point, int]]:
        """Every call of every tick that sends, before and after it; and how many orders that tick
        had still to send.
        """
        self.begin()
        found: list[tuple[int, Point, int]] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pipeline, "last_signal", self.script)
            for number in range(FIRST, LAST - 6):
                calls: list[Point] = []
                self.tick(number, self.ports(calls.append))
                sends = [
                    place
                    for place, call in enumerate(calls)
                    if call.part == "exchange" and call.method in SENDS
                ]
                if sends:
                    found += [
                        (number, call, sum(place < other for other in sends))
                        for place, call in enumerate(calls)
                    ]
        return found


@dataclass(frozen=True)
class _Nobody:
    data: Any


NOBODY = _Nobody({"lease": {"holder": None}})
SENDS = frozenset({"submit", "cancel"})


def sampled(
    points: Sequence[tuple[int, Point, int]], dice: random.Random, most: int
) -> list[tuple[int, Point, int]]:
    """Pauses of every kind of call, those with an order still to come before the others."""
    by_kind: dict[tuple[str, str, str], list[tuple[int, Point, int]]] = {}
    for given in points:
        by_kind.setdefault((given[1].part, given[1].method, given[1].when), []).append(given)
    chosen: list[tuple[int, Point, int]] = []
    for kind in sorted(by_kind):
        some = by_kind[kind]
        dice.shuffle(some)
        chosen += sorted(some, key=lambda given: -min(given[2], 1))[:most]
    return chosen
