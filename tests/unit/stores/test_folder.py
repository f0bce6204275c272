"""What is the folder's own: files as people see them, leftovers, locks, broken folders."""

import fcntl
import multiprocessing
import os
import threading
import time

import pytest

from shared.core.errors import BadData, Conflict, StoreBroken
from shared.stores.local.folder import FolderBucket, _stamp


@pytest.fixture
def bucket(tmp_path):
    return FolderBucket(tmp_path / "bucket")


def test_an_object_is_a_plain_file_at_its_key(bucket):
    bucket.put("candles/15m/2026.parquet", b"PAR1")
    assert (bucket.path / "candles/15m/2026.parquet").read_bytes() == b"PAR1"


def test_reading_an_empty_bucket_makes_nothing(bucket):
    assert (bucket.get("a"), bucket.generation("a"), bucket.keys(), bucket.keys("a/b/")) == (
        None,
        None,
        [],
        [],
    )
    bucket.delete("a")
    assert not bucket.path.exists()


def test_a_file_that_a_person_puts_there_is_an_object_with_a_new_generation(bucket):
    generation = bucket.put("a", b"1")
    (bucket.path / "a").write_bytes(b"by hand")
    assert bucket.generation("a") != generation
    with pytest.raises(Conflict):
        bucket.put("a", b"2", if_generation=generation)
    os.utime(bucket.path / "a", ns=(0, 0))
    assert (
        bucket.generation("a") == bucket.get("a").generation == 1
    )  # never 0, which means: not there


def test_leftovers_of_killed_writers_are_never_listed_and_go_after_an_hour(bucket):
    bucket.put("a", b"1")
    young, old = bucket.path / ".tmp" / "young", bucket.path / ".tmp" / "old"
    for leftover in (young, old):
        leftover.write_bytes(b"half")
    os.utime(old, (time.time() - 3700, time.time() - 3700))
    (bucket.path / ".DS_Store").write_bytes(b"")
    assert bucket.keys() == ["a"]
    bucket.put("b", b"2")
    assert young.exists()
    assert not old.exists()
    assert list((bucket.path / ".tmp").iterdir()) == [young]


def test_a_refused_write_leaves_nothing_behind(bucket):
    bucket.put("a", b"1")
    for _ in range(3):
        with pytest.raises(Conflict):
            bucket.put("a", b"2", if_generation=0)
    assert list((bucket.path / ".tmp").iterdir()) == []


def test_object_and_folder_at_one_key_are_refused(bucket):
    bucket.put("a/b", b"1")
    with pytest.raises(BadData, match="'a' cannot be stored"):
        bucket.put("a", b"2")
    with pytest.raises(BadData, match="'a/b/c' cannot be stored"):
        bucket.put("a/b/c", b"2")
    bucket.delete("a/b")
    bucket.put("a", b"2")
    assert bucket.keys() == ["a"]


def test_deleting_removes_only_folders_that_it_leaves_empty(bucket):
    bucket.put("a/b/c", b"")
    bucket.put("a/d", b"")
    bucket.delete("a/b/c")
    assert sorted(path.name for path in bucket.path.iterdir()) == [".lock", ".tmp", "a"]
    assert [path.name for path in (bucket.path / "a").iterdir()] == ["d"]


@pytest.mark.parametrize("coarse_ns", [1, 100, 1_000, 1_000_000_000, 2_000_000_000])
def test_the_generation_grows_also_where_times_are_kept_coarsely_or_the_clock_went_back(
    tmp_path, monkeypatch, coarse_ns
):
    utime = os.utime
    monkeypatch.setattr(
        os,
        "utime",
        lambda path, ns: utime(path, ns=tuple(at // coarse_ns * coarse_ns for at in ns)),
    )
    file = tmp_path / "file"
    file.write_bytes(b"")
    stored = time.time_ns() + 3_600_000_000_000  # an hour ahead of this clock
    seen = [stored]
    for _ in range(20):
        stored = _stamp(file, after=stored)
        assert stored == file.stat().st_mtime_ns
        seen.append(stored)
    assert seen == sorted(set(seen))


def test_a_reader_sees_one_whole_version_with_its_own_generation_while_writers_write(bucket):
    sizes = [100_000, 200_000]
    told = {bucket.put("a", bytes([0]) * sizes[0]): 0}
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            number = (number + 1) % 200
            told[bucket.put("a", bytes([number]) * sizes[number % 2])] = number

    writer = threading.Thread(target=write)
    writer.start()
    read, until = [], time.monotonic() + 1.5
    while time.monotonic() < until:
        read.append(bucket.get("a"))
    stop.set()
    writer.join()
    assert len({blob.generation for blob in read}) >= 5
    for blob in read:
        assert blob.data == bytes([told[blob.generation]]) * len(blob.data)
        assert len(blob.data) == sizes[told[blob.generation] % 2]


# broken folders


def test_a_lock_that_is_held_for_too_long_is_told(bucket):
    bucket.put("a", b"1")
    impatient = FolderBucket(bucket.path, busy_seconds=0.2)
    descriptor = os.open(bucket.path / ".lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(
        StoreBroken, match=r"locked by another process for more than 0\.2 s"
    ) as caught:
        impatient.put("a", b"2")
    assert caught.value.remedy
    assert impatient.get("a").data == b"1"
    os.close(descriptor)
    impatient.put("a", b"2")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_forked_while_the_lock_was_held_does_not_keep_it(bucket):
    bucket.put("a", b"1")
    context = multiprocessing.get_context("fork")
    with bucket._lock_writers():
        child = context.Process(target=time.sleep, args=(30,))
        child.start()
    FolderBucket(bucket.path, busy_seconds=1).put("a", b"2")
    assert child.is_alive()
    child.kill()
    child.join()


def test_a_bucket_whose_place_is_taken_by_a_file_is_told(tmp_path):
    (tmp_path / "bucket").write_text("x")
    bucket = FolderBucket(tmp_path / "bucket")
    with pytest.raises(StoreBroken, match="cannot be used") as caught:
        bucket.put("a", b"")
    assert "BOT_BUCKET" in caught.value.remedy
    assert (tmp_path / "bucket").read_text() == "x"


def test_a_full_disk_is_told_and_the_old_object_stays(bucket, monkeypatch):
    bucket.put("a", b"1")

    def full(descriptor):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreBroken, match="No space left") as caught:
        bucket.put("a", b"2")
    assert "free some space" in caught.value.remedy
    monkeypatch.undo()
    assert bucket.get("a").data == b"1"
    assert list((bucket.path / ".tmp").iterdir()) == []


def _as_nobody(path, results):
    if os.geteuid() == 0:
        os.setuid(65534)
    bucket, told = FolderBucket(path), []
    for use in (lambda: bucket.put("new", b""), lambda: bucket.keys("secret/")):
        try:
            told.append(str(use()))
        except StoreBroken as error:
            told.append(str(error))
    results.put(told)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_folder_that_may_not_be_used_is_told_and_never_taken_for_an_empty_one(bucket, tmp_path):
    bucket.put("secret/a", b"1")
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    (bucket.path / "secret").chmod(0o000)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_as_nobody, args=(bucket.path, results))
    child.start()
    told = results.get(timeout=20)
    child.join()
    (bucket.path / "secret").chmod(0o755)
    assert len(told) == 2
    assert all("cannot be used (Permission denied)" in item for item in told)
