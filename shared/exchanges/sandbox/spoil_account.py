"""The kinds of fault of private endpoints: views that lag, rows that lack, codes, and deeds of the
exchange. Pure.
"""

from collections.abc import Callable, Mapping
from typing import Any

from shared.exchanges.sandbox.private.standing import FIRST_FILL
from shared.exchanges.sandbox.reply import Reply, failure_reply
from shared.exchanges.sandbox.spoil import Change, Kind, Wishes

READS = frozenset(
    {
        "assets",
        "order_info",
        "orders_info",
        "active_orders",
        "trade_history",
        "margin_status",
        "margin_positions",
    }
)
ORDERS = frozenset({"order"})
CANCELS = frozenset({"cancel_order"})
TRADES = frozenset({"trade_history"})
POSITIONS = frozenset({"margin_positions"})
_ORDER_ANSWERS = frozenset({"order_info", "orders_info"})
_STOPS = frozenset({"stop", "stop_limit", "take_profit", "stop_loss"})
_STATUS_OF = {10000: 404, 10005: 504, 10007: 503, 10008: 503, 10009: 429}
_AUTH, _OF_SYSTEM = range(20_000, 30_000), frozenset({10001, 10003, 70001, 70002, 70003, 70012})
_UNKNOWN_CODE = 99_999
_LATE_SECONDS = 30.0
_MIRROR = 2 * FIRST_FILL - 1


def _code(_reply: Reply, wishes: Wishes, _now: int) -> Reply:
    code = _UNKNOWN_CODE if wishes.code is None else wishes.code
    status = 401 if code in _AUTH else 500 if code in _OF_SYSTEM else _STATUS_OF.get(code, 400)
    return failure_reply(code, status=status)


def _leave_unchanged(reply: Reply, _wishes: Wishes, _now: int) -> Reply:
    return reply


def _data(change: Callable[[dict[str, Any], Wishes, int], bool]) -> Change:
    """A change of a success's data in place; False where there was nothing to change."""

    def changed(reply: Reply, wishes: Wishes, now_ms: int) -> Reply | None:
        told = reply.json()
        if not isinstance(told, dict) or told.get("success") != 1:
            return None
        data = told["data"]
        if not isinstance(data, dict) or not change(data, wishes, now_ms):
            return None
        return reply.with_json(told)

    return changed


def _list_of(data: dict[str, Any]) -> list[Any] | None:
    for name in ("orders", "trades", "positions", "assets"):
        if isinstance(data.get(name), list):
            found: list[Any] = data[name]
            return found
    return None


def _remove_rows(data: dict[str, Any], wishes: Wishes, _now: int) -> bool:
    found = _list_of(data)
    count = max(1, int(wishes.rows or 1))
    if not found:
        return False
    del found[:count]
    return True


def _append_first_row(data: dict[str, Any], _wishes: Wishes, _now: int) -> bool:
    found = _list_of(data)
    if not found:
        return False
    found.append(found[0])
    return True


def _keep_rows(name: str, is_kept: Callable[[dict[str, Any], Wishes, int], bool]) -> Change:
    def change(data: dict[str, Any], wishes: Wishes, now_ms: int) -> bool:
        found = data.get(name, [])
        data[name] = [row for row in found if is_kept(row, wishes, now_ms)]
        return len(data[name]) < len(found)

    return _data(change)


def _is_fired(row: dict[str, Any], _wishes: Wishes, _now: int) -> bool:
    return row.get("status") != "INACTIVE"


def _is_old(row: dict[str, Any], wishes: Wishes, now_ms: int) -> bool:
    seconds = _LATE_SECONDS if wishes.seconds is None else wishes.seconds
    return bool(row["executed_at"] <= now_ms - seconds * 1_000)


def _is_position(row: dict[str, Any], _wishes: Wishes, _now: int) -> bool:
    return float(row["open_amount"]) > 0


def _put_ids_out_of_order(data: dict[str, Any], _wishes: Wishes, _now: int) -> bool:
    """A later trade has a smaller number. Each keeps one for ever, and no two share one: where this
    comes and goes, one trade is told under two numbers, and no number means two trades.
    """
    rows = data.get("trades", [])
    for row in rows:
        row["trade_id"] = _MIRROR - row["trade_id"]
    return bool(rows)


def _remove_positions(data: dict[str, Any], _wishes: Wishes, _now: int) -> bool:
    found = [row for row in data.get("positions", []) if float(row["open_amount"])]
    for row in found:
        row |= {
            "open_amount": "0.0000",
            "product": "0.0000",
            "average_price": "0",
            "unrealized_fee_amount": "0.0000",
            "unrealized_interest_amount": "0.0000",
        }
    return bool(found)


def _put_null_percentages(data: dict[str, Any], _wishes: Wishes, _now: int) -> bool:
    names = ("total_margin_balance_percentage", "margin_call_percentage", "losscut_percentage")
    was = [data.get(name) for name in names]
    data.update(dict.fromkeys(names))
    return any(value is not None for value in was)


def _put_null_field(data: dict[str, Any], wishes: Wishes, _now: int) -> bool:
    name = wishes.field or next(iter(data), "")
    return _put_null(data, name)


def _put_null(told: Any, name: str) -> bool:
    if isinstance(told, list):
        return sum(_put_null(value, name) for value in told) > 0
    if not isinstance(told, dict):
        return False
    if name in told:
        told[name] = None
        return True
    return sum(_put_null(value, name) for value in told.values()) > 0


def _append_field(data: dict[str, Any], _wishes: Wishes, _now: int) -> bool:
    data["a_field_of_tomorrow"] = {"nobody": "knows"}
    return True


def _put_fill_away(data: dict[str, Any], _wishes: Wishes, _now: int) -> bool:
    """A stop that fired and traded is shown as cancelled without a fill."""
    rows = data["orders"] if isinstance(data.get("orders"), list) else [data]
    found = [
        row for row in rows if row.get("type") in _STOPS and row.get("status") == "FULLY_FILLED"
    ]
    for row in found:
        row |= {
            "status": "CANCELED_UNFILLED",
            "executed_amount": "0.0000",
            "remaining_amount": row["start_amount"],
            "average_price": "0",
            "canceled_at": row.pop("executed_at"),
        }
    return bool(found)


def _put_status_before(data: dict[str, Any], _wishes: Wishes, _now: int) -> bool:
    """The answer to a cancel still shows the status of before."""
    if "canceled_at" not in data:
        return False
    started = float(data["executed_amount"] or 0) > 0
    waits = data["type"] in _STOPS and "triggered_at" not in data
    data["status"] = "PARTIALLY_FILLED" if started else "INACTIVE" if waits else "UNFILLED"
    return True


ACCOUNT_KINDS: Mapping[str, Kind] = {
    "code": Kind(sentence="An error code: the one asked for, or 99999.", change=_code),
    "lag": Kind(
        sentence="The account as it was 5 seconds ago, or as many as asked for; closes of what is"
        " not there yet are refused with 50062.",
        change=_leave_unchanged,
        endpoints=READS | ORDERS,
        earlier_seconds=5.0,
    ),
    "stops-missing": Kind(
        sentence="Stops that have not fired are missing among the active orders.",
        change=_keep_rows("orders", _is_fired),
        endpoints=frozenset({"active_orders"}),
    ),
    "rows-missing": Kind(
        sentence="The first row, or as many as asked for, is missing.",
        change=_data(_remove_rows),
        endpoints=READS,
    ),
    "row-twice": Kind(
        sentence="The first row comes again at the end.",
        change=_data(_append_first_row),
        endpoints=READS,
    ),
    "trades-late": Kind(
        sentence="Trades of the last 30 seconds, or as many as asked for, are missing.",
        change=_keep_rows("trades", _is_old),
        endpoints=TRADES,
    ),
    "trade-ids-mixed": Kind(
        sentence="The numbers of trades do not follow their times.",
        change=_data(_put_ids_out_of_order),
        endpoints=TRADES,
    ),
    "positions-empty": Kind(
        sentence="Every position shows as none.",
        change=_data(_remove_positions),
        endpoints=POSITIONS,
    ),
    "empty-rows-missing": Kind(
        sentence="Positions without size have no rows.",
        change=_keep_rows("positions", _is_position),
        endpoints=POSITIONS,
    ),
    "margin-nulls": Kind(
        sentence="The percentages of the margin are null though something is held.",
        change=_data(_put_null_percentages),
        endpoints=frozenset({"margin_status"}),
    ),
    "null-field": Kind(
        sentence="A field of the answer is null.", change=_data(_put_null_field), endpoints=READS
    ),
    "unknown-field": Kind(
        sentence="The answer has a field that no documentation knows.", change=_data(_append_field)
    ),
    "fill-hidden": Kind(
        sentence="A stop that fired shows CANCELED_UNFILLED, and only later its fill.",
        change=_data(_put_fill_away),
        endpoints=_ORDER_ANSWERS,
    ),
    "cancel-unseen": Kind(
        sentence="The answer to a cancel shows the order as it was before.",
        change=_data(_put_status_before),
        endpoints=CANCELS,
    ),
    "stop-dies": Kind(
        sentence="A stop fires, ends CANCELED_UNFILLED, and the position stays.",
        change=_leave_unchanged,
        is_deed=True,
    ),
    "part-then-canceled": Kind(
        sentence="The exchange cancels an order after a part of it was executed.",
        change=_leave_unchanged,
        is_deed=True,
    ),
    "post-only-canceled": Kind(
        sentence="A post-only order is taken and cancelled at once.",
        change=_leave_unchanged,
        is_deed=True,
    ),
    "order-rejected": Kind(
        sentence="An order is taken and ends REJECTED.", change=_leave_unchanged, is_deed=True
    ),
}
"""Every fault of private endpoints by its name."""
