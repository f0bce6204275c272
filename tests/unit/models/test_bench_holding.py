"""What a variant does beside holding: the plain numbers are exact, the intervals and chances are
those of the same days.
"""

from dataclasses import replace

import numpy as np
import pytest

from models.study.holding import compare_with_holding
from tests.support.made_evidence import made_money


def made(returns, hold):
    return replace(made_money(years=2), returns=returns, hold=hold)


def test_growth_falls_and_gaps_are_those_of_the_days():
    random = np.random.default_rng(1)
    hold = 0.001 + 0.03 * random.standard_normal(730)
    found = compare_with_holding(made(0.25 * hold, hold), limit=0.2, seed=7)
    assert found.growth.value == pytest.approx(np.prod(1 + 0.25 * hold) ** 0.5 - 1)
    value = np.concatenate([[1.0], np.cumprod(1 + 0.25 * hold)])
    assert found.drawdown.value == pytest.approx((1 - value / np.maximum.accumulate(value)).max())
    assert found.mixed == pytest.approx(0.25)
    assert found.mixed_growth_gap.value == pytest.approx(0.0, abs=1e-12), (
        "bitcoin and cash are bitcoin and cash"
    )
    assert found.sharpe_gap.value == pytest.approx(0.0, abs=1e-9)
    assert found.growth.low < found.growth.value < found.growth.high


def test_the_chance_of_a_halt_grows_with_time_with_risk_and_with_a_lower_sharpe():
    random = np.random.default_rng(2)
    own = 0.0008 + 0.012 * random.standard_normal(730)
    calm, wild = (
        compare_with_holding(made(own * scale, own), limit=0.2, seed=7) for scale in (1.0, 2.0)
    )
    chance = {(halt.years, halt.of_sharpe): halt.chance for halt in calm.halts}
    assert chance[1, 1.0] <= chance[3, 1.0] <= chance[7, 1.0]
    assert chance[3, 1.0] < chance[3, 0.5] < chance[3, 0.0]
    assert {(halt.years, halt.of_sharpe): halt.chance for halt in wild.halts}[3, 1.0] > chance[
        3, 1.0
    ]
    assert compare_with_holding(made(own, own), limit=0.2, seed=7).halts == calm.halts


def test_a_short_record_and_one_that_never_moved_say_nothing():
    short = made_money(years=1)
    assert (
        compare_with_holding(
            replace(short, returns=short.returns[:300], hold=short.hold[:300]), limit=0.2, seed=7
        )
        is None
    )
    assert compare_with_holding(made(np.zeros(730), np.ones(730)), limit=0.2, seed=7) is None
    assert compare_with_holding(None, limit=0.2, seed=7) is None
