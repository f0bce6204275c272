import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, precision_recall_fscore_support

from models.statistics.evaluate import (
    bootstrap_skill,
    calibration_error_beyond_luck,
    constant,
    direction_skill,
    log_losses,
    metrics,
    skill,
)
from shared.model.calibration import calibration_error

SHARES = np.array([0.3, 0.4, 0.3])


@pytest.fixture
def sample():
    rng = np.random.default_rng(1)
    label = rng.choice(3, p=SHARES, size=4_000).astype(np.int8)
    raised = np.exp(rng.normal(size=(4_000, 3)) + 0.5 * np.eye(3)[label])
    return raised / raised.sum(axis=1, keepdims=True), label


def test_scores_equal_those_of_scikit_learn(sample):
    probabilities, label = sample
    told = metrics(probabilities, label, block=96, seed=1)
    guess = probabilities.argmax(axis=1)
    precision, recall, f1, _ = precision_recall_fscore_support(
        label, guess, average="macro", zero_division=0
    )
    assert told["log_loss"] == pytest.approx(log_loss(label, probabilities), abs=1e-12)
    assert told["accuracy"] == pytest.approx(accuracy_score(label, guess), abs=1e-12)
    assert (told["precision"], told["recall"], told["f1"]) == pytest.approx(
        (precision, recall, f1), abs=1e-12
    )
    assert told["skill"] == pytest.approx(
        1 - told["log_loss"] / told["log_loss_constant"], abs=1e-12
    )


def test_a_constant_forecast_never_has_skill():
    rng = np.random.default_rng(2)
    tried = 0
    for _ in range(50):
        label = rng.choice(3, p=rng.dirichlet(np.ones(3) * 5), size=800).astype(np.int8)
        forecast = np.broadcast_to(rng.dirichlet(np.ones(3) * 5), (800, 3))
        assert skill(forecast, label, block=96, seed=3).value <= 1e-12
        tried += 1
    assert tried == 50


def test_the_best_constant_has_a_skill_of_exactly_zero(sample):
    _, label = sample
    found = skill(constant(label), label, block=96, seed=4)
    assert (found.value, found.lower, found.upper) == (0.0, 0.0, 0.0)


def test_knowing_that_something_happens_but_not_which_way_is_no_skill_of_direction():
    rng = np.random.default_rng(3)
    calm = rng.random(6_000) < 0.5
    label = np.where(calm, 1, rng.choice([0, 2], size=6_000)).astype(np.int8)
    forecast = np.where(calm[:, None], [0.1, 0.8, 0.1], [0.45, 0.1, 0.45])
    assert skill(forecast, label, block=96, seed=5).lower > 0.2
    assert direction_skill(forecast, label, block=96, seed=5).lower <= 0.0


def test_knowing_the_side_is_skill_of_direction():
    rng = np.random.default_rng(4)
    leaning = rng.choice([-1, 1], size=4_000)
    label = np.where(rng.random(4_000) < 0.65, leaning, -leaning) + 1
    forecast = np.where(leaning[:, None] > 0, [0.30, 0.10, 0.60], [0.60, 0.10, 0.30])
    assert direction_skill(forecast, label.astype(np.int8), block=96, seed=6).lower > 0.0


def test_rows_of_one_side_only_prove_nothing():
    label = np.full(500, 2, dtype=np.int8)
    found = direction_skill(np.full((500, 3), 1 / 3), label, block=96, seed=7)
    assert found.lower < 0 < found.upper


def test_the_interval_of_overlapping_labels_is_wider_than_that_of_shuffled_ones():
    rng = np.random.default_rng(5)
    gain = np.repeat(rng.normal(size=60), 50)
    base = np.ones(3_000)
    overlapping = bootstrap_skill(gain, base, block=100, seed=8)
    shuffled = bootstrap_skill(rng.permutation(gain), base, block=100, seed=8)
    assert overlapping.upper - overlapping.lower > 4 * (shuffled.upper - shuffled.lower)
    assert overlapping.lower < overlapping.value < overlapping.upper


def test_of_many_series_without_skill_few_have_a_lower_end_above_zero():
    opened = 0
    for seed in range(200):
        gain = np.repeat(np.random.default_rng(seed).normal(size=60), 48)
        opened += bootstrap_skill(gain, np.ones(len(gain)), block=96, seed=seed).lower > 0
    assert opened <= 16


@pytest.mark.parametrize("block", [6, 10, 96])
def test_fewer_than_two_blocks_prove_nothing(block):
    found = bootstrap_skill(np.ones(10), np.full(10, 2.0), block=block, seed=1)
    assert (found.value, found.lower, found.upper) == (0.5, -1.0, 1.0)


def test_a_weight_counts_like_so_many_equal_rows():
    rng = np.random.default_rng(9)
    label = rng.choice(3, p=SHARES, size=300).astype(np.int8)
    said = rng.dirichlet(np.ones(3) * 4, size=300)
    twice, weight = np.repeat(np.arange(300), 2), np.full(300, 2.0)
    asked = {"block": 20, "seed": 1}
    for score in (skill, direction_skill):
        assert score(said, label, weight=weight, **asked).value == pytest.approx(
            score(said[twice], label[twice], **asked).value
        )
    assert calibration_error(said, label, weight) == pytest.approx(
        calibration_error(said[twice], label[twice])
    )
    assert constant(label, weight)[0] == pytest.approx(constant(label)[0])


def test_few_labels_make_a_calibrated_forecast_look_worse_than_it_is_and_luck_is_taken_off():
    rng = np.random.default_rng(10)
    plain, beyond = [], []
    for _ in range(60):
        said = rng.dirichlet([6.0, 8.0, 6.0], size=150)
        label = (rng.random((150, 1)) > said.cumsum(axis=1)).sum(axis=1).astype(np.int8)
        plain.append(calibration_error(said, label))
        beyond.append(calibration_error_beyond_luck(said, label, np.ones(150)))
    assert np.mean(plain) > 0.05
    assert np.mean(beyond) < 0.6 * np.mean(plain)


def test_an_error_that_is_no_luck_stays_whole():
    rng = np.random.default_rng(11)
    said = rng.dirichlet([6.0, 8.0, 6.0], size=20_000)
    label = (rng.random((20_000, 1)) > said.cumsum(axis=1)).sum(axis=1).astype(np.int8)
    wrong = 0.8 * said + 0.2 * np.array([1.0, 0.0, 0.0])
    whole, beyond = (
        calibration_error(wrong, label),
        calibration_error_beyond_luck(wrong, label, np.ones(20_000)),
    )
    assert beyond == pytest.approx(whole, abs=0.005)
    assert beyond > 0.05


def test_labels_that_overlap_ten_times_are_a_tenth_of_the_evidence_for_a_gap():
    said, label = (
        np.full((400, 3), 1 / 3),
        np.repeat(np.random.default_rng(12).integers(0, 3, 40), 10).astype(np.int8),
    )
    alone = calibration_error_beyond_luck(said, label, np.ones(400))
    overlapping = calibration_error_beyond_luck(said, label, np.full(400, 0.1))
    assert overlapping < alone


def test_calibration_error_of_a_known_table():
    probabilities = np.array([[0.65, 0.25, 0.10]] * 10)
    label = np.array([0] * 5 + [1] * 3 + [2] * 2, dtype=np.int8)
    assert calibration_error(probabilities, label) == pytest.approx((0.15 + 0.05 + 0.10) / 3)
    assert calibration_error(np.eye(3)[label], label) == 0.0


def test_a_probability_of_zero_for_what_came_is_expensive_but_finite():
    assert np.isfinite(log_losses(np.array([[0.0, 0.5, 0.5]]), np.array([0], dtype=np.int8))).all()
