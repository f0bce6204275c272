"""How bitbank cuts candles into files: one a UTC day below 4h, one a UTC year from 4h.

Feed, archive and sandbox share it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.core.types import Timeframe

FIRST_FILE_AT = 1_487_030_400_000
"""2017-02-14 00:00 UTC, the first day of bitbank's data. No file before it exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleFile:
    """One file of the exchange: `name` as it stands in the address, and the instants [start, end)
    that it covers.
    """

    timeframe: Timeframe
    name: str
    start: int
    end: int

    @property
    def before(self) -> "CandleFile":
        """The file of the day or year before."""
        return file_of(self.timeframe, self.start - 1)


def file_of(timeframe: Timeframe, at_ms: int) -> CandleFile:
    """The file that holds the candle of `timeframe` which is open at `at_ms`."""
    at = datetime.fromtimestamp(at_ms // 1000, tz=UTC)
    if timeframe is Timeframe.H4:
        start = datetime(at.year, 1, 1, tzinfo=UTC)
        end = datetime(at.year + 1, 1, 1, tzinfo=UTC)
        name = f"{at.year:04d}"
    else:
        start = datetime(at.year, at.month, at.day, tzinfo=UTC)
        end = start + timedelta(days=1)
        name = f"{at:%Y%m%d}"
    return CandleFile(timeframe=timeframe, name=name, start=_ms(start), end=_ms(end))


def files_between(timeframe: Timeframe, start_ms: int, end_ms: int) -> tuple[CandleFile, ...]:
    """The files that touch [start_ms, end_ms), oldest first; none from before the first day of
    data.

    >>> day = 1_767_225_600_000
    >>> [file.name for file in files_between(Timeframe.M15, day, day + 2 * 86_400_000)]
    ['20260101', '20260102']
    """
    files = []
    at_ms = max(start_ms, FIRST_FILE_AT)
    while at_ms < end_ms:
        file = file_of(timeframe, at_ms)
        files.append(file)
        at_ms = file.end
    return tuple(files)


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1000
