"""The fill rules: when an order trades on the path, at what price, and how much of it.

Pure; one set for all.

Paper exchange, sandbox and replay share these rules. Each errs on the expensive side:

* A resting limit fills only where the path trades strictly *through* it, as maker, at its own price
  and never better.
* What a one-minute candle gives to resting limits is `volume_share` of its volume, in whole lots;
  none in a flat one.
* An order lives from the first path point strictly after `placed_at` up to and with `expires_at`.
* A stop fires at the first point at or beyond its trigger and fills whole, as taker: at its trigger
  where the path ran through it, at the point where a candle opened beyond it (a gap), half the
  spread and the slippage worse than that.
* Where stop and target lie in one candle, from the moment the position lives, the stop wins.
* A stop that is born beyond the market (the entry itself traded there) fires at once, where the
  market is.
* The stop is live in the entry's own segment: what carried the price through the entry may carry it
  on through the stop.
"""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from shared.core.costs import Costs
from shared.core.money import LOTS_PER_BTC, notional_jpy, rate
from shared.core.types import Book, Candles, OrderIntent
from shared.market.path import four_prices, offsets_ms


class PathPoint(NamedTuple):
    """One price of the path.

    `opens`: it is its candle's open, so that the price may have jumped there.
    """

    at: int
    price: int
    opens: bool


class Crossing(NamedTuple):
    """What an order that crosses pays: the price, and how much worse than the middle that was, for
    its size.
    """

    price: int
    slippage_jpy: Decimal


def points(minutes: Candles, row: int) -> tuple[PathPoint, ...]:
    """The four points of one candle of the path."""
    opened_at = int(minutes.opened_at[row])
    prices = four_prices(
        float(minutes.open[row]),
        float(minutes.high[row]),
        float(minutes.low[row]),
        float(minutes.close[row]),
    )
    return tuple(
        PathPoint(opened_at + offset, price, not index)
        for index, (offset, price) in enumerate(
            zip(offsets_ms(minutes.timeframe), prices, strict=True)
        )
    )


def volume_lots(volume_btc: float, share: Decimal) -> int:
    """How many lots of a candle's volume our resting orders may take, rounded down.

    >>> volume_lots(1.5, Decimal("0.1"))
    1500
    """
    return int((rate(volume_btc) * share * LOTS_PER_BTC).to_integral_value(rounding=ROUND_DOWN))


def stop_base(intent: OrderIntent, point: PathPoint, before: PathPoint | None) -> int:
    """The path's price at which a fired stop trades, before spread and slippage.

    `before` is the point before in the same candle; None at its open. Where that one was beyond the
    trigger already (a stop that was placed late), the worst of all counts: nobody knows where
    between the two it was placed.
    """
    trigger = _trigger(intent)
    worst = max if intent.is_buy else min
    if point.opens:
        return worst(trigger, point.price)
    if before is not None and intent.is_reached(before.price):
        return worst(trigger, before.price, point.price)
    return trigger


def is_stop_within(intent: OrderIntent, path: Sequence[PathPoint]) -> bool:
    """Whether any point of the rest of a candle reaches the trigger."""
    return any(intent.is_reached(point.price) for point in path)


def half_spread(price: int, spread_rate: Decimal) -> int:
    """Half the spread around a path price, one yen at the least: the same as in `path.book_at`."""
    return max(1, int((price * spread_rate / 2).to_integral_value(rounding=ROUND_HALF_EVEN)))


def crossing_at(base: int, *, buys: bool, lots: int, costs: Costs) -> Crossing:
    """What an order pays that takes liquidity when the path is at `base`."""
    sign = 1 if buys else -1
    worse = Decimal(base) + sign * (
        half_spread(base, costs.spread_rate) + base * costs.slippage_rate
    )
    return _crossing(Decimal(base), worse, buys=buys, lots=lots)


def crossing_book(book: Book, *, buys: bool, lots: int, costs: Costs) -> Crossing:
    """What an order pays that takes liquidity from a book: the touch and the slippage beyond it.

    >>> costs = Costs(
    ...     spread_rate=Decimal("0.0002"),
    ...     slippage_rate=Decimal("0.0005"),
    ...     volume_share=Decimal("0.1"),
    ... )
    >>> book = Book(as_of=0, bid=9_799_000, ask=9_801_000)
    >>> crossing_book(book, buys=True, lots=12, costs=costs)
    Crossing(price=9805901, slippage_jpy=Decimal('7.0812'))
    """
    sign = 1 if buys else -1
    touch = book.ask if buys else book.bid
    return _crossing(book.mid, touch * (1 + sign * costs.slippage_rate), buys=buys, lots=lots)


def _crossing(middle: Decimal, worse: Decimal, *, buys: bool, lots: int) -> Crossing:
    whole = worse.to_integral_value(rounding=ROUND_CEILING if buys else ROUND_FLOOR)
    price = max(1, int(whole))
    return Crossing(price, notional_jpy(abs(price - middle), lots))


def _trigger(intent: OrderIntent) -> int:
    if intent.trigger_price is None:
        raise AssertionError("a stop has a trigger: placing checks it")
    return intent.trigger_price
