"""Each reading of what bitbank does not document, by name; and random stories under all of them."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from shared.core.errors import UserError
from shared.exchanges.sandbox.private.settings import READINGS, Readings, readings_from
from tests.support.private_world import FLAT, PRICE, PrivateWorld, Row, private_world
from tests.support.raw_stories import RawStory

LONG = {"position_side": "long"}
DOWN: Row = (-500, -500, -500, -500, 10.0)
UP: Row = (500, 500, 500, 500, 10.0)
ROWS = {"orphans": [FLAT, UP, DOWN, DOWN]}


def at(offset: int) -> str:
    return str(PRICE + offset)


def closes(world: PrivateWorld) -> Any:
    world.order("buy", "market", "0.0100", **LONG)
    world.order("sell", "stop", "0.0100", trigger_price=at(-100), **LONG)
    target = {"pair": "btc_jpy", "amount": "0.0100", "side": "sell", "type": "limit", **LONG}
    told = world.client.post(
        "/user/spot/order", {**target, "price": at(100), "post_only": True}
    ).json
    return told["data"].get("code", "taken")


def stops_listed(world: PrivateWorld) -> Any:
    world.order("buy", "market", "0.0100", **LONG)
    stop = world.order("sell", "stop", "0.0100", trigger_price=at(-100), **LONG)
    assert world.info(stop["order_id"])["status"] == "INACTIVE"  # told by its number in any case
    return len(world.active())


def amountless(world: PrivateWorld) -> Any:
    world.order("buy", "market", "0.0100", **LONG)
    body = {"pair": "btc_jpy", "side": "sell", "type": "stop_loss", "trigger_price": at(-100)}
    told = world.client.post("/user/spot/order", {**body, "amount": None, **LONG}).json
    if not told["success"]:
        return told["data"]["code"]
    assert (told["data"]["start_amount"], told["data"]["remaining_amount"]) == (None, None)
    world.order("buy", "market", "0.0050", **LONG)  # it grows with the position
    world.go(2)
    return world.info(told["data"]["order_id"])["executed_amount"]


def since_unit(world: PrivateWorld) -> Any:
    world.order("buy", "market", "0.0100")
    now = world.clock.now_ms()
    return [len(world.trades(since=now)), len(world.trades(since=now // 1_000))]


def sorting(world: PrivateWorld) -> Any:
    for number in range(3):
        world.order("buy", "limit", "0.0001", price=at(-600 - number))
    ids = [row["order_id"] for row in world.active()]
    told = world.client.data("POST", "/user/spot/orders_info", pair="btc_jpy", order_ids=ids)
    assert [row["order_id"] for row in told["orders"]] == ids
    return ids == sorted(ids)


def leave_an_orphan(world: PrivateWorld) -> int:
    """A long whose target is filled while its stop waits: the stop's number."""
    world.order("buy", "market", "0.0100", **LONG)
    stop = world.order("sell", "stop", "0.0100", trigger_price=at(-100), **LONG)
    world.order("sell", "limit", "0.0100", price=at(100), post_only=True, **LONG)
    world.go(1, 1)
    assert world.position("long")["open_amount"] == "0.0000"
    return int(stop["order_id"])


def orphans(world: PrivateWorld) -> Any:
    stop = leave_an_orphan(world)
    before = world.info(stop)["status"]
    world.go(3)
    return before, world.info(stop)["status"]


def interest_sign(world: PrivateWorld) -> Any:
    world.order("buy", "market", "0.0100", **LONG)
    world.order("sell", "market", "0.0100", **LONG)
    return world.trades()[0]["interest"]


def locked_fee(world: PrivateWorld) -> Any:
    world.sandbox.rules["maker_fee_rate_quote"] = "0.001"
    world.order("buy", "limit", "0.0100", price=at(-600))
    return world.asset("jpy")["locked_amount"]


def batch(world: PrivateWorld) -> Any:
    first = world.order("buy", "limit", "0.0100", price=at(-600))["order_id"]
    body = {"pair": "btc_jpy", "order_ids": [first, 7]}
    told = world.client.post("/user/spot/cancel_orders", body).json["data"]
    return told.get("code") or len(told["orders"]), world.info(first)["status"]


def collection(world: PrivateWorld) -> Any:
    world.order("buy", "market", "0.1000", **LONG)
    world.go(1, 1)
    world.order("sell", "market", "0.1000", **LONG)
    lost = Decimal(10_000_000) - Decimal(world.asset("jpy")["onhand_amount"])
    owed, worth = world.margin()["unrealized_cost"], world.margin()["total_margin_balance"]
    world.go(2, 2)
    assert world.margin()["total_margin_balance"] == worth
    late = Decimal(10_000_000) - Decimal(world.asset("jpy")["onhand_amount"])
    return lost > 0, Decimal(owed) > 0, late > 0


def error_status(world: PrivateWorld) -> Any:
    unknown = world.client.get("/user/spot/order", pair="btc_jpy", order_id=1)
    nobody = world.client.send("GET", "/v1/user/assets", b"", {})
    return unknown.code, unknown.status, nobody.code, nobody.status


def empty_fields(world: PrivateWorld) -> Any:
    return world.order("buy", "market", "0.0100").get("price", "missing")


SHOWN: dict[str, tuple[Callable[[PrivateWorld], Any], dict[str, Any]]] = {
    "closes": (closes, {"apart": "taken", "together": 50062}),
    "stops_listed": (stops_listed, {"yes": 1, "no": 0}),
    "amountless": (amountless, {"follow": "0.0150", "refuse": 30001}),
    "since_unit": (since_unit, {"ms": [1, 1], "s": [0, 1]}),
    "sorting": (sorting, {"newest": False, "oldest": True}),
    "orphans": (
        orphans,
        {
            "stay": ("INACTIVE", "CANCELED_UNFILLED"),
            "end": ("CANCELED_UNFILLED", "CANCELED_UNFILLED"),
        },
    ),
    "interest_sign": (interest_sign, {"plus": "40.0000", "minus": "-40.0000"}),
    "locked_fee": (locked_fee, {"yes": "100093.9940", "no": "99994.0000"}),
    "batch": (
        batch,
        {"skip": (1, "CANCELED_UNFILLED"), "refuse": (50009, "UNFILLED")},
    ),
    "collection": (collection, {"at_once": (True, False, True), "late": (False, True, True)}),
    "error_status": (
        error_status,
        {"4xx": (50009, 400, 20003, 401), "200": (50009, 200, 20003, 200)},
    ),
    "empty_fields": (empty_fields, {"missing": "missing", "null": None}),
}


def test_every_reading_is_shown_here_and_its_first_choice_is_the_default() -> None:
    assert {name: tuple(told) for name, (_, told) in SHOWN.items()} == {
        name: choices for name, (choices, _) in READINGS.items()
    }
    assert {name: getattr(Readings(), name) for name in READINGS} == {
        name: choices[0] for name, (choices, _) in READINGS.items()
    }


@pytest.mark.parametrize(
    ("name", "choice"), [(name, choice) for name in SHOWN for choice in SHOWN[name][1]]
)
def test_a_reading_shows_what_it_is_about(name: str, choice: str) -> None:
    show, told = SHOWN[name]
    rows = ROWS.get(name, [FLAT, DOWN, DOWN, DOWN])
    with private_world(rows, readings={name: choice}) as world:
        assert show(world) == told[choice]
        assert world.client.judged > 0 or name == "error_status"


def test_an_orphan_closes_the_next_position_of_its_side() -> None:
    with private_world(ROWS["orphans"]) as world:
        stop = leave_an_orphan(world)
        world.order("buy", "market", "0.0100", **LONG)
        world.go(3)
        assert world.info(stop)["status"] == "FULLY_FILLED"
        assert world.position("long")["open_amount"] == "0.0000"


def test_a_resting_purchase_outlives_the_coins_of_before() -> None:
    with private_world([FLAT, DOWN, DOWN], btc_lots=100) as world:
        order = world.order("buy", "limit", "0.0100", price=at(-100))
        world.order("sell", "market", "0.0100")
        assert world.info(order["order_id"])["status"] == "UNFILLED"
        world.go(2)
        assert world.info(order["order_id"])["status"] == "FULLY_FILLED"


def test_a_reading_that_is_none_is_refused() -> None:
    with pytest.raises(UserError, match="no reading 'mood'"):
        readings_from({"mood": "good"})
    with pytest.raises(UserError, match="closes was 'sometimes'"):
        readings_from({"closes": "sometimes"})
    assert readings_from({"closes": "together"}) == Readings(closes="together")


EVERY = [(name, choice) for name, (choices, _) in READINGS.items() for choice in choices]


@pytest.mark.parametrize(("name", "choice"), EVERY)
def test_every_answer_of_random_stories_is_as_the_table_has_it(
    name: str, choice: str, full: bool
) -> None:
    counts = Counter[str]()
    for seed in range(12 if full else 2):
        story = RawStory(1_000 * EVERY.index((name, choice)) + seed, Readings(**{name: choice}))
        counts += story.tell(60 if full else 25).counts
    asked = ("assets", "margin_status", "margin_positions", "active_orders", "trade_history")
    for endpoint in asked:
        assert counts[endpoint] >= 50, counts
    assert counts["order"] >= 15, counts
