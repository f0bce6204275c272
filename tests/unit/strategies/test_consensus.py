"""How ballots become one side: weights, agreement, conflict, and what never happens."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import features, strategies
from shared.core.settings import load_settings
from shared.core.settings.strategies import Consensus
from shared.core.types import Candles, Features, Timeframe
from shared.features.catalogue import ALL
from shared.strategies.ballot import Ballot
from shared.strategies.consensus import agree

RULES = Consensus(agreement=0.4, min_confidence=0.3, conflict_margin=0.1)
SIX = (0.2, 0.2, 0.2, 0.1, 0.15, 0.15)


def ballots(*words: float) -> list[Ballot]:
    """One row: a signed confidence for each strategy."""
    return [
        Ballot(sides=np.array([np.sign(word)], dtype=np.int8), confidences=np.array([abs(word)]))
        for word in words
    ]


@pytest.mark.parametrize(
    ("words", "side", "strength"),
    [
        ((0, 0, 0, 0, 0, 0), 0, 0.0),
        ((0.6, 0.8, 0, 0, 0, 0), 1, 0.7),  # exactly 40 % of the weight
        (
            (0, 0, 0, 0.5, 0.6, 0.6),
            1,
            (0.05 + 0.09 + 0.09) / 0.4,
        ),  # the same 40 %, summed otherwise
        ((0.6, 0, 0, 0, 0.6, 0), 0, 0.0),  # 35 %
        ((0.3, 0.3, 0, 0, 0, 0), 1, 0.3),
        ((0.2, 0.39, 0, 0, 0, 0), 0, 0.0),  # mean confidence below 0.3
        ((0.9, 0.9, 0, 0, -0.4, 0), 1, 0.9),  # 0.36 against 0.06
        ((0.5, 0.5, 0, 0, -0.7, 0), 0, 0.0),  # 0.2 against 0.105: a conflict
        ((0.5, 0.5, 0, 0, -0.6, 0), 1, 0.5),  # 0.2 against 0.09
        ((0.5, 0.5, -0.5, -0.5, -0.35, -0.35), 0, 0.0),
        ((1, 0, 0, 0, -1, -1), 0, 0.0),  # the higher score is a conflict
        ((1, 1, 1, 1, 1, 1), 1, 1.0),
    ],
)
def test_consensus_by_hand_and_mirrored(words, side: int, strength: float) -> None:
    for sign in (1, -1):
        sides, strengths = agree(ballots(*(sign * word for word in words)), SIX, RULES)
        assert sides.tolist() == [sign * side]
        assert strengths.tolist() == pytest.approx([strength], abs=1e-12)


def test_equal_scores_on_both_sides_are_nothing_even_without_a_margin() -> None:
    loose = replace(RULES, conflict_margin=0.0, agreement=0.0, min_confidence=0.0)
    assert agree(ballots(0.5, -0.5, 0, 0, 0, 0), SIX, loose)[0].tolist() == [0]
    assert agree(ballots(0.5, -0.4, 0, 0, 0, 0), SIX, loose)[0].tolist() == [1]


def test_weights_decide_not_the_number_of_votes() -> None:
    many_against_one = ballots(0.6, -0.6, -0.6)
    assert agree(many_against_one, (0.8, 0.1, 0.1), RULES)[0].tolist() == [1]
    assert agree(many_against_one, (0.2, 0.4, 0.4), RULES)[0].tolist() == [-1]


def test_weights_count_as_shares_of_their_own_sum() -> None:
    words = ballots(0.6, 0.7, 0, -0.3, 0, 0)
    once, thrice = agree(words, SIX, RULES), agree(words, [3 * weight for weight in SIX], RULES)
    assert once[0].tolist() == thrice[0].tolist() == [1]
    assert once[1].tolist() == pytest.approx(thrice[1].tolist())


def test_a_strategy_of_weight_zero_is_out_and_all_of_weight_zero_is_silence(
    defaults, row_of
) -> None:
    row = row_of(bb_position=0.0, rsi_14=5, volatility_ratio=1.0)
    alone = replace(RULES, agreement=0.2)
    told = strategies.vote(row, defaults.strategies, alone)
    assert told.consensus.tolist() == [1]
    out = replace(defaults.strategies, atr_based=replace(defaults.strategies.atr_based, weight=0.0))
    told = strategies.vote(row, out, alone)
    assert told.sides.tolist() == [[0] * len(told.names)]
    assert told.consensus.tolist() == [0]
    assert told.names == strategies.names(defaults.strategies)
    nobody = replace(
        defaults.strategies,
        **{
            name: replace(getattr(defaults.strategies, name), weight=0.0)
            for name in strategies.names(defaults.strategies)
        },
    )
    told = strategies.vote(row, nobody, replace(RULES, agreement=0.0, min_confidence=0.0))
    assert told.consensus.tolist() == [0]
    assert told.strength.tolist() == [0.0]


def test_the_names_are_those_of_the_settings_and_each_can_be_taken_out_alone(
    defaults, row_of
) -> None:
    assert list(strategies.names(defaults.strategies)) == list(
        type(defaults.strategies).__dataclass_fields__
    )
    assert sum(
        getattr(defaults.strategies, name).weight for name in strategies.names(defaults.strategies)
    ) == pytest.approx(1.0)
    for name in strategies.names(defaults.strategies):
        out = replace(
            defaults.strategies, **{name: replace(getattr(defaults.strategies, name), weight=0.0)}
        )
        told = strategies.vote(row_of(close=1.0), out, defaults.consensus)
        assert told.sides.shape == (1, len(told.names))


def test_no_rows_give_no_votes(defaults) -> None:
    none = Features(as_of=np.zeros(0, dtype=np.int64), names=ALL, values=np.zeros((0, len(ALL))))
    told = strategies.vote(none, defaults.strategies, defaults.consensus)
    assert told.sides.shape == told.confidences.shape == (0, len(told.names))
    assert told.consensus.shape == told.strength.shape == (0,)


def test_rows_that_are_not_warm_never_vote_and_never_agree(defaults) -> None:
    rows = Features(
        as_of=np.arange(5, dtype=np.int64), names=ALL, values=np.full((5, len(ALL)), np.nan)
    )
    anything = Consensus(agreement=0.0, min_confidence=0.0, conflict_margin=0.0)
    told = strategies.vote(rows, defaults.strategies, anything)
    assert not told.sides.any()
    assert not told.consensus.any()


def test_the_same_rows_give_the_same_votes_every_time(defaults) -> None:
    random = np.random.default_rng(0)
    rows = Features(
        as_of=np.arange(500, dtype=np.int64),
        names=ALL,
        values=random.normal(0.5, 30, (500, len(ALL))),
    )
    first, second = (
        strategies.vote(rows, defaults.strategies, defaults.consensus) for _ in range(2)
    )
    assert np.abs(first.sides).sum() > 300
    assert first.sides.tobytes() == second.sides.tobytes()
    assert first.confidences.tobytes() == second.confidences.tobytes()
    assert first.strength.tobytes() == second.strength.tobytes()


def test_a_close_beyond_the_channel_of_the_candles_before_it_is_a_breakout(defaults) -> None:
    size = 60
    close = np.full(size, 5_000_000.0)
    close[30:] += 1000.0 * (np.arange(30) % 2)
    close[-1] = 5_050_000.0
    volume = np.full(size, 1.0)
    volume[-1] = 5.0
    candles = Candles(
        timeframe=Timeframe.M15,
        opened_at=Timeframe.M15.ms * np.arange(size, dtype=np.int64),
        open=close - 100,
        high=close + 500,
        low=close - 500,
        close=close,
        volume=volume,
    )
    told = strategies.vote(
        features.compute({Timeframe.M15: candles}), defaults.strategies, defaults.consensus
    )
    column = told.names.index("donchian_channel")
    assert told.sides[-1, column] == 1
    assert told.confidences[-1, column] == 0.75


SETTINGS = load_settings({})
WORDS = st.floats(-1.0, 1.0, allow_nan=False)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(WORDS, min_size=6, max_size=6),
    st.lists(st.floats(0.0, 1.0), min_size=6, max_size=6),
    st.builds(
        Consensus,
        agreement=st.floats(0, 1),
        min_confidence=st.floats(0, 1),
        conflict_margin=st.floats(0, 1),
    ),
)
def test_whatever_is_said_the_consensus_has_votes_on_its_side_and_a_strength_between_zero_and_one(
    words, weights, rules
) -> None:
    sides, strengths = agree(ballots(*words), weights, rules)
    side, strength = int(sides[0]), float(strengths[0])
    assert side in {-1, 0, 1}
    assert 0.0 <= strength <= 1.0
    if side == 0:
        assert strength == 0.0
    else:
        assert any(
            np.sign(word) == side and weight > 0
            for word, weight in zip(words, weights, strict=True)
        )
        mirrored = agree(ballots(*(-word for word in words)), weights, rules)
        assert mirrored[0].tolist() == [-side]
        assert mirrored[1].tolist() == [strength]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 3.0, 60.0, 1e6]))
def test_whatever_the_features_are_sides_and_confidences_stay_in_their_bounds(
    seed: int, scale: float
) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(0.5, scale, (200, len(ALL)))
    values[random.random(values.shape) < 0.02] = np.nan
    values[random.random(values.shape) < 0.02] = 0.0
    values[:, ALL.index("close")] = 1.0 + np.abs(values[:, ALL.index("close")])
    rows = Features(as_of=np.arange(200, dtype=np.int64), names=ALL, values=values)
    told = strategies.vote(rows, SETTINGS.strategies, SETTINGS.consensus)
    assert set(np.unique(told.sides)) <= {-1, 0, 1}
    assert set(np.unique(told.consensus)) <= {-1, 0, 1}
    assert ((told.confidences >= 0.0) & (told.confidences <= 1.0)).all()
    assert ((told.confidences > 0.0) == (told.sides != 0)).all()
    assert ((told.strength > 0.0) == (told.consensus != 0)).all()
    least = np.array([getattr(SETTINGS.strategies, name).min_confidence for name in told.names])
    assert (told.confidences >= np.where(told.sides != 0, least, 0.0)).all()
