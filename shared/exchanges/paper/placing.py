"""Place and cancel orders on the paper account, with bitbank's own refusals. Pure.

An action acts on the account as it is settled; the path between `settled_until` and now is walked
later. So a cancel ends an order's life at that instant, and what the path did before still counts
once it is known.
"""

from collections.abc import Callable

from shared.core.frozen import copy_with
from shared.core.money import ZERO, jpy, notional_jpy
from shared.core.reasons import Reason
from shared.core.types import (
    Accepted,
    AccountKind,
    Book,
    Order,
    OrderIntent,
    OrderKind,
    Outcome,
    PairRules,
    Purpose,
    Rejected,
    Side,
)
from shared.exchanges.paper.fills import Crossing, crossing_book
from shared.exchanges.paper.ledger import (
    Execution,
    PaperAccount,
    available_jpy,
    book_closing,
    book_opening,
    full_minute,
    with_order,
)
from shared.market.path import book_at

MAX_ORDERS = 30
CONTINUOUS = "NONE"
TOO_LITTLE_MONEY = {AccountKind.MARGIN: "50061", AccountKind.SPOT: "60001"}
TOO_LITTLE_HELD = {AccountKind.MARGIN: "50062", AccountKind.SPOT: "60001"}
"""bitbank's codes: an opening that cannot be paid, a close of more than is held."""

OPENS_NOT = {
    AccountKind.MARGIN: {Side.LONG: "70024", Side.SHORT: "70025"},
    AccountKind.SPOT: {Side.LONG: "70005", Side.SHORT: "70006"},
}
RAISED_MINIMUM = ("BUSY", "VERY_BUSY")
"""In these states of the exchange its minimum may lie above the pair's own."""


def place_order(
    account: PaperAccount,
    intent: OrderIntent,
    *,
    book: Book | None,
    now_ms: int,
    rules: PairRules,
) -> tuple[PaperAccount, Outcome]:
    """Place one order: the account after it, and the exchange's answer.

    A refusal leaves the account as it was.

    What crosses trades at once against `book` (the path's last price where None), whole, as taker.
    An id that the account knows is answered as it was the first time.
    """
    known = _earlier_answer(account, intent)
    if known is not None:
        return account, known
    book = book or _last_book(account, now_ms)
    refusal = _find_refusal(account, intent, book, now_ms, rules)
    if refusal is not None:
        return account, refusal
    now_ms = max(
        now_ms, account.settled_until
    )  # what closes goes out under a slow clock too, but never into the past
    account = copy_with(account, terms=account.terms.follow_rules(rules))
    if account.is_idle:
        account = copy_with(account, settled_until=max(account.settled_until, full_minute(now_ms)))
    account, order = with_order(account, intent, now_ms)
    if book is None or not (intent.kind is OrderKind.MARKET or _is_crossing(intent, book)):
        return account, Accepted(order=order)
    account = _book_crossing(copy_with(account, last_price=int(book.mid)), order, book, now_ms)
    done = next((held for held in account.ended if held.order_id == order.order_id), order)
    return account, Accepted(
        order=done, fills=tuple(fill for fill in account.fills if fill.order_id == order.order_id)
    )


def cancel_order(
    account: PaperAccount, order: Order, *, now_ms: int
) -> tuple[PaperAccount, Outcome]:
    """Cancel one order: its life ends now. One that has ended already is told as it ended."""
    for held in account.ended:
        if held.order_id == order.order_id:
            return account, Accepted(order=held)
    for held in account.orders:
        if held.order_id == order.order_id:
            if held.has_ended(now_ms):
                return account, Accepted(order=held)
            stopped = copy_with(held, intent=copy_with(held.intent, expires_at=now_ms))
            orders = tuple(stopped if other is held else other for other in account.orders)
            return copy_with(account, orders=orders), Accepted(order=stopped)
    return account, _reject(Reason.REJECTED_BY_EXCHANGE, code="50009", order_id=str(order.order_id))


def defer_orders(account: PaperAccount, purpose: Purpose, *, until: int) -> PaperAccount:
    """The account with its resting orders of one purpose in the market only after `until`."""
    orders = tuple(
        (
            copy_with(order, placed_at=max(order.placed_at, until))
            if order.intent.purpose is purpose
            else order
        )
        for order in account.orders
    )
    return copy_with(account, orders=orders)


def _earlier_answer(account: PaperAccount, intent: OrderIntent) -> Accepted | None:
    for order in (*account.orders, *account.ended):
        if order.intent.id == intent.id:
            return Accepted(
                order=order,
                fills=tuple(fill for fill in account.fills if fill.order_id == order.order_id),
            )
    return None


def _last_book(account: PaperAccount, now_ms: int) -> Book | None:
    if account.last_price is None:
        return None
    return book_at(
        account.last_price, spread_rate=float(account.terms.costs.spread_rate), as_of=now_ms
    )


def _is_crossing(intent: OrderIntent, book: Book) -> bool:
    if intent.kind is not OrderKind.LIMIT:
        return False
    if intent.price is None:
        raise AssertionError("a limit has a price: placing checks it")
    return intent.price >= book.ask if intent.is_buy else intent.price <= book.bid


def _book_crossing(account: PaperAccount, order: Order, book: Book, now_ms: int) -> PaperAccount:
    """Trade at once: at the touch and the slippage beyond it, but a limit never beyond its own
    price.
    """
    intent = order.intent
    price, slippage_jpy = _at_once(account, intent, book)
    done = Execution(
        at=now_ms, price=price, lots=intent.lots, maker=False, slippage_jpy=slippage_jpy
    )
    if not intent.is_opening:
        return book_closing(account, order, done)
    return _fire_newborn_stops(book_opening(account, order, done), intent, book, now_ms)


def _fire_newborn_stops(
    account: PaperAccount, entry: OrderIntent, book: Book, now_ms: int
) -> PaperAccount:
    """A stop that is born beyond the market fires at once, and never at its trigger: nobody trades
    there.
    """
    for stop in account.orders:
        intent = stop.intent
        if (
            intent.kind is not OrderKind.STOP
            or intent.side is not entry.side
            or not intent.is_reached(int(book.mid))
        ):
            continue
        lots = min(stop.remaining_lots, account.lots(intent.side))
        price, slippage_jpy = crossing_book(
            book, buys=intent.is_buy, lots=lots, costs=account.terms.costs
        )
        done = Execution(at=now_ms, price=price, lots=lots, maker=False, slippage_jpy=slippage_jpy)
        account = book_closing(account, stop, done)
    return account


def _at_once(account: PaperAccount, intent: OrderIntent, book: Book) -> Crossing:
    crossing = crossing_book(book, buys=intent.is_buy, lots=intent.lots, costs=account.terms.costs)
    if intent.price is None:
        return crossing
    price = (min if intent.is_buy else max)(crossing.price, intent.price)
    return Crossing(price, jpy(notional_jpy(abs(price - book.mid), intent.lots)))


# refusals, in the order in which they are asked


def _find_refusal(
    account: PaperAccount,
    intent: OrderIntent,
    book: Book | None,
    now_ms: int,
    rules: PairRules,
) -> Rejected | None:
    for check in _CHECKS:
        refusal = check(account, intent, book, now_ms, rules)
        if refusal is not None:
            return refusal
    return None


def _reject(reason: Reason, **context: str) -> Rejected:
    return Rejected(reason=reason, context=context)


def _reject_with_code(code: str, **context: str) -> Rejected:
    return _reject(Reason.REJECTED_BY_EXCHANGE, code=code, **context)


def _refuse_malformed(
    account: PaperAccount, intent: OrderIntent, book: Book | None, now_ms: int, rules: PairRules
) -> Rejected | None:
    del book, now_ms, rules
    if intent.kind is not OrderKind.MARKET:
        stops = intent.kind is OrderKind.STOP
        wanted = intent.trigger_price if stops else intent.price
        if wanted is None or wanted <= 0:
            missing, invalid = ("30101", "40112") if stops else ("30012", "40020")
            return _reject_with_code(
                missing if wanted is None else invalid,
                why=f"a {intent.kind} order needs a positive price",
            )
    if intent.kind is OrderKind.STOP and intent.is_opening:
        return _reject_with_code("40200", why="a stop only closes")
    if intent.post_only and intent.kind is not OrderKind.LIMIT:
        return _reject_with_code("40114", why="only a limit can be post-only")
    if intent.side is Side.SHORT and not account.kind.has_shorts:
        return _reject_with_code("40164", why=f"a {account.kind} account cannot go short")
    return None


def _refuse_past(
    account: PaperAccount, intent: OrderIntent, book: Book | None, now_ms: int, rules: PairRules
) -> Rejected | None:
    """An order that opens, but in a past that is settled already, or whose own time is over: a tick
    that slept sends it.
    """
    del book, rules
    if not intent.is_opening:
        return None
    if now_ms < account.settled_until:
        return _reject_with_code(
            "20035",
            why="the order lies before what is settled",
            settled_until=str(account.settled_until),
        )
    if intent.expires_at is not None and intent.expires_at <= now_ms:
        return _reject_with_code(
            "20035",
            why="the order's time was over before it arrived",
            expires_at=str(intent.expires_at),
        )
    return None


def _refuse_size(
    account: PaperAccount, intent: OrderIntent, book: Book | None, now_ms: int, rules: PairRules
) -> Rejected | None:
    del book, now_ms
    most = rules.max_limit_lots if intent.kind is OrderKind.LIMIT else rules.max_market_lots
    if intent.lots > most:
        buys_at_market = intent.kind is OrderKind.MARKET and intent.is_buy
        code = "60002" if buys_at_market else "60003"
        return _reject_with_code(code, lots=str(intent.lots), most=str(most))
    smallest = (
        rules.min_lots if intent.is_opening else min(rules.min_lots, account.lots(intent.side))
    )
    if intent.lots < max(1, smallest):
        code = "70010" if rules.status in RAISED_MINIMUM else "60004"
        return _reject_with_code(code, lots=str(intent.lots), least=str(rules.min_lots))
    return None


def _refuse_suspended(
    account: PaperAccount, intent: OrderIntent, book: Book | None, now_ms: int, rules: PairRules
) -> Rejected | None:
    del book, now_ms
    if rules.is_suspended:
        code = "70017" if not rules.enabled else "70004"
        return _reject_with_code(code, why="trading is suspended")
    continuous = rules.circuit_break_mode == CONTINUOUS
    if intent.kind is OrderKind.MARKET and not (rules.market_orders and continuous):
        code = "70009" if continuous else "70020"
        return _reject_with_code(code, mode=rules.circuit_break_mode)
    if intent.kind is OrderKind.STOP and not (rules.stop_orders and continuous):
        return _reject_with_code(
            "70023", why="stop orders are suspended", mode=rules.circuit_break_mode
        )
    opens = rules.long_opens if intent.side is Side.LONG else rules.short_opens
    if intent.is_opening and not opens:
        return _reject_with_code(OPENS_NOT[account.kind][intent.side], side=intent.side)
    return None


def _refuse_too_many(
    account: PaperAccount, intent: OrderIntent, book: Book | None, now_ms: int, rules: PairRules
) -> Rejected | None:
    del intent, book, rules
    live = [order for order in account.orders if not order.has_ended(now_ms)]
    return _reject_with_code("60011", live=str(len(live))) if len(live) >= MAX_ORDERS else None


def _refuse_unaffordable(
    account: PaperAccount, intent: OrderIntent, book: Book | None, now_ms: int, rules: PairRules
) -> Rejected | None:
    if not intent.is_opening:
        return None
    mark = book.mid if book is not None else account.last_price
    # What it costs, not what its limit or the touch says; one that rests costs its limit.
    price = intent.price if book is None else _at_once(account, intent, book).price
    if price is None:
        return None
    needed = notional_jpy(price, intent.lots)
    if not account.kind.has_debt:
        fee_rate = (
            rules.maker_fee_rate
            if intent.post_only
            else max(rules.maker_fee_rate, rules.taker_fee_rate)
        )
        needed += jpy(needed * max(ZERO, fee_rate))
    free = available_jpy(copy_with(account, terms=account.terms.follow_rules(rules)), mark, now_ms)
    if needed > free:
        return _reject(
            Reason.MARGIN_INSUFFICIENT,
            code=TOO_LITTLE_MONEY[account.kind],
            needed=str(needed),
            available=str(free),
        )
    return None


def _refuse_excess(
    account: PaperAccount, intent: OrderIntent, book: Book | None, now_ms: int, rules: PairRules
) -> Rejected | None:
    """Whether a close is larger than the position, with what other closes hold of it.

    Margin: a full stop and a full target live together, a second full stop is taken, and a market
    close must be free of both (all observed; the rule itself is not documented). Spot: every
    resting sale locks its coins.
    """
    del book, rules
    if intent.is_opening:
        return None
    live = [
        order
        for order in account.orders
        if not order.intent.is_opening
        and order.intent.side is intent.side
        and not order.has_ended(now_ms)
    ]
    stops = sum(order.remaining_lots for order in live if order.intent.kind is OrderKind.STOP)
    limits = sum(order.remaining_lots for order in live if order.intent.kind is OrderKind.LIMIT)
    if account.kind.has_locks:
        locked = stops + limits
    elif intent.kind is OrderKind.STOP:
        locked = 0
    else:
        locked = limits if intent.post_only else max(stops, limits)
    held = account.lots(intent.side)
    if intent.lots + locked > held:
        return _reject_with_code(
            TOO_LITTLE_HELD[account.kind],
            lots=str(intent.lots),
            held=str(held),
            locked=str(locked),
        )
    return None


def _refuse_price(
    account: PaperAccount, intent: OrderIntent, book: Book | None, now_ms: int, rules: PairRules
) -> Rejected | None:
    """Post-only that would trade (bitbank takes and then cancels it), a trigger that is passed, no
    price to trade at.
    """
    del account, now_ms
    if book is None:
        why = "nobody knows a price to trade at"
        return _reject(Reason.BOOK_MISSING, why=why) if intent.kind is OrderKind.MARKET else None
    if intent.post_only and _is_crossing(intent, book) and rules.circuit_break_mode == CONTINUOUS:
        touch = book.ask if intent.is_buy else book.bid
        return _reject(
            Reason.POST_ONLY_WOULD_CROSS,
            price=str(intent.price),
            touch=str(touch),
            exchange="canceled",
        )
    if intent.kind is OrderKind.STOP and intent.is_reached(int(book.mid)):
        return _reject_with_code(
            "60018", trigger=str(intent.trigger_price), bid=str(book.bid), ask=str(book.ask)
        )
    return None


_Check = Callable[[PaperAccount, OrderIntent, Book | None, int, PairRules], Rejected | None]
_CHECKS: tuple[_Check, ...] = (
    _refuse_malformed,
    _refuse_past,
    _refuse_suspended,
    _refuse_size,
    _refuse_too_many,
    _refuse_excess,
    _refuse_unaffordable,
    _refuse_price,
)
