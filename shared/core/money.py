"""Money and size: JPY as Decimal with four places, prices in whole yen, sizes in lots of 0.0001
BTC.

Floats live in features and learners only. Whatever crosses from there into an order or an account
passes through this module, which refuses NaN and infinity.
"""

import math
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from shared.core.errors import BadData
from shared.core.pair import BTC_JPY

LOT_BTC = BTC_JPY.size_step_btc
LOTS_PER_BTC = BTC_JPY.lots_per_btc
JPY_QUANTUM = BTC_JPY.value_step_jpy
UNITS_PER_JPY = int(1 / JPY_QUANTUM)
"""Sums over many instants are counted in whole units of `JPY_QUANTUM`: a price times a lot is a
whole number of them, so that nothing is rounded."""
ZERO = Decimal(0).quantize(JPY_QUANTUM)


def jpy(value: Decimal | int | str) -> Decimal:
    """An amount of yen with four places, rounded half to even.

    Raises `BadData` for NaN or infinity.

    >>> jpy("1234.56785")
    Decimal('1234.5678')
    """
    amount = Decimal(value)
    if not amount.is_finite():
        raise BadData(f"an amount of yen was {value!r}; it must be a finite number")
    return amount.quantize(JPY_QUANTUM, rounding=ROUND_HALF_EVEN)


def jpy_units(amount: Decimal) -> int:
    """An amount of yen with four places as a whole number of units.

    >>> jpy_units(Decimal("15000.0001"))
    150000001
    """
    return int(amount * UNITS_PER_JPY)


def jpy_from_units(units: int) -> Decimal:
    """A whole number of units as an amount of yen.

    >>> jpy_from_units(150000001)
    Decimal('15000.0001')
    """
    return units * JPY_QUANTUM


def rate(value: float | str | Decimal) -> Decimal:
    """A fraction (a fee, an interest, a share) as the Decimal that its shortest text says.

    >>> rate(0.1)  # not 0.1000000000000000055
    Decimal('0.1')
    """
    return _shortest(value) if isinstance(value, float) else _finite(Decimal(value))


@lru_cache(maxsize=1024)
def _shortest(value: float) -> Decimal:
    """Settings are floats and are asked for at every tick."""
    return _finite(Decimal(repr(value)))


def _finite(fraction: Decimal) -> Decimal:
    if not fraction.is_finite():
        raise BadData(f"a rate was {fraction}; it must be a finite number")
    return fraction


def price_yen(value: float | str | Decimal) -> int:
    """A price as whole yen. Raises `BadData` where it is not a positive whole number.

    >>> price_yen("9800000.0")
    9800000
    """
    number = float(value)
    if not math.isfinite(number) or number <= 0 or number != int(number):
        raise BadData(f"a price was {value!r}; it must be a positive whole number of yen")
    return int(number)


def yen_beyond(price: Decimal, share: Decimal, *, above: bool) -> int:
    """The whole price that lies `share` of it above or below `price`, rounded away from it; one yen
    at the least.

    >>> yen_beyond(Decimal(9_800_001), Decimal("0.01"), above=True)
    9898002
    >>> yen_beyond(Decimal(9_800_001), Decimal("0.01"), above=False)
    9702000
    """
    if above:
        return int((price * (1 + share)).to_integral_value(rounding=ROUND_CEILING))
    return max(1, int((price * (1 - share)).to_integral_value(rounding=ROUND_FLOOR)))


def notional_jpy(price: int | Decimal, lots: int) -> Decimal:
    """What `lots` cost at `price`, in yen.

    >>> notional_jpy(9_800_000, 12)
    Decimal('11760.0000')
    """
    if isinstance(price, int):  # a whole number of steps: nothing to round
        return price * lots * JPY_QUANTUM
    return jpy(price * lots * LOT_BTC)


def lots_from_btc(size_btc: Decimal | str) -> int:
    """Whole lots in a size of bitcoin, rounded down: an order is never larger than was meant.

    >>> lots_from_btc("0.01239")
    123
    """
    return int((Decimal(size_btc) / LOT_BTC).to_integral_value(rounding=ROUND_DOWN))


def btc_from_lots(lots: int) -> Decimal:
    """The size in bitcoin, four places.

    >>> btc_from_lots(123)
    Decimal('0.0123')
    """
    return LOT_BTC * lots
