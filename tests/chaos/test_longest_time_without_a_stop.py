"""How long a position can be without its stop while ticks come on time, by what
happened to them.
"""

import random
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from shared.core.reasons import Reason
from shared.core.types import AccountKind, Holdings, OrderIntent, PolicyName, Purpose, Rejected
from shared.exchanges.paper.exchange import decode_account
from shared.orders.plan import uncovered_positions
from shared.tick.cycle import run_tick
from shared.tick.request import TickRequest
from shared.turn import pipeline
from tests.support.account_stories import T0
from tests.support.fence_stories import FIRST, LAST, FenceStory, Point
from tests.support.tick_stories import INTERVAL, Killed

MOST_MS = INTERVAL + 20_000
TAKEN_UP_MS = (0, 2_000, 15_000)
"""How late ticks that come on time are taken up: an instance starts, a queue is long."""


class Refusing:
    """An exchange that refuses the stops of one tick."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def submit(self, intent: OrderIntent, **more: Any) -> Any:
        if intent.purpose is Purpose.STOP:
            return Rejected(reason=Reason.REJECTED_BY_EXCHANGE, context={"code": "70009"})
        return self._inner.submit(intent, **more)


class BareStory(FenceStory):
    """A story in which a hand takes the stop of a position away just before something happens to a
    tick.
    """

    def holdings(self) -> Holdings:
        """What the account says."""
        return self.ports().exchange.holdings(self.clock.now_ms())

    def strip(self) -> bool:
        """Take every stop away; whether there was a position to bare."""
        stored = self.documents.get(f"paper/{self.settings.id}")
        if stored is None or not decode_account(stored.data).positions:
            return False
        kept = [order for order in stored.data["orders"] if order["intent"]["purpose"] != "stop"]
        self.documents.replace(stored, {**stored.data, "orders": kept})
        return bool(uncovered_positions(self.holdings(), now_ms=self.clock.now_ms()))

    def bare_for(
        self, number: int, cause: str, point: Point | None, dice: random.Random
    ) -> tuple[str, int] | None:
        """The cause and how long the position was bare, in ms; None where nothing was held then or
        the point never came.
        """
        asleep, happened = True, False

        def heard(here: Point) -> None:
            nonlocal asleep, happened
            if not asleep or here != point:
                return
            asleep, happened = False, True
            if cause == "death":
                raise Killed
            self.clock.sleep_until(T0 + number * INTERVAL + INTERVAL - 1)
            self.tick(number + 1, late_ms=dice.choice(TAKEN_UP_MS))

        self.begin()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pipeline, "last_signal", self.script)
            for index in range(FIRST, number):
                self.tick(index, late_ms=dice.choice(TAKEN_UP_MS))
            self.clock.sleep_until(T0 + number * INTERVAL)
            if not self.strip():
                return None
            since, late_ms = self.clock.now_ms(), dice.choice(TAKEN_UP_MS)
            ports = self.ports(heard if point is not None else None)
            if cause == "refused stop":
                ports = replace(ports, exchange=Refusing(ports.exchange))
                happened = True
            with suppress(Killed):
                self.tick(number, ports, late_ms=late_ms)
            for index in range(number + 1, LAST):
                if not uncovered_positions(self.holdings(), now_ms=self.clock.now_ms()):
                    break
                self.tick(index, late_ms=dice.choice(TAKEN_UP_MS))
        if not happened and point is not None:
            return None
        where = cause if point is None else f"{cause} {point.when} {point.part}.{point.method}"
        return where, self.clock.now_ms() - since


def longest(seeds: range, most: int) -> tuple[dict[str, int], Counter[str]]:
    """The longest time by cause, and how often each was tried."""
    found: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for seed in seeds:
        for policy, account in (
            ("barrier", "margin"),
            ("barrier", "spot"),
            ("target", "margin"),
            ("target", "spot"),
        ):
            story, dice = (
                BareStory(seed, policy=policy, account=account),
                random.Random(f"{seed} {policy} {account}"),
            )
            story.begin()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(pipeline, "last_signal", story.script)
                held = [
                    index + 1 for index in range(FIRST, LAST - 5) if story.tick(index).positions
                ]
            for number in dice.sample(held, min(most, len(held))):
                calls: list[Point] = []
                with pytest.MonkeyPatch.context() as patch:
                    story.begin()
                    patch.setattr(pipeline, "last_signal", story.script)
                    for index in range(FIRST, number):
                        story.tick(index)
                    story.clock.sleep_until(T0 + number * INTERVAL)
                    story.strip()
                    story.tick(number, story.ports(calls.append))
                causes: list[tuple[str, Point | None]] = [("death", point) for point in calls]
                causes += [("pause", point) for point in dice.sample(calls, min(8, len(calls)))]
                causes += [("late by up to 15 s", None), ("refused stop", None)]
                for cause, point in causes:
                    told = story.bare_for(number, cause, point, dice)
                    if told is not None:
                        counts[told[0].split(" ")[0]] += 1
                        found[told[0]] = max(found.get(told[0], 0), told[1])
    return found, counts


def test_no_position_is_bare_for_longer_than_one_interval_while_ticks_come_on_time(full) -> None:
    found, counts = longest(range(6) if full else range(1), most=6 if full else 1)
    for cause, bare_ms in sorted(found.items(), key=lambda item: -item[1]):
        print(f"{bare_ms / 1000:>6.0f} s  {cause}")
    print(dict(counts))
    assert max(found.values()) <= MOST_MS, found
    assert counts["death"] >= 60, counts
    assert counts["pause"] >= 15, counts
    assert counts["refused"] >= 2, counts
    assert len([cause for cause in found if cause.startswith("death")]) >= 10, found


def test_a_tick_that_was_taken_up_late_and_killed_does_not_hold_up_the_next() -> None:
    story = FenceStory(1, policy=PolicyName.BARRIER, account=AccountKind.MARGIN)
    story.begin()

    def dies(here: Point) -> None:
        if (here.part, here.method, here.when) == ("exchange", "reconcile", "after"):
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "last_signal", story.script)
        with pytest.raises(Killed):
            story.tick(FIRST, story.ports(dies), late_ms=15_000)
        assert story.tick(FIRST + 1).status == "done"


@pytest.mark.parametrize(
    ("late_ms", "works"),
    [(0, True), (100_000, True), (156_000, True), (157_000, False), (175_000, False)],
)
def test_a_tick_that_comes_too_late_for_its_work_only_protects(late_ms, works) -> None:
    story = FenceStory(1, policy=PolicyName.BARRIER, account=AccountKind.MARGIN)
    story.begin()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "last_signal", story.script)
        report = story.tick(FIRST, late_ms=late_ms)
        assert (report.status, report.decision is not None) == (
            ("done", True) if works else ("late", False)
        )
        assert story.tick(FIRST + 1).status == "done", "it held nobody up"


def test_a_tick_by_hand_holds_the_account_by_its_own_time() -> None:
    story = FenceStory(1, policy=PolicyName.BARRIER, account=AccountKind.MARGIN)
    story.begin()

    def dies(here: Point) -> None:
        if (here.part, here.method, here.when) == ("exchange", "reconcile", "after"):
            raise Killed

    at = T0 + FIRST * INTERVAL + 7_000
    story.clock.sleep_until(at)
    with pytest.raises(Killed):
        run_tick(story.ports(dies), story.settings, TickRequest.by_hand(at))
    assert story.documents.get("bots/default").data["lease"]["expires_at"] == at + 170_000
