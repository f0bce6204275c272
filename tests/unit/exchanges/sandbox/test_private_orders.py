"""Orders: taken, shown, cancelled, executed, refused with bitbank's code."""

from decimal import Decimal
from typing import Any

import pytest

from tests.support.bitbank_api import table
from tests.support.private_world import FLAT, MINUTE, PRICE, T0, PrivateWorld, private_world

DIP = (0, 100, -100, 0, 10.0)  # the low comes first
LONG = {"position_side": "long"}
SHORT = {"position_side": "short"}


def at(offset: int) -> str:
    return str(PRICE + offset)


# one order's life


def test_a_resting_limit_is_unfilled_then_filled_as_maker_and_never_at_its_touch() -> None:
    touch = (0, 0, -50, 0, 10.0)
    with private_world([FLAT, touch, DIP, FLAT]) as world:
        order = world.order("buy", "limit", "0.0100", price=at(-50), post_only=True, **LONG)
        assert (order["status"], order["average_price"], order["post_only"]) == (
            "UNFILLED",
            "0",
            True,
        )
        assert order["expire_at"] - order["ordered_at"] == 180 * 86_400_000
        world.go(2)
        assert world.info(order["order_id"])["status"] == "UNFILLED"
        world.go(2, 20_000)
        assert world.info(order["order_id"])["status"] == "UNFILLED"  # an instant's own trades
        world.go(2, 20_001)  # are known after it
        done = world.info(order["order_id"])
        assert (done["status"], done["executed_amount"], done["average_price"]) == (
            "FULLY_FILLED",
            "0.0100",
            at(-50),
        )
        assert done["executed_at"] == T0 + 2 * MINUTE + 20_000
        (trade,) = world.trades(pair="btc_jpy")
        assert (trade["maker_taker"], trade["fee_amount_quote"]) == ("maker", "0.0000")
        assert world.active() == []


def test_the_share_of_a_minute_s_volume_makes_parts() -> None:
    thin = (0, 100, -100, 0, 0.01)
    with private_world([FLAT, thin, thin, thin, FLAT], volume_share=Decimal("0.5")) as world:
        order = world.order("buy", "limit", "0.0120", price=at(-50), **LONG)
        sizes = []
        for minute in (2, 3, 4):
            world.go(minute)
            shown = world.info(order["order_id"])
            sizes.append((shown["status"], shown["executed_amount"], shown["remaining_amount"]))
        assert sizes == [
            ("PARTIALLY_FILLED", "0.0050", "0.0070"),
            ("PARTIALLY_FILLED", "0.0100", "0.0020"),
            ("FULLY_FILLED", "0.0120", "0.0000"),
        ]
        assert [trade["amount"] for trade in world.trades(order="asc")] == [
            "0.0050",
            "0.0050",
            "0.0020",
        ]


def test_an_order_behind_others_is_filled_by_the_second_price_that_trades_through_it() -> None:
    for every, minutes in ((0, [True, True]), (1, [False, True])):
        with private_world([FLAT, DIP, DIP, FLAT], behind_others=every) as world:
            order = world.order("buy", "limit", "0.0100", price=at(-50), **LONG)
            filled = []
            for minute in (2, 3):
                world.go(minute)
                filled.append(world.info(order["order_id"])["status"] == "FULLY_FILLED")
            assert filled == minutes
            assert world.info(order["order_id"])["ordered_at"] == order["ordered_at"]


def test_a_stop_comes_before_a_target_of_the_same_minute() -> None:
    both = (0, 300, -300, 0, 10.0)
    target_first = (0, 250, -300, 0, 10.0)
    for row in (both, target_first):
        with private_world([FLAT, row, FLAT]) as world:
            world.order("buy", "market", "0.0100", **LONG)
            stop = world.order("sell", "stop", "0.0100", trigger_price=at(-200), **LONG)
            target = world.order("sell", "limit", "0.0100", price=at(200), post_only=True, **LONG)
            assert stop["status"] == "INACTIVE"
            world.go(2)
            fired = world.info(stop["order_id"])
            assert (fired["status"], fired["average_price"]) == ("FULLY_FILLED", at(-201))
            assert "triggered_at" in fired
            assert world.info(target["order_id"])["executed_amount"] == "0.0000"
            assert world.position("long")["open_amount"] == "0.0000"


def test_a_market_order_takes_and_pays_at_once() -> None:
    with private_world() as world:
        order = world.order("buy", "market", "0.0100", **LONG)
        assert (order["status"], order["remaining_amount"]) == ("FULLY_FILLED", "0.0000")
        (trade,) = world.trades(pair="btc_jpy", order_id=order["order_id"])
        assert (trade["maker_taker"], trade["fee_occurred_amount_quote"]) == ("taker", "100.0000")


def test_a_post_only_order_that_would_take_is_taken_and_cancelled() -> None:
    with private_world() as world:
        order = world.order("buy", "limit", "0.0100", price=at(50), post_only=True, **LONG)
        assert (order["status"], order["executed_amount"]) == ("CANCELED_UNFILLED", "0.0000")
        assert "canceled_at" in order
        assert world.info(order["order_id"]) == order
        assert world.active() == []


def test_stop_limit_and_take_profit_wait_for_their_triggers() -> None:
    rise = (0, 400, 0, 300, 10.0)
    fall = (300, 300, -400, -300, 10.0)
    with private_world([FLAT, rise, fall, FLAT]) as world:
        world.order("buy", "market", "0.0300", **LONG)
        profit = world.order("sell", "take_profit", "0.0100", trigger_price=at(250), **LONG)
        limit = world.order(
            "sell", "stop_limit", "0.0100", trigger_price=at(-200), price=at(-250), **LONG
        )
        loss = world.order("sell", "stop_loss", "0.0100", trigger_price=at(-300), **LONG)
        assert {profit["status"], limit["status"], loss["status"]} == {"INACTIVE"}
        world.go(2)
        assert world.info(profit["order_id"])["status"] == "FULLY_FILLED"
        assert world.info(limit["order_id"])["status"] == "INACTIVE"
        world.go(3)
        shown = world.info(limit["order_id"])
        assert (shown["status"], shown["triggered_at"]) == ("UNFILLED", T0 + 2 * MINUTE + 40_000)
        assert world.info(loss["order_id"])["average_price"] == at(-301)
        assert world.position("long")["open_amount"] == "0.0100"
        assert [trade["type"] for trade in world.trades(order="asc")] == [
            "market",
            "take_profit",
            "stop_loss",
        ]


def test_a_spot_stop_may_buy() -> None:
    rise = (0, 400, 0, 300, 10.0)
    with private_world([FLAT, rise, FLAT]) as world:
        order = world.order("buy", "stop", "0.0100", trigger_price=at(200))
        assert "position_side" not in order
        world.go(2)
        assert world.info(order["order_id"])["status"] == "FULLY_FILLED"
        assert world.asset("btc")["onhand_amount"] == "0.01000000"


def test_after_180_days_an_order_has_expired() -> None:
    with private_world([FLAT] * 3) as world:
        order = world.order("buy", "limit", "0.0100", price=at(-50))
        record = world.sandbox.private.standing
        assert record is not None
        resting = record.resting(order["order_id"])
        assert resting is not None
        assert resting.intent.expires_at == order["expire_at"]


# cancels


def test_a_cancel_ends_an_order_and_a_second_one_says_so() -> None:
    with private_world([FLAT, DIP, FLAT]) as world:
        order = world.order("buy", "limit", "0.0100", price=at(-50), **LONG)
        gone = world.client.data(
            "POST", "/user/spot/cancel_order", pair="btc_jpy", order_id=order["order_id"]
        )
        assert (gone["status"], gone["canceled_at"]) == ("CANCELED_UNFILLED", T0 + 1)
        assert cancel_code(world, order["order_id"]) == 50026
        world.go(2)
        assert world.info(order["order_id"])["executed_amount"] == "0.0000"
        assert world.trades() == []


def test_a_cancel_of_what_was_executed_says_so_and_of_what_never_was_too() -> None:
    with private_world() as world:
        order = world.order("buy", "market", "0.0100", **LONG)
        assert cancel_code(world, order["order_id"]) == 50027
        assert cancel_code(world, 1) == 50009
        assert cancel_code(world, "x") == 40013
        assert world.client.post("/user/spot/cancel_order", {"pair": "btc_jpy"}).code == 30006


def test_a_part_that_was_executed_stays_after_the_cancel() -> None:
    thin = (0, 100, -100, 0, 0.005)
    with private_world([FLAT, thin, FLAT]) as world:
        order = world.order("buy", "limit", "0.0120", price=at(-50), **LONG)
        world.go(2)
        gone = world.client.data(
            "POST", "/user/spot/cancel_order", pair="btc_jpy", order_id=order["order_id"]
        )
        assert (gone["status"], gone["executed_amount"], gone["remaining_amount"]) == (
            "CANCELED_PARTIALLY_FILLED",
            "0.0050",
            "0.0070",
        )


def cancel_code(world: PrivateWorld, order_id: Any) -> int:
    body = {"pair": "btc_jpy", "order_id": order_id}
    return world.client.post("/user/spot/cancel_order", body).code


def test_many_orders_are_cancelled_and_told_at_once() -> None:
    with private_world() as world:
        ids = [
            world.order("buy", "limit", "0.0001", price=at(-100 - number))["order_id"]
            for number in range(3)
        ]
        told = world.client.data(
            "POST", "/user/spot/orders_info", pair="btc_jpy", order_ids=[*ids, 5]
        )["orders"]
        assert sorted(row["order_id"] for row in told) == ids
        gone = world.client.data(
            "POST", "/user/spot/cancel_orders", pair="btc_jpy", order_ids=ids[:2]
        )["orders"]
        assert {row["status"] for row in gone} == {"CANCELED_UNFILLED"}
        assert [row["order_id"] for row in world.active(pair="btc_jpy")] == ids[2:]


# lists


def test_lists_are_cut_by_count_number_and_time() -> None:
    with private_world() as world:
        ids = []
        for number in range(4):
            world.go(number, 1)
            ids.append(world.order("buy", "limit", "0.0001", price=at(-100))["order_id"])
        newest = list(reversed(ids))

        def numbers(**asked: Any) -> list[int]:
            return [row["order_id"] for row in world.active(**asked)]

        assert numbers() == numbers(pair="btc_jpy") == newest
        assert numbers(count=2) == newest[:2]
        assert numbers(from_id=ids[1], end_id=ids[2]) == [ids[2], ids[1]]
        assert numbers(since=T0 + 2 * MINUTE) == [ids[3], ids[2]]
        assert numbers(end=T0 + MINUTE + 1) == [ids[1], ids[0]]


def test_trades_come_newest_first_unless_asked_otherwise() -> None:
    with private_world() as world:
        ids = []
        for number in range(3):
            world.go(number, 1)
            ids.append(world.order("buy", "market", "0.0001")["order_id"])
        assert [row["order_id"] for row in world.trades()] == list(reversed(ids))
        assert [row["order_id"] for row in world.trades(order="asc", count=2)] == ids[:2]
        (one,) = world.trades(pair="btc_jpy", order_id=ids[1])
        assert one["executed_at"] == T0 + MINUTE + 1
        assert len(world.trades(since=T0 + MINUTE, end=T0 + MINUTE + 1)) == 1
        assert len({row["trade_id"] for row in world.trades()}) == 3


def test_what_ended_three_months_ago_is_not_told_any_more() -> None:
    with private_world() as world:
        done = world.order("buy", "market", "0.0001")["order_id"]
        resting = world.order("buy", "limit", "0.0001", price=at(-9_000_000))["order_id"]
        world.clock.advance_to(T0 + 91 * 86_400_000)
        target = "/user/spot/order"
        assert world.client.get(target, pair="btc_jpy", order_id=done).code == 50009
        assert world.info(resting)["status"] == "UNFILLED"
        told = world.client.data(
            "POST", "/user/spot/orders_info", pair="btc_jpy", order_ids=[done, resting]
        )
        assert [row["order_id"] for row in told["orders"]] == [resting]


# refusals: the request

GOOD: dict[str, Any] = {
    "pair": "btc_jpy",
    "amount": "0.0100",
    "side": "buy",
    "type": "limit",
    "price": at(-50),
    "position_side": "long",
}
STOP = {"side": "sell", "type": "stop", "price": None}
BAD_REQUESTS: dict[str, tuple[dict[str, Any], int]] = {
    "no pair": ({"pair": None}, 30016),
    "another pair": ({"pair": "xrp_jpy"}, 40017),
    "no amount": ({"amount": None}, 30001),
    "an amount of nothing": ({"amount": "0"}, 40001),
    "five decimals": ({"amount": "0.00015"}, 40001),
    "a negative amount": ({"amount": "-1"}, 40001),
    "an amount that is a number": ({"amount": 0.01}, 40001),
    "no side": ({"side": None}, 30013),
    "another side": ({"side": "hold"}, 40021),
    "no type": ({"type": None}, 30015),
    "another type": ({"type": "iceberg"}, 40024),
    "the exchange's own type": ({"type": "losscut"}, 40024),
    "no price": ({"price": None}, 30012),
    "half a yen": ({"price": "9999999.5"}, 40020),
    "a price of nothing": ({"price": "0"}, 40020),
    "another position side": ({"position_side": "both"}, 40164),
    "post_only as a text": ({"post_only": "true"}, 40113),
    "post_only at market": ({"type": "market", "post_only": True}, 40114),
    "no trigger": (STOP, 30101),
    "a trigger of nothing": ({**STOP, "trigger_price": "0"}, 40112),
    "a stop that opens": ({"type": "stop", "trigger_price": at(100)}, 40200),
    "a take_profit that opens": ({"type": "take_profit", "trigger_price": at(-100)}, 60019),
    "a stop_loss on spot": (
        {**STOP, "type": "stop_loss", "trigger_price": at(-100), "position_side": None},
        60019,
    ),
    "more than the most": ({"amount": "1000.0001"}, 60003),
    "more than is bought at market": ({"type": "market", "amount": "10.0001"}, 60002),
    "more than the margin": ({"amount": "3.0000"}, 50061),
    "more than is held": ({"side": "sell", "type": "market"}, 50062),
    "a stop of nothing held": ({**STOP, "trigger_price": at(-100)}, 50062),
    "more than the yen": ({"amount": "1.5000", "position_side": None}, 60001),
    "coins that are not there": ({"side": "sell", "position_side": None}, 60001),
}


@pytest.mark.parametrize("case", BAD_REQUESTS)
def test_a_bad_order_is_refused_with_its_code_and_changes_nothing(case: str) -> None:
    change, wanted = BAD_REQUESTS[case]
    with private_world() as world:
        before = world.truth()
        body = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
        answer = world.client.post("/user/spot/order", body)
        assert (answer.code, answer.status) == (wanted, 400)
        assert wanted in table.read_codes()
        assert world.truth() == before


def test_fields_that_nobody_knows_are_ignored_and_a_request_that_is_no_json_is_refused() -> None:
    with private_world() as world:
        order = world.order("buy", "limit", "0.0100", price=at(-50), postOnly=True, leverage=2)
        assert order["post_only"] is False
        assert "position_side" not in order
        assert world.client.post("/user/spot/order", b"{").code == 10002
        assert world.client.post("/user/spot/order", b"[]").code == 10002


@pytest.mark.parametrize(
    ("path", "query", "wanted"),
    [
        ("/user/spot/active_orders", {"count": "x"}, 40006),
        ("/user/spot/active_orders", {"from_id": "x"}, 40009),
        ("/user/spot/active_orders", {"end_id": "x"}, 40008),
        ("/user/spot/active_orders", {"since": "x"}, 40022),
        ("/user/spot/active_orders", {"end": "x"}, 40007),
        ("/user/spot/active_orders", {"pair": "xrp_jpy"}, 40017),
        ("/user/spot/trade_history", {"count": 1001}, 40006),
        ("/user/spot/trade_history", {"order": "up"}, 40025),
        ("/user/spot/trade_history", {"order_id": 1}, 30016),
        ("/user/spot/order", {"order_id": 1}, 30016),
        ("/user/spot/order", {"pair": "btc_jpy"}, 30006),
        ("/user/spot/order", {"pair": "btc_jpy", "order_id": 1}, 50009),
    ],
)
def test_a_bad_question_is_refused_with_its_code(
    path: str, query: dict[str, Any], wanted: int
) -> None:
    with private_world() as world:
        assert world.client.get(path, **query).code == wanted


@pytest.mark.parametrize(
    ("ids", "wanted"), [(None, 30007), ([], 40014), (["x"], 40014), (list(range(1, 32)), 40015)]
)
def test_a_bad_list_of_numbers_is_refused_with_its_code(ids: Any, wanted: int) -> None:
    with private_world() as world:
        body = {"pair": "btc_jpy"} | ({} if ids is None else {"order_ids": ids})
        assert world.client.post("/user/spot/orders_info", body).code == wanted
        assert world.client.post("/user/spot/cancel_orders", body).code == wanted


# refusals: the account and the market


def test_thirty_orders_live_at_once_on_both_sides_together() -> None:
    with private_world() as world:
        for number in range(15):
            world.order("buy", "limit", "0.0001", price=at(-100 - number))
            world.order("buy", "limit", "0.0001", price=at(-100 - number), **LONG)
        code = world.client.order_code("buy", "limit", "0.0001", price=at(-200))
        assert code == 60011
        ended = world.active()[0]["order_id"]
        world.client.data("POST", "/user/spot/cancel_order", pair="btc_jpy", order_id=ended)
        assert world.order("buy", "limit", "0.0001", price=at(-200))["status"] == "UNFILLED"


@pytest.mark.parametrize("kind", ["stop", "stop_limit", "stop_loss", "take_profit"])
def test_a_trigger_that_is_reached_already_is_refused(kind: str) -> None:
    with private_world() as world:
        world.order("buy", "market", "0.0100", **LONG)
        trigger = {"trigger_price": at(-50 if kind == "take_profit" else 50)}
        price = {"price": at(0)} if kind == "stop_limit" else {}
        code = world.client.order_code("sell", kind, "0.0100", **trigger, **price, **LONG)
        assert code == 60018


MARKET_FAULTS = {
    "halt": {"limit": 70004, "market": 70004, "stop": 70004, "cancel": 70004},
    "pair-disabled": {"limit": 70017, "market": 70017, "stop": 70017, "cancel": 0},
    "orders-stopped": {"limit": 70017, "market": 70017, "stop": 70017, "cancel": 0},
    "busy": {"limit": 70010, "market": 70010, "stop": 0, "cancel": 0},
    "market-stopped": {"limit": 0, "market": 70009, "stop": 0, "cancel": 0},
    "stops-stopped": {"limit": 0, "market": 0, "stop": 70023, "cancel": 0},
    "circuit-break": {"limit": 0, "market": 70020, "stop": 70023, "cancel": 0},
}


@pytest.mark.parametrize("name", MARKET_FAULTS)
def test_what_the_market_says_of_itself_holds_for_orders(name: str) -> None:
    with private_world() as world:
        resting = world.order("buy", "limit", "0.0010", price=at(-50), **LONG)["order_id"]
        world.order("buy", "market", "0.0010", **LONG)
        world.fault(name)
        client = world.client

        def code(method_body: dict[str, Any], path: str = "/user/spot/order") -> int:
            told = client.post(path, {"pair": "btc_jpy", **method_body})
            return 0 if told.json["success"] else told.code

        buy = {"side": "buy", "amount": "0.0001", **LONG}
        assert {
            "limit": code({**buy, "type": "limit", "price": at(-60)}),
            "market": code({**buy, "type": "market"}),
            "stop": code(
                {
                    "side": "sell",
                    "amount": "0.0010",
                    "type": "stop",
                    "trigger_price": at(-90),
                    **LONG,
                }
            ),
            "cancel": code({"order_id": resting}, "/user/spot/cancel_order"),
        } == MARKET_FAULTS[name]


def test_openings_of_one_side_may_be_suspended_while_closes_are_not() -> None:
    with private_world() as world:
        world.order("buy", "market", "0.0010", **LONG)
        world.sandbox.rules |= {"stop_margin_long_order": True, "stop_margin_short_order": True}
        assert world.client.order_code("buy", "market", "0.0010", **LONG) == 70024
        assert world.client.order_code("sell", "market", "0.0010", **SHORT) == 70025
        assert world.order("sell", "market", "0.0010", **LONG)["status"] == "FULLY_FILLED"
        world.sandbox.rules |= {"stop_buy_order": True}
        assert world.client.order_code("buy", "market", "0.0010") == 70005


def test_a_pair_may_take_no_cancels_and_no_stop_limits() -> None:
    with private_world() as world:
        number = world.order("buy", "limit", "0.0010", price=at(-50))["order_id"]
        world.order("buy", "market", "0.0010", **LONG)
        world.sandbox.rules |= {"stop_stop_limit_order": True, "stop_order_and_cancel": True}
        assert cancel_code(world, number) == 70018
        wait = {"trigger_price": at(-100), "price": at(-150), **LONG}
        assert world.client.order_code("sell", "stop_limit", "0.0010", **wait) == 70022
        assert world.client.order_code("buy", "market", "0.0010", **LONG) == 70017


@pytest.mark.parametrize("kind", ["stop_limit", "take_profit", "stop"])
def test_what_waits_for_a_trigger_is_refused_as_any_other_order(kind: str) -> None:
    with private_world(yen=1_000_000) as world:
        world.order("buy", "market", "0.0100", **LONG)
        trigger = {"trigger_price": at(100 if kind == "take_profit" else -100)}
        price = {"price": at(-150)} if kind == "stop_limit" else {}

        def code(amount: str) -> int:
            return world.client.order_code("sell", kind, amount, **trigger, **price, **LONG)

        assert code("0.0101") == 50062
        assert code("1000.0001") in {60002, 60003}
        world.fault("stops-stopped")
        assert code("0.0100") == 70023
        world.sandbox.faults.clear()
        world.fault("halt")
        assert code("0.0100") == 70004
        world.sandbox.faults.clear()
        assert world.order("sell", kind, "0.0100", **trigger, **price, **LONG)["status"] == (
            "INACTIVE"
        )
        # a purchase that waits must be paid for as well
        spot = world.client.order_code("buy", "stop", "0.2000", trigger_price=at(100))
        assert spot == 60001
