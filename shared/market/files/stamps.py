"""Times as files write them, to milliseconds UTC: numbers of any unit, dates with and without a
zone, Excel's days.
"""

import re
from collections import Counter
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.core.calendar import MINUTE_MS
from shared.core.types import BoolArray, IntArray
from shared.market.files.zones import offset_minutes

if TYPE_CHECKING:
    import pandas as pd

FIRST_AT, END_AT = 1_230_940_800_000, 4_102_444_800_000
"""2009-01-03, the day of the first bitcoin, and 2100."""
BOUNDS = "a time between 2009-01-03 and 2100-01-01"
_UNITS = {"seconds": 1e-3, "milliseconds": 1.0, "microseconds": 1e3, "nanoseconds": 1e6}
_EXCEL_FIRST, _EXCEL_END, _EXCEL_EPOCH_DAYS = 39_816, 73_051, 25_569
_EXCEL_SLACK_MINUTES = 0.02
"""Excel shows days with five places, which are nearly a second."""
_TOGETHER = tuple((2009 * factor, 2100 * factor) for factor in (10_000, 10**8, 10**10))
_SUFFIX = (
    r"(?i)(?<=[\d\sM])\s*"
    r"((?:UTC|GMT)?[+-]\d{1,2}:?\d{2}|(?:UTC|GMT)[+-]\d{1,2}|(?<=\d\d)[+-]\d{2}|Z|UTC|GMT|JST)$"
)
_CLOCKED = re.compile(r"\d{1,2}:\d{2}|T\d{2}|[AP]M", re.IGNORECASE)
_FORMATS = (
    "ISO8601",
    *(
        "%Y/%m/%d %H:%M:%S",
        "%Y/%m/%d %H:%M",
        "%Y/%m/%d",
        "%Y.%m.%d %H:%M:%S",
        "%Y.%m.%d %H:%M",
        "%Y年%m月%d日 %H:%M",
    ),
    *(
        "%Y-%m-%d %H:%M",
        "%Y-%m-%d %I-%p",
        "%Y/%m/%d %I:%M:%S %p",
        "%Y%m%d%H%M%S",
        "%Y%m%d%H%M",
        "%Y%m%d",
        "%Y%m%d %H%M%S",
        "%Y%m%d %H:%M:%S",
        "%Y%m%d %H:%M",
    ),
    *(
        "%d.%m.%Y %H:%M:%S.%f",
        "%d.%m.%Y %H:%M:%S",
        "%d.%m.%Y %H:%M",
        "%b %d, %Y %H:%M",
        "%d %b %Y %H:%M",
        "%b %d, %Y",
    ),
    *(
        "%m/%d/%Y %H:%M:%S",
        "%m/%d/%Y %H:%M",
        "%m/%d/%y %H:%M",
        "%m/%d/%Y %I:%M %p",
        "%m/%d/%Y %I:%M:%S %p",
        "%m/%d/%Y",
    ),
    *(
        "%d/%m/%Y %H:%M:%S",
        "%d/%m/%Y %H:%M",
        "%d/%m/%y %H:%M",
        "%d-%m-%Y %H:%M",
        "%d-%m-%Y %H:%M:%S",
    ),
)


class Unreadable(Exception):
    """A time that is none. `row` counts from 0 within what was given."""

    def __init__(self, rule: str, *, row: int, remedy: str = "") -> None:
        """Say what is wrong with which row."""
        super().__init__(rule)
        self.rule, self.row, self.remedy = rule, row, remedy


class Stamps:
    """Reads one file's times, chunk after chunk, and remembers how they were written."""

    def __init__(self, zone: tzinfo | None, *, stated: str = "") -> None:
        """Naive times are of `zone`; `stated` is the zone that the column's name gives."""
        from shared.market.files.zones import zone_of

        self._zone = zone_of(stated) if stated else zone
        self._asked = zone
        self._format = ""
        self._written: Counter[str] = Counter()

    def __str__(self) -> str:
        """How the times were written."""
        return "times in " + " and ".join(f"{kind}" for kind, _count in self._written.most_common())

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said beside it."""
        mixed = [
            f"{count:,} in {kind}" for kind, count in self._written.most_common() if kind in _UNITS
        ]
        told = (f"units of time are mixed ({', '.join(mixed)})",) if len(mixed) > 1 else ()
        naive = any(kind.startswith(("dates read as", "Excel")) for kind in self._written)
        return (
            told
            if naive or self._asked is None
            else (*told, "the time zone that was given was not needed")
        )

    def read(self, cells: "pd.Series[Any]") -> IntArray:
        """Milliseconds UTC, shape (n,). Raises `Unreadable`."""
        import pandas as pd

        if pd.api.types.is_datetime64_any_dtype(cells.dtype):
            return self._dates(cells)
        if pd.api.types.is_bool_dtype(cells.dtype):
            raise Unreadable(f"the time {str(cells.iloc[0])!r} is none", row=0)
        if not pd.api.types.is_numeric_dtype(cells.dtype):
            numbers = pd.to_numeric(cells, errors="coerce")
            good = numbers.notna().to_numpy()
            if not good.any():
                return self._texts(cells.astype("str"))
            if not good.all():
                row = int(np.argmin(good))
                raise Unreadable(
                    f"the time {_cell_text(cells.iloc[row])} is no number, unlike the others",
                    row=row,
                )
            cells = numbers
        return self._numbers(cells.to_numpy())

    def _numbers(self, values: Any) -> IntArray:
        if not np.isfinite(values).all():
            raise Unreadable("the time is missing", row=int(np.argmin(np.isfinite(values))))
        digits = _is_written_together(values)
        if digits:
            import pandas as pd

            return self._texts(pd.Series(values).astype("str"))
        days = (values >= _EXCEL_FIRST) & (values < _EXCEL_END)
        if days.all():
            self._written["Excel's days"] += len(values)
            minutes = (values - _EXCEL_EPOCH_DAYS) * 1_440
            rounded = bool((np.abs(minutes - np.rint(minutes)) < _EXCEL_SLACK_MINUTES).all())
            naive = np.rint(minutes if rounded else minutes * 60).astype(np.int64) * (
                MINUTE_MS if rounded else 1_000
            )
            return self._apply_zone(naive, "Excel's days")
        at: IntArray = np.zeros(len(values), dtype=np.int64)
        for name, factor in _UNITS.items():
            rows: BoolArray = (values >= FIRST_AT * factor) & (values < END_AT * factor)
            if not rows.any():
                continue
            self._written[name] += int(rows.sum())
            part = values[rows]
            if part.dtype.kind in "iu":
                whole = part.astype(np.int64)
                at[rows] = whole * 1000 if factor < 1 else whole // int(factor)
            else:
                at[rows] = np.rint(part / factor).astype(np.int64)
        if not at.all():
            row = int(np.argmin(at != 0))
            raise Unreadable(f"{_cell_text(values[row])} is no time: wanted is {BOUNDS}", row=row)
        return at

    def _dates(self, cells: "pd.Series[Any]") -> IntArray:
        missing = cells.isna().to_numpy()
        if missing.any():
            raise Unreadable("the time is missing", row=int(np.argmax(missing)))
        if getattr(cells.dtype, "tz", None) is not None:
            self._written["dates with a zone"] += len(cells)
            at: IntArray = (
                cells.dt.tz_convert("UTC")
                .dt.tz_localize(None)
                .dt.as_unit("ms")
                .to_numpy()
                .astype(np.int64)
            )
            return _check_bounds(at)
        return self._apply_zone(cells.dt.as_unit("ms").to_numpy().astype(np.int64), "dates")

    def _texts(self, cells: "pd.Series[Any]") -> IntArray:
        text = cells.str.strip().str.strip("'\"")
        offsets = text.str.extract(_SUFFIX, expand=False)
        clocked = text.str.contains(_CLOCKED.pattern, regex=True, flags=re.IGNORECASE)
        offsets = offsets.where(clocked)
        body = (
            text.where(offsets.isna(), text.str.replace(_SUFFIX, "", regex=True))
            .str.strip()
            .str.rstrip("T")
        )
        naive = self._parse_texts(body, text)
        has = offsets.notna().to_numpy()
        if not has.any():
            return self._apply_zone(naive, "dates")
        if not has.all():
            row = int(np.argmin(has))
            raise Unreadable(
                f"the time {_cell_text(text.iloc[row])} has no offset, unlike the others", row=row
            )
        minutes = (
            offsets.map({one: offset_minutes(one) or 0 for one in offsets.unique()})
            .to_numpy()
            .astype(np.int64)
        )
        self._written["dates with an offset"] += len(cells)
        return _check_bounds(naive - minutes * MINUTE_MS)

    def _parse_texts(self, body: "pd.Series[Any]", text: "pd.Series[Any]") -> IntArray:
        """Milliseconds as if of UTC; the format is the one that fits the first chunk best."""
        import pandas as pd

        best, kept = None, -1
        tried = (self._format,) if self._format else _FORMATS
        fitting: dict[str, Any] = {}
        for layout in tried:
            found = pd.to_datetime(body, format=layout, errors="coerce")
            count = int(found.notna().sum())
            if count > kept:
                best, kept, self._format = found, count, layout
            if count == len(body):
                fitting[layout] = found
                if "/" not in layout or layout.startswith("%Y"):
                    break
        assert best is not None
        if len(fitting) > 1:
            best = self._least_ambiguous(fitting, text)
        missing = best.isna().to_numpy()
        if missing.any():
            row = int(np.argmax(missing))
            raise Unreadable(
                f"the time {_cell_text(text.iloc[row])} cannot be read",
                row=row,
                remedy=f"write {BOUNDS}",
            )
        at: IntArray = best.dt.as_unit("ms").to_numpy().astype(np.int64)
        return at

    def _least_ambiguous(self, fitting: dict[str, Any], text: "pd.Series[Any]") -> Any:
        """Day and month could be either: what makes steadier steps is meant."""
        steady = {}
        for layout, found in fitting.items():
            steps = np.diff(found.dt.as_unit("ms").to_numpy().astype(np.int64))
            steady[layout] = float((steps == np.median(steps)).mean()) if len(steps) else 0.0
        ranked = sorted(steady, key=lambda layout: -steady[layout])
        if steady[ranked[0]] == steady[ranked[1]]:
            found = f"in {_cell_text(text.iloc[0])} day and month could be either"
            raise Unreadable(found, row=0, remedy="write the year first: 2024-01-31 00:15")
        self._format = ranked[0]
        return fitting[ranked[0]]

    def _apply_zone(self, naive: IntArray, what: str) -> IntArray:
        import pandas as pd

        if self._zone is None:
            raise Unreadable(
                "the times name no zone",
                row=0,
                remedy="say which one it is: --timezone UTC, or --timezone Asia/Tokyo",
            )
        self._written.pop(what, None)
        self._written[f"{what} read as {self._zone}"] += len(naive)
        local = pd.Series(naive.astype("datetime64[ms]")).dt.tz_localize(
            self._zone, ambiguous="NaT", nonexistent="NaT"
        )
        missing = local.isna().to_numpy()
        if missing.any():
            found = f"is twice or never on the clocks of {self._zone}"
            raise Unreadable(
                f"this time {found}", row=int(np.argmax(missing)), remedy="give times in UTC"
            )
        at: IntArray = (
            local.dt.tz_convert("UTC")
            .dt.tz_localize(None)
            .dt.as_unit("ms")
            .to_numpy()
            .astype(np.int64)
        )
        return _check_bounds(at)


def _is_written_together(values: Any) -> bool:
    """Whether days and times are written together, as 20240131, 202401310015 or 20240131001500:
    numbers that mean a date.
    """
    if values.dtype.kind not in "iu":
        return False
    return any(bool(((values >= low) & (values < end)).all()) for low, end in _TOGETHER)


def _check_bounds(at: IntArray) -> IntArray:
    outside = (at < FIRST_AT) | (at >= END_AT)
    if outside.any():
        row = int(np.argmax(outside))
        year = np.datetime64(int(at[row]), "ms").astype("datetime64[Y]")
        raise Unreadable(f"the year is {year}: wanted is {BOUNDS}", row=row)
    return at


def _cell_text(cell: Any) -> str:
    text = str(cell).strip()
    # As much as a line bears.
    return repr(text if len(text) <= 40 else f"{text[:40]}...")  # noqa: PLR2004
