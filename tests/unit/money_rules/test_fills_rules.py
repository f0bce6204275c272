"""When an order trades, and what it pays, at the very price and instant that decide."""

from decimal import Decimal

import numpy as np
import pytest

from shared.core.costs import Costs
from shared.core.types import Book, Candles, Purpose, Side, Timeframe
from shared.exchanges.paper.fills import (
    PathPoint,
    crossing_at,
    crossing_book,
    half_spread,
    is_stop_within,
    points,
    stop_base,
    volume_lots,
)

T0 = 1_699_999_200_000
LONG, SHORT = Side.LONG, Side.SHORT
COSTS = Costs(
    spread_rate=Decimal("0.0002"), slippage_rate=Decimal("0.001"), volume_share=Decimal(1)
)
FREE = Costs(spread_rate=Decimal(0), slippage_rate=Decimal(0), volume_share=Decimal(1))


def candles(*rows, timeframe=Timeframe.M1):
    table = np.array(rows, dtype=float)
    opened_at = np.array([T0 + row * timeframe.ms for row in range(len(rows))], dtype=np.int64)
    return Candles(
        timeframe=timeframe,
        opened_at=opened_at,
        open=table[:, 0],
        high=table[:, 1],
        low=table[:, 2],
        close=table[:, 3],
        volume=np.ones(len(rows)),
    )


def test_only_the_first_of_a_candles_four_points_opens_it():
    walked = points(candles((100, 120, 90, 110), (110, 115, 100, 101)), 1)
    at = T0 + 60_000
    assert walked == (
        PathPoint(at, 110, opens=True),
        PathPoint(at + 20_000, 115, opens=False),
        PathPoint(at + 40_000, 100, opens=False),
        PathPoint(at + 59_000, 101, opens=False),
    )


def test_a_longer_candle_has_its_points_at_the_same_shares_of_its_length():
    walked = points(candles((100, 120, 90, 110), timeframe=Timeframe.M15), 0)
    assert [point.at - T0 for point in walked] == [0, 300_000, 600_000, 885_000]


@pytest.mark.parametrize(
    ("side", "purpose", "price", "fills"),
    [
        (LONG, Purpose.ENTRY, 99, True),
        (LONG, Purpose.ENTRY, 100, False),
        (LONG, Purpose.ENTRY, 101, False),
        (LONG, Purpose.TARGET, 101, True),
        (LONG, Purpose.TARGET, 100, False),
        (LONG, Purpose.TARGET, 99, False),
        (SHORT, Purpose.ENTRY, 101, True),
        (SHORT, Purpose.ENTRY, 100, False),
        (SHORT, Purpose.ENTRY, 99, False),
        (SHORT, Purpose.TARGET, 99, True),
        (SHORT, Purpose.TARGET, 100, False),
        (SHORT, Purpose.TARGET, 101, False),
    ],
)
def test_a_limit_trades_beyond_its_price_and_not_at_it(made, side, purpose, price, fills):
    make = made.entry if purpose is Purpose.ENTRY else made.target
    assert (make(100, side=side)).is_passed(price) is fills


@pytest.mark.parametrize(
    ("side", "price", "fires"),
    [
        (LONG, 99, True),
        (LONG, 100, True),
        (LONG, 101, False),
        (SHORT, 99, False),
        (SHORT, 100, True),
        (SHORT, 101, True),
    ],
)
def test_a_stop_fires_at_its_trigger_already(made, side, price, fires):
    intent = made.stop(100, side=side)
    assert intent.is_reached(price) is fires
    assert (
        is_stop_within(
            intent,
            [PathPoint(T0, 100 + 5 * side.sign, opens=True), PathPoint(T0, price, opens=False)],
        )
        is fires
    )
    assert not is_stop_within(intent, [])


@pytest.mark.parametrize(
    ("at", "alive", "over"),
    [
        (T0 - 1, False, False),
        (T0, False, False),
        (T0 + 1, True, False),
        (T0 + 999, True, False),
        (T0 + 1000, True, True),
        (T0 + 1001, False, True),
    ],
)
def test_an_order_lives_after_its_placing_up_to_and_with_its_end(made, at, alive, over):
    order = made.order(1, made.entry(100, expires_at=T0 + 1000), at=T0)
    assert (order.is_live(at), order.has_ended(at)) == (alive, over)


def test_an_order_without_an_end_does_not_end(made):
    order = made.order(1, made.stop(100), at=T0)
    assert order.is_live(T0 + 10**12)
    assert not order.has_ended(T0 + 10**12)


@pytest.mark.parametrize(
    ("volume", "share", "lots"),
    [
        (1.0, "1", 10_000),
        (1.0, "0.05", 500),
        (0.00019, "1", 1),
        (0.0001, "1", 1),
        (0.00009, "1", 0),
        (0.0, "1", 0),
        (0.0003, "0.5", 1),
    ],
)
def test_a_candles_volume_gives_whole_lots_of_its_share_rounded_down(volume, share, lots):
    assert volume_lots(volume, Decimal(share)) == lots


@pytest.mark.parametrize(
    ("side", "opens", "price", "before", "base"),
    [
        (LONG, True, 95, None, 95),
        (LONG, True, 100, None, 100),
        (LONG, False, 95, 105, 100),
        (LONG, False, 95, 100, 95),
        (LONG, False, 98, 96, 96),
        (LONG, False, 95, 101, 100),
        (LONG, False, 95, None, 100),
        (SHORT, True, 105, None, 105),
        (SHORT, False, 105, 95, 100),
        (SHORT, False, 102, 104, 104),
        (SHORT, False, 105, 100, 105),
    ],
)
def test_a_stop_trades_at_its_trigger_or_at_the_worst_where_the_price_was_beyond_it(
    made, side, opens, price, before, base
):
    earlier = None if before is None else PathPoint(T0, before, opens=False)
    assert (
        stop_base(made.stop(100, side=side), PathPoint(T0 + 1, price, opens=opens), earlier) == base
    )


@pytest.mark.parametrize(
    ("price", "spread", "half"),
    [
        (10_000, "0.0002", 1),
        (10_000, "0.0003", 2),
        (10_000, "0.0005", 2),
        (10_000, "0.0007", 4),
        (10_000, "0", 1),
        (1_000_000, "0.0002", 100),
    ],
)
def test_half_a_spread_is_whole_yen_to_even_and_one_at_the_least(price, spread, half):
    assert half_spread(price, Decimal(spread)) == half


@pytest.mark.parametrize(
    ("base", "buys", "costs", "price", "paid"),
    [
        (1_000_000, True, COSTS, 1_001_100, "11"),
        (1_000_000, False, COSTS, 998_900, "11"),
        (1_000_001, True, COSTS, 1_001_102, "11.01"),
        (1_000_001, False, COSTS, 998_900, "11.01"),
        (1_000_000, True, FREE, 1_000_001, "0.01"),
        (1, False, FREE, 1, "0"),
        (2, False, FREE, 1, "0.01"),
    ],
)
def test_what_takes_from_the_path_pays_half_the_spread_and_the_slippage_rounded_against_it(
    base, buys, costs, price, paid
):
    crossing = crossing_at(base, buys=buys, lots=100, costs=costs)
    assert (crossing.price, crossing.slippage_jpy) == (price, Decimal(paid))


@pytest.mark.parametrize(
    ("buys", "costs", "price", "paid"),
    [
        (True, FREE, 1_000_010, "0.10"),
        (False, FREE, 999_990, "0.10"),
        (True, COSTS, 1_001_011, "10.11"),
        (False, COSTS, 998_990, "10.10"),
    ],
)
def test_what_takes_from_a_book_pays_the_other_touch_and_the_slippage_beyond_it(
    buys, costs, price, paid
):
    crossing = crossing_book(
        Book(as_of=T0, bid=999_990, ask=1_000_010), buys=buys, lots=100, costs=costs
    )
    assert (crossing.price, crossing.slippage_jpy) == (price, Decimal(paid))
