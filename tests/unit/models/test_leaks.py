"""Each leak is planted on purpose, and must be found by its own name; clean data must have none."""

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data import leaks
from models.data.dataset import Dataset, Split, build, split
from models.data.findings import Finding, refuse
from models.data.labels import barriers_of
from models.data.looking_ahead import looks_ahead
from models.data.splits import combinatorial
from shared import features
from shared.core.errors import BadData
from shared.core.types import Timeframe
from shared.features.catalogue import MODEL, PHASE19, PHASE22
from tests.support import leaks as planted
from tests.support.made_trainings import market, small_settings

STEP = Timeframe.M15.ms
SETTINGS = small_settings()
LEARNING = SETTINGS.learning
BARRIERS = barriers_of(LEARNING)
EMBARGO = LEARNING.horizon_candles * STEP
NAMES = (*MODEL, "zscore")


@pytest.fixture(scope="module")
def candles():
    return market(75, seed=3, edge_bp=8.0)


@pytest.fixture(scope="module")
def dataset(candles) -> Dataset:
    return build(candles, LEARNING, NAMES, days=None)


def names(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.name for finding in findings}


def accused(findings: tuple[Finding, ...]) -> set[object]:
    return {finding.facts["feature"] for finding in findings}


def with_column(dataset: Dataset, name: str, column) -> Dataset:
    rows = dataset.rows.copy()
    rows[:, dataset.names.index(name)] = column
    return dataclasses.replace(dataset, rows=rows)


# clean data


def clean(seed: int, label: str, chosen: tuple[str, ...]) -> tuple[Finding, ...]:
    learning = dataclasses.replace(LEARNING, label=label)
    candles = market(60, seed=seed, edge_bp=8.0 * (seed % 2))
    dataset = build(candles, learning, chosen, days=None)
    parts = split(dataset, held_out_share=0.25, embargo_ms=EMBARGO)
    found = leaks.inspect_dataset(dataset, candles, barriers=barriers_of(learning), seed=seed)
    return (
        *found,
        *leaks.inspect_dataset(dataset),
        *leaks.inspect_split(parts, embargo_ms=EMBARGO),
    )


@pytest.mark.parametrize("seeds", [range(3), pytest.param(range(40), marks=pytest.mark.full)])
def test_clean_data_has_no_leak(seeds):
    looked = 0
    for seed in seeds:
        for label in ("barriers", "next_candle"):
            for chosen in (MODEL, PHASE19, PHASE22):
                assert clean(seed, label, chosen) == ()
                looked += 1
    assert looked == 6 * len(seeds)


def test_clean_combinatorial_splits_have_no_leak(dataset):
    found = combinatorial(dataset.as_of, dataset.end_at, embargo_ms=EMBARGO)
    for fold in found.splits:
        assert not leaks.inspect_pair(
            dataset.at(fold.training), dataset.at(fold.test), embargo_ms=EMBARGO, in_order=False
        ), fold.groups


# features that know too much


AHEAD: dict[str, tuple[Callable, str]] = {
    "the return of the next candle": (planted.next_return, "returns_4"),
    "a centred mean": (planted.centred_rolling, "close_to_ema_20"),
    "what is not warm is filled from later": (planted.back_filled, "volume_ratio"),
}


@pytest.mark.parametrize("case", AHEAD)
def test_a_feature_of_the_future_is_called_so(case, candles):
    leak, column = AHEAD[case]
    compute = lambda known: leak(known, bundle=None, settings=SETTINGS).features  # noqa: E731
    dataset = build(candles, LEARNING, NAMES, days=None, computed=compute(candles))
    found = leaks.inspect_dataset(dataset, candles, barriers=BARRIERS, compute=compute)
    assert names(found) == {"future_feature"}
    assert accused(found) == {column}


def test_a_4h_candle_before_it_is_closed_is_a_feature_of_the_future(candles):
    compute = lambda known: planted.unshifted_4h(known, bundle=None, settings=SETTINGS).features  # noqa: E731
    dataset = build(candles, LEARNING, NAMES, days=None, computed=compute(candles))
    found = leaks.inspect_dataset(dataset, candles, barriers=BARRIERS, compute=compute)
    assert names(found) == {"future_feature"}
    assert accused(found) >= {"returns_1_4h", "close_to_ema_20_4h"}
    assert all(str(name).endswith("_4h") for name in accused(found))


def test_a_future_feature_that_was_put_into_the_dataset_alone_is_found_too(dataset, candles):
    moves = np.append(np.diff(dataset.close) / dataset.close[:-1], 0.0)
    found = leaks.inspect_dataset(
        with_column(dataset, "returns_1", moves), candles, barriers=BARRIERS
    )
    assert (names(found), accused(found)) == ({"future_feature"}, {"returns_1"})


def test_a_scale_of_the_whole_history_is_called_so(candles):
    def compute(known):
        return planted.full_sample_zscore(known, bundle=None, settings=SETTINGS).features

    dataset = build(candles, LEARNING, NAMES, days=None, computed=compute(candles))
    found = leaks.inspect_dataset(dataset, candles, barriers=BARRIERS, compute=compute)
    assert (names(found), accused(found)) == ({"global_scaler"}, {"zscore"})


def standardised(rows):
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


def to_unit(rows):
    return (rows - rows.min(axis=0)) / (rows.max(axis=0) - rows.min(axis=0))


def ranked(rows):
    return rows.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable") / len(rows)


@pytest.mark.parametrize("scale", [standardised, to_unit, ranked])
def test_a_dataset_scaled_as_a_whole_is_called_so(scale, dataset, candles):
    scaled = dataclasses.replace(
        dataset, rows=scale(dataset.rows.astype(np.float64)).astype(np.float32)
    )
    found = leaks.inspect_dataset(scaled, candles, barriers=BARRIERS)
    assert names(found) == {"global_scaler"}
    assert len(accused(found)) > len(NAMES) / 2


def test_without_candles_a_standardised_dataset_is_recognised_by_its_mean_and_deviation(dataset):
    scaled = dataclasses.replace(
        dataset, rows=standardised(dataset.rows.astype(np.float64)).astype(np.float32)
    )
    found = leaks.inspect_dataset(scaled)
    assert (names(found), accused(found)) == ({"global_scaler"}, set(NAMES))


def test_rows_that_stand_at_other_instants_are_shuffled_in_time(dataset, candles):
    for order in (
        np.roll(np.arange(len(dataset)), -3),
        np.random.default_rng(5).permutation(len(dataset)),
    ):
        moved = dataclasses.replace(dataset, rows=dataset.rows[order])
        assert names(leaks.inspect_dataset(moved, candles, barriers=BARRIERS)) == {"shuffled_time"}


# features that are the target


def noisy(dataset: Dataset):
    random = np.random.default_rng(2)
    return np.where(
        random.random(len(dataset)) < 0.1, random.integers(0, 3, len(dataset)), dataset.label
    )


def in_a_code(dataset: Dataset):
    """Upper is 2 or -2, lower 1 or -1: no rank tells it, a tree does."""
    return np.array([1.0, 0.0, 2.0])[dataset.label] * np.random.default_rng(6).choice(
        [-1.0, 1.0], len(dataset)
    )


def ranked_with_noise(dataset: Dataset):
    return ranked(dataset.long_net) + np.random.default_rng(8).normal(0.0, 0.2, len(dataset))


TARGETS: dict[str, Callable[[Dataset], object]] = {
    "the label": lambda dataset: dataset.label,
    "the label, a tenth of it wrong": noisy,
    "the label in a code without order": in_a_code,
    "about what a long will bring": ranked_with_noise,
    "what a long will bring": lambda dataset: dataset.long_net,
    "what a short will bring": lambda dataset: dataset.short_net,
    "the volatility to come": lambda dataset: np.nan_to_num(dataset.volatility_next, nan=0.01),
}


@pytest.mark.parametrize("case", TARGETS)
def test_a_feature_that_is_the_target_is_called_so(case, dataset, candles):
    told = with_column(dataset, "rsi_14", TARGETS[case](dataset))
    for found in (
        leaks.inspect_dataset(told, candles, barriers=BARRIERS),
        leaks.inspect_dataset(told),
    ):
        assert (names(found), accused(found)) == ({"target_in_features"}, {"rsi_14"})


def test_the_next_move_is_the_target_of_the_seeds_label(candles):
    learning = dataclasses.replace(LEARNING, label="next_candle")
    dataset = build(candles, learning, NAMES, days=None)
    told = with_column(dataset, "returns_1", dataset.long_net)
    assert names(leaks.inspect_dataset(told, candles, barriers=barriers_of(learning))) == {
        "target_in_features"
    }


# rows


def test_a_dataset_out_of_order_is_shuffled_in_time(dataset, candles):
    shuffled = dataset.at(np.random.default_rng(1).permutation(len(dataset)))
    assert names(leaks.inspect_dataset(shuffled, candles, barriers=BARRIERS)) == {"shuffled_time"}


def twice(dataset: Dataset) -> Dataset:
    return dataset.at(np.repeat(np.arange(len(dataset)), 2))


def appended(dataset: Dataset) -> Dataset:
    return dataset.at(np.concatenate([np.arange(len(dataset)), np.arange(0, len(dataset), 50)]))


def under_other_instants(dataset: Dataset) -> Dataset:
    copies = dataset.at(np.arange(0, len(dataset), 20))
    both = np.concatenate([np.arange(len(dataset)), np.arange(0, len(dataset), 20)])
    later = int(dataset.as_of[-1]) + STEP * (1 + np.arange(len(copies)))
    return dataclasses.replace(
        dataset.at(both),
        as_of=np.concatenate([dataset.as_of, later]),
        end_at=np.concatenate([dataset.end_at, later + STEP]),
    )


@pytest.mark.parametrize("copied", [twice, appended, under_other_instants])
def test_copied_rows_are_called_so(copied, dataset, candles):
    assert names(leaks.inspect_dataset(copied(dataset), candles, barriers=BARRIERS)) == {
        "duplicated_rows"
    }


def test_a_market_that_stands_still_is_no_copy(dataset):
    still = np.sort(np.concatenate([np.arange(len(dataset)), np.full(200, 1_000)]))
    calm = dataclasses.replace(
        dataset.at(still),
        as_of=dataset.as_of[0] + STEP * np.arange(len(still)),
        end_at=dataset.as_of[0] + STEP * (1 + np.arange(len(still))),
    )
    assert leaks.duplicated_rows(calm) == ()


def test_label_ends_that_are_told_too_early_are_an_overlap(dataset, candles):
    hurried = dataclasses.replace(dataset, end_at=dataset.as_of + STEP)
    found = leaks.inspect_dataset(hurried, candles, barriers=BARRIERS)
    assert names(found) == {"label_overlap"}
    assert found[0].facts["too_early"] > len(dataset) / 2


# splits


def cut(dataset: Dataset, training, test) -> Split:
    held = dataset.at(test)
    third = len(held) // 3
    free = EMBARGO // STEP + LEARNING.horizon_candles
    return Split(
        training=dataset.at(training),
        calibration=held.at(slice(0, third - free)),
        validation=held.at(slice(third, None)),
    )


def at_the_boundary(dataset: Dataset) -> Split:
    rows = np.arange(len(dataset))
    return cut(dataset, rows[: len(rows) * 3 // 4], rows[len(rows) * 3 // 4 :])


def without_embargo(dataset: Dataset) -> Split:
    return split(dataset, held_out_share=0.25, embargo_ms=0)


def on_everything(dataset: Dataset) -> Split:
    rows = np.arange(len(dataset))
    return cut(dataset, rows, rows[len(rows) * 3 // 4 :])


def on_the_last_month_as_well(dataset: Dataset) -> Split:
    parts = split(dataset, held_out_share=0.25, embargo_ms=EMBARGO)
    both = np.flatnonzero(
        np.isin(
            dataset.as_of, np.concatenate([parts.training.as_of, parts.validation.as_of[-500:]])
        )
    )
    return dataclasses.replace(parts, training=dataset.at(both))


def on_copies_of_the_test(dataset: Dataset) -> Split:
    parts = split(dataset, held_out_share=0.25, embargo_ms=EMBARGO)
    count = 200
    copies = parts.validation.at(slice(0, count))
    early = int(parts.training.as_of[0]) - STEP * np.arange(count, 0, -1)
    copied = {
        each.name: np.concatenate([getattr(copies, each.name), getattr(parts.training, each.name)])
        for each in dataclasses.fields(Dataset)[1:]
    }
    copied["as_of"][:count], copied["end_at"][:count] = early, early + STEP
    return dataclasses.replace(parts, training=Dataset(names=dataset.names, **copied))


def at_random(dataset: Dataset) -> Split:
    chosen = np.random.default_rng(4).permutation(len(dataset))
    return cut(
        dataset, np.sort(chosen[: len(chosen) * 3 // 4]), np.sort(chosen[len(chosen) * 3 // 4 :])
    )


def on_the_future(dataset: Dataset) -> Split:
    parts = split(dataset, held_out_share=0.25, embargo_ms=EMBARGO)
    return Split(
        training=parts.validation, calibration=parts.calibration, validation=parts.training
    )


SPLITS = {
    at_the_boundary: "label_overlap",
    without_embargo: "label_overlap",
    on_everything: "trained_on_the_test",
    on_the_last_month_as_well: "trained_on_the_test",
    on_copies_of_the_test: "trained_on_the_test",
    at_random: "shuffled_time",
    on_the_future: "shuffled_time",
}


@pytest.mark.parametrize("planted_split", SPLITS, ids=lambda each: each.__name__)
def test_a_split_that_leaks_is_called_by_its_name(planted_split, dataset):
    found = leaks.inspect_split(planted_split(dataset), embargo_ms=EMBARGO)
    assert names(found) == {SPLITS[planted_split]}
    assert (
        leaks.inspect_split(
            split(dataset, held_out_share=0.25, embargo_ms=EMBARGO), embargo_ms=EMBARGO
        )
        == ()
    )


def test_overlap_is_counted_to_the_row():
    as_of = np.arange(100, dtype=np.int64) * STEP
    blank = Dataset(
        names=("x",),
        as_of=as_of,
        rows=np.zeros((100, 1), dtype=np.float32),
        label=np.zeros(100, dtype=np.int8),
        end_at=as_of + 4 * STEP,
        weight=np.ones(100),
    )
    test = blank.at(slice(50, 60))
    for embargo, before, after in ((0, 3, 3), (2 * STEP, 5, 5)):
        found = leaks.label_overlap(blank.at(np.r_[0:50, 60:100]), test, embargo_ms=embargo)
        assert found[0].facts["overlapping"] == before + after
    assert leaks.label_overlap(blank.at(np.r_[0:47, 63:100]), test, embargo_ms=0) == ()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(0, 4))
def test_overlap_equals_a_slow_reading_of_the_definition(seed, longest, embargo):
    random = np.random.default_rng(seed)
    as_of = np.arange(60, dtype=np.int64) * STEP
    blank = Dataset(
        names=("x",),
        as_of=as_of,
        rows=np.zeros((60, 1), dtype=np.float32),
        label=np.zeros(60, dtype=np.int8),
        end_at=as_of + random.integers(1, longest + 1, 60) * STEP,
        weight=np.ones(60),
    )
    judged = random.random(60) < 0.2
    training, test = (
        blank.at(np.flatnonzero(~judged & (random.random(60) < 0.5))),
        blank.at(np.flatnonzero(judged)),
    )
    slow = sum(
        any(
            start < theirs_end + embargo * STEP and theirs_start < end + embargo * STEP
            for theirs_start, theirs_end in zip(test.as_of, test.end_at, strict=True)
        )
        for start, end in zip(training.as_of, training.end_at, strict=True)
    )
    found = leaks.label_overlap(training, test, embargo_ms=embargo * STEP)
    assert (found[0].facts["overlapping"] if found else 0) == slow
    OVERLAPS.append(slow)


OVERLAPS: list[int] = []


def test_that_comparison_met_overlaps_and_none():
    test_overlap_equals_a_slow_reading_of_the_definition()
    assert sum(OVERLAPS) > 1_000
    assert min(OVERLAPS) < 5


# what is done about it


def test_findings_stop_what_asks_with_all_their_sentences(dataset):
    found = leaks.inspect_split(at_random(dataset), embargo_ms=EMBARGO)
    with pytest.raises(
        BadData,
        match=(
            r"shuffled_time: .* rows that are learned from lie after .*; right would be a training"
        ),
    ):
        refuse(found)
    refuse(())


def test_looking_back_costs_a_few_ticks_and_depends_on_its_seed_alone(dataset, candles):
    asked = []

    def compute(known):
        asked.append(max(len(part) for part in known.values()))
        return features.compute(known)

    look = partial(
        looks_ahead, with_column(dataset, "rsi_14", dataset.label), candles, compute=compute
    )
    assert look(cuts=5, seed=1) == look(cuts=5, seed=1)
    assert len(asked) == 10
    assert max(asked) <= 1_200
    assert looks_ahead(dataset.at(slice(0, 0)), candles) == ()
