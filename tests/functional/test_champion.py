"""A tick with a damaged model: the one before it serves, or nothing is entered, and what is held
stays managed.
"""

from shared.core.reasons import Reason
from shared.core.types import TickStatus
from shared.model.registry import BundleRegistry
from tests.support import world as worlds
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, World, world

NOW = START + HISTORY_DAYS * DAY


def damage(scene: World, version: str) -> None:
    """Flip one byte of the arrays in the bucket."""
    bucket = worlds.wiring.bucket_for(scene.settings)
    # A bucket is no dict.
    key = next(key for key in bucket.keys() if version in key and key.endswith("model.npz"))  # noqa: SIM118
    data = bytearray(bucket.get(key).data)
    data[len(data) // 2] ^= 1
    bucket.put(key, bytes(data))


def test_where_the_champion_is_damaged_the_one_before_it_serves_and_the_report_says_so(
    tmp_path,
) -> None:
    with world(tmp_path / "home") as scene:
        scene.with_model()
        registry = BundleRegistry(worlds.wiring.bucket_for(scene.settings))
        other = worlds.training(seed=6)
        registry.publish(other.version, other.files)
        registry.promote(other.version, at=NOW, why="a test", by="test")
        damage(scene, other.version)
        report = scene.tick(NOW)
    assert report.model == worlds.training().version
    wrong = [issue for issue in report.issues if issue.reason is Reason.MODEL_INVALID]
    assert len(wrong) == 1
    assert not wrong[0].forbids_entry
    assert "model.npz" in wrong[0].context["found"]


def test_without_any_valid_bundle_nothing_is_entered_and_what_is_held_stays_protected(
    tmp_path,
) -> None:
    with world(tmp_path / "home") as scene:
        scene.with_model()
        scene.tick(NOW)
        assert scene.tick(NOW + INTERVAL).positions
        damage(scene, worlds.training().version)
        ports = scene.ports()
        reports = [scene.tick(NOW + index * INTERVAL, ports) for index in range(2, 130)]
    assert {report.status for report in reports} == {TickStatus.DONE}
    assert all(
        any(issue.reason is Reason.MODEL_INVALID for issue in report.issues) for report in reports
    )
    assert not [order for report in reports for order in report.orders if order.intent.is_opening]
    assert reports[-1].trades or any(report.trades for report in reports), (
        "the position was closed by its own orders"
    )
    denied = {
        report.decision.reason for report in reports if report.decision and not report.positions
    }
    assert Reason.MODEL_INVALID in denied


def test_a_warm_instance_notices_a_promotion_within_one_tick(tmp_path) -> None:
    with world(tmp_path / "home") as scene:
        scene.with_model()
        ports = scene.ports()
        assert scene.tick(NOW, ports).model == worlds.training().version
        registry = BundleRegistry(worlds.wiring.bucket_for(scene.settings))
        other = worlds.training(seed=6)
        registry.publish(other.version, other.files)
        registry.promote(other.version, at=NOW, why="a test", by="test")
        assert scene.tick(NOW + INTERVAL, ports).model == other.version
