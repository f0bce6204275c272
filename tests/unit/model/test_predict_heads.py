"""What the heads say: by the formula, alone and among others, asked or not, on any processor."""

import dataclasses
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from shared import features as feature_stage
from shared.core.errors import BadBundle
from shared.core.types import Features, Votes
from shared.model import load_bundle, predict, volatility_rows, vote_rows
from shared.model.heads import (
    LEAST_VOLATILITY,
    MOST_LOGARITHM,
    from_logarithm,
    log_volatility,
    vote_probability,
)
from shared.model.manifest import HAR_INPUTS, MetaHead
from shared.model.predict import Bundle
from shared.model.signing import public_of
from tests.support.made_trainings import SIGNING_KEY, headed_training, market

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    made = headed_training()
    return load_bundle(made.files, public_keys=(public_of(SIGNING_KEY),), version=made.version)


@pytest.fixture(scope="module")
def computed() -> Features:
    return feature_stage.compute(market(75, seed=3, edge_bp=8.0))


def serving(bundle: Bundle, how: str) -> Bundle:
    head = dataclasses.replace(bundle.manifest.volatility, serves=how)
    return dataclasses.replace(
        bundle, manifest=dataclasses.replace(bundle.manifest, volatility=head)
    )


def votes_for(features: Features, consensus: np.ndarray) -> Votes:
    count = len(features.as_of)
    return Votes(
        as_of=features.as_of,
        names=(),
        sides=np.zeros((count, 0), dtype=np.int8),
        confidences=np.zeros((count, 0)),
        consensus=consensus.astype(np.int8),
        strength=np.linspace(0.0, 1.0, count),
    )


def mixed(features: Features) -> np.ndarray:
    return np.arange(len(features.as_of)) % 3 - 1


def row_of(features: Features, row: int) -> Features:
    return Features(
        as_of=features.as_of[row : row + 1],
        names=features.names,
        values=features.values[row : row + 1],
    )


@pytest.mark.parametrize("how", ["trees", "har"])
def test_volatility_is_told_on_every_warm_row_whoever_votes_and_whoever_asks(bundle, computed, how):
    given = serving(bundle, how)
    names = HAR_INPUTS if how == "har" else given.manifest.features
    warm = np.isfinite(np.stack([computed.column(name) for name in names])).all(axis=0)
    nobody = predict(computed, votes_for(computed, np.zeros(len(warm))), given)
    asked = predict(
        computed, votes_for(computed, mixed(computed)), given, asked=np.arange(len(warm)) % 2 == 0
    )
    assert np.array_equal(np.isfinite(nobody.volatility), warm)
    assert np.array_equal(nobody.volatility, asked.volatility, equal_nan=True)
    assert warm.sum() > 5_000
    assert (~warm).sum() > 500
    assert (nobody.volatility[warm] > 0).all()


@pytest.mark.parametrize("how", ["trees", "har"])
def test_a_row_is_forecast_the_same_alone_and_among_all(bundle, computed, how):
    given, consensus = serving(bundle, how), mixed(computed)
    everything = predict(computed, votes_for(computed, consensus), given)
    strength, told = votes_for(computed, consensus).strength, 0
    for row in range(3_000, len(computed.as_of), 61):
        alone = row_of(computed, row)
        vote = dataclasses.replace(
            votes_for(alone, consensus[row : row + 1]), strength=strength[row : row + 1]
        )
        said = predict(alone, vote, given)
        assert said.volatility[0] == everything.volatility[row]
        assert np.array_equal(said.p_vote, everything.p_vote[row : row + 1], equal_nan=True)
        told += int(np.isfinite(said.p_vote[0]))
    assert told >= 30


def test_har_is_its_formula(bundle, computed):
    given = serving(bundle, "har")
    head, said = (
        given.manifest.volatility,
        predict(computed, votes_for(computed, mixed(computed)), given).volatility,
    )
    for row in range(3_000, len(computed.as_of), 401):
        past = [
            math.log(max(LEAST_VOLATILITY, float(computed.column(name)[row])))
            for name in HAR_INPUTS
        ]
        by_hand = math.exp(
            head.har[0]
            + sum(slope * value for slope, value in zip(head.har[1:], past, strict=True))
        )
        assert said[row] == pytest.approx(by_hand, abs=1e-8)


def test_the_trees_of_one_head_are_not_those_of_another(bundle, computed):
    (_, members), (first, last), (_, end) = bundle.manifest.spans
    assert (members, last - first, end - last) == (105, 15, 15)
    row = 4_000
    inputs = np.array(
        [[computed.column(name)[row] for name in bundle.manifest.features]], dtype=np.float32
    )
    walked = bundle.forest.walk_rows(
        np.concatenate([inputs, [[1.0, 0.5]]], axis=1).astype(np.float32),
        [(first, last), (last, end)],
    )
    head, meta = bundle.manifest.volatility, bundle.manifest.meta
    by_trees = volatility_rows(inputs, np.array([[0.01, 0.02, 0.05]]), bundle)[0, 0]
    assert by_trees == math.exp(head.base + walked[0][0, 0])
    score = meta.base + walked[1][0, 0]
    p_vote = vote_rows(inputs, np.array([[1.0, 0.5]]), bundle)[0]
    assert p_vote == pytest.approx(
        1 / (1 + math.exp(-(meta.slope * score + meta.offset))), rel=1e-14
    )


def asking_first(bundle: Bundle, feature: int, threshold: float) -> Bundle:
    """The bundle with every tree of the meta head beginning with this question."""
    forest = bundle.forest
    features, thresholds = forest.feature.copy(), forest.threshold.copy()
    for root in forest.roots[slice(*bundle.manifest.spans[2])]:
        if forest.left[root] != root:
            features[root], thresholds[root] = feature, threshold
    return dataclasses.replace(
        bundle, forest=dataclasses.replace(forest, feature=features, threshold=thresholds)
    )


@pytest.mark.parametrize(("column", "threshold"), [(0, 0.0), (1, 0.9)])
def test_the_word_on_the_vote_hears_its_side_and_strength_and_is_there_for_votes_alone(
    bundle, computed, column, threshold
):
    bundle = asking_first(bundle, len(bundle.manifest.features) + column, threshold)
    votes = [votes_for(computed, np.full(len(computed.as_of), side)) for side in (1, -1)]
    strong = dataclasses.replace(votes[0], strength=np.ones(len(computed.as_of)))
    up, down, high = (predict(computed, each, bundle) for each in (*votes, strong))
    told = np.isfinite(up.p_vote)
    assert np.array_equal(told, np.isfinite(up.probabilities).all(axis=1))
    assert ((up.p_vote != (down if column == 0 else high).p_vote)[told].sum()) > 100
    assert np.array_equal(
        np.isfinite(predict(computed, votes_for(computed, mixed(computed)), bundle).p_vote),
        told & (mixed(computed) != 0),
    )
    assert np.array_equal(up.p_vote[told], np.round(up.p_vote[told], 6))


def test_rows_that_nobody_asks_for_get_no_word_on_their_vote(bundle, computed):
    votes, asked = (
        votes_for(computed, np.ones(len(computed.as_of))),
        np.arange(len(computed.as_of)) % 2 == 0,
    )
    whole, part = predict(computed, votes, bundle), predict(computed, votes, bundle, asked=asked)
    assert np.isnan(part.p_vote[~asked]).all()
    assert np.array_equal(part.p_vote[asked], whole.p_vote[asked], equal_nan=True)


def test_a_bundle_without_heads_says_nothing_of_either(bundle, computed):
    manifest = dataclasses.replace(bundle.manifest, volatility=None, meta=None)
    bare = dataclasses.replace(
        bundle, manifest=manifest, forest=bundle.forest.part(*bundle.manifest.spans[0])
    )
    votes = votes_for(computed, mixed(computed))
    said = predict(computed, votes, bare)
    assert (said.volatility, said.p_vote) == (None, None)
    assert np.array_equal(
        said.probabilities, predict(computed, votes, bundle).probabilities, equal_nan=True
    )
    for refused in (
        lambda: volatility_rows(np.zeros((1, 3), dtype=np.float32), np.zeros((1, 3)), bare),
        lambda: vote_rows(np.zeros((1, 3), dtype=np.float32), np.zeros((1, 2)), bare),
    ):
        with pytest.raises(AssertionError, match="the bundle does not"):
            refused()


def test_features_without_the_inputs_of_har_are_refused_by_name(bundle, computed):
    kept = [index for index, name in enumerate(computed.names) if name != "realised_672"]
    fewer = Features(
        as_of=computed.as_of,
        names=tuple(computed.names[at] for at in kept),
        values=computed.values[:, kept],
    )
    votes = votes_for(fewer, mixed(fewer))
    with pytest.raises(BadBundle, match=r"features: .* wants realised_672"):
        predict(fewer, votes, serving(bundle, "har"))
    assert predict(fewer, votes, serving(bundle, "trees")).volatility is not None


def test_nothing_moved_and_absurd_scores_are_still_numbers():
    assert (
        log_volatility(np.array([[0.0, 1e-9], [LEAST_VOLATILITY, math.nan]])).tolist()[0]
        == [math.log(LEAST_VOLATILITY)] * 2
    )
    assert np.isnan(log_volatility(np.array([math.nan]))[0])
    assert from_logarithm(np.array([-1e6, 1e6])).tolist() == [
        pytest.approx(LEAST_VOLATILITY),
        math.exp(MOST_LOGARITHM),
    ]
    head = MetaHead(trees=1, base=0.0, slope=1.0, offset=0.0)
    assert vote_probability(np.array([-1e5, 0.0, 1e5]), head).tolist() == [0.0, 0.5, 1.0]


_SAY = """
import json, sys
from pathlib import Path
import numpy as np
from shared.model import load_bundle, volatility_rows, vote_rows
files = {path.name: path.read_bytes() for path in Path(sys.argv[1]).iterdir()}
bundle = load_bundle(files, public_keys=(sys.argv[2],), version=sys.argv[3])
golden = bundle.manifest.golden
rows = np.array(golden.rows, dtype=np.float32)
volatility = volatility_rows(rows, np.array(golden.realised), bundle)
print(json.dumps([volatility.tolist(), vote_rows(rows, np.array(golden.votes), bundle).tolist()]))
"""


def test_the_heads_say_the_same_bits_whatever_vector_instructions_the_processor_has(tmp_path):
    switchable = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    if not switchable:
        pytest.skip("numpy uses no optional instructions on this processor")
    made = headed_training()
    for name, data in made.files.items():
        (tmp_path / name).write_bytes(data)
    command = [sys.executable, "-c", _SAY, str(tmp_path), public_of(SIGNING_KEY), made.version]
    said = [
        subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **more},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for more in (
            {},
            {"NPY_DISABLE_CPU_FEATURES": " ".join(switchable), "PYTHONWARNINGS": "ignore"},
        )
    ]
    assert said[0] == said[1]
    volatility, p_vote = json.loads(said[0])
    assert np.allclose(volatility, made.manifest.golden.volatility, rtol=1e-12)
    assert np.allclose(p_vote, made.manifest.golden.p_vote, atol=1e-12)
