"""What the page's script draws, packed: candles, equity and positions, every one of them at full
resolution.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from shared.core.money import UNITS_PER_JPY
from shared.core.sentences import chapter, reason_then, say
from shared.core.types import Candles, FloatArray, IntArray
from shared.replay.types import Curve, Replayed
from shared.results.performance import BuyAndHold
from shared.results.report.packing import pack_column, whole_numbers
from shared.results.report.positions import HeldPosition


def chart_values(
    replayed: Replayed, held: Sequence[HeldPosition], *, hold: BuyAndHold, candles: Candles
) -> dict[str, Any]:
    """Everything that the charts and the list of positions need, as JSON values."""
    shown = _within(candles, replayed.start_at, replayed.end_at)
    return {
        "start": replayed.start_at,
        "end": replayed.end_at,
        "candles": _candles(shown),
        "curve": _curve(replayed.curve, shown),
        "hold": {"lots": hold.lots, "price": hold.price or 0, "fee": float(hold.fee_jpy)},
        "positions": _positions(held),
        "sentences": dict(chapter("charts")),
    }


def _within(candles: Candles, start_at: int, end_at: int) -> Candles:
    first, last = np.searchsorted(candles.opened_at, (start_at, end_at))
    return candles.rows(int(first), int(last))


def _candles(candles: Candles) -> dict[str, Any]:
    """Each price as the difference that is small: open to the close before, close to open, the
    wicks to the body.
    """
    open_, close, high, low = (
        whole_numbers(prices) for prices in (candles.open, candles.close, candles.high, candles.low)
    )
    before = np.concatenate(([0], close[:-1])) if len(close) else close
    return {
        "ms": candles.timeframe.ms,
        "at": pack_column(candles.opened_at, order=2),
        "gap": pack_column(open_ - before, order=0),
        "body": pack_column(close - open_, order=0),
        "up": pack_column(high - np.maximum(open_, close), order=0),
        "down": pack_column(np.minimum(open_, close) - low, order=0),
    }


def _curve(curve: Curve, candles: Candles) -> dict[str, Any]:
    """Equity in whole yen, and how far the price of a row is from the last closed candle's
    (nothing, nearly always).
    """
    known = np.concatenate(([0], whole_numbers(candles.close)))
    beside: IntArray = known[np.searchsorted(candles.closed_at, curve.at, side="right")]
    return {
        "at": pack_column(curve.at, order=2),
        "equity": pack_column(whole_numbers(curve.equity_jpy)),
        "off": pack_column(whole_numbers(curve.close) - beside, order=0),
        "lots": pack_column(curve.lots),
    }


def _positions(held: Sequence[HeldPosition]) -> dict[str, Any]:
    """Columns, one row a position. A price or an instant that does not exist is 0."""
    reasons = sorted({_why(one) for one in held})
    names = sorted({name for one in held if one.entered for name in one.entered.agreeing})
    columns: dict[str, list[int]] = {
        "in_at": [one.opened_at for one in held],
        "out_at": [one.closed_at or 0 for one in held],
        "sign": [one.side.sign for one in held],
        "lots": [one.lots for one in held],
        "in_price": [round(one.entry_price) for one in held],
        "out_price": [round(one.exit_price or 0) for one in held],
        "stop": [one.entered.stop_price if one.entered else 0 for one in held],
        "target": [one.entered.target_price if one.entered else 0 for one in held],
        "gross": [_yen(one.gross_jpy) for one in held],
        "fees": [_yen(one.fees_jpy) for one in held],
        "interest": [_yen(one.interest_jpy) for one in held],
        "slippage": [_yen(one.slippage_jpy) for one in held],
        "net": [_yen(one.net_jpy) for one in held],
        "parts": [len(one.trades) for one in held],
        "why": [reasons.index(_why(one)) for one in held],
        "agreeing": [
            sum(1 << names.index(name) for name in one.entered.agreeing) if one.entered else 0
            for one in held
        ],
    }
    written: dict[str, Any] = {
        name: pack_column(np.array(values, dtype=np.int64)) for name, values in columns.items()
    }
    return {**written, "count": len(held), "reasons": reasons, "names": names}


def _why(one: HeldPosition) -> str:
    return reason_then(one.reason) if one.reason is not None else say("report.still_open")


def drawdown_curve(curve: Curve) -> FloatArray:
    """How far equity is below its highest so far, as a fraction of that; 0 at a peak."""
    peak = np.maximum.accumulate(curve.equity_units).astype(np.float64)
    below: FloatArray = 1.0 - np.divide(
        curve.equity_units, peak, out=np.ones(len(peak)), where=peak > 0
    )
    return below


def buy_and_hold(curve: Curve, hold: BuyAndHold) -> IntArray:
    """What the same capital in bitcoin was worth at each row, in 0.0001 yen: bought at the first
    close, one fee, never sold.
    """
    worth = np.full(len(curve.at), curve.equity_units[0] if len(curve.at) else 0, dtype=np.int64)
    if hold.price is not None and len(worth):
        worth[1:] += hold.lots * (whole_numbers(curve.close[1:]) - hold.price) - int(
            hold.fee_jpy * UNITS_PER_JPY
        )
    return worth


def _yen(amount: Decimal) -> int:
    return int(amount.to_integral_value())
