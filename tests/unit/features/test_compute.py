"""The matrix: names, warm-up, alignment of the 4h candles, and markets that are empty, flat or
absurd.
"""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import features
from shared.core.errors import BadData
from shared.core.settings import load_settings
from shared.core.types import Candles, Timeframe
from shared.features import catalogue, families
from shared.features.catalogue import ALL, CATALOGUE, MODEL, PHASE19, PHASE22
from shared.strategies import trend

QUARTER, FOUR_HOURS = Timeframe.M15.ms, Timeframe.H4.ms


def test_the_seeds_sets_are_in_their_order_and_all_sets_are_in_the_catalogue() -> None:
    assert len(PHASE19) == 12
    assert len(PHASE22) == 15
    assert PHASE19[:3] == ("close", "volume", "returns_1")
    assert PHASE22[-3:] == ("adx_14", "plus_di_14", "minus_di_14")
    for names in (PHASE19, PHASE22, MODEL, ALL):
        assert len(set(names)) == len(names)
        assert set(names) <= set(ALL)
    assert {"close", "high", "low", "open", "volume", "atr_14", "price_z", "volume_z"} <= set(ALL)
    assert 28 <= len(MODEL) <= 36
    assert sum(name.endswith("_4h") for name in MODEL) >= 10


def test_every_file_of_a_family_is_in_the_catalogue_and_every_name_of_a_feature_is_unique() -> None:
    files = {path.stem for path in Path(families.__file__).parent.glob("*.py")} - {"__init__"}
    assert {column.family for column in CATALOGUE} == files
    assert len(set(ALL)) == len(ALL)


def test_the_table_for_the_documentation_has_one_formula_in_one_line_for_each_feature() -> None:
    rows = catalogue.feature_table()
    assert [row[0] for row in rows] == list(ALL)
    for name, timeframe, family, needs, formula in rows:
        assert timeframe in {"15m", "4h"}, name
        assert family
        assert int(needs) >= 1
        assert formula
        assert "\n" not in formula
        assert "|" not in formula or formula.count("|") % 2 == 0


def test_each_feature_has_its_first_value_after_exactly_the_candles_it_says_it_needs(
    candles_of,
) -> None:
    random = np.random.default_rng(4)
    close = (5e6 + np.cumsum(np.round(random.normal(0, 9e3, 700)))).tolist()
    columns = {
        "open": [value - 50 for value in close],
        "high": [value + 400 for value in close],
        "low": [value - 300 for value in close],
        "volume": random.lognormal(0, 1, 700).tolist(),
    }
    fast = candles_of(close, **columns)
    slow = candles_of(close, Timeframe.H4, start=fast.opened_at[0] - 700 * FOUR_HOURS, **columns)
    found = features.compute({Timeframe.M15: fast})
    counted = 0
    for feature in CATALOGUE:
        if feature.timeframe is Timeframe.M15:
            warm = np.isfinite(found.column(feature.name))
            assert int(np.argmax(warm)) + 1 == feature.needs, feature.name
            assert warm[feature.needs - 1 :].all(), feature.name
        else:
            for candles, is_warm in ((feature.needs, True), (feature.needs - 1, False)):
                last = features.compute(
                    {Timeframe.M15: fast.rows(0, 1), Timeframe.H4: slow.tail(candles)}
                )
                assert np.isfinite(last.column(feature.name)[0]) == is_warm, feature.name
        counted += 1
    assert counted == len(ALL)


def test_min_history_is_enough_for_every_feature_but_those_of_the_har_forecast_and_the_slow_trend():
    market = load_settings({}).market
    fast = {
        feature.name: feature.needs for feature in CATALOGUE if feature.timeframe is Timeframe.M15
    }
    assert fast.pop("realised_672") <= market.window_candles
    assert "realised_672" not in {*MODEL, *PHASE19, *PHASE22}
    assert max(fast.values()) <= market.min_history_15m
    slow = {
        feature.name: feature.needs for feature in CATALOGUE if feature.timeframe is Timeframe.H4
    }
    late = [slow.pop(name) for name in (*trend.SIGNALS[1:], trend.VOLATILITY)]
    assert market.min_history_4h < max(late) <= market.window_candles
    assert not {*trend.SIGNALS[1:], trend.VOLATILITY} & {*MODEL, *PHASE19, *PHASE22}
    assert max(slow.values()) <= market.min_history_4h


def test_a_4h_candle_counts_from_the_instant_of_its_close_and_not_before(candles_of) -> None:
    fast = candles_of([100.0] * 40)
    start = int(fast.opened_at[0])
    slow = candles_of([100.0, 110.0, 132.0], Timeframe.H4, start=start)
    found = features.compute({Timeframe.M15: fast, Timeframe.H4: slow})
    returns = found.column("returns_1_4h")
    second_close = start + 2 * FOUR_HOURS
    assert np.isnan(returns[found.as_of < second_close]).all()
    assert found.as_of[31] == second_close
    assert returns[31] == pytest.approx(0.1)
    assert (returns[31:] == returns[31]).all(), "the third is not closed yet on any row"


def test_with_a_missing_4h_candle_the_one_before_it_stays_the_last_known(candles_of) -> None:
    fast = candles_of([100.0] * 64)
    whole = candles_of([100.0, 110.0, 132.0, 66.0], Timeframe.H4, start=int(fast.opened_at[0]))
    kept = [0, 1, 3]
    slow = Candles(
        timeframe=Timeframe.H4,
        opened_at=whole.opened_at[kept],
        open=whole.open[kept],
        high=whole.high[kept],
        low=whole.low[kept],
        close=whole.close[kept],
        volume=whole.volume[kept],
    )
    returns = features.compute({Timeframe.M15: fast, Timeframe.H4: slow}).column("returns_1_4h")
    assert returns[62] == pytest.approx(0.1)
    assert returns[63] == pytest.approx(66 / 110 - 1), (
        "rows are neighbours, whatever lies between them"
    )


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_any_number_of_candles_gives_a_row_each_and_nan_where_nothing_is_warm(
    candles_of, rows: int
) -> None:
    fast, slow = candles_of([100.0] * rows), candles_of([100.0] * rows, Timeframe.H4)
    for candles in ({Timeframe.M15: fast, Timeframe.H4: slow}, {Timeframe.M15: fast}):
        found = features.compute(candles)
        assert found.values.shape == (rows, len(ALL))
        assert found.names == ALL
        assert found.column("close").tolist() == [100.0] * rows
        assert np.isnan(found.column("ema_50")).all()
        assert np.isnan(found.column("rsi_14_4h")).all()


def test_without_15m_candles_there_is_nothing_to_compute(candles_of) -> None:
    with pytest.raises(BadData, match="15m candles"):
        features.compute({Timeframe.H4: candles_of([100.0], Timeframe.H4)})


def test_a_market_that_stands_still_has_neutral_values_and_no_warning(candles_of) -> None:
    still = [5_000_000.0] * 1200
    fast = candles_of(still, volume=[0.0] * 1200)
    slow = candles_of(
        still, Timeframe.H4, start=int(fast.opened_at[0]) - 1200 * FOUR_HOURS, volume=[0.0] * 1200
    )
    found = features.compute({Timeframe.M15: fast, Timeframe.H4: slow})
    last = dict(zip(found.names, found.values[-1].tolist(), strict=True))
    neutral = {
        "bb_position": 0.5,
        "channel_position": 0.5,
        "rsi_14": 50.0,
        "volume_ratio": 1.0,
        "volatility_ratio": 1.0,
    }
    prices = {
        "open",
        "high",
        "low",
        "close",
        "ema_20",
        "ema_50",
        "donchian_high_20",
        "donchian_low_20",
        "swing_high_20",
    }
    for name, value in last.items():
        if name.removesuffix("_4h") in neutral:
            assert value == neutral[name.removesuffix("_4h")], name
        elif name in prices | {"swing_low_20"}:
            assert value == 5_000_000.0, name
        elif name == "volume_ratio_10":
            assert value == 1.0
        elif name in {"hour", "weekday"}:
            assert value >= 0.0, "time goes on"
        else:
            assert value == 0.0, name


def test_the_matrix_cannot_be_written_to(candles_of) -> None:
    found = features.compute({Timeframe.M15: candles_of([100.0] * 3)})
    with pytest.raises(ValueError, match="read-only"):
        found.values[0, 0] = 1.0


PRICE = st.integers(1, 30_000_000)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_the_candles_are_values_are_finite_once_warm_and_stay_in_their_bounds(
    data: st.DataObject,
) -> None:
    rows = data.draw(st.integers(100, 180))
    choices = data.draw(st.lists(st.tuples(PRICE, PRICE, PRICE, PRICE), min_size=1, max_size=12))
    picks = data.draw(st.lists(st.integers(0, len(choices) - 1), min_size=rows, max_size=rows))
    volumes = data.draw(
        st.lists(st.sampled_from([0.0, 0.0001, 0.1, 3.0, 5000.0]), min_size=rows, max_size=rows)
    )
    four = np.array([choices[pick] for pick in picks], dtype=np.float64)
    candles = Candles(
        timeframe=Timeframe.M15,
        opened_at=QUARTER * np.arange(rows, dtype=np.int64),
        open=four[:, 0].copy(),
        close=four[:, 1].copy(),
        high=four.max(axis=1),
        low=four.min(axis=1),
        volume=np.array(volumes),
    )
    found = features.compute({Timeframe.M15: candles})
    for feature in CATALOGUE:
        column = found.column(feature.name)
        if feature.timeframe is Timeframe.M15:
            assert np.isfinite(column[feature.needs - 1 :]).all(), feature.name
        assert not np.isinf(column).any(), feature.name
    bounds = {
        **dict.fromkeys(("rsi_14", "adx_14", "plus_di_14", "minus_di_14"), (0.0, 100.0)),
        **dict.fromkeys(
            ("rci_9", "rci_14", "rci_26", "rci_52", "price_z", "volume_z", "di_difference"),
            (-100.0, 100.0),
        ),
        **dict.fromkeys(("candle_body", "upper_wick", "lower_wick"), (0.0, 1.0)),
        **dict.fromkeys(("ema_20_cross", "di_cross", "swing_direction_20"), (-1.0, 1.0)),
        "volume_ratio": (0.0, 20.0 + 1e-9),
        "volume_ratio_10": (0.0, 10.0 + 1e-9),
        "above_low_4": (0.0, np.inf),
        "below_high_4": (-1.0, 0.0),
        **{f"realised_{rows}": (0.0, np.inf) for rows in (16, 96, 672)},
        "hour": (0.0, 23.75),
        "weekday": (0.0, 6.0),
    }
    for name, (low, high) in bounds.items():
        column = found.column(name)[~np.isnan(found.column(name))]
        assert ((column >= low) & (column <= high)).all(), name
