"""The private side against the sandbox: what arrives there is as documented, byte by byte, and what
it answers is understood, however it reads what is not documented.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from shared.core.reasons import Reason
from shared.core.types import Accepted, OrderIntent, OrderKind, Purpose, Rejected, Side, Unknown
from shared.exchanges.bitbank.codes import CancelFate
from shared.exchanges.bitbank.private_answers import ExchangeOrder
from shared.exchanges.bitbank.sending import SendResult, cancel_order, send_order
from shared.exchanges.bitbank.signed import SignedRest
from shared.exchanges.sandbox.faults import Fault
from shared.exchanges.sandbox.generate import generate
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.private.settings import READINGS, PrivateSettings, readings_from
from shared.exchanges.sandbox.server import Sandbox, serve
from shared.exchanges.sandbox.time_source import SteppedTime
from tests.support import signed_client
from tests.support.bitbank_api import table
from tests.support.fixed_clock import FixedClock
from tests.support.raw_exchange import account_reader, exchange_settings, unlimited

MINUTE = 60_000
START = int(datetime(2026, 1, 2, tzinfo=UTC).timestamp() * 1000)
NOW = START + 12 * 3_600_000
MARKET = SandboxMarket.from_minutes(generate(start_ms=START, days=1, seed=5))


class Trader:
    """A bot's private side on a sandbox of its own."""

    def __init__(self, sandbox: Sandbox, url: str, *, is_margin: bool) -> None:
        self.sandbox, self.clock, self.is_margin = sandbox, FixedClock(NOW), is_margin
        base = f"{url}/v1"
        self.rest = SignedRest(
            exchange_settings(base),
            self.clock,
            key=signed_client.KEY,
            secret=signed_client.SECRET,
            limits=unlimited(),
        )
        self.account = account_reader(self.rest, self.clock, base, is_margin=is_margin)
        self.numbers = Counter[str]()

    def move(self, seconds: float) -> None:
        at_ms = self.clock.now_ms() + round(seconds * 1000)
        self.sandbox.clock.advance_to(at_ms)
        self.clock.sleep_until(at_ms)

    def intent(self, purpose: Purpose, kind: OrderKind, lots: int, **more: Any) -> OrderIntent:
        self.numbers[purpose] += 1
        return OrderIntent(
            id=f"t~{purpose}{self.numbers[purpose]}",
            purpose=purpose,
            side=more.pop("side", Side.LONG),
            kind=kind,
            lots=lots,
            **more,
        )

    def send(self, purpose: Purpose, kind: OrderKind, lots: int, **more: Any) -> SendResult:
        return send_order(
            self.rest, self.account.prepare_order(self.intent(purpose, kind, lots, **more))
        )

    def accepted(self, purpose: Purpose, kind: OrderKind, lots: int, **more: Any) -> ExchangeOrder:
        result = self.send(purpose, kind, lots, **more)
        assert isinstance(result.outcome, Accepted), result
        assert result.order is not None
        return result.order

    def price(self) -> int:
        found = self.sandbox.answer("GET", "/btc_jpy/ticker")
        return int(json.loads(found.body)["data"]["last"])


Open = Callable[..., Trader]


@pytest.fixture
def open_trader() -> Iterator[Open]:
    with ExitStack() as stack:

        def make(*, is_margin: bool = True, **settings: Any) -> Trader:
            private = PrivateSettings(is_limited=False, **settings)
            sandbox = Sandbox(MARKET, SteppedTime(NOW), private=private)
            server = stack.enter_context(serve(sandbox))
            made = Trader(sandbox, server.url, is_margin=is_margin)
            stack.callback(made.rest.close)
            return made

        yield make


def live_through(trader: Trader) -> None:
    """A life of a position: entry at the market, stop, target, its end, and what is told of it."""
    price, lots = trader.price(), 20
    resting = trader.accepted(
        Purpose.ENTRY, OrderKind.LIMIT, lots, price=price - 200_000, post_only=True
    )
    assert (resting.status, resting.post_only, resting.lots) == ("UNFILLED", True, lots)
    assert [one.order_id for one in trader.account.read_resting()] == [resting.order_id]
    canceled = cancel_order(trader.rest, resting.order_id, pair="btc_jpy")
    assert canceled.fate in {CancelFate.CANCELED, CancelFate.ASKED}
    again = cancel_order(trader.rest, resting.order_id, pair="btc_jpy")
    assert again.fate is CancelFate.WAS_CANCELED
    trader.move(1)
    entry = trader.accepted(Purpose.ENTRY, OrderKind.MARKET, lots)
    trader.move(20)
    assert trader.account.read_order(entry.order_id).status == "FULLY_FILLED"
    gone = cancel_order(trader.rest, entry.order_id, pair="btc_jpy")
    assert gone.fate is CancelFate.WAS_FILLED
    stop = trader.accepted(Purpose.STOP, OrderKind.STOP, lots, trigger_price=price - 300_000)
    assert (stop.status, stop.trigger_price, stop.price) == ("INACTIVE", price - 300_000, None)
    if trader.is_margin:
        positions = trader.account.read_positions()
        assert (positions.long.lots, positions.short.lots) == (lots, 0)
        assert trader.account.read_margin().status == "NORMAL"
        target = trader.accepted(
            Purpose.TARGET, OrderKind.LIMIT, lots, price=price + 300_000, post_only=True
        )
        assert target.position_side is Side.LONG
        found = trader.account.read_orders([entry.order_id, stop.order_id, target.order_id, 1])
        assert [one.order_id for one in found.orders] == sorted(
            [entry.order_id, stop.order_id, target.order_id]
        )
        assert found.missing == {1}
        assert cancel_order(trader.rest, target.order_id, pair="btc_jpy").order is not None
    assert cancel_order(trader.rest, stop.order_id, pair="btc_jpy").order is not None
    trader.move(60)
    close = trader.accepted(Purpose.CLOSE, OrderKind.MARKET, lots)
    trader.move(60)
    trades = trader.account.read_trades(NOW)
    assert [one.order_id for one in trades] == [entry.order_id, close.order_id]
    assert [one.is_buy for one in trades] == [True, False]
    assert all(one.lots == lots and not one.is_maker for one in trades)
    if trader.is_margin:
        assert trader.account.read_positions().long.lots == 0
        interest = trades[-1].interest_jpy
        assert interest is not None
        assert interest >= 0
    balances = trader.account.read_balances()
    assert balances.jpy.locked == 0
    assert Decimal(990_000) < balances.jpy.onhand < Decimal(1_010_000)


@pytest.mark.parametrize("is_margin", [True, False])
def test_each_request_arrives_as_documented(open_trader: Open, is_margin: bool) -> None:
    trader = open_trader(is_margin=is_margin)
    live_through(trader)
    log = trader.sandbox.private.log
    bodies = [one.body for one in log if one.target == "/v1/user/spot/order" and one.body]
    price = json.loads(bodies[0])["price"]
    side = b'"position_side":"long",' if is_margin else b""
    opening = b'{"pair":"btc_jpy","amount":"0.0020","side":"buy",' + side
    closing = b'{"pair":"btc_jpy","amount":"0.0020","side":"sell",' + side
    trigger = str(int(price) - 100_000).encode()
    expected = [
        opening + b'"type":"limit","price":"' + price.encode() + b'","post_only":true}',
        opening + b'"type":"market"}',
        closing + b'"type":"stop","trigger_price":"' + trigger + b'"}',
        closing + b'"type":"market"}',
    ]
    if is_margin:
        target = str(int(price) + 500_000).encode()
        expected.insert(3, closing + b'"type":"limit","price":"' + target + b'","post_only":true}')
    assert bodies == expected
    assert len(log) > 20
    for one in log:
        assert table.request_problems(one.method, one.target, one.body) == [], one
        sent = {name.lower(): value for name, value in one.headers.items()}
        payload = one.body if one.method == "POST" else one.target.encode()
        prefix = sent["access-request-time"] + sent["access-time-window"]
        signed = signed_client.signature(signed_client.SECRET, prefix, payload)
        assert sent["access-signature"] == signed
        assert "access-nonce" not in sent
    assert {one.code for one in log} == {None, 50_026, 50_027}


OTHER_READINGS = [
    (name, choice) for name, (choices, _) in READINGS.items() for choice in choices[1:]
]


@pytest.mark.parametrize(("name", "choice"), OTHER_READINGS)
def test_what_is_not_documented_may_be_read_in_any_way(
    open_trader: Open, name: str, choice: str
) -> None:
    readings = readings_from({name: choice})
    if (name, choice) == ("closes", "together"):
        trader = open_trader(readings=readings, is_margin=False)
    else:
        trader = open_trader(readings=readings)
    live_through(trader)


def test_a_request_of_before_is_refused_for_certain(open_trader: Open) -> None:
    trader = open_trader()
    prepared = trader.account.prepare_order(trader.intent(Purpose.ENTRY, OrderKind.MARKET, 1))
    trader.sandbox.clock.advance_to(NOW + 5_001)  # this machine's clock stands still
    result = send_order(trader.rest, prepared)
    assert result.outcome == Rejected(
        reason=Reason.CLOCK_SKEW,
        context={"code": "20035", "said": "the request arrived after its window"},
    )


@pytest.mark.parametrize(
    "name",
    [
        *("reset", "html", "empty", "truncated", "null", "list", "empty-data", "short-body"),
        *("http-502", "rate-limit", "http-500-json", "http-503-json", "maintenance"),
    ],
)
def test_an_order_whose_answer_is_lost_is_unknown_and_there(open_trader: Open, name: str) -> None:
    trader = open_trader()
    price = trader.price() - 200_000
    trader.sandbox.faults.add(Fault(name=name, path="/v1/user/spot/order", times=1))
    prepared = trader.account.prepare_order(
        trader.intent(Purpose.ENTRY, OrderKind.LIMIT, 7, price=price, post_only=True)
    )
    result = send_order(trader.rest, prepared)
    assert isinstance(result.outcome, Unknown)
    (resting,) = trader.account.read_resting()
    assert resting.order_id > prepared.before.newest_order_id
    assert (resting.lots, resting.price, resting.is_buy) == (7, price, True)
    assert prepared.at_ms - 2_000 <= resting.ordered_at <= prepared.at_ms + prepared.window_ms
    assert Counter(one.endpoint for one in trader.sandbox.private.log)["order"] == 1


def test_a_stop_whose_trigger_is_passed_is_refused(open_trader: Open) -> None:
    trader = open_trader()
    trader.accepted(Purpose.ENTRY, OrderKind.MARKET, 10)
    trader.move(20)
    result = trader.send(Purpose.STOP, OrderKind.STOP, 10, trigger_price=trader.price() + 300_000)
    assert isinstance(result.outcome, Rejected)
    assert result.outcome.context["code"] == "60018"
    too_much = trader.send(Purpose.CLOSE, OrderKind.MARKET, 11)
    assert isinstance(too_much.outcome, Rejected)
    assert too_much.outcome.context["code"] == "50062"
    no_money = trader.send(Purpose.ENTRY, OrderKind.MARKET, 90_000)
    assert isinstance(no_money.outcome, Rejected)
    assert no_money.outcome.reason in {Reason.MARGIN_INSUFFICIENT, Reason.REJECTED_BY_EXCHANGE}
