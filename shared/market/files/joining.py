"""From chunks of raw cells to candles: numbers within bounds, one order, none twice, one spacing;
what is wrong is named.
"""

from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.core.calendar import utc_text
from shared.core.errors import UserError
from shared.core.types import Candles, FloatArray, IntArray, Timeframe
from shared.market.candles import COLUMNS, BadCandles, check_candle_rules, check_candle_values
from shared.market.files.columns import Roles
from shared.market.files.opening import MOST_ROWS
from shared.market.files.stamps import Stamps, Unreadable
from shared.market.files.understood import Understood, spacing_words

if TYPE_CHECKING:
    import pandas as pd

REMEDY = "correct or delete it; a missing candle is allowed, a guessed one is not"
_LONG_RUN = 12
_FEW_SHOWN = 5


class Joining:
    """Takes the chunks of one file and makes candles of them.

    `word` is what a place in the file is called: line, row or entry. `notes` begin with what the
    reader of the file adds.
    """

    def __init__(self, path: Path, roles: Roles, *, word: str, zone: tzinfo | None) -> None:
        """Nothing is read yet."""
        self._path, self._roles, self._word = path, roles, word
        self._stamps = Stamps(zone, stated=roles.zone)
        self._parts: dict[str, list[Any]] = {name: [] for name in (*COLUMNS, "line")}
        self._count = 0
        self.notes: list[str] = []

    def add(self, frame: "pd.DataFrame", lines: IntArray) -> None:
        """Read one chunk and check what can be told of it alone.

        Raises `UserError` naming the first wrong place.
        """
        if not len(frame):
            return
        self._count += len(frame)
        if self._count > MOST_ROWS:
            raise UserError(
                f"{self._path} holds more than {MOST_ROWS:,} rows",
                remedy="give it in parts, or coarser candles",
            )
        columns: dict[str, Any] = {}
        for name in COLUMNS[1:]:
            columns[name] = self._numbers(frame[self._roles.of[name]], name, lines)
        columns["timestamp"] = self._times(frame, lines)
        given = Candles(
            timeframe=Timeframe.M1,
            opened_at=columns["timestamp"],
            **{name: columns[name] for name in COLUMNS[1:]},
        )
        try:
            check_candle_values(given)
        except BadCandles as error:
            raise self._wrong(
                int(lines[error.row]), error.rule, at=int(given.opened_at[error.row])
            ) from error
        for name, column in columns.items():
            self._parts[name].append(column)
        self._parts["line"].append(lines.astype(np.int32))

    def finish_joining(self) -> tuple[Candles, Understood]:
        """All candles, ascending, in the timeframe `1m` whatever their spacing is, and what was
        found. Raises `UserError`.
        """
        if not self._count:
            raise UserError(
                f"{self._path} holds no candles", remedy="give a file with at least two candles"
            )
        line = self._join_column("line")
        given = Candles(
            timeframe=Timeframe.M1,
            opened_at=self._join_column("timestamp"),
            **{name: self._join_column(name) for name in COLUMNS[1:]},
        )
        given, line, order = self._order_rows(given, line)
        given, line, dropped = self._once(given, line)
        spacing_ms = self._spacing(given, line)
        given, closing = self._stamp_by_open(given, spacing_ms)
        self._one_grid(given, line, spacing_ms)
        if len(np.unique(given.high)) == 1 and bool((given.high == given.low).all()):
            raise UserError(
                f"{self._path} is flat: all prices of its {len(given):,} candles are"
                f" {given.high[0]:,.0f}",
                remedy="give candles of a market that moves",
            )
        notes = [*self.notes, *closing, *self._stamps.notes]
        notes += [f"{dropped:,} equal rows dropped"] if dropped else []
        if self._roles.ignored:
            shown = ", ".join(self._roles.ignored[:_FEW_SHOWN]) + (
                ", ..." if len(self._roles.ignored) > _FEW_SHOWN else ""
            )
            notes.append(f"not used: {shown}")
        return given, Understood(
            layout=self._roles.layout,
            stamps=str(self._stamps),
            order=order,
            spacing_ms=spacing_ms,
            rows=len(given),
            notes=tuple(notes),
        )

    def _join_column(self, name: str) -> Any:
        """One column whole; its parts are let go, so that the memory is needed once."""
        return np.concatenate(self._parts.pop(name))

    def _numbers(self, cells: "pd.Series[Any]", name: str, lines: IntArray) -> FloatArray:
        if cells.dtype.kind in "iuf":
            numbers: FloatArray = cells.to_numpy().astype(np.float64)
            gone = np.isnan(numbers)
            if gone.any():
                raise self._wrong(
                    int(lines[int(np.argmax(gone))]), f"{name} is missing or no number"
                )
            return numbers
        found = np.empty(len(cells))
        for row, cell in enumerate(cells.array):
            value = _value(cell)
            if value is None:
                # NaN.
                missing = cell is None or (isinstance(cell, float) and cell != cell)  # noqa: PLR0124
                what = "is missing" if missing else f"{str(cell).strip()[:40]!r} is no number"
                raise self._wrong(int(lines[row]), f"{name} {what}{_thousands(cell)}")
            found[row] = value
        return found

    def _times(self, frame: "pd.DataFrame", lines: IntArray) -> IntArray:
        cells = frame[self._roles.of["timestamp"]]
        if self._roles.clock is not None:
            cells = cells.astype("str") + " " + frame[self._roles.clock].astype("str")
        try:
            return self._stamps.read(cells)
        except Unreadable as error:
            raise self._wrong(int(lines[error.row]), error.rule, remedy=error.remedy) from error

    def _wrong(self, line: int, rule: str, *, at: int | None = None, remedy: str = "") -> UserError:
        when = "" if at is None else f" ({_minute_text(at)})"
        return UserError(
            f"{self._path}, {self._word} {line}{when}: {rule}", remedy=remedy or REMEDY
        )

    def _order_rows(self, given: Candles, line: IntArray) -> tuple[Candles, IntArray, str]:
        steps = np.diff(given.opened_at)
        if not (steps < 0).any():
            return given, line, "oldest first"
        if not (steps > 0).any():
            return (
                _pick_rows(given, slice(None, None, -1)),
                line[::-1],
                "newest first, turned round",
            )
        forward = (steps > 0).sum() >= (steps < 0).sum()
        wrong = np.flatnonzero(steps < 0 if forward else steps > 0)
        row = int(wrong[0]) + 1
        where = (
            f"{_minute_text(int(given.opened_at[row]))} comes after"
            f" {_minute_text(int(given.opened_at[row - 1]))}"
        )
        usual = "ascend" if forward else "descend"
        share = f"{len(wrong):,} of {len(steps):,} steps"
        raise self._wrong(
            int(line[row]),
            f"{where}, but most rows {usual}: the file is disordered ({share})",
            remedy=(
                "sort the file by time, if all its rows are of one market; nothing is sorted by a"
                " guess"
            ),
        )

    def _once(self, given: Candles, line: IntArray) -> tuple[Candles, IntArray, int]:
        """Without equal rows; two rows of one time that differ are refused."""
        twice = np.flatnonzero(np.diff(given.opened_at) == 0) + 1
        if not len(twice):
            return given, line, 0
        differ = np.zeros(len(twice), dtype=np.bool_)
        for name in COLUMNS[1:]:
            column = getattr(given, name)
            differ |= column[twice] != column[twice - 1]
        if differ.any():
            row = int(twice[int(np.argmax(differ))])
            first, second = sorted((int(line[row - 1]), int(line[row])))
            at = int(given.opened_at[row])
            raise self._wrong(
                second,
                f"the time stands there twice, with other values in {self._word} {first}",
                at=at,
            )
        keep = np.ones(len(given), dtype=np.bool_)
        keep[twice] = False
        return _pick_rows(given, keep), line[keep], len(twice)

    def _spacing(self, given: Candles, line: IntArray) -> int:
        steps = np.diff(given.opened_at)
        if not len(steps):
            raise UserError(
                f"{self._path} has too few candles to tell their timeframe (one)",
                remedy="give at least two candles",
            )
        lengths, counts = np.unique(steps, return_counts=True)
        spacing_ms = int(lengths[np.argmax(counts)])
        changed = _long_run(steps, spacing_ms)
        if changed is not None:
            row, length = changed
            at = int(given.opened_at[row])
            raise self._wrong(
                int(line[row]),
                f"timeframes are mixed: from here the candles are {spacing_words(length)} apart, "
                f"most others {spacing_words(spacing_ms)}",
                at=at,
                remedy="give a file of one timeframe",
            )
        return spacing_ms

    def _stamp_by_open(self, given: Candles, spacing_ms: int) -> tuple[Candles, tuple[str, ...]]:
        """Stamped by their open: closing times, on the grid or a thousandth before it, are moved
        back by one candle.
        """
        late = bool(((given.opened_at + 1) % spacing_ms == 0).all())
        if not late and not self._roles.closing:
            return given, ()
        at = given.opened_at + (1 if late else 0) - spacing_ms
        columns = {name: getattr(given, name) for name in COLUMNS[1:]}
        told = "times are closes, moved back to the opens"
        return Candles(timeframe=given.timeframe, opened_at=at, **columns), (told,)

    def _one_grid(self, given: Candles, line: IntArray, spacing_ms: int) -> None:
        if not any(timeframe.ms % spacing_ms == 0 for timeframe in Timeframe):
            return  # nothing that we use can be made of them: the refusal that follows says so
        try:
            check_candle_rules(given, spacing_ms=spacing_ms, values=False)
        except BadCandles as error:
            at = int(given.opened_at[error.row])
            raise self._wrong(int(line[error.row]), error.rule, at=at) from error


def _pick_rows(given: Candles, rows: Any) -> Candles:
    columns = {name: getattr(given, name)[rows] for name in ("opened_at", *COLUMNS[1:])}
    return Candles(timeframe=given.timeframe, **columns)


def _long_run(steps: IntArray, spacing_ms: int) -> tuple[int, int] | None:
    """Where at least a dozen equal steps follow each other that are not the usual one: the row
    before them, and their length.

    Missing candles make steps of many lengths; twelve equal ones in a row are another timeframe.
    """
    changes = np.flatnonzero(np.diff(steps)) + 1
    starts = np.concatenate([[0], changes])
    lengths = np.diff(np.append(starts, len(steps)))
    long = np.flatnonzero((lengths >= _LONG_RUN) & (steps[starts] != spacing_ms))
    if not len(long):
        return None
    start = int(starts[long[0]])
    return start, int(steps[start])


def _value(cell: Any) -> float | None:
    """A cell as a number; None where it is none."""
    if cell is None or isinstance(cell, bool):
        return None
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return None
    return None if np.isnan(value) else value


def _thousands(cell: Any) -> str:
    import re

    if isinstance(cell, str) and re.fullmatch(r"-?\d{1,3}([,.' ]\d{3})+([.,]\d+)?", cell.strip()):
        return ": thousands are separated; write 10000000"
    return ""


def _minute_text(at: int) -> str:
    return f"{utc_text(at)[:16].replace('T', ' ')} UTC"


def join_parts(chunks: Iterator[tuple["pd.DataFrame", IntArray]], into: Joining) -> Joining:
    """All chunks, one after the other."""
    for frame, lines in chunks:
        into.add(frame, lines)
    return into
