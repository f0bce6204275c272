"""What bracket orders over arrays of candles are, and what came of them; see
`shared.replay.brackets`.
"""

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

from shared.core.types import BoolArray, FloatArray, Int8Array, IntArray


class Exit(IntEnum):
    """How a trade ended. `OPEN`: it did not; it is valued at the last close."""

    OPEN = 0
    STOP = 1
    TARGET = 2
    SIGNAL = 3
    TIME = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Brackets:
    """What each closed candle asks for. Arrays have one value a candle, shape (n,).

    Attributes:
        sides: +1 enter long, -1 enter short, 0 nothing.
        stop_distance: Yen from the entry candle's open to the stop, rounded to whole yen, one at
            the least; inf: none.
        stop_price: The stop itself, instead of a distance; infinite: none.
        target_distance: As `stop_distance`, on the other side.
        target_price: As `stop_price`, on the other side.
        end_longs: Where a long is to end.
        end_shorts: Where a short is to end.
        max_hold_candles: After how many candles a position ends at the open of the next; None:
            never.
        lots: Size of each entry; None: trades are told as rates alone.
    """

    sides: Int8Array
    stop_distance: FloatArray | None = None
    stop_price: FloatArray | None = None
    target_distance: FloatArray | None = None
    target_price: FloatArray | None = None
    end_longs: BoolArray | None = None
    end_shorts: BoolArray | None = None
    max_hold_candles: int | None = None
    lots: IntArray | int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """Exact sums a trade, in 0.0001 yen; shape (k,) each.

    Slippage and spread are inside the prices, told for themselves.
    """

    gross_units: IntArray
    fee_units: IntArray
    interest_units: IntArray
    slippage_units: IntArray

    @property
    def net_units(self) -> IntArray:
        """Profit after all costs."""
        return self.gross_units - self.fee_units - self.interest_units


@dataclass(frozen=True, slots=True, kw_only=True)
class BracketTrades:
    """Trades in order of their entry; shape (k,) each.

    Rows are rows of the candles, prices whole yen, instants ms UTC.

    Attributes:
        decided_row: The closed candle that decided the entry.
        exit_row: The candle in which it ended (the last one for `Exit.OPEN`).
        ends: Members of `Exit`.
        stop_price: In yen; infinite where there was none. `target_price` likewise.
        net_rate: Profit after fees and interest as a fraction of what was paid or sold at the
            entry.
        thin: The target traded in a candle whose whole volume is smaller than the trade (unsized:
            zero).
        money: None where no sizes were given.
    """

    side: Int8Array
    decided_row: IntArray
    entry_row: IntArray
    exit_row: IntArray
    entered_at: IntArray
    exited_at: IntArray
    entry_price: IntArray
    exit_price: IntArray
    stop_price: FloatArray
    target_price: FloatArray
    ends: Int8Array
    net_rate: FloatArray
    thin: BoolArray
    lots: IntArray | None = None
    money: Money | None = None

    def __len__(self) -> int:
        """How many trades."""
        return len(self.side)

    @property
    def is_closed(self) -> BoolArray:
        """Which have ended, shape (k,)."""
        ended: BoolArray = self.ends != Exit.OPEN
        return ended

    @property
    def free_row(self) -> IntArray:
        """The first candle at whose open the next entry can trade, shape (k,)."""
        at_open: BoolArray = (self.ends == Exit.SIGNAL) | (self.ends == Exit.TIME)
        rows: IntArray = self.exit_row + ~at_open
        return rows

    def take_rows(self, which: IntArray | BoolArray) -> "BracketTrades":
        """Some of the trades."""
        return BracketTrades(
            **{field.name: _pick_rows(getattr(self, field.name), which) for field in fields(self)}
        )


def _pick_rows(values: Any, which: IntArray | BoolArray) -> Any:
    if isinstance(values, Money):
        return Money(**{field.name: getattr(values, field.name)[which] for field in fields(values)})
    return None if values is None else values[which]
