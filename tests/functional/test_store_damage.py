"""What people, other versions and accidents leave in the store: what is held is protected and ends,
nothing is overwritten.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from shared.core.reasons import Reason
from shared.core.types import Purpose, TickStatus
from shared.tick.cycle import Ports, run_tick
from shared.tick.documents import BotDocuments
from shared.tick.request import TickRequest
from tests.functional.test_tick_trouble import changed, entered, entries, stop_lots, without_stops
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, World, world

NOW = START + HISTORY_DAYS * DAY


@pytest.fixture
def scene(tmp_path) -> Iterator[World]:
    with world(tmp_path / "home") as made:
        yield made.with_model()


def state_of(ports: Ports) -> dict[str, Any]:
    return dict(ports.documents.get("bots/default").data["state"])


def due_at(ports: Ports, at: int) -> None:
    state = state_of(ports)
    changed(ports, "bots/default", state={**state, "plan": {**state["plan"], "exit_by": at}})


DAMAGED_CONTROLS = [
    ("control/current", {"resumed_at": None}),
    ("control/current", {"halt": "no"}),
    ("control/default", {"schema": 1, "halt": True, "lifted": None}),
    ("control/default", {"schema": 1, "lifted": None}),
    ("control/all", {"schema": "one"}),
    ("control/all", {"schema": 9, "halt": None, "lifted": None}),
]


@pytest.mark.parametrize(("path", "damage"), DAMAGED_CONTROLS)
def test_a_damaged_control_document_forbids_entries_is_told_and_lets_a_position_end(
    scene, path, damage
) -> None:
    ports, _ = entered(scene)
    without_stops(ports)
    due_at(ports, NOW + 3 * INTERVAL)
    ports.documents.create(path, damage)
    report = scene.tick(NOW + 2 * INTERVAL, ports)
    assert (report.status, report.reason) == (TickStatus.DEGRADED, Reason.CONTROL_DAMAGED)
    assert path in report.detail
    held, covered = stop_lots(ports)
    assert held == covered > 0
    ended = scene.tick(NOW + 5 * INTERVAL, ports)
    assert [trade.reason for trade in ended.trades] == [Reason.EXIT_TIME]
    later = [scene.tick(NOW + index * INTERVAL, ports) for index in range(6, 12)]
    assert not [order for report in later for order in entries(report)]
    assert any(
        path in str(item.data["alert"]["fields"]) for item in ports.documents.query("alerts")
    )
    assert ports.documents.get(path).data == damage
    bot = BotDocuments(ports.documents, "default")
    bot.resume(
        halts=[],
        drawdown=0,
        who="alice",
        why="mended",
        now_ms=NOW,
        everyone=path != "control/default",
    )
    assert scene.tick(NOW + 12 * INTERVAL, ports).status is TickStatus.DONE


def test_a_tick_that_comes_too_late_decides_nothing_also_where_something_was_damaged_before(
    scene,
) -> None:
    ports, _ = entered(scene)
    without_stops(ports)
    due_at(ports, NOW + 3 * INTERVAL)
    ports.documents.create("control/default", {"schema": 1, "lifted": None})
    at = NOW + 5 * INTERVAL
    scene.time.advance_to(at + 160_000)
    late = run_tick(
        ports, scene.settings, TickRequest(tick=f"t{at}", scheduled_at=at, received_at=at + 160_000)
    )
    assert (late.status, late.reason) == (TickStatus.DEGRADED, Reason.CONTROL_DAMAGED)
    assert (late.decision, late.trades) == (None, ())
    held, covered = stop_lots(ports)
    assert held == covered > 0
    assert [trade.reason for trade in scene.tick(at + INTERVAL, ports).trades] == [Reason.EXIT_TIME]


def damaged_intents(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in ("at", "plan", "outcome", "intent"):
        for wrong in ("x", [], 1.5, {"a": 1}, None, True):
            allowed = (wrong is None and name in {"plan", "outcome"}) or (
                name == "outcome" and wrong == {"a": 1}
            )
            if not allowed:
                yield {**whole, name: wrong}
        if name in {"at", "intent"}:
            yield {key: value for key, value in whole.items() if key != name}
    for name in whole["plan"]:
        yield {**whole, "plan": {key: value for key, value in whole["plan"].items() if key != name}}


def test_a_damaged_intent_forbids_entries_is_told_and_lets_a_position_end(scene) -> None:
    ports, _ = entered(scene)
    (intent,) = [item for item in ports.documents.query("intents") if item.data.get("plan")]
    damages = list(damaged_intents(dict(intent.data)))
    assert len(damages) >= 25
    before = state_of(ports)
    for index, damage in enumerate(damages, start=2):
        changed(ports, intent.path, **dict.fromkeys(intent.data))
        stored = ports.documents.get(intent.path)
        ports.documents.replace(stored, {**damage, "open_for": "default"})
        report = scene.tick(NOW + index * INTERVAL, ports)
        assert (report.status, report.reason) == (
            TickStatus.DEGRADED,
            Reason.INTENT_DAMAGED,
        ), damage
        assert intent.path in report.detail
        assert ports.documents.get(intent.path).data["open_for"] == "default", (
            "nobody but a person closes it"
        )
        if report.trades:
            break
    assert index >= 10
    if not report.trades:
        due_at(ports, NOW + index * INTERVAL)
        report = scene.tick(NOW + (index + 5) * INTERVAL, ports)
    assert [trade.reason for trade in report.trades]
    assert before["plan"] is not None


@pytest.mark.parametrize(
    "damage",
    [
        {"mode": 7},
        {"schema": 99},
        {"schema": "1"},
        {"limits": {"day": "2026-01-01"}},
        {"candle": None},
        {"halted_at": "never"},
        {"signal": {"as_of": 1}},
    ],
)
def test_what_is_held_keeps_its_planned_stop_though_the_state_cannot_be_read(scene, damage) -> None:
    ports, before = entered(scene)
    without_stops(ports)
    broken = {**state_of(ports), **damage}
    changed(ports, "bots/default", state=broken)
    report = scene.tick(NOW + 2 * INTERVAL, ports)
    assert (report.status, report.reason) == (TickStatus.DEGRADED, Reason.STATE_DAMAGED)
    assert "bot 'default'" in report.detail
    assert report.decision is None
    assert [
        order.intent.trigger_price
        for order in report.orders
        if order.intent.purpose is Purpose.STOP
    ] == [before.plan.stop_price]
    held, covered = stop_lots(ports)
    assert held == covered > 0
    assert ports.documents.get("bots/default").data["state"] == broken, (
        "nothing that cannot be read is overwritten"
    )
    assert ports.documents.get("bots/default").data["lease"]["expires_at"] == 0
    assert any(item.data["alert"]["level"] != "info" for item in ports.documents.query("alerts"))


@pytest.mark.parametrize(
    "missing",
    ["mode", "stage", "limits", "candle", "halted_at", "last_fill_sequence", "plan", "goal"],
)
def test_a_state_without_a_field_is_not_taken_for_another_state(scene, missing) -> None:
    ports, _ = entered(scene)
    without_stops(ports)
    broken = state_of(ports)
    del broken[missing]
    changed(ports, "bots/default", state=broken)
    report = scene.tick(NOW + 2 * INTERVAL, ports)
    assert report.reason is Reason.STATE_DAMAGED
    assert f"it has no {missing}" in report.detail
    held, covered = stop_lots(ports)
    assert held == covered > 0
    assert ports.documents.get("bots/default").data["state"] == broken


@pytest.mark.parametrize("state", [["not", "a", "mapping"], "text", 7, [], False])
def test_a_state_that_is_no_mapping_is_kept_and_what_is_held_is_protected(scene, state) -> None:
    ports, _ = entered(scene)
    without_stops(ports)
    changed(ports, "bots/default", state=state)
    report = scene.tick(NOW + 2 * INTERVAL, ports)
    assert report.reason is Reason.STATE_DAMAGED
    assert ports.documents.get("bots/default").data["state"] == state
    account = ports.documents.get("paper/default").data
    held, covered = stop_lots(ports)
    assert held == covered
    assert held > 0 or account["trades"], (
        "without plan and signal the position is closed rather than left bare"
    )


def test_what_a_newer_version_wrote_beside_survives_every_save(scene) -> None:
    ports, _ = entered(scene)
    state = state_of(ports)
    more = {
        "later": {"a": [1, {"b": None}]},
        "limits": {**state["limits"], "monthly_loss": "0.1"},
        "plan": {**state["plan"], "ladder": [1, 2]},
    }
    changed(ports, "bots/default", state={**state, **more}, beside={"x": 1})
    changed(ports, "paper/default", later={"y": 2})
    for index in range(2, 8):
        assert scene.tick(NOW + index * INTERVAL, ports).status is TickStatus.DONE
    after = state_of(ports)
    assert after["later"] == more["later"]
    assert after["limits"]["monthly_loss"] == "0.1"
    assert after["plan"] is None or after["plan"]["ladder"] == [1, 2]
    assert after["schema"] == 1
    assert ports.documents.get("bots/default").data["beside"] == {"x": 1}
    assert ports.documents.get("paper/default").data["later"] == {"y": 2}


def test_a_state_without_a_schema_is_taken_over_with_all_that_it_remembers(scene) -> None:
    ports, _ = entered(scene)
    older = {name: value for name, value in state_of(ports).items() if name != "schema"}
    changed(ports, "bots/default", state=older)
    report = scene.tick(NOW + 2 * INTERVAL, ports)
    assert report.status is TickStatus.DONE
    after = state_of(ports)
    assert after["schema"] == 1
    for name in ("plan", "halted_at", "goal"):
        assert after[name] == older[name]
    assert after["limits"]["equity_peak_jpy"] >= older["limits"]["equity_peak_jpy"]


def test_a_redelivery_of_a_tick_whose_report_is_of_another_version_is_a_duplicate(scene) -> None:
    ports, report = entered(scene)
    stored = ports.documents.get(f"ticks/default~{report.tick}")
    ports.documents.replace(
        stored, {**stored.data, "report": {"tick": report.tick, "status": "splendid"}}
    )
    again = scene.tick(NOW + INTERVAL, ports)
    assert again.status is TickStatus.DUPLICATE
    assert not again.orders


@pytest.mark.parametrize(
    "damage", [{"equity": []}, {"equity": None}, {"equity": {"1": "2"}, "later": [1]}]
)
def test_a_day_that_cannot_be_read_is_kept_and_stops_no_tick(scene, damage) -> None:
    ports = scene.ports()
    scene.tick(NOW, ports)
    (day,) = ports.documents.query("days")
    ports.documents.replace(day, {"bot": "default", "date": day.data["date"], **damage})
    for index in range(1, 6):
        assert scene.tick(NOW + index * INTERVAL, ports).status is TickStatus.DONE
    kept = ports.documents.get(day.path).data
    assert {name: kept[name] for name in damage if name == "later"} == {
        name: damage[name] for name in damage if name == "later"
    }
    if not isinstance(damage["equity"], dict):
        assert kept["equity"] == damage["equity"]
    else:
        assert len(kept["equity"]) > 1


def test_a_damaged_alert_in_the_outbox_keeps_no_other_waiting(scene) -> None:
    ports = scene.ports()
    ports.documents.create(
        "alerts/a", {"bot": "default", "waiting_for": "default", "alert": {"key": 7}}
    )
    ports.documents.create("alerts/b", {"bot": "default", "waiting_for": "default"})
    alert = {"key": "c", "level": "info", "kind": "x", "title": "x", "at": NOW, "fields": {}}
    ports.documents.create("alerts/c", {"bot": "default", "waiting_for": "default", "alert": alert})
    scene.tick(NOW, replace(ports))
    assert [ports.documents.get(f"alerts/{name}").data["waiting_for"] for name in "abc"] == [
        None,
        None,
        None,
    ]
    assert "sent_at" in ports.documents.get("alerts/c").data
