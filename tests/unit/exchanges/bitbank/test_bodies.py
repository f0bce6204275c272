"""The bodies of the private side are as documented, to the byte."""

import json
import random
from fractions import Fraction
from typing import Any

import pytest

from shared.core.errors import BadData
from shared.core.types import OrderIntent, OrderKind, Purpose, Side
from shared.exchanges.bitbank.bodies import (
    MOST_IDS,
    CountedAs,
    SignedRequest,
    cancel_request,
    order_body,
    order_request,
    orders_info_request,
    query_request,
)
from tests.support.bitbank_api import table

PAIR = "btc_jpy"


def intent(
    purpose: Purpose, side: Side, kind: OrderKind, lots: Any = 10, **more: Any
) -> OrderIntent:
    return OrderIntent(id="t~1", purpose=purpose, side=side, kind=kind, lots=lots, **more)


ENTRY, STOP, TARGET, CLOSE = Purpose.ENTRY, Purpose.STOP, Purpose.TARGET, Purpose.CLOSE
LONG, SHORT = Side.LONG, Side.SHORT
LIMIT, MARKET, TRIGGER = OrderKind.LIMIT, OrderKind.MARKET, OrderKind.STOP
DOCUMENTED = [
    (
        intent(ENTRY, LONG, LIMIT, price=15_000_000, post_only=True),
        False,
        (
            '{"pair":"btc_jpy","amount":"0.0010","side":"buy","type":"limit","price":"15000000",'
            '"post_only":true}'
        ),
    ),
    (
        intent(ENTRY, LONG, LIMIT, price=15_000_000, post_only=True),
        True,
        (
            '{"pair":"btc_jpy","amount":"0.0010","side":"buy",'
            '"position_side":"long","type":"limit",'
            '"price":"15000000","post_only":true}'
        ),
    ),
    (
        intent(CLOSE, LONG, MARKET),
        True,
        (
            '{"pair":"btc_jpy","amount":"0.0010","side":"sell",'
            '"position_side":"long","type":"market"}'
        ),
    ),
    (
        intent(ENTRY, SHORT, LIMIT, price=15_000_000),
        True,
        (
            '{"pair":"btc_jpy","amount":"0.0010","side":"sell",'
            '"position_side":"short","type":"limit",'
            '"price":"15000000"}'
        ),
    ),
    (
        intent(CLOSE, SHORT, MARKET),
        True,
        (
            '{"pair":"btc_jpy","amount":"0.0010","side":"buy",'
            '"position_side":"short","type":"market"}'
        ),
    ),
    (
        intent(STOP, LONG, TRIGGER, trigger_price=14_000_000),
        True,
        (
            '{"pair":"btc_jpy","amount":"0.0010","side":"sell",'
            '"position_side":"long","type":"stop",'
            '"trigger_price":"14000000"}'
        ),
    ),
    (
        intent(TARGET, LONG, LIMIT, price=16_000_000, post_only=True),
        True,
        (
            '{"pair":"btc_jpy","amount":"0.0010","side":"sell",'
            '"position_side":"long","type":"limit",'
            '"price":"16000000","post_only":true}'
        ),
    ),
]


def problems(request: SignedRequest) -> list[str]:
    query = "&".join(f"{name}={value}" for name, value in request.query.items())
    target = f"/v1/{request.path}" + (f"?{query}" if query else "")
    return table.request_problems(request.method, target, (request.body or "").encode())


@pytest.mark.parametrize(("order", "is_margin", "body"), DOCUMENTED)
def test_a_body_is_the_documented_one(order: OrderIntent, is_margin: bool, body: str) -> None:
    assert order_body(order, pair=PAIR, is_margin=is_margin) == body
    assert problems(order_request(body)) == []


def some_price(rng: random.Random, *, is_needed: bool) -> int | None:
    """Mostly what an order needs, sometimes what it cannot have."""
    if rng.random() < 0.8:
        return rng.randint(1, 10**8) if is_needed else None
    return rng.choice((None, 0, -5, rng.randint(1, 10**8), 10**9, 10**20))


def test_every_intent_that_makes_a_body_makes_a_documented_one_that_says_the_same() -> None:
    rng, made = random.Random(4), 0
    for _ in range(3_000):
        kind = rng.choice(list(OrderKind))
        order = intent(
            rng.choice(list(Purpose)),
            rng.choice(list(Side)),
            kind,
            rng.choice((1, 9_999, 10_000, rng.randint(1, 10**7))),
            price=some_price(rng, is_needed=kind is LIMIT),
            trigger_price=some_price(rng, is_needed=kind is TRIGGER),
            post_only=rng.random() < 0.3,
        )
        is_margin = rng.random() < 0.5
        try:
            request = order_request(order_body(order, pair=PAIR, is_margin=is_margin))
        except BadData:
            continue
        made += 1
        assert problems(request) == [], request
        assert (request.method, request.counted_as) == ("POST", CountedAs.UPDATE)
        body = json.loads(request.body or "")
        assert Fraction(body["amount"]) == Fraction(order.lots, 10_000)
        opens_long = (order.purpose is ENTRY) == (order.side is LONG)
        assert body["side"] == ("buy" if opens_long else "sell")
        assert body.get("position_side") == (order.side.value if is_margin else None)
        assert body["type"] == kind.value
        for name, told in (("price", order.price), ("trigger_price", order.trigger_price)):
            assert body.get(name) == (None if told is None else str(told)), "a price was dropped"
        assert body.get("post_only", False) is order.post_only
    assert made > 800


@pytest.mark.parametrize(
    ("order", "is_margin", "said"),
    [
        (intent(ENTRY, LONG, LIMIT), True, "price"),
        (intent(ENTRY, LONG, LIMIT, price=0), True, "price"),
        (intent(ENTRY, LONG, LIMIT, price=9_800_000.0), True, "price"),
        (intent(STOP, LONG, TRIGGER, price=9_800_000), True, "price"),
        (intent(CLOSE, LONG, MARKET, trigger_price=9_000_000), True, "only a stop"),
        (intent(CLOSE, LONG, MARKET, price=9_000_000), True, "only a limit"),
        (intent(CLOSE, LONG, LIMIT, price=9_900_000, trigger_price=9_700_000), True, "only a stop"),
        (intent(STOP, LONG, TRIGGER, price=9_600_000, trigger_price=9_700_000), True, "only a lim"),
        (intent(ENTRY, LONG, LIMIT, price=10**9), True, "price is not below"),
        (intent(STOP, LONG, TRIGGER, trigger_price=10**20), True, "price is not below"),
        (intent(ENTRY, LONG, LIMIT, 10_000_001, price=9_800_000), True, "size is above"),
        (intent(CLOSE, LONG, MARKET, 10**30), True, "size is above"),
        (intent(CLOSE, LONG, MARKET, 0), True, "size"),
        (intent(CLOSE, LONG, MARKET, -1), True, "size"),
        (intent(CLOSE, LONG, MARKET, 1.5), True, "size"),
        (intent(CLOSE, LONG, MARKET, True), True, "size"),
        (intent(CLOSE, LONG, MARKET, post_only=True), True, "post-only"),
        (intent(ENTRY, SHORT, MARKET), False, "short"),
        (intent(ENTRY, LONG, TRIGGER, trigger_price=9_900_000), True, "close"),
    ],
)
def test_an_intent_that_bitbank_has_no_order_for_makes_no_body(
    order: OrderIntent, is_margin: bool, said: str
) -> None:
    with pytest.raises(BadData, match=said):
        order_body(order, pair=PAIR, is_margin=is_margin)


def test_the_other_requests_are_as_documented() -> None:
    cancel = cancel_request(57_514_399_651, pair=PAIR)
    assert cancel.body == '{"pair":"btc_jpy","order_id":57514399651}'
    info = orders_info_request(range(1, MOST_IDS + 1), pair=PAIR)
    assert (info.method, info.counted_as) == ("POST", CountedAs.QUERY)
    history = query_request(
        "user/spot/trade_history", pair=PAIR, count=1000, order="desc", end=1_790_000_000_000
    )
    for request in (
        cancel,
        info,
        history,
        query_request("user/assets"),
        query_request("user/spot/order", pair=PAIR, order_id=2**40),
        query_request("user/spot/active_orders", pair=PAIR, count=100),
        query_request("user/margin/status"),
        query_request("user/margin/positions"),
    ):
        assert problems(request) == []
    for ids in ([], list(range(MOST_IDS + 1))):
        with pytest.raises(ValueError, match="30"):
            orders_info_request(ids, pair=PAIR)
