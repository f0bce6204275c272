"""Margin beside spot: what it is worth, what it costs, and what happens where it is not enough."""

from decimal import Decimal
from typing import Any

import pytest

from tests.support.private_world import FLAT, MINUTE, PRICE, T0, private_world

DAY_ROWS = 1_440
LONG = {"position_side": "long"}
SHORT = {"position_side": "short"}


def jump(offset: int) -> tuple[int, int, int, int, float]:
    return (offset, offset, offset, offset, 10.0)


def test_without_a_position_the_percentages_are_null_and_rows_are_there_all_the_same() -> None:
    with private_world() as world:
        status = world.margin()
        assert (status["status"], status["unrealized_cost"]) == ("NORMAL", "0.0000")
        for name in (
            "total_margin_balance_percentage",
            "margin_call_percentage",
            "losscut_percentage",
        ):
            assert status[name] is None
        positions = world.client.data("GET", "/user/margin/positions")
        assert {row["pair"] for row in positions["positions"]} == {"btc_jpy", "eth_jpy", "xrp_jpy"}
        assert {row["open_amount"] for row in positions["positions"]} == {"0.0000"}
        assert set(positions["notice"].values()) == {None}


def test_margin_counts_all_yen_and_half_of_the_coins() -> None:
    with private_world(btc_lots=1_000, yen=1_000_000) as world:
        assert world.margin()["total_margin_balance"] == "1500000.0000"
        (free,) = world.margin()["available_balances"]
        assert free["long"] == free["short"] == "3000000.0000"
        btc = world.asset("btc")
        assert (btc["onhand_amount"], btc["collateral_ratio"]) == ("0.10000000", "0.5")


def test_long_and_short_stand_side_by_side_and_profit_is_from_the_average() -> None:
    with private_world([FLAT, jump(1_000), jump(2_000), jump(3_000)]) as world:
        world.order("buy", "market", "0.0100", **LONG)
        world.go(1, 1)
        world.order("buy", "market", "0.0300", **LONG)
        world.order("sell", "market", "0.0200", **SHORT)
        world.go(2, 1)
        status = world.margin()
        held, short = world.position("long"), world.position("short")
        # bought at 10,000,001 and 10,001,001 (half a spread is one yen at the least)
        assert held["average_price"] == "10000751"
        assert held["open_amount"] == "0.0400"
        assert short["average_price"] == str(PRICE + 999)
        profit = Decimal("0.04") * (PRICE + 2_000 - 10_000_751) - Decimal("0.02") * 1_001
        assert Decimal(status["margin_position_profit_loss"]) == profit
        assert Decimal(status["open_margin_position_product"]) == Decimal(held["product"]) + (
            Decimal(short["product"])
        )
        owed = sum(
            Decimal(row[name])
            for row in (held, short)
            for name in ("unrealized_fee_amount", "unrealized_interest_amount")
        )
        assert Decimal(status["unrealized_cost"]) == owed
        assert Decimal(status["total_margin_balance"]) == 10_000_000 + profit - owed


def test_fees_arise_at_the_opening_and_are_taken_with_the_interest_at_the_close() -> None:
    with private_world([FLAT] * (DAY_ROWS + 5)) as world:
        world.order("buy", "market", "0.0100", **LONG)
        assert world.asset("jpy")["onhand_amount"] == "10000000.0000"
        assert world.position("long")["unrealized_fee_amount"] == "100.0000"
        assert world.position("long")["unrealized_interest_amount"] == "40.0000"
        world.go(DAY_ROWS + 1)
        assert world.position("long")["unrealized_interest_amount"] == "80.0000"
        world.order("sell", "market", "0.0100", **LONG)
        opening, closing = world.trades(order="asc")
        assert (opening["fee_amount_quote"], opening["fee_occurred_amount_quote"]) == (
            "0.0000",
            "100.0000",
        )
        assert "profit_loss" not in opening
        assert (closing["fee_amount_quote"], closing["fee_occurred_amount_quote"]) == (
            "200.0000",
            "100.0000",
        )
        assert (closing["profit_loss"], closing["interest"]) == ("-0.0200", "80.0000")
        left = Decimal(10_000_000) - 200 - 80 - Decimal("0.02")
        assert Decimal(world.asset("jpy")["onhand_amount"]) == left


def test_spot_pays_coins_and_fee_at_once_and_resting_orders_lock() -> None:
    with private_world() as world:
        world.order("buy", "market", "0.0100")
        (trade,) = world.trades()
        assert trade["fee_amount_quote"] == trade["fee_occurred_amount_quote"] == "100.0000"
        assert "profit_loss" not in trade
        assert "position_side" not in trade
        paid = Decimal("0.01") * (PRICE + 1) + 100
        assert Decimal(world.asset("jpy")["onhand_amount"]) == 10_000_000 - paid
        world.order("buy", "limit", "0.0100", price=str(PRICE - 100_000))
        world.order("sell", "limit", "0.0040", price=str(PRICE + 100_000))
        yen, btc = world.asset("jpy"), world.asset("btc")
        assert yen["locked_amount"] == "99000.0000"
        assert Decimal(yen["free_amount"]) == 10_000_000 - paid - 99_000
        assert (btc["locked_amount"], btc["free_amount"]) == ("0.00400000", "0.00600000")
        assert world.client.order_code("sell", "market", "0.0061") == 60001


def test_one_s_yen_serve_both_kinds_of_account() -> None:
    with private_world(yen=1_000_000) as world:
        world.order("buy", "market", "0.0500")
        # 500,000 yen and coins worth as much, of which half counts, at a ratio of a half
        assert 1_490_000 < Decimal(world.margin()["buy_credit"]) < 1_500_000
        assert world.client.order_code("buy", "market", "0.1500", **LONG) == 50061
        world.order("buy", "market", "0.1400", **LONG)
        assert Decimal(world.asset("jpy")["onhand_amount"]) > 490_000


@pytest.mark.parametrize(
    ("fall", "status"), [(0, "NORMAL"), (1_000_000, "CALL"), (2_400_000, "CALL")]
)
def test_below_what_is_needed_the_account_is_called(fall: int, status: str) -> None:
    with private_world([FLAT, jump(-fall), jump(-fall)], yen=1_100_000) as world:
        world.order("buy", "market", "0.2000", **LONG)
        world.go(1, 1)
        told, positions = world.margin(), world.client.data("GET", "/user/margin/positions")
        assert told["status"] == status
        assert (positions["notice"]["what"] is None) == (status == "NORMAL")
        assert told["losscut_percentage"] == "50"
        percentage = Decimal(told["total_margin_balance"]) / Decimal(
            told["total_position_maintenance_margin"]
        )
        assert Decimal(told["total_margin_balance_percentage"]) == (percentage * 100).quantize(
            Decimal("0.01")
        )


def test_below_the_loss_cut_everything_on_margin_is_closed_and_spot_is_not() -> None:
    with private_world([FLAT, jump(-3_600_000), FLAT, FLAT], yen=1_200_000, btc_lots=10) as world:
        world.order("buy", "market", "0.2000", **LONG)
        world.order("sell", "market", "0.0010", **SHORT)
        stop = world.order(
            "sell", "limit", "0.2000", price=str(PRICE + 500_000), post_only=True, **LONG
        )
        spot = world.order("sell", "limit", "0.0010", price=str(PRICE + 500_000))
        world.go(2, 1)
        cuts = [row for row in world.trades(order="asc") if row["type"] == "losscut"]
        assert [(row["position_side"], row["side"]) for row in cuts] == [
            ("long", "sell"),
            ("short", "buy"),
        ]
        order = world.info(cuts[0]["order_id"])
        assert (order["type"], order["status"], order["user_cancelable"]) == (
            "losscut",
            "FULLY_FILLED",
            False,
        )
        assert world.info(stop["order_id"])["status"] == "CANCELED_UNFILLED"
        assert world.info(spot["order_id"])["status"] == "UNFILLED"
        assert world.margin()["total_margin_balance_percentage"] is None
        assert world.truth()["positions"] == []


def test_a_loss_beyond_all_yen_is_a_debt() -> None:
    with private_world([FLAT, jump(-7_000_000), FLAT, FLAT], yen=1_100_000) as world:
        world.order("buy", "market", "0.2000", **LONG)
        world.go(2, 1)
        assert world.margin()["status"] == "DEBT"
        payables = world.client.data("GET", "/user/margin/positions")["payables"]["amount"]
        assert Decimal(payables) > 290_000
        assert world.asset("jpy")["onhand_amount"] == "0.0000"


def test_whole_candles_that_are_jumped_over_tell_what_single_steps_tell() -> None:
    rows = [FLAT, jump(-300), (0, 900, -900, 100, 0.02), *([FLAT] * 300), jump(500), FLAT]

    def play(steps: list[int]) -> Any:
        with private_world(rows) as world:
            world.order("buy", "limit", "0.0100", price=str(PRICE - 100), **LONG)
            world.order("buy", "limit", "0.0100", price=str(PRICE - 200))
            for minute in steps:
                world.go(minute)
                world.margin()
            return world.truth() | {"at": 0}

    assert play([len(rows)]) == play(list(range(1, len(rows) + 1)))
    assert T0 % MINUTE == 0
