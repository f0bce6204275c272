"""Where the candles of a backtest come from: the archive, or a file that a person brings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shared.errors import UserError
from shared.market.candles import aggregate, between, empty, read_file
from shared.stores.joined import JoinedArchive
from shared.stores.ports import Bucket
from shared.types import Candles, Timeframe


class CandleSource(Protocol):
    """Closed candles of any timeframe."""

    @property
    def name(self) -> str:
        """What a person calls it."""
        ...

    @property
    def remedy(self) -> str:
        """What a person does where it lacks candles."""
        ...

    def extent(self) -> tuple[int, int] | None:
        """From when to when its 15m candles reach, ms UTC; None where it has none."""
        ...

    def read(self, timeframe: Timeframe, start_ms: int, end_ms: int) -> Candles:
        """The candles that opened in [start_ms, end_ms), ascending; what is not there is a hole."""
        ...


class ArchiveSource:
    """The archive that `bot collect` fills."""

    name = "the archive"
    remedy = "run `scripts/bot collect --from DAY --to DAY`, with `--timeframe 1m` for the resolution of record"

    def __init__(self, bucket: Bucket) -> None:
        """Use the archive in `bucket`; nothing is read yet."""
        self._archive = JoinedArchive(bucket)

    def extent(self) -> tuple[int, int] | None:
        """From the first day that is stored to the close of the last candle."""
        return self._archive.extent(Timeframe.M15)

    def read(self, timeframe: Timeframe, start_ms: int, end_ms: int) -> Candles:
        """The stored candles that opened in [start_ms, end_ms). Raises `StoreBroken` for a damaged file."""
        return self._archive.read(timeframe, start_ms, end_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """A person's file: coarser candles are made of its own."""

    name: str
    candles: Candles
    remedy: str = "give a file that reaches further"

    @classmethod
    def opened(cls, path: Path) -> "FileSource":
        """Read the file. Raises `UserError` where it is damaged or too coarse."""
        given = read_file(path)
        if given.timeframe not in {Timeframe.M1, Timeframe.M15}:
            raise UserError(
                f"{path} holds {given.timeframe} candles", remedy="give 15m or 1m candles; 4h ones are made of them"
            )
        return cls(name=str(path), candles=given)

    def extent(self) -> tuple[int, int] | None:
        """From the first to the last whole quarter of an hour."""
        grid = Timeframe.M15.ms
        return int(self.candles.opened_at[0]) // grid * grid, int(self.candles.closed_at[-1]) // grid * grid

    def read(self, timeframe: Timeframe, start_ms: int, end_ms: int) -> Candles:
        """The candles that opened in [start_ms, end_ms); none that is finer than the file's own."""
        if timeframe.ms < self.candles.timeframe.ms:
            return empty(timeframe)
        if timeframe is self.candles.timeframe:
            return between(self.candles, start_ms, end_ms)
        # whole coarse candles only: the first finer one of each is inside the range as well
        grid = timeframe.ms
        low, high = start_ms + -start_ms % grid, end_ms + -end_ms % grid
        part = between(self.candles, low, high)
        known_until = min(high, int(self.candles.closed_at[-1]))
        return between(aggregate(part, timeframe, until=known_until), start_ms, end_ms)
