"""What a request asks for, field by field; what is wrong with one has bitbank's code.

Fields that nobody knows are ignored, as bitbank does (observed).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from shared.core.money import lots_from_btc
from shared.core.pair import BTC_JPY
from shared.core.types import Side
from shared.exchanges.sandbox.private import refusals
from shared.exchanges.sandbox.private.refusals import Refused

TYPES = ("limit", "market", "stop", "stop_limit", "take_profit", "stop_loss")
PRICED = ("limit", "stop_limit")
TRIGGERED = ("stop", "stop_limit", "take_profit", "stop_loss")
MAY_LACK_AMOUNT = ("take_profit", "stop_loss")
MOST_IDS = 30
MOST_TRADES = 1_000

_AMOUNT = re.compile(r"\d{1,9}(\.\d{1,4})?0*")
_PRICE = re.compile(r"\d{1,12}(\.0+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAsked:
    """The body of an order. `side` is None for spot; `lots` None for an order without amount."""

    type: str
    is_buy: bool
    side: Side | None
    lots: int | None
    price: int | None
    trigger_price: int | None
    post_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsAsked:
    """Which rows of a list are asked for; times in ms."""

    count: int | None = None
    from_id: int | None = None
    end_id: int | None = None
    order_id: int | None = None
    since: int | None = None
    end: int | None = None
    is_ascending: bool = False


def body_of(body: bytes) -> Mapping[str, Any]:
    """The JSON object of a POST; null stands for a missing field. Raises `Refused`."""
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Refused(refusals.MALFORMED)
    return {name: value for name, value in told.items() if value is not None}


def query_of(query: str) -> Mapping[str, str]:
    """The fields of a GET."""
    return dict(parse_qsl(query, keep_blank_values=True))


def check_pair(told: Mapping[str, Any], *, is_needed: bool = True) -> None:
    """Only one pair is traded here. Raises `Refused`."""
    pair = told.get("pair")
    if pair is None:
        if is_needed:
            raise Refused(30016)
        return
    if pair != BTC_JPY.name:
        raise Refused(refusals.INVALID_PAIR)


def order_asked(told: Mapping[str, Any]) -> OrderAsked:
    """An order, or the code of the first thing that is wrong. Raises `Refused`."""
    check_pair(told)
    kind = _one_of(told, "type", TYPES, missing=30015, invalid=40024)
    side = _one_of(told, "side", ("buy", "sell"), missing=30013, invalid=40021)
    held = told.get("position_side")
    if held is not None and held not in {"long", "short"}:
        raise Refused(40164)
    lots = _lots(told, kind)
    price = _yen(told, "price", missing=30012, invalid=40020) if kind in PRICED else None
    trigger = (
        _yen(told, "trigger_price", missing=30101, invalid=40112) if kind in TRIGGERED else None
    )
    post_only = told.get("post_only", False)
    if not isinstance(post_only, bool):
        raise Refused(40113)
    if post_only and kind != "limit":
        raise Refused(40114)
    return OrderAsked(
        type=kind,
        is_buy=side == "buy",
        side=None if held is None else Side(held),
        lots=lots,
        price=price,
        trigger_price=trigger,
        post_only=post_only,
    )


def order_id_asked(told: Mapping[str, Any]) -> int:
    """The number of an order, a number or its text. Raises `Refused`."""
    if "order_id" not in told:
        raise Refused(30006)
    return _number(told["order_id"], 40013)


def order_ids_asked(told: Mapping[str, Any]) -> list[int]:
    """Up to 30 numbers of orders. Raises `Refused`."""
    if "order_ids" not in told:
        raise Refused(30007)
    found = told["order_ids"]
    if not isinstance(found, list) or not found:
        raise Refused(40014)
    if len(found) > MOST_IDS:
        raise Refused(40015)
    return [_number(one, 40014) for one in found]


def rows_asked(told: Mapping[str, str], *, since_unit: str) -> RowsAsked:
    """Which rows a list is to have. Raises `Refused`."""
    check_pair(told, is_needed="order_id" in told)
    numbers = {
        name: _number(told[name], code) for name, code in _ROW_FIELDS.items() if name in told
    }
    for name in ("since", "end"):
        if name in numbers and since_unit == "s":
            numbers[name] *= 1_000
    count = numbers.get("count")
    if count is not None and not 1 <= count <= MOST_TRADES:
        raise Refused(40006)
    order = told.get("order", "desc")
    if order not in {"asc", "desc"}:
        raise Refused(40025)
    return RowsAsked(is_ascending=order == "asc", **numbers)


_ROW_FIELDS = {
    "count": 40006,
    "from_id": 40009,
    "end_id": 40008,
    "order_id": 40013,
    "since": 40022,
    "end": 40007,
}


def _one_of(
    told: Mapping[str, Any], name: str, known: tuple[str, ...], *, missing: int, invalid: int
) -> str:
    value = told.get(name)
    if value is None:
        raise Refused(missing)
    if value not in known:
        raise Refused(invalid)
    return str(value)


def _lots(told: Mapping[str, Any], kind: str) -> int | None:
    value = told.get("amount")
    if value is None:
        if kind in MAY_LACK_AMOUNT:
            return None
        raise Refused(refusals.AMOUNTLESS)
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        raise Refused(refusals.INVALID_AMOUNT)
    lots = lots_from_btc(Decimal(value))
    if lots <= 0:
        raise Refused(refusals.INVALID_AMOUNT)
    return lots


def _yen(told: Mapping[str, Any], name: str, *, missing: int, invalid: int) -> int:
    value = told.get(name)
    if value is None:
        raise Refused(missing)
    if not isinstance(value, str) or not _PRICE.fullmatch(value) or not Decimal(value):
        raise Refused(invalid)
    return int(Decimal(value))


def _number(value: Any, code: int) -> int:
    if type(value) is int and value >= 0:
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value)
    raise Refused(code)
