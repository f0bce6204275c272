"""How long the gate takes. Nothing fails by its time; the numbers are printed (`-s`)."""

import time
from collections.abc import Callable

import numpy as np

from models.gate import judge
from models.statistics.pbo import overfitting
from shared.core.settings import load_settings
from tests.support.made_evidence import made_evidence, made_rows


def best_seconds(run: Callable[[], object], times: int) -> float:
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - started)
    return best


def test_how_long_a_verdict_on_two_years_takes() -> None:
    evidence = made_evidence(rows=made_rows(70_080), rival=None)
    gate = load_settings({}).gate
    print(
        "\na verdict on 70,080 rows and 730 days:"
        f" {best_seconds(lambda: judge(evidence, gate, serve=()), 3):.2f} s"
    )
    assert judge(evidence, gate, serve=()).may_enter


def test_how_long_overfitting_of_a_hundred_configurations_takes() -> None:
    returns = 0.01 * np.random.default_rng(1).standard_normal((11_680, 100))
    seconds = best_seconds(lambda: overfitting(returns), 3)
    print(f"\noverfitting, 100 configurations x 11,680 observations, 16 blocks: {seconds:.2f} s")
    assert len(overfitting(returns).logits) == 12_870
