"""A tick and the watch notice the same thing at the same instant: it is told once."""

from dataclasses import replace
from typing import Any

from shared.alerts.office import Office
from shared.alerts.outlets import LocalOutlet
from shared.alerts.records import as_stored, read_record
from shared.core.types import TickStatus
from shared.stores.ports import Write
from tests.support.fixed_clock import FixedClock
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, world
from tests.unit.alerts.test_office_faults import Talking

NOW = START + HISTORY_DAYS * DAY


class Beside:
    """A store in which somebody else has told an alert just before a tick saves it."""

    def __init__(self, documents: Any, tell: Any) -> None:
        self._documents, self._tell = documents, tell
        self.met = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._documents, name)

    def commit(self, writes: Any) -> Any:
        for write in writes:
            if write.path.startswith("alerts/") and self._documents.get(write.path) is None:
                self.met += 1
                self._tell(write)
                break
        return self._documents.commit(writes)


def test_what_the_watch_told_while_a_tick_saved_is_not_told_again(tmp_path) -> None:
    channel = Talking()
    with world(tmp_path / "home") as scene:
        ports = scene.ports()
        office = Office(ports.documents, scene.settings, FixedClock(NOW), channel)

        def tell(write: Write) -> None:
            office.tell([read_record(as_stored(write)).alert], seconds=5.0)

        beside = Beside(ports.documents, tell)
        report = scene.tick(
            NOW,
            replace(ports, documents=beside, outlet=LocalOutlet(office)),  # type: ignore[arg-type]
        )
        saved = ports.documents.get("bots/default")
        assert saved is not None
        assert saved.data["state"]["last_scheduled_at"] == NOW, "the tick is saved all the same"
        (stored,) = ports.documents.query("alerts")
        scene.tick(NOW + INTERVAL, replace(ports, outlet=LocalOutlet(office)))
    assert beside.met == 1
    assert report.status is TickStatus.DONE
    assert report.alerts == (), "it is not this tick's"
    assert len(channel.told) == 1
    assert stored.data["told_by"] == "talking"
    assert stored.data["waiting_for"] is None
