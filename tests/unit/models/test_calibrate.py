import numpy as np
import pytest

from models.fit.calibrate import MAX_SLOPE, fit_calibration
from models.statistics.evaluate import log_losses
from shared.model.calibration import calibration_error
from shared.model.predict import calibrate_scores, softmax

BASE = np.array([0.3, 0.4, 0.3])


def drawn(seed: int, count: int, *, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """True scores and labels drawn from the probabilities that they mean."""
    rng = np.random.default_rng(seed)
    scores = np.log(BASE) + spread * rng.normal(size=(count, 3))
    label = (rng.random((count, 1)) > np.cumsum(softmax(scores), axis=1)).sum(axis=1).clip(0, 2)
    return scores, label.astype(np.int8)


@pytest.mark.parametrize(("distortion", "seed"), [(3.0, 1), (2.0, 2), (0.4, 3)])
def test_too_bold_and_too_timid_scores_become_better_on_rows_that_were_held_out(distortion, seed):
    true, label = drawn(seed, 6_000, spread=0.8)
    scores = distortion * (true + np.array([0.4, 0.0, -0.4]))
    fitted = fit_calibration(scores[:3_000], label[:3_000], np.ones(3_000), base=BASE, centre=0.0)
    raw, better = softmax(scores[3_000:]), calibrate_scores(scores[3_000:], fitted)
    later = label[3_000:]
    assert fitted.slope == pytest.approx(1 / distortion, rel=0.15)
    assert log_losses(better, later).mean() < log_losses(raw, later).mean() - 0.01
    assert calibration_error(better, later) < 0.5 * calibration_error(raw, later)
    assert calibration_error(better, later) < 0.03


def test_scores_without_skill_leave_the_base_rate():
    rng = np.random.default_rng(5)
    label = rng.choice(3, p=BASE, size=2_000).astype(np.int8)
    scores = np.log(BASE) + rng.normal(size=(2_000, 3))
    fitted = fit_calibration(scores, label, np.full(2_000, 0.03), base=BASE, centre=0.0)
    assert fitted.slope < 0.15
    assert np.abs(calibrate_scores(scores, fitted).mean(axis=0) - BASE).max() < 0.03
    assert np.abs(calibrate_scores(scores, fitted) - BASE).max() < 0.15


def test_scores_that_are_wrong_more_often_than_right_are_not_believed_at_all():
    true, label = drawn(6, 2_000, spread=1.0)
    upside_down = 2 * np.log(BASE) - true
    fitted = fit_calibration(upside_down, label, np.ones(2_000), base=BASE, centre=0.0)
    assert fitted.slope == 0.0
    given = calibrate_scores(upside_down, fitted)
    assert np.ptp(given, axis=0).max() == 0.0
    assert np.abs(given[0] - np.bincount(label, minlength=3) / 2_000).max() < 0.02


def test_without_evidence_a_member_goes_to_the_base_rate_and_the_vote_stays_as_it_is():
    scores, label = drawn(7, 300, spread=1.0)
    nothing = np.full(300, 1e-9)
    member = fit_calibration(scores, label, nothing, base=BASE, centre=0.0)
    vote = fit_calibration(scores, label, nothing, base=BASE, centre=1.0)
    assert np.abs(calibrate_scores(scores, member) - BASE).max() < 1e-6
    assert np.abs(calibrate_scores(scores, vote) - softmax(scores)).max() < 1e-6


def test_the_slope_is_bounded():
    rng = np.random.default_rng(8)
    label = rng.choice(3, size=5_000).astype(np.int8)
    scores = np.log(BASE) + 0.01 * np.eye(3)[label]
    fitted = fit_calibration(scores * 1.0, label, np.full(5_000, 1e6), base=BASE, centre=0.0)
    assert fitted.slope == MAX_SLOPE


def test_rows_count_by_their_weight():
    true, label = drawn(9, 4_000, spread=1.0)
    junk = np.log(BASE) + np.random.default_rng(10).normal(size=(4_000, 3)) * 3
    scores, labels = np.concatenate([true, junk]), np.concatenate([label, label])
    weight = np.concatenate([np.ones(4_000), np.zeros(4_000)])
    mixed = fit_calibration(scores, labels, weight, base=BASE, centre=0.0)
    alone = fit_calibration(true, label, np.ones(4_000), base=BASE, centre=0.0)
    assert mixed.slope == pytest.approx(alone.slope, abs=1e-9)
    assert mixed.offsets == pytest.approx(alone.offsets, abs=1e-9)
