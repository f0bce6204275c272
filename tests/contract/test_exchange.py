"""What every exchange must do that `functions/wiring.py` names: the account on paper, and the real
one, by HTTP on the sandbox.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest

from functions.wiring import EXCHANGES, exchange_for
from shared.core.errors import LeaseLost
from shared.core.settings import load_settings
from shared.core.types import Accepted, Counted, Purpose, Rejected, Side, TrackedOrder
from shared.orders.ports import Fence
from shared.stores.memory import MemoryDocuments
from shared.tick.documents import BotDocuments
from tests.support.fixed_clock import FixedClock
from tests.support.live_world import LiveWorld, live_world
from tests.support.paper_world import MINUTE, T0, World

PRICE, LEASE_MS = 1_000_000, 170_000


class Scene:
    """An account in the hands of one tick, on a price that stands still and then falls by a tenth.

    `open()` gives another view of the same account.
    """

    def __init__(self, mode: str) -> None:
        self.world = World()
        self.settings = replace(load_settings({}), mode=mode)
        self.documents = MemoryDocuments()
        self.bot = BotDocuments(self.documents, self.settings.id)
        self.lease = self.bot.take_lease(now_ms=T0, lease_ms=LEASE_MS)
        self.fence = self.fence_of(self.lease)
        rows = [(PRICE,) * 4] * 10 + [(PRICE, PRICE, PRICE * 0.9, PRICE * 0.9)] * 10
        self.candles = self.world.minutes(rows)

    def fence_of(self, lease) -> Fence:
        return Fence(number=lease.fence, until=lease.expires_at, held=lease.document)

    def minutes(self, start: int, end: int):
        opened = self.candles.opened_at
        return self.candles.rows(int((opened < start).sum()), int((opened < end).sum()))

    def open(self):
        feed = SimpleNamespace(minutes=self.minutes)
        return exchange_for(self.settings, self.documents, feed, environ={}, clock=FixedClock(T0))

    def entry(self, price: int = PRICE - 50_000, **more):
        told = {
            "post_only": True,
            "stop_price": PRICE // 2,
            "target_price": PRICE * 2,
            "expires_at": T0 + 60 * MINUTE,
        }
        return self.world.entry(price, **{**told, **more})

    def submit(self, intent, *, at: int = T0, fence: Fence | None = None):
        return self.open().submit(
            intent,
            book=self.world.book(PRICE),
            rules=self.world.rules,
            now_ms=at,
            fence=fence or self.fence,
        )

    def reconcile(self, at: int, *, counted: Counted | None = None):
        return self.open().reconcile(at, counted=counted, fence=self.fence)


class LiveScene(Scene):
    """The same in the hands of a tick at a real exchange; the ledger is that of the last save."""

    def __init__(self, world: LiveWorld) -> None:
        super().__init__("paper")
        self.live, self.ledger = world, None
        self.settings = world.settings

    def open(self):
        return self.live.exchange()

    def submit(self, intent, *, at: int = T0, fence: Fence | None = None):
        self.live.source.advance_to(at + 1)
        done = super().submit(intent, at=max(at, self.live.source.now_ms()), fence=fence)
        if isinstance(done, Accepted):
            ours = TrackedOrder(order=done.order)
            self.ledger = replace(self.ledger, tracked=(*self.ledger.tracked, ours))
        return done

    def reconcile(self, at: int, *, counted: Counted | None = None):
        self.live.source.advance_to(at)
        held = self.open().reconcile(at, counted=counted, ledger=self.ledger, fence=self.fence)
        if self.ledger is None or counted is not None:
            self.ledger = held.ledger  # what was counted was saved with it
        return held


@contextmanager
def live_scene() -> Iterator[LiveScene]:
    rows = Scene("paper").candles
    with live_world(rows, overrides={"capital_jpy": 1_000_000}) as world:
        scene = LiveScene(world)
        scene.reconcile(T0 + 1)
        yield scene


@pytest.fixture
def scene() -> Scene:
    return Scene("paper")


@pytest.fixture(params=sorted(EXCHANGES))
def any_scene(request) -> Iterator[Scene]:
    if request.param == "paper":
        yield Scene("paper")
        return
    with live_scene() as made:
        yield made


def test_it_begins_with_the_capital_and_holds_nothing(any_scene):
    held = any_scene.reconcile(T0)
    assert held.equity_jpy == any_scene.settings.capital_jpy
    assert (held.positions, held.orders, held.fills, held.trades) == ((), (), (), ())


def test_what_it_accepted_is_held_by_it_whoever_looks(any_scene):
    done = any_scene.submit(any_scene.entry())
    assert isinstance(done, Accepted)
    assert done.order.intent == any_scene.entry()
    assert done.order.remaining_lots == done.order.intent.lots
    assert any_scene.reconcile(T0 + 2).orders == (done.order,)
    assert any_scene.reconcile(T0 + 3).orders == (done.order,)


def test_an_intent_that_is_sent_again_is_placed_once_and_answered_alike(scene):
    first, second = scene.submit(scene.entry()), scene.submit(scene.entry())
    assert first == second
    assert len(scene.reconcile(T0).orders) == 1


def test_a_canceled_order_is_gone_and_whoever_cancels_it_again_hears_how_it_ended(any_scene):
    order = any_scene.submit(any_scene.entry()).order
    done = any_scene.open().cancel(order, now_ms=T0 + 1, fence=any_scene.fence)
    assert isinstance(done, Accepted)
    later = T0 + 2 * MINUTE
    assert any_scene.reconcile(later).orders == ()
    again = any_scene.open().cancel(order, now_ms=later, fence=any_scene.fence)
    assert isinstance(again, Accepted)
    assert again.order.remaining_lots == order.remaining_lots
    assert any_scene.reconcile(T0 + 15 * MINUTE).positions == ()
    nobodys = any_scene.open().cancel(
        replace(order, order_id=999), now_ms=later, fence=any_scene.fence
    )
    assert isinstance(nobodys, Rejected)


def test_an_order_that_makes_no_sense_is_rejected_with_a_reason_and_changes_nothing(any_scene):
    crossing = any_scene.submit(any_scene.entry(PRICE + 50_000))
    assert isinstance(crossing, Rejected)
    assert crossing.reason
    assert any_scene.reconcile(T0 + 2).orders == ()


def test_nothing_is_placed_or_canceled_once_another_tick_has_the_account(scene):
    order = scene.submit(scene.entry()).order
    after = T0 + LEASE_MS + 1
    scene.bot.take_lease(now_ms=after, lease_ms=LEASE_MS)
    stale = replace(scene.fence, until=after + LEASE_MS)
    with pytest.raises(LeaseLost):
        scene.submit(scene.entry(id="t.entry.2"), at=after, fence=stale)
    with pytest.raises(LeaseLost):
        scene.open().cancel(order, now_ms=after, fence=stale)
    assert scene.open().holdings(after).orders == (order,)


def test_nothing_is_placed_after_the_lease_has_ended(any_scene):
    with pytest.raises(LeaseLost):
        any_scene.submit(any_scene.entry(), at=any_scene.fence.until + 1)


def test_what_was_filled_is_held_and_told_until_it_is_counted(any_scene):
    any_scene.submit(any_scene.entry())
    before = any_scene.reconcile(T0 + 5 * MINUTE)
    assert (before.positions, before.fills) == ((), ())
    after = any_scene.reconcile(T0 + 15 * MINUTE)
    (position,) = after.positions
    assert position.side is Side.LONG
    assert position.lots == sum(fill.lots for fill in after.fills) > 0
    assert {fill.purpose for fill in after.fills} == {Purpose.ENTRY}
    assert [fill.sequence for fill in after.fills] == list(range(1, len(after.fills) + 1))
    again = any_scene.reconcile(T0 + 15 * MINUTE)
    assert again.fills[-1:] == after.fills[-1:]
    counted = Counted(trades=0, fills=after.fills[-1].sequence)
    later = any_scene.reconcile(T0 + 16 * MINUTE, counted=counted)
    assert later.positions == after.positions


def test_looking_twice_or_in_pieces_is_the_same_as_looking_once(scene):
    scene.submit(scene.entry())
    apart = Scene("paper")
    apart.submit(apart.entry())
    for minute in range(15):
        apart.reconcile(T0 + minute * MINUTE)
    once, twice = scene.reconcile(T0 + 15 * MINUTE), scene.reconcile(T0 + 15 * MINUTE)
    assert once == twice == apart.reconcile(T0 + 15 * MINUTE)
