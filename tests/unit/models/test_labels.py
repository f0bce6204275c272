import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.labels import (
    LOWER,
    NEITHER,
    UPPER,
    USUAL_COSTS,
    TradeCosts,
    barriers_of,
    costs_of,
    label,
    results,
)
from shared.core.settings import load_settings
from shared.core.types import AccountKind, Barriers, Candles, Timeframe

STEP = Timeframe.M15.ms


def candles_of(rows, *, holes=()) -> Candles:
    """Rows are (open, high, low, close); `holes` are positions on the clock at which there is no
    candle.
    """
    slots = [slot for slot in range(len(rows) + len(holes)) if slot not in holes][: len(rows)]
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return Candles(
        timeframe=Timeframe.M15,
        opened_at=np.array(slots, dtype=np.int64) * STEP,
        open=table[:, 0],
        high=table[:, 1],
        low=table[:, 2],
        close=table[:, 3],
        volume=np.ones(len(table)),
    )


def slow_label(
    candles: Candles, atr: np.ndarray, barriers: Barriers
) -> list[tuple[int, int, bool]]:
    """What the module's text says, candle by candle."""
    told = []
    for row in range(len(candles)):
        closed = int(candles.opened_at[row]) + STEP
        deadline = closed + barriers.horizon_candles * STEP
        if not (
            np.isfinite(atr[row]) and atr[row] > 0 and deadline <= int(candles.opened_at[-1]) + STEP
        ):
            told.append((NEITHER, deadline, False))
            continue
        upper = candles.close[row] + barriers.atr_multiple * atr[row]
        lower = candles.close[row] - barriers.atr_multiple * atr[row]
        found, end = NEITHER, deadline
        for later in range(row + 1, len(candles)):
            closes = int(candles.opened_at[later]) + STEP
            if closes > deadline:
                break
            up, down = candles.high[later] >= upper, candles.low[later] <= lower
            if not (up or down):
                continue
            end = closes
            if candles.open[later] >= upper or (up and not down):
                found = UPPER
            elif candles.open[later] <= lower or (down and not up):
                found = LOWER
            break
        told.append((found, end, True))
    return told


@st.composite
def markets(draw):
    count = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, price = [], 1_000.0
    for _ in range(count):
        opened = price + rng.integers(-3, 4)
        price = opened + rng.integers(-6, 7)
        high, low = (
            max(opened, price) + rng.integers(0, 12),
            min(opened, price) - rng.integers(0, 12),
        )
        rows.append((opened, high, low, price))
    holes = set(rng.choice(count + 4, size=draw(st.integers(0, 4)), replace=False).tolist())
    atr = rng.choice([np.nan, 0.0, 2.0, 4.0, 8.0], size=count, p=[0.1, 0.05, 0.3, 0.3, 0.25])
    barriers = Barriers(
        atr_multiple=draw(st.sampled_from([0.5, 1.0, 2.5])),
        horizon_candles=draw(st.integers(1, 12)),
    )
    return candles_of(rows, holes=holes), atr, barriers


EXERCISED = {LOWER: 0, NEITHER: 0, UPPER: 0, "ambiguous": 0}


@settings(max_examples=300, deadline=None)
@given(markets())
def test_labels_equal_a_slow_reading_of_the_definition(market):
    candles, atr, barriers = market
    fast = label(candles, atr, barriers)
    for row, (value, end_at, complete) in enumerate(slow_label(candles, atr, barriers)):
        assert bool(fast.complete[row]) == complete
        if complete:
            assert (int(fast.value[row]), int(fast.end_at[row])) == (value, end_at)
            EXERCISED[value] += 1
            EXERCISED["ambiguous"] += int(fast.ambiguous[row])


def test_that_comparison_met_every_case():
    test_labels_equal_a_slow_reading_of_the_definition()
    assert min(EXERCISED.values()) > 50


def test_a_candle_that_touches_both_levels_benefits_neither_side():
    candles = candles_of([(100, 100, 100, 100), (100, 111, 89, 100), (100, 130, 100, 130)])
    labels = label(
        candles, np.array([10.0, 10.0, 10.0]), Barriers(atr_multiple=1.0, horizon_candles=2)
    )
    assert (labels.value[0], bool(labels.ambiguous[0]), int(labels.end_at[0])) == (
        NEITHER,
        True,
        2 * STEP,
    )


def test_a_candle_that_opens_beyond_a_level_touched_that_one_first():
    candles = candles_of([(100, 100, 100, 100), (112, 113, 85, 90), (90, 90, 90, 90)])
    labels = label(
        candles, np.array([10.0, 10.0, 10.0]), Barriers(atr_multiple=1.0, horizon_candles=2)
    )
    assert (labels.value[0], bool(labels.ambiguous[0])) == (UPPER, False)


def test_an_early_touch_does_not_make_a_row_complete_whose_horizon_is_not_over():
    candles = candles_of([(100, 100, 100, 100), (100, 120, 100, 120), (120, 120, 120, 120)])
    labels = label(candles, np.full(3, 10.0), Barriers(atr_multiple=1.0, horizon_candles=5))
    assert not labels.complete.any()


def test_swapping_up_and_down_swaps_the_labels():
    rng = np.random.default_rng(4)
    close = 10_000 + np.cumsum(rng.integers(-20, 21, size=400))
    opened = np.roll(close, 1)
    high, low = (
        np.maximum(opened, close) + rng.integers(0, 30, 400),
        np.minimum(opened, close) - rng.integers(0, 30, 400),
    )
    barriers, atr = Barriers(atr_multiple=2.0, horizon_candles=10), np.full(400, 25.0)
    one = label(candles_of(np.column_stack([opened, high, low, close])), atr, barriers)
    mirrored = np.column_stack([20_000 - opened, 20_000 - low, 20_000 - high, 20_000 - close])
    other = label(candles_of(mirrored), atr, barriers)
    assert np.array_equal(one.value, 2 - other.value)
    assert np.array_equal(one.end_at, other.end_at)
    assert np.bincount(one.value, minlength=3).min() > 20


def test_no_candles_give_no_labels():
    assert (
        len(label(candles_of([]), np.empty(0), Barriers(atr_multiple=1.0, horizon_candles=3)).value)
        == 0
    )


# what a trade would have brought


COSTS = TradeCosts(maker=0.001, crossing=0.01, long_interest_day=0.0004, short_interest_day=0.0008)


def brought(rows, *, atr=10.0, horizon=2, kind="barriers", holes=()):
    """What a long and a short entered at the first close brought."""
    candles = candles_of(rows, holes=holes)
    barriers = Barriers(atr_multiple=1.0, horizon_candles=horizon, kind=kind, move_rate=0.05)
    told = np.full(len(candles), atr)
    labels = label(candles, told, barriers)
    longs, shorts = results(candles, told, barriers, labels, COSTS)
    assert np.array_equal(np.isnan(longs), ~labels.complete)
    return longs[0], shorts[0]


def test_a_touched_level_fills_one_side_as_maker_and_stops_the_other():
    rows = [(100, 100, 100, 100), (101, 111, 101, 108), (108, 108, 108, 108)]
    long, short = brought(rows)
    assert long == pytest.approx(0.10 - 0.001 - 0.001 - 0.0004)
    assert short == pytest.approx(-0.10 - 0.001 - 0.01 - 0.0008)
    mirrored = [
        (200 - opened, 200 - low, 200 - high, 200 - close) for opened, high, low, close in rows
    ]
    long, short = brought(mirrored)
    assert long == pytest.approx(-0.10 - 0.001 - 0.01 - 0.0004)
    assert short == pytest.approx(0.10 - 0.001 - 0.001 - 0.0008)


def test_a_gap_beyond_the_level_costs_the_stopped_side_and_gives_the_other_nothing():
    long, short = brought([(100, 100, 100, 100), (130, 131, 120, 125), (125, 125, 125, 125)])
    assert long == pytest.approx(0.10 - 0.002 - 0.0004)
    assert short == pytest.approx(-0.30 - 0.011 - 0.0008)
    long, short = brought([(100, 100, 100, 100), (70, 80, 69, 75), (75, 75, 75, 75)])
    assert long == pytest.approx(-0.30 - 0.011 - 0.0004)
    assert short == pytest.approx(0.10 - 0.002 - 0.0008)


def test_where_nobody_knows_what_came_first_both_sides_are_stopped():
    long, short = brought([(100, 100, 100, 100), (100, 111, 89, 100), (100, 100, 100, 100)])
    assert long == pytest.approx(-0.10 - 0.011 - 0.0004)
    assert short == pytest.approx(-0.10 - 0.011 - 0.0008)


def test_what_touches_nothing_crosses_at_the_last_close_within_the_horizon():
    rows = [(100, 100, 100, 100), (100, 104, 99, 103), (103, 106, 103, 105), (105, 109, 105, 109)]
    long, short = brought(rows)
    assert long == pytest.approx(0.05 - 0.011 - 0.0004)
    assert short == pytest.approx(-0.05 - 0.011 - 0.0008)
    assert brought(rows, holes={2})[0] == pytest.approx(0.03 - 0.011 - 0.0004)


def test_every_day_that_was_begun_costs_interest():
    rows = [(100, 100, 100, 100)] * 200
    assert brought(rows, horizon=95)[0] == pytest.approx(-0.011 - 0.0004)
    assert brought(rows, horizon=96)[0] == pytest.approx(-0.011 - 2 * 0.0004)


def test_costs_come_from_the_settings_and_the_exchange():
    settings = load_settings({})
    assert costs_of(settings) == USUAL_COSTS
    spot = dataclasses.replace(settings, account=AccountKind.SPOT)
    assert (costs_of(spot).long_interest_day, costs_of(spot).short_interest_day) == (0.0, 0.0)
    dearer = load_settings({}, profile="seeds")
    assert costs_of(dearer).maker == 0.0012
    assert costs_of(dearer).crossing == pytest.approx(0.0012 + 0.0005 + 0.00005)


# the seeds' label


def test_the_next_candle_decides_the_seeds_label():
    rows = [(100, 100, 100, close) for close in (100, 106, 99, 100, 104, 104, 104)]
    barriers = Barriers(atr_multiple=1.0, horizon_candles=1, kind="next_candle", move_rate=0.05)
    labels = label(candles_of(rows, holes={3}), np.full(7, 10.0), barriers)
    assert labels.value.tolist() == [UPPER, LOWER, NEITHER, NEITHER, NEITHER, NEITHER, NEITHER]
    assert labels.complete.tolist() == [True, True, False, True, True, True, False]
    assert (labels.end_at - candles_of(rows, holes={3}).closed_at).tolist() == [STEP] * 7
    assert not labels.ambiguous.any()


def test_the_seeds_label_trades_from_close_to_close():
    long, short = brought([(100, 100, 100, 100), (100, 120, 80, 107)], kind="next_candle")
    assert long == pytest.approx(0.07 - 0.011 - 0.0004)
    assert short == pytest.approx(-0.07 - 0.011 - 0.0008)


def test_the_barriers_of_a_label_follow_from_the_settings():
    learning = load_settings({}).learning
    assert barriers_of(learning) == Barriers(
        atr_multiple=learning.barrier_atr, horizon_candles=learning.horizon_candles
    )
    other = barriers_of(dataclasses.replace(learning, label="next_candle"))
    assert (other.kind, other.horizon_candles, other.move_rate) == (
        "next_candle",
        1,
        learning.move_rate,
    )
