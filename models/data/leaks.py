"""Leaks of the data and of the recipe, each caught by its name before anything is trained.

Of a dataset: `shuffled_time`, `duplicated_rows`, `target_in_features` (see `models.data.targets`),
and with the candles at hand `global_scaler`, `future_feature` (see `models.data.looking_ahead`) and
`label_overlap` (ends that are told too early). Of a split:
`trained_on_the_test`, `shuffled_time`, `label_overlap`. Each check is a pure function that gives
its findings. Where one leak brings others with it (who trains on the test also crosses its labels),
only the gravest is told.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset, Split
from models.data.findings import Finding, refuse
from models.data.labels import label
from models.data.looking_ahead import Compute, looks_ahead
from models.data.targets import target_in_features
from shared import features
from shared.core.calendar import HOUR_MS
from shared.core.types import Barriers, Candles, Timeframe

__all__ = [
    "Finding",
    "duplicated_rows",
    "inspect_dataset",
    "inspect_pair",
    "inspect_split",
    "label_overlap",
    "refuse",
    "shuffled_time",
    "target_in_features",
    "told_label_ends",
    "trained_on_the_test",
]

_MOST_REPEATED = 1e-3
_STANDARD = 1e-4


def inspect_dataset(
    dataset: Dataset,
    candles: Mapping[Timeframe, Candles] | None = None,
    *,
    barriers: Barriers | None = None,
    compute: Compute = features.compute,
    cuts: int = 8,
    seed: int = 7,
) -> tuple[Finding, ...]:
    """Everything that can be wrong with a dataset by itself; nothing where it is clean.

    >>> from models.data.dataset import build
    >>> from shared.core.types import Timeframe
    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> inspect_dataset(build(candles, load_settings({}).learning))
    ()

    Args:
        dataset: What is to be learned from.
        candles: Those that it was made of; without them nobody can tell whether a feature looks
            ahead.
        barriers: Its label; with `candles`, labels and ends are computed again.
        compute: What made the features.
        cuts: At how many instants the future is taken away.
        seed: Of these instants.
    """
    if disorder := shuffled_time(dataset) or duplicated_rows(dataset):
        return disorder
    targets = target_in_features(dataset)
    if candles is None:
        return (*targets, *standardised_columns(dataset))
    accused = {finding.facts["feature"] for finding in targets}
    ahead = looks_ahead(dataset, candles, compute=compute, cuts=cuts, seed=seed)
    others = tuple(finding for finding in ahead if finding.facts.get("feature") not in accused)
    ends = (
        told_label_ends(dataset, candles[Timeframe.M15], barriers) if barriers is not None else ()
    )
    return (*targets, *others, *ends)


def inspect_split(parts: Split, *, embargo_ms: int) -> tuple[Finding, ...]:
    """Whether training, calibration and validation are apart and in the order of time."""
    pairs = (
        (parts.training, parts.calibration),
        (parts.training, parts.validation),
        (parts.calibration, parts.validation),
    )
    found = [
        finding
        for earlier, later in pairs
        for finding in inspect_pair(earlier, later, embargo_ms=embargo_ms)
    ]
    gravest = [finding for name in _GRAVITY for finding in found if finding.name == name]
    return tuple(finding for finding in gravest if finding.name == gravest[0].name)


_GRAVITY = ("trained_on_the_test", "shuffled_time", "label_overlap")


def inspect_pair(
    training: Dataset, test: Dataset, *, embargo_ms: int, in_order: bool = True
) -> tuple[Finding, ...]:
    """The gravest leak of a training and its test.

    `in_order`: the test comes later, as it does in life.
    """
    if not len(training) or not len(test):
        return ()
    return (
        trained_on_the_test(training, test)
        or (_out_of_order(training, test) if in_order else ())
        or label_overlap(training, test, embargo_ms=embargo_ms)
    )


def shuffled_time(dataset: Dataset) -> tuple[Finding, ...]:
    """Rows that do not stand in the order of time; repeated instants are another matter."""
    _, first = np.unique(dataset.as_of, return_index=True)
    back = int((np.diff(dataset.as_of[np.sort(first)]) < 0).sum())
    if not back:
        return ()
    return (
        Finding(
            name="shuffled_time",
            found=f"{back} rows are followed by an earlier one",
            right="rows in the order of their instants, so that a cut by position is a cut in time",
            facts={"rows": len(dataset), "steps_back": back},
        ),
    )


def duplicated_rows(dataset: Dataset) -> tuple[Finding, ...]:
    """Instants that occur twice, or the same features and label under many instants (a market that
    stands still apart).
    """
    repeated = len(dataset) - len(np.unique(dataset.as_of))
    told = _prints(dataset)
    copies = len(told) - len(np.unique(told))
    if not repeated and copies <= _MOST_REPEATED * len(dataset):
        return ()
    return (
        Finding(
            name="duplicated_rows",
            found=(
                f"{repeated} instants occur more than once and {copies} rows repeat another one's"
                " features and label"
            ),
            right=(
                "each candle once: copies count as evidence that is not there, and cross every cut"
            ),
            facts={"rows": len(dataset), "repeated_instants": repeated, "copies": copies},
        ),
    )


def trained_on_the_test(training: Dataset, test: Dataset) -> tuple[Finding, ...]:
    """Instants of the test that were learned from, or its very rows under other instants."""
    shared = len(np.intersect1d(training.as_of, test.as_of))
    judged = np.unique(_prints(test))
    copies = int(np.isin(judged, _prints(training)).sum())
    if not shared and copies <= max(1.0, _MOST_REPEATED * len(judged)):
        return ()
    return (
        Finding(
            name="trained_on_the_test",
            found=(
                f"{shared} of the {len(test)} instants that judge were learned from, and {copies}"
                " rows occur in both parts"
            ),
            right="no row in both",
            facts={"test_rows": len(test), "shared_instants": shared, "copies": copies},
        ),
    )


def _out_of_order(training: Dataset, test: Dataset) -> tuple[Finding, ...]:
    later = int((training.as_of > test.as_of.min()).sum())
    if not later:
        return ()
    return (
        Finding(
            name="shuffled_time",
            found=(
                f"{later} of {len(training)} rows that are learned from lie after the first that"
                " judges"
            ),
            right="a training that ends before its test begins",
            facts={"training_rows": len(training), "later_rows": later},
        ),
    )


def label_overlap(training: Dataset, test: Dataset, *, embargo_ms: int) -> tuple[Finding, ...]:
    """Labels of the training that cover a time which labels of the test cover, or come nearer than
    the embargo.
    """
    order = np.argsort(test.as_of, kind="stable")
    starts, reach = test.as_of[order], np.maximum.accumulate(test.end_at[order])
    before = np.searchsorted(starts, training.end_at + embargo_ms)
    met = (before > 0) & (reach[before - 1] > training.as_of - embargo_ms)
    count = int(met.sum())
    if not count:
        return ()
    return (
        Finding(
            name="label_overlap",
            found=(
                f"{count} labels of the training cover the time of the test's labels, "
                f"or {embargo_ms / HOUR_MS:g} hours before and after them"
            ),
            right="a training without them: purged by the end of each label, with an embargo",
            facts={"training_rows": len(training), "overlapping": count, "embargo_ms": embargo_ms},
        ),
    )


def told_label_ends(dataset: Dataset, quarters: Candles, barriers: Barriers) -> tuple[Finding, ...]:
    """Labels that were known later than the dataset says, by computing them again: such ends hide
    an overlap.
    """
    place = np.searchsorted(quarters.closed_at, dataset.as_of)
    atr = np.full(len(quarters), np.nan)
    atr[place] = dataset.atr_rate * dataset.close
    real = label(quarters, atr, barriers).end_at[place]
    early = int((dataset.end_at < real).sum())
    if early <= _MOST_REPEATED * len(dataset) or np.isnan(dataset.atr_rate).any():
        return ()
    return (
        Finding(
            name="label_overlap",
            found=f"{early} labels are told as known earlier than they were",
            right="the close of the candle that decided the label",
            facts={"rows": len(dataset), "too_early": early},
        ),
    )


def standardised_columns(dataset: Dataset) -> tuple[Finding, ...]:
    """Columns whose mean over the whole dataset is 0 and whose deviation is 1: nobody knew these
    numbers before its end.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = (
            dataset.rows.mean(axis=0, dtype=np.float64),
            dataset.rows.std(axis=0, dtype=np.float64),
        )
    scaled = np.flatnonzero((np.abs(mean) < _STANDARD) & (np.abs(deviation - 1.0) < _STANDARD))
    return tuple(
        Finding(
            name="global_scaler",
            found=f"{dataset.names[place]} has mean 0 and deviation 1 over the whole dataset",
            right="values that were known at their instants",
            facts={"feature": dataset.names[place]},
        )
        for place in scaled.tolist()
    )


def _prints(dataset: Dataset) -> NDArray[np.void]:
    """All that stands in each row but its instant, as bytes; only the first of rows that repeat the
    one before.

    A market that stands still makes such rows. Rows without a close (made by hand) have no prints:
    few features may repeat.
    """
    columns = (
        dataset.rows,
        dataset.label,
        dataset.close,
        dataset.atr_rate,
        dataset.volatility_past,
        dataset.long_net,
    )
    table = np.column_stack([np.nan_to_num(column).astype(np.float64) for column in columns])
    known = np.isfinite(dataset.close)
    known[1:] &= (table[1:] != table[:-1]).any(axis=1)
    table = np.ascontiguousarray(table[known])
    prints: NDArray[np.void] = table.view(
        np.dtype((np.void, table.dtype.itemsize * table.shape[1]))
    ).ravel()
    return prints
