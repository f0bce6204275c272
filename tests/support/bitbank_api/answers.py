"""Random answers made from the table: valid ones, and what a network, a proxy or a broken exchange
makes of them. Seeded; imports nothing of the product.
"""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.support.bitbank_api import table

PAIR = "btc_jpy"
OTHER_PAIRS = ("xrp_jpy", "eth_jpy", "eth_btc")
LOT = 10_000
"""Lots in a bitcoin: the table's sizes have at most four decimals."""


def _decimal_text(rng: random.Random, *, most: int, decimals: int, least: int = 0) -> str:
    whole = rng.randint(least, most)
    places = rng.randint(0, decimals)
    return f"{whole}.{rng.randrange(10**places):0{places}d}" if places else str(whole)


def size_text(rng: random.Random, lots: int) -> str:
    """A size in bitcoin, written as one of the official answers would: 0.001, 0.0010 or more."""
    whole, rest = divmod(lots, LOT)
    digits = f"{rest:04d}" + "0" * rng.choice((0, 4))
    if rng.random() < 0.3:
        digits = digits.rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def yen_text(rng: random.Random, price: int) -> str:
    """A whole price, sometimes with zeros behind the point."""
    return f"{price}{rng.choice(('', '', '', '.0', '.0000'))}"


def _value(rng: random.Random, kind: str) -> Any:
    """Something of a type of the table."""
    makers: dict[str, Callable[[], Any]] = {
        "amount": lambda: _decimal_text(rng, most=10**9, decimals=8),
        "decimal": lambda: (
            rng.choice(("", "", "-")) + _decimal_text(rng, most=10**7, decimals=8, least=1)
        ),
        "id": lambda: rng.choice((rng.randint(1, 2**31), rng.randint(2**31, 2**62))),
        "ms": lambda: rng.randint(1_500_000_000_000, 1_900_000_000_000),
        "count": lambda: rng.randint(0, 8),
        "flag": lambda: rng.random() < 0.5,
        "text": lambda: rng.choice(("a", "something", "日本", "")),
        "object": dict,
        "list": list,
        "any": lambda: rng.choice(({"min": "0.0006", "max": "0.0006"}, "540.0000")),
    }
    return makers[kind]() if kind in makers else rng.choice(kind.split("|"))


def made_object(rng: random.Random, kind: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """An object of the table. `chosen` are values that hang together; what may be absent or null
    sometimes is.
    """
    row: dict[str, Any] = {}
    is_margin = "position_side" in chosen
    for field in table.read_table()["objects"][kind]:
        name = field["name"]
        belongs = (
            ("for_types" not in field or chosen.get("type") in field["for_types"])
            and chosen.get("status") not in field.get("not_for_status", ())
            and (not field.get("for_margin") or is_margin)
        )
        if not belongs:
            if "for_types" in field and rng.random() < 0.2:
                row[name] = None
            continue
        if field.get("absent") and rng.random() < 0.3:
            continue
        if field.get("nullable") and rng.random() < 0.3:
            row[name] = None
            continue
        row[name] = chosen[name] if name in chosen else _value(rng, field["type"])
    names = list(row)
    rng.shuffle(names)
    return {name: row[name] for name in names}


def made_order(rng: random.Random, **fixed: Any) -> dict[str, Any]:
    """An order whose amounts and status hang together; `fixed` are fields as they are to be."""
    kinds = table.read_table()["objects"]["order"]
    by_name = {field["name"]: field for field in kinds}
    kind = fixed.get("type") or _value(rng, by_name["type"]["type"])
    status = fixed.pop("status", None) or _value(rng, by_name["status"]["type"])
    lots = fixed.pop("lots", None) or rng.choice((1, 10, rng.randint(1, 10**7)))
    executed = {
        "INACTIVE": 0,
        "UNFILLED": 0,
        "CANCELED_UNFILLED": 0,
        "REJECTED": 0,
        "FULLY_FILLED": lots,
    }.get(status, rng.randint(0 if status == "EXPIRED" else 1, lots))
    chosen: dict[str, Any] = {
        "pair": PAIR,
        "type": kind,
        "status": status,
        "start_amount": size_text(rng, lots),
        "remaining_amount": size_text(rng, lots - executed),
        "executed_amount": size_text(rng, executed),
        "price": yen_text(rng, rng.randint(1, 10**8)),
        "trigger_price": yen_text(rng, rng.randint(1, 10**8)),
        "average_price": (_decimal_text(rng, most=10**8, decimals=4, least=1) if executed else "0"),
    }
    if "position_side" not in fixed and rng.random() < 0.6:
        chosen["position_side"] = rng.choice(("long", "short"))
    if fixed.get("position_side", "") is None:
        del fixed["position_side"]
    if kind in by_name["start_amount"]["null_for_types"] and rng.random() < 0.5:
        chosen |= {"start_amount": None, "remaining_amount": None}
    return made_object(rng, "order", chosen | fixed)


def made_trade(rng: random.Random) -> dict[str, Any]:
    chosen: dict[str, Any] = {
        "pair": PAIR,
        "amount": size_text(rng, rng.randint(1, 10**6)),
        "price": yen_text(rng, rng.randint(1, 10**8)),
    }
    if rng.random() < 0.6:
        chosen["position_side"] = rng.choice(("long", "short"))
    return made_object(rng, "trade", chosen)


def _made_asset(rng: random.Random, asset: str) -> dict[str, Any]:
    free, locked = rng.randint(0, 10**12), rng.choice((0, rng.randint(0, 10**10)))
    return made_object(
        rng,
        "asset",
        {
            "asset": asset,
            "free_amount": f"{free // 10**4}.{free % 10**4:04d}",
            "locked_amount": f"{locked // 10**4}.{locked % 10**4:04d}",
            "onhand_amount": f"{(free + locked) // 10**4}.{(free + locked) % 10**4:04d}",
        },
    )


def _made_position(rng: random.Random, pair: str, side: str) -> dict[str, Any]:
    lots = rng.choice((0, rng.randint(1, 10**6)))
    average = _decimal_text(rng, most=10**8, decimals=4, least=1) if lots else "0"
    worth = round(Fraction(average) * lots)  # in units of 0.0001 yen
    return made_object(
        rng,
        "position",
        {
            "pair": pair,
            "position_side": side,
            "open_amount": size_text(rng, lots) if pair == PAIR else _value(rng, "amount"),
            "average_price": average,
            "product": f"{worth // 10**4}.{worth % 10**4:04d}",
        },
    )


def _rows(rng: random.Random, endpoint: str, place: str, kind: str) -> list[dict[str, Any]]:
    if kind == "asset":
        rows = [_made_asset(rng, name) for name in ("jpy", "btc", "xrp", "eth")]
    elif kind == "position":
        pairs = (PAIR, *rng.sample(OTHER_PAIRS, rng.randint(0, 2)))
        rows = [_made_position(rng, pair, side) for pair in pairs for side in ("long", "short")]
    elif kind == "available_balance":
        rows = [made_object(rng, kind, {"pair": pair}) for pair in (PAIR, *OTHER_PAIRS)]
    else:
        maker = made_order if kind == "order" else made_trade
        key = "order_id" if kind == "order" else "trade_id"
        made = [maker(rng) for _ in range(rng.choice((0, 1, rng.randint(2, 6))))]
        if endpoint == "active_orders":
            made = [row for row in made if row["status"] != "FULLY_FILLED"]
        rows = list({row[key]: row for row in made}.values())
    rng.shuffle(rows)
    return sorted(rows, key=lambda row: -row["executed_at"]) if kind == "trade" else rows


def made_answer(rng: random.Random, endpoint: str, **fixed: Any) -> dict[str, Any]:
    """A valid answer of an endpoint; `fixed` are fields of the order that it is to be of."""
    data: dict[str, Any] = {}
    for place, kind in table.read_table()["endpoints"][endpoint]["answer"].items():
        if place.endswith("[]"):
            data[place.removesuffix("[]")] = _rows(rng, endpoint, place, kind)
        elif kind == "order":
            data |= made_order(rng, **fixed)
        else:
            made = made_object(rng, kind, {})
            data |= {place: made} if place else {key: made[key] for key in made if key not in data}
    return {"success": 1, "data": data}


@dataclass(frozen=True)
class Wire:
    """What goes over the wire: an HTTP status and bytes, and how it was made."""

    made_by: str
    status: int
    body: bytes


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key in value:
            found += _places(value[key], (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            found += _places(one, (*path, index))
    return found


def _changed(value: Any, path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    copy = json.loads(json.dumps(value))
    here = copy
    for step in path[:-1]:
        here = here[step]
    change(here, path[-1])
    return copy


ODD_TEXTS = (
    *("NaN", "Infinity", "-1", "-0.0010", "1e3", "0.00105", "0.00001", " 1", "1 ", "1\n", "", "１"),
    *("0x10", "1,000", "1_000", "١", "9" * 400, "0." + "1" * 400, "null", "xrp_jpy", "LONG", "+1"),
)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, [], {}, 0, -1, 1, 0.1, 1e300, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**70),
    *([1], {"code": 60001}, "x"),
)


def mutated(rng: random.Random, endpoint: str, answer: dict[str, Any]) -> Wire:
    """A valid answer with something done to it."""
    text = json.dumps(answer)
    places = _places(answer)
    place = rng.choice(places)

    def put(value: Any) -> str:
        def change(here: Any, key: Any) -> None:
            here[key] = value

        return json.dumps(_changed(answer, place, change))

    def drop(here: Any, key: Any) -> None:
        del here[key]

    def double(here: Any, key: Any) -> None:
        if isinstance(here, list):
            here.append(here[key])

    key = rng.choice([str(one[-1]) for one in places])
    codes = [*table.read_codes(), 1, 99_999, 50_088, -60_001, 0]
    code = rng.choice(codes)
    others = [name for name in table.read_table()["endpoints"] if name != endpoint]
    kinds: dict[str, Callable[[], tuple[int, str | bytes]]] = {
        "null": lambda: (200, put(None)),
        "odd text": lambda: (200, put(rng.choice(ODD_TEXTS))),
        "odd value": lambda: (200, put(rng.choice(ODD_VALUES))),
        "missing": lambda: (200, json.dumps(_changed(answer, place, drop))),
        "row twice": lambda: (200, json.dumps(_changed(answer, place, double))),
        "truncated": lambda: (200, text[: rng.randrange(len(text))]),
        "other endpoint": lambda: (200, json.dumps(made_answer(rng, rng.choice(others)))),
        "code": lambda: (
            rng.choice((200, 400, 401, 429, 500, 503)),
            json.dumps({"success": 0, "data": {"code": code}}),
        ),
        "odd refusal": lambda: (
            rng.choice((200, 400)),
            json.dumps(
                rng.choice(
                    (
                        {"success": 0, "data": {"code": str(code)}},
                        {"success": 0, "data": {"code": float(code)}},
                        {"success": False, "data": {"code": code}},
                        {"success": "0", "data": {"code": code}},
                        {"success": 0, "data": code},
                        {"success": 0, "code": code},
                        {"data": {"code": code}},
                        {"success": 0, "data": {}},
                        {"success": 2, "data": answer["data"]},
                        {"success": True, "data": answer["data"]},
                        {"success": 0, "data": answer["data"]},
                    )
                )
            ),
        ),
        "bad status": lambda: (rng.choice((201, 304, 307, 400, 403, 404, 429, 500, 502)), text),
        "no number": lambda: (
            200,
            put("@@").replace('"@@"', rng.choice(("NaN", "Infinity", "-Infinity", "1" * 5000))),
        ),
        "key twice": lambda: (
            200,
            text.replace(f'"{key}":', f'"{key}": {rng.choice(("1", "null"))}, "{key}":', 1),
        ),
        "deep": lambda: (200, put("@@").replace('"@@"', "[" * 20_000 + "]" * 20_000)),
        "html": lambda: (rng.choice((200, 403, 502)), "<html><body>Bad</body></html>"),
        "empty": lambda: (rng.choice((200, 204, 500)), ""),
        "bytes": lambda: (200, rng.randbytes(rng.randint(1, 60))),
        "list": lambda: (200, json.dumps([answer])),
        "byte flipped": lambda: (200, _flipped(rng, text)),
        "appended": lambda: (200, text + rng.choice(("}", "null", text, "\x00"))),
        "wrong pair": lambda: (200, text.replace(PAIR, rng.choice(OTHER_PAIRS))),
        "no data": lambda: (200, rng.choice(('{"success":1}', '{"success":1,"data":{}}', "null"))),
        "more fields": lambda: (200, json.dumps(_with_more(answer))),
    }
    name = rng.choice(list(kinds))
    status, made = kinds[name]()
    return Wire(name, status, made if isinstance(made, bytes) else made.encode())


def _flipped(rng: random.Random, text: str) -> bytes:
    data = bytearray(text.encode())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _with_more(value: Any) -> Any:
    """The same with a field in every object that nobody has documented yet."""
    if isinstance(value, dict):
        return {**{key: _with_more(one) for key, one in value.items()}, "new_field": [None]}
    return [_with_more(one) for one in value] if isinstance(value, list) else value


def only_of_shape(value: Any, shape: Any) -> Any:
    """What of an answer the official mock's shape has."""
    if isinstance(shape, dict) and isinstance(value, dict):
        return {key: only_of_shape(value[key], shape[key]) for key in shape if key in value}
    if isinstance(shape, list) and isinstance(value, list):
        shapes = {key: one for part in shape if isinstance(part, dict) for key, one in part.items()}
        return [only_of_shape(one, shapes) for one in value]
    return value
