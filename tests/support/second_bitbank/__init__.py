"""A second bitbank, written from the reference of its API alone: it shares nothing with the
sandbox, not even a number.

Where the reference leaves two readings, a test chooses one: `readings`.
"""

from tests.support.second_bitbank.exchange import SecondBitbank
from tests.support.second_bitbank.figures import ENDLESS, btc, yen
from tests.support.second_bitbank.market import SecondMarket
from tests.support.second_bitbank.readings import Readings
from tests.support.second_bitbank.server import Fault, second_bitbank
from tests.support.second_bitbank.signing import KEY, SECRET

__all__ = [
    "ENDLESS",
    "KEY",
    "SECRET",
    "Fault",
    "Readings",
    "SecondBitbank",
    "SecondMarket",
    "btc",
    "second_bitbank",
    "yen",
]
