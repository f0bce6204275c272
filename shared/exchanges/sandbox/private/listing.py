"""Orders and executions as they are asked for: by number, or the newest in a span of time."""

from collections.abc import Sequence
from typing import Any

from shared.core.calendar import DAY_MS
from shared.exchanges.sandbox.private import rows
from shared.exchanges.sandbox.private.asked import MOST_TRADES, RowsAsked
from shared.exchanges.sandbox.private.exchange import PrivateSide
from shared.exchanges.sandbox.private.refusals import ORDER_NOT_FOUND, Refused
from shared.exchanges.sandbox.private.standing import SentOrder, Standing
from shared.exchanges.sandbox.routes import Call

REMEMBERED_MS = 90 * DAY_MS
"""What ended over three months ago is not told any more."""


def find_record(standing: Standing, order_id: int, now_ms: int) -> SentOrder | None:
    """The order, if the exchange still tells of it."""
    record = standing.orders.get(order_id)
    if record is None:
        return None
    ended_at = record.ended_at
    return None if ended_at is not None and now_ms - ended_at > REMEMBERED_MS else record


def order_by_id(side: PrivateSide, order_id: int, call: Call) -> dict[str, Any]:
    """One order. Raises `Refused`."""
    record = find_record(side.view(call.now_ms), order_id, call.now_ms)
    if record is None:
        raise Refused(ORDER_NOT_FOUND)
    return rows.order_row(record, side.settings)


def orders_by_id(side: PrivateSide, order_ids: Sequence[int], call: Call) -> list[dict[str, Any]]:
    """Those that there are; the others are silently missing."""
    view = side.view(call.now_ms)
    found = [find_record(view, order_id, call.now_ms) for order_id in dict.fromkeys(order_ids)]
    return _rows([record for record in found if record is not None], side)


def active_orders(side: PrivateSide, wanted: RowsAsked, call: Call) -> list[dict[str, Any]]:
    """Orders that live: the newest `count` of those that fit."""
    records = [
        record
        for record in side.view(call.now_ms).live_orders
        if (wanted.from_id is None or record.order_id >= wanted.from_id)
        and (wanted.end_id is None or record.order_id <= wanted.end_id)
        and _is_between(record.ordered_at, wanted)
        and (record.status != "INACTIVE" or side.settings.readings.stops_listed == "yes")
    ]
    return _rows(rows.newest_first(records)[: wanted.count], side)


def trade_history(side: PrivateSide, wanted: RowsAsked, call: Call) -> list[dict[str, Any]]:
    """Executions: from the newest on, or with `asc` from the oldest on."""
    found = [
        row
        for row in rows.trade_rows(side.view(call.now_ms), side.settings)
        if (wanted.order_id is None or row["order_id"] == wanted.order_id)
        and _is_between(row["executed_at"], wanted)
    ]
    if not wanted.is_ascending:
        found.reverse()
    return found[: wanted.count or MOST_TRADES]


def _is_between(at: int, wanted: RowsAsked) -> bool:
    return (wanted.since is None or at >= wanted.since) and (wanted.end is None or at <= wanted.end)


def _rows(records: Sequence[SentOrder], side: PrivateSide) -> list[dict[str, Any]]:
    ordered = rows.newest_first(records)
    if side.settings.readings.sorting == "oldest":
        ordered.reverse()
    return [rows.order_row(record, side.settings) for record in ordered]
