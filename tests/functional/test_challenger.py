"""A challenger beside the champion in real ticks: heard on every candle, never decisive, and never
in the way.
"""

from dataclasses import replace
from functools import cache

import pytest

from models.fit.train import Training
from shared import model
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import Level, TickReport, TickStatus
from shared.model.manifest import decode_manifest, encode
from shared.model.registry import BundleRegistry
from shared.model.signing import public_of, sign
from shared.tick import present
from shared.tick.cycle import Ports, run_tick
from shared.tick.documents import BotDocuments
from shared.tick.live.documents import LiveDocuments
from shared.tick.request import TickRequest
from shared.turn.watch import shadow
from tests.support import world as worlds
from tests.support.live_world import open_book, start_record
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, SIGNING_KEY, START, World, world

NOW = START + HISTORY_DAYS * DAY
AT = {"at": NOW, "why": "a test", "by": "test"}
LOUD = {"BOT_PROFILE": "loose"}


def champion() -> Training:
    """What `with_model` lets serve."""
    return worlds.training(8.0, 5)


@cache
def rival() -> tuple[str, dict[str, bytes]]:
    """The champion's trees with another calibration, under another name, signed: it loads, and says
    other things.
    """
    made = champion()
    version = f"{made.version}-rival"
    manifest = decode_manifest(made.files["manifest.json"])
    from shared.model.predict import Bundle, predict_rows

    calmer = replace(manifest.calibration, slope=manifest.calibration.slope * 0.8)
    draft = replace(manifest, version=version, calibration=calmer)
    loaded = model.load_bundle(
        made.files, public_keys=(public_of(SIGNING_KEY),), version=made.version
    )
    import numpy as np

    rows = np.array(manifest.golden.rows).astype(np.float32)
    told = predict_rows(rows, Bundle(version=version, manifest=draft, forest=loaded.forest))
    golden = replace(manifest.golden, probabilities=tuple(tuple(three) for three in told.tolist()))
    body = encode(replace(draft, golden=golden))
    return version, {**made.files, "manifest.json": body, "manifest.sig": sign(body, SIGNING_KEY)}


def challenged(scene: World) -> BundleRegistry:
    registry = BundleRegistry(worlds.wiring.bucket_for(scene.settings))
    version, files = rival()
    registry.publish(version, files)
    registry.challenge(version, **AT)
    return registry


def ticks(scene: World, count: int, ports=None) -> list[TickReport]:
    ports = ports or scene.ports()
    return [scene.tick(NOW + index * INTERVAL, ports) for index in range(count)]


def essence(report: TickReport) -> TickReport:
    """What a tick decided and did, without how long it took."""
    return replace(report, timings_ms={}, counts={}, finished_at=0, received_at=0)


def test_a_challenger_is_heard_on_every_candle_and_changes_no_decision_and_no_budget(
    tmp_path,
) -> None:
    with world(tmp_path / "alone", extra=LOUD) as scene:
        alone = ticks(scene.with_model(), 41)
    with world(tmp_path / "beside", extra=LOUD) as scene:
        challenged(scene.with_model())
        ports = scene.ports()
        beside = ticks(scene, 41, ports)
        days = BotDocuments(ports.documents, "default").days(since="2000-01-01", until="2100-01-01")
    assert [essence(report) for report in beside] == [essence(report) for report in alone]
    assert any(report.orders for report in alone), (
        "nothing was decided, so nothing could have changed"
    )
    assert [report.counts["reads"] for report in beside] == [
        report.counts["reads"] for report in alone
    ]
    assert [report.counts["writes"] for report in beside] == [
        report.counts["writes"] for report in alone
    ]
    record = shadow.decode_shadow(days)
    served, version = champion().version, rival()[0]
    assert len(record.as_of) == 9
    assert record.both(served, version).all()
    assert (record.said[served] != record.said[version]).any()
    entered = [
        report.signal
        for report in alone
        if report.signal is not None and report.signal.forecast is not None
    ]
    at = {int(instant): row for row, instant in enumerate(record.as_of)}
    seen = {signal.as_of: signal.forecast.p_upper for signal in entered}
    assert seen
    assert all(record.said[served][at[instant], 2] == told for instant, told in seen.items()), (
        "what decided is what is recorded"
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> list[TickReport]:
    """What the champion alone decides in six ticks."""
    with world(tmp_path_factory.mktemp("worlds") / "alone", extra=LOUD) as scene:
        return ticks(scene.with_model(), 6)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing", "unsigned"])
def test_a_broken_challenger_is_told_and_the_champion_decides_as_without_it(
    tmp_path, undisturbed, damage
) -> None:
    alone = undisturbed
    with world(tmp_path / "beside", extra=LOUD) as scene:
        challenged(scene.with_model())
        bucket = worlds.wiring.bucket_for(scene.settings)
        key = f"bundles/{rival()[0]}/{'manifest.sig' if damage == 'unsigned' else 'model.npz'}"
        data = bucket.get(key).data
        half = len(data) // 2
        wrong = {
            "truncated": data[:half],
            "flipped": data[:half] + bytes([data[half] ^ 1]) + data[half + 1 :],
        }
        bucket.delete(key) if damage == "missing" else bucket.put(key, wrong.get(damage, b"0" * 64))
        beside = ticks(scene, 6)
    told = [
        [issue for issue in report.issues if issue.reason is Reason.CHALLENGER_INVALID]
        for report in beside
    ]
    assert all(len(issues) == 1 and not issues[0].forbids_entry for issues in told)
    assert [report.decision for report in beside] == [report.decision for report in alone]
    assert [report.orders for report in beside] == [report.orders for report in alone]
    alerts = [key for report in beside for key in report.alerts if ":challenger:" in key]
    assert len(alerts) == 1, "once a day, not once a tick"


def test_a_promoted_challenger_serves_with_the_next_tick_of_a_warm_instance_a_rollback_undoes_it(
    tmp_path,
) -> None:
    with world(tmp_path / "home") as scene:
        registry = challenged(scene.with_model())
        ports = scene.ports()
        before = scene.tick(NOW, ports).model
        registry.promote(rival()[0], expect=before, **AT)
        assert scene.tick(NOW + INTERVAL, ports).model == rival()[0]
        registry.rollback(**AT)
        assert scene.tick(NOW + 2 * INTERVAL, ports).model == before == champion().version


def test_an_archived_champion_is_still_found(tmp_path) -> None:
    with world(tmp_path / "home") as scene:
        registry = challenged(scene.with_model())
        registry._put_away(rival()[0])
        registry._take_away(rival()[0])
        champions = scene.ports().champions
        assert champions.load_champion().challenger.version == rival()[0]


def of_live(scene: World, **risk) -> Settings:
    """The settings of a bot that trades with real money, after a person's start."""
    risks = replace(scene.settings.risk, **risk)
    return replace(scene.settings, mode="live", stage="live", risk=risks)


def started(scene: World, ports: Ports, **risk) -> None:
    """A person starts real trading: an empty book, and the word."""
    settings = of_live(scene, **risk)
    open_book(ports.documents, settings, now_ms=NOW - 1)
    record = start_record(settings, book_opened_at=NOW - 1, now_ms=NOW - 1, key=ports.key)
    LiveDocuments(ports.documents, settings.id).write_start(record, settings)


def live(scene: World, at: int, ports, **risk) -> TickReport:
    settings = of_live(scene, **risk)
    scene.time.advance_to(at)
    return run_tick(
        ports, settings, TickRequest(tick=worlds.name(at), scheduled_at=at, received_at=at)
    )


def test_in_live_mode_a_model_without_proof_enters_nothing_and_on_paper_it_trades_without_a_word(
    tmp_path,
) -> None:
    with world(tmp_path / "paper", extra=LOUD) as scene:
        paper = ticks(scene.with_model(), 16)
    assert any(order.intent.is_opening for report in paper for order in report.orders)
    assert not [
        issue
        for report in paper
        for issue in report.issues
        if issue.reason is Reason.MODEL_NOT_PROVEN
    ]
    with world(tmp_path / "live", extra=LOUD) as scene:
        scene.with_model()
        ports = replace(scene.ports(), key="a key's fingerprint")
        started(scene, ports)
        reports = [live(scene, NOW + index * INTERVAL, ports) for index in range(16)]
    assert not champion().manifest.verdict.may_enter
    assert not [order for report in reports for order in report.orders if order.intent.is_opening]
    assert all(
        [issue.forbids_entry for issue in report.issues if issue.reason is Reason.MODEL_NOT_PROVEN]
        == [True]
        for report in reports
    )
    assert Reason.MODEL_NOT_PROVEN in {
        report.decision.reason for report in reports if report.decision
    }
    assert len({key for report in reports for key in report.alerts if ":model_proof:" in key}) == 1


def test_a_person_may_overrule_by_name_and_every_report_says_so(tmp_path) -> None:
    version = champion().version
    with world(tmp_path / "live", extra=LOUD) as scene:
        scene.with_model()
        ports = replace(scene.ports(), key="a key's fingerprint")
        started(scene, ports, overrule_model=version)
        reports = [
            live(scene, NOW + index * INTERVAL, ports, overrule_model=version)
            for index in range(16)
        ]
        late = live(scene, NOW - INTERVAL, ports, overrule_model=version)
    assert late.status is TickStatus.LATE
    assert any(order.intent.is_opening for report in reports for order in report.orders)
    for report in [*reports, late]:
        told = [issue for issue in report.issues if issue.reason is Reason.MODEL_OVERRULED]
        assert len(told) == 1
        assert not told[0].forbids_entry
        assert version in told[0].context["found"]
    assert (
        len({key for report in reports for key in report.alerts if ":model_overruled:" in key}) == 1
    )


def test_exits_and_protection_work_whatever_the_proof(tmp_path) -> None:
    """The position is opened on paper; from then on the mode is live and the model unproven, with
    the watch forbidding too.
    """
    with world(tmp_path / "home", extra=LOUD) as scene:
        scene.with_model()
        ports = scene.ports()
        index, report = 0, scene.tick(NOW, ports)
        while not report.positions:
            index += 1
            report = scene.tick(NOW + index * INTERVAL, ports)
        documents = BotDocuments(ports.documents, "default")
        stored = documents.peek()
        state = {**stored.data["state"], "mode": "live"}
        ports.documents.replace(stored, {**stored.data, "state": state})
        after = []
        while not after or (after[-1].positions and len(after) < 120):
            after.append(live(scene, NOW + (index + len(after) + 1) * INTERVAL, ports))
        after.append(live(scene, NOW + (index + len(after) + 1) * INTERVAL, ports))
    assert all(
        sum(o.remaining_lots for o in r.resting if o.intent.kind == "stop") >= p.lots
        for r in after
        for p in r.positions
    )
    closed = [trade for report in after for trade in report.trades]
    assert closed
    assert {trade.reason for trade in closed} <= {
        Reason.EXIT_STOP,
        Reason.EXIT_TARGET,
        Reason.EXIT_TIME,
    }
    assert not after[-1].positions
    assert not [order for report in after for order in report.orders if order.intent.is_opening]


@pytest.mark.parametrize("forbid", [False, True])
def test_a_suspect_model_is_told_in_every_tick_and_forbids_entries_only_where_the_settings_say_so(
    tmp_path, forbid
) -> None:
    extra = {
        **LOUD,
        "BOT_WATCH__MAX_AGE_DAYS": "0.001",
        "BOT_WATCH__FORBID_ENTRIES": str(forbid).lower(),
    }
    with world(tmp_path / "home", extra=extra) as scene:
        scene.with_model()
        ports = scene.ports()
        reports = [scene.tick(NOW + index * INTERVAL, ports) for index in range(1, 17)]
        waiting = [item.data for item in ports.documents.query("alerts", limit=500)]
    old = [
        [issue for issue in report.issues if issue.reason is Reason.MODEL_OLD] for report in reports
    ]
    since = next(index for index, issues in enumerate(old) if issues)
    assert since <= 5
    assert all(len(issues) == 1 and issues[0].forbids_entry is forbid for issues in old[since:])
    entered = [
        order for report in reports[since:] for order in report.orders if order.intent.is_opening
    ]
    assert bool(entered) is not forbid
    about = [item["alert"] for item in waiting if item["alert"]["kind"] == "model_old"]
    assert len(about) == 1
    assert about[0]["level"] == Level.WARNING
    assert "limit" in about[0]["fields"]


def test_a_watch_that_breaks_disturbs_no_decision_unless_suspects_are_forbidden(
    tmp_path, monkeypatch
) -> None:
    def breaking(*_args: object, **_more: object) -> None:
        raise RuntimeError("the watch is broken")

    with world(tmp_path / "whole", extra=LOUD) as scene:
        whole = ticks(scene.with_model(), 10)
    monkeypatch.setattr(present, "watch_candle", breaking)
    with world(tmp_path / "broken", extra=LOUD) as scene:
        broken = ticks(scene.with_model(), 10)
    with world(tmp_path / "strict", extra={**LOUD, "BOT_WATCH__FORBID_ENTRIES": "true"}) as scene:
        strict = ticks(scene.with_model(), 10)
    assert [report.orders for report in broken] == [report.orders for report in whole]
    assert any(order.intent.is_opening for report in whole for order in report.orders)
    assert all(report.status is TickStatus.DONE for report in broken)
    told = [issue for issue in broken[-1].issues if issue.reason is Reason.STEP_FAILED]
    assert "the watch is broken" in told[0].context["found"]
    assert not [order for report in strict for order in report.orders if order.intent.is_opening]
