"""One column of the matrix, and the candles that it is computed of."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

from shared.core.types import Candles, FloatArray, IntArray, Timeframe

WINDOW = 1_000
"""The candles of a timeframe that a tick knows: what remembers longer is defined on exactly these.
"""
FAST_AND_SLOW = (Timeframe.M15, Timeframe.H4)
SLOW = (Timeframe.H4,)
Given = ParamSpec("Given")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleSeries:
    """Candles of one timeframe, oldest first, and what several features need of them."""

    candles: Candles
    kept: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def open(self) -> FloatArray:
        """Yen, (n,)."""
        return self.candles.open

    @property
    def high(self) -> FloatArray:
        """Yen, (n,)."""
        return self.candles.high

    @property
    def low(self) -> FloatArray:
        """Yen, (n,)."""
        return self.candles.low

    @property
    def close(self) -> FloatArray:
        """Yen, (n,)."""
        return self.candles.close

    @property
    def volume(self) -> FloatArray:
        """BTC, (n,)."""
        return self.candles.volume

    @property
    def closed_at(self) -> IntArray:
        """Milliseconds UTC, (n,)."""
        return self.candles.closed_at


Compute: TypeAlias = Callable[[CandleSeries], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column for each of its `timeframes`; the name of a 4h column ends in `_4h`.

    `needs` candles give its first value; more than 1,000 never matter. `formula` says in one line
    what `compute` works out: (n,) of a series of n candles, NaN where it is not warm.
    """

    name: str
    needs: int
    formula: str
    compute: Compute
    timeframes: tuple[Timeframe, ...] = (Timeframe.M15,)


def once(
    function: Callable[Concatenate[CandleSeries, Given], Value],
) -> Callable[Concatenate[CandleSeries, Given], Value]:
    """Let a function that several features ask be worked out once for a series."""

    @wraps(function)
    def kept(series: CandleSeries, /, *args: Given.args, **kwargs: Given.kwargs) -> Value:
        key = (function, args, *kwargs.items())
        if key not in series.kept:
            series.kept[key] = function(series, *args, **kwargs)
        value: Value = series.kept[key]
        return value

    return kept
