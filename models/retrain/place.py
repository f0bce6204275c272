"""Where a retraining takes place: its stores, its clock, where candles come from, and who signs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from models.backtest.sources import FileSource
from shared.alerts.outlets import Outlet
from shared.core.clock import Clock
from shared.core.settings import Settings
from shared.core.trials import data_hash
from shared.core.types import Candles, Timeframe
from shared.market.archive import CandleArchive
from shared.market.candle_files import files_between
from shared.market.collect import collect
from shared.market.ports import HistoryFeed
from shared.stores.ports import Bucket, DocumentStore
from shared.stores.trials import TrialLog

LEARNED_FROM = (Timeframe.M15, Timeframe.H4)
Tell: TypeAlias = Callable[[str, float], None]


class CandleHistory(Protocol):
    """Closed candles, as far back as they are asked for and there are any.

    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> quarters = aggregate(generate(start_ms=start, days=2, seed=7), Timeframe.M15)
    >>> history = FileHistory(source=FileSource(name="made up", candles=quarters))
    >>> history.name, len(history.read(Timeframe.H4, start, start + day))
    ('made up', 6)
    """

    @property
    def name(self) -> str:
        """What a person calls it."""
        ...

    @property
    def identity(self) -> str:
        """What tells it from others: of a file the hash of its candles; empty for the archive."""
        ...

    def fetch(self, start_at: int, end_at: int, tell: Tell) -> tuple[str, ...]:
        """Make sure that what can be had is there; sentences about what could not be.

        Raises `Unavailable`.
        """
        ...

    def read(self, timeframe: Timeframe, start_at: int, end_at: int) -> Candles:
        """The candles that opened in [start_at, end_at)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainPorts:
    """Ports and settings of a retraining.

    `commit` is the code's, `signing_key` gives the Ed25519 private key as hex when it is needed,
    and `public_keys` are those that a tick trusts. `trials` holds the trial log; None: `documents`
    does.

    >>> from shared.alerts.log_sink import LogSink
    >>> from shared.alerts.outlets import LogOutlet
    >>> from shared.core.clock import SystemClock
    >>> from shared.core.logs import log
    >>> from shared.core.settings import load_settings
    >>> from shared.market.archive import CandleArchive
    >>> from shared.stores.memory import MemoryBucket, MemoryDocuments
    >>> place = RetrainPorts(
    ...     settings=load_settings({}),
    ...     documents=MemoryDocuments(),
    ...     bucket=MemoryBucket(),
    ...     clock=SystemClock(),
    ...     history=ArchiveHistory(archive=CandleArchive(MemoryBucket())),
    ...     outlet=LogOutlet(LogSink(log)),
    ...     signing_key=lambda: "0" * 64,
    ...     public_keys=(),
    ...     commit="0" * 40,
    ... )
    >>> place.log.all().count
    0
    """

    settings: Settings
    documents: DocumentStore
    bucket: Bucket
    clock: Clock
    history: CandleHistory
    outlet: Outlet
    signing_key: Callable[[], str]
    public_keys: tuple[str, ...]
    commit: str
    trials: DocumentStore | None = None

    @property
    def log(self) -> TrialLog:
        """Of all that was ever tried: a dry run writes nothing else, but a look at the verdict is a
        try.
        """
        return TrialLog(self.documents if self.trials is None else self.trials)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveHistory:
    """The archive; with a feed, what it lacks is fetched first.

    >>> from shared.stores.memory import MemoryBucket
    >>> history = ArchiveHistory(archive=CandleArchive(MemoryBucket()))
    >>> history.name, len(history.read(Timeframe.M15, 1_767_225_600_000, 1_767_312_000_000))
    ('the archive', 0)
    """

    archive: CandleArchive
    feed: HistoryFeed | None = None
    name: str = field(default="the archive", init=False)
    identity: str = field(default="", init=False)

    def fetch(self, start_at: int, end_at: int, tell: Tell) -> tuple[str, ...]:
        """Fetch the files that are not stored whole; one that is stored is never asked
        for again.
        """
        if self.feed is None:
            return ()
        sizes = [len(files_between(timeframe, start_at, end_at)) for timeframe in LEARNED_FROM]
        notes, before, total = [], 0, max(1, sum(sizes))
        for timeframe, size in zip(LEARNED_FROM, sizes, strict=True):

            def told(
                done: int, _of: int, *, frame: Timeframe = timeframe, base: int = before
            ) -> None:
                tell(f"{frame} candles", (base + done) / total)

            found = collect(self.feed, self.archive, timeframe, start_at, end_at, told)
            if found.files_missing:
                several = (
                    f"{len(found.files_missing)} files of {timeframe} candles,"
                    f" {found.files_missing[0]} the first"
                )
                notes.append(f"The exchange does not have {several}.")
            if found.corrections:
                notes.append(
                    f"The exchange has corrected {found.corrections} candles of {timeframe}."
                )
            before += size
        return tuple(notes)

    def read(self, timeframe: Timeframe, start_at: int, end_at: int) -> Candles:
        """From the archive alone. Raises `StoreBroken` for a damaged file."""
        return self.archive.read(timeframe, start_at, end_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHistory:
    """A person's file; 4h candles are made of it.

    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> quarters = aggregate(generate(start_ms=start, days=2, seed=7), Timeframe.M15)
    >>> history = FileHistory(source=FileSource(name="made up", candles=quarters))
    >>> len(history.identity), history.fetch(start, start + day, print)
    (16, ())
    """

    source: FileSource

    @property
    def name(self) -> str:
        """Its path."""
        return self.source.name

    @property
    def identity(self) -> str:
        """The hash of its candles."""
        return data_hash([self.source.candles])

    # A file is there already.
    def fetch(self, start_at: int, end_at: int, tell: Tell) -> tuple[str, ...]:  # noqa: ARG002
        """Nothing to do."""
        return ()

    def read(self, timeframe: Timeframe, start_at: int, end_at: int) -> Candles:
        """From the file."""
        return self.source.read(timeframe, start_at, end_at)
