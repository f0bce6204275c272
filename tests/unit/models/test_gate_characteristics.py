"""How often the gate opens by mistake, and how often where there is an edge."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta

from models.gate.characteristics import (
    KINDS,
    TRIES,
    false_openings,
    false_table,
    judge_records,
    main,
    power,
    power_table,
    sum_cells,
)
from models.statistics.proportion import clopper_pearson
from shared.core.settings import load_settings

GATE = load_settings({}).gate
_MOST = {"crash-like": 0.08}
"""A record in which the crash did not happen yet looks like an edge, and no check can tell."""


def test_records_without_edge_open_the_gate_at_most_one_time_in_twenty(full):
    cells = false_openings(count=2_000 if full else 108, gate=GATE, seed=7)
    print(f"\n{false_table(cells)}")
    whole = sum_cells(("all",), cells)
    assert whole.count >= (8_000 if full else 432)
    assert whole.upper <= 0.05
    for tries in TRIES:
        same = sum_cells((f"{tries}",), [cell for cell in cells if cell.what[3] == f"{tries}"])
        assert same.upper <= (0.05 if full else 0.16)
    for kind in KINDS:
        same = sum_cells((kind,), [cell for cell in cells if cell.what[0] == kind])
        assert same.upper <= (_MOST.get(kind, 0.05) if full else 0.25)
        assert same.opened - same.with_months <= (3 if full else 1), (
            "good months refuse what the others let through"
        )


def test_an_edge_opens_the_gate_the_more_often_the_greater_it_is_and_the_longer_it_was_seen(full):
    cells = power(count=2_000 if full else 21, gate=GATE, seed=7)
    print(f"\n{power_table(cells)}")
    share = np.array([cell.opened / cell.count for cell in cells if len(cell.what) == 2]).reshape(
        3, 4
    )[:, :3]
    slack = 0.02 if full else 0.15
    assert (np.diff(share, axis=0) > -slack).all()
    assert (np.diff(share, axis=1) > -slack).all()
    assert share[2, 2] >= 0.95
    assert share[2, 1] >= 0.85
    assert share[1, 2] >= 0.85
    assert share[0, 0] <= 0.5


def test_a_log_that_forgets_the_tries_would_open_the_gate_to_luck():
    asked = {"years": 2, "annual_sharpe": 0.0, "tries": 20, "count": 40, "gate": GATE, "seed": 3}
    honest = judge_records("normal", **asked)
    forgetful = judge_records("normal", **asked, counted=False)
    assert honest.opened <= 2
    assert forgetful.opened >= 12


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_the_mean_and_the_deviation_that_it_says(kind):
    drawn = KINDS[kind](np.random.default_rng(1), 2_000, 60)
    assert drawn.shape == (2_000, 60)
    assert abs(drawn.mean()) < 0.02
    assert drawn.std() == pytest.approx(1.0, abs=0.06)


def test_the_kinds_are_as_ugly_as_they_say():
    drawn = {kind: KINDS[kind](np.random.default_rng(2), 2_000, 60) for kind in KINDS}
    skewness = {kind: float((values**3).mean()) for kind, values in drawn.items()}
    kurtosis = {kind: float((values**4).mean()) for kind, values in drawn.items()}
    assert skewness["crashes"] < -1.0
    assert skewness["jumps"] > 1.0
    months = {
        kind: drawn[kind][:1_980].reshape(66, 30, 60).sum(axis=1)
        for kind in ("crash-like", "trend-like", "normal")
    }
    by_month = {
        kind: float((values**3).mean() / values.std() ** 3) for kind, values in months.items()
    }
    assert by_month["crash-like"] < -1.0
    assert by_month["trend-like"] > 0.8
    good = {kind: float((values >= 0.0).mean()) for kind, values in months.items()}
    assert good["crash-like"] > 0.6
    assert good["trend-like"] < 0.45
    assert kurtosis["fat tails"] > 5.0
    assert (drawn["idle"] == 0.0).mean() == pytest.approx(2 / 3, abs=0.02)
    squares = drawn["garch"] ** 2
    assert np.corrcoef(squares[1:].ravel(), squares[:-1].ravel())[0, 1] > 0.08
    assert np.corrcoef(drawn["sticky"][1:].ravel(), drawn["sticky"][:-1].ravel())[
        0, 1
    ] == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    ("found", "count"), [(0, 50), (50, 50), (3, 84), (68, 2_000), (1, 1), (0, 1)]
)
def test_the_interval_of_a_share_is_that_of_clopper_and_pearson(found, count):
    lower, upper = clopper_pearson(found, count)
    assert lower == pytest.approx(
        beta.ppf(0.025, found, count - found + 1) if found else 0.0, abs=1e-9
    )
    assert upper == pytest.approx(
        beta.ppf(0.975, found + 1, count - found) if found < count else 1.0, abs=1e-9
    )


def test_the_command_prints_both_tables(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "expanduser", lambda _self: tmp_path)
    main(["--count", "7", "--seed", "1"])
    told = capsys.readouterr().out
    assert "| all | " in told
    assert "| true annual Sharpe | 1 year | 2 years | 4 years | 7 years |" in told
