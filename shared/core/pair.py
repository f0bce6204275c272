"""The one pair that the bot trades, and the steps in which its prices and sizes are counted."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A market by its name and by the decimal places of its prices (yen) and sizes (bitcoin).

    A price is a whole number of price steps and a size a whole number of size steps (*lots*)
    everywhere but where bytes come in or go out.
    """

    name: str
    price_digits: int
    size_digits: int

    @property
    def price_step_jpy(self) -> Decimal:
        """The least difference of two prices."""
        return Decimal(1).scaleb(-self.price_digits)

    @property
    def size_step_btc(self) -> Decimal:
        """The size of one lot."""
        return Decimal(1).scaleb(-self.size_digits)

    @property
    def lots_per_btc(self) -> int:
        """How many lots make one bitcoin."""
        return int(10**self.size_digits)

    @property
    def value_step_jpy(self) -> Decimal:
        """What one lot costs at a price of one step: amounts of yen are whole numbers of it."""
        return self.price_step_jpy * self.size_step_btc


BTC_JPY = Pair(name="btc_jpy", price_digits=0, size_digits=4)
