"""bitbank's endpoints below `/v1/user/`."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from shared.core.types import AccountKind
from shared.exchanges.sandbox.private import asked, changing, listing, margin_rows, rows
from shared.exchanges.sandbox.private.exchange import LoggedRequest, PrivateSide
from shared.exchanges.sandbox.private.limits import RequestKind
from shared.exchanges.sandbox.private.pair_rules import pair_rules
from shared.exchanges.sandbox.private.refusals import TOO_FREQUENT, Refused
from shared.exchanges.sandbox.private.standing import Ground
from shared.exchanges.sandbox.reply import Reply, failure_reply, success_reply
from shared.exchanges.sandbox.routes import Call, Handler, Route

if TYPE_CHECKING:
    from shared.exchanges.sandbox.server import Sandbox

Answering: TypeAlias = Callable[[PrivateSide, Ground, Call], Any]
_OF_WHO_ASKS = range(20_000, 30_000)


def ground_of(sandbox: "Sandbox", *, endpoint: str = "", path: str = "") -> Ground:
    """What the account stands on at this moment, for a request to `endpoint`."""
    now_ms = sandbox.clock.now_ms()
    faults = sandbox.faults.active_names(now_ms=now_ms)
    rules = {kind: pair_rules(sandbox.rules, kind, faults) for kind in AccountKind}

    def is_lying(name: str) -> bool:
        return sandbox.faults.take(name, endpoint=endpoint, path=path, now_ms=now_ms)

    return sandbox.private.ground(rules, is_lying)


def _route(method: str, path: str, endpoint: str, kind: RequestKind, answer: Answering) -> Route:
    def handle(sandbox: "Sandbox", call: Call) -> Reply:
        side = sandbox.private
        with side.lock:
            try:
                skew_ms = sandbox.faults.skew_ms(endpoint=endpoint, path=path, now_ms=call.clock_ms)
                side.check_request(call, kind, clock_ms=call.clock_ms + skew_ms)
                ground = ground_of(sandbox, endpoint=endpoint, path=path)
                side.advance(ground, call.clock_ms)
                reply, code = success_reply(answer(side, ground, call)), None
            except Refused as refused:
                reply, code = (
                    failure_reply(refused.code, status=_status(side, refused.code)),
                    (refused.code),
                )
            side.log.append(
                LoggedRequest(
                    at=call.clock_ms,
                    endpoint=endpoint,
                    method=call.method,
                    target=call.target,
                    headers=call.headers,
                    body=call.body,
                    status=reply.status,
                    code=code,
                )
            )
        return reply

    return Route(
        method=method,
        pattern=re.compile(re.escape(path)),
        endpoint=endpoint,
        handler=handle,
    )


def _status(side: PrivateSide, code: int) -> int:
    if code == TOO_FREQUENT:
        return 429
    if side.settings.readings.error_status == "200":
        return 200
    return 401 if code in _OF_WHO_ASKS else 400


def limit_signed_read(handler: Handler) -> Handler:
    """A public read of `/spot/*`, which counts as QUERY where it is asked with a key."""

    def handle(sandbox: "Sandbox", call: Call) -> Reply:
        side = sandbox.private
        with side.lock:
            try:
                if side.signatures.is_known(call.headers):
                    side.count_request("QUERY")
            except Refused as refused:
                return failure_reply(refused.code, status=_status(side, refused.code))
        return handler(sandbox, call)

    return handle


def _assets(side: PrivateSide, ground: Ground, call: Call) -> Any:
    del ground
    return {"assets": rows.asset_rows(side.view(call.now_ms), call.now_ms, side.settings)}


def _margin_status(side: PrivateSide, ground: Ground, call: Call) -> Any:
    del ground
    mark = side.price_at(call.now_ms)
    return margin_rows.margin_data(side.view(call.now_ms), mark, call.now_ms, side.settings)


def _margin_positions(side: PrivateSide, ground: Ground, call: Call) -> Any:
    del ground
    mark = side.price_at(call.now_ms)
    return margin_rows.positions_data(side.view(call.now_ms), mark, call.now_ms, side.settings)


def _order(side: PrivateSide, ground: Ground, call: Call) -> Any:
    record = changing.take_order(side, ground, asked.order_asked(asked.body_of(call.body)), call)
    return rows.order_row(record, side.settings)


def _cancel_order(side: PrivateSide, ground: Ground, call: Call) -> Any:
    told = asked.body_of(call.body)
    asked.check_pair(told)
    record = changing.cancel(side, ground, asked.order_id_asked(told), call)
    return rows.order_row(record, side.settings)


def _cancel_orders(side: PrivateSide, ground: Ground, call: Call) -> Any:
    told = asked.body_of(call.body)
    asked.check_pair(told)
    found = changing.cancel_batch(side, ground, asked.order_ids_asked(told), call)
    return {"orders": [rows.order_row(record, side.settings) for record in found]}


def _order_info(side: PrivateSide, ground: Ground, call: Call) -> Any:
    del ground
    told = asked.query_of(call.query)
    asked.check_pair(told)
    return listing.order_by_id(side, asked.order_id_asked(told), call)


def _orders_info(side: PrivateSide, ground: Ground, call: Call) -> Any:
    del ground
    told = asked.body_of(call.body)
    asked.check_pair(told)
    return {"orders": listing.orders_by_id(side, asked.order_ids_asked(told), call)}


def _active_orders(side: PrivateSide, ground: Ground, call: Call) -> Any:
    del ground
    wanted = asked.rows_asked(
        asked.query_of(call.query), since_unit=side.settings.readings.since_unit
    )
    return {"orders": listing.active_orders(side, wanted, call)}


def _trade_history(side: PrivateSide, ground: Ground, call: Call) -> Any:
    del ground
    wanted = asked.rows_asked(
        asked.query_of(call.query), since_unit=side.settings.readings.since_unit
    )
    return {"trades": listing.trade_history(side, wanted, call)}


PRIVATE: tuple[Route, ...] = (
    _route("GET", "/v1/user/assets", "assets", "QUERY", _assets),
    _route("POST", "/v1/user/spot/order", "order", "UPDATE", _order),
    _route("GET", "/v1/user/spot/order", "order_info", "QUERY", _order_info),
    _route("POST", "/v1/user/spot/cancel_order", "cancel_order", "UPDATE", _cancel_order),
    _route("POST", "/v1/user/spot/cancel_orders", "cancel_orders", "UPDATE", _cancel_orders),
    _route("POST", "/v1/user/spot/orders_info", "orders_info", "QUERY", _orders_info),
    _route("GET", "/v1/user/spot/active_orders", "active_orders", "QUERY", _active_orders),
    _route("GET", "/v1/user/spot/trade_history", "trade_history", "QUERY", _trade_history),
    _route("GET", "/v1/user/margin/status", "margin_status", "QUERY", _margin_status),
    _route("GET", "/v1/user/margin/positions", "margin_positions", "QUERY", _margin_positions),
)
"""Method and path, the name in tables and faults, the limit, and what answers."""
