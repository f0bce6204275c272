"""A flood of answers through the adapter, over HTTP: valid ones are understood field by field, and
of all others none is taken for what it is not.

The reading beside it is written from the words of the table, in fractions, and knows nothing of the
adapter; what an order's answer means is judged by it and by the table's list of codes.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any

import pytest

from shared.core.errors import BotError
from shared.core.types import (
    Accepted,
    OrderIntent,
    OrderKind,
    Outcome,
    Purpose,
    Rejected,
    Side,
    Unknown,
)
from shared.exchanges.bitbank.account import AccountReader
from shared.exchanges.bitbank.codes import CancelFate
from shared.exchanges.bitbank.sending import cancel_order, send_order
from tests.support.bitbank_api import answers, table
from tests.support.bitbank_api.answers import PAIR, Wire
from tests.support.fixed_clock import FixedClock
from tests.support.made_before import made_before
from tests.support.raw_exchange import (
    RawExchange,
    account_reader,
    raw_exchange,
    reply,
    signed_rest,
)

NOW = 1_790_000_000_000
SAMPLE, FULL = 2_000, 100_000
Doubt = ValueError


# the independent reading


def strict_json(body: bytes) -> Any:
    """One reading of a text, or doubt: no field twice, no NaN, nothing behind it."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise Doubt("a field twice")
        return dict(pairs)

    def never(text: str) -> Any:
        raise Doubt(text)

    try:
        text = body.decode("utf-8", errors="replace")
        return json.loads(text, object_pairs_hook=once, parse_constant=never)
    except RecursionError as error:
        raise Doubt("too deep") from error


def whole(value: Any) -> int:
    if type(value) is not int or not 1 <= value < 2**63:
        raise Doubt(f"{value!r:.50} is no id or time")
    return value


def exact(value: Any, *, signed: bool = False) -> Fraction:
    kind = "decimal" if signed else "amount"
    plain = isinstance(value, str) and value.isascii() and len(value) < 40
    if not plain or not table._TEXTS[kind].fullmatch(value):
        raise Doubt(f"{value!r:.50} is no {kind}")
    return Fraction(value)


def lots(value: Any) -> int:
    number = exact(value) * 10_000
    if number.denominator != 1:
        raise Doubt(f"{value!r} is no whole number of lots")
    return int(number)


def yen(value: Any) -> int:
    number = exact(value)
    if number.denominator != 1 or number == 0:
        raise Doubt(f"{value!r} is no whole price")
    return int(number)


def optional(read: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else read(value)


def one_of(value: Any, choices: str) -> str:
    if not isinstance(value, str) or value not in choices.split("|"):
        raise Doubt(f"{value!r:.50} is none of {choices}")
    return value


def kinds_of(kind: str) -> dict[str, str]:
    return {one["name"]: one["type"] for one in table.read_table()["objects"][kind]}


ORDER, TRADE = kinds_of("order"), kinds_of("trade")


def price_of(row: dict[str, Any]) -> Fraction:
    return exact(row["average_price"])


def order_of(row: Any, pair: str = PAIR) -> dict[str, Any]:
    """An order by the table's words."""
    if not isinstance(row, dict) or row.get("pair") != pair:
        raise Doubt("another pair, or no order")
    kind, status = one_of(row["type"], ORDER["type"]), one_of(row["status"], ORDER["status"])
    side = row.get("position_side")
    start, left = row["start_amount"], row["remaining_amount"]
    if (start is None or left is None) and kind not in {"take_profit", "stop_loss"}:
        raise Doubt("no amount")
    done = lots(row["executed_amount"])
    if (start is None) != (left is None):
        raise Doubt("half an amount")
    if start is not None and (lots(start) == 0 or lots(left) + done != lots(start)):
        raise Doubt("the amounts do not make up the order")
    if done and status in {"INACTIVE", "UNFILLED", "CANCELED_UNFILLED"}:
        raise Doubt("executed, and told as not")
    if not done and "FILLED" in status and "UNFILLED" not in status:
        raise Doubt("not executed, and told as if")
    if status == "FULLY_FILLED" and ((left is not None and lots(left)) or not price_of(row)):
        raise Doubt("not all of it, or for nothing")
    for name in ("price", "trigger_price"):
        optional(exact, row.get(name))
    for name in ("post_only", "user_cancelable"):
        if not (row.get(name) is None or type(row[name]) is bool):
            raise Doubt(f"{name} is no flag")
    return {
        "order_id": whole(row["order_id"]),
        "pair": pair,
        "is_buy": one_of(row["side"], ORDER["side"]) == "buy",
        "position_side": optional(lambda one: one_of(one, ORDER["position_side"]), side),
        "kind": kind,
        "lots": optional(lots, start),
        "remaining_lots": optional(lots, left),
        "executed_lots": done,
        "price": yen(row["price"]) if kind in {"limit", "stop_limit"} else None,
        "trigger_price": yen(row["trigger_price"]) if "stop" in kind or "take" in kind else None,
        "post_only": kind == "limit" and row.get("post_only") is True,
        "average_price": exact(row["average_price"]),
        "status": status,
        "ordered_at": whole(row["ordered_at"]),
        **{
            name: optional(whole, row.get(name))
            for name in ("expire_at", "triggered_at", "canceled_at", "executed_at")
        },
        "user_cancelable": row.get("user_cancelable"),
    }


def trade_of(row: Any) -> dict[str, Any]:
    if not isinstance(row, dict) or row.get("pair") != PAIR:
        raise Doubt("another pair, or no trade")

    def signed(value: Any) -> Fraction:
        return exact(value, signed=True)

    if lots(row["amount"]) == 0:
        raise Doubt("nothing")
    return {
        "trade_id": whole(row["trade_id"]),
        "pair": PAIR,
        "order_id": whole(row["order_id"]),
        "is_buy": one_of(row["side"], TRADE["side"]) == "buy",
        "position_side": optional(
            lambda one: one_of(one, TRADE["position_side"]), row.get("position_side")
        ),
        "kind": one_of(row["type"], TRADE["type"]),
        "lots": lots(row["amount"]),
        "price": yen(row["price"]),
        "is_maker": one_of(row["maker_taker"], TRADE["maker_taker"]) == "maker",
        "fee_btc": signed(row["fee_amount_base"]),
        "fee_jpy": signed(row["fee_amount_quote"]),
        "fee_occurred_jpy": optional(signed, row.get("fee_occurred_amount_quote")),
        "profit_jpy": optional(signed, row.get("profit_loss")),
        "interest_jpy": optional(lambda one: abs(signed(one)), row.get("interest")),
        "executed_at": whole(row["executed_at"]),
    }


def rows_of(data: dict[str, Any], name: str) -> list[Any]:
    if not isinstance(data.get(name), list):
        raise Doubt(f"no {name}")
    return list(data[name])


def sorted_by_id(made: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    known: dict[int, dict[str, Any]] = {}
    for one in made:
        if known.setdefault(one[key], one) != one:
            raise Doubt("two rows of one id")
    return [known[number] for number in sorted(known)]


def orders_of(data: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted_by_id([order_of(row) for row in rows_of(data, "orders")], "order_id")


def resting_of(data: dict[str, Any]) -> list[dict[str, Any]]:
    orders = orders_of(data)
    if "FULLY_FILLED" in {one["status"] for one in orders}:
        raise Doubt("a filled order does not rest")
    return orders


def trades_of(data: dict[str, Any]) -> list[dict[str, Any]]:
    told = [trade_of(row) for row in rows_of(data, "trades")]
    times = [one["executed_at"] for one in told]
    if times != sorted(times, reverse=True):
        raise Doubt("not newest first")
    made = sorted_by_id(told, "trade_id")
    return sorted(made, key=lambda one: one["executed_at"])


def assets_of(data: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for row in rows_of(data, "assets"):
        if not isinstance(row, dict):
            raise Doubt("no asset")
        if row.get("asset") not in ("jpy", "btc"):
            continue
        if row["asset"] in found or exact(row["free_amount"]) > exact(row["onhand_amount"]):
            raise Doubt("twice, or more free than there is")
        parts = exact(row["free_amount"]) + exact(row["locked_amount"])
        leaving = optional(exact, row.get("withdrawing_amount")) or 0
        last_place = Fraction(1, 10**4 if row["asset"] == "jpy" else 10**8)
        if parts - exact(row["onhand_amount"]) - leaving > 2 * last_place:
            raise Doubt("the parts are more than the whole")
        found[row["asset"]] = {
            "asset": row["asset"],
            "onhand": exact(row["onhand_amount"]),
            "locked": exact(row["locked_amount"]),
            "free": exact(row["free_amount"]),
            "withdrawing": optional(exact, row.get("withdrawing_amount")),
            "collateral_ratio": optional(exact, row.get("collateral_ratio")),
        }
    return {"jpy": found["jpy"], "btc": found["btc"]}


def positions_of(data: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for row in rows_of(data, "positions"):
        if not isinstance(row, dict) or not isinstance(row["pair"], str):
            raise Doubt("no position")
        if row["pair"] != PAIR:
            continue
        side = one_of(row["position_side"], "long|short")
        size, average = lots(row["open_amount"]), exact(row["average_price"])
        if side in found or bool(size) != bool(average):
            raise Doubt("twice, or a size without a price")
        worth = exact(row["product"])
        if size and abs(worth - average * size / 10_000) > 1 + Fraction(size, 10_000):
            raise Doubt("another worth")
        if worth and not size:
            raise Doubt("a worth of nothing")
        found[side] = {
            "side": side,
            "lots": size,
            "product_jpy": exact(row["product"]),
            "average_price": average,
            "fee_jpy": exact(row["unrealized_fee_amount"], signed=True),
            "interest_jpy": exact(row["unrealized_interest_amount"], signed=True),
        }
    told = data["notice"]
    if not isinstance(told, dict) or not isinstance(told.get("what"), str | None):
        raise Doubt("no notice")
    notice = {
        "what": told.get("what"),
        "occurred_at": optional(whole, told.get("occurred_at")),
        "amount_jpy": optional(exact, told.get("amount")),
        "due_at": optional(whole, told.get("due_date_at")),
    }
    return {
        "long": found["long"],
        "short": found["short"],
        "notice": notice if any(one is not None for one in notice.values()) else None,
        "payables_jpy": exact(data["payables"]["amount"]),
    }


def margin_of(data: dict[str, Any]) -> dict[str, Any]:
    kinds = kinds_of("margin_status")
    read = {
        name: (
            exact(data[name], signed=kind == "decimal")
            if data[name] is not None or "percentage" not in name
            else None
        )
        for name, kind in kinds.items()
        if kind in {"decimal", "amount"}
    }
    (row,) = [
        one
        for one in rows_of(data, "available_balances")
        if isinstance(one, dict) and one.get("pair") == PAIR
    ]
    return {
        "status": one_of(data["status"], kinds["status"]),
        "total_jpy": read["total_margin_balance"],
        "profit_jpy": read["margin_position_profit_loss"],
        "cost_jpy": read["unrealized_cost"],
        "positions_jpy": read["open_margin_position_product"],
        "orders_jpy": read["open_margin_order_product"],
        "maintenance_jpy": read["total_position_maintenance_margin"],
        "orders_maintenance_jpy": read["total_open_order_maintenance_margin"],
        "percentage": read["total_margin_balance_percentage"],
        "call_percentage": read["margin_call_percentage"],
        "losscut_percentage": read["losscut_percentage"],
        "available_long_jpy": exact(row["long"]),
        "available_short_jpy": exact(row["short"]),
    }


def read_by_the_words(wire: Wire, read: Callable[[dict[str, Any]], Any]) -> Any:
    """What the answer says by the table's words; `Doubt` where it does not say it for certain."""
    told = strict_json(wire.body)
    if not isinstance(told, dict) or not 200 <= wire.status < 300:
        raise Doubt("no envelope")
    if type(told.get("success")) is not int or told["success"] != 1:
        raise Doubt("no success")
    if not isinstance(told.get("data"), dict):
        raise Doubt("no data")
    try:
        return read(told["data"])
    except (KeyError, TypeError) as error:
        raise Doubt("something is missing") from error


def code_by_the_words(wire: Wire) -> int | None:
    """The code of a refusal that cannot be read in another way."""
    try:
        told = strict_json(wire.body)
    except ValueError:
        return None
    if not isinstance(told, dict) or type(told.get("success")) is not int or told["success"]:
        return None
    code = told["data"].get("code") if isinstance(told.get("data"), dict) else None
    return code if type(code) is int else None


def as_plain(value: Any) -> Any:
    """What the adapter understood, without its types."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: as_plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple):
        return [as_plain(one) for one in value]
    if isinstance(value, Side):
        return value.value
    return Fraction(value) if type(value).__name__ == "Decimal" else value


# reading


def asked_for(data: dict[str, Any], order_ids: list[int]) -> dict[str, Any]:
    """What `orders_info` says of these ids: what is missing is silently missing."""
    orders = orders_of(data)
    if not {one["order_id"] for one in orders} <= set(order_ids):
        raise Doubt("not asked for")
    return {
        "orders": orders,
        "missing": frozenset(order_ids) - {one["order_id"] for one in orders},
    }


READS: dict[str, tuple[Callable[[AccountReader], Any], Callable[[dict[str, Any]], Any]]] = {
    "assets": (AccountReader.read_balances, assets_of),
    "active_orders": (AccountReader.read_resting, resting_of),
    "order_info": (lambda account: account.read_order(77), order_of),
    "trade_history": (lambda account: account.read_trades(0), trades_of),
    "margin_positions": (AccountReader.read_positions, positions_of),
    "margin_status": (AccountReader.read_margin, margin_of),
}


class World:
    def __init__(self, exchange: RawExchange, seed: int) -> None:
        self.rng = random.Random(seed)
        self.wire = Wire("nothing", 200, b"")
        self.exchange = exchange
        self.rest = signed_rest(exchange.url, FixedClock(NOW))
        self.account = account_reader(self.rest, FixedClock(NOW), exchange.url, read_attempts="1")
        self.counts: Counter[str] = Counter()

    def next_wire(self, endpoint: str, *, sometimes_valid: float, **fixed: Any) -> bool:
        """Lay out an answer; True where it is a valid one."""
        self.made = made = answers.made_answer(self.rng, endpoint, **fixed)
        if self.rng.random() < sometimes_valid:
            self.wire = Wire("valid", 200, json.dumps(made).encode())
            return True
        self.wire = answers.mutated(self.rng, endpoint, made)
        return False


@pytest.fixture
def world() -> Iterator[World]:
    made: list[World] = []
    with raw_exchange(
        lambda _request: reply(made[0].wire.body, status=made[0].wire.status)
    ) as exchange:
        made.append(World(exchange, seed=20_261_130))
        yield made[0]
        made[0].rest.close()


def read_these(ids: list[int]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return (lambda account: account.read_orders(ids), lambda data: asked_for(data, ids))


def test_readings_are_understood_field_by_field_or_not_at_all(world: World, full: bool) -> None:
    rounds = (FULL if full else SAMPLE) // 2
    for _ in range(rounds):
        endpoint = world.rng.choice([*READS, "orders_info"])
        fixed = {"order_id": 77} if endpoint == "order_info" else {}
        is_valid = world.next_wire(endpoint, sometimes_valid=0.4, **fixed)
        if endpoint == "orders_info":
            ids = [5, *(row["order_id"] for row in world.made["data"]["orders"])]
            call, read = read_these(ids)
        else:
            call, read = READS[endpoint]
        try:
            wanted = read_by_the_words(world.wire, read)
        except ValueError:
            wanted = None
        assert wanted is not None or not is_valid, world.wire
        try:
            understood = as_plain(call(world.account))
        except BotError:
            assert not is_valid, world.wire
            world.counts["refused"] += 1
            continue
        assert wanted is not None, world.wire
        assert understood == wanted, world.wire
        if endpoint == "order_info":
            assert understood["order_id"] == 77
        world.counts["valid" if is_valid else f"like one: {world.wire.made_by}"] += 1
        world.counts[endpoint] += is_valid
    assert min(world.counts[one] for one in [*READS, "orders_info"]) > rounds * 0.03
    assert world.counts["valid"] > rounds * 0.3
    assert world.counts["refused"] > rounds * 0.35


# orders

INTENTS = (
    OrderIntent(
        id="t~e1",
        purpose=Purpose.ENTRY,
        side=Side.LONG,
        kind=OrderKind.LIMIT,
        lots=12,
        price=9_800_000,
        post_only=True,
    ),
    OrderIntent(id="t~c1", purpose=Purpose.CLOSE, side=Side.SHORT, kind=OrderKind.MARKET, lots=1),
    OrderIntent(
        id="t~s1",
        purpose=Purpose.STOP,
        side=Side.LONG,
        kind=OrderKind.STOP,
        lots=90_000,
        trigger_price=9_700_000,
    ),
)


def fields_of_the_order(intent: OrderIntent) -> dict[str, Any]:
    """What its answer must repeat, in bitbank's own words."""
    buys = (intent.side is Side.LONG) == (intent.purpose is Purpose.ENTRY)
    return {
        "side": "buy" if buys else "sell",
        "position_side": intent.side.value,
        "type": intent.kind.value,
        "lots": intent.lots,
        **({"price": str(intent.price)} if intent.price else {}),
        **({"trigger_price": str(intent.trigger_price)} if intent.trigger_price else {}),
    }


def is_that_order(found: dict[str, Any], intent: OrderIntent) -> bool:
    wanted = fields_of_the_order(intent)
    return bool(
        found["is_buy"] == (wanted["side"] == "buy")
        and found["position_side"] == wanted["position_side"]
        and found["kind"] == wanted["type"]
        and found["lots"] == wanted["lots"]
        and found["price"] == intent.price
        and (intent.post_only or not found["post_only"])
        and found["trigger_price"] == intent.trigger_price
    )


def test_an_order_is_accepted_or_refused_for_certain_and_otherwise_unknown(
    world: World, full: bool
) -> None:
    rounds = (FULL if full else SAMPLE) // 4
    for _ in range(rounds):
        intent = world.rng.choice(INTENTS)
        newest = world.rng.randint(1, 2**40)
        fixed = fields_of_the_order(intent) | {
            "order_id": newest + world.rng.randint(1, 10**6),
            "ordered_at": NOW + world.rng.randint(-500, 3_000),
        }
        is_valid = world.next_wire("order", sometimes_valid=0.3, **fixed)
        prepared = world.account.prepare_order(intent, before=made_before(newest_order_id=newest))
        before = len(world.exchange.requests)
        outcome = send_order(world.rest, prepared).outcome
        assert len(world.exchange.requests) == before + 1
        judge_order(world, intent, outcome, newest=newest, is_valid=is_valid)
    assert world.counts["accepted"] > rounds * 0.2
    assert world.counts["rejected"] > rounds * 0.03
    assert world.counts["unknown"] > rounds * 0.4


def judge_order(
    world: World, intent: OrderIntent, outcome: Outcome, *, newest: int, is_valid: bool
) -> None:
    code = code_by_the_words(world.wire)
    is_refused = code is not None and table.is_refused_for_certain(code)
    try:
        found = read_by_the_words(world.wire, order_of)
    except ValueError:
        found = None
    is_ours = found is not None and is_that_order(found, intent) and found["order_id"] > newest
    is_ours = is_ours and NOW - 2_000 <= found["ordered_at"] <= NOW + 7_000
    is_dead = is_ours and found["status"] == "REJECTED" and not found["executed_lots"]
    match outcome:
        case Accepted(order=order):
            assert is_ours, world.wire
            assert not is_dead, world.wire
            assert order.order_id == found["order_id"]
            assert order.remaining_lots == intent.lots - found["executed_lots"]
        case Rejected():
            assert is_refused or is_dead, world.wire
        case Unknown():
            assert not is_refused, world.wire
            assert not is_valid, world.wire
    world.counts[type(outcome).__name__.lower()] += 1


FATES = {
    50_026: CancelFate.WAS_CANCELED,
    50_027: CancelFate.WAS_FILLED,
    70_019: CancelFate.ASKED,
    50_009: CancelFate.LOOK,
    50_010: CancelFate.LOOK,
}


def test_a_cancel_says_what_it_knows_and_no_more(world: World, full: bool) -> None:
    rounds = (FULL if full else SAMPLE) // 4
    for _ in range(rounds):
        is_valid = world.next_wire("cancel_order", sometimes_valid=0.3, order_id=4_711)
        result = cancel_order(world.rest, 4_711, pair=PAIR)
        code = code_by_the_words(world.wire)
        try:
            found = read_by_the_words(world.wire, order_of)
        except ValueError:
            found = None
        if found is not None and found["order_id"] != 4_711:
            found = None
        match result.fate:
            case CancelFate.CANCELED:
                assert found["status"].startswith("CANCELED"), world.wire
                may_pass = found["trigger_price"] is not None and found["triggered_at"] is not None
                assert found["status"] != "CANCELED_UNFILLED" or not may_pass, world.wire
            case CancelFate.WAS_FILLED:
                is_filled = found is not None and found["status"] == "FULLY_FILLED"
                assert is_filled or code == 50_027, world.wire
            case CancelFate.REFUSED:
                assert code is not None, world.wire
                assert table.is_refused_for_certain(code), world.wire
                assert code not in FATES
            case CancelFate.UNKNOWN:
                assert not is_valid, world.wire
                assert code is None or not table.is_refused_for_certain(code), world.wire
            case fate:
                assert found is not None or FATES[code or 0] is fate, world.wire
        world.counts[result.fate] += 1
    assert world.counts[CancelFate.CANCELED] > rounds * 0.04
    assert world.counts[CancelFate.UNKNOWN] > rounds * 0.3
    assert world.counts[CancelFate.REFUSED] > 0
