"""Money and size: JPY as Decimal with four places, prices in whole yen, sizes in lots of 0.0001
BTC.

Floats live in features and learners only. Whatever crosses from there into an order or an account
passes through this module, which refuses NaN and infinity.
"""

import math
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from shared.core.errors import BadData

LOT_BTC = Decimal("0.0001")
LOTS_PER_BTC = 10_000
JPY_QUANTUM = Decimal("0.0001")
ZERO = Decimal("0.0000")


def jpy(value: Decimal | int | str) -> Decimal:
    """An amount of yen with four places, rounded half to even.

    Raises `BadData` for NaN or infinity.
    """
    amount = Decimal(value)
    if not amount.is_finite():
        raise BadData(f"an amount of yen was {value!r}; it must be a finite number")
    return amount.quantize(JPY_QUANTUM, rounding=ROUND_HALF_EVEN)


def rate(value: float | str | Decimal) -> Decimal:
    """A fraction (a fee, an interest, a share) as the Decimal that its shortest text says."""
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
    """A price as whole yen. Raises `BadData` where it is not a positive whole number."""
    number = float(value)
    if not math.isfinite(number) or number <= 0 or number != int(number):
        raise BadData(f"a price was {value!r}; it must be a positive whole number of yen")
    return int(number)


def yen_beyond(price: Decimal, share: Decimal, *, above: bool) -> int:
    """The whole price that lies `share` of it above or below `price`, rounded away from it; one yen
    at the least.
    """
    if above:
        return int((price * (1 + share)).to_integral_value(rounding=ROUND_CEILING))
    return max(1, int((price * (1 - share)).to_integral_value(rounding=ROUND_FLOOR)))


def notional_jpy(price: int | Decimal, lots: int) -> Decimal:
    """What `lots` cost at `price`, in yen."""
    if isinstance(price, int):  # a yen times a lot is 0.0001 yen: nothing to round
        return price * lots * LOT_BTC
    return jpy(price * lots * LOT_BTC)


def lots_from_btc(size_btc: Decimal | str) -> int:
    """Whole lots in a size of bitcoin, rounded down: an order is never larger than was meant."""
    return int((Decimal(size_btc) / LOT_BTC).to_integral_value(rounding=ROUND_DOWN))


def btc_from_lots(lots: int) -> Decimal:
    """The size in bitcoin, four places."""
    return LOT_BTC * lots
