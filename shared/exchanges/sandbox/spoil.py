"""The kinds of fault: how each changes one reply. Pure.

A change returns None where it does not fit the reply (too few rows, an error already): it did not
fire then.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

from shared.core.pair import BTC_JPY
from shared.exchanges.sandbox.reply import Reply, failure_reply

CANDLES = frozenset({"candlestick"})
BOOK = frozenset({"depth", "ticker", "tickers"})
BREAK = frozenset({"circuit_break_info", "depth"})
STATUS = frozenset({"status"})
PAIRS = frozenset({"pairs"})

_HTML = (
    b"<html><head><title>%d</title></head><body><h1>The exchange is not itself"
    b" today</h1></body></html>"
)
_HTML_TYPE = "text/html; charset=utf-8"


class Wishes(Protocol):
    """What a change may ask of the fault that fires (see
    `shared.exchanges.sandbox.faults.Fault`).
    """

    @property
    def seconds(self) -> float | None:
        """How many seconds; None: the kind's own number."""
        ...

    @property
    def rate(self) -> float | None:
        """Which rate; None: the kind's own."""
        ...

    @property
    def rows(self) -> int | None:
        """How many rows; None: the kind's own number."""
        ...

    @property
    def field(self) -> str:
        """Which field; empty: the first."""
        ...

    @property
    def code(self) -> int | None:
        """Which error code; None: one that nobody knows."""
        ...


Change: TypeAlias = Callable[[Reply, Wishes, int], Reply | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of fault: one sentence, how it changes a reply, and the endpoints it concerns (empty:
    all).

    `earlier_seconds`: the reply is the one of so long ago, before it is changed. `is_deed`: the
    exchange really does it, and no answer is changed.
    """

    sentence: str
    change: Change
    endpoints: frozenset[str] = frozenset()
    earlier_seconds: float = 0.0
    is_deed: bool = False


def _html(status: int) -> Change:
    return lambda reply, _wishes, _now: replace(
        reply, status=status, body=_HTML % status, content_type=_HTML_TYPE
    )


def _error(code: int, status: int) -> Change:
    return lambda _reply, _wishes, _now: failure_reply(code, status=status)


def _body(body: bytes) -> Change:
    return lambda reply, _wishes, _now: replace(reply, status=200, body=body)


def _rate_limit_text(reply: Reply, _wishes: Wishes, _now: int) -> Reply:
    return replace(reply, status=429, body=b"Too Many Requests", content_type="text/plain")


def _rate_limit_retry_after(_reply: Reply, wishes: Wishes, _now: int) -> Reply:
    return replace(
        failure_reply(10009, status=429), headers={"Retry-After": f"{_or(wishes.seconds, 1.0):g}"}
    )


def _truncate(reply: Reply, _wishes: Wishes, _now: int) -> Reply:
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def _slow(reply: Reply, wishes: Wishes, _now: int) -> Reply:
    return replace(reply, delay_seconds=reply.delay_seconds + max(0.0, _or(wishes.seconds, 2.0)))


def _reset(reply: Reply, _wishes: Wishes, _now: int) -> Reply:
    return replace(reply, ending="reset")


def _stall(reply: Reply, wishes: Wishes, _now: int) -> Reply:
    return replace(reply, ending="stall", stall_seconds=max(0.0, _or(wishes.seconds, 30.0)))


def _short(reply: Reply, _wishes: Wishes, _now: int) -> Reply:
    return replace(reply, ending="short")


def _clock_skew(reply: Reply, wishes: Wishes, _now: int) -> Reply:
    skew_ms = int(_or(wishes.seconds, 30.0) * 1000)
    told = reply.json()
    if (
        isinstance(told, dict)
        and isinstance(told.get("data"), dict)
        and isinstance(told["data"].get("timestamp"), int)
    ):
        told["data"]["timestamp"] += skew_ms
        reply = reply.with_json(told)
    return replace(reply, date_offset_ms=reply.date_offset_ms + skew_ms)


def _leave_unchanged(reply: Reply, _wishes: Wishes, _now: int) -> Reply:
    return reply


def _of_the_future(reply: Reply, wishes: Wishes, _now: int) -> Reply | None:
    told = reply.json()
    if (
        not isinstance(told, dict)
        or not isinstance(told.get("data"), dict)
        or not isinstance(told["data"].get("timestamp"), int)
    ):
        return None
    told["data"]["timestamp"] += int(_or(wishes.seconds, 86_400.0) * 1000)
    return reply.with_json(told)


def _missing_field(reply: Reply, wishes: Wishes, _now: int) -> Reply | None:
    told = reply.json()
    if not isinstance(told, dict) or not isinstance(told.get("data"), dict) or not told["data"]:
        return None
    name = wishes.field or next(iter(told["data"]))
    return reply.with_json(told) if _remove_key(told, name) else None


def _remove_key(told: Any, name: str) -> bool:
    """Remove every key `name`; whether there was one."""
    found = False
    if isinstance(told, dict):
        found = told.pop(name, None) is not None
        told = list(told.values())
    if isinstance(told, list):
        found = sum(_remove_key(value, name) for value in told) > 0 or found
    return found


def _candles(change: Callable[[list[Any], Wishes, int], list[Any] | None]) -> Change:
    """A change of the rows of a candle file."""

    def changed(reply: Reply, wishes: Wishes, now_ms: int) -> Reply | None:
        told = reply.json()
        try:
            file = told["data"]["candlestick"][0]
            rows = change(file["ohlcv"], wishes, now_ms)
        except (TypeError, KeyError, IndexError, ValueError):
            return None
        if rows is None:
            return None
        file["ohlcv"] = rows
        return reply.with_json(told)

    return changed


def _nan(rows: list[Any], _wishes: Wishes, _now: int) -> list[Any] | None:
    return (
        [*rows[:-2], ["NaN", "NaN", "NaN", "NaN", "NaN", rows[-2][5]], rows[-1]]
        if len(rows) > 1
        else None
    )


def _invert_row(rows: list[Any], _wishes: Wishes, _now: int) -> list[Any] | None:
    for index in range(len(rows) - 2, -1, -1):
        open_, high, low, close, volume, at = rows[index]
        if high != low:
            return [*rows[:index], [open_, low, high, close, volume, at], *rows[index + 1 :]]
    return None


def _duplicate(rows: list[Any], _wishes: Wishes, _now: int) -> list[Any] | None:
    return [*rows[:-1], rows[-2], rows[-1]] if len(rows) > 1 else None


def _disorder(rows: list[Any], _wishes: Wishes, _now: int) -> list[Any] | None:
    return [*rows[:-3], rows[-2], rows[-3], rows[-1]] if rows[2:] else None


def _hole(rows: list[Any], wishes: Wishes, _now: int) -> list[Any] | None:
    count = max(1, int(_or(wishes.rows, 3)))
    return [*rows[: -count - 2], *rows[-2:]] if len(rows) > count + 2 else None


def _stale(rows: list[Any], wishes: Wishes, _now: int) -> list[Any] | None:
    count = max(1, int(_or(wishes.rows, 4)))
    return rows[:-count] if len(rows) > count else None


def _spike(rows: list[Any], wishes: Wishes, _now: int) -> list[Any] | None:
    """The last row but some (`rows`, 2) has its high times the factor (`rate`, 10), or its low
    where that is below one.
    """
    back = max(1, int(_or(wishes.rows, 2)))
    if len(rows) <= back:
        return None
    open_, high, low, close, volume, at = rows[-back]
    factor = _or(wishes.rate, 10.0)
    if factor >= 1.0:
        high = str(round(int(high) * factor))
    else:
        low = str(max(1, round(int(low) * factor)))
    return [*rows[:-back], [open_, high, low, close, volume, at], *rows[len(rows) - back + 1 :]]


def _today_missing(reply: Reply, _wishes: Wishes, now_ms: int) -> Reply | None:
    told = reply.json()
    try:
        last = int(told["data"]["candlestick"][0]["ohlcv"][-1][5])
    except (TypeError, KeyError, IndexError):
        return None
    same_day = (
        datetime.fromtimestamp(last / 1000, UTC).date()
        == datetime.fromtimestamp(now_ms / 1000, UTC).date()
    )
    return failure_reply(10000, status=404) if same_day else None


def _book(change: Callable[[int, int, Wishes], tuple[int, int]]) -> Change:
    """A change of the best prices (ask, bid): the whole book moves with them."""

    def changed(reply: Reply, wishes: Wishes, _now: int) -> Reply | None:
        told = reply.json()
        data = told.get("data") if isinstance(told, dict) else None
        found = data if isinstance(data, list) else [data]
        books = [
            book for book in found if isinstance(book, dict) and ("asks" in book or "sell" in book)
        ]
        if not books:
            return None
        for book in books:
            _move_book(book, change, wishes)
        return reply.with_json(told)

    return changed


def _move_book(
    book: dict[str, Any], change: Callable[[int, int, Wishes], tuple[int, int]], wishes: Wishes
) -> None:
    if "sell" in book:
        ask, bid = change(int(book["sell"]), int(book["buy"]), wishes)
        book |= {"sell": str(ask), "buy": str(bid)}
        return
    old_ask, old_bid = int(book["asks"][0][0]), int(book["bids"][0][0])
    ask, bid = change(old_ask, old_bid, wishes)
    book["asks"] = [[str(int(price) + ask - old_ask), size] for price, size in book["asks"]]
    book["bids"] = [[str(max(1, int(price) + bid - old_bid)), size] for price, size in book["bids"]]


def _wide(ask: int, bid: int, wishes: Wishes) -> tuple[int, int]:
    middle = (ask + bid) // 2
    half = max(1, round(middle * _or(wishes.rate, 0.01) / 2))
    return middle + half, middle - half


def _far(ask: int, bid: int, wishes: Wishes) -> tuple[int, int]:
    factor = _or(wishes.rate, 0.1)
    return max(2, round(ask * factor)), max(1, round(bid * factor))


def _cross_book(ask: int, bid: int, _wishes: Wishes) -> tuple[int, int]:
    return bid, ask


def _circuit_break(reply: Reply, _wishes: Wishes, now_ms: int) -> Reply | None:
    told = reply.json()
    data = told.get("data") if isinstance(told, dict) else None
    if not isinstance(data, dict):
        return None
    if "asks" in data:
        _move_book(data, _cross_book, _wishes)
        return reply.with_json(told)
    if data.get("mode") != "NONE":
        return None
    upper, lower = int(data["upper_trigger_price"]), int(data["lower_trigger_price"])
    data |= {
        "mode": "CIRCUIT_BREAK",
        "estimated_itayose_price": str((upper + lower) // 2),
        "estimated_itayose_amount": "1.2345",
        "itayose_upper_price": str(upper),
        "itayose_lower_price": str(lower),
        "upper_trigger_price": None,
        "lower_trigger_price": None,
        "reopen_timestamp": now_ms - now_ms % 600_000 + 600_000,
    }
    return reply.with_json(told)


def _status(status: str, min_amount: str) -> Change:
    def changed(reply: Reply, _wishes: Wishes, _now: int) -> Reply | None:
        told = reply.json()
        try:
            for row in told["data"]["statuses"]:
                row.update(status=status, min_amount=min_amount)
        except (TypeError, KeyError):
            return None
        return reply.with_json(told)

    return changed


def _pair(changes: Mapping[str, Any]) -> Change:
    def changed(reply: Reply, _wishes: Wishes, _now: int) -> Reply | None:
        told = reply.json()
        try:
            for row in told["data"]["pairs"]:
                row.update(changes)
        except (TypeError, KeyError):
            return None
        return reply.with_json(told)

    return changed


def _or(wish: float | None, own: float) -> float:
    return own if wish is None else wish


KINDS: Mapping[str, Kind] = {
    "http-500": Kind(sentence="500 with an HTML page.", change=_html(500)),
    "http-502": Kind(sentence="502 with an HTML page.", change=_html(502)),
    "http-503-json": Kind(
        sentence="503 with code 10008, the server is busy.", change=_error(10008, 503)
    ),
    "http-500-json": Kind(
        sentence="500 with code 10001, a system error.", change=_error(10001, 500)
    ),
    "maintenance": Kind(
        sentence="503 with code 10007, system maintenance.", change=_error(10007, 503)
    ),
    "rate-limit": Kind(sentence="429 with code 10009.", change=_error(10009, 429)),
    "rate-limit-text": Kind(sentence="429 with plain text.", change=_rate_limit_text),
    "rate-limit-retry-after": Kind(
        sentence="429 with code 10009 and Retry-After.", change=_rate_limit_retry_after
    ),
    "html": Kind(sentence="200 with an HTML page.", change=_html(200)),
    "empty": Kind(sentence="200 with an empty body.", change=_body(b"")),
    "truncated": Kind(sentence="200 with half of the JSON.", change=_truncate),
    "list": Kind(sentence="200 with a JSON list.", change=_body(b"[]")),
    "null": Kind(sentence="200 with a JSON null.", change=_body(b"null")),
    "empty-data": Kind(
        sentence="200 with success and nothing in it.", change=_body(b'{"success":1,"data":{}}')
    ),
    "missing-field": Kind(sentence="A field of the answer is missing.", change=_missing_field),
    "slow": Kind(sentence="The answer comes late.", change=_slow),
    "reset": Kind(sentence="The connection is reset before the answer.", change=_reset),
    "stall": Kind(sentence="Half of the answer, then silence.", change=_stall),
    "short-body": Kind(sentence="The connection closes in the middle of the body.", change=_short),
    "clock-skew": Kind(
        sentence="The exchange's clock (Date and timestamp) is off.", change=_clock_skew
    ),
    "today-missing": Kind(
        sentence="The current candle file does not exist yet.",
        change=_today_missing,
        endpoints=CANDLES,
    ),
    "candle-nan": Kind(sentence="A candle row of NaN.", change=_candles(_nan), endpoints=CANDLES),
    "candle-inverted": Kind(
        sentence="A candle row with its high below its low.",
        change=_candles(_invert_row),
        endpoints=CANDLES,
    ),
    "candle-duplicate": Kind(
        sentence="A candle row twice.", change=_candles(_duplicate), endpoints=CANDLES
    ),
    "candle-disorder": Kind(
        sentence="Two candle rows in the wrong order.",
        change=_candles(_disorder),
        endpoints=CANDLES,
    ),
    "candle-hole": Kind(
        sentence="A few recent candle rows are missing.", change=_candles(_hole), endpoints=CANDLES
    ),
    "candle-stale": Kind(
        sentence="The last candle rows are missing.", change=_candles(_stale), endpoints=CANDLES
    ),
    "circuit-break": Kind(
        sentence="Circuit-break mode with a crossed book.", change=_circuit_break, endpoints=BREAK
    ),
    "busy": Kind(
        sentence="Status BUSY and a raised minimum amount.",
        change=_status("BUSY", "0.01"),
        endpoints=STATUS,
    ),
    "halt": Kind(
        sentence="Status HALT.",
        change=_status("HALT", str(BTC_JPY.size_step_btc)),
        endpoints=STATUS,
    ),
    "orders-stopped": Kind(
        sentence="The pair takes no orders.", change=_pair({"stop_order": True}), endpoints=PAIRS
    ),
    "market-stopped": Kind(
        sentence="The pair takes no market orders.",
        change=_pair({"stop_market_order": True}),
        endpoints=PAIRS,
    ),
    "pair-disabled": Kind(
        sentence="The pair is not enabled.", change=_pair({"is_enabled": False}), endpoints=PAIRS
    ),
    "stops-stopped": Kind(
        sentence="The pair takes no stop orders.",
        change=_pair({"stop_stop_order": True}),
        endpoints=PAIRS,
    ),
    "wide-spread": Kind(
        sentence="A spread of 1 %, or the rate asked for.", change=_book(_wide), endpoints=BOOK
    ),
    "far-book": Kind(
        sentence="A book at a tenth of the price, or the share asked for.",
        change=_book(_far),
        endpoints=BOOK,
    ),
    "cached": Kind(
        sentence=(
            "The answer of 40 seconds ago, or of as many as asked for; only its own timestamp"
            " tells."
        ),
        change=_leave_unchanged,
        endpoints=CANDLES | BOOK | BREAK,
        earlier_seconds=40.0,
    ),
    "future": Kind(
        sentence="The answer's own timestamp is a day ahead, or as many seconds as asked for.",
        change=_of_the_future,
    ),
    "candle-spike": Kind(
        sentence=(
            "A recent candle with its high times ten, or its low where the factor asked for is"
            " below one."
        ),
        change=_candles(_spike),
        endpoints=CANDLES,
    ),
    "crossed-book": Kind(
        sentence="The best bid above the best ask.", change=_book(_cross_book), endpoints=BOOK
    ),
}
"""Every fault by its name."""
