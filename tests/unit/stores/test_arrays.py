"""Arrays in a bucket: read back as written, never trusted when damaged, the oldest taken away."""

import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from shared.core.errors import BadData
from shared.stores.arrays import ArrayStore
from shared.stores.local.folder import FolderBucket
from shared.stores.memory import MemoryBucket

ARRAYS = {
    "odd": np.array([1, -1, 0], dtype=np.int8),
    "floats": np.array([[1.5, np.nan], [-0.0, np.inf], [3.0, 4.0]]),
    "flags": np.array([True]),
    "nothing": np.empty((0, 3)),
    "instants": np.array([1, 2**62], dtype=np.int64),
}


@pytest.fixture(params=["memory", "folder"])
def bucket(request, tmp_path):
    return MemoryBucket() if request.param == "memory" else FolderBucket(tmp_path / "bucket")


def test_arrays_are_read_back_as_they_were_written_and_cannot_be_changed(bucket):
    store = ArrayStore(bucket, "stages/")
    assert store.read("ab") is None
    store.write("ab", {**ARRAYS, "turned": ARRAYS["floats"].T})
    found = store.read("ab")
    assert found is not None
    assert list(found) == [*ARRAYS, "turned"]
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        assert found[name].tobytes() == array.tobytes()
        assert found[name].shape == array.shape
        assert not found[name].flags.writeable
    assert np.array_equal(found["turned"], ARRAYS["floats"].T, equal_nan=True)
    assert store.read("a") is None


def test_any_single_flipped_byte_and_any_cut_is_noticed(bucket):
    store = ArrayStore(bucket, "stages/")
    store.write("ab", ARRAYS)
    (name,) = bucket.keys("stages/")
    good = bucket.get(name).data
    tried = 0
    padding = good.index(b"\n")
    for at in range(len(good)):
        if good[at : at + 1] == b" " and good[at:padding].strip() == b"":
            continue  # the blanks that fill the header up say nothing
        bad = bytearray(good)
        bad[at] ^= 0x55
        bucket.put(name, bytes(bad))
        with pytest.raises(BadData, match="damaged"):
            store.read("ab")
        tried += 1
    for length in (0, 1, 50, len(good) - 1):
        bucket.put(name, good[:length])
        with pytest.raises(BadData, match="damaged"):
            store.read("ab")
    assert tried > 320
    bucket.put(name, good)
    assert store.read("ab") is not None


def test_an_entry_under_another_name_is_foreign(bucket):
    store = ArrayStore(bucket, "stages/")
    store.write("ab", ARRAYS)
    (name,) = bucket.keys("stages/")
    bucket.put(name.replace("ab", "cd"), bucket.get(name).data)
    with pytest.raises(BadData, match="not the ones"):
        store.read("cd")


def test_writing_again_replaces_a_damaged_entry_of_another_size(bucket):
    store = ArrayStore(bucket, "stages/")
    store.write("ab", ARRAYS)
    (name,) = bucket.keys("stages/")
    bucket.delete(name)
    bucket.put("stages/ab.7", b"rubbish")
    with pytest.raises(BadData):
        store.read("ab")
    store.write("ab", ARRAYS)
    assert store.read("ab") is not None
    assert len(bucket.keys("stages/")) == 1


def test_the_oldest_entries_go_by_count_and_by_size_and_other_objects_stay(bucket):
    bucket.put("bundles/current.json", b"{}")
    few = ArrayStore(bucket, "stages/", most_entries=3)
    for number in range(6):
        few.write(f"{number}", ARRAYS)
    assert [few.read(f"{number}") is not None for number in range(6)] == [False] * 3 + [True] * 3
    size = int(bucket.keys("stages/")[0].rpartition(".")[2])
    small = ArrayStore(bucket, "stages/", most_bytes=2 * size + 1)
    small.write("6", ARRAYS)
    assert [small.read(f"{number}") is not None for number in range(3, 7)] == [
        False,
        False,
        True,
        True,
    ]
    tiny = ArrayStore(bucket, "stages/", most_bytes=1)
    tiny.write("7", ARRAYS)
    assert tiny.read("7") is not None, "what was written a moment ago stays"
    assert len(bucket.keys("stages/")) == 1
    assert bucket.get("bundles/current.json") is not None


def test_a_kind_that_is_not_stored_is_refused(bucket):
    with pytest.raises(BadData, match="float32"):
        ArrayStore(bucket, "stages/").write("ab", {"a": np.zeros(3, dtype=np.float32)})
    assert bucket.keys() == []


def _write_and_read(folder: str, seed: int) -> int:
    store = ArrayStore(FolderBucket(Path(folder)), "stages/", most_entries=2)
    wrong = 0
    for number in range(30):
        key = f"{(number + seed) % 5}"
        found = store.read(key)
        if found is None:
            store.write(key, {"a": np.full(2_000, int(key), dtype=np.int64)})
        else:
            wrong += int((found["a"] != int(key)).any())
    return wrong


def test_processes_that_write_read_and_make_room_at_once_never_see_half_an_entry(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.starmap(
            _write_and_read, [(str(tmp_path / "bucket"), seed) for seed in range(2)]
        ) == [0, 0]
