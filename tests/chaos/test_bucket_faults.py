"""Every call of the bucket in Cloud Storage under every fault: the outcome is right, it comes in
time, and nothing is written twice, taken away twice, or lost. Both sides count.
"""

import itertools
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from shared.core.deadline import Deadline, bind_deadline
from shared.core.errors import BadData, Conflict, RateLimited, StoreBroken, Unavailable
from shared.stores.google.storage import GoogleBucket
from tests.support.storage_server import Fault, StorageServer, running

SILENCE_SECONDS = 0.2
TIMEOUT_SECONDS = 2.5
SHORT_SECONDS = 0.6
GRACE_SECONDS = 0.6
"""Beyond its limit a call may take so long, on a busy machine."""

PASSING = {
    "lost": Fault("lost"),
    "late": Fault("late"),
    "hang": Fault("hang"),
    "held": Fault("held", seconds=2 * SILENCE_SECONDS),
    "slow": Fault("slow", seconds=0.001),
    "429": Fault("status", status=429),
    "503": Fault("status", status=503),
    "500 though applied": Fault("after", status=500),
    "503 though applied": Fault("after", status=503),
    "409": Fault("status", status=409),
    "another 404": Fault("status", status=404),
    "spoiled": Fault("spoiled"),
}
"""What is over with the next request."""
LASTING = {
    "lost": Fault("lost"),
    "hang": Fault("hang"),
    "trickle": Fault("slow", seconds=0.1),
    "429": Fault("status", status=429),
    "503": Fault("status", status=503),
}


MARKS = {True: (), False: pytest.mark.full}


def sized(names: Iterable[str], *quick: str) -> list[Any]:
    """All of them, of which only the quick ones are of the default size."""
    return [pytest.param(name, marks=MARKS[name in quick]) for name in names]


WHOLE = [name for name in PASSING if name != "spoiled"]
"""Those without a checksum of their own: JSON over TLS is not checked again."""
QUICK = ("lost", "hang", "held", "503", "503 though applied")


@contextmanager
def storage(**more: Any) -> Iterator[tuple[StorageServer, GoogleBucket]]:
    limits = {
        "pause_seconds": 0.01,
        "silence_seconds": SILENCE_SECONDS,
        "timeout_seconds": TIMEOUT_SECONDS,
        **more,
    }
    with (
        running("bucket") as server,
        closing(GoogleBucket("bucket", "bots", endpoint=server.url, **limits)) as bucket,
    ):
        yield server, bucket


@contextmanager
def ending_in(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < seconds + GRACE_SECONDS, took


def stored(server: StorageServer) -> dict[str, bytes]:
    return {name: item.data for name, item in server.objects("bucket").items()}


PUTS = {
    "put of a new object": ("put", "new", 0),
    "put over a generation": ("put", "there", "its"),
    "put without a precondition": ("put", "there", None),
    "put without a precondition of a new object": ("put", "new", None),
    "looking before a put without a precondition": ("look", "there", None),
}


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("case", sized(PUTS, "put of a new object", "put without a precondition"))
def test_a_put_under_a_fault_is_stored_once_and_told_by_its_generation(case, fault) -> None:
    verb, key, wanted = PUTS[case]
    with storage() as (server, bucket):
        before = bucket.put("there", b"before", if_generation=0)
        server.plan(verb, PASSING[fault])
        with ending_in(TIMEOUT_SECONDS):
            made = bucket.put(key, b"after", if_generation=before if wanted == "its" else wanted)
        time.sleep(2 * SILENCE_SECONDS if fault == "held" else 0)  # what was held arrives now
        assert [item.data for item in server.written] == [b"before", b"after"]
        assert server.written[-1].generation == made == bucket.generation(key)
        assert server.requests[verb] >= 2
        assert bucket.get(key).data == b"after"
        assert (bucket.get(key).generation, bucket.generation(key)) == (made, made)


BIG = bytes(range(256)) * 40_000  # beyond 8 MiB Google's client begins an upload and sends it after


@pytest.mark.parametrize("fault", sized(PASSING, "lost", "spoiled"))
@pytest.mark.parametrize("verb", ["start", "put"])
def test_a_large_put_under_a_fault_is_stored_once(verb, fault) -> None:
    with storage(silence_seconds=1.0, timeout_seconds=6.0) as (server, bucket):
        server.plan(verb, PASSING[fault])
        with ending_in(6.0):
            made = bucket.put("big", BIG, if_generation=0)
        assert [item.generation for item in server.written] == [made]
        assert server.requests["start"] >= 1
        assert bucket.get("big").data == BIG


@pytest.mark.parametrize("fault", PASSING)
def test_a_get_under_a_fault_gives_the_bytes_and_the_generation_of_one_object(fault) -> None:
    with storage() as (server, bucket):
        made = bucket.put("a", b"bytes" * 50, if_generation=0)
        server.plan("get", PASSING[fault])
        with ending_in(TIMEOUT_SECONDS):
            blob = bucket.get("a")
        assert (blob.data, blob.generation) == (b"bytes" * 50, made)


@pytest.mark.parametrize("fault", sized(WHOLE, *QUICK))
def test_a_generation_under_a_fault_is_the_stored_one(fault) -> None:
    with storage() as (server, bucket):
        made = bucket.put("a", b"1", if_generation=0)
        server.plan("look", PASSING[fault])
        with ending_in(TIMEOUT_SECONDS):
            assert bucket.generation("a") == made


@pytest.mark.parametrize("fault", sized(WHOLE, *QUICK))
def test_a_listing_under_a_fault_is_whole(fault) -> None:
    with storage() as (server, bucket):
        for key in ("b", "a/1", "a/2"):
            bucket.put(key, b"", if_generation=0)
        server.plan("list", PASSING[fault])
        with ending_in(TIMEOUT_SECONDS):
            assert bucket.keys("a/") == ["a/1", "a/2"]
        assert server.requests["list"] >= (1 if fault == "slow" else 2)


@pytest.mark.parametrize("fault", sized(WHOLE, *QUICK))
@pytest.mark.parametrize("verb", ["look", "delete"])
def test_a_delete_under_a_fault_takes_away_once(verb, fault) -> None:
    with storage() as (server, bucket):
        bucket.put("a", b"1", if_generation=0)
        server.plan(verb, PASSING[fault])
        with ending_in(TIMEOUT_SECONDS):
            bucket.delete("a")
        time.sleep(2 * SILENCE_SECONDS if fault == "held" else 0)
        assert [item.name for item in server.removed] == ["bots/a"]
        assert stored(server) == {}


CALLS = {
    "get": ("get", lambda bucket: bucket.get("a")),
    "generation": ("look", lambda bucket: bucket.generation("a")),
    "put": ("put", lambda bucket: bucket.put("b", b"1", if_generation=0)),
    "free put": ("look", lambda bucket: bucket.put("b", b"1")),
    "delete": ("delete", lambda bucket: bucket.delete("a")),
    "keys": ("list", lambda bucket: bucket.keys()),
}


@pytest.mark.parametrize("fault", sized(LASTING, "hang", "trickle", "429"))
@pytest.mark.parametrize("call", CALLS)
def test_a_fault_that_lasts_is_told_as_unavailable_in_time(call, fault) -> None:
    verb, ask = CALLS[call]
    with storage(timeout_seconds=SHORT_SECONDS) as (server, bucket):
        bucket.put("a", b"x" * 100, if_generation=0)
        server.plan(verb, *itertools.repeat(LASTING[fault], 20))
        if call == "delete" and fault in {"trickle", "lost"}:
            bucket.delete("a")  # an empty answer has nothing to trickle; what is gone is gone
            assert [item.name for item in server.removed] == ["bots/a"]
            return
        if call == "put" and fault == "lost":
            assert bucket.put("b", b"1", if_generation=0) == bucket.generation("b")
            return
        with ending_in(SHORT_SECONDS), pytest.raises(Unavailable) as told:
            ask(bucket)
        assert isinstance(told.value, RateLimited) == (fault == "429")
        assert len(server.written) <= 2
        assert server.removed == []


def test_a_bound_deadline_ends_a_call_before_its_own_limit() -> None:
    with storage(timeout_seconds=30.0, silence_seconds=30.0) as (server, bucket):
        server.plan("get", *itertools.repeat(Fault("hang"), 5))
        with bind_deadline(Deadline.after(0.5)):
            with ending_in(0.5), pytest.raises(Unavailable, match="in time"):
                bucket.get("a")
            with ending_in(0.0), pytest.raises(Unavailable, match="in time"):
                bucket.put("a", b"")
        assert server.written == []


def test_a_host_that_takes_no_connection_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # they fill its queue, and it takes none of them
            one.setblocking(False)
            one.connect_ex(address)
        limits = {"timeout_seconds": SHORT_SECONDS, "silence_seconds": 5.0}
        url = f"http://127.0.0.1:{address[1]}"
        with (
            closing(GoogleBucket("bucket", endpoint=url, **limits)) as bucket,
            ending_in(SHORT_SECONDS),
            pytest.raises(Unavailable, match="in time"),
        ):
            bucket.get("a")
        for one in waiting:
            one.close()


def test_a_lost_answer_and_another_writer_after_it_is_a_conflict_that_overwrites_nobody() -> None:
    with storage() as (server, bucket), closing(GoogleBucket("bucket", "bots")) as other:
        other._endpoint = server.url
        before = bucket.put("a", b"0", if_generation=0)
        ours: dict[str, Any] = {}

        def put() -> None:
            try:
                ours["made"] = bucket.put("a", b"ours", if_generation=before)
            except Conflict as error:
                ours["told"] = str(error)

        server.plan("put", Fault("late"))
        thread = threading.Thread(target=put)
        thread.start()
        while len(server.written) < 2:  # stored, and its answer never comes
            time.sleep(0.01)
        theirs = other.put("a", b"theirs", if_generation=server.written[-1].generation)
        thread.join()
        assert "generation" in ours["told"]
        assert [item.data for item in server.written] == [b"0", b"ours", b"theirs"]
        assert (bucket.get("a").data, bucket.generation("a")) == (b"theirs", theirs)


def test_an_upload_that_arrives_after_its_caller_gave_up_changes_nothing_newer() -> None:
    with storage(timeout_seconds=0.5, silence_seconds=5.0) as (server, bucket):
        bucket.put("a", b"0", if_generation=0)
        server.plan("put", Fault("held", seconds=1.2))
        with pytest.raises(Unavailable):
            bucket.put("a", b"late")
        with closing(GoogleBucket("bucket", "bots", endpoint=server.url)) as other:
            other.put("a", b"newer")
            time.sleep(1.2)
            assert other.get("a").data == b"newer"
        assert [item.data for item in server.written] == [b"0", b"newer"]


def test_a_removal_whose_answer_was_lost_takes_nothing_away_that_was_written_since() -> None:
    with storage() as (server, bucket):
        bucket.put("a", b"0", if_generation=0)
        server.plan("delete", Fault("held", seconds=2 * SILENCE_SECONDS), Fault("lost"))
        thread = threading.Thread(target=bucket.delete, args=("a",))
        thread.start()
        while not server.removed:
            time.sleep(0.005)
        with closing(GoogleBucket("bucket", "bots", endpoint=server.url)) as other:
            other.put("a", b"newer", if_generation=0)
            thread.join()
            assert other.get("a").data == b"newer"
        assert len(server.removed) == 1


def test_bytes_that_never_arrive_whole_are_bad_data() -> None:
    with storage() as (server, bucket):
        bucket.put("a", b"bytes" * 50, if_generation=0)
        server.plan("get", *itertools.repeat(Fault("spoiled"), 4))
        with pytest.raises(BadData, match="another checksum"):
            bucket.get("a")
        assert server.requests["get"] == 4
        server.plan("put", *itertools.repeat(Fault("spoiled"), 4))
        with pytest.raises(Unavailable):
            bucket.put("b", b"bytes" * 50, if_generation=0)
        assert [item.name for item in server.written] == ["bots/a"]


def test_a_client_whose_connection_failed_is_thrown_away_and_one_that_was_answered_is_kept() -> (
    None
):
    with storage() as (server, bucket):
        bucket.put("a", b"1", if_generation=0)
        first = bucket._connection._held
        server.plan("get", Fault("status"))
        assert bucket.get("a").data == b"1"
        assert bucket._connection._held is first
        server.plan("get", Fault("hang"))
        assert bucket.get("a").data == b"1"
        assert bucket._connection._held is not first


@pytest.mark.parametrize("call", CALLS)
def test_a_bucket_that_does_not_exist_is_no_empty_one(call) -> None:
    with running("other") as server, closing(GoogleBucket("bucket", endpoint=server.url)) as bucket:
        with pytest.raises(StoreBroken, match="does not exist") as told:
            CALLS[call][1](bucket)
        assert "BOT_BUCKET" in told.value.remedy


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_use_the_bucket_is_told_what_to_do_and_asks_once(call, status) -> None:
    verb, ask = CALLS[call]
    with storage() as (server, bucket):
        bucket.put("a", b"1", if_generation=0)
        before = server.requests[verb]
        server.plan(verb, Fault("status", status=status))
        with pytest.raises(StoreBroken, match="may not be used") as told:
            ask(bucket)
        assert "Storage Object User" in told.value.remedy
        assert server.requests[verb] == before + 1


def test_a_listing_of_many_pages_is_whole_and_holds_only_keys() -> None:
    with storage(timeout_seconds=30.0, silence_seconds=10.0) as (server, bucket):
        bucket.put("there", b"")
        for number in range(2_100):
            request = {"name": f"bots/many/{number:05d}", "metadata": {}}
            server._store("bucket", request, b"", {})
        for odd in ("bots/many/", "bots/.hidden", "elsewhere/many/1"):
            server._store("bucket", {"name": odd}, b"", {})
        keys = bucket.keys("many/")
        assert keys == [f"many/{number:05d}" for number in range(2_100)]
        assert server.requests["list"] == 3
        assert bucket.keys("") == [*keys, "there"]


@pytest.mark.parametrize("wanted", [0, None])
def test_of_8_writers_under_lost_answers_each_success_is_one_write(wanted) -> None:
    with storage(timeout_seconds=30.0, silence_seconds=5.0, attempts=40) as (server, bucket):
        told: list[int | None] = []
        barrier = threading.Barrier(8)
        faults = itertools.cycle([Fault("lost"), Fault("after"), Fault("status")])

        def write(number: int) -> None:
            barrier.wait()
            for race in range(5):
                try:
                    key = f"race/{race}"
                    told.append(bucket.put(key, str(number).encode(), if_generation=wanted))
                except Conflict:
                    told.append(None)

        server.plan("put", *itertools.islice(faults, 30))
        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        won = sorted(made for made in told if made is not None)
        assert len(told) == 40
        assert server.requests["put"] > 40
        if wanted == 0:
            assert won == sorted(item.generation for item in server.written)
            assert len(won) == 5
        else:  # whose own write was replaced before it could be recognised writes once more
            assert set(won) <= {item.generation for item in server.written}
            assert len(won) == len(set(won)) == 40
