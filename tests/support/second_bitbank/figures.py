"""Integers and their texts: sizes in 1/10000 BTC (lots), money in 1/10000 yen, prices in yen.

A price times lots is money without any factor.
"""

from typing import Any

UNITS = 10_000
SATOSHIS = 100_000_000
DAY = 86_400_000
ENDLESS = 10**9


class Code(Exception):
    """An answer with an error code."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def half_up(value: int, divisor: int) -> int:
    return (2 * value + divisor) // (2 * divisor)


def btc(lots: int, *, places: int = 4) -> str:
    return f"{lots // UNITS}.{lots % UNITS:04d}".ljust(len(str(lots // UNITS)) + 1 + places, "0")


def yen(units: int) -> str:
    sign, rest = ("-" if units < 0 else ""), abs(units)
    return f"{sign}{rest // UNITS}.{rest % UNITS:04d}"


def quotient(value: int, divisor: int, *, places: int) -> str:
    """A quotient with so many places at the most."""
    scaled = half_up(value * 10**places, divisor)
    whole, rest = divmod(scaled, 10**places)
    return f"{whole}.{rest:0{places}d}".rstrip("0").rstrip(".") if places else str(whole)


def lots_of(text: Any) -> int:
    """An amount of a body: a string with four places at the most."""
    whole, point, rest = text.partition(".") if isinstance(text, str) else ("", "", "")
    if not whole.isascii() or not whole.isdigit() or len(rest) > 4:
        raise Code(40001)
    if point and not (rest.isascii() and rest.isdigit()):
        raise Code(40001)
    return int(whole) * UNITS + int(rest.ljust(4, "0") or 0)


def price_of(text: Any, *, missing: int, invalid: int) -> int:
    """A price of a body: a string of whole yen."""
    if text is None:
        raise Code(missing)
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or int(text) < 1:
        raise Code(invalid)
    return int(text)


def number_of(text: str | None, *, invalid: int, default: int) -> int:
    """A whole number of a query."""
    if text is None:
        return default
    if not text.isascii() or not text.isdigit():
        raise Code(invalid)
    return int(text)
