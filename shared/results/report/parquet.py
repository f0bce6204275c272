"""Trades and equity as Parquet: amounts as exact decimals, instants as timestamps in UTC."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from shared.core.types import IntArray
from shared.replay.types import Curve
from shared.results.performance import BuyAndHold
from shared.results.report.exports import TRADE_COLUMNS, trade_rows
from shared.results.report.positions import HeldPosition
from shared.results.report.series import buy_and_hold, drawdown_curve

if TYPE_CHECKING:
    import pyarrow as pa

_DIGITS, _PLACES = 23, 4


def trades_parquet(held: Sequence[HeldPosition]) -> bytes:
    """One row a closing fill; the columns of `exports.TRADE_COLUMNS`."""
    import pyarrow as pa

    kinds = {
        "int": pa.int64(),
        "text": pa.string(),
        "bool": pa.bool_(),
        "instant": pa.timestamp("ms", tz="UTC"),
        "decimal": pa.decimal128(_DIGITS, _PLACES),
    }
    schema = pa.schema([(name, kinds[kind]) for name, kind in TRADE_COLUMNS.items()])
    return _parquet_bytes(pa.Table.from_pylist(trade_rows(held), schema=schema))


def equity_parquet(curve: Curve, hold: BuyAndHold) -> bytes:
    """One row a 15m candle and one for the start."""
    import pyarrow as pa

    return _parquet_bytes(
        pa.table(
            {
                "at": pa.array(curve.at, type=pa.int64()).cast(pa.timestamp("ms", tz="UTC")),
                "equity_jpy": _decimals(curve.equity_units),
                "drawdown": pa.array(drawdown_curve(curve)),
                "close": pa.array(curve.close),
                "position_lots": pa.array(curve.lots, type=pa.int64()),
                "buy_and_hold_jpy": _decimals(buy_and_hold(curve, hold)),
            },
        ),
    )


def _decimals(units: IntArray) -> "pa.Array":
    """Ten-thousandths as decimals with four places: the same numbers, 128 bits wide, without a
    loop.
    """
    import pyarrow as pa

    wide = np.ascontiguousarray(np.stack((units, units >> 63), axis=1))
    return pa.Array.from_buffers(
        pa.decimal128(_DIGITS, _PLACES), len(units), [None, pa.py_buffer(wide.tobytes())]
    )


def _parquet_bytes(table: "pa.Table") -> bytes:
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()
