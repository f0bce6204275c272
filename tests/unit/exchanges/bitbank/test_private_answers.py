"""What was seen in private answers is read, exactly; what cannot be right is not believed."""

import random
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Decimal
from typing import Any

import pytest

from shared.core.errors import BadData
from shared.core.types import Side
from shared.exchanges.bitbank.balance_answers import balances_from
from shared.exchanges.bitbank.margin_answers import margin_account_from, positions_from
from shared.exchanges.bitbank.private_answers import (
    lots_of,
    order_from,
    orders_by_id_from,
    orders_from,
    resting_from,
    trades_from,
)
from tests.support.bitbank_api import answers, table

PAIR = "btc_jpy"
STOP: dict[str, Any] = {
    "order_id": 57_514_399_651,
    "pair": PAIR,
    "side": "sell",
    "position_side": "long",
    "type": "stop",
    "start_amount": "0.0010",
    "remaining_amount": "0.0010",
    "executed_amount": "0.0000",
    "price": None,
    "average_price": "0",
    "ordered_at": 1_761_700_000_456,
    "expire_at": None,
    "trigger_price": "14000000",
    "status": "INACTIVE",
}
TRADE: dict[str, Any] = {
    "trade_id": 5,
    "pair": PAIR,
    "order_id": 100,
    "side": "sell",
    "type": "limit",
    "amount": "0.0010",
    "price": "15000000",
    "maker_taker": "maker",
    "fee_amount_base": "0",
    "fee_amount_quote": "-3.0000",
    "executed_at": 1_761_700_000_123,
}


def read(**changes: Any) -> Any:
    return order_from(STOP | changes, pair=PAIR)


def test_a_stop_has_a_trigger_and_no_price_and_an_id_above_31_bits() -> None:
    order = read()
    assert (order.price, order.trigger_price, order.status) == (None, 14_000_000, "INACTIVE")
    assert order.order_id > 2**31
    assert order.position_side is Side.LONG
    without = {key: value for key, value in STOP.items() if key not in {"price", "expire_at"}}
    assert order_from(without, pair=PAIR) == order


FILLED = {
    "status": "FULLY_FILLED",
    "executed_amount": "0.0010",
    "remaining_amount": "0.0000",
    "average_price": "14000000",
}
NO_AMOUNT = {"type": "take_profit", "start_amount": None, "remaining_amount": None}


def test_a_filled_order_is_read_and_does_not_rest() -> None:
    assert read(**FILLED).executed_lots == 10
    assert read(**FILLED | NO_AMOUNT).lots is None
    resting = resting_from({"orders": [STOP]}, pair=PAIR)
    assert [one.status for one in resting] == ["INACTIVE"]
    with pytest.raises(BadData):
        resting_from({"orders": [STOP | FILLED]}, pair=PAIR)


def test_what_may_pass_in_the_answer_to_a_cancel_is_read() -> None:
    for status in ("UNFILLED", "INACTIVE", "CANCELED_UNFILLED"):
        told = read(status=status, canceled_at=1_761_700_000_999, triggered_at=1_761_700_000_800)
        assert told.status == status


@pytest.mark.parametrize("status", ["CANCELED_UNFILLED", "REJECTED", "EXPIRED", "UNFILLED"])
def test_each_status_that_was_seen_is_read(status: str) -> None:
    assert read(status=status).status == status


def test_a_close_without_an_amount_has_none() -> None:
    order = read(type="take_profit", start_amount=None, remaining_amount=None)
    assert (order.lots, order.remaining_lots, order.executed_lots) == (None, None, 0)


WRONG = [
    *("0.00105", "0.00099999", "0.001000000000000001", "NaN", "Infinity", "-0.0010", "1e-3", ""),
    *("0.0010\n", " 0.0010", "+0.0010", "0,0010", "٠.٠٠١٠", "0x1", "1" * 19, "0." + "0" * 19),
    *(0.001, 0.0010, 10, None, True, ["0.0010"], {"x": 1}),
]


@pytest.mark.parametrize("amount", WRONG)
def test_an_amount_that_is_no_whole_number_of_lots_is_not_believed(amount: object) -> None:
    for name in ("start_amount", "remaining_amount", "executed_amount"):
        with pytest.raises(BadData):
            read(**{name: amount})
    with pytest.raises(BadData):
        trades_from({"trades": [TRADE | {"amount": amount}]}, pair=PAIR)


@pytest.mark.parametrize("price", ["0", "14000000.5", "-1", "NaN", "1e7", 14_000_000, None, True])
def test_a_price_that_is_no_whole_number_of_yen_is_not_believed(price: object) -> None:
    with pytest.raises(BadData):
        read(trigger_price=price)
    with pytest.raises(BadData):
        read(type="limit", price=price)
    with pytest.raises(BadData):
        trades_from({"trades": [TRADE | {"price": price}]}, pair=PAIR)


def test_sizes_are_exact_over_their_whole_range() -> None:
    rng = random.Random(8)
    for _ in range(2_000):
        lots = rng.choice((rng.randint(0, 10**5), rng.randint(0, 10**12)))
        assert lots_of(answers.size_text(rng, lots), "a size") == lots
    with pytest.raises(BadData):
        lots_of("100000000.0001", "a size")


@pytest.mark.parametrize(
    "changes",
    [
        {"executed_amount": "0.0001"},
        {"remaining_amount": "0.0009"},
        {"start_amount": "0.0011"},
        {"start_amount": "0.0000", "remaining_amount": "0.0000"},
        {"status": "FULLY_FILLED"},
        {"executed_amount": "0.0001", "remaining_amount": "0.0009"},  # INACTIVE
        {"status": "UNFILLED", "executed_amount": "0.0001", "remaining_amount": "0.0009"},
        {"status": "PARTIALLY_FILLED", "average_price": "1"},
        {"status": "CANCELED_PARTIALLY_FILLED", "average_price": "1"},
        FILLED | {"average_price": "0"},
        FILLED | {"average_price": "0.0000"},
        FILLED | {"executed_amount": "0.0009", "remaining_amount": "0.0001"},
        FILLED | NO_AMOUNT | {"executed_amount": "0"},
        {"pair": "xrp_jpy"},
        {"order_id": 2**63},
        {"order_id": 0},
        {"order_id": "57514399651"},
        {"order_id": 57_514_399_651.0},
        {"ordered_at": True},
        {"status": "OPEN"},
        {"position_side": "both"},
        {"remaining_amount": None},
        {"type": "take_profit", "remaining_amount": None},
    ],
)
def test_what_contradicts_itself_is_not_believed(changes: dict[str, Any]) -> None:
    with pytest.raises(BadData):
        read(**changes)


def test_a_trade_keeps_its_rebate_and_says_what_was_not_told() -> None:
    (trade,) = trades_from({"trades": [TRADE]}, pair=PAIR)
    assert trade.fee_jpy == Decimal(-3)
    assert (trade.fee_occurred_jpy, trade.profit_jpy, trade.interest_jpy) == (None, None, None)
    for text in ("5.0000", "-5.0000"):
        told = TRADE | {"position_side": "long", "interest": text}
        (trade,) = trades_from({"trades": [told]}, pair=PAIR)
        assert trade.interest_jpy == 5


def test_rows_are_sorted_and_a_row_told_twice_counts_once_where_both_agree() -> None:
    rows = [TRADE | {"trade_id": number, "executed_at": 10 + number % 3} for number in range(1, 9)]
    random.Random(1).shuffle(rows)
    found = trades_from({"trades": [*rows, rows[0]]}, pair=PAIR)
    keys = [(one.executed_at, one.trade_id) for one in found]
    assert keys == sorted(keys)
    assert len(keys) == 8
    with pytest.raises(BadData):
        trades_from({"trades": [*rows, rows[0] | {"price": "1"}]}, pair=PAIR)
    orders = [STOP | {"order_id": number} for number in (9, 3, 7)]
    assert [one.order_id for one in orders_from({"orders": orders}, pair=PAIR)] == [3, 7, 9]
    with pytest.raises(BadData):
        orders_by_id_from({"orders": orders}, pair=PAIR, order_ids=[3, 7])


NO_LISTS: list[dict[str, Any]] = [{}, {"orders": None, "trades": {}, "positions": "x"}]
NO_ASSETS: list[dict[str, Any]] = [
    {},
    {"assets": []},
    {"assets": [{"asset": ["jpy"]}]},
    {"assets": ["jpy"]},
]


def test_no_list_is_not_an_empty_one() -> None:
    readers: list[Callable[..., Any]] = [orders_from, trades_from, positions_from]
    for reader in readers:
        for data in NO_LISTS:
            with pytest.raises(BadData):
                reader(data, pair=PAIR)
    for data in NO_ASSETS:
        with pytest.raises(BadData):
            balances_from(data)


def test_zero_rows_both_sides_and_nulls_without_a_position_are_read() -> None:
    rng = random.Random(3)
    seen: set[object] = set()
    for _ in range(200):
        data = answers.made_answer(rng, "margin_positions")["data"]
        found = positions_from(data, pair=PAIR)
        seen.add((found.long.lots > 0, found.short.lots > 0))
        status = margin_account_from(answers.made_answer(rng, "margin_status")["data"], pair=PAIR)
        seen.add(status.percentage is None)
    assert seen == {(False, False), (False, True), (True, False), (True, True), True, False}


def position(side: str, lots: int, product: str, average: str) -> dict[str, Any]:
    return {
        "pair": PAIR,
        "position_side": side,
        "open_amount": f"{lots // 10_000}.{lots % 10_000:04d}",
        "product": product,
        "average_price": average,
        "unrealized_fee_amount": "0.0000",
        "unrealized_interest_amount": "0.0000",
    }


def long_position(lots: int, product: str, average: str) -> Any:
    rows = [position("long", lots, product, average), position("short", 0, "0.0000", "0")]
    data = {"notice": {}, "payables": {"amount": "0"}, "positions": rows}
    return positions_from(data, pair=PAIR).long


@pytest.mark.parametrize(
    ("lots", "product", "average"),
    [
        (0, "900000.0000", "0"),
        (0, "0.0001", "0"),
        (10_000, "1", "9000000"),
        (10_000, "9000002.1", "9000000"),
        (10_000, "8999997.9", "9000000"),
        (10, "0.0000", "15000000"),
        (10, "15001.1", "15000000"),
        (10_000_000, "15000001001.1", "15000000"),
    ],
)
def test_a_position_whose_worth_is_not_size_times_price_is_not_believed(
    lots: int, product: str, average: str
) -> None:
    with pytest.raises(BadData, match="worth"):
        long_position(lots, product, average)


def test_a_position_may_be_rounded_to_whole_yen_in_any_of_the_usual_ways() -> None:
    rng = random.Random(9)
    for _ in range(2_000):
        lots, price = rng.randint(1, 10**6), Decimal(rng.randint(10**10, 3 * 10**11)) / 10**4
        exact = price * lots / 10_000
        average = price.quantize(rng.choice(PLACES), rounding=rng.choice(ROUNDINGS))
        product = exact.quantize(rng.choice(PLACES), rounding=rng.choice(ROUNDINGS))
        assert long_position(lots, f"{product:f}", f"{average:f}").lots == lots
    assert long_position(0, "0", "0").lots == 0


PLACES = (Decimal(1), Decimal("0.0001"))
ROUNDINGS = (ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP)


def asset(name: str, onhand: str, locked: str, free: str, **more: str) -> dict[str, Any]:
    amounts = {"onhand_amount": onhand, "locked_amount": locked, "free_amount": free}
    return {"asset": name, **amounts, **more}


@pytest.mark.parametrize(
    ("row", "is_believed"),
    [
        (asset("jpy", "100", "100", "100"), False),
        (asset("jpy", "100.0000", "50.0000", "50.0003"), False),
        (asset("jpy", "100.0000", "50.0001", "50.0001"), True),
        (asset("jpy", "100.0000", "50.0000", "30.0000"), True),
        (asset("jpy", "70.0000", "50.0000", "50.0000", withdrawing_amount="30.0000"), True),
        (asset("jpy", "70.0000", "50.0000", "50.0000", withdrawing_amount="29.9000"), False),
        (asset("jpy", "70.0000", "50.0000", "50.0000", withdrawing_amount="0.0000"), False),
        (asset("btc", "1.00000000", "0.50000001", "0.50000001"), True),
        (asset("btc", "1.00000000", "0.50000000", "0.50000003"), False),
    ],
)
def test_what_is_free_and_locked_is_no_more_than_there_is(
    row: dict[str, Any], is_believed: bool
) -> None:
    other = asset("btc" if row["asset"] == "jpy" else "jpy", "1", "0", "1")
    data = {"assets": [row, other]}
    if is_believed:
        balances_from(data)
        return
    with pytest.raises(BadData):
        balances_from(data)


def test_the_fields_of_the_official_mock_suffice() -> None:
    rng, seen = random.Random(6), 0
    readers: dict[str, Callable[[dict[str, Any]], Any]] = {
        "assets": balances_from,
        "margin_positions": lambda data: positions_from(data, pair=PAIR),
        "active_orders": lambda data: orders_from(data, pair=PAIR),
        "orders_info": lambda data: orders_from(data, pair=PAIR),
        "order": lambda data: order_from(data, pair=PAIR),
        "cancel_order": lambda data: order_from(data, pair=PAIR),
        "order_info": lambda data: order_from(data, pair=PAIR),
        "trade_history": lambda data: trades_from(data, pair=PAIR),
    }
    for name, reader in readers.items():
        shape = table.read_shapes()[name]
        kinds = ("limit", "market") if "'price'" in str(shape) else ("market",)
        for _ in range(300):
            made = answers.made_answer(rng, name)
            if any(row.get("type", kinds[0]) not in kinds for row in all_rows(made["data"])):
                continue
            seen += 1
            reader(answers.only_of_shape(made, shape)["data"])
    assert seen > 300


def all_rows(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [data, *(row for rows in data.values() if isinstance(rows, list) for row in rows)]
