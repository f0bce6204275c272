import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shared import features as feature_stage
from shared.core.errors import BadBundle, BadData
from shared.core.types import Features, Votes
from shared.model import load_bundle, predict, predict_rows
from shared.model.manifest import Calibration
from shared.model.predict import calibrate_scores, softmax
from shared.model.signing import public_of
from tests.support.made_trainings import SIGNING_KEY, market, small_training

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def bundle():
    training = small_training()
    return load_bundle(
        training.files, public_keys=(public_of(SIGNING_KEY),), version=training.version
    )


@pytest.fixture(scope="module")
def computed() -> Features:
    return feature_stage.compute(market(75, seed=3, edge_bp=8.0))


def votes_for(features: Features, consensus: np.ndarray) -> Votes:
    count = len(features.as_of)
    return Votes(
        as_of=features.as_of,
        names=(),
        sides=np.zeros((count, 0), dtype=np.int8),
        confidences=np.zeros((count, 0)),
        consensus=consensus.astype(np.int8),
        strength=np.zeros(count),
    )


def every_third(features: Features) -> np.ndarray:
    count = len(features.as_of)
    return np.where(np.arange(count) % 3 == 0, np.where(np.arange(count) % 2 == 0, 1, -1), 0)


def test_only_warm_rows_with_a_consensus_are_predicted(bundle, computed):
    consensus = every_third(computed)
    prediction = predict(computed, votes_for(computed, consensus), bundle)
    columns = [computed.names.index(name) for name in bundle.manifest.features]
    warm = np.isfinite(computed.values[:, columns]).all(axis=1)
    told = np.isfinite(prediction.probabilities).all(axis=1)
    assert np.array_equal(told, (consensus != 0) & warm)
    assert np.isnan(prediction.probabilities[~told]).all()
    assert told.sum() > 1_500
    assert (~warm & (consensus != 0)).sum() > 100
    assert (prediction.model, prediction.barriers) == (bundle.version, bundle.barriers)


def test_probabilities_are_rounded_shares_of_one(bundle, computed):
    given = predict(computed, votes_for(computed, every_third(computed)), bundle).probabilities
    given = given[np.isfinite(given).all(axis=1)]
    assert np.array_equal(given, np.round(given, 6))
    assert ((given > 0) & (given < 1)).all()
    assert np.abs(given.sum(axis=1) - 1).max() < 3e-6


def test_a_row_is_predicted_the_same_alone_and_among_all(bundle, computed):
    everything = predict(
        computed, votes_for(computed, np.ones(len(computed.as_of))), bundle
    ).probabilities
    compared = 0
    for row in range(3_000, len(computed.as_of), 61):
        alone = Features(
            as_of=computed.as_of[row : row + 1],
            names=computed.names,
            values=computed.values[row : row + 1],
        )
        assert np.array_equal(
            predict(alone, votes_for(alone, np.ones(1)), bundle).probabilities[0], everything[row]
        )
        compared += 1
    assert compared >= 60


def test_features_are_taken_by_name_in_whatever_order_they_come(bundle, computed):
    order = np.random.default_rng(1).permutation(len(computed.names))
    shuffled = Features(
        as_of=computed.as_of,
        names=tuple(computed.names[index] for index in order),
        values=computed.values[:, order],
    )
    votes = votes_for(computed, every_third(computed))
    one, other = predict(computed, votes, bundle), predict(shuffled, votes, bundle)
    assert np.array_equal(one.probabilities, other.probabilities, equal_nan=True)


def test_a_missing_feature_is_named(bundle, computed):
    kept = [index for index, name in enumerate(computed.names) if name != "rsi_14"]
    fewer = Features(
        as_of=computed.as_of,
        names=tuple(computed.names[index] for index in kept),
        values=computed.values[:, kept],
    )
    with pytest.raises(BadBundle, match=r"features: .* wants rsi_14"):
        predict(fewer, votes_for(fewer, every_third(fewer)), bundle)


def test_features_and_votes_of_different_candles_are_refused(bundle, computed):
    votes = votes_for(computed, every_third(computed))
    with pytest.raises(BadData, match="not of the same candles"):
        predict(computed, dataclasses.replace(votes, as_of=votes.as_of + 1), bundle)


def test_a_value_too_large_for_float32_is_not_predicted(bundle, computed):
    values = computed.values.copy()
    values[-1, computed.names.index(bundle.manifest.features[0])] = 1e300
    huge = Features(as_of=computed.as_of, names=computed.names, values=values)
    assert np.isnan(
        predict(huge, votes_for(huge, np.ones(len(huge.as_of))), bundle).probabilities[-1]
    ).all()


def test_no_consensus_at_all_gives_no_probability(bundle, computed):
    assert np.isnan(
        predict(computed, votes_for(computed, np.zeros(len(computed.as_of))), bundle).probabilities
    ).all()


def test_softmax_equals_the_textbook_one_and_survives_large_scores():
    scores = np.random.default_rng(2).normal(size=(500, 3)) * 5
    plain = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert np.abs(softmax(scores) - plain).max() < 1e-15
    assert np.array_equal(softmax(np.array([[1e4, 0.0, -1e4]])), [[1.0, 0.0, 0.0]])


def test_a_slope_of_zero_gives_the_offsets_shares_whatever_the_scores():
    base = np.array([0.2, 0.5, 0.3])
    flat = Calibration(slope=0.0, offsets=tuple(np.log(base)))
    given = calibrate_scores(np.random.default_rng(3).normal(size=(50, 3)) * 100, flat)
    assert np.abs(given - base).max() < 1e-15


def test_serving_loads_none_of_the_learning_libraries(tmp_path):
    training = small_training()
    for name, data in training.files.items():
        (tmp_path / name).write_bytes(data)
    code = f"""
import json, sys
from pathlib import Path
import numpy as np
from shared.model import load_bundle, predict_rows
files = {{path.name: path.read_bytes() for path in Path({str(tmp_path)!r}).iterdir()}}
bundle = load_bundle(files, public_keys=({public_of(SIGNING_KEY)!r},), version={training.version!r})
rows = np.array(bundle.manifest.golden.rows, dtype=np.float32)
learners = {{"lightgbm", "xgboost", "sklearn", "joblib", "optuna"}}
heavy = sorted(set(sys.modules) & {{*learners, "scipy", "pandas", "pyarrow"}})
print(json.dumps([heavy, predict_rows(rows, bundle).tolist()]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy, probabilities = json.loads(done.stdout)
    assert heavy == []
    assert (
        np.abs(np.array(probabilities) - np.array(training.manifest.golden.probabilities)).max()
        < 1e-12
    )


def test_importing_the_stage_does_not_even_load_the_cryptography():
    code = "import sys, shared.model; print('cryptography' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_predict_rows_of_nothing_is_nothing(bundle):
    assert predict_rows(
        np.empty((0, len(bundle.manifest.features)), dtype=np.float32), bundle
    ).shape == (0, 3)


def test_rows_that_nobody_asks_for_are_marked_and_the_others_keep_their_numbers(bundle, computed):
    votes = votes_for(computed, every_third(computed))
    whole = predict(computed, votes, bundle)
    asked = np.random.default_rng(4).random(len(computed.as_of)) < 0.5
    part = predict(computed, votes, bundle, asked=asked)
    told = np.isfinite(whole.probabilities).all(axis=1)
    assert whole.unasked is None
    assert part.unasked is not None
    assert np.array_equal(part.unasked, told & ~asked)
    assert np.array_equal(part.probabilities[asked], whole.probabilities[asked], equal_nan=True)
    assert np.isnan(part.probabilities[~asked]).all()
    assert min((told & asked).sum(), part.unasked.sum()) > 500


def test_marks_of_other_rows_are_refused(bundle, computed):
    with pytest.raises(BadData, match="rows are marked"):
        predict(
            computed,
            votes_for(computed, every_third(computed)),
            bundle,
            asked=np.ones(3, dtype=bool),
        )
