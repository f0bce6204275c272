"""The table of bitbank's private API notices what is not as documented, before it judges others."""

import copy
import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.bitbank_api import answers, table

ORDER: dict[str, Any] = {
    "order_id": 57_514_399_651,
    "pair": "btc_jpy",
    "side": "buy",
    "position_side": "long",
    "type": "limit",
    "start_amount": "0.0010",
    "remaining_amount": "0.0010",
    "executed_amount": "0.0000",
    "price": "15000000",
    "post_only": True,
    "user_cancelable": True,
    "average_price": "0",
    "ordered_at": 1_761_700_000_123,
    "expire_at": 1_777_252_000_123,
    "status": "UNFILLED",
}


def test_the_documented_order_is_as_documented() -> None:
    assert table.answer_problems("order", {"success": 1, "data": ORDER}) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("order_id", "57514399651"),
        ("order_id", True),
        ("side", "long"),
        ("start_amount", 0.001),
        ("start_amount", "1e-3"),
        ("price", None),
        ("price", 15_000_000),
        ("status", "OPEN"),
        ("trigger_price", "14000000"),
        ("ordered_at", 1_761_700_000.5),
        ("orderId", 1),
    ],
)
def test_one_wrong_field_of_an_order_is_named(field: str, value: object) -> None:
    wrong = {**ORDER, field: value}
    (problem,) = table.answer_problems("order", {"success": 1, "data": wrong})
    assert field in problem


@pytest.mark.parametrize("field", ["order_id", "price", "status", "average_price"])
def test_a_missing_field_of_an_order_is_named(field: str) -> None:
    short = {key: value for key, value in ORDER.items() if key != field}
    (problem,) = table.answer_problems("order", {"success": 1, "data": short})
    assert field in problem


@pytest.mark.parametrize(
    "body",
    [
        {
            "pair": "btc_jpy",
            "amount": "0.0010",
            "side": "buy",
            "type": "limit",
            "price": "15000000",
            "post_only": True,
        },
        {
            "pair": "btc_jpy",
            "amount": "0.0010",
            "side": "sell",
            "position_side": "long",
            "type": "market",
        },
        {
            "pair": "btc_jpy",
            "amount": "0.0010",
            "side": "sell",
            "position_side": "long",
            "type": "stop",
            "trigger_price": "14000000",
        },
        {
            "pair": "btc_jpy",
            "amount": "0.0010",
            "side": "sell",
            "position_side": "long",
            "type": "stop_limit",
            "trigger_price": "14000000",
            "price": "13900000",
        },
    ],
)
def test_the_documented_bodies_are_as_documented(body: dict[str, Any]) -> None:
    assert table.request_problems("POST", "/v1/user/spot/order", json.dumps(body).encode()) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"postOnly": True}, "postOnly"),
        ({"margin": True}, "margin"),
        ({"amount": 0.001}, "amount"),
        ({"amount": "0.00105"}, "amount"),
        ({"price": "15000000.5"}, "price"),
        ({"price": None}, "price"),
        ({"trigger_price": "14000000"}, "trigger_price"),
        ({"clientOrderId": "a"}, "clientOrderId"),
    ],
)
def test_a_body_with_one_wrong_field_is_named(change: dict[str, Any], named: str) -> None:
    body = {
        "pair": "btc_jpy",
        "amount": "0.0010",
        "side": "buy",
        "type": "limit",
        "price": "15000000",
        **change,
    }
    problems = table.request_problems("POST", "/v1/user/spot/order", json.dumps(body).encode())
    assert len(problems) == 1
    assert named in problems[0]


def test_a_cancel_with_a_text_for_a_number_is_named() -> None:
    body = {"pair": "btc_jpy", "order_id": "123"}
    assert table.request_problems(
        "POST", "/v1/user/spot/cancel_order", json.dumps(body).encode()
    ) == ["cancel_order: order_id is '123', not id"]


def test_the_official_mock_and_the_table_know_the_same_fields() -> None:
    """The mock is older: it may lack what came later, but has nothing that the table does not."""
    checked = 0
    for endpoint, shape in table.read_shapes().items():
        for place, kind in table.read_table()["endpoints"][endpoint]["answer"].items():
            fields = {field["name"]: field for field in table.read_table()["objects"][kind]}
            part = shape["data"][place.removesuffix("[]")] if place else shape["data"]
            for row in part if isinstance(part, list) else [part]:
                assert set(row) <= set(fields), (endpoint, place)
                for name, what in row.items():
                    if isinstance(what, str) and what != "null":
                        checked += 1
                        assert what == _kind_of(fields[name]["type"]), (endpoint, name)
    assert checked > 80


def _kind_of(declared: str) -> str:
    if declared in {"id", "ms", "count"}:
        return "number"
    return "flag" if declared == "flag" else "text"


def test_codes_that_leave_an_order_open_are_not_called_refusals() -> None:
    codes = table.read_codes()
    assert len(codes) == 181
    open_codes = [code for code in codes if not table.is_refused_for_certain(code)]
    assert {10001, 10003, 10005, 10008, 70001, 70002, 70003, 70011, 70012} <= set(open_codes)
    assert not table.is_refused_for_certain(50088)
    assert table.is_refused_for_certain(50062)


def test_the_table_is_not_changed_by_reading_it() -> None:
    before = copy.deepcopy(table.read_table())
    table.answer_problems("order", {"success": 1, "data": ORDER})
    assert table.read_table() == before


def test_answers_made_from_the_table_are_as_documented_and_show_all_that_it_allows() -> None:
    rng, seen = random.Random(1), Counter[str]()
    for _ in range(60):
        for name in table.read_table()["endpoints"]:
            made = answers.made_answer(rng, name)
            assert table.answer_problems(name, made) == []
            seen.update(f"{kind} {value}" for kind, value in _told(made["data"]))
    for kind in ("order", "trade"):
        for field in table.read_table()["objects"][kind]:
            if "|" in field["type"]:
                for value in field["type"].split("|"):
                    assert seen[f"{field['name']} {value}"], value
    assert seen["price None"]
    assert seen["start_amount None"]
    assert seen["interest None"]


def _told(value: Any) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from value.items()
    for one in value.values() if isinstance(value, dict) else value:
        if isinstance(one, dict | list):
            yield from _told(one)
