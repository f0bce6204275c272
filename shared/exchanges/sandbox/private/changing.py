"""Requests that change the account: an order, a cancel, many cancels."""

from collections.abc import Sequence

from shared.core.types import AccountKind, OrderIntent, OrderKind, Purpose, Side
from shared.exchanges.paper.placing import MAX_ORDERS
from shared.exchanges.sandbox.private import ordering, refusals
from shared.exchanges.sandbox.private.asked import OrderAsked
from shared.exchanges.sandbox.private.exchange import PrivateSide
from shared.exchanges.sandbox.private.listing import find_record
from shared.exchanges.sandbox.private.records import end_record
from shared.exchanges.sandbox.private.refusals import Refused
from shared.exchanges.sandbox.private.standing import LIFE_MS, Ground, SentOrder, Standing
from shared.exchanges.sandbox.private.walking import drop_order
from shared.exchanges.sandbox.routes import Call

_KINDS = {"limit": OrderKind.LIMIT, "market": OrderKind.MARKET}
_SUSPENDED = 70004


def take_order(side: PrivateSide, ground: Ground, wanted: OrderAsked, call: Call) -> SentOrder:
    """Place one order. Raises `Refused`."""
    standing, now_ms = _standing(side), call.clock_ms
    record = _record_of(wanted, standing, now_ms)
    _check_account(standing, ground, wanted, record, seen=side.view(call.now_ms))
    book = side.book_at(now_ms)
    if (
        book is not None
        and ordering.is_dormant(record)
        and (ordering.is_triggered(record, int(book.mid)))
    ):
        raise Refused(refusals.TRIGGERS_AT_ONCE)
    if ground.is_lying("order-rejected"):
        standing, record = ordering.take_ended(standing, record, "REJECTED", at=now_ms)
    elif record.intent.post_only and ground.is_lying("post-only-canceled"):
        standing, record = ordering.take_ended(standing, record, "CANCELED_UNFILLED", at=now_ms)
    else:
        standing, record = ordering.send_order(standing, ground, record, book=book, at=now_ms)
    side.keep(standing)
    return record


def cancel(side: PrivateSide, ground: Ground, order_id: int, call: Call) -> SentOrder:
    """Cancel one order. Raises `Refused`."""
    standing = _standing(side)
    record = _cancelable(standing, order_id, call.clock_ms)
    _check_suspended(ground)
    standing = _end(standing, ground, record, "CANCELED_UNFILLED", call.clock_ms)
    side.keep(standing)
    return standing.orders[order_id]


def cancel_batch(
    side: PrivateSide, ground: Ground, order_ids: Sequence[int], call: Call
) -> list[SentOrder]:
    """Cancel what can be cancelled; or nothing, where one cannot be and the reading says so. Raises
    `Refused`.
    """
    found: list[SentOrder] = []
    for order_id in dict.fromkeys(order_ids):
        try:
            found.append(_cancelable(_standing(side), order_id, call.clock_ms))
        except Refused:
            if side.settings.readings.batch == "refuse":
                raise
    return [cancel(side, ground, record.order_id, call) for record in found]


def _standing(side: PrivateSide) -> Standing:
    if side.standing is None:
        raise AssertionError("an account is opened before it is changed")
    return side.standing


def _check_suspended(ground: Ground) -> None:
    if ground.rules[AccountKind.SPOT].status == "HALT":
        raise Refused(_SUSPENDED)


def _end(standing: Standing, ground: Ground, record: SentOrder, status: str, at: int) -> Standing:
    order = standing.resting(record.order_id)
    standing = end_record(standing, record.order_id, status, at)
    return standing if order is None else drop_order(standing, order, at=at, ground=ground)


def _cancelable(standing: Standing, order_id: int, now_ms: int) -> SentOrder:
    record = find_record(standing, order_id, now_ms)
    if record is None:
        raise Refused(refusals.ORDER_NOT_FOUND)
    if record.status == "FULLY_FILLED":
        raise Refused(refusals.ALREADY_EXECUTED)
    if record.is_over:
        raise Refused(refusals.ALREADY_CANCELED)
    return record


def _record_of(wanted: OrderAsked, standing: Standing, now_ms: int) -> SentOrder:
    """The order as the account is told of it: which side it opens or closes."""
    kind = AccountKind.SPOT if wanted.side is None else AccountKind.MARGIN
    side = wanted.side or Side.LONG
    opens = wanted.is_buy == (side is Side.LONG)
    order_kind = _KINDS.get(wanted.type, OrderKind.STOP)
    purpose = Purpose.ENTRY
    if not opens:
        closing = {OrderKind.LIMIT: Purpose.TARGET, OrderKind.STOP: Purpose.STOP}
        purpose = closing.get(order_kind, Purpose.CLOSE)
    number = max(standing.spot.next_order_id, standing.margin.next_order_id)
    return SentOrder(
        order_id=number,
        kind=kind,
        type=wanted.type,
        intent=OrderIntent(
            id=f"sandbox.{number}",
            purpose=purpose,
            side=side,
            kind=order_kind,
            lots=wanted.lots or standing.account(kind).lots(side),
            price=wanted.price,
            trigger_price=wanted.trigger_price,
            post_only=wanted.post_only,
            expires_at=now_ms + LIFE_MS,
        ),
        ordered_at=now_ms,
        status="INACTIVE" if order_kind is OrderKind.STOP else "UNFILLED",
        follows=wanted.lots is None,
    )


def _check_account(
    standing: Standing,
    ground: Ground,
    wanted: OrderAsked,
    record: SentOrder,
    *,
    seen: Standing,
) -> None:
    """What the paper account does not refuse by itself: `seen` is the account as the exchange knows
    it, which may lag.
    """
    intent, readings = record.intent, ground.settings.readings
    if len(standing.live_orders) >= MAX_ORDERS:
        raise Refused(refusals.TOO_MANY_ORDERS)
    if wanted.type in {"take_profit", "stop_loss"}:
        if intent.is_opening or not record.kind.has_debt:
            raise Refused(refusals.WRONG_SIDE)
        if wanted.lots is None and readings.amountless == "refuse":
            raise Refused(refusals.AMOUNTLESS)
    if intent.is_opening:
        if intent.kind is OrderKind.STOP and record.kind.has_debt:
            raise Refused(refusals.STOP_OPENS)
        return
    if record.follows and not intent.lots:
        raise Refused(refusals.EXCEEDS_POSITION)
    if record.kind.has_debt and intent.lots + _held_by_closes(
        standing, record, readings.closes
    ) > seen.margin.lots(intent.side):
        raise Refused(refusals.EXCEEDS_POSITION)


def _held_by_closes(standing: Standing, record: SentOrder, reading: str) -> int:
    """What other closes hold of the position, where all kinds of them count together."""
    if reading != "together" or record.follows:
        return 0
    return sum(
        other.intent.lots - other.executed_lots
        for other in standing.live_orders
        if other.kind is record.kind
        and not other.intent.is_opening
        and other.intent.side is record.intent.side
    )
