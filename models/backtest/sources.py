"""Where the candles of a backtest come from: the archive, or a file that a person brings."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from shared.core.errors import UserError
from shared.core.types import Candles, Timeframe
from shared.market.candles import aggregate, candles_between, empty_candles
from shared.market.joined import JoinedArchive
from shared.stores.ports import Bucket

if TYPE_CHECKING:
    from shared.market.files import ReadFile


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

    @property
    def notes(self) -> tuple[str, ...]:
        """What a result must say of it."""
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
    notes: tuple[str, ...] = ()
    remedy = (
        "run `scripts/bot collect --from DAY --to DAY`, with `--timeframe 1m` for the resolution of"
        " record"
    )

    def __init__(self, bucket: Bucket) -> None:
        """Use the archive in `bucket`; nothing is read yet."""
        self._archive = JoinedArchive(bucket)

    def extent(self) -> tuple[int, int] | None:
        """From the first day that is stored to the close of the last candle."""
        return self._archive.extent(Timeframe.M15)

    def read(self, timeframe: Timeframe, start_ms: int, end_ms: int) -> Candles:
        """The stored candles that opened in [start_ms, end_ms).

        Raises `StoreBroken` for a damaged file.
        """
        return self._archive.read(timeframe, start_ms, end_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """A person's file: coarser candles are made of its own.

    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> minutes = generate(start_ms=1_767_225_600_000, days=2, seed=7)
    >>> source = FileSource(name="made up", candles=aggregate(minutes, Timeframe.M15))
    >>> first, last = source.extent()
    >>> len(source.read(Timeframe.H4, first, last))
    12
    """

    name: str
    candles: Candles
    remedy: str = "give a file that reaches further"
    notes: tuple[str, ...] = ()

    @classmethod
    def load_file(cls, path: Path, *, timezone: str | None = None) -> "FileSource":
        """Read the file; `timezone` is that of times that name none.

        Raises `UserError` where it is damaged or too coarse.
        """
        from shared.market.files import read

        given = read(path, timezone=timezone)
        return cls(
            name=str(path), candles=decided_on(given, path), notes=(understood_note(given, path),)
        )

    def extent(self) -> tuple[int, int] | None:
        """From the first to the last whole quarter of an hour."""
        grid = Timeframe.M15.ms
        return (
            int(self.candles.opened_at[0]) // grid * grid,
            int(self.candles.closed_at[-1]) // grid * grid,
        )

    def read(self, timeframe: Timeframe, start_ms: int, end_ms: int) -> Candles:
        """The candles that opened in [start_ms, end_ms); none that is finer than the file's own."""
        if timeframe.ms < self.candles.timeframe.ms:
            return empty_candles(timeframe)
        if timeframe is self.candles.timeframe:
            return candles_between(self.candles, start_ms, end_ms)
        # whole coarse candles only: the first finer one of each is inside the range as well
        grid = timeframe.ms
        low, high = start_ms + -start_ms % grid, end_ms + -end_ms % grid
        part = candles_between(self.candles, low, high)
        known_until = min(high, int(self.candles.closed_at[-1]))
        return candles_between(aggregate(part, timeframe, until=known_until), start_ms, end_ms)


def decided_on(given: "ReadFile", path: Path) -> Candles:
    """The candles of a file, where decisions can be made on them.

    Raises `UserError` where they are coarser than 15m.
    """
    from shared.market.files import spacing_words

    if given.candles.timeframe in {Timeframe.M1, Timeframe.M15}:
        return given.candles
    raise UserError(
        f"{path} holds {spacing_words(given.understood.spacing_ms)} candles: too coarse to"
        " decide on",
        remedy="give 15m candles or finer ones (1m, 3m, 5m); those of 4h are made of them",
    )


def understood_note(given: "ReadFile", path: Path) -> str:
    """How a file was read, for the face of a result."""
    return f"{path.name} was read as {given.understood}."
