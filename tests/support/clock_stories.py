"""Ticks whose machine's clock is wrong for a while, killed in the middle or not.

Real parts, over a random path.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np
import pytest

from shared.core.reasons import Reason
from shared.core.types import OrderIntent, Purpose, Side, TickReport
from shared.exchanges.paper.exchange import decode_account
from shared.stores.memory import MemoryDocuments
from shared.tick.cycle import run_tick
from shared.tick.request import TickRequest
from shared.turn import pipeline
from tests.support.account_stories import T0
from tests.support.fence_stories import FIRST, LAST, FenceStory, Point
from tests.support.fixed_clock import FixedClock
from tests.support.invariants import Violation, insist
from tests.support.tick_stories import INTERVAL, ArrayFeed, Killed

HOUR = 3_600_000
MINUTE = 60_000
SKEWS = (
    -24 * HOUR,
    -9 * HOUR,
    -600_000,
    -61_000,
    -3_000,
    3_000,
    61_000,
    600_000,
    9 * HOUR,
    24 * HOUR,
)
WAYS = (("barrier", "margin"), ("barrier", "spot"), ("target", "margin"), ("target", "spot"))
"""Policy and account of a story."""
PROTECT = frozenset({Purpose.STOP, Purpose.TARGET})


class ClockRule(StrEnum):
    """What must hold, causes first."""

    NOTHING = "a tick whose clock is wrong protects and sends no other order"
    FUTURE = "no time is stored that lies in the future"
    AT_ONCE = "the next tick under a right clock does its whole work"
    COVERED = "whatever that tick leaves held has a stop of at least its size"
    DUE = (
        "what ends afterwards was due: its time was over, less was wanted, or the path reached its"
        " stop or target"
    )
    TOLD = "no more is told than that the clock was wrong"


class Wrong:
    """A clock that is off."""

    def __init__(self, true: FixedClock, skew_ms: int) -> None:
        self.true, self.skew_ms = true, skew_ms

    def now_ms(self) -> int:
        return self.true.now_ms() + self.skew_ms

    def sleep_until(self, at_ms: int) -> None:
        self.true.sleep_until(at_ms - self.skew_ms)


class Seen(ArrayFeed):
    """The exchange under its own, true clock; its answers tell how far ours is off."""

    def __init__(self, minutes: Any, true: FixedClock, skew_ms: int) -> None:
        super().__init__(minutes)
        self.true, self.skew_ms = true, skew_ms

    def clock_skew_ms(self, *, deadline: float) -> float | None:
        return float(self.skew_ms)

    def fetch(self, now_ms: int, **more: Any) -> Any:
        return replace(super().fetch(self.true.now_ms(), **more), clock_skew_ms=float(self.skew_ms))


class ClockStory(FenceStory):
    """Ticks whose machine's clock is wrong for a while."""

    def tick_with(
        self,
        number: int,
        skew_ms: int,
        heard: Callable[[Point], None] | None = None,
        *,
        late_ms: int = 0,
        **parts: Any,
    ) -> TickReport:
        """A tick by a scheduler on the same machine; `parts` replaces ports."""
        self.clock.sleep_until(T0 + number * INTERVAL + late_ms)
        clock = Wrong(self.clock, skew_ms)
        ports = replace(
            self.ports(heard),
            **{"clock": clock, "feed": Seen(self.minutes, self.clock, skew_ms), **parts},
        )
        request = TickRequest.by_schedule(clock.now_ms() - late_ms, received_at=clock.now_ms())
        return run_tick(ports, self.settings, request)

    def future(self) -> Iterator[str]:
        """Every stored time that lies beyond the allowed skew, but for what is planned: a time
        exit, an order's end.
        """
        latest = self.clock.now_ms() + 2_000
        for path, text in self.stored().items():
            for name, value in _numbers(json.loads(text), path):
                if name.endswith(("exit_by", "cooldown_until")):
                    continue
                planned_ms = INTERVAL if name.endswith("expires_at") else 0  # of claims and orders
                if 10**12 < value < 10**14 and value > latest + planned_ms:
                    yield f"{name} is {(value - latest) / 1000:.0f} s ahead"

    def told(self) -> Counter[str]:
        """How many alerts of each kind were composed so far."""
        return Counter(
            item.data["alert"]["kind"] for item in self.documents.query("alerts", limit=1000)
        )

    # killed under a wrong clock

    def killed(
        self, dice: random.Random, *, most: int, skews: Sequence[int] = SKEWS
    ) -> Counter[str]:
        """Kill a tick under every wrong clock, at `most` of its calls, with and without a position;
        what was exercised.

        Raises `InvariantBroken` with all that was broken, causes first.
        """
        counts: Counter[str] = Counter()
        self.broken: list[Violation] = []
        with pytest.MonkeyPatch.context() as patch:
            self.begin()
            patch.setattr(pipeline, "last_signal", self.script)
            before: dict[bool, list[tuple[int, Any, TickReport]]] = {True: [], False: []}
            for number in range(FIRST, LAST - 5):
                report = self.tick_with(number, 0)
                before[bool(report.positions)].append((number + 1, self._kept(), report))
            for skew_ms in skews:
                for held in (True, False):
                    if not before[held]:
                        continue
                    number, kept, report = dice.choice(before[held])
                    for point in self._points(number, kept, skew_ms, dice, most):
                        self._again(kept)
                        counts["stops taken away"] += self._strip()
                        self._killed_at(number, skew_ms, point, dice, report, counts)
        insist(
            f"{counts['kills']} kills",
            sorted(self.broken, key=lambda broken: list(ClockRule).index(broken.rule)),
        )
        return counts

    def _note(self, where: str, found: Iterable[Violation]) -> None:
        self.broken += [Violation(rule, f"{text} ({where})") for rule, text in found]

    def _kept(self) -> tuple[dict[str, Any], int]:
        return dict(self.documents._stored), self.clock.now_ms()

    def _again(self, kept: tuple[dict[str, Any], int]) -> None:
        self.documents, self.clock = MemoryDocuments(), FixedClock(kept[1])
        self.documents._stored.update(kept[0])

    def _strip(self) -> bool:
        """Take every stop away, as a hand may: a tick under a wrong clock has something to protect
        then.
        """
        stored = self.documents.get(f"paper/{self.settings.id}")
        if stored is None or not decode_account(stored.data).positions:
            return False
        kept = [order for order in stored.data["orders"] if order["intent"]["purpose"] != "stop"]
        self.documents.replace(stored, {**stored.data, "orders": kept})
        return True

    def _points(
        self, number: int, kept: Any, skew_ms: int, dice: random.Random, most: int
    ) -> Sequence[Point]:
        """The calls of that tick at which it may die."""
        self._again(kept)
        self._strip()
        calls: list[Point] = []
        self.tick_with(number, skew_ms, calls.append)
        if most >= len(calls):
            return calls
        kinds: dict[
            tuple[str, str, str], list[Point]
        ] = {}  # most calls read, and are much the same
        for call in calls:
            kinds.setdefault((call.part, call.method, call.when), []).append(call)
        return [
            dice.choice(kinds[kind]) for kind in dice.sample(sorted(kinds), min(most, len(kinds)))
        ]

    def _killed_at(
        self,
        number: int,
        skew_ms: int,
        point: Point,
        dice: random.Random,
        last: TickReport,
        counts: Counter[str],
    ) -> None:
        def dies(here: Point) -> None:
            if here == point:
                raise Killed

        where = (
            f"seed {self.seed} {self.policy} {self.account}: tick {number}, {skew_ms / 1000} s off,"
            f" killed {point}"
        )
        known, told = set(self.intents()), self.told()
        with suppress(Killed):
            self.tick_with(number, skew_ms, dies)
            self._note(where, [Violation(ClockRule.NOTHING, "it was not killed")])
        counts["kills"] += 1
        counts[f"killed {point.when} {point.part}.{point.method}"] += 1
        counts[f"killed with{'' if last.positions else 'out'} a position"] += 1
        new = [
            msgspec.convert(data["intent"], OrderIntent)
            for path, data in self.intents().items()
            if path not in known
        ]
        counts["stops sent under a wrong clock"] += sum(
            intent.purpose is Purpose.STOP for intent in new
        )
        wrong = [
            intent
            for intent in new
            if intent.purpose not in PROTECT and not self._lost(intent, last, counts)
        ]
        self._note(where, [Violation(ClockRule.NOTHING, f"it wrote {intent}") for intent in wrong])
        self._note(where, [Violation(ClockRule.FUTURE, found) for found in self.future()])
        for index in range(number + 1, number + 4):
            report = self.tick_with(index, 0, late_ms=dice.choice([0, 2_000, 15_000]))
            counts["right ticks after a kill"] += 1
            self._note(where, [*self._right(report), *self._due(last, report, counts)])
            last = report
        more = self.told() - told
        wrong = {
            kind: count
            for kind, count in more.items()
            if kind in {"time_impossible", "late", "failure"} or count > 3
        }
        self._note(
            where, [Violation(ClockRule.TOLD, str(wrong))] if wrong or more["clock"] > 1 else []
        )
        counts["clock alerts"] += more["clock"]

    def _right(self, report: TickReport) -> Iterator[Violation]:
        if report.status != "done":
            yield Violation(
                ClockRule.AT_ONCE,
                f"{report.tick} was {report.status}: {report.reason} {report.detail}",
            )
        for held in report.positions:
            stops = [
                o
                for o in report.resting
                if o.intent.purpose is Purpose.STOP and o.intent.side is held.side
            ]
            if sum(order.remaining_lots for order in stops) < held.lots:
                yield Violation(ClockRule.COVERED, f"{held.lots} lots of {report.tick}")
        for found in self.future():
            yield Violation(ClockRule.FUTURE, found)

    def _lost(self, intent: OrderIntent, before: TickReport, counts: Counter[str]) -> bool:
        """Whether the path has reached the stop that was taken away: then no other can be placed,
        and the position ends.
        """
        if intent.reason is not Reason.EXIT_UNPROTECTED:
            return False
        low, high = self._range_since(before)
        stops = [order.intent for order in before.resting if order.intent.purpose is Purpose.STOP]
        counts["closed where the path had passed the stop"] += 1
        return any(
            low <= (o.trigger_price or 0) if o.side is Side.LONG else high >= (o.trigger_price or 0)
            for o in stops
        )

    def _range_since(self, before: TickReport) -> tuple[int, int]:
        first = int(
            np.searchsorted(
                self.minutes.opened_at, before.finished_at - before.finished_at % MINUTE
            )
        )
        last = int(np.searchsorted(self.minutes.opened_at, self.clock.now_ms()))
        return int(self.minutes.low[first:last].min()), int(self.minutes.high[first:last].max())

    def _may_close(self, intent: OrderIntent, before: TickReport, report: TickReport) -> bool:
        """Whether its time is over, its target was reached, or less is wanted than is held."""
        plan, decision = before.plan, report.decision
        if intent.reason is Reason.EXIT_EXPOSURE:
            return decision is not None and decision.goal is not None
        if intent.reason is Reason.EXIT_OPPOSITE:
            return report.signal is not None and report.signal.side not in {None, intent.side}
        if plan is None:
            return False
        low, high = self._range_since(before)
        reached = high >= plan.target_price if plan.side is Side.LONG else low <= plan.target_price
        return plan.exit_by <= self.clock.now_ms() if intent.reason is Reason.EXIT_TIME else reached

    def _due(
        self, before: TickReport, report: TickReport, counts: Counter[str]
    ) -> Iterator[Violation]:
        """What ended since `before`, and why it may."""
        for record in report.orders:
            if record.intent.purpose is not Purpose.CLOSE or record.what != "place":
                continue
            counts[f"closes: {record.intent.reason}"] += 1
            if not self._may_close(record.intent, before, report) and not self._lost(
                record.intent, before, counts
            ):
                yield Violation(
                    ClockRule.DUE,
                    f"{record.intent.id} closes for {record.intent.reason}, plan {before.plan}",
                )
        for fill in report.fills:
            if fill.purpose is not Purpose.STOP:
                continue
            counts["stops filled"] += 1
            row = int(np.searchsorted(self.minutes.opened_at, fill.at - fill.at % MINUTE))
            long = any(held.side is Side.LONG for held in before.positions)
            least = self.minutes.low[row] if long else self.minutes.high[row]
            if (least - fill.price) * (1 if long else -1) > 0.001 * fill.price:
                yield Violation(ClockRule.DUE, f"a stop at {fill.price}, the path reached {least}")


def _numbers(data: Any, name: str) -> Iterator[tuple[str, float]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _numbers(value, f"{name}.{key}")
    elif isinstance(data, list):
        for value in data:
            yield from _numbers(value, name)
    elif isinstance(data, int | float) and not isinstance(data, bool):
        yield name, data
