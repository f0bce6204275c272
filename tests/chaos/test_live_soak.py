"""A live bot for a long time: an exchange that lies, processes that die and pause, an owner who
moves money, closes by hand and changes the stage.

Trouble comes in bursts; after each of them a few ticks have peace, and then everything must be as
if there had been none: what is held has its stop, the book says what the exchange says, no order of
the bot's is left over.
"""

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from http.client import HTTPException
from typing import Any

import pytest

from shared.core.frozen import copy_with
from shared.core.types import Side
from shared.exchanges.sandbox.faults import Faults
from shared.stores.memory import MemoryDocuments
from shared.tick.live.documents import LiveDocuments
from tests.support import crash_matrix as matrix
from tests.support.account_stories import T0, market
from tests.support.live_world import LiveWorld, live_world
from tests.support.signed_client import SignedClient
from tests.support.tick_stories import INTERVAL, Killed, Script, Target

PEACE = 4
STORY_TICKS, TICKS_OF_A_SAMPLE = 480, 240
PARTS, STORIES_OF_A_PART = 16, 5
LIES = {
    "lag": {"seconds": 5},
    "stops-missing": {},
    "rows-missing": {},
    "row-twice": {},
    "trades-late": {},
    "trade-ids-mixed": {},
    "positions-empty": {},
    "empty-rows-missing": {},
    "margin-nulls": {},
    "null-field": {},
    "unknown-field": {},
    "cancel-unseen": {},
    "stop-dies": {},
    "part-then-canceled": {},
    "post-only-canceled": {},
    "order-rejected": {},
    "http-500": {},
    "http-502": {},
    "http-503-json": {},
    "maintenance": {},
    "rate-limit": {},
    "html": {},
    "empty": {},
    "truncated": {},
    "list": {},
    "null": {},
    "reset": {},
}
PERHAPS = (10001, 10005, 70011, 99_999)
"""What bitbank may say though it has placed the order."""
CODES = (*PERHAPS, 50062, 60011, 60018, 70004, 70009, 70020)


@dataclass
class Soak:
    """One bot's story."""

    world: LiveWorld
    dice: random.Random
    client: SignedClient
    now: int = 6
    moved_jpy: Decimal = Decimal(0)
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def run(self, ticks: int) -> None:
        while self.now < ticks:
            for _ in range(self.dice.randint(1, 3)):
                self.trouble()
            self.world.sandbox.faults.clear()
            for _ in range(PEACE):
                self.tick()
            self.look()

    def tick(self, ports: Any = None) -> None:
        at, self.now = T0 + self.now * INTERVAL, self.now + 1
        self.counts["ticks"] += 1
        try:
            report = self.world.tick(at, ports=ports)
            self.counts[f"status {report.status}"] += 1
            for fill in report.fills:
                self.counts[f"{fill.purpose} fills"] += 1
            for trade in report.trades:
                self.counts[f"closed by {trade.reason}"] += 1
        except Killed:
            self.counts["killed"] += 1
        except Exception as error:  # noqa: BLE001 (nothing was saved, and it says so)
            self.counts[f"raised {type(error).__name__}"] += 1

    def trouble(self) -> None:
        self.dice.choice(
            [self.lie, self.lie, self.strike, self.strike, self.refuse, self.owner, self.absence]
        )()

    def lie(self) -> None:
        name = self.dice.choice(list(LIES))
        self.counts["lies"] += 1
        self.world.fault(
            name, times=self.dice.choice([1, 1, 2, 5]), skip=self.dice.randint(0, 8), **LIES[name]
        )
        self.tick()

    def refuse(self) -> None:
        self.counts["refusals"] += 1
        endpoint = self.dice.choice(["order", "order", "cancel_order", "trade_history"])
        code = self.dice.choice(CODES)
        self.world.fault(
            "code",
            code=code,
            endpoint=endpoint,
            before=code not in PERHAPS or self.dice.random() < 0.5,
            times=self.dice.choice([1, 2]),
        )
        self.tick()

    def strike(self) -> None:
        blow = self.dice.choice([*matrix.ALWAYS, matrix.Blow.LOST, matrix.Blow.REFUSED])
        self.counts[blow.value] += 1

        def meanwhile() -> None:
            self.tick()

        struck = matrix.Struck(
            self.world, at=self.dice.randint(0, 60), blow=blow, meanwhile=meanwhile
        )
        at = self.now
        self.tick(struck.ports)
        self.now = max(self.now, at + 1)

    def absence(self) -> None:
        self.counts["absences"] += 1
        self.now += self.dice.randint(1, 20)

    def owner(self) -> None:
        deeds: list[Callable[[], None]] = [
            self.move_money,
            self.close_by_hand,
            self.close_by_hand,
            self.change_stage,
            self.rest_far_away,
        ]
        self.dice.choice(deeds)()
        self.tick()

    def move_money(self) -> None:
        private = self.world.sandbox.private
        amount = Decimal(self.dice.randint(-20_000, 50_000))
        with private.lock:
            standing = private.standing
            spot = copy_with(standing.spot, cash_jpy=standing.spot.cash_jpy + amount)
            private.standing = copy_with(standing, spot=spot)
        self.moved_jpy += amount
        self.counts["deposits and withdrawals"] += 1

    def close_by_hand(self) -> None:
        """A part of what is held; the bot's own orders, which hold it, the owner cancels first."""
        truth, is_spot = self.world.truth(), self.world.settings.account.has_locks
        for side in Side:
            held = matrix._held_lots(self.world, truth, side)
            if held < 2:
                continue
            for row in truth["orders"]:
                if row.get("price") != matrix.STRANGER_PRICE:
                    wish = {"pair": "btc_jpy", "order_id": row["order_id"]}
                    self.counts["cancelled by hand"] += self.is_taken("cancel_order", wish)
            close = {
                "pair": "btc_jpy",
                "side": "sell" if side is Side.LONG else "buy",
                "type": "market",
                "amount": f"{Decimal(self.dice.randint(1, held)) / 10_000:f}",
                **({} if is_spot else {"position_side": side.value}),
            }
            self.counts["closes by hand"] += self.is_taken("order", close)

    def change_stage(self) -> None:
        stage = self.dice.choice(["stage-10", "stage-50", "live"])
        self.world.settings = replace(self.world.settings, stage=stage)
        book = self.world.bot.peek()
        opened_at = 0 if book is None else book.data["state"]["ledger"]["opened_at"]
        record = self.world.record(self.world.settings, book_opened_at=opened_at)
        LiveDocuments(self.world.documents, self.world.settings.id).write_start(
            record, self.world.settings
        )
        self.counts[f"to {stage}"] += 1

    def rest_far_away(self) -> None:
        more = {} if self.world.settings.account.has_locks else {"position_side": "long"}
        wish = {
            "pair": "btc_jpy",
            "side": "buy",
            "type": "limit",
            "amount": "0.0001",
            "price": matrix.STRANGER_PRICE,
            **more,
        }
        self.counts["strangers"] += self.is_taken("order", wish)

    def is_taken(self, endpoint: str, wish: dict[str, Any]) -> bool:
        """Send what the owner wants, who also meets what the exchange does to everybody."""
        payload = json.dumps(wish).encode()
        headers = self.client.headers(payload, **{"Content-Type": "application/json"})
        try:
            told = self.client.send("POST", f"/v1/user/spot/{endpoint}", payload, headers).json
        except (OSError, HTTPException, ValueError):
            self.counts["answers the owner did not get"] += 1
            return False
        return isinstance(told, dict) and told.get("success") == 1

    def look(self) -> None:
        """After some peace."""
        truth, world = self.world.truth(), self.world
        found = []
        strangers = [row for row in truth["orders"] if row.get("price") == matrix.STRANGER_PRICE]
        touched = matrix.cancels_asked_for(world) & {row["order_id"] for row in strangers}
        if touched:
            found.append(f"strangers' orders were to be cancelled: {touched}")
        if len(truth["positions"]) > 1:
            found.append("two positions")
        for side in Side:
            held, stops = matrix._held_lots(world, truth, side), matrix._stop_lots(truth, side)
            if stops != held:
                found.append(f"{held} {side} held, stops for {stops}")
            self.counts["positions looked at"] += held > 0
        sent = Counter(name for name, is_opening in world.sent if is_opening)
        if sent and max(sent.values()) > 1:
            found.append(f"sent twice: {sent.most_common(1)}")
        state = world.bot.peek()
        book = (state.data["state"] or {}).get("ledger") if state is not None else None
        if book is None:
            found.append("there is no ledger")
        else:
            made = Decimal(book["cash_jpy"]) - Decimal(book["capital_jpy"])
            there = Decimal(truth["yen"]) - world.sandbox.private.settings.yen - self.moved_jpy
            if made != there:
                found.append(f"the book made {made}, the exchange {there}")
            for side in Side:
                booked = sum(
                    entry["lots"]
                    for held in book["positions"]
                    if held["side"] == side
                    for entry in held["entries"]
                )
                if booked != matrix._held_lots(world, truth, side):
                    found.append(f"{booked} {side} booked")
        self.counts["looks"] += 1
        if found:
            self.broken.append(f"before tick {self.now}: {'; '.join(found)}")


def soak(seed: int, *, ticks: int) -> Soak:
    dice = random.Random(f"soak {seed}")
    account = dice.choice(["margin", "margin", "spot"])
    policy = dice.choice(["barrier", "barrier", "target"])
    risk: dict[str, Any] = {"max_hold_candles": dice.choice([2, 8]), "max_losses": 100}
    if policy == "target":
        risk |= {"policy": "target", "exposure": {"stop_rate": 0.002, "passive_seconds": 400.0}}
    with live_world(
        market(dice, 3 * (STORY_TICKS + 200), day_off=0.0),
        account=account,
        script=Script(seed) if policy == "barrier" else Target(seed),
        fresh_documents=MemoryDocuments,
        faults=Faults(seed=seed),
        overrides={
            "capital_jpy": 60_000,
            "risk": risk,
            "exchange": {"retry_base_seconds": 0.0},
        },
    ) as world:
        story = Soak(world=world, dice=dice, client=SignedClient(world.port, world.source.now_ms))
        story.run(ticks)
        story.counts[f"{account} {policy}"] += 1
        return story


@pytest.mark.slow
@pytest.mark.parametrize(
    "part", [0, *(pytest.param(one, marks=pytest.mark.full) for one in range(1, PARTS))]
)
def test_a_bot_that_lives_through_everything_holds_what_it_says(
    part: int, request: pytest.FixtureRequest
) -> None:
    is_full = request.config.getoption("--full")
    first = part * STORIES_OF_A_PART
    counts: Counter[str] = Counter()
    broken = []
    for seed in range(first, first + (STORIES_OF_A_PART if is_full else 1)):
        story = soak(seed, ticks=STORY_TICKS if is_full else TICKS_OF_A_SAMPLE)
        counts += story.counts
        broken += [f"story {seed}: {one}" for one in story.broken[:2]]
    print(f"\n{dict(sorted(counts.items()))}")
    assert not broken, "\n".join(broken[:20])
    assert counts["positions looked at"] >= 5
    assert counts["ticks"] >= (STORIES_OF_A_PART * 250 if is_full else 120)
    assert counts["closes by hand"] >= (2 if is_full else 0)
