import io

import numpy as np
import pytest

from shared.core.errors import StoreBroken
from shared.core.types import Candles, Timeframe
from shared.market.archive import CandleArchive, CandleWindows
from shared.market.candle_files import file_of
from shared.stores.local.folder import FolderBucket
from shared.stores.memory import MemoryBucket

T0 = 1_769_904_000_000  # 2026-02-01 00:00 UTC
DAY = 86_400_000
FIELDS = ("opened_at", "open", "high", "low", "close", "volume")


def candles(
    start: int, count: int, timeframe: Timeframe = Timeframe.M15, *, price: float = 100.0
) -> Candles:
    price_ = np.full(count, price)
    at = start + np.arange(count, dtype=np.int64) * timeframe.ms
    return Candles(
        timeframe=timeframe,
        opened_at=at,
        open=price_,
        high=price_,
        low=price_,
        close=price_,
        volume=np.arange(count) / 10_000,
    )


def same(one: Candles | None, two: Candles) -> bool:
    return (
        one is not None
        and one.timeframe is two.timeframe
        and all(
            np.array_equal(getattr(one, name), getattr(two, name))
            and getattr(one, name).dtype == getattr(two, name).dtype
            for name in FIELDS
        )
    )


@pytest.fixture(params=["memory", "folder"])
def bucket(request, tmp_path):
    return MemoryBucket() if request.param == "memory" else FolderBucket(tmp_path)


def test_a_window_is_loaded_as_it_was_saved(bucket):
    windows = CandleWindows(bucket)
    assert windows.load(Timeframe.M15) is None
    for timeframe in (Timeframe.M15, Timeframe.H4):
        windows.save(candles(T0, 1_100, timeframe))
    for timeframe in (Timeframe.M15, Timeframe.H4):
        assert same(windows.load(timeframe), candles(T0, 1_100, timeframe))
    assert bucket.keys() == ["candles/window/btc_jpy/15m.npz", "candles/window/btc_jpy/4h.npz"]


def test_a_slice_of_a_larger_array_is_saved_alone(bucket):
    windows = CandleWindows(bucket)
    windows.save(candles(T0, 5_000).tail(10))
    assert same(windows.load(Timeframe.M15), candles(T0, 5_000).tail(10))
    assert len(bucket.get("candles/window/btc_jpy/15m.npz").data) < 5_000


def test_every_damage_to_a_window_means_that_there_is_none():
    bucket = MemoryBucket()
    windows = CandleWindows(bucket)
    windows.save(candles(T0, 50))
    key = "candles/window/btc_jpy/15m.npz"
    whole = bucket.get(key).data
    broken = [b"", b"nothing", whole[: len(whole) // 2], whole[:-30]]
    flipped = 0
    for place in range(0, len(whole), 97):
        data = bytearray(whole)
        data[place] ^= 0xFF
        broken.append(bytes(data))
    for data in broken:
        bucket.put(key, data)
        loaded = windows.load(Timeframe.M15)
        flipped += loaded is None
        assert loaded is None or same(
            loaded, candles(T0, 50)
        )  # a byte that only names, like a date, may change
    assert flipped > len(broken) * 0.8


@pytest.mark.parametrize(
    "columns",
    [
        {"opened_at": np.zeros(2)},
        {"opened_at": np.zeros((2, 1), np.int64)},
        {"open": np.zeros(2, np.int64)},
        {"open": np.zeros(3)},
        {"open": np.array([{}, {}], dtype=object)},
    ],
)
def test_a_window_of_other_arrays_means_that_there_is_none(columns):
    bucket = MemoryBucket()
    data = io.BytesIO()
    whole = {name: getattr(candles(T0, 2), name) for name in FIELDS} | columns
    np.savez(data, **whole)
    bucket.put("candles/window/btc_jpy/15m.npz", data.getvalue())
    assert CandleWindows(bucket).load(Timeframe.M15) is None


def test_the_archive_reads_back_any_interval_across_files(bucket):
    archive = CandleArchive(bucket)
    for day in range(3):
        at = T0 + day * DAY
        archive.write(file_of(Timeframe.M15, at), candles(at, 96, price=100.0 + day), complete=True)
    assert bucket.keys()[0] == "candles/btc_jpy/15m/20260201.parquet"
    read = archive.read(Timeframe.M15, T0 + DAY - 1_800_000, T0 + 2 * DAY + 900_000)
    assert len(read) == 2 + 96 + 1
    assert read.close.tolist()[:3] == [100.0, 100.0, 101.0]
    assert (np.diff(read.opened_at) == 900_000).all()
    assert archive.complete(Timeframe.M15) == {"20260201", "20260202", "20260203"}
    assert archive.complete(Timeframe.H4) == frozenset()


def test_a_4h_file_is_a_year(bucket):
    archive = CandleArchive(bucket)
    archive.write(file_of(Timeframe.H4, T0), candles(T0, 6, Timeframe.H4), complete=False)
    assert bucket.keys() == ["candles/btc_jpy/4h/2026.partial.parquet"]
    assert same(archive.read(Timeframe.H4, T0, T0 + DAY), candles(T0, 6, Timeframe.H4))


def test_what_is_not_stored_is_a_hole(bucket):
    archive = CandleArchive(bucket)
    assert len(archive.read(Timeframe.M15, T0, T0 + 5 * DAY)) == 0
    archive.write(file_of(Timeframe.M15, T0 + DAY), candles(T0 + DAY, 96), complete=True)
    assert len(archive.read(Timeframe.M15, T0, T0 + 5 * DAY)) == 96


def test_a_part_is_not_complete_and_gives_way_to_the_whole(bucket):
    archive = CandleArchive(bucket)
    file = file_of(Timeframe.M15, T0)
    archive.write(file, candles(T0, 10), complete=False)
    assert archive.complete(Timeframe.M15) == frozenset()
    assert len(archive.read(Timeframe.M15, T0, T0 + DAY)) == 10
    archive.write(file, candles(T0, 12), complete=False)
    assert len(archive.read(Timeframe.M15, T0, T0 + DAY)) == 12
    archive.write(file, candles(T0, 96), complete=True)
    assert len(archive.read(Timeframe.M15, T0, T0 + DAY)) == 96
    assert bucket.keys() == ["candles/btc_jpy/15m/20260201.parquet"]


def test_the_whole_counts_where_a_crash_left_the_part_beside_it(bucket):
    archive = CandleArchive(bucket)
    file = file_of(Timeframe.M15, T0)
    archive.write(file, candles(T0, 96), complete=True)
    archive.write(file, candles(T0, 10), complete=False)
    assert len(archive.read(Timeframe.M15, T0, T0 + DAY)) == 96


def test_a_damaged_archive_file_is_named_with_its_remedy():
    bucket = MemoryBucket()
    archive = CandleArchive(bucket)
    file = file_of(Timeframe.M15, T0)
    archive.write(file, candles(T0, 96), complete=True)
    key = "candles/btc_jpy/15m/20260201.parquet"
    whole = bucket.get(key).data
    middle = bytearray(whole)
    middle[40] ^= 0xFF
    other_day = CandleArchive(MemoryBucket())
    other_day.write(file, candles(T0 + DAY, 96), complete=True)
    for data in (b"", whole[:-10], bytes(middle), other_day._bucket.get(key).data):
        bucket.put(key, data)
        with pytest.raises(StoreBroken, match=r"20260201\.parquet are damaged") as caught:
            archive.read(Timeframe.M15, T0, T0 + DAY)
        assert "bot collect" in caught.value.remedy


def test_the_same_candles_make_the_same_bytes():
    one, two = MemoryBucket(), MemoryBucket()
    for bucket in (one, two):
        CandleWindows(bucket).save(candles(T0, 100))
        CandleArchive(bucket).write(file_of(Timeframe.M15, T0), candles(T0, 96), complete=True)
    keys = one.keys()
    assert len(keys) == 2
    for key in keys:
        assert one.get(key).data == two.get(key).data
