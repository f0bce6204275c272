"""What the account's answers can be made to lie about: each fault by name and counted."""

import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest

from shared.core.errors import UserError
from shared.exchanges.sandbox.faults import Fault, Faults, fault_from
from shared.exchanges.sandbox.private.settings import Readings
from shared.exchanges.sandbox.spoil import KINDS
from shared.exchanges.sandbox.spoil_account import ACCOUNT_KINDS
from tests.support.bitbank_api import table
from tests.support.private_world import FLAT, MINUTE, PRICE, T0, PrivateWorld, Row, private_world
from tests.support.raw_stories import RawStory

LONG = {"position_side": "long"}
DOWN: Row = (-500, -500, -500, -500, 10.0)
THIN: Row = (0, 100, -100, 0, 0.005)
PATH = [FLAT, DOWN, DOWN, DOWN]


def at(offset: int) -> str:
    return str(PRICE + offset)


def enter(world: PrivateWorld, amount: str = "0.0100") -> Any:
    return world.order("buy", "market", amount, **LONG)


def stop(world: PrivateWorld, amount: str = "0.0100") -> int:
    sent = world.order("sell", "stop", amount, trigger_price=at(-100), **LONG)
    return int(sent["order_id"])


# views


def lag(world: PrivateWorld) -> None:
    enter(world)
    world.fault("lag", seconds=5)
    assert world.position("long")["open_amount"] == "0.0000"
    assert world.trades() == []
    code = world.client.order_code("sell", "market", "0.0100", **LONG)
    assert code == 50062  # not there yet
    world.clock.advance_to(T0 + 1 + 5_000)
    assert world.position("long")["open_amount"] == "0.0100"
    assert world.order("sell", "market", "0.0100", **LONG)["status"] == "FULLY_FILLED"


def stops_missing(world: PrivateWorld) -> None:
    enter(world)
    number = stop(world)
    world.fault("stops-missing")
    assert world.active() == []
    assert world.info(number)["status"] == "INACTIVE"


def rows_missing(world: PrivateWorld) -> None:
    ids = [world.order("buy", "limit", "0.0001", price=at(-600))["order_id"] for _ in range(3)]
    world.fault("rows-missing", endpoint="active_orders", rows=2)
    assert [row["order_id"] for row in world.active()] == ids[:1]


def row_twice(world: PrivateWorld) -> None:
    enter(world)
    world.fault("row-twice", endpoint="trade_history")
    first, again = world.trades()
    assert first == again


def trades_late(world: PrivateWorld) -> None:
    enter(world)
    world.fault("trades-late", seconds=30)
    assert world.trades() == []
    assert world.position("long")["open_amount"] == "0.0100"
    world.clock.advance_to(T0 + 1 + 30_000)
    assert len(world.trades()) == 1


def trade_ids_mixed(world: PrivateWorld) -> None:
    for _ in range(4):
        enter(world, "0.0001")
    right = [row["trade_id"] for row in world.trades(order="asc")]
    world.fault("trade-ids-mixed")
    mixed = [row["trade_id"] for row in world.trades(order="asc")]
    assert mixed != right == sorted(right)
    assert mixed != sorted(mixed)
    assert len(set(mixed) | set(right)) == len(mixed) + len(right)
    assert [row["trade_id"] for row in world.trades(order="asc")] == mixed


def positions_empty(world: PrivateWorld) -> None:
    enter(world)
    world.fault("positions-empty", times=1)
    assert world.position("long")["open_amount"] == "0.0000"
    assert world.position("long")["open_amount"] == "0.0100"


def empty_rows_missing(world: PrivateWorld) -> None:
    enter(world)
    world.fault("empty-rows-missing")
    rows = world.client.data("GET", "/user/margin/positions")["positions"]
    assert [(row["pair"], row["position_side"]) for row in rows] == [("btc_jpy", "long")]


def margin_nulls(world: PrivateWorld) -> None:
    enter(world)
    world.fault("margin-nulls")
    told = world.margin()
    assert told["losscut_percentage"] is told["margin_call_percentage"] is None
    assert told["open_margin_position_product"] != "0.0000"


def null_field(world: PrivateWorld) -> None:
    enter(world)
    world.fault("null-field", field="average_price", endpoint="margin_positions")
    told = world.client.send(
        "GET",
        "/v1/user/margin/positions",
        b"",
        world.client.headers(b"/v1/user/margin/positions"),
    ).json
    assert {row["average_price"] for row in told["data"]["positions"]} == {None}
    assert table.answer_problems("margin_positions", told) != []


def unknown_field(world: PrivateWorld) -> None:
    world.fault("unknown-field", endpoint="assets")
    target = "/v1/user/assets"
    told = world.client.send("GET", target, b"", world.client.headers(target.encode())).json
    assert "a_field_of_tomorrow" in told["data"]


def fill_hidden(world: PrivateWorld) -> None:
    enter(world)
    number = stop(world)
    world.go(2)
    world.fault("fill-hidden", times=3)
    shown = [world.info(number)["status"] for _ in range(5)]
    assert shown == ["CANCELED_UNFILLED"] * 3 + ["FULLY_FILLED"] * 2
    assert world.position("long")["open_amount"] == "0.0000"


def cancel_unseen(world: PrivateWorld) -> None:
    number = world.order("buy", "limit", "0.0100", price=at(-600))["order_id"]
    world.fault("cancel-unseen")
    told = world.client.data("POST", "/user/spot/cancel_order", pair="btc_jpy", order_id=number)
    assert told["status"] == "UNFILLED"
    assert world.info(number)["status"] == "CANCELED_UNFILLED"


def any_code(world: PrivateWorld) -> None:
    world.fault("code", endpoint="assets", times=1)
    assert world.client.get("/user/assets").code == 99_999
    for code, status in {20001: 401, 10009: 429, 10007: 503, 10001: 500, 70004: 400}.items():
        world.fault("code", code=code, endpoint="assets", times=1)
        told = world.client.get("/user/assets")
        assert (told.code, told.status) == (code, status)


# deeds


def stop_dies(world: PrivateWorld) -> None:
    enter(world)
    number = stop(world)
    world.fault("stop-dies", times=1)
    world.go(2)
    told = world.info(number)
    assert (told["status"], told["executed_amount"]) == ("CANCELED_UNFILLED", "0.0000")
    assert "triggered_at" in told
    world.go(3)
    assert world.info(number)["status"] == "CANCELED_UNFILLED"
    assert world.position("long")["open_amount"] == "0.0100"
    assert world.truth()["positions"][0]["open_amount"] == "0.0100"


def part_then_canceled(world: PrivateWorld) -> None:
    number = world.order("buy", "limit", "0.0120", price=at(-50), **LONG)["order_id"]
    world.fault("part-then-canceled")
    world.go(2)
    told = world.info(number)
    assert (told["status"], told["executed_amount"]) == ("CANCELED_PARTIALLY_FILLED", "0.0050")
    assert world.position("long")["open_amount"] == "0.0050"


def post_only_canceled(world: PrivateWorld) -> None:
    world.fault("post-only-canceled", times=1)
    told = [
        world.order("buy", "limit", "0.0100", price=at(-50), post_only=True)["status"]
        for _ in range(2)
    ]
    assert told == ["CANCELED_UNFILLED", "UNFILLED"]
    assert len(world.active()) == 1


def order_rejected(world: PrivateWorld) -> None:
    world.fault("order-rejected", times=1)
    told = enter(world)
    assert told["status"] == world.info(told["order_id"])["status"] == "REJECTED"
    assert world.truth()["positions"] == []


SHOWN: dict[str, tuple[Callable[[PrivateWorld], None], int]] = {
    "code": (any_code, 6),
    "lag": (lag, 5),
    "stops-missing": (stops_missing, 1),
    "rows-missing": (rows_missing, 1),
    "row-twice": (row_twice, 1),
    "trades-late": (trades_late, 1),
    "trade-ids-mixed": (trade_ids_mixed, 2),
    "positions-empty": (positions_empty, 1),
    "empty-rows-missing": (empty_rows_missing, 1),
    "margin-nulls": (margin_nulls, 1),
    "null-field": (null_field, 1),
    "unknown-field": (unknown_field, 1),
    "fill-hidden": (fill_hidden, 3),
    "cancel-unseen": (cancel_unseen, 1),
    "stop-dies": (stop_dies, 1),
    "part-then-canceled": (part_then_canceled, 1),
    "post-only-canceled": (post_only_canceled, 1),
    "order-rejected": (order_rejected, 1),
}


def test_every_fault_of_the_account_is_shown_here() -> None:
    assert set(SHOWN) == set(ACCOUNT_KINDS)


@pytest.mark.parametrize("name", SHOWN)
def test_a_fault_shows_what_it_is_for_and_is_counted(name: str) -> None:
    show, times = SHOWN[name]
    rows = [FLAT, THIN, THIN, THIN] if name == "part-then-canceled" else PATH
    with private_world(rows) as world:
        show(world)
        assert world.fired(name) == times


# before and after the exchange acts

LOST = {
    "reset": ConnectionError,
    "short-body": http.client.HTTPException,
    "http-500": None,
    "http-502": None,
    "http-503-json": None,
    "http-500-json": None,
    "html": None,
    "empty": None,
    "truncated": None,
    "list": None,
    "null": None,
    "empty-data": None,
    "rate-limit": None,
    "rate-limit-text": None,
    "code": None,
    "stall": TimeoutError,
}
ORDER = {"pair": "btc_jpy", "amount": "0.0100", "side": "buy", "type": "market", **LONG}


@pytest.mark.parametrize("before", [False, True], ids=["after", "before"])
@pytest.mark.parametrize("name", LOST)
def test_an_answer_is_lost_after_the_exchange_has_acted_or_before(name: str, before: bool) -> None:
    with private_world(PATH) as world:
        code = {"code": 10005} if name == "code" else {}
        world.fault(name, endpoint="order", times=1, before=before, **code)
        payload = json.dumps(ORDER).encode()
        client = world.client
        client._connection.timeout = 0.5 if name == "stall" else 10
        wrong = LOST[name]
        if wrong is None:
            told = client.send("POST", "/v1/user/spot/order", payload, client.headers(payload))
            order_id = b'"order_id"' in told.body and name != "truncated"
            assert not order_id
        else:
            with pytest.raises(wrong):
                client.send("POST", "/v1/user/spot/order", payload, client.headers(payload))
        truth = world.truth()
        assert len(truth["orders"]) == (0 if before else 1)
        assert world.fired(name) == 1
        client._connection.timeout = 10
        assert enter(world)["status"] == "FULLY_FILLED"


def test_a_script_lets_some_requests_pass_and_stops_others() -> None:
    with private_world(PATH) as world:
        world.fault("code", endpoint="cancel_order", code=70004, before=True, skip=1, times=2)
        ids = [world.order("buy", "limit", "0.0001", price=at(-600))["order_id"] for _ in range(4)]
        told = []
        for number in ids:
            body = {"pair": "btc_jpy", "order_id": number}
            answer = world.client.post("/user/spot/cancel_order", body)
            told.append(answer.json["data"].get("code", "cancelled"))
        assert told == ["cancelled", 70004, 70004, "cancelled"]
        assert [row["order_id"] for row in world.active()] == [ids[2], ids[1]]


def test_the_exchange_s_clock_may_be_off_so_that_requests_come_too_early_or_late() -> None:
    for seconds, code in ((30, 20035), (-30, 20034)):
        with private_world(PATH) as world:
            world.fault("clock-skew", seconds=seconds)
            assert world.client.get("/user/assets").code == code


@pytest.mark.parametrize("asked", [9, 11, 3_600])
def test_no_view_lags_longer_than_the_setting(asked: int) -> None:
    with private_world(PATH, most_lag_seconds=10.0) as world:
        enter(world)
        world.fault("lag", seconds=asked)
        world.clock.advance_to(T0 + 1 + min(asked, 10) * 1_000 - 1)
        assert world.position("long")["open_amount"] == "0.0000"
        world.clock.advance_to(T0 + 1 + min(asked, 10) * 1_000)
        assert world.position("long")["open_amount"] == "0.0100"


def test_a_view_that_lags_shows_what_was_traded_on_the_way_at_its_own_time() -> None:
    with private_world([FLAT, THIN, THIN, FLAT]) as world:
        number = world.order("buy", "limit", "0.0120", price=at(-50), **LONG)["order_id"]
        world.go(2, 25_000)  # both parts are walked in one go
        assert world.info(number)["executed_amount"] == "0.0100"
        world.fault("lag", seconds=6)
        assert world.info(number)["executed_amount"] == "0.0050"
        filled = T0 + 2 * MINUTE + 20_000
        assert world.trades()[0]["executed_at"] < filled


def random_faults(seed: int) -> Faults:
    """Every fault at random."""
    quick = set({**KINDS, **ACCOUNT_KINDS}) - {"slow", "stall", "rate-limit-retry-after"}
    return Faults(
        *(Fault(name=name, probability=0.03) for name in sorted(quick)),
        *(Fault(name=name, probability=0.03, before=True) for name in ("reset", "code", "html")),
        seed=seed,
    )


def told(seed: int) -> tuple[list[Any], dict[str, int]]:
    story = RawStory(5, Readings(), faults=random_faults(seed)).tell(120)
    return story.answers, story.sandbox.faults.describe_faults()["fired"]


def test_the_same_seed_tells_the_same_lies_and_another_one_others() -> None:
    (first, fired), (again, fired_again), (other, _) = told(1), told(1), told(2)
    assert len(first) > 30
    assert sum(fired.values()) > 30
    assert (first, fired) == (again, fired_again)
    assert first != other


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"name": "lag", "skip": -1}, "to let -1 requests pass"),
        ({"name": "stop-dies", "before": True}, "something that the exchange does"),
        ({"name": "reset", "before": 1}, "before was 1"),
        ({"name": "reset", "endpoint": 3}, "endpoint was 3"),
        ({"name": "code", "code": "x"}, "code was 'x'"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(fault: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        fault_from(fault)


def test_a_code_that_no_table_knows_is_never_for_certain() -> None:
    with private_world(PATH) as world:
        world.fault("code", endpoint="order")
        code = world.client.order_code("buy", "market", "0.0100", **LONG)
        assert not table.is_refused_for_certain(code)
        assert len(world.truth()["orders"]) == 1
