"""The paper tick on Firestore against SQLite: the same day, tick by tick, and what it costs."""

from dataclasses import replace

from shared.core.types import Action, TickReport, TickStatus
from tests.support.emulators import fresh_project
from tests.support.parity_world import RESTLESS
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, world

NOW = START + HISTORY_DAYS * DAY
MOST_READS, MOST_WRITES = 10, 6


def ticks(home, *, count: int, state: str | None) -> list[TickReport]:
    """So many ticks, one after the other, in one warm process."""
    extra = dict(RESTLESS) if state is None else {**RESTLESS, "BOT_STATE": state}
    with world(home, extra=extra) as scene:
        ports = scene.with_model().ports()
        told = [scene.tick(NOW + number * INTERVAL, ports) for number in range(count)]
        ports.documents.close()
    return told


def decided(report: TickReport) -> TickReport:
    """A report without what may differ: how long it took, what it asked for, when it was asked."""
    return replace(report, timings_ms={}, counts={})


def test_a_day_on_firestore_is_the_day_on_sqlite_and_stays_within_its_budget(
    tmp_path, firestore_here, full, capsys
) -> None:
    count = 480 if full else 12
    project = f"firestore://{fresh_project()}/(default)"
    sqlite = ticks(tmp_path / "sqlite", count=count, state=None)
    cloud = ticks(tmp_path / "cloud", count=count, state=project)
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
