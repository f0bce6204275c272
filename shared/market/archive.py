"""Candles in a bucket: one small window a timeframe for the tick, and an archive by the exchange's
own files for learning.

candles/window/btc_jpy/15m.npz             the last closed candles
candles/btc_jpy/15m/20260201.parquet       a file whose period is over: final, never fetched again
candles/btc_jpy/4h/2026.partial.parquet    a file that still grows
"""

import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from shared.core.errors import StoreBroken
from shared.core.types import Candles, Timeframe
from shared.market.candle_files import CandleFile, files_between
from shared.stores.ports import Bucket

PAIR = "btc_jpy"
_PRICES = ("open", "high", "low", "close", "volume")
_COMPLETE = ".parquet"
_PARTIAL = ".partial.parquet"


class CandleWindows:
    """The windows of a pair as `.npz`, which numpy reads without pickle and whose checksums show
    damage.
    """

    def __init__(self, bucket: Bucket, *, pair: str = PAIR) -> None:
        """Use `bucket`; nothing is read or written yet."""
        self._bucket = bucket
        self._pair = pair

    def load(self, timeframe: Timeframe) -> Candles | None:
        """The stored window, or None where there is none or it is damaged: it is rebuilt from the
        exchange then.
        """
        blob = self._bucket.get(self._key(timeframe))
        if blob is None:
            return None
        try:
            with np.load(io.BytesIO(blob.data), allow_pickle=False) as stored:
                columns = {name: stored[name] for name in ("opened_at", *_PRICES)}
        except (
            ValueError,
            KeyError,
            TypeError,
            EOFError,
            OSError,
            NotImplementedError,
            zipfile.BadZipFile,
            zlib.error,
        ):
            return None
        return _candles(timeframe, columns)

    def save(self, candles: Candles) -> None:
        """Replace the window of `candles.timeframe`."""
        data = io.BytesIO()
        columns = {name: getattr(candles, name) for name in _PRICES}
        np.savez(data, allow_pickle=False, opened_at=candles.opened_at, **columns)
        self._bucket.put(self._key(candles.timeframe), data.getvalue())

    def _key(self, timeframe: Timeframe) -> str:
        return f"candles/window/{self._pair}/{timeframe}.npz"


class CandleArchive:
    """Candles of a pair as Parquet. pyarrow is loaded by the first file that is read or written.

    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candle_files import file_of
    >>> from shared.market.candles import aggregate
    >>> from shared.stores.memory import MemoryBucket
    >>> day = 1_767_225_600_000
    >>> file = file_of(Timeframe.M15, day)
    >>> archive = CandleArchive(MemoryBucket())
    >>> candles = aggregate(generate(start_ms=day, days=1, seed=7), Timeframe.M15)
    >>> archive.write(file, candles, complete=True)
    >>> archive.complete(Timeframe.M15) == {file.name}
    True
    >>> len(archive.read(Timeframe.M15, day, day + 3_600_000))
    4
    """

    def __init__(self, bucket: Bucket, *, pair: str = PAIR) -> None:
        """Use `bucket`; nothing is read or written yet."""
        self._bucket = bucket
        self._pair = pair

    def complete(self, timeframe: Timeframe) -> frozenset[str]:
        """The names of the files that are stored whole and final."""
        return frozenset(name for name, partial in self._names(timeframe) if not partial)

    def write(self, file: CandleFile, candles: Candles, *, complete: bool) -> None:
        """Replace one file.

        A complete one takes the place of the part that was stored while it grew.
        """
        self._bucket.put(self._key(file, partial=not complete), _to_parquet(candles))
        if complete:
            self._bucket.delete(self._key(file, partial=True))

    def read(self, timeframe: Timeframe, start_ms: int, end_ms: int) -> Candles:
        """The stored candles that opened in [start_ms, end_ms), ascending; what is not stored is a
        hole.

        Raises:
            StoreBroken: a file is damaged; deleting it lets `bot collect` fetch it again.
        """
        stored = self._names(timeframe)
        parts = [_empty(timeframe)]
        for file in files_between(timeframe, start_ms, end_ms):
            for partial in (False, True):
                if (file.name, partial) in stored:
                    parts.append(self._read_file(file, partial=partial))
                    break
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("opened_at", *_PRICES)
        }
        joined = Candles(timeframe=timeframe, **columns)
        low, high = np.searchsorted(joined.opened_at, [start_ms, end_ms])
        return joined.rows(int(low), int(high))

    def _read_file(self, file: CandleFile, *, partial: bool) -> Candles:
        key = self._key(file, partial=partial)
        blob = self._bucket.get(key)
        if blob is None:  # deleted since the names were listed
            return _empty(file.timeframe)
        candles = _from_parquet(file.timeframe, blob.data)
        inside = candles is not None and bool(
            ((candles.opened_at >= file.start) & (candles.opened_at < file.end)).all()
            and (np.diff(candles.opened_at) > 0).all()
        )
        if candles is None or not inside:
            raise StoreBroken(
                f"the archived candles {key} are damaged",
                remedy="delete that file and run: bot collect",
            )
        return candles

    def _key(self, file: CandleFile, *, partial: bool) -> str:
        return f"{self._folder(file.timeframe)}{file.name}{_PARTIAL if partial else _COMPLETE}"

    def _folder(self, timeframe: Timeframe) -> str:
        return f"candles/{self._pair}/{timeframe}/"

    def _names(self, timeframe: Timeframe) -> set[tuple[str, bool]]:
        """(name, whether only a part is stored) of every file that is there."""
        folder = self._folder(timeframe)
        names = set()
        for key in self._bucket.keys(folder):
            name = key.removeprefix(folder)
            if name.endswith(_PARTIAL):
                names.add((name.removesuffix(_PARTIAL), True))
            elif name.endswith(_COMPLETE):
                names.add((name.removesuffix(_COMPLETE), False))
        return names


def _candles(timeframe: Timeframe, columns: Mapping[str, Any]) -> Candles | None:
    """Candles, where the columns have the right types and equal lengths; their rules are checked by
    who reads them.
    """
    if columns["opened_at"].dtype != np.int64 or any(
        columns[name].dtype != np.float64 for name in _PRICES
    ):
        return None
    if columns["opened_at"].ndim != 1 or len({column.shape for column in columns.values()}) != 1:
        return None
    return Candles(timeframe=timeframe, **columns)


def _empty(timeframe: Timeframe) -> Candles:
    none = np.empty(0)
    at = np.empty(0, np.int64)
    return Candles(
        timeframe=timeframe, opened_at=at, open=none, high=none, low=none, close=none, volume=none
    )


def _to_parquet(candles: Candles) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {"timestamp": candles.opened_at, **{name: getattr(candles, name) for name in _PRICES}}
    )
    data = io.BytesIO()
    pq.write_table(table, data, compression="zstd", write_page_checksum=True)
    return data.getvalue()


def _from_parquet(timeframe: Timeframe, data: bytes) -> Candles | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(io.BytesIO(data), page_checksum_verification=True).read()
        columns = {name: table.column(name).to_numpy() for name in _PRICES}
        columns["opened_at"] = table.column("timestamp").to_numpy()
    except (pa.ArrowException, KeyError, OSError, ValueError):
        return None
    return _candles(timeframe, columns)
