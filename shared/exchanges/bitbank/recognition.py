"""Which of bitbank's orders is which of ours: by its form, for bitbank knows none of our ids.

Pure.
"""

from collections.abc import Iterable

from shared.core.types import OpenIntent, OrderIntent, OrderKind, Purpose, Side
from shared.exchanges.bitbank.private_answers import ExchangeOrder

CLOCKS_APART_MS = 2_000
"""An order may be dated that long before its request, or after the end of its window: bitbank takes
a request that lies up to a second ahead of its clock."""


def differing_fields(
    order: ExchangeOrder, intent: OrderIntent, *, is_margin: bool
) -> tuple[str, ...]:
    """In what an order is not the one that was meant; nothing where it has its very form."""
    is_limit, is_stop = intent.kind is OrderKind.LIMIT, intent.kind is OrderKind.STOP
    side: Side | None = intent.side if is_margin else None
    same = {
        "side": order.is_buy == intent.is_buy,
        "position_side": order.position_side is side,
        "type": order.kind == intent.kind.value,
        "amount": order.lots == intent.lots,
        "price": order.price == (intent.price if is_limit else None),
        "trigger_price": order.trigger_price == (intent.trigger_price if is_stop else None),
        "post_only": intent.post_only or not order.post_only,
    }
    return tuple(name for name, is_same in same.items() if not is_same)


def orders_that_may_be(
    written: OpenIntent, orders: Iterable[ExchangeOrder], *, is_margin: bool
) -> tuple[ExchangeOrder, ...]:
    """The orders that an intent with a lost answer may have become, by their ids."""
    newest = 0 if written.before is None else written.before.newest_order_id
    return tuple(
        order
        for order in sorted(orders, key=lambda order: order.order_id)
        if order.order_id > newest
        and _is_in_time(order, written)
        and not differing_fields(order, written.intent, is_margin=is_margin)
    )


def permitted_intent(
    entry: OpenIntent, entry_order_id: int, order: ExchangeOrder, *, is_margin: bool
) -> OrderIntent | None:
    """What an order is, where the intent of an entry permits it: its stop, its target, or a close
    of no more than the entry, sent while no store could be written.
    """
    meant = entry.intent
    if order.lots is None or order.lots > meant.lots or order.order_id <= entry_order_id:
        return None
    if not _is_in_time(order, entry):
        return None
    for purpose, kind, price, trigger in (
        (Purpose.STOP, OrderKind.STOP, None, meant.stop_price),
        (Purpose.TARGET, OrderKind.LIMIT, meant.target_price, None),
        (Purpose.CLOSE, OrderKind.MARKET, None, None),
    ):
        intent = OrderIntent(
            id=f"{meant.id}.unwritten{order.order_id}",
            purpose=purpose,
            side=meant.side,
            kind=kind,
            lots=order.lots,
            price=price,
            trigger_price=trigger,
            post_only=purpose is Purpose.TARGET,
        )
        if not differing_fields(order, intent, is_margin=is_margin):
            return intent
    return None


def is_like_ours(order: ExchangeOrder) -> bool:
    """Whether it has a form that the bot sends and people seldom do: a post-only entry, or a stop
    on margin.
    """
    if order.kind == "stop":
        return order.position_side is not None
    is_opening = order.is_buy == (order.position_side is not Side.SHORT)
    return order.kind == "limit" and order.post_only and is_opening


def _is_in_time(order: ExchangeOrder, written: OpenIntent) -> bool:
    return written.at - CLOCKS_APART_MS <= order.ordered_at <= written.until + CLOCKS_APART_MS
