"""What an order's body may be, and whether the account may have it."""

from typing import Any

from tests.support.second_bitbank.exchange import SecondBitbank
from tests.support.second_bitbank.figures import ENDLESS, UNITS, Code, lots_of, price_of
from tests.support.second_bitbank.listing import available, free_of
from tests.support.second_bitbank.orders import ATTACHED, KINDS, PAIR, PRICED, TRIGGERED, Order

MOST_LIVE = 30
MOST_LIMIT, MOST_MARKET = 1_000 * UNITS, 10 * UNITS
FAR = 10  # a price is no further away than ten times, or a tenth


def order_of(exchange: SecondBitbank, body: dict[str, Any]) -> Order:
    """The order that a body describes, or a code. Unknown fields are nothing."""
    kind, side = body.get("type"), body.get("position_side", "")
    if "pair" not in body:
        raise Code(30009)
    if body["pair"] != PAIR:
        raise Code(40025)
    if "side" not in body:
        raise Code(30013)
    if body["side"] not in ("buy", "sell"):
        raise Code(40021)
    if "type" not in body:
        raise Code(30015)
    if kind not in KINDS:
        raise Code(40024)
    if side not in ("", "long", "short") or (not side and kind in ATTACHED):
        raise Code(40164)
    price = price_of(body.get("price"), missing=30012, invalid=40020) if kind in PRICED else None
    trigger = (
        price_of(body.get("trigger_price"), missing=30101, invalid=40112)
        if kind in TRIGGERED
        else None
    )
    post_only = body.get("post_only", False)
    if type(post_only) is not bool:
        raise Code(40113)
    if "post_only" in body and kind != "limit":
        raise Code(40114)
    now = exchange.market.now()
    order = Order(
        number=0,
        buys=body["side"] == "buy",
        kind=kind,
        side=side or None,
        lots=_amount(exchange, body, kind),
        price=price,
        trigger=trigger,
        post_only=post_only and exchange.market.mode(now) == "NONE",
        at=now,
        status="UNFILLED" if trigger is None else "INACTIVE",
    )
    _check_restrictions(exchange, order)
    _check_prices(exchange, order)
    _check_account(exchange, order)
    return order


def _amount(exchange: SecondBitbank, body: dict[str, Any], kind: str) -> int | None:
    if body.get("amount") is None:
        if kind in ATTACHED and exchange.readings.amountless == "follow":
            return None
        raise Code(30001)
    lots = lots_of(body["amount"])
    least = exchange.market.least_lots(exchange.market.now())
    if lots < least:
        raise Code(60004 if least == 1 else 70010)
    if lots > (MOST_LIMIT if kind in PRICED else MOST_MARKET):
        raise Code(60002 if body["side"] == "buy" and kind == "market" else 60003)
    return lots


def _check_restrictions(exchange: SecondBitbank, order: Order) -> None:
    """What the exchange does not let anybody do just now."""
    if order.kind == "market" and exchange.market.mode(order.at) != "NONE":
        raise Code(70020)
    for flag, code, applies in (
        ("stop_order", 70017, True),
        ("stop_order_and_cancel", 70018, True),
        ("stop_buy_order", 70005, order.buys),
        ("stop_sell_order", 70006, not order.buys),
        ("stop_market_order", 70009, order.kind == "market"),
        ("stop_stop_order", 70023, order.kind == "stop"),
        ("stop_stop_limit_order", 70022, order.kind == "stop_limit"),
        ("stop_margin_long_order", 70024, order.opens and order.side == "long"),
        ("stop_margin_short_order", 70025, order.opens and order.side == "short"),
    ):
        if applies and exchange.market.stopped.get(flag):
            raise Code(code)


def _check_prices(exchange: SecondBitbank, order: Order) -> None:
    mid = exchange.market.price(order.at)
    if order.price is not None and order.price > mid * FAR:
        raise Code(60005)
    if order.price is not None and order.price * FAR < mid:
        raise Code(60006)
    if order.trigger is not None and order.trigger > mid * FAR:
        raise Code(60016)
    if order.opens and order.kind in ("stop", "stop_limit"):
        raise Code(40200)
    if order.opens and order.kind in ATTACHED:
        raise Code(60019)
    if order.trigger is not None and exchange.is_crossed(order, order.at):
        raise Code(60018)


def _check_account(exchange: SecondBitbank, order: Order) -> None:
    live = exchange.live()
    if len(live) >= MOST_LIVE:
        raise Code(60011)
    if order.side is None:
        jpy, coins = free_of(exchange)
        if locked(exchange, order) > (jpy if order.buys else coins):
            raise Code(60001)
    elif order.opens:
        if worth(exchange, order) > available(exchange):
            if exchange.readings.oversized == "code" or order.kind != "limit":
                raise Code(50061)
            order.end(order.at, "REJECTED")
            exchange.counts["an opening that was rejected"] += 1
    else:
        shown = exchange.account.shown(order.side, order.at).lots
        beside = sum(one.left for one in live if _counts_beside(exchange, order, one))
        if (order.lots or 1) + beside > shown:
            raise Code(50062)


def _counts_beside(exchange: SecondBitbank, order: Order, other: Order) -> bool:
    """Whether another close counts with a new one."""
    if other.side != order.side or not other.closes or other.lots is None:
        return False
    match exchange.readings.closes:
        case "together":
            return True
        case "apart":
            is_stop = order.kind in TRIGGERED
            return order.kind == "market" or (other.kind in TRIGGERED) == is_stop
        case "stops_free":
            return order.kind not in TRIGGERED and other.status != "INACTIVE"


def worth(exchange: SecondBitbank, order: Order) -> int:
    """What an order is about, in 1/10000 yen."""
    lots = order.lots or 0
    if order.price is not None or order.trigger is not None:
        return (order.price or order.trigger or 0) * lots
    parts = exchange.market.taken(lots, buys=order.buys, at=order.at)
    return sum(price * part for price, part in parts) if parts else ENDLESS * UNITS


def locked(exchange: SecondBitbank, order: Order) -> int:
    """What a spot order needs: yen in 1/10000, or lots."""
    if not order.buys:
        return order.lots or 0
    needed = worth(exchange, order)
    return needed + (needed // 1_000 if exchange.readings.locks_fee else 0)
