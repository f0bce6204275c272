"""Every row is asked whether it knows the candle after it: a peek in a few rows is found, an honest
row never accused.
"""

from dataclasses import replace

import numpy as np
import pytest

from shared import features
from shared.core.types import Features, Timeframe, Votes
from shared.exchanges.sandbox.generate import generate
from shared.market.candles import aggregate
from shared.replay.peeks import peeks
from shared.turn import pipeline
from shared.turn.pipeline import Stages
from tests.support import leaks

DAY, QUARTER = 86_400_000, 900_000
START_AT, END_AT = leaks.FIRST_AT, leaks.FIRST_AT + DAY
ROWS = 97


def stages(market) -> Stages:
    return pipeline.stages(market, bundle=None, settings=leaks.SETTINGS)


def asked(compute, **more):
    period = {"start_at": START_AT, "end_at": END_AT, "random": np.random.default_rng(5), **more}
    return peeks(leaks.candles(), compute, **period)


def some_instants(count, *, seed):
    """Closes of the period at which a peek is planted."""
    return np.random.default_rng(seed).choice(
        np.arange(START_AT, END_AT, QUARTER), count, replace=False
    )


def told(found):
    return {(difference.kind, difference.name): difference for difference in found.differences}


def test_an_honest_configuration_is_asked_in_every_row_and_accused_in_none() -> None:
    found = asked(stages)
    assert (found.rows, found.seen, found.differences) == (ROWS, ROWS, ())


@pytest.mark.parametrize("ahead", [1, 4])
@pytest.mark.parametrize("name", ["returns_1", "rsi_14", "volume_ratio", "macd_rate"])
def test_a_feature_that_peeks_in_eight_rows_is_found_with_each_of_them(name, ahead) -> None:
    instants = some_instants(8, seed=ahead)

    def peeking(market):
        done = features.compute(market)
        honest = done.column(name)
        later = np.append(honest[ahead:], np.full(ahead, np.nan))
        chosen = np.isin(done.as_of, instants) & np.isfinite(later)
        return pipeline.stages(
            market,
            bundle=None,
            settings=leaks.SETTINGS,
            computed=leaks.with_column(done, name, np.where(chosen, later, honest)),
        )

    difference = told(asked(peeking))[("feature", name)]
    assert difference.count == 8
    assert difference.at == min(instants)
    assert difference.row == int(
        leaks.candles()[Timeframe.M15].closed_at.searchsorted(difference.at)
    )


def test_a_vote_that_knows_in_eight_rows_how_the_next_candle_closes_is_found() -> None:
    instants = some_instants(8, seed=9)

    def peeking(market):
        done = stages(market)
        close = market[Timeframe.M15].close
        rising = np.append(close[1:] > close[:-1], [False])
        sides = done.votes.sides.copy()
        chosen = np.isin(done.votes.as_of, instants)
        sides[chosen, 2] = np.where(rising[chosen], 1, -1)
        return replace(done, votes=replace(done.votes, sides=sides))

    found = told(asked(peeking))
    (key,) = found
    assert key == ("vote", f"{stages(leaks.candles()).votes.names[2]} side")
    assert (
        found[key].count >= 4
    )  # where the next candle moves as the column would have said anyway, nothing moves


def test_a_row_that_knows_a_4h_candle_before_it_closes_is_found() -> None:
    instants = some_instants(8, seed=4)

    def peeking(market):
        done = features.compute(market)
        slow = market[Timeframe.H4]
        open_now = np.searchsorted(slow.opened_at, done.as_of, side="right") - 1
        column = done.column("returns_4").copy()
        chosen = np.isin(done.as_of, instants)
        column[chosen] = slow.close[open_now[chosen]]
        return pipeline.stages(
            market,
            bundle=None,
            settings=leaks.SETTINGS,
            computed=leaks.with_column(done, "returns_4", column),
        )

    found = told(asked(peeking))
    assert ("feature", "returns_4") in found
    at_a_close = sum(int(at) % Timeframe.H4.ms == 0 for at in instants)
    assert found[("feature", "returns_4")].count >= 8 - at_a_close


def test_what_a_budget_leaves_out_is_told() -> None:
    frame = len(leaks.candles()[Timeframe.M15])
    found = asked(stages, most_rows=40 * frame)
    assert 0 < found.seen < ROWS
    assert f"{found.seen} of {ROWS} rows" in found.sentence
    assert asked(stages, most_rows=0).seen == 0


def test_a_column_with_a_longer_memory_than_is_allowed_is_accused_of_nothing_that_it_did_not_do():
    def remembering(market):
        done = features.compute(market)
        return pipeline.stages(
            market,
            bundle=None,
            settings=leaks.SETTINGS,
            computed=leaks.with_column(done, "zscore", np.cumsum(market[Timeframe.M15].close)),
        )

    period = {"start_at": leaks.START + 3 * DAY, "end_at": leaks.START + 18 * DAY}
    assert (
        asked(remembering, **period, most_rows=80 * len(leaks.candles()[Timeframe.M15])).differences
        == ()
    )


def plain(market) -> Stages:
    """Stages that cost next to nothing: the close, as the strength of nobody's vote."""
    candles = market[Timeframe.M15]
    rows = len(candles)
    return Stages(
        features=Features(as_of=candles.closed_at, names=(), values=np.empty((rows, 0))),
        votes=Votes(
            as_of=candles.closed_at,
            names=(),
            sides=np.empty((rows, 0), dtype=np.int8),
            confidences=np.empty((rows, 0)),
            consensus=np.zeros(rows, dtype=np.int8),
            strength=candles.close,
        ),
        prediction=None,
    )


def test_candles_that_lie_a_memory_apart_are_falsified_together() -> None:
    """Years cost some two thousand runs and not one a row; a peek is found in the first row and in
    the last.
    """
    minutes = generate(start_ms=leaks.START, days=30, seed=3, edge_bp=0.0, maintenance=False)
    market = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    closes = market[Timeframe.M15].closed_at
    instants = closes[[150, len(closes) - 2]]
    runs = 0

    def peeking(known):
        nonlocal runs
        runs += 1
        done = plain(known)
        strength = done.votes.strength.copy()
        chosen = np.flatnonzero(np.isin(done.votes.as_of[:-1], instants))
        strength[chosen] = known[Timeframe.M15].volume[chosen + 1]
        return replace(done, votes=replace(done.votes, strength=strength))

    period = {"start_at": int(closes[150]), "end_at": int(closes[-1])}
    found = peeks(market, peeking, **period, random=np.random.default_rng(1), most_rows=10**9)
    assert found.seen == found.rows == len(closes) - 150 > 2_700
    assert told(found)[("consensus", "strength")].count == 2
    assert runs <= 1_004 + len(market[Timeframe.H4]) + 2
