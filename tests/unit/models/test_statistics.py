"""Blocks, ranks, overfitting: against simulation, against scipy, and against a slow way to say the
same.
"""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from models.statistics.auc import auc
from models.statistics.blocks import LEAST_BLOCKS, block_rows, expanded_tail, ratio_interval
from models.statistics.kelly import kelly_continuous
from models.statistics.pbo import overfitting
from shared.core.errors import BadData

STEP_MS = 900_000


# blocks


def test_a_block_is_a_week_and_four_labels_long_where_there_are_many_and_two_labels_elsewhere():
    at = STEP_MS * np.arange(70_000)
    assert block_rows(at, at + 48 * STEP_MS, step_ms=STEP_MS) == 672
    assert block_rows(at, at + 480 * STEP_MS, step_ms=STEP_MS) == 1_920
    short = at[:2_000]
    assert block_rows(short, short + 8 * STEP_MS, step_ms=STEP_MS) == 2_000 // LEAST_BLOCKS
    assert block_rows(short[:50], short[:50] + 8 * STEP_MS, step_ms=STEP_MS) == 16
    assert (
        block_rows(at[::4], at[::4] + 480 * STEP_MS, step_ms=4 * STEP_MS) == 480
    )  # thinned rows reach over fewer rows
    assert block_rows(at[:0], at[:0], step_ms=STEP_MS) == 1


def test_few_blocks_cut_smaller_tails_and_many_cut_what_is_said():
    cut = [expanded_tail(0.025, blocks) for blocks in (2, 5, 10, 30, 1_000)]
    assert cut == sorted(cut)
    assert cut[-1] == pytest.approx(0.025, rel=0.01)
    assert cut[2] == pytest.approx(
        stats.norm.cdf(math.sqrt(10 / 9) * stats.t.ppf(0.025, 9)), rel=1e-9
    )
    assert cut[0] == pytest.approx(stats.norm.cdf(math.sqrt(2) * stats.t.ppf(0.025, 1)), rel=1e-9)
    assert expanded_tail(0.025, 1) == 0.0


@pytest.mark.parametrize("stories", [32, 80])
def test_the_interval_holds_the_truth_as_often_as_it_says_though_labels_overlap(stories):
    held = narrow = 0
    for seed in range(250):
        gain = np.repeat(np.random.default_rng(seed).normal(0.3, 1.0, stories), 4)
        asked = {"seed": seed, "confidence": 0.9}
        found = ratio_interval(gain, np.ones(len(gain)), block=16, **asked)
        held += found.lower <= 0.3 <= found.upper
        torn = ratio_interval(gain, np.ones(len(gain)), block=2, **asked)
        narrow += torn.lower <= 0.3 <= torn.upper
    assert 0.84 <= held / 250 <= 0.96
    assert narrow / 250 < 0.8  # rows that overlap, taken for independent


def test_the_ratio_is_of_sums_and_a_base_that_counts_more_counts_more():
    gain, base = np.array([1.0, 0.0] * 50), np.array([1.0, 3.0] * 50)
    found = ratio_interval(gain, base, block=2, seed=1, confidence=0.95)
    assert found.value == 0.25
    assert (found.lower, found.upper) == (
        pytest.approx(0.25, abs=0.03),
        pytest.approx(0.25, abs=0.03),
    )
    assert found.blocks == 50


@pytest.mark.parametrize("count", [0, 1, 9])
def test_where_not_even_two_blocks_fit_nothing_is_shown(count):
    found = ratio_interval(np.ones(count), np.ones(count), block=5, seed=1, confidence=0.95)
    assert (found.lower, found.upper) == (-math.inf, math.inf)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    gain, base = np.random.default_rng(1).normal(size=300), np.ones(300)
    asked = {"block": 10, "confidence": 0.95}
    assert ratio_interval(gain, base, seed=1, **asked) == ratio_interval(
        gain, base, seed=1, **asked
    )
    assert ratio_interval(gain, base, seed=1, **asked) != ratio_interval(
        gain, base, seed=2, **asked
    )


# ranks


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 5), st.booleans(), st.floats(0.01, 5.0)), min_size=2, max_size=60
    ).filter(lambda rows: len({happened for _, happened, _ in rows}) == 2)
)
def test_the_area_is_the_weight_of_the_pairs_in_the_right_order_a_tie_counting_half(rows):
    score, happened, weight = (np.array(part) for part in zip(*rows, strict=True))
    pairs = [
        (one, other) for one in np.flatnonzero(happened) for other in np.flatnonzero(~happened)
    ]
    whole = sum(weight[one] * weight[other] for one, other in pairs)
    right = sum(
        weight[one] * weight[other] * (np.sign(score[one] - score[other]) + 1) / 2
        for one, other in pairs
    )
    assert auc(score.astype(np.float64), happened, weight) == pytest.approx(right / whole, abs=1e-9)


def test_a_score_of_one_kind_only_ranks_nothing():
    score = np.arange(5.0)
    assert auc(score, np.ones(5, dtype=bool), np.ones(5)) is None
    assert auc(score, np.zeros(5, dtype=bool), np.ones(5)) is None


# overfitting


def slow_logits(returns, splits):
    """By the book: join the blocks, take the Sharpe of what was joined, rank."""
    blocks = np.array_split(returns, splits)
    logits = []
    for inside in itertools.combinations(range(splits), splits // 2):
        halves = [
            np.concatenate([blocks[each] for each in range(splits) if (each in inside) == wanted])
            for wanted in (True, False)
        ]
        first, second = (half.mean(axis=0) / half.std(axis=0, ddof=1) for half in halves)
        rank = stats.rankdata(second)[first.argmax()] / (returns.shape[1] + 1)
        logits.append(math.log(rank / (1 - rank)))
    return np.array(logits)


@pytest.mark.parametrize(
    ("rows", "configurations", "splits"), [(240, 8, 8), (250, 5, 6), (64, 30, 4)]
)
def test_sums_over_blocks_give_the_logits_of_the_book(rows, configurations, splits):
    returns = 0.01 * np.random.default_rng(rows).standard_normal((rows, configurations)) + 0.002
    even = returns[: rows // splits * splits]
    assert overfitting(even, splits=splits).logits == pytest.approx(
        slow_logits(even, splits), abs=1e-9
    )
    assert len(overfitting(returns, splits=splits).logits) == math.comb(splits, splits // 2)


def test_a_configuration_that_never_moves_has_a_sharpe_of_zero():
    returns = np.column_stack([np.zeros(64), np.full(64, -0.01) + 0.001 * np.tile([1.0, -1.0], 32)])
    found = overfitting(returns, splits=4)
    assert set(found.chosen.tolist()) == {0}
    assert found.probability == 0.0


@pytest.mark.parametrize(
    ("returns", "splits"),
    [
        (np.zeros((64, 1)), 4),
        (np.zeros(64), 4),
        (np.zeros((64, 2)), 5),
        (np.zeros((7, 2)), 4),
        (np.full((64, 2), np.nan), 4),
        (np.zeros((64, 2)), 0),
    ],
)
def test_what_cannot_be_split_is_refused(returns, splits):
    with pytest.raises(BadData):
        overfitting(returns, splits=splits)


def test_the_share_of_kelly_is_where_growth_is_greatest():
    found = kelly_continuous(mean=0.11, riskless=0.06, deviation=0.15)

    def growth(share):
        return 0.06 + share * 0.05 - (share * 0.15) ** 2 / 2

    assert found.rate == pytest.approx(growth(found.share))
    assert all(growth(found.share + step) < found.rate for step in (-0.1, 0.1))
