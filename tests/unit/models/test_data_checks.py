import dataclasses

import numpy as np
import pytest

from models.data.checks import MOST_MISSING_SHARE, check_candles
from shared.core.types import Candles, Timeframe
from tests.support.made_trainings import last_close, market, small_settings

STEP = Timeframe.M15.ms
DAY_MS = 86_400_000
LEARNING = small_settings().learning


@pytest.fixture(scope="module")
def candles():
    return market(75, seed=3, edge_bp=8.0)


def without(part: Candles, rows) -> Candles:
    left = np.setdiff1d(np.arange(len(part)), rows)
    columns = ("opened_at", "open", "high", "low", "close", "volume")
    return dataclasses.replace(part, **{name: getattr(part, name)[left] for name in columns})


def standing_still(part: Candles, first: int, count: int) -> Candles:
    columns = {
        name: getattr(part, name).copy() for name in ("open", "high", "low", "close", "volume")
    }
    for name in ("open", "high", "low", "close"):
        columns[name][first : first + count] = part.close[first - 1]
    columns["volume"][first : first + count] = 0.0
    return dataclasses.replace(part, **columns)


@pytest.mark.parametrize("seed", range(4))
def test_a_generated_market_is_fit_to_learn_from(seed):
    candles = market(60, seed=seed, edge_bp=8.0 * (seed % 2))
    assert check_candles(candles, LEARNING, as_of=last_close(candles) + 3_600_000) == ()


def found(candles, *, as_of=None, learning=LEARNING, days=None):
    told = check_candles(candles, learning, as_of=as_of or last_close(candles), days=days)
    assert all(str(finding).startswith(f"{finding.name}: ") for finding in told)
    return {(finding.name, finding.facts.get("timeframe", "")) for finding in told}


def test_a_hole_of_more_than_two_days_is_told_with_its_place(candles):
    quarters = candles[Timeframe.M15]
    holed = {**candles, Timeframe.M15: without(quarters, np.arange(3_000, 3_200))}
    assert found(holed) == {("gaps", "15m")}
    (finding,) = check_candles(holed, LEARNING, as_of=last_close(holed))
    assert finding.facts["from_at"] == int(quarters.closed_at[2_999])
    assert finding.facts["longest_ms"] >= 200 * STEP
    assert "50.0 hours in one piece" in finding.found


def test_one_long_hole_in_many_candles_is_told_though_its_share_is_small():
    candles = market(120, seed=3, edge_bp=0.0)
    holed = {**candles, Timeframe.M15: without(candles[Timeframe.M15], np.arange(5_000, 5_196))}
    (finding,) = check_candles(holed, LEARNING, as_of=last_close(holed), days=200)
    assert finding.name == "gaps"
    assert finding.facts["share"] < MOST_MISSING_SHARE


def test_many_small_holes_are_told_by_their_share(candles):
    holed = {**candles, Timeframe.M15: without(candles[Timeframe.M15], np.arange(1_001, 7_000, 20))}
    (finding,) = check_candles(holed, LEARNING, as_of=last_close(holed))
    assert finding.name == "gaps"
    assert finding.facts["share"] > 0.04


def test_an_old_end_is_told_of_each_timeframe(candles):
    end = last_close(candles)
    assert found(candles, as_of=end + DAY_MS) == set()
    assert found(candles, as_of=end + DAY_MS + 5 * 3_600_000) == {
        ("stale_end", "15m"),
        ("stale_end", "4h"),
    }
    slow = {**candles, Timeframe.H4: candles[Timeframe.H4].rows(0, -12)}
    assert found(slow) == {("stale_end", "4h")}


def test_too_few_rows_are_told_with_what_is_needed(candles):
    (finding,) = check_candles(candles, LEARNING, as_of=last_close(candles), days=14)
    assert finding.name == "too_few_rows"
    assert finding.facts["needed"] == 2_000 + 3 * LEARNING.horizon_candles
    assert 1_200 < finding.facts["rows"] < 1_400
    assert found(candles, days=25) == set()


def test_a_price_that_stands_still_is_told(candles):
    quarters = candles[Timeframe.M15]
    assert found({**candles, Timeframe.M15: standing_still(quarters, 4_001, 30)}) == set()
    still = {**candles, Timeframe.M15: standing_still(quarters, 4_001, 40)}
    assert ("flat_stretch", "15m") in found(still)
    assert "stands still for 10.0 hours" in " ".join(
        map(str, check_candles(still, LEARNING, as_of=last_close(still)))
    )


def test_timeframes_of_different_markets_are_told(candles):
    other = market(75, seed=4, edge_bp=8.0)
    assert found({**candles, Timeframe.H4: other[Timeframe.H4]}) == {("timeframes_disagree", "")}


def test_a_timeframe_that_is_not_there_is_told_alone(candles):
    assert found({Timeframe.M15: candles[Timeframe.M15]}) == {("missing_timeframe", "")}
    assert found(candles, as_of=int(candles[Timeframe.M15].opened_at[0])) == {
        ("missing_timeframe", "")
    }


def test_only_what_was_known_and_what_is_learned_from_is_looked_at(candles):
    quarters = candles[Timeframe.M15]
    early, late = without(quarters, np.arange(200, 500)), without(quarters, np.arange(6_500, 6_800))
    assert found({**candles, Timeframe.M15: early}) == set()
    assert found({**candles, Timeframe.M15: late}, as_of=int(quarters.closed_at[6_400])) == set()
    assert found({**candles, Timeframe.M15: late}) == {("gaps", "15m")}
