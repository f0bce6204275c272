"""What `shared.exchanges.paper.fills` and the paper ledger charge, for whole arrays at once.

Pure; whole numbers only.

Written a second time for speed alone: a Decimal an order would cost more than everything else
together. Tests hold every function here against its scalar original, value by value, on random
prices and rates.

Prices are int64 yen; sums are int64 units of 0.0001 yen (a yen times a lot). Where a product could
pass 62 bits the same arithmetic runs on Python's own integers.
"""

from decimal import Decimal
from typing import Any

import numpy as np

from shared.core.costs import Costs
from shared.core.types import BoolArray, FloatArray, IntArray

_LARGEST = 2**62


def rounded_share(amounts: IntArray, rate: Decimal, times: IntArray | int = 1) -> IntArray:
    """`amounts * rate * times` in whole numbers, half to even, as `money.jpy` rounds.

    Shape (n,).
    """
    above, below = rate.as_integer_ratio()
    product = _product(amounts, above, times, below)
    whole = product // below
    twice_rest = 2 * (product - whole * below)
    return _int64(whole + ((twice_rest > below) | ((twice_rest == below) & (whole & 1 == 1))))


def at_book(price: IntArray, *, buys: BoolArray, costs: Costs) -> IntArray:
    """What a market order pays at a path price: `crossing_book` of `path.book_at`."""
    half: FloatArray = np.rint(price * float(costs.spread_rate) / 2)
    touch = price + np.where(buys, 1, -1) * np.maximum(1, half.astype(np.int64))
    return _worse(touch, touch, buys, costs.slippage_rate)


def at_base(base: IntArray, *, buys: BoolArray, costs: Costs) -> IntArray:
    """What a fired stop pays where the path is at `base`: `crossing_at`."""
    half = np.maximum(1, rounded_share(base, costs.spread_rate / 2))
    return _worse(base + np.where(buys, 1, -1) * half, base, buys, costs.slippage_rate)


def _worse(price: IntArray, of: IntArray, buys: BoolArray, slippage_rate: Decimal) -> IntArray:
    """`price` and the slippage of `of`, to the next whole yen away from us, one yen at
    the least.
    """
    above, below = slippage_rate.as_integer_ratio()
    slippage = _int64(-(_product(-of, above, 1, below) // below))
    return np.maximum(1, price + np.where(buys, slippage, -slippage))


def _product(amounts: IntArray, above: int, times: IntArray | int, below: int) -> Any:
    """`amounts * above * times`, to be divided by `below`: in int64 where everything fits."""
    largest = (
        int(np.abs(amounts).max(initial=0)) * abs(above) * max(1, int(np.max(times, initial=1)))
    )
    if 2 * max(largest, below) < _LARGEST:
        return amounts * above * times
    return amounts.astype(object) * above * times


def _int64(values: Any) -> IntArray:
    whole: IntArray = values.astype(np.int64, copy=False)
    return whole
