"""What every bucket must do. Adapters: conftest.py."""

import multiprocessing
import threading

import pytest

from shared.core.errors import BadData, Conflict
from shared.stores.ports import Blob
from tests.support.adapters import bucket_at


def test_what_was_put_is_read_back_with_its_generation(bucket):
    generation = bucket.put("bundles/2026/model.npz", b"\x00\xff")
    assert bucket.get("bundles/2026/model.npz") == Blob(
        key="bundles/2026/model.npz", data=b"\x00\xff", generation=generation
    )
    assert bucket.generation("bundles/2026/model.npz") == generation > 0


def test_an_object_that_is_not_there_is_none(bucket):
    assert bucket.get("a") is None
    assert bucket.generation("a") is None
    bucket.put("a/b/c", b"")
    assert bucket.get("a/b") is None
    assert bucket.generation("a/b") is None
    assert bucket.get("a/b/c/d") is None
    assert bucket.generation("a/b/c/d") is None
    assert bucket.get("a/b/c").data == b""


def test_the_generation_grows_with_every_write_also_of_the_same_bytes(bucket):
    generations = [bucket.put("a", b"same") for _ in range(200)]
    assert generations == sorted(set(generations))
    assert len(generations) == 200


def test_zero_asks_for_a_new_object_and_a_number_for_exactly_that_one(bucket):
    first = bucket.put("a", b"1", if_generation=0)
    with pytest.raises(Conflict, match="exists already"):
        bucket.put("a", b"2", if_generation=0)
    second = bucket.put("a", b"2", if_generation=first)
    with pytest.raises(Conflict, match="generation"):
        bucket.put("a", b"3", if_generation=first)
    with pytest.raises(Conflict, match="gone"):
        bucket.put("b", b"3", if_generation=first)
    assert bucket.get("a").data == b"2"
    assert bucket.generation("a") == second
    with pytest.raises(BadData):
        bucket.put("a", b"", if_generation=-1)


def test_what_is_deleted_is_gone_and_may_be_made_again_under_another_generation(bucket):
    first = bucket.put("x/y/z", b"1")
    bucket.delete("x/y/z")
    bucket.delete("x/y/z")
    assert bucket.get("x/y/z") is None
    assert bucket.keys() == []
    assert bucket.put("x/y/z", b"1", if_generation=0) > first


def test_keys_are_sorted_and_chosen_by_any_prefix(bucket):
    for key in ("b", "a/2", "a/10", "ab/c", "a-b", "a.b"):
        bucket.put(key, b"")
    assert bucket.keys() == ["a-b", "a.b", "a/10", "a/2", "ab/c", "b"]
    assert bucket.keys("a/") == ["a/10", "a/2"]
    assert bucket.keys("a/1") == ["a/10"]
    assert bucket.keys("a") == ["a-b", "a.b", "a/10", "a/2", "ab/c"]
    assert bucket.keys("nothing/here") == []
    assert bucket.keys("b/") == []


FORKS = pytest.mark.filterwarnings(
    "ignore:This process:DeprecationWarning"
)  # told from 3.12 on; no thread runs then

BAD_KEYS = [
    "",
    "/a",
    "a/",
    "a//b",
    "..",
    "a/../b",
    "./a",
    "a\\b",
    "a\x00",
    ".tmp/x",
    "a/.hidden",
    "\ud800",
    "x" * 256,
    "x/" * 600 + "x",
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_is_not_safe_is_refused_everywhere(bucket, key):
    for use in (bucket.get, bucket.generation, bucket.delete, lambda bad: bucket.put(bad, b"")):
        with pytest.raises(BadData, match="object key"):
            use(key)


@pytest.mark.parametrize("prefix", ["/", "../", "a/../b", ".", "a\\"])
def test_a_prefix_that_no_key_can_begin_with_is_refused(bucket, prefix):
    with pytest.raises(BadData, match="object key"):
        bucket.keys(prefix)


def test_of_8_threads_that_make_an_object_exactly_one_succeeds(bucket):
    for race in range(30):
        barrier, told = threading.Barrier(8), []

        def run(number, race=race, barrier=barrier, told=told):
            barrier.wait()
            try:
                bucket.put(f"race/{race}", str(number).encode(), if_generation=0)
                told.append(number)
            except Conflict:
                told.append(None)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        won = [number for number in told if number is not None]
        assert len(told) == 8
        assert [str(number).encode() for number in won] == [bucket.get(f"race/{race}").data]


def _increment(bucket, times):
    for _ in range(times):
        while True:
            blob = bucket.get("counter")
            try:
                bucket.put(
                    "counter", str(int(blob.data) + 1).encode(), if_generation=blob.generation
                )
                break
            except Conflict:
                continue


def _in_a_process(path, races, times, start, results):
    bucket = bucket_at(path)
    start.wait()
    won = []
    for race in range(races):
        try:
            bucket.put(f"deep/race/{race}", b"", if_generation=0)
            won.append(race)
        except Conflict:
            continue
    _increment(bucket, times)
    results.put(won)


@FORKS
def test_preconditions_hold_between_processes(lasting_bucket_case):
    bucket = lasting_bucket_case.open()
    bucket.put("counter", b"0")
    context = multiprocessing.get_context("fork")
    start, results = context.Event(), context.Queue()
    processes = [
        context.Process(
            target=_in_a_process, args=(lasting_bucket_case.address, 40, 20, start, results)
        )
        for _ in range(4)
    ]
    for process in processes:
        process.start()
    start.set()
    won = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert sorted(race for races in won for race in races) == list(range(40))
    assert bucket.get("counter").data == b"80"


def test_objects_are_there_when_the_bucket_is_opened_again(lasting_bucket_case):
    generation = lasting_bucket_case.open().put("a/b", b"kept")
    assert lasting_bucket_case.open().get("a/b") == Blob(
        key="a/b", data=b"kept", generation=generation
    )
