"""What the table says of one request or one answer; imports nothing of the product."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import yaml

STOP_TYPES = ("stop", "stop_limit", "take_profit", "stop_loss")
_TEXTS = {
    "amount": re.compile(r"\d+(\.\d+)?"),
    "decimal": re.compile(r"-?\d+(\.\d+)?"),
    "size": re.compile(r"(?=.*[1-9])\d+(\.\d{1,4})?"),
    "price": re.compile(r"[1-9]\d*"),
}
_NUMBERS = ("id", "ms", "count")


@cache
def read_table() -> Mapping[str, Any]:
    """The whole table."""
    text = (Path(__file__).parent / "private.yaml").read_text(encoding="utf-8")
    table: Mapping[str, Any] = yaml.safe_load(text)
    return table


@cache
def read_shapes() -> Mapping[str, Any]:
    """The official mock's answers with every value replaced by the kind of it."""
    text = (Path(__file__).parent / "official_shapes.json").read_text(encoding="utf-8")
    shapes: Mapping[str, Any] = json.loads(text)
    return shapes


def endpoint_of(method: str, path: str) -> str | None:
    """The endpoint's name in the table."""
    for name, endpoint in read_table()["endpoints"].items():
        if (endpoint["method"], endpoint["path"]) == (method, path):
            return str(name)
    return None


def request_problems(method: str, target: str, body: bytes) -> list[str]:
    """What in a request is not as documented; empty where it is."""
    path, _, query = target.partition("?")
    name = endpoint_of(method, path)
    if name is None:
        return [f"{method} {path} is no endpoint"]
    endpoint = read_table()["endpoints"][name]
    if method == "POST":
        given = _json_object(body)
        if query or given is None:
            return [f"{name}: a POST is a JSON object without a query"]
        return list(_param_problems(name, endpoint["params"], given))
    if body:
        return [f"{name}: a GET with a body"]
    given = {
        key: (int(value) if value.isdigit() and _is_number(endpoint, key) else value)
        for key, value in parse_qsl(query, keep_blank_values=True)
    }
    return list(_param_problems(name, endpoint["params"], given))


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        given = json.loads(body)
    except ValueError:
        return None
    return given if isinstance(given, dict) else None


def _is_number(endpoint: Mapping[str, Any], key: str) -> bool:
    return any(param["name"] == key and param["type"] in _NUMBERS for param in endpoint["params"])


def _param_problems(
    name: str, params: list[Mapping[str, Any]], given: Mapping[str, Any]
) -> Iterator[str]:
    known = {param["name"] for param in params}
    yield from (f"{name}: unknown field {key}" for key in given if key not in known)
    order_type = given.get("type")
    for param in params:
        key = param["name"]
        if key not in given:
            if param.get("required") or order_type in param.get("required_for_types", ()):
                yield f"{name}: {key} is missing"
            continue
        if "only_for_types" in param and order_type not in param["only_for_types"]:
            yield f"{name}: {key} does not belong to a {order_type} order"
        yield from _value_problems(f"{name}: {key}", param["type"], given[key])
        if "most" in param and isinstance(given[key], int) and given[key] > param["most"]:
            yield f"{name}: {key} is above {param['most']}"


def answer_problems(endpoint: str, answer: Any) -> list[str]:
    """What in a successful answer is not as documented; unknown fields too, for only the sandbox is
    judged by this.
    """
    if (
        not isinstance(answer, dict)
        or answer.get("success") != 1
        or set(answer)
        - {
            "success",
            "data",
        }
    ):
        return [f"{endpoint}: the envelope is not success and data"]
    data, found = answer.get("data"), []
    if not isinstance(data, dict):
        return [f"{endpoint}: data is no object"]
    parts = read_table()["endpoints"][endpoint]["answer"]
    if "" not in parts:
        found += [f"{endpoint}: unknown field {key}" for key in data if f"{key}[]" not in parts]
    for place, kind in parts.items():
        rows = _rows_at(data, place)
        if rows is None:
            found.append(f"{endpoint}: {place} is missing or of another kind")
            continue
        for row in rows:
            found += object_problems(f"{endpoint} {place}".strip(), kind, row)
    return found


def _rows_at(data: Mapping[str, Any], place: str) -> list[Any] | None:
    if not place:
        return [data]
    value = data.get(place.removesuffix("[]"))
    if place.endswith("[]"):
        return value if isinstance(value, list) else None
    return [value] if isinstance(value, dict) else None


def object_problems(where: str, kind: str, row: Any) -> list[str]:
    """What in one object is not as the table has it."""
    if not isinstance(row, dict):
        return [f"{where}: {kind} is no object"]
    fields = {field["name"]: field for field in read_table()["objects"][kind]}
    found = [f"{where}: unknown field {key}" for key in row if key not in fields]
    for name, field in fields.items():
        place = f"{where}: {name}"
        if not _belongs(field, row):
            if row.get(name) is not None:
                found.append(f"{place} does not belong to this {kind}")
        elif name not in row:
            if not field.get("absent") and "for_margin" not in field:
                found.append(f"{place} is missing")
        elif row[name] is None:
            if not field.get("nullable") and row.get("type") not in field.get("null_for_types", ()):
                found.append(f"{place} is null")
        else:
            found += _value_problems(place, field["type"], row[name])
    return found


def _belongs(field: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    if "for_types" in field and row.get("type") not in field["for_types"]:
        return False
    if row.get("status") in field.get("not_for_status", ()):
        return False
    is_margin = "position_side" in row
    return not (field.get("for_margin") and field["name"] != "position_side" and not is_margin)


def _value_problems(place: str, kind: str, value: Any) -> list[str]:
    if kind == "any":
        return []
    if kind in _TEXTS:
        is_right = isinstance(value, str) and _TEXTS[kind].fullmatch(value) is not None
    elif kind in _NUMBERS:
        is_right = type(value) is int and value >= 0
    elif kind == "ids":
        is_right = (
            isinstance(value, list)
            and 1 <= len(value) <= 30
            and all(type(one) is int and one >= 0 for one in value)
        )
    else:
        kinds = {"flag": bool, "text": str, "object": dict, "list": list}
        is_right = isinstance(value, kinds[kind]) if kind in kinds else value in kind.split("|")
    return [] if is_right else [f"{place} is {value!r}, not {kind}"]


@cache
def read_codes() -> Mapping[int, str]:
    """Every documented error code and its class."""
    text = (Path(__file__).parent / "error_codes.json").read_text(encoding="utf-8")
    return {int(code): entry["class"] for code, entry in json.loads(text).items()}


def is_refused_for_certain(code: int) -> bool:
    """Whether nothing was placed where an order POST was answered with this code."""
    ranges = read_table()["refused_for_certain"]
    return code in read_codes() and any(low <= code <= high for low, high in ranges)
