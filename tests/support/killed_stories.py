"""What must hold of a live bot whose process was killed, asked of the exchange itself and of the
store, and the story of such a bot: a kill, a fresh process, two ticks that nothing disturbs.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec

from shared.core.money import lots_from_btc
from shared.core.types import OrderIntent, Side
from tests.support import crash_matrix as matrix
from tests.support.live_process import INTERVAL, NOW, LiveProcess, Place
from tests.support.signed_client import SignedClient

GRACE_SECONDS = 10.0
"""What Cloud Run leaves a process between SIGTERM and SIGKILL."""
FURTHEST = {
    "begin": 5,
    "claim": 1,
    "load": 2,
    "reconcile": 13,
    "protect": 12,
    "fetch": 16,
    "signal": 1,
    "decide": 1,
    "order": 12,
    "attend": 90,
    "cover": 14,
    "save": 3,
    "tell": 8,
}
"""About how many requests of a step there are, clock and all."""


@dataclass
class KilledStory:
    """One bot that is killed again and again."""

    bot: LiveProcess
    dice: random.Random
    client: SignedClient
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    number: int = 0
    strangers: set[int] = field(default_factory=set)
    ended_after: list[float] = field(default_factory=list)

    @property
    def at(self) -> int:
        return NOW + self.number * INTERVAL

    def begin(self) -> None:
        """A process, and an order of the owner's own, far away."""
        self.bot.start()
        self.number = (self.bot.source.now_ms() - NOW) // INTERVAL
        more = {} if self.bot.settings.account.has_locks else {"position_side": "long"}
        price = matrix.STRANGER_PRICE
        placed = self.client.order("buy", "limit", "0.0001", price=price, **more)
        self.strangers.add(placed["order_id"])

    def tick(self) -> dict[str, Any]:
        """A tick that nothing disturbs, and what must hold after each."""
        told = self.bot.post(self.at)
        assert told is not None, self.bot.home.joinpath("log").read_text()[-2000:]
        self.number += 1
        self.counts["ticks"] += 1
        self.counts[f"ticks {told['status']}"] += 1
        self.counts["fills"] += len(told["fills"])
        self.counts["trades"] += len(told["trades"])
        if told["status"] in matrix.ENDED:
            self.broken += self._bare(told)
        return told

    def kill_at(self, place: Place) -> bool:
        """A tick that is killed at a place, and its recovery; whether the tick came there."""
        died = self._struck(place)
        self.counts["kills" if died else "not reached"] += 1
        if died:
            self.counts[f"killed in {place.step}"] += 1
            self.counts[f"killed, {place.loses} lost"] += 1
            if self.dice.random() < 0.25:
                again = Place(
                    step=self.dice.choice(["reconcile", "protect", "protect"]),
                    number=self.dice.randint(1, 8),
                    loses=self.dice.choice(["request", "answer"]),
                )
                if self._struck(again):
                    self.counts["killed again at once"] += 1
                    self.counts[f"killed in {again.step}"] += 1
                    self.counts["kills"] += 1
        self.recover(str(place))
        return died

    def recover(self, what: str) -> None:
        known = len(self.broken)
        for _ in range(2):
            self.tick()
        self.broken += self.look()
        self.broken[known:] = [f"{what}: {one}" for one in self.broken[known:]]

    def _struck(self, place: Place) -> bool:
        sandbox, answers = self.bot.sandbox, list[Any]()
        sandbox.stand_still_at(place)
        asking = threading.Thread(target=lambda: answers.append(self.bot.post(self.at)))
        asking.start()
        while asking.is_alive() and not sandbox.stands.is_set():
            time.sleep(0.002)
        self.number += 1
        died = sandbox.stands.is_set()
        if died:
            self._note_what_was_cut(place)
            self.bot.kill()
        sandbox.go_on()
        asking.join()
        if died:
            assert answers == [None]
            self.bot.start()
        return died

    def terminate_in_attend(self, number: int) -> bool:
        """SIGTERM while an entry rests, the kill `GRACE_SECONDS` later by the clock that is faster;
        whether one rested.
        """
        sandbox, answers = self.bot.sandbox, list[Any]()
        sandbox.stand_still_at(Place(step="attend", number=number, loses="nothing"))
        asking = threading.Thread(target=lambda: answers.append(self.bot.post(self.at)))
        asking.start()
        while asking.is_alive() and not sandbox.stands.is_set():
            time.sleep(0.002)
        rests = sandbox.stands.is_set() and bool(self._resting_entries(self.bot.truth()))
        self.number += 1
        if rests:
            self.bot.terminate()
            time.sleep(0.2)
        since, began, passed = self.bot.source.now_ms(), time.monotonic(), 0.0
        sandbox.go_on()
        if rests:
            while asking.is_alive():
                real = time.monotonic() - began
                passed = (self.bot.source.now_ms() - since) / 1000 + real
                if passed >= GRACE_SECONDS:
                    self.counts["killed before it had ended"] += 1
                    break
                time.sleep(0.01)
            self.counts["SIGTERM while an entry rested"] += 1
            left = self._resting_entries(self.bot.truth())
            self.counts["entries left to the next tick"] += bool(left)
            self.counts["bare at the kill"] += any(True for _ in self._bare({"tick": "killed"}))
            self.bot.kill()
        asking.join()
        if rests:
            self.counts["ended in time"] += answers != [None]
            self.ended_after.append(round(passed, 1))
            self.bot.start()
        return rests

    def next_candle(self) -> None:
        """The ticks between are missed."""
        self.number += -self.number % 5

    def take_the_stop_away(self) -> None:
        """By the owner's hand."""
        truth = self.bot.truth()
        for row in truth["orders"]:
            if row["order_id"] in truth["live"] and row["type"] == "stop":
                self.client.post(
                    "/user/spot/cancel_order", {"pair": "btc_jpy", "order_id": row["order_id"]}
                )
                self.counts["stops taken away"] += 1

    def _note_what_was_cut(self, place: Place) -> None:
        truth = self.bot.truth()
        held = sum(matrix._held_lots(self.bot, truth, side) for side in Side)  # type: ignore[arg-type]
        bare = any(True for _ in self._bare({"tick": "killed"}))
        self.counts["killed while an entry rested"] += bool(self._resting_entries(truth))
        self.counts["killed while something was held"] += held > 0
        self.counts["killed while it was bare"] += bare

    # what must hold

    def _bare(self, told: dict[str, Any]) -> Iterator[str]:
        truth = self.bot.truth()
        for side in Side:
            held, stops = self._held(truth, side), matrix._stop_lots(truth, side)
            self.counts["positions looked at"] += held > 0
            if stops < held:
                yield f"{told['tick']}: {held} {side} held, stops for {stops}"

    def _held(self, truth: dict[str, Any], side: Side) -> int:
        return matrix._held_lots(self.bot, truth, side)  # type: ignore[arg-type]

    def _resting_entries(self, truth: dict[str, Any]) -> list[int]:
        return [
            row["order_id"] for row in self._entries(truth) if row["order_id"] in set(truth["live"])
        ]

    def _entries(self, truth: dict[str, Any]) -> list[dict[str, Any]]:
        rows: Sequence[dict[str, Any]] = truth["orders"]
        return [
            row for row in rows if matrix._is_opening(row) and row["order_id"] not in self.strangers
        ]

    def look(self) -> Iterator[str]:
        """After two ticks in peace."""
        truth, case = self.bot.truth(), SimpleNamespace(counts=Counter[str]())
        self.counts["looks"] += 1
        self.counts["looks at an owner's order"] += bool(self.strangers & set(truth["live"]))
        if matrix.cancels_asked_for(self.bot) & self.strangers:  # type: ignore[arg-type]
            yield "the owner's order was to be cancelled"
        if len(truth["positions"]) > 1:
            yield "two positions"
        for side in Side:
            held, stops = self._held(truth, side), matrix._stop_lots(truth, side)
            self.counts["held in peace"] += held > 0
            if held != stops:
                yield f"{held} {side} held, stops for {stops}"
        rest = self._resting_entries(truth)
        if rest:
            yield f"entries rest: {rest}"
        yield from self._sent_twice(truth)
        world: Any = SimpleNamespace(
            bot=self.bot.bot,
            sandbox=self.bot.sandbox,
            settings=self.bot.settings,
            documents=self.bot.documents,
            owners_lots=self.bot.owners_lots,
            told=(),
            truth=lambda: truth,
        )
        yield from matrix._money(world, case)  # type: ignore[arg-type]

    def _sent_twice(self, truth: dict[str, Any]) -> Iterator[str]:
        """Every entry at the exchange has an intent of its own: of its form, and of its time."""
        stored = self.bot.documents.query("intents", limit=10_000)
        free = [
            (msgspec.convert(one.data["intent"], OrderIntent), one.data["at"], one.data["until"])
            for one in stored
        ]
        free = sorted((one for one in free if one[0].is_opening), key=lambda one: one[1])
        entries = sorted(self._entries(truth), key=lambda row: row["ordered_at"])
        for row in entries:
            fitting = (one for one in free if _is_of(row, *one))
            mine = next(fitting, None)
            if mine is None:
                yield f"order {row['order_id']} has no intent of its own"
            else:
                free.remove(mine)
        self.counts["entries"] = len(entries)
        self.counts["entries filled in part"] = sum(_is_in_part(row) for row in entries)
        self.counts["entries filled whole"] = sum(
            row["status"] == "FULLY_FILLED" for row in entries
        )
        self.counts["stops placed"] = sum(row["type"] == "stop" for row in truth["orders"])


def _is_of(row: dict[str, Any], intent: OrderIntent, at: int, until: int) -> bool:
    side = "buy" if intent.side is Side.LONG else "sell"
    return (
        row["side"] == side
        and Decimal(row["price"]) == intent.price
        and lots_from_btc(Decimal(row["start_amount"])) == intent.lots
        and at <= row["ordered_at"] <= until
    )


def _is_in_part(row: dict[str, Any]) -> bool:
    executed = Decimal(row["executed_amount"])
    return 0 < executed < Decimal(row["start_amount"])


__all__ = ["FURTHEST", "GRACE_SECONDS", "KilledStory"]
