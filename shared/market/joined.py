"""Stretches of the candle archive as one object each, derived and made again when needed: reading
one costs no Parquet library.

candles/joined/btc_jpy/15m/<hash of the names and generations of the archive's files>.<size>
"""

import hashlib
from contextlib import suppress
from datetime import UTC, datetime

import numpy as np

from shared.core.calendar import DAY_MS
from shared.core.errors import BadData, Conflict
from shared.core.types import Candles, Timeframe
from shared.market.archive import PAIR, CandleArchive
from shared.market.candle_files import files_between
from shared.stores.arrays import ArrayStore
from shared.stores.ports import Bucket

KEEP = 4
_COLUMNS = ("opened_at", "open", "high", "low", "close", "volume")


class JoinedArchive:
    """The archive of a pair, a stretch at a time.

    A file that was written again is noticed by its generation.
    """

    def __init__(self, bucket: Bucket, *, pair: str = PAIR) -> None:
        """Use `bucket`; nothing is read or written yet."""
        self._bucket = bucket
        self._archive = CandleArchive(bucket, pair=pair)
        self._pair = pair

    def read(self, timeframe: Timeframe, start_ms: int, end_ms: int) -> Candles:
        """The stored candles that opened in [start_ms, end_ms), ascending.

        Raises `StoreBroken` for a damaged file.
        """
        files = files_between(timeframe, start_ms, end_ms)
        if not files:
            return self._archive.read(timeframe, start_ms, end_ms)
        store = ArrayStore(
            self._bucket, f"candles/joined/{self._pair}/{timeframe}/", most_entries=KEEP
        )
        key = self._fingerprint(timeframe, {file.name for file in files})
        whole = _load(store, timeframe, key)
        if whole is None:
            whole = self._archive.read(timeframe, files[0].start, files[-1].end)
            with suppress(Conflict):  # another process writes the same
                store.write(key, {name: getattr(whole, name) for name in _COLUMNS})
        low, high = np.searchsorted(whole.opened_at, [start_ms, end_ms])
        return whole.rows(int(low), int(high))

    def extent(self, timeframe: Timeframe) -> tuple[int, int] | None:
        """From the first stored day (or year) to the close of the last candle, ms UTC; None where
        nothing is stored.
        """
        folder = f"candles/{self._pair}/{timeframe}/"
        names = sorted(
            key.removeprefix(folder).partition(".")[0] for key in self._bucket.keys(folder)
        )
        if not names:
            return None
        last = self._archive.read(timeframe, _day(names[-1]), _day(names[-1]) + 366 * DAY_MS)
        return _day(names[0]), int(last.closed_at[-1]) if len(last) else _day(names[-1])

    def _fingerprint(self, timeframe: Timeframe, names: set[str]) -> str:
        folder = f"candles/{self._pair}/{timeframe}/"
        digest = hashlib.sha256()
        for key in self._bucket.keys(folder):
            if key.removeprefix(folder).partition(".")[0] in names:
                digest.update(f"{key}:{self._bucket.generation(key)}\n".encode())
        return digest.hexdigest()[:32]


def _day(name: str) -> int:
    """When a file of the exchange begins: `20260201` a day, `2026` a year."""
    return (
        int(datetime.strptime(f"{name}0101"[:8], "%Y%m%d").replace(tzinfo=UTC).timestamp()) * 1000
    )


def _load(store: ArrayStore, timeframe: Timeframe, key: str) -> Candles | None:
    """What is stored, or None where there is nothing or it is damaged: it is made again from the
    archive.
    """
    try:
        columns = store.read(key)
    except BadData:
        return None
    if columns is None or set(columns) != set(_COLUMNS):
        return None
    return Candles(timeframe=timeframe, **columns)
