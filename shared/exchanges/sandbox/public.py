"""bitbank's unauthenticated endpoints as functions of the market and the instant.

Strings are strings, numbers numbers.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from shared.core.calendar import DAY_MS, HOUR_MS, WEEK_MS
from shared.core.pair import BTC_JPY
from shared.exchanges.sandbox.market import SandboxMarket, btc_text
from shared.exchanges.sandbox.reply import Reply, failure_reply, success_reply
from shared.market.path import book_at

URL_NOT_FOUND = 10000
LEVELS = 200
_BREAK_BAND = 0.2
_TUESDAY_MIDNIGHT_JST_MS = (
    5 * DAY_MS + 15 * HOUR_MS
)  # 1970-01-06 15:00 UTC, a Tuesday 24:00 in Japan

PAIR_ROW: Mapping[str, Any] = {
    "name": "btc_jpy",
    "base_asset": "btc",
    "quote_asset": "jpy",
    "maker_fee_rate_base": "0",
    "taker_fee_rate_base": "0",
    "maker_fee_rate_quote": "0",
    "taker_fee_rate_quote": "0.001",
    "margin_open_maker_fee_rate_quote": "0",
    "margin_open_taker_fee_rate_quote": "0.001",
    "margin_close_maker_fee_rate_quote": "0",
    "margin_close_taker_fee_rate_quote": "0.001",
    "margin_long_interest": "0.0004",
    "margin_short_interest": "0.0004",
    "margin_current_individual_ratio": "0.5",
    "margin_current_individual_until": 1790693999999,
    "margin_current_company_ratio": "0.0818",
    "margin_current_company_until": 1790693999999,
    "margin_next_individual_ratio": "0.5",
    "margin_next_individual_until": 1791298799999,
    "margin_next_company_ratio": "0.0818",
    "margin_next_company_until": 1791298799999,
    "unit_amount": str(BTC_JPY.size_step_btc),
    "limit_max_amount": "1000",
    "market_max_amount": "10",
    "market_allowance_rate": "0.2",
    "market_in_cb_allowance_rate": "0.2",
    "price_digits": BTC_JPY.price_digits,
    "amount_digits": BTC_JPY.size_digits,
    "is_enabled": True,
    "stop_order": False,
    "stop_order_and_cancel": False,
    "stop_market_order": False,
    "stop_stop_order": False,
    "stop_stop_limit_order": False,
    "stop_margin_long_order": False,
    "stop_margin_short_order": False,
    "stop_buy_order": False,
    "stop_sell_order": False,
}
"""What bitbank said of btc_jpy on 2026-09-23."""


def ticker(market: SandboxMarket, now_ms: int, *, spread_rate: float) -> dict[str, Any] | None:
    """`/{pair}/ticker`: best prices and the last 24 hours; None before the market begins."""
    day, point = market.last_day(now_ms), market.point_at(now_ms)
    if day is None or point is None:
        return None
    book = book_at(point[1], spread_rate=spread_rate, as_of=now_ms)
    return {
        "sell": str(book.ask),
        "buy": str(book.bid),
        "high": str(day.high),
        "low": str(day.low),
        "open": str(day.open),
        "last": str(day.close),
        "vol": btc_text(day.lots),
        "timestamp": now_ms,
    }


def depth(market: SandboxMarket, now_ms: int, *, spread_rate: float) -> dict[str, Any] | None:
    """`/{pair}/depth`: a book around the path, 200 levels a side, the same at the same point of the
    path.
    """
    point = market.point_at(now_ms)
    if point is None:
        return None
    at, price = point
    book = book_at(price, spread_rate=spread_rate, as_of=now_ms)
    asks, bids, above, below = _levels(at, price, book.ask, book.bid)
    return {
        "asks": asks,
        "bids": bids,
        "asks_over": btc_text(3 * above),
        "bids_under": btc_text(40 * below),
        "asks_under": "0.0000",
        "bids_over": "0.0000",
        "ask_market": "0.0000",
        "bid_market": "0.0000",
        "timestamp": now_ms,
        "sequenceId": str(at // 100),
    }


@lru_cache(maxsize=64)
def _levels(
    at: int, price: int, best_ask: int, best_bid: int
) -> tuple[list[list[str]], list[list[str]], int, int]:
    """Asks, bids, and the lots on each side.

    Drawn from the instant `at`: who asks twice sees the same book.
    """
    rng = np.random.default_rng(at)
    gaps = np.rint(rng.exponential(price * 0.00004, size=(2, LEVELS))).astype(np.int64).clip(min=1)
    gaps[:, 0] = 0
    lots = (
        np.rint(np.exp(rng.normal(5.5, 1.5, size=(2, LEVELS))))
        .astype(np.int64)
        .clip(min=1, max=50_000)
    )
    away = np.cumsum(gaps, axis=1)
    asks = (best_ask + away[0]).tolist()
    bids = (best_bid - away[1]).clip(min=1).tolist()
    return (
        [[str(level), btc_text(size)] for level, size in zip(asks, lots[0].tolist(), strict=True)],
        [[str(level), btc_text(size)] for level, size in zip(bids, lots[1].tolist(), strict=True)],
        int(lots[0].sum()),
        int(lots[1].sum()),
    )


def circuit_break_info(market: SandboxMarket, now_ms: int) -> dict[str, Any] | None:
    """`/{pair}/circuit_break_info` in continuous trading: a band of 20 % around the price of 24
    hours ago.
    """
    day = market.last_day(now_ms)
    if day is None:
        return None
    return {
        "mode": "NONE",
        "estimated_itayose_price": None,
        "estimated_itayose_amount": None,
        "itayose_upper_price": None,
        "itayose_lower_price": None,
        "upper_trigger_price": str(round(day.open * (1 + _BREAK_BAND))),
        "lower_trigger_price": str(round(day.open * (1 - _BREAK_BAND))),
        "fee_type": "NORMAL",
        "reopen_timestamp": None,
        "timestamp": now_ms,
    }


def pairs(rules: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    """`/spot/pairs`: the pair's row; as bitbank reviews margin ratios, they hold until the coming
    Tuesday, 24:00 in Japan.
    """
    weeks = (now_ms - _TUESDAY_MIDNIGHT_JST_MS) // WEEK_MS + 1
    current = _TUESDAY_MIDNIGHT_JST_MS + weeks * WEEK_MS - 1
    row = dict(rules)
    for who in ("individual", "company"):
        row[f"margin_current_{who}_until"] = current
        row[f"margin_next_{who}_until"] = current + WEEK_MS
    return {"pairs": [row]}


def status(rules: Mapping[str, Any]) -> dict[str, Any]:
    """`/spot/status` when all is well."""
    return {
        "statuses": [
            {"pair": rules["name"], "status": "NORMAL", "min_amount": rules["unit_amount"]}
        ]
    }


def or_not_found(data: dict[str, Any] | None) -> Reply:
    """`data` in bitbank's envelope, or 404 with code 10000 where there is none."""
    return failure_reply(URL_NOT_FOUND, status=404) if data is None else success_reply(data)
