"""The private side over sockets: what is sent byte by byte, that it is sent once whatever becomes
of it, and what each end of a request is taken for.
"""

import dataclasses
import json
import logging
import socket
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from shared.core.errors import BadData, BotError, NotThere, RateLimited, Unavailable
from shared.core.reasons import Reason
from shared.core.types import Accepted, OrderIntent, OrderKind, Purpose, Rejected, Side, Unknown
from shared.exchanges.bitbank.account import PAGE, AccountReader
from shared.exchanges.bitbank.bodies import CountedAs, SignedRequest, order_request, query_request
from shared.exchanges.bitbank.codes import CancelFate
from shared.exchanges.bitbank.envelope import CarriedAnswer, read_envelope
from shared.exchanges.bitbank.errors import NoAnswer, NotSent, Refused
from shared.exchanges.bitbank.http import PublicRest
from shared.exchanges.bitbank.pace import AccountPace
from shared.exchanges.bitbank.sending import PreparedOrder, cancel_order, send_order
from shared.exchanges.bitbank.signed import SignedRest
from tests.support.bitbank_api import table
from tests.support.fixed_clock import FixedClock
from tests.support.made_before import made_before
from tests.support.raw_exchange import (
    KEY,
    SECRET,
    Act,
    RawExchange,
    RawRequest,
    account_reader,
    drip,
    envelope,
    exchange_settings,
    hang_up,
    raw_exchange,
    refuse,
    reply,
    reset,
    send_raw,
    signed_rest,
    stall,
    unlimited,
)

T = 1_790_000_000_000
PAIR = "btc_jpy"
ENTRY = OrderIntent(
    id="t1~e1",
    purpose=Purpose.ENTRY,
    side=Side.LONG,
    kind=OrderKind.LIMIT,
    lots=12,
    price=9_800_000,
    post_only=True,
)
ENTRY_BODY = (
    b'{"pair":"btc_jpy","amount":"0.0012","side":"buy","position_side":"long","type":"limit",'
    b'"price":"9800000","post_only":true}'
)
TOLD: dict[str, Any] = {
    "order_id": 57_514_399_651,
    "pair": PAIR,
    "side": "buy",
    "position_side": "long",
    "type": "limit",
    "start_amount": "0.0012",
    "remaining_amount": "0.0012",
    "executed_amount": "0.0000",
    "price": "9800000",
    "post_only": True,
    "user_cancelable": True,
    "average_price": "0",
    "ordered_at": T + 40,
    "expire_at": T + 15_552_000_000,
    "status": "UNFILLED",
}
ACCEPT = reply(envelope(TOLD))


class Bot:
    """A signed client of a raw exchange, whose answers are set by path."""

    def __init__(self, exchange: RawExchange, clock: FixedClock) -> None:
        self.exchange, self.clock = exchange, clock
        self.rest = signed_rest(exchange.url, clock, timeout_seconds="1.5")
        self.account = account_reader(self.rest, clock, exchange.url)

    def prepared(self, intent: OrderIntent = ENTRY, **known: int) -> PreparedOrder:
        return self.account.prepare_order(intent, before=made_before(**known))


class Answers:
    """What the exchange does, by path; what is left out is accepted."""

    def __init__(self) -> None:
        self.by_path: dict[str, Act | list[Act]] = {}

    def __call__(self, request: RawRequest) -> Act:
        path = request.target.partition("?")[0].removeprefix("/v1/user/")
        act = self.by_path.get(path, ACCEPT)
        return act if callable(act) else act.pop(0) if len(act) > 1 else act[0]


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def bot(answers: Answers) -> Iterator[Bot]:
    with raw_exchange(answers) as exchange:
        made = Bot(exchange, FixedClock(T))
        yield made
        made.rest.close()


# signatures and bytes


VECTOR_BODY = '{"pair": "xrp_jpy", "price": "20", "amount": "1","side": "buy", "type": "limit"}'
VECTORS = [
    (
        "timeWindow",
        query_request("user/assets"),
        "9ec5745960d05573c8fb047cdd9191bd0c6ede26f07700bb40ecf1a3920abae8",
    ),
    (
        "timeWindow",
        order_request(VECTOR_BODY),
        "7868665738ae3f8a796224e0413c1351ddd7ec2af121db12815c0a5b74b8764c",
    ),
    (
        "nonce",
        query_request("user/assets"),
        "f957817b95c3af6cf5e2e9dfe1503ea8088f46879d4ab73051467fd7b94f1aba",
    ),
    (
        "nonce",
        order_request(VECTOR_BODY),
        "8ef83c2b991765b18c95aade7678471747c06890a23a453c76238345b5c86fb8",
    ),
]


@pytest.mark.parametrize(("mode", "request_", "signature"), VECTORS)
def test_the_documented_signatures_come_out(
    mode: str, request_: SignedRequest, signature: str
) -> None:
    at = 1_721_121_776_490
    with raw_exchange(lambda _: ACCEPT) as exchange:
        rest = SignedRest(
            exchange_settings(exchange.url),
            FixedClock(at),
            key="key",
            secret="hoge",
            limits=unlimited(),
        )
        rest._ready().options["authMethod"] = mode  # the bot itself signs with a window only
        rest.carry(request_, at_ms=at, window_ms=1_000)
        rest.close()
        (sent,) = exchange.requests
    assert sent.headers["access-signature"] == signature
    assert sent.headers["access-key"] == "key"
    assert sent.body.decode() == (request_.body or "")
    if mode == "timeWindow":
        assert sent.headers["access-request-time"] == str(at)
        assert sent.headers["access-time-window"] == "1000"


def test_an_order_leaves_as_it_was_prepared_and_signed_with_its_own_time(bot: Bot) -> None:
    prepared = bot.prepared()
    bot.clock.sleep_until(T + 2_500)
    result = send_order(bot.rest, prepared)
    (sent,) = bot.exchange.requests
    assert sent.body == prepared.body.encode() == ENTRY_BODY
    assert (sent.method, sent.target) == ("POST", "/v1/user/spot/order")
    assert sent.headers["access-request-time"] == str(T) == str(prepared.at_ms)
    assert sent.headers["access-time-window"] == "5000" == str(prepared.window_ms)
    assert sent.headers["content-type"] == "application/json"
    assert table.request_problems(sent.method, sent.target, sent.body) == []
    assert isinstance(result.outcome, Accepted)
    order = result.outcome.order
    assert (order.order_id, order.remaining_lots, order.placed_at) == (57_514_399_651, 12, T + 40)
    assert order.intent == ENTRY


# sent once, whatever becomes of it


CUT = send_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + envelope(TOLD)[:80])
JUST_HALF = send_raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + envelope(TOLD)[:80])
ENDS: dict[str, tuple[Act, type]] = {
    "a whole answer": (ACCEPT, Accepted),
    "reset after the request": (reset, Unknown),
    "hung up after the request": (hang_up, Unknown),
    "an answer that is cut": (CUT, Unknown),
    "an answer that is cut and does not show it": (JUST_HALF, Unknown),
    "no HTTP": (send_raw(b"what?\r\n\r\n"), Unknown),
    "an answer that never comes": (
        stall,
        Unknown,
    ),
    "a body byte by byte": (
        drip(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b" " * 9_000,
            pause=0.05,
            for_seconds=5.0,
        ),
        Unknown,
    ),
    "headers byte by byte": (
        drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 9_000, pause=0.05, for_seconds=5.0),
        Unknown,
    ),
    "401 with its code": (refuse(20_001, status=401), Rejected),
    "401 without one": (reply(b"", status=401), Unknown),
    "429 with its code": (refuse(10_009, status=429), Unknown),
    "429 without one": (reply(b"slow down", status=429, headers=("Retry-After: 3",)), Unknown),
    "500": (reply(b"<html>", status=500), Unknown),
    "502": (reply(b"<html>", status=502), Unknown),
    "503 with a code that is unclear": (refuse(10_005, status=503), Unknown),
    "504": (reply(b"", status=504), Unknown),
    "a success with HTTP 500": (reply(envelope(TOLD), status=500), Unknown),
    "200 with HTML": (reply(b"<html>"), Unknown),
    "200 with nothing": (reply(b""), Unknown),
    "200 with no order": (reply(envelope({})), Unknown),
    "gzip that is none": (reply(b"no gzip", headers=("Content-Encoding: gzip",)), Unknown),
}


@pytest.mark.parametrize("name", ENDS)
def test_an_order_is_sent_once_however_it_ends(bot: Bot, answers: Answers, name: str) -> None:
    act, expected = ENDS[name]
    answers.by_path["spot/order"] = act
    began = time.monotonic()
    result = send_order(bot.rest, bot.prepared())
    assert time.monotonic() - began < 2.5  # the time-out is 0.4 s in all, not from byte to byte
    assert isinstance(result.outcome, expected), result
    assert [one.body for one in bot.exchange.requests] == [ENTRY_BODY]
    time.sleep(0.02)
    assert len(bot.exchange.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(bot: Bot, answers: Answers, status: int) -> None:
    with raw_exchange(lambda _: ACCEPT) as elsewhere:
        answers.by_path["spot/order"] = reply(
            b"", status=status, headers=(f"Location: {elsewhere.url}/user/spot/order",)
        )
        answers.by_path["assets"] = answers.by_path["spot/order"]
        assert isinstance(send_order(bot.rest, bot.prepared()).outcome, Unknown)
        with pytest.raises(NoAnswer):
            bot.account.read_balances()
        assert elsewhere.requests == []
    assert len(bot.exchange.posts()) == 1


def test_a_refused_connection_is_a_certain_no() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    clock = FixedClock(T)
    rest = signed_rest(f"http://127.0.0.1:{port}/v1", clock)
    account = account_reader(rest, clock, f"http://127.0.0.1:{port}/v1")
    outcome = send_order(rest, account.prepare_order(ENTRY, before=made_before())).outcome
    assert isinstance(outcome, Rejected)
    assert "was not sent" in outcome.context["found"]
    assert cancel_order(rest, 5, pair=PAIR).fate is CancelFate.REFUSED
    with pytest.raises(NotSent):
        account.read_balances()
    assert rest.requests == 2 + 3  # readings are tried three times, orders and cancels once


def test_a_name_without_address_is_a_certain_no() -> None:
    clock = FixedClock(T)
    rest = signed_rest("http://nowhere.invalid/v1", clock)
    account = account_reader(rest, clock, "http://nowhere.invalid/v1")
    outcome = send_order(rest, account.prepare_order(ENTRY, before=made_before())).outcome
    assert isinstance(outcome, Rejected)


def test_a_connection_that_breaks_before_the_request_is_read_is_no_order(bot: Bot) -> None:
    bot.exchange.at_accept = reset
    seen = Counter[str]()
    for _ in range(40):
        outcome = send_order(bot.rest, bot.prepared()).outcome
        seen[type(outcome).__name__] += 1
        if isinstance(outcome, Rejected):  # it broke while it was opened
            assert outcome.context["found"].endswith("was not sent")
    assert seen["Rejected"] + seen["Unknown"] == 40
    assert bot.exchange.requests == []
    assert bot.exchange.connections == 40


def test_a_kept_connection_that_the_exchange_has_closed_loses_no_order(
    bot: Bot, answers: Answers
) -> None:
    def answer_and_close(connection: socket.socket, request: RawRequest) -> bool:
        reply(envelope({"orders": []}))(connection, request)
        return False

    answers.by_path["spot/active_orders"] = answer_and_close
    seen = Counter[str]()
    for number in range(40):
        bot.account.read_resting()
        if number % 2:
            time.sleep(0.002)  # before or after the end has arrived here
        before = len(bot.exchange.posts())
        seen[type(send_order(bot.rest, bot.prepared()).outcome).__name__] += 1
        assert len(bot.exchange.posts()) == before + 1
    assert seen == {"Accepted": 40}
    # and a kept one that still stands is not used for an order either
    answers.by_path["spot/active_orders"] = reply(envelope({"orders": []}))
    bot.account.read_resting()
    before = bot.exchange.connections
    send_order(bot.rest, bot.prepared())
    assert bot.exchange.connections == before + 1


def test_neither_proxies_nor_netrc_of_the_machine_are_used(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n", encoding="utf-8")
    with raw_exchange(lambda _: ACCEPT) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NETRC", str(netrc))
        assert isinstance(send_order(bot.rest, bot.prepared()).outcome, Accepted)
        assert proxy.connections == 0
    assert "authorization" not in bot.exchange.requests[0].headers


def test_a_reading_by_post_is_not_repeated_either_and_its_orders_are_asked_for_one_by_one(
    bot: Bot, answers: Answers
) -> None:
    answers.by_path["spot/orders_info"] = refuse(10_008)
    answers.by_path["spot/order"] = refuse(50_009)
    found = bot.account.read_orders([1, 2])
    assert (found.orders, found.missing) == ((), {1, 2})
    assert [one.method for one in bot.exchange.requests] == ["POST", "GET", "GET"]
    answers.by_path["spot/order"] = refuse(10_008)
    with pytest.raises(Refused):
        bot.account.read_orders([1, 2])
    assert [one.method for one in bot.exchange.requests[3:]] == ["POST", "GET", "GET", "GET"]
    answers.by_path["assets"] = refuse(10_008)
    with pytest.raises(Refused):
        bot.account.read_balances()
    assert len(bot.exchange.requests) == 3 + 4 + 3
    answers.by_path["spot/orders_info"] = refuse(20_005)
    with pytest.raises(Refused):
        bot.account.read_orders([1, 2])
    assert len(bot.exchange.requests) == 3 + 4 + 3 + 1


# time


def test_what_would_arrive_after_its_window_is_not_sent(bot: Bot) -> None:
    prepared = bot.prepared()
    bot.clock.sleep_until(T + 4_000)
    assert isinstance(send_order(bot.rest, prepared).outcome, Accepted)
    bot.clock.sleep_until(T + 4_001)
    outcome = send_order(bot.rest, prepared).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.DEADLINE_NEAR
    assert len(bot.exchange.requests) == 1


class OwnTime:
    """A monotonic clock that sleeping moves, and with it the wall clock."""

    def __init__(self) -> None:
        self.now = 50.0
        self.clock = FixedClock(T)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.clock.sleep_until(self.clock.now_ms() + round(seconds * 1000))


@pytest.fixture
def paced(answers: Answers) -> Iterator[tuple[Bot, OwnTime]]:
    own = OwnTime()
    with raw_exchange(answers) as exchange:
        made = Bot(exchange, own.clock)
        limits = AccountPace(monotonic=own.monotonic, sleep=own.sleep)
        made.rest = SignedRest(
            exchange_settings(exchange.url),
            own.clock,
            key=KEY,
            secret=SECRET,
            limits=limits,
            monotonic=own.monotonic,
        )
        yield made, own
        made.rest.close()


def most_in_a_second(times: list[float]) -> int:
    return max(sum(1 for other in times if one <= other < one + 1.0) for one in times)


def test_queries_and_updates_have_limits_of_their_own(paced: tuple[Bot, OwnTime]) -> None:
    bot, own = paced
    times: dict[CountedAs, list[float]] = {CountedAs.QUERY: [], CountedAs.UPDATE: []}
    for number in range(60):
        query = query_request("user/assets")
        own.now += 0.001
        bot.rest.carry(query)
        times[query.counted_as].append(own.now)
        if number % 3 == 0:
            order = order_request("{}")
            bot.rest.carry(order)
            times[order.counted_as].append(own.now)
    assert 5 <= most_in_a_second(times[CountedAs.QUERY]) <= 10
    assert 3 <= most_in_a_second(times[CountedAs.UPDATE]) <= 6
    assert len(bot.exchange.requests) == 80
    # one of them used up leaves the other as it was
    own.now += 10.0
    for _ in range(5):
        bot.rest.carry(query_request("user/assets"))
    before = own.now
    bot.rest.carry(order_request("{}"))
    assert own.now == before
    bot.rest.carry(query_request("user/assets"))
    assert own.now == pytest.approx(before + 0.2)


def test_what_is_read_unsigned_of_the_private_host_counts_as_a_query_too(
    paced: tuple[Bot, OwnTime],
) -> None:
    bot, own = paced
    limits = bot.rest._limits
    public = PublicRest(
        exchange_settings(bot.exchange.url), own.clock, jitter=lambda: 0.0, limits=limits
    )
    for _ in range(4):
        public.read("markets", "spot/status", lambda data: data)
    public.read("public", "{pair}/depth", lambda data: data, {"pair": PAIR})
    bot.rest.carry(query_request("user/assets"))
    assert limits.updates.seconds_left() == 0.0
    before = own.now
    bot.rest.carry(query_request("user/assets"))
    assert own.now == pytest.approx(before + 0.2)
    public.close()


def test_an_order_whose_turn_comes_too_late_is_not_sent(
    paced: tuple[Bot, OwnTime], answers: Answers
) -> None:
    bot, own = paced
    answers.by_path["spot/order"] = [
        reply(b"", status=429, headers=("Retry-After: 4.5",)),
        ACCEPT,
    ]
    assert isinstance(send_order(bot.rest, bot.prepared()).outcome, Unknown)
    waiting = bot.prepared()
    before = own.now
    outcome = send_order(bot.rest, waiting).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.DEADLINE_NEAR
    assert own.now == before, "it does not even wait"
    assert len(bot.exchange.requests) == 1
    own.sleep(1.0)
    assert isinstance(send_order(bot.rest, bot.prepared()).outcome, Accepted)
    assert own.now == pytest.approx(before + 4.5)


def test_a_long_request_for_patience_is_not_waited_for(
    paced: tuple[Bot, OwnTime], answers: Answers
) -> None:
    bot, own = paced
    answers.by_path["assets"] = reply(b"", status=429, headers=("Retry-After: 3600",))
    bot.rest.carry(query_request("user/assets"))
    before = own.now
    with pytest.raises(NotSent):
        bot.rest.carry(query_request("user/assets"))
    assert own.now == before
    own.now += 61.0
    bot.rest.carry(query_request("user/assets"))


def test_nothing_waits_past_the_deadline(paced: tuple[Bot, OwnTime], answers: Answers) -> None:
    bot, own = paced
    bot.rest.begin(deadline=own.now + 0.1)
    for _ in range(5):
        bot.rest.carry(query_request("user/assets"))
    with pytest.raises(NotSent):  # its turn would come after it
        bot.rest.carry(query_request("user/assets"))
    own.now += 0.1
    outcome = send_order(bot.rest, bot.prepared()).outcome
    assert isinstance(outcome, Rejected)
    assert len(bot.exchange.requests) == 5
    bot.rest.begin()
    assert isinstance(send_order(bot.rest, bot.prepared()).outcome, Accepted)


def test_a_request_takes_no_longer_than_the_deadline(bot: Bot, answers: Answers) -> None:
    answers.by_path["assets"] = stall
    began = time.monotonic()
    bot.rest.begin(deadline=began + 0.15)
    with pytest.raises(Unavailable):
        bot.account.read_balances()
    assert time.monotonic() - began < 2.5


# every code on every kind of call


def test_every_code_means_on_every_call_what_the_table_says(bot: Bot, answers: Answers) -> None:
    codes = [*table.read_codes(), 50_088, 99_999, 0, -1]
    assert len(codes) > 180
    answers.by_path = dict.fromkeys(
        ("spot/order", "spot/cancel_order", "spot/orders_info", "assets"), refuse(0)
    )
    single = account_reader(bot.rest, bot.clock, bot.exchange.url, read_attempts="1")
    counts = Counter[str]()
    for code in codes:
        answers.by_path = dict.fromkeys(answers.by_path, refuse(code, status=200))
        outcome = send_order(bot.rest, bot.prepared()).outcome
        assert isinstance(outcome, Rejected if table.is_refused_for_certain(code) else Unknown)
        assert outcome.context["code"] == str(code)
        counts[f"order {type(outcome).__name__}"] += 1
        fate = cancel_order(bot.rest, 5, pair=PAIR).fate
        assert fate is expected_fate(code), code
        counts[f"cancel {fate}"] += 1
        for reading in (single.read_balances, lambda: single.read_orders([5])):
            with pytest.raises(BotError) as caught:
                reading()
            assert isinstance(caught.value, expected_error(code)), code
            counts[f"read {type(caught.value).__name__}"] += 1
    assert counts["order Rejected"] > 140
    assert counts["order Unknown"] > 15
    assert counts["cancel was_canceled"] == counts["cancel was_filled"] == 1
    assert counts["read NotThere"] == counts["read RateLimited"] == 2
    one_by_one = sum("/spot/order?" in one.target for one in bot.exchange.requests)
    assert one_by_one == 10  # where asking again may help, the orders are asked for by GET
    assert len(bot.exchange.requests) == 4 * len(codes) + one_by_one


def expected_fate(code: int) -> CancelFate:
    special = {
        50_026: CancelFate.WAS_CANCELED,
        50_027: CancelFate.WAS_FILLED,
        70_019: CancelFate.ASKED,
        50_009: CancelFate.LOOK,
        50_010: CancelFate.LOOK,
    }
    if code in special:
        return special[code]
    return CancelFate.REFUSED if table.is_refused_for_certain(code) else CancelFate.UNKNOWN


def expected_error(code: int) -> type[BotError]:
    return {50_009: NotThere, 10_009: RateLimited}.get(code, Refused)


# what a cancel says


@pytest.mark.parametrize(
    ("status", "executed", "fate"),
    [
        ("CANCELED_UNFILLED", 0, CancelFate.CANCELED),
        ("CANCELED_PARTIALLY_FILLED", 5, CancelFate.CANCELED),
        ("UNFILLED", 0, CancelFate.ASKED),
        ("PARTIALLY_FILLED", 5, CancelFate.ASKED),
        ("INACTIVE", 0, CancelFate.ASKED),
        ("FULLY_FILLED", 12, CancelFate.WAS_FILLED),
        ("REJECTED", 0, CancelFate.LOOK),
        ("EXPIRED", 0, CancelFate.LOOK),
    ],
)
def test_a_cancel_is_no_more_than_asked_for_until_the_order_says_that_it_ended(
    bot: Bot, answers: Answers, status: str, executed: int, fate: CancelFate
) -> None:
    told = TOLD | {
        "status": status,
        "executed_amount": f"0.{executed:04d}",
        "remaining_amount": f"0.{12 - executed:04d}",
        "average_price": "9800000" if executed else "0",
    }
    answers.by_path["spot/cancel_order"] = reply(envelope(told))
    result = cancel_order(bot.rest, TOLD["order_id"], pair=PAIR, at_ms=T - 1_000)
    assert result.fate is fate
    assert result.order is not None
    (sent,) = bot.exchange.requests
    assert sent.body == b'{"pair":"btc_jpy","order_id":57514399651}'
    assert sent.headers["access-request-time"] == str(T - 1_000)
    assert table.request_problems(sent.method, sent.target, sent.body) == []


def test_a_fired_stop_that_is_told_cancelled_and_unfilled_must_be_looked_at(
    bot: Bot, answers: Answers
) -> None:
    stop = TOLD | {
        "type": "stop",
        "side": "sell",
        "price": None,
        "trigger_price": "9700000",
        "status": "CANCELED_UNFILLED",
    }
    for more, fate in (
        ({"triggered_at": T + 20}, CancelFate.LOOK),
        ({"triggered_at": None}, CancelFate.CANCELED),
        ({}, CancelFate.CANCELED),
    ):
        answers.by_path["spot/cancel_order"] = reply(envelope(stop | more))
        assert cancel_order(bot.rest, TOLD["order_id"], pair=PAIR).fate is fate


def test_the_answer_to_a_cancel_of_another_order_says_nothing(bot: Bot) -> None:
    assert cancel_order(bot.rest, 5, pair=PAIR).fate is CancelFate.UNKNOWN


# which order an answer is of


@pytest.mark.parametrize(
    "change",
    [
        {"side": "sell"},
        {"position_side": "short"},
        {"position_side": None},
        {"type": "market"},
        {"start_amount": "0.0013", "remaining_amount": "0.0013"},
        {"price": "9800001"},
        {"pair": "xrp_jpy"},
        {"executed_amount": "0.0005", "remaining_amount": "0.0007"},
        {"status": "PARTIALLY_FILLED"},
        {"status": "CANCELED_PARTIALLY_FILLED"},
        {"status": "FULLY_FILLED", "executed_amount": "0.0012", "remaining_amount": "0"},
        {"ordered_at": T - 2_001},
        {"ordered_at": T + 5_000 + 2_001},
        {"ordered_at": 253_402_300_799_999},
        {"order_id": 1_000},
        {"status": "REJECTED", "executed_amount": "0.0001", "remaining_amount": "0.0011"},
    ],
)
def test_the_answer_with_another_order_leaves_ours_unknown(
    bot: Bot, answers: Answers, change: dict[str, Any]
) -> None:
    answers.by_path["spot/order"] = reply(envelope(TOLD | change))
    result = send_order(bot.rest, bot.prepared(newest_order_id=1_000))
    assert isinstance(result.outcome, Unknown), change


@pytest.mark.parametrize("ordered_post_only", [True, False])
def test_an_order_that_is_told_as_post_only_is_ours_where_it_was_sent_so(
    bot: Bot, answers: Answers, ordered_post_only: bool
) -> None:
    intent = dataclasses.replace(ENTRY, post_only=ordered_post_only)
    for told, expected in ((True, Accepted if ordered_post_only else Unknown), (False, Accepted)):
        answers.by_path["spot/order"] = reply(envelope(TOLD | {"post_only": told}))
        assert isinstance(send_order(bot.rest, bot.prepared(intent)).outcome, expected)


@pytest.mark.parametrize("ordered_at", [T - 2_000, T + 5_000 + 2_000])
def test_an_order_may_be_dated_as_far_off_as_the_clocks_are_apart(
    bot: Bot, answers: Answers, ordered_at: int
) -> None:
    answers.by_path["spot/order"] = reply(envelope(TOLD | {"ordered_at": ordered_at}))
    assert isinstance(send_order(bot.rest, bot.prepared()).outcome, Accepted)


def test_an_order_that_came_back_rejected_is_a_certain_no(bot: Bot, answers: Answers) -> None:
    answers.by_path["spot/order"] = reply(envelope(TOLD | {"status": "REJECTED"}))
    outcome = send_order(bot.rest, bot.prepared()).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.REJECTED_BY_EXCHANGE


# readings


def trade(number: int, at: int) -> dict[str, Any]:
    return {
        "trade_id": number,
        "pair": PAIR,
        "order_id": 3_000_000_000 + number,
        "side": "sell",
        "position_side": "long",
        "type": "limit",
        "amount": "0.0010",
        "price": "15000000",
        "maker_taker": "maker",
        "fee_amount_base": "0",
        "fee_amount_quote": "-0.5000",
        "profit_loss": "1000.0000",
        "interest": "-5.0000",
        "executed_at": at,
    }


class History:
    """Executions as the exchange lists them; `unit_ms` is what it takes `end` for, `most` how many
    rows it gives at most, and a page `has_doubles` where its last row stands twice.
    """

    def __init__(
        self,
        trades: list[dict[str, Any]],
        *,
        unit_ms: int = 1,
        most: int = 1_000,
        has_doubles: bool = False,
    ) -> None:
        self.trades, self.unit_ms = trades, unit_ms
        self.most, self.has_doubles = most, has_doubles

    def __call__(self, connection: socket.socket, request: RawRequest) -> bool:
        query = dict(part.split("=") for part in request.target.partition("?")[2].split("&"))
        end = int(query.get("end", 10**15)) * self.unit_ms
        newest = sorted(self.trades, key=lambda one: -one["executed_at"])
        most = min(int(query["count"]), self.most)
        rows = [one for one in newest if one["executed_at"] <= end][:most]
        if self.has_doubles and len(rows) == most:
            rows = [*rows[:-1], rows[-2]]
        return reply(envelope({"trades": rows}))(connection, request)


def test_trades_come_oldest_first_over_all_pages_and_none_is_missing(
    bot: Bot, answers: Answers
) -> None:
    made = [trade(number, T - 1_000 * (number // 3)) for number in range(1, 1_000)]
    answers.by_path["spot/trade_history"] = History(made)
    since = T - 200_000
    found = bot.account.read_trades(since)
    wanted = sorted(
        (one["executed_at"], one["trade_id"]) for one in made if one["executed_at"] >= since
    )
    assert [(one.executed_at, one.trade_id) for one in found] == wanted
    assert len(found) > 5 * PAGE
    for sent in bot.exchange.requests:
        assert table.request_problems(sent.method, sent.target, sent.body) == []
    assert bot.account.newest_order_id >= max(one.order_id for one in found)
    one = found[-1]
    assert (one.fee_jpy, one.profit_jpy, one.interest_jpy, one.fee_occurred_jpy) == (
        Decimal("-0.5"),
        Decimal(1000),
        Decimal(5),
        None,
    )


def test_a_time_long_past_is_read_from_its_end_and_nothing_of_it_is_missing(
    bot: Bot, answers: Answers
) -> None:
    made = [trade(number, T - 1_000 * (number // 3)) for number in range(1, 1_000)]
    answers.by_path["spot/trade_history"] = History(made)
    since, until = T - 250_000, T - 150_000
    found = bot.account.read_trades(since, until_ms=until)
    wanted = sorted(
        (one["executed_at"], one["trade_id"]) for one in made if since <= one["executed_at"] < until
    )
    assert [(one.executed_at, one.trade_id) for one in found] == wanted
    assert len(found) == 300
    assert len(bot.exchange.requests) <= 7, "it does not begin with today"
    for sent in bot.exchange.requests:
        assert table.request_problems(sent.method, sent.target, sent.body) == []
    with pytest.raises(BadData, match="too many pages"):
        bot.account.read_trades(since, until_ms=until, most_pages=2)
    answers.by_path["spot/trade_history"] = History(made, unit_ms=1000)
    with pytest.raises(BadData, match="nothing older"):
        bot.account.read_trades(since, until_ms=until)


@pytest.mark.parametrize("odd", [{"most": 60}, {"most": 7}, {"has_doubles": True}])
def test_no_execution_is_lost_where_pages_are_small_or_tell_a_row_twice(
    bot: Bot, answers: Answers, odd: dict[str, Any]
) -> None:
    made = [trade(number, T - 1_000 * number) for number in range(1, 251)]
    answers.by_path["spot/trade_history"] = History(made, **odd)
    assert len(bot.account.read_trades(T - 1_000_000)) == 250
    assert len(bot.account.read_trades(T - 180_000)) == 180


def test_a_moment_with_more_executions_than_a_small_page_has_is_not_skipped(
    bot: Bot, answers: Answers
) -> None:
    made = [trade(number, T - 1_000 * ((number + 6) // 10)) for number in range(1, 40)]
    answers.by_path["spot/trade_history"] = History(made, most=7)
    with pytest.raises(BadData, match="nothing older"):
        bot.account.read_trades(T - 1_000_000)


def test_executions_that_are_not_told_newest_first_are_not_believed(
    bot: Bot, answers: Answers
) -> None:
    oldest = [trade(number, T - 1_000 * (300 - number)) for number in range(1, 1 + PAGE)]
    answers.by_path |= {
        "spot/trade_history": reply(envelope({"trades": oldest})),
        "spot/active_orders": reply(envelope({"orders": []})),
    }
    for reading in (lambda: bot.account.read_trades(T - 50_000), bot.account.read_before_order):
        with pytest.raises(BadData, match="newest first"):
            reading()


def test_where_end_is_taken_for_seconds_a_long_history_fails_and_a_short_one_is_whole(
    bot: Bot, answers: Answers
) -> None:
    made = [trade(number, T - 1_000 * number) for number in range(1, 2 * PAGE)]
    answers.by_path["spot/trade_history"] = History(made, unit_ms=1000)
    with pytest.raises(BadData):
        bot.account.read_trades(T - 1_000_000)
    answers.by_path["spot/trade_history"] = History(made[: PAGE - 1], unit_ms=1000)
    assert len(bot.account.read_trades(T - 1_000_000)) == PAGE - 1


def test_orders_that_are_silently_not_answered_are_named(bot: Bot, answers: Answers) -> None:
    def info(connection: socket.socket, request: RawRequest) -> bool:
        ids = [one for one in json.loads(request.body)["order_ids"] if one % 7]
        rows = [TOLD | {"order_id": one} for one in reversed(ids)]
        return reply(envelope({"orders": rows}))(connection, request)

    answers.by_path["spot/orders_info"] = info
    wanted = range(2**31, 2**31 + 70)
    found = bot.account.read_orders([*wanted, 2**31])
    assert found.missing == {one for one in wanted if one % 7 == 0}
    assert [one.order_id for one in found.orders] == [one for one in wanted if one % 7]
    assert [len(json.loads(one.body)["order_ids"]) for one in bot.exchange.requests] == [30, 30, 10]
    for sent in bot.exchange.requests:
        assert table.request_problems(sent.method, sent.target, sent.body) == []


ASSET = {
    "onhand_amount": "31279060.2696",
    "locked_amount": "0.0000",
    "free_amount": "31279060.2696",
}
POSITION = {
    "pair": PAIR,
    "product": "0.0000",
    "unrealized_fee_amount": "0.0000",
    "unrealized_interest_amount": "0.0000",
}
SIDES = [
    POSITION | {"position_side": "short", "open_amount": "0.0000", "average_price": "0"},
    POSITION
    | {
        "position_side": "long",
        "open_amount": "0.0010",
        "average_price": "15000000",
        "product": "15000.0000",
    },
]
POSITIONS = {
    "notice": {"what": None, "occurred_at": None, "amount": None, "due_date_at": None},
    "payables": {"amount": "0.0000"},
    "positions": SIDES,
}


def test_prepare_reads_what_reconciling_needs_and_fixes_the_time_after_that(
    bot: Bot, answers: Answers
) -> None:
    def late(connection: socket.socket, request: RawRequest) -> bool:
        bot.clock.sleep_until(T + 1_234)
        return reply(envelope(POSITIONS))(connection, request)

    assets = [ASSET | {"asset": "jpy"}, ASSET | {"asset": "btc"}]
    answers.by_path |= {
        "assets": reply(envelope({"assets": assets})),
        "margin/positions": late,
        "spot/active_orders": reply(envelope({"orders": [TOLD]})),
        "spot/trade_history": reply(envelope({"trades": [trade(1, T)]})),
    }
    prepared = bot.account.prepare_order(ENTRY)
    assert prepared.body.encode() == ENTRY_BODY
    assert prepared.at_ms == T + 1_234
    assert prepared.before.newest_order_id == TOLD["order_id"]
    assert prepared.before.balances.jpy.free == Decimal("31279060.2696")
    assert prepared.before.positions is not None
    assert (prepared.before.positions.long.lots, prepared.before.positions.short.lots) == (10, 0)
    assert bot.account.prepare_order(ENTRY, before=prepared.before, at_ms=T + 5).at_ms == T + 5
    for sent in bot.exchange.requests:
        assert table.request_problems(sent.method, sent.target, sent.body) == []
    assert len(bot.exchange.requests) == 4
    spot = account_reader(bot.rest, bot.clock, bot.exchange.url, is_margin=False)
    assert spot.prepare_order(ENTRY).before.positions is None


def test_a_side_that_is_not_told_is_not_empty(bot: Bot, answers: Answers) -> None:
    for rows in ([], SIDES[:1], SIDES[:1] * 2):
        answers.by_path["margin/positions"] = reply(envelope(POSITIONS | {"positions": rows}))
        with pytest.raises(BadData):
            bot.account.read_positions()


# secrets


def test_neither_key_nor_secret_is_told_anywhere(
    bot: Bot, answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f"<html>{KEY} {SECRET}</html>".encode()
    ends = {
        **{name: act for name, (act, _) in ENDS.items() if "byte by byte" not in name},
        "echo": reply(echo),
        "echo of an error": reply(echo, status=500),
        "echo as a name": reply(f'{{"success":1,"data":{{"{KEY}":1,"{KEY}":2}}}}'.encode()),
        "echo as a pair": reply(envelope(TOLD | {"pair": SECRET})),
        "echo as a status": reply(envelope(TOLD | {"status": SECRET})),
        "echo as a side": reply(envelope(TOLD | {"position_side": KEY})),
    }
    told = [repr(bot.rest), str(bot.rest), repr(vars(bot.account))]
    for name, act in ends.items():
        answers.by_path = dict.fromkeys(("spot/order", "assets", "spot/cancel_order"), act)
        told.append(repr(send_order(bot.rest, bot.prepared())))
        told.append(repr(cancel_order(bot.rest, 5, pair=PAIR)))
        with pytest.raises(BotError) as caught:
            bot.account.read_balances()
        error = caught.value
        assert [one for one in causes(error) if "urllib3" in type(one).__module__] == []
        below = error.with_traceback(caught.tb.tb_next)  # this test's own locals apart
        # what the exchange itself sends is in no message, but where it is read
        is_echo = name.startswith("echo")
        whole = traceback.TracebackException.from_exception(below, capture_locals=not is_echo)
        told += [repr(error), str(error), "".join(whole.format())]
    told += [record.getMessage() + repr(record.args) for record in caplog.records]
    assert len(told) > 60
    assert [one for one in told if KEY in one or SECRET in one] == []


def test_a_page_that_repeats_the_request_is_not_shown_with_its_signature() -> None:
    signature = "5b" * 32
    for body in (
        f"<b>{signature}</b>",
        f'{{"success":1,"data":{{"{signature}":1,"{signature}":2}}}}',
    ):
        problem = read_envelope(CarriedAnswer(status=200, body=body)).problem
        assert problem.startswith("not with JSON: ")
        assert signature[:12] not in problem


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def test_a_reader_is_for_one_pair(bot: Bot, answers: Answers) -> None:
    other = AccountReader(
        bot.rest,
        exchange_settings(bot.exchange.url, read_attempts="1"),
        bot.clock,
        pair="eth_jpy",
        is_margin=True,
        jitter=lambda: 0.0,
    )
    answers.by_path["spot/active_orders"] = reply(envelope({"orders": [TOLD]}))
    assert [one.order_id for one in bot.account.read_resting()] == [TOLD["order_id"]]
    with pytest.raises(BadData):
        other.read_resting()
