"""Ticks on a market that does not tell all, or lies: what may pass is tried again, what cannot be
is not believed.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from functions.tick import main as tick_function
from shared.core.reasons import Reason
from shared.core.types import (
    Action,
    OrderIntent,
    OrderKind,
    Purpose,
    Rejected,
    TickReport,
    TickStatus,
)
from shared.exchanges.sandbox.faults import Fault
from shared.tick.cycle import Ports
from tests.support.tick_stories import NoModel
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, World, world

NOW = START + HISTORY_DAYS * DAY
DEPTH, MODE, STATUS, PAIRS, CANDLES = (
    "*/depth",
    "*/circuit_break_info",
    "*/spot/status",
    "*/spot/pairs",
    "*/candlestick/*",
)

PATIENT = {"BOT_RISK__MAX_LATENCY_MS": "60000"}  # a busy machine is no slow exchange


@pytest.fixture
def scene(tmp_path) -> Iterator[World]:
    with world(tmp_path / "home", now=NOW - 4 * 60_000, extra=PATIENT) as made:
        yield made.with_model()


def spoil(
    scene: World, name: str, path: str, *, ticks: int = 1, since: int = NOW, **more: Any
) -> None:
    """The fault for all of the next `ticks` ticks."""
    scene.sandbox.faults.add(
        Fault(name=name, path=path, from_ms=since, until_ms=since + ticks * INTERVAL, **more)
    )


def orders(report: TickReport, purpose: Purpose) -> list[OrderIntent]:
    return [
        record.intent
        for record in report.orders
        if record.intent.purpose is purpose and record.what == "place"
    ]


def titles(ports: Ports) -> list[str]:
    return [document.data["alert"]["title"] for document in ports.documents.query("alerts")]


def entered(scene: World) -> Ports:
    ports = scene.ports()
    scene.tick(NOW, ports)
    assert scene.tick(NOW + INTERVAL, ports).positions, "the seeded market fills the first entry"
    return ports


@pytest.mark.parametrize(
    ("fault", "path", "reason", "words"),
    [
        ("html", DEPTH, Reason.BOOK_MISSING, "the order book could not be read"),
        ("empty-data", DEPTH, Reason.BOOK_MISSING, "the order book could not be read"),
        ("html", MODE, Reason.MODE_UNKNOWN, "the circuit-break mode is not known"),
        ("empty-data", MODE, Reason.MODE_UNKNOWN, "the circuit-break mode is not known"),
        ("html", STATUS, Reason.STATUS_UNKNOWN, "the exchange's status is not known"),
        ("empty-data", STATUS, Reason.STATUS_UNKNOWN, "the exchange's status is not known"),
        ("html", PAIRS, Reason.RULES_UNKNOWN, "the pair's rules of this minute are not known"),
        ("rate-limit", DEPTH, Reason.EXCHANGE_BUSY, "the exchange is busy"),
        ("future", DEPTH, Reason.BOOK_STALE, "the order book is not of this minute"),
        ("far-book", DEPTH, Reason.BOOK_FAR, "the order book lies far from the last candle"),
    ],
)
def test_what_says_nothing_about_the_signal_is_told_by_name_and_tried_again(
    scene, fault, path, reason, words
) -> None:
    ports = scene.ports()
    spoil(scene, fault, path)
    denied = scene.tick(NOW, ports)
    assert denied.decision is not None
    assert (denied.decision.action, denied.decision.reason) == (Action.DENY, reason)
    assert orders(denied, Purpose.ENTRY) == []
    assert (denied.status is TickStatus.DEGRADED) == (reason is not Reason.BOOK_FAR)
    assert f"No entries: {words}." in titles(ports)
    again = scene.tick(NOW + INTERVAL, ports)
    assert again.status is TickStatus.DONE
    assert again.decision is not None
    assert (again.decision.action, again.decision.as_of) == (Action.ENTER, NOW)


@pytest.mark.parametrize(
    "fault", ["stops-stopped", "market-stopped", "pair-disabled", "orders-stopped"]
)
def test_what_the_exchange_says_of_the_pair_counts_from_the_very_next_entry_on(
    scene, fault
) -> None:
    """Warm: the rules were read four minutes before, and are not of this minute."""
    ports = scene.ports()
    before = scene.tick(NOW - 4 * 60_000, ports)
    assert orders(before, Purpose.ENTRY) == []
    spoil(scene, fault, PAIRS, ticks=2)
    for index in range(2):
        report = scene.tick(NOW + index * INTERVAL, ports)
        assert report.decision is not None
        assert (report.decision.action, report.decision.reason) == (
            Action.DENY,
            Reason.EXCHANGE_HALTED,
        )
        assert orders(report, Purpose.ENTRY) == []
    after = scene.tick(NOW + 2 * INTERVAL, ports)
    assert after.decision is not None
    assert after.decision.action is Action.ENTER


@pytest.mark.parametrize("held", [True, False])
def test_a_quiet_tick_asks_for_the_time_and_three_questions_as_the_sandbox_counts_them(
    scene, held
) -> None:
    if held:
        ports = entered(scene)
    else:  # nothing serves, so nothing is entered
        ports = replace(scene.ports(), champions=NoModel())
        scene.tick(NOW, ports)
    asked = []
    for index in range(5, 10):
        scene.sandbox.forget_requests()
        report = scene.tick(NOW + index * INTERVAL, ports)
        assert bool(report.positions) is held
        asked.append(dict(scene.sandbox.requests()))
        assert report.counts["requests"] == sum(asked[-1].values())
    minutes = {"candlestick": 1} if held else {}  # for the account that holds a position
    assert (
        asked[1:]
        == [{"ticker": 1, "circuit_break_info": 1, "status": 1, "depth": 1, **minutes}] * 4
    )


@pytest.mark.parametrize("seconds", [11, 40, 600])
def test_the_candle_of_a_cached_answer_is_not_entered_on(scene, seconds) -> None:
    ports = scene.ports()
    spoil(scene, "cached", CANDLES, seconds=seconds)
    denied = scene.tick(NOW, ports)
    assert (denied.status, denied.reason) == (TickStatus.DEGRADED, Reason.DATA_STALE)
    assert orders(denied, Purpose.ENTRY) == []
    again = scene.tick(NOW + INTERVAL, ports)
    assert again.decision is not None
    assert (again.decision.action, again.decision.as_of) == (Action.ENTER, NOW)
    assert again.signal is not None
    assert again.signal.as_of == NOW


def test_a_minute_of_a_cached_answer_is_settled_once_it_is_final(scene) -> None:
    ports = entered(scene)
    before = ports.documents.get("paper/default").data
    spoil(scene, "cached", "*/candlestick/1min/*", since=NOW + 2 * INTERVAL, seconds=90)
    report = scene.tick(NOW + 2 * INTERVAL, ports)
    assert report.status is TickStatus.DEGRADED
    assert "before its last candle closed" in report.detail
    assert ports.documents.get("paper/default").data["settled_until"] == before["settled_until"]
    assert scene.tick(NOW + 3 * INTERVAL, ports).status is TickStatus.DONE


@pytest.mark.parametrize("path", ["*", CANDLES, DEPTH, STATUS, MODE])
def test_a_tick_that_cannot_see_the_market_is_degraded_and_not_healthy_though_nothing_is_held(
    scene, path
) -> None:
    ports = scene.ports()
    scene.tick(NOW - 4 * 60_000, ports)
    assert tick_function.health(ports, scene.settings).status == 200
    spoil(scene, "http-502", path)
    report = scene.tick(NOW, ports)
    assert report.status is TickStatus.DEGRADED
    assert report.reason is not Reason.OK
    assert report.detail
    health = tick_function.health(ports, scene.settings)
    assert health.status == 503
    told = health.body
    assert (told["healthy"], told["last_status"]) == (False, "degraded")
    assert scene.tick(NOW + INTERVAL, ports).status is TickStatus.DONE
    assert tick_function.health(ports, scene.settings).status == 200


@pytest.mark.parametrize(
    ("factor", "field"), [(10.0, "high"), (0.1, "low"), (2.0, "high"), (0.6, "low")]
)
def test_nothing_is_entered_while_a_price_that_cannot_be_lies_in_the_window_and_it_is_named(
    scene, factor, field
) -> None:
    ports = scene.ports()
    scene.tick(NOW - 4 * 60_000, ports)
    spoil(scene, "candle-spike", "*/candlestick/15min/*", rate=factor, rows=3)
    denied = scene.tick(NOW, ports)
    assert denied.decision is not None
    assert (denied.decision.action, denied.decision.reason) == (Action.DENY, Reason.DATA_SPIKE)
    assert (denied.decision.context["field"], denied.decision.context["timeframe"]) == (
        field,
        "15m",
    )
    assert float(denied.decision.context["factor"]) == pytest.approx(factor, rel=0.1)
    assert "No entries: a candle lies far beyond its neighbours." in titles(ports)
    assert orders(scene.tick(NOW + INTERVAL, ports), Purpose.ENTRY) == [], (
        "nothing more comes of that candle"
    )
    healed = scene.tick(NOW + 5 * INTERVAL, ports)
    assert all(issue.reason is not Reason.DATA_SPIKE for issue in healed.issues), (
        "the exchange said it right the next time"
    )


@pytest.mark.parametrize("factor", [0.1, 0.9, 1.1, 10.0])
def test_nothing_is_sold_at_a_book_that_cannot_be(tmp_path, factor) -> None:
    """Not for a stop that could not be placed and seems to be passed, nor at a target that seems to
    be reached.
    """
    with world(tmp_path / "home", extra=PATIENT | {"BOT_ACCOUNT": "spot"}) as scene:
        ports = entered(scene.with_model())
        real = ports.exchange.submit

        def submit(intent: OrderIntent, **more: Any) -> Any:
            refused = intent.kind is OrderKind.STOP
            return Rejected(reason=Reason.REJECTED_BY_EXCHANGE) if refused else real(intent, **more)

        account = ports.documents.get("paper/default")
        bare = {
            **account.data,
            "orders": [
                order for order in account.data["orders"] if order["intent"]["purpose"] != "stop"
            ],
        }
        ports.documents.replace(account, bare)
        spoil(scene, "far-book", DEPTH, since=NOW + 2 * INTERVAL, rate=factor)
        exchange = _Changed(ports.exchange, submit)
        report = scene.tick(NOW + 2 * INTERVAL, replace(ports, exchange=exchange))
        assert orders(report, Purpose.CLOSE) == []
        assert report.positions
        assert any(issue.reason is Reason.BOOK_FAR for issue in report.issues)


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_a_time_exit_trades_at_the_path_and_not_at_a_book_that_cannot_be(scene, factor) -> None:
    ports = entered(scene)
    stored = ports.documents.get("bots/default")
    state = stored.data["state"]
    due = {**state, "plan": {**state["plan"], "exit_by": NOW + 2 * INTERVAL}}
    ports.documents.replace(stored, {**stored.data, "state": due})
    spoil(scene, "far-book", DEPTH, since=NOW + 2 * INTERVAL, rate=factor)
    report = scene.tick(NOW + 2 * INTERVAL, ports)
    (trade,) = report.trades
    assert trade.reason is Reason.EXIT_TIME
    assert abs(float(trade.exit_price) / float(trade.entry_price) - 1) < 0.05


class _Changed:
    """Passes everything on but `submit`."""

    def __init__(self, inner: Any, submit: Any) -> None:
        self._inner, self.submit = inner, submit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
