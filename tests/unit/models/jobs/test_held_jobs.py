"""A job in a store: one worker at a time, fenced by the document itself, whatever dies or comes
late.
"""

import threading

import pytest

from models.jobs.records import JobDocuments
from shared.core.errors import Conflict, LeaseLost, NotThere
from shared.stores.local.sqlite import SqliteDocuments
from shared.stores.memory import MemoryDocuments

LEASE = 60_000


@pytest.fixture(params=["memory", "sqlite"])
def jobs(request, tmp_path):
    documents = (
        MemoryDocuments()
        if request.param == "memory"
        else SqliteDocuments(tmp_path / "state.sqlite")
    )
    yield JobDocuments(documents)
    documents.close()


def create(jobs: JobDocuments, name: str = "a", *, job_hash: str = "h", now_ms: int = 0):
    return jobs.create(name, kind="backtest", job={"id": name}, job_hash=job_hash, now_ms=now_ms)


def test_the_same_job_is_found_again_and_another_one_under_its_name_is_refused(jobs) -> None:
    first = create(jobs)
    assert create(jobs, now_ms=5).data == first.data
    with pytest.raises(Conflict, match="stands for another job"):
        create(jobs, job_hash="other")
    with pytest.raises(NotThere):
        jobs.get("b")


def test_one_of_many_gets_the_lease_and_the_next_one_after_it_ran_out(jobs) -> None:
    create(jobs)
    taken = []
    threads = [
        threading.Thread(target=lambda: taken.append(jobs.take("a", now_ms=0, lease_ms=LEASE)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = [one for one in taken if one is not None]
    assert len(taken) == 8
    assert len(held) == 1
    assert jobs.take("a", now_ms=LEASE - 1, lease_ms=LEASE) is None
    second = jobs.take("a", now_ms=LEASE, lease_ms=LEASE)
    assert second is not None
    assert second.fence == held[0].fence + 1
    for write in (
        held[0].save,
        held[0].release,
        lambda changes, now_ms: held[0].finish("done", changes, now_ms=now_ms),
    ):
        with pytest.raises(LeaseLost):
            write({"share": 0.9}, now_ms=LEASE + 1)
    assert jobs.get("a").data["share"] == 0.0
    second.save({"share": 0.5}, now_ms=LEASE + 2)
    assert jobs.get("a").data["share"] == 0.5


def test_a_heartbeat_keeps_the_lease(jobs) -> None:
    create(jobs)
    held = jobs.take("a", now_ms=0, lease_ms=LEASE)
    for now in range(0, 5 * LEASE, LEASE // 2):
        assert jobs.take("a", now_ms=now, lease_ms=LEASE) is None
        held.save({}, now_ms=now)


def test_a_slice_ends_with_the_job_waiting_and_the_next_worker_finds_what_was_saved(jobs) -> None:
    create(jobs)
    held = jobs.take("a", now_ms=0, lease_ms=LEASE)
    held.release({"checkpoint": "k", "share": 0.25}, now_ms=5)
    stored = jobs.get("a").data
    assert (stored["status"], stored["checkpoint"], stored["lease"]["expires_at"]) == (
        "waiting",
        "k",
        0,
    )
    second = jobs.take("a", now_ms=6, lease_ms=LEASE)
    assert second.data["checkpoint"] == "k"
    assert second.data["slices"] == 2
    second.finish("done", {"result": {"x": 1}}, now_ms=9)
    assert jobs.get("a").data["status"] == "done"
    assert jobs.take("a", now_ms=10**9, lease_ms=LEASE) is None
    assert create(jobs, now_ms=10**9).data["status"] == "done", (
        "asked again, it is the same finished job"
    )


def test_a_cancel_is_at_once_where_nobody_works_and_is_seen_by_the_worker_where_one_does(
    jobs,
) -> None:
    create(jobs)
    assert jobs.cancel("a", now_ms=1).data["status"] == "canceled"
    assert jobs.take("a", now_ms=2, lease_ms=LEASE) is None

    create(jobs, "b")
    held = jobs.take("b", now_ms=0, lease_ms=LEASE)
    assert jobs.cancel("b", now_ms=1).data["status"] == "working"
    assert not held.is_canceled, "not read yet"
    held.save({"share": 0.5}, now_ms=2)
    assert held.is_canceled
    held.finish("canceled", {}, now_ms=3)
    assert jobs.get("b").data["status"] == "canceled"
    with pytest.raises(NotThere):
        jobs.cancel("nobody", now_ms=0)


def test_a_cancel_after_the_worker_died_is_at_once_and_the_dead_worker_finds_nothing_to_do(
    jobs,
) -> None:
    create(jobs)
    held = jobs.take("a", now_ms=0, lease_ms=LEASE)
    assert jobs.cancel("a", now_ms=LEASE + 1).data["status"] == "canceled"
    with pytest.raises(LeaseLost):
        held.save({"share": 1.0}, now_ms=LEASE + 2)
    assert jobs.get("a").data["status"] == "canceled"


def test_a_job_that_failed_begins_again_when_it_is_asked_again(jobs) -> None:
    create(jobs)
    held = jobs.take("a", now_ms=0, lease_ms=LEASE)
    held.finish("failed", {"error": {"error": "no candles"}}, now_ms=1)
    again = create(jobs, now_ms=2)
    assert (again.data["status"], again.data["error"], again.data["slices"]) == ("waiting", None, 0)
    assert jobs.take("a", now_ms=3, lease_ms=LEASE).fence == held.fence + 1


def test_the_youngest_jobs_are_listed_first(jobs) -> None:
    for number in range(5):
        create(jobs, f"n{number}", now_ms=number)
    assert [job.data["job"]["id"] for job in jobs.recent(3)] == ["n4", "n3", "n2"]
