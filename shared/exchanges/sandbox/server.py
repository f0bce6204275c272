"""A bitbank that you can run at home: the REST protocol around a market, a clock, and faults.

`Sandbox.answer` is the whole exchange without HTTP; `serve` puts it on a port. Paths below
`/_sandbox/` are its own: clock, faults, counts of requests. bitbank's private endpoints answer as
they do without a key: code 20003.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from shared.core.errors import UserError
from shared.core.pair import BTC_JPY
from shared.exchanges.sandbox import control, public
from shared.exchanges.sandbox.faults import Faults
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.reply import Reply, failure_reply, plain_reply, success_reply
from shared.exchanges.sandbox.time_source import TimeSource
from shared.exchanges.sandbox.transport import RunningServer, serve

__all__ = ["PRIVATE", "PUBLIC", "Route", "RunningServer", "Sandbox", "serve"]

PAIR = BTC_JPY.name
ACCESS_KEY_NOT_FOUND = 20003


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as a route sees it. `named` holds the groups of the route's pattern."""

    now_ms: int
    named: Mapping[str, str]
    query: str
    body: bytes
    headers: Mapping[str, str]


Handler: TypeAlias = "Callable[[Sandbox, Call], Reply]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A method and a path pattern, the endpoint's name (for faults and counts) and what
    answers it.
    """

    method: str
    pattern: re.Pattern[str]
    endpoint: str
    handler: Handler


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
    ) -> None:
        """Serve `market` at `clock`'s time; `rules` is the pair's row of `/spot/pairs`,
        `spread_rate` a share of the price.
        """
        self.market = market
        self.clock = clock
        self.faults = faults if faults is not None else Faults()
        self.rules = dict(rules)
        self.spread_rate = spread_rate
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
            return self._own(method, path, body)
        now_ms = self.clock.now_ms()
        route, named = _find_route(method, path)
        endpoint = route.endpoint if route else ("private" if _is_private(path) else "unknown")
        with self._lock:
            self._requests[endpoint] += 1
        if route is None or named.get("pair", PAIR) != PAIR:
            reply = _unknown(path)
        else:
            at = now_ms - self.faults.earlier_ms(endpoint=endpoint, path=path, now_ms=now_ms)
            reply = route.handler(
                self, Call(now_ms=at, named=named, query=query, body=body, headers=headers or {})
            )
        return self.faults.apply_faults(reply, endpoint=endpoint, path=path, now_ms=now_ms)

    def requests(self) -> dict[str, int]:
        """How many requests each endpoint got, the sandbox's own endpoints apart."""
        with self._lock:
            return dict(self._requests)

    def forget_requests(self) -> None:
        """Count from zero again."""
        with self._lock:
            self._requests.clear()

    def _own(self, method: str, path: str, body: bytes) -> Reply:
        try:
            return control.answer_control(self, method, path, body)
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
    _get(r"(?:/v1)?/spot/pairs", "pairs", _pairs),
    _get(r"(?:/v1)?/spot/status", "status", _status),
)
"""bitbank's unauthenticated endpoints. `/spot/pairs` also without `/v1`: ccxt asks so when its
addresses are overridden."""

PRIVATE: tuple[Route, ...] = ()
"""bitbank's endpoints below `/v1/user/`: none, so each of them answers code 20003. Live trading
adds its routes here."""
