"""What was known at a cut, compared with what is known without the future after it: to the last
bit, NaN equal to NaN.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.core.calendar import utc_text
from shared.core.types import BoolArray, FloatArray, IntArray, Purpose
from shared.features.catalogue import OF_THE_CLOCK
from shared.replay.types import Curve, Replayed
from shared.turn.pipeline import Stages

Way: TypeAlias = Literal["truncated", "perturbed", "replaced"]
KINDS = (
    "features",
    "votes",
    "predictions",
    "targets",
    "entries",
    "fills",
    "trades",
    "events",
    "points",
    "ticks",
)
SECOND_POINT_MS = 20_000
"""After the open, the path's next price: what is decided before it has seen nothing of a candle but
its open."""
LEAST_ROWS_TO_LISTEN = 32
LONGEST_TEXT = 160


class Cut(NamedTuple):
    """Where the future was taken away, ms UTC, and how."""

    at: int
    way: Way

    @property
    def decided_by(self) -> int:
        """Up to where decisions must be the same: where the open after the cut was left, also those
        made right at it.
        """
        return self.at + (SECOND_POINT_MS if self.way == "perturbed" else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that the past said differently once its future was gone: the first of its `kind`
    and `name` at this cut.

    Attributes:
        kind: feature, vote, consensus, prediction, target, entry, fill, trade, event, equity or
            tick.
        name: Which feature, strategy, class or fields; `missing` or `extra` for an item that only
            one side has.
        row: Row of the 15m candles, or number of the entry, fill, trade, event, point of the curve
            or tick.
        at: The instant that it belongs to, ms UTC.
        whole: What was said with the real future.
        without: What was said without it.
        count: How many rows or items of this kind and name differ at this cut.
        cut_at: Where the future was taken away, ms UTC, and `way`: how.
    """

    kind: str
    name: str
    row: int
    at: int
    whole: str
    without: str
    count: int
    cut_at: int
    way: Way

    def __str__(self) -> str:
        """One sentence for people."""
        if self.way == "replaced":
            return (
                f"{self.kind} {self.name} did not change in any of {self.count} rows when every"
                " candle was replaced, three times, by another: it reads something else than the"
                " candles"
            )
        return (
            f"{self.kind} {self.name} at {utc_text(self.at)} (row {self.row}) is {self.whole}, but"
            f" {self.without} with the future after {utc_text(self.cut_at)} {self.way};"
            f" {self.count} of this kind"
        )


class Column(NamedTuple):
    """Which column: of what kind, and its name."""

    kind: str
    name: str


class Table(NamedTuple):
    """Columns of one kind, shape (n, columns), in the order of `names`."""

    counted: str
    kind: str
    names: tuple[str, ...]
    values: NDArray[Any]


def of_stages(
    whole: Stages, part: Stages, cut: Cut, compared: dict[str, int]
) -> Iterator[Difference]:
    """Every row of the stages that was known at the cut, column by column; counts what
    it compares.
    """
    as_of, theirs_as_of = whole.features.as_of, part.features.as_of
    rows = int(np.searchsorted(as_of, cut.at, side="right"))
    wanted = as_of[:rows] if cut.way == "truncated" else as_of
    if not np.array_equal(theirs_as_of, wanted):
        told = (
            f"{len(wanted)} rows",
            f"{len(theirs_as_of)} rows that are not of the candles given",
        )
        yield _difference(cut, "feature", "as_of", rows, cut.at, *told, len(wanted))
        return
    asked = _asked_rows(whole)[:rows] & _asked_rows(part)[:rows]
    for mine, theirs in zip(_tables(whole), _tables(part), strict=True):
        if mine.names != theirs.names:
            told = (", ".join(mine.names) or "none", ", ".join(theirs.names) or "none")
            yield _difference(cut, mine.kind, "columns", 0, cut.at, *told, len(mine.names))
            continue
        ours, others = mine.values[:rows], theirs.values[:rows]
        if mine.counted == "predictions":
            ours, others = (
                np.where(asked[:, None], ours, np.nan),
                np.where(asked[:, None], others, np.nan),
            )
        compared[mine.counted] += int(np.isfinite(ours).sum())
        yield from _columns(mine, ours, others, as_of, cut)


def in_rows(whole: Stages, part: Stages, rows: IntArray) -> Iterator[tuple[Column, list[int]]]:
    """The columns that say another thing in some of the `rows`, and in which.

    Both have the same rows.
    """
    for mine, theirs in zip(_tables(whole), _tables(part), strict=True):
        if mine.names == theirs.names:
            differs = _differs(mine.values[rows], theirs.values[rows])
            for column in np.flatnonzero(differs.any(axis=0)):
                yield (
                    Column(mine.kind, mine.names[column]),
                    [int(row) for row in rows[differs[:, column]]],
                )


def deaf(whole: Stages, other: Stages) -> Iterator[Difference]:
    """Columns that say in every row what they said before, although every candle is another: they
    read something else.

    `other` are the stages of falsified candles over the same rows. A slow column moves with these
    too, for nothing of its past is left.
    """
    at = int(whole.features.as_of[0]) if len(whole.features.as_of) else 0
    for mine, theirs in zip(_tables(whole), _tables(other), strict=True):
        if mine.names != theirs.names or len(mine.values) < LEAST_ROWS_TO_LISTEN:
            continue
        speaks = (mine.values != mine.values[:1]).any(axis=0) & ~np.isnan(mine.values).all(axis=0)
        listens = _differs(mine.values, theirs.values).any(axis=0)
        clocks = np.array(
            [mine.kind == "feature" and name in OF_THE_CLOCK for name in mine.names], dtype=np.bool_
        )
        for column in np.flatnonzero(speaks & ~listens & ~clocks):
            yield Difference(
                kind=mine.kind,
                name=mine.names[column],
                row=0,
                at=at,
                whole="the same in every row",
                without="the same",
                count=len(mine.values),
                cut_at=at,
                way="replaced",
            )


def of_replays(
    whole: Replayed, part: Replayed, cut: Cut, compared: dict[str, int]
) -> Iterator[Difference]:
    """Everything that had happened before the cut, and what was decided right at it; counts what it
    compares.
    """
    for counted, kind, mine, theirs in (
        ("entries", "entry", _entries(whole, cut), _entries(part, cut)),
        ("fills", "fill", _fills(whole, cut), _fills(part, cut)),
        (
            "trades",
            "trade",
            _items(whole.trades, "closed_at", cut),
            _items(part.trades, "closed_at", cut),
        ),
        ("events", "event", _items(whole.events, "at", cut), _items(part.events, "at", cut)),
        ("ticks", "tick", _ticks(whole, cut), _ticks(part, cut)),
    ):
        compared[counted] += len(mine)
        yield from _compare_lists(kind, mine, theirs, cut)
    mine_at, theirs_at = (_curve_table(replayed.curve, cut) for replayed in (whole, part))
    compared["points"] += len(mine_at.values)
    if len(mine_at.values) != len(theirs_at.values):
        points = (f"{len(mine_at.values)} points", f"{len(theirs_at.values)} points")
        yield _difference(
            cut,
            "equity",
            "points",
            0,
            cut.at,
            *points,
            abs(len(mine_at.values) - len(theirs_at.values)),
        )
    else:
        yield from _columns(mine_at, mine_at.values, theirs_at.values, whole.curve.at, cut)


def _difference(
    cut: Cut, kind: str, name: str, row: int, at: int, whole: str, without: str, count: int
) -> Difference:
    return Difference(
        kind=kind,
        name=name,
        row=row,
        at=at,
        whole=whole,
        without=without,
        count=count,
        cut_at=cut.at,
        way=cut.way,
    )


# columns


def _asked_rows(stages: Stages) -> BoolArray:
    """Rows that the model was asked for: where only one side was asked, nothing can be compared."""
    if stages.prediction is None or stages.prediction.unasked is None:
        return np.ones(len(stages.features.as_of), dtype=np.bool_)
    return ~stages.prediction.unasked


def _tables(stages: Stages) -> tuple[Table, ...]:
    features, votes = stages.features, stages.votes
    classes, shares = _model_columns(stages)
    targets = stages.targets
    wanted = (
        np.empty((len(features.as_of), 0))
        if targets is None
        else np.stack([targets.weight, targets.volatility], axis=1)
    )
    return (
        Table("features", "feature", features.names, features.values),
        Table("votes", "vote", tuple(f"{name} side" for name in votes.names), votes.sides),
        Table(
            "votes", "vote", tuple(f"{name} confidence" for name in votes.names), votes.confidences
        ),
        Table("votes", "consensus", ("side",), votes.consensus[:, None]),
        Table("votes", "consensus", ("strength",), votes.strength[:, None]),
        Table("predictions", "prediction", classes, shares),
        Table("targets", "target", () if targets is None else ("weight", "volatility"), wanted),
    )


def _model_columns(stages: Stages) -> tuple[tuple[str, ...], FloatArray]:
    """What the model said, by name and as columns: the three classes, and the heads that it has."""
    prediction = stages.prediction
    if prediction is None:
        return (), np.empty((len(stages.features.as_of), 0))
    heads = {"volatility": prediction.volatility, "p_vote": prediction.p_vote}
    beside = {name: column[:, None] for name, column in heads.items() if column is not None}
    return ("p_lower", "p_neither", "p_upper", *beside), np.concatenate(
        [prediction.probabilities, *beside.values()], axis=1
    )


def _curve_table(curve: Curve, cut: Cut) -> Table:
    """The curve up to the cut, its instants among the values."""
    known = int(np.searchsorted(curve.at, cut.at, side="right"))
    values = np.stack(
        [
            curve.at[:known],
            curve.equity_units[:known],
            curve.close[:known].astype(np.int64),
            curve.lots[:known],
        ],
        1,
    )
    return Table("points", "equity", ("at", "equity_units", "close", "lots"), values)


def _differs(whole: NDArray[Any], part: NDArray[Any]) -> BoolArray:
    # NaN equals NaN here.
    differs: BoolArray = (whole != part) & ~((whole != whole) & (part != part))  # noqa: PLR0124
    return differs


def _columns(
    table: Table, whole: NDArray[Any], part: NDArray[Any], as_of: IntArray, cut: Cut
) -> Iterator[Difference]:
    differs = _differs(whole, part)
    for column in np.flatnonzero(differs.any(axis=0)):
        rows = np.flatnonzero(differs[:, column])
        row = int(rows[0])
        told = (repr(whole[row, column].item()), repr(part[row, column].item()))
        yield _difference(
            cut, table.kind, table.names[column], row, int(as_of[row]), *told, len(rows)
        )


# lists


class Told(NamedTuple):
    """What was said at an instant."""

    at: int
    said: dict[str, Any]


def _build_told(at: int, item: Any, *names: str) -> Told:
    return Told(
        at, {name: getattr(item, name) for name in names or tuple(item.__dataclass_fields__)}
    )


def _items(items: Sequence[Any], at: str, cut: Cut) -> list[Told]:
    return [_build_told(getattr(item, at), item) for item in items if getattr(item, at) < cut.at]


def _fills(replayed: Replayed, cut: Cut) -> list[Told]:
    """Fills before the cut, and closes at the market that a tick decided right at it."""
    return [
        _build_told(fill.at, fill)
        for fill in replayed.fills
        if fill.at < (cut.decided_by if fill.purpose is Purpose.CLOSE else cut.at)
    ]


def _entries(replayed: Replayed, cut: Cut) -> list[Told]:
    """Entries without what they came to: the rest of their life may lie after the cut, and fills
    are compared anyway.
    """
    return [
        _build_told(entered.placed_at, replace(entered, filled_lots=0))
        for entered in replayed.entries
        if entered.placed_at < cut.decided_by
    ]


def _ticks(replayed: Replayed, cut: Cut) -> list[Told]:
    """What each tick decided; what its orders came to may lie after the cut."""
    return [
        _build_told(report.received_at, report, "status", "reason", "decision", "signal", "issues")
        for report in replayed.ticks
        if report.received_at < cut.decided_by
    ]


def _compare_lists(
    kind: str, whole: list[Told], part: list[Told], cut: Cut
) -> Iterator[Difference]:
    """Compare two lists; only the first difference is told, what follows is its consequence."""
    pairs = list(zip_longest(whole, part))
    wrong = [
        row
        for row, (mine, theirs) in enumerate(pairs)
        if mine is None or theirs is None or mine.said != theirs.said
    ]
    if not wrong:
        return
    mine, theirs = pairs[wrong[0]]
    names: tuple[str, ...] = ()
    if mine is None or theirs is None:
        only, name = (theirs, "extra") if mine is None else (mine, "missing")
        at = 0 if only is None else only.at
    else:
        at, names = (
            mine.at,
            tuple(field for field in mine.said if mine.said[field] != theirs.said[field]),
        )
        name = ", ".join(names)
    yield _difference(
        cut,
        kind,
        name,
        wrong[0],
        at,
        _fields_text(mine, names),
        _fields_text(theirs, names),
        len(wrong),
    )


def _fields_text(item: Told | None, names: tuple[str, ...]) -> str:
    """The fields that differ; all of them for an item that the other side does not have."""
    if item is None:
        return "not there"
    text = ", ".join(f"{name} {item.said[name]}" for name in names or item.said)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} ..."
