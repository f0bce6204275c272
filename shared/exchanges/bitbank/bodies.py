"""The exact requests to bitbank's private REST. Pure.

Nothing of ccxt makes them: it would truncate amounts, lose the price of a stop, and pass fields on
that bitbank ignores without a word. Whole prices and sizes become text; no float is on the way.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.core.errors import BadData
from shared.core.money import btc_from_lots
from shared.core.types import OrderIntent, OrderKind, Side

MOST_IDS = 30
MOST_LOTS_OF_AN_ORDER = 10_000_000
"""1000 BTC: bitbank's `limit_max_amount` of the pair."""
PRICES_BELOW = 10**9
"""No order of the pair has a price of that many yen."""


class CountedAs(StrEnum):
    """Which limit a request counts against."""

    QUERY = "query"
    UPDATE = "update"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """One request: a query to GET with, or the exact text to POST; `path` as below `/v1/`."""

    path: str
    counted_as: CountedAs
    query: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None

    @property
    def method(self) -> str:
        """POST where there is a body."""
        return "GET" if self.body is None else "POST"


def order_body(intent: OrderIntent, *, pair: str, is_margin: bool) -> str:
    """The text of an order.

    On margin `position_side` names the position that it opens or closes; without it bitbank takes
    an order for spot. Raises `BadData` for an intent that bitbank has no order for.

    >>> from shared.core.types import Purpose
    >>> stop = OrderIntent(
    ...     id="t1~s1",
    ...     purpose=Purpose.STOP,
    ...     side=Side.LONG,
    ...     kind=OrderKind.STOP,
    ...     lots=12,
    ...     trigger_price=9_700_000,
    ... )
    >>> order_body(stop, pair="btc_jpy", is_margin=False)
    '{"pair":"btc_jpy","amount":"0.0012","side":"sell","type":"stop","trigger_price":"9700000"}'
    """
    _check_intent(intent, is_margin=is_margin)
    body: dict[str, Any] = {
        "pair": pair,
        "amount": f"{btc_from_lots(intent.lots):f}",
        "side": "buy" if intent.is_buy else "sell",
    }
    if is_margin:
        body["position_side"] = intent.side.value
    body["type"] = intent.kind.value
    if intent.kind is OrderKind.LIMIT:
        body["price"] = str(intent.price)
    if intent.post_only:
        body["post_only"] = True
    if intent.kind is OrderKind.STOP:
        body["trigger_price"] = str(intent.trigger_price)
    return _compact(body)


def _check_intent(intent: OrderIntent, *, is_margin: bool) -> None:
    if type(intent.lots) is not int or intent.lots < 1:
        raise _refusal(intent, f"its size is {intent.lots!r:.40}, no whole number of lots above 0")
    if intent.lots > MOST_LOTS_OF_AN_ORDER:
        raise _refusal(intent, f"its size is above {MOST_LOTS_OF_AN_ORDER} lots")
    _check_prices(intent)
    if intent.post_only and intent.kind is not OrderKind.LIMIT:
        raise _refusal(intent, "only a limit order can be post-only")
    if not is_margin and intent.side is Side.SHORT:
        raise _refusal(intent, "a spot account holds no short position")
    if is_margin and intent.is_opening and intent.kind is OrderKind.STOP:
        raise _refusal(intent, "on margin a stop can only close")


def _check_prices(intent: OrderIntent) -> None:
    """Each price that the order needs, and none that it would drop."""
    if intent.price is not None and intent.kind is not OrderKind.LIMIT:
        raise _refusal(intent, "only a limit order has a price")
    if intent.trigger_price is not None and intent.kind is not OrderKind.STOP:
        raise _refusal(intent, "only a stop has a trigger price")
    if intent.kind is OrderKind.MARKET:
        return
    price = intent.price if intent.kind is OrderKind.LIMIT else intent.trigger_price
    if type(price) is not int or price < 1:
        raise _refusal(intent, f"its price is {price!r:.40}, no whole number of yen above 0")
    if price >= PRICES_BELOW:
        raise _refusal(intent, f"its price is not below {PRICES_BELOW} yen")


def _refusal(intent: OrderIntent, found: str) -> BadData:
    return BadData(f"the order {intent.id} cannot be sent: {found}")


def order_request(body: str) -> SignedRequest:
    """The request that places an order."""
    return SignedRequest(path="user/spot/order", counted_as=CountedAs.UPDATE, body=body)


def cancel_request(order_id: int, *, pair: str) -> SignedRequest:
    """The request that cancels one order."""
    return SignedRequest(
        path="user/spot/cancel_order",
        counted_as=CountedAs.UPDATE,
        body=_compact({"pair": pair, "order_id": order_id}),
    )


def orders_info_request(order_ids: Sequence[int], *, pair: str) -> SignedRequest:
    """The request for up to 30 orders by their ids."""
    if not 1 <= len(order_ids) <= MOST_IDS:
        raise ValueError(f"one request takes 1 to {MOST_IDS} ids")
    return SignedRequest(
        path="user/spot/orders_info",
        counted_as=CountedAs.QUERY,
        body=_compact({"pair": pair, "order_ids": list(order_ids)}),
    )


def query_request(path: str, **query: str | int) -> SignedRequest:
    """A reading by GET.

    >>> query_request("user/spot/order", pair="btc_jpy", order_id=57_514_399_651).query
    {'pair': 'btc_jpy', 'order_id': '57514399651'}
    """
    return SignedRequest(
        path=path,
        counted_as=CountedAs.QUERY,
        query={name: str(value) for name, value in query.items()},
    )


def _compact(body: Mapping[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"))
