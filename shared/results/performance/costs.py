"""What trading cost, and how much of the time and the money was in the market."""

from collections.abc import Sequence

import numpy as np

from shared.core.calendar import DAY_MS, YEAR_MS
from shared.core.types import BoolArray, Fill, FloatArray, IntArray, Purpose, Side
from shared.replay.types import Curve, Replayed
from shared.results.performance.positions import PositionBook
from shared.results.performance.series import Series, units_of, yen_of_units
from shared.results.performance.types import Exposure, TradingCosts


def trading_costs(replayed: Replayed, book: PositionBook, series: Series) -> TradingCosts:
    """Gross, what was taken off it, and net; exact."""
    parts = [part for one in book.closed for part in one.parts] + [
        part for part, _ in book.open_parts
    ]
    gross = sum(part.gross_units for part in parts)
    fees = sum(part.fee_units for part in parts)
    interest = sum(part.interest_units for part in parts)
    slippage = sum(units_of(fill.slippage_jpy) for fill in replayed.fills)
    turnover = turnover_units(replayed.fills)
    total, frictionless = fees + interest + slippage, gross + slippage
    change = int(series.units[-1]) - int(series.units[0])
    return TradingCosts(
        gross_jpy=yen_of_units(gross),
        fees_jpy=yen_of_units(fees),
        interest_jpy=yen_of_units(interest),
        net_jpy=yen_of_units(gross - fees - interest),
        slippage_jpy=yen_of_units(slippage),
        total_jpy=yen_of_units(total),
        frictionless_jpy=yen_of_units(frictionless),
        unrealised_jpy=yen_of_units(change - (gross - fees - interest)),
        share_of_frictionless=total / frictionless if frictionless > 0 else None,
        rate_of_turnover=total / turnover if turnover > 0 else None,
    )


def exposure(replayed: Replayed, *, mean_equity_units: float) -> Exposure:
    """From fill to fill, what was held; over the candles, how large it was beside the equity."""
    length = replayed.end_at - replayed.start_at
    held = _held_ms(replayed.fills, replayed.end_at)
    leverage = _leverage(replayed.curve)
    turnover = turnover_units(replayed.fills)
    made = turnover_units(tuple(fill for fill in replayed.fills if fill.maker))
    times = turnover / mean_equity_units if mean_equity_units > 0.0 else None
    return Exposure(
        held_share=held[0] / length if length > 0 else None,
        long_share=held[1] / length if length > 0 else None,
        short_share=held[2] / length if length > 0 else None,
        mean_leverage=float(leverage.mean()) if len(leverage) else None,
        max_leverage=float(leverage.max()) if len(leverage) else None,
        fills=len(replayed.fills),
        turnover_jpy=yen_of_units(turnover),
        turnover=times,
        annual_turnover=(
            times * YEAR_MS / length if times is not None and length >= DAY_MS else None
        ),
        maker_share=made / turnover if turnover else None,
    )


def mean_units(series: Series) -> float:
    """Equity's mean over time in 0.0001 yen: each value counts as long as it stood."""
    length = int(series.at[-1] - series.at[0])
    if length <= 0:
        return float(series.units[0])
    return float((series.units[:-1] * (np.diff(series.at) / length)).sum())


def turnover_units(fills: Sequence[Fill]) -> int:
    """Price times size of all fills in 0.0001 yen: a yen times a lot is one of them."""
    return sum(fill.price * fill.lots for fill in fills)


def _held_ms(fills: Sequence[Fill], end_at: int) -> tuple[int, int, int]:
    """For how long something was held, a long, a short."""
    if not fills:
        return 0, 0, 0
    at = np.array([fill.at for fill in fills], dtype=np.int64)
    lasts = np.diff(np.append(at, max(end_at, int(at[-1]))))
    long, short = (_held_rows(fills, side) for side in (Side.LONG, Side.SHORT))
    return int(lasts[long | short].sum()), int(lasts[long].sum()), int(lasts[short].sum())


def _held_rows(fills: Sequence[Fill], side: Side) -> BoolArray:
    """Whether that side is held after each fill."""
    moved = [
        (fill.lots if fill.purpose is Purpose.ENTRY else -fill.lots) if fill.side is side else 0
        for fill in fills
    ]
    lots: IntArray = np.cumsum(np.array(moved, dtype=np.int64))
    held: BoolArray = lots > 0
    return held


def _leverage(curve: Curve) -> FloatArray:
    rows = (curve.lots != 0) & (curve.equity_units > 0)
    worth: FloatArray = np.abs(curve.lots[rows]) * curve.close[rows] / curve.equity_units[rows]
    return worth
