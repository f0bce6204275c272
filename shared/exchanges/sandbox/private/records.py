"""What a change of an account means for the orders that were sent: executed, ended, outlived.
Pure.
"""

from collections.abc import Callable, Mapping
from typing import Any

from shared.core.frozen import copy_with
from shared.core.types import AccountKind, Fill, Order
from shared.exchanges.paper.ledger import PaperAccount
from shared.exchanges.sandbox.private.standing import (
    TRIGGERED_TYPES,
    Ground,
    SentOrder,
    Standing,
)


def change_account(
    standing: Standing,
    kind: AccountKind,
    change: Callable[[PaperAccount], PaperAccount],
    *,
    at: int,
    ground: Ground,
) -> Standing:
    """The standing after `change` of one account at `at`; orders and fills of both are numbered as
    one.
    """
    mine, other = standing.account(kind), standing.account(_other(kind))
    before = mine
    order_id = max(mine.next_order_id, other.next_order_id)
    sequence = max(mine.next_fill_sequence, other.next_fill_sequence)
    if (order_id, sequence) != (mine.next_order_id, mine.next_fill_sequence):
        before = copy_with(mine, next_order_id=order_id, next_fill_sequence=sequence)
    after = change(before)
    if after is before:
        return standing
    records, outlived = _changed_records(standing.orders, before, after, at=at, ground=ground)
    return copy_with(
        standing,
        **{"margin" if kind.has_debt else "spot": _follow_position(after, records)},
        at=at,
        orders=records,
        waiting=(*standing.waiting, *outlived),
    )


def end_record(standing: Standing, order_id: int, status: str, at: int, **more: Any) -> Standing:
    """The standing with one order ended; `status` is how, where nothing was executed of it."""
    record = standing.orders[order_id]
    if record.executed_lots:
        status = "CANCELED_PARTIALLY_FILLED"
    ended = copy_with(record, status=status, canceled_at=at, **more)
    return with_record(standing, ended, at=at)


def with_record(standing: Standing, record: SentOrder, *, at: int) -> Standing:
    """The standing with one record in place of the one of the same number."""
    return copy_with(standing, at=at, orders={**standing.orders, record.order_id: record})


def _other(kind: AccountKind) -> AccountKind:
    return AccountKind.SPOT if kind.has_debt else AccountKind.MARGIN


def _changed_records(
    records: Mapping[int, SentOrder],
    before: PaperAccount,
    after: PaperAccount,
    *,
    at: int,
    ground: Ground,
) -> tuple[Mapping[int, SentOrder], list[Order]]:
    new = dict(records)
    filled: dict[int, int] = {}
    for fill in after.fills[len(before.fills) :]:
        filled[fill.order_id] = filled.get(fill.order_id, 0) + fill.lots
        if fill.order_id in new:
            new[fill.order_id] = _with_fill(new[fill.order_id], fill)
    resting = {order.order_id for order in after.orders}
    outlived = []
    for order in before.orders:
        record = new.get(order.order_id)
        if order.order_id in resting or record is None or record.is_over:
            continue
        is_used_up = filled.get(order.order_id, 0) >= order.remaining_lots
        if not is_used_up and ground.settings.readings.orphans == "stay":
            left = order.remaining_lots - filled.get(order.order_id, 0)
            outlived.append(copy_with(order, remaining_lots=left))
            continue
        status = "CANCELED_PARTIALLY_FILLED" if record.executed_lots else "CANCELED_UNFILLED"
        new[order.order_id] = copy_with(record, status=status, canceled_at=at)
    return new, outlived


def _with_fill(record: SentOrder, fill: Fill) -> SentOrder:
    executed = record.executed_lots + fill.lots
    is_whole = record.follows or executed >= record.intent.lots
    triggered = fill.at if record.type in TRIGGERED_TYPES else None
    return copy_with(
        record,
        executed_lots=executed,
        value=record.value + fill.price * fill.lots,
        executed_at=fill.at,
        triggered_at=triggered if record.triggered_at is None else record.triggered_at,
        status="FULLY_FILLED" if is_whole else "PARTIALLY_FILLED",
    )


def _follow_position(account: PaperAccount, records: Mapping[int, SentOrder]) -> PaperAccount:
    """Orders without an amount are as large as the position."""
    orders = tuple(
        (
            copy_with(order, intent=copy_with(order.intent, lots=lots), remaining_lots=lots)
            if order.order_id in records
            and records[order.order_id].follows
            and (lots := account.lots(order.intent.side)) not in {0, order.remaining_lots}
            else order
        )
        for order in account.orders
    )
    return account if orders == account.orders else copy_with(account, orders=orders)
