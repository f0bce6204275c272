"""One holder at a time, by the document's own version, whatever dies, is slow or has a wrong
clock.
"""

import threading

import pytest

from shared.core.errors import Conflict, LeaseLost
from shared.stores import lease as leases
from shared.stores.conflicts import repeat_on_conflict
from shared.stores.lease import Lease
from shared.stores.memory import MemoryDocuments
from shared.stores.ports import Write

PATH, LEASE_MS, T0 = "bots/b", 60_000, 1_767_225_600_000


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


def take(documents: MemoryDocuments, now_ms: int = T0, **more: int) -> Lease | None:
    stored = documents.get(PATH)
    changes = {"state": None} if stored is None else {}
    return leases.take(
        documents, PATH, stored, changes=changes, now_ms=now_ms, lease_ms=LEASE_MS, **more
    )


def held_by_us(documents: MemoryDocuments, now_ms: int = T0) -> Lease:
    lease = take(documents, now_ms)
    assert lease is not None
    return lease


def test_the_first_lease_makes_the_document_and_its_fence_grows_with_each(documents) -> None:
    first = held_by_us(documents)
    assert (first.fence, first.expires_at, first.data["state"]) == (1, T0 + LEASE_MS, None)
    leases.release(documents, first, {"state": {"n": 1}})
    assert documents.get(PATH).data == {
        "state": {"n": 1},
        "lease": {"holder": None, "fence": 1, "expires_at": 0},
    }
    assert held_by_us(documents).fence == 2


def test_nobody_takes_a_lease_that_is_held_and_anybody_one_that_ran_out(documents) -> None:
    first = held_by_us(documents)
    assert take(documents, T0 + LEASE_MS - 1) is None
    second = held_by_us(documents, T0 + LEASE_MS)
    assert (second.fence, second.holder != first.holder) == (first.fence + 1, True)


def test_of_many_that_read_the_same_document_one_takes_it(documents) -> None:
    stored, taken, barrier = documents.create(PATH, {"lease": leases.unheld(fence=3)}), [], 8
    together = threading.Barrier(barrier)

    def race() -> None:
        together.wait()
        taken.append(leases.take(documents, PATH, stored, changes={}, now_ms=T0, lease_ms=LEASE_MS))

    threads = [threading.Thread(target=race) for _ in range(barrier)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [lease.fence for lease in taken if lease is not None] == [4]
    assert len(taken) == barrier


def test_who_lost_the_lease_can_neither_renew_nor_release_nor_save_with_it(documents) -> None:
    lost = held_by_us(documents)
    ours = held_by_us(documents, T0 + LEASE_MS)
    with pytest.raises(LeaseLost):
        leases.renew(documents, lost, {"state": "lost"}, expires_at=T0 + 3 * LEASE_MS)
    with pytest.raises(LeaseLost):
        leases.release(documents, lost, {"state": "lost"})
    for write in (lost.release_write({"state": "lost"}), lost.condition):
        with pytest.raises(Conflict):
            documents.commit([write, Write(kind="put", path="other/x", data={})])
    assert documents.get("other/x") is None
    stored = documents.get(PATH).data
    assert (stored["state"], stored["lease"]["holder"]) == (None, ours.holder)
    leases.renew(documents, ours, {"state": "ours"}, expires_at=T0 + 3 * LEASE_MS)
    assert documents.get(PATH).data["state"] == "ours"


def test_a_renewed_lease_is_held_for_longer(documents) -> None:
    lease = leases.renew(documents, held_by_us(documents), {}, expires_at=T0 + 5 * LEASE_MS)
    assert lease.expires_at == T0 + 5 * LEASE_MS
    assert take(documents, T0 + 5 * LEASE_MS - 1) is None
    assert take(documents, T0 + 5 * LEASE_MS) is not None


def test_what_others_wrote_beside_the_lease_stays_when_it_is_renewed(documents) -> None:
    lease = held_by_us(documents)
    stored = documents.get(PATH)
    documents.replace(stored, {**stored.data, "cancel": True})
    renewed = leases.renew(documents, lease, {"state": 1}, expires_at=T0 + LEASE_MS)
    assert renewed.data == documents.get(PATH).data
    assert (renewed.data["cancel"], renewed.data["state"]) == (True, 1)


def test_a_lease_that_was_given_back_is_not_ours_to_renew(documents) -> None:
    """As a heartbeat would that comes a moment late."""
    back = leases.release(documents, held_by_us(documents), {"state": "done"})
    for again in (
        lambda: leases.renew(documents, back, {}, expires_at=T0 + LEASE_MS),
        lambda: leases.release(documents, back, {"state": "waiting"}),
    ):
        with pytest.raises(LeaseLost, match="given back"):
            again()
    stored = documents.get(PATH).data
    assert (stored["state"], stored["lease"]["expires_at"]) == ("done", 0)


def test_a_lease_that_ends_later_than_any_can_was_written_by_a_wrong_clock(documents) -> None:
    held_by_us(documents, T0 + 1_000_000)
    assert take(documents, T0, longest_ms=1_000_000 + LEASE_MS) is None
    assert take(documents, T0, longest_ms=1_000_000 + LEASE_MS - 1) is not None


def test_another_lease_is_judged_by_the_better_clock_and_ours_counted_by_our_own(documents) -> None:
    held_by_us(documents, T0)
    assert take(documents, T0 - 5_000, judged_at=T0 + LEASE_MS - 1) is None
    ours = take(documents, T0 - 5_000, judged_at=T0 + LEASE_MS)
    assert ours is not None
    assert ours.expires_at == T0 - 5_000 + LEASE_MS


def test_a_change_is_decided_anew_where_another_was_first_and_given_up_after_so_many() -> None:
    tries = []

    def change() -> str:
        tries.append(len(tries))
        if len(tries) < 3:
            raise Conflict("another was first")
        return "stored"

    assert repeat_on_conflict(change) == "stored"
    assert len(tries) == 3
    tries.clear()
    with pytest.raises(Conflict):
        repeat_on_conflict(change, attempts=2)
    assert len(tries) == 2
