from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.core.errors import BadData
from shared.core.money import btc_from_lots, jpy, lots_from_btc, notional_jpy, price_yen, rate
from shared.core.types import Candles, Timeframe
from shared.market.path import OFFSETS_MS, book_at, four_prices, price_at

MINUTE_MS = 60_000


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", Decimal("nan")])
def test_an_amount_or_a_rate_that_is_no_number_is_refused(value: str | Decimal) -> None:
    with pytest.raises(BadData, match="finite"):
        jpy(value)
    with pytest.raises(BadData, match="finite"):
        rate(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0, -5, 10.5])
def test_a_price_is_a_positive_whole_number_of_yen(value: float) -> None:
    with pytest.raises(BadData, match="whole number"):
        price_yen(value)
    assert price_yen("15000000.0") == 15_000_000


def test_yen_have_four_places_rounded_half_to_even() -> None:
    assert [str(jpy(text)) for text in ("1", "0.00005", "0.00015", "-2.5")] == [
        "1.0000",
        "0.0000",
        "0.0002",
        "-2.5000",
    ]
    assert rate(0.1) == Decimal("0.1")


@given(some.decimals(min_value=0, max_value=1000, places=6))
def test_a_size_is_never_rounded_up(size: Decimal) -> None:
    lots = lots_from_btc(size)
    assert btc_from_lots(lots) <= size < btc_from_lots(lots + 1)


def test_the_price_of_a_size_is_exact() -> None:
    assert notional_jpy(15_000_001, 3) == Decimal("4500.0003")


def minutes(*rows: tuple[float, float, float, float]) -> Candles:
    columns = np.array(rows, dtype=float).T
    return Candles(
        timeframe=Timeframe.M1,
        opened_at=np.arange(len(rows), dtype=np.int64) * MINUTE_MS,
        open=columns[0],
        high=columns[1],
        low=columns[2],
        close=columns[3],
        volume=np.ones(len(rows)),
    )


def test_the_path_visits_the_extreme_nearer_the_open_first_and_the_low_on_a_tie() -> None:
    assert four_prices(100, 105, 90, 95) == (100, 105, 90, 95)
    assert four_prices(100, 115, 95, 110) == (100, 95, 115, 110)
    assert four_prices(100, 110, 90, 100) == (100, 90, 110, 100)


def test_the_price_between_two_points_of_the_path_is_the_earlier_one() -> None:
    path = minutes((100, 105, 90, 95), (95, 96, 94, 96))
    assert [price_at(path, offset) for offset in OFFSETS_MS] == [100, 105, 90, 95]
    assert [price_at(path, at) for at in (19_999, 59_999, 60_000, 10 * MINUTE_MS)] == [
        100,
        95,
        95,
        96,
    ]
    with pytest.raises(BadData, match="begins after"):
        price_at(path, -1)


def test_the_book_around_a_price_is_never_crossed() -> None:
    book = book_at(15_000_000, spread_rate=0.0001, as_of=5)
    assert (book.bid, book.ask, book.as_of) == (14_999_250, 15_000_750, 5)
    assert not book_at(100, spread_rate=0.0, as_of=0).is_crossed
