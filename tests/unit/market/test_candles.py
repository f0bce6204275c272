import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.errors import BadData, UserError
from shared.core.types import Candles, Timeframe
from shared.market.candles import (
    COLUMNS,
    BadCandles,
    aggregate,
    candles_between,
    changed_times,
    check_candle_rules,
    empty_candles,
    merge_candles,
)
from shared.market.files import read_file
from tests.support.candle_rows import from_rows

T0 = 1_514_937_600_000
STEP = Timeframe.M15.ms
HEADER = "timestamp,open,high,low,close,volume"
GOOD = [(T0 + i * STEP, 100 + i, 120 + i, 90 + i, 110 + i, 0.5) for i in range(6)]


def row(**changes: float) -> list[tuple[float, ...]]:
    """Six good candles whose third one is changed."""
    rows = [dict(zip(COLUMNS, values, strict=True)) for values in GOOD]
    rows[2] |= changes
    return [tuple(values.values()) for values in rows]


def same(one: Candles, two: Candles) -> bool:
    return one.timeframe is two.timeframe and all(
        np.array_equal(getattr(one, name), getattr(two, name))
        for name in ("opened_at", *COLUMNS[1:])
    )


@st.composite
def series(draw: st.DrawFn, timeframe: Timeframe = Timeframe.M15, max_size: int = 40) -> Candles:
    """Candles with holes, flat ones, single-yen ranges and extremes anywhere; volumes in whole
    lots.
    """
    slots = sorted(draw(st.sets(st.integers(0, 60), min_size=1, max_size=max_size)))
    rows = []
    for slot in slots:
        low = draw(st.integers(1, 20_000_000))
        width = draw(st.sampled_from([0, 1, 2, 500, 90_000]))
        inside = st.integers(low, low + width)
        volume = draw(st.integers(0, 2_000_000)) / 10_000
        rows.append(
            (T0 + slot * timeframe.ms, draw(inside), low + width, low, draw(inside), volume)
        )
    return from_rows(timeframe, rows)


def test_good_candles_pass_unchanged():
    candles = from_rows(Timeframe.M15, GOOD)
    assert len(candles) == 6
    assert check_candle_rules(candles) is candles
    assert candles.opened_at.dtype == np.int64


def test_holes_and_flat_candles_without_volume_are_good():
    flat = (T0 + 9 * STEP, 110, 110, 110, 110, 0.0)
    assert len(from_rows(Timeframe.M15, [*GOOD, flat])) == 7


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        (row(open=float("nan")), "finite"),
        (row(high=float("inf")), "finite"),
        (row(close=110.5), "whole yen"),
        (row(low=0), "positive"),
        (row(low=-5), "positive"),
        (row(high=105), "high must be"),
        (row(low=111), "low must be"),
        (row(volume=-0.1), "volume"),
        (row(volume=float("nan")), "volume"),
        (row(timestamp=T0 + 2 * STEP + 1), "grid"),
        (row(timestamp=T0 + STEP), "twice"),
        (row(timestamp=T0), "ascend"),
        (row(timestamp=float("nan")), "timestamp must be a whole number"),
        (row(timestamp=T0 + 0.5), "timestamp must be a whole number"),
    ],
)
def test_a_broken_rule_is_named_with_its_row(rows, rule):
    with pytest.raises(BadCandles, match=rule) as caught:
        from_rows(Timeframe.M15, rows)
    assert caught.value.row == 2
    assert "candle row 2" in str(caught.value)


def test_columns_of_unequal_length_are_refused():
    candles = from_rows(Timeframe.M15, GOOD)
    broken = Candles(
        timeframe=Timeframe.M15,
        opened_at=candles.opened_at,
        open=candles.open,
        high=candles.high,
        low=candles.low,
        close=candles.close,
        volume=candles.volume[:-1],
    )
    with pytest.raises(BadCandles, match="equally long"):
        check_candle_rules(broken)


def test_a_coarser_candle_takes_the_first_open_the_extremes_the_last_close_and_the_sum():
    rows = [(T0 + i * 60_000, 100 + i, 200 - i, 50 + i, 101 + i, 0.1) for i in range(15)]
    (coarse,) = [aggregate(from_rows(Timeframe.M1, rows), Timeframe.M15)]
    assert (
        coarse.opened_at[0],
        coarse.open[0],
        coarse.high[0],
        coarse.low[0],
        coarse.close[0],
    ) == (T0, 100, 200, 50, 115)
    assert coarse.volume[0] == 1.5


def test_an_unfinished_coarser_candle_is_dropped_unless_its_end_was_reached():
    rows = [(T0 + i * 60_000, 100, 100, 100, 100, 0.1) for i in range(29)]
    minutes = from_rows(Timeframe.M1, rows)
    assert len(aggregate(minutes, Timeframe.M15)) == 1
    assert len(aggregate(minutes, Timeframe.M15, until=T0 + 2 * STEP - 1)) == 1
    assert len(aggregate(minutes, Timeframe.M15, until=T0 + 2 * STEP)) == 2


def test_one_finer_candle_is_enough_for_a_coarser_one():
    minutes = from_rows(
        Timeframe.M1, [(T0 + 7 * 60_000, 100, 110, 90, 105, 1.0), (T0 + STEP, 1, 1, 1, 1, 0)]
    )
    coarse = aggregate(minutes, Timeframe.M15)
    assert coarse.opened_at.tolist() == [T0]


def test_candles_are_not_put_together_to_finer_ones():
    with pytest.raises(BadData, match="cannot be put together"):
        aggregate(from_rows(Timeframe.M15, GOOD), Timeframe.M1)
    assert len(aggregate(empty_candles(Timeframe.M1), Timeframe.H4)) == 0


def test_where_both_have_a_candle_the_new_one_wins():
    old = from_rows(Timeframe.M15, GOOD[:4])
    new = from_rows(
        Timeframe.M15, [(T0 + 3 * STEP, 7, 8, 6, 7, 1.0), (T0 + 5 * STEP, 9, 9, 9, 9, 0.0)]
    )
    both = merge_candles(old, new)
    assert both.opened_at.tolist() == [T0 + i * STEP for i in (0, 1, 2, 3, 5)]
    assert both.open.tolist() == [100, 101, 102, 7, 9]
    assert changed_times(old, new).tolist() == [T0 + 3 * STEP]
    assert candles_between(both, T0 + STEP, T0 + 3 * STEP).open.tolist() == [101, 102]
    with pytest.raises(BadData, match="cannot be joined"):
        merge_candles(old, empty_candles(Timeframe.M1))


@settings(max_examples=100, deadline=None)
@given(series(), series())
def test_merging_keeps_every_candle_once_and_prefers_the_new(old, new):
    both = check_candle_rules(merge_candles(old, new))
    assert set(both.opened_at) == set(old.opened_at) | set(new.opened_at)
    assert len(changed_times(both, new)) == 0
    assert same(merge_candles(both, new), both)


def write(path: Path, lines: list[str]) -> Path:
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def fine(count: int, minutes: int, *, missing: tuple[int, ...] = ()) -> list[str]:
    """Lines of `count` candles `minutes` apart; the i-th opens at 100 + i and holds a volume of
    0.00001.
    """
    step = minutes * 60_000
    return [
        f"{T0 + i * step},{100 + i},{110 + i},{90 + i},{101 + i},0.00001"
        for i in range(count)
        if i not in missing
    ]


def test_five_minute_candles_come_as_fifteen_minute_ones_and_an_hour_as_four(tmp_path):
    path = write(tmp_path / "a.csv", [HEADER, *fine(10, 5, missing=(4,))])
    for asked in (None, Timeframe.M15):
        candles = read_file(path, asked)
        assert candles.timeframe is Timeframe.M15
        assert candles.opened_at.tolist() == [T0, T0 + STEP, T0 + 2 * STEP]
        assert candles.open.tolist() == [100, 103, 106]
        assert candles.high.tolist() == [112, 115, 118]
        assert candles.low.tolist() == [90, 93, 96]
        assert candles.close.tolist() == [103, 106, 109]
        assert candles.volume.tolist() == [3e-5, 2e-5, 3e-5]
    hours = write(tmp_path / "h.csv", [HEADER, *fine(8, 60)])
    assert read_file(hours).timeframe is Timeframe.H4
    assert len(read_file(hours)) == 2


def test_minutes_come_as_they_are_or_put_together_as_asked(tmp_path):
    path = write(tmp_path / "a.csv.gz", [HEADER, *fine(500, 1, missing=(17, 18))])
    assert len(read_file(path)) == len(read_file(path, Timeframe.M1)) == 498
    for timeframe, count in ((Timeframe.M15, 33), (Timeframe.H4, 2)):
        given = read_file(path, timeframe)
        assert same(given, aggregate(read_file(path), timeframe))
        assert len(given) == count


@pytest.mark.parametrize(
    ("minutes", "asked"),
    [(15, Timeframe.M1), (5, Timeframe.M1), (240, Timeframe.M15), (10, Timeframe.M15)],
)
def test_finer_candles_than_the_files_are_never_made_up(tmp_path, minutes, asked):
    path = write(tmp_path / "a.csv", [HEADER, *fine(40, minutes)])
    with pytest.raises(UserError, match=f"candles, of which no {asked} ones can be made") as caught:
        read_file(path, asked)
    assert f"{asked} or finer" in caught.value.remedy


DATA = Path(__file__).parents[4] / "shared" / "data"


@pytest.mark.skipif(
    not (DATA / "bitbank_btcjpy_1m_2018.csv.gz").exists(),
    reason="the real candles are not beside the project",
)
def test_real_minutes_aggregate_to_the_real_coarser_candles():
    minutes = read_file(DATA / "bitbank_btcjpy_1m_2018.csv.gz")
    for name, timeframe in (("15m", Timeframe.M15), ("4h", Timeframe.H4)):
        coarse = read_file(DATA / f"bitbank_btcjpy_{name}_2018.csv.gz")
        assert same(aggregate(minutes, timeframe), coarse)
        assert len(coarse) > 1_000


@pytest.mark.skipif(
    not (DATA / "gmo_btcjpy_1m_202401.csv.gz").exists(),
    reason="the real candles are not beside the project",
)
def test_every_real_file_down_to_fifteen_minutes_is_usable_at_fifteen_minutes():
    counts = {
        path.name: len(read_file(path, Timeframe.M15))
        for path in DATA.glob("*.csv.gz")
        if "_4h_" not in path.name
    }
    assert len(counts) >= 5
    assert min(counts.values()) > 1_800
    with pytest.raises(UserError, match="holds 4h candles, of which no 15m ones can be made"):
        read_file(next(DATA.glob("*_4h_*.csv.gz")), Timeframe.M15)
