"""Ticks in trouble: what is held stays protected, nothing is entered twice, nothing is told twice
or never.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shared.core.errors import StoreBroken, Unavailable
from shared.core.reasons import Reason
from shared.core.types import (
    Action,
    Candles,
    OrderIntent,
    OrderKind,
    Purpose,
    Rejected,
    TickReport,
    TickStatus,
    Unknown,
)
from shared.tick.cycle import Ports, run_tick
from shared.tick.documents import BotDocuments
from shared.tick.request import TickRequest
from tests.support import world as worlds
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, World, market, world

NOW = START + HISTORY_DAYS * DAY


@pytest.fixture
def scene(tmp_path) -> Iterator[World]:
    with world(tmp_path / "home") as made:
        yield made.with_model()


class Changed:
    """Passes everything on, but for the methods that a test gives."""

    def __init__(self, inner: Any, **methods: Any) -> None:
        self._inner, self._methods = inner, methods

    def __getattr__(self, name: str) -> Any:
        return self._methods.get(name) or getattr(self._inner, name)


def raising(error: Exception) -> Any:
    def broken(*args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        raise error

    return broken


def entered(scene: World) -> tuple[Ports, TickReport]:
    """Ports, and the report of the tick that sees the first position, at NOW + INTERVAL."""
    ports = scene.ports()
    scene.tick(NOW, ports)
    report = scene.tick(NOW + INTERVAL, ports)
    assert report.positions, "the seeded market fills the first entry"
    return ports, report


def changed(ports: Ports, path: str, **data: Any) -> None:
    stored = ports.documents.get(path)
    ports.documents.replace(stored, {**stored.data, **data})


def without_stops(ports: Ports) -> None:
    account = ports.documents.get("paper/default").data
    changed(
        ports,
        "paper/default",
        orders=[order for order in account["orders"] if order["intent"]["purpose"] != "stop"],
    )


def without_plan(ports: Ports, **more: Any) -> None:
    changed(
        ports,
        "bots/default",
        state={**ports.documents.get("bots/default").data["state"], "plan": None, **more},
    )


def stop_lots(ports: Ports) -> tuple[int, int]:
    account = ports.documents.get("paper/default").data
    held = sum(entry["lots"] for position in account["positions"] for entry in position["entries"])
    stops = [order for order in account["orders"] if order["intent"]["purpose"] == "stop"]
    return held, sum(
        order["remaining_lots"] for order in stops if order["intent"]["expires_at"] is None
    )


def fell(at: int, minutes_long: int, to_share: float) -> Candles:
    """The market with a fall, and back, of `minutes_long` minutes from `at`."""
    whole = market()
    hit = (whole.opened_at >= at) & (whole.opened_at < at + minutes_long * 60_000)
    return replace(
        whole,
        low=np.where(hit, np.floor(whole.low * to_share), whole.low),
        volume=np.where(hit, 100.0, whole.volume),
    )


def entries(report: TickReport) -> list[OrderIntent]:
    return [
        order.intent for order in report.orders if order.intent.is_opening and order.what == "place"
    ]


def test_a_position_that_protection_closes_is_told_once_and_counted_at_once(scene) -> None:
    ports, _ = entered(scene)
    without_stops(ports)
    without_plan(ports, signal=None)
    closing = scene.tick(NOW + 2 * INTERVAL, ports)
    assert [trade.reason for trade in closing.trades] == [Reason.EXIT_UNPROTECTED]
    state = ports.documents.get("bots/default").data["state"]
    assert state["limits"]["last_trade_sequence"] == 1
    assert (state["holds"], state["plan"]) == (False, None)
    assert scene.tick(NOW + 3 * INTERVAL, ports).trades == ()


def test_without_the_path_what_is_held_is_protected_and_nothing_is_decided_or_forgotten(
    scene,
) -> None:
    ports, before = entered(scene)
    without_stops(ports)
    without_plan(ports)
    intent = ports.documents.query("intents")[0]
    changed(ports, intent.path, open_for="default")
    blind = replace(
        ports, exchange=Changed(ports.exchange, reconcile=raising(Unavailable("no candles")))
    )
    report = scene.tick(NOW + 2 * INTERVAL, blind)
    assert (report.status, report.decision) == (TickStatus.DEGRADED, None)
    held, covered = stop_lots(ports)
    assert held == covered > 0
    stops = [order.intent for order in report.orders if order.intent.purpose is Purpose.STOP]
    assert [stop.trigger_price for stop in stops] == [before.plan.stop_price], (
        "the plan was taken from the open intent"
    )
    after = scene.tick(NOW + 3 * INTERVAL, ports)
    assert after.status is TickStatus.DONE
    assert after.plan == before.plan


def test_a_candle_whose_entry_was_filled_and_stopped_while_no_tick_lived_is_not_entered_again(
    tmp_path,
) -> None:
    with world(tmp_path / "home", minutes=fell(NOW + 60_000, 1, 0.9)) as scene:
        ports = scene.with_model().ports()
        died = scene.tick(NOW, ports)
        assert len(entries(died)) == 1
        forget(ports, died)
        report = scene.tick(NOW + INTERVAL, ports)
        assert [trade.reason for trade in report.trades] == [Reason.EXIT_STOP]
        assert report.decision is not None
        assert report.decision.as_of == died.decision.as_of, (
            "still the same candle, and it is still valid"
        )
        assert entries(report) == []


def test_a_tick_that_died_after_its_entry_used_up_an_attempt(tmp_path) -> None:
    whole = market()
    later = (whole.opened_at >= NOW) & (whole.opened_at < NOW + DAY)
    unfilled = replace(whole, volume=np.where(later, 0.0, whole.volume))
    with world(tmp_path / "home", minutes=unfilled) as scene:
        ports = scene.with_model().ports()
        died = scene.tick(NOW, ports)
        sent = len(entries(died))
        assert sent == 1
        forget(ports, died)
        blind = replace(ports, feed=Changed(ports.feed, fetch=raising(Unavailable("no market"))))
        for index in range(1, 4):
            report = scene.tick(NOW + index * INTERVAL, blind if index == 1 else ports)
            assert not report.positions
            sent += len(entries(report))
        assert sent == scene.settings.execution.entry_attempts


def test_a_tick_that_died_after_the_second_entry_of_a_candle_used_up_the_last_attempt(
    tmp_path,
) -> None:
    whole = market()
    later = (whole.opened_at >= NOW) & (whole.opened_at < NOW + DAY)
    with world(
        tmp_path / "home", minutes=replace(whole, volume=np.where(later, 0.0, whole.volume))
    ) as scene:
        ports = scene.with_model().ports()
        assert len(entries(scene.tick(NOW, ports))) == 1
        before = ports.documents.get("bots/default").data["state"]
        died = scene.tick(NOW + INTERVAL, ports)
        assert len(entries(died)) == 1
        forget(ports, died)
        changed(ports, "bots/default", state=before)
        assert [entries(scene.tick(NOW + index * INTERVAL, ports)) for index in (2, 3)] == [[], []]


def test_the_plan_of_the_newest_unsaved_entry_counts_more_than_the_saved_one(scene) -> None:
    ports, before = entered(scene)
    older = {
        **ports.documents.get("bots/default").data["state"]["plan"],
        "stop_price": 1,
        "exit_by": NOW,
    }
    state = {**ports.documents.get("bots/default").data["state"], "plan": older}
    changed(ports, "bots/default", state=state)
    changed(ports, ports.documents.query("intents")[0].path, open_for="default")
    assert scene.tick(NOW + 2 * INTERVAL, ports).plan == before.plan


def forget(ports: Ports, report: TickReport) -> None:
    """As if the tick had been killed just before its save: no state, no report, its
    intents open.
    """
    changed(ports, "bots/default", state=None)
    changed(ports, f"ticks/default~{report.tick}", report=None)
    for intent in ports.documents.query("intents"):
        if f"~{report.tick}." in intent.path:
            changed(ports, intent.path, open_for="default")


@pytest.mark.parametrize("damage", [{"resumed_at": "yesterday"}, {"resumed_at": None}])
def test_a_control_document_that_makes_no_sense_stops_entries_but_never_protection(
    scene, damage
) -> None:
    ports, _ = entered(scene)
    without_stops(ports)
    changed(
        ports,
        "bots/default",
        state={**ports.documents.get("bots/default").data["state"], "halted_at": NOW},
    )
    ports.documents.create(
        "control/current", {**damage, "who": "somebody", "why": "by hand", "at": NOW}
    )
    report = scene.tick(NOW + 2 * INTERVAL, ports)
    assert report.status is TickStatus.DEGRADED
    held, covered = stop_lots(ports)
    assert held == covered > 0
    assert ports.documents.get("bots/default").data["lease"]["expires_at"] == 0


def test_a_control_document_that_makes_no_sense_hides_no_plan_of_an_entry_that_no_tick_saved(
    scene,
) -> None:
    ports, before = entered(scene)
    without_stops(ports)
    state = ports.documents.get("bots/default").data["state"]
    changed(ports, "bots/default", state={**state, "plan": None})
    intent = ports.documents.query("intents")[0]
    own = before.plan.stop_price - 7  # not what the last range would give
    changed(ports, intent.path, open_for="default", plan={**intent.data["plan"], "stop_price": own})
    ports.documents.create(
        "control/current",
        {"resumed_at": "yesterday", "who": "somebody", "why": "by hand", "at": NOW},
    )
    report = scene.tick(NOW + 2 * INTERVAL, ports)
    stops = [
        record.intent.trigger_price
        for record in report.orders
        if record.intent.purpose is Purpose.STOP
    ]
    assert stops == [own]


def test_a_surprise_while_loading_gives_lease_and_claim_back(scene) -> None:
    ports, _ = entered(scene)
    at = NOW + 2 * INTERVAL
    real = ports.documents.query

    def query(collection: str, **more: Any) -> Any:
        if collection == "intents":
            raise RuntimeError("a surprise")
        return real(collection, **more)

    with pytest.raises(RuntimeError, match="a surprise"):
        scene.tick(at, replace(ports, documents=Changed(ports.documents, query=query)))
    assert ports.documents.get("bots/default").data["lease"]["expires_at"] == 0
    assert (
        BotDocuments(ports.documents, "default")
        .claim(worlds.name(at), now_ms=at, lease_ms=1)
        .document
        is not None
    )


def test_a_claim_whose_lease_could_not_be_asked_for_is_given_back(scene) -> None:
    ports = scene.ports()
    scene.tick(NOW, ports)
    at = NOW + INTERVAL
    locked = Changed(ports.documents, replace=raising(StoreBroken("the database is locked")))
    locked._methods["replace"] = once_raising(
        ports.documents.replace, StoreBroken("the database is locked")
    )
    with pytest.raises(StoreBroken):
        scene.tick(at, replace(ports, documents=locked))
    assert scene.tick(at, ports).status is TickStatus.DONE


def once_raising(then: Any, error: Exception) -> Any:
    calls = iter([error])

    def first_broken(*args: Any, **kwargs: Any) -> Any:
        for found in calls:
            raise found
        return then(*args, **kwargs)

    return first_broken


def test_who_fails_late_takes_neither_the_claim_nor_the_report_of_who_took_over(scene) -> None:
    bot = BotDocuments(scene.ports().documents, "default")
    slow = bot.claim("t", now_ms=NOW, lease_ms=1_000).document
    taken = bot.claim("t", now_ms=NOW + 2_000, lease_ms=1_000).document
    bot.give_up_claim(slow)
    assert bot.documents.get("ticks/default~t") == taken
    lease = bot.take_lease(now_ms=NOW, lease_ms=1_000)
    bot.save(lease, state={}, claim=taken, report={"x": 1})
    bot.give_up_claim(taken)
    assert bot.claim("t", now_ms=NOW + 2_000, lease_ms=1_000).report == {"x": 1}
    given_up = bot.claim("u", now_ms=NOW, lease_ms=1_000_000).document
    bot.give_up_claim(given_up)
    assert bot.claim("u", now_ms=NOW, lease_ms=1_000).document is not None


@pytest.mark.parametrize("account", ["margin", "spot"])
def test_a_model_that_cannot_be_read_does_not_keep_a_position_beyond_its_time(
    tmp_path, account
) -> None:
    extra = {"BOT_ACCOUNT": account}
    with world(tmp_path / "home", extra=extra) as scene:
        ports, _ = entered(scene.with_model())
        state = ports.documents.get("bots/default").data["state"]
        changed(
            ports,
            "bots/default",
            state={**state, "plan": {**state["plan"], "exit_by": NOW + 2 * INTERVAL}},
        )
        silent = raising(Unavailable("the bucket did not answer"))
        broken = Changed(ports.champions, load_champion=silent)
        report = scene.tick(NOW + 5 * INTERVAL, replace(ports, champions=broken))
        assert report.status is TickStatus.DEGRADED
        assert "the bucket did not answer" in report.detail
        assert [trade.reason for trade in report.trades] == [Reason.EXIT_TIME]
        again = scene.tick(NOW + 6 * INTERVAL, ports)
        assert again.signal.as_of == NOW + 5 * INTERVAL, (
            "the candle was not used up by the tick that could not read it"
        )


@pytest.mark.parametrize("account", ["margin", "spot"])
@pytest.mark.parametrize("halt", [{"enabled": False}, {"status": "HALT"}])
def test_while_the_exchange_takes_no_orders_a_time_exit_leaves_the_stop_alone(
    tmp_path, account, halt
) -> None:
    with world(tmp_path / "home", extra={"BOT_ACCOUNT": account}) as scene:
        ports, _ = entered(scene.with_model())
        state = ports.documents.get("bots/default").data["state"]
        changed(
            ports,
            "bots/default",
            state={**state, "plan": {**state["plan"], "exit_by": NOW + 2 * INTERVAL}},
        )
        real = ports.feed.fetch

        def fetch(*args: Any, **kwargs: Any) -> Any:
            found = real(*args, **kwargs)
            return replace(found, rules=replace(found.rules, **halt))

        halted = replace(ports, feed=Changed(ports.feed, fetch=fetch))
        for index in (2, 3):
            report = scene.tick(NOW + index * INTERVAL, halted)
            assert report.decision.action is Action.EXIT
            held, covered = stop_lots(ports)
            assert held == covered > 0
        assert scene.tick(NOW + 4 * INTERVAL, ports).trades[0].reason is Reason.EXIT_TIME


@pytest.mark.parametrize("account", ["margin", "spot"])
def test_a_refused_close_is_followed_by_its_stop_in_the_same_tick(tmp_path, account) -> None:
    with world(tmp_path / "home", extra={"BOT_ACCOUNT": account}) as scene:
        ports, _ = entered(scene.with_model())
        state = ports.documents.get("bots/default").data["state"]
        changed(
            ports,
            "bots/default",
            state={**state, "plan": {**state["plan"], "exit_by": NOW + 2 * INTERVAL}},
        )
        real = ports.exchange.submit

        def submit(intent: OrderIntent, **more: Any) -> Any:
            refused = intent.kind is OrderKind.MARKET
            return Rejected(reason=Reason.REJECTED_BY_EXCHANGE) if refused else real(intent, **more)

        report = scene.tick(
            NOW + 2 * INTERVAL, replace(ports, exchange=Changed(ports.exchange, submit=submit))
        )
        assert Counter(
            order.outcome for order in report.orders if order.intent.purpose is Purpose.CLOSE
        ) == {"rejected": 1}
        held, covered = stop_lots(ports)
        assert held == covered > 0
        assert report.status is TickStatus.DONE


def test_on_spot_a_resting_sale_makes_room_for_the_stop(tmp_path) -> None:
    with world(tmp_path / "home", extra={"BOT_ACCOUNT": "spot"}) as scene:
        ports, _ = entered(scene.with_model())
        account = ports.documents.get("paper/default").data
        (stop,) = (order for order in account["orders"] if order["intent"]["purpose"] == "stop")
        far = account["last_price"] * 2
        sale = {
            **stop["intent"],
            "id": "sale",
            "purpose": "close",
            "kind": "limit",
            "price": far,
            "trigger_price": None,
        }
        changed(ports, "paper/default", orders=[{**stop, "intent": sale}])
        report = scene.tick(NOW + 2 * INTERVAL, ports)
        assert {order.outcome for order in report.orders} == {"accepted"}
        held, covered = stop_lots(ports)
        assert held == covered > 0


def test_one_alert_that_is_composed_twice_does_not_keep_a_tick_from_being_saved(scene) -> None:
    ports, _ = entered(scene)
    without_stops(ports)
    real = ports.exchange.cancel
    calls: list[str] = []

    def cancel(order: Any, **more: Any) -> Any:
        calls.append(order.intent.id)
        real(order, **more)
        return Unknown(context={"why": "time-out"})

    state = ports.documents.get("bots/default").data["state"]
    changed(ports, "bots/default", state={**state, "plan": {**state["plan"], "stop_price": 10**9}})
    blind = replace(
        ports,
        exchange=Changed(
            ports.exchange, cancel=cancel, submit=refusing_closes(ports.exchange.submit)
        ),
    )
    report = scene.tick(NOW + 2 * INTERVAL, blind)
    assert report.status is TickStatus.DONE
    assert scene.tick(NOW + 3 * INTERVAL, ports).status is TickStatus.DONE
    assert calls


def refusing_closes(real: Any) -> Any:
    def submit(intent: OrderIntent, **more: Any) -> Any:
        refused = intent.purpose is Purpose.CLOSE
        return Rejected(reason=Reason.REJECTED_BY_EXCHANGE) if refused else real(intent, **more)

    return submit


def test_two_bots_on_one_store_do_not_touch_each_other(tmp_path) -> None:
    with world(tmp_path / "home") as scene:
        scene.with_model()
        other = World(
            home=scene.home,
            server=scene.server,
            sandbox=scene.sandbox,
            time=scene.time,
            extra={"BOT_ID": "other"},
        )
        mine, theirs = scene.ports(), other.ports()
        for index in range(12):
            at = NOW + index * INTERVAL
            request = TickRequest(tick=worlds.name(at), scheduled_at=at, received_at=at)
            scene.time.advance_to(at)
            one, two = (
                run_tick(mine, scene.settings, request),
                run_tick(theirs, other.settings, request),
            )
            assert one.status is two.status is TickStatus.DONE
            assert (one.positions, one.cash_jpy) == (two.positions, two.cash_jpy)
        assert one.positions


def test_two_warm_processes_that_take_turns_end_where_one_does(tmp_path) -> None:
    ended = []
    for count in (1, 2):
        with world(
            tmp_path / str(count), extra={"BOT_PROFILE": "loose", "BOT_SIDES": "both"}
        ) as scene:
            scene.with_model()
            ports = [scene.ports() for _ in range(count)]
            reports = [
                scene.tick(NOW + index * INTERVAL, ports[index % count]) for index in range(120)
            ]
        trades = [trade for report in reports for trade in report.trades]
        fills = [fill for report in reports for fill in report.fills]
        ended.append((trades, fills, [report.equity_jpy for report in reports]))
    assert len(ended[0][0]) >= 3
    assert ended[0] == ended[1]
