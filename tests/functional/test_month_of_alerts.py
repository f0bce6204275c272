"""A month of a paper bot, tick by tick, with its watch and its digest: what a person is told."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from shared.alerts.office import Office
from shared.alerts.outlets import LocalOutlet
from shared.alerts.ports import Delivered
from shared.core.calendar import DAY_MS, MINUTE_MS
from shared.core.settings import load_settings
from shared.core.types import Alert, Level
from shared.exchanges.paper.exchange import PaperExchange
from shared.rounds.duties import RoundsPlace, do_digest, do_watch
from shared.stores.local.sqlite import SqliteDocuments
from shared.stores.memory import MemoryBucket
from shared.tick.cycle import Ports, run_tick
from shared.tick.documents import PaperDocument
from shared.tick.request import TickRequest
from tests.support.account_stories import T0, market
from tests.support.fixed_clock import FixedClock
from tests.support.tick_stories import INTERVAL, ArrayFeed, NoModel, Script

TICKS_A_DAY = DAY_MS // INTERVAL
ROUND_TICKS = 5
BEGIN_TICKS = 60


class Person:
    """Who reads: every message as it came."""

    name = "person"

    def __init__(self) -> None:
        self.messages: list[tuple[str, ...]] = []
        self.levels: Counter[str] = Counter()
        self.pictures = 0

    def deliver(
        self,
        alerts: Sequence[Alert],
        *,
        edits: Mapping[str, str] | None = None,
        pictures: Mapping[str, bytes] | None = None,
        **_: Any,
    ) -> Delivered:
        if not edits:
            self.messages.append(tuple(alert.key for alert in alerts))
            self.levels.update(alert.level.value for alert in alerts)
        self.pictures += len(pictures or {})
        return Delivered(
            told=frozenset(alert.key for alert in alerts),
            messages={alert.key: str(len(self.messages)) for alert in alerts},
        )


class Quiet(Script):
    """A market of which no strategy says anything."""

    def __call__(self, *_: Any, **__: Any) -> None:
        return None


def month(folder: Path, script: Any, *, days: int, seed: int) -> tuple[Person, Counter[str]]:
    settings = load_settings(
        {"BOT_PROFILE": "loose"}, overrides={"account": "margin", "sides": "both"}
    )
    documents, bucket = SqliteDocuments(folder / "bot.sqlite"), MemoryBucket()
    clock = FixedClock(T0)
    minutes = market(random.Random(seed), 3 * (days * TICKS_A_DAY + BEGIN_TICKS), day_off=0.0)
    feed, person = ArrayFeed(minutes), Person()
    exchange = PaperExchange(PaperDocument(documents, settings.id), feed.minutes, settings)
    office = Office(documents, settings, clock, person)
    ports = Ports(
        clock=clock,
        documents=documents,
        feed=feed,
        exchange=exchange,
        champions=NoModel(),  # type: ignore[arg-type]
        outlet=LocalOutlet(office),
    )
    exchange.reconcile(T0)
    place = RoundsPlace(
        settings=settings, documents=documents, bucket=bucket, clock=clock, office=office
    )
    counts: Counter[str] = Counter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shared.turn.pipeline.last_signal", script)
        for number in range(BEGIN_TICKS, BEGIN_TICKS + days * TICKS_A_DAY):
            at = T0 + number * INTERVAL
            clock.sleep_until(at + 700)
            request = TickRequest(tick=f"t{at}", scheduled_at=at, received_at=clock.now_ms())
            report = run_tick(ports, settings, request)
            counts[report.status] += 1
            counts["fills"] += len(report.fills)
            counts["trades"] += len(report.trades)
            if number % ROUND_TICKS == 0:
                clock.sleep_until(at + MINUTE_MS)
                do_watch(place)
                counts["digests"] += bool(do_digest(place)["is_due"])
    return person, counts


def test_in_a_quiet_month_there_are_less_than_two_messages_a_day(tmp_path, request) -> None:
    days = 30 if request.config.getoption("--full") else 2
    person, counts = month(tmp_path, Quiet(1), days=days, seed=1)
    print(f"\nquiet: {days} days, {len(person.messages)} messages {dict(person.levels)}, {counts}")
    assert counts["done"] == days * TICKS_A_DAY
    assert days - 1 <= counts["digests"] <= days + 1
    assert person.pictures == counts["digests"]
    assert len(person.messages) < 2 * days
    assert max(Counter(key for one in person.messages for key in one).values()) == 1


def test_in_busy_days_nothing_is_told_twice_and_every_trade_is_told(tmp_path, request) -> None:
    days = 5 if request.config.getoption("--full") else 1
    person, counts = month(tmp_path, Script(2), days=days, seed=2)
    print(f"\nbusy: {days} days, {len(person.messages)} messages {dict(person.levels)}, {counts}")
    assert counts["trades"] >= 5 * days
    told = Counter(key for one in person.messages for key in one)
    assert max(told.values()) == 1
    # one message in two minutes at the most, and what is critical
    assert len(person.messages) <= days * 720 + person.levels[Level.CRITICAL.value]
