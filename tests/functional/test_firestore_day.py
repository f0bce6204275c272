"""The paper tick on Firestore and Cloud Storage against SQLite and a folder: the same day, tick by
tick, and what it costs.
"""

from collections.abc import Mapping
from dataclasses import replace

from shared.core.types import Action, TickReport, TickStatus
from tests.support.emulators import fresh_project
from tests.support.parity_world import RESTLESS
from tests.support.storage_server import running
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, world

NOW = START + HISTORY_DAYS * DAY
MOST_READS, MOST_WRITES = 10, 6


def ticks(home, *, count: int, stores: Mapping[str, str]) -> list[TickReport]:
    """So many ticks, one after the other, in one warm process."""
    with world(home, extra={**RESTLESS, **stores}) as scene:
        ports = scene.with_model().ports()
        told = [scene.tick(NOW + number * INTERVAL, ports) for number in range(count)]
        ports.documents.close()
    return told


def decided(report: TickReport) -> TickReport:
    """A report without what may differ: how long it took, what it asked for, when it was asked."""
    return replace(report, timings_ms={}, counts={})


def test_a_day_in_the_clouds_stores_is_the_day_on_one_machine_and_stays_within_its_budget(
    tmp_path, firestore_here, full, capsys, monkeypatch
) -> None:
    count = 480 if full else 12
    sqlite = ticks(tmp_path / "sqlite", count=count, stores={})
    with running("my-bucket") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        stores = {
            "BOT_STATE": f"firestore://{fresh_project()}/(default)",
            "BOT_BUCKET": "gs://my-bucket/bot",
        }
        cloud = ticks(tmp_path / "cloud", count=count, stores=stores)
        asked = server.requests["get"] + server.requests["look"]
        assert asked >= count, "the model is looked for in every tick"
        assert "bot/bundles/current.json" in server.objects("my-bucket")
    assert [decided(report) for report in cloud] == [decided(report) for report in sqlite]
    assert {report.status for report in cloud} == {TickStatus.DONE}
    assert len(cloud) == count
    entered = [one for one in cloud if one.decision and one.decision.action is Action.ENTER]
    assert len(entered) >= (10 if full else 1), "a day in which nothing happens shows nothing"
    reads = [report.counts["reads"] for report in cloud]
    writes = [report.counts["writes"] for report in cloud]
    with capsys.disabled():
        print(
            f"\n{count} ticks, {len(entered)} entered: reads {sum(reads) / count:.2f} a tick, most"
            f" {max(reads)}; writes {sum(writes) / count:.2f} a tick, most {max(writes)}"
        )
    assert reads == [report.counts["reads"] for report in sqlite]
    assert writes == [report.counts["writes"] for report in sqlite]
    assert sum(reads) / count <= MOST_READS
    assert sum(writes) / count <= MOST_WRITES
    quiet = [one.counts for one in cloud if not one.orders and not one.trades and not one.alerts]
    assert len(quiet) >= count / 3
    assert max(counts["reads"] for counts in quiet) <= MOST_READS
    assert max(counts["writes"] for counts in quiet) <= MOST_WRITES
