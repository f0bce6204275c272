"""However a slice ends, its job is done, waits, failed or was given up, and nobody holds it."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from models.jobs.checkpoints import Checkpoints
from models.jobs.held import HeldJob, keep_alive
from models.jobs.pace import JobPace, TimeIsUp
from models.jobs.records import JobDocuments
from models.jobs.worker import JobWorker, SliceEnd
from shared.core.errors import BadData, BotError, LeaseLost, NotThere, StoreBroken, Unavailable
from shared.stores.memory import MemoryBucket, MemoryDocuments
from tests.support.fixed_clock import FixedClock

NAME, NOW, LEASE_MS = "job", 1_000_000, 60_000


class Doing:
    """A kind of job whose slice is whatever a test says."""

    def __init__(self, work: Callable[[HeldJob, JobPace], None]) -> None:
        self._work = work
        self.waited: list[BaseException] = []
        self.forgotten: list[str] = []

    def work(self, held: HeldJob, pace: JobPace) -> None:
        self._work(held, pace)

    def describe_failure(self, held: HeldJob, error: BotError) -> Mapping[str, Any]:
        return {"error": str(error), "of": held.name}

    def before_waiting(self, held: HeldJob, error: BaseException) -> None:
        self.waited.append(error)
        raise BadData(f"nobody could be told of {held.name}")

    def forget(self, name: str) -> None:
        self.forgotten.append(name)


class Jobs:
    """One job in a store, and a worker of it."""

    def __init__(self) -> None:
        self.clock = FixedClock(NOW)
        self.jobs = JobDocuments(MemoryDocuments())
        self.worker = JobWorker(self.jobs, self.clock, kind="test", lease_ms=LEASE_MS)
        self.jobs.create(NAME, kind="test", job={"id": NAME}, job_hash="h", now_ms=NOW)

    def run(
        self, work: Callable[[HeldJob, JobPace], None] | Doing, *, seconds: float = 60.0
    ) -> SliceEnd:
        doing = work if isinstance(work, Doing) else Doing(work)
        return self.worker.run(NAME, doing, seconds=seconds)

    @property
    def stored(self) -> Mapping[str, Any]:
        return self.jobs.get(NAME).data

    def is_free(self) -> bool:
        return (self.stored["lease"]["holder"], self.stored["lease"]["expires_at"]) == (None, 0)


@pytest.fixture
def it() -> Jobs:
    return Jobs()


def fails(error: BaseException) -> Callable[[HeldJob, JobPace], None]:
    def work(_held: HeldJob, _pace: JobPace) -> None:
        raise error

    return work


def finishes(held: HeldJob, _pace: JobPace) -> None:
    held.finish("done", {"result": 7}, now_ms=NOW)


def test_a_job_that_comes_to_its_end_is_done_and_never_worked_on_again(it) -> None:
    assert it.run(finishes) is SliceEnd.WORKED
    assert (it.stored["status"], it.stored["result"], it.is_free()) == ("done", 7, True)
    assert it.run(fails(AssertionError("worked on again"))) is SliceEnd.FINAL


def test_a_job_that_is_not_there_cannot_be_worked_on(it) -> None:
    with pytest.raises(NotThere):
        it.worker.run("another", Doing(finishes), seconds=1.0)


def test_while_one_works_another_finds_it_busy(it) -> None:
    ends = []

    def work(held: HeldJob, pace: JobPace) -> None:
        ends.append(it.run(fails(AssertionError("two at once"))))
        finishes(held, pace)

    assert it.run(work) is SliceEnd.WORKED
    assert ends == [SliceEnd.BUSY]


def test_a_slice_whose_time_is_up_leaves_what_it_says_and_the_job_waits(it) -> None:
    left = TimeIsUp("1 s was over before the end", changes={"share": 0.25})
    assert it.run(fails(left)) is SliceEnd.WORKED
    assert (it.stored["status"], it.stored["share"], it.is_free()) == ("waiting", 0.25, True)
    assert it.run(finishes) is SliceEnd.WORKED
    assert it.stored["slices"] == 2


def test_a_job_that_is_canceled_meanwhile_is_given_up_and_forgotten(it) -> None:
    def work(_held: HeldJob, pace: JobPace) -> None:
        it.jobs.cancel(NAME, now_ms=NOW)
        pace.note({"share": 0.5})
        raise AssertionError("went on")

    doing = Doing(work)
    assert it.run(doing) is SliceEnd.WORKED
    assert (it.stored["status"], it.stored["checkpoint"], it.is_free()) == ("canceled", None, True)
    assert doing.forgotten == [NAME]


@pytest.mark.parametrize("error", [Unavailable("away"), StoreBroken("full"), KeyboardInterrupt()])
def test_where_a_store_fails_or_a_person_ends_it_the_job_waits_at_once(it, error) -> None:
    doing = Doing(fails(error))
    with pytest.raises(type(error)):
        it.run(doing)
    assert (it.stored["status"], it.is_free(), doing.waited) == ("waiting", True, [error])


def test_what_makes_a_job_impossible_ends_it_as_failed_and_is_not_raised(it) -> None:
    assert it.run(fails(BadData("a hole in the candles"))) is SliceEnd.WORKED
    wrong = {"error": "a hole in the candles", "of": NAME}
    assert (it.stored["status"], it.stored["error"], it.is_free()) == ("failed", wrong, True)


def test_a_surprise_ends_a_job_too_and_its_place_is_logged(it, capsys) -> None:
    assert it.run(fails(ZeroDivisionError("by nothing"))) is SliceEnd.WORKED
    assert it.stored["error"]["error"] == "ZeroDivisionError: by nothing"
    assert "test.surprise" in capsys.readouterr().err


def test_a_worker_that_lost_its_lease_says_busy_and_changes_nothing(it) -> None:
    def work(held: HeldJob, _pace: JobPace) -> None:
        second = it.jobs.take(NAME, now_ms=NOW + LEASE_MS, lease_ms=LEASE_MS)
        assert second is not None
        held.save({"share": 0.9}, now_ms=NOW + LEASE_MS)

    assert it.run(work) is SliceEnd.BUSY
    assert (it.stored["status"], it.stored["share"]) == ("working", 0.0)


def test_a_job_that_is_done_stays_done_where_something_fails_after_it(it) -> None:
    def work(held: HeldJob, pace: JobPace) -> None:
        finishes(held, pace)
        raise StoreBroken("a checkpoint could not be deleted")

    with pytest.raises(StoreBroken):
        it.run(work)
    assert (it.stored["status"], it.stored["result"]) == ("done", 7)


def test_the_heartbeat_keeps_the_lease_of_who_is_silent(it) -> None:
    held = it.jobs.take(NAME, now_ms=NOW, lease_ms=90)
    it.clock.sleep_until(NOW + 5_000)
    with keep_alive(held, it.clock):
        until = time.monotonic() + 5.0
        while it.stored["lease"]["expires_at"] < NOW + 5_000 and time.monotonic() < until:
            time.sleep(0.01)
    assert it.stored["lease"]["expires_at"] == NOW + 5_090
    held.release({}, now_ms=NOW + 5_000)
    with pytest.raises(LeaseLost, match="given back"):
        held.save({}, now_ms=NOW + 5_001)


def test_how_far_a_job_is_is_written_at_once_and_then_once_a_second(it) -> None:
    held = it.jobs.take(NAME, now_ms=NOW, lease_ms=LEASE_MS)
    pace = JobPace(held, now_ms=it.clock.now_ms, seconds=60.0)
    pace.note({"share": 0.1})
    pace.note({"share": 0.2})
    assert it.stored["share"] == 0.1
    assert not pace.is_over
    assert JobPace(held, now_ms=it.clock.now_ms, seconds=0.0).is_over


def test_a_checkpoint_is_gone_on_from_unless_it_is_damaged_or_of_other_inputs(it) -> None:
    bucket = MemoryBucket()
    checkpoints = Checkpoints(bucket, "tests/job/", kind="test")
    held = it.jobs.take(NAME, now_ms=NOW, lease_ms=LEASE_MS)
    assert checkpoints.find(held, fingerprint="f") is None
    for at in (1, 2):
        checkpoints.save(held, {"at": at}, {"share": 0.1}, at=at, fingerprint="f", now_ms=NOW)
    assert bucket.keys() == [held.data["checkpoint"]] == ["tests/job/checkpoints/1-2"]
    assert checkpoints.find(held, fingerprint="f") == {"at": 2}
    assert checkpoints.find(held, fingerprint="other") is None
    bucket.put(held.data["checkpoint"], b"damaged")
    assert checkpoints.find(held, fingerprint="f") is None
    checkpoints.forget()
    assert bucket.keys() == []
