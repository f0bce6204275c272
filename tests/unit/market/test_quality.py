from decimal import Decimal

import numpy as np
import pytest

from shared.core import settings as configuration
from shared.core.reasons import Reason
from shared.core.types import Book, Candles, Market, PairRules, Timeframe
from shared.market.candles import empty_candles
from shared.market.quality import (
    _holes,
    believe_book,
    holes_before,
    inspect_candles,
    newest_final,
)
from tests.support.candle_rows import from_rows

T0 = 1_769_904_000_000  # 2026-02-01 00:00 UTC
SETTLED = 10_000
SETTINGS = configuration.load_settings({})


def candles(timeframe: Timeframe, count: int, *, without: tuple[int, ...] = ()):
    """Flat candles without volume that end at T0, counted back from the last one (0)."""
    at = [T0 - (i + 1) * timeframe.ms for i in range(count) if i not in without]
    return from_rows(timeframe, [(when, 100, 100, 100, 100, 0.0) for when in sorted(at)])


def found(m15, h4, *, now: int = T0 + SETTLED):
    return [
        (issue.reason, issue.context["timeframe"], issue.forbids_entry)
        for issue in inspect_candles({Timeframe.M15: m15, Timeframe.H4: h4}, now, SETTINGS)
    ]


GOOD = candles(Timeframe.H4, 100)


def test_whole_recent_flat_candles_are_good():
    assert found(candles(Timeframe.M15, 400), GOOD) == []


def test_a_candle_is_final_when_it_has_settled():
    assert newest_final(Timeframe.M15, T0 + 9_999, 10) == T0 - 2 * Timeframe.M15.ms
    assert newest_final(Timeframe.M15, T0 + 10_000, 10) == T0 - Timeframe.M15.ms


def test_a_candle_that_is_due_and_not_there_makes_the_data_stale():
    m15 = candles(Timeframe.M15, 400)
    late = T0 + Timeframe.M15.ms + SETTLED
    assert found(m15, GOOD, now=late - 1) == []
    assert found(m15, GOOD, now=late) == [(Reason.DATA_STALE, "15m", True)]
    assert (Reason.DATA_STALE, "4h", True) in found(m15, GOOD, now=T0 + Timeframe.H4.ms + SETTLED)


def test_no_candles_at_all_are_missing_data():
    assert found(empty_candles(Timeframe.M15), GOOD) == [(Reason.DATA_MISSING, "15m", True)]


@pytest.mark.parametrize(
    ("without", "wanted"),
    [
        ((3,), [(Reason.DATA_HOLE, "15m", False)]),
        ((3, 9), [(Reason.DATA_HOLE, "15m", True)]),
        ((15,), [(Reason.DATA_HOLE, "15m", False)]),
        ((16, 17, 18), []),
    ],
)
def test_a_hole_near_the_end_is_reported_and_a_wide_one_forbids_entries(without, wanted):
    assert found(candles(Timeframe.M15, 400, without=without), GOOD) == wanted


def test_a_hole_right_before_the_last_4h_candle_is_reported():
    holed = candles(Timeframe.H4, 100, without=(1,))
    assert found(candles(Timeframe.M15, 400), holed) == [(Reason.DATA_HOLE, "4h", False)]


def test_the_holes_before_every_row_at_once_are_those_that_a_tick_counts_at_each():
    settings = configuration.load_settings({})
    draw = np.random.default_rng(3)
    compared = holed = 0
    for timeframe in (Timeframe.M15, Timeframe.H4):
        kept = np.flatnonzero(draw.random(600) > 0.03)
        opened_at = 1_700_006_400_000 + kept * timeframe.ms
        flat = np.full(len(kept), 100.0)
        candles = Candles(
            timeframe=timeframe,
            opened_at=opened_at,
            open=flat,
            high=flat,
            low=flat,
            close=flat,
            volume=flat,
        )
        every = holes_before(candles, settings)
        for row in range(len(candles)):
            assert every[row] == _holes(candles.rows(max(0, row - 99), row + 1), settings)
            compared += 1
            holed += every[row] > 0
    assert compared > 1_000
    assert holed > 100


def ranging(range_yen: int, *, spike: int = 0) -> Candles:
    """Twenty candles around ten million yen, each of this range; one of them with a high `spike`
    times too large.
    """
    rows = [
        [T0 - i * Timeframe.M15.ms, 10_000_000, 10_000_000 + range_yen, 10_000_000, 10_000_000, 1.0]
        for i in range(20, 0, -1)
    ]
    if spike:
        rows[-3][2] *= spike
    return from_rows(Timeframe.M15, rows)


def seen(middle: int, m15: Candles, *, mark: int | None = None) -> tuple[bool, list[Reason]]:
    """Whether the book is still there, and what is said."""
    book = Book(as_of=T0, bid=middle - 100, ask=middle + 100)
    market = Market(
        as_of=T0, candles={Timeframe.M15: m15, Timeframe.H4: GOOD}, book=book, rules=PairRules()
    )
    told = believe_book(market, mark=None if mark is None else Decimal(mark), settings=SETTINGS)
    assert all(issue.forbids_entry for issue in told.issues)
    return told.book is not None, [issue.reason for issue in told.issues]


@pytest.mark.parametrize(
    ("range_yen", "limit"),
    [
        (20_000, 200_000),  # the rate: 2 % of the close, more than six such ranges
        (50_000, 300_000),  # six ranges, more than the rate
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_book_is_far_beyond_both_its_limits_on_either_side(range_yen, limit, sign):
    m15 = ranging(range_yen)
    assert seen(10_000_000 + sign * limit, m15) == (True, [])
    assert seen(10_000_000 + sign * (limit + 1), m15) == (False, [Reason.BOOK_FAR])


@pytest.mark.parametrize("factor", [0.01, 0.1, 0.5, 0.9, 1.1, 2.0, 10.0])
def test_a_book_at_another_price_altogether_is_none_also_beside_a_bad_candle(factor):
    for spike in (0, 10):
        assert seen(int(10_000_000 * factor), ranging(30_000, spike=spike)) == (
            False,
            [Reason.BOOK_FAR],
        )


def test_a_far_book_where_the_path_is_too_forbids_entries_and_stays_for_what_is_held():
    m15 = ranging(30_000)
    assert seen(8_000_000, m15, mark=8_050_000) == (True, [Reason.BOOK_FAR])
    assert seen(8_000_000, m15, mark=10_000_000) == (False, [Reason.BOOK_FAR])


def test_without_candles_nothing_is_known_to_be_far():
    assert seen(1_000, empty_candles(Timeframe.M15)) == (True, [])
