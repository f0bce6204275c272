"""Whether a dataset's rows are what was known at their instants: take the future away, compute
again, compare.

At seeded instants the feature code is given what a tick would be given then, its last 1,000 candles
and some more of each timeframe, and nothing later. The rows up to that instant must come out as
they stand in the dataset, to the last bit of a
float32: the features keep that promise (see `shared.features`). How they differ gives the leak its
name:

* *global_scaler*: in the same order, but on another scale: statistics of the whole history are in
  the column.
* *shuffled_time*: no column fits, most of them nowhere: the rows stand at instants that are not
  theirs.
* *future_feature*: anything else: the column knows later candles.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset
from models.data.findings import Finding
from shared import features
from shared.core.types import Candles, Features, Timeframe

Compute: TypeAlias = Callable[[Mapping[Timeframe, Candles]], Features]
_Rows: TypeAlias = NDArray[np.float32]
_Pair: TypeAlias = tuple[_Rows, _Rows]

REACH = 1_000
"""How many candles before a row can matter to it."""
COMPARED = 200
"""Rows before each instant that are compared."""
_LEAST_ORDERED = 20
_SAME_ORDER = 1e-5


def looks_ahead(
    dataset: Dataset,
    candles: Mapping[Timeframe, Candles],
    *,
    compute: Compute = features.compute,
    cuts: int = 8,
    seed: int = 7,
) -> tuple[Finding, ...]:
    """Compare the dataset with what was known at `cuts` of its instants, the last one among them.

    Args:
        dataset: Rows in the order of time.
        candles: Those that it was made of; more do not matter.
        compute: What made the features.
        cuts: How many instants; each costs about as much as a tick.
        seed: Of the instants.
    """
    if not len(dataset):
        return ()
    pairs = [_pair(dataset, candles, int(at), compute) for at in _instants(dataset, cuts, seed)]
    names = {
        name: _story([(then[:, place], now[:, place]) for then, now in pairs])
        for place, name in enumerate(dataset.names)
    }
    wrong = {name: story for name, story in names.items() if story}
    strange = sum(story == "strange" for story in wrong.values())
    if len(wrong) == len(names) > 1 and 2 * strange > len(names):
        return (_shuffled_finding(len(wrong), len(pairs)),)
    scaled = [name for name, story in wrong.items() if story == "scaled"]
    ahead = [name for name in wrong if name not in scaled]
    return (
        *(_scaled_finding(name) for name in scaled),
        *(_ahead_finding(name, len(pairs)) for name in ahead),
    )


def _instants(dataset: Dataset, cuts: int, seed: int) -> list[int]:
    random = np.random.default_rng(seed)
    some = random.choice(len(dataset), min(len(dataset), max(0, cuts - 1)), replace=False)
    return sorted({int(dataset.as_of[-1]), *(int(at) for at in dataset.as_of[some])})


def _pair(
    dataset: Dataset, candles: Mapping[Timeframe, Candles], at: int, compute: Compute
) -> _Pair:
    """What was known at `at` of the rows before it, and what the dataset holds; NaN for what was
    not computed.
    """
    known = {
        timeframe: part.closed_by(at).tail(REACH + COMPARED) for timeframe, part in candles.items()
    }
    told = compute(known)
    last = int(np.searchsorted(dataset.as_of, at, side="right"))
    rows = slice(max(0, last - COMPARED), last)
    place = np.minimum(np.searchsorted(told.as_of, dataset.as_of[rows]), len(told.as_of) - 1)
    then = np.full((len(place), len(dataset.names)), np.nan, dtype=np.float32)
    there = told.as_of[place] == dataset.as_of[rows]
    for column, name in enumerate(dataset.names):
        if name in told.names:
            with np.errstate(over="ignore"):
                then[there, column] = told.column(name)[place[there]].astype(np.float32)
    return then, dataset.rows[rows]


def _story(pairs: list[_Pair]) -> str:
    """Of one column: nothing, `scaled`, `strange` (it fits nowhere) or `ahead`."""
    differing = [(then, now) for then, now in pairs if (then != now).any()]
    if not differing:
        return ""
    everywhere = all((then != now).mean() > 1 / 2 for then, now in pairs)
    if everywhere and all(_is_same_order(then, now) for then, now in differing):
        return "scaled"
    return "strange" if everywhere else "ahead"


def _is_same_order(then: _Rows, now: _Rows) -> bool:
    """Whether one is a monotone function of the other, up to rounding."""
    known = np.isfinite(then) & np.isfinite(now)
    if known.sum() < _LEAST_ORDERED:
        return False
    ordered = now[known][np.argsort(then[known], kind="stable")].astype(np.float64)
    steps, least = np.diff(ordered), _SAME_ORDER * float(np.ptp(ordered))
    return least > 0.0 and bool((steps >= -least).all() or (steps <= least).all())


def _shuffled_finding(columns: int, cuts: int) -> Finding:
    return Finding(
        name="shuffled_time",
        found=(
            f"all {columns} features differ from what was known at their instants, most of them"
            " nearly everywhere"
        ),
        right="each row at the instant at which it was known",
        facts={"features": columns, "instants": cuts},
    )


def _scaled_finding(name: str) -> Finding:
    return Finding(
        name="global_scaler",
        found=(
            f"{name} has the order, but not the scale, that it had when it was known: a longer"
            " history is in it"
        ),
        right="the value that a tick computes from its own 1,000 candles",
        facts={"feature": name},
    )


def _ahead_finding(name: str, cuts: int) -> Finding:
    return Finding(
        name="future_feature",
        found=f"{name} changes when later candles are taken away",
        right="a value that rests on closed candles only",
        facts={"feature": name, "instants": cuts},
    )
