"""bitbank's answers, read strictly: every field that is used must be there and be what the
documentation says. Pure.

Each function takes the `data` of an envelope and raises `BadData` naming the field.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise
from typing import Any

import numpy as np

from shared.core.calendar import DAY_MS, MINUTE_MS
from shared.core.errors import BadData
from shared.core.money import LOT_BTC, ZERO, lots_from_btc, price_yen
from shared.core.pair import BTC_JPY
from shared.core.types import Book, Candles, PairRules, Timeframe
from shared.market.candle_files import CandleFile
from shared.market.candles import COLUMNS, BadCandles, from_table

ROLLED: tuple[tuple[int, int], ...] = ((0, 500), (300_000, MINUTE_MS), (DAY_MS, DAY_MS * 366))
"""(how long ago a file's period ended when it was read, how long before that end its answer may
have been stamped).

bitbank stamps the file of a past period before its end: with 23:59:59.931 for a day in its own
example. So such an answer is whole where it was stamped in the last half second; after five minutes
the last minute suffices (nobody may have traded), and after a day nothing of it can change any
more.
"""

CANDLE_TYPES: Mapping[Timeframe, str] = {
    Timeframe.M1: "1min",
    Timeframe.M15: "15min",
    Timeframe.H4: "4hour",
}
MODES = frozenset({"NONE", "CIRCUIT_BREAK", "FULL_RANGE_CIRCUIT_BREAK", "RESUMPTION", "LISTING"})
STATUSES = frozenset({"NORMAL", "BUSY", "VERY_BUSY", "HALT"})
_LONGEST_SEQUENCE = 18
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,18})?")


class StaleAnswer(BadData):
    """The answer is older than what was asked for.

    `candles` are those of a file that were final when it was made.
    """

    def __init__(self, found: str, *, candles: Candles | None = None) -> None:
        """Say what was `found`, and what is good of it all the same."""
        super().__init__(found)
        self.candles = candles


def final_until(file: CandleFile, *, stamped_at: int, now_ms: int) -> int:
    """Up to which instant the candles of a file are final that was stamped at `stamped_at` and read
    at `now_ms`.
    """
    since_end, before_end = now_ms - file.end, file.end - stamped_at
    rolled = any(since_end >= waited and before_end <= early for waited, early in ROLLED)
    return file.end if rolled else min(stamped_at, file.end)


def candles_from(
    data: Mapping[str, Any],
    file: CandleFile,
    *,
    closed_by: int,
    now_ms: int,
    ahead_ms: int = 0,
    seen_at: int = 0,
) -> tuple[Candles, int]:
    """The candles of `file` that closed by `closed_by`, and when the answer was stamped.

    The forming candle is not looked at.

    Args:
        data: Of the envelope.
        file: The one that was asked for.
        closed_by: What closed later is left out.
        now_ms: The exchange's present instant, as far as is known.
        ahead_ms: How far a stamp may lie beyond `now_ms`.
        seen_at: The stamp of the newest answer for this file so far: an older one is stale.

    Raises:
        StaleAnswer: it was made before the last of these candles closed, so that this one is not
            final in it.
        BadData: a field is missing or wrong, a candle breaks a rule or lies outside the file or the
            present, or the type is another.
    """
    kind = CANDLE_TYPES[file.timeframe]
    what = f"candlestick/{kind}/{file.name}"
    stamped_at = stamp_from(data, what, now_ms=now_ms, ahead_ms=ahead_ms)
    series = _field(data, "candlestick", list, what)
    if not series or not isinstance(series[0], dict) or series[0].get("type") != kind:
        raise BadData(f"{what}: the candles are not of the type that was asked for")
    table = _field(series[0], "ohlcv", list, what)
    if not table:
        raise BadData(f"{what}: there are no candles, which bitbank answers with an error")
    final_at = final_until(file, stamped_at=stamped_at, now_ms=now_ms)
    found = _final_rows(
        table, file, until=min(closed_by, final_at), latest_at=now_ms + ahead_ms, what=what
    )
    if stamped_at < seen_at:
        raise StaleAnswer(
            f"{what}: the answer was made {seen_at - stamped_at} ms before one that was read"
            " already"
        )
    step = file.timeframe.ms
    due_at = min(file.end, closed_by - closed_by % step)
    if file.start + step <= due_at and final_at < due_at:
        raise StaleAnswer(
            f"{what}: the answer was made at {stamped_at}, {due_at - stamped_at} ms before its last"
            " candle closed",
            candles=found,
        )
    return found, stamped_at


def _final_rows(
    table: Sequence[Any], file: CandleFile, *, until: int, latest_at: int, what: str
) -> Candles:
    rows = []
    for row in table:
        if not isinstance(row, list) or len(row) != len(COLUMNS) or type(row[5]) is not int:
            raise BadData(
                f"{what}: a candle must be five numbers and a timestamp, not {str(row)[:80]}"
            )
        opened_at: int = row[5]
        if not file.start <= opened_at < file.end:
            raise BadData(f"{what}: a candle of {opened_at} does not belong into this file")
        if opened_at > latest_at:
            raise BadData(
                f"{what}: a candle opens at {opened_at}, {opened_at - latest_at} ms ahead of the"
                " present"
            )
        if opened_at + file.timeframe.ms <= until:
            rows.append((opened_at, *(float(_number(cell, what)) for cell in row[:5])))
    try:
        return from_table(
            file.timeframe, np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS))
        )
    except BadCandles as error:
        raise BadData(f"{what}: {error}") from error


def stamp_from(data: Mapping[str, Any], what: str, *, now_ms: int, ahead_ms: int) -> int:
    """When an answer was made.

    Raises `BadData` where it does not say, or says an instant that is still to come.
    """
    stamped_at: int = _field(data, "timestamp", int, what)
    if not 0 < stamped_at <= now_ms + ahead_ms:
        raise BadData(
            f"{what}: the answer was stamped {stamped_at}, {stamped_at - now_ms} ms ahead of the"
            " present"
        )
    return stamped_at


def book_from(data: Mapping[str, Any], *, now_ms: int, ahead_ms: int, fresh_ms: int) -> Book:
    """The best bid and ask.

    Raises:
        StaleAnswer: it stood still for more than `fresh_ms`, or is of an instant more than
            `ahead_ms` ahead of the present.
        BadData: a field is missing or wrong; one side is empty or not in order.
    """
    bids = _levels(data, "bids")
    asks = _levels(data, "asks")
    if any(one < two for (one, _), (two, _) in pairwise(bids)):
        raise BadData("depth: the bids do not descend")
    if any(one > two for (one, _), (two, _) in pairwise(asks)):
        raise BadData("depth: the asks do not ascend")
    as_of: int = _field(data, "timestamp", int, "depth")
    if now_ms - as_of > fresh_ms:
        raise StaleAnswer(f"depth: the book is {now_ms - as_of} ms old")
    if as_of - now_ms > ahead_ms:
        raise StaleAnswer(f"depth: the book is stamped {as_of - now_ms} ms ahead of the present")
    return Book(
        as_of=as_of,
        bid=price_yen(bids[0][0]),
        ask=price_yen(asks[0][0]),
        bid_lots=lots_from_btc(bids[0][1]),
        ask_lots=lots_from_btc(asks[0][1]),
    )


def sequence_from(data: Mapping[str, Any]) -> int | None:
    """The book's number, which grows with every change of it; None where the answer has none.

    Raises `BadData`.
    """
    if "sequenceId" not in data:
        return None
    text = _field(data, "sequenceId", str, "depth")
    if not (text.isascii() and text.isdecimal()) or len(text) > _LONGEST_SEQUENCE:
        raise BadData(f"depth: the field sequenceId is {text!r:.60}")
    return int(text)


def mode_from(data: Mapping[str, Any], *, now_ms: int, ahead_ms: int) -> str:
    """The circuit-break mode: NONE is continuous trading.

    When it last changed may be long ago, but not still to come.
    """
    stamp_from(data, "circuit_break_info", now_ms=now_ms, ahead_ms=ahead_ms)
    return _one_of(
        _field(data, "mode", str, "circuit_break_info"), MODES, "circuit_break_info.mode"
    )


def status_from(data: Mapping[str, Any], pair: str) -> tuple[str, int]:
    """The status of the pair, and the smallest order in lots that is taken now (it rises when the
    exchange is busy).
    """
    row = _row_of(data, "statuses", "pair", pair)
    status = _one_of(_field(row, "status", str, "spot/status"), STATUSES, "spot/status.status")
    return status, _lots_up(_decimal(row, "min_amount", "spot/status"))


def rules_from(data: Mapping[str, Any], pair: str, *, margin: bool) -> PairRules:
    """The rules of the pair for a margin or a spot account.

    Where opening and closing a margin position cost different fees, the dearer counts. A pair
    without margin trading (`null` fields) opens nothing on a margin account.
    """
    row = _row_of(data, "pairs", "name", pair)
    what = "spot/pairs"
    wanted = {"price_digits": BTC_JPY.price_digits, "amount_digits": BTC_JPY.size_digits}
    for name, digits in wanted.items():
        if _field(row, name, int, what) != digits:
            raise BadData(
                f"{what}.{name} is {row[name]}; this bot counts in steps of"
                f" {BTC_JPY.price_step_jpy} yen and {BTC_JPY.size_step_btc} BTC"
            )
    if "margin_current_individual_ratio" not in row:
        raise BadData(f"{what}: the field margin_current_individual_ratio is missing")
    marginable = row["margin_current_individual_ratio"] is not None
    flags = {name: _field(row, name, bool, what) for name in _FLAGS}
    fees = {kind: _decimal(row, f"{kind}_fee_rate_quote", what) for kind in ("maker", "taker")}
    if margin and marginable:
        fees = {
            kind: max(
                _decimal(row, f"margin_{act}_{kind}_fee_rate_quote", what)
                for act in ("open", "close")
            )
            for kind in ("maker", "taker")
        }
    return PairRules(
        min_lots=_lots_up(_decimal(row, "unit_amount", what)),
        max_limit_lots=lots_from_btc(_decimal(row, "limit_max_amount", what)),
        max_market_lots=lots_from_btc(_decimal(row, "market_max_amount", what)),
        maker_fee_rate=fees["maker"],
        taker_fee_rate=fees["taker"],
        long_interest_rate_day=_decimal(row, "margin_long_interest", what) if marginable else ZERO,
        short_interest_rate_day=(
            _decimal(row, "margin_short_interest", what) if marginable else ZERO
        ),
        margin_ratio=(
            _decimal(row, "margin_current_individual_ratio", what) if marginable else Decimal(1)
        ),
        enabled=flags["is_enabled"]
        and not flags["stop_order"]
        and not flags["stop_order_and_cancel"],
        stop_orders=not flags["stop_stop_order"],
        market_orders=not flags["stop_market_order"],
        long_opens=not flags["stop_buy_order"]
        and (not margin or (marginable and not flags["stop_margin_long_order"])),
        short_opens=margin
        and marginable
        and not flags["stop_sell_order"]
        and not flags["stop_margin_short_order"],
    )


_FLAGS = (
    "is_enabled",
    "stop_order",
    "stop_order_and_cancel",
    "stop_market_order",
    "stop_stop_order",
    "stop_margin_long_order",
    "stop_margin_short_order",
    "stop_buy_order",
    "stop_sell_order",
)


def _field(data: Mapping[str, Any], name: str, kind: type, what: str) -> Any:
    value = data.get(name)
    if type(value) is not kind:  # exactly: True is no number
        raise BadData(
            f"{what}: the field {name} is {'missing' if value is None else f'{value!r:.60}'}"
        )
    return value


def _number(text: Any, what: str) -> str:
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        raise BadData(f"{what}: {text!r:.60} is no number")
    return text


def _decimal(data: Mapping[str, Any], name: str, what: str) -> Decimal:
    return Decimal(_number(_field(data, name, str, what), f"{what}.{name}"))


def _lots_up(size_btc: Decimal) -> int:
    return max(1, int((size_btc / LOT_BTC).to_integral_value(rounding=ROUND_CEILING)))


def _levels(data: Mapping[str, Any], name: str) -> Sequence[tuple[Decimal, str]]:
    levels = []
    for level in _field(data, name, list, "depth"):
        if not isinstance(level, list) or len(level) != 2:  # noqa: PLR2004 (price and amount)
            raise BadData(f"depth.{name}: {str(level)[:60]} is no price and amount")
        levels.append(
            (Decimal(_number(level[0], f"depth.{name}")), _number(level[1], f"depth.{name}"))
        )
    if not levels:
        raise BadData(f"depth: there are no {name}")
    return levels


def _row_of(data: Mapping[str, Any], table: str, key: str, pair: str) -> Mapping[str, Any]:
    what = "spot/status" if table == "statuses" else "spot/pairs"
    for row in _field(data, table, list, what):
        if isinstance(row, dict) and row.get(key) == pair:
            return row
    raise BadData(f"{what}: the pair {pair} is missing")


def _one_of(text: str, known: frozenset[str], what: str) -> str:
    if text not in known:
        raise BadData(f"{what} is {text[:40]!r}, which this bot does not know")
    return text
