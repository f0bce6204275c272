"""Orders on their way into the account: placed, cancelled, triggered, or sent by the exchange
itself. Pure.
"""

from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.types import (
    Accepted,
    AccountKind,
    Book,
    Order,
    OrderIntent,
    OrderKind,
    Purpose,
    Rejected,
    Side,
)
from shared.exchanges.paper.ledger import PaperAccount
from shared.exchanges.paper.placing import place_order
from shared.exchanges.sandbox.private import refusals
from shared.exchanges.sandbox.private.records import change_account, end_record, with_record
from shared.exchanges.sandbox.private.refusals import Refused
from shared.exchanges.sandbox.private.standing import (
    Ground,
    SentOrder,
    Standing,
    lent_jpy,
)
from shared.market.path import book_at


def is_dormant(record: SentOrder) -> bool:
    """Whether the sandbox itself watches the trigger: the paper account knows only stops that
    close.
    """
    if record.triggered_at is not None:
        return False
    if record.type in {"take_profit", "stop_limit"}:
        return True
    return record.type in {"stop", "stop_loss"} and record.intent.is_opening


def is_triggered(record: SentOrder, price: int) -> bool:
    """Whether a price lies at or beyond the trigger; a profit is taken on the other side."""
    trigger = record.intent.trigger_price or 0
    rises = record.intent.is_buy == (record.type != "take_profit")
    return price >= trigger if rises else price <= trigger


def send_order(
    standing: Standing,
    ground: Ground,
    record: SentOrder,
    *,
    book: Book | None,
    at: int,
) -> tuple[Standing, SentOrder]:
    """Take one order: the standing after it, and its record.

    Raises `Refused`.
    """
    order_id = max(standing.spot.next_order_id, standing.margin.next_order_id)
    record = copy_with(record, order_id=order_id)
    if is_dormant(record):
        order = Order(
            order_id=order_id,
            intent=record.intent,
            placed_at=at,
            remaining_lots=record.intent.lots,
        )
        number = {"next_order_id": order_id + 1}
        standing = copy_with(
            with_record(standing, record, at=at),
            waiting=(*standing.waiting, order),
            spot=copy_with(standing.spot, **number),
            margin=copy_with(standing.margin, **number),
        )
        return standing, record
    refusal, standing = _place(standing, ground, record, book=book, at=at)
    if refusal is None:
        return standing, standing.orders[order_id]
    if refusal.reason is Reason.POST_ONLY_WOULD_CROSS:
        return take_ended(standing, record, "CANCELED_UNFILLED", at=at)
    raise Refused(int(refusal.context.get("code", refusals.BUSY)))


def take_ended(
    standing: Standing, record: SentOrder, status: str, *, at: int
) -> tuple[Standing, SentOrder]:
    """Take an order that ends at once, and never was in the market."""
    order_id = max(standing.spot.next_order_id, standing.margin.next_order_id)
    ended = copy_with(record, order_id=order_id, status=status, canceled_at=at)
    spot = copy_with(standing.spot, next_order_id=order_id + 1)
    return copy_with(with_record(standing, ended, at=at), spot=spot), ended


def place_triggered(
    standing: Standing, ground: Ground, record: SentOrder, *, price: int, at: int
) -> Standing:
    """What a trigger sets off: a limit, or an order at market that the account must carry."""
    intent = record.intent
    lots = intent.lots
    if record.follows:
        lots = standing.account(record.kind).lots(intent.side)
    kind = OrderKind.LIMIT if record.type == "stop_limit" else OrderKind.MARKET
    fired = copy_with(
        record,
        triggered_at=at,
        status="UNFILLED",
        intent=copy_with(intent, kind=kind, trigger_price=None, lots=lots),
    )
    book = book_at(price, spread_rate=ground.spread_rate, as_of=at)
    refusal, after = _place(standing, ground, fired, book=book, at=at)
    shown = copy_with(after.orders.get(record.order_id, fired), intent=copy_with(intent, lots=lots))
    after = with_record(after, shown, at=at)
    if refusal is None:
        return after
    return end_record(after, record.order_id, "REJECTED", at)


def send_losscut(
    standing: Standing, ground: Ground, side: Side, *, price: int, at: int
) -> Standing:
    """Close one side at market, by an order of the exchange's own."""
    order_id = max(standing.spot.next_order_id, standing.margin.next_order_id)
    record = SentOrder(
        order_id=order_id,
        kind=AccountKind.MARGIN,
        type="losscut",
        intent=OrderIntent(
            id=f"sandbox.{order_id}",
            purpose=Purpose.CLOSE,
            side=side,
            kind=OrderKind.MARKET,
            lots=standing.margin.lots(side),
        ),
        ordered_at=at,
        status="UNFILLED",
    )
    book = book_at(price, spread_rate=ground.spread_rate, as_of=at)
    refusal, after = _place(standing, ground, record, book=book, at=at)
    return standing if refusal is not None else after


def _place(
    standing: Standing, ground: Ground, record: SentOrder, *, book: Book | None, at: int
) -> tuple[Rejected | None, Standing]:
    """Hand one order to its account, which counts on all the money there is meanwhile."""
    kind, rules = record.kind, ground.rules[record.kind]
    if record.type == "losscut":
        rules = copy_with(rules, market_orders=True, circuit_break_mode="NONE", enabled=True)
    mark = None if book is None else int(book.mid)
    lent = lent_jpy(standing, kind, mark, ground.settings.collateral_rate)
    refusals_found: list[Rejected] = []

    def place(account: PaperAccount) -> PaperAccount:
        funded = copy_with(account, cash_jpy=account.cash_jpy + lent, next_order_id=record.order_id)
        after, outcome = place_order(funded, record.intent, book=book, now_ms=at, rules=rules)
        if not isinstance(outcome, Accepted):
            refusals_found.extend([outcome] if isinstance(outcome, Rejected) else [])
            return account
        return copy_with(
            after,
            cash_jpy=after.cash_jpy - lent,
            next_order_id=max(account.next_order_id, after.next_order_id),
        )

    recorded = with_record(standing, record, at=at)
    placed = change_account(recorded, kind, place, at=at, ground=ground)
    return (refusals_found[0], standing) if refusals_found else (None, placed)
