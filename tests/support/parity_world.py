"""A stretch of days in a sandbox, with all that can happen in it, one real HTTP tick at every
schedule time, and its replay.

The market is generated. Ticks are missed, come late, come after the next one; a person halts and
resumes; minutes are missing; the stretch holds midnights UTC and a year's end.
"""

import os
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import msgspec
import numpy as np

from functions import wiring
from scripts.local.scheduler import Scheduler
from shared.core.types import Candles, Purpose, TickReport, Timeframe
from shared.exchanges.sandbox.generate import generate
from shared.market.candles import aggregate, candles_between
from shared.model.registry import BundleRegistry
from shared.model.signing import public_keys
from shared.replay import HaltPeriod, Inputs, Schedule
from shared.tick.cycle import run_tick
from shared.tick.documents import BotDocuments
from shared.tick.request import TickRequest
from shared.turn import pipeline
from shared.turn.champion import Champions
from tests.support.world import DAY, INTERVAL, ROOT, World

MINUTE = 60_000
HOUR = 3_600_000
CANDLE = 900_000
HISTORY = 190 * DAY
"""More than the window of 1,000 4h candles: a tick knows a window, the replay the whole."""
NEW_YEAR = 1_798_761_600_000  # 2027-01-01 00:00 UTC, a Friday

RESTLESS = {
    "BOT_PROFILE": "loose",
    "BOT_SIDES": "both",
    "BOT_ALERTS": "log",
    "BOT_RISK__STOP_ATR": "1.2",
    "BOT_RISK__TARGET_ATR": "1.2",
    "BOT_RISK__MAX_LATENCY_MS": "60000",
}
"""Many trades, near stops and targets; a busy machine's latency is not the market's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happens in the stretch [start_at, end_at): everything but the prices."""

    seed: int
    start_at: int
    end_at: int
    missed: frozenset[int]
    received_at: Mapping[int, int]
    halt: HaltPeriod
    hole: tuple[int, int]

    @property
    def schedule(self) -> Schedule:
        return Schedule(missed=self.missed, received_at=self.received_at, halts=(self.halt,))

    @property
    def deliveries(self) -> list[tuple[int, int]]:
        """(received, scheduled) in the order in which the ticks arrive."""
        times = range(self.start_at, self.end_at + 1, INTERVAL)
        return sorted((self.received_at.get(at, at), at) for at in times if at not in self.missed)


def story(*, seed: int, start_at: int, days: float, missed: int, late: int) -> Story:
    """A story over `days`: half of what is missed or late is so on a candle's close, where
    something is decided.
    """
    rng = random.Random(seed)
    end_at = start_at + round(days * DAY)
    times = list(range(start_at + CANDLE, end_at - CANDLE, INTERVAL))
    closes = [at for at in times if at % CANDLE == 0]
    others = [at for at in times if at % CANDLE]
    picked = [
        *rng.sample(closes, (missed + late) // 2),
        *rng.sample(others, missed + late - (missed + late) // 2),
    ]
    rng.shuffle(picked)
    received = {at: at + rng.randrange(20_000, 95_000, 1_000) for at in picked[missed:]}
    for at in sorted(received)[::3]:
        received[at] = at + rng.randrange(101_000, 170_000, 1_000)  # its deadline has passed
    overtaken = next(at for at in others if not {at - INTERVAL, at, at + INTERVAL} & set(picked))
    received[overtaken] = overtaken + INTERVAL + 25_000
    halted_at = start_at + round(0.55 * days * DAY) // INTERVAL * INTERVAL + 70_000
    hole_at = start_at + round(0.3 * days * DAY) // CANDLE * CANDLE + 7 * MINUTE
    return Story(
        seed=seed,
        start_at=start_at,
        end_at=end_at,
        missed=frozenset(picked[:missed]),
        received_at=received,
        halt=HaltPeriod(
            from_at=halted_at,
            until_at=halted_at + round(days * HOUR / 2) // INTERVAL * INTERVAL + 5_000,
        ),
        hole=(hole_at, hole_at + 50 * MINUTE),
    )


@cache
def minutes_of(seed: int, start_at: int, end_at: int, hole: tuple[int, int]) -> Candles:
    """The market, from its history to a day after the stretch; no minutes in the hole, none during
    weekly maintenance.
    """
    days = (end_at - start_at + HISTORY) / DAY + 1
    whole = generate(
        start_ms=start_at - HISTORY, days=days, seed=seed, edge_bp=8.0, volatility_15m=0.003
    )
    keep = np.flatnonzero((whole.opened_at < hole[0]) | (whole.opened_at >= hole[1]))
    columns = {
        name: getattr(whole, name)[keep]
        for name in ("opened_at", "open", "high", "low", "close", "volume")
    }
    return Candles(timeframe=Timeframe.M1, **columns)


def market_of(told: Story) -> Candles:
    return minutes_of(told.seed, told.start_at, told.end_at, told.hole)


def by_http(scene: World, url: str) -> Callable[[int, int], TickReport]:
    """Ticks of the real function process, each over a connection of its own: while people act the
    server closes idle ones.
    """
    scheduler = Scheduler(int(url.rsplit(":", 1)[1]), timeout_seconds=60.0, attempts=1)

    def tick(scheduled_at: int, received_at: int) -> TickReport:
        scene.time.advance_to(received_at)
        report = scheduler.tick(scheduled_at)
        scheduler.close()
        return report

    return tick


def in_process(scene: World) -> Callable[[int, int], TickReport]:
    """The same ticks without HTTP."""
    ports, settings = scene.ports(), scene.settings

    def tick(scheduled_at: int, received_at: int) -> TickReport:
        scene.time.advance_to(received_at)
        return run_tick(
            ports, settings, TickRequest.by_schedule(scheduled_at, received_at=scene.time.now_ms())
        )

    return tick


def driven(scene: World, told: Story, tick: Callable[[int, int], TickReport]) -> list[TickReport]:
    """Live through the story; what the bot has stored of it, in the order of the schedule."""
    people = [(told.halt.from_at, "halt"), (told.halt.until_at or told.end_at, "resume")]
    for received_at, scheduled_at in told.deliveries:
        while people and people[0][0] <= received_at:
            at, what = people.pop(0)
            scene.time.advance_to(at)
            by_hand(scene, what, "--why", "a story")
        tick(scheduled_at, received_at)
    return stored(scene)


def by_hand(scene: World, *words: str, expects: int = 0) -> str:
    """One command of a person, as a process of its own; its output."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("BOT_", "COV"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cli", *words],
        cwd=ROOT,
        env={**clean, **scene.environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == expects, (
        f"{words} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    )
    return done.stdout


def stored(scene: World) -> list[TickReport]:
    """The bot's stored reports in the order of the schedule."""
    documents = wiring.documents_for(scene.settings)
    try:
        found = BotDocuments(documents, scene.settings.id).reports(since_ms=0, limit=100_000)
    finally:
        documents.close()
    return sorted(
        (msgspec.convert(told, TickReport) for told in found),
        key=lambda report: report.scheduled_at,
    )


def inputs(
    scene: World,
    minutes: Candles,
    *,
    schedule: Schedule,
    start_at: int,
    end_at: int,
    **more: object,
) -> Inputs:
    """What a replay of the stretch needs: the sandbox's candles with their history, and the model
    that serves.
    """
    settings = scene.settings
    candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    bundle = (
        Champions(BundleRegistry(wiring.bucket_for(settings)), public_keys(settings), settings)
        .load_champion()
        .bundle
    )
    given: dict[str, object] = {
        "candles": candles,
        "minutes": candles_between(minutes, start_at, end_at + CANDLE),
        "stages": pipeline.stages(candles, bundle=bundle, settings=settings),
        "settings": settings,
        "start_at": start_at,
        "end_at": end_at,
        "schedule": schedule,
    }
    return Inputs(**{**given, **more})  # type: ignore[arg-type]


def counted(reports: Iterable[TickReport]) -> Counter[str]:
    """What happened, for the floors."""
    seen: Counter[str] = Counter()
    attempts: dict[int, int] = defaultdict(int)
    asked: dict[int, int] = {}
    for report in reports:
        seen["ticks"] += 1
        seen[f"status {report.status}"] += 1
        seen["received late"] += 20_000 <= report.received_at - report.scheduled_at <= 170_000
        seen["past the deadline"] += 100_000 <= report.received_at - report.scheduled_at <= 170_000
        seen["hole"] += any(issue.reason == "data_hole" for issue in report.issues)
        if report.decision is not None:
            seen[f"{report.decision.action} {report.decision.reason}"] += 1
        for record in report.orders:
            if record.what == "place" and record.intent.purpose is Purpose.ENTRY:
                seen[f"entry {record.outcome}"] += 1
                if (
                    record.outcome == "accepted"
                    and report.decision is not None
                    and record.order_id is not None
                ):
                    attempts[report.decision.as_of] += 1
                    asked[record.order_id] = record.intent.lots
                    seen["entries"] += 1
                    seen["second attempts"] += attempts[report.decision.as_of] > 1
                    seen[f"entries {record.intent.side}"] += 1
        for fill in report.fills:
            seen["fills"] += 1
            seen[f"fills {fill.purpose}"] += 1
            seen["partial fills"] += fill.order_id in asked and fill.lots < asked[fill.order_id]
        for trade in report.trades:
            seen["trades"] += 1
            seen[str(trade.reason)] += 1
            seen["positions"] += trade.ends_position
    return seen


def midnights(told: Story) -> Sequence[str]:
    """The UTC dates that begin inside the stretch."""
    first = told.start_at - told.start_at % DAY + DAY
    return [
        datetime.fromtimestamp(at / 1000, UTC).date().isoformat()
        for at in range(first, told.end_at, DAY)
    ]
