"""The paper account: what it holds, what it is worth, and how a fill is booked.

Pure; money exact to 0.0001 yen.

Margin, as on bitbank: opening a position moves no cash; its fee *occurs* at the open and is
*collected*, with the interest, when it is closed; a part that is closed is valued at the average
price, and takes its share of both. Spot: coins are paid at once, and sold first in, first out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from shared.core.calendar import MINUTE_MS
from shared.core.costs import Costs, assumed_costs
from shared.core.frozen import copy_with
from shared.core.money import ZERO, jpy, notional_jpy
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import (
    AccountKind,
    Counted,
    Fill,
    Holdings,
    Order,
    OrderIntent,
    OrderKind,
    PairRules,
    Position,
    Purpose,
    Side,
    Trade,
)
from shared.exchanges.paper.fills import PathPoint
from shared.orders.booking import (
    EXITS,
    accrued_interest_jpy,
    cash_after_closing,
    cash_after_opening,
    closing_trade,
    gain_jpy,
    opened_position,
)
from shared.orders.closing import position_left

KEEP_ENDED = 20

Numbered = TypeVar("Numbered", Trade, Fill)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the account pays: the newest fees and interest it has seen, and the costs that paper
    assumes.
    """

    maker_fee_rate: Decimal
    taker_fee_rate: Decimal
    long_interest_rate_day: Decimal
    short_interest_rate_day: Decimal
    margin_ratio: Decimal
    costs: Costs
    keep_trades: int

    def follow_rules(self, rules: PairRules) -> "Terms":
        """With the fees, interest and margin ratio that the exchange states now."""
        if (
            self.maker_fee_rate == rules.maker_fee_rate
            and self.taker_fee_rate == rules.taker_fee_rate
            and self.long_interest_rate_day == rules.long_interest_rate_day
            and self.short_interest_rate_day == rules.short_interest_rate_day
            and self.margin_ratio == rules.margin_ratio
        ):
            return self
        return copy_with(
            self,
            maker_fee_rate=rules.maker_fee_rate,
            taker_fee_rate=rules.taker_fee_rate,
            long_interest_rate_day=rules.long_interest_rate_day,
            short_interest_rate_day=rules.short_interest_rate_day,
            margin_ratio=rules.margin_ratio,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperAccount:
    """The whole account as one value.

    `settled_until` is where the path has been walked to, always a full minute.

    `orders` rest; `ended` are the most recent ones, oldest first, and so are `trades` and `fills`,
    of which none goes before a saved state has counted it (`trim_account`). `last_price` is the
    last price of the path while something was held or rested: the mark. `capital_jpy` is what the
    account was opened with; None in a document that does not say it.

    >>> from shared.core.settings import load_settings
    >>> terms = account_terms(load_settings({}), PairRules())
    >>> account = open_account(1_000_000, 1_767_225_630_000, kind="margin", terms=terms)
    >>> account.cash_jpy, account.settled_until, account.is_idle, account.is_untouched
    (Decimal('1000000.0000'), 1767225600000, True, True)
    """

    kind: AccountKind
    cash_jpy: Decimal
    terms: Terms
    settled_until: int
    positions: tuple[Position, ...] = ()
    orders: tuple[Order, ...] = ()
    ended: tuple[Order, ...] = ()
    trades: tuple[Trade, ...] = ()
    fills: tuple[Fill, ...] = ()
    next_order_id: int = 1
    next_trade_sequence: int = 1
    next_fill_sequence: int = 1
    last_price: int | None = None
    capital_jpy: Decimal | None = None

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was ever filled: then its cash is its capital."""
        return self.next_fill_sequence == 1

    @property
    def is_idle(self) -> bool:
        """Whether nothing rests and nothing is held: the path cannot change it."""
        return not self.orders and not self.positions

    def position(self, side: Side) -> Position | None:
        """What is held on one side."""
        for position in self.positions:
            if position.side is side:
                return position
        return None

    def lots(self, side: Side) -> int:
        """How much is held on one side."""
        position = self.position(side)
        return 0 if position is None else position.lots


def account_terms(settings: Settings, rules: PairRules) -> Terms:
    """Terms from the paper settings and the exchange's rules."""
    paper = settings.paper
    return Terms(
        maker_fee_rate=rules.maker_fee_rate,
        taker_fee_rate=rules.taker_fee_rate,
        long_interest_rate_day=rules.long_interest_rate_day,
        short_interest_rate_day=rules.short_interest_rate_day,
        margin_ratio=rules.margin_ratio,
        costs=assumed_costs(paper),
        keep_trades=paper.keep_trades,
    )


def open_account(
    capital_jpy: Decimal | int, now_ms: int, *, kind: AccountKind, terms: Terms
) -> PaperAccount:
    """A new account with nothing but cash."""
    capital = jpy(capital_jpy)
    return PaperAccount(
        kind=kind,
        cash_jpy=capital,
        terms=terms,
        settled_until=full_minute(now_ms),
        capital_jpy=capital,
    )


def full_minute(at: int) -> int:
    """The start of the minute of `at`."""
    return at - at % MINUTE_MS


# what it is worth


def accrued_jpy(account: PaperAccount, position: Position, at: int) -> Decimal:
    """Interest accrued on a position and not collected yet; none on spot."""
    if not account.kind.has_debt:
        return ZERO
    terms = account.terms
    is_long = position.side is Side.LONG
    rate_day = terms.long_interest_rate_day if is_long else terms.short_interest_rate_day
    return accrued_interest_jpy(position, rate_day, at)


def equity(account: PaperAccount, mark: Decimal | int | None, as_of: int) -> Decimal:
    """Cash + position at the mark - accrued interest - fees that occurred and are not collected
    yet.
    """
    worth = account.cash_jpy
    for position in account.positions:
        cost = position.product_jpy
        value = cost if mark is None else notional_jpy(mark, position.lots)
        if account.kind.has_debt:
            worth += gain_jpy(position.side, value, cost)
            worth -= position.fees_jpy + accrued_jpy(account, position, as_of)
        else:
            worth += value
    return jpy(worth)


def available_jpy(account: PaperAccount, mark: Decimal | int | None, as_of: int) -> Decimal:
    """For how many yen a new position may be opened, after what is held and what resting entries
    reserve.
    """
    return _available(account, equity(account, mark, as_of))


def _available(account: PaperAccount, worth: Decimal) -> Decimal:
    free = worth / account.terms.margin_ratio if account.kind.has_debt else account.cash_jpy
    for order in account.orders:
        if order.intent.is_opening:
            free -= _reserved_jpy(account, order)
    if account.kind.has_debt:
        for position in account.positions:
            free -= position.product_jpy
    return jpy(max(ZERO, free))


def _reserved_jpy(account: PaperAccount, order: Order) -> Decimal:
    cost = notional_jpy(_limit(order.intent), order.remaining_lots)
    if account.kind.has_debt:
        return cost
    return cost + jpy(cost * max(ZERO, account.terms.maker_fee_rate))


def holdings(account: PaperAccount, mark: Decimal | int | None, as_of: int) -> Holdings:
    """What a tick sees.

    A close that ended shows no longer; an entry does until the path up to its end is known.
    """
    worth = equity(account, mark, as_of)
    return Holdings(
        as_of=as_of,
        cash_jpy=account.cash_jpy,
        equity_jpy=worth,
        available_jpy=_available(account, worth),
        mark_price=None if mark is None else Decimal(mark),
        positions=account.positions,
        orders=tuple(
            order
            for order in account.orders
            if order.intent.is_opening or not order.has_ended(as_of)
        ),
        trades=account.trades,
        fills=account.fills,
        settled_until=account.settled_until,
        opened_with_jpy=account.capital_jpy,
    )


def trim_account(account: PaperAccount, counted: Counted) -> PaperAccount:
    """The account without the trades and fills that were counted, but for the `keep_trades` most
    recent ones.
    """
    keep = account.terms.keep_trades
    trades, fills = (
        _uncounted_items(account.trades, counted.trades, keep),
        _uncounted_items(account.fills, counted.fills, 2 * keep),
    )
    if trades is account.trades and fills is account.fills:
        return account
    return copy_with(account, trades=trades, fills=fills)


def _uncounted_items(items: tuple[Numbered, ...], counted: int, keep: int) -> tuple[Numbered, ...]:
    spare = max(0, len(items) - keep)
    gone = sum(item.sequence <= counted for item in items[:spare])
    return items[gone:]


# orders that rest


def with_order(account: PaperAccount, intent: OrderIntent, at: int) -> tuple[PaperAccount, Order]:
    """The account with one more resting order."""
    order = Order(
        order_id=account.next_order_id, intent=intent, placed_at=at, remaining_lots=intent.lots
    )
    return (
        copy_with(account, orders=(*account.orders, order), next_order_id=order.order_id + 1),
        order,
    )


def update_order(account: PaperAccount, order: Order) -> PaperAccount:
    """The account with one order changed; an order without remaining lots has ended."""
    if not order.remaining_lots:
        return end_orders(account, (order,))
    return copy_with(
        account,
        orders=tuple(order if old.order_id == order.order_id else old for old in account.orders),
    )


def end_orders(account: PaperAccount, orders: Iterable[Order]) -> PaperAccount:
    """The account after some orders ended."""
    gone = {order.order_id: order for order in orders}
    if not gone:
        return account
    return copy_with(
        account,
        orders=tuple(order for order in account.orders if order.order_id not in gone),
        ended=(*account.ended, *gone.values())[-KEEP_ENDED:],
    )


# booking


def _with_fill(account: PaperAccount, fill: Fill) -> PaperAccount:
    return copy_with(account, fills=(*account.fills, fill), next_fill_sequence=fill.sequence + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How a part of an order traded."""

    at: int
    price: int
    lots: int
    maker: bool
    slippage_jpy: Decimal = ZERO


def _fill(account: PaperAccount, order: Order, done: Execution) -> Fill:
    fee_rate = account.terms.maker_fee_rate if done.maker else account.terms.taker_fee_rate
    return Fill(
        sequence=account.next_fill_sequence,
        order_id=order.order_id,
        purpose=order.intent.purpose,
        side=order.intent.side,
        at=done.at,
        price=done.price,
        lots=done.lots,
        maker=done.maker,
        fee_jpy=jpy(notional_jpy(done.price, done.lots) * fee_rate),
        slippage_jpy=done.slippage_jpy,
    )


def book_opening(account: PaperAccount, order: Order, done: Execution) -> PaperAccount:
    """Book a fill that opens or grows a position, and give it its stop and, on margin,
    its target.
    """
    fill = _fill(account, order, done)
    grown = opened_position(account.position(fill.side), fill)
    account = update_order(
        account, copy_with(order, remaining_lots=order.remaining_lots - fill.lots)
    )
    account = _with_fill(_replace_position(account, grown), fill)
    if not account.kind.has_debt:
        cash = cash_after_opening(account.cash_jpy, fill, kind=account.kind)
        account = copy_with(account, cash_jpy=cash)
    return _grow_bracket(account, order.intent, fill)


def _replace_position(account: PaperAccount, position: Position) -> PaperAccount:
    others = tuple(held for held in account.positions if held.side is not position.side)
    return copy_with(account, positions=(*others, position) if position.entries else others)


def _grow_bracket(account: PaperAccount, entry: OrderIntent, fill: Fill) -> PaperAccount:
    """The stop and the target of an entry grow with every fill of it."""
    if entry.stop_price is not None:
        stop = OrderIntent(
            id=f"{entry.id}.stop",
            purpose=Purpose.STOP,
            side=entry.side,
            kind=OrderKind.STOP,
            lots=fill.lots,
            trigger_price=entry.stop_price,
            reason=Reason.STOP_PLACED,
        )
        account = _grow_resting_order(account, stop, fill.at)
    if entry.target_price is not None and not account.kind.has_locks:
        target = OrderIntent(
            id=f"{entry.id}.target",
            purpose=Purpose.TARGET,
            side=entry.side,
            kind=OrderKind.LIMIT,
            lots=fill.lots,
            price=entry.target_price,
            post_only=True,
        )
        account = _grow_resting_order(account, target, fill.at)
    return account


def _grow_resting_order(account: PaperAccount, more: OrderIntent, at: int) -> PaperAccount:
    """Enlarge what rests already, unless it was cancelled later than this fill: its end would leave
    the new lots bare.
    """
    mine = [order for order in account.orders if order.intent.id == more.id]
    resting = next((order for order in mine if order.intent.expires_at is None), None)
    if resting is None:
        return with_order(account, more, at)[0]
    larger = copy_with(resting.intent, lots=resting.intent.lots + more.lots)
    return update_order(
        account,
        copy_with(resting, intent=larger, remaining_lots=resting.remaining_lots + more.lots),
    )


def book_closing(account: PaperAccount, order: Order, done: Execution) -> PaperAccount:
    """Book a fill that closes a position or a part of it, as one trade; the end of a position ends
    every order on its side.
    """
    fill = _fill(account, order, done)
    held = account.position(fill.side)
    if held is None:
        raise AssertionError("only what is held can be closed: placing and settling check it")
    left = position_left(held, fill.lots, kind=account.kind)
    trade = closing_trade(
        held,
        left,
        fill,
        kind=account.kind,
        sequence=account.next_trade_sequence,
        reason=EXITS.get(order.intent.purpose, order.intent.reason),
        interest_jpy=accrued_jpy(account, held, fill.at) - accrued_jpy(account, left, fill.at),
    )
    account = update_order(
        account, copy_with(order, remaining_lots=order.remaining_lots - fill.lots)
    )
    account = copy_with(
        _with_fill(_replace_position(account, left), fill),
        cash_jpy=cash_after_closing(account.cash_jpy, held, left, trade, kind=account.kind),
        trades=(*account.trades, trade),
        next_trade_sequence=trade.sequence + 1,
    )
    return _free_side(account, fill.side)


def _free_side(account: PaperAccount, side: Side) -> PaperAccount:
    """After a close: no order may close more than is left, and with nothing left nothing on that
    side rests.
    """
    left = account.lots(side)
    mine = [order for order in account.orders if order.intent.side is side]
    if not left:
        return end_orders(account, mine)
    for order in mine:
        if not order.intent.is_opening and order.remaining_lots > left:
            smaller = copy_with(order.intent, lots=order.executed_lots + left)
            account = update_order(account, copy_with(order, intent=smaller, remaining_lots=left))
    return account


def book_limit_fill(
    account: PaperAccount, order: Order, point: PathPoint, lots: int
) -> PaperAccount:
    """Book a fill of a resting limit: maker, at its own price."""
    done = Execution(at=point.at, price=_limit(order.intent), lots=lots, maker=True)
    return (
        book_opening(account, order, done)
        if order.intent.is_opening
        else book_closing(account, order, done)
    )


def _limit(intent: OrderIntent) -> int:
    if intent.price is None:
        raise AssertionError("a limit has a price: placing checks it")
    return intent.price
