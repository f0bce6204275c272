"""What a person settles and adopts by name: an order that stays open, a position that lies at the
exchange, one that is gone; each once, with its size, and never what the exchange does not show.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from functions import wiring
from scripts.cli import main
from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.types import OrderIntent, OrderKind, Purpose, Side, Signal
from shared.exchanges.sandbox.private.settings import FAKE_KEY, FAKE_SECRET
from tests.functional.test_tick_trouble import changed
from tests.support.account_stories import T0, market
from tests.support.live_world import CAPITAL, LiveWorld, live_world
from tests.support.tick_stories import INTERVAL, Script

Say = Callable[..., str]
LOTS, SIZE = 100, "0.0100"


class Silent(Script):
    """Every candle has a signal, and no side."""

    def __call__(self, *args: Any, **more: Any) -> Signal | None:
        signal = super().__call__(*args, **more)
        return None if signal is None else copy_with(signal, side=None)


@dataclass
class Scene:
    """A live bot on disk, and the owner's hand at the same account."""

    live: LiveWorld
    number: int = 0

    def ticks(self, count: int = 1) -> Any:
        for _ in range(count):
            self.number += 1
            report = self.live.tick(T0 + self.number * INTERVAL)
        return report

    def by_hand(
        self, side: Side, lots: int, *, opens: bool = True, price: int | None = None
    ) -> int:
        """What the owner does, at market or at a price; the order's number."""
        intent = OrderIntent(
            id="hand",
            purpose=Purpose.ENTRY if opens else Purpose.CLOSE,
            side=side,
            kind=OrderKind.MARKET if price is None else OrderKind.LIMIT,
            lots=lots,
            price=price,
        )
        exchange, now_ms = self.live.exchange(), self.live.clock.now_ms()
        exchange.reconcile(now_ms)
        outcome: Any = exchange.submit(intent, book=None, now_ms=now_ms)
        return int(outcome.order.order_id)

    @property
    def price(self) -> int:
        return int(self.live.feed.fetch(self.live.clock.now_ms()).book.mid)

    @property
    def book(self) -> Any:
        return self.live.documents.get("bots/default").data["state"]["ledger"]

    def opens_an_intent(self, order: OrderIntent, **more: Any) -> None:
        """As a tick leaves it that died with its order's answer."""
        now_ms = self.live.clock.now_ms()
        lease = self.live.bot.take_lease(now_ms=now_ms, lease_ms=1_000)
        said = {"intent": msgspec.to_builtins(order), "plan": None, "at": now_ms, **more}
        self.live.bot.write_intent(order.id, {"until": now_ms + 1_000, **said}, lease=lease)
        self.live.bot.release(lease)


@pytest.fixture(params=["margin", "spot"])
def scene(request, tmp_path) -> Iterator[Scene]:
    minutes = market(random.Random(7), 400, day_off=0.0)
    documents = wiring.documents_at(f"sqlite://{tmp_path}/state", "a test")
    with live_world(
        minutes, account=request.param, script=Silent(3), documents=documents, btc_lots=0
    ) as made:
        found = Scene(made)
        found.ticks(3)
        yield found
    documents.close()


@pytest.fixture
def say(scene, tmp_path, monkeypatch, capsys) -> Say:
    url = f"http://127.0.0.1:{scene.live.port}"
    account = str(scene.live.settings.account)
    environ = {
        "BOT_HOME": str(tmp_path),
        "BOT_STATE": f"sqlite://{tmp_path}/state",
        "BOT_PROFILE": "loose",
        "BOT_MODE": "live",
        "BOT_STAGE": "live",
        "BOT_ACCOUNT": account,
        "BOT_SIDES": "both" if account == "margin" else "long",
        "BOT_CAPITAL_JPY": str(CAPITAL),
        "BOT_CLOCK": url,
        "BOT_EXCHANGE__PUBLIC_URL": url,
        "BOT_EXCHANGE__PRIVATE_URL": url,
        "BITBANK_API_KEY": FAKE_KEY,
        "BITBANK_API_SECRET": FAKE_SECRET,
    }

    def run(*words: str, expects: int | None = 0) -> str:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        code = main([*words])
        printed = capsys.readouterr()
        assert expects in {None, code}, printed
        return printed.out + printed.err

    return run


def adopt(
    say: Say,
    scene: Scene,
    *,
    side: str = "long",
    size: str = SIZE,
    expects: int = 0,
    price: int | None = None,
    more: tuple[str, ...] = (),
) -> str:
    """Some time after the last tick: what that one saw is no delay of the exchange's."""
    named = str(scene.price if price is None else price)
    scene.live.source.advance_to(scene.live.clock.now_ms() + 20_000)
    return say(
        "adopt",
        "--side",
        side,
        "--size",
        size,
        "--price",
        named,
        *more,
        "--why",
        "a test",
        expects=expects,
    )


def test_a_position_of_the_owners_is_adopted_once_and_protected_by_the_next_tick(
    scene, say
) -> None:
    scene.by_hand(Side.LONG, LOTS)
    report = scene.ticks(2)
    assert not report.positions
    assert not [one for one in report.orders if one.what == "place"]
    price = scene.price
    assert "takes over long 0.0100 BTC" in adopt(say, scene, price=price)
    assert "no tick has yet" in adopt(say, scene, expects=2)
    report = scene.ticks()
    assert [(one.side, one.lots, int(one.average_price)) for one in report.positions] == [
        (Side.LONG, LOTS, price)
    ]
    assert [(one.lots, one.purpose) for one in report.fills] == [(LOTS, Purpose.ENTRY)]
    stops = [one for one in report.resting if one.intent.purpose is Purpose.STOP]
    assert sum(one.remaining_lots for one in stops) == LOTS
    cash = scene.book["cash_jpy"]
    later = scene.ticks(3)
    assert [one.lots for one in later.positions] == [LOTS]
    assert not later.fills
    assert scene.book["cash_jpy"] == cash
    assert not [one for one in later.issues if one.reason is Reason.POSITION_UNEXPLAINED]
    audits = [one.data["what"] for one in scene.live.documents.query("audit")]
    assert [what["adopt"]["lots"] for what in audits if "adopt" in what] == [LOTS]


def test_a_tick_that_dies_before_it_saves_adopts_nothing_and_the_next_one_does_it_once(
    scene, say
) -> None:
    scene.by_hand(Side.LONG, LOTS)
    scene.ticks(2)
    adopt(say, scene)
    documents, deaths = scene.live.documents, 0

    class DiesAtTheSave:
        def __getattr__(self, name: str) -> Any:
            return getattr(documents, name)

        def commit(self, writes: Any) -> Any:
            if any(one.path.startswith("bots/") and one.kind == "replace" for one in writes):
                raise SystemExit
            return documents.commit(writes)

    scene.number += 1
    at = T0 + scene.number * INTERVAL
    try:
        scene.live.tick(at, ports=scene.live.ports(documents=DiesAtTheSave()))
    except SystemExit:
        deaths += 1
    assert deaths == 1
    report = scene.ticks(2)
    assert [one.lots for one in report.positions] == [LOTS]
    stops = [one for one in report.resting if one.intent.purpose is Purpose.STOP]
    assert sum(one.remaining_lots for one in stops) == LOTS
    assert len(stops) == 1
    assert scene.book["next_fill_sequence"] == 2


def test_what_the_exchange_does_not_show_exactly_is_not_adopted(scene, say) -> None:
    is_spot = scene.live.settings.account == "spot"
    refused = [adopt(say, scene, expects=2)]
    scene.by_hand(Side.LONG, LOTS)
    if not is_spot:
        refused.append(adopt(say, scene, expects=2))
        assert "did not see it yet" in refused[-1]
    scene.ticks(2)
    sizes = ["0.0101", "0.00995", "-0.01", "0", "x", "NaN", "Infinity"]
    refused += [adopt(say, scene, size=size, expects=2) for size in sizes]
    refused.append(adopt(say, scene, side="short", expects=2))
    refused.append(adopt(say, scene, more=("--forget",), expects=2))
    scene.opens_an_intent(
        OrderIntent(
            id="lost",
            purpose=Purpose.STOP,
            side=Side.LONG,
            kind=OrderKind.STOP,
            lots=1,
            trigger_price=1_000_000,
        )
    )
    refused.append(adopt(say, scene, expects=2))
    assert "settle lost" in refused[-1]
    assert "BOT_MODE is paper" in _on_paper(say, scene)
    assert len(refused) >= 11
    audits = [one.data["what"] for one in scene.live.documents.query("audit")]
    assert not any("adopt" in what for what in audits)


def test_nothing_is_adopted_while_an_order_s_own_fill_is_not_told(scene, say) -> None:
    scene.ticks(3)  # until a signal says where a stop belongs
    touch = scene.live.feed.fetch(scene.live.clock.now_ms()).book.ask
    order = copy_with(entry_of(scene), kind=OrderKind.LIMIT, price=touch)
    number = scene.by_hand(Side.LONG, LOTS, price=touch)
    scene.live.fault("trades-late", times=100, seconds=3_600)
    scene.opens_an_intent(order)
    say("settle", order.id, "--found", str(number), "--why", "x")
    assert scene.ticks().positions, "what it executed is protected"
    scene.by_hand(Side.LONG, 50)
    scene.ticks(2)
    told = adopt(say, scene, size="0.0050", expects=2)
    assert f"order {number} executed 0.0100 BTC that its book does not tell yet" in told
    scene.live.sandbox.faults.clear()
    scene.ticks(2)
    assert "takes over long 0.0050 BTC" in adopt(say, scene, size="0.0050")


def _on_paper(say: Say, scene: Scene) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "scripts.operation.bot.wiring.settings_from",
            lambda environ: copy_with(
                scene.live.settings, mode="paper", state=environ["BOT_STATE"]
            ),
        )
        return adopt(say, scene, expects=2)


def test_a_position_that_is_gone_is_forgotten_at_the_price_that_was_named(scene, say) -> None:
    scene.by_hand(Side.LONG, LOTS)
    scene.ticks(2)
    entry = scene.price
    adopt(say, scene, price=entry)
    scene.ticks()
    stored = scene.live.documents.get("bots/default").data["state"]
    twice = {
        **stored["ledger"],
        "positions": [
            {**one, "entries": [*one["entries"], *one["entries"]]}
            for one in stored["ledger"]["positions"]
        ],
    }
    changed(scene.live.ports(), "bots/default", state={**stored, "ledger": twice})
    report = scene.ticks(2)
    assert any(one.context.get("there_lots") == str(LOTS) for one in report.issues)
    told = adopt(say, scene, price=entry + 1_000, more=("--forget",))
    assert "forgets long 0.0100 BTC" in told
    report = scene.ticks()
    assert [one.lots for one in report.positions] == [LOTS]
    assert [(one.lots, one.exit_price, one.reason) for one in report.trades] == [
        (LOTS, entry + 1_000, Reason.EXIT_MANUAL)
    ]
    report = scene.ticks(2)
    assert not any("there_lots" in one.context for one in report.issues)
    assert not report.trades


def entry_of(scene: Scene) -> OrderIntent:
    return OrderIntent(
        id="t9.entry.1",
        purpose=Purpose.ENTRY,
        side=Side.LONG,
        kind=OrderKind.MARKET,
        lots=LOTS,
        stop_price=scene.price - 100_000,
    )


def test_an_order_that_was_found_is_followed_booked_and_protected_by_the_next_tick(
    scene, say
) -> None:
    number = scene.by_hand(Side.LONG, LOTS)
    scene.live.source.advance_to(scene.live.clock.now_ms() + 60_000)
    order = entry_of(scene)
    scene.opens_an_intent(order)
    report = scene.ticks(4)
    assert not report.positions, "nobody knows whose it is"
    assert f"scripts/bot settle {order.id} --found ORDER_ID" in say("status", expects=None)
    assert f"scripts/bot settle {order.id}" in say("doctor", expects=None)
    assert "no order 999" in say("settle", order.id, "--found", "999", "--why", "x", expects=2)
    told = json.loads(say("settle", order.id, "--found", str(number), "--why", "x", "--json"))
    assert told["order_id"] == number
    report = scene.ticks()
    assert [one.lots for one in report.positions] == [LOTS]
    assert (
        sum(one.remaining_lots for one in report.resting if one.intent.purpose is Purpose.STOP)
        == LOTS
    )
    assert not scene.live.bot.open_intents()
    assert "is open" in say("settle", order.id, "--absent", "--why", "x", expects=2)


def test_an_order_of_another_form_is_not_taken_for_the_one_that_was_meant(scene, say) -> None:
    number = scene.by_hand(Side.LONG, LOTS + 1)
    scene.live.source.advance_to(scene.live.clock.now_ms() + 60_000)
    scene.opens_an_intent(entry_of(scene))
    told = say("settle", "t9.entry.1", "--found", str(number), "--why", "x", expects=2)
    assert "differs in amount" in told
    assert scene.live.bot.open_intents()


def test_an_order_that_never_came_blocks_until_it_is_settled_as_absent(scene, say) -> None:
    scene.opens_an_intent(entry_of(scene))
    scene.ticks(6)
    assert len(scene.live.bot.open_intents()) == 1
    assert "give --found" in say("settle", "t9.entry.1", "--why", "x", expects=2)
    lease = scene.live.bot.take_lease(now_ms=scene.live.clock.now_ms(), lease_ms=60_000)
    told = say("settle", "t9.entry.1", "--absent", "--why", "x", expects=2)
    assert "a tick works on the account" in told
    scene.live.bot.release(lease)
    say("settle", "t9.entry.1", "--absent", "--why", "x")
    assert not scene.live.bot.open_intents()
    audits = [one.data["what"] for one in scene.live.documents.query("audit")]
    assert [what["settle"] for what in audits if "settle" in what] == ["t9.entry.1"]
    scene.ticks(2)
    assert not scene.live.bot.open_intents()
