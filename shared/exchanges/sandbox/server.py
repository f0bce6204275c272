"""A bitbank that you can run at home: the REST protocol around a market, a clock, and faults.

`Sandbox.answer` is the whole exchange without HTTP; `serve` puts it on a port. Paths below
`/_sandbox/` are its own: clock, faults, the account as it is, requests.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from shared.core.errors import UserError
from shared.core.pair import BTC_JPY
from shared.core.types import AccountKind
from shared.exchanges.sandbox import control, public
from shared.exchanges.sandbox.faults import Faults
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.private.endpoints import PRIVATE, limit_signed_read
from shared.exchanges.sandbox.private.exchange import PrivateSide
from shared.exchanges.sandbox.private.pair_rules import pair_rules
from shared.exchanges.sandbox.private.settings import PrivateSettings
from shared.exchanges.sandbox.reply import Reply, failure_reply, plain_reply, success_reply
from shared.exchanges.sandbox.routes import Call, Handler, Route
from shared.exchanges.sandbox.time_source import TimeSource
from shared.exchanges.sandbox.transport import RunningServer, serve

__all__ = ["PRIVATE", "PUBLIC", "Route", "RunningServer", "Sandbox", "serve"]

PAIR = BTC_JPY.name
ACCESS_KEY_NOT_FOUND = 20003
PLEASE_LOGIN = 20018
"""What bitbank says where `/v1` is missing."""


class Sandbox:
    """The exchange: a market seen through a clock, with pair rules, a spread, and faults."""

    def __init__(
        self,
        market: SandboxMarket,
        clock: TimeSource,
        *,
        faults: Faults | None = None,
        rules: Mapping[str, Any] = public.PAIR_ROW,
        spread_rate: float = 0.0001,
        private: PrivateSettings | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """Serve `market` at `clock`'s time; `rules` is the pair's row of `/spot/pairs`,
        `spread_rate` a share of the price, `private` the account's settings. Limits of requests are
        counted by `seconds`.
        """
        self.market = market
        self.clock = clock
        self.faults = faults if faults is not None else Faults()
        self.rules = dict(rules)
        self.spread_rate = spread_rate
        self.private = PrivateSide(
            market=market,
            settings=private or PrivateSettings(),
            spread_rate=spread_rate,
            seconds=seconds,
        )
        self.private.open(clock.now_ms(), pair_rules(self.rules, AccountKind.MARGIN, frozenset()))
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()

    def answer(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Answer one request; `target` is path and query.

        May wait where a clock endpoint is asked to sleep.
        """
        path, _, query = target.partition("?")
        if path.startswith(control.PREFIX):
            return self._own(method, path, body, query)
        now_ms = self.clock.now_ms()
        route, named = _find_route(method, path)
        endpoint = route.endpoint if route else ("private" if _is_private(path) else "unknown")
        with self._lock:
            self._requests[endpoint] += 1
        if route is None or named.get("pair", PAIR) != PAIR:
            reply = _unknown(path)
            return self.faults.apply_faults(reply, endpoint=endpoint, path=path, now_ms=now_ms)
        stopped = self.faults.stop_request(endpoint=endpoint, path=path, now_ms=now_ms)
        if stopped is not None:
            return stopped
        earlier_ms = self.faults.take_earlier_ms(endpoint=endpoint, path=path, now_ms=now_ms)
        if route in PRIVATE:
            longest_ms = int(self.private.settings.most_lag_seconds * 1_000)
            earlier_ms = min(earlier_ms, longest_ms)
        call = Call(
            now_ms=now_ms - earlier_ms,
            clock_ms=now_ms,
            endpoint=endpoint,
            method=method,
            target=target,
            named=named,
            query=query,
            body=body,
            headers=headers or {},
        )
        reply = route.handler(self, call)
        return self.faults.apply_faults(reply, endpoint=endpoint, path=path, now_ms=now_ms)

    def requests(self) -> dict[str, int]:
        """How many requests each endpoint got, the sandbox's own endpoints apart."""
        with self._lock:
            return dict(self._requests)

    def forget_requests(self) -> None:
        """Count from zero again."""
        with self._lock:
            self._requests.clear()

    def _own(self, method: str, path: str, body: bytes, query: str) -> Reply:
        try:
            return control.answer_control(self, method, path, body, query=query)
        except UserError as error:
            return plain_reply({"error": f"{error}; {error.remedy}"}, status=400)


def _find_route(method: str, path: str) -> tuple[Route | None, Mapping[str, str]]:
    for route in (*PUBLIC, *PRIVATE):
        if route.method == method and (match := route.pattern.fullmatch(path)):
            return route, {
                name: value for name, value in match.groupdict().items() if value is not None
            }
    return None, {}


def _is_private(path: str) -> bool:
    return path.startswith("/v1/user/")


def _unknown(path: str) -> Reply:
    if _is_private(path):
        return failure_reply(ACCESS_KEY_NOT_FOUND, status=401)
    if path.startswith("/user/"):
        return failure_reply(PLEASE_LOGIN, status=401)
    return failure_reply(public.URL_NOT_FOUND, status=404)


def _ticker(sandbox: Sandbox, call: Call) -> Reply:
    return public.or_not_found(
        public.ticker(sandbox.market, call.now_ms, spread_rate=sandbox.spread_rate)
    )


def _tickers(sandbox: Sandbox, call: Call) -> Reply:
    found = public.ticker(sandbox.market, call.now_ms, spread_rate=sandbox.spread_rate)
    return success_reply([] if found is None else [{"pair": PAIR, **found}])


def _depth(sandbox: Sandbox, call: Call) -> Reply:
    return public.or_not_found(
        public.depth(sandbox.market, call.now_ms, spread_rate=sandbox.spread_rate)
    )


def _transactions(sandbox: Sandbox, call: Call) -> Reply:
    return _file(sandbox.market.trade_file(call.named.get("date"), call.now_ms))


def _candlestick(sandbox: Sandbox, call: Call) -> Reply:
    return _file(sandbox.market.candle_file(call.named["kind"], call.named["date"], call.now_ms))


def _file(body: bytes | None) -> Reply:
    return failure_reply(public.URL_NOT_FOUND, status=404) if body is None else Reply(body=body)


def _circuit_break_info(sandbox: Sandbox, call: Call) -> Reply:
    return public.or_not_found(public.circuit_break_info(sandbox.market, call.now_ms))


def _pairs(sandbox: Sandbox, call: Call) -> Reply:
    return success_reply(public.pairs(sandbox.rules, call.now_ms))


def _status(sandbox: Sandbox, call: Call) -> Reply:
    del call
    return success_reply(public.status(sandbox.rules))


def _get(pattern: str, endpoint: str, handler: Handler) -> Route:
    return Route(method="GET", pattern=re.compile(pattern), endpoint=endpoint, handler=handler)


PUBLIC: tuple[Route, ...] = (
    _get(
        r"/(?P<pair>[a-z0-9]+_[a-z]+)/candlestick/(?P<kind>\w+)/(?P<date>\w+)",
        "candlestick",
        _candlestick,
    ),
    _get(r"/(?P<pair>[a-z0-9]+_[a-z]+)/depth", "depth", _depth),
    _get(r"/(?P<pair>[a-z0-9]+_[a-z]+)/ticker", "ticker", _ticker),
    _get(
        r"/(?P<pair>[a-z0-9]+_[a-z]+)/transactions(?:/(?P<date>\w+))?",
        "transactions",
        _transactions,
    ),
    _get(
        r"/(?P<pair>[a-z0-9]+_[a-z]+)/circuit_break_info", "circuit_break_info", _circuit_break_info
    ),
    _get(r"/tickers(?:_jpy)?", "tickers", _tickers),
    _get(r"(?:/v1)?/spot/pairs", "pairs", limit_signed_read(_pairs)),
    _get(r"(?:/v1)?/spot/status", "status", limit_signed_read(_status)),
)
"""bitbank's unauthenticated endpoints. `/spot/pairs` also without `/v1`: ccxt asks so when its
addresses are overridden."""
