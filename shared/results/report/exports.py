"""The result for programs and spreadsheets: JSON with exact decimals as strings, and trades and
equity as CSV.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import msgspec
import numpy as np

from shared.core.calendar import JST_MS
from shared.core.money import UNITS_PER_JPY, btc_from_lots, jpy
from shared.core.types import IntArray
from shared.replay.types import Curve, Replayed
from shared.results.performance import BuyAndHold, Performance
from shared.results.report.positions import HeldPosition
from shared.results.report.series import buy_and_hold, drawdown_curve

_NOT_IN_JSON = frozenset({"curve", "ticks"})


def result_json(replayed: Replayed, performance: Performance, *, title: str = "") -> bytes:
    """Everything but the curve, which stands in `equity.*`.

    Amounts are strings, instants ms UTC, undefined numbers null.
    """
    told = {
        one.name: getattr(replayed, one.name)
        for one in fields(replayed)
        if one.name not in _NOT_IN_JSON
    }
    return msgspec.json.encode(
        {"title": title, **told, "performance": performance}, enc_hook=_plain
    )


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise NotImplementedError(f"a result holds a {type(value).__name__}, which JSON does not know")


def trade_rows(held: Sequence[HeldPosition]) -> list[dict[str, Any]]:
    """One mapping a closing fill, in order; `position` says which of them belong together."""
    return [
        {
            "sequence": trade.sequence,
            "position": one.number,
            "side": trade.side.value,
            "opened_at": trade.opened_at,
            "closed_at": trade.closed_at,
            "size_btc": btc_from_lots(trade.lots),
            "entry_price": jpy(trade.entry_price),
            "exit_price": trade.exit_price,
            "stop_price": one.entered.stop_price if one.entered else None,
            "target_price": one.entered.target_price if one.entered else None,
            "reason": trade.reason.value,
            "gross_jpy": trade.gross_jpy,
            "fees_jpy": trade.fees_jpy,
            "interest_jpy": trade.interest_jpy,
            "slippage_jpy": slippage_jpy,
            "net_jpy": trade.net_jpy,
            "ends_position": trade.ends_position,
            "agreeing": " ".join(sorted(one.entered.agreeing)) if one.entered else "",
        }
        for one in held
        for trade, slippage_jpy in zip(one.trades, one.slippages_jpy, strict=True)
    ]


TRADE_COLUMNS = {
    "sequence": "int",
    "position": "int",
    "side": "text",
    "opened_at": "instant",
    "closed_at": "instant",
    "size_btc": "decimal",
    "entry_price": "decimal",
    "exit_price": "int",
    "stop_price": "int",
    "target_price": "int",
    "reason": "text",
    "gross_jpy": "decimal",
    "fees_jpy": "decimal",
    "interest_jpy": "decimal",
    "slippage_jpy": "decimal",
    "net_jpy": "decimal",
    "ends_position": "bool",
    "agreeing": "text",
}
"""The columns of a trade and what they hold; `agreeing` are the strategies' names with spaces
between."""


def trades_csv(held: Sequence[HeldPosition]) -> bytes:
    """The trades for a spreadsheet: a header, each instant as an ISO date in UTC, in JST, and as
    exact ms UTC.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(
        [name for column, kind in TRADE_COLUMNS.items() for name in _column_names(column, kind)]
    )
    for row in trade_rows(held):
        cells: list[object] = []
        for column, kind in TRADE_COLUMNS.items():
            cells.extend(
                instants(np.array([row[column]]))[0] if kind == "instant" else (_cell(row[column]),)
            )
        writer.writerow(cells)
    return out.getvalue().encode()


def _column_names(column: str, kind: str) -> tuple[str, ...]:
    return (f"{column}_utc", f"{column}_jst", f"{column}_ms") if kind == "instant" else (column,)


def _cell(value: object) -> object:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value


def equity_csv(curve: Curve, hold: BuyAndHold) -> bytes:
    """The curve for a spreadsheet, one line a 15m candle; equity exact to 0.0001 yen, drawdown as a
    fraction.
    """
    header = ",".join(
        (
            *_column_names("at", "instant"),
            "equity_jpy",
            "drawdown",
            "close",
            "position_btc",
            "buy_and_hold_jpy",
        )
    )
    columns = zip(
        instants(curve.at),
        curve.equity_units.tolist(),
        drawdown_curve(curve).tolist(),
        curve.close.tolist(),
        curve.lots.tolist(),
        buy_and_hold(curve, hold).tolist(),
        strict=True,
    )
    lines = [
        f"{','.join(when)},{_four_places(equity)},{down:.6f},{price:.0f},"
        f"{_four_places(lots)},{_four_places(held)}"
        for when, equity, down, price, lots, held in columns
    ]
    return "\r\n".join((header, *lines, "")).encode()


def instants(at: IntArray) -> list[tuple[str, str, str]]:
    """Each instant as `2026-01-31 14:59:00` in UTC, the same in JST, and its ms: dates that every
    spreadsheet knows.
    """
    universal = np.datetime_as_string(at.astype("datetime64[ms]"), unit="s")
    japanese = np.datetime_as_string((at + JST_MS).astype("datetime64[ms]"), unit="s")
    pairs = zip(universal.tolist(), japanese.tolist(), at.tolist(), strict=True)
    return [(utc.replace("T", " "), jst.replace("T", " "), str(ms)) for utc, jst, ms in pairs]


def _four_places(units: int) -> str:
    """A whole number of ten-thousandths: yen in the unit of equity, bitcoin in lots."""
    sign, rest = ("-" if units < 0 else ""), abs(units)
    whole, part = divmod(rest, UNITS_PER_JPY)
    return f"{sign}{whole}.{part:04d}"
