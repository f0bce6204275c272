"""What an order says of a price and of its own end, and a forecast of itself."""

import math
from dataclasses import replace

import pytest

from shared.core.types import Barriers, Forecast, Order, OrderIntent, OrderKind, Purpose, Side
from shared.exchanges.paper.fills import PathPoint, stop_base

BARRIERS = Barriers(atr_multiple=4.0, horizon_candles=48)
MARKET = OrderIntent(
    id="t.close.1", purpose=Purpose.CLOSE, side=Side.LONG, kind=OrderKind.MARKET, lots=1
)


def test_a_market_order_has_neither_limit_nor_trigger_to_ask_for() -> None:
    with pytest.raises(AssertionError, match="a limit has a price"):
        MARKET.is_passed(1_000_000)
    with pytest.raises(AssertionError, match="a stop has a trigger"):
        MARKET.is_reached(1_000_000)
    with pytest.raises(AssertionError, match="a stop has a trigger"):
        stop_base(MARKET, PathPoint(at=0, price=1_000_000, opens=True), None)


@pytest.mark.parametrize(
    ("side", "purpose", "passed", "reached"),
    [
        (Side.LONG, Purpose.ENTRY, (99, False), (101, True)),
        (Side.SHORT, Purpose.ENTRY, (101, False), (99, True)),
        (Side.LONG, Purpose.STOP, (101, False), (99, True)),
        (Side.SHORT, Purpose.STOP, (99, False), (101, True)),
    ],
)
def test_a_limit_is_passed_beyond_it_and_a_trigger_is_reached_at_it(
    side, purpose, passed, reached
) -> None:
    order = replace(MARKET, side=side, purpose=purpose, price=100, trigger_price=100)
    assert order.is_passed(passed[0])
    assert order.is_passed(100) is passed[1]
    assert order.is_reached(reached[0])
    assert order.is_reached(100) is reached[1]
    assert not order.is_passed(reached[0])
    assert not order.is_reached(passed[0])


def test_an_order_is_live_after_it_was_placed_and_up_to_its_end() -> None:
    order = Order(order_id=1, intent=MARKET, placed_at=10, remaining_lots=1)
    assert [order.is_live(at) for at in (9, 10, 11)] == [False, False, True]
    assert not order.has_ended(10**15)
    ending = replace(order, intent=replace(MARKET, expires_at=20))
    assert [ending.is_live(at) for at in (19, 20, 21)] == [True, True, False]
    assert [ending.has_ended(at) for at in (19, 20)] == [False, True]


@pytest.mark.parametrize(
    ("three", "believable"),
    [
        ((0.2, 0.3, 0.5), True),
        ((0.2, 0.3, 0.4), False),
        ((-0.1, 0.6, 0.5), False),
        ((1.1, -0.1, 0.0), False),
        ((math.nan, 0.5, 0.5), False),
    ],
)
def test_three_numbers_are_probabilities_where_they_add_up(three, believable) -> None:
    lower, neither, upper = three
    told = Forecast(p_lower=lower, p_neither=neither, p_upper=upper, barriers=BARRIERS)
    assert told.is_believable() is believable
    assert told.side(Side.LONG) == (upper, lower)
    assert told.side(Side.SHORT) == (lower, upper)
