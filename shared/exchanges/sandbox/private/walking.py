"""Walk the path: at each of its points orders trade, what waits is triggered, and what the margin
does not carry is closed. Pure, but for lies that are counted.
"""

from bisect import bisect_left
from collections.abc import Callable
from decimal import Decimal

from shared.core.frozen import copy_with
from shared.core.types import AccountKind, Order, OrderIntent, OrderKind
from shared.exchanges.paper.fills import PathPoint, points, volume_lots
from shared.exchanges.paper.ledger import PaperAccount, end_orders
from shared.exchanges.paper.settling import walk_points
from shared.exchanges.sandbox.private import ordering
from shared.exchanges.sandbox.private.quiet import quiet_until
from shared.exchanges.sandbox.private.records import change_account, end_record
from shared.exchanges.sandbox.private.standing import Ground, Standing, funded_account
from shared.exchanges.sandbox.private.worth import margin_percentage
from shared.market.path import OFFSETS_MS

KINDS = (AccountKind.SPOT, AccountKind.MARGIN)
Keep = Callable[[Standing], None]


def walk_standing(
    standing: Standing, ground: Ground, until: int, *, keep: Keep = lambda _standing: None
) -> Standing:
    """The account after every point of the path before `until`: what trades at this very instant is
    not known yet.

    `keep` is shown the account after every point at which something changed.
    """
    minutes = ground.minutes
    while standing.row < len(minutes):
        opened_at = int(minutes.opened_at[standing.row])
        end = bisect_left(OFFSETS_MS, until - opened_at)
        if not standing.point:
            ahead = quiet_until(standing, ground, until)
            if ahead > standing.row:
                standing = _at_row(standing, ground, ahead)
                continue
        path = points(minutes, standing.row)
        for index in range(standing.point, end):
            after = _walk_point(standing, ground, path, index)
            if after is not standing:
                keep(after)
            standing = copy_with(after, point=index + 1)
        if until < opened_at + minutes.timeframe.ms:
            break
        standing = _at_row(_end_expired(standing, ground), ground, standing.row + 1)
    return standing


def _at_row(standing: Standing, ground: Ground, row: int) -> Standing:
    """Before the first point of a candle."""
    minutes = ground.minutes
    budget = 0
    if row < len(minutes):
        budget = volume_lots(float(minutes.volume[row]), ground.settings.volume_share)
    return copy_with(standing, row=row, point=0, budget=budget)


def start_walk(standing: Standing, ground: Ground, now_ms: int) -> Standing:
    """A new account where its clock stands: what the path did before is none of its business."""
    row = int(ground.minutes.opened_at.searchsorted(now_ms, side="right")) - 1
    standing = _at_row(standing, ground, max(0, row))
    opened_at = int(ground.minutes.opened_at[standing.row])
    return copy_with(standing, point=bisect_left(OFFSETS_MS, now_ms - opened_at))


def _walk_point(
    standing: Standing, ground: Ground, path: tuple[PathPoint, ...], index: int
) -> Standing:
    point = path[index]
    before = standing
    standing = _drop_fired_stops(standing, ground, point)
    if ground.settings.behind_others:
        standing = _serve_others(standing, ground, point)
    for kind in KINDS:
        left = standing.budget

        def walk(account: PaperAccount, budget: int = left) -> PaperAccount:
            nonlocal left
            walked, left = walk_points(account, path, index, index + 1, budget=budget)
            return walked

        if standing.account_of(kind).orders:
            standing = change_account(standing, kind, walk, at=point.at, ground=ground)
            standing = copy_with(standing, budget=left) if left != standing.budget else standing
    standing = _end_started(standing, before, ground, point)
    for order in standing.waiting:
        standing = _ask_waiting(standing, ground, order, point)
    return _cut_losses(standing, ground, point)


def _serve_others(standing: Standing, ground: Ground, point: PathPoint) -> Standing:
    """A limit that the price trades through for the first time waits: it is in the market only
    after this point.
    """
    for kind in KINDS:
        account = standing.account_of(kind)
        orders = tuple(
            copy_with(order, placed_at=point.at)
            if order.intent.kind is OrderKind.LIMIT
            and order.order_id % ground.settings.behind_others == 0
            and order.placed_at == standing.orders[order.order_id].ordered_at
            and order.is_live(point.at)
            and order.intent.is_passed(point.price)
            else order
            for order in account.orders
        )
        if orders != account.orders:
            account = copy_with(account, orders=orders)
            standing = copy_with(standing, **{"margin" if kind.has_debt else "spot": account})
    return standing


def _drop_fired_stops(standing: Standing, ground: Ground, point: PathPoint) -> Standing:
    """A lie: a stop that fires ends without a fill, and leaves its position bare."""
    for kind in KINDS:
        account = standing.account_of(kind)
        for order in account.orders:
            intent = order.intent
            if (
                intent.kind is OrderKind.STOP
                and order.is_live(point.at)
                and intent.is_reached(point.price)
                and account.lots(intent.side)
                and ground.is_lying("stop-dies")
            ):
                standing = end_record(
                    standing, order.order_id, "CANCELED_UNFILLED", point.at, triggered_at=point.at
                )
                standing = drop_order(standing, order, at=point.at, ground=ground)
    return standing


def _end_started(
    standing: Standing, before: Standing, ground: Ground, point: PathPoint
) -> Standing:
    """A lie: an order that was executed in part is cancelled by the exchange."""
    for record in standing.live_orders:
        is_news = record.executed_lots > before.orders[record.order_id].executed_lots
        order = standing.resting(record.order_id)
        if is_news and order is not None and ground.is_lying("part-then-canceled"):
            standing = end_record(standing, record.order_id, "CANCELED_UNFILLED", point.at)
            standing = drop_order(standing, order, at=point.at, ground=ground)
    return standing


def drop_order(standing: Standing, order: Order, *, at: int, ground: Ground) -> Standing:
    """The standing without an order that has ended in its record."""
    waiting = tuple(held for held in standing.waiting if held.order_id != order.order_id)
    standing = copy_with(standing, waiting=waiting)
    kind = standing.orders[order.order_id].kind
    held = [held for held in standing.account_of(kind).orders if held.order_id == order.order_id]
    return change_account(
        standing, kind, lambda account: end_orders(account, held), at=at, ground=ground
    )


def _end_expired(standing: Standing, ground: Ground) -> Standing:
    """After 180 days an order ends."""
    closed_at = int(ground.minutes.opened_at[standing.row]) + ground.minutes.timeframe.ms
    for record in standing.live_orders:
        order = standing.resting(record.order_id)
        if order is not None and order.has_ended(closed_at - 1):
            standing = end_record(standing, record.order_id, "EXPIRED", closed_at)
            standing = drop_order(standing, order, at=closed_at, ground=ground)
    for kind, name in ((AccountKind.SPOT, "spot"), (AccountKind.MARGIN, "margin")):
        account = standing.account_of(kind)
        standing = copy_with(standing, **{name: copy_with(account, settled_until=closed_at)})
    return standing


def _ask_waiting(standing: Standing, ground: Ground, order: Order, point: PathPoint) -> Standing:
    """What an order that waits does at a point: is triggered, finds a position again, or ends."""
    record = standing.orders[order.order_id]
    account = standing.account_of(record.kind)
    if order not in standing.waiting or not order.is_live(point.at):
        return standing
    if ordering.is_dormant(record):
        if not ordering.is_triggered(record, point.price):
            return standing
        waiting = tuple(held for held in standing.waiting if held is not order)
        return ordering.place_triggered(
            copy_with(standing, waiting=waiting), ground, record, price=point.price, at=point.at
        )
    if order.intent.is_opening or account.lots(order.intent.side):
        waiting = tuple(held for held in standing.waiting if held is not order)
        return change_account(
            copy_with(standing, waiting=waiting),
            record.kind,
            lambda held: copy_with(held, orders=(*held.orders, order)),
            at=point.at,
            ground=ground,
        )
    if not _is_due(order.intent, point.price):
        return standing
    triggered = {"triggered_at": point.at} if order.intent.kind is OrderKind.STOP else {}
    standing = end_record(standing, order.order_id, "CANCELED_UNFILLED", point.at, **triggered)
    return drop_order(standing, order, at=point.at, ground=ground)


def _is_due(intent: OrderIntent, price: int) -> bool:
    return intent.is_reached(price) if intent.kind is OrderKind.STOP else intent.is_passed(price)


def _cut_losses(standing: Standing, ground: Ground, point: PathPoint) -> Standing:
    """Below the loss cut everything on margin is cancelled and closed at market."""
    least, share = ground.settings.losscut_percentage, ground.settings.collateral_rate
    if not least or not standing.margin.positions:
        return standing
    funded = funded_account(standing, AccountKind.MARGIN, point.price, share)
    percentage: Decimal | None = margin_percentage(funded, point.price, point.at)
    if percentage is None or percentage >= least:
        return standing
    for record in standing.live_orders:
        order = standing.resting(record.order_id)
        if record.kind is AccountKind.MARGIN and order is not None:
            standing = end_record(standing, record.order_id, "CANCELED_UNFILLED", point.at)
            standing = drop_order(standing, order, at=point.at, ground=ground)
    for position in standing.margin.positions:
        standing = ordering.send_losscut(
            standing, ground, position.side, price=point.price, at=point.at
        )
    return standing
