"""Walk the path: settle the paper account from the closed 1m candles since it was last settled.

Pure.

Settling in one go equals settling in any pieces that end at full minutes, so a tick may come late,
die, or never come. A replay that has only longer candles settles from these; `minutes` are then
candles of that length.
"""

from collections.abc import Callable

import numpy as np

from shared.core.frozen import copy_with
from shared.core.types import Candles, Order, OrderIntent, OrderKind
from shared.exchanges.paper.fills import (
    PathPoint,
    crossing_at,
    is_stop_within,
    points,
    stop_base,
    volume_lots,
)
from shared.exchanges.paper.ledger import (
    Execution,
    PaperAccount,
    book_closing,
    book_limit_fill,
    end_orders,
)

FIRST_CHUNK = 64
CHUNK_GROWTH = 4


def settle_account(
    account: PaperAccount,
    minutes: Candles,
    until_ms: int,
    *,
    walked: Callable[[PaperAccount], None] | None = None,
    last_fill: int | None = None,
) -> PaperAccount:
    """The account after the path up to `until_ms`, a full minute.

    `minutes` may begin earlier and may have holes; candles before `settled_until` or not closed by
    `until_ms` are passed over. While something rests or is held, `settled_until` follows the
    candles that are there: what the path has not told is not settled. With nothing at stake only
    `settled_until` moves. `walked` is shown the account after every candle in which something may
    have traded. After the candle that brings the fill numbered `last_fill` the walk ends: it goes
    on from there, to the same account, when it is asked for again.
    """
    if until_ms <= account.settled_until:
        return account
    if account.is_idle:
        return copy_with(account, settled_until=until_ms)
    row = int(minutes.opened_at.searchsorted(account.settled_until))
    stop = int(minutes.opened_at.searchsorted(until_ms - minutes.timeframe.ms, side="right"))
    while row < stop:
        due = next_due(account, minutes, row, stop)
        if due < stop:
            account = _walk_candle(account, minutes, due)
        row = min(due, stop - 1) + 1
        opened_at = int(minutes.opened_at[row - 1])
        account = copy_with(
            account,
            settled_until=opened_at + minutes.timeframe.ms,
            last_price=int(minutes.close[row - 1]),
        )
        if walked is not None and due < stop:
            walked(account)
        if account.is_idle:
            return copy_with(account, settled_until=until_ms)
        if last_fill is not None and account.next_fill_sequence > last_fill:
            break
    return account


def next_due(account: PaperAccount, minutes: Candles, row: int, stop: int) -> int:
    """The first row from `row` at which a resting order can trade or end; `stop` where there is
    none.
    """
    falls_to, rises_to, end = -np.inf, np.inf, stop
    for order in account.orders:
        intent = order.intent
        if intent.trigger_price is not None:
            if intent.is_buy:
                rises_to = min(rises_to, intent.trigger_price)
            else:
                falls_to = max(falls_to, intent.trigger_price)
        elif intent.price is not None:
            if intent.is_buy:
                falls_to = max(falls_to, intent.price - 1)
            else:
                rises_to = min(rises_to, intent.price + 1)
        if intent.expires_at is not None:
            end = min(
                end,
                int(
                    minutes.opened_at.searchsorted(
                        intent.expires_at - minutes.timeframe.ms, side="right"
                    )
                ),
            )
    end = max(row, end)
    size = FIRST_CHUNK
    while row < end:
        after = min(row + size, end)
        reached = (minutes.low[row:after] <= falls_to) | (minutes.high[row:after] >= rises_to)
        (hits,) = reached.nonzero()
        if len(hits):
            return row + int(hits[0])
        row, size = after, size * CHUNK_GROWTH
    return end


def _walk_candle(account: PaperAccount, minutes: Candles, row: int) -> PaperAccount:
    """One candle, whole; what has ended by its close leaves the account."""
    path = points(minutes, row)
    budget = volume_lots(float(minutes.volume[row]), account.terms.costs.volume_share)
    account, _ = walk_points(account, path, 0, len(path), budget=budget)
    closed_at = int(minutes.opened_at[row]) + minutes.timeframe.ms
    return end_orders(
        account, [order for order in account.orders if order.has_ended(closed_at - 1)]
    )


def walk_points(
    account: PaperAccount, path: tuple[PathPoint, ...], first: int, end: int, *, budget: int
) -> tuple[PaperAccount, int]:
    """The points `first` to `end` (without it) of one candle: at each of them entries first, then
    stops, then targets.

    `path` is the whole candle: a target waits where a stop is reached later in it. `budget` is what
    the points before have left of the volume; the second value is what these leave of it.
    """
    for index in range(first, end):
        newest = account.next_order_id
        account, budget = _fill_entries(account, path[index], budget)
        before = path[index - 1] if index else None
        account = _fire_stops(account, path[index], before, newborn_from=newest)
        account, budget = _fill_closes(account, path[index:], budget)
    return account, budget


def _fill_entries(account: PaperAccount, point: PathPoint, budget: int) -> tuple[PaperAccount, int]:
    for order in account.orders:
        lots = min(order.remaining_lots, budget)
        if (
            order.intent.is_opening
            and lots
            and order.is_live(point.at)
            and order.intent.is_passed(point.price)
        ):
            account = book_limit_fill(account, order, point, lots)
            budget -= lots
    return account, budget


def _fire_stops(
    account: PaperAccount, point: PathPoint, before: PathPoint | None, *, newborn_from: int
) -> PaperAccount:
    """Fire what the point reaches.

    An order numbered `newborn_from` or later was born at this point, and is live in it.
    """
    for order in account.orders:
        intent = order.intent
        if intent.kind is not OrderKind.STOP or not intent.is_reached(point.price):
            continue
        lots = min(order.remaining_lots, account.lots(intent.side))
        if not lots or not (order.order_id >= newborn_from or order.is_live(point.at)):
            continue
        base = stop_base(intent, point, before)
        if order.order_id >= newborn_from:
            base = _no_better_than_its_entry(account, intent, base)
        crossing = crossing_at(base, buys=intent.is_buy, lots=lots, costs=account.terms.costs)
        done = Execution(
            at=point.at,
            price=crossing.price,
            lots=lots,
            maker=False,
            slippage_jpy=crossing.slippage_jpy,
        )
        account = book_closing(account, _now(account, order), done)
    return account


def _no_better_than_its_entry(account: PaperAccount, stop: OrderIntent, base: int) -> int:
    """Where the trigger lies beyond the entry that brought it, the market was past it from the
    beginning.
    """
    entered = [
        order.intent.price
        for order in (*account.orders, *account.ended)
        if f"{order.intent.id}.stop" == stop.id
    ]
    return (max if stop.is_buy else min)([base, *(price for price in entered if price is not None)])


def _fill_closes(
    account: PaperAccount, rest: tuple[PathPoint, ...], budget: int
) -> tuple[PaperAccount, int]:
    """Fill resting closes at the first point of `rest`, unless a stop on their side is reached
    later in the candle.
    """
    point = rest[0]
    for order in account.orders:
        intent = order.intent
        if (
            intent.is_opening
            or intent.kind is not OrderKind.LIMIT
            or not intent.is_passed(point.price)
        ):
            continue
        lots = min(order.remaining_lots, account.lots(intent.side), budget)
        if not lots or not order.is_live(point.at) or _is_stop_first(account, order, rest):
            continue
        account = book_limit_fill(account, _now(account, order), point, lots)
        budget -= lots
    return account, budget


def _is_stop_first(account: PaperAccount, order: Order, rest: tuple[PathPoint, ...]) -> bool:
    return any(
        other.intent.kind is OrderKind.STOP
        and other.intent.side is order.intent.side
        and is_stop_within(other.intent, [point for point in rest if other.is_live(point.at)])
        for other in account.orders
    )


def _now(account: PaperAccount, order: Order) -> Order:
    """The order as it is after the fills of this point: it rests as long as anything is held on its
    side.
    """
    return next(held for held in account.orders if held.order_id == order.order_id)
