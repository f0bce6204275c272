"""A price far beyond its neighbours on both sides cannot be; the longest wicks of real
markets can.
"""

from dataclasses import replace

import numpy as np
import pytest

from models.backtest import prepare
from models.data.checks import check_candles, spike_findings
from models.data.dataset import build
from shared.core import settings as configuration
from shared.core.errors import BadData
from shared.core.reasons import Reason
from shared.core.types import Candles, Timeframe
from shared.exchanges.sandbox.generate import generate
from shared.market.archive import CandleArchive
from shared.market.candle_files import file_of
from shared.market.candles import aggregate, candles_between
from shared.market.collect import collect
from shared.market.quality import inspect_candles
from shared.market.spikes import possible_spike_rows, spikes, spikes_text
from shared.stores.memory import MemoryBucket
from tests.support.candle_rows import from_rows

T0 = 1_769_904_000_000  # 2026-02-01 00:00 UTC
SETTINGS = configuration.load_settings({})
MINUTES = generate(start_ms=T0, days=30, seed=3, edge_bp=0.0, maintenance=False)
QUARTERS = aggregate(MINUTES, Timeframe.M15)
SLOW = aggregate(MINUTES, Timeframe.H4)

# What bitbank's market did on 2018-01-16 and 17: minutes whose wick lies 15 to 22 % away from their
# body.
REAL_MINUTES = (
    (1_600_000, 1_601_000, 1_598_000, 1_599_000),
    (1_599_000, 1_600_500, 1_590_000, 1_592_000),
    (1_592_000, 1_850_000, 1_590_000, 1_593_000),
    (1_593_000, 1_594_500, 1_300_000, 1_585_000),
    (1_585_000, 1_590_000, 1_580_000, 1_588_000),
    (1_588_000, 1_589_000, 1_240_000, 1_560_000),
    (1_560_000, 1_570_000, 1_555_000, 1_566_000),
)


def changed(candles: Candles, row: int, **factors: float) -> Candles:
    """The candles with prices of one row times a factor; its high and low follow an open or close
    that leaves them.
    """
    columns = {name: getattr(candles, name).copy() for name in ("open", "high", "low", "close")}
    for name, factor in factors.items():
        columns[name][row] = max(1.0, round(columns[name][row] * factor))
    columns["high"][row] = max(column[row] for column in columns.values())
    columns["low"][row] = min(column[row] for column in columns.values())
    return replace(candles, **columns)


@pytest.mark.parametrize("candles", [MINUTES, QUARTERS, SLOW], ids=["1m", "15m", "4h"])
@pytest.mark.parametrize(
    ("field", "factor"),
    [
        *(("high", factor) for factor in (1.5, 2.0, 10.0, 100.0)),
        *(("low", factor) for factor in (0.6, 0.5, 0.1, 0.01)),
        *(("close", factor) for factor in (0.1, 0.7, 1.35, 10.0)),
        *(("open", factor) for factor in (0.1, 0.7, 1.35, 10.0)),
    ],
)
def test_a_price_that_cannot_be_is_named_with_its_time_field_and_factor(candles, field, factor):
    draw, named = np.random.default_rng(7), 0
    for row in draw.integers(4, len(candles) - 4, 25).tolist():
        (spike,) = spikes(changed(candles, row, **{field: factor}))
        assert spike.opened_at == candles.opened_at[row]
        assert spike.timeframe is candles.timeframe
        if field in {"high", "low"}:
            assert spike.field == field
        assert spike.factor == pytest.approx(factor, rel=0.2)
        assert spike.field in str(spike)
        assert candles.timeframe in str(spike)
        named += 1
    assert named == 25


def test_two_bad_candles_side_by_side_are_both_named():
    twice = changed(changed(QUARTERS, 100, high=10.0), 101, high=10.0)
    assert [spike.opened_at for spike in spikes(twice)] == QUARTERS.opened_at[100:102].tolist()


@pytest.mark.parametrize("factor", [2.0, 10.0, 0.5, 0.1])
def test_the_newest_candle_is_looked_at_with_what_lies_before_it(factor):
    for row, rest in ((len(QUARTERS) - 1, QUARTERS), (0, QUARTERS)):
        field = "high" if factor > 1 else "low"
        assert [spike.opened_at for spike in spikes(changed(rest, row, **{field: factor}))] == [
            rest.opened_at[row]
        ]


def test_a_market_that_moves_and_stays_is_no_spike():
    for factor in (0.5, 0.7, 1.4, 3.0):
        later = np.arange(len(QUARTERS)) >= 500
        columns = {name: getattr(QUARTERS, name) for name in ("open", "high", "low", "close")}
        moved = replace(
            QUARTERS,
            **{
                name: np.where(later, np.rint(column * factor), column)
                for name, column in columns.items()
            },
        )
        assert spikes(moved) == ()


def test_the_wicks_of_january_2018_are_real():
    rows = [(T0 + index * 60_000, *prices, 1.0) for index, prices in enumerate(REAL_MINUTES)]
    minutes = from_rows(Timeframe.M1, rows)
    assert spikes(minutes) == ()
    assert len(possible_spike_rows(minutes)) >= 3
    for end in range(1, len(minutes) + 1):
        assert spikes(minutes.rows(0, end)) == (), "as the newest candle, too"


def test_a_generated_market_has_none():
    for candles in (MINUTES, QUARTERS, SLOW):
        assert spikes(candles) == ()


def test_minutes_that_reach_the_same_price_confirm_it_up_to_twice():
    row = 300
    for factor, confirmed in ((1.5, True), (1.9, True), (3.0, False), (10.0, False)):
        wick = changed(QUARTERS, row, high=factor)
        at, price = int(QUARTERS.opened_at[row]), float(wick.high[row])
        path = MINUTES.high.copy()
        path[np.searchsorted(MINUTES.opened_at, at) + 7] = price
        minutes = replace(MINUTES, high=path)
        asked: list[tuple[int, int]] = []

        def minutes_of(
            start: int, end: int, known: Candles = minutes, asked: list[tuple[int, int]] = asked
        ) -> Candles:
            asked.append((start, end))
            return candles_between(known, start, end)

        assert (spikes(wick, minutes_of) == ()) is confirmed
        assert asked == ([(at, at + 900_000)] if factor <= 2.0 else [])
        assert len(spikes(wick, lambda start, end: candles_between(MINUTES, start, end))) == 1
        assert len(spikes(wick, lambda start, end: None)) == 1


@pytest.mark.parametrize(
    ("frame", "row"),
    [(Timeframe.M15, 5), (Timeframe.M15, -1), (Timeframe.H4, 3), (Timeframe.H4, -2)],
)
def test_nothing_is_entered_while_one_lies_in_the_window(frame, row):
    good = {Timeframe.M15: QUARTERS, Timeframe.H4: SLOW}
    now = T0 + 30 * 86_400_000 + 10_000
    assert inspect_candles(good, now, SETTINGS) == ()
    bad = good | {frame: changed(good[frame], row % len(good[frame]), high=10.0)}
    (issue,) = inspect_candles(bad, now, SETTINGS)
    assert (issue.reason, issue.forbids_entry) == (Reason.DATA_SPIKE, True)
    assert issue.context["at"] == str(good[frame].opened_at[row])
    assert (issue.context["field"], issue.context["timeframe"]) == ("high", frame.value)
    assert float(issue.context["factor"]) == pytest.approx(10.0, rel=0.1)


@pytest.mark.parametrize("frame", [Timeframe.M15, Timeframe.H4])
@pytest.mark.parametrize("factors", [{"high": 10.0}, {"low": 0.1}, {"close": 2.0}])
def test_nothing_is_learned_from_them(frame, factors):
    good = {Timeframe.M15: QUARTERS, Timeframe.H4: SLOW}
    bad = good | {frame: changed(good[frame], 100, **factors)}
    as_of = T0 + 30 * 86_400_000
    assert "spikes" not in {
        finding.name for finding in check_candles(good, SETTINGS.learning, as_of=as_of)
    }
    assert "spikes" in {
        finding.name for finding in check_candles(bad, SETTINGS.learning, as_of=as_of)
    }
    assert spike_findings(bad, as_of=int(good[frame].opened_at[100])) == (), "it has not closed yet"
    with pytest.raises(
        BadData, match=f"prices that cannot be: the .* of the {frame} candle of 2026-02"
    ):
        build(bad, SETTINGS.learning)


def test_a_backtest_names_them_and_says_what_follows():
    good = {Timeframe.M15: QUARTERS, Timeframe.H4: SLOW}
    assert prepare._spikes(good, MINUTES) == ()
    (note,) = prepare._spikes(good | {Timeframe.M15: changed(QUARTERS, 100, low=0.1)}, MINUTES)
    assert note.startswith(
        "Prices that cannot be: the low of the 15m candle of 2026-02-02 01:00 UTC is 0.1 times"
    )
    (note,) = prepare._spikes(good, changed(MINUTES, 100, high=10.0))
    assert "the high of the 1m candle of 2026-02-01 01:40 UTC is " in note


@pytest.mark.parametrize(
    ("with_minutes", "factor", "named"), [(False, 1.5, 1), (True, 1.5, 0), (True, 10.0, 1)]
)
def test_a_collection_names_them_unless_the_archives_minutes_tell_the_same(
    with_minutes, factor, named
):
    bad = changed(QUARTERS, 40, high=factor)
    at = int(QUARTERS.opened_at[40])
    path = MINUTES.high.copy()
    path[np.searchsorted(MINUTES.opened_at, at) + 3] = bad.high[40]
    archive = CandleArchive(MemoryBucket())
    day = file_of(Timeframe.M15, T0)
    if with_minutes:
        minute_day = file_of(Timeframe.M1, T0)
        archive.write(
            minute_day,
            candles_between(replace(MINUTES, high=path), day.start, day.end),
            complete=True,
        )

    class Files:
        def candle_file(self, file):
            return candles_between(bad, file.start, file.end), True

    done = collect(Files(), archive, Timeframe.M15, day.start, day.end)
    assert [(spike.opened_at, spike.field) for spike in done.spikes] == [(at, "high")] * named


def test_many_are_told_in_one_clause():
    bad = QUARTERS
    for row in range(100, 150, 10):
        bad = changed(bad, row, high=10.0)
    text = spikes_text(spikes(bad))
    assert text.count("the high of the 15m candle") == 3
    assert text.endswith("and 2 more")


def test_quiet_candles_are_done_with_at_a_glance():
    assert len(possible_spike_rows(QUARTERS)) == 0
    bad = changed(QUARTERS, 700, high=10.0)
    assert possible_spike_rows(bad).tolist() == [700]
    for first in range(0, 700, 100):
        assert possible_spike_rows(bad.rows(first, None)).tolist() == [700 - first]
