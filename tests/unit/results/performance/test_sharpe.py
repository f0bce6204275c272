"""Against the figures that the papers print, and against simulation."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.errors import BadData
from shared.results.performance.sharpe import (
    SharpeVariance,
    Track,
    deflated_sharpe,
    expected_maximum,
    expected_maximum_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    standard_error,
    variance_of_maximum,
    variance_of_trials,
)

HEDGE_FUND = Track(sharpe=0.036 / 0.079, observations=24, skewness=-2.448, kurtosis=10.164)
DSR = {"sharpe": 2.5 / math.sqrt(250), "observations": 1250}
TRIALS_VARIANCE = 0.5 / 250


def test_the_best_of_many_trials_is_as_great_as_the_paper_says():
    assert expected_maximum(10) == pytest.approx(1.57460, abs=5e-6)
    assert expected_maximum(45) == pytest.approx(2.23564, abs=5e-6)
    assert expected_maximum(1) == 0.0


@pytest.mark.parametrize("trials", [5, 50, 1000])
def test_the_best_of_many_trials_is_within_three_percent_of_a_simulation(trials):
    seen = np.random.default_rng(3).standard_normal((4000, trials)).max(axis=1).mean()
    assert expected_maximum(trials) == pytest.approx(seen, rel=0.03)


@pytest.mark.parametrize(
    ("trials", "skewness", "kurtosis", "expected"),
    [(100, -3.0, 10.0, 0.900397), (46, -3.0, 10.0, 0.950502), (88, 0.0, 3.0, 0.950491)],
)
def test_the_deflated_sharpe_is_that_of_the_2014_paper(trials, skewness, kurtosis, expected):
    track = Track(**DSR, skewness=skewness, kurtosis=kurtosis)
    assert deflated_sharpe(track, trials=trials, trials_variance=TRIALS_VARIANCE) == pytest.approx(
        expected, abs=5e-7
    )


def test_the_hurdle_of_a_hundred_trials_is_that_of_the_2014_paper():
    assert expected_maximum_sharpe(100, trials_variance=TRIALS_VARIANCE) == pytest.approx(
        0.113172, abs=5e-7
    )


@pytest.mark.parametrize(
    ("track", "expected"),
    [
        (Track(sharpe=0.458, observations=24), 0.981675),
        (Track(sharpe=0.458, observations=24, skewness=-2.448, kurtosis=10.164), 0.913361),
        (Track(sharpe=0.036 / 0.079, observations=24), 0.981243),
        (HEDGE_FUND, 0.912709),
    ],
)
def test_the_probabilistic_sharpe_is_that_of_the_2012_paper(track, expected):
    assert probabilistic_sharpe(track) == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize(
    ("per_year", "skewness", "kurtosis", "years"),
    [(252, 0, 3, 2.73098), (52, 0, 3, 2.82883), (12, 0, 3, 3.23980), (12, -0.72, 5.78, 4.99126)],
)
def test_the_minimum_track_record_is_that_of_the_2012_paper(per_year, skewness, kurtosis, years):
    scale = math.sqrt(per_year)
    track = Track(sharpe=2 / scale, observations=999, skewness=skewness, kurtosis=kurtosis)
    length = minimum_track_record(track, against=1 / scale, confidence=0.95)
    assert length / per_year == pytest.approx(years, abs=5e-6)


def test_the_2025_variant_gives_the_numbers_of_its_authors():
    new = {"variant": SharpeVariance.HYPOTHESISED}
    assert probabilistic_sharpe(HEDGE_FUND, **new) == pytest.approx(0.98721, abs=5e-6)
    assert probabilistic_sharpe(HEDGE_FUND, against=0.1, **new) == pytest.approx(0.93915, abs=5e-6)
    assert standard_error(HEDGE_FUND, against=HEDGE_FUND.sharpe, **new) == pytest.approx(
        0.329, abs=5e-4
    )
    normal = Track(sharpe=HEDGE_FUND.sharpe, observations=24)
    assert standard_error(normal, against=normal.sharpe, **new) == pytest.approx(0.214, abs=5e-4)
    assert minimum_track_record(HEDGE_FUND, **new) == pytest.approx(13.029, abs=5e-4)
    tied = Track(
        sharpe=HEDGE_FUND.sharpe,
        observations=24,
        skewness=-2.448,
        kurtosis=10.164,
        autocorrelation=0.2,
    )
    assert probabilistic_sharpe(tied, **new) == pytest.approx(0.966, abs=5e-4)
    assert expected_maximum_sharpe(10, trials_variance=0.1) == pytest.approx(0.498, abs=5e-4)
    assert deflated_sharpe(HEDGE_FUND, trials=10, trials_variance=0.1, **new) == pytest.approx(
        0.451, abs=5e-4
    )


def test_the_standard_error_is_what_samples_of_a_known_sharpe_scatter_by():
    drawn = np.random.default_rng(11).standard_normal((20_000, 250)) + 0.1
    seen = drawn.mean(axis=1) / drawn.std(axis=1, ddof=1)
    for variant in SharpeVariance:
        told = standard_error(Track(sharpe=0.1, observations=250), against=0.1, variant=variant)
        assert told == pytest.approx(float(seen.std()), rel=0.03)


def test_autocorrelation_widens_the_standard_error_as_much_as_in_a_simulation():
    rng, rho, length = np.random.default_rng(5), 0.3, 400
    noise = rng.standard_normal((4000, length)) * math.sqrt(1 - rho**2)
    series = np.empty_like(noise)
    series[:, 0] = noise[:, 0] / math.sqrt(1 - rho**2)
    for column in range(1, length):
        series[:, column] = rho * series[:, column - 1] + noise[:, column]
    seen = (series.mean(axis=1) / series.std(axis=1, ddof=1)).std()
    track = Track(sharpe=0.0, observations=length, autocorrelation=rho)
    assert standard_error(track, variant=SharpeVariance.HYPOTHESISED) == pytest.approx(
        float(seen), rel=0.05
    )


tracks = st.builds(
    Track,
    sharpe=st.floats(-0.5, 0.5),
    observations=st.integers(2, 5000),
    skewness=st.floats(-1, 1),
    kurtosis=st.floats(3, 12),
    autocorrelation=st.floats(-0.9, 0.9),
)


@given(track=tracks, trials=st.integers(1, 10_000), variant=st.sampled_from(SharpeVariance))
def test_deflating_never_makes_a_sharpe_more_probable(track, trials, variant):
    plain = probabilistic_sharpe(track, variant=variant)
    deflated = deflated_sharpe(track, trials=trials, trials_variance=1e-4, variant=variant)
    assert 0.0 <= deflated <= 1.0
    if variant is SharpeVariance.ESTIMATED:
        assert deflated <= plain
        assert deflated >= deflated_sharpe(
            track, trials=trials + 1, trials_variance=1e-4, variant=variant
        )


@given(track=tracks, variant=st.sampled_from(SharpeVariance))
def test_a_track_record_of_the_minimum_length_has_just_the_confidence(track, variant):
    length = minimum_track_record(track, variant=variant)
    if track.sharpe <= 1e-150:
        assert length is None
        return
    sure = NormalDist().inv_cdf(0.95)
    error = standard_error(track, variant=variant)
    count = track.observations - (variant is SharpeVariance.ESTIMATED)
    needed = length - (variant is SharpeVariance.ESTIMATED)
    assert track.sharpe / (error * math.sqrt(count / needed)) == pytest.approx(sure)


def test_what_has_no_value_is_none():
    assert probabilistic_sharpe(Track(sharpe=0.1, observations=1)) is None
    # Two outcomes only, and a Sharpe at which the variance of 2012 vanishes.
    certain = Track(sharpe=1.0, observations=10, skewness=2.0, kurtosis=5.0)
    assert standard_error(certain) is None
    assert minimum_track_record(certain) is None
    assert variance_of_trials([1.0]) is None
    assert variance_of_trials([1.0, 3.0]) == 2.0


@pytest.mark.parametrize(
    "spoiled",
    [
        {"sharpe": math.nan},
        {"kurtosis": math.inf},
        {"autocorrelation": 1.0},
        {"skewness": -math.inf},
    ],
)
def test_a_number_that_no_series_has_is_refused(spoiled):
    with pytest.raises(BadData):
        Track(**{"sharpe": 0.1, "observations": 10} | spoiled)


def test_no_trial_at_all_and_a_trial_without_a_number_are_refused():
    with pytest.raises(BadData, match="at least this one"):
        expected_maximum(0)
    with pytest.raises(BadData, match="finite"):
        variance_of_trials([1.0, math.nan])


@pytest.mark.parametrize("ratio", [6.4e-308, 1e-200, 5e-324])
def test_a_sharpe_that_is_next_to_nothing_has_no_minimum_length_instead_of_an_overflow(ratio):
    assert minimum_track_record(Track(sharpe=ratio, observations=2)) is None


@pytest.mark.parametrize(("trials", "expected"), [(1, 1.0), (2, 1 - 1 / math.pi), (10, 0.344344)])
def test_the_best_of_many_scatters_less_than_one(trials, expected):
    assert variance_of_maximum(trials) == pytest.approx(expected, abs=1e-6)
    seen = np.random.default_rng(trials).standard_normal((20_000, trials)).max(axis=1).var()
    assert variance_of_maximum(trials) == pytest.approx(seen, rel=0.04)


def test_the_standard_error_of_a_maximum_is_surer_on_both_sides_of_the_hurdle():
    for sharpe in (0.2, 0.9):
        track = Track(sharpe=sharpe, observations=24)
        asked = {"trials": 10, "trials_variance": 0.1, "variant": SharpeVariance.HYPOTHESISED}
        one, best = (
            deflated_sharpe(track, **asked),
            deflated_sharpe(track, **asked, of_maximum=True),
        )
        assert abs(best - 0.5) > abs(one - 0.5)
    with pytest.raises(BadData, match="at least this one"):
        variance_of_maximum(0)
    certain = Track(sharpe=0.0, observations=10, autocorrelation=0.0)
    assert deflated_sharpe(
        certain, trials=1, trials_variance=0.1, of_maximum=True
    ) == pytest.approx(0.5)
